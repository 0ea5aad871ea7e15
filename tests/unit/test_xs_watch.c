/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore/xs_watch: who hears of what, in which order, and how often; and the
 * hypervisor's own watches.
 */
#include "unit/xs_client.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define HOME1 "/local/domain/1"

static void test_first_event(void **state)
{
	struct client *c = &guest[1];

	client_watch(c, "data", "a");
	EXPECT_EVENTS(c, "data|a");
	client_watch(c, HOME1 "/data/no/such", "b");
	EXPECT_EVENTS(c, HOME1 "/data/no/such|b");
	/* The reply is first. */
	client_send(c, XS_WATCH, 0, RAW("data\0c\0"));
	assert_true(client_message(c));
	assert_int_equal(c->reply.hdr.type, XS_WATCH);
	EXPECT_EVENTS(c, "data|c");
	client_watch(c, "@releaseDomain", "d");
	client_watch(c, "@introduceDomain", "d");
	EXPECT_EVENTS(c, "@releaseDomain|d", "@introduceDomain|d");
	expect_error(c, "EINVAL", XS_WATCH, 0, RAW("@other\0d\0"));
	/* Even where nothing may be read. */
	client_watch(c, "/local/domain/2/data", "e");
	EXPECT_EVENTS(c, "/local/domain/2/data|e");
}

static void test_errors(void **state)
{
	struct client *c = &guest[1];
	char data[XENSTORE_PAYLOAD_MAX];

	client_watch(c, "data", "a");
	expect_error(c, "EEXIST", XS_WATCH, 0, RAW("data\0a\0"));
	expect_error(c, "EEXIST", XS_WATCH, 0, RAW(HOME1 "/data\0a\0"));
	expect_error(c, "ENOENT", XS_UNWATCH, 0, RAW("data\0b\0"));
	expect_error(c, "ENOENT", XS_UNWATCH, 0, RAW("data/x\0a\0"));
	expect_error(&guest[2], "ENOENT", XS_UNWATCH, 0, RAW(HOME1 "/data\0a\0"));
	expect_error(c, "EINVAL", XS_WATCH, 0, RAW("data\0"));
	expect_error(c, "EINVAL", XS_WATCH, 0, RAW("data\0a"));
	expect_error(c, "EINVAL", XS_WATCH, 0, RAW("data\0a\0b\0"));
	expect_error(c, "EINVAL", XS_WATCH, 0, RAW("da ta\0a\0"));
	expect_error(c, "EINVAL", XS_WATCH, 0, RAW(""));
	expect_ok(c, XS_UNWATCH, 0, RAW(HOME1 "/data\0a\0"));
	expect_error(c, "ENOENT", XS_UNWATCH, 0, RAW("data\0a\0"));
	/* An empty token, and any bytes. */
	expect_ok(c, XS_WATCH, 0, RAW("data\0\0"));
	expect_ok(c, XS_WATCH, 0, RAW("data\0\xff\x01 %s\0"));
	client_forget_events(c);
	/* XSA-324: an event always fits in a message. */
	memset(data, 't', sizeof(data));
	memcpy(data, "data", 5);
	data[5 + XS_TOKEN_MAX] = '\0';
	expect_ok(c, XS_WATCH, 0, data, 5 + XS_TOKEN_MAX + 1);
	data[5 + XS_TOKEN_MAX] = 't';
	data[5 + XS_TOKEN_MAX + 1] = '\0';
	expect_error(c, "E2BIG", XS_WATCH, 0, data, 5 + XS_TOKEN_MAX + 2);
	memset(data, 'x', sizeof(data));
	memcpy(data, HOME1 "/data/", 21);
	data[XENSTORE_ABS_PATH_MAX] = '\0';
	expect_ok(c, XS_MKDIR, 0, data, XENSTORE_ABS_PATH_MAX + 1);
	client_drain(c);
	data[XENSTORE_PAYLOAD_MAX - 1] = '\0';
	expect_ok(c, XS_WATCH, 0, data, XENSTORE_PAYLOAD_MAX);
	client_forget_events(c);
	client_write(c, 0, data, "x");
	client_drain(c);
	assert_true(c->event_count >= 3);
	client_forget_events(c);
}

