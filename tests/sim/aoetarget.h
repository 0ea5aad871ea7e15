/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AoE target for tests, with the network between: a port of the switch that
 * takes frames, delays, loses, duplicates and reorders them, executes what
 * arrives and answers. Everything happens at its simulated time in at_run().
 */
#ifndef TESTS_SIM_AOETARGET_H
#define TESTS_SIM_AOETARGET_H

#include <stdlib.h>
#include <string.h>

#include "blk/aoe.h"
#include "harness.h"
#include "lib/bytes.h"
#include "net/eth.h"

#define AT_VLAN		100U
#define AT_STEP_NS	10000ULL
#define AT_EVENTS	4096U
#define AT_SECTORS	8192U
#define AT_TARGETS	3U

struct at_event {
	uint64_t when;
	bool out;			/* an answer */
	uint32_t len;
	uint8_t *data;
};

struct at_target {
	struct net_port port;		/* first */
	uint16_t shelf;
	uint8_t slot;
	uint64_t told_sectors;		/* what it says that it has */
	uint64_t sectors;		/* what it has */
	unsigned int buffers, max_sectors;
	uint64_t random;
	/* Per mille of the frames, each way. */
	unsigned int loss, dup, slow;
	uint64_t delay, delay_slow, delay_dup;
	unsigned int lose_in, lose_out;	/* count down; the one at 0 is lost */
	uint32_t limit_in, limit_out;	/* longer frames are lost; 0: none */
	bool down;			/* loses everything */
	bool stopped;			/* keeps what arrives */
	bool error;			/* each command fails */
	bool reserved;			/* by another machine */
	uint8_t reserved_mac[6];
	bool mask_full;			/* no entry is added any more */
	uint8_t mask[6];		/* the one entry */
	unsigned int frames_in, writes, reads, flushes, in_flight, most_in_flight;
	struct at_event event[AT_EVENTS];
	unsigned int events;
	struct at_target *twin;		/* shares its disk: another path */
	uint8_t disk[AT_SECTORS * 512];
};

static struct at_target at[AT_TARGETS];

static inline bool at_chance(struct at_target *t, unsigned int per_mille)
{
	t->random = t->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (t->random >> 33) % 1000 < per_mille;
}

static inline void at_add(struct at_target *t, const uint8_t *data, uint32_t len, bool out,
			  uint64_t delay)
{
	struct at_event *e = &t->event[t->events++];

	if (t->events == AT_EVENTS) {
		host_fatal("too many frames under way");
	}
	*e = (struct at_event){ .when = arch_now() + delay, .out = out, .len = len };
	e->data = malloc(len);
	memcpy(e->data, data, len);
}

/* The network, one way. */
static inline void at_carry(struct at_target *t, const uint8_t *data, uint32_t len, bool out)
{
	unsigned int *lose = out ? &t->lose_out : &t->lose_in;
	uint32_t limit = out ? t->limit_out : t->limit_in;
	uint64_t delay = t->delay / 2;

	if (*lose > 0 && --*lose == 0) {
		return;
	}
	if (t->down || (limit != 0 && len > limit) || at_chance(t, t->loss)) {
		return;
	}
	if (at_chance(t, t->slow)) {
		delay = 1 + t->random % t->delay_slow;
	}
	at_add(t, data, len, out, delay);
	if (at_chance(t, t->dup)) {
		at_add(t, data, len, out, delay + 1 + t->random % t->delay_dup);
	}
}

static inline enum net_verdict at_deliver(struct net_port *p, struct net_batch *b,
					  struct net_frame *f, bool may_wait)
{
	static uint8_t text[70000];
	uint32_t len = f->head_len;

	(void)b;
	(void)may_wait;
	memcpy(text, f->head, len);
	for (unsigned int i = 0; i < f->frag_count; i++) {
		memcpy(text + len, f->frag[i].data, f->frag[i].len);
		len += f->frag[i].len;
	}
	if (len != f->len) {
		host_fatal("a frame's parts don't sum up");
	}
	at_carry((struct at_target *)p, text, len, false);
	return NET_SENT;
}

static inline void at_flush(struct net_batch *b)
{
	b->out = NULL;
}

static inline void at_batch(struct net_batch *b, struct net_cache *cache, struct at_target *t)
{
	*cache = (struct net_cache){ 0 };
	*b = (struct net_batch){
		.in = &t->port, .counts = t->port.counts[0].n, .cache = cache,
	};
}

