/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uplinks that are virtio devices: frames both ways, and drivers that break the rules.
 */
#include "sim/virtio.h"

#include "unit/frame_make.h"
#include "xen/pin.h"

#define SECOND	1000000000ULL
#define UPLINK	9U		/* its own address; those behind it are 0x50 .. */
#define OUTSIDE	0x50U

static uint8_t text[70000];
static const struct nf_options linux_defaults = { 0 };
static struct vdriver *up;
static struct netfront *a;

static struct frame_make from_to(unsigned int src, unsigned int dst)
{
	return (struct frame_make){
		.dst = { 0, 0x16, 0x3e, 0, 0, (uint8_t)dst },
		.src = { 0, 0x16, 0x3e, 0, 0, (uint8_t)src }, .vlan = -1, .udp = true,
		.payload = 18,
	};
}

static void up_send(const struct frame_make *m, const struct vd_send *s)
{
	vd_send_frame(up, text, (uint32_t)frame_write(text, m), s);
}

static void up_send_udp(unsigned int dst, unsigned int payload)
{
	struct frame_make m = from_to(OUTSIDE, dst);

	m.payload = payload;
	up_send(&m, &(struct vd_send){ 0 });
}

static void a_send(const struct frame_make *m, const struct nf_send *s)
{
	nf_send_frame(a, text, (uint32_t)frame_write(text, m), s);
}

static void a_send_udp(unsigned int dst, unsigned int payload)
{
	struct frame_make m = from_to(1, dst);

	m.payload = payload;
	a_send(&m, &(struct nf_send){ 0 });
}

static void driver_starts(uint64_t features)
{
	vd_start(up, features);
	vd_post(up, VD_SIZE);
	/* A host on the wire says hello. */
	up_send_udp(0xff, 18);
	nf_poll(a);
	nf_forget(a);
}

static void made(unsigned int mtu, uint64_t features)
{
	struct vm_vif_config config = nf_vif_config(UPLINK);

	config.mtu = mtu;
	config.hang_s = 5;
	up = vd_create(&config);
	a = nf_start(1, &linux_defaults);
	if (features != 0) {
		driver_starts(features);
	}
}

static int setup(void **state)
{
	host_reset_cpus(4);
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	vd_free(up);
	nf_free(a);
	return unit_teardown(state);
}

static void expect_a(void)
{
	struct nf_frame r;

	assert_int_equal(nf_poll(a), 1);
	r = nf_take(a);
	assert_int_equal(r.len, frame_get16(text + 16) + 14U);
	assert_memory_equal(r.data, text, r.len);
	free(r.data);
}

static struct vd_frame expect_up(void)
{
	assert_int_equal(vd_poll(up), 1);
	return vd_take(up);
}

/* --- frames ----------------------------------------------------------------------- */

static void test_both_ways(void **state)
{
	made(9000, VD_ALL);
	assert_int_equal(vd_offered(up), VD_ALL);
	for (unsigned int i = 0; i < 300; i++) {
		unsigned int payload = 18 + i * 29;
		struct vd_frame r;

		up_send_udp(1, payload);
		expect_a();
		a_send_udp(OUTSIDE, payload);
		r = expect_up();
		assert_int_equal(r.len, payload + 42);
		assert_int_equal(r.buffers, (r.len + 12 + VD_BUF - 1) / VD_BUF);
		assert_memory_equal(r.data, text, r.len);
		free(r.data);
	}
	assert_int_equal(net_count(NET_RX_COPIES), 600);
	(void)state;
}

/* The device has its own way without event indices, and without mergeable buffers. */
static void test_plain_driver(void **state)
{
	struct vd_frame r;

	made(9000, VIRTIO_F_VERSION_1 | VNET_F_MAC);
	for (unsigned int i = 0; i < 200; i++) {
		up_send_udp(1, 500);
		expect_a();
		a_send_udp(OUTSIDE, 500);
		r = expect_up();
		assert_int_equal(r.header.buffers, 1);
		free(r.data);
	}
	a_send_udp(OUTSIDE, VD_BUF - 12 - 42);
	free(expect_up().data);
	a_send_udp(OUTSIDE, VD_BUF - 12 - 41);
	assert_int_equal(vd_poll(up), 0);
	assert_int_equal(net_count(NET_DROP_RX_SIZE), 1);
	(void)state;
}

