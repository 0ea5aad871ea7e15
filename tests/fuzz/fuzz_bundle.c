/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot bundle of any bytes at all: every member that is handed out must lie
 * within them, and be found again under its name.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "mem/heap.h"
#include "vm/vmdesc.h"

#define VMS	4

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

static void check_members(const struct bundle *b)
{
	struct bundle_file f = { .next = 0 };
	unsigned int count = 0;
	const void *data;
	size_t size;

	while (bundle_next(b, &f)) {
		const uint8_t *p = f.data;
		const uint8_t *end = b->data + b->size;

		require(strlen(f.name) <= BUNDLE_NAME_MAX);
		require(p >= b->data && p <= end);
		require(f.truncated || f.size <= (size_t)(end - p));
		require(!f.truncated || b->truncated);
		if (f.regular && !f.truncated) {
			require(bundle_find(b, f.name, &data, &size) != -ENOENT);
		}
		count++;
	}
	require(count == b->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_config vms[VMS];
	struct vmdesc_set set = { .vms = vms, .capacity = VMS };
	struct vmdesc_diag diag = { .line = NULL };
	static bool ready;
	struct bundle b;
	size_t held;

	/* Once: a reset takes longer than the rest, and nothing is left over. */
	if (!ready) {
		host_reset();
		ready = true;
	}
	if (bundle_open(&b, data, size) != 0) {
		require(b.problem != NULL);
		return 0;
	}
	check_members(&b);
	held = heap_object_count();
	vmdesc_add_bundle(&set, &b, &diag);
	vmdesc_check_all(&set, &diag);
	require(heap_object_count() == held);
	return 0;
}
