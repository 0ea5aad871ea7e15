/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch.
 */
#include "net/switch.h"

#include "kern/random.h"
#include "lib/bytes.h"
#include "mem/heap.h"
#include "net/capture.h"
#include "net/eth.h"
#include "net/vlan.h"

static struct fdb *fdb;

int switch_init(void)
{
	fdb = heap_alloc(sizeof(*fdb));
	if (fdb == NULL) {
		return -ENOMEM;
	}
	fdb_init(fdb, random_u64());
	port_table_init();
	return 0;
}

int switch_attach(struct net_port *p)
{
	int err = fdb_add_static(fdb, fdb_key(p->mac, p->config.vlan), p);

	for (unsigned int i = 0; i < p->config.trunk_count && err == 0; i++) {
		err = fdb_add_static(fdb, fdb_key(p->mac, p->config.trunk[i]), p);
	}
	if (err == 0) {
		err = port_add(p);
	}
	if (err != 0) {
		fdb_remove_port(fdb, p);
	}
	return err;
}

void switch_detach(struct net_port *p)
{
	port_remove(p);
	capture_port_gone(p);
	fdb_remove_port(fdb, p);
}

static uint32_t now_seconds(void)
{
	return (uint32_t)(arch_now() / 1000000000U);
}

static inline uint32_t batch_seconds(struct net_batch *b)
{
	if (b->seconds == 0) {
		b->seconds = (uint32_t)(batch_now(b) / 1000000000U);
	}
	return b->seconds;
}

bool switch_fdb_next(unsigned int *at, struct fdb_row *out)
{
	return fdb_next(fdb, at, now_seconds(), out);
}

static enum net_verdict drop(struct net_batch *b, enum net_counter why)
{
	b->counts[why]++;
	return NET_DROPPED;
}

/*
 * Once a second for the same source is enough. False if the address is
 * another port's own: nobody else may send from it.
 */
static bool learn(struct net_batch *b, uint64_t key)
{
	uint32_t now = batch_seconds(b);

	if (b->cache->source == key && b->cache->source_time == now) {
		return true;
	}
	switch_flush(b);
	switch (fdb_learn(fdb, key, b->in, now)) {
	case FDB_FOREIGN:
		return false;
	case FDB_FULL:
		b->counts[NET_DROP_LEARN]++;
		break;
	case FDB_LEARNED:
		break;
	}
	b->cache->source = key;
	b->cache->source_time = now;
	return true;
}

/* Apart, so that the usual way has no buffer on its stack. */
static NOINLINE enum net_verdict deliver_tagged(struct net_batch *b, struct net_port *p,
						const struct net_frame *f, bool may_wait)
{
	/* 2-byte aligned, as heads are. */
	uint16_t head[(NET_HEAD_MAX + VLAN_TAG_LEN) / 2];
	struct net_frame tagged;

	vlan_tag(f, &tagged, (uint8_t *)head);
	return p->ops->deliver(p, b, &tagged, may_wait);
}

/* The frame went its way, or was dropped there: copy it if the port is captured. */
static inline enum net_verdict captured(struct net_port *p, const struct net_frame *f,
					bool to_guest, enum net_verdict v)
{
	/* Acquire: pairs with the release in capture_start(). */
	struct capture *c = atomic_load_explicit(&p->capture, memory_order_acquire);

	if (unlikely(c != NULL) && v != NET_WAIT) {
		capture_frame(c, f, to_guest);
	}
	return v;
}

static inline enum net_verdict egress(struct net_batch *b, struct net_port *p,
				      struct net_frame *f, bool may_wait)
{
	if (likely(p->config.vlan == f->vlan)) {
		return p->ops->deliver(p, b, f, may_wait);
	}
	return vlan_egress(p, f->vlan) == VLAN_TAGGED ? deliver_tagged(b, p, f, may_wait) :
							drop(b, NET_DROP_VLAN);
}

static ALWAYS_INLINE enum net_verdict deliver_here(struct net_batch *b, struct net_port *p,
						   struct net_frame *f, bool may_wait)
{
	b->deliveries++;
	return captured(p, f, true, egress(b, p, f, may_wait));
}

/* Rare, or of many: deliver_here() is for one frame to one port. */
static NOINLINE enum net_verdict deliver(struct net_batch *b, struct net_port *p,
					 struct net_frame *f, bool may_wait)
{
	return deliver_here(b, p, f, may_wait);
}

/*
 * A flood goes from no wire to another. An unknown address is behind no port
 * that has one only, which is known: guests see nothing of others' frames when
 * a wire goes and its addresses are forgotten.
 */
static bool flood_reaches(const struct net_batch *b, const struct net_port *p, bool unicast)
{
	return !(b->in->config.uplink && p->config.uplink) &&
	       !(unicast && p->config.spoof_check);
}

