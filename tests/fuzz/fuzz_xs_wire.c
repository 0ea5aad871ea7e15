/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XenStore's wire protocol: two guests send any requests in any order. Input:
 * records of guest, type, transaction, length, payload; type 255 sends the
 * payload as it is, without a header, 254 fetches output only. The store's
 * books must be right at each end and nothing of the guests may be left.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "mem/heap.h"
#include "unit/xs_books.h"

#define GUESTS 2U

struct header {
	uint32_t type;
	uint32_t req_id;
	uint32_t tx_id;
	uint32_t len;
};

static struct xs_conn *conn[GUESTS];

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

static void guests_add(void)
{
	char path[40] = "/local/domain/1/data";

	for (unsigned int i = 0; i < GUESTS; i++) {
		struct xs_perm own = XS_PERM(i + 1, XSP_NONE);

		path[14] = (char)('1' + i);
		require(xs_domain_add(i + 1) == 0);
		require(xs_conn_create(i + 1, NULL, NULL, &conn[i]) == 0);
		require(xs_mkdir(NULL, path) == 0);
		require(xs_set_perms(NULL, path, &own, 1) == 0);
	}
}

static void guests_remove(void)
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		xs_conn_destroy(conn[i]);
		xs_domain_remove(i + 1);
		require(books_wrong() == NULL);
	}
}

/* Output must be well-formed messages. */
static void fetch(struct xs_conn *c)
{
	static uint8_t buf[XS_PAYLOAD_MAX];
	struct header h;

	while (xs_conn_output(c, &h, sizeof(h)) == sizeof(h)) {
		require(h.type < 23 && h.len <= XS_PAYLOAD_MAX);
		require(xs_conn_output(c, buf, h.len) == h.len);
		require(h.type != 16 || (h.len > 1 && buf[h.len - 1] == '\0'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	size_t held;

	if (!ready) {
		host_reset();
		require(xs_mkdir(NULL, "/local/domain") == 0);
		ready = true;
	}
	held = heap_object_count();
	guests_add();
	while (size >= 4) {
		struct xs_conn *c = conn[data[0] % GUESTS];
		size_t len = MIN(size - 4, (size_t)data[3]);
		struct header h = { data[1], 7, data[2], (uint32_t)len };

		if (data[1] < 254) {
			xs_conn_input(c, &h, sizeof(h));
		}
		if (data[1] != 254) {
			xs_conn_input(c, data + 4, len);
		}
		if (!(data[0] & 0x80)) {
			fetch(c);
		}
		data += 4 + len;
		size -= 4 + len;
	}
	require(books_wrong() == NULL);
	guests_remove();
	host_run();
	require(heap_object_count() == held);
	return 0;
}
