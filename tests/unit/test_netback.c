/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frontends that misuse their rings, keys and grants: each loses its vif (or
 * only its frame), and the others go on.
 */
#include "sim/netfront.h"

#include "frame_make.h"
#include "mem/heap.h"

static uint8_t text[70000];
static const struct nf_options linux_defaults = { 0 };

/* The bad one, a good one, and the good one's friend. */
struct scene {
	struct netfront *bad;
	struct netfront *good;
	struct netfront *friend;
};

static struct scene scene;

static int setup(void **state)
{
	/* More CPUs than guests: nothing waits for a CPU. */
	host_reset_cpus(4);
	scene.bad = nf_start(1, &linux_defaults);
	scene.good = nf_start(2, &linux_defaults);
	scene.friend = nf_start(3, &linux_defaults);
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	nf_free(scene.bad);
	nf_free(scene.good);
	nf_free(scene.friend);
	host_finish();
	(void)state;
	return 0;
}

static uint32_t make(unsigned int src, unsigned int dst, unsigned int payload)
{
	struct frame_make m = {
		.dst = { 0, 0x16, 0x3e, 0, 0, (uint8_t)dst },
		.src = { 0, 0x16, 0x3e, 0, 0, (uint8_t)src }, .vlan = -1, .udp = true,
		.payload = payload,
	};

	return (uint32_t)frame_write(text, &m);
}

/* A frame from `a` to `b` arrives. */
static void expect_works(struct netfront *a, unsigned int src, struct netfront *b,
			 unsigned int dst)
{
	uint32_t len = make(src, dst, 100);

	nf_send_frame(a, text, len, &(struct nf_send){ 0 });
	assert_int_equal(nf_poll(b), 1);
	assert_memory_equal(b->frames[b->frame_first % NF_FRAMES].data, text, len);
	free(nf_take(b).data);
}

/* Everything is as it should be. */
static void expect_fine(void)
{
	host_run();
	assert_int_equal(nf_read_back(scene.bad, "state"), 4);
	expect_works(scene.bad, 1, scene.good, 2);
	expect_works(scene.good, 2, scene.friend, 3);
	expect_works(scene.friend, 3, scene.bad, 1);
}

/* The bad one's vif is gone, with a line in the log; the others go on. */
static void expect_lost(const char *why)
{
	uint64_t frames;

	host_run();
	assert_int_equal(nf_read_back(scene.bad, "state"), 5);
	assert_true(scene.bad->d->stats.misuse >= 1);
	assert_non_null(strstr(host_console(), why));
	expect_works(scene.good, 2, scene.friend, 3);
	/* It gets nothing and its ring is not looked at. */
	frames = nf_total(NET_TX_FRAMES);
	nf_send_frame(scene.good, text, make(2, 1, 10), &(struct nf_send){ 0 });
	nf_notify(scene.bad, scene.bad->queue[0].tx_port);
	assert_int_equal(nf_total(NET_TX_FRAMES), frames + 1);
	assert_int_equal(nf_total(NET_DROP_DOWN), 1);
	/* The line is written once, however often it tries. */
	assert_null(strstr(strstr(host_console(), why) + 1, why));
}

static struct nf_queue *bad_queue(void)
{
	return &scene.bad->queue[0];
}

static void kick_raw(void)
{
	atomic_store(&bad_queue()->tx->i.req_prod, bad_queue()->tx_prod);
	nf_notify(scene.bad, bad_queue()->tx_port);
}

/* --- indices (XSA-39) ---------------------------------------------------------- */

static void test_tx_index(void **state)
{
	bad_queue()->tx_prod += NETIF_RING_SIZE + 1;
	kick_raw();
	expect_lost("TX ring index out of range");
	(void)state;
}

static void test_tx_index_back(void **state)
{
	expect_works(scene.bad, 1, scene.good, 2);
	bad_queue()->tx_prod = 0;
	kick_raw();
	expect_lost("TX ring index out of range");
	(void)state;
}

/* A receiver's index is found out by who sends to it; that one isn't harmed. */
static void test_rx_index(void **state)
{
	uint32_t len = make(2, 1, 18);

	for (unsigned int i = 0; i < NETIF_RING_SIZE; i++) {
		nf_send_frame(scene.good, text, len, &(struct nf_send){ 0 });
	}
	assert_int_equal(nf_poll_queue(scene.bad, 0, 0), 0);
	atomic_store(&bad_queue()->rx->i.req_prod, 5000);
	nf_send_frame(scene.good, text, len, &(struct nf_send){ 0 });
	assert_int_equal(scene.good->queue[0].last_status, NETIF_OKAY);
	host_run();
	assert_int_equal(nf_read_back(scene.bad, "state"), 5);
	assert_non_null(strstr(host_console(), "RX ring index out of range"));
	assert_int_equal(nf_read_back(scene.good, "state"), 4);
	expect_works(scene.good, 2, scene.friend, 3);
	(void)state;
}

