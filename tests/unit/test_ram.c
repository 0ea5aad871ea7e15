/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM that stays with its VM: few pieces, nothing lost, nothing shared.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/bits.h"
#include "mem/frame.h"
#include "vm/ram.h"

static uint64_t total(const struct vm_ram *r)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < r->count; i++) {
		assert_true(IS_ALIGNED(r->bank[i].base.v | r->bank[i].size, MIB(2)));
		assert_true(r->bank[i].size <= r->bank[0].size);
		for (unsigned int j = 0; j < i; j++) {
			assert_true(r->bank[i].base.v >= r->bank[j].base.v + r->bank[j].size ||
				    r->bank[j].base.v >= r->bank[i].base.v + r->bank[i].size);
		}
		/* It is ours. */
		memset(hpa_to_va(r->bank[i].base), 0xa5, r->bank[i].size);
		sum += r->bank[i].size;
	}
	return sum;
}

static void test_one_piece(void **state)
{
	static const uint64_t sizes[] = { 1, MIB(2), MIB(2) + 1, MIB(6), MIB(14), MIB(16) };
	uint64_t free = frame_free_count();
	struct vm_ram r;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = ALIGN_UP(sizes[i], MIB(2));

		assert_int_equal(vm_ram_reserve(&r, sizes[i]), 0);
		assert_int_equal(r.count, 1);
		assert_int_equal(total(&r), size);
		assert_int_equal(frame_free_count(), free - (size >> PAGE_SHIFT));
		vm_ram_release(&r);
		assert_int_equal(frame_free_count(), free);
		assert_int_equal(r.count, 0);
	}
}

/* With no block as large as it wants, it takes several. */
static void test_pieces(void **state)
{
	uint64_t free = frame_free_count();
	struct vm_ram r;

	assert_int_equal(vm_ram_reserve(&r, MIB(48)), 0);
	assert_true(r.count >= 1 && r.count <= ARCH_GUEST_BANKS);
	assert_int_equal(total(&r), MIB(48));
	vm_ram_release(&r);
	assert_int_equal(frame_free_count(), free);
}

/* Every second 2 MiB is taken: four banks can't be enough for more. */
static void test_too_scattered(void **state)
{
	void *held[64], *odd[64];
	unsigned int n = 0, kept = 0;
	struct vm_ram r;
	uint64_t free;

	while (n < 64 && (held[n] = frame_alloc(9, 0)) != NULL) {
		n++;
	}
	for (unsigned int i = 0; i < n; i++) {
		if ((va_to_hpa(held[i]).v >> 21 & 1) != 0) {
			odd[kept++] = held[i];
		} else {
			frame_free(held[i], 9);
		}
	}
	free = frame_free_count();
	assert_int_equal(vm_ram_reserve(&r, MIB(8)), 0);
	assert_int_equal(r.count, 4);
	assert_int_equal(total(&r), MIB(8));
	vm_ram_release(&r);
	assert_int_equal(vm_ram_reserve(&r, MIB(10)), -ENOMEM);
	assert_int_equal(r.count, 0);
	assert_int_equal(frame_free_count(), free);
	while (kept > 0) {
		frame_free(odd[--kept], 9);
	}
	assert_int_equal(vm_ram_reserve(&r, GIB(1)), -ENOMEM);
}

static void test_where(void **state)
{
	struct vm_ram r = {
		.bank = { { HPA(0x50000000), MIB(4) }, { HPA(0x60000000), MIB(2) } }, .count = 2,
	};

	assert_true(vm_ram_holds(&r, HPA(0x50000000), MIB(4)));
	assert_true(vm_ram_holds(&r, HPA(0x601ff000), PAGE_SIZE));
	assert_false(vm_ram_holds(&r, HPA(0x60200000), PAGE_SIZE));
	assert_false(vm_ram_holds(&r, HPA(0x50001000), MIB(4)));
	assert_false(vm_ram_holds(&r, HPA(0x4ffff000), PAGE_SIZE));
	assert_false(vm_ram_holds(&r, HPA(0x50000000), UINT64_MAX));
	assert_false(vm_ram_holds(&r, HPA(UINT64_MAX - 4095), PAGE_SIZE));
	assert_true(vm_ram_overlaps(&r, HPA(0x503ff000), MIB(2)));
	assert_true(vm_ram_overlaps(&r, HPA(0x40000000), GIB(1)));
	assert_false(vm_ram_overlaps(&r, HPA(0x50400000), MIB(2)));
	assert_false(vm_ram_overlaps(&r, HPA(0x5ff00000), MIB(1)));
}

UNIT_MAIN(
	UNIT_TEST(test_one_piece),
	UNIT_TEST(test_pieces),
	UNIT_TEST(test_too_scattered),
	UNIT_TEST(test_where),
)
