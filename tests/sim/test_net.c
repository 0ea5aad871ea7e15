/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests that talk through netback and the switch: frontends in this process
 * (sim/netfront.h), the real code in between.
 */
#include "net/netback.h"
#include "sim/netfront.h"

#include "unit/frame_make.h"

static uint8_t text[70000];
static const struct nf_options linux_defaults = { 0 };

/* More CPUs than guests. */
static int idle_setup(void **state)
{
	host_reset_cpus(4);
	(void)state;
	return 0;
}

static struct frame_make from_to(unsigned int src, unsigned int dst)
{
	return (struct frame_make){
		.dst = { 0, 0x16, 0x3e, 0, 0, (uint8_t)dst },
		.src = { 0, 0x16, 0x3e, 0, 0, (uint8_t)src }, .vlan = -1, .udp = true,
		.payload = 18,
	};
}

static void expect_same(struct nf_frame r, const uint8_t *want, size_t len)
{
	assert_int_equal(r.len, len);
	assert_memory_equal(r.data, want, len);
	free(r.data);
}

static void send_udp(struct netfront *a, unsigned int src, unsigned int dst, unsigned int payload)
{
	struct frame_make m = from_to(src, dst);

	m.payload = payload;
	nf_send_frame(a, text, (uint32_t)frame_write(text, &m), &(struct nf_send){ 0 });
}