/* Marks of checksum and GSO, to the driver .. */
static void test_offloads_to(void **state)
{
	struct frame_make m = from_to(1, OUTSIDE);
	struct nf_send s = { .flags = NETIF_TXF_CSUM_BLANK, .mss = 1448, .gso = NET_GSO_TCPV4 };
	struct vd_frame r;
	uint64_t off = 0;

	made(1500, VD_ALL);
	m.udp = false;
	m.payload = 20000;
	m.tcp_options = 12;
	m.blank = true;
	a_send(&m, &s);
	r = expect_up();
	assert_int_equal(r.len, 20000 + 66);
	assert_int_equal(r.header.flags, VNET_HDR_CSUM);
	assert_int_equal(r.header.gso_type, VNET_HDR_GSO_TCPV4);
	assert_int_equal(r.header.gso_size, 1448);
	assert_int_equal(r.header.header_len, 66);
	assert_int_equal(r.header.csum_start, 34);
	assert_int_equal(r.header.csum_offset, 16);
	free(r.data);
	/* .. until it doesn't take them any more. */
	assert_int_equal(vd_command(up, VNET_CTRL_OFFLOADS, VNET_CTRL_OFFLOADS_SET, &off, 8),
			 VNET_CTRL_OK);
	m.payload = 3000;
	a_send(&m, &s);
	assert_int_equal(vd_poll(up), 3);
	for (unsigned int i = 0; i < 3; i++) {
		r = vd_take(up);
		assert_int_equal(r.header.flags, 0);
		assert_int_equal(r.header.gso_type, 0);
		assert_int_equal(r.len, (i < 2 ? 1448 : 3000 - 2 * 1448) + 66);
		assert_true(frame_checksums_good(r.data, 14, r.len));
		free(r.data);
	}
	m.payload = 100;
	a_send(&m, &(struct nf_send){ .flags = NETIF_TXF_CSUM_BLANK });
	r = expect_up();
	assert_true(frame_checksums_good(r.data, 14, r.len));
	free(r.data);
	(void)state;
}

/* .. and from it. */
static void test_offloads_from(void **state)
{
	struct frame_make m = from_to(OUTSIDE, 1);
	struct vd_send s = { .header = {
		.flags = VNET_HDR_CSUM, .gso_type = VNET_HDR_GSO_TCPV6, .gso_size = 1400,
		.csum_start = 54, .csum_offset = 16 } };
	struct nf_frame r;

	made(1500, VD_ALL);
	m.udp = false;
	m.v6 = true;
	m.payload = 30000;
	m.blank = true;
	up_send(&m, &s);
	assert_int_equal(nf_poll(a), 1);
	r = nf_take(a);
	assert_int_equal(r.mss, 1400);
	assert_int_equal(r.gso, NET_GSO_TCPV6);
	assert_int_equal(r.len, 30000 + 74);
	free(r.data);
	/* A tag is counted in, and comes off. */
	m.vlan = 0;
	s.header.csum_start = 58;
	up_send(&m, &s);
	assert_int_equal(nf_poll(a), 1);
	r = nf_take(a);
	assert_int_equal(r.mss, 1400);
	free(r.data);
	/* Its driver may vouch for a checksum. */
	m.vlan = -1;
	m.payload = 100;
	m.blank = false;
	up_send(&m, &(struct vd_send){ .header = { .flags = VNET_HDR_VALID } });
	assert_int_equal(nf_poll(a), 1);
	r = nf_take(a);
	assert_int_equal(r.flags & 3, NETIF_RXF_VALIDATED);
	free(r.data);
	(void)state;
}

/* What a sender says of a large frame is told to the driver only if it is so. */
static void test_gso_lies(void **state)
{
	struct nf_send s = { .flags = NETIF_TXF_CSUM_BLANK, .mss = 1000, .gso = NET_GSO_TCPV4 };
	struct frame_make m = from_to(1, OUTSIDE);

	made(1500, VD_ALL);
	m.payload = 200;
	m.blank = true;
	a_send(&m, &s);			/* it's UDP */
	m.udp = false;
	s.gso = NET_GSO_TCPV6;
	a_send(&m, &s);			/* it's IPv4 */
	s.gso = NET_GSO_TCPV4;
	for (unsigned int words = 0; words < 5; words++) {
		uint32_t len = (uint32_t)frame_write(text, &m);

		text[46] = (uint8_t)(words << 4);	/* a TCP header of so many */
		nf_send_frame(a, text, len, &s);
	}
	m.payload = 10;
	frame_write(text, &m);
	text[46] = 15 << 4;		/* longer than the frame */
	nf_send_frame(a, text, 64, &s);
	assert_int_equal(vd_poll(up), 0);
	assert_int_equal(net_count(NET_DROP_MALFORMED), 8);
	m.payload = 200;
	a_send(&m, &s);
	free(expect_up().data);
	(void)state;
}

