/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore/xs_perm and the rules of xs_view: who may do what with which node,
 * inheritance, and what is left of a domain that is gone.
 */
#include "unit/xs_client.h"

#define NODE "/shared/node"

static void set_perms(const char *path, const char *text)
{
	struct xs_perm perms[XS_QUOTA_PERMS];
	size_t count = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		assert_int_equal(perm_parse(text, len, &perms[count++]), 0);
		text += len + (text[len] == ' ');
	}
	assert_int_equal(xs_set_perms(NULL, path, perms, count), 0);
}

/* One request, done or refused; told by the reply's type. */
static void attempt(struct client *c, bool allowed, uint32_t type,
		    const void *data, size_t len)
{
	client_call(c, type, 0, data, len);
	if (allowed) {
		assert_int_equal(c->reply.hdr.type, type);
	} else {
		assert_int_equal(c->reply.hdr.type, XS_ERROR);
		assert_string_equal(c->reply.data, "EACCES");
	}
}

/*
 * Every default right with every right of an own entry, for the owner, the
 * domain named and another one.
 */
static void test_matrix(void **state)
{
	static const char letters[] = "nrwb";

	for (unsigned int i = 0; i < 16; i++) {
		unsigned int others = i & 3;
		unsigned int named = i >> 2;
		char text[16];

		assert_int_equal(xs_write(NULL, NODE, "v", 1), 0);
		sprintf(text, "%c1 %c2", letters[others], letters[named]);
		set_perms(NODE, text);
		for (unsigned int id = 1; id <= GUESTS; id++) {
			unsigned int right = id == 1 ? XSP_BOTH :
					     id == 2 ? named : others;
			bool r = right & XSP_READ;
			bool w = right & XSP_WRITE;
			struct client *c = &guest[id];
			char perms[64];
			int n = sprintf(perms, "%s%c%c1%c%c2", NODE, 0,
					letters[others], 0, letters[named]) + 1;

			attempt(c, r, XS_READ, STR(NODE));
			attempt(c, r, XS_DIRECTORY, STR(NODE));
			attempt(c, r, XS_DIRECTORY_PART, RAW(NODE "\0" "0\0"));
			attempt(c, r, XS_GET_PERMS, STR(NODE));
			attempt(c, w, XS_WRITE, RAW(NODE "\0v"));
			attempt(c, w, XS_MKDIR, STR(NODE));
			attempt(c, w, XS_MKDIR, STR(NODE "/below"));
			attempt(c, w, XS_WRITE, RAW(NODE "/more/below\0v"));
			attempt(c, id == 1, XS_SET_PERMS, perms, (size_t)n);
			assert_int_equal(xs_mkdir(NULL, NODE "/below"), 0);
			attempt(c, w, XS_RM, STR(NODE));
			assert_int_equal(xs_write(NULL, NODE, "v", 1), 0);
			set_perms(NODE, text);
		}
	}
	assert_int_equal(xs_rm(NULL, "/shared"), 0);
}

/* The first entry that names a domain counts; the owner's right is fixed. */
static void test_first_entry(void **state)
{
	assert_int_equal(xs_write(NULL, NODE, "v", 1), 0);
	set_perms(NODE, "n1 r2 n2 n1");
	expect_read(&guest[1], 0, NODE, "v");
	expect_read(&guest[2], 0, NODE, "v");
	expect_error(&guest[3], "EACCES", XS_READ, 0, STR(NODE));
	assert_int_equal(xs_rm(NULL, "/shared"), 0);
}

/* Missing nodes are told only to who may know (and XSA-115's relatives). */
static void test_missing(void **state)
{
	assert_int_equal(xs_mkdir(NULL, NODE), 0);
	set_perms(NODE, "r0 n2");
	expect_error(&guest[1], "ENOENT", XS_READ, 0, STR(NODE "/a/b"));
	expect_error(&guest[1], "EACCES", XS_WRITE, 0, RAW(NODE "/a/b\0"));
	expect_error(&guest[1], "EACCES", XS_RM, 0, STR(NODE "/a"));
	expect_error(&guest[2], "EACCES", XS_READ, 0, STR(NODE "/a/b"));
	expect_error(&guest[1], "EACCES", XS_READ, 0, STR("/no"));
	expect_error(&guest[1], "EACCES", XS_READ, 0, STR("/"));
	expect_error(&guest[1], "EACCES", XS_DIRECTORY, 0, STR("/"));
	expect_error(&guest[1], "EACCES", XS_WRITE, 0, RAW("/\0x"));
	expect_error(&guest[1], "EACCES", XS_READ, 0,
		     STR("/local/domain/2/data"));
	assert_int_equal(xs_rm(NULL, "/shared"), 0);
}

/* A new node has its parent's list, with the maker as owner. */
static void test_inherit(void **state)
{
	assert_int_equal(xs_mkdir(NULL, NODE), 0);
	set_perms(NODE, "n1 w2 r3");
	client_write(&guest[2], 0, NODE "/a/b", "x");
	expect_data(&guest[2], XS_GET_PERMS, 0, STR(NODE "/a"),
		    RAW("n2\0w2\0r3\0"));
	expect_data(&guest[2], XS_GET_PERMS, 0, STR(NODE "/a/b"),
		    RAW("n2\0w2\0r3\0"));
	expect_read(&guest[3], 0, NODE "/a/b", "x");
	/* The hypervisor's new nodes are their parent's owner's. */
	assert_int_equal(xs_mkdir(NULL, NODE "/hv"), 0);
	expect_data(&guest[1], XS_GET_PERMS, 0, STR(NODE "/hv"),
		    RAW("n1\0w2\0r3\0"));
	check_books();
	assert_int_equal(xs_rm(NULL, "/shared"), 0);
}