/* One frame of a batch; switch_flush() follows. */
static inline void at_send_one(struct net_batch *b, const uint8_t *data, uint32_t len)
{
	uint16_t head[(NET_HEAD_ROOM + NET_HEAD_MAX) / 2];
	uint8_t *h = (uint8_t *)head + NET_HEAD_ROOM;
	struct net_frag frag = { data + MIN(len, NET_HEAD_MAX), len - MIN(len, NET_HEAD_MAX) };
	struct net_frame f = {
		.head = h, .head_len = MIN(len, NET_HEAD_MAX), .len = len, .frag = &frag,
		.frag_count = frag.len > 0,
	};

	memcpy(h, data, f.head_len);
	(void)switch_input(b, &f);
}

static inline void at_send(struct at_target *t, const uint8_t *data, uint32_t len)
{
	struct net_cache cache;
	struct net_batch b;

	at_batch(&b, &cache, t);
	at_send_one(&b, data, len);
	switch_flush(&b);
}

static inline void at_identify(const struct at_target *t, uint8_t *out)
{
	memset(out, 0, 512);
	out[2 * 83] = 0;
	out[2 * 83 + 1] = 0x14;		/* LBA48, flush */
	for (unsigned int i = 0; i < 8; i++) {
		out[2 * 100 + i] = (uint8_t)(t->told_sectors >> (8 * i));
	}
}

static inline uint32_t at_ata(struct at_target *t, uint8_t *f, uint32_t len)
{
	struct at_target *disk = t->twin != NULL ? t->twin : t;
	unsigned int n = f[AOE_AT_SECTORS];
	uint64_t lba = 0;
	uint8_t command = f[AOE_AT_ATA];

	for (unsigned int i = 0; i < 6; i++) {
		lba |= (uint64_t)f[AOE_AT_LBA + i] << (8 * i);
	}
	f[AOE_AT_ATA] = 0x40;
	if (t->error) {
		f[AOE_AT_ATA] = 0x41;
		return AOE_DATA;
	}
	switch (command) {
	case ATA_IDENTIFY:
		at_identify(t, f + AOE_DATA);
		return AOE_DATA + 512;
	case ATA_FLUSH:
		t->flushes++;
		return AOE_DATA;
	case ATA_READ:
	case ATA_WRITE:
		if (n > t->max_sectors || lba + n > t->sectors ||
		    (command == ATA_WRITE && len < AOE_DATA + n * 512)) {
			f[AOE_AT_ATA] = 0x41;
			return AOE_DATA;
		}
		if (command == ATA_READ) {
			t->reads++;
			memcpy(f + AOE_DATA, disk->disk + lba * 512, n * 512);
			return AOE_DATA + n * 512;
		}
		t->writes++;
		memcpy(disk->disk + lba * 512, f + AOE_DATA, n * 512);
		return AOE_DATA;
	default:
		f[AOE_AT_ATA] = 0x41;
		return AOE_DATA;
	}
}

static inline uint32_t at_reserve(struct at_target *t, uint8_t *f)
{
	if (t->reserved) {
		f[AOE_AT_VERFLAGS] |= AOE_FLAG_ERROR;
		f[AOE_AT_ERROR] = 6;
	} else {
		memset(t->reserved_mac, 0, 6);
		if (f[AOE_HEADER + 1] == 1) {
			memcpy(t->reserved_mac, f + AOE_HEADER + 2, 6);
		}
	}
	return AOE_FRAME_MIN;
}

static inline uint32_t at_mask(struct at_target *t, uint8_t *f)
{
	if (f[AOE_AT_MASK_COMMAND] != AOE_MASK_EDIT || f[AOE_AT_MASK_COUNT] != 1 || t->mask_full) {
		f[AOE_AT_MASK_ERROR] = 2;
	} else if (f[AOE_AT_MASK_WHAT] == AOE_MASK_ADD) {
		memcpy(t->mask, f + AOE_AT_MASK_WHAT + 1, 6);
	} else {
		memset(t->mask, 0, 6);
	}
	return AOE_FRAME_MIN;
}

