/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server from the wire: discovery, sessions, requests that are
 * lost, doubled and reordered, and what must not get in.
 */
#include "unit.h"

#include "kern/log.h"
#include "mem/heap.h"
#include "mgmt/mgmt_port.h"
#include "mgmt/session.h"
#include "mgmt_client.h"
#include "vm/vm.h"

static int setup(void **state)
{
	struct mgmt_config config = mc_config();

	host_reset();
	mc_start(&config);
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	mc_stop();
	host_finish();
	(void)state;
	return 0;
}

static void restart(const struct mgmt_config *config)
{
	mc_stop();
	mc_start(config);
}

static void test_discover(void **state)
{
	struct mc c = mc_client(1);

	mc_discover(&c, mc_all, "");
	host_run();
	host_advance(21 * MC_MS);
	mc_receive(&c, 0);
	assert_string_equal(c.announce.name, "node-1");
	assert_int_equal(c.announce.node_id[1], 2);
	assert_int_equal(mv_get32(c.announce.flags), 0);
	assert_true(mv_get64(c.announce.boot_id) != 0);
	/* To itself: at once. */
	mc_discover(&c, mc_node_mac, "node-1");
	host_run();
	mc_receive(&c, 0);
	assert_string_equal(c.announce.name, "node-1");
	/* Another one was asked. */
	mc_discover(&c, mc_all, "node-2");
	host_advance(100 * MC_MS);
	mc_receive(&c, 0);
	assert_string_equal(c.announce.name, "");
	(void)state;
}

/* Answers to all come at different times, and are few however many ask. */
static void test_discover_flood(void **state)
{
	for (unsigned int i = 0; i < 100; i++) {
		struct mc c = mc_client(i);

		mc_discover(&c, mc_all, "");
		host_run();
	}
	host_advance(30 * MC_MS);
	assert_int_equal(mc_out.head, 16);
	(void)state;
}

static void test_open(void **state)
{
	struct mc c = mc_client(1);
	uint32_t first;

	assert_true(mc_open(&c));
	first = c.session;
	/* The same again is the same. */
	assert_true(mc_open(&c));
	assert_int_equal(c.session, first);
	assert_int_equal(session_count(), 1);
	assert_int_equal(mc_call(&c, MV_PING, "hello", 5), MV_OK);
	assert_int_equal(c.size, 5);
	assert_memory_equal(c.body, "hello", 5);
	assert_int_equal(mc_call(&c, MV_CLOSE, NULL, 0), MV_OK);
	assert_int_equal(session_count(), 0);
	/* It is told that there is none. */
	assert_false(mc_call_id(&c, 9, MV_PING, "x", 1));
	assert_true(c.gone > 0);
	(void)state;
}

static void test_session_is_of_its_mac(void **state)
{
	struct mc c = mc_client(1);
	struct mc thief = mc_client(2);

	assert_true(mc_open(&c));
	thief.session = c.session;
	assert_false(mc_call_id(&thief, 1, MV_PING, "x", 1));
	assert_int_equal(mc_call(&c, MV_PING, "x", 1), MV_OK);
	(void)state;
}

/* 16 in all, 8 of one MAC; idle ones make room. */
static void test_session_limits(void **state)
{
	struct mc c[20];
	size_t objects = heap_object_count();

	for (unsigned int i = 0; i < 20; i++) {
		c[i] = mc_client(i < 9 ? 1 : i);
		assert_int_equal(mc_open(&c[i]), i < 8 || (i > 8 && i < 17));
		if (i == 8 || i > 16) {
			assert_int_equal(c[i].status, MV_NO_SPACE);
		}
	}
	assert_int_equal(session_count(), 16);
	/* Five seconds later the place of the one idle the longest is taken. */
	host_advance(4000 * MC_MS);
	assert_int_equal(mc_call(&c[0], MV_PING, "x", 1), MV_OK);
	host_advance(1500 * MC_MS);
	assert_true(mc_open(&c[17]));
	assert_int_equal(mc_call(&c[0], MV_PING, "x", 1), MV_OK);
	assert_false(mc_call_id(&c[1], 5, MV_PING, "x", 1));
	assert_int_equal(session_count(), 16);
	/* All end when nothing comes. */
	host_advance(62000 * MC_MS);
	assert_int_equal(session_count(), 0);
	assert_int_equal(heap_object_count(), objects);
	(void)state;
}

