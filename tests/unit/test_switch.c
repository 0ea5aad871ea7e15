/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch with ports that only remember what they were given.
 */
#include "unit.h"

#include "frame_make.h"
#include "lib/fmt.h"
#include "net/switch.h"

#define PORTS 6U

struct fake {
	struct net_port port;
	struct net_cache cache;
	unsigned int frames;
	unsigned int flushes;
	unsigned int may_wait;		/* frames offered so */
	bool tagged;			/* the last frame */
	uint16_t vlan;
	enum net_verdict verdict;
};

static struct fake fakes[PORTS];

static enum net_verdict fake_deliver(struct net_port *p, struct net_batch *b,
				     struct net_frame *f, bool may_wait)
{
	struct fake *k = container_of(p, struct fake, port);

	if (b->out != p) {
		switch_flush(b);
		b->out = p;
	}
	k->frames++;
	k->may_wait += may_wait;
	k->tagged = f->tagged;
	k->vlan = f->tagged ? (uint16_t)(frame_get16(f->head + 14) & 0xfff) : 0;
	return k->verdict;
}

static void fake_flush(struct net_batch *b)
{
	container_of(b->out, struct fake, port)->flushes++;
	b->out = NULL;
}

static const struct net_port_ops fake_ops = { .deliver = fake_deliver, .flush = fake_flush };

/* Port n has the address 02:00:00:00:00:n. */
static struct net_port_config config(unsigned int n)
{
	return (struct net_port_config){
		.mac = { 2, 0, 0, 0, 0, (uint8_t)n }, .spoof_check = true,
	};
}

static void attach(unsigned int n, const struct net_port_config *c)
{
	char name[16];

	fmt_buf(name, sizeof(name), "port%u", n);
	assert_int_equal(port_init(&fakes[n].port, name, c, &fake_ops), 0);
	assert_int_equal(switch_attach(&fakes[n].port), 0);
}

static void detach(unsigned int n)
{
	switch_detach(&fakes[n].port);
	fakes[n].port.ops = NULL;
}

static int setup(void **state)
{
	host_reset();
	memset(fakes, 0, sizeof(fakes));
	for (unsigned int n = 0; n < 4; n++) {
		struct net_port_config c = config(n);

		attach(n, &c);
	}
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned int n = 0; n < PORTS; n++) {
		if (fakes[n].port.ops != NULL) {
			switch_detach(&fakes[n].port);
		}
	}
	host_finish();
	(void)state;
	return 0;
}

#define BROADCAST 0xff
#define STRANGER  0xee		/* an address that nobody has */

struct sending {
	unsigned int from;
	unsigned int dst;
	unsigned int src;
	int vlan;
	unsigned int type;	/* EtherType, 0: IPv4 */
};

static struct net_batch batch(unsigned int from)
{
	return (struct net_batch){
		.in = &fakes[from].port, .counts = fakes[from].port.counts[0].n,
		.cache = &fakes[from].cache,
	};
}

static enum net_verdict send_in(struct net_batch *b, const struct sending *s)
{
	static uint16_t text[(NET_HEAD_ROOM + NET_HEAD_MAX) / 2];
	struct frame_make m = { .vlan = s->vlan, .udp = true, .payload = 18 };
	uint8_t *head = (uint8_t *)text + NET_HEAD_ROOM;
	struct net_frame f = { .head = head };

	memcpy(m.dst, (const uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)s->dst }, 6);
	if (s->dst == BROADCAST) {
		memset(m.dst, 0xff, 6);
	}
	memcpy(m.src, (const uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)s->src }, 6);
	f.len = (uint32_t)frame_write(head, &m);
	f.head_len = f.len;
	if (s->type != 0) {
		frame_be16(head + (s->vlan >= 0 ? 16 : 12), s->type);
	}
	return switch_input(b, &f);
}

static enum net_verdict send_frame(const struct sending *s)
{
	struct net_batch b = batch(s->from);
	enum net_verdict v = send_in(&b, s);