/* --- chains ---------------------------------------------------------------------- */

/* `n` slots of 60 bytes together, each but the last with MORE. */
static void slots(unsigned int n)
{
	struct nf_queue *q = bad_queue();
	uint32_t len = make(1, 2, 1000);

	for (unsigned int i = 0; i < n; i++) {
		unsigned int more = i + 1 < n ? NETIF_TXF_MORE : 0;

		nf_tx_data(scene.bad, q, text + 50 * i, i == 0 ? 50 : MIN(50U, len - 50 * i), 0,
			   more, i == 0 ? MIN(len, 50 * n) : MIN(50U, len - 50 * i));
	}
}

static void test_twenty_slots(void **state)
{
	slots(20);
	nf_kick(scene.bad, 0);
	assert_int_equal(nf_poll(scene.good), 1);
	nf_forget(scene.good);
	expect_fine();
	(void)state;
}

static void test_too_many_slots(void **state)
{
	slots(21);
	kick_raw();
	expect_lost("too many slots");
	(void)state;
}

static void test_cut_chain(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, NETIF_TXF_MORE, 200);
	kick_raw();
	expect_lost("TX ring ends within a frame");
	(void)state;
}

static void test_cut_extra(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, NETIF_TXF_EXTRA, 142);
	kick_raw();
	expect_lost("TX ring ends within a frame");
	(void)state;
}

/* A ring full of slots that each promise one more. */
static void test_endless_chain(void **state)
{
	for (unsigned int i = 0; i < NETIF_RING_SIZE; i++) {
		nf_tx_slot(bad_queue(), 10, NETIF_TXF_MORE << 16, i | 10U << 16);
	}
	kick_raw();
	expect_lost("too many slots");
	(void)state;
}

static void test_endless_extras(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, NETIF_TXF_EXTRA, 142);
	for (unsigned int i = 0; i < 30; i++) {
		nf_tx_gso(bad_queue(), 1000, NET_GSO_TCPV4, NETIF_EXTRAF_MORE);
	}
	kick_raw();
	expect_lost("too many extra slots");
	(void)state;
}

static void test_unknown_extra(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, NETIF_TXF_EXTRA, 142);
	nf_tx_slot(bad_queue(), 6, 0, 0);
	kick_raw();
	expect_lost("unknown extra slot");
	(void)state;
}

/* Known kinds that mean nothing here are answered and passed over. */
static void test_other_extras(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, NETIF_TXF_EXTRA, 142);
	for (unsigned int type = 2; type <= 5; type++) {
		nf_tx_slot(bad_queue(), type | (type < 5 ? NETIF_EXTRAF_MORE << 8 : 0), 0, 0);
		bad_queue()->tx_extra[(bad_queue()->tx_prod - 1) % NETIF_RING_SIZE] = true;
	}
	nf_kick(scene.bad, 0);
	assert_int_equal(nf_poll(scene.good), 1);
	nf_forget(scene.good);
	expect_fine();
	(void)state;
}

/* --- sizes ------------------------------------------------------------------------ */

static void test_first_slot_crosses_page(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, 1, 4000, 0, make(1, 2, 100));
	kick_raw();
	expect_lost("crosses its page");
	(void)state;
}

static void test_later_slot_crosses_page(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, NETIF_TXF_MORE, 300);
	nf_tx_data(scene.bad, bad_queue(), text, 1, 4095, 0, 2);
	kick_raw();
	expect_lost("crosses its page");
	(void)state;
}

static void expect_refused(enum net_counter why)
{
	nf_kick(scene.bad, 0);
	assert_int_equal(bad_queue()->tx_errors, 1);
	assert_int_equal(nf_total(why), 1);
	assert_int_equal(nf_poll(scene.good), 0);
	expect_fine();
}

static void test_pieces_longer_than_frame(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, NETIF_TXF_MORE, 100);
	nf_tx_data(scene.bad, bad_queue(), text, 101, 0, 0, 101);
	bad_queue()->tx_errors = (unsigned int)-1;	/* both slots get an error */
	expect_refused(NET_DROP_MALFORMED);
	(void)state;
}

