/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While every CPU is busy, nobody gains from a notification for each frame: the ring
 * of a vif is looked at whenever a CPU leaves a guest instead
 * (docs/decisions/0010-polling-under-load.md). For netback's and virtio devices' rings.
 *
 * Locking: the TX lock of the ring.
 */
#ifndef NET_TX_POLL_H
#define NET_TX_POLL_H

#include "kern/sched.h"
#include "kern/work.h"
#include "lib/bits.h"
#include "net/port.h"

struct tx_poll {
	struct work work;		/* look at the ring on the next exit */
	bool on;			/* looked at on exits: few notifications */
	bool found;			/* something, since it is on */
	unsigned int empty;		/* looks in vain, in a row */
	unsigned int vain;		/* ends of polling that found nothing, in a row */
};

#define TX_POLL_TRY	8U		/* of these, one had all its looks */

/* The guest notified. */
static inline void tx_poll_start(struct tx_poll *p)
{
	if (sched_all_busy()) {
		p->found = p->on;
		p->on = true;
		p->empty = 0;
		work_queue_late(&p->work);
	}
}

/*
 * How many looks in vain end polling: `most`, or one if it found nothing lately, as with
 * one frame at a time that waits for an answer. Then all are tried now and then.
 */
static inline unsigned int tx_poll_looks(const struct tx_poll *p, unsigned int most)
{
	return p->found || p->vain % TX_POLL_TRY == 0 ? most : 1;
}

/*
 * The ring was looked at, by p->work. So many looks in vain end polling. True if it is
 * to be walked now: the walk that ends polling asks for notifications again.
 */
static inline bool tx_poll_looked(struct tx_poll *p, bool found, unsigned int most)
{
	p->found |= found;
	p->empty = found ? 0 : p->empty + 1;
	p->on = p->empty < most && sched_all_busy();
	if (!p->on) {
		p->vain = p->found ? 0 : p->vain + 1;
	}
	return found || !p->on;
}

/* .. and walked if need be. */
static inline void tx_poll_again(struct tx_poll *p)
{
	if (p->on) {
		work_queue_late(&p->work);
	}
}

/* Count a walk of the ring that took so many frames, at least 1. */
static inline void tx_count_walk(uint64_t *counts, unsigned int frames)
{
	counts[NET_TX_BATCHES]++;
	counts[NET_TX_BATCH_1 + MIN(bit_highest(frames), 6U)]++;
}

#endif
