/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets: where the data of volumes is. A target is part of a bigger object
 * (an AoE target); the block switch (blk/volume.h) gives it requests and is
 * told when they are done.
 *
 * A request goes to a target with its pages in use; the target reads and
 * writes them directly, and until blk_target_finish() only. Whatever a target
 * does happens under its lock; what it has finished is told to the requests'
 * owners later, with no lock held, by the target's deferred work.
 *
 * Locking: LOCK_BLK_TARGET, `lock`, guards the target and the queues of all its
 * volumes. Locks of the network (FDB, RX) may be taken under it.
 * Invariants: a request is in one place: its volume's queue, its target, or
 * the list of finished ones.
 */
#ifndef BLK_TARGET_H
#define BLK_TARGET_H

#include "kern/lock.h"
#include "kern/quiesce.h"
#include "kern/work.h"
#include "lib/list.h"
#include "xen/grant.h"

#define BLK_NAME_MAX	80U		/* with the NUL */
#define BLK_SECTOR	512U		/* the unit of sector numbers */
#define BLK_SECTOR_SHIFT 9U
#define BLK_PIECES_MAX	32U		/* of a request */

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_OPS };

enum blk_place { BLK_NOWHERE, BLK_IN_VOLUME, BLK_IN_TARGET, BLK_FINISHED };

struct blk_volume;

struct blk_request {
	struct list node;
	struct blk_volume *volume;
	enum blk_op op;
	enum blk_place place;		/* under the target's lock */
	uint64_t sector;
	uint64_t sectors;		/* 0 for a flush */
	struct grant_piece *piece;	/* the data, in multiples of BLK_SECTOR */
	unsigned int piece_count;
	/*
	 * It is done, with `status` 0 or -E..; called once for each submitted
	 * request, with no lock held. `more`: the next call, at once, is for a
	 * request of the same owner.
	 */
	void (*done)(struct blk_request *r, bool more);
	void *owner;
	int status;
	uint64_t start;			/* arch_now() when it was submitted */

	/* For the target that has it: how far it is. */
	struct {
		uint64_t sectors;	/* given out so far */
		unsigned int piece;	/* where the next one's data is .. */
		unsigned int offset;	/* .. in bytes of that piece */
		unsigned int parts;	/* given out and not answered */
		int error;
	} at;
};

/* What a target can do. */
struct blk_info {
	bool known;			/* the target was reached once */
	uint64_t sectors;		/* of BLK_SECTOR bytes */
	uint32_t sector_size;		/* bytes, a power of two, 512 to 4096 */
	uint32_t physical_size;
	bool read_only;
	bool flush;
	bool discard;
	uint32_t discard_granularity;	/* bytes */
};

struct blk_target;

/* Guards the table of volumes, and which targets exist. */
extern struct spinlock blk_config_lock;

struct blk_target_ops {
	/*
	 * Take a request, under the lock. -EAGAIN: not now; it is offered again
	 * after blk_target_ready(). Any other error ends the request.
	 */
	int (*submit)(struct blk_target *t, struct blk_request *r);
	/*
	 * End a request that it has, under the lock: with blk_target_finish()
	 * as soon as its pages are not touched any more.
	 */
	void (*cancel)(struct blk_target *t, struct blk_request *r, int status);
	/*
	 * Start what submitted requests ask for; under the lock, after
	 * requests were submitted or blk_target_ready() was called. A bounded
	 * piece of work: true if there is more.
	 */
	bool (*pump)(struct blk_target *t);
	/* The last volume left; under LOCK_BLK_CONFIG. Free it some time. */
	void (*release)(struct blk_target *t);
	/* Counts for the operator, by name; false if there is no n-th. */
	bool (*counter)(struct blk_target *t, unsigned int n, const char **name, uint64_t *value);
};

struct blk_target {
	const struct blk_target_ops *ops;
	char name[BLK_NAME_MAX];	/* "aoe:1.2" */
	unsigned int refs;		/* volumes; LOCK_BLK_CONFIG */
	struct spinlock lock;
	struct blk_info info;
	struct list volumes;		/* all */
	struct list ready;		/* with requests that may be sent on */
	struct list finished;
	struct work work;
	struct quiesce quiesce;
	void (*freed)(struct blk_target *t);
	bool idle_seen;
};

/* Fill in what the block switch needs. */
void blk_target_init(struct blk_target *t, const struct blk_target_ops *ops, const char *name);

/*
 * Nobody finds the target any more: call `freed` when its work ran out and all
 * CPUs passed. Its timers must be off.
 */
void blk_target_retire(struct blk_target *t, void (*freed)(struct blk_target *t));

/* For targets, under the lock: a request is done. */
void blk_target_finish(struct blk_target *t, struct blk_request *r, int status);

/* For targets: there is room again, or pump() has something to do. */
static inline void blk_target_ready(struct blk_target *t)
{
	work_queue(&t->work);
}

/* For targets, under the lock: `info` changed. */
void blk_target_changed(struct blk_target *t);

/*
 * For targets that can't be reached, under the lock: end what has waited longer
 * than its volume allows. True if a request is left that has a limit.
 */
bool blk_target_expire(struct blk_target *t);

#endif
