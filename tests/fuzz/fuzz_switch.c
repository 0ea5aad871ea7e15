/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch with any frames from ports of all kinds, and what receivers do
 * to them (checksums, segments). Watched: no frame goes back to its port, none
 * leaves its VLAN, none of another's address gets past the source check.
 *
 * Input: a byte for the port, one for length and offload, then the frame.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "net/eth.h"
#include "net/offload.h"
#include "net/switch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PORTS 6U

static struct net_port ports[PORTS];
static struct net_cache caches[PORTS];
static uint64_t payload[64];

static void check(bool ok)
{
	if (!ok) {
		abort();
	}
}

static bool is_member(const struct net_port *p, unsigned int vlan, bool tagged)
{
	if (!tagged) {
		return p->config.vlan == vlan;
	}
	for (unsigned int i = 0; i < p->config.trunk_count; i++) {
		if (p->config.trunk[i] == vlan) {
			return true;
		}
	}
	return p->config.uplink && p->config.trunk_count == 0 && vlan != 0;
}

static void receive(struct net_frame *f)
{
	struct offload_segments s;
	struct net_frame seg;
	uint32_t total = 0;
	int err;

	if (f->gso != NET_GSO_NONE && offload_segments_init(&s, f) == 0) {
		while (offload_segments_next(&s, &seg)) {
			total += seg.len - s.header_len;
			err = offload_checksum(&seg);
			check(err == 0);
		}
		check(total == s.payload);
	} else if (f->csum == NET_CSUM_BLANK) {
		err = offload_checksum(f);
		check(err == 0 || err == -EINVAL);
	}
}

static enum net_verdict fake_deliver(struct net_port *p, struct net_batch *b,
				     struct net_frame *f, bool may_wait)
{
	uint32_t len = f->head_len;

	check(p != b->in);
	check(!may_wait || !(p->config.uplink || b->in->config.uplink));
	check(!(p->config.uplink && b->in->config.uplink));
	check(f->tagged == (f->head[12] == 0x81 && f->head[13] == 0));
	check(is_member(p, f->vlan, f->tagged));
	check(b->in->config.vlan == f->vlan || is_member(b->in, f->vlan, true));
	check(!b->in->config.spoof_check || mac_from_bytes(f->head + 6) == b->in->mac);
	check(b->in->config.uplink || f->head[f->tagged ? 16 : 12] != 0x88 ||
	      f->head[f->tagged ? 17 : 13] != 0xb5);
	for (unsigned int i = 0; i < f->frag_count; i++) {
		len += f->frag[i].len;
	}
	check(len == f->len);
	receive(f);
	return NET_SENT;
}

static void fake_flush(struct net_batch *b)
{
	b->out = NULL;
}

static const struct net_port_ops fake_ops = { .deliver = fake_deliver, .flush = fake_flush };

static void ports_make(void)
{
	static const struct net_port_config configs[PORTS] = {
		{ .mac = { 2, 0, 0, 0, 0, 0 }, .spoof_check = true },
		{ .mac = { 2, 0, 0, 0, 0, 1 }, .spoof_check = true, .vlan = 1 },
		{ .mac = { 2, 0, 0, 0, 0, 2 }, .trunk = { 1, 2 }, .trunk_count = 2 },
		{ .mac = { 2, 0, 0, 0, 0, 3 }, .uplink = true },
		{ .mac = { 2, 0, 0, 0, 0, 5 }, .uplink = true, .trunk = { 2 }, .trunk_count = 1 },
		{ .mac = { 2, 0, 0, 0, 0, 4 }, .vlan = 2, .trunk = { 1 }, .trunk_count = 1 },
	};

	for (unsigned int i = 0; i < PORTS; i++) {
		int err = port_init(&ports[i], "port", &configs[i], &fake_ops);

		check(err == 0);
		err = switch_attach(&ports[i]);
		check(err == 0);
		caches[i] = (struct net_cache){ 0 };
	}
}

static void send_one(const uint8_t *data, size_t n)
{
	uint16_t head[(NET_HEAD_ROOM + NET_HEAD_MAX) / 2];
	struct net_frag frag = { (const uint8_t *)payload, (data[1] & 7U) * 50 };
	struct net_port *in = &ports[data[0] % PORTS];
	struct net_batch b = {
		.in = in, .counts = in->counts[0].n, .cache = &caches[in->id],
	};
	struct net_frame f = {
		.head = (uint8_t *)head + NET_HEAD_ROOM, .frag = &frag, .head_len = (uint32_t)n - 2,
		.csum = NET_CSUM_BLANK, .gso = (enum net_gso)(data[1] >> 3 & 3) % 3,
		.mss = (uint16_t)(8 + (data[1] >> 5) * 20),
	};

	memcpy(f.head, data + 2, n - 2);
	f.frag_count = frag.len > 0;
	f.len = f.head_len + frag.len;
	check(switch_input(&b, &f) != NET_WAIT);
	switch_flush(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	/* Once: a reset for each input would take most of the time. */
	if (!ready) {
		host_reset();
		ready = true;
	}
	ports_make();
	/* Each frame is preceded by its length. */
	while (size > 1 + 2 + ETH_HLEN) {
		size_t n = MIN(MIN(2U + ETH_HLEN + data[0] % 115U, 2U + NET_HEAD_MAX), size - 1);

		send_one(data + 1, n);
		data += 1 + n;
		size -= 1 + n;
		host_time_skip(7000000000ULL);
	}
	for (unsigned int i = 0; i < PORTS; i++) {
		switch_detach(&ports[i]);
	}
	return 0;
}
