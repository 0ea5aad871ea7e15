/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the XenStore tests share: a store with three guests, and a guest that
 * talks the wire protocol over its connection.
 */
#ifndef TESTS_XS_CLIENT_H
#define TESTS_XS_CLIENT_H

#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem/heap.h"
#include "unit/xs_books.h"
#include <xen/io/xs_wire.h>

#define GUESTS		3U		/* domains 1 .. GUESTS */
#define EVENTS_MAX	2048U

struct xs_reply {
	struct xsd_sockmsg hdr;
	char data[XENSTORE_PAYLOAD_MAX + 1];
};

struct client {
	unsigned int domid;
	struct xs_conn *conn;
	uint32_t req_id;
	struct xs_reply reply;
	unsigned int event_count;
	char *events[EVENTS_MAX];	/* "path|token" */
};

static struct client guest[GUESTS + 1];

/* --- Bytes ---------------------------------------------------------------- */

static inline void client_fetch(struct client *c, void *buf, size_t n)
{
	size_t got = 0;

	while (got < n) {
		size_t part = xs_conn_output(c->conn, (char *)buf + got, n - got);

		assert_true(part > 0);
		got += part;
	}
}

static inline void client_keep_event(struct client *c)
{
	const char *path = c->reply.data;
	const char *token = path + strlen(path) + 1;
	char *text = malloc(strlen(path) + strlen(token) + 2);

	assert_non_null(text);
	assert_int_equal(c->reply.hdr.req_id, 0);
	assert_int_equal(c->reply.hdr.tx_id, 0);
	assert_int_equal(c->reply.hdr.len, strlen(path) + strlen(token) + 2);
	assert_true(c->event_count < EVENTS_MAX);
	sprintf(text, "%s|%s", path, token);
	c->events[c->event_count++] = text;
}

/* The next message, an event or a reply. False: there is none. */
static inline bool client_message(struct client *c)
{
	struct xs_reply *r = &c->reply;
	size_t n = xs_conn_output(c->conn, &r->hdr, 1);

	if (n == 0) {
		return false;
	}
	client_fetch(c, (char *)&r->hdr + 1, sizeof(r->hdr) - 1);
	assert_true(r->hdr.len <= XENSTORE_PAYLOAD_MAX);
	client_fetch(c, r->data, r->hdr.len);
	r->data[r->hdr.len] = '\0';
	if (r->hdr.type == XS_WATCH_EVENT) {
		client_keep_event(c);
	}
	return true;
}

