/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore/xs_wire and xs_conn: each request of the protocol with its reply
 * and errors, paths, and messages split anywhere.
 */
#include "unit/xs_client.h"


#define HOME1 "/local/domain/1"

static void test_read_write(void **state)
{
	struct client *c = &guest[1];

	expect_ok(c, XS_WRITE, 0, RAW("data/a\0value"));
	expect_data(c, XS_READ, 0, STR("data/a"), RAW("value"));
	expect_data(c, XS_READ, 0, STR(HOME1 "/data/a"), RAW("value"));
	/* Values are bytes. */
	expect_ok(c, XS_WRITE, 0, RAW("data/a\0x\0y\0"));
	expect_data(c, XS_READ, 0, STR("data/a"), RAW("x\0y\0"));
	/* An empty value, and one of another length. */
	expect_ok(c, XS_WRITE, 0, RAW("data/a\0"));
	expect_data(c, XS_READ, 0, STR("data/a"), RAW(""));
	/* Missing parents are made, empty. */
	expect_ok(c, XS_WRITE, 0, RAW("data/b/c/d\0" "1"));
	expect_data(c, XS_READ, 0, STR("data/b/c"), RAW(""));
	expect_data(c, XS_READ, 0, STR("data/b/c/d"), RAW("1"));
	expect_error(c, "ENOENT", XS_READ, 0, STR("data/no"));
	expect_error(c, "ENOENT", XS_READ, 0, STR("data/no/more"));
	/* No NUL behind the path; nothing at all. */
	expect_error(c, "EINVAL", XS_WRITE, 0, RAW("data/a"));
	expect_error(c, "EINVAL", XS_WRITE, 0, RAW(""));
	expect_error(c, "EINVAL", XS_READ, 0, RAW("data/a"));
	expect_error(c, "EINVAL", XS_READ, 0, RAW(""));
	expect_error(c, "EINVAL", XS_READ, 0, RAW("data/a\0b\0"));
}

static void test_directory(void **state)
{
	struct client *c = &guest[1];

	expect_data(c, XS_DIRECTORY, 0, STR("data"), RAW(""));
	client_write(c, 0, "data/one", "1");
	client_write(c, 0, "data/two/below", "2");
	client_write(c, 0, "data/three", "3");
	expect_data(c, XS_DIRECTORY, 0, STR("data"), RAW("one\0two\0three\0"));
	expect_data(c, XS_DIRECTORY, 0, STR("data/two"), RAW("below\0"));
	expect_ok(c, XS_RM, 0, STR("data/one"));
	expect_data(c, XS_DIRECTORY, 0, STR("data"), RAW("two\0three\0"));
	expect_error(c, "ENOENT", XS_DIRECTORY, 0, STR("data/one"));
	expect_error(c, "EINVAL", XS_DIRECTORY, 0, RAW("data"));
}

static void test_mkdir_rm(void **state)
{
	struct client *c = &guest[1];

	expect_ok(c, XS_MKDIR, 0, STR("data/x/y"));
	expect_data(c, XS_READ, 0, STR("data/x/y"), RAW(""));
	client_write(c, 0, "data/x/y", "kept");
	expect_ok(c, XS_MKDIR, 0, STR("data/x/y"));
	expect_read(c, 0, "data/x/y", "kept");
	expect_ok(c, XS_RM, 0, STR("data/x"));
	expect_error(c, "ENOENT", XS_READ, 0, STR("data/x/y"));
	expect_error(c, "ENOENT", XS_READ, 0, STR("data/x"));
	/* Gone already: fine if the parent is there. */
	expect_ok(c, XS_RM, 0, STR("data/x"));
	expect_error(c, "ENOENT", XS_RM, 0, STR("data/x/y"));
	expect_error(c, "EACCES", XS_RM, 0, STR("/"));
	assert_int_equal(xs_rm(NULL, "/"), -EINVAL);
	expect_error(c, "EINVAL", XS_MKDIR, 0, RAW("data/z"));
	expect_error(c, "EINVAL", XS_RM, 0, RAW("data/z"));
	/* Homes aren't the guest's own. */
	expect_error(c, "EACCES", XS_RM, 0, STR(HOME1));
	expect_error(c, "EACCES", XS_MKDIR, 0, STR("other"));
}

