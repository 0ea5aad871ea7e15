/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: a wire with a node on it, and a small client of the management
 * protocol. The wire is an uplink of the switch, which loses, doubles and
 * reorders frames in both directions as told.
 */
#ifndef TESTS_MGMT_CLIENT_H
#define TESTS_MGMT_CLIENT_H

#include "unit.h"

#include <string.h>

#include "mgmt/mgmt.h"
#include "mgmt/session_key.h"
#include "net/switch.h"

#define MC_MS		1000000ULL
#define MC_FRAME	1600U
#define MC_QUEUE	256U
#define MC_DATA		1024U

struct mc_frame {
	size_t len;
	uint8_t bytes[MC_FRAME];
};

struct mc_queue {
	struct mc_frame frame[MC_QUEUE];
	unsigned int head, tail;
};

/* The wire. */
static struct net_port mc_port;
static struct net_cache mc_cache;
static struct mc_queue mc_out;		/* from the node */
static struct mc_frame mc_held[2];	/* kept back, to the node and from it */
static unsigned int mc_loss, mc_double, mc_reorder;	/* per cent */
static struct unit_random mc_random = { 1 };
static unsigned int mc_lost;		/* frames that did not fit mc_out */

static const uint8_t mc_node_mac[6] = { 0x02, 'M', 'V', 0, 0, 1 };
static const uint8_t mc_all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static inline bool mc_chance(unsigned int percent)
{
	return unit_random_below(&mc_random, 100) < percent;
}

/* Other frames than the protocol's go by. (A tag may be before it.) */
static inline void mc_put(const struct mc_frame *f)
{
	const uint8_t *type = f->bytes + (f->bytes[12] == 0x81 ? 16 : 12);

	if (type[0] != 0x88 || type[1] != 0xb5) {
		return;
	}
	if (mc_out.head - mc_out.tail == MC_QUEUE) {
		mc_lost++;
		return;
	}
	mc_out.frame[mc_out.head++ % MC_QUEUE] = *f;
}

/* Straight into the switch. */
static inline enum net_verdict mc_inject_at(struct net_port *port, struct net_cache *cache,
					    const uint8_t *bytes, size_t len)
{
	uint16_t head[(NET_HEAD_ROOM + NET_HEAD_MAX) / 2];
	size_t first = MIN(len, (size_t)NET_HEAD_MAX);
	struct net_frag frag = { bytes + first, (uint32_t)(len - first) };
	struct net_batch b = { .in = port, .counts = port->counts[0].n, .cache = cache };
	struct net_frame f = {
		.head = (uint8_t *)head + NET_HEAD_ROOM, .head_len = (uint32_t)first,
		.len = (uint32_t)len, .frag = &frag, .frag_count = len > first,
	};
	enum net_verdict v;

	memcpy(f.head, bytes, first);
	v = switch_input(&b, &f);
	switch_flush(&b);
	return v;
}

static inline void mc_to_node(const struct mc_frame *f)
{
	(void)mc_inject_at(&mc_port, &mc_cache, f->bytes, f->len);
}

/* What the wire does to a frame; `way` 0: to the node. */
static inline void mc_carry(unsigned int way, const struct mc_frame *f)
{
	void (*give)(const struct mc_frame *f) = way == 0 ? mc_to_node : mc_put;
	struct mc_frame held = mc_held[way];

	if (mc_chance(mc_loss)) {
		return;
	}
	if (held.len == 0 && mc_chance(mc_reorder)) {
		mc_held[way] = *f;
		return;
	}
	mc_held[way].len = 0;
	give(f);
	if (mc_chance(mc_double)) {
		give(f);
	}
	if (held.len != 0) {
		give(&held);
	}
}

static enum net_verdict mc_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
				   bool may_wait)
{
	struct mc_frame out = { .len = f->len };
	uint8_t *to = out.bytes;

	assert_true(f->len <= MC_FRAME);
	assert_false(may_wait);
	memcpy(to, f->head, f->head_len);
	to += f->head_len;
	for (unsigned int i = 0; i < f->frag_count; i++) {
		memcpy(to, f->frag[i].data, f->frag[i].len);
		to += f->frag[i].len;
	}
	assert_int_equal(to - out.bytes, f->len);
	mc_carry(1, &out);
	(void)p;
	(void)b;
	return NET_SENT;
}

static void mc_flush(struct net_batch *b)
{
	b->out = NULL;
}

static const struct net_port_ops mc_ops = { .deliver = mc_deliver, .flush = mc_flush };

static inline struct mgmt_config mc_config(void)
{
	struct mgmt_config c = {
		.given = true, .name = "node-1", .node_id = { 1, 2, 3 }, .image_quota = MIB(8),
	};

	memcpy(c.mac, mc_node_mac, 6);
	return c;
}