	switch_flush(&b);
	return v;
}

static enum net_verdict send_plain(unsigned int from, unsigned int dst)
{
	return send_frame(&(struct sending){ .from = from, .dst = dst, .src = from, .vlan = -1 });
}

static uint64_t count(unsigned int n, enum net_counter c)
{
	return port_count(&fakes[n].port, c);
}

static void expect_frames(unsigned int a, unsigned int b, unsigned int c, unsigned int d)
{
	assert_int_equal(fakes[0].frames, a);
	assert_int_equal(fakes[1].frames, b);
	assert_int_equal(fakes[2].frames, c);
	assert_int_equal(fakes[3].frames, d);
}

static void test_unicast(void **state)
{
	assert_int_equal(send_plain(0, 2), NET_SENT);
	expect_frames(0, 0, 1, 0);
	assert_int_equal(fakes[2].may_wait, 1);
	assert_int_equal(send_plain(2, 0), NET_SENT);
	expect_frames(1, 0, 1, 0);
	(void)state;
}

static void test_broadcast(void **state)
{
	assert_int_equal(send_plain(1, BROADCAST), NET_SENT);
	expect_frames(1, 0, 1, 1);
	/* A flood never waits. */
	assert_int_equal(fakes[0].may_wait, 0);
	assert_int_equal(count(1, NET_TX_FLOODED), 1);
	(void)state;
}

static void test_unknown_floods(void **state)
{
	struct net_port_config c = config(4);

	/* Those who have one address don't have that. */
	assert_int_equal(send_plain(3, STRANGER), NET_DROPPED);
	assert_int_equal(count(3, NET_DROP_NO_PORT), 1);
	c.spoof_check = false;
	attach(4, &c);
	assert_int_equal(send_plain(3, STRANGER), NET_SENT);
	expect_frames(0, 0, 0, 0);
	assert_int_equal(fakes[4].frames, 1);
	assert_int_equal(fakes[4].may_wait, 0);
	(void)state;
}

static void test_flood_goes_on(void **state)
{
	fakes[0].verdict = NET_DROPPED;
	assert_int_equal(send_plain(1, BROADCAST), NET_SENT);
	expect_frames(1, 0, 1, 1);
	(void)state;
}

static void test_verdict_passed_on(void **state)
{
	fakes[1].verdict = NET_WAIT;
	assert_int_equal(send_plain(0, 1), NET_WAIT);
	fakes[1].verdict = NET_DROPPED;
	assert_int_equal(send_plain(0, 1), NET_DROPPED);
	(void)state;
}

static void test_spoof(void **state)
{
	struct sending s = { .from = 0, .dst = 1, .src = 2, .vlan = -1 };

	assert_int_equal(send_frame(&s), NET_DROPPED);
	s.dst = BROADCAST;
	assert_int_equal(send_frame(&s), NET_DROPPED);
	expect_frames(0, 0, 0, 0);
	assert_int_equal(count(0, NET_DROP_SPOOF), 2);
	/* And nothing was learned from it. */
	assert_int_equal(send_plain(3, 2), NET_SENT);
	expect_frames(0, 0, 1, 0);
	(void)state;
}

static void test_self(void **state)
{
	assert_int_equal(send_plain(0, 0), NET_DROPPED);
	assert_int_equal(count(0, NET_DROP_SELF), 1);
	expect_frames(0, 0, 0, 0);
	(void)state;
}

static void test_management(void **state)
{
	struct sending s = { .from = 0, .dst = 1, .src = 0, .vlan = -1, .type = 0x88b5 };

	assert_int_equal(send_frame(&s), NET_DROPPED);
	s.vlan = 0;		/* hidden behind a priority tag */
	assert_int_equal(send_frame(&s), NET_DROPPED);
	s.dst = BROADCAST;
	assert_int_equal(send_frame(&s), NET_DROPPED);
	assert_int_equal(count(0, NET_DROP_MGMT), 3);
	expect_frames(0, 0, 0, 0);
	(void)state;
}