static inline void client_send(struct client *c, uint32_t type, uint32_t tx,
			       const void *data, size_t len)
{
	char msg[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg hdr = {
		.type = type, .req_id = ++c->req_id, .tx_id = tx,
		.len = (uint32_t)len,
	};

	assert_true(len <= XENSTORE_PAYLOAD_MAX);
	memcpy(msg, &hdr, sizeof(hdr));
	memcpy(msg + sizeof(hdr), data, len);
	assert_int_equal(xs_conn_input(c->conn, msg, sizeof(hdr) + len),
			 sizeof(hdr) + len);
}

/* Events up to now are in c->events afterwards, even if there is no reply. */
static inline void client_drain(struct client *c)
{
	while (client_message(c)) {
		assert_int_equal(c->reply.hdr.type, XS_WATCH_EVENT);
	}
}

static inline void client_call(struct client *c, uint32_t type, uint32_t tx,
			       const void *data, size_t len)
{
	client_send(c, type, tx, data, len);
	do {
		assert_true(client_message(c));
	} while (c->reply.hdr.type == XS_WATCH_EVENT);
	assert_int_equal(c->reply.hdr.req_id, c->req_id);
	assert_int_equal(c->reply.hdr.tx_id, tx);
}

/* --- Expectations ---------------------------------------------------------- */

/* A payload that is a literal, with its last NUL if it names that itself. */
#define RAW(text)	(text), (sizeof(text) - 1)
/* A payload that is a string with its NUL. */
#define STR(text)	(text), (strlen(text) + 1)

static inline void expect_data(struct client *c, uint32_t type, uint32_t tx,
			       const void *data, size_t len,
			       const void *want, size_t want_len)
{
	client_call(c, type, tx, data, len);
	if (c->reply.hdr.type != type || c->reply.hdr.len != want_len ||
	    memcmp(c->reply.data, want, want_len) != 0) {
		fail_msg("request %u \"%s\": type %u \"%s\" (%u), wanted \"%s\"",
			 type, (const char *)data, c->reply.hdr.type,
			 c->reply.data, c->reply.hdr.len, (const char *)want);
	}
}

static inline void expect_ok(struct client *c, uint32_t type, uint32_t tx,
			     const void *data, size_t len)
{
	expect_data(c, type, tx, data, len, RAW("OK\0"));
}

static inline void expect_error(struct client *c, const char *name,
				uint32_t type, uint32_t tx, const void *data,
				size_t len)
{
	client_call(c, type, tx, data, len);
	if (c->reply.hdr.type != XS_ERROR || strcmp(c->reply.data, name) != 0) {
		fail_msg("request %u \"%s\": type %u \"%s\", wanted %s", type,
			 (const char *)data, c->reply.hdr.type, c->reply.data,
			 name);
	}
	assert_int_equal(c->reply.hdr.len, strlen(name) + 1);
}

static inline void client_write_as(struct client *c, uint32_t tx,
				   const char *path, const char *value,
				   const char *error)
{
	char data[XENSTORE_PAYLOAD_MAX];
	size_t n = strlen(path) + 1;

	memcpy(data, path, n);
	memcpy(data + n, value, strlen(value));
	n += strlen(value);
	if (error) {
		expect_error(c, error, XS_WRITE, tx, data, n);
	} else {
		expect_ok(c, XS_WRITE, tx, data, n);
	}
}

static inline void client_write(struct client *c, uint32_t tx, const char *path,
				const char *value)
{
	client_write_as(c, tx, path, value, NULL);
}

static inline void client_watch(struct client *c, const char *path,
				const char *token)
{
	char data[XENSTORE_PAYLOAD_MAX];
	int n = sprintf(data, "%s%c%s", path, 0, token);

	expect_ok(c, XS_WATCH, 0, data, (size_t)n + 1);
}

static inline uint32_t client_start(struct client *c)
{
	client_call(c, XS_TRANSACTION_START, 0, RAW("\0"));
	assert_int_equal(c->reply.hdr.type, XS_TRANSACTION_START);
	return (uint32_t)strtoul(c->reply.data, NULL, 10);
}

static inline void expect_read(struct client *c, uint32_t tx, const char *path,
			       const char *value)
{
	expect_data(c, XS_READ, tx, STR(path), value, strlen(value));
}

/* The hypervisor's view. */
static inline void expect_node(const char *path, const char *value)
{
	char buf[4200];

	assert_int_equal(xs_read(NULL, path, buf, sizeof(buf), NULL), 0);
	assert_string_equal(buf, value);
}

static inline void expect_missing(const char *path)
{
	char buf[4200];

	assert_int_equal(xs_read(NULL, path, buf, sizeof(buf), NULL), -ENOENT);
}

static inline void client_forget_events(struct client *c)
{
	client_drain(c);
	for (unsigned int i = 0; i < c->event_count; i++) {
		free(c->events[i]);
	}
	c->event_count = 0;
}

/* Exactly these events came, in this order; then forget them. */
static inline void expect_events(struct client *c, const char *const *want,
				 unsigned int count)
{
	client_drain(c);
	for (unsigned int i = 0; i < count && i < c->event_count; i++) {
		assert_string_equal(c->events[i], want[i]);
	}
	assert_int_equal(c->event_count, count);
	client_forget_events(c);
}

#define EXPECT_EVENTS(c, ...)						\
	do {								\
		const char *const want_[] = { __VA_ARGS__ };		\
		expect_events(c, want_, ARRAY_SIZE(want_));		\
	} while (0)
#define EXPECT_NO_EVENTS(c) expect_events(c, NULL, 0)

static inline void check_books(void)
{
	const char *wrong = books_wrong();

	if (wrong) {
		fail_msg("the store's books: %s", wrong);
	}
}

/* --- Set-up --------------------------------------------------------------- */

/* As a toolstack makes them: home read-only, data the guest's own. */
static inline void guest_add(unsigned int id)
{
	struct client *c = &guest[id];
	struct xs_perm home[] = { XS_PERM(0, XSP_NONE), XS_PERM(id, XSP_READ) };
	struct xs_perm own[] = { XS_PERM(id, XSP_NONE) };
	char path[64];

	memset(c, 0, sizeof(*c));
	c->domid = id;
	assert_int_equal(xs_domain_add(id), 0);
	assert_int_equal(xs_conn_create(id, NULL, NULL, &c->conn), 0);
	sprintf(path, "/local/domain/%u", id);
	assert_int_equal(xs_mkdir(NULL, path), 0);
	assert_int_equal(xs_set_perms(NULL, path, home, 2), 0);
	sprintf(path, "/local/domain/%u/data", id);
	assert_int_equal(xs_mkdir(NULL, path), 0);
	assert_int_equal(xs_set_perms(NULL, path, own, 1), 0);
}

static inline void guest_remove(unsigned int id)
{
	if (guest[id].conn) {
		client_forget_events(&guest[id]);
		xs_conn_destroy(guest[id].conn);
		guest[id].conn = NULL;
	}
	xs_domain_remove(id);
}

static size_t objects_at_start;
static unsigned int cpus_at_setup = 1;

static inline int xs_setup(void **state)
{
	host_reset_cpus(cpus_at_setup);
	assert_int_equal(xs_mkdir(NULL, "/local/domain/0/backend/vif"), 0);
	objects_at_start = heap_object_count();
	for (unsigned int i = 1; i <= GUESTS; i++) {
		guest_add(i);
	}
	return 0;
}

/* Whatever a test did, nothing of the guests may be left. */
static inline int xs_teardown(void **state)
{
	check_books();
	for (unsigned int i = 1; i <= GUESTS; i++) {
		guest_remove(i);
	}
	check_books();
	assert_int_equal(xs_stats.watch_count, 0);
	host_run();
	assert_int_equal(heap_object_count(), objects_at_start);
	return 0;
}

#define XS_TEST(f) cmocka_unit_test_setup_teardown(f, xs_setup, xs_teardown)

#endif
