/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netback: the hypervisor's end of guests' network devices (vifs).
 *
 * A vif has up to NET_QUEUE_MAX queues, each with a ring of frames from the
 * guest (TX) and one of buffers for frames to it (RX). netback_tx.c walks a TX
 * ring, netback_rx.c fills an RX ring; one frame is copied straight from the
 * sender's granted pages into those that the receiver posted, on the
 * sender's CPU.
 *
 * Back pressure: a frame whose receiver has no buffer stays in the sender's
 * ring, and the sender's queue waits in a list of the receiver's queue until
 * the receiver posts buffers or is found stalled (docs/switch.md).
 *
 * Locking: tx_lock and rx_lock of a queue guard what is marked so. A sender
 * holds its own tx_lock and at most one rx_lock. vif->queue[] entries are
 * published when complete; a queue is freed after it was taken out, its two
 * `up` flags were cleared under the locks, its work ran out and all CPUs
 * passed.
 * Invariants: rings are touched only while `up` holds. A queue is in at most
 * one wait list; wait_on names its owner and changes under the owner's
 * rx_lock.
 */
#ifndef NET_NETBACK_H
#define NET_NETBACK_H

#include "kern/quiesce.h"
#include "kern/timer.h"
#include "kern/work.h"
#include "net/merge.h"
#include "net/netif.h"
#include "net/port.h"
#include "net/switch.h"
#include "net/tx_poll.h"
#include "net/vif.h"

#define NETBACK_BUDGET		64U	/* deliveries in one walk */
#define NETBACK_DATA_MAX	20U	/* data slots of a frame */
#define NETBACK_EXTRA_MAX	5U	/* extra slots of a frame */
#define NETBACK_CHAIN_MAX	(NETBACK_DATA_MAX + NETBACK_EXTRA_MAX)
#define NETBACK_TX_PENDING	64U	/* completions that are told at once */
#define NETBACK_TX_NS		200000ULL	/* the rest is told after this */
#define NETBACK_POLL_SLOTS	32U	/* polled: notified for this many */
#define NETBACK_POLL_EMPTY	8U	/* looks in vain that end polling */

/*
 * Senders wait at most NETBACK_STALL_NS for a receiver to use
 * NETBACK_PROGRESS buffers; then it is stalled and nobody waits for it until
 * it has that many posted.
 */
#define NETBACK_STALL_NS	10000000ULL
#define NETBACK_PROGRESS	32U
/*
 * While all CPUs are busy, a sender waits for a receiver that has this many
 * slots still to look at, until half of them are left.
 */
#define NETBACK_BACKLOG		40U

/* What a receiver takes (guest-visible names: docs/switch.md). */
#define NETBACK_SG		0x01U
#define NETBACK_GSO4		0x02U
#define NETBACK_GSO6		0x04U
#define NETBACK_CSUM4		0x08U
#define NETBACK_CSUM6		0x10U
#define NETBACK_CSUM		(NETBACK_CSUM4 | NETBACK_CSUM6)

/* A frame as it is described in the TX ring. */
struct netback_chain {
	unsigned int slots;		/* of the ring, extras included */
	unsigned int data;		/* of data */
	uint32_t extras;		/* bit n: slot n is an extra */
	uint16_t flags;			/* of the first slot */
	uint16_t total;			/* bytes */
	uint16_t mss;
	uint8_t gso;			/* enum net_gso */
	uint16_t id[NETBACK_CHAIN_MAX];
	uint32_t gref[NETBACK_DATA_MAX];
	uint16_t offset[NETBACK_DATA_MAX];
	uint16_t size[NETBACK_DATA_MAX];
};

struct netback_queue {
	struct vif *vif;
	struct domain *domain;
	unsigned int index;
	uint64_t *counts;		/* the port's, for this queue */

	/* Frames from the guest; under tx_lock. */
	struct spinlock tx_lock;
	bool tx_up;
	struct netif_tx_ring *tx_ring;
	uint32_t tx_cons;		/* next request, and next response */
	uint32_t tx_told;		/* rsp_prod at the last look at rsp_event */
	struct tx_poll tx_poll;
	struct timer tx_timer;		/* look at rsp_event again */
	unsigned int tx_port;
	struct net_cache cache;
	struct work tx_work;		/* go on with the ring */
	struct netback_chain chain;
	struct net_frag frag[NETBACK_DATA_MAX];
	/* 2 + 4 bytes before the frame: its IP header is then 4-byte aligned. */
	uint16_t head[(2 + NET_HEAD_ROOM + NET_HEAD_MAX) / 2] ALIGNED(8);