static void test_vlans(void **state)
{
	struct net_port_config c = config(4);

	/* 4: access 10; 5: trunk of 10 and 20. */
	c.vlan = 10;
	attach(4, &c);
	c = config(5);
	c.trunk[0] = 10;
	c.trunk[1] = 20;
	c.trunk_count = 2;
	attach(5, &c);
	/* From 10 only the trunk is reached, with a tag. */
	assert_int_equal(send_plain(4, BROADCAST), NET_SENT);
	expect_frames(0, 0, 0, 0);
	assert_int_equal(fakes[5].frames, 1);
	assert_true(fakes[5].tagged);
	assert_int_equal(fakes[5].vlan, 10);
	/* Not even with the right address: it is unknown in that VLAN. */
	assert_int_equal(send_plain(4, 0), NET_DROPPED);
	expect_frames(0, 0, 0, 0);
	/* And back. */
	assert_int_equal(send_frame(&(struct sending){ .from = 5, .dst = 4, .src = 5,
						       .vlan = 10 }), NET_SENT);
	assert_int_equal(fakes[4].frames, 1);
	assert_false(fakes[4].tagged);
	/* The trunk's other VLAN has nobody else. */
	assert_int_equal(send_frame(&(struct sending){ .from = 5, .dst = BROADCAST, .src = 5,
						       .vlan = 20 }), NET_DROPPED);
	assert_int_equal(count(5, NET_DROP_NO_PORT), 1);
	assert_int_equal(send_frame(&(struct sending){ .from = 5, .dst = 4, .src = 5,
						       .vlan = 30 }), NET_DROPPED);
	assert_int_equal(count(5, NET_DROP_VLAN), 1);
	/* A tag from an access port is refused. */
	assert_int_equal(send_frame(&(struct sending){ .from = 0, .dst = 4, .src = 0,
						       .vlan = 10 }), NET_DROPPED);
	assert_int_equal(fakes[4].frames, 1);
	(void)state;
}

/* The wire: many addresses behind it, learned and moved. */
static void test_uplink(void **state)
{
	struct net_port_config c = config(4);
	struct sending out = { .from = 4, .dst = 0, .src = 0x50, .vlan = -1 };

	c.uplink = true;
	c.spoof_check = false;
	attach(4, &c);
	assert_int_equal(send_frame(&out), NET_SENT);
	expect_frames(1, 0, 0, 0);
	/* Now known: no flood. */
	assert_int_equal(send_plain(1, 0x50), NET_SENT);
	expect_frames(1, 0, 0, 0);
	assert_int_equal(fakes[4].frames, 1);
	/* From the wire to an address on the wire: never back. */
	out.src = 0x51;
	out.dst = 0x50;
	assert_int_equal(send_frame(&out), NET_DROPPED);
	assert_int_equal(fakes[4].frames, 1);
	/* A guest's address can't be taken over from the wire, nor used there. */
	out.src = 1;
	out.dst = 2;
	assert_int_equal(send_frame(&out), NET_DROPPED);
	assert_int_equal(send_frame(&out), NET_DROPPED);
	assert_int_equal(count(4, NET_DROP_SPOOF), 2);
	assert_int_equal(send_plain(0, 1), NET_SENT);
	expect_frames(1, 1, 0, 0);
	/* Whatever it is, nobody waits. */
	assert_int_equal(fakes[4].may_wait, 0);
	assert_int_equal(fakes[0].may_wait, 0);
	assert_int_equal(fakes[2].may_wait, 0);
	assert_int_equal(fakes[1].may_wait, 1);
	(void)state;
}

