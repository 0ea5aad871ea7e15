/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore/xs_quota and all limits: what a guest can make the store keep, that
 * it pays for it itself, and that it gets everything back.
 */
#include "unit/xs_client.h"

static struct xs_domain *dom(unsigned int id)
{
	return xs_dom_find(id);
}

static void test_nodes(void **state)
{
	struct client *c = &guest[1];
	uint32_t before = dom(1)->node_count;
	char path[64];

	for (unsigned int i = before; i < XS_QUOTA_NODES; i++) {
		sprintf(path, "data/%u", i);
		client_write(c, 0, path, "");
	}
	assert_int_equal(dom(1)->node_count, XS_QUOTA_NODES);
	expect_error(c, "ENOSPC", XS_MKDIR, 0, STR("data/more"));
	expect_error(c, "ENOSPC", XS_WRITE, 0, STR("data/a/b"));
	/* What is there can still be changed. */
	client_write(c, 0, path, "value");
	/* A chain needs room for all of it. */
	expect_ok(c, XS_RM, 0, STR(path));
	expect_error(c, "ENOSPC", XS_WRITE, 0, STR("data/a/b"));
	expect_error(c, "ENOENT", XS_READ, 0, STR("data/a"));
	expect_ok(c, XS_MKDIR, 0, STR("data/a"));
	/* Others, and the hypervisor, aren't concerned. */
	client_write(&guest[2], 0, "data/a", "");
	assert_int_equal(xs_write(NULL, "/local/domain/1/data/hv", "", 0), 0);
	assert_int_equal(dom(1)->node_count, XS_QUOTA_NODES + 1);
	check_books();
	expect_ok(c, XS_RM, 0, STR("data"));
	assert_int_equal(dom(1)->node_count, 0);
}

/* The limit holds at commit too, whatever happened meanwhile. */
static void test_nodes_in_txn(void **state)
{
	struct client *c = &guest[1];
	char path[64];
	uint32_t t = client_start(c);
	uint32_t u;

	for (unsigned int i = 0; i < 600; i++) {
		sprintf(path, "data/t%u", i);
		client_write(c, t, path, "");
	}
	for (unsigned int i = 0; i < 600; i++) {
		sprintf(path, "data/n%u/%u", i % 2, i);
		client_write(c, 0, path, "");
	}
	check_books();
	client_write_as(c, t, "data/x", "", "ENOSPC");
	expect_error(c, "ENOSPC", XS_TRANSACTION_END, t, STR("T"));
	expect_missing("/local/domain/1/data/t0");
	assert_int_equal(dom(1)->node_count, 603);
	/* Removing in the same transaction makes room. */
	u = client_start(c);
	for (unsigned int i = 0; i < 300; i++) {
		sprintf(path, "data/u%u", i);
		client_write(c, u, path, "");
	}
	expect_ok(c, XS_RM, u, STR("data/n0/0"));
	expect_ok(c, XS_RM, u, STR("data/n0"));
	for (unsigned int i = 0; i < 200; i++) {
		sprintf(path, "data/v%u", i);
		client_write(c, 0, path, "");
	}
	expect_ok(c, XS_TRANSACTION_END, u, STR("T"));
	assert_int_equal(dom(1)->node_count, 603 + 200 + 300 - 301);
}

static void test_value(void **state)
{
	struct client *c = &guest[1];
	char data[8 + XS_QUOTA_VALUE];

	memset(data, 'v', sizeof(data));
	memcpy(data, "data/a", 7);
	expect_ok(c, XS_WRITE, 0, data, 7 + XS_QUOTA_VALUE);
	expect_data(c, XS_READ, 0, STR("data/a"), data + 7, XS_QUOTA_VALUE);
	expect_error(c, "ENOSPC", XS_WRITE, 0, data, 8 + XS_QUOTA_VALUE);
}

static void test_watches(void **state)
{
	struct client *c = &guest[1];
	char data[64];
	int n;

	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < XS_QUOTA_WATCHES; i++) {
			sprintf(data, "%u", i);
			client_watch(c, "data", data);
		}
		n = sprintf(data, "data%cmore", 0) + 1;
		expect_error(c, "E2BIG", XS_WATCH, 0, data, (size_t)n);
		expect_ok(c, XS_UNWATCH, 0, RAW("data\0" "5\0"));
		expect_ok(c, XS_WATCH, 0, data, (size_t)n);
		client_forget_events(c);
		/* XSA-330: the places come back. */
		expect_ok(c, XS_RESET_WATCHES, 0, RAW("\0"));
		assert_int_equal(dom(1)->watch_count, 0);
	}
}