static void test_ping_pong(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);

	a->kicks = 0;
	for (unsigned int i = 0; i < 600; i++) {
		send_udp(a, 1, 2, 18);
		assert_true(nf_take_event(b, b->queue[0].rx_port));
		assert_int_equal(nf_poll(b), 1);
		expect_same(nf_take(b), text, 60);
		send_udp(b, 2, 1, 18);
		assert_true(nf_take_event(a, a->queue[0].rx_port));
		assert_int_equal(nf_poll(a), 1);
		expect_same(nf_take(a), text, 60);
	}
	/* Events for completions are few: for many at once, or none if collected. */
	host_advance(1000000);
	assert_true(nf_total(NET_TX_EVENTS) <= 1200 / 64);
	assert_int_equal(nf_total(NET_RX_FRAMES), 1200);
	assert_int_equal(nf_total(NET_RX_COPIES), 1200);
	assert_int_equal(nf_total(NET_RX_EVENTS), 1200);
	/* At most one notification a frame, none for posting buffers. */
	assert_true(a->kicks <= 600);
	assert_int_equal(nf_total(NET_TX_FLOODED), 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* A driver that waits for its completions gets its event, if a little late. */
static void test_completion_event(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct nf_queue *q = &a->queue[0];
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
	assert_true(nf_push(&q->tx->i.req_prod, &q->tx->i.req_event, q->tx_prod));
	nf_notify(a, q->tx_port);
	assert_int_equal(atomic_load(&q->tx->i.rsp_prod), 1);
	host_advance(1000000);
	assert_true(nf_take_event(a, q->tx_port));
	nf_collect(a, 0);
	/* Once only. */
	host_advance(1000000);
	assert_false(nf_take_event(a, q->tx_port));
	/* Asked for the third of three: none after two. */
	atomic_store(&q->tx->i.rsp_event, q->tx_cons + 3);
	for (unsigned int i = 0; i < 3; i++) {
		nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
		if (nf_push(&q->tx->i.req_prod, &q->tx->i.req_event, q->tx_prod)) {
			nf_notify(a, q->tx_port);
		}
		host_advance(1000000);
		assert_int_equal(nf_take_event(a, q->tx_port), i == 2);
	}
	nf_collect(a, 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* Events to the receiver only if its ring asks: once for many frames. */
static void test_receive_events(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);

	send_udp(a, 1, 2, 18);
	assert_true(nf_take_event(b, b->queue[0].rx_port));
	for (unsigned int i = 0; i < 20; i++) {
		send_udp(a, 1, 2, 18);
		assert_false(nf_take_event(b, b->queue[0].rx_port));
	}
	assert_int_equal(nf_total(NET_RX_EVENTS), 1);
	assert_int_equal(nf_total(NET_RX_EVENTS_SAVED), 20);
	assert_int_equal(nf_poll(b), 21);
	send_udp(a, 1, 2, 18);
	assert_true(nf_take_event(b, b->queue[0].rx_port));
	nf_free(a);
	nf_free(b);
	(void)state;
}

static void test_batch(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	for (unsigned int i = 0; i < 200; i++) {
		nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
	}
	nf_kick(a, 0);
	/* More than the budget: the rest came as deferred work of the same exit. */
	host_run();
	nf_collect(a, 0);
	assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
	assert_true(nf_take_event(b, b->queue[0].rx_port));
	assert_int_equal(nf_total(NET_RX_EVENTS), 1);
	assert_int_equal(nf_total(NET_TX_BATCH_64), 3);
	assert_int_equal(nf_total(NET_TX_BATCH_8), 1);
	assert_int_equal(nf_poll(b), 200);
	for (unsigned int i = 0; i < 200; i++) {
		expect_same(nf_take(b), text, len);
	}
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* The largest frame: GSO and blank checksum pass untouched, in 16 pages. */
static void test_gso(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	struct nf_frame r;
	uint32_t len;

	m.udp = false;
	m.tcp_options = 12;
	m.payload = 65535 - 14 - 20 - 32;
	m.blank = true;
	len = (uint32_t)frame_write(text, &m);
	assert_int_equal(len, 65535);
	/* As Linux sends: headers in a slot of their own, then pages. */
	nf_send_frame(a, text, len, &(struct nf_send){
		.flags = NETIF_TXF_CSUM_BLANK | NETIF_TXF_VALIDATED, .mss = 1448,
		.gso = NET_GSO_TCPV4, .first = 66, .offset = 4030,
	});
	assert_int_equal(nf_poll(b), 1);
	r = nf_take(b);
	assert_int_equal(r.mss, 1448);
	assert_int_equal(r.gso, NET_GSO_TCPV4);
	assert_int_equal(r.slots, 17);
	assert_int_equal(r.flags & 3, NETIF_RXF_CSUM_BLANK | NETIF_RXF_VALIDATED);
	expect_same(r, text, len);
	assert_int_equal(nf_total(NET_RX_GSO), 1);
	assert_int_equal(nf_total(NET_RX_COPIES), 1);
	assert_int_equal(nf_total(NET_TX_SLOTS), 18);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* Send a GSO frame as it is in `text`; whether the receiver got it, and marked so. */
static bool gso_passes(struct netfront *a, struct netfront *b, uint32_t len, unsigned int gso,
		       unsigned int mss)
{
	uint64_t drops = nf_total(NET_DROP_MALFORMED);
	unsigned int errors = a->queue[0].tx_errors;
	struct nf_frame r;
	bool marked;

	nf_send_frame(a, text, len, &(struct nf_send){
		.flags = NETIF_TXF_CSUM_BLANK, .mss = (uint16_t)mss, .gso = (uint8_t)gso,
	});
	if (nf_poll(b) == 0) {
		assert_int_equal(nf_total(NET_DROP_MALFORMED), drops + 1);
		assert_true(a->queue[0].tx_errors > errors);
		return false;
	}
	r = nf_take(b);
	marked = r.gso == gso && r.mss == mss;
	assert_true(marked || (r.gso == 0 && r.mss == 0));
	assert_true(r.flags & NETIF_RXF_CSUM_BLANK);
	expect_same(r, text, len);
	return marked;
}

/* What a guest says of a large frame is believed, and told to others, only if it is so. */
static void test_gso_lies(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	unsigned int doff = ETH_HLEN + 20 + 12;
	uint32_t len;

	m.payload = 2000;
	m.blank = true;
	assert_false(gso_passes(a, b, (uint32_t)frame_write(text, &m), NET_GSO_TCPV4, 1000));
	m.udp = false;
	len = (uint32_t)frame_write(text, &m);
	assert_true(gso_passes(a, b, len, NET_GSO_TCPV4, 1000));
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV6, 1000));
	/* The header of TCP: shorter than one is, or longer than the frame. */
	for (unsigned int words = 0; words < 5; words++) {
		text[doff] = (uint8_t)(words << 4);
		assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 1000));
	}
	m.payload = 10;
	len = (uint32_t)frame_write(text, &m);
	text[doff] = 15 << 4;
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 8));
	/* An IP header longer than the frame; a fragment; no IP at all. */
	m.payload = 2000;
	len = (uint32_t)frame_write(text, &m);
	frame_be16(text + 16, len);
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 1000));
	len = (uint32_t)frame_write(text, &m);
	text[20] = 0x20;
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 1000));
	text[20] = 0x40;
	assert_true(gso_passes(a, b, len, NET_GSO_TCPV4, 1000));
	frame_be16(text + 12, 0x0806);
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 1000));
	/* Only headers. */
	m.payload = 0;
	assert_int_equal(frame_write(text, &m), 54);
	assert_false(gso_passes(a, b, 54, NET_GSO_TCPV4, 1000));
	m.payload = 2000;
	m.v6 = true;
	len = (uint32_t)frame_write(text, &m);
	assert_true(gso_passes(a, b, len, NET_GSO_TCPV6, 1999));
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 1000));
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* A frame that is no longer than one segment is no large frame, whatever its sender says. */
static void test_gso_of_one(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	uint32_t len;

	m.udp = false;
	m.payload = 2000;
	m.blank = true;
	len = (uint32_t)frame_write(text, &m);
	assert_true(gso_passes(a, b, len, NET_GSO_TCPV4, 1999));
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 2000));
	assert_false(gso_passes(a, b, len, NET_GSO_TCPV4, 65535));
	assert_int_equal(nf_total(NET_TX_FRAMES), 3);
	assert_int_equal(nf_total(NET_TX_GSO), 1);
	assert_int_equal(nf_total(NET_RX_GSO), 1);
	assert_int_equal(nf_total(NET_DROP_MALFORMED), 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

static void test_flags(void **state)
{
	static const struct { unsigned int tx, rx; } map[] = {
		{ 0, 0 },
		{ NETIF_TXF_VALIDATED, NETIF_RXF_VALIDATED },
		{ NETIF_TXF_CSUM_BLANK, NETIF_RXF_CSUM_BLANK | NETIF_RXF_VALIDATED },
	};
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct frame_make m = from_to(1, 2);

	for (unsigned int i = 0; i < ARRAY_SIZE(map); i++) {
		struct nf_frame r;

		m.blank = map[i].tx & NETIF_TXF_CSUM_BLANK;
		nf_send_frame(a, text, (uint32_t)frame_write(text, &m),
			      &(struct nf_send){ .flags = map[i].tx });
		nf_poll(b);
		r = nf_take(b);
		assert_int_equal(r.flags, map[i].rx);
		expect_same(r, text, 60);
	}
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* Any way to cut a frame into slots arrives the same. */
static void test_pieces(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct unit_random r = { 3 };

	for (unsigned int i = 0; i < 300; i++) {
		struct frame_make m = from_to(1, 2);
		struct nf_send s = { .first = 1 + unit_random_below(&r, 200) };
		unsigned int piece = 1 + unit_random_below(&r, 4096);
		uint32_t len;

		m.payload = unit_random_below(&r, i % 4 == 0 ? 60000 : 1400);
		len = (uint32_t)frame_write(text, &m);
		s.piece = MAX(len / 18 + 1, piece);
		s.offset = unit_random_below(&r, 1000);
		nf_send_frame(a, text, len, &s);
		assert_int_equal(nf_poll(b), 1);
		expect_same(nf_take(b), text, len);
	}
	assert_int_equal(a->queue[0].tx_errors, 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* A slot without data is legal, wherever it is (XSA-448). */
static void test_empty_slots(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct nf_queue *q = &a->queue[0];
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	nf_tx_data(a, q, text, 0, 100, NETIF_TXF_MORE, len);
	nf_tx_data(a, q, text, 0, 4096, NETIF_TXF_MORE, 0);
	nf_tx_data(a, q, text, 20, 0, NETIF_TXF_MORE, 20);
	nf_tx_data(a, q, text, 0, 0, NETIF_TXF_MORE, 0);
	nf_tx_data(a, q, text + 20, len - 20, 0, NETIF_TXF_MORE, len - 20);
	nf_tx_data(a, q, text, 0, 0, 0, 0);
	nf_kick(a, 0);
	assert_int_equal(nf_poll(b), 1);
	expect_same(nf_take(b), text, len);
	assert_int_equal(a->queue[0].tx_errors, 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

static void test_broadcast(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct netfront *c = nf_start(3, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	uint32_t len;

	memset(m.dst, 0xff, 6);
	len = (uint32_t)frame_write(text, &m);
	nf_send_frame(a, text, len, &(struct nf_send){ 0 });
	assert_int_equal(nf_poll(a), 0);
	assert_int_equal(nf_poll(b), 1);
	assert_int_equal(nf_poll(c), 1);
	expect_same(nf_take(b), text, len);
	expect_same(nf_take(c), text, len);
	assert_int_equal(nf_total(NET_RX_COPIES), 2);
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

static void test_multi_queue(void **state)
{
	struct netfront *a = nf_start(1, &(struct nf_options){ .queues = 4 });
	struct netfront *b = nf_start(2, &(struct nf_options){ .queues = 2 });
	struct netfront *c = nf_start(3, &(struct nf_options){ .one_port = true });
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	assert_int_equal(nf_read_back(a, "multi-queue-max-queues"), 4);
	assert_int_equal(nf_read_back(c, "multi-queue-max-queues"), 1);
	for (unsigned int n = 0; n < 4; n++) {
		nf_send_frame(a, text, len, &(struct nf_send){ .queue = n });
		assert_int_equal(nf_poll_queue(b, (n + 1) % 2, 9), 0);
		assert_int_equal(nf_poll_queue(b, n % 2, 9), 1);
		expect_same(nf_take(b), text, len);
	}
	m = from_to(1, 3);
	len = (uint32_t)frame_write(text, &m);
	for (unsigned int n = 0; n < 4; n++) {
		nf_send_frame(a, text, len, &(struct nf_send){ .queue = n });
	}
	assert_true(nf_take_event(c, c->queue[0].rx_port));
	assert_int_equal(nf_poll(c), 4);
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

/* --- back pressure ------------------------------------------------------------ */

/* A full receiver holds the sender's frames in the sender's own ring. */
static void test_back_pressure(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .post = 10 });
	struct nf_queue *qb = &b->queue[0];
	struct frame_make m = from_to(1, 2);

	for (unsigned int i = 0; i < 30; i++) {
		m.payload = 18 + i;
		nf_queue_frame(a, text, (uint32_t)frame_write(text, &m), &(struct nf_send){ 0 });
	}
	nf_kick(a, 0);
	assert_int_equal(nf_total(NET_RX_FRAMES), 10);
	assert_int_equal(NETIF_RING_SIZE - nf_tx_room(a, 0), 20);
	/* The receiver is asked to tell of the next buffer, at once. */
	assert_int_equal(atomic_load(&qb->rx->i.req_event), 11);
	/* More notifications do nothing; nothing is lost. */
	nf_notify(a, a->queue[0].tx_port);
	assert_int_equal(nf_total(NET_RX_WAITED), 1);
	assert_int_equal(nf_poll_queue(b, 0, 5), 5);
	nf_post(b, 0, 5);
	host_run();
	assert_int_equal(nf_total(NET_RX_FRAMES), 15);
	/* Completions are told later, together with those to come .. */
	assert_false(nf_take_event(a, a->queue[0].tx_port));
	assert_int_equal(NETIF_RING_SIZE - nf_tx_room(a, 0), 20);
	nf_poll(b);
	host_run();
	/* .. or at once when the ring is empty: its driver may wait for them. */
	assert_true(nf_take_event(a, a->queue[0].tx_port));
	nf_poll(b);
	assert_int_equal(nf_total(NET_RX_FRAMES), 30);
	for (unsigned int i = 0; i < 30; i++) {
		m.payload = 18 + i;
		expect_same(nf_take(b), text, frame_write(text, &m));
	}
	nf_collect(a, 0);
	assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* Nothing posted for 10 ms: frames are dropped, until it posts again. */
static void test_stall(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_post = true });
	struct netfront *c = nf_start(3, &linux_defaults);

	send_udp(a, 1, 2, 18);
	send_udp(a, 1, 3, 18);
	host_advance(9000000);
	assert_int_equal(nf_poll(c), 0);	/* behind the one that waits */
	host_advance(2000000);
	assert_int_equal(nf_poll(c), 1);
	assert_int_equal(nf_total(NET_DROP_RX_STALLED), 1);
	nf_collect(a, 0);
	assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
	/* From now on at once. */
	for (unsigned int i = 0; i < 300; i++) {
		send_udp(a, 1, 2, 18);
	}
	assert_int_equal(nf_total(NET_DROP_RX_STALLED), 301);
	send_udp(a, 1, 3, 18);
	assert_int_equal(nf_poll(c), 1);
	/* It comes back to life. */
	nf_post(b, 0, NETIF_RING_SIZE);
	send_udp(a, 1, 2, 18);
	assert_int_equal(nf_poll(b), 1);
	expect_same(nf_take(b), text, 60);
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

/* One buffer just before each deadline does not hold senders up for ever. */
static void test_trickle(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_post = true });
	struct netfront *c = nf_start(3, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	for (unsigned int i = 0; i < 200; i++) {
		nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
	}
	nf_kick(a, 0);
	send_udp(a, 1, 3, 18);
	for (unsigned int i = 0; i < 5; i++) {
		host_advance(9000000);
		nf_post(b, 0, 1);
		host_run();
	}
	assert_int_equal(nf_poll(c), 1);
	assert_true(nf_total(NET_DROP_RX_STALLED) > 190);
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

/* A slow receiver that keeps posting is waited for: nothing is dropped. */
static void test_slow_receiver(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .post = 32 });
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);
	unsigned int sent = 0;
	unsigned int got = 0;

	while (got < 2000) {
		while (nf_tx_room(a, 0) > 0 && sent < 2000) {
			nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
			sent++;
		}
		nf_kick(a, 0);
		host_advance(5000000);
		got += nf_poll_queue(b, 0, 32);
		nf_forget(b);
		nf_post(b, 0, 32);
		host_run();
		nf_collect(a, 0);
	}
	assert_int_equal(nf_total(NET_DROP_RX_STALLED), 0);
	assert_int_equal(got, 2000);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* Two queues wait for one receiver; then the receiver goes. */
static void test_waiters(void **state)
{
	struct netfront *a = nf_start(1, &(struct nf_options){ .queues = 2 });
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_post = true });
	struct netfront *c = nf_start(3, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	nf_send_frame(a, text, len, &(struct nf_send){ .queue = 0 });
	nf_send_frame(a, text, len, &(struct nf_send){ .queue = 1 });
	send_udp(c, 3, 2, 18);
	assert_int_equal(nf_total(NET_RX_WAITED), 3);
	/* One that waits is closed meanwhile. */
	nf_close(c);
	nf_close(b);
	host_run();
	nf_collect(a, 0);
	nf_collect(a, 1);
	assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
	assert_int_equal(nf_tx_room(a, 1), NETIF_RING_SIZE);
	assert_int_equal(nf_total(NET_DROP_DOWN), 2);
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

/* A flood waits for nobody. */
static void test_flood_full(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_post = true });
	struct netfront *c = nf_start(3, &linux_defaults);
	struct frame_make m = from_to(1, 2);

	memset(m.dst, 0xff, 6);
	nf_send_frame(a, text, (uint32_t)frame_write(text, &m), &(struct nf_send){ 0 });
	assert_int_equal(nf_poll(c), 1);
	assert_int_equal(nf_total(NET_DROP_RX_FULL), 1);
	assert_int_equal(nf_total(NET_RX_WAITED), 0);
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

/* A frontend that never tells of buffers is never waited for. */
static void test_no_rx_notify(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_post = true,
							       .no_rx_notify = true });

	send_udp(a, 1, 2, 18);
	assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
	assert_int_equal(nf_total(NET_DROP_RX_STALLED), 1);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* --- receivers with less -------------------------------------------------------- */

static void test_finish_checksum(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_csum = true });
	struct netfront *c = nf_start(3, &(struct nf_options){ .no_csum6 = true });

	for (unsigned int i = 0; i < 8; i++) {
		struct netfront *to = i & 4 ? c : b;
		struct frame_make m = from_to(1, i & 4 ? 3 : 2);
		struct nf_frame r;

		m.v6 = i & 1;
		m.udp = i & 2;
		m.payload = 5001;
		m.blank = true;
		nf_send_frame(a, text, (uint32_t)frame_write(text, &m),
			      &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK, .first = 100,
						 .piece = 1111 });
		assert_int_equal(nf_poll(to), 1);
		r = nf_take(to);
		if (to == c && !m.v6) {
			assert_int_equal(r.flags & 3, NETIF_RXF_CSUM_BLANK | NETIF_RXF_VALIDATED);
		} else {
			assert_int_equal(r.flags & 3, NETIF_RXF_VALIDATED);
			assert_true(frame_checksums_good(r.data, 14, r.len));
		}
		free(r.data);
	}
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

static void check_segmented(const struct nf_options *o, bool v6)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, o);
	struct frame_make m = from_to(1, 2);
	unsigned int done = 0;
	size_t header = v6 ? 74 : 54;
	uint32_t len;

	m.udp = false;
	m.v6 = v6;
	m.payload = 60000;
	m.seq = 77;
	m.blank = true;
	len = (uint32_t)frame_write(text, &m);
	nf_send_frame(a, text, len, &(struct nf_send){
		.flags = NETIF_TXF_CSUM_BLANK, .mss = 1448,
		.gso = v6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4,
	});
	assert_int_equal(nf_poll(b), 42);
	while (done < 60000) {
		struct nf_frame r = nf_take(b);
		size_t n = r.len - header;

		assert_int_equal(n, MIN(1448U, 60000 - done));
		assert_int_equal(r.gso, 0);
		if (o->no_csum) {
			assert_true(frame_checksums_good(r.data, 14, r.len));
		} else {
			assert_true(r.flags & NETIF_RXF_CSUM_BLANK);
		}
		assert_memory_equal(r.data + header, text + header + done, n);
		free(r.data);
		done += (unsigned int)n;
	}
	assert_int_equal(nf_total(NET_RX_SEGMENTS), 42);
	nf_free(a);
	nf_free(b);
}

