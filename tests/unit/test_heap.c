/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem/heap.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/asan.h"
#include "lib/bits.h"
#include "mem/frame.h"
#include "mem/heap.h"

static void test_sizes(void **state)
{
	size_t before = heap_size();
	size_t objects = heap_object_count();

	for (size_t size = 1; size <= 3 * PAGE_SIZE; size += size < 128 ? 1 : 61) {
		uint8_t *p = heap_alloc(size);

		assert_non_null(p);
		assert_true(IS_ALIGNED((uintptr_t)p, 16));
		for (size_t i = 0; i < size; i++) {
			assert_int_equal(p[i], 0);
		}
		memset(p, 0xff, size);
		assert_int_equal(heap_object_count(), objects + 1);
		heap_free(p);
	}
	assert_int_equal(heap_size(), before);
}

static void test_limits(void **state)
{
	void *p = heap_alloc(MIB(4));

	assert_non_null(p);
	heap_free(p);
	assert_null(heap_alloc(MIB(4) + 1));
	assert_null(heap_alloc(SIZE_MAX));
	assert_null(heap_alloc(0));
	heap_free(NULL);
}

static void test_access_outside_is_seen(void **state)
{
	static const size_t sizes[] = { 1, 8, 13, 16, 40, 1008, 2000, 2016, 2017, 5000 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint8_t *p = heap_alloc(sizes[i]);

		assert_false(asan_is_poisoned(p));
		assert_false(asan_is_poisoned(p + sizes[i] - 1));
		if (sizes[i] != 16 && sizes[i] != 1008 && sizes[i] != 2016) {
			assert_true(asan_is_poisoned(p + sizes[i]));
		}
		heap_free(p);
		assert_true(asan_is_poisoned(p));
	}
}

static void test_random_use(void **state)
{
	enum { LIVE = 600, STEPS = 40000 };
	static const size_t most[] = { 20, 200, 2100, 20000 };
	struct { uint8_t *p; size_t size; } live[LIVE] = { 0 };
	size_t before = heap_size();
	struct unit_random r = { 3 };

	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int i = unit_random_below(&r, LIVE);

		if (live[i].p != NULL) {
			for (size_t k = 0; k < live[i].size; k++) {
				if (live[i].p[k] != (uint8_t)i) {
					fail_msg("object %u changed at %zu", i, k);
				}
			}
			heap_free(live[i].p);
			live[i].p = NULL;
			continue;
		}
		live[i].size = 1 + unit_random_below(&r, (unsigned int)most[unit_random(&r) % 4]);
		live[i].p = heap_alloc(live[i].size);
		assert_non_null(live[i].p);
		memset(live[i].p, (int)i, live[i].size);
	}
	for (unsigned int i = 0; i < LIVE; i++) {
		heap_free(live[i].p);
	}
	/* Every page went back. */
	assert_int_equal(heap_size(), before);
}

static void test_out_of_memory(void **state)
{
	enum { MOST = 40000 };
	void **p = calloc(MOST, sizeof(*p));
	unsigned int n = 0;
	void *small;

	while (n < MOST && (p[n] = heap_alloc(2016)) != NULL) {
		n++;
	}
	assert_true(n > 10000 && n < MOST);
	assert_int_equal(frame_free_count(), 0);
	assert_null(heap_alloc(5000));
	heap_free(p[--n]);
	heap_free(p[--n]);
	/* The page that became free can serve another size. */
	small = heap_alloc(16);
	assert_non_null(small);
	heap_free(small);
	while (n > 0) {
		heap_free(p[--n]);
	}
	free(p);
}

static void test_freed_twice_panics(void **state)
{
	void *keep = heap_alloc(100);
	void *p = heap_alloc(100);

	heap_free(p);
	assert_int_equal(HOST_END_OF(heap_free(p)), HOST_PANIC);
	(void)keep;
}

static void test_not_an_object_panics(void **state)
{
	uint8_t *page = frame_alloc(0, FRAME_ZERO);

	assert_int_equal(HOST_END_OF(heap_free(page + 64)), HOST_PANIC);
}

static void test_inside_a_large_object_panics(void **state)
{
	uint8_t *p = heap_alloc(PAGE_SIZE);

	assert_int_equal(HOST_END_OF(heap_free(p + 16)), HOST_PANIC);
}

UNIT_MAIN(
	UNIT_TEST(test_sizes),
	UNIT_TEST(test_limits),
	UNIT_TEST(test_access_outside_is_seen),
	UNIT_TEST(test_random_use),
	UNIT_TEST(test_out_of_memory),
	UNIT_TEST(test_freed_twice_panics),
	UNIT_TEST(test_not_an_object_panics),
	UNIT_TEST(test_inside_a_large_object_panics),
)