static void test_what_fires(void **state)
{
	struct client *c = &guest[1];

	client_write(c, 0, "data/a/b", "1");
	client_watch(c, "data/a", "w");
	client_forget_events(c);
	client_write(c, 0, "data/a", "1");
	EXPECT_EVENTS(c, "data/a|w");
	client_write(c, 0, "data/a", "1");
	EXPECT_EVENTS(c, "data/a|w");
	client_write(c, 0, "data/a/b", "2");
	client_write(c, 0, "data/a/c/d", "3");
	expect_ok(c, XS_MKDIR, 0, STR("data/a/e"));
	EXPECT_EVENTS(c, "data/a/b|w", "data/a/c/d|w", "data/a/e|w");
	/* Nothing happened, or elsewhere. */
	expect_ok(c, XS_MKDIR, 0, STR("data/a/e"));
	expect_ok(c, XS_RM, 0, STR("data/a/none"));
	client_write(c, 0, "data", "x");
	client_write(c, 0, "data/ab", "x");
	client_write(c, 0, "data/a-b", "x");
	client_write_as(c, 0, "data/a/", "x", "EINVAL");
	EXPECT_NO_EVENTS(c);
	expect_ok(c, XS_SET_PERMS, 0, RAW("data/a\0n1\0r2\0"));
	EXPECT_EVENTS(c, "data/a|w");
	expect_ok(c, XS_RM, 0, STR("data/a/c"));
	EXPECT_EVENTS(c, "data/a/c|w");
	/* A neighbour with a longer name isn't below. */
	client_watch(c, "data/ab", "n");
	client_forget_events(c);
	expect_ok(c, XS_RM, 0, STR("data/a"));
	EXPECT_EVENTS(c, "data/a|w");
	/* The hypervisor's changes, too. */
	assert_int_equal(xs_write(NULL, HOME1 "/data/a/hv", "1", 1), 0);
	EXPECT_EVENTS(c, "data/a/hv|w");
	/* A parent goes. */
	expect_ok(c, XS_RM, 0, STR("data/ab"));
	EXPECT_EVENTS(c, "data/ab|n");
	expect_ok(c, XS_RM, 0, STR("data"));
	EXPECT_EVENTS(c, "data/a|w");
}

/* Absolute watches give absolute paths, relative ones relative paths. */
static void test_path_form(void **state)
{
	struct client *c = &guest[1];

	client_watch(c, HOME1 "/data", "abs");
	client_watch(c, "data", "rel");
	client_watch(c, "/", "root");
	client_forget_events(c);
	client_write(c, 0, "data/x", "1");
	EXPECT_EVENTS(c, HOME1 "/data/x|root", HOME1 "/data/x|abs",
		      "data/x|rel");
	expect_ok(c, XS_RM, 0, STR("data/x"));
	EXPECT_EVENTS(c, HOME1 "/data/x|root", HOME1 "/data/x|abs",
		      "data/x|rel");
}

static void test_order_and_coalescing(void **state)
{
	struct client *c = &guest[1];

	client_watch(c, "data", "w");
	client_forget_events(c);
	/* From outside, since c's own replies make room for events. */
	assert_int_equal(xs_write(NULL, HOME1 "/data/1", "", 0), 0);
	assert_int_equal(xs_write(NULL, HOME1 "/data/2", "", 0), 0);
	assert_int_equal(xs_write(NULL, HOME1 "/data", "", 0), 0);
	assert_int_equal(xs_write(NULL, HOME1 "/data/1", "x", 1), 0);
	assert_int_equal(xs_write(NULL, HOME1 "/data/3", "", 0), 0);
	assert_int_equal(xs_write(NULL, HOME1 "/data", "y", 1), 0);
	assert_int_equal(xs_dom_find(1)->event_count, 4);
	EXPECT_EVENTS(c, "data/1|w", "data/2|w", "data|w", "data/3|w");
	/* Told events may come again. */
	assert_int_equal(xs_write(NULL, HOME1 "/data/1", "z", 1), 0);
	EXPECT_EVENTS(c, "data/1|w");
	/* XSA-349: one node written for ever is one event. */
	for (unsigned int i = 0; i < 10000; i++) {
		assert_int_equal(xs_write(NULL, HOME1 "/data/1", "z", 1), 0);
	}
	assert_int_equal(xs_dom_find(1)->event_count, 1);
	EXPECT_EVENTS(c, "data/1|w");
}