static void test_txns(void **state)
{
	struct client *c = &guest[1];
	uint32_t id[XS_QUOTA_TXNS];

	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < XS_QUOTA_TXNS; i++) {
			id[i] = client_start(c);
			for (unsigned int j = 0; j < i; j++) {
				assert_int_not_equal(id[i], id[j]);
			}
		}
		expect_error(c, "ENOSPC", XS_TRANSACTION_START, 0, RAW("\0"));
		expect_ok(c, XS_TRANSACTION_END, id[3], STR("F"));
		id[3] = client_start(c);
		(void)client_start(&guest[2]);
		expect_ok(c, XS_RESET_WATCHES, 0, RAW("\0"));
		expect_error(c, "ENOENT", XS_TRANSACTION_END, id[3], STR("T"));
	}
}

static void test_txn_nodes(void **state)
{
	struct client *c = &guest[1];
	uint32_t t = client_start(c);
	char path[64];
	unsigned int i;

	/* Looking counts like writing; /, local, domain, 1, data count too. */
	for (i = 5; i < XS_QUOTA_TXN_NODES; i++) {
		sprintf(path, "data/%u", i);
		expect_error(c, "ENOENT", XS_READ, t, STR(path));
	}
	expect_error(c, "ENOSPC", XS_READ, t, STR("data/more"));
	expect_error(c, "ENOSPC", XS_WRITE, t, RAW("data/more\0"));
	expect_error(c, "ENOENT", XS_READ, t, STR(path));
	client_write(c, t, path, "");
	client_write_as(c, t, "data/5/6/7", "", "ENOSPC");
	check_books();
	expect_error(c, "ENOENT", XS_READ, t, STR("data/5"));
	expect_ok(c, XS_TRANSACTION_END, t, STR("T"));
	expect_read(c, 0, path, "");
}

/* XSA-326: memory of every kind is the guest's own, and ends. */
static void test_memory(void **state)
{
	struct client *c = &guest[1];
	char data[64 + XS_QUOTA_VALUE];
	size_t before = dom(1)->mem;
	unsigned int refused = 0;
	size_t n;

	memset(data, 'v', sizeof(data));
	for (unsigned int i = 0; i < XS_QUOTA_NODES - 1; i++) {
		n = (size_t)sprintf(data, "data/%u", i) + 1;
		data[n] = 'v';
		client_call(c, XS_WRITE, 0, data, n + XS_QUOTA_VALUE);
		if (c->reply.hdr.type == XS_ERROR) {
			assert_string_equal(c->reply.data, "ENOMEM");
			refused++;
		}
		assert_true(dom(1)->mem <= XS_QUOTA_MEMORY);
	}
	assert_true(refused > 0);
	assert_true(dom(1)->mem > XS_QUOTA_MEMORY - 4096);
	/* Small things fit until it is really full. */
	refused = 0;
	for (unsigned int i = 0; i < XS_QUOTA_WATCHES; i++) {
		memset(data, 't', 1000);
		n = (size_t)sprintf(data, "data%cx%u", 0, i);
		data[n] = 't';
		data[1000] = '\0';
		client_call(c, XS_WATCH, 0, data, 1001);
		refused += c->reply.hdr.type == XS_ERROR;
	}
	assert_true(refused > 0);
	client_call(c, XS_TRANSACTION_START, 0, RAW("\0"));
	check_books();
	/* Others don't notice. */
	client_write(&guest[2], 0, "data/x", "1");
	expect_ok(c, XS_RESET_WATCHES, 0, RAW("\0"));
	for (unsigned int i = 0; i < XS_QUOTA_NODES - 1; i++) {
		sprintf(data, "data/%u", i);
		expect_ok(c, XS_RM, 0, STR(data));
	}
	assert_int_equal(dom(1)->mem, before);
}

/* The same for what transactions hold. */
static void test_memory_in_txns(void **state)
{
	struct client *c = &guest[1];
	char data[64 + XS_QUOTA_VALUE];
	size_t before = dom(1)->mem;
	unsigned int refused = 0;
	uint32_t id[XS_QUOTA_TXNS];

	memset(data, 'v', sizeof(data));
	for (unsigned int i = 0; i < XS_QUOTA_TXNS; i++) {
		id[i] = client_start(c);
	}
	for (unsigned int i = 0; i < XS_QUOTA_TXNS; i++) {
		for (unsigned int j = 0; j < 200; j++) {
			size_t n = (size_t)sprintf(data, "data/%u", j) + 1;

			data[n] = 'v';
			client_call(c, XS_WRITE, id[i], data, n + XS_QUOTA_VALUE);
			refused += c->reply.hdr.type == XS_ERROR;
			assert_true(dom(1)->mem <= XS_QUOTA_MEMORY);
		}
	}
	assert_true(refused > 0);
	check_books();
	for (unsigned int i = 0; i < XS_QUOTA_TXNS; i++) {
		expect_ok(c, XS_TRANSACTION_END, id[i], STR("F"));
	}
	assert_int_equal(dom(1)->mem, before);
}

/*
 * Events of a guest that doesn't read: bounded, and it hears in the end that
 * something changed.
 */
