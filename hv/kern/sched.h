/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: proportional share by weight, with caps and pinning.
 *
 * All CPUs share one run queue, ordered by virtual run time (run time divided
 * by weight), as long as there are no more than eight; so fairness is global
 * and needs no balancing. docs/decisions tells more.
 * Locking: everything is under one lock (LOCK_SCHED), taken inside.
 */
#ifndef KERN_SCHED_H
#define KERN_SCHED_H

#include "kern/timer.h"
#include "lib/list.h"

#define SCHED_WEIGHT_DEFAULT	256U
#define SCHED_WEIGHT_MAX	65535U
#define SCHED_SLICE_NS		5000000ULL	/* longest run while others wait */
#define SCHED_WAKE_GRAN_NS	100000ULL	/* lead that a waking unit needs to preempt */
#define SCHED_RATE_NS		100000ULL	/* shortest run before a preemption */
#define SCHED_CAP_PERIOD_NS	10000000ULL

enum sched_state {
	SCHED_BLOCKED,		/* waits for an event */
	SCHED_QUEUED,		/* waits for a CPU */
	SCHED_RUNNING,
	SCHED_THROTTLED,	/* used up its cap in this period */
	SCHED_OFF,		/* not to be run; wakes do nothing */
	SCHED_PAUSED,		/* runs when it is unpaused */
};

/* Times by what a guest's runstate counts (xen/vcpu.h RUNSTATE_*). */
enum { RUN_RUNNING, RUN_RUNNABLE, RUN_BLOCKED, RUN_OFFLINE, RUN_STATES };

struct sched_unit {
	struct list node;		/* in the run queue */
	enum sched_state state;
	bool on_cpu;			/* its state is loaded on `cpu`, where it may be parked */
	bool woke;			/* while it was parked, or its state was saved */
	bool stop;			/* to be OFF when it leaves its CPU */
	_Atomic bool wake_pending;	/* woken since it last looked */
	bool paused;
	struct cpu *cpu;		/* where it runs or ran last, or NULL */
	uint64_t vtime;			/* weighted ns */
	uint64_t charged;		/* run time is charged up to here */
	uint64_t since;			/* when the current state began */
	uint64_t state_ns[RUN_STATES];
	uint64_t cpu_mask;		/* pinning: bit n allows CPU n */
	uint32_t weight;
	uint32_t cap;			/* percent of one CPU, 0: none */
	uint64_t period_start;		/* cap accounting */
	uint64_t period_ns;
	struct timer period_timer;
};

void sched_init(void);
void sched_unit_init(struct sched_unit *u);	/* OFF */

/* OFF to QUEUED. */
void sched_start(struct sched_unit *u);

/*
 * Make it OFF. If it is loaded on a CPU it stops soon: poll
 * sched_is_stopped() from deferred work.
 */
void sched_stop(struct sched_unit *u);
bool sched_is_stopped(struct sched_unit *u);

/*
 * Keep it from running until it is unpaused, whatever is done to it meanwhile. One
 * that runs on another CPU goes on for a moment. Afterwards it runs, even if it
 * was blocked: it has to look why anyway.
 */
void sched_pause(struct sched_unit *u);
void sched_unpause(struct sched_unit *u);

/* An event for the unit: BLOCKED becomes QUEUED; a running one remembers. */
void sched_wake(struct sched_unit *u);

/*
 * The running unit is going to look whether it has a reason to run, and then
 * to block unless it found one. A wake in between undoes the block.
 */
void sched_block_prepare(struct sched_unit *u);
void sched_block(struct sched_unit *u);

/* The running unit lets others go first. (sched_yield is libc's name.) */
void sched_give_way(struct sched_unit *u);

/* Change parameters of a unit in any state. -EINVAL if out of range. */
MUST_CHECK int sched_set(struct sched_unit *u, uint32_t weight, uint32_t cap,
			 uint64_t cpu_mask);

/*
 * The exit path. sched_pick() accounts and chooses, NULL if there is nothing
 * to run; after the switch sched_switched() tells that `prev`'s state is saved.
 */
struct sched_unit *sched_pick(void);
void sched_switched(struct sched_unit *prev);

/* No CPU was without work when it last looked. A hint; no lock. */
bool sched_all_busy(void);

/* Copy of the unit's times up to now, consistent. */
void sched_times(struct sched_unit *u, uint64_t state_ns[RUN_STATES]);

/* Its state, when that began, and its times up to then; any CPU may change them. */
struct sched_snapshot {
	enum sched_state state;
	uint64_t since;
	uint64_t state_ns[RUN_STATES];
};
void sched_snapshot(struct sched_unit *u, struct sched_snapshot *out);

#endif
