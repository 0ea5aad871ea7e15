/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-shot timers, per CPU. The function runs on the CPU that set the timer,
 * from the hypervisor's exit path, with no lock held.
 */
#ifndef KERN_TIMER_H
#define KERN_TIMER_H

#include <stdatomic.h>

#include "lib/list.h"

struct cpu;

struct timer {
	struct list node;		/* in cpu->timers, by time */
	uint64_t when;			/* arch_now() ns */
	void (*fn)(struct timer *t);
	_Atomic(struct cpu *) cpu;	/* where it is set, NULL if it is not */
};

void timer_init(struct timer *t, void (*fn)(struct timer *t));

/* Set or move the timer to `when` on this CPU. */
void timer_set(struct timer *t, uint64_t when);

/*
 * After it returns the function is not going to run, but may be running on
 * another CPU (use kern/quiesce.h before freeing). Any CPU.
 */
void timer_cancel(struct timer *t);

static inline bool timer_is_set(struct timer *t)
{
	return t->cpu != NULL;
}

/* Run what is due on this CPU and set the alarm. The exit path only. */
void timers_run(void);

#endif
