/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem/frame: the buddy allocator.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/asan.h"
#include "lib/bits.h"
#include "mem/frame.h"
#include <arch/cpu.h>

/* The arena is 64 MiB, its first pages are the allocator's own bitmap. */
#define FRAMES		(HOST_RAM_SIZE / PAGE_SIZE)
#define ORDER_BIG	13U	/* the upper half of the arena in one block */

static size_t index_of(const void *va)
{
	return (size_t)((va_to_hpa(va).v - HOST_RAM_BASE) / PAGE_SIZE);
}

static void test_counts(void **state)
{
	uint64_t before = frame_free_count();
	void *p = frame_alloc(3, 0);

	assert_non_null(p);
	assert_int_equal(frame_free_count(), before - 8);
	frame_free(p, 3);
	assert_int_equal(frame_free_count(), before);
	assert_true(frame_total_count() >= before);
	assert_true(frame_total_count() < FRAMES);
}

static void test_alignment_and_zeroing(void **state)
{
	for (unsigned int order = 0; order <= ORDER_BIG; order++) {
		size_t size = PAGE_SIZE << order;
		uint8_t *p = frame_alloc(order, 0);

		assert_non_null(p);
		assert_true(IS_ALIGNED(va_to_hpa(p).v, size));
		memset(p, 0xa5, size);
		frame_free(p, order);
		p = frame_alloc(order, FRAME_ZERO);
		for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
			assert_int_equal(*(uint64_t *)(void *)(p + i), 0);
		}
		frame_free(p, order);
	}
}

static void test_refused(void **state)
{
	assert_null(frame_alloc(FRAME_ORDER_MAX + 1, 0));
	/* 64 MiB can't hold it. */
	assert_null(frame_alloc(FRAME_ORDER_MAX, 0));
	assert_null(frame_alloc(ORDER_BIG + 1, 0));
}

/* All frames one by one, given back in random order, merge to large blocks. */
static void test_split_and_merge(void **state)
{
	struct unit_random r = { 1 };
	uint64_t count = frame_free_count();
	void **p = calloc(count, sizeof(*p));

	for (uint64_t i = 0; i < count; i++) {
		p[i] = frame_alloc(0, 0);
		assert_non_null(p[i]);
	}
	assert_int_equal(frame_free_count(), 0);
	assert_null(frame_alloc(0, 0));
	for (uint64_t i = count - 1; i > 0; i--) {
		uint64_t j = unit_random(&r) % (i + 1);
		void *t = p[i];

		p[i] = p[j];
		p[j] = t;
	}
	/* With one page missing in its middle, the block can't come back. */
	for (uint64_t i = 0; i < count; i++) {
		if (index_of(p[i]) == FRAMES * 3 / 4) {
			p[i] = p[count - 1];
			p[count - 1] = hpa_to_va(HPA(HOST_RAM_BASE + HOST_RAM_SIZE / 4 * 3));
		}
	}
	for (uint64_t i = 0; i < count - 1; i++) {
		frame_free(p[i], 0);
	}
	assert_null(frame_alloc(ORDER_BIG, 0));
	frame_free(p[count - 1], 0);
	p[0] = frame_alloc(ORDER_BIG, 0);
	assert_non_null(p[0]);
	frame_free(p[0], ORDER_BIG);
	free(p);
}

/* Random use against a map of who owns each frame. */
static void test_random_use(void **state)
{
	enum { LIVE = 400, STEPS = 20000 };
	struct { uint8_t *va; unsigned int order; } live[LIVE] = { 0 };
	uint8_t *owned = calloc(FRAMES, 1);
	struct unit_random r = { 2 };
	uint64_t free_frames = frame_free_count();

	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int i = unit_random_below(&r, LIVE);
		unsigned int order = unit_random_below(&r, 7);
		size_t first;

		if (live[i].va != NULL) {
			first = index_of(live[i].va);
			order = live[i].order;
			assert_int_equal(live[i].va[0], (uint8_t)i);
			assert_int_equal(live[i].va[(PAGE_SIZE << order) - 1], (uint8_t)i);
			memset(owned + first, 0, BIT(order));
			frame_free(live[i].va, order);
			live[i].va = NULL;
			free_frames += BIT(order);
		} else if ((live[i].va = frame_alloc(order, 0)) != NULL) {
			first = index_of(live[i].va);
			live[i].order = order;
			assert_true(IS_ALIGNED(first, BIT(order)));
			for (size_t f = first; f < first + BIT(order); f++) {
				assert_int_equal(owned[f], 0);
				owned[f] = 1;
			}
			live[i].va[0] = (uint8_t)i;
			live[i].va[(PAGE_SIZE << order) - 1] = (uint8_t)i;
			free_frames -= BIT(order);
		}
		assert_int_equal(frame_free_count(), free_frames);
	}
	for (unsigned int i = 0; i < LIVE; i++) {
		if (live[i].va != NULL) {
			frame_free(live[i].va, live[i].order);
		}
	}
	free(owned);
}

