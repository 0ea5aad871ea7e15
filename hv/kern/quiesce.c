/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeing after all CPUs have passed their exit path.
 *
 * Each request takes the next epoch. A CPU that passes notes the newest epoch
 * it saw; a request is due when every CPU noted its epoch or a later one.
 */
#include "kern/quiesce.h"

#include "kern/cpu.h"
#include "kern/lock.h"

static struct spinlock lock = SPINLOCK_INIT(LOCK_QUIESCE);
static struct list waiting = LIST_INIT(waiting);	/* by epoch */
static _Atomic uint64_t newest;

void quiesce_call(struct quiesce *q, void (*fn)(struct quiesce *q))
{
	q->fn = fn;
	spin_lock(&lock);
	/* Release: the unlinking is visible to a CPU that notes this epoch. */
	q->epoch = atomic_fetch_add_explicit(&newest, 1, memory_order_acq_rel) + 1;
	list_push_back(&waiting, &q->node);
	spin_unlock(&lock);
	for (unsigned int i = 0; i < cpu_count; i++) {
		cpu_notify(&cpus[i], CPU_QUIESCE);
	}
}

static uint64_t passed_by_all(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < cpu_count; i++) {
		/* Acquire: pairs with the release in quiesce_pass(). */
		uint64_t e = atomic_load_explicit(&cpus[i].epoch, memory_order_acquire);

		least = MIN(least, e);
	}
	return least;
}

void quiesce_pass(void)
{
	uint64_t e = atomic_load_explicit(&newest, memory_order_acquire);
	unsigned int calls = 0;

	atomic_store_explicit(&this_cpu()->epoch, e, memory_order_release);
	spin_lock(&lock);
	while (!list_empty(&waiting)) {
		struct quiesce *q = list_entry(waiting.next, struct quiesce, node);

		if (q->epoch > passed_by_all()) {
			break;
		}
		if (calls++ == QUIESCE_BATCH) {
			cpu_notify(this_cpu(), CPU_QUIESCE);
			break;
		}
		list_remove(&q->node);
		spin_unlock(&lock);
		q->fn(q);
		spin_lock(&lock);
	}
	spin_unlock(&lock);
}
