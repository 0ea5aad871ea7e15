/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AoE initiator: targets "aoe:SHELF.SLOT" on the storage VLAN (AoEr11, the
 * specification of ATA over Ethernet).
 *
 * A target answers on one or more MAC addresses, its paths. Requests are cut
 * into frames; a frame goes out on a path, and again when it is lost. Each copy
 * of a frame that is sent has a tag of its own, so an answer tells which copy
 * it belongs to. A frame's data is copied once: from the guest's pages into the
 * buffers of the port that takes the frame, or from an answer's pages into the
 * guest's.
 *
 * Safety (docs/decisions/0013-aoe-safety.md): AoE has no connection, so a copy
 * of an old write may be executed after a newer one. A write's sectors stay
 * locked, for other writes, until each copy was answered or can't be alive any
 * more, also when its request ended long before.
 *
 * Locking: the target's lock (blk/target.h) guards everything in it. The table of targets
 * changes under blk_config_lock; look-ups take no lock. Frames are sent under
 * the target's lock; answers come under the sender's LOCK_NET_TX, those of a batch in
 * one hold of the target's lock, AOE_HOLD at most.
 * Invariants: a frame is in exactly one list: free, its path's `sent`,
 * `retry` or `drain`. It is in `writes` from its first copy until its range is
 * unlocked. A slot's frame is given out anew only when no copy that counts is
 * alive.
 */
#ifndef BLK_AOE_H
#define BLK_AOE_H

#include "blk/target.h"
#include "kern/timer.h"
#include "net/frame_copy.h"
#include "net/port.h"
#include "net/switch.h"
#include "vm/vmdesc.h"

#define AOE_VERSION	1U
#define AOE_FLAG_REPLY	0x8U
#define AOE_FLAG_ERROR	0x4U
#define AOE_ALL_SHELVES	0xffffU
#define AOE_ALL_SLOTS	0xffU

enum aoe_command { AOE_ATA, AOE_CONFIG, AOE_MASK, AOE_RESERVE };

/* Where things are in a frame, from the Ethernet header on. */
#define AOE_AT_VERFLAGS	14U
#define AOE_AT_ERROR	15U
#define AOE_AT_MAJOR	16U
#define AOE_AT_MINOR	18U
#define AOE_AT_COMMAND	19U
#define AOE_AT_TAG	20U
#define AOE_HEADER	24U
#define AOE_AT_AFLAGS	24U
#define AOE_AT_FEATURE	25U
#define AOE_AT_SECTORS	26U
#define AOE_AT_ATA	27U		/* command, or status in an answer */
#define AOE_AT_LBA	28U
#define AOE_DATA	36U
#define AOE_AT_BUFFERS	24U		/* config answer */
#define AOE_AT_MAXSECT	28U
#define AOE_CONFIG_END	32U
#define AOE_AT_MASK_COMMAND 25U
#define AOE_AT_MASK_ERROR 26U
#define AOE_AT_MASK_COUNT 27U
#define AOE_AT_MASK_WHAT 29U		/* of the first entry, then its address */
#define AOE_MASK_EDIT	1U
#define AOE_MASK_ADD	1U
#define AOE_MASK_DELETE	2U
#define AOE_OVERHEAD	(AOE_DATA - 14U)	/* of a data frame's MTU */
#define AOE_FRAME_MIN	60U		/* shorter ones are padded */

#define AOE_AF_WRITE	0x01U
#define AOE_AF_LBA48	0x40U
#define ATA_READ	0x24U		/* READ SECTORS EXT */
#define ATA_WRITE	0x34U
#define ATA_FLUSH	0xe7U
#define ATA_IDENTIFY	0xecU
#define ATA_STATUS_ERR	0x01U
#define ATA_STATUS_BSY	0x80U
#define ATA_STATUS_DF	0x20U

