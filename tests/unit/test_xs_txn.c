/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore/xs_txn: what a transaction sees, what others see of it, conflicts,
 * and a random comparison with plain copies of the store.
 */
#include "unit/xs_client.h"

static void commit(struct client *c, uint32_t t)
{
	expect_ok(c, XS_TRANSACTION_END, t, STR("T"));
}

static void conflict(struct client *c, uint32_t t)
{
	expect_error(c, "EAGAIN", XS_TRANSACTION_END, t, STR("T"));
}

static void test_isolation(void **state)
{
	struct client *c = &guest[1];
	uint32_t t;

	client_write(c, 0, "data/a", "old");
	t = client_start(c);
	client_write(c, t, "data/a", "new");
	client_write(c, t, "data/b/c", "made");
	expect_read(c, t, "data/a", "new");
	expect_read(c, t, "data/b/c", "made");
	expect_read(c, t, "data/b", "");
	expect_data(c, XS_DIRECTORY, t, STR("data"), RAW("a\0b\0"));
	expect_read(c, 0, "data/a", "old");
	expect_error(c, "ENOENT", XS_READ, 0, STR("data/b"));
	commit(c, t);
	expect_read(c, 0, "data/a", "new");
	expect_read(c, 0, "data/b/c", "made");
	/* And given up. */
	t = client_start(c);
	client_write(c, t, "data/a", "never");
	expect_ok(c, XS_RM, t, STR("data/b"));
	expect_error(c, "ENOENT", XS_READ, t, STR("data/b/c"));
	expect_error(c, "ENOENT", XS_READ, t, STR("data/b"));
	expect_data(c, XS_DIRECTORY, t, STR("data"), RAW("a\0"));
	expect_ok(c, XS_TRANSACTION_END, t, STR("F"));
	expect_read(c, 0, "data/a", "new");
	expect_read(c, 0, "data/b/c", "made");
}

static void test_remove_and_make(void **state)
{
	struct client *c = &guest[1];
	uint32_t t;

	client_write(c, 0, "data/a/x", "1");
	client_write(c, 0, "data/a/y/z", "2");
	t = client_start(c);
	client_write(c, t, "data/a/x", "changed");
	expect_ok(c, XS_RM, t, STR("data/a"));
	expect_ok(c, XS_RM, t, STR("data/a"));
	client_write(c, t, "data/a/new", "3");
	expect_data(c, XS_DIRECTORY, t, STR("data/a"), RAW("new\0"));
	expect_error(c, "ENOENT", XS_READ, t, STR("data/a/x"));
	expect_error(c, "ENOENT", XS_READ, t, STR("data/a/y/z"));
	expect_data(c, XS_DIRECTORY, t, STR("data"), RAW("a\0"));
	/* Made, removed and made again in the transaction. */
	client_write(c, t, "data/b/p", "4");
	expect_ok(c, XS_RM, t, STR("data/b"));
	client_write(c, t, "data/b/q", "5");
	client_write(c, t, "data/d", "6");
	expect_ok(c, XS_RM, t, STR("data/d"));
	check_books();
	commit(c, t);
	check_books();
	expect_data(c, XS_DIRECTORY, 0, STR("data"), RAW("a\0b\0"));
	expect_data(c, XS_DIRECTORY, 0, STR("data/a"), RAW("new\0"));
	expect_data(c, XS_DIRECTORY, 0, STR("data/b"), RAW("q\0"));
	expect_read(c, 0, "data/a", "");
}

static void test_perms(void **state)
{
	struct client *c = &guest[1];
	uint32_t t;

	client_write(c, 0, "data/a", "value");
	t = client_start(c);
	expect_ok(c, XS_SET_PERMS, t, RAW("data/a\0n1\0r2\0"));
	expect_data(c, XS_GET_PERMS, t, STR("data/a"), RAW("n1\0r2\0"));
	expect_read(c, t, "data/a", "value");
	expect_data(c, XS_GET_PERMS, 0, STR("data/a"), RAW("n1\0"));
	expect_error(&guest[2], "EACCES", XS_READ, 0,
		     STR("/local/domain/1/data/a"));
	commit(c, t);
	expect_read(&guest[2], 0, "/local/domain/1/data/a", "value");
	/* Then also written. */
	t = client_start(c);
	expect_ok(c, XS_SET_PERMS, t, RAW("data/a\0n1\0"));
	client_write(c, t, "data/a", "longer value");
	commit(c, t);
	expect_data(c, XS_GET_PERMS, 0, STR("data/a"), RAW("n1\0"));
	expect_read(c, 0, "data/a", "longer value");
	/* Rights are looked at in transactions as outside. */
	t = client_start(&guest[2]);
	expect_error(&guest[2], "EACCES", XS_READ, t,
		     STR("/local/domain/1/data/a"));
	expect_error(&guest[2], "EACCES", XS_WRITE, t,
		     RAW("/local/domain/1/data/a\0x"));
	expect_error(&guest[2], "EACCES", XS_RM, t,
		     STR("/local/domain/1/data/a"));
	expect_error(&guest[2], "EPERM", XS_SET_PERMS, t, RAW("data\0n1\0"));
	commit(&guest[2], t);
}

