/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XenStore from a guest that knows no manners (XSA-38, -72, -115, -206, -322,
 * -324, -326, -330, -349, -352, -353, -418, -420). The cases after "ring-bad"
 * find the connection lost; the hypervisor goes on.
 */
#include "lib/guest.h"
#include "lib/xen.h"

const char guest_name[] = "xenstore";

static char reply[XS_PAYLOAD_MAX + 1];

static int request(uint32_t type, const char *payload, size_t len)
{
	return xs_request(type, 0, payload, len, reply, sizeof(reply));
}

#define REQUEST(type, text)	request(type, text, sizeof(text))

static bool is_error(int type, const char *name)
{
	if (type != XS_ERROR || strcmp(reply, name) != 0) {
		fail("reply %d '%s' instead of %s", type, reply, name);
		return false;
	}
	return true;
}

static void case_works(void)
{
	xs_init();
	CHECK(strcmp(xs_read("name"), "xenstore") == 0);
	CHECK(xs_write("data/a", "17"));
	CHECK(strcmp(xs_read("data/a"), "17") == 0);
	CHECK(REQUEST(XS_RM, "data/a") == XS_RM);
	is_error(REQUEST(XS_READ, "data/a"), "ENOENT");
}

static void case_bad_paths(void)
{
	static const char *const paths[] = {
		"", "//", "/local//domain", "data/", "a b", "/local/domain/", "\x01",
		"@releaseDomain", "data/\xff",
	};
	static char longest[3200];

	for (unsigned int i = 0; i < COUNT(paths); i++) {
		if (request(XS_WRITE, paths[i], strlen(paths[i]) + 1) != XS_ERROR) {
			fail("path %u of the list was taken", i);
		}
	}
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	CHECK(request(XS_READ, longest, sizeof(longest)) == XS_ERROR);
	longest[0] = 'x';
	CHECK(request(XS_READ, longest, 2100) == XS_ERROR);	/* and no NUL */
	CHECK(request(XS_READ, "data", 4) == XS_ERROR);
	CHECK(request(XS_WRITE, "", 0) == XS_ERROR);
}

/* Other guests' and the hypervisor's nodes. */
static void case_rights(void)
{
	is_error(REQUEST(XS_WRITE, "/tool/x"), "EACCES");
	CHECK(REQUEST(XS_WRITE, "/local/domain/0/x") == XS_ERROR);
	CHECK(REQUEST(XS_RM, "/") == XS_ERROR);
	CHECK(REQUEST(XS_RM, "/local") == XS_ERROR);
	CHECK(REQUEST(XS_RM, "/local/domain/0") == XS_ERROR);
	CHECK(REQUEST(XS_WRITE, "name") == XS_ERROR);
	CHECK(REQUEST(XS_WRITE, "domid") == XS_ERROR);
	for (uint32_t type = 8; type < 64; type++) {
		if (type == 8 || type == 9 || (type >= 17 && type <= 19) || type > 22) {
			CHECK(REQUEST(type, "1") == XS_ERROR);
		}
	}
	CHECK(REQUEST(0, "print-x") == XS_ERROR);
	CHECK(REQUEST(XS_WATCH_EVENT, "x") == XS_ERROR);
	CHECK(REQUEST(XS_ERROR, "x") == XS_ERROR);
	CHECK(REQUEST(UINT32_MAX, "x") == XS_ERROR);
}

static size_t numbered(char *buf, const char *prefix, unsigned int n)
{
	size_t len = strlen(prefix);

	memcpy(buf, prefix, len);
	for (unsigned int div = 1000; div > 0; div /= 10) {
		buf[len++] = (char)('0' + n / div % 10);
	}
	buf[len++] = '\0';
	return len;
}

/* More nodes than allowed: an end to it, and all can be removed again. */
static void case_node_quota(void)
{
	char path[64];
	unsigned int n = 0;
	int type = XS_WRITE;

	while (n < 3000 && type == XS_WRITE) {
		size_t len = numbered(path, "data/q", n++);

		type = request(XS_WRITE, path, len);
	}
	is_error(type, "ENOSPC");
	CHECK(n > 100 && n < 1100);
	while (n-- > 1) {
		size_t len = numbered(path, "data/q", n - 1);

		if (request(XS_RM, path, len) != XS_RM) {
			fail("node %u can't be removed", n);
		}
	}
	CHECK(xs_write("data/again", "1"));
}

static void case_watch_quota(void)
{
	char text[64];
	unsigned int n = 0;
	int type = XS_WATCH;

	while (n < 1000 && type == XS_WATCH) {
		size_t len = numbered(text, "data/w", n++);

		memcpy(text + len, "t", 2);
		type = request(XS_WATCH, text, len + 2);
	}
	is_error(type, "E2BIG");
	CHECK(n > 16 && n < 200);
	/* Those of before are given back by this. */
	CHECK(REQUEST(21, "") == 21);
	memcpy(text, "data\0t", 7);
	CHECK(request(XS_WATCH, text, 7) == XS_WATCH);
	is_error(request(XS_WATCH, text, 7), "EEXIST");
	CHECK(REQUEST(21, "") == 21);
}