/* A checksum at an unusual place is made here. */
static void test_odd_checksum(void **state)
{
	struct frame_make m = from_to(OUTSIDE, 1);
	struct nf_frame r;
	unsigned int want;

	made(1500, VD_ALL);
	m.payload = 1000;
	frame_write(text, &m);
	memset(text + 60, 0, 2);
	want = ~frame_sum(text + 50, 1042 - 50, 0) & 0xffff;
	vd_send_frame(up, text, 1042, &(struct vd_send){ .header = {
		.flags = VNET_HDR_CSUM, .csum_start = 50, .csum_offset = 10 } });
	assert_int_equal(nf_poll(a), 1);
	r = nf_take(a);
	assert_int_equal(frame_get16(r.data + 60), want);
	free(r.data);
	(void)state;
}

/* Headers that make no sense cost the frame, and nothing more. */
static void test_bad_headers(void **state)
{
	static const struct vnet_header bad[] = {
		{ .gso_type = VNET_HDR_GSO_TCPV4, .gso_size = 1000 },
		{ .flags = VNET_HDR_CSUM, .csum_start = 34, .csum_offset = 16,
		  .gso_type = VNET_HDR_GSO_TCPV4 },
		{ .flags = VNET_HDR_CSUM, .csum_start = 34, .csum_offset = 16,
		  .gso_type = VNET_HDR_GSO_TCPV6, .gso_size = 1000 },
		{ .flags = VNET_HDR_CSUM, .csum_start = 34, .csum_offset = 16, .gso_type = 3,
		  .gso_size = 1000 },
		{ .flags = VNET_HDR_CSUM, .csum_start = 127, .csum_offset = 0 },
		{ .flags = VNET_HDR_CSUM, .csum_start = 65535, .csum_offset = 65535 },
		{ .flags = VNET_HDR_CSUM, .csum_start = 35, .csum_offset = 16,
		  .gso_type = VNET_HDR_GSO_TCPV4, .gso_size = 1000 },
	};
	struct frame_make m = from_to(OUTSIDE, 1);

	made(1500, VD_ALL);
	m.udp = false;
	m.payload = 3000;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		up_send(&m, &(struct vd_send){ .header = bad[i] });
		assert_int_equal(nf_poll(a), 0);
		assert_int_equal(net_count(NET_DROP_MALFORMED), i + 1);
	}
	/* .. and a TCP header shorter than one is. */
	frame_write(text, &m);
	text[46] = 4 << 4;
	vd_send_frame(up, text, 3054, &(struct vd_send){ .header = {
		.flags = VNET_HDR_CSUM, .csum_start = 34, .csum_offset = 16,
		.gso_type = VNET_HDR_GSO_TCPV4, .gso_size = 1000 } });
	assert_int_equal(nf_poll(a), 0);
	assert_int_equal(net_count(NET_DROP_MALFORMED), ARRAY_SIZE(bad) + 1);
	up_send_udp(1, 100);
	expect_a();
	/* Too short, and none at all. */
	vd_send_frame(up, text, 13, &(struct vd_send){ 0 });
	assert_int_equal(net_count(NET_DROP_RUNT), 1);
	vd_desc(up, VNET_TX, 0, VD_TX_GPA, 11, 0, 0);
	vd_avail(up, VNET_TX, 0);
	vd_kick(up, VNET_TX, 1);
	assert_int_equal(net_count(NET_DROP_MALFORMED), ARRAY_SIZE(bad) + 2);
	assert_int_equal(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET, 0);
	(void)state;
}

/* --- events ------------------------------------------------------------------------- */

/* One interrupt until the driver has acknowledged it, none while it polls. */
static void test_interrupts(void **state)
{
	struct host_guest_irq *irq;

	made(1500, VD_ALL);
	irq = &up->d->arch.guest_irq[0];
	(void)vd_irq(up);
	for (unsigned int i = 0; i < 5; i++) {
		a_send_udp(OUTSIDE, 100);
	}
	assert_int_equal(irq->raised, 1);
	assert_int_equal(vd_read(up, VMMIO_IRQ_STATUS), VMMIO_IRQ_RING);
	assert_int_equal(vd_poll(up), 5);
	assert_int_equal(vd_read(up, VMMIO_IRQ_STATUS), 0);
	/* The event index is beyond what comes. */
	vd_put16(up, up->queue[VNET_RX].avail + 4 + 2 * VD_SIZE,
		 (uint16_t)(up->queue[VNET_RX].cons + 3));
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(irq->raised, 0);
		a_send_udp(OUTSIDE, 100);
	}
	assert_int_equal(irq->raised, 1);
	assert_int_equal(vd_poll(up), 4);
	(void)state;
}

