/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AoE frames: out into the switch, and in from it.
 *
 * Locking: sending under the target's lock. Answers come under the sender's
 * LOCK_NET_TX, and take the target's lock.
 */
#include "blk/aoe.h"

#include "kern/cpu.h"
#include "lib/bytes.h"
#include "lib/string.h"
#include "net/eth.h"

/* A frame's private part, with room for a tag before. */
struct head {
	uint64_t room;
	union {
		uint64_t word[NET_HEAD_MAX / sizeof(uint64_t)];
		uint8_t bytes[NET_HEAD_MAX];
	};
};

_Static_assert(sizeof(uint64_t) >= NET_HEAD_ROOM, "room for a tag");
_Static_assert(AOE_DATA == NET_HEAD_AOE, "all but the data is private");

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

/* --- out --------------------------------------------------------------------- */

/* Counters of the port belong to the CPU: it isn't preempted. */
static uint64_t *port_counts(void)
{
	return aoe_port->port.counts[this_cpu()->id].n;
}

void aoe_batch_begin(struct net_batch *b, struct aoe_target *t)
{
	*b = (struct net_batch){
		.in = &aoe_port->port,
		/* One target's frames stay in order: always the same queue. */
		.queue = (t->shelf + t->slot) % NET_QUEUE_MAX,
		.counts = port_counts(),
	};
}

static void head_begin(struct head *h, const struct aoe_target *t, const uint8_t *dst,
		       enum aoe_command command, uint32_t tag)
{
	uint8_t *b = h->bytes;

	memset(b, 0, AOE_FRAME_MIN);
	memcpy(b, dst, ETH_ALEN);
	memcpy(b + ETH_ALEN, aoe_port->port.config.mac, ETH_ALEN);
	put_be16(b + ETH_TYPE_AT, ETH_AOE);
	b[AOE_AT_VERFLAGS] = AOE_VERSION << 4;
	put_be16(b + AOE_AT_MAJOR, t->shelf);
	b[AOE_AT_MINOR] = t->slot;
	b[AOE_AT_COMMAND] = (uint8_t)command;
	put_be32(b + AOE_AT_TAG, tag);
}

void aoe_path_prepare(const struct aoe_target *t, struct aoe_path *p)
{
	struct head h;

	/* A frame's tag is put in later. */
	head_begin(&h, t, p->mac, AOE_ATA, 0);
	memcpy(p->head, h.word, sizeof(p->head));
	p->mac_number = mac_load(p->mac);
	p->key = fdb_key(p->mac_number, aoe_port->port.config.vlan);
}

static uint8_t ata_flags(uint8_t command)
{
	return command == ATA_WRITE ? AOE_AF_LBA48 | AOE_AF_WRITE :
	       command == ATA_READ ? AOE_AF_LBA48 : 0;
}

static void ata_begin(struct head *h, uint8_t command, uint64_t lba, unsigned int sectors)
{
	uint8_t *b = h->bytes;

	b[AOE_AT_AFLAGS] = ata_flags(command);
	b[AOE_AT_SECTORS] = (uint8_t)sectors;
	b[AOE_AT_ATA] = command;
	for (unsigned int i = 0; i < 6; i++) {
		b[AOE_AT_LBA + i] = (uint8_t)(lba >> (8 * i));
	}
}

static inline void count_sent(struct aoe_target *t, struct net_batch *b, uint32_t len)
{
	t->counts[AOE_SENT]++;
	b->counts[NET_TX_FRAMES]++;
	b->counts[NET_TX_BYTES] += len;
}

/*
 * The head of a request's frame, padded: head_begin() and ata_begin() in a few words,
 * the first bytes of each in the low bits (both ports are little-endian).
 */
static inline void ata_head(struct head *h, const struct aoe_frame *f, const struct aoe_path *p,
			    uint32_t tag)
{
	uint64_t lba = f->lba + f->done;

	h->word[0] = p->head[0];
	h->word[1] = p->head[1];
	h->word[AOE_AT_MAJOR / 8] = p->head[AOE_AT_MAJOR / 8] | (uint64_t)swap32(tag) << 32;
	h->word[AOE_AT_AFLAGS / 8] = ata_flags(f->command) | (f->chunk & 0xff) << 16 |
				     (uint64_t)f->command << 24 | lba << 32;
	h->word[4] = lba >> 32 & 0xffff;
	h->word[5] = 0;
	h->word[6] = 0;
	h->word[7] = 0;
}

