/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-shot timers: a list by time for each CPU.
 *
 * Locking: the list of a CPU under its timer_lock. t->cpu names the list that
 * holds t and changes only under that CPU's lock.
 */
#include "kern/timer.h"

#include "kern/cpu.h"

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	list_init(&t->node);
	t->when = 0;
	t->fn = fn;
	atomic_store_explicit(&t->cpu, NULL, memory_order_relaxed);
}

/* The hardware alarm follows the first timer. Own CPU, timer_lock held. */
static void alarm_update_locked(struct cpu *c)
{
	uint64_t first = UINT64_MAX;

	if (!list_empty(&c->timers)) {
		first = list_entry(c->timers.next, struct timer, node)->when;
	}
	/* An alarm that comes too early is harmless, so it is only moved up. */
	if (first < c->alarm) {
		c->alarm = first;
		arch_alarm_set(first);
	}
}

void timer_cancel(struct timer *t)
{
	struct cpu *c;

	while ((c = atomic_load_explicit(&t->cpu, memory_order_acquire)) != NULL) {
		spin_lock(&c->timer_lock);
		if (atomic_load_explicit(&t->cpu, memory_order_relaxed) == c) {
			list_remove(&t->node);
			atomic_store_explicit(&t->cpu, NULL, memory_order_release);
		}
		spin_unlock(&c->timer_lock);
	}
}

void timer_set(struct timer *t, uint64_t when)
{
	struct cpu *c = this_cpu();
	struct cpu *old = atomic_load_explicit(&t->cpu, memory_order_acquire);
	struct timer *pos;

	if (old == c && t->when == when) {
		return;
	}
	if (old != NULL && old != c) {
		timer_cancel(t);
	}
	spin_lock(&c->timer_lock);
	list_remove(&t->node);
	t->when = when;
	list_for_each(pos, &c->timers, node) {
		if (pos->when > when) {
			break;
		}
	}
	list_insert_before(&pos->node, &t->node);
	atomic_store_explicit(&t->cpu, c, memory_order_release);
	alarm_update_locked(c);
	spin_unlock(&c->timer_lock);
}

void timers_run(void)
{
	struct cpu *c = this_cpu();
	uint64_t now = arch_now();

	spin_lock(&c->timer_lock);
	while (!list_empty(&c->timers)) {
		struct timer *t = list_entry(c->timers.next, struct timer, node);

		if (t->when > now) {
			break;
		}
		list_remove(&t->node);
		atomic_store_explicit(&t->cpu, NULL, memory_order_release);
		spin_unlock(&c->timer_lock);
		t->fn(t);
		spin_lock(&c->timer_lock);
	}
	c->alarm = UINT64_MAX;
	if (list_empty(&c->timers)) {
		arch_alarm_set(UINT64_MAX);
	}
	alarm_update_locked(c);
	spin_unlock(&c->timer_lock);
}