static void test_segments(void **state)
{
	check_segmented(&(struct nf_options){ .no_gso = true }, false);
	host_finish();
	host_reset();
	check_segmented(&(struct nf_options){ .no_gso = true }, true);
	host_finish();
	host_reset();
	check_segmented(&(struct nf_options){ .no_gso = true, .no_sg = true, .no_csum = true },
			false);
	(void)state;
}

/* Segments for a receiver that has few buffers: what fits, the rest is lost. */
static void test_segments_room(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_gso = true });
	struct frame_make m = from_to(1, 2);

	m.udp = false;
	m.payload = 30000;
	m.blank = true;
	nf_send_frame(a, text, (uint32_t)frame_write(text, &m), &(struct nf_send){
		.flags = NETIF_TXF_CSUM_BLANK, .mss = 8, .gso = NET_GSO_TCPV4,
	});
	assert_int_equal(nf_poll_queue(b, 0, 1000), 256);
	assert_int_equal(nf_total(NET_DROP_RX_FULL), 1);
	assert_int_equal(a->queue[0].tx_errors, 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/*
 * A receiver that always has some buffers, but never enough for all segments
 * of a frame, holds the sender up no longer than one that has none.
 */
static void test_segments_wait(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_gso = true, .post = 40 });
	struct netfront *c = nf_start(3, &linux_defaults);
	struct frame_make m = from_to(1, 2);

	m.udp = false;
	m.payload = 50 * 1000;
	m.blank = true;
	for (unsigned int i = 0; i < 3; i++) {
		nf_queue_frame(a, text, (uint32_t)frame_write(text, &m), &(struct nf_send){
			.flags = NETIF_TXF_CSUM_BLANK, .mss = 1000, .gso = NET_GSO_TCPV4,
		});
		nf_kick(a, 0);
		send_udp(a, 1, 3, 18);
		host_advance(11000000);
		nf_collect(a, 0);
		assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
		assert_int_equal(nf_poll(c), 1);
		nf_forget(c);
		assert_int_equal(nf_poll_queue(b, 0, 1000), 40);
		nf_forget(b);
		nf_post(b, 0, 40);
	}
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