static void test_perms(void **state)
{
	struct client *c = &guest[1];

	expect_data(c, XS_GET_PERMS, 0, STR("data"), RAW("n1\0"));
	expect_data(c, XS_GET_PERMS, 0, STR(HOME1), RAW("n0\0r1\0"));
	expect_ok(c, XS_SET_PERMS, 0, RAW("data\0r1\0w2\0b3\0n0\0"));
	expect_data(c, XS_GET_PERMS, 0, STR("data"), RAW("r1\0w2\0b3\0n0\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0r1"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0x1\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0r\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0r1x\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0r-1\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0r0x1\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0r1\0r99999\0"));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, RAW("data\0r1\0\0"));
	expect_error(c, "ENOENT", XS_GET_PERMS, 0, STR("data/no"));
	expect_data(c, XS_GET_PERMS, 0, STR("data"), RAW("r1\0w2\0b3\0n0\0"));
}

static void test_paths(void **state)
{
	struct client *c = &guest[1];
	static const char *const bad[] = {
		"", "/", "data/", "data//a", "//data", "/local/domain/1/",
		"data/a b", "data/a.b", "data/\x80", "data/a:b", "/local//domain",
		"@nothing", "@releaseDomain",
	};
	char path[XENSTORE_PAYLOAD_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_error(c, strcmp(bad[i], "/") == 0 ? "EACCES" : "EINVAL",
			     XS_READ, 0, STR(bad[i]));
	}
	/* All characters that are allowed. */
	client_write(c, 0, "data/azAZ09-_@", "1");
	expect_read(c, 0, "data/azAZ09-_@", "1");
	/* 2048 bytes of relative path, 3072 of absolute path. */
	memset(path, 'x', sizeof(path));
	memcpy(path, "data/", 5);
	path[XENSTORE_REL_PATH_MAX] = '\0';
	expect_ok(c, XS_MKDIR, 0, STR(path));
	path[XENSTORE_REL_PATH_MAX] = 'x';
	path[XENSTORE_REL_PATH_MAX + 1] = '\0';
	expect_error(c, "EINVAL", XS_MKDIR, 0, STR(path));
	memset(path, 'x', sizeof(path));
	memcpy(path, HOME1 "/data/", 21);
	path[XENSTORE_ABS_PATH_MAX] = '\0';
	expect_ok(c, XS_MKDIR, 0, STR(path));
	path[XENSTORE_ABS_PATH_MAX] = 'x';
	path[XENSTORE_ABS_PATH_MAX + 1] = '\0';
	expect_error(c, "EINVAL", XS_MKDIR, 0, STR(path));
	/* XSA-481: just the prefix of homes. */
	expect_error(c, "EINVAL", XS_READ, 0, STR("/local/domain/"));
	expect_error(c, "EACCES", XS_READ, 0, STR("/local/domain"));
}

/* XSA-418: a tree as deep as can be is made, listed and removed. */
static void test_depth(void **state)
{
	struct client *c = &guest[1];
	char path[XENSTORE_PAYLOAD_MAX] = HOME1 "/data";
	size_t n = strlen(path);
	unsigned int depth = 4;

	while (depth < XS_DEPTH_MAX) {
		n += (size_t)sprintf(path + n, "/d");
		depth++;
	}
	client_write(c, 0, path, "deep");
	expect_read(c, 0, path, "deep");
	sprintf(path + n, "/d");
	expect_error(c, "EINVAL", XS_MKDIR, 0, STR(path));
	expect_ok(c, XS_RM, 0, STR("data/d"));
	expect_data(c, XS_DIRECTORY, 0, STR("data"), RAW(""));
}

static void test_domain_path(void **state)
{
	struct client *c = &guest[1];

	expect_data(c, XS_GET_DOMAIN_PATH, 0, STR("1"), STR(HOME1));
	expect_data(c, XS_GET_DOMAIN_PATH, 0, STR("0"), STR("/local/domain/0"));
	expect_data(c, XS_GET_DOMAIN_PATH, 0, STR("32751"),
		    STR("/local/domain/32751"));
	expect_error(c, "EINVAL", XS_GET_DOMAIN_PATH, 0, STR(""));
	expect_error(c, "EINVAL", XS_GET_DOMAIN_PATH, 0, STR("x"));
	expect_error(c, "EINVAL", XS_GET_DOMAIN_PATH, 0, STR("99999999999"));
	expect_error(c, "EINVAL", XS_GET_DOMAIN_PATH, 0, RAW("1"));
}

static void test_refused(void **state)
{
	static const uint32_t privileged[] = {
		XS_CONTROL, XS_INTRODUCE, XS_RELEASE, XS_IS_DOMAIN_INTRODUCED,
		XS_RESUME, XS_SET_TARGET,
	};
	static const uint32_t unknown[] = {
		XS_WATCH_EVENT, XS_ERROR, 20, XS_TYPE_COUNT, 23, 127, 128,
		XS_INVALID, 0x80000000U, 0xffffffffU,
	};
	struct client *c = &guest[1];

	for (size_t i = 0; i < ARRAY_SIZE(privileged); i++) {
		expect_error(c, "EACCES", privileged[i], 0, STR("1"));
		expect_error(c, "EACCES", privileged[i], 0, RAW(""));
	}
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		expect_error(c, "ENOSYS", unknown[i], 0, STR("data"));
		expect_error(c, "ENOSYS", unknown[i], 0, RAW(""));
	}
}

static void test_transaction_errors(void **state)
{
	struct client *c = &guest[1];
	uint32_t t = client_start(c);
	char none[] = "F";

	assert_int_not_equal(t, 0);
	expect_error(c, "ENOENT", XS_READ, t + 1, STR("data"));
	expect_error(c, "ENOENT", XS_WRITE, t + 1, RAW("data/a\0b"));
	expect_error(c, "ENOENT", XS_TRANSACTION_END, t + 1, STR(none));
	expect_error(c, "ENOENT", XS_TRANSACTION_END, 0, STR(none));
	expect_error(c, "EINVAL", XS_TRANSACTION_END, t, STR("X"));
	expect_error(c, "EINVAL", XS_TRANSACTION_END, t, RAW("T"));
	expect_error(c, "EINVAL", XS_TRANSACTION_END, t, RAW(""));
	expect_error(c, "EBUSY", XS_TRANSACTION_START, t, RAW("\0"));
	/* Another guest's id means nothing. */
	expect_error(&guest[2], "ENOENT", XS_TRANSACTION_END, t, STR("T"));
	expect_ok(c, XS_TRANSACTION_END, t, STR("T"));
	expect_error(c, "ENOENT", XS_TRANSACTION_END, t, STR("T"));
	/* Watches don't look at the id. */
	expect_ok(c, XS_WATCH, 77, RAW("data\0tok\0"));
	expect_ok(c, XS_UNWATCH, 78, RAW("data\0tok\0"));
}

/* What libxenstore's xs_directory_part() does, with the real limits. */
static unsigned int read_parts(struct client *c, const char *path, char *list,
			       size_t *len)
{
	char req[128];
	char gen[32] = "";
	unsigned int parts = 0;

	*len = 0;
	for (;;) {
		size_t gen_len;
		size_t n = (size_t)sprintf(req, "%s%c%zu", path, 0, *len) + 1;

		client_call(c, XS_DIRECTORY_PART, 0, req, n);
		assert_int_equal(c->reply.hdr.type, XS_DIRECTORY_PART);
		gen_len = strlen(c->reply.data) + 1;
		if (parts++ == 0) {
			strcpy(gen, c->reply.data);
		}
		assert_string_equal(gen, c->reply.data);
		assert_true(c->reply.hdr.len > gen_len);
		n = c->reply.hdr.len - gen_len;
		memcpy(list + *len, c->reply.data + gen_len, n);
		*len += n;
		if (n == 1 || (list[*len - 1] == '\0' && list[*len - 2] == '\0')) {
			*len -= 1;
			return parts;
		}
	}
}

static void test_directory_part(void **state)
{
	struct client *c = &guest[1];
	char list[16384];
	char want[16384];
	char path[64];
	size_t want_len = 0;
	size_t len;
	uint32_t gen;

	assert_int_equal(read_parts(c, "data", list, &len), 1);
	assert_int_equal(len, 0);
	for (unsigned int i = 0; i < 300; i++) {
		sprintf(path, "data/a-rather-long-name-%u", i);
		client_write(c, 0, path, "");
		strcpy(want + want_len, path + 5);
		want_len += strlen(path + 5) + 1;
	}
	expect_error(c, "E2BIG", XS_DIRECTORY, 0, STR("data"));
	assert_int_equal(read_parts(c, "data", list, &len), 2);
	assert_int_equal(len, want_len);
	assert_memory_equal(list, want, len);
	/* The number changes with the list, and behind the end is nothing. */
	client_call(c, XS_DIRECTORY_PART, 0, RAW("data\0" "999999\0"));
	gen = (uint32_t)strtoul(c->reply.data, NULL, 10);
	assert_int_equal(c->reply.hdr.len, strlen(c->reply.data) + 2);
	expect_ok(c, XS_RM, 0, STR("data/a-rather-long-name-0"));
	client_call(c, XS_DIRECTORY_PART, 0, RAW("data\0" "0\0"));
	assert_int_not_equal(gen, strtoul(c->reply.data, NULL, 10));
	expect_error(c, "EINVAL", XS_DIRECTORY_PART, 0, RAW("data\0-1\0"));
	expect_error(c, "EINVAL", XS_DIRECTORY_PART, 0, RAW("data\0\0"));
	expect_error(c, "EINVAL", XS_DIRECTORY_PART, 0, STR("data"));
	expect_error(c, "ENOENT", XS_DIRECTORY_PART, 0, RAW("data/no\0" "0\0"));
	expect_error(c, "EACCES", XS_DIRECTORY_PART, 0, RAW("/\0" "0\0"));
}

/* Each way to cut two requests in three pieces gives the same replies. */
static void test_split(void **state)
{
	static const char payload[] = "data/a\0value";
	struct client *c = &guest[1];
	char stream[128];
	struct xsd_sockmsg hdr = { XS_WRITE, 11, 0, sizeof(payload) - 1 };
	size_t len = 0;

	memcpy(stream, &hdr, sizeof(hdr));
	memcpy(stream + sizeof(hdr), payload, hdr.len);
	len = sizeof(hdr) + hdr.len;
	hdr = (struct xsd_sockmsg){ XS_READ, 12, 0, 7 };
	memcpy(stream + len, &hdr, sizeof(hdr));
	memcpy(stream + len + sizeof(hdr), "data/a", 7);
	len += sizeof(hdr) + 7;
	for (size_t i = 0; i <= len; i++) {
		for (size_t j = i; j <= len; j++) {
			const size_t cut[] = { 0, i, j, len };
			uint32_t want = 11;

			for (unsigned int k = 0; k < 3; k++) {
				size_t at = cut[k];

				while (at < cut[k + 1]) {
					at += xs_conn_input(c->conn, stream + at,
							    cut[k + 1] - at);
					if (client_message(c)) {
						assert_int_equal(
							c->reply.hdr.req_id, want++);
					}
				}
			}
			while (client_message(c)) {
				assert_int_equal(c->reply.hdr.req_id, want++);
			}
			assert_int_equal(want, 13);
			assert_string_equal(c->reply.data, "value");
		}
	}
}

/* A guest that doesn't read its replies gets nothing more done. */
static void test_back_pressure(void **state)
{
	struct client *c = &guest[1];
	struct xsd_sockmsg hdr = { XS_READ, 1, 0, 5 };
	char msg[32];
	size_t taken = 0;

	memcpy(msg, &hdr, sizeof(hdr));
	memcpy(msg + sizeof(hdr), "data", 5);
	for (unsigned int i = 0; i < 100; i++) {
		taken += xs_conn_input(c->conn, msg, sizeof(hdr) + 5);
	}
	/* One is done and its reply waits, one more is held. */
	assert_int_equal(taken, 2 * (sizeof(hdr) + 5));
	assert_true(client_message(c));
	assert_true(client_message(c));
	assert_false(client_message(c));
	expect_read(c, 0, "data", "");
}

/* XSA-29, -30: lengths above the limit, up to all ones. */
static void test_too_long(void **state)
{
	static const uint32_t lengths[] = {
		XENSTORE_PAYLOAD_MAX + 1, 0x7fffffff, 0x80000000U, 0xffffffffU,
		0xfffffff0U,
	};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct client *c = &guest[1];
		struct xsd_sockmsg hdr = { XS_READ, 1, 0, lengths[i] };
		struct xs_stats stats;

		client_write(c, 0, "data/kept", "1");
		client_watch(c, "data", "t");
		(void)client_start(c);
		assert_false(xs_conn_bad(c->conn));
		xs_conn_input(c->conn, &hdr, sizeof(hdr));
		assert_true(xs_conn_bad(c->conn));
		assert_int_equal(xs_conn_input(c->conn, &hdr, sizeof(hdr)), 0);
		assert_false(client_message(c));
		assert_int_equal(xs_dom_find(1)->watch_count, 0);
		assert_int_equal(xs_dom_find(1)->txn_count, 0);
		/* XSA-325: it isn't destroyed, and others go on. */
		expect_node(HOME1 "/data/kept", "1");
		expect_read(&guest[2], 0, "data", "");
		xenstore_stats(&stats);
		assert_int_equal(stats.bad_conns, i + 1);
		guest_remove(1);
		expect_missing(HOME1);
		guest_add(1);
	}
}

