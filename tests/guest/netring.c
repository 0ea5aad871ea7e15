/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network frontend that breaks every rule (XSA-39, -90, -155, -270, -362,
 * -374, -392, -423, -432, -448). It has two interfaces: the first one attacks,
 * the second one and the switch between them must go on; after each attack the
 * first one is closed, connected again, and has to work. Two CPUs.
 */
#include "lib/guest.h"
#include "lib/nic.h"
#include "lib/xen.h"

const char guest_name[] = "netring";

static uint32_t frame_number = 1000;

static bool exchange(struct nic *from, struct nic *to)
{
	uint32_t number = ++frame_number;

	rx_drain(to);		/* or there may be no room for ours */
	frame_make(from, to->mac, 0x0800, number);
	tx_slot(from, 0, 60, 0);
	tx_push(from);
	if (!rx_wait(to, number)) {
		fail("no frame from vif %u to %u", from->id, to->id);
		return false;
	}
	if (!tx_done(from)) {
		fail("vif %u: no response", from->id);
		return false;
	}
	return true;
}

/* The other device goes on. */
static void other_works(void)
{
	static const uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };
	struct nic *n = &nics[1];

	frame_make(n, broadcast, 0x0806, ++frame_number);
	tx_slot(n, 0, 60, 0);
	tx_push(n);
	CHECK(tx_done(n));
}

/* And so does this one, after it was connected again. */
static void recovers(void)
{
	other_works();
	nic_close(&nics[0]);
	if (nic_connect(&nics[0])) {
		(void)exchange(&nics[0], &nics[1]);
		(void)exchange(&nics[1], &nics[0]);
	}
}

/* --- cases ----------------------------------------------------------------- */

static void case_traffic(void)
{
	xen_init();
	grant_init();
	xs_init();
	if (!nic_init(0) || !nic_init(1)) {
		return;
	}
	for (unsigned int i = 0; i < 300 && !has_failed(); i++) {
		(void)exchange(&nics[i & 1], &nics[~i & 1]);
	}
	recovers();
}

static void case_tx_index(void)
{
	static const uint32_t ahead[] = { SLOTS + 1, 0x80000000, UINT32_MAX };

	for (unsigned int i = 0; i < COUNT(ahead); i++) {
		nics[0].tx->h.req_prod = nics[0].tx->h.rsp_prod + ahead[i];
		barrier();
		(void)evtchn_send(nics[0].port);
		delay_us(1000);
		recovers();
	}
}

static void case_rx_index(void)
{
	nics[0].rx->h.req_prod = nics[0].rx->h.rsp_prod + 0x7fff0000;
	barrier();
	(void)evtchn_send(nics[0].port);
	frame_make(&nics[1], nics[0].mac, 0x0800, 1);
	tx_slot(&nics[1], 0, 60, 0);
	tx_push(&nics[1]);
	CHECK(tx_done(&nics[1]));
	recovers();
}

static void case_cross_page(void)
{
	tx_slot(&nics[0], 4000, 200, 0);
	tx_push(&nics[0]);
	recovers();
	tx_slot(&nics[0], 0xffff, 0xffff, 0);
	tx_push(&nics[0]);
	recovers();
}

/* Grants that don't exist, are not for reading, of pages that aren't there. */
static void case_bad_grant(void)
{
	static const uint32_t refs[] = { 0, 15, 500, 2047, 2048, 32768, UINT32_MAX };
	struct nic *n = &nics[0];
	uint32_t first = n->tx_prod;

	for (unsigned int i = 0; i < COUNT(refs); i++) {
		struct tx_request *r = tx_next(n);

		r->gref = refs[i];
		r->size = 60;
	}
	tx_push(n);
	CHECK(tx_done(n));
	for (unsigned int i = 0; i < COUNT(refs); i++) {
		union tx_slot *slot = &n->tx->slot[(first + i) % SLOTS];

		CHECK_EQ(slot->rsp.id, (first + i) % SLOTS);
		CHECK(slot->rsp.status < 0);
	}
	grant_set(gref(n, 2), 0x300000, GTF_PERMIT);		/* no such page */
	tx_slot(n, 0, 60, 0);
	grant_set(gref(n, 40), 0x3000, GTF_PERMIT);		/* the GIC */
	tx_next(n)->gref = gref(n, 40);
	grant_set(gref(n, 41), gfn_of(n->frame), 3);		/* transitive */
	tx_next(n)->gref = gref(n, 41);
	grant_set(gref(n, 42), gfn_of(n->frame), GTF_PERMIT | 0x100);	/* part of a page */
	tx_next(n)->gref = gref(n, 42);
	tx_push(n);
	CHECK(tx_done(n));
	recovers();
}