static void test_too_long(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_sg = true });

	send_udp(a, 1, 2, 4000);
	assert_int_equal(nf_poll(b), 1);
	send_udp(a, 1, 2, 9000);
	assert_int_equal(nf_poll(b), 0);
	assert_int_equal(nf_total(NET_DROP_RX_SIZE), 1);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* --- VLANs ------------------------------------------------------------------------ */

static void test_vlan(void **state)
{
	struct vm_vif_config ca = nf_vif_config(1);
	struct vm_vif_config cb = nf_vif_config(2);
	struct vm_vif_config ct = nf_vif_config(3);
	struct netfront *a, *b, *t;
	struct frame_make m = from_to(1, 3);
	struct nf_frame r;
	uint32_t len;

	ca.vlan = 10;
	ct.trunk[0] = 10;
	ct.trunk_count = 1;
	a = nf_create(&ca, &linux_defaults);
	b = nf_create(&cb, &linux_defaults);
	t = nf_create(&ct, &linux_defaults);
	nf_connect(a);
	nf_connect(b);
	nf_connect(t);
	/* To the trunk: tagged, its checksum finished, its segments made. */
	m.udp = false;
	m.payload = 20000;
	m.blank = true;
	len = (uint32_t)frame_write(text, &m);
	nf_send_frame(a, text, len, &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK,
						       .mss = 1000, .gso = NET_GSO_TCPV4 });
	assert_int_equal(nf_poll(t), 20);
	r = nf_take(t);
	assert_int_equal(frame_get16(r.data + 12), 0x8100);
	assert_int_equal(frame_get16(r.data + 14), 10);
	assert_true(frame_checksums_good(r.data, 18, r.len));
	free(r.data);
	nf_forget(t);
	/* From the trunk: untagged at the access port. */
	m = from_to(3, 1);
	m.vlan = 10;
	nf_send_frame(t, text, (uint32_t)frame_write(text, &m), &(struct nf_send){ 0 });
	assert_int_equal(nf_poll(a), 1);
	m.vlan = -1;
	r = nf_take(a);
	expect_same(r, text, frame_write(text, &m));
	/* Others never see it. */
	m = from_to(1, 2);
	memset(m.dst, 0xff, 6);
	nf_send_frame(a, text, (uint32_t)frame_write(text, &m), &(struct nf_send){ 0 });
	assert_int_equal(nf_poll(b), 0);
	assert_int_equal(nf_poll(t), 1);
	nf_free(a);
	nf_free(b);
	nf_free(t);
	(void)state;
}