/* The largest request that is allowed. */
static void test_full_payload(void **state)
{
	struct client *c = &guest[1];
	char data[XENSTORE_PAYLOAD_MAX];

	memset(data, 'v', sizeof(data));
	memcpy(data, "data/a", 7);
	expect_error(c, "ENOSPC", XS_WRITE, 0, data, sizeof(data));
	expect_error(c, "EINVAL", XS_READ, 0, data, sizeof(data));
	memset(data, 'v', sizeof(data));
	expect_error(c, "EINVAL", XS_READ, 0, data, sizeof(data));
	memset(data, 0, sizeof(data));
	expect_error(c, "EINVAL", XS_SET_PERMS, 0, data, sizeof(data));
}

/* Nothing in the protocol needs a domain of the store to be in it. */
static void test_connections(void **state)
{
	struct xs_conn *conn;

	assert_int_equal(xs_domain_add(1), -EEXIST);
	assert_int_equal(xs_domain_add(0), -EEXIST);
	assert_int_equal(xs_domain_add(XS_DOMAIN_MAX), -EINVAL);
	assert_int_equal(xs_conn_create(1, NULL, NULL, &conn), -EEXIST);
	assert_int_equal(xs_conn_create(0, NULL, NULL, &conn), -ENOENT);
	assert_int_equal(xs_conn_create(9, NULL, NULL, &conn), -ENOENT);
	assert_int_equal(xs_conn_create(70000, NULL, NULL, &conn), -ENOENT);
	xs_domain_remove(9);
	xs_domain_remove(0);
	xs_domain_remove(70000);
	expect_read(&guest[1], 0, "data", "");
}

UNIT_MAIN(
	XS_TEST(test_read_write), XS_TEST(test_directory),
	XS_TEST(test_mkdir_rm), XS_TEST(test_perms), XS_TEST(test_paths),
	XS_TEST(test_depth), XS_TEST(test_domain_path), XS_TEST(test_refused),
	XS_TEST(test_transaction_errors), XS_TEST(test_directory_part),
	XS_TEST(test_split), XS_TEST(test_back_pressure),
	XS_TEST(test_too_long), XS_TEST(test_full_payload),
	XS_TEST(test_connections))