#define AOE_TARGETS	128U
#define AOE_PATHS	4U
#define AOE_REQUESTS	64U		/* that a target takes at a time */
#define AOE_SLOT_BITS	9U
#define AOE_SLOTS	(1U << AOE_SLOT_BITS)
#define AOE_FRAMES	(AOE_SLOTS - 1)	/* the last slot is the target's own */
#define AOE_GEN_MASK	((1U << (32 - AOE_SLOT_BITS)) - 1)
#define AOE_PIECES	20U		/* of a frame, see net/frame.h */
#define AOE_SMALL	2U		/* sectors of a frame that any Ethernet takes */
#define AOE_BUFFERS_MAX	128U		/* frames in flight */
#define AOE_BUDGET	16U		/* frames sent by one piece of work */
#define AOE_HOLD	16U		/* answers taken in one hold of the lock */

#define AOE_RTO_FIRST	20000000ULL	/* before anything was measured */
#define AOE_RTO_MIN	50000ULL
#define AOE_RTO_MAX	1000000000ULL	/* also of repeated time-outs */
#define AOE_SLACK	6U		/* quarters of the RTT beyond it: RTO <= 2.5 RTT */
#define AOE_LONGEST	32U		/* RTTs; who takes longer is as good as lost */
#define AOE_LATE_ANSWERS 64U		/* a late one is remembered for so many, or twice */
#define AOE_REORDER_MIN	3U		/* later copies answered: it's lost */
#define AOE_REORDER_MAX	64U
#define AOE_WINDOW_FIRST 4U
#define AOE_DOWN_NS	1000000000ULL	/* no answer to anything for so long */
#define AOE_DRAIN_NS	1000000000ULL	/* a copy that others overtook is dead then */
#define AOE_STOPPED_NS	60000000000ULL	/* .. later, if the target said nothing since */
#define AOE_DUP_NS	10000000ULL	/* the network's own copies come within .. */
#define AOE_DUP_MEMORY	60000000000ULL	/* .. and are expected so long after one */
#define AOE_QUERY_FIRST	50000000ULL
#define AOE_QUERY_MAX	1000000000ULL
#define AOE_QUERY_UP	10000000000ULL	/* look for paths */
#define AOE_OWN_NS	200000000ULL	/* an own command's time-out .. */
#define AOE_OWN_TRIES	5U		/* .. and how often it is tried */
#define AOE_PROBE_TRIES	3U
#define AOE_ALONE_MAX	6U		/* lost so often while others weren't: too large */
#define AOE_PATH_DEAD	4U		/* time-outs in a row */
#define AOE_LOG_NS	10000000000ULL	/* between lines about one target's outages */

enum aoe_counter {
	AOE_SENT,		/* frames, all copies */
	AOE_RESENT,		/* copies after the first */
	AOE_FAST,		/* .. because later ones were answered */
	AOE_TIMEOUTS,		/* .. because time ran out */
	AOE_SPURIOUS,		/* an answer to an older copy: resent in vain */
	AOE_ANSWERS,
	AOE_DUPLICATES,		/* answers to what was answered */
	AOE_LATE,		/* .. of copies that a later one overtook */
	AOE_STALE,		/* to nothing that is waited for */
	AOE_MALFORMED,
	AOE_TARGET_ERRORS,	/* the target reports an error */
	AOE_UNSENT,		/* the switch dropped it */
	AOE_OVERLAPS,		/* times that a write waited for another's copies */
	AOE_DRAINED,		/* copies given up as dead */
	AOE_SHRUNK,		/* frames that proved too large */
	AOE_OUTAGES,
	AOE_OUTAGE_MS,
	AOE_COUNTERS,
};

enum aoe_state {
	AOE_DOWN,		/* asking for it */
	AOE_IDENTIFYING,
	AOE_MASKING,
	AOE_RESERVING,
	AOE_PROBING,		/* the size of frames */
	AOE_UP,
};

struct aoe_path {
	bool used;
	uint8_t mac[6] ALIGNED(2);
	uint64_t mac_number;		/* the same as mac_load() has it .. */
	uint64_t key;			/* .. and for the switch */
	uint64_t head[3];		/* how frames to it begin, without a tag */
	uint64_t srtt, rttvar;		/* ns; srtt 0: not measured */
	uint64_t hold;			/* no frame's time is out before that .. */
	bool ask;			/* .. but one may go beyond the window */
	uint64_t late[2];		/* ns: the longest of late answers, and of those before */
	unsigned int late_age;		/* answers since late[0] was begun */
	unsigned int reorder;
	unsigned int window;		/* frames in flight at most */
	unsigned int threshold;		/* of slow start */
	unsigned int acks;		/* since the window last grew */
	unsigned int clean;		/* answers since a copy was sent in vain */
	unsigned int inflight;
	unsigned int failures;		/* time-outs since the last answer */
	uint32_t seq;			/* copies sent */
	uint32_t answered;		/* the latest copy that was answered */
	uint32_t recover;		/* losses of copies before it are one loss */
	struct list sent;		/* frames, by seq */
	struct net_cache cache;
};