/* One change from outside against one use inside: who conflicts. */
static void test_conflicts(void **state)
{
	static const struct {
		uint32_t in;
		const char *in_data;
		size_t in_len;
		uint32_t out;
		const char *out_data;
		size_t out_len;
		bool conflict;
	} cases[] = {
		/* The same node. */
		{ XS_READ, RAW("data/a\0"), XS_WRITE, RAW("data/a\0x"), true },
		{ XS_READ, RAW("data/a\0"), XS_RM, RAW("data/a\0"), true },
		{ XS_READ, RAW("data/a\0"), XS_SET_PERMS,
		  RAW("data/a\0n1\0"), true },
		{ XS_WRITE, RAW("data/a\0y"), XS_WRITE, RAW("data/a\0x"), true },
		{ XS_WRITE, RAW("data/a\0y"), XS_RM, RAW("data/a\0"), true },
		{ XS_RM, RAW("data/a\0"), XS_WRITE, RAW("data/a\0x"), true },
		{ XS_SET_PERMS, RAW("data/a\0n1\0"), XS_WRITE,
		  RAW("data/a\0x"), true },
		{ XS_GET_PERMS, RAW("data/a\0"), XS_SET_PERMS,
		  RAW("data/a\0n1\0"), true },
		/* A node that wasn't there. */
		{ XS_READ, RAW("data/no\0"), XS_WRITE, RAW("data/no\0x"), true },
		{ XS_READ, RAW("data/no/no\0"), XS_MKDIR, RAW("data/no\0"), true },
		{ XS_MKDIR, RAW("data/no\0"), XS_MKDIR, RAW("data/no\0"), true },
		{ XS_WRITE, RAW("data/no/b\0"), XS_MKDIR, RAW("data/no\0"), true },
		/* A parent. */
		{ XS_READ, RAW("data/a/b\0"), XS_RM, RAW("data\0"), true },
		{ XS_WRITE, RAW("data/a/c\0"), XS_RM, RAW("data/a\0"), true },
		{ XS_READ, RAW("data/a/b\0"), XS_WRITE, RAW("data/a\0x"), false },
		/* The list of children. */
		{ XS_DIRECTORY, RAW("data\0"), XS_MKDIR, RAW("data/n\0"), true },
		{ XS_DIRECTORY, RAW("data\0"), XS_RM, RAW("data/a\0"), true },
		{ XS_DIRECTORY, RAW("data\0"), XS_WRITE, RAW("data/a\0x"), false },
		{ XS_DIRECTORY, RAW("data\0"), XS_MKDIR, RAW("data/a/n\0"), false },
		{ XS_READ, RAW("data\0"), XS_MKDIR, RAW("data/n\0"), false },
		{ XS_MKDIR, RAW("data/m\0"), XS_MKDIR, RAW("data/n\0"), false },
		/* Elsewhere. */
		{ XS_WRITE, RAW("data/a\0y"), XS_WRITE, RAW("data/e\0x"), false },
		{ XS_READ, RAW("data/a\0"), XS_READ, RAW("data/a\0"), false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct client *c = &guest[1];
		struct xs_stats before;
		struct xs_stats after;
		uint32_t t;

		guest_remove(1);
		guest_add(1);
		client_write(c, 0, "data/a/b", "1");
		client_write(c, 0, "data/e", "1");
		xenstore_stats(&before);
		t = client_start(c);
		client_call(c, cases[i].in, t, cases[i].in_data, cases[i].in_len);
		client_write(c, t, "data/witness", "1");
		client_call(c, cases[i].out, 0, cases[i].out_data,
			    cases[i].out_len);
		if (cases[i].conflict) {
			conflict(c, t);
			expect_missing("/local/domain/1/data/witness");
		} else {
			commit(c, t);
			expect_node("/local/domain/1/data/witness", "1");
		}
		xenstore_stats(&after);
		assert_int_equal(after.conflicts - before.conflicts,
				 cases[i].conflict);
		check_books();
	}
}

/* XSA-414, -415, -421: a refused step leaves the transaction as it was. */
static void test_partial(void **state)
{
	struct client *c = &guest[1];
	uint32_t t = client_start(c);
	char path[300];

	client_write(c, t, "data/a", "1");
	client_write_as(c, t, "data/a/", "2", "EINVAL");
	client_write_as(c, t, "other/b", "2", "EACCES");
	memset(path, 'x', sizeof(path));
	expect_error(c, "EPERM", XS_SET_PERMS, t, RAW("data/a\0n2\0"));
	check_books();
	commit(c, t);
	expect_data(c, XS_DIRECTORY, 0, STR("data"), RAW("a\0"));
	expect_read(c, 0, "data/a", "1");
}

/* Twice the same change of a device's state, as drivers do it. */
static void test_two_writers(void **state)
{
	uint32_t t;
	uint32_t u;

	client_write(&guest[1], 0, "data/state", "1");
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0n1\0b2\0"));
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data/state\0n1\0b2\0"));
	t = client_start(&guest[1]);
	u = client_start(&guest[2]);
	expect_read(&guest[1], t, "data/state", "1");
	expect_read(&guest[2], u, "/local/domain/1/data/state", "1");
	client_write(&guest[1], t, "data/state", "2");
	client_write(&guest[2], u, "/local/domain/1/data/state", "5");
	commit(&guest[1], t);
	conflict(&guest[2], u);
	expect_node("/local/domain/1/data/state", "2");
}

static void test_hypervisor(void **state)
{
	struct xs_txn *t;
	struct xs_txn *u;
	char list[64];
	size_t len;

	assert_int_equal(xs_txn_start(&t), 0);
	assert_int_equal(xs_write(t, "/tool/a", "1", 1), 0);
	assert_int_equal(xs_printf(t, "/tool/b", "%u-%s", 7U, "x"), 0);
	assert_int_equal(xs_mkdir(t, "/tool/c"), 0);
	assert_int_equal(xs_rm(t, "/tool/c"), 0);
	assert_int_equal(xs_directory(t, "/tool", list, sizeof(list), &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(list, "a\0b\0", 4);
	assert_int_equal(xs_directory(t, "/tool", list, 3, &len), -E2BIG);
	expect_missing("/tool");
	assert_int_equal(xs_txn_commit(t), 0);
	expect_node("/tool/b", "7-x");
	assert_int_equal(xs_txn_start(&t), 0);
	assert_int_equal(xs_txn_start(&u), 0);
	assert_int_equal(xs_write(t, "/tool/a", "2", 1), 0);
	assert_int_equal(xs_write(u, "/tool/a", "3", 1), 0);
	assert_int_equal(xs_txn_commit(t), 0);
	assert_int_equal(xs_txn_commit(u), -EAGAIN);
	assert_int_equal(xs_txn_start(&t), 0);
	assert_int_equal(xs_rm(t, "/tool"), 0);
	xs_txn_abort(t);
	expect_node("/tool/a", "2");
	assert_int_equal(xs_read(NULL, "/tool/a", list, 1, &len), -E2BIG);
	assert_int_equal(xs_read(NULL, "tool/a", list, 9, &len), -EINVAL);
	assert_int_equal(xs_printf(NULL, "/tool/a", "%1500d", 1), -E2BIG);
	assert_int_equal(xs_rm(NULL, "/tool"), 0);
}

/* --- Random --------------------------------------------------------------- */

/*
 * Nodes data/<a..d>/<a..d>; a model is one value for each, 0 for none.
 * A transaction's model is a copy made at its start, while only it runs; with
 * others' writes in between it must either commit to the serial result or
 * conflict.
 */
#define SIDE 4U
#define CELLS (SIDE * SIDE)
#define LIVE 3U

struct model {
	uint8_t top[SIDE];
	uint8_t value[CELLS];
};

struct live {
	uint32_t id;
	unsigned int ops;
	struct { uint8_t kind, cell, value; } op[64];
};

static void cell_path(char *path, unsigned int cell)
{
	sprintf(path, "data/%c/%c", 'a' + cell / SIDE, 'a' + cell % SIDE);
}

static void model_apply(struct model *m, unsigned int kind, unsigned int cell,
			uint8_t value)
{
	if (kind == 0) {
		m->top[cell / SIDE] = 1;
		m->value[cell] = value;
	} else if (kind == 1) {
		m->value[cell] = 0;
	} else {
		m->top[cell / SIDE] = 0;
		memset(&m->value[cell / SIDE * SIDE], 0, SIDE);
	}
}

/* Do it in the store; kind 1 needs its parent. False: had no effect. */
static bool store_apply(struct client *c, uint32_t t, unsigned int kind,
			unsigned int cell, uint8_t value)
{
	char path[32];
	char text[8];

	cell_path(path, cell);
	sprintf(text, "%u", value);
	if (kind == 0) {
		client_write(c, t, path, text);
		return true;
	}
	if (kind == 2) {
		path[6] = '\0';
	}
	client_call(c, XS_RM, t, path, strlen(path) + 1);
	return c->reply.hdr.type == XS_RM;
}

static void store_compare(struct client *c, uint32_t t, const struct model *m)
{
	char path[32];

	for (unsigned int cell = 0; cell < CELLS; cell++) {
		cell_path(path, cell);
		client_call(c, XS_READ, t, path, strlen(path) + 1);
		if (m->value[cell] == 0) {
			assert_int_equal(c->reply.hdr.type, XS_ERROR);
		} else {
			assert_int_equal(c->reply.hdr.type, XS_READ);
			assert_int_equal(atoi(c->reply.data), m->value[cell]);
		}
		path[6] = '\0';
		client_call(c, XS_READ, t, path, 7);
		assert_int_equal(c->reply.hdr.type == XS_READ,
				 m->top[cell / SIDE]);
	}
}

static void live_step(struct client *c, struct live *l, struct unit_random *r)
{
	unsigned int n = l->ops;
	unsigned int kind = unit_random_below(r, 8);

	kind = kind < 5 ? 0 : kind - 5;
	kind = MIN(kind, 2U);
	l->op[n].kind = (uint8_t)kind;
	l->op[n].cell = (uint8_t)unit_random_below(r, CELLS);
	l->op[n].value = (uint8_t)(1 + unit_random_below(r, 200));
	(void)store_apply(c, l->id, l->op[n].kind, l->op[n].cell, l->op[n].value);
	l->ops++;
}

/* Commit must give the same as doing all of it now, in one go. */
static unsigned int live_end(struct client *c, struct live *l, struct model *m)
{
	struct model after = *m;
	unsigned int done;

	for (unsigned int i = 0; i < l->ops; i++) {
		model_apply(&after, l->op[i].kind, l->op[i].cell, l->op[i].value);
	}
	client_call(c, XS_TRANSACTION_END, l->id, STR("T"));
	done = c->reply.hdr.type == XS_TRANSACTION_END;
	if (done) {
		*m = after;
	} else {
		assert_string_equal(c->reply.data, "EAGAIN");
	}
	store_compare(c, 0, m);
	check_books();
	l->id = 0;
	return done;
}

static void test_random(void **state)
{
	struct unit_random r = { 2024 };
	struct client *c = &guest[1];
	struct model m = { 0 };
	struct live live[LIVE] = { 0 };
	unsigned int committed = 0;
	unsigned int ended = 0;

	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int which = unit_random_below(&r, LIVE);
		struct live *l = &live[which];
		unsigned int what = unit_random_below(&r, 16);

		if (l->id == 0) {
			l->id = client_start(c);
			l->ops = 0;
		} else if (what < 10 && l->ops < ARRAY_SIZE(l->op)) {
			live_step(c, l, &r);
		} else if (what < 13) {
			committed += live_end(c, l, &m);
			ended++;
		} else if (what == 15) {
			unsigned int kind = unit_random_below(&r, 3);
			unsigned int cell = unit_random_below(&r, CELLS);

			(void)store_apply(c, 0, kind, cell, 7);
			model_apply(&m, kind, cell, 7);
		}
	}
	/* Both ends happen often, or the test tells nothing. */
	assert_in_range(committed, ended / 10, ended - ended / 10);
	store_compare(c, 0, &m);
}

/* Alone, a transaction never conflicts and sees its own writes only. */
static void test_random_alone(void **state)
{
	struct unit_random r = { 7 };
	struct client *c = &guest[1];
	struct model m = { 0 };

	for (unsigned int i = 0; i < 300; i++) {
		struct live l = { .id = client_start(c) };
		struct model seen = m;
		unsigned int ops = unit_random_below(&r, 40);

		for (unsigned int j = 0; j < ops; j++) {
			live_step(c, &l, &r);
			model_apply(&seen, l.op[j].kind, l.op[j].cell,
				    l.op[j].value);
			if (unit_random_below(&r, 8) == 0) {
				store_compare(c, l.id, &seen);
			}
		}
		store_compare(c, 0, &m);
		if (unit_random_below(&r, 4) == 0) {
			expect_ok(c, XS_TRANSACTION_END, l.id, STR("F"));
		} else {
			assert_int_equal(live_end(c, &l, &m), 1);
		}
	}
}

UNIT_MAIN(
	XS_TEST(test_isolation), XS_TEST(test_remove_and_make),
	XS_TEST(test_perms), XS_TEST(test_conflicts), XS_TEST(test_partial),
	XS_TEST(test_two_writers), XS_TEST(test_hypervisor),
	XS_TEST(test_random), XS_TEST(test_random_alone))
