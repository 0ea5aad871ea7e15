/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical CPUs and the exit path.
 */
#include "kern/cpu.h"

#include "kern/quiesce.h"
#include "kern/sched.h"
#include "kern/timer.h"
#include "kern/work.h"

struct cpu cpus[CPU_MAX];
unsigned int cpu_count = 1;
bool (*cpu_idle_hook)(void);

/* What a CPU rests from. */
#define REASONS_DEFERRABLE	(CPU_WORK | CPU_QUIESCE)

/*
 * The exit from a guest that it causes is what is wanted; another one if that
 * exit or work in it queued more.
 */
static void late_timer_fn(struct timer *t)
{
	const struct cpu *c = this_cpu();

	if (!list_empty(&c->work_late) || !list_empty(&c->work_late_new)) {
		timer_set(t, arch_now() + WORK_LATE_NS);
	}
}

static void idle_timer_fn(struct timer *t)
{
	(void)t;
	work_run_waiting();
}

static void rest_timer_fn(struct timer *t)
{
	struct cpu *c = this_cpu();

	(void)t;
	c->resting = false;
	cpu_notify(c, c->deferred);
	c->deferred = 0;
}

static void slice_timer_fn(struct timer *t)
{
	(void)t;
	cpu_notify(this_cpu(), CPU_RESCHED);
}

void cpu_init(unsigned int id)
{
	struct cpu *c = &cpus[id];

	*c = (struct cpu){ .id = id, .alarm = UINT64_MAX };
	spin_init(&c->timer_lock, LOCK_TIMER);
	list_init(&c->timers);
	list_init(&c->work);
	list_init(&c->work_late);
	list_init(&c->work_late_new);
	list_init(&c->work_idle);
	timer_init(&c->late_timer, late_timer_fn);
	timer_init(&c->idle_timer, idle_timer_fn);
	timer_init(&c->rest_timer, rest_timer_fn);
	timer_init(&c->slice_timer, slice_timer_fn);
	atomic_store_explicit(&c->pending, CPU_RESCHED, memory_order_relaxed);
}

void cpu_notify(struct cpu *c, uint32_t reasons)
{
	/* Release: what the reasons are about is visible to cpu_service(). */
	uint32_t old = atomic_fetch_or_explicit(&c->pending, reasons, memory_order_acq_rel);

	if (c != this_cpu() && (old & reasons) != reasons) {
		arch_cpu_kick(c->id);
	}
}

/*
 * Late work may take as much time as guests have, and CPU_WORK_NS more at once:
 * it need not be the work of the guest that exits.
 */
static void late_run(struct cpu *c)
{
	uint64_t start;

	if (list_empty(&c->work_late)) {
		work_run_late(0);	/* runs nothing: what is new is for the next exit */
		return;
	}
	start = arch_now();
	if (c->current == NULL || c->late_paid <= start + CPU_WORK_NS) {
		work_run_late(start);
		c->late_paid = MAX(c->late_paid, start) + 2 * (arch_now() - start);
	}
}

void cpu_exit_begin(void)
{
	struct cpu *c = this_cpu();

	c->work_since = 0;
	if (atomic_load_explicit(&c->pending, memory_order_relaxed) & CPU_LATE) {
		late_run(c);
	}
}

/* There is no end to it: let the guest go on, or look for interrupts. */
static void rest_begin(struct cpu *c, uint64_t now)
{
	c->deferred = REASONS_DEFERRABLE &
		      atomic_fetch_and_explicit(&c->pending, ~REASONS_DEFERRABLE,
						memory_order_acq_rel);
	if (c->deferred != 0) {
		c->resting = true;
		timer_set(&c->rest_timer, c->current != NULL ? now + CPU_REST_NS : now);
	}
}

/* One round of deferred work and quiescence, for the reasons in `p`. */
static void deferred_run(struct cpu *c, uint32_t p)
{
	uint64_t now;

	if (c->resting) {
		c->deferred |= p;
		return;
	}
	if (c->work_since == 0) {
		c->work_since = arch_now();
	}
	if (p & CPU_WORK) {
		work_run();
	}
	if (p & CPU_QUIESCE) {
		quiesce_pass();
	}
	if ((atomic_load_explicit(&c->pending, memory_order_relaxed) & REASONS_DEFERRABLE) == 0) {
		return;
	}
	now = arch_now();
	if (now - c->work_since >= CPU_WORK_NS) {
		rest_begin(c, now);
	}
}

/* Take those of `reasons` that are pending. Pairs with the release in cpu_notify(). */
static uint32_t reasons_take(struct cpu *c, uint32_t reasons)
{
	if ((atomic_load_explicit(&c->pending, memory_order_relaxed) & reasons) == 0) {
		return 0;
	}
	return reasons & atomic_fetch_and_explicit(&c->pending, ~reasons, memory_order_acq_rel);
}

/* Go on with `next`, which isn't who went on up to now; NULL: with nobody. */
static void switch_to(struct cpu *c, struct sched_unit *next)
{
	struct sched_unit *prev = c->loaded;

	if (next == NULL && c->stays) {
		if (c->current != NULL) {
			vcpu_park(prev);
		}
	} else {
		if (c->current == NULL && prev != NULL) {
			vcpu_unpark(prev);
		}
		if (next != prev) {
			vcpu_switch(prev, next);
			c->loaded = next;
			if (prev != NULL) {
				sched_switched(prev);
			}
		}
	}
	c->current = next;
}

bool cpu_service(void)
{
	struct cpu *c = this_cpu();
	uint32_t p = reasons_take(c, ~CPU_LATE);

	if (p & CPU_TIMER) {
		timers_run();
	}
	if (p & REASONS_DEFERRABLE) {
		deferred_run(c, p & REASONS_DEFERRABLE);
	}
	/* A timer or work may just have asked for it; who idles is told of any unit. */
	p |= reasons_take(c, CPU_RESCHED);
	if (p & CPU_RESCHED) {
		struct sched_unit *next = sched_pick();

		if (next != c->current || next == NULL) {
			switch_to(c, next);
		}
	}
	p = atomic_load_explicit(&c->pending, memory_order_relaxed);
	return c->current != NULL && (p & ~CPU_LATE) == 0;
}

void cpu_resume(void)
{
	struct cpu *c = this_cpu();

	cpu_exit_begin();
	while (!cpu_service()) {
		if (c->current != NULL) {
			continue;
		}
		work_run_idle();
		if ((atomic_load_explicit(&c->pending, memory_order_acquire) & ~CPU_LATE) == 0) {
			uint64_t start = arch_now();

			/* Not while deferred work rests: that goes on at once. */
			if (!c->resting && cpu_idle_hook != NULL && cpu_idle_hook()) {
				arch_cpu_poll();
			} else {
				arch_cpu_idle();
			}
			c->idle_ns += arch_now() - start;
		}
	}
}