	/* Waiting for another queue. */
	struct list wait_node;		/* under wait_on's rx_lock */
	_Atomic(struct netback_queue *) wait_on;
	_Atomic bool woken;		/* the next walk is not in the guest's call */

	/* Frames to the guest; under rx_lock. */
	struct spinlock rx_lock;
	bool rx_up;
	bool rx_may_wait;		/* the guest tells when it posts buffers */
	bool rx_stalled;
	unsigned int rx_features;	/* NETBACK_*; constant while up */
	struct netif_rx_ring *rx_ring;
	uint32_t rx_cons;		/* next request, and next response */
	uint32_t rx_prod;		/* req_prod as last read and checked */
	uint32_t rx_told;		/* rsp_prod as last published */
	void *rx_page;			/* the last page of the last frame put */
	struct net_merge merge;
	uint32_t rx_posted;		/* most buffers seen posted at a time */
	unsigned int rx_port;
	struct list waiters;		/* senders' wait_node */
	_Atomic bool rx_waited;		/* not empty; read without the lock */
	uint64_t wait_start;		/* when the first of them came */
	uint64_t wait_ns;		/* waited in this period before that */
	uint32_t wait_cons;		/* rx_cons when this period began */
	struct timer wait_timer;
	struct timer hang_timer;	/* of an uplink without buffers */
	uint32_t hang_prod;		/* rx_prod when it was set */

	uint32_t tx_ref;		/* grants of the rings */
	uint32_t rx_ref;
	struct quiesce quiesce;
	bool idle_seen;			/* all CPUs passed, then no work was left */
};

/* What a frontend asks for, for one queue. */
struct netback_queue_config {
	uint32_t tx_ref;
	uint32_t rx_ref;
	unsigned int tx_port;
	unsigned int rx_port;		/* may equal tx_port */
	unsigned int rx_features;
	bool rx_notify;
};

extern const struct net_port_ops netback_ops;

/* Make the device in XenStore for a vif that is a port. Errors of xenbus_device_create(). */
MUST_CHECK int netback_create(struct vif *v, const struct vm_vif_config *config);

/*
 * Make queue `index` of a vif and bind it to the guest's rings and ports. It
 * is not in use before netback_queue_start(). -EINVAL (a port or grant that
 * isn't what it should be), -ENOMEM.
 */
MUST_CHECK int netback_queue_create(struct vif *v, unsigned int index,
				    const struct netback_queue_config *c,
				    struct netback_queue **out);

/* Look at both rings unasked, and tell the guest once. */
void netback_queue_start(struct netback_queue *q);

/* Stop, give rings and ports back, free soon. */
void netback_queue_destroy(struct netback_queue *q);

/*
 * The guest misused a ring of `v`: no queue of it is served from now on, and
 * the device is closed soon. Any lock may be held. `why` is a constant text.
 */
void netback_fail(struct vif *v, const char *why);

static inline bool netback_is_broken(const struct vif *v)
{
	return atomic_load_explicit(&v->broken, memory_order_relaxed);
}

/* netback_tx.c: a walk of the ring, in the guest's call and as work. */
void netback_tx_kick(struct netback_queue *q);
void netback_tx_work(struct work *w);
void netback_tx_poll(struct work *w);
void netback_tx_timer(struct timer *t);

/* netback_rx.c */
enum net_verdict netback_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
				 bool may_wait);
void netback_flush(struct net_batch *b);
/* The guest posted buffers. */
void netback_rx_kick(struct netback_queue *q);
void netback_wait_timer(struct timer *t);
void netback_hang_timer(struct timer *t);
/* Send everybody who waits for `q` on. rx_lock held. */
void netback_wake_locked(struct netback_queue *q);
/* `q` waits for nobody any more. No lock held. */
void netback_unwait(struct netback_queue *q);

#endif