/* Receive buffers that can't be written. */
static void case_bad_buffers(void)
{
	struct nic *n = &nics[0];

	for (unsigned int i = 0; i < BUFFERS; i++) {
		grant_set(gref(n, 3 + i), i & 1 ? 0x38000 : gfn_of(n->buffers),
			  i & 2 ? GTF_PERMIT | GTF_READONLY : 0);
	}
	for (unsigned int i = 0; i < 2 * BUFFERS; i++) {
		frame_make(&nics[1], n->mac, 0x0800, i);
		tx_slot(&nics[1], 0, 60, 0);
		tx_push(&nics[1]);
		if (i == BUFFERS) {
			/*
			 * No buffer is left: it waits for a timer of 10 ms, which comes late in
			 * a machine that is emulated beside others.
			 */
			CHECK(WAIT_FOR(nics[1].tx->h.rsp_prod == nics[1].tx_prod, 1000000));
		}
		CHECK(tx_done(&nics[1]));
	}
	recovers();
}

static void case_extra_chain(void)
{
	struct nic *n = &nics[0];

	tx_slot(n, 0, 100, TX_EXTRA);
	for (unsigned int i = 0; i < 200; i++) {
		tx_extra(n, 1, 1, 1448, 1);
	}
	tx_push(n);
	recovers();
	for (unsigned int type = 0; type < 256; type += 5) {
		tx_slot(n, 0, 100, TX_EXTRA);
		tx_extra(n, (uint8_t)type, 0, 0, 0);
		tx_push(n);
		delay_us(100);
		if (back_is(n, 5)) {
			recovers();
		}
	}
	recovers();
}

static void case_gso(void)
{
	static const struct { uint16_t mss; uint8_t type; } bad[] = {
		{ 0, 1 }, { 1448, 0 }, { 1448, 9 }, { 1, 1 }, { 65535, 2 },
	};
	struct nic *n = &nics[0];

	for (unsigned int i = 0; i < COUNT(bad); i++) {
		frame_make(n, nics[1].mac, 0x0800, i);
		tx_slot(n, 0, 4000, TX_EXTRA | TX_CSUM_BLANK);
		tx_extra(n, 1, 0, bad[i].mss, bad[i].type);
		tx_push(n);
		delay_us(1000);
		recovers();
	}
}

static void case_many_slots(void)
{
	struct nic *n = &nics[0];

	tx_slot(n, 0, 60000, TX_MORE);
	for (unsigned int i = 0; i < 250; i++) {
		tx_slot(n, 0, 10, TX_MORE);
	}
	tx_push(n);
	delay_us(1000);
	recovers();
	/* A frame that never ends. */
	tx_slot(n, 0, 1000, TX_MORE);
	tx_push(n);
	delay_us(1000);
	recovers();
}

static void case_sizes(void)
{
	struct nic *n = &nics[0];

	for (uint16_t size = 0; size < 20; size++) {
		tx_slot(n, 0, size, 0);
		tx_push(n);
		delay_us(100);
	}
	recovers();
	/* The parts are more than the whole. */
	tx_slot(n, 0, 100, TX_MORE);
	tx_slot(n, 0, 4000, TX_MORE);
	tx_slot(n, 0, 4000, 0);
	tx_push(n);
	delay_us(1000);
	recovers();
	/* Slots without a byte, and a header in tiny ones. */
	tx_slot(n, 0, 60, TX_MORE);
	for (unsigned int i = 0; i < 15; i++) {
		tx_slot(n, (uint16_t)i, i & 1 ? 1 : 0, TX_MORE);
	}
	tx_slot(n, 0, 0, 0);
	tx_push(n);
	delay_us(1000);
	recovers();
}

static volatile bool race_end;

static void racer(void)
{
	volatile uint32_t *words = (volatile uint32_t *)(void *)nics[0].tx->slot;
	volatile uint64_t *table = (volatile uint64_t *)(void *)grant_table;

	while (!race_end) {
		uint64_t r = rnd();

		words[r % (SLOTS * 3)] = (uint32_t)(r >> 32);
		if ((r & 0xf00) == 0) {
			table[gref(&nics[0], 2)] ^= r >> 8 & 0xffff0000ffff;
		}
	}
}

/* Requests, and grants, that change while they are looked at. */
static void case_race(void)
{
	race_end = false;
	CHECK_EQ(cpu_start(1, racer), 0);
	for (unsigned int i = 0; i < 300; i++) {
		for (unsigned int s = 0; s < 20; s++) {
			tx_slot(&nics[0], 0, 60, 0);
		}
		tx_push(&nics[0]);
		if (i % 10 == 9) {
			other_works();
			nic_close(&nics[0]);
			(void)nic_connect(&nics[0]);
		}
	}
	race_end = true;
	CHECK(cpu_wait_off(1));
	recovers();
}