/* The data of a frame's next chunk, as pieces of the guest's pages. */
static unsigned int chunk_frags(const struct aoe_frame *f, struct net_frag *frag)
{
	const struct grant_piece *p = &f->r->piece[f->piece];
	uint32_t left = f->chunk << BLK_SECTOR_SHIFT;
	uint32_t skip = f->offset;
	unsigned int n = 0;

	while (left > 0) {
		uint32_t len = MIN(left, (uint32_t)p->len - skip);

		frag[n].data = (const uint8_t *)p->page + p->offset + skip;
		frag[n++].len = len;
		left -= len;
		skip = 0;
		p++;
	}
	return n;
}

void aoe_send_frame(struct aoe_target *t, struct net_batch *b, struct aoe_frame *f,
		    struct aoe_path *p, uint32_t tag)
{
	struct net_frag frag[NET_FRAG_MAX];
	struct head h;
	struct net_frame nf = { .head = h.bytes, .head_len = AOE_FRAME_MIN, .len = AOE_FRAME_MIN,
				.frag = frag };

	ata_head(&h, f, p, tag);
	if (f->command == ATA_WRITE) {
		nf.head_len = AOE_DATA;
		nf.frag_count = chunk_frags(f, frag);
		nf.len = AOE_DATA + (f->chunk << BLK_SECTOR_SHIFT);
	}
	count_sent(t, b, nf.len);
	b->cache = &p->cache;
	if (switch_send(b, &nf, p->key) != NET_SENT) {
		t->counts[AOE_UNSENT]++;
	}
}

static void send_alone(struct aoe_target *t, struct head *h, struct aoe_path *p)
{
	struct net_frame nf = {
		.head = h->bytes, .head_len = AOE_FRAME_MIN, .len = AOE_FRAME_MIN,
	};
	struct net_cache none = { 0 };
	struct net_batch b;

	aoe_batch_begin(&b, t);
	count_sent(t, &b, nf.len);
	b.cache = p != NULL ? &p->cache : &none;
	if (switch_input(&b, &nf) != NET_SENT) {
		t->counts[AOE_UNSENT]++;
	}
	switch_flush(&b);
}

static uint32_t own_tag(struct aoe_target *t)
{
	t->own_gen = (t->own_gen + 1) & AOE_GEN_MASK;
	return t->own_gen << AOE_SLOT_BITS | AOE_FRAMES;
}

void aoe_send_query(struct aoe_target *t)
{
	struct head h;

	head_begin(&h, t, broadcast, AOE_CONFIG, own_tag(t));
	send_alone(t, &h, NULL);
}

void aoe_send_own(struct aoe_target *t, struct aoe_path *p, uint8_t command, unsigned int sectors)
{
	struct head h;

	head_begin(&h, t, p->mac, AOE_ATA, own_tag(t));
	ata_begin(&h, command, 0, sectors);
	send_alone(t, &h, p);
}

void aoe_send_mask(struct aoe_target *t, struct aoe_path *p, bool add)
{
	struct head h;

	head_begin(&h, t, p->mac, AOE_MASK, own_tag(t));
	h.bytes[AOE_AT_MASK_COMMAND] = AOE_MASK_EDIT;
	h.bytes[AOE_AT_MASK_COUNT] = 1;
	h.bytes[AOE_AT_MASK_WHAT] = add ? AOE_MASK_ADD : AOE_MASK_DELETE;
	memcpy(h.bytes + AOE_AT_MASK_WHAT + 1, aoe_port->port.config.mac, ETH_ALEN);
	send_alone(t, &h, p);
}