static void test_unwatch(void **state)
{
	struct client *c = &guest[1];

	client_watch(c, "data", "w");
	client_watch(c, "data", "v");
	client_forget_events(c);
	assert_int_equal(xs_write(NULL, HOME1 "/data/1", "", 0), 0);
	assert_int_equal(xs_write(NULL, HOME1 "/data", "", 0), 0);
	/* No event of it comes behind the reply. */
	client_send(c, XS_UNWATCH, 0, RAW("data\0w\0"));
	do {
		assert_true(client_message(c));
	} while (c->reply.hdr.type != XS_UNWATCH);
	client_forget_events(c);
	assert_int_equal(xs_write(NULL, HOME1 "/data/2", "", 0), 0);
	EXPECT_EVENTS(c, "data/2|v");
	assert_int_equal(xs_write(NULL, HOME1 "/data/2", "", 0), 0);
	expect_ok(c, XS_RESET_WATCHES, 0, RAW("\0"));
	client_forget_events(c);
	assert_int_equal(xs_write(NULL, HOME1 "/data/2", "", 0), 0);
	EXPECT_NO_EVENTS(c);
	check_books();
}

/* XSA-115: nothing is heard of what can't be read. */
static void test_permission(void **state)
{
	struct client *c = &guest[2];

	client_watch(c, "/", "root");
	client_watch(c, HOME1 "/data", "data");
	client_watch(c, HOME1 "/data/a", "a");
	client_forget_events(c);
	client_write(&guest[1], 0, "data/a", "1");
	expect_ok(&guest[1], XS_RM, 0, STR("data/a"));
	client_write(&guest[1], 0, "data/a", "1");
	EXPECT_NO_EVENTS(c);
	/* The right comes: told. It goes: told the last time. */
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data/a\0n1\0r2\0"));
	EXPECT_EVENTS(c, HOME1 "/data/a|root", HOME1 "/data/a|data",
		      HOME1 "/data/a|a");
	client_write(&guest[1], 0, "data/a", "2");
	client_forget_events(c);
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data/a\0n1\0"));
	EXPECT_EVENTS(c, HOME1 "/data/a|root", HOME1 "/data/a|data",
		      HOME1 "/data/a|a");
	client_write(&guest[1], 0, "data/a", "3");
	EXPECT_NO_EVENTS(c);
	/* Who may read the parent sees children come and go. */
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0n1\0r2\0"));
	client_forget_events(c);
	expect_ok(&guest[1], XS_RM, 0, STR("data/a"));
	EXPECT_EVENTS(c, HOME1 "/data/a|root", HOME1 "/data/a|data",
		      HOME1 "/data/a|a");
	/* Removed with its parent, which is not for us. */
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0n1\0"));
	client_write(&guest[1], 0, "data/a/b", "1");
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data/a/b\0n1\0r2\0"));
	client_watch(c, HOME1 "/data/a/b", "b");
	client_forget_events(c);
	expect_ok(&guest[1], XS_RM, 0, STR("data"));
	EXPECT_EVENTS(c, HOME1 "/data/a/b|b");
}