/* Management frames pass between wires and the node's own port only. */
static void test_management_ports(void **state)
{
	struct net_port_config c = config(4);
	struct sending s = { .from = 4, .dst = 5, .src = 0x50, .vlan = -1, .type = 0x88b5 };

	c.uplink = true;
	c.spoof_check = false;
	attach(4, &c);
	c = config(5);
	c.mgmt = true;
	attach(5, &c);
	assert_int_equal(send_frame(&s), NET_SENT);
	assert_int_equal(fakes[5].frames, 1);
	s.dst = BROADCAST;
	assert_int_equal(send_frame(&s), NET_SENT);
	s.dst = STRANGER;
	assert_int_equal(send_frame(&s), NET_SENT);
	assert_int_equal(fakes[5].frames, 3);
	/* Not to a guest, not even by its address. */
	s.dst = 1;
	assert_int_equal(send_frame(&s), NET_DROPPED);
	assert_int_equal(count(4, NET_DROP_MGMT), 1);
	expect_frames(0, 0, 0, 0);
	/* The way back; the node never waits for a receiver. */
	s = (struct sending){ .from = 5, .dst = 0x50, .src = 5, .vlan = -1, .type = 0x88b5 };
	assert_int_equal(send_frame(&s), NET_SENT);
	assert_int_equal(fakes[4].frames, 1);
	assert_int_equal(fakes[4].may_wait, 0);
	s.dst = 1;
	assert_int_equal(send_frame(&s), NET_DROPPED);
	expect_frames(0, 0, 0, 0);
	(void)state;
}

/* Two wires: nothing goes from one to the other. */
static void test_two_uplinks(void **state)
{
	struct sending out = { .from = 4, .dst = BROADCAST, .src = 0x50, .vlan = -1 };

	for (unsigned int n = 4; n < 6; n++) {
		struct net_port_config c = config(n);

		c.uplink = true;
		c.spoof_check = false;
		attach(n, &c);
	}
	assert_int_equal(send_frame(&out), NET_SENT);
	expect_frames(1, 1, 1, 1);
	assert_int_equal(fakes[5].frames, 0);
	out.type = 0x88b5;
	assert_int_equal(send_frame(&out), NET_DROPPED);
	out.type = 0;
	/* Known to be on the other wire. */
	out.from = 5;
	out.src = 0x60;
	out.dst = 0x50;
	assert_int_equal(send_frame(&out), NET_DROPPED);
	assert_int_equal(count(5, NET_DROP_UPLINK), 1);
	assert_int_equal(fakes[4].frames, 0);
	/* What nobody knows goes to nobody who has one address. */
	out.dst = STRANGER;
	assert_int_equal(send_frame(&out), NET_DROPPED);
	assert_int_equal(count(5, NET_DROP_NO_PORT), 1);
	expect_frames(1, 1, 1, 1);
	/* A guest's flood reaches both. */
	assert_int_equal(send_plain(0, STRANGER), NET_SENT);
	assert_int_equal(fakes[4].frames, 1);
	assert_int_equal(fakes[5].frames, 1);
	(void)state;
}

/* A bridge within a guest may have addresses that nobody knows yet. */
static void test_uplink_to_a_bridge(void **state)
{
	struct net_port_config c = config(4);
	struct sending out = { .from = 4, .dst = STRANGER, .src = 0x50, .vlan = -1 };

	c.uplink = true;
	c.spoof_check = false;
	attach(4, &c);
	c = config(5);
	c.spoof_check = false;
	attach(5, &c);
	assert_int_equal(send_frame(&out), NET_SENT);
	expect_frames(0, 0, 0, 0);
	assert_int_equal(fakes[5].frames, 1);
	/* It can't use another guest's address either. */
	out.from = 5;
	out.src = 2;
	assert_int_equal(send_frame(&out), NET_DROPPED);
	assert_int_equal(count(5, NET_DROP_SPOOF), 1);
	(void)state;
}