/* --- segments that are merged ------------------------------------------------------ */

#define MSS 1448U

static uint8_t whole[70000];

struct segment {
	unsigned int at;		/* of the payload, in the stream */
	unsigned int payload;
	bool v6;
	uint8_t flags;			/* 0: ACK */
	unsigned int patch;		/* change this byte of the frame, if not 0 */
	unsigned int tx_flags;		/* 0: blank checksum */
};

static struct frame_make stream(const struct segment *g)
{
	struct frame_make m = from_to(1, 2);

	m.udp = false;
	m.v6 = g->v6;
	m.tcp_options = 12;
	m.seq = 0xffffff00 + g->at;
	m.tcp_flags = g->flags != 0 ? g->flags : 0x10;
	m.payload = g->payload;
	m.blank = true;
	return m;
}

/* Queue a piece of the stream whose byte n is frame_byte(n). */
static void queue_segment(struct netfront *a, const struct segment *g)
{
	struct frame_make m = stream(g);
	uint32_t len = (uint32_t)frame_write(text, &m);

	for (unsigned int i = 0; i < g->payload; i++) {
		text[len - g->payload + i] = frame_byte(g->at + i);
	}
	if (g->patch != 0) {
		text[g->patch] ^= 1;
	}
	nf_queue_frame(a, text, len, &(struct nf_send){
		.flags = g->tx_flags != 0 ? g->tx_flags : NETIF_TXF_CSUM_BLANK,
	});
}