static void test_node_info(void **state)
{
	struct mc c = mc_client(1);
	const struct mv_node_info *i = (const void *)c.body;

	assert_true(mc_open(&c));
	assert_int_equal(mc_call(&c, MV_NODE_INFO, NULL, 0), MV_OK);
	assert_int_equal(c.size, sizeof(*i));
	assert_string_equal(i->name, "node-1");
	assert_int_equal(mv_get32(i->sessions), 1);
	assert_int_equal(mv_get32(i->cpus), 1);
	assert_true(mv_get64(i->memory) >= mv_get64(i->memory_free));
	(void)state;
}

static void test_unknown_verb(void **state)
{
	struct mc c = mc_client(1);

	assert_true(mc_open(&c));
	assert_int_equal(mc_call(&c, 0x7777, NULL, 0), MV_UNSUPPORTED);
	assert_string_equal((char *)c.body, "verb 0x7777 is not supported");
	assert_int_equal(mc_call(&c, MV_VM_INFO, "short", 5), MV_MALFORMED);
	assert_int_equal(mc_call_id(&c, 0, MV_PING, "", 0), true);
	assert_int_equal(c.status, MV_MALFORMED);
	(void)state;
}

/* All counters, each once, over several packets. */
static void test_counters(void **state)
{
	struct mc c = mc_client(1);
	const struct mv_list *l = (const void *)c.body;
	unsigned int requests = 0, all = 0, packets = 0;
	uint32_t next = 0;

	assert_true(mc_open(&c));
	do {
		assert_int_equal(mc_list(&c, MV_COUNTERS, next, 0), MV_OK);
		assert_int_equal(mv_get16(l->entry_size), sizeof(struct mv_counter));
		for (unsigned int i = 0; i < mv_get16(l->count); i++) {
			const struct mv_counter *e =
				(const void *)(c.body + sizeof(*l) + i * sizeof(*e));

			requests += strcmp(e->name, "mgmt_requests") == 0;
			all++;
		}
		next = mv_get32(l->next);
		packets++;
	} while (next != 0);
	assert_int_equal(requests, 1);
	assert_true(packets > 1 && all > 70);
	/* Of one port. */
	assert_int_equal(mc_list(&c, MV_COUNTERS, 0, 1), MV_OK);
	assert_int_equal(mc_list(&c, MV_COUNTERS, 0, 400), MV_NOT_FOUND);
	(void)state;
}

static void test_ports_and_fdb(void **state)
{
	struct mc c = mc_client(1);
	const struct mv_list *l = (const void *)c.body;
	const struct mv_port *p = (const void *)(c.body + sizeof(*l));
	const struct mv_fdb *f = (const void *)(c.body + sizeof(*l));

	assert_true(mc_open(&c));
	assert_int_equal(mc_list(&c, MV_PORT_LIST, 0, 0), MV_OK);
	assert_int_equal(mv_get16(l->count), 2);
	assert_string_equal(p[0].name, "wire");
	assert_int_equal(mv_get32(p[0].flags), MV_PORT_UPLINK);
	assert_string_equal(p[1].name, "mgmt");
	assert_int_equal(mv_get32(p[1].flags), MV_PORT_MGMT | MV_PORT_SPOOF_CHECK);
	assert_int_equal(mc_list(&c, MV_FDB_LIST, 0, 0), MV_OK);
	assert_int_equal(mv_get16(l->count), 3);
	assert_int_equal(mv_get32(f[0].port), 0);
	(void)state;
}