void aoe_send_reserve(struct aoe_target *t, struct aoe_path *p, bool reserve)
{
	struct head h;

	head_begin(&h, t, p->mac, AOE_RESERVE, own_tag(t));
	/* Set the list of those who may use it: we, or everybody. */
	h.bytes[AOE_HEADER] = 1;
	h.bytes[AOE_HEADER + 1] = reserve;
	if (reserve) {
		memcpy(h.bytes + AOE_HEADER + 2, aoe_port->port.config.mac, ETH_ALEN);
	}
	send_alone(t, &h, p);
}

/* --- in ------------------------------------------------------------------------- */

static struct aoe_path *path_find(struct aoe_target *t, uint64_t mac)
{
	if (likely(t->only_path != NULL)) {
		return t->only_path->mac_number == mac ? t->only_path : NULL;
	}
	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		if (t->path[i].used && t->path[i].mac_number == mac) {
			return &t->path[i];
		}
	}
	return NULL;
}

static void answer(struct aoe_target *t, const struct net_frame *f, uint64_t now)
{
	struct aoe_answer a = {
		.f = f, .head = f->head, .path = path_find(t, mac_load(f->head + ETH_ALEN)),
		.tag = get_be32(f->head + AOE_AT_TAG), .now = now,
		.error = (f->head[AOE_AT_VERFLAGS] & AOE_FLAG_ERROR) != 0,
	};
	enum aoe_command command = (enum aoe_command)f->head[AOE_AT_COMMAND];
	unsigned int slot = a.tag & (AOE_SLOTS - 1);

	a.data_len = f->len > AOE_DATA ? f->len - AOE_DATA : 0;
	if (command == AOE_CONFIG) {
		aoe_config_answer(t, &a);
	} else if (a.path == NULL) {
		/* Only who answered a query is believed. */
		t->counts[AOE_STALE]++;
	} else if (slot == AOE_FRAMES) {
		aoe_own_answer(t, &a, command);
	} else if (command == AOE_ATA) {
		aoe_ata_answer(t, &t->frame[slot], &a);
	} else {
		t->counts[AOE_MALFORMED]++;
	}
}

/* Have the target open in the batch; NULL: there is none. */
static struct aoe_target *target_open(struct net_port *p, struct net_batch *b, uint16_t shelf,
				      uint8_t slot)
{
	struct aoe_target *t;

	/* The lock of an open destination is of a higher rank than ours, or ours. */
	switch_flush(b);
	t = aoe_find(shelf, slot);
	if (t != NULL) {
		spin_lock(&t->base.lock);
		t->answers = 0;
		b->out = p;
		b->out_queue = t;
	}
	return t;
}

static enum net_verdict aoe_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
				    bool may_wait)
{
	uint64_t *counts = port_counts();
	struct aoe_target *t = b->out_queue;
	uint16_t shelf;
	uint8_t slot;

	counts[NET_RX_FRAMES]++;
	counts[NET_RX_BYTES] += f->len;
	if (f->tagged || f->gso != NET_GSO_NONE || f->head_len < AOE_CONFIG_END ||
	    get_be16(f->head + ETH_TYPE_AT) != ETH_AOE ||
	    f->head[AOE_AT_VERFLAGS] >> 4 != AOE_VERSION ||
	    (f->head[AOE_AT_VERFLAGS] & AOE_FLAG_REPLY) == 0) {
		/* Other machines' queries, too. */
		counts[NET_DROP_MALFORMED]++;
		return NET_DROPPED;
	}
	shelf = get_be16(f->head + AOE_AT_MAJOR);
	slot = f->head[AOE_AT_MINOR];
	if (b->out != p || t->shelf != shelf || t->slot != slot || t->answers == AOE_HOLD) {
		t = target_open(p, b, shelf, slot);
	}
	if (unlikely(t == NULL)) {
		counts[NET_DROP_NO_PORT]++;
		return NET_DROPPED;
	}
	t->answers++;
	answer(t, f, batch_now(b));
	return NET_SENT;
}

static void aoe_flush(struct net_batch *b)
{
	struct aoe_target *t = b->out_queue;

	b->out = NULL;
	b->out_queue = NULL;
	/* There may be room to send, or something is done. */
	work_queue(&t->base.work);
	spin_unlock(&t->base.lock);
}

const struct net_port_ops aoe_port_ops = {
	.deliver = aoe_deliver,
	.flush = aoe_flush,
};