static void test_events(void **state)
{
	struct client *c = &guest[1];
	struct xs_perm r[] = { XS_PERM(2, XSP_READ) };
	struct xs_stats stats;
	char path[64];
	bool told = false;

	assert_int_equal(xs_set_perms(NULL, "/local/domain/2/data", r, 1), 0);
	client_watch(c, "/local/domain/2/data", "t");
	client_forget_events(c);
	for (unsigned int i = 0; i < 900; i++) {
		sprintf(path, "data/%u", i);
		client_write(&guest[2], 0, path, "");
	}
	assert_true(dom(1)->event_count <= XS_QUOTA_EVENTS + 1);
	xenstore_stats(&stats);
	assert_true(stats.events_lost > 0);
	check_books();
	client_drain(c);
	assert_int_equal(c->event_count, XS_QUOTA_EVENTS + 1);
	for (unsigned int i = 0; i < c->event_count; i++) {
		told |= strcmp(c->events[i], "/local/domain/2/data|t") == 0;
	}
	assert_true(told);
	client_forget_events(c);
	assert_int_equal(dom(1)->event_count, 0);
}

/* Another's writes to a guest's node are on the owner's bill, not past it. */
static void test_shared_node(void **state)
{
	size_t mem1;
	size_t mem2;
	uint32_t t;

	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0n1\0b2\0"));
	mem1 = dom(1)->mem;
	mem2 = dom(2)->mem;
	client_write(&guest[2], 0, "/local/domain/1/data", "some value here");
	assert_true(dom(1)->mem > mem1);
	assert_int_equal(dom(2)->mem, mem2);
	mem1 = dom(1)->mem;
	client_write(&guest[2], 0, "/local/domain/1/data/new", "longer than that");
	assert_int_equal(dom(1)->mem, mem1);
	assert_true(dom(2)->mem > mem2);
	assert_int_equal(dom(2)->node_count, 2);
	/* In a transaction the writer pays until it commits. */
	mem1 = dom(1)->mem;
	t = client_start(&guest[2]);
	client_write(&guest[2], t, "/local/domain/1/data",
		     "a value that is a good deal longer than the one before");
	assert_int_equal(dom(1)->mem, mem1);
	expect_ok(&guest[2], XS_TRANSACTION_END, t, STR("T"));
	assert_true(dom(1)->mem > mem1);
	expect_ok(&guest[1], XS_RM, 0, STR("data"));
	assert_int_equal(dom(2)->node_count, 1);
	assert_int_equal(dom(2)->mem, mem2);
}

/*
 * Memory ends at every possible step of a request: it is refused as a whole,
 * and once there is memory it works.
 */
static const struct {
	uint32_t type;
	const char *data;
	size_t len;
	bool in_txn;
} steps[] = {
	{ XS_WRITE, RAW("data/a\0some longer value"), false },
	{ XS_WRITE, RAW("data/x/y/z\0value"), false },
	{ XS_MKDIR, RAW("data/x/y/z\0"), false },
	{ XS_WATCH, RAW("data\0token\0"), false },
	{ XS_TRANSACTION_START, RAW("\0"), false },
	{ XS_WRITE, RAW("data/a\0some longer value"), true },
	{ XS_WRITE, RAW("data/x/y/z\0value"), true },
	{ XS_MKDIR, RAW("data/x/y/z\0"), true },
	{ XS_RM, RAW("data/a\0"), true },
	{ XS_SET_PERMS, RAW("data/a\0n1\0r2\0"), true },
	{ XS_READ, RAW("data/a\0"), true },
};

static void test_out_of_memory(void **state)
{
	struct client *c = &guest[1];
	unsigned int refused = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		bool done = false;

		for (size_t room = 0; !done; room += 16) {
			size_t fill;
			uint32_t t = 0;

			client_write(c, 0, "data/a", "v");
			if (steps[i].in_txn) {
				t = client_start(c);
			}
			fill = XS_QUOTA_MEMORY - room - dom(1)->mem;
			dom(1)->mem += fill;
			client_call(c, steps[i].type, t, steps[i].data,
				    steps[i].len);
			done = c->reply.hdr.type != XS_ERROR;
			if (!done) {
				assert_string_equal(c->reply.data, "ENOMEM");
				refused++;
			}
			check_books();
			dom(1)->mem -= fill;
			if (t != 0) {
				expect_ok(c, XS_TRANSACTION_END, t, STR("T"));
			}
			expect_missing(done ? "/local/domain/1/data/none" :
				       "/local/domain/1/data/x");
			expect_ok(c, XS_RESET_WATCHES, 0, RAW("\0"));
			client_forget_events(c);
			expect_ok(c, XS_RM, 0, STR("data/x"));
		}
	}
	assert_true(refused > ARRAY_SIZE(steps));
}

UNIT_MAIN(
	XS_TEST(test_nodes), XS_TEST(test_nodes_in_txn), XS_TEST(test_value),
	XS_TEST(test_watches), XS_TEST(test_txns), XS_TEST(test_txn_nodes),
	XS_TEST(test_memory), XS_TEST(test_memory_in_txns),
	XS_TEST(test_events), XS_TEST(test_shared_node),
	XS_TEST(test_out_of_memory))