static void test_runts(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, 0, 13);
	expect_refused(NET_DROP_RUNT);
	nf_tx_data(scene.bad, bad_queue(), text, 0, 0, 0, 0);
	nf_kick(scene.bad, 0);
	assert_int_equal(nf_total(NET_DROP_RUNT), 2);
	expect_fine();
	(void)state;
}

static void test_shortest_frame(void **state)
{
	make(1, 2, 100);
	nf_send_frame(scene.bad, text, 14, &(struct nf_send){ 0 });
	assert_int_equal(nf_poll(scene.good), 1);
	nf_forget(scene.good);
	expect_fine();
	(void)state;
}

/* --- GSO ----------------------------------------------------------------------------- */

static void gso(uint16_t mss, unsigned int type)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 1000), 0,
		   NETIF_TXF_EXTRA | NETIF_TXF_CSUM_BLANK, make(1, 2, 1000));
	nf_tx_gso(bad_queue(), mss, type, 0);
}

static void test_gso_size_zero(void **state)
{
	gso(0, NET_GSO_TCPV4);
	kick_raw();
	expect_lost("bad GSO slot");
	(void)state;
}

static void test_gso_type(void **state)
{
	gso(1000, 3);
	kick_raw();
	expect_lost("bad GSO slot");
	(void)state;
}

static void test_gso_size_one(void **state)
{
	gso(1, NET_GSO_TCPV4);
	expect_refused(NET_DROP_MALFORMED);
	(void)state;
}

/* --- grants ---------------------------------------------------------------------------- */

static void test_tx_grant_missing(void **state)
{
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, 0, make(1, 2, 100));
	*xg_entry(scene.bad->d, nf_tx_ref(bad_queue(), 0)) = (struct grant_entry){ 0 };
	expect_refused(NET_DROP_TX_GRANT);
	(void)state;
}

static void test_tx_grant_out_of_range(void **state)
{
	nf_tx_slot(bad_queue(), 0xffffffff, 0, nf_free_id(bad_queue()) | 100U << 16);
	expect_refused(NET_DROP_TX_GRANT);
	(void)state;
}

/* A page that it granted to another guest, or does not have. */
static void test_tx_grant_wrong(void **state)
{
	struct grant_entry *e = xg_entry(scene.bad->d, nf_tx_ref(bad_queue(), 0));

	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, 0, make(1, 2, 100));
	e->domid = 7;
	expect_refused(NET_DROP_TX_GRANT);
	nf_tx_data(scene.bad, bad_queue(), text, make(1, 2, 100), 0, 0, make(1, 2, 100));
	e = xg_entry(scene.bad->d, nf_tx_ref(bad_queue(), 0));
	e->frame = 0xfffff;
	nf_kick(scene.bad, 0);
	assert_int_equal(nf_total(NET_DROP_TX_GRANT), 2);
	expect_fine();
	(void)state;
}

static void rx_grant(unsigned int flags, uint64_t gfn)
{
	struct nf_queue *q = bad_queue();

	/* The second page of three. */
	xg_grant(scene.bad->d, nf_rx_ref(q, 1), gfn, flags);
	memset(host_page(scene.bad->d, nf_rx_gfn(q, 1)), 0xdb, PAGE_SIZE);
	nf_send_frame(scene.good, text, make(2, 1, 9000), &(struct nf_send){ 0 });
	assert_int_equal(scene.good->queue[0].last_status, NETIF_OKAY);
	assert_int_equal(nf_total(NET_DROP_RX_GRANT), 1);
	assert_int_equal(nf_poll(scene.bad), 0);
	assert_int_equal(q->rx_errors, 2);
	/* Not a byte was written to that page. */
	assert_int_equal(*(uint8_t *)host_page(scene.bad->d, nf_rx_gfn(q, 1)), 0xdb);
	assert_true(scene.bad->d->stats.misuse >= 1);
	xg_grant(scene.bad->d, nf_rx_ref(q, 1), nf_rx_gfn(q, 1), GTF_PERMIT_ACCESS);
	expect_fine();
}

static void test_rx_grant_missing(void **state)
{
	rx_grant(0, nf_rx_gfn(bad_queue(), 1));
	(void)state;
}

static void test_rx_grant_readonly(void **state)
{
	rx_grant(GTF_PERMIT_ACCESS | GTF_READONLY, nf_rx_gfn(bad_queue(), 1));
	(void)state;
}