/* After 300 s without a frame the address is unknown again. */
static void test_ageing(void **state)
{
	struct net_port_config c = config(4);

	c.spoof_check = false;
	attach(4, &c);
	assert_int_equal(send_frame(&(struct sending){ .from = 4, .dst = 0, .src = 0x50,
						       .vlan = -1 }), NET_SENT);
	assert_int_equal(send_plain(1, 0x50), NET_SENT);
	assert_int_equal(fakes[4].may_wait, 1);
	host_time_skip(301000000000ULL);
	/* Another sender looks first; the one that remembers must notice, too. */
	assert_int_equal(send_plain(2, 0x50), NET_SENT);
	assert_int_equal(send_plain(1, 0x50), NET_SENT);
	assert_int_equal(fakes[4].frames, 3);
	assert_int_equal(fakes[4].may_wait, 1);
	expect_frames(1, 0, 0, 0);
	(void)state;
}

/* Frames to one destination in a row are published once. */
static void test_batch(void **state)
{
	struct net_batch b = batch(0);
	struct sending s = { .from = 0, .dst = 1, .src = 0, .vlan = -1 };

	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(send_in(&b, &s), NET_SENT);
	}
	assert_int_equal(fakes[1].flushes, 0);
	s.dst = 2;
	assert_int_equal(send_in(&b, &s), NET_SENT);
	assert_int_equal(fakes[1].flushes, 1);
	switch_flush(&b);
	assert_int_equal(fakes[2].flushes, 1);
	assert_int_equal(b.deliveries, 11);
	expect_frames(0, 10, 1, 0);
	(void)state;
}

/* What a sender remembers is void when the port goes. */
static void test_detach(void **state)
{
	assert_int_equal(send_plain(0, 1), NET_SENT);
	expect_frames(0, 1, 0, 0);
	detach(1);
	assert_int_equal(send_plain(0, 1), NET_DROPPED);
	expect_frames(0, 1, 0, 0);
	/* Its counters stay in the sum. */
	fakes[2].port.counts[0].n[NET_RX_FRAMES] = 5;
	assert_int_equal(net_count(NET_RX_FRAMES), 5);
	detach(2);
	assert_int_equal(net_count(NET_RX_FRAMES), 5);
	(void)state;
}

static void test_same_mac(void **state)
{
	struct net_port_config c = config(1);
	struct net_port p;

	assert_int_equal(port_init(&p, "twin", &c, &fake_ops), 0);
	assert_int_equal(switch_attach(&p), -EEXIST);
	/* The first one is not hurt. */
	assert_int_equal(send_plain(0, 1), NET_SENT);
	expect_frames(0, 1, 0, 0);
	/* In another VLAN it is another address. */
	c.vlan = 9;
	assert_int_equal(port_init(&p, "twin", &c, &fake_ops), 0);
	assert_int_equal(switch_attach(&p), 0);
	switch_detach(&p);
	(void)state;
}

static void test_port_init(void **state)
{
	struct net_port p;
	struct net_port_config c = config(1);

	c.mac[0] = 3;
	assert_int_equal(port_init(&p, "x", &c, &fake_ops), -EINVAL);
	memset(c.mac, 0, 6);
	assert_int_equal(port_init(&p, "x", &c, &fake_ops), -EINVAL);
	c = config(1);
	c.vlan = 4095;
	assert_int_equal(port_init(&p, "x", &c, &fake_ops), -EINVAL);
	c.vlan = 0;
	c.trunk_count = 1;
	assert_int_equal(port_init(&p, "x", &c, &fake_ops), -EINVAL);
	(void)state;
}

static void test_counter_names(void **state)
{
	for (unsigned int a = 0; a < NET_COUNTERS; a++) {
		assert_non_null(net_counter_name((enum net_counter)a));
		for (unsigned int b = 0; b < a; b++) {
			assert_string_not_equal(net_counter_name((enum net_counter)a),
						net_counter_name((enum net_counter)b));
		}
	}
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_unicast), T(test_broadcast), T(test_unknown_floods), T(test_flood_goes_on),
		T(test_verdict_passed_on), T(test_spoof), T(test_self), T(test_management),
		T(test_vlans), T(test_uplink), T(test_management_ports), T(test_two_uplinks),
		T(test_uplink_to_a_bridge), T(test_ageing), T(test_batch), T(test_detach),
		T(test_same_mac), T(test_port_init), T(test_counter_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
