/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own port. See mgmt/mgmt_port.h.
 */
#include "mgmt/mgmt_port.h"

#include "kern/quiesce.h"
#include "lib/bytes.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "net/eth.h"
#include "net/switch.h"

#define NS_PER_FRAME	(1000000000U / MGMT_RATE)
#define ETH_MIN		60U		/* shorter frames are padded */

struct slot {
	size_t len;
	uint16_t frame[MGMT_FRAME_MAX / 2];
};

struct ring {
	struct slot slot[MGMT_RING];
};

static struct net_port port;
static bool joined;
static struct mgmt_config config;
static void (*wake_fn)(void);

/* Under `lock`. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_NET_RX);
static struct ring *ring;		/* NULL: not joined */
static uint32_t head, tail;
static uint64_t refilled;		/* time up to which tokens were given */
static uint32_t tokens;

static _Atomic uint64_t counters[MGMT_COUNTERS];

/* Sending: the server's. */
static struct net_cache cache;
static uint16_t tx_head[(NET_HEAD_ROOM + NET_HEAD_MAX) / 2];

void mgmt_count(enum mgmt_counter c)
{
	atomic_fetch_add_explicit(&counters[c], 1, memory_order_relaxed);
}

uint64_t mgmt_counter(enum mgmt_counter c)
{
	return atomic_load_explicit(&counters[c], memory_order_relaxed);
}

const char *mgmt_counter_name(enum mgmt_counter c)
{
	static const char *const names[MGMT_COUNTERS] = {
		[MGMT_RX_TAKEN] = "mgmt_rx_frames",
		[MGMT_DROP_PORT] = "mgmt_drop_port",
		[MGMT_DROP_SOURCE] = "mgmt_drop_source",
		[MGMT_DROP_FORM] = "mgmt_drop_form",
		[MGMT_DROP_RATE] = "mgmt_drop_rate",
		[MGMT_DROP_FULL] = "mgmt_drop_full",
		[MGMT_DROP_PACKET] = "mgmt_drop_packet",
		[MGMT_DROP_SESSION] = "mgmt_drop_session",
		[MGMT_DROP_TAG] = "mgmt_drop_tag",
		[MGMT_DROP_REPLAY] = "mgmt_drop_replay",
		[MGMT_DROP_OPEN] = "mgmt_drop_open",
		[MGMT_REQUESTS] = "mgmt_requests",
		[MGMT_REPEATED] = "mgmt_repeated",
		[MGMT_ERRORS] = "mgmt_errors",
		[MGMT_SENT] = "mgmt_tx_packets",
		[MGMT_NOT_SENT] = "mgmt_tx_dropped",
		[MGMT_OPENED] = "mgmt_sessions_opened",
		[MGMT_EVICTED] = "mgmt_sessions_evicted",
	};

	return (unsigned int)c < MGMT_COUNTERS ? names[c] : "?";
}

/* --- in ---------------------------------------------------------------------- */

static bool token_locked(void)
{
	uint64_t now = arch_now();
	uint64_t fresh = (now - refilled) / NS_PER_FRAME;

	tokens = (uint32_t)MIN(tokens + fresh, (uint64_t)MGMT_BURST);
	refilled += fresh * NS_PER_FRAME;
	if (tokens == 0) {
		return false;
	}
	tokens--;
	return true;
}

static bool allowed(uint64_t mac)
{
	for (unsigned int i = 0; i < config.allow_count; i++) {
		if (mac_from_bytes(config.allow[i]) == mac) {
			return true;
		}
	}
	return config.allow_count == 0;
}

/* What can be told without the ring; the reason to drop it, or MGMT_RX_TAKEN. */
static enum mgmt_counter judge(const struct net_batch *b, const struct net_frame *f)
{
	if (!b->in->config.uplink) {
		return MGMT_DROP_PORT;
	}
	if (get_be16(f->head + ETH_TYPE_AT) != MV_ETHERTYPE || f->len > MGMT_FRAME_MAX ||
	    f->gso != NET_GSO_NONE) {
		return MGMT_DROP_FORM;
	}
	return allowed(mac_load(f->head + ETH_ALEN)) ? MGMT_RX_TAKEN : MGMT_DROP_SOURCE;
}

static void put_locked(const struct net_frame *f)
{
	struct slot *s = &ring->slot[head % MGMT_RING];
	uint8_t *to = (uint8_t *)s->frame;

	memcpy(to, f->head, f->head_len);
	to += f->head_len;
	for (unsigned int i = 0; i < f->frag_count; i++) {
		memcpy(to, f->frag[i].data, f->frag[i].len);
		to += f->frag[i].len;
	}
	s->len = f->len;
	head++;
}