static void case_transaction_quota(void)
{
	unsigned int ids[64];
	unsigned int n = 0;
	int type = XS_TRANSACTION_START;

	while (n < COUNT(ids) && type == XS_TRANSACTION_START) {
		type = request(XS_TRANSACTION_START, "", 1);
		ids[n++] = text_number(reply);
	}
	is_error(type, "ENOSPC");
	for (unsigned int i = 0; i + 1 < n; i++) {
		CHECK(xs_request(XS_WRITE, ids[i], "data/t\0x", 8, reply, sizeof(reply)) ==
		      XS_WRITE);
		(void)xs_request(XS_TRANSACTION_END, ids[i], i & 1 ? "T" : "F", 2, reply,
				 sizeof(reply));
	}
	CHECK(xs_request(XS_TRANSACTION_END, ids[0], "F", 2, reply, sizeof(reply)) == XS_ERROR);
	CHECK(xs_request(XS_WRITE, 12345678, "data/t\0x", 8, reply, sizeof(reply)) == XS_ERROR);
	CHECK(xs_request(XS_TRANSACTION_END, 0, "T", 2, reply, sizeof(reply)) == XS_ERROR);
}

/* As deep as paths go, then removed at once: no recursion on the way. */
static void case_deep(void)
{
	static char path[2000];
	size_t len = 6;

	memcpy(path, "data/d", 6);
	while (len + 3 < sizeof(path)) {
		path[len++] = '/';
		path[len++] = 'd';
	}
	path[len++] = '\0';
	CHECK(request(XS_MKDIR, path, len) != -1);
	CHECK(REQUEST(XS_RM, "data/d") == XS_RM);
	CHECK(xs_write("data/x", "1"));
	/* A value above the limit. */
	memset(path, 'v', sizeof(path));
	memcpy(reply, "data/x", 7);
	memset(reply + 7, 'v', 3000);
	CHECK(xs_request(XS_WRITE, 0, reply, 3007, reply, sizeof(reply)) == XS_ERROR);
}

/*
 * Many requests, no reply read: the hypervisor stops serving and keeps
 * nothing; when they are read it goes on.
 */
static void case_no_reading(void)
{
	struct xs_header h = { .type = XS_DIRECTORY, .len = 5 };
	unsigned int sent = 0;
	uint64_t end = now_us() + 300000;
	unsigned int got = 0;

	while (now_us() < end && sent < 2000) {
		uint32_t used = xs_ring->req_prod - xs_ring->req_cons;

		if (used + sizeof(h) + 5 > sizeof(xs_ring->req)) {
			(void)evtchn_send((uint32_t)hvm_param(PARAM_STORE_EVTCHN));
			continue;
		}
		(void)xs_write_bytes(&h, sizeof(h));
		(void)xs_write_bytes("data", 5);
		sent++;
	}
	CHECK(sent > 50 && sent < 2000);
	while (got < sent && xs_read_bytes(&h, sizeof(h)) && h.len <= XS_PAYLOAD_MAX) {
		if (!xs_read_bytes(reply, h.len)) {
			break;
		}
		got += h.type != XS_WATCH_EVENT;
	}
	CHECK_EQ(got, sent);
	CHECK(xs_write("data/alive", "1"));
}

/* A flood of writes to a node that it watches itself. */
static void case_watch_flood(void)
{
	CHECK(request(XS_WATCH, "data/f\0t", 9) == XS_WATCH);
	for (unsigned int i = 0; i < 500; i++) {
		CHECK(xs_write("data/f", "1"));
	}
	CHECK(request(5, "data/f\0t", 9) == 5);
}

/* A message that is longer than allowed, with the top bit too. */
static void case_bad_length(void)
{
	struct xs_header h = { .type = XS_WRITE, .req_id = 1, .len = 0x80000001 };

	CHECK(xs_write_bytes(&h, sizeof(h)));
	delay_us(20000);
	CHECK(hypercall(HC_XEN_VERSION, 0, 0, 0, 0, 0) >= 0x40000);
}

static void case_ring_bad(void)
{
	uint32_t port = (uint32_t)hvm_param(PARAM_STORE_EVTCHN);
	static const uint32_t ahead[] = { 1025, 0x80000000, UINT32_MAX, 5000 };

	for (unsigned int i = 0; i < COUNT(ahead); i++) {
		xs_ring->req_prod = xs_ring->req_cons + ahead[i];
		barrier();
		(void)evtchn_send(port);
		delay_us(2000);
		xs_ring->rsp_cons = xs_ring->rsp_prod + ahead[i];
		barrier();
		(void)evtchn_send(port);
		delay_us(2000);
	}
	memset(xs_ring, 0xff, sizeof(*xs_ring));
	(void)evtchn_send(port);
	delay_us(2000);
	CHECK(hypercall(HC_XEN_VERSION, 0, 0, 0, 0, 0) >= 0x40000);
}

/* The console's ring, likewise. */
static void case_console_ring(void)
{
	uint8_t *page = (uint8_t *)(hvm_param(PARAM_CONSOLE_PFN) << 12);
	uint32_t port = (uint32_t)hvm_param(PARAM_CONSOLE_EVTCHN);

	for (unsigned int i = 0; i < 50; i++) {
		for (unsigned int off = 3072; off < 3088; off += 4) {
			*(volatile uint32_t *)(void *)(page + off) = (uint32_t)rnd();
		}
		(void)evtchn_send(port);
	}
	CHECK(hypercall(HC_XEN_VERSION, 0, 0, 0, 0, 0) >= 0x40000);
}

const struct guest_case guest_cases[] = {
	{ "works", case_works }, { "bad-paths", case_bad_paths }, { "rights", case_rights },
	{ "node-quota", case_node_quota }, { "watch-quota", case_watch_quota },
	{ "transaction-quota", case_transaction_quota }, { "deep", case_deep },
	{ "no-reading", case_no_reading }, { "watch-flood", case_watch_flood },
	{ "bad-length", case_bad_length }, { "ring-bad", case_ring_bad },
	{ "console-ring", case_console_ring }, { NULL, NULL },
};