/* The next frame is what a sender with TSO would have made of the bytes. */
static void expect_merged(struct netfront *b, const struct segment *g)
{
	struct frame_make m = stream(g);
	size_t len = frame_write(whole, &m);
	struct nf_frame r = nf_take(b);

	for (unsigned int i = 0; i < g->payload; i++) {
		whole[len - g->payload + i] = frame_byte(g->at + i);
	}
	if (g->payload > MSS) {
		assert_int_equal(r.mss, MSS);
		assert_int_equal(r.gso, g->v6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4);
		assert_int_equal(r.flags & 3, NETIF_RXF_CSUM_BLANK | NETIF_RXF_VALIDATED);
	} else {
		assert_int_equal(r.gso, 0);
	}
	expect_same(r, whole, len);
}

static void test_merge(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);

	for (unsigned int v6 = 0; v6 < 2; v6++) {
		for (unsigned int n = 1; n <= 40; n += 3) {
			for (unsigned int i = 0; i < n; i++) {
				queue_segment(a, &(struct segment){ .at = i * MSS, .payload = MSS,
							     .v6 = v6 });
			}
			queue_segment(a, &(struct segment){ .at = n * MSS, .payload = 700, .v6 = v6,
						     .flags = 0x18 });
			nf_kick(a, 0);
			assert_int_equal(nf_poll(b), 1);
			expect_merged(b, &(struct segment){ .payload = n * MSS + 700, .v6 = v6,
						      .flags = 0x18 });
		}
	}
	assert_int_equal(a->queue[0].tx_errors, 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* No frame gets longer than 65535 bytes. */
static void test_merge_limit(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);

	for (unsigned int i = 0; i < 60; i++) {
		queue_segment(a, &(struct segment){ .at = i * MSS, .payload = MSS });
	}
	nf_kick(a, 0);
	assert_int_equal(nf_poll(b), 2);
	expect_merged(b, &(struct segment){ .payload = 45 * MSS });
	expect_merged(b, &(struct segment){ .at = 45 * MSS, .payload = 15 * MSS });
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* What isn't the plain continuation arrives as it was sent. */
static void test_merge_refused(void **state)
{
	/* Offsets in an Ethernet, IPv4 and TCP header. */
	static const struct segment second[] = {
		{ .at = MSS + 1, .payload = MSS },			/* a gap */
		{ .at = 0, .payload = MSS },				/* again the same */
		{ .at = MSS, .payload = MSS + 1 },			/* longer */
		{ .at = MSS, .payload = MSS, .flags = 0x11 },		/* FIN */
		{ .at = MSS, .payload = MSS, .flags = 0x14 },		/* RST */
		{ .at = MSS, .payload = MSS, .flags = 0x30 },		/* URG */
		{ .at = MSS, .payload = MSS, .flags = 0x90 },		/* CWR */
		{ .at = MSS, .payload = MSS, .patch = 15 },		/* type of service */
		{ .at = MSS, .payload = MSS, .patch = 20 },		/* a fragment */
		{ .at = MSS, .payload = MSS, .patch = 22 },		/* time to live */
		{ .at = MSS, .payload = MSS, .patch = 29 },		/* source */
		{ .at = MSS, .payload = MSS, .patch = 35 },		/* source port */
		{ .at = MSS, .payload = MSS, .patch = 37 },		/* port */
		{ .at = MSS, .payload = MSS, .patch = 45 },		/* acknowledgement */
		{ .at = MSS, .payload = MSS, .patch = 49 },		/* window */
		{ .at = MSS, .payload = MSS, .patch = 60 },		/* an option */
		{ .at = MSS, .payload = 0 },
	};
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);

	for (unsigned int i = 0; i < ARRAY_SIZE(second); i++) {
		queue_segment(a, &(struct segment){ .payload = MSS });
		queue_segment(a, &second[i]);
		nf_kick(a, 0);
		assert_int_equal(nf_poll(b), 2);
		expect_merged(b, &(struct segment){ .payload = MSS });
		free(nf_take(b).data);
	}
	/* Nothing follows a push, or a shorter segment. */
	queue_segment(a, &(struct segment){ .payload = MSS, .flags = 0x18 });
	queue_segment(a, &(struct segment){ .at = MSS, .payload = MSS });
	queue_segment(a, &(struct segment){ .at = 2 * MSS, .payload = 100 });
	queue_segment(a, &(struct segment){ .at = 2 * MSS + 100, .payload = MSS });
	nf_kick(a, 0);
	assert_int_equal(nf_poll(b), 3);
	expect_merged(b, &(struct segment){ .payload = MSS, .flags = 0x18 });
	expect_merged(b, &(struct segment){ .at = MSS, .payload = MSS + 100 });
	expect_merged(b, &(struct segment){ .at = 2 * MSS + 100, .payload = MSS });
	/* Fragments, though of one kind; and what has padding behind it. */
	for (unsigned int patch = 17; patch <= 20; patch += 3) {
		queue_segment(a, &(struct segment){ .payload = MSS, .patch = patch });
		queue_segment(a, &(struct segment){ .at = MSS, .payload = MSS, .patch = patch });
		nf_kick(a, 0);
		assert_int_equal(nf_poll(b), 2);
		nf_forget(b);
	}
	/* Nobody vouches for the checksum: it must reach the receiver. */
	queue_segment(a, &(struct segment){ .payload = MSS, .tx_flags = 0x100 });
	queue_segment(a, &(struct segment){ .at = MSS, .payload = MSS, .tx_flags = 0x100 });
	nf_kick(a, 0);
	assert_int_equal(nf_poll(b), 2);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* For receivers that take no such frames they are left alone. */
static void test_merge_not_taken(void **state)
{
	static const struct nf_options less[] = {
		{ .no_gso = true }, { .no_sg = true }, { .no_csum = true },
	};
	struct netfront *a = nf_start(1, &linux_defaults);

	for (unsigned int i = 0; i < ARRAY_SIZE(less); i++) {
		struct netfront *b = nf_start(2, &less[i]);

		for (unsigned int n = 0; n < 5; n++) {
			queue_segment(a, &(struct segment){ .at = n * MSS, .payload = MSS });
		}
		nf_kick(a, 0);
		assert_int_equal(nf_poll(b), 5);
		host_domain_destroy(b->d);
		nf_free(b);
	}
	nf_free(a);
	(void)state;
}

/* Any number of buffers, to the last one: nothing is lost or written twice. */
static void test_merge_few_buffers(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);

	for (unsigned int post = 1; post < 12; post++) {
		struct netfront *b = nf_start(2, &(struct nf_options){ .post = post });
		unsigned int at = 0;

		for (unsigned int n = 0; n < 20; n++) {
			queue_segment(a, &(struct segment){ .at = n * MSS, .payload = MSS });
		}
		nf_kick(a, 0);
		for (unsigned int i = 0; i < 100 && at < 20 * MSS; i++) {
			nf_poll_queue(b, 0, 100);
			while (b->frame_first != b->frame_end) {
				uint32_t n = b->frames[b->frame_first % NF_FRAMES].len - 66;

				expect_merged(b, &(struct segment){ .at = at, .payload = n });
				at += n;
			}
			nf_post(b, 0, post);
			host_advance(10000);
		}
		assert_int_equal(at, 20 * MSS);
		nf_collect(a, 0);
		host_domain_destroy(b->d);
		nf_free(b);
	}
	nf_free(a);
	(void)state;
}