/* XSA-352: only the hypervisor gives nodes away. */
static void test_owner(void **state)
{
	struct xs_perm p = XS_PERM(9, XSP_NONE);

	expect_error(&guest[1], "EPERM", XS_SET_PERMS, 0, RAW("data\0n2\0"));
	expect_error(&guest[1], "EPERM", XS_SET_PERMS, 0, RAW("data\0n0\0"));
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0b1\0"));
	expect_error(&guest[2], "EACCES", XS_SET_PERMS, 0,
		     RAW("/local/domain/1/data\0b1\0"));
	/* A list that is too long, or none. */
	expect_error(&guest[1], "ENOSPC", XS_SET_PERMS, 0,
		     RAW("data\0n1\0r2\0r3\0r4\0r5\0r6\0"));
	expect_ok(&guest[1], XS_SET_PERMS, 0,
		  RAW("data\0n1\0r2\0r3\0r4\0r5\0"));
	client_write(&guest[1], 0, "data/a", "1234");
	set_perms("/local/domain/1/data/a", "n2 r1");
	check_books();
	expect_read(&guest[2], 0, "/local/domain/1/data/a", "1234");
	assert_int_equal(xs_set_perms(NULL, "/local", &p, 1), -EINVAL);
	assert_int_equal(xs_set_perms(NULL, "/local", &p, 0), -EINVAL);
}

/*
 * XSA-322, -417, -419, -483: a domain takes its nodes and its rights with it,
 * also nodes in others' directories and rights for who has the id next.
 */
static void test_gone(void **state)
{
	assert_int_equal(xs_mkdir(NULL, NODE), 0);
	set_perms(NODE, "n1 w2 r3");
	client_write(&guest[2], 0, NODE "/two/sub", "x");
	client_write(&guest[1], 0, NODE "/one", "x");
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0n1\0b2\0b3\0"));
	expect_ok(&guest[3], XS_SET_PERMS, 0, RAW("data\0n3\0b2\0r1\0"));
	guest_remove(2);
	check_books();
	expect_missing(NODE "/two");
	expect_missing("/local/domain/2");
	expect_node(NODE "/one", "x");
	expect_data(&guest[1], XS_GET_PERMS, 0, STR(NODE), RAW("n1\0r3\0"));
	expect_data(&guest[1], XS_GET_PERMS, 0, STR("data"), RAW("n1\0b3\0"));
	guest_add(2);
	expect_error(&guest[2], "EACCES", XS_READ, 0, STR(NODE));
	expect_error(&guest[2], "EACCES", XS_READ, 0,
		     STR("/local/domain/3/data"));
	/* Entries of a domain that isn't there yet grant nothing either. */
	guest_remove(3);
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0n1\0b3\0"));
	guest_add(3);
	expect_error(&guest[3], "EACCES", XS_READ, 0,
		     STR("/local/domain/1/data"));
	expect_data(&guest[1], XS_GET_PERMS, 0, STR("data"), RAW("n1\0b3\0"));
	expect_ok(&guest[1], XS_SET_PERMS, 0, RAW("data\0n1\0b3\0"));
	expect_read(&guest[3], 0, "/local/domain/1/data", "");
	assert_int_equal(xs_rm(NULL, "/shared"), 0);
}

/* The same where the right is in a transaction that is still open. */
static void test_gone_in_txn(void **state)
{
	uint32_t t = client_start(&guest[1]);

	uint32_t u;

	expect_ok(&guest[1], XS_SET_PERMS, t, RAW("data\0n1\0b2\0r3\0"));
	client_write(&guest[1], t, "data/new", "1");
	guest_remove(2);
	expect_ok(&guest[1], XS_TRANSACTION_END, t, STR("T"));
	guest_add(2);
	expect_error(&guest[2], "EACCES", XS_READ, 0,
		     STR("/local/domain/1/data"));
	expect_data(&guest[1], XS_GET_PERMS, 0, STR("data/new"),
		    RAW("n1\0r3\0"));
	/* Who looked at a list with the entry that goes must look again. */
	u = client_start(&guest[1]);
	client_call(&guest[1], XS_GET_PERMS, u, STR("data"));
	guest_remove(3);
	expect_error(&guest[1], "EAGAIN", XS_TRANSACTION_END, u, STR("T"));
	guest_add(3);
}

/* The hypervisor's open transaction can't make nodes for a dead domain. */
static void test_gone_in_hv_txn(void **state)
{
	struct xs_perm p = XS_PERM(2, XSP_NONE);
	struct xs_txn *t;

	assert_int_equal(xs_txn_start(&t), 0);
	assert_int_equal(xs_mkdir(t, "/other"), 0);
	assert_int_equal(xs_set_perms(t, "/other", &p, 1), 0);
	guest_remove(2);
	guest_add(2);
	assert_int_equal(xs_txn_commit(t), -EAGAIN);
	expect_missing("/other");
}

UNIT_MAIN(
	XS_TEST(test_matrix), XS_TEST(test_first_entry), XS_TEST(test_missing),
	XS_TEST(test_inherit), XS_TEST(test_owner), XS_TEST(test_gone),
	XS_TEST(test_gone_in_txn), XS_TEST(test_gone_in_hv_txn))
