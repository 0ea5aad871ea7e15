/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch: takes a frame from a port and has it delivered.
 *
 * It runs on the sender's CPU, within the notification of the guest. Frames
 * of a batch that go to one destination one after the other are delivered
 * under one hold of the destination's lock, published and notified once.
 *
 * Locking: the caller owns the batch (a vif's TX lock). switch_input() takes
 * LOCK_NET_FDB only while no destination is open; a destination's lock
 * (LOCK_NET_RX) may be left held in the batch until switch_flush().
 */
#ifndef NET_SWITCH_H
#define NET_SWITCH_H

#include <arch/cpu.h>

#include "net/fdb.h"
#include "net/frame.h"
#include "net/port.h"

/* What a sender remembers between frames. Zero: nothing. */
struct net_cache {
	uint64_t key;		/* of `port`: destination and VLAN */
	uint64_t generation;	/* of the FDB when it was found */
	struct net_port *port;
	uint64_t source;	/* the key learned last .. */
	uint32_t source_time;	/* .. and when, s */
};

struct net_batch {
	struct net_port *in;
	unsigned int queue;	/* the sender's, to choose the receiver's */
	uint64_t *counts;	/* the sender's counters, NET_COUNTERS */
	struct net_cache *cache;
	void *waiter;		/* the sender's queue, for net_port_ops */
	unsigned int deliveries;	/* so far: the work that was done */
	uint32_t seconds;	/* the time, once it was asked for .. */
	uint64_t now;		/* .. in ns */
	/* The open destination, locked; NULL if there is none. */
	struct net_port *out;
	void *out_queue;
};

/* Start with an empty table. Boot only. -ENOMEM. */
MUST_CHECK int switch_init(void);

/*
 * Connect a complete port: -EEXIST (MAC in use in that VLAN), -ENOSPC. Senders may
 * have found it before an error: free it by quiesce_call() then, too.
 */
MUST_CHECK int switch_attach(struct net_port *p);

/* No new frames reach the port; free it by quiesce_call(). */
void switch_detach(struct net_port *p);

/*
 * Switch one frame that `b->in` sent. NET_WAIT: not done, offer it again when
 * the waiter is told. The frame's head is changed.
 */
enum net_verdict switch_input(struct net_batch *b, struct net_frame *f);

/*
 * The same for the hypervisor's own ports, which send untagged frames from their own
 * addresses: only the way to the host `key` (fdb_key()) is left to be found.
 */
enum net_verdict switch_send(struct net_batch *b, struct net_frame *f, uint64_t key);

/* The next entry of the forwarding database, as fdb_next(). */
bool switch_fdb_next(unsigned int *at, struct fdb_row *out);

/* The time for all of a batch, which is soon over. */
static inline uint64_t batch_now(struct net_batch *b)
{
	if (b->now == 0) {
		b->now = arch_now();
	}
	return b->now;
}

/* Finish the open destination, if any. */
static inline void switch_flush(struct net_batch *b)
{
	if (b->out != NULL) {
		b->out->ops->flush(b);
	}
}

#endif