static void test_log(void **state)
{
	struct mc c = mc_client(1);
	struct mv_stream_read r = { .kind = MV_STREAM_LOG, .parts = 16 };
	struct mv_stream_watch w = { .kind = MV_STREAM_LOG, .on = 1 };
	const struct mv_stream_data *d = (const void *)c.body;
	uint64_t end;

	assert_true(mc_open(&c));
	log_notice("test", "first");
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_non_null(strstr((char *)c.body + sizeof(*d), "test: first\n"));
	end = mv_get64(d->end);
	assert_int_equal(mv_get64(d->offset) + mv_get32(d->size), end);
	/* Nothing more, until something comes. */
	assert_int_equal(mc_call(&c, MV_STREAM_WATCH, &w, sizeof(w)), MV_OK);
	r.offset = mv_put64(end);
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_int_equal(mv_get32(d->size), 0);
	host_advance(100 * MC_MS);
	mc_receive(&c, 0);
	assert_int_equal(c.notified, 0);
	log_notice("test", "second");
	log_notice("test", "third");
	host_advance(100 * MC_MS);
	mc_receive(&c, 0);
	assert_int_equal(c.notified, 1);
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_non_null(strstr((char *)c.body + sizeof(*d), "test: third\n"));
	/* It reads from the oldest on if it asks for what is gone. */
	for (unsigned int i = 0; i < 2000; i++) {
		log_info("test", "line %u of many", i);
	}
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_int_equal(mv_get64(d->offset), mv_get64(d->oldest));
	assert_int_equal(c.part, 0);
	host_advance(MC_MS);
	assert_true(mc_receive(&c, c.next_id - 1));
	assert_int_equal(c.part, 1);
	r.kind = 77;
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_NOT_FOUND);
	r.parts = 17;
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_INVALID);
	(void)state;
}

/* A guest's frame on the captured port "wire", from it or to it. */
static void pass_frame(struct net_port *from, struct net_cache *cache, const uint8_t *dst,
		       const uint8_t *src, size_t len, uint8_t fill)
{
	uint8_t f[MC_FRAME];

	memset(f, fill, sizeof(f));
	memcpy(f, dst, 6);
	memcpy(f + 6, src, 6);
	(void)mc_inject_at(from, cache, f, len);
}

static enum net_verdict swallow(struct net_port *p, struct net_batch *b, struct net_frame *f,
				bool may_wait)
{
	return NET_SENT;
}

/* Read all records of a capture; returns how many. */
static unsigned int read_records(struct mc *c, uint32_t capture, uint64_t *offset,
				 struct mv_capture_record *last)
{
	const struct mv_stream_data *d = (const void *)c->body;
	unsigned int n = 0;
	uint64_t at, start;
	static uint8_t text[MIB(1)];
	size_t have = 0;

