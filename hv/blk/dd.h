/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks in driver domains: targets "dd:VM/DISK". The hypervisor is the front end of
 * the driver domain's own back end (Linux's xen-blkback): it makes the device's
 * directories in XenStore, has a ring, and grants the driver domain pages of its own,
 * which the domain maps once and keeps (persistent grants): at frames of its own RAM,
 * where the data then is (xen/grant_map.h). Data is copied between these and the pages of
 * guests' requests, which no device ever sees (docs/decisions/0016-driver-domain-disks.md).
 *
 * A target goes on when the driver domain ends: what was in flight is sent again when
 * the domain is back, and the pages that its devices may still write to are not used
 * before these were stopped.
 *
 * Locking: the target's lock (blk/target.h) guards the ring and the slots. All that
 * has to do with XenStore and the states is done by the step, the function of a
 * watch, of which one call runs at a time; the fields that it alone uses have no
 * lock. The table of targets, and which domain each is attached to, change under
 * blk_config_lock.
 * Invariants: the ring is touched only while `up`, under the lock. The pages of a slot
 * that was sent are its own until it was answered or the domain is gone, also when its
 * request ended before; then it has none (an orphan), and an orphan's write keeps
 * later ones to the same sectors from being sent.
 */
#ifndef BLK_DD_H
#define BLK_DD_H

#include "blk/blkif.h"
#include "blk/target.h"
#include "kern/timer.h"
#include "xen/grant_map.h"

#define DD_TARGETS	64U
#define DD_RING_ORDER	1U		/* of ours; the back end may take one page only */
#define DD_RING_PAGES	(1U << DD_RING_ORDER)
#define DD_SLOTS	(BLKIF_RING_MIN * DD_RING_PAGES)
/*
 * Memory for data: each slot has a page; requests that need more take a chunk, in
 * one piece, so that Linux makes one of its segments if it mapped them side by side.
 */
#define DD_CHUNK_ORDER	5U
#define DD_CHUNK_PAGES	(1U << DD_CHUNK_ORDER)
#define DD_CHUNKS	16U		/* one at once, the others when they are needed */
/* References: the ring, the slots' pages, the chunks'. */
#define DD_SLOT_REF	DD_RING_PAGES
#define DD_CHUNK_REF	(DD_SLOT_REF + DD_SLOTS)
#define DD_REFS		(DD_CHUNK_REF + DD_CHUNKS * DD_CHUNK_PAGES)
#define DD_DISK_MAX	64U		/* of a disk's name, with the NUL */
#define DD_TICK_NS	1000000000ULL	/* between looks at what waits */
#define DD_HANG_NS	60000000000ULL	/* no answer for so long: the domain hangs */
#define DD_LOST_NS	300000000000ULL	/* .. to one request, whatever else it answers */
#define DD_RETRY_NS	1000000000ULL	/* between attempts to connect */
/* With more requests in flight an event is for this part of their answers. */
#define DD_EVENT_PART	2U

static_assert(DD_CHUNK_PAGES == BLK_PIECES_MAX, "a chunk holds any request");

enum dd_state {
	DD_AWAY,		/* no domain, or it has no such disk */
	DD_WAITING,		/* for the back end to be ready for our keys */
	DD_OFFERED,		/* they are there; it shall connect */
	DD_UP,
	DD_CLOSING,
};

enum dd_counter {
	DD_SENT,		/* requests, also those sent again */
	DD_RESENT,
	DD_ANSWERS,
	DD_ERRORS,		/* answers that tell of one */
	DD_INDIRECT,
	DD_EVENTS,		/* to the back end */
	DD_EVENTS_SAVED,
	DD_NOTIFICATIONS,	/* by the back end */
	DD_BREACHES,		/* it broke the ring's rules */
	DD_ORPHANS,		/* requests that ended before they were answered */
	DD_OVERLAPS,		/* times that a write waited for an orphan */
	DD_STARVED,		/* times that there was no chunk */
	DD_OUTAGES,
	DD_OUTAGE_MS,
	DD_COUNTERS,
};

struct dd_slot {
	struct list node;		/* free, queued or sent */
	struct blk_request *r;		/* NULL: free, or an orphan if it is sent */
	uint16_t gen;			/* in the id, so that old answers are noticed */
	bool sent;
	uint64_t since;			/* when it was sent, or the domain last was paused */
	bool writes;			/* sent: changes these sectors */
	uint64_t sector, sectors;
	unsigned int chunk;		/* DD_CHUNKS: none */
};