/* Put a node on the wire. */
static inline void mc_start(const struct mgmt_config *config)
{
	struct net_port_config pc = { .mac = { 2, 0, 0, 0, 9, 9 }, .uplink = true };

	memset(&mc_out, 0, sizeof(mc_out));
	memset(mc_held, 0, sizeof(mc_held));
	memset(&mc_cache, 0, sizeof(mc_cache));
	mc_loss = mc_double = mc_reorder = mc_lost = 0;
	assert_int_equal(port_init(&mc_port, "wire", &pc, &mc_ops), 0);
	assert_int_equal(switch_attach(&mc_port), 0);
	assert_int_equal(mgmt_init(config), 0);
}

static inline void mc_stop(void)
{
	host_run();
	mgmt_stop();
	switch_detach(&mc_port);
	host_run();
}

/* --- a client ------------------------------------------------------------------ */

struct mc {
	uint8_t mac[6];
	uint8_t nonce[MV_NONCE_LEN];
	uint32_t session;
	uint32_t next_id;
	uint64_t counter;
	bool keyed;
	uint8_t key[MV_KEY_LEN];
	uint8_t secret[32];
	uint8_t challenge[MV_NONCE_LEN];
	uint8_t open_packet[sizeof(struct mv_header) + sizeof(struct mv_open)];
	struct session_keys keys;
	struct mv_announce announce;
	/* The last reply. */
	uint16_t status;
	uint16_t part, parts;
	size_t size;
	uint8_t body[MV_PACKET_MAX];
	unsigned int notified;
	unsigned int gone;
	unsigned int tries;		/* of the last call */
};

static inline struct mc mc_client(unsigned int n)
{
	struct mc c = { .mac = { 2, 0, 0, 0, 1, (uint8_t)n }, .next_id = 1 };

	for (unsigned int i = 0; i < MV_NONCE_LEN; i++) {
		c.nonce[i] = (uint8_t)unit_random(&mc_random);
		c.secret[i] = (uint8_t)unit_random(&mc_random);
		c.secret[16 + i] = (uint8_t)unit_random(&mc_random);
	}
	return c;
}

static inline void mc_header(uint8_t *p, unsigned int kind, uint32_t session, uint64_t counter,
			     size_t length)
{
	struct mv_header h = {
		.version = 1, .kind = (uint8_t)kind, .length = mv_put16((uint16_t)length),
		.session = mv_put32(session), .counter = mv_put64(counter),
	};

	memcpy(p, &h, sizeof(h));
}

/* A frame with `packet` in it, over the wire. */
static inline void mc_transmit(const struct mc *c, const uint8_t *dst, const void *packet, size_t n)
{
	struct mc_frame f = { .len = MAX(n + 14, (size_t)60) };

	memcpy(f.bytes, dst, 6);
	memcpy(f.bytes + 6, c->mac, 6);
	f.bytes[12] = 0x88;
	f.bytes[13] = 0xb5;
	memcpy(f.bytes + 14, packet, n);
	mc_carry(0, &f);
}

static inline void mc_send_kind(struct mc *c, const uint8_t *dst, unsigned int kind,
				const void *payload, size_t n)
{
	uint8_t p[MV_PACKET_MAX];

	mc_header(p, kind, 0, 0, 16 + n);
	memcpy(p + 16, payload, n);
	mc_transmit(c, dst, p, 16 + n);
}

/* In the session; with a key, sealed. */
static inline void mc_send_request(struct mc *c, uint32_t id, unsigned int verb, const void *body,
				   size_t n)
{
	struct mv_request r = { .id = mv_put32(id), .verb = mv_put16((uint16_t)verb) };
	uint8_t p[MV_PACKET_MAX + MC_FRAME];
	size_t length = 16 + sizeof(r) + n + (c->keyed ? MV_TAG_LEN : 0);

	mc_header(p, MV_REQUEST, c->session, ++c->counter, length);
	memcpy(p + 16, &r, sizeof(r));
	if (n > 0) {
		memcpy(p + 16 + sizeof(r), body, n);
	}
	if (c->keyed) {
		session_seal(&c->keys, p, length);
	}
	mc_transmit(c, mc_node_mac, p, length);
}

static inline void mc_take_opened(struct mc *c, uint8_t *p)
{
	const struct mv_opened *o = (const void *)(p + 16);
	uint8_t mac[MV_MAC_LEN];

	if (memcmp(o->client_nonce, c->nonce, MV_NONCE_LEN) != 0) {
		return;
	}
	c->status = mv_get16(o->status);
	if (c->keyed && c->session == 0) {
		assert_int_equal(session_keys_make(&c->keys, SESSION_CLIENT, c->key, c->secret,
						   o->point, c->open_packet, p, mac), 0);
		assert_memory_equal(mac, o->mac, MV_MAC_LEN);
	}
	c->session = mv_get32(o->session);
}

/* True if it was the reply to `id`. */
static inline bool mc_take_reply(struct mc *c, uint32_t id, const uint8_t *payload, size_t n)
{
	const struct mv_reply *r = (const void *)payload;

	assert_true(n >= sizeof(*r));
	if (mv_get32(r->id) != id) {
		return false;
	}
	c->status = mv_get16(r->status);
	c->part = mv_get16(r->part);
	c->parts = mv_get16(r->parts);
	c->size = n - sizeof(*r);
	memcpy(c->body, payload + sizeof(*r), c->size);
	memset(c->body + c->size, 0, sizeof(c->body) - c->size);
	return true;
}