static void test_rx_grant_no_page(void **state)
{
	rx_grant(GTF_PERMIT_ACCESS, 0xffffff);
	(void)state;
}

/* --- frames (the switch's part: test_switch.c) ----------------------------------------- */

static void test_spoof_and_self(void **state)
{
	nf_send_frame(scene.bad, text, make(2, 3, 18), &(struct nf_send){ 0 });
	nf_send_frame(scene.bad, text, make(1, 1, 18), &(struct nf_send){ 0 });
	assert_int_equal(nf_total(NET_DROP_SPOOF), 1);
	assert_int_equal(nf_total(NET_DROP_SELF), 1);
	assert_int_equal(nf_poll(scene.friend), 0);
	assert_int_equal(nf_poll(scene.bad), 0);
	expect_fine();
	(void)state;
}

/*
 * Headers are delivered as they were when they were checked: the sender's
 * page may say something else by then (XSA-155). The page is shared by two
 * slots that a frame's first bytes come from one after the other.
 */
static void test_head_is_private(void **state)
{
	struct nf_queue *q = bad_queue();
	uint32_t len = make(1, 2, 18);

	for (unsigned int i = 0; i < 15; i++) {
		nf_tx_data(scene.bad, q, text + i, 1, 0, NETIF_TXF_MORE, i == 0 ? len : 1);
	}
	nf_tx_data(scene.bad, q, text + 15, len - 15, 0, 0, len - 15);
	nf_kick(scene.bad, 0);
	assert_int_equal(nf_poll(scene.good), 1);
	assert_memory_equal(scene.good->frames[scene.good->frame_first % NF_FRAMES].data, text,
			    len);
	nf_forget(scene.good);
	expect_fine();
	(void)state;
}

/* Storms of notifications with nothing behind them change nothing. */
static void test_storm(void **state)
{
	for (unsigned int i = 0; i < 2000; i++) {
		nf_notify(scene.bad, bad_queue()->tx_port);
		nf_notify(scene.bad, bad_queue()->rx_port);
	}
	assert_false(nf_take_event(scene.bad, bad_queue()->tx_port));
	assert_false(nf_take_event(scene.bad, bad_queue()->rx_port));
	assert_int_equal(nf_total(NET_TX_EVENTS), 0);
	expect_fine();
	(void)state;
}

/* Random rings: nothing that is in them may hurt anybody else. */
static void test_random_rings(void **state)
{
	struct unit_random r = { 99 };

	for (unsigned int round = 0; round < 300; round++) {
		struct nf_queue *q = bad_queue();

		for (unsigned int i = 0; i < NETIF_RING_SIZE; i++) {
			unsigned int id = unit_random_below(&r, NF_TX_PAGES);

			q->tx->slot[i][0] = nf_tx_ref(q, id);
			q->tx->slot[i][1] = unit_random_below(&r, 200) |
					    unit_random_below(&r, 16) << 16;
			q->tx->slot[i][2] = id | unit_random_below(&r, 4096) << 16;
			xg_grant(scene.bad->d, nf_tx_ref(q, id), nf_tx_gfn(q, id),
				 GTF_PERMIT_ACCESS | GTF_READONLY);
			memcpy(host_page(scene.bad->d, nf_tx_gfn(q, id)), text, make(1, 2, 30));
			q->rx->slot[i] = unit_random(&r);
		}
		atomic_store(&q->tx->i.req_prod,
			     q->tx_prod + unit_random_below(&r, NETIF_RING_SIZE));
		atomic_store(&q->rx->i.req_prod, (uint32_t)unit_random_below(&r, 500));
		nf_notify(scene.bad, q->tx_port);
		nf_send_frame(scene.good, text, make(2, 1, 3000), &(struct nf_send){ 0 });
		host_advance(20000000);
		nf_collect(scene.good, 0);
		nf_poll(scene.good);
		nf_forget(scene.good);
		expect_works(scene.good, 2, scene.friend, 3);
		host_run();
		if (nf_read_back(scene.bad, "state") != 4) {
			nf_reload(scene.bad);
		}
		q->tx_prod = atomic_load(&q->tx->i.req_prod);
	}
	(void)state;
}

/* --- the device ------------------------------------------------------------------------ */