/* Completions are told late, and together. */
static void test_completions(void **state)
{
	struct host_guest_irq *irq;
	struct frame_make m = from_to(OUTSIDE, 1);
	uint32_t len;

	made(1500, VD_ALL);
	irq = &up->d->arch.guest_irq[0];
	host_advance(VNET_TX_NS);
	(void)vd_irq(up);
	len = (uint32_t)frame_write(text, &m);
	for (unsigned int i = 0; i < 3; i++) {
		vd_send_frame(up, text, len, &(struct vd_send){ 0 });
		/* As a driver that collects when it sends. */
		vd_put16(up, up->queue[VNET_TX].avail + 4 + 2 * VD_SIZE,
			 (uint16_t)(up->queue[VNET_TX].cons - 1));
	}
	assert_int_equal(irq->raised, 0);
	host_advance(VNET_TX_NS);
	assert_int_equal(irq->raised, 1);
	(void)state;
}

/* While all CPUs are busy the ring is looked at; then notifications are asked for again. */
static void test_polling(void **state)
{
	unsigned int kicks;

	host_reset_cpus(1);
	made(1500, VD_ALL);
	kicks = up->kicks;
	for (unsigned int i = 0; i < 200; i++) {
		up_send_udp(1, 18);
	}
	assert_true(up->kicks - kicks < 50);
	host_advance(SECOND);
	assert_int_equal(net_count(NET_TX_FRAMES), 201);
	nf_poll(a);
	nf_forget(a);
	for (unsigned int i = 0; i < 50; i++) {
		up_send_udp(1, 18);
		host_advance(SECOND / 100);
		expect_a();
	}
	(void)state;
}

/* Looks until polling, just begun, ends; the first `found` of them find something. */
static unsigned int looks(struct tx_poll *p, unsigned int found)
{
	unsigned int n = 0;

	do {
		assert_true(tx_poll_looked(p, n < found, tx_poll_looks(p, VNET_POLL_EMPTY)) ==
			    (n < found || !p->on));
		n++;
	} while (p->on);
	return n;
}

/* Polling that found nothing has one look the next time, but for each eighth. */
static void test_polling_in_vain(void **state)
{
	struct tx_poll p = { .on = false };

	host_reset_cpus(1);
	made(1500, VD_ALL);
	host_load(up->d->vcpus[0]);
	assert_true(sched_all_busy());
	work_init(&p.work, NULL);
	atomic_store(&p.work.queued, 1);	/* the looks are made here */
	for (unsigned int i = 0; i < 2 * TX_POLL_TRY; i++) {
		tx_poll_start(&p);
		assert_int_equal(looks(&p, 0), i % TX_POLL_TRY == 0 ? VNET_POLL_EMPTY : 1);
	}
	tx_poll_start(&p);
	assert_int_equal(looks(&p, 2), 2 + VNET_POLL_EMPTY);
	/* It found something, and does so again. */
	tx_poll_start(&p);
	assert_int_equal(looks(&p, 0), VNET_POLL_EMPTY);
	tx_poll_start(&p);
	assert_int_equal(looks(&p, 0), 1);
	/* A notification while it is on is for many frames. */
	tx_poll_start(&p);
	tx_poll_start(&p);
	assert_int_equal(looks(&p, 0), VNET_POLL_EMPTY);
	(void)state;
}

/* Took nothing for five seconds while there was something. */
static void test_hang(void **state)
{
	struct domain *d;

	made(1500, 0);
	vd_start(up, VD_ALL);
	up_send_udp(0xff, 18);
	d = domain_get(up->d);
	host_advance(20 * SECOND);
	for (unsigned int i = 0; i < 4; i++) {
		a_send_udp(OUTSIDE, 18);
		host_advance(4 * SECOND);
		vd_post_one(up, i, VD_BUF);
		host_advance(2 * SECOND);
	}
	assert_int_equal(d->state, DOMAIN_RUNNING);
	assert_int_equal(net_count(NET_DROP_RX_FULL), 1);
	for (unsigned int i = 0; i < 2; i++) {
		a_send_udp(OUTSIDE, 18);
	}
	assert_int_equal(net_count(NET_DROP_RX_FULL), 2);
	host_advance(5 * SECOND + 1000000);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	assert_non_null(strstr(host_console(), "took no frames for 5 s"));
	domain_put(d);
	(void)state;
}

/* Its driver is there, but didn't open the device yet: no buffer was ever posted. */
static void test_not_open_is_not_hung(void **state)
{
	struct domain *d;

	made(1500, 0);
	d = domain_get(up->d);
	for (unsigned int start = 0; start < 2; start++) {
		vd_start(up, VD_ALL);
		up_send_udp(0xff, 18);
		for (unsigned int i = 0; i < 4; i++) {
			a_send_udp(OUTSIDE, 18);
			assert_int_equal(net_count(NET_DROP_RX_FULL), 5 * start + i + 1);
			host_advance(4 * SECOND);
		}
		assert_int_equal(d->state, DOMAIN_RUNNING);
		/* It did, the first time: what holds for an open one holds no longer. */
		vd_post_one(up, 0, VD_BUF);
		a_send_udp(OUTSIDE, 18);
		a_send_udp(OUTSIDE, 18);
		assert_int_equal(net_count(NET_DROP_RX_FULL), 5 * start + 5);
	}
	host_advance(5 * SECOND + 1000000);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	domain_put(d);
	(void)state;
}