static void test_in_txn(void **state)
{
	struct client *c = &guest[1];
	uint32_t t;

	client_write(c, 0, "data/gone/x", "1");
	client_write(c, 0, "data/redone/x", "1");
	client_watch(c, "data", "w");
	client_watch(c, "data/gone/x", "x");
	client_forget_events(c);
	t = client_start(c);
	client_write(c, t, "data/a", "1");
	client_write(c, t, "data/a", "2");
	client_write(c, t, "data/b", "1");
	expect_ok(c, XS_RM, t, STR("data/b"));
	expect_ok(c, XS_RM, t, STR("data/gone"));
	expect_ok(c, XS_RM, t, STR("data/redone"));
	client_write(c, t, "data/redone", "1");
	EXPECT_NO_EVENTS(c);
	expect_ok(c, XS_TRANSACTION_END, t, STR("T"));
	client_drain(c);
	assert_int_equal(c->event_count, 4);
	client_forget_events(c);
	/* Nothing of one that is given up or conflicts. */
	t = client_start(c);
	client_write(c, t, "data/a", "3");
	expect_ok(c, XS_TRANSACTION_END, t, STR("F"));
	t = client_start(c);
	client_write(c, t, "data/c", "3");
	expect_read(c, t, "data/a", "2");
	client_write(c, 0, "data/a", "4");
	EXPECT_EVENTS(c, "data/a|w");
	expect_error(c, "EAGAIN", XS_TRANSACTION_END, t, STR("T"));
	EXPECT_NO_EVENTS(c);
}

/* A domain's end is seen by those who watched its nodes. */
static void test_domain_gone(void **state)
{
	struct client *c = &guest[1];

	expect_ok(&guest[2], XS_SET_PERMS, 0, RAW("data\0n2\0r1\0"));
	client_watch(c, "/local/domain/2/data", "w");
	client_watch(&guest[2], "data", "own");
	client_forget_events(c);
	guest_remove(2);
	EXPECT_EVENTS(c, "/local/domain/2/data|w");
	guest_add(2);
	EXPECT_NO_EVENTS(&guest[2]);
	client_write(&guest[2], 0, "data", "1");
	EXPECT_NO_EVENTS(&guest[2]);
	EXPECT_NO_EVENTS(c);
}

/* Requests and events take turns: neither waits for ever. */
static void test_turns(void **state)
{
	struct client *c = &guest[1];
	unsigned int replies = 0;

	client_watch(c, "data", "w");
	client_forget_events(c);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_equal(xs_write(NULL, HOME1 "/data/1", "", 0), 0);
		assert_int_equal(xs_write(NULL, HOME1 "/data/2", "", 0), 0);
		client_send(c, XS_READ, 0, STR("data"));
		assert_true(client_message(c));
		replies += c->reply.hdr.type == XS_READ;
		assert_true(client_message(c));
		replies += c->reply.hdr.type == XS_READ;
	}
	assert_int_equal(replies, 50);
	client_forget_events(c);
	/* With both waiting: reply, event, reply, event. */
	assert_int_equal(xs_write(NULL, HOME1 "/data/1", "", 0), 0);
	assert_int_equal(xs_write(NULL, HOME1 "/data/2", "", 0), 0);
	client_send(c, XS_READ, 0, STR("data"));
	client_send(c, XS_READ, 0, STR("data"));
	for (unsigned int i = 0; i < 4; i++) {
		assert_true(client_message(c));
		assert_int_equal(c->reply.hdr.type,
				 i % 2 == 0 ? XS_READ : XS_WATCH_EVENT);
	}
	client_forget_events(c);
}

/* --- The hypervisor's watches --------------------------------------------- */

struct counter {
	unsigned int calls;
	bool inside;
	struct xs_watch *other;
	unsigned int writes;
};

static void count(void *ctx)
{
	struct counter *n = ctx;

	assert_false(n->inside);
	assert_false(spin_is_locked(&xs_lock));
	n->inside = true;
	n->calls++;
	if (n->other) {
		xs_watch_remove(n->other);
		n->other = NULL;
	}
	if (n->writes > 0) {
		n->writes--;
		assert_int_equal(xs_write(NULL, "/tool/x", "1", 1), 0);
	}
	n->inside = false;
}