enum aoe_frame_state { AOE_FREE, AOE_IN_FLIGHT, AOE_RETRY, AOE_DRAINING };

struct aoe_frame {
	struct list node;
	struct list write_node;
	struct blk_request *r;		/* NULL: nobody waits for it */
	enum aoe_frame_state state;
	uint16_t slot;			/* index of the target's frames */
	uint8_t command;		/* ATA_* */
	uint64_t lba;
	unsigned int sectors;
	unsigned int chunk;		/* sectors of the copies from .. */
	unsigned int piece, offset;	/* where the next chunk's data is in r */

	uint32_t gen;			/* of the slot's latest copy ever */
	uint32_t first;			/* of this frame's first copy */
	unsigned int done;		/* sectors transferred: all at once, or in chunks */
	unsigned int chunk_copy;	/* .. this one on */
	unsigned int copies;
	unsigned int answers;		/* of distinct copies */
	uint64_t answered;		/* bit n: copy n (of the first 64) */
	unsigned int tries;		/* time-outs, for the next time-out */
	unsigned int alone;		/* lost while others were answered */
	struct aoe_path *path;
	uint32_t seq;
	uint64_t sent_first;		/* when this chunk's first copy was sent */
	uint64_t sent;			/* .. and the latest */
	uint64_t until;			/* draining: the end of the lock */
};

struct aoe_target {
	struct blk_target base;		/* first */
	uint16_t shelf;
	uint8_t slot;
	enum aoe_state state;
	bool closing;			/* nobody uses it */
	bool gone;			/* out of the table */
	unsigned int answers;		/* in this hold of the lock */
	struct timer timer;
	uint64_t timer_when;		/* UINT64_MAX: not set */

	/* What the target says of itself. */
	unsigned int buffers;
	unsigned int max_sectors;	/* of a frame, by its word and our MTU */
	unsigned int read_sectors;	/* as probed and proved */
	unsigned int write_sectors;

	struct aoe_path path[AOE_PATHS];
	struct aoe_path *only_path;	/* if there is one */
	unsigned int path_next;
	unsigned int inflight;
	uint64_t heard;			/* the last answer to anything */
	uint64_t silent_since;		/* when something was sent after all was answered */

	struct list cutting;		/* requests with parts still to cut */
	struct list waiting;		/* .. that wait for answers only */
	unsigned int requests;
	struct list free;		/* frames */
	struct list retry;
	struct list drain;
	struct list writes;		/* whose sectors are locked, by write_node */
	const struct blk_request *clear;	/* only compared: nobody else locks its sectors */
	uint64_t dup_until;		/* duplicates by the network are expected */

	/* Own commands: queries, identify, probes; one at a time. */
	uint32_t own_gen;		/* of the tag used last .. */
	uint32_t own_first;		/* .. and of the first that still counts */
	uint32_t query_first;		/* the same of queries */
	uint32_t query_gen;
	bool own_waits;
	unsigned int own_tries;
	unsigned int own_sectors;	/* of a probe */
	uint64_t own_when;		/* the next query, or the time-out */
	uint64_t query_ns;
	struct aoe_path *own_path;
	uint8_t own_data[BLK_SECTOR];

	uint64_t down_since;
	uint64_t log_when;
	uint64_t counts[AOE_COUNTERS];
	struct aoe_frame frame[AOE_FRAMES];
};

/* Where the initiator is on the network; made once. */
struct aoe_port {
	struct net_port port;		/* first */
	unsigned int mtu_sectors;	/* of a frame */
	bool reserve;
	bool mask;
};

extern struct aoe_port *aoe_port;
extern const struct net_port_ops aoe_port_ops;

