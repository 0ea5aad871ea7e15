/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uplinks: the vif of a guest that has the wire. Whatever that guest does,
 * the others must not notice.
 */
#include "sim/netfront.h"

#include "unit/frame_make.h"

#define SECOND	1000000000ULL
#define UPLINK	9U		/* its own address; those behind it are 0x50 .. */
#define OUTSIDE	0x50U

static uint8_t text[70000];
static const struct nf_options linux_defaults = { 0 };

static int setup(void **state)
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

static void send_frame(struct netfront *f, const struct frame_make *m, const struct nf_send *s)
{
	nf_send_frame(f, text, (uint32_t)frame_write(text, m), s);
}

static void send_udp(struct netfront *f, unsigned int src, unsigned int dst, unsigned int payload)
{
	struct frame_make m = from_to(src, dst);

	m.payload = payload;
	send_frame(f, &m, &(struct nf_send){ 0 });
}

static struct netfront *uplink_start(const struct nf_options *options, uint32_t timeout)
{
	struct vm_vif_config config = nf_vif_config(UPLINK);
	struct netfront *f;

	config.uplink = true;
	config.spoof_check = false;
	config.hang_s = timeout;
	f = nf_create(&config, options);
	nf_connect(f);
	/* A host on the wire says hello. */
	send_udp(f, OUTSIDE, 0xff, 18);
	return f;
}

static void expect_one(struct netfront *f)
{
	struct nf_frame r;

	assert_int_equal(nf_poll(f), 1);
	r = nf_take(f);
	assert_int_equal(r.len, frame_get16(text + 16) + 14U);
	free(r.data);
}

/* Marks of checksum and GSO go to the wire's guest as to any other. */
static void test_offloads(void **state)
{
	struct netfront *up = uplink_start(&linux_defaults, 5);
	struct netfront *a = nf_start(1, &linux_defaults);
	struct frame_make m = from_to(1, OUTSIDE);
	struct nf_frame r;

	m.udp = false;
	m.payload = 20000;
	m.blank = true;
	send_frame(a, &m, &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK, .mss = 1448,
					     .gso = NET_GSO_TCPV4 });
	assert_int_equal(nf_poll(up), 1);
	r = nf_take(up);
	assert_int_equal(r.mss, 1448);
	assert_int_equal(r.flags & 3, NETIF_RXF_CSUM_BLANK | NETIF_RXF_VALIDATED);
	free(r.data);
	nf_free(up);
	nf_free(a);
	(void)state;
}

/* With a tag the wire's guest gets what can be sent as it is. */
static void test_tagged(void **state)
{
	struct netfront *up = uplink_start(&linux_defaults, 5);
	struct vm_vif_config config = nf_vif_config(1);
	struct netfront *a;
	struct frame_make m = from_to(1, OUTSIDE);
	struct nf_frame r;

	config.vlan = 7;
	a = nf_create(&config, &linux_defaults);
	nf_connect(a);
	m.udp = false;
	m.payload = 4000;
	m.blank = true;
	send_frame(a, &m, &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK, .mss = 1000,
					     .gso = NET_GSO_TCPV4 });
	assert_int_equal(nf_poll(up), 4);
	r = nf_take(up);
	assert_int_equal(frame_get16(r.data + 12), 0x8100);
	assert_int_equal(frame_get16(r.data + 14), 7);
	assert_true(frame_checksums_good(r.data, 18, r.len));
	free(r.data);
	nf_forget(up);
	/* And back. */
	m = from_to(OUTSIDE, 1);
	m.vlan = 7;
	send_frame(up, &m, &(struct nf_send){ 0 });
	assert_int_equal(nf_poll(a), 1);
	r = nf_take(a);
	assert_int_equal(frame_get16(r.data + 12), 0x0800);
	free(r.data);
	nf_free(up);
	nf_free(a);
	(void)state;
}

/* What the wire can't carry is dropped, and large frames by their segments. */
static void test_mtu(void **state)
{
	struct netfront *up = uplink_start(&linux_defaults, 5);
	struct netfront *a = nf_start(1, &linux_defaults);
	struct frame_make m = from_to(1, OUTSIDE);

	send_udp(a, 1, OUTSIDE, 1500 - 28);
	assert_int_equal(nf_poll(up), 1);
	send_udp(a, 1, OUTSIDE, 1500 - 27);
	assert_int_equal(nf_poll(up), 0);
	assert_int_equal(nf_total(NET_DROP_RX_SIZE), 1);
	m.udp = false;
	m.tcp_options = 12;
	m.payload = 20000;
	m.blank = true;
	send_frame(a, &m, &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK, .mss = 1448,
					     .gso = NET_GSO_TCPV4 });
	assert_int_equal(nf_poll(up), 1);
	send_frame(a, &m, &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK, .mss = 1449,
					     .gso = NET_GSO_TCPV4 });
	assert_int_equal(nf_poll(up), 0);
	assert_int_equal(nf_total(NET_DROP_RX_SIZE), 2);
	nf_free(up);
	nf_free(a);
	(void)state;
}

/* Nobody waits for a wire that takes nothing. */
static void test_nobody_waits(void **state)
{
	struct netfront *up = uplink_start(&(struct nf_options){ .no_post = true }, 5);
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &linux_defaults);

	for (unsigned int i = 0; i < 300; i++) {
		send_udp(a, 1, OUTSIDE, 18);
		send_udp(a, 1, 2, 18);
		expect_one(b);
	}
	assert_int_equal(nf_total(NET_DROP_RX_FULL), 300);
	assert_int_equal(nf_total(NET_RX_WAITED), 0);
	assert_int_equal(nf_total(NET_TX_WAITS), 0);
	nf_free(up);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* And the wire waits for nobody: one guest can't hold up the others' frames. */