/* It left too few buffers for a large frame: that one is dropped, and nothing has hung. */
static void test_few_buffers(void **state)
{
	struct domain *d;

	made(9000, 0);
	vd_start(up, VD_ALL);
	up_send_udp(0xff, 18);
	d = domain_get(up->d);
	for (unsigned int i = 0; i < 3; i++) {
		vd_post_one(up, i, VD_BUF);
	}
	for (unsigned int i = 0; i < 4; i++) {
		a_send_udp(OUTSIDE, 8000);
		assert_int_equal(net_count(NET_DROP_RX_FULL), i + 1);
		host_advance(4 * SECOND);
	}
	assert_int_equal(d->state, DOMAIN_RUNNING);
	/* What fits goes, and when nothing is left at all it has hung. */
	for (unsigned int i = 0; i < 3; i++) {
		a_send_udp(OUTSIDE, 1000);
	}
	assert_int_equal(net_count(NET_DROP_RX_FULL), 4);
	a_send_udp(OUTSIDE, 8000);
	assert_int_equal(net_count(NET_DROP_RX_FULL), 5);
	host_advance(5 * SECOND - 1000000);
	assert_int_equal(d->state, DOMAIN_RUNNING);
	host_advance(2000000);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	domain_put(d);
	(void)state;
}

static unsigned int told_up, told_down;

static void hook(const struct net_port *p, bool is_up)
{
	(void)p;
	told_up += is_up;
	told_down += !is_up;
}

/* Its driver broke the ring, and neither resets the device nor takes frames any more. */
static void test_failed_is_hung(void **state)
{
	struct domain *d;

	told_up = 0;
	told_down = 0;
	net_uplink_hook = hook;
	made(1500, VD_ALL);
	d = domain_get(up->d);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(told_up, i + 1);
		assert_int_equal(told_down, i);
		vd_avail(up, VNET_TX, VD_SIZE);
		vd_write(up, VMMIO_QUEUE_NOTIFY, VNET_TX);
		host_advance(SECOND);
		assert_int_equal(told_down, i + 1);
		if (i == 0) {
			/* It was reset in time. */
			driver_starts(VD_ALL);
			host_advance(20 * SECOND);
			assert_int_equal(d->state, DOMAIN_RUNNING);
		}
	}
	host_advance(3 * SECOND);
	assert_int_equal(d->state, DOMAIN_RUNNING);
	host_advance(SECOND + 1000000);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	domain_put(d);
	net_uplink_hook = NULL;
	assert_int_equal(told_up, 2);
	assert_int_equal(told_down, 2);
	(void)state;
}

/* --- registers ------------------------------------------------------------------------ */

static void test_registers(void **state)
{
	uint64_t value;

	made(1500, 0);
	assert_int_equal(vd_read(up, VMMIO_MAGIC), 0x74726976);
	assert_int_equal(vd_read(up, VMMIO_VERSION), 2);
	assert_int_equal(vd_read(up, VMMIO_DEVICE_ID), 1);
	assert_int_equal(vd_read(up, VMMIO_SHM_LEN_LOW), UINT32_MAX);
	assert_int_equal(vd_read(up, VMMIO_GENERATION), 0);
	for (unsigned int n = 0; n < 5; n++) {
		vd_write(up, VMMIO_QUEUE_SEL, n);
		assert_int_equal(vd_read(up, VMMIO_QUEUE_MAX), n < 2 ? VNET_ENTRIES :
				 n == 2 ? VNET_CTRL_ENTRIES : 0);
		vd_write(up, VMMIO_QUEUE_READY, n >= 3);
		assert_int_equal(vd_read(up, VMMIO_QUEUE_READY), 0);
	}
	/* The configuration in any width, not beyond its end. */
	for (unsigned int i = 0; i < 6; i++) {
		assert_true(vd_access(up, VMMIO_CONFIG + i, 1, false, &value));
		assert_int_equal(value, up->mac[i]);
	}
	assert_true(vd_access(up, VMMIO_CONFIG + 10, 2, false, &value));
	assert_int_equal(value, 1500);
	assert_true(vd_access(up, VMMIO_CONFIG + 12, 4, false, &value));
	assert_int_equal(value, 0);
	assert_true(vd_access(up, PAGE_SIZE - 8, 8, false, &value));
	assert_int_equal(value, 0);
	/* Not as wide as registers are, not aligned; not there. */
	value = UINT64_MAX;
	assert_true(vd_access(up, VMMIO_MAGIC, 8, false, &value));
	assert_int_equal(value, 0);
	assert_true(vd_access(up, VMMIO_MAGIC + 2, 4, false, &value));
	assert_int_equal(value, 0);
	assert_false(vd_access(up, PAGE_SIZE, 4, false, &value));
	assert_false(vd_access(up, (unsigned int)-8, 4, false, &value));
	(void)state;
}