/* The receiver takes a page back in the middle: what it gets is a true prefix. */
static void test_merge_bad_grant(void **state)
{
	for (unsigned int bad = 0; bad < 6; bad++) {
		struct netfront *a = nf_start(1, &linux_defaults);
		struct netfront *b = nf_start(2, &linux_defaults);
		unsigned int got = 0;

		*xg_entry(b->d, nf_rx_ref(&b->queue[0], bad)) = (struct grant_entry){ 0 };
		for (unsigned int n = 0; n < 12; n++) {
			queue_segment(a, &(struct segment){ .at = n * MSS, .payload = MSS });
		}
		nf_kick(a, 0);
		nf_poll_queue(b, 0, 100);
		/* The second slot has no page but the segment size. */
		assert_int_equal(b->queue[0].rx_errors, bad == 1 ? 0 : 1);
		while (b->frame_first != b->frame_end) {
			struct nf_frame r = nf_take(b);
			uint32_t at = frame_get16(r.data + 38) << 16 | frame_get16(r.data + 40);

			at -= 0xffffff00;
			assert_int_equal(frame_get16(r.data + 16) + 14, r.len);
			for (uint32_t i = 66; i < r.len; i++) {
				assert_int_equal(r.data[i], frame_byte(at + i - 66));
			}
			got += r.len - 66;
			free(r.data);
		}
		assert_true(got >= 10 * MSS);
		nf_free(a);
		nf_free(b);
		host_finish();
		host_reset();
	}
	(void)state;
}

/* --- polling ------------------------------------------------------------------------ */

/*
 * While its CPU is busy the sender need not notify for each frame: the ring is
 * looked at on exits, and asked to notify again when that finds nothing.
 */
