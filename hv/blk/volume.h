/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block switch: named volumes, each with one target.
 *
 * Requests of a volume that can't go to the target at once (it has no room, or
 * the volume is at its rate limit) wait in the volume's queue. Targets that
 * several volumes share serve them in turn, by bytes (deficit round robin).
 *
 * Locking: see blk/target.h. The table of volumes under LOCK_BLK_CONFIG;
 * look-ups without a lock are good until the CPU's next exit path.
 * Invariants: a volume with a queue is in its target's `ready` list or its
 * `throttle` timer is set.
 */
#ifndef BLK_VOLUME_H
#define BLK_VOLUME_H

#include "blk/target.h"
#include "kern/timer.h"

#define BLK_VOLUME_MAX	512U
#define BLK_LATENCY_MAX	24U		/* buckets */
#define BLK_QUANTUM	(128U << 10)	/* bytes of a volume's turn */
#define BLK_BURST_NS	100000000ULL	/* a rate limit lets so much pass at once */

/* Counts of a volume; under the target's lock. */
struct blk_stats {
	uint64_t ios[BLK_OPS];		/* finished without an error */
	uint64_t bytes[BLK_OPS];
	uint64_t errors;
	uint64_t refused;		/* out of range, read-only, malformed */
	uint64_t throttled;		/* times that the rate limit held it back */
	uint64_t cancelled;
	uint64_t expired;		/* waited too long for the target */
	uint64_t latency[BLK_LATENCY_MAX];	/* [n]: below 2^n us; the last: all others */
};

struct blk_volume_config {
	bool read_only;
	uint64_t iops;			/* 0: no limit */
	uint64_t bytes_per_s;		/* 0: no limit */
	uint64_t outage_ns;		/* requests wait so long; 0: for ever */
};

struct blk_volume {
	unsigned int id;		/* index in the table */
	char name[BLK_NAME_MAX];	/* "web.xvda" */
	struct blk_target *target;
	struct blk_volume_config config;
	/* The target's info changed: any CPU, under its lock; only takes note. */
	void (*changed)(void *ctx);
	void *ctx;

	/* Under the target's lock. */
	struct list target_node;
	struct list ready_node;
	struct list queue;
	unsigned int queued;
	unsigned int inflight;		/* submitted and not told done */
	uint64_t deficit;
	bool throttled;
	uint64_t io_time;		/* when the limits have room for one more */
	uint64_t byte_time;
	struct timer throttle;
	struct blk_stats stats;
	struct quiesce quiesce;
};

/* A kind of targets: the text before the colon, and who makes them. */
struct blk_target_kind {
	const char *prefix;		/* "aoe:" */
	/*
	 * The target that `rest` names, found or made, under LOCK_BLK_CONFIG.
	 * -EINVAL, -ENOENT, -ENOMEM, -ENOSPC.
	 */
	int (*open)(const char *rest, struct blk_target **out);
	struct list node;
};

void blk_kind_register(struct blk_target_kind *kind);

/* A reference on the target `name` ("aoe:1.2"). -ENODEV: no such kind. */
MUST_CHECK int blk_target_open(const char *name, struct blk_target **out);
/* Drop one that no volume took over. */
void blk_target_close(struct blk_target *t);

/*
 * Make a volume of a target, whose reference it takes over. -ENOSPC, -ENOMEM,
 * -EEXIST (the name).
 */
MUST_CHECK int blk_volume_create(const char *name, struct blk_target *t,
				 const struct blk_volume_config *config,
				 void (*changed)(void *ctx), void *ctx, struct blk_volume **out);

/* Nothing is in flight. The memory goes when all CPUs have passed. */
void blk_volume_destroy(struct blk_volume *v);

/* A copy of what the volume is like now. */
void blk_volume_info(struct blk_volume *v, struct blk_info *out);

/*
 * Give a request in; r->done is called for it in any case, later. What can't
 * be (range, read-only, alignment) ends with -EINVAL, -EROFS.
 */
void blk_submit(struct blk_request *r);

/* Have a submitted request end with -EIO soon, unless it is done first. */
void blk_cancel(struct blk_request *r);

/* A copy of the counters; tells what waits and what is with the target. */
void blk_volume_stats(struct blk_volume *v, struct blk_stats *out, unsigned int *queued,
		      unsigned int *inflight);

/* By index below BLK_VOLUME_MAX, or NULL. No lock; see above. */
struct blk_volume *blk_volume_get(unsigned int id);

#endif