static void test_features(void **state)
{
	static const uint64_t bad[] = {
		0, VNET_F_MAC,
		VIRTIO_F_VERSION_1 | 1ULL << 33, VIRTIO_F_VERSION_1 | 1ULL << 10,
		VIRTIO_F_VERSION_1 | VNET_F_HOST_TSO4, VIRTIO_F_VERSION_1 | VNET_F_GUEST_TSO6,
		VIRTIO_F_VERSION_1 | VNET_F_GUEST_OFFLOADS,
	};

	made(1500, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(vd_negotiate(up, bad[i]));
		/* And no way around it. */
		vd_queue_place(up, VNET_RX);
		vd_write(up, VMMIO_QUEUE_READY, 1);
		assert_int_equal(vd_read(up, VMMIO_QUEUE_READY), 0);
		vd_status(up, VIRTIO_DRIVER_OK);
		assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
	}
	assert_true(vd_negotiate(up, VIRTIO_F_VERSION_1));
	vd_write(up, VMMIO_DRIVER_FEATURES, 0);
	assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
	assert_int_equal(up->d->stats.misuse, ARRAY_SIZE(bad) + 1);
	driver_starts(VD_ALL);
	up_send_udp(1, 100);
	expect_a();
	(void)state;
}

/* A queue that can't be: each is an error state, and a reset ends it. */
static void test_bad_queues(void **state)
{
	static const struct {
		unsigned int reg;
		uint32_t value;
	} bad[] = {
		{ VMMIO_QUEUE_NUM, 0 }, { VMMIO_QUEUE_NUM, 3 }, { VMMIO_QUEUE_NUM, 512 },
		{ VMMIO_QUEUE_NUM, UINT32_MAX }, { VMMIO_DESC_LOW, 8 }, { VMMIO_DESC_LOW, 0 },
		{ VMMIO_DESC_HIGH, UINT32_MAX }, { VMMIO_DRIVER_LOW, 1 },
		{ VMMIO_DEVICE_LOW, 2 }, { VMMIO_DEVICE_HIGH, 1 },
		/* The last page of RAM, and beyond it; the grant table. */
		{ VMMIO_DESC_LOW, (uint32_t)(HOST_GUEST_GPA + VD_PAGES * PAGE_SIZE - 16) },
		{ VMMIO_DEVICE_LOW, 0x38000000 },
	};

	made(1500, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(vd_negotiate(up, VD_ALL));
		vd_queue_place(up, VNET_TX);
		vd_write(up, bad[i].reg, bad[i].value);
		vd_write(up, VMMIO_QUEUE_READY, 1);
		assert_int_equal(vd_read(up, VMMIO_QUEUE_READY), 0);
		assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
		vd_status(up, VIRTIO_DRIVER_OK);
		vd_write(up, VMMIO_QUEUE_NOTIFY, VNET_TX);
	}
	assert_int_equal(up->d->stats.misuse, ARRAY_SIZE(bad));
	driver_starts(VD_ALL);
	/* In use: it can't be moved, nor made ready again. */
	vd_write(up, VMMIO_QUEUE_SEL, VNET_TX);
	vd_write(up, VMMIO_QUEUE_READY, 1);
	assert_int_equal(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET, 0);
	vd_write(up, VMMIO_DESC_LOW, 0);
	assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
	assert_int_equal(vd_irq(up) & VMMIO_IRQ_CONFIG, VMMIO_IRQ_CONFIG);
	up_send_udp(1, 100);
	assert_int_equal(nf_poll(a), 0);
	a_send_udp(OUTSIDE, 100);
	assert_int_equal(net_count(NET_DROP_DOWN), 1);
	(void)state;
}

/* Pages of rings stay while they are in use, and not longer. */
static void test_rings_are_pinned(void **state)
{
	made(1500, VD_ALL);
	assert_true(page_is_pinned(up->d, host_page(up->d, VD_RINGS_GFN)));
	assert_int_equal(physmap_clear(up->d, GFN(VD_RINGS_GFN)), -EBUSY);
	vd_write(up, VMMIO_STATUS, 0);
	assert_false(page_is_pinned(up->d, host_page(up->d, VD_RINGS_GFN)));
	assert_int_equal(physmap_clear(up->d, GFN(VD_RINGS_GFN)), 0);
	(void)state;
}

/* --- a hostile driver --------------------------------------------------------------- */