struct dd_target {
	struct blk_target base;		/* first */
	unsigned int domid;		/* the driver domain's, for good */
	unsigned int devid;		/* of the device in XenStore */
	char disk[DD_DISK_MAX];

	/* Under blk_config_lock. */
	struct domain *d;		/* attached to; NULL: to none */
	bool closing;			/* nobody uses it */

	/* The step's own. */
	enum dd_state state;
	unsigned int offer;		/* event channel */
	unsigned int order;		/* of the ring */
	uint64_t tried;			/* when it was attached last */
	bool missed;			/* it was told that there is no such disk */
	int error;			/* of the last attempt; it was told */
	uint64_t closed_since;

	struct xs_watch *disk_watch;
	struct xs_watch *state_watch;	/* its function is the step */
	_Atomic bool watching;		/* somebody has added them */
	bool gone;			/* nobody finds it; under both locks */

	/* Under the target's lock. */
	bool up;
	bool held;			/* the domain may reach pages; `grants` is good */
	struct hv_grants *grants;
	uint8_t *ring;			/* in one piece */
	uint32_t mask;			/* entries - 1 */
	uint32_t prod;			/* next request */
	uint32_t told;			/* req_prod as last published */
	uint32_t cons;			/* next answer */
	struct work look;		/* for answers that take no event */
	uint64_t heard;			/* the last answer, or when all had been answered */
	uint64_t down_since;		/* 0: never was up */
	struct timer poke;		/* has the step run */
	bool ticking;
	struct timer tick;
	struct list free;
	struct list queued;
	struct list sent;		/* in the order of sending */
	unsigned int in_flight;		/* sent */
	unsigned int orphans;		/* of these */
	uint64_t counts[DD_COUNTERS];
	void *page[DD_SLOTS];		/* data, or the list of many segments */
	void *chunk[DD_CHUNKS];
	unsigned int chunk_count;	/* made */
	unsigned int chunk_free;	/* on the stack .. */
	uint8_t chunk_stack[DD_CHUNKS];	/* .. of free ones: the last used is the next */
	struct dd_slot slot[DD_SLOTS];
};

/* Make the kind "dd:" of targets known; boot only. -ENOMEM. */
MUST_CHECK int dd_init(void);

/* dd.c: have the step run soon. Caller holds the target's lock. */
void dd_poke_locked(struct dd_target *t);

/* dd_io.c: requests and the ring. */
MUST_CHECK int dd_io_init(struct dd_target *t);	/* -ENOMEM */
void dd_io_fini(struct dd_target *t);
int dd_submit(struct blk_target *b, struct blk_request *r);
void dd_cancel(struct blk_target *b, struct blk_request *r, int status);
bool dd_pump(struct blk_target *b);
/* The back end raised its event. */
void dd_event(void *target);
/* The function of `look`. */
void dd_look(struct work *w);
/* The ring is as new; give it and all pages to the domain. */
void dd_io_reset(struct dd_target *t);
/* It has 2^order pages, and all that waits is sent on it. */
void dd_io_up(struct dd_target *t, unsigned int order);
/* No request is sent and no answer is taken any more. */
void dd_io_down(struct dd_target *t);
/* The domain reaches no page any more: what was sent is to be sent again. */
void dd_io_unsend(struct dd_target *t);
/* The domain broke a rule: it ends. Any lock may be held; `why` is constant. */
void dd_breach(struct dd_target *t, const char *why);
void dd_tick(struct timer *timer);

/* dd_store.c: the device in XenStore; errors of its functions, no lock held. */
struct dd_device {
	char number[24];		/* "fe:0", of the disk in the driver domain */
	bool read_only;
};

/* What the driver domain says of the disk; -ENOENT if it has none such. */
int dd_store_disk(const struct dd_target *t, struct dd_device *out);
/* It has told all disks that it found. */
bool dd_store_complete(const struct dd_target *t);
int dd_store_make(const struct dd_target *t, const struct dd_device *dev);
void dd_store_remove(const struct dd_target *t);
/* The back end's state, 0 if it has none. */
unsigned int dd_store_state(const struct dd_target *t);
int dd_store_set_state(const struct dd_target *t, unsigned int state);
/* It shall not wait for us to come again. */
int dd_store_offline(const struct dd_target *t);
/* Tell it our ring; its order is the larger one that both can. */
int dd_store_offer(struct dd_target *t);
/* What the connected back end says of the disk. */
int dd_store_info(const struct dd_target *t, struct blk_info *out);
/* Have `step` called after changes, one at a time; what is watched stays. */
int dd_store_watch(struct dd_target *t, void (*step)(void *ctx));

#endif