static void test_internal(void **state)
{
	struct counter n = { 0 };
	struct xs_watch *w;

	assert_int_equal(xs_watch_add("tool", count, &n, &w), -EINVAL);
	assert_int_equal(xs_watch_add("/tool/x", count, &n, &w), 0);
	assert_int_equal(n.calls, 0);
	host_run();
	assert_int_equal(n.calls, 1);
	assert_int_equal(xs_write(NULL, "/tool/x/y", "1", 1), 0);
	assert_int_equal(xs_write(NULL, "/tool/x", "1", 1), 0);
	assert_int_equal(n.calls, 1);
	host_run();
	assert_int_equal(n.calls, 2);
	/* Its own change calls it again, not inside of itself. */
	n.writes = 3;
	xs_watch_trigger(w);
	host_run();
	assert_int_equal(n.calls, 6);
	assert_int_equal(xs_rm(NULL, "/tool"), 0);
	host_run();
	assert_int_equal(n.calls, 7);
	/* Removed while it is due: not called. */
	assert_int_equal(xs_write(NULL, "/tool/x", "1", 1), 0);
	xs_watch_remove(w);
	xs_watch_remove(NULL);
	host_run();
	assert_int_equal(n.calls, 7);
	assert_int_equal(xs_rm(NULL, "/tool"), 0);
}

static void test_internal_many(void **state)
{
	struct counter n[40] = { 0 };
	struct xs_watch *w[40];

	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(xs_watch_add("/tool/x", count, &n[i], &w[i]), 0);
	}
	host_run();
	/* One is removed by another one's callback while it is due. */
	n[0].other = w[39];
	assert_int_equal(xs_write(NULL, "/tool/x", "1", 1), 0);
	host_run();
	for (unsigned int i = 0; i < 39; i++) {
		assert_int_equal(n[i].calls, 2);
		xs_watch_remove(w[i]);
	}
	assert_int_equal(n[39].calls, 1);
	assert_int_equal(xs_rm(NULL, "/tool"), 0);
}

/* --- Two CPUs ------------------------------------------------------------- */

static struct {
	_Atomic bool stop;
	_Atomic bool alive;		/* the watch exists */
	_Atomic bool inside;
	_Atomic unsigned int calls;
	_Atomic unsigned int wrong;
} race;

static void race_fn(void *ctx)
{
	if (atomic_exchange(&race.inside, true) || !race.alive) {
		race.wrong++;
	}
	race.calls++;
	for (unsigned int i = 0; i < 50; i++) {
		race.wrong += !race.alive;
	}
	race.inside = false;
}

static void *race_cpu(void *arg)
{
	host_cpu((unsigned int)(uintptr_t)arg);
	while (!race.stop) {
		(void)watch_dispatch();
	}
	return NULL;
}

/* xs_watch_remove() waits for the callback that runs on another CPU. */
static void test_internal_race(void **state)
{
	pthread_t cpu[2];

	memset(&race, 0, sizeof(race));
	host_threads(true);
	for (uintptr_t i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&cpu[i], NULL, race_cpu,
						(void *)(i + 1)), 0);
	}
	for (unsigned int i = 0; i < 300 || (race.calls < 300 && i < 100000); i++) {
		struct xs_watch *w;

		race.alive = true;
		assert_int_equal(xs_watch_add("/tool/x", race_fn, NULL, &w), 0);
		for (unsigned int j = 0; j < i % 7; j++) {
			xs_watch_trigger(w);
			sched_yield();
		}
		xs_watch_remove(w);
		race.wrong += race.inside;
		race.alive = false;
	}
	race.stop = true;
	for (unsigned int i = 0; i < 2; i++) {
		pthread_join(cpu[i], NULL);
	}
	host_threads(false);
	assert_int_equal(race.wrong, 0);
	assert_true(race.calls >= 300);
}

static int race_setup(void **state)
{
	cpus_at_setup = 3;
	xs_setup(state);
	cpus_at_setup = 1;
	return 0;
}

UNIT_MAIN(
	XS_TEST(test_first_event), XS_TEST(test_errors),
	XS_TEST(test_what_fires), XS_TEST(test_path_form),
	XS_TEST(test_order_and_coalescing), XS_TEST(test_unwatch),
	XS_TEST(test_permission), XS_TEST(test_in_txn),
	XS_TEST(test_domain_gone), XS_TEST(test_turns),
	XS_TEST(test_internal), XS_TEST(test_internal_many),
	cmocka_unit_test_setup_teardown(test_internal_race, race_setup,
					xs_teardown))
