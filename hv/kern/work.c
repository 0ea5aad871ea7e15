/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred work. The lists of a CPU are touched by that CPU only.
 */
#include "kern/work.h"

#include "kern/cpu.h"

void work_init(struct work *w, void (*fn)(struct work *w))
{
	list_init(&w->node);
	w->fn = fn;
	atomic_store_explicit(&w->queued, 0, memory_order_relaxed);
}

/* True if the caller is the one who queues it. */
static bool work_claim(struct work *w)
{
	/* Acquire and release: pairs with the exchange in run_list(). */
	return atomic_exchange_explicit(&w->queued, 1, memory_order_acq_rel) == 0;
}

void work_queue(struct work *w)
{
	struct cpu *c = this_cpu();

	if (work_claim(w)) {
		list_push_back(&c->work, &w->node);
		cpu_notify(c, CPU_WORK);
	}
}

void work_queue_late(struct work *w)
{
	struct cpu *c = this_cpu();

	if (work_claim(w)) {
		list_push_back(&c->work_late_new, &w->node);
		cpu_notify(c, CPU_LATE);
		if (!timer_is_set(&c->late_timer)) {
			timer_set(&c->late_timer, arch_now() + WORK_LATE_NS);
		}
	}
}

/* Run what is in the list now; what the functions queue waits. */
static void run_list(struct list *from)
{
	struct list round;
	struct list *item;

	if (list_empty(from)) {
		return;
	}
	list_insert_before(from, &round);
	list_remove(from);
	while ((item = list_pop_front(&round)) != NULL) {
		struct work *w = list_entry(item, struct work, node);

		/* From here on it may be queued again, on any CPU. */
		atomic_exchange_explicit(&w->queued, 0, memory_order_acq_rel);
		w->fn(w);
	}
}

void work_run(void)
{
	run_list(&this_cpu()->work);
}

static void late_flag_update(struct cpu *c)
{
	if (list_empty(&c->work_late) && list_empty(&c->work_late_new)) {
		atomic_fetch_and_explicit(&c->pending, ~CPU_LATE, memory_order_relaxed);
	}
}

void work_run_late(void)
{
	struct cpu *c = this_cpu();
	struct list *item;

	run_list(&c->work_late);
	while ((item = list_pop_front(&c->work_late_new)) != NULL) {
		list_push_back(&c->work_late, item);
	}
	late_flag_update(c);
}

void work_run_idle(void)
{
	struct cpu *c = this_cpu();

	run_list(&c->work_late);
	run_list(&c->work_late_new);
	late_flag_update(c);
}