/* Look at all that came for `c`. True if the reply to `id` was among it. */
static inline bool mc_receive(struct mc *c, uint32_t id)
{
	bool found = false;

	while (!found && mc_out.head != mc_out.tail) {
		struct mc_frame f = mc_out.frame[mc_out.tail++ % MC_QUEUE];
		const struct mv_header *h = (const void *)(f.bytes + 14);
		size_t length = mv_get16(h->length);

		assert_true(f.len >= 60 && f.len <= 1514 && length + 14 <= f.len);
		assert_memory_equal(f.bytes + 6, mc_node_mac, 6);
		if (memcmp(f.bytes, c->mac, 6) != 0) {
			continue;
		}
		if (h->kind == MV_ANNOUNCE) {
			memcpy(&c->announce, f.bytes + 30, sizeof(c->announce));
			memcpy(c->challenge, c->announce.challenge, MV_NONCE_LEN);
		} else if (h->kind == MV_OPENED) {
			mc_take_opened(c, f.bytes + 14);
		} else if (h->kind == MV_GONE) {
			c->gone++;
		} else if (mv_get32(h->session) == c->session) {
			if (c->keyed) {
				if (session_unseal(&c->keys, f.bytes + 14, length) != 0) {
					continue;
				}
				length -= MV_TAG_LEN;
			}
			if (h->kind == MV_NOTIFY) {
				c->notified++;
			} else {
				found = mc_take_reply(c, id, f.bytes + 30, length - 16);
			}
		}
	}
	return found;
}

static inline void mc_discover(struct mc *c, const uint8_t *dst, const char *name)
{
	struct mv_discover d = { .nonce = mv_put64(unit_random(&mc_random)) };

	memset(&c->announce, 0, sizeof(c->announce));
	strncpy(d.name, name, sizeof(d.name) - 1);
	mc_send_kind(c, dst, MV_DISCOVER, &d, sizeof(d));
}

static inline void mc_send_open(struct mc *c)
{
	struct mv_open o = { .node_id = { 1, 2, 3 }, .packet_max = mv_put16(MV_PACKET_MAX) };
	uint8_t *p = c->open_packet;

	memcpy(o.nonce, c->nonce, MV_NONCE_LEN);
	if (c->keyed) {
		memcpy(o.challenge, c->challenge, MV_NONCE_LEN);
		session_point(c->secret, o.point);
	}
	mc_header(p, MV_OPEN, 0, 0, 16 + sizeof(o));
	memcpy(p + 16, &o, sizeof(o));
	if (c->keyed) {
		session_open_mac(c->key, p, p + 16 + offsetof(struct mv_open, mac));
	}
	mc_transmit(c, mc_node_mac, p, 16 + sizeof(o));
}

static inline bool mc_open(struct mc *c)
{
	c->session = 0;
	c->status = UINT16_MAX;
	for (unsigned int i = 0; i < 50 && c->status == UINT16_MAX; i++) {
		if (c->keyed) {
			mc_discover(c, mc_node_mac, "");
			host_advance(5 * MC_MS);
			mc_receive(c, 0);
		}
		mc_send_open(c);
		host_advance(5 * MC_MS);
		mc_receive(c, 0);
	}
	return c->status == MV_OK && c->session != 0;
}

/* Again and again until the reply to `id` comes. False: it never did. */
static inline bool mc_call_id(struct mc *c, uint32_t id, unsigned int verb, const void *body,
			      size_t n)
{
	for (c->tries = 1; c->tries <= 60; c->tries++) {
		mc_send_request(c, id, verb, body, n);
		host_advance(2 * MC_MS);
		if (mc_receive(c, id)) {
			return true;
		}
		host_advance(20 * MC_MS);
		if (mc_receive(c, id)) {
			return true;
		}
	}
	return false;
}

/* A request of its own; returns the status. */
static inline uint16_t mc_call(struct mc *c, unsigned int verb, const void *body, size_t n)
{
	if (!mc_call_id(c, c->next_id++, verb, body, n)) {
		fail_msg("no reply to verb 0x%x", verb);
	}
	return c->status;
}

static inline uint16_t mc_list(struct mc *c, unsigned int verb, uint32_t cursor, uint32_t arg)
{
	struct mv_cursor q = { .cursor = mv_put32(cursor), .arg = mv_put32(arg) };

	return mc_call(c, verb, &q, sizeof(q));
}

static inline struct mv_vm_ref mc_ref(const char *name)
{
	struct mv_vm_ref r = { .id = mv_put32(0) };

	strncpy(r.name, name, sizeof(r.name) - 1);
	return r;
}

static inline uint16_t mc_vm(struct mc *c, unsigned int verb, const char *name)
{
	struct mv_vm_ref r = mc_ref(name);

	return mc_call(c, verb, &r, sizeof(r));
}

#endif