/* A vif that was lost works again after its driver was loaded anew. */
static void test_recovery(void **state)
{
	for (unsigned int i = 0; i < 3; i++) {
		bad_queue()->tx_prod += NETIF_RING_SIZE + 1;
		kick_raw();
		host_run();
		assert_int_equal(nf_read_back(scene.bad, "state"), 5);
		nf_reload(scene.bad);
		expect_fine();
	}
	(void)state;
}

/* Keys that can't be: the device fails, nothing stays pinned or bound. */
static void bad_keys(const char *key, unsigned int value)
{
	nf_close(scene.bad);
	nf_write(scene.bad, "state", 1);
	host_run();
	assert_int_equal(nf_read_back(scene.bad, "state"), 2);
	nf_queue_start(scene.bad, 0);
	nf_write_keys(scene.bad);
	nf_write(scene.bad, key, value);
	nf_write(scene.bad, "state", 4);
	host_run();
	assert_int_equal(nf_read_back(scene.bad, "state"), 5);
	expect_works(scene.good, 2, scene.friend, 3);
	nf_close(scene.bad);
	nf_write(scene.bad, "multi-queue-num-queues", 1);
	nf_write(scene.bad, "state", 1);
	host_run();
	nf_connect(scene.bad);
	expect_fine();
}

static void test_bad_keys(void **state)
{
	bad_keys("tx-ring-ref", 0xffffff);
	bad_keys("rx-ring-ref", 5);
	bad_keys("rx-ring-ref", bad_queue()->first_ref);
	bad_keys("event-channel-tx", 4095);
	bad_keys("event-channel-tx", 0);
	bad_keys("event-channel-rx", 70000);
	bad_keys("multi-queue-num-queues", 0);
	bad_keys("multi-queue-num-queues", 2);
	bad_keys("request-rx-copy", 0);
	(void)state;
}

/* Fewer queues allowed than the driver wants, all its keys being right. */
static void test_too_many_queues(void **state)
{
	struct vm_vif_config c = nf_vif_config(8);
	struct netfront *f;

	c.queues = 1;
	f = nf_create(&c, &(struct nf_options){ .queues = 2 });
	assert_int_equal(nf_read_back(f, "multi-queue-max-queues"), 1);
	nf_try_connect(f);
	assert_int_equal(nf_read_back(f, "state"), 5);
	expect_fine();
	nf_free(f);
	(void)state;
}

/* A second vif with the same address is refused, with its errors undone. */
static void test_same_mac(void **state)
{
	struct vm_vif_config c = nf_vif_config(2);

	assert_int_equal(net_vif_create(scene.bad->d, 1, &c), -EEXIST);
	c.mac[0] = 1;
	assert_int_equal(net_vif_create(scene.bad->d, 1, &c), -EINVAL);
	c = nf_vif_config(9);
	assert_int_equal(net_vif_create(scene.bad->d, 1, &c), 0);
	expect_fine();
	(void)state;
}

/* One VLAN of it is taken: senders may have found it in the other meanwhile. */
static void test_refused_vif_is_freed_late(void **state)
{
	struct vm_vif_config c = nf_vif_config(9);
	size_t objects;

	c.trunk_count = 1;
	c.trunk[0] = 5;
	assert_int_equal(net_vif_create(scene.good->d, 1, &c), 0);
	host_run();
	objects = heap_object_count();
	c.vlan = 7;
	assert_int_equal(net_vif_create(scene.bad->d, 1, &c), -EEXIST);
	assert_int_equal(heap_object_count(), objects + 1);
	host_run();
	assert_int_equal(heap_object_count(), objects);
	expect_fine();
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_tx_index), T(test_tx_index_back), T(test_rx_index), T(test_twenty_slots),
		T(test_too_many_slots), T(test_cut_chain), T(test_cut_extra),
		T(test_endless_chain), T(test_endless_extras), T(test_unknown_extra),
		T(test_other_extras), T(test_first_slot_crosses_page),
		T(test_later_slot_crosses_page), T(test_pieces_longer_than_frame), T(test_runts),
		T(test_shortest_frame), T(test_gso_size_zero), T(test_gso_type),
		T(test_gso_size_one), T(test_tx_grant_missing), T(test_tx_grant_out_of_range),
		T(test_tx_grant_wrong), T(test_rx_grant_missing), T(test_rx_grant_readonly),
		T(test_rx_grant_no_page), T(test_spoof_and_self), T(test_head_is_private),
		T(test_storm), T(test_random_rings), T(test_recovery), T(test_bad_keys),
		T(test_too_many_queues), T(test_same_mac), T(test_refused_vif_is_freed_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