static void test_a_part_of_a_block_may_be_freed(void **state)
{
	uint64_t before = frame_free_count();
	uint8_t *p = frame_alloc(4, 0);

	for (unsigned int i = 0; i < 16; i++) {
		frame_free(p + i * PAGE_SIZE, 0);
	}
	assert_int_equal(frame_free_count(), before);
	p = frame_alloc(ORDER_BIG, 0);
	assert_non_null(p);
	frame_free(p, ORDER_BIG);
}

static void test_freed_twice_panics(void **state)
{
	void *p = frame_alloc(0, 0);

	frame_free(p, 0);
	assert_int_equal(HOST_END_OF(frame_free(p, 0)), HOST_PANIC);
}

static void test_free_of_part_of_a_free_block_panics(void **state)
{
	uint8_t *p = frame_alloc(4, 0);

	frame_free(p, 4);
	assert_int_equal(HOST_END_OF(frame_free(p + 3 * PAGE_SIZE, 0)), HOST_PANIC);
}

static void test_misaligned_free_panics(void **state)
{
	uint8_t *p = frame_alloc(4, 0);

	assert_int_equal(HOST_END_OF(frame_free(p + PAGE_SIZE, 1)), HOST_PANIC);
}

static void test_free_memory_is_poisoned(void **state)
{
	uint8_t *p = frame_alloc(2, 0);

	assert_false(asan_is_poisoned(p));
	assert_false(asan_is_poisoned(p + 4 * PAGE_SIZE - 1));
	frame_free(p, 2);
	/* The first bytes link the free blocks. */
	assert_true(asan_is_poisoned(p + 64));
	assert_true(asan_is_poisoned(p + PAGE_SIZE));
	assert_true(asan_is_poisoned(p + 4 * PAGE_SIZE - 1));
}

#define UNIT_SIZE	(PAGE_SIZE << FRAME_UNIT_ORDER)
#define READY		4U		/* an eighth of the arena */

static void assert_zero(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		assert_int_equal(*(const uint64_t *)(const void *)(p + i), 0);
	}
}

/* Leave something in all free memory. */
static void soil(void)
{
	void *p[FRAMES >> FRAME_UNIT_ORDER];
	unsigned int n = 0;

	while ((p[n] = frame_alloc(FRAME_UNIT_ORDER, 0)) != NULL) {
		memset(p[n++], 0xa5, UNIT_SIZE);
	}
	while (n > 0) {
		frame_free(p[--n], FRAME_UNIT_ORDER);
	}
}

static void scrub_all(void)
{
	unsigned int pieces = 0;

	while (frame_scrub()) {
		assert_true(++pieces < 2 * FRAMES);
	}
}

static void test_units_are_zeroed_in_advance(void **state)
{
	uint64_t before = frame_free_count();
	uint8_t *p[READY];

	soil();
	assert_null(frame_alloc_unit());
	/* What is being zeroed counts as free all the time. */
	while (frame_scrub()) {
		assert_int_equal(frame_free_count(), before);
	}
	assert_int_equal(frame_scrubbed_count(), READY);
	for (unsigned int i = 0; i < READY; i++) {
		p[i] = frame_alloc_unit();
		assert_non_null(p[i]);
		assert_true(IS_ALIGNED(va_to_hpa(p[i]).v, UNIT_SIZE));
		assert_zero(p[i], UNIT_SIZE);
		memset(p[i], 0x5a, UNIT_SIZE);
		assert_int_equal(frame_free_count(), before - (i + 1) * (UNIT_SIZE / PAGE_SIZE));
	}
	assert_null(frame_alloc_unit());
	for (unsigned int i = 0; i < READY; i++) {
		frame_free(p[i], FRAME_UNIT_ORDER);
	}
	/* It has an owner's data again. */
	assert_null(frame_alloc_unit());
	assert_int_equal(frame_scrubbed_total(), READY);
}

/* Nobody goes without it because a CPU began to zero it and is busy since. */
static void test_what_is_being_zeroed_can_be_had(void **state)
{
	uint64_t before = frame_free_count();
	void *p[FRAMES >> FRAME_UNIT_ORDER];
	unsigned int n = 0;

	soil();
	assert_true(frame_scrub());
	while ((p[n] = frame_alloc(FRAME_UNIT_ORDER, 0)) != NULL) {
		memset(p[n++], 0xa5, UNIT_SIZE);
	}
	assert_in_range(frame_free_count(), 0, UNIT_SIZE / PAGE_SIZE - 1);
	assert_int_equal(before - frame_free_count(), n * (UNIT_SIZE / PAGE_SIZE));
	while (n > 0) {
		frame_free(p[--n], FRAME_UNIT_ORDER);
	}
	assert_int_equal(frame_free_count(), before);
	scrub_all();
	assert_int_equal(frame_scrubbed_count(), READY);
}