/* Execute a request and answer. */
static inline void at_execute(struct at_target *t, const uint8_t *data, uint32_t len)
{
	static uint8_t f[70000];
	uint16_t shelf = get_be16(data + AOE_AT_MAJOR);

	t->frames_in++;
	if ((data[AOE_AT_VERFLAGS] & AOE_FLAG_REPLY) != 0 ||
	    (shelf != t->shelf && shelf != AOE_ALL_SHELVES) ||
	    (data[AOE_AT_MINOR] != t->slot && data[AOE_AT_MINOR] != AOE_ALL_SLOTS)) {
		return;
	}
	memset(f, 0, AOE_FRAME_MIN);
	memcpy(f, data, len);
	memcpy(f, data + 6, 6);
	memcpy(f + 6, t->port.config.mac, 6);
	f[AOE_AT_VERFLAGS] |= AOE_FLAG_REPLY;
	put_be16(f + AOE_AT_MAJOR, t->shelf);
	f[AOE_AT_MINOR] = t->slot;
	switch (f[AOE_AT_COMMAND]) {
	case AOE_ATA:
		len = at_ata(t, f, len);
		break;
	case AOE_CONFIG:
		put_be16(f + AOE_AT_BUFFERS, (uint16_t)t->buffers);
		f[AOE_AT_MAXSECT] = (uint8_t)t->max_sectors;
		len = AOE_CONFIG_END;
		break;
	case AOE_MASK:
		len = at_mask(t, f);
		break;
	case AOE_RESERVE:
		len = at_reserve(t, f);
		break;
	default:
		return;
	}
	at_carry(t, f, MAX(len, AOE_FRAME_MIN), true);
}

/* The event that is due first, or NULL. */
static inline struct at_event *at_due(struct at_target *t)
{
	struct at_event *first = NULL;

	for (unsigned int i = 0; i < t->events; i++) {
		struct at_event *e = &t->event[i];

		if (e->when <= arch_now() && !(t->stopped && !e->out) &&
		    (first == NULL || e->when < first->when)) {
			first = e;
		}
	}
	return first;
}

/* Answers that are there come as one batch, as a driver domain sends them. */
static inline void at_poll(struct at_target *t)
{
	struct net_cache cache;
	struct net_batch b;
	struct at_event *e;

	at_batch(&b, &cache, t);
	while ((e = at_due(t)) != NULL) {
		struct at_event now = *e;

		/* In order, for those of one time. */
		memmove(e, e + 1, (size_t)(&t->event[t->events] - e - 1) * sizeof(*e));
		t->events--;
		if (now.out) {
			at_send_one(&b, now.data, now.len);
		} else {
			at_execute(t, now.data, now.len);
		}
		free(now.data);
	}
	switch_flush(&b);
	host_run();
}

static inline void at_run(uint64_t ns)
{
	uint64_t end = arch_now() + ns;

	while (arch_now() < end) {
		host_advance(AT_STEP_NS);
		for (unsigned int i = 0; i < AT_TARGETS; i++) {
			at_poll(&at[i]);
		}
	}
}

/* The storage network with target `n` as aoe:1.n. */
static inline void at_plug(unsigned int n)
{
	static const struct net_port_ops ops = { .deliver = at_deliver, .flush = at_flush };
	struct net_port_config pc = {
		.mac = { 0, 0x16, 0x3e, 0xae, 0, (uint8_t)n }, .vlan = AT_VLAN,
		.spoof_check = true,
	};
	struct at_target *t = &at[n];

	if (port_init(&t->port, "at", &pc, &ops) != 0 || switch_attach(&t->port) != 0) {
		host_fatal("the target has no port");
	}
}

static inline void at_setup(bool reserve, unsigned int mtu)
{
	struct vm_storage_config c = {
		.present = true, .vlan = AT_VLAN, .mtu = mtu,
		.mac = { 0, 0x16, 0x3e, 0xae, 1, 0 }, .has_mac = true, .reserve = reserve,
		.mask = reserve,
	};

	memset(at, 0, sizeof(at));
	for (unsigned int n = 0; n < AT_TARGETS; n++) {
		at[n] = (struct at_target){
			.shelf = 1, .slot = (uint8_t)n, .sectors = AT_SECTORS,
			.told_sectors = AT_SECTORS, .buffers = 16, .max_sectors = 17,
			.random = n + 1, .delay = 200000, .delay_slow = 1, .delay_dup = 1,
		};
	}
	if (aoe_init(&c) != 0) {
		host_fatal("no storage network");
	}
}

/* Frames that are under way at the end are forgotten. */
static inline void at_teardown(void)
{
	for (unsigned int n = 0; n < AT_TARGETS; n++) {
		while (at[n].events > 0) {
			free(at[n].event[--at[n].events].data);
		}
	}
}

#endif