static void loop(void)
{
	vd_desc(up, VNET_TX, 0, VD_TX_GPA, 20, VRING_DESC_NEXT, 1);
	vd_desc(up, VNET_TX, 1, VD_TX_GPA, 0, VRING_DESC_NEXT, 0);
	vd_avail(up, VNET_TX, 0);
}

static void empty_loop(void)
{
	vd_desc(up, VNET_TX, 0, VD_TX_GPA, 0, VRING_DESC_NEXT, 0);
	vd_avail(up, VNET_TX, 0);
}

static void no_such_next(void)
{
	vd_desc(up, VNET_TX, 0, VD_TX_GPA, 100, VRING_DESC_NEXT, VD_SIZE);
	vd_avail(up, VNET_TX, 0);
}

static void indirect(void)
{
	vd_desc(up, VNET_TX, 0, VD_TX_GPA, 32, VRING_DESC_INDIRECT, 0);
	vd_avail(up, VNET_TX, 0);
}

static void no_such_head(void)
{
	vd_avail(up, VNET_TX, VD_SIZE);
}

static void index_jumps(void)
{
	vd_put16(up, up->queue[VNET_TX].avail + 2, 0x8000);
}

static void test_broken_rings(void **state)
{
	static void (*const ways[])(void) = {
		loop, empty_loop, no_such_next, indirect, no_such_head, index_jumps,
	};

	made(1500, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ways); i++) {
		driver_starts(VD_ALL);
		ways[i]();
		vd_write(up, VMMIO_QUEUE_NOTIFY, VNET_TX);
		if (ways[i] == loop) {
			/* More pieces than a frame has: the frame is dropped. */
			assert_int_equal(net_count(NET_DROP_MALFORMED), 1);
			continue;
		}
		assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
		/* Nothing of it is looked at any more. */
		up_send_udp(1, 18);
		assert_int_equal(nf_poll(a), 0);
	}
	assert_int_equal(up->d->stats.misuse, ARRAY_SIZE(ways) - 1);
	driver_starts(VD_ALL);
	up_send_udp(1, 18);
	expect_a();
	(void)state;
}

/* Buffers that aren't its RAM: a frame from there is dropped, one to there ends it. */
static void test_bad_addresses(void **state)
{
	static const uint64_t bad[] = {
		0, 0x38000000, HOST_GUEST_GPA + VD_PAGES * PAGE_SIZE - 100, UINT64_MAX - 50,
		1ULL << 52,
	};

	made(1500, VD_ALL);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		vd_desc(up, VNET_TX, 0, bad[i], UINT32_MAX, 0, 0);
		vd_avail(up, VNET_TX, 0);
		vd_kick(up, VNET_TX, 1);
		assert_int_equal(net_count(NET_DROP_TX_GRANT), i + 1);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		vd_start(up, VD_ALL);
		vd_desc(up, VNET_RX, 0, bad[i], 200, VRING_DESC_WRITE, 0);
		vd_avail(up, VNET_RX, 0);
		a_send_udp(OUTSIDE, 100);
		assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
	}
	/* Given back to the hypervisor. */
	driver_starts(VD_ALL);
	assert_int_equal(physmap_clear(up->d, GFN(VD_RX_GPA >> PAGE_SHIFT)), 0);
	a_send_udp(OUTSIDE, 100);
	assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
	(void)state;
}

/* A page that is lent to its domain isn't its RAM: a frame from there is dropped, and counted. */
static void test_lent_pages(void **state)
{
	struct p2m_loan loan = {
		.gfn = GFN(HOST_GUEST_GFN + VD_PAGES + 16), .write = true,
	};

	made(1500, VD_ALL);
	loan.pa = va_to_hpa(host_page(a->d, HOST_GUEST_GFN));
	p2m_lend(&up->d->p2m, &loan, 1);
	assert_int_equal(loan.err, 0);
	vd_desc(up, VNET_TX, 0, gfn_to_gpa(loan.gfn).v, 200, 0, 0);
	vd_avail(up, VNET_TX, 0);
	vd_kick(up, VNET_TX, 1);
	assert_int_equal(net_count(NET_DROP_TX_GRANT), 1);
	assert_int_equal(up->d->stats.misuse, 1);
	assert_int_equal(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET, 0);
	up_send_udp(1, 18);
	expect_a();
	p2m_take_back(&up->d->p2m, &loan, 1);
	assert_int_equal(loan.err, 0);
	(void)state;
}

/* For us to read, or empty, where we are to write. */
static void test_bad_rx_buffers(void **state)
{
	made(1500, 0);
	for (unsigned int i = 0; i < 3; i++) {
		vd_start(up, VD_ALL);
		up_send_udp(0xff, 18);
		vd_desc(up, VNET_RX, 0, VD_RX_GPA, i == 0 ? VD_BUF : 0,
			i == 0 ? 0 : VRING_DESC_WRITE, 0);
		if (i == 2) {
			vd_desc(up, VNET_RX, 0, VD_RX_GPA, 0, VRING_DESC_NEXT | VRING_DESC_WRITE, 0);
		}
		vd_avail(up, VNET_RX, 0);
		a_send_udp(OUTSIDE, 100);
		assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
	}
	(void)state;
}

