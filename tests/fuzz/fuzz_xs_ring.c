/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XenStore's ring page: a guest writes any index and any byte at any time.
 * Input: records of an operation and its argument. Nothing outside of the page
 * may be touched (the sanitizer tells), and the server must come to rest.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "mem/heap.h"
#include "unit/xs_books.h"
#include <xen/io/xs_wire.h>

static struct xenstore_domain_interface *page;

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

static void notify(void *ctx)
{
	require(ctx == page);
}

static void copy_in(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		page->req[MASK_XENSTORE_IDX(page->req_prod++)] = (char)data[i];
	}
}

/* One thing that the guest does to the page. */
static void step(struct xs_ring *r, unsigned int op, uint16_t arg)
{
	switch (op) {
	case 0:
		page->req_prod += arg;
		break;
	case 1:
		page->req_cons += arg;
		break;
	case 2:
		page->rsp_cons += arg;
		break;
	case 3:
		page->rsp_prod += arg;
		break;
	case 4:
		page->rsp_cons = page->rsp_prod;
		break;
	case 5:
		page->connection = arg;
		break;
	default:
		xs_ring_kick(r);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct xs_perm own = XS_PERM(1, XSP_NONE);
	struct xs_ring *r;
	size_t held;

	if (!ready) {
		host_reset();
		require(xs_mkdir(NULL, "/local/domain") == 0);
		ready = true;
	}
	held = heap_object_count();
	page = calloc(1, sizeof(*page));
	require(page && xs_domain_add(1) == 0);
	require(xs_mkdir(NULL, "/local/domain/1") == 0);
	require(xs_set_perms(NULL, "/local/domain/1", &own, 1) == 0);
	require(xs_ring_create(1, page, notify, page, &r) == 0);
	while (size >= 3) {
		unsigned int op = data[0];
		uint16_t arg = (uint16_t)(data[1] | (data[2] << 8));
		size_t len = op >= 128 ? MIN(size - 3, (size_t)data[1]) : 0;

		copy_in(data + 3, len);
		step(r, op & 7, arg);
		host_run();
		data += 3 + len;
		size -= 3 + len;
	}
	require(books_wrong() == NULL);
	xs_ring_destroy(r);
	xs_domain_remove(1);
	host_run();
	require(heap_object_count() == held);
	free(page);
	return 0;
}