	start = *offset;
	do {
		struct mv_stream_read r = {
			.kind = MV_STREAM_CAPTURE, .parts = 1, .object = mv_put32(capture),
			.offset = mv_put64(*offset),
		};

		assert_int_equal(mc_call(c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
		if (have == 0) {
			start = mv_get64(d->offset);
		}
		memcpy(text + have, c->body + sizeof(*d), mv_get32(d->size));
		have += mv_get32(d->size);
		*offset = mv_get64(d->offset) + mv_get32(d->size);
	} while (mv_get32(d->size) > 0);
	for (at = start; at < *offset; n++) {
		memcpy(last, text + (at - start), sizeof(*last));
		assert_int_equal(mv_get32(last->size) % 8, 0);
		assert_true(mv_get32(last->captured) <= mv_get32(last->length));
		at += mv_get32(last->size);
	}
	assert_int_equal(at, *offset);
	return n;
}

static void test_capture(void **state)
{
	static const struct net_port_ops ops = { .deliver = swallow, .flush = mc_flush };
	struct net_port_config pc = { .mac = { 2, 0, 0, 0, 5, 5 }, .spoof_check = true };
	struct mv_capture_start start = { .port = mv_put32(2), .ring_kib = mv_put32(8) };
	struct mv_capture_stop stop;
	struct mv_capture_record last;
	struct mc c = mc_client(1);
	const struct mv_capture *info = (const void *)c.body;
	struct net_cache cache = { 0 };
	uint8_t wire_mac[6] = { 2, 0, 0, 0, 1, 9 };
	struct net_port guest;
	size_t objects = heap_object_count();
	uint64_t offset = 0;
	uint32_t id;

	assert_int_equal(port_init(&guest, "guest", &pc, &ops), 0);
	assert_int_equal(switch_attach(&guest), 0);
	assert_true(mc_open(&c));
	assert_int_equal(mc_call(&c, MV_CAPTURE_START, &start, sizeof(start)), MV_OK);
	id = mv_get32(info->capture);
	assert_int_equal(mv_get32(info->snap), 128);
	assert_int_equal(mc_call(&c, MV_CAPTURE_START, &start, sizeof(start)), MV_BUSY);
	pass_frame(&guest, &cache, wire_mac, pc.mac, 1000, 'a');
	pass_frame(&mc_port, &mc_cache, pc.mac, wire_mac, 60, 'b');
	/* Refused, but seen. */
	pass_frame(&guest, &cache, wire_mac, wire_mac, 77, 'c');
	assert_int_equal(read_records(&c, id, &offset, &last), 3);
	assert_int_equal(mv_get32(last.length), 77);
	assert_int_equal(mv_get32(last.flags), 0);
	pass_frame(&mc_port, &mc_cache, pc.mac, wire_mac, 1500, 'd');
	assert_int_equal(read_records(&c, id, &offset, &last), 1);
	assert_int_equal(mv_get32(last.length), 1500);
	assert_int_equal(mv_get32(last.captured), 128);
	assert_int_equal(mv_get32(last.flags), MV_CAPTURE_TO_GUEST);
	/* Many more than fit: the oldest go, whole ones, and are counted. */
	for (unsigned int i = 0; i < 1000; i++) {
		pass_frame(&guest, &cache, wire_mac, pc.mac, 60 + i, 'e');
	}
	assert_int_equal(mc_list(&c, MV_CAPTURE_LIST, 0, 0), MV_OK);
	info = (const void *)(c.body + sizeof(struct mv_list));
	assert_int_equal(mv_get64(info->frames), 1004);
	assert_true(mv_get64(info->lost) > 900);
	assert_int_equal(read_records(&c, id, &offset, &last), 1000 - mv_get64(info->lost));
	assert_int_equal(mv_get32(last.length), 1059);
	/* The port goes: what is there can still be read; later it ends. */
	switch_detach(&guest);
	offset = 0;
	assert_true(read_records(&c, id, &offset, &last) > 40);
	host_advance(30000 * MC_MS);
	assert_int_equal(mc_call(&c, MV_PING, "x", 1), MV_OK);
	host_advance(35000 * MC_MS);
	stop.capture = mv_put32(id);
	assert_int_equal(mc_call(&c, MV_CAPTURE_STOP, &stop, sizeof(stop)), MV_NOT_FOUND);
	start.port = mv_put32(0);
	start.snap = mv_put32(65535);
	assert_int_equal(mc_call(&c, MV_CAPTURE_START, &start, sizeof(start)), MV_INVALID);
	start.snap = mv_put32(1514);
	assert_int_equal(mc_call(&c, MV_CAPTURE_START, &start, sizeof(start)), MV_OK);
	stop.capture = mv_put32(mv_get32(((const struct mv_capture *)(void *)c.body)->capture));
	assert_int_equal(mc_call(&c, MV_CAPTURE_STOP, &stop, sizeof(stop)), MV_OK);
	start.port = mv_put32(99);
	assert_int_equal(mc_call(&c, MV_CAPTURE_START, &start, sizeof(start)), MV_NOT_FOUND);
	assert_int_equal(mc_call(&c, MV_CLOSE, NULL, 0), MV_OK);
	host_run();
	assert_int_equal(heap_object_count(), objects);
	(void)state;
}

/* Everything arrives in the end, and what changes something is done once. */
static void test_bad_wire(void **state)
{
	struct mc c = mc_client(1);
	unsigned int repeated = 0;

	mc_loss = 20;
	mc_double = 20;
	mc_reorder = 20;
	assert_true(mc_open(&c));
	for (unsigned int i = 0; i < 500; i++) {
		assert_int_equal(mc_call(&c, MV_PING, &i, sizeof(i)), MV_OK);
		assert_memory_equal(c.body, &i, sizeof(i));
		repeated += c.tries > 1;
	}
	assert_true(repeated > 100);
	assert_true(mgmt_counter(MGMT_REQUESTS) > 500);
	(void)state;
}

/* A guest can neither reach the node nor pass for a wire. */
static void test_guests_stay_out(void **state)
{
	struct net_port_config pc = { .mac = { 2, 0, 0, 0, 5, 5 }, .spoof_check = true };
	struct net_cache cache = { 0 };
	struct net_port guest;
	uint8_t f[60] = { 0 };
	uint64_t taken = mgmt_counter(MGMT_RX_TAKEN);

	assert_int_equal(port_init(&guest, "guest", &pc, &mc_ops), 0);
	assert_int_equal(switch_attach(&guest), 0);
	memcpy(f, mc_node_mac, 6);
	memcpy(f + 6, pc.mac, 6);
	f[12] = 0x88;
	f[13] = 0xb5;
	f[14] = 1;
	f[15] = MV_DISCOVER;
	assert_int_equal(mc_inject_at(&guest, &cache, f, sizeof(f)), NET_DROPPED);
	memcpy(f, mc_all, 6);
	assert_int_equal(mc_inject_at(&guest, &cache, f, sizeof(f)), NET_DROPPED);
	assert_int_equal(port_count(&guest, NET_DROP_MGMT), 2);
	/* Any other frame to the node's address, too. */
	memcpy(f, mc_node_mac, 6);
	f[12] = 0x08;
	f[13] = 0x00;
	assert_int_equal(mc_inject_at(&guest, &cache, f, sizeof(f)), NET_DROPPED);
	assert_int_equal(port_count(&guest, NET_DROP_MGMT), 3);
	assert_int_equal(mgmt_counter(MGMT_DROP_PORT), 1);
	assert_int_equal(mgmt_counter(MGMT_RX_TAKEN), taken);
	switch_detach(&guest);
	(void)state;
}

static void test_allowed_macs(void **state)
{
	struct mgmt_config config = mc_config();
	struct mc good = mc_client(1), bad = mc_client(2);

	memcpy(config.allow[0], bad.mac, 6);
	config.allow[0][0] = 0x06;
	memcpy(config.allow[1], good.mac, 6);
	config.allow_count = 2;
	restart(&config);
	assert_true(mc_open(&good));
	assert_false(mc_open(&bad));
	assert_true(mgmt_counter(MGMT_DROP_SOURCE) > 0);
	mc_discover(&bad, mc_all, "");
	host_advance(30 * MC_MS);
	mc_receive(&bad, 0);
	assert_string_equal(bad.announce.name, "");
	(void)state;
}

/* The node is in VLAN 7: frames without the tag, or with another, don't reach it. */
static void test_vlan(void **state)
{
	struct mgmt_config config = mc_config();
	struct mc c = mc_client(1);
	struct mv_discover d = { .nonce = mv_put64(1) };
	uint8_t f[14 + 4 + 16 + sizeof(d)] = { 0 };

	config.vlan = 7;
	restart(&config);
	assert_false(mc_open(&c));
	memcpy(f, mc_node_mac, 6);
	memcpy(f + 6, c.mac, 6);
	memcpy(f + 12, "\x81\x00\x00\x08\x88\xb5", 6);
	mc_header(f + 18, MV_DISCOVER, 0, 0, 16 + sizeof(d));
	memcpy(f + 34, &d, sizeof(d));
	(void)mc_inject_at(&mc_port, &mc_cache, f, sizeof(f));
	host_run();
	assert_int_equal(mc_out.head, 0);
	f[15] = 7;
	assert_int_equal(mc_inject_at(&mc_port, &mc_cache, f, sizeof(f)), NET_SENT);
	host_run();
	assert_int_equal(mc_out.head, 1);
	assert_memory_equal(mc_out.frame[0].bytes + 12, "\x81\x00\x00\x07\x88\xb5\x01\x02", 8);
	(void)state;
}

/* Most of a flood is dropped before anything is done with it. */
static void test_flood(void **state)
{
	struct mc c = mc_client(1);
	uint64_t taken;

	assert_true(mc_open(&c));
	taken = mgmt_counter(MGMT_RX_TAKEN);
	/* A second's worth of frames, 100 000. */
	for (unsigned int i = 0; i < 1000; i++) {
		for (unsigned int k = 0; k < 100; k++) {
			mc_send_request(&c, 1, MV_PING, "x", 1);
			mc_out.tail = mc_out.head;
		}
		host_advance(MC_MS);
	}
	taken = mgmt_counter(MGMT_RX_TAKEN) - taken;
	assert_true(taken >= MGMT_RATE && taken <= MGMT_RATE + MGMT_BURST + 100);
	assert_true(mgmt_counter(MGMT_DROP_RATE) > 70000);
	/* And it is still there for its user. */
	mc_out.tail = mc_out.head;
	host_advance(100 * MC_MS);
	assert_int_equal(mc_call(&c, MV_PING, "y", 1), MV_OK);
	(void)state;
}

/* Each line of the log takes 5 ms. */
static void slow_sink(const char *text, size_t len)
{
	host_time_skip(5 * MC_MS);
}

/*
 * Requests that take long, one after the other, while a guest wants the only CPU: the
 * server has a twentieth of the time. If nobody wants it, it has all.
 */
static void test_share(void **state)
{
	struct mv_vm_create r = { .blob = mv_put32(1) };
	struct mv_blob_put blob = { .blob = mv_put32(1), .size = mv_put32(1) };
	uint8_t put[sizeof(blob) + 1] = { 0 };
	struct domain *d = host_domain_create(4, 1);
	struct mc c = mc_client(1);
	uint64_t before, start, done;

	memcpy(put, &blob, sizeof(blob));
	assert_true(mc_open(&c));
	host_load(d->vcpus[0]);
	log_set_sink(slow_sink);
	for (unsigned int busy = 0; busy < 2; busy++) {
		before = mgmt_counter(MGMT_REQUESTS);
		start = arch_now();
		while (arch_now() - start < 2000 * MC_MS) {
			mc_send_request(&c, c.next_id++, MV_BLOB_PUT, put, sizeof(put));
			mc_send_request(&c, c.next_id++, MV_VM_CREATE, &r, sizeof(r));
			host_advance(MC_MS);
			mc_out.tail = mc_out.head;
		}
		done = mgmt_counter(MGMT_REQUESTS) - before;
		if (busy == 0) {
			/* 100 ms of 2 s, each pair takes 5; and a burst, and what was begun. */
			assert_true(done >= 30 && done <= 80);
			before = done;
			upcall_wait(&d->vcpus[0]->arch);
			host_run();
		} else {
			assert_true(done > 300);
		}
	}
	log_set_sink(NULL);
	host_domain_destroy(d);
	(void)state;
}

/* Any length of any kind; nothing is answered that isn't a request. */
static void test_malformed(void **state)
{
	struct mc c = mc_client(1);
	uint8_t p[MC_FRAME] = { 0 };

	assert_true(mc_open(&c));
	mc_out.tail = mc_out.head;
	for (unsigned int kind = 0; kind < 12; kind++) {
		for (size_t n = 0; n < 40; n++) {
			mc_header(p, kind, c.session, 1, n);
			mc_transmit(&c, mc_node_mac, p, 40);
			host_run();
		}
		/* Longer than the frame; longer than any. */
		mc_header(p, kind, c.session, 1, 200);
		mc_transmit(&c, mc_node_mac, p, 100);
		mc_header(p, kind, c.session, 1, 1550);
		mc_transmit(&c, mc_node_mac, p, 1550);
		/* Another version. */
		mc_header(p, kind, c.session, 1, 100);
		p[0] = 2;
		mc_transmit(&c, mc_node_mac, p, 100);
		host_run();
	}
	assert_true(mgmt_counter(MGMT_DROP_PACKET) > 400);
	assert_int_equal(mgmt_counter(MGMT_DROP_FORM), 12);
	while (mc_out.tail != mc_out.head) {
		assert_int_equal(mc_out.frame[mc_out.tail++ % MC_QUEUE].bytes[15], MV_REPLY);
	}
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_discover), T(test_discover_flood), T(test_open),
		T(test_session_is_of_its_mac), T(test_session_limits), T(test_node_info),
		T(test_unknown_verb), T(test_counters), T(test_ports_and_fdb), T(test_log),
		T(test_bad_wire), T(test_guests_stay_out), T(test_allowed_macs), T(test_vlan),
		T(test_flood), T(test_share), T(test_malformed), T(test_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