/* Other senders' addresses, of which there are many. */
static void case_spoof(void)
{
	struct nic *n = &nics[0];

	for (unsigned int i = 0; i < 3000; i++) {
		frame_make(n, nics[1].mac, 0x0800, 7);
		memcpy(n->frame + 6, &i, 4);
		n->frame[6] = 2;
		tx_slot(n, 0, 60, 0);
		tx_push(n);
		if (i % 100 == 99) {
			CHECK(tx_done(n));
		}
	}
	CHECK(!rx_wait(&nics[1], 7));
	recovers();
}

/* What only the hypervisor may send: management and storage. */
static void case_reserved_types(void)
{
	static const uint16_t types[] = { 0x88b5, 0x88a2, 0x8100, 0x88a8, 0xffff, 0x0000 };
	static const uint8_t places[][6] = {
		{ 255, 255, 255, 255, 255, 255 }, { 1, 0x80, 0xc2, 0, 0, 0 }, { 0 },
	};
	struct nic *n = &nics[0];

	for (unsigned int i = 0; i < COUNT(types) * COUNT(places); i++) {
		frame_make(n, places[i % COUNT(places)], types[i / COUNT(places)], i);
		tx_slot(n, 0, (uint16_t)(14 + i), 0);
		tx_push(n);
	}
	CHECK(tx_done(n));
	recovers();
}

/* The receiver has no buffers: the sender is not held up. */
static void case_no_buffers(void)
{
	struct nic *n = &nics[1];

	nic_close(&nics[0]);
	nics[0].no_buffers = true;
	CHECK(nic_connect(&nics[0]));
	nics[0].no_buffers = false;
	for (unsigned int i = 0; i < 1000; i++) {
		frame_make(n, nics[0].mac, 0x0800, i);
		tx_slot(n, 0, 60, 0);
		tx_push(n);
		if (i % 50 == 49 && !tx_done(n)) {
			fail("the sender waits at frame %u", i);
			break;
		}
	}
	recovers();
}

static void case_toggle(void)
{
	struct nic *n = &nics[0];

	for (unsigned int i = 0; i < 300; i++) {
		put_key(n, "state", (uint32_t)(rnd() % 9));
		(void)evtchn_send(n->port);
	}
	(void)xs_write(FRONT(n, "state"), "rubbish");
	recovers();
}

static void case_bad_keys(void)
{
	static const char *const values[] = { "", "x", "-1", "99999999", "4294967296", "0", "7" };
	static const char *const keys[] = { "tx-ring-ref", "rx-ring-ref", "event-channel",
					    "multi-queue-num-queues" };
	struct nic *n = &nics[0];

	for (unsigned int i = 0; i < COUNT(values) * COUNT(keys); i++) {
		const char *key = keys[i % COUNT(keys)];
		const char *value = values[i / COUNT(keys)];

		nic_close(n);
		put_key(n, "state", 1);
		CHECK(xs_wait(BACK(n, "state"), 2));
		rings_reset(n);
		put_key(n, "tx-ring-ref", gref(n, 0));
		put_key(n, "rx-ring-ref", gref(n, 1));
		put_key(n, "event-channel", n->port);
		if (key[0] == 'm') {
			put_key(n, "queue-0/tx-ring-ref", gref(n, 0));
			put_key(n, "queue-0/rx-ring-ref", gref(n, 1));
			put_key(n, "queue-0/event-channel", n->port);
		}
		CHECK(xs_write(FRONT(n, key), value));
		put_key(n, "state", 4);
		delay_us(1000);
		if (back_is(n, 4)) {
			fail("connected with %s '%s'", key, value);
		}
		remove_key(n, "multi-queue-num-queues");
	}
	recovers();
	/* The backend's directory is not ours. */
	CHECK(!xs_write(BACK(n, "state"), "4"));
}

/* The rings' grants are taken back while they are in use. */
static void case_ring_revoked(void)
{
	struct nic *n = &nics[0];

	grant_table[gref(n, 0)].flags = 0;
	grant_table[gref(n, 1)].flags = 0;
	barrier();
	tx_slot(n, 0, 60, 0);
	tx_push(n);
	(void)evtchn_close(n->port);
	tx_push(n);
	n->port = (uint32_t)evtchn_alloc(DOMID_BACKEND);
	recovers();
}

const struct guest_case guest_cases[] = {
	{ "traffic", case_traffic }, { "tx-index", case_tx_index },
	{ "rx-index", case_rx_index }, { "cross-page", case_cross_page },
	{ "bad-grant", case_bad_grant }, { "bad-buffers", case_bad_buffers },
	{ "extra-chain", case_extra_chain }, { "gso", case_gso },
	{ "many-slots", case_many_slots }, { "sizes", case_sizes },
	{ "race", case_race }, { "spoof", case_spoof },
	{ "reserved-types", case_reserved_types }, { "no-buffers", case_no_buffers },
	{ "toggle", case_toggle }, { "bad-keys", case_bad_keys },
	{ "ring-revoked", case_ring_revoked }, { NULL, NULL },
};