static enum mgmt_counter take(const struct net_frame *f)
{
	enum mgmt_counter why = MGMT_RX_TAKEN;

	spin_lock(&lock);
	if (ring == NULL || head - tail == MGMT_RING) {
		why = MGMT_DROP_FULL;
	} else if (!token_locked()) {
		why = MGMT_DROP_RATE;
	} else {
		put_locked(f);
	}
	spin_unlock(&lock);
	return why;
}

static enum net_verdict mgmt_deliver(struct net_port *p, struct net_batch *b,
				     struct net_frame *f, bool may_wait)
{
	enum mgmt_counter why = judge(b, f);

	/* Another port's lock has the same rank as ours. */
	switch_flush(b);
	if (why == MGMT_RX_TAKEN) {
		why = take(f);
	}
	mgmt_count(why);
	if (why != MGMT_RX_TAKEN) {
		b->counts[why == MGMT_DROP_PORT ? NET_DROP_MGMT : NET_DROP_RX_FULL]++;
		return NET_DROPPED;
	}
	wake_fn();
	return NET_SENT;
}

/* Nothing is left open in a batch. */
static void mgmt_flush(struct net_batch *b)
{
	b->out = NULL;
}

static const struct net_port_ops mgmt_ops = { .deliver = mgmt_deliver, .flush = mgmt_flush };

size_t mgmt_port_take(uint8_t *frame)
{
	size_t len = 0;

	spin_lock(&lock);
	if (ring != NULL && head != tail) {
		const struct slot *s = &ring->slot[tail % MGMT_RING];

		len = s->len;
		memcpy(frame, s->frame, len);
		tail++;
	}
	spin_unlock(&lock);
	return len;
}

/* --- out ----------------------------------------------------------------------- */

static void mac_store(uint8_t *p, uint64_t mac)
{
	for (unsigned int i = 0; i < ETH_ALEN; i++) {
		p[i] = (uint8_t)(mac >> (8 * i));
	}
}

void mgmt_port_send(uint64_t dst, const uint8_t *packet, size_t length)
{
	static const uint8_t zeroes[ETH_MIN];
	struct net_batch b = { .in = &port, .counts = port.counts[0].n, .cache = &cache };
	size_t first = MIN(length, (size_t)NET_HEAD_MAX - ETH_HLEN);
	size_t whole = MAX(ETH_HLEN + length, (size_t)ETH_MIN);
	struct net_frag frag[2];
	struct net_frame f = {
		.head = (uint8_t *)tx_head + NET_HEAD_ROOM,
		.head_len = (uint32_t)(ETH_HLEN + first),
		.len = (uint32_t)whole,
		.frag = frag,
	};

	mac_store(f.head, dst);
	memcpy(f.head + ETH_ALEN, config.mac, ETH_ALEN);
	put_be16(f.head + ETH_TYPE_AT, MV_ETHERTYPE);
	memcpy(f.head + ETH_HLEN, packet, first);
	if (first < length) {
		frag[f.frag_count++] = (struct net_frag){
			packet + first, (uint32_t)(length - first),
		};
	}
	if (whole > ETH_HLEN + length) {
		frag[f.frag_count++] = (struct net_frag){
			zeroes, (uint32_t)(whole - ETH_HLEN - length),
		};
	}
	b.counts[NET_TX_FRAMES]++;
	b.counts[NET_TX_BYTES] += f.len;
	mgmt_count(switch_input(&b, &f) == NET_SENT ? MGMT_SENT : MGMT_NOT_SENT);
	switch_flush(&b);
}

/* --- start and end ------------------------------------------------------------- */

int mgmt_port_init(const struct mgmt_config *c, void (*wake)(void))
{
	struct net_port_config pc = { .vlan = c->vlan, .spoof_check = true, .mgmt = true };
	int err;

	config = *c;
	wake_fn = wake;
	memcpy(pc.mac, c->mac, sizeof(pc.mac));
	err = port_init(&port, "mgmt", &pc, &mgmt_ops);
	if (err != 0) {
		return err;
	}
	ring = heap_alloc(sizeof(*ring));
	if (ring == NULL) {
		return -ENOMEM;
	}
	tokens = MGMT_BURST;
	refilled = arch_now();
	err = switch_attach(&port);
	if (err != 0) {
		heap_free(ring);
		ring = NULL;
		return err;
	}
	joined = true;
	return 0;
}

void mgmt_port_stop(void)
{
	struct ring *old;

	if (!joined) {
		return;
	}
	switch_detach(&port);
	joined = false;
	spin_lock(&lock);
	old = ring;
	ring = NULL;
	head = 0;
	tail = 0;
	spin_unlock(&lock);
	heap_free(old);
}
