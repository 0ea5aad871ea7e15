/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blkback: the hypervisor's end of guests' block devices (vbds).
 *
 * A vbd has a volume (blk/volume.h) and up to BLKBACK_QUEUES queues, each with a
 * ring and its own pool of requests. A walk reads requests from the ring once
 * into private memory, checks them, takes their pages into use and gives them to
 * the volume. When one is done, its pages are given back, then the answer is
 * published.
 *
 * Locking: LOCK_BLK_QUEUE, `lock`, guards a queue. Requests are submitted
 * under it; done() is called without it.
 * Invariants: the ring is touched only while `up` holds. A queue is freed
 * after `up` was cleared, its last request is done, its work ran out and all CPUs
 * passed. No answer is published while pages of its request are in use.
 */
#ifndef BLK_BLKBACK_H
#define BLK_BLKBACK_H

#include "blk/blkif.h"
#include "blk/volume.h"
#include "kern/quiesce.h"
#include "kern/timer.h"
#include "kern/work.h"
#include "vm/domain.h"
#include "xen/grant.h"

#define BLKBACK_QUEUES		8U
#define BLKBACK_BUDGET		256U	/* requests and their segments in one walk */
#define BLKBACK_REQUESTS_MAX	128U	/* in flight of one queue */
/*
 * While so many requests of a queue are under way, its ring is looked at on exits,
 * each BLKBACK_LOOK_NS at the latest (WORK_LATE_NS if another CPU takes the look over), and
 * its guest notifies of as many new ones as are under way only, of BLKBACK_AHEAD at most.
 */
#define BLKBACK_DEEP		4U
#define BLKBACK_AHEAD		32U
#define BLKBACK_LOOK_NS		50000ULL
#define BLKBACK_REPLUG_NS	2000000000ULL

struct vbd;
struct xenbus_device;

struct vbd_request {
	struct blk_request r;		/* first */
	struct vbd_queue *queue;
	uint64_t id;			/* the guest's */
	unsigned int op;		/* for the answer */
	struct grant_piece piece[BLK_PIECES_MAX];
};

struct vbd_queue {
	struct vbd *vbd;
	struct domain *domain;
	unsigned int index;
	unsigned int port;

	struct spinlock lock;
	bool up;
	bool dead;			/* to be freed with its last request */
	bool starved;			/* a walk stopped for want of a request */
	struct grant_piece page[BLKIF_PAGES_MAX];
	unsigned int page_count;
	struct blkif_indices *ring;	/* in the first page */
	uint32_t mask;			/* entries - 1 */
	uint32_t cons;			/* next request */
	uint32_t rsp;			/* next response */
	uint32_t told;			/* rsp_prod as last published */
	unsigned int unit;		/* sectors of 512 bytes in one of the volume */

	struct vbd_request *request;	/* the pool */
	unsigned int request_count;
	struct list free;
	unsigned int inflight;
	struct work work;		/* go on with the ring */
	bool looking;			/* few notifications: it is looked at .. */
	struct work look;		/* .. on the next exit */
	struct timer look_timer;	/* .. which this causes */
	struct quiesce quiesce;
	bool idle_seen;
};

/* What the vbd's guest did; under its queues' locks, so sums may be stale. */
enum vbd_counter {
	VBD_KICKS,			/* the guest's notifications */
	VBD_WALKS,			/* that found requests */
	VBD_LOOKS,			/* .. that the guest did not ask for */
	VBD_REQUESTS,
	VBD_SEGMENTS,
	VBD_INDIRECT,
	VBD_BAD,			/* requests answered with an error unseen by the volume */
	VBD_STARVED,
	VBD_EVENTS,
	VBD_EVENTS_SAVED,
	VBD_COUNTERS,
};

struct vbd {
	struct domain *domain;
	unsigned int index;		/* of the domain's vbds */
	unsigned int max_queues;
	struct blk_volume *volume;
	_Atomic(struct xenbus_device *) dev;
	struct list node;		/* of all vbds */
	bool claimed;			/* somebody removes it; LOCK_BLK_CONFIG */
	struct vbd_queue *queue[BLKBACK_QUEUES];
	_Atomic unsigned int queues_left;	/* not freed yet */
	_Atomic bool broken;		/* the guest misused a ring */
	_Atomic bool unplugged;		/* remove it */
	_Atomic bool replug;		/* make its device anew */
	struct timer replug_timer;
	unsigned int generation;	/* of the device */
	struct vm_vbd_config config;
	uint64_t sectors;		/* as published last */
	uint64_t counts[BLKBACK_QUEUES][VBD_COUNTERS];
	struct quiesce quiesce;
};

/* What a frontend asks for, for one queue. */
struct vbd_queue_config {
	unsigned int order;		/* 2^order pages */
	uint32_t ref[BLKIF_PAGES_MAX];
	unsigned int port;
	unsigned int unit;
};

/*
 * Make queue `index` of a vbd. It serves the ring after vbd_queue_start() only.
 * -EINVAL, -ENOMEM, or errors of grant_pieces_use().
 */
MUST_CHECK int vbd_queue_create(struct vbd *v, unsigned int index,
				const struct vbd_queue_config *c, struct vbd_queue **out);
void vbd_queue_start(struct vbd_queue *q);

/*
 * Serve it no more: requests in flight are cancelled, the ring is given back.
 * What is left is freed when the last request is done.
 */
void vbd_queue_destroy(struct vbd_queue *q);

/* blkback_ring.c */
void vbd_kick(void *queue);
void vbd_work(struct work *w);
void vbd_look(struct work *w);
void vbd_look_timer(struct timer *t);
void vbd_done(struct blk_request *r, bool more);

/* The last request of a dead queue is done; called by its done(). */
void vbd_queue_drained(struct vbd_queue *q);

/*
 * The guest misused a ring: nothing of the vbd is served from now on and the
 * device is closed soon. Any lock may be held; `why` is a constant text.
 */
void vbd_fail(struct vbd *v, const char *why);

static inline bool vbd_is_broken(const struct vbd *v)
{
	return atomic_load_explicit(&v->broken, memory_order_relaxed);
}

static inline uint64_t *vbd_counts(struct vbd_queue *q)
{
	return q->vbd->counts[q->index];
}

#endif
