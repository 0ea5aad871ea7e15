/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical CPUs.
 */
#ifndef KERN_CPU_H
#define KERN_CPU_H

#include <stdatomic.h>

#include "kern/lock.h"
#include "kern/timer.h"
#include "lib/list.h"
#include <arch/cpu.h>

#define CPU_MAX		8U
#define LOCK_HELD_MAX	12U

/* Reasons to look around before going back to the guest. */
#define CPU_RESCHED	0x01U	/* the scheduler wants a decision */
#define CPU_WORK	0x02U	/* deferred work is queued */
#define CPU_LATE	0x04U	/* late work is queued */
#define CPU_TIMER	0x08U	/* the alarm went off */
#define CPU_QUIESCE	0x10U	/* somebody waits for this CPU to pass */

/*
 * After so much deferred work in a row the CPU rests from it: it goes on
 * with its guest for this long, or, if it has none, takes interrupts.
 */
#define CPU_WORK_NS	500000ULL
#define CPU_REST_NS	500000ULL

struct sched_unit;

struct cpu {
	/* The port's entry code uses this member; it must be the first. */
	void *frame;			/* the loaded vCPU's arch state, or NULL */

	unsigned int id;
	_Atomic uint32_t pending;	/* CPU_*; set by any CPU */
	struct sched_unit *current;	/* who goes on, or NULL */
	struct sched_unit *loaded;	/* whose state is loaded: current's or a parked one's */

	struct spinlock timer_lock;	/* guards timers and alarm */
	struct list timers;		/* by time */
	uint64_t alarm;			/* what the hardware is set to */

	struct list work;		/* own CPU only, as the next two */
	struct list work_late;		/* queued before the last exit */
	struct list work_late_new;	/* queued since */
	struct timer late_timer;
	uint64_t late_paid;		/* late work was done for the time up to here */
	struct list work_idle;		/* own CPU only */
	struct timer idle_timer;

	/* Resting from deferred work; own CPU only. */
	bool resting;
	uint32_t deferred;		/* reasons that wait for the end of it */
	uint64_t work_since;		/* deferred work in this exit; 0: none yet */
	struct timer rest_timer;

	struct timer slice_timer;	/* kern/sched.c */
	struct sched_unit *chosen;	/* the last pick, or NULL */
	bool stays;			/* NULL was, and what is loaded only waits */
	uint64_t slice_start;
	bool yield;

	_Atomic uint64_t epoch;		/* the last quiesce epoch passed */
	uint64_t idle_ns;		/* all time asleep, or in the idle hook */

	const struct spinlock *held[LOCK_HELD_MAX];	/* LOCK_CHECK */
	unsigned int held_count;
};

extern struct cpu cpus[CPU_MAX];
extern unsigned int cpu_count;		/* CPUs that run; set at boot */

/*
 * Set by hv/init: a small piece of what may be done while a CPU has nothing else
 * to do. False: there is none.
 */
extern bool (*cpu_idle_hook)(void);

/* Fill in cpus[id]; this_cpu() must work on that CPU afterwards. */
void cpu_init(unsigned int id);

/* Set reasons for CPU `c` and kick it if it is another one. */
void cpu_notify(struct cpu *c, uint32_t reasons);

/* The first step of the exit path, once for each exit. */
void cpu_exit_begin(void);

/*
 * One round of the exit path: timers, deferred work, quiescence, scheduler,
 * with a switch to another vCPU if that is the decision. True if a vCPU is
 * loaded and nothing else is pending.
 */
bool cpu_service(void);

/* The exit path: rounds and sleep until there is a vCPU to go on with. */
void cpu_resume(void);

/*
 * Implemented by hv/vm: save `prev`'s state and load `next`'s; either may be
 * NULL. Called with no lock held.
 */
void vcpu_switch(struct sched_unit *prev, struct sched_unit *next);

/*
 * `u`, which waits and is loaded, stays so while this CPU has nothing else to run:
 * often it is the next to run there. Unparked before it goes on or is switched from.
 */
void vcpu_park(struct sched_unit *u);
void vcpu_unpark(struct sched_unit *u);

#endif