/* Memory whose free blocks are all smaller: there is an end to the looking. */
static void test_nothing_to_zero(void **state)
{
	void *p[FRAMES >> 8];
	unsigned int n = 0;

	while ((p[n] = frame_alloc(8, 0)) != NULL) {
		n++;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (va_to_hpa(p[i]).v & (PAGE_SIZE << 8)) {
			frame_free(p[i], 8);
		}
	}
	scrub_all();
	assert_int_equal(frame_scrubbed_count(), 0);
	for (unsigned int i = 0; i < n; i++) {
		if (!(va_to_hpa(p[i]).v & (PAGE_SIZE << 8))) {
			frame_free(p[i], 8);
		}
	}
	scrub_all();
	assert_int_equal(frame_scrubbed_count(), READY);
}

/* Whatever else is allocated and freed meanwhile: what comes zeroed is zero. */
static void test_random_use_and_zeroing(void **state)
{
	enum { LIVE = 100, STEPS = 4000 };
	struct { uint8_t *va; unsigned int order; } live[LIVE] = { 0 };
	struct unit_random r = { 3 };
	unsigned int zeroed = 0;

	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int i = unit_random_below(&r, LIVE);

		for (unsigned int n = unit_random_below(&r, 40); n > 0 && frame_scrub(); n--) {
		}
		if (live[i].va != NULL) {
			frame_free(live[i].va, live[i].order);
			live[i].va = NULL;
			continue;
		}
		if (unit_random_below(&r, 2) == 0) {
			live[i].order = FRAME_UNIT_ORDER;
			live[i].va = frame_alloc_unit();
			if (live[i].va != NULL) {
				assert_zero(live[i].va, UNIT_SIZE);
				zeroed++;
			}
		} else {
			live[i].order = unit_random_below(&r, FRAME_UNIT_ORDER + 2);
			live[i].va = frame_alloc(live[i].order, 0);
		}
		if (live[i].va != NULL) {
			memset(live[i].va, 0xa5, PAGE_SIZE << live[i].order);
		}
	}
	assert_in_range(zeroed, 50, STEPS);
	for (unsigned int i = 0; i < LIVE; i++) {
		if (live[i].va != NULL) {
			frame_free(live[i].va, live[i].order);
		}
	}
}

/* Starts the allocator anew, so there is nothing to compare at the end. */
static void test_banks_with_holes(void **state)
{
	static const struct { uint64_t start, size; } bank[] = {
		{ MIB(48), MIB(8) }, { MIB(4), MIB(4) + PAGE_SIZE }, { MIB(16), MIB(16) },
	};
	hpa_t low = HPA(HOST_RAM_BASE + MIB(4));
	hpa_t high = HPA(HOST_RAM_BASE + MIB(56));
	size_t map_size = frame_bitmap_size(low, high);
	uint8_t *map = malloc(map_size);
	uint64_t total = 0;
	void *p;

	assert_int_equal(frame_init(low, high, map, map_size - 1), -EINVAL);
	assert_int_equal(frame_init(high, low, map, map_size), -EINVAL);
	assert_int_equal(frame_init(low, high, map, map_size), 0);
	assert_null(frame_alloc(0, 0));
	for (size_t i = 0; i < ARRAY_SIZE(bank); i++) {
		asan_unpoison(hpa_to_va(HPA(HOST_RAM_BASE + bank[i].start)), bank[i].size);
		frame_add(HPA(HOST_RAM_BASE + bank[i].start), bank[i].size);
		total += bank[i].size / PAGE_SIZE;
	}
	assert_int_equal(frame_total_count(), total);
	assert_int_equal(frame_free_count(), total);
	assert_null(frame_alloc(13, 0));
	p = frame_alloc(12, 0);
	assert_int_equal(va_to_hpa(p).v, HOST_RAM_BASE + MIB(16));
	frame_free(p, 12);
	while ((p = frame_alloc(0, 0)) != NULL) {
		uint64_t at = va_to_hpa(p).v - HOST_RAM_BASE;
		bool inside = false;

		for (size_t i = 0; i < ARRAY_SIZE(bank); i++) {
			inside |= at - bank[i].start < bank[i].size;
		}
		assert_true(inside);
		total--;
	}
	assert_int_equal(total, 0);
	free(map);
}

UNIT_MAIN(
	UNIT_TEST(test_counts),
	UNIT_TEST(test_alignment_and_zeroing),
	UNIT_TEST(test_refused),
	UNIT_TEST(test_split_and_merge),
	UNIT_TEST(test_random_use),
	UNIT_TEST(test_a_part_of_a_block_may_be_freed),
	UNIT_TEST(test_freed_twice_panics),
	UNIT_TEST(test_free_of_part_of_a_free_block_panics),
	UNIT_TEST(test_misaligned_free_panics),
	UNIT_TEST(test_free_memory_is_poisoned),
	UNIT_TEST(test_units_are_zeroed_in_advance),
	UNIT_TEST(test_what_is_being_zeroed_can_be_had),
	UNIT_TEST(test_nothing_to_zero),
	UNIT_TEST(test_random_use_and_zeroing),
	cmocka_unit_test_setup(test_banks_with_holes, unit_setup),
)
