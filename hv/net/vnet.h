/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vnet: a virtio network device (virtio 1.2, 5.1) as a guest's end of an uplink.
 *
 * It does what netback does, with less for its guest to do: frames are copied between
 * the pieces of the sender and the buffers that the driver posted, whose addresses are
 * the guest's own; there are no grants, and no slot for each page.
 *
 * Since it is an uplink, nobody waits for its buffers and it waits for nobody.
 *
 * vnet.c: the device, its features and its control queue; vnet_tx.c: frames from the
 * guest; vnet_rx.c: frames to it.
 *
 * Locking: the device's lock for the control queue; tx_lock and rx_lock guard what is
 * marked so. Freed with the vif, after its work ran out.
 * Invariants: a ring is touched only while its `up` holds.
 */
#ifndef NET_VNET_H
#define NET_VNET_H

#include "kern/timer.h"
#include "kern/work.h"
#include "net/switch.h"
#include "net/tx_poll.h"
#include "net/vif.h"
#include "net/virtio_mmio.h"
#include "net/vring.h"

#define VNET_RX			0U	/* queues, as a driver numbers them */
#define VNET_TX			1U
#define VNET_CTRL		2U
#define VNET_ENTRIES		256U	/* of the first two */
#define VNET_CTRL_ENTRIES	16U

#define VNET_BUDGET		64U	/* deliveries in one walk */
#define VNET_FRAGS		(NET_FRAG_MAX - 1)
#define VNET_PENDING		64U	/* completions that are told at once */
#define VNET_TX_NS		200000ULL	/* the rest is told after this */
#define VNET_POLL_ENTRIES	32U	/* polled: notified for this many */
#define VNET_POLL_EMPTY		3U	/* looks in vain that end polling */
#define VNET_PIECES		64U	/* of the buffers of one frame */

struct vnet_piece {
	uint8_t *data;
	uint32_t len;
};

struct vnet {
	struct virtio_device dev;
	struct vif *vif;
	struct vnet_config config;
	uint64_t *counts;		/* the port's */
	struct vring ctrl;		/* under the device's lock */

	/* Frames from the guest; under tx_lock. */
	struct spinlock tx_lock;
	bool tx_up;
	struct tx_poll tx_poll;
	struct vring tx;
	struct timer tx_timer;		/* look again whether completions are to be told */
	struct work tx_work;		/* go on with the ring */
	struct net_cache cache;
	struct net_frag frag[VNET_FRAGS];
	/* 2 + 4 bytes before the frame: its IP header is then 4-byte aligned. */
	uint16_t head[(2 + NET_HEAD_ROOM + NET_HEAD_MAX) / 2] ALIGNED(8);

	/* Frames to the guest; under rx_lock. */
	struct spinlock rx_lock;
	bool rx_up;
	bool rx_posted;			/* its driver posted a buffer since run() */
	uint64_t rx_features;		/* of the driver's, those turned off are left out */
	struct vring rx;
	unsigned int pieces;
	struct vnet_piece piece[VNET_PIECES];
	struct timer hang_timer;	/* no buffer was there, or the device failed */
	uint16_t hang_seen;		/* the driver's index then */
};

extern const struct net_port_ops vnet_ops;

/*
 * Make the device of a vif that is a port; before its domain runs. -EINVAL (the guest
 * has no place for it), -ENOMEM.
 */
MUST_CHECK int vnet_create(struct vif *v);

/* No vCPU of the domain runs: nothing of the guest is in use from now on. */
void vnet_stop(struct vnet *n);

/* Work of it is queued. */
bool vnet_has_work(struct vnet *n);

/* The guest's driver is at work. */
bool vnet_runs(const struct vnet *n);

/* vnet_tx.c */
void vnet_tx_kick(struct vnet *n);
void vnet_tx_work(struct work *w);
void vnet_tx_poll(struct work *w);
void vnet_tx_timer(struct timer *t);

/* vnet_rx.c */
enum net_verdict vnet_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
			      bool may_wait);
void vnet_flush(struct net_batch *b);
void vnet_hang_timer(struct timer *t);
/* Frames can't be put into the ring, which is in use: its guest has a while to change that. */
void vnet_hang_watch_locked(struct vnet *n);

#endif
