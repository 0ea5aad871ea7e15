/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore/xs_ring: the page shared with a guest, as Linux uses it and as an
 * attacker does.
 */
#include "unit/xs_client.h"

static struct xenstore_domain_interface page ALIGNED(4096);
static struct xs_ring *ring;
static unsigned int notified;

static void notify(void *ctx)
{
	assert_ptr_equal(ctx, &page);
	notified++;
}

/* Guest 1 talks through the page instead of its plain connection. */
static int ring_setup(void **state)
{
	xs_setup(state);
	xs_conn_destroy(guest[1].conn);
	guest[1].conn = NULL;
	memset(&page, 0, sizeof(page));
	notified = 0;
	assert_int_equal(xs_ring_create(1, &page, notify, &page, &ring), 0);
	return 0;
}

static int ring_teardown(void **state)
{
	xs_ring_destroy(ring);
	xs_ring_destroy(NULL);
	return xs_teardown(state);
}

/* --- The guest's side ------------------------------------------------------ */

/* As much as there is room for. */
static size_t put(const void *data, size_t len)
{
	size_t n = 0;

	while (n < len && page.req_prod - page.req_cons < XENSTORE_RING_SIZE) {
		page.req[MASK_XENSTORE_IDX(page.req_prod)] =
			((const char *)data)[n++];
		page.req_prod++;
	}
	return n;
}

static size_t get(void *data, size_t max)
{
	size_t n = 0;

	assert_true(page.rsp_prod - page.rsp_cons <= XENSTORE_RING_SIZE);
	while (n < max && page.rsp_cons != page.rsp_prod) {
		((char *)data)[n++] = page.rsp[MASK_XENSTORE_IDX(page.rsp_cons)];
		page.rsp_cons++;
	}
	return n;
}

/* Kicks only when Linux would; fails if that leaves the guest waiting. */
static void send_all(const void *data, size_t len)
{
	size_t n = 0;

	while (n < len) {
		uint32_t before = page.req_prod;
		size_t part = put((const char *)data + n, len - n);

		assert_true(part > 0);
		n += part;
		if (before == page.req_cons) {
			xs_ring_kick(ring);
		}
	}
}

static void receive_all(void *data, size_t len)
{
	size_t n = 0;

	while (n < len) {
		bool full = page.rsp_prod - page.rsp_cons == XENSTORE_RING_SIZE;
		size_t part = get((char *)data + n, len - n);

		assert_true(part > 0);
		n += part;
		if (full) {
			xs_ring_kick(ring);
		}
	}
}

