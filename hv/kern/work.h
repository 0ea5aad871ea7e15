/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deferred work: functions that run soon in the hypervisor, in the exit path
 * of the CPU that queued them, with no lock held and before the guest goes
 * on. A function does a bounded piece (about 50 microseconds) and queues itself
 * again if there is more; other work and guests then get their turn.
 */
#ifndef KERN_WORK_H
#define KERN_WORK_H

#include <stdatomic.h>

#include "lib/list.h"

struct work {
	struct list node;
	void (*fn)(struct work *w);
	_Atomic uint32_t queued;	/* 1 from queueing to the start of fn */
};

void work_init(struct work *w, void (*fn)(struct work *w));

/*
 * Queue on this CPU; nothing happens if it is queued already. The function
 * sees everything written before the call.
 */
void work_queue(struct work *w);

/*
 * Queue for this CPU's next exit from a guest but not the current one, and
 * not later than WORK_LATE_NS: for things that are often needless by then. It
 * comes later if the CPU did more late work than it ran guests.
 */
#define WORK_LATE_NS 200000ULL
void work_queue_late(struct work *w);

/*
 * One round of this CPU's work, and of its late work, or as much of it as is begun
 * within CPU_WORK_NS; of late work, from `now` on. The exit path only.
 */
void work_run(void);
void work_run_late(uint64_t now);
/* All late work, before the CPU sleeps. */
void work_run_idle(void);

#endif