/*
 * Give the hypervisor its port in the storage VLAN, and make the kind "aoe:" of
 * targets known; boot only. -EEXIST (the MAC), -ENOSPC, -ENOMEM.
 */
MUST_CHECK int aoe_init(const struct vm_storage_config *config);

/* Under the target's lock: have the timer run at `when` at the latest. */
static inline void aoe_timer_by(struct aoe_target *t, uint64_t when)
{
	if (when < t->timer_when) {
		t->timer_when = when;
		timer_set(&t->timer, when);
	}
}

/* The target answered. */
static inline void aoe_heard(struct aoe_target *t, struct aoe_path *p, uint64_t now)
{
	t->heard = now;
	p->failures = 0;
}

/* aoe.c: paths were added, or are not used any more. */
void aoe_paths_changed(struct aoe_target *t);
/* No frame was answered for too long. */
void aoe_down(struct aoe_target *t);

/* aoe_wire.c: frames out and in. */
void aoe_batch_begin(struct net_batch *b, struct aoe_target *t);
/* p->mac is set: prepare what is the same for all frames to it. */
void aoe_path_prepare(const struct aoe_target *t, struct aoe_path *p);
/* Send a copy of `f` on `p`. */
void aoe_send_frame(struct aoe_target *t, struct net_batch *b, struct aoe_frame *f,
		    struct aoe_path *p, uint32_t tag);
/* A query for all who are `t`, on all paths. */
void aoe_send_query(struct aoe_target *t);
/* An own ATA command to one path. */
void aoe_send_own(struct aoe_target *t, struct aoe_path *p, uint8_t command,
		  unsigned int sectors);
void aoe_send_mask(struct aoe_target *t, struct aoe_path *p, bool add);
void aoe_send_reserve(struct aoe_target *t, struct aoe_path *p, bool reserve);

/* An answer as it came: the head is private, the rest the sender's. */
struct aoe_answer {
	const struct net_frame *f;
	const uint8_t *head;
	struct aoe_path *path;		/* NULL: an address that isn't known */
	uint32_t tag;
	uint64_t now;			/* when its batch began, or later */
	bool error;
	uint32_t data_len;		/* bytes behind the ATA header */
};
/* Where its data begins. There is some, and its head_len is AOE_DATA at least. */
static inline struct frame_cursor aoe_data(const struct aoe_answer *a)
{
	const struct net_frame *f = a->f;

	return f->head_len > AOE_DATA ?
	       (struct frame_cursor){ f->head + AOE_DATA, f->head_len - AOE_DATA, f->frag } :
	       (struct frame_cursor){ f->frag->data, f->frag->len, f->frag + 1 };
}

/* aoe.c: answers to own commands. */
void aoe_config_answer(struct aoe_target *t, const struct aoe_answer *a);
void aoe_own_answer(struct aoe_target *t, const struct aoe_answer *a, enum aoe_command command);
/* The target with that address, or NULL. */
struct aoe_target *aoe_find(uint16_t shelf, uint8_t slot);

/* aoe_io.c: requests and their frames. */
void aoe_io_init(struct aoe_target *t);
int aoe_submit(struct blk_target *t, struct blk_request *r);
void aoe_cancel(struct blk_target *t, struct blk_request *r, int status);
bool aoe_pump(struct blk_target *t);
/* `f` is the one of the tag's slot. */
void aoe_ata_answer(struct aoe_target *t, struct aoe_frame *f, const struct aoe_answer *a);
/* Time-outs and locks that end; the time when to look again. */
uint64_t aoe_io_timer(struct aoe_target *t, uint64_t now);
/* Nothing in flight counts any more: send it all again when the target is back. */
void aoe_io_stop(struct aoe_target *t);
/* The target is back. */
void aoe_io_resume(struct aoe_target *t);
/* Something was sent and not answered. */
static inline bool aoe_io_waits(const struct aoe_target *t)
{
	return t->inflight > 0 || !list_empty(&t->retry);
}
/* Requests that have waited too long; true if some with a limit are left. */
bool aoe_io_expire(struct aoe_target *t, uint64_t now);
/* No copy of a write is alive. */
static inline bool aoe_io_idle(const struct aoe_target *t)
{
	return list_empty(&t->writes);
}

#endif