static void request(uint32_t type, uint32_t id, const void *data, size_t len)
{
	char msg[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg hdr = { type, id, 0, (uint32_t)len };

	memcpy(msg, &hdr, sizeof(hdr));
	memcpy(msg + sizeof(hdr), data, len);
	send_all(msg, sizeof(hdr) + len);
}

static struct xs_reply reply;

static void receive(uint32_t type, uint32_t id)
{
	receive_all(&reply.hdr, sizeof(reply.hdr));
	assert_int_equal(reply.hdr.type, type);
	assert_int_equal(reply.hdr.req_id, id);
	assert_true(reply.hdr.len <= XENSTORE_PAYLOAD_MAX);
	receive_all(reply.data, reply.hdr.len);
	reply.data[reply.hdr.len] = '\0';
}

/* --- Tests ----------------------------------------------------------------- */

static void test_simple(void **state)
{
	assert_int_equal(page.connection, 0);
	request(XS_WRITE, 1, RAW("data/a\0hello"));
	receive(XS_WRITE, 1);
	assert_int_equal(notified, 1);
	request(XS_READ, 2, STR("data/a"));
	receive(XS_READ, 2);
	assert_string_equal(reply.data, "hello");
	assert_int_equal(notified, 2);
	assert_int_equal(page.rsp_cons, page.rsp_prod);
	/* Nothing to do: no event. */
	xs_ring_kick(ring);
	assert_int_equal(notified, 2);
	assert_int_equal(xs_ring_process(ring), 0);
}

/* Messages larger than the ring, at every position of the indices' wrap. */
static void test_large_and_wrap(void **state)
{
	char data[7 + XS_QUOTA_VALUE];

	memset(data, 'q', sizeof(data));
	memcpy(data, "data/a", 7);
	for (uint32_t i = 0; i < 24; i++) {
		uint32_t start = 0xfffff000U + i * 0x155;

		page.req_cons = page.req_prod = start;
		page.rsp_cons = page.rsp_prod = start + 77;
		data[7] = (char)start;
		request(XS_WRITE, 1, data, sizeof(data));
		receive(XS_WRITE, 1);
		request(XS_READ, 2, STR("data/a"));
		receive(XS_READ, 2);
		assert_int_equal(reply.hdr.len, XS_QUOTA_VALUE);
		assert_memory_equal(reply.data, data + 7, XS_QUOTA_VALUE);
	}
}

/* Many requests at once, more than one pass takes; all get their answer. */
static void test_many(void **state)
{
	char msg[21];
	struct xsd_sockmsg hdr = { XS_READ, 0, 0, 5 };
	uint32_t sent = 0;
	uint32_t got = 0;

	memcpy(msg + sizeof(hdr), "data", 5);
	while (got < 1000) {
		while (sent < 1000) {
			hdr.req_id = sent + 1;
			memcpy(msg, &hdr, sizeof(hdr));
			if (XENSTORE_RING_SIZE - (page.req_prod - page.req_cons) <
			    sizeof(msg)) {
				break;
			}
			assert_int_equal(put(msg, sizeof(msg)), sizeof(msg));
			sent++;
		}
		xs_ring_kick(ring);
		host_run();
		while (page.rsp_cons != page.rsp_prod) {
			receive(XS_READ, ++got);
		}
	}
	assert_int_equal(page.req_cons, page.req_prod);
}

/* The bound of a pass: it asks to be called again, and ends. */
static void test_bounded(void **state)
{
	struct xsd_sockmsg hdr = { XS_READ, 0, 0, 0 };
	unsigned int passes = 0;
	unsigned int result;

	for (unsigned int i = 0; i < XENSTORE_RING_SIZE / sizeof(hdr); i++) {
		hdr.req_id = i + 1;
		put(&hdr, sizeof(hdr));
	}
	do {
		uint32_t before = page.req_cons;

		result = xs_ring_process(ring);
		/* Eight rounds, two requests at most in each. */
		assert_true(page.req_cons - before <= 17 * sizeof(hdr));
		passes++;
		while (page.rsp_cons != page.rsp_prod) {
			receive_all(&reply.hdr, sizeof(reply.hdr));
			receive_all(reply.data, reply.hdr.len);
			assert_string_equal(reply.data, "EINVAL");
		}
	} while (result & XS_RING_MORE);
	assert_int_equal(page.req_cons, page.req_prod);
	assert_true(passes > 1);
}

/* A change by another guest comes as deferred work. */
static void test_event(void **state)
{
	struct xs_perm p[] = { XS_PERM(2, XSP_NONE), XS_PERM(1, XSP_READ) };

	assert_int_equal(xs_set_perms(NULL, "/local/domain/2/data", p, 2), 0);
	request(XS_WATCH, 1, RAW("/local/domain/2/data\0tok\0"));
	receive(XS_WATCH, 1);
	receive(XS_WATCH_EVENT, 0);
	notified = 0;
	client_write(&guest[2], 0, "data", "1");
	assert_int_equal(notified, 0);
	host_run();
	assert_int_equal(notified, 1);
	receive(XS_WATCH_EVENT, 0);
	assert_string_equal(reply.data, "/local/domain/2/data");
	assert_string_equal(reply.data + strlen(reply.data) + 1, "tok");
	host_run();
	assert_int_equal(notified, 1);
}

/*
 * A guest that fills everything and reads nothing: the server stops, goes on
 * when there is room, and nothing is lost.
 */
static void test_stalled(void **state)
{
	char msg[4 * XENSTORE_RING_SIZE];
	struct xsd_sockmsg hdr = { XS_READ, 0, 0, 5 };
	size_t len = 0;
	size_t n = 0;
	uint32_t stuck;

	for (uint32_t id = 1; id <= 150; id++) {
		hdr.req_id = id;
		memcpy(msg + len, &hdr, sizeof(hdr));
		memcpy(msg + len + sizeof(hdr), "data", 5);
		len += sizeof(hdr) + 5;
	}
	do {
		stuck = page.req_cons;
		n += put(msg + n, len - n);
		xs_ring_kick(ring);
		host_run();
	} while (page.req_cons != stuck);
	assert_true(n < len);
	assert_int_equal(page.rsp_prod - page.rsp_cons, XENSTORE_RING_SIZE);
	assert_int_equal(page.req_prod - page.req_cons, XENSTORE_RING_SIZE);
	/* Reading as Linux does starts it again. */
	for (uint32_t id = 1; id <= 150; id++) {
		receive(XS_READ, id);
		n += put(msg + n, len - n);
		xs_ring_kick(ring);
		host_run();
	}
	assert_int_equal(n, len);
}

static void set(uint32_t req_cons, uint32_t req_prod, uint32_t rsp_cons,
		uint32_t rsp_prod)
{
	page.req_cons = req_cons;
	page.req_prod = req_prod;
	page.rsp_cons = rsp_cons;
	page.rsp_prod = rsp_prod;
}

/* XSA-38: every insane distance ends the connection, and only that. */
static void test_indices(void **state)
{
	static const uint32_t far[] = {
		1025, 1026, 2048, 4096, 0x7fffffff, 0x80000000U, 0x80000001U,
		0xfffffc00U, 0xffffffffU,
	};

	for (size_t i = 0; i < ARRAY_SIZE(far) * 2; i++) {
		bool rsp = i >= ARRAY_SIZE(far);
		uint32_t base = (uint32_t)i * 0x11111111U;
		uint32_t distance = far[i % ARRAY_SIZE(far)];
		struct xs_stats stats;

		if (rsp) {
			set(base, base, base, base + distance);
		} else {
			set(base, base + distance, base, base);
		}
		xs_ring_kick(ring);
		xenstore_stats(&stats);
		assert_int_equal(stats.bad_conns, i + 1);
		assert_int_equal(page.error, XENSTORE_ERROR_RINGIDX);
		/* Silence from now on, even with a good ring. */
		set(0, 0, 0, 0);
		notified = 0;
		put("\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
		xs_ring_kick(ring);
		host_run();
		assert_int_equal(page.req_cons, 0);
		assert_int_equal(page.rsp_prod, 0);
		assert_int_equal(notified, 0);
		expect_read(&guest[2], 0, "data", "");
		xs_ring_destroy(ring);
		set(0, 0, 0, 0);
		assert_int_equal(xs_ring_create(1, &page, notify, &page, &ring), 0);
	}
	request(XS_READ, 1, STR("data"));
	receive(XS_READ, 1);
}

/* A header that claims too much, through the ring. */
static void test_too_long(void **state)
{
	struct xsd_sockmsg hdr = { XS_WRITE, 1, 0, 0x80000010U };

	put(&hdr, sizeof(hdr));
	xs_ring_kick(ring);
	host_run();
	put(&hdr, sizeof(hdr));
	xs_ring_kick(ring);
	assert_int_equal(page.rsp_prod, 0);
	assert_int_equal(page.req_cons, 16);
}

/* Indices and bytes change at random while it works: it must survive. */
static void test_random(void **state)
{
	struct unit_random r = { 99 };
	uint8_t *bytes = (uint8_t *)&page;

	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int n = unit_random_below(&r, 64);

		for (unsigned int j = 0; j < n; j++) {
			bytes[unit_random_below(&r, 2048)] =
				(uint8_t)unit_random_below(&r, 24);
		}
		page.req_prod = page.req_cons + unit_random_below(&r, 1026);
		page.rsp_cons = page.rsp_prod - unit_random_below(&r, 1026);
		xs_ring_kick(ring);
		host_run();
		if (page.error != XENSTORE_ERROR_NONE ||
		    unit_random_below(&r, 16) == 0) {
			xs_ring_destroy(ring);
			assert_int_equal(xs_ring_create(1, &page, notify, &page,
							&ring), 0);
		}
	}
	check_books();
}

/* Work that is due when the ring goes must not find it. */
static void test_destroy(void **state)
{
	request(XS_WATCH, 1, RAW("data\0t\0"));
	host_run();
	notified = 0;
	assert_int_equal(xs_write(NULL, "/local/domain/1/data", "x", 1), 0);
	xs_ring_destroy(ring);
	host_run();
	assert_int_equal(notified, 0);
	assert_int_equal(xs_write(NULL, "/local/domain/1/data", "y", 1), 0);
	/* Nor does the next one find its watches. */
	memset(&page, 0, sizeof(page));
	assert_int_equal(xs_ring_create(1, &page, notify, &page, &ring), 0);
	assert_int_equal(xs_write(NULL, "/local/domain/1/data", "z", 1), 0);
	host_run();
	assert_int_equal(page.rsp_prod, 0);
}

#define RING_TEST(f) \
	cmocka_unit_test_setup_teardown(f, ring_setup, ring_teardown)

UNIT_MAIN(
	RING_TEST(test_simple), RING_TEST(test_large_and_wrap),
	RING_TEST(test_many), RING_TEST(test_bounded), RING_TEST(test_event),
	RING_TEST(test_stalled), RING_TEST(test_indices),
	RING_TEST(test_too_long), RING_TEST(test_random),
	RING_TEST(test_destroy))