static void test_commands(void **state)
{
	uint64_t offloads = VNET_F_GUEST_CSUM;
	uint64_t wrong = VNET_F_GUEST_CSUM | VNET_F_CSUM;

	made(1500, VD_ALL);
	assert_int_equal(vd_command(up, 5, 0, &offloads, 8), VNET_CTRL_OK);
	assert_int_equal(vd_command(up, 5, 0, &wrong, 8), VNET_CTRL_ERROR);
	assert_int_equal(vd_command(up, 5, 0, &offloads, 7), VNET_CTRL_ERROR);
	assert_int_equal(vd_command(up, 5, 0, text, 60), VNET_CTRL_ERROR);
	assert_int_equal(vd_command(up, 5, 1, &offloads, 8), VNET_CTRL_ERROR);
	for (unsigned int class = 0; class < 5; class++) {
		assert_int_equal(vd_command(up, (uint8_t)class, 0, &offloads, 1), VNET_CTRL_ERROR);
	}
	/* No place for an answer. */
	vd_desc(up, VNET_CTRL, 0, VD_TX_GPA, 2, 0, 0);
	vd_avail(up, VNET_CTRL, 0);
	vd_kick(up, VNET_CTRL, 1);
	assert_true(vd_read(up, VMMIO_STATUS) & VIRTIO_NEEDS_RESET);
	(void)state;
}

/* --- life ------------------------------------------------------------------------------ */

/* Reset at any time, and started anew; FAILED ends it, too. */
static void test_restarts(void **state)
{
	made(1500, 0);
	for (unsigned int i = 0; i < 20; i++) {
		driver_starts(VD_ALL);
		a_send_udp(OUTSIDE, 100);
		vd_post_one(up, 0, VD_BUF);
		vd_write(up, VMMIO_STATUS, i & 1 ? 0 : VIRTIO_FAILED);
		a_send_udp(OUTSIDE, 100);
		assert_int_equal(net_count(NET_DROP_DOWN), i + 1);
		vd_write(up, VMMIO_QUEUE_NOTIFY, VNET_TX);
	}
	assert_int_equal(up->d->stats.misuse, 0);
	(void)state;
}

/* Its domain goes while others send, and with work of it queued. */
static void test_teardown(void **state)
{
	uint64_t drops;

	made(1500, VD_ALL);
	for (unsigned int i = 0; i < 200; i++) {
		vd_avail(up, VNET_TX, (uint16_t)(i % VD_SIZE));
	}
	work_queue(&port_vif(port_get(0))->vnet->tx_work);
	host_domain_destroy(up->d);
	drops = net_count(NET_DROP_NO_PORT);
	a_send_udp(OUTSIDE, 100);
	assert_int_equal(net_count(NET_DROP_NO_PORT), drops + 1);
	(void)state;
}

/* There is no such device without a place for it, and it can't be unplugged. */
static void test_places(void **state)
{
	struct vm_vif_config config = nf_vif_config(7);

	made(1500, VD_ALL);
	config.uplink = true;
	config.virtio = true;
	assert_int_equal(net_vif_create(up->d, 1, &config), -EINVAL);
	assert_int_equal(net_vif_unplug(up->d, 0), -EINVAL);
	assert_true(net_vif_is_connected(up->d, 0));
	vd_write(up, VMMIO_STATUS, 0);
	assert_false(net_vif_is_connected(up->d, 0));
	assert_int_equal(mmio_place(up->d, MMIO_SLOTS), -EINVAL);
	for (unsigned int i = 1; i < MMIO_SLOTS; i++) {
		assert_int_equal(mmio_place(up->d, i), 0);
	}
	assert_int_equal(mmio_place(up->d, 1), -ENOSPC);
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_both_ways), T(test_plain_driver), T(test_offloads_to),
		T(test_offloads_from), T(test_gso_lies), T(test_odd_checksum),
		T(test_bad_headers), T(test_interrupts), T(test_completions), T(test_polling),
		T(test_polling_in_vain),
		T(test_hang), T(test_not_open_is_not_hung), T(test_few_buffers),
		T(test_failed_is_hung), T(test_registers), T(test_features),
		T(test_bad_queues), T(test_rings_are_pinned), T(test_broken_rings),
		T(test_bad_addresses), T(test_lent_pages), T(test_bad_rx_buffers),
		T(test_commands), T(test_restarts), T(test_teardown), T(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