static void test_waits_for_nobody(void **state)
{
	struct netfront *up = uplink_start(&linux_defaults, 5);
	struct netfront *a = nf_start(1, &(struct nf_options){ .no_post = true });
	struct netfront *b = nf_start(2, &linux_defaults);

	for (unsigned int i = 0; i < 300; i++) {
		send_udp(up, OUTSIDE, 1, 18);
		send_udp(up, OUTSIDE, 2, 18);
		expect_one(b);
	}
	assert_int_equal(nf_total(NET_TX_WAITS), 0);
	nf_free(up);
	nf_free(a);
	nf_free(b);
	(void)state;
}

static bool runs(const struct netfront *f)
{
	return f->d->state == DOMAIN_RUNNING;
}

/* It took nothing for five seconds while there was something: it has hung. */
static void test_hang(void **state)
{
	struct netfront *up = uplink_start(&(struct nf_options){ .no_post = true }, 5);
	struct netfront *a = nf_start(1, &linux_defaults);
	struct domain *d = domain_get(up->d);

	/* Nothing to take, no hang. */
	host_advance(20 * SECOND);
	assert_true(runs(up));
	send_udp(a, 1, OUTSIDE, 18);
	host_advance(5 * SECOND - 1000000);
	assert_true(runs(up));
	host_advance(2000000);
	assert_false(runs(up));
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	assert_non_null(strstr(host_console(), "took no frames for 5 s"));
	domain_put(d);
	/* Gone: frames are dropped and the sender goes on. */
	send_udp(a, 1, OUTSIDE, 18);
	assert_int_equal(nf_total(NET_DROP_RX_FULL), 1);
	nf_free(up);
	nf_free(a);
	(void)state;
}

/* A slow one is not hung, however often it has no buffer. */
static void test_slow_is_not_hung(void **state)
{
	struct netfront *up = uplink_start(&(struct nf_options){ .no_post = true }, 5);
	struct netfront *a = nf_start(1, &linux_defaults);

	for (unsigned int i = 0; i < 20; i++) {
		send_udp(a, 1, OUTSIDE, 18);
		send_udp(a, 1, OUTSIDE, 18);
		host_advance(4 * SECOND);
		nf_post(up, 0, 1);
		host_run();
	}
	assert_true(runs(up));
	nf_free(up);
	nf_free(a);
	(void)state;
}

/* Nor is one that left too few buffers for a large frame: that one is dropped. */
static void test_few_buffers(void **state)
{
	struct netfront *up = uplink_start(&(struct nf_options){ .post = 1 }, 5);
	struct netfront *a = nf_start(1, &linux_defaults);
	struct frame_make m = from_to(1, OUTSIDE);
	struct domain *d = domain_get(up->d);

	m.udp = false;
	m.payload = 8000;
	m.blank = true;
	for (unsigned int i = 0; i < 4; i++) {
		send_frame(a, &m, &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK, .mss = 1448,
						     .gso = NET_GSO_TCPV4 });
		assert_int_equal(nf_total(NET_DROP_RX_FULL), i + 1);
		host_advance(4 * SECOND);
	}
	assert_int_equal(d->state, DOMAIN_RUNNING);
	/* What fits goes, and when nothing is left at all it has hung. */
	send_udp(a, 1, OUTSIDE, 18);
	assert_int_equal(nf_total(NET_DROP_RX_FULL), 4);
	send_udp(a, 1, OUTSIDE, 18);
	host_advance(5 * SECOND - 1000000);
	assert_int_equal(d->state, DOMAIN_RUNNING);
	host_advance(2000000);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	domain_put(d);
	nf_free(up);
	nf_free(a);
	(void)state;
}

static void test_may_hang(void **state)
{
	struct netfront *up = uplink_start(&(struct nf_options){ .no_post = true }, 0);
	struct netfront *a = nf_start(1, &linux_defaults);
	struct netfront *b = nf_start(2, &(struct nf_options){ .no_post = true });

	send_udp(a, 1, OUTSIDE, 18);
	send_udp(a, 1, 2, 18);
	host_advance(100 * SECOND);
	assert_true(runs(up));
	/* An ordinary guest may always. */
	assert_true(runs(b));
	nf_free(up);
	nf_free(a);
	nf_free(b);
	(void)state;
}

/* The wire comes and goes; guests' channels are never touched. */
static void test_reload(void **state)
{
	struct netfront *up = uplink_start(&linux_defaults, 5);
	struct netfront *a = nf_start(1, &linux_defaults);

	for (unsigned int i = 1; i <= 5; i++) {
		nf_close(up);
		send_udp(a, 1, OUTSIDE, 18);
		assert_int_equal(nf_total(NET_DROP_DOWN), i);
		assert_int_equal(nf_read_back(a, "state"), 4);
		nf_write(up, "state", 1);
		host_run();
		nf_connect(up);
		send_udp(a, 1, OUTSIDE, 18);
		expect_one(up);
		send_udp(up, OUTSIDE, 1, 18);
		expect_one(a);
		nf_forget(up);
		nf_forget(a);
	}
	nf_free(up);
	nf_free(a);
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, unit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_offloads), T(test_tagged), T(test_mtu), T(test_nobody_waits),
		T(test_waits_for_nobody), T(test_hang), T(test_slow_is_not_hung), T(test_few_buffers),
		T(test_may_hang), T(test_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
