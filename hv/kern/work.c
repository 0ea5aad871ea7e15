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

void work_queue_idle(struct work *w)
{
	struct cpu *c = this_cpu();

	if (work_claim(w)) {
		list_push_back(&c->work_idle, &w->node);
		if (!timer_is_set(&c->idle_timer)) {
			timer_set(&c->idle_timer, arch_now() + WORK_LATE_NS);
		}
	}
}

/*
 * Run what is in the list now, at least one and no new one after `end`; what the
 * functions queue waits.
 */
static void run_list(struct list *from, uint64_t end)
{
	struct list *last = from->prev;
	bool more = !list_empty(from);

	while (more) {
		struct list *item = list_pop_front(from);
		struct work *w = list_entry(item, struct work, node);

		more = item != last;
		/* From here on it may be queued again, on any CPU. */
		atomic_exchange_explicit(&w->queued, 0, memory_order_acq_rel);
		w->fn(w);
		more = more && arch_now() < end;
	}
}

void work_run(void)
{
	struct cpu *c = this_cpu();

	run_list(&c->work, c->work_since + CPU_WORK_NS);
	if (!list_empty(&c->work)) {
		cpu_notify(c, CPU_WORK);
	}
}

static void late_flag_update(struct cpu *c)
{
	if (list_empty(&c->work_late) && list_empty(&c->work_late_new)) {
		atomic_fetch_and_explicit(&c->pending, ~CPU_LATE, memory_order_relaxed);
	}
}

void work_run_late(uint64_t now)
{
	struct cpu *c = this_cpu();
	struct list *item;

	run_list(&c->work_late, now + CPU_WORK_NS);
	while ((item = list_pop_front(&c->work_late_new)) != NULL) {
		list_push_back(&c->work_late, item);
	}
	late_flag_update(c);
}

void work_run_waiting(void)
{
	struct cpu *c = this_cpu();

	if (!list_empty(&c->work_idle)) {
		/* What is queued by that sets it anew. */
		timer_cancel(&c->idle_timer);
		run_list(&c->work_idle, UINT64_MAX);
	}
}

void work_run_idle(void)
{
	struct cpu *c = this_cpu();

	work_run_waiting();
	run_list(&c->work_late, UINT64_MAX);
	run_list(&c->work_late_new, UINT64_MAX);
	late_flag_update(c);
}
