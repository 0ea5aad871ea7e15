/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Freeing what other CPUs may still be using without a lock.
 *
 * The hypervisor isn't preempted, so a CPU that has passed through its exit
 * path (or is in a guest or idle) holds no pointer that it read before. An
 * object that was unlinked is freed after all CPUs passed.
 */
#ifndef KERN_QUIESCE_H
#define KERN_QUIESCE_H

#include "lib/list.h"

struct quiesce {
	struct list node;
	void (*fn)(struct quiesce *q);
	uint64_t epoch;
};

/*
 * Call `fn` after every CPU has passed. Readers find the object no more. `fn`
 * runs as deferred work with no lock held. Any context.
 */
void quiesce_call(struct quiesce *q, void (*fn)(struct quiesce *q));

/* Functions called in one pass; the CPU passes again for the rest. */
#define QUIESCE_BATCH	64U

/* The exit path tells: this CPU holds nothing now. Only on CPU_QUIESCE. */
void quiesce_pass(void);

#endif