static void test_polling(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct nf_queue *q = &a->queue[0];
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	a->kicks = 0;
	for (unsigned int i = 0; i < 100; i++) {
		nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
		if (nf_push(&q->tx->i.req_prod, &q->tx->i.req_event, q->tx_prod)) {
			nf_notify(a, q->tx_port);
		} else {
			host_load(a->v);
			host_exit();
		}
		nf_poll(b);
	}
	/* No frame waits for longer than the late work's limit. */
	host_advance(300000);
	assert_int_equal(nf_total(NET_RX_FRAMES), 100);
	assert_true(a->kicks <= 10);
	/* Idle again: the next frame is asked for. */
	host_advance(10000000);
	assert_int_equal(atomic_load(&q->tx->i.req_event), q->tx_prod + 1);
	nf_collect(a, 0);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/*
 * While the receiver doesn't get to look at what it has, its sender waits
 * although there are buffers: the guest's sockets would only drop it.
 */
static void test_backlog(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);
	unsigned int got = 0;

	for (unsigned int i = 0; i < 200; i++) {
		nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
	}
	nf_kick(a, 0);
	host_run();
	assert_int_equal(nf_total(NET_RX_FRAMES), NETBACK_BACKLOG);
	for (unsigned int i = 0; i < 20; i++) {
		got += nf_poll(b);
		nf_forget(b);
		host_advance(300000);
		/* Never more than that is waiting there. */
		assert_true(atomic_load(&b->queue[0].rx->i.rsp_prod) -
			    b->queue[0].rx_cons <= NETBACK_BACKLOG);
	}
	assert_int_equal(got, 200);
	nf_collect(a, 0);
	/* A receiver that stops looking holds it up for a bounded time. */
	for (unsigned int i = 0; i < 100; i++) {
		nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
	}
	nf_kick(a, 0);
	host_advance(50000000);
	nf_collect(a, 0);
	assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* --- life -------------------------------------------------------------------------- */

static void test_reload(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);

	for (unsigned int i = 0; i < 5; i++) {
		send_udp(a, 1, 2, 18);
		assert_int_equal(nf_poll(b), 1);
		expect_same(nf_take(b), text, 60);
		nf_reload(i & 1 ? a : b);
	}
	send_udp(a, 1, 2, 18);
	assert_int_equal(nf_poll(b), 1);
	/* Counters go on over a reload. */
	assert_int_equal(nf_total(NET_RX_FRAMES), 6);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* Frames to a vif whose driver isn't there are dropped, not kept. */
static void test_not_connected(void **state)
{
	struct vm_vif_config config = nf_vif_config(2);
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_create(&config, &linux_defaults);

	send_udp(a, 1, 2, 18);
	assert_int_equal(nf_total(NET_DROP_DOWN), 1);
	nf_connect(b);
	send_udp(a, 1, 2, 18);
	assert_int_equal(nf_poll(b), 1);
	nf_close(b);
	send_udp(a, 1, 2, 18);
	assert_int_equal(nf_total(NET_DROP_DOWN), 2);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* Frames and buffers that were there before the backend looked. */
static void test_early_frames(void **state)
{
	struct vm_vif_config config = nf_vif_config(1);
	struct netfront *b = nf_start(2, &linux_defaults);
	struct netfront *a = nf_create(&config, &linux_defaults);
	struct frame_make m = from_to(1, 2);
	uint32_t len = (uint32_t)frame_write(text, &m);

	nf_queue_start(a, 0);
	nf_write_keys(a);
	nf_post(a, 0, NETIF_RING_SIZE);
	nf_queue_frame(a, text, len, &(struct nf_send){ 0 });
	nf_kick(a, 0);
	nf_write(a, "state", 4);
	host_run();
	assert_int_equal(nf_read_back(a, "state"), 4);
	assert_int_equal(nf_poll(b), 1);
	/* The frontend is told once, on both ports. */
	assert_true(nf_take_event(a, a->queue[0].tx_port));
	assert_true(nf_take_event(a, a->queue[0].rx_port));
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* A domain dies while others send to it and it has frames itself. */
static void test_domain_dies(void **state)
{
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .post = 2 });
	struct netfront *c = nf_start(3, &linux_defaults);

	for (unsigned int i = 0; i < 5; i++) {
		send_udp(a, 1, 2, 18);
	}
	assert_int_equal(nf_total(NET_RX_FRAMES), 2);
	host_domain_destroy(b->d);
	host_run();
	nf_collect(a, 0);
	assert_int_equal(nf_tx_room(a, 0), NETIF_RING_SIZE);
	/* Nobody has that address any more, and nobody else sees the frames. */
	assert_int_equal(nf_poll(c), 0);
	assert_int_equal(nf_total(NET_DROP_NO_PORT), 3);
	send_udp(a, 1, 3, 18);
	assert_int_equal(nf_poll(c), 1);
	nf_free(a);
	nf_free(b);
	nf_free(c);
	(void)state;
}

/* Two CPUs: sender and receiver work at the same time, each on its own. */
static void test_two_cpus(void **state)
{
	struct netfront *a, *b;
	unsigned int got = 0;

	host_finish();
	host_reset_cpus(2);
	a = nf_start(1, &linux_defaults);
	b = nf_start(2, &(struct nf_options){ .post = 8 });
	for (unsigned int i = 0; i < 500; i++) {
		while (nf_tx_room(a, 0) == 0) {
			got += nf_poll(b);
			nf_forget(b);
			host_run();
			nf_collect(a, 0);
		}
		send_udp(a, 1, 2, 18);
		if (i % 7 == 0) {
			got += nf_poll_queue(b, 0, 5);
			nf_forget(b);
			nf_post(b, 0, 5);
		}
	}
	for (unsigned int i = 0; i < 100 && got < 500; i++) {
		got += nf_poll(b);
		nf_forget(b);
		host_run();
	}
	assert_int_equal(got, 500);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* With CPUs to spare, what senders do takes effect at once. */
#define IDLE(f)	cmocka_unit_test_setup_teardown(f, idle_setup, unit_teardown)
/* All CPUs (one) are busy all the time. */
#define BUSY(f)	UNIT_TEST(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IDLE(test_ping_pong), IDLE(test_completion_event), IDLE(test_receive_events),
		IDLE(test_batch), IDLE(test_gso), IDLE(test_gso_lies), IDLE(test_gso_of_one),
		IDLE(test_flags), IDLE(test_pieces),
		IDLE(test_empty_slots), IDLE(test_broadcast), IDLE(test_multi_queue),
		IDLE(test_back_pressure), IDLE(test_stall), IDLE(test_trickle),
		IDLE(test_slow_receiver), IDLE(test_waiters), IDLE(test_flood_full),
		IDLE(test_no_rx_notify), IDLE(test_finish_checksum), IDLE(test_segments),
		IDLE(test_segments_room), IDLE(test_segments_wait), IDLE(test_too_long),
		IDLE(test_vlan), IDLE(test_merge),
		IDLE(test_merge_limit), IDLE(test_merge_refused), IDLE(test_merge_not_taken),
		IDLE(test_merge_few_buffers), IDLE(test_merge_bad_grant), BUSY(test_polling), BUSY(test_backlog),
		IDLE(test_reload), IDLE(test_not_connected), IDLE(test_early_frames),
		IDLE(test_domain_dies), IDLE(test_two_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