/* Broadcast, multicast, unknown unicast. It never waits for a receiver. */
static enum net_verdict flood(struct net_batch *b, struct net_frame *f, bool unicast)
{
	unsigned int limit = port_limit();
	unsigned int sent = 0;

	for (unsigned int i = 0; i < limit; i++) {
		struct net_port *p = port_get(i);

		if (p == NULL || p == b->in || vlan_egress(p, f->vlan) == VLAN_NOT ||
		    !flood_reaches(b, p, unicast)) {
			continue;
		}
		sent++;
		(void)deliver(b, p, f, false);
	}
	if (sent == 0) {
		return drop(b, NET_DROP_NO_PORT);
	}
	if (sent > 1) {
		b->counts[NET_TX_FLOODED]++;
	}
	return NET_SENT;
}

/* Ports that management frames may come from and go to. */
static bool takes_mgmt(const struct net_port *p)
{
	return p->config.uplink || p->config.mgmt;
}

static enum net_verdict flood_mgmt(struct net_batch *b, struct net_frame *f)
{
	unsigned int limit = port_limit();
	unsigned int sent = 0;

	for (unsigned int i = 0; i < limit; i++) {
		struct net_port *p = port_get(i);

		if (p != NULL && p != b->in && takes_mgmt(p) && flood_reaches(b, p, false) &&
		    vlan_egress(p, f->vlan) != VLAN_NOT) {
			sent++;
			(void)deliver(b, p, f, false);
		}
	}
	return sent > 0 ? NET_SENT : drop(b, NET_DROP_NO_PORT);
}

static inline struct net_port *find(struct net_batch *b, uint64_t key)
{
	struct net_cache *c = b->cache;

	if (likely(c->key == key && c->generation == fdb_generation(fdb))) {
		return c->port;
	}
	switch_flush(b);
	c->port = fdb_lookup(fdb, key, batch_seconds(b), &c->generation);
	/* Only what was found: the next look may find a new entry. */
	c->key = c->port != NULL ? key : 0;
	return c->port;
}

/* Rare, so apart. The source address was checked and learned. */
static NOINLINE enum net_verdict input_mgmt(struct net_batch *b, struct net_frame *f, uint64_t dst)
{
	struct net_port *out;

	if (mac_is_multicast(dst)) {
		return flood_mgmt(b, f);
	}
	out = find(b, fdb_key(dst, f->vlan));
	if (out == NULL) {
		return flood_mgmt(b, f);
	}
	if (out == b->in) {
		return drop(b, NET_DROP_SELF);
	}
	if (b->in->config.uplink && out->config.uplink) {
		return drop(b, NET_DROP_UPLINK);
	}
	return takes_mgmt(out) ? deliver(b, out, f, false) : drop(b, NET_DROP_MGMT);
}

/* To a host that has its key; nobody waits between wires. */
static enum net_verdict forward(struct net_batch *b, struct net_frame *f, uint64_t key)
{
	const struct net_port *in = b->in;
	struct net_port *out = find(b, key);

	if (unlikely(out == NULL)) {
		return flood(b, f, true);
	}
	if (unlikely(out == in)) {
		return drop(b, NET_DROP_SELF);
	}
	if (unlikely(in->config.uplink && out->config.uplink)) {
		return drop(b, NET_DROP_UPLINK);
	}
	return deliver_here(b, out, f, !in->config.uplink && !out->config.uplink);
}

static enum net_verdict input(struct net_batch *b, struct net_frame *f)
{
	struct net_port *in = b->in;
	uint64_t dst;
	uint64_t src;
	bool is_mgmt;

	if (!vlan_ingress(in, f)) {
		return drop(b, NET_DROP_VLAN);
	}
	dst = mac_load(f->head);
	src = mac_load(f->head + ETH_ALEN);
	if (in->config.spoof_check ? src != in->mac : (mac_is_multicast(src) || src == 0)) {
		return drop(b, NET_DROP_SPOOF);
	}
	if (dst == in->mac) {
		return drop(b, NET_DROP_SELF);
	}
	is_mgmt = get_be16(f->head + ETH_TYPE_AT) == ETH_MGMT;
	if (unlikely(is_mgmt && !takes_mgmt(in))) {
		return drop(b, NET_DROP_MGMT);
	}
	if (!in->config.spoof_check && !learn(b, fdb_key(src, f->vlan))) {
		return drop(b, NET_DROP_SPOOF);
	}
	if (unlikely(is_mgmt)) {
		return input_mgmt(b, f, dst);
	}
	if (mac_is_multicast(dst)) {
		return flood(b, f, false);
	}
	return forward(b, f, fdb_key(dst, f->vlan));
}

enum net_verdict switch_input(struct net_batch *b, struct net_frame *f)
{
	return captured(b->in, f, false, input(b, f));
}

enum net_verdict switch_send(struct net_batch *b, struct net_frame *f, uint64_t key)
{
	f->vlan = b->in->config.vlan;
	return captured(b->in, f, false, forward(b, f, key));
}
