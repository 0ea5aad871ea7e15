/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen/page_count, against a plain array.
 */
#include "unit/unit.h"

#include <string.h>

#include "xen/page_count.h"

#define PAGES	600U
#define ROOM	400U

static const void *page(uint64_t n)
{
	return (const void *)(uintptr_t)(0x40000000ULL + n * PAGE_SIZE);
}

static void test_model(void **state)
{
	struct unit_random r = { 7 };
	struct page_counts c = { 0 };
	static unsigned int model[PAGES];
	unsigned int uses = 0;

	memset(model, 0, sizeof(model));
	assert_int_equal(page_counts_reserve(&c, ROOM), 0);
	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int n = unit_random_below(&r, PAGES);

		if (i == 100000) {
			/* What is in use survives a bigger table. */
			assert_int_equal(page_counts_reserve(&c, 4 * ROOM), 0);
			page_counts_release(&c, 4 * ROOM);
		}
		if (unit_random_below(&r, 100) < 52) {
			bool ok = page_count_add(&c, page(n));

			assert_int_equal(ok, uses < ROOM);
			model[n] += ok;
			uses += ok;
		} else if (model[n] > 0) {
			page_count_drop(&c, page(n));
			model[n]--;
			uses--;
		}
		n = unit_random_below(&r, PAGES);
		assert_int_equal(page_count_has(&c, page(n)), model[n] > 0);
	}
	page_counts_fini(&c);
	(void)state;
}

static void test_limits(void **state)
{
	struct page_counts c = { 0 };

	assert_false(page_count_has(&c, page(1)));
	assert_false(page_count_add(&c, page(1)));
	assert_int_equal(page_counts_reserve(&c, UINT32_MAX), -ENOSPC);
	assert_int_equal(page_counts_reserve(&c, 1), 0);
	assert_int_equal(page_counts_reserve(&c, UINT32_MAX), -ENOSPC);
	assert_true(page_count_add(&c, page(1)));
	assert_false(page_count_add(&c, page(1)));
	page_count_drop(&c, page(1));
	assert_true(page_count_add(&c, page(2)));
	page_count_drop(&c, page(2));
	page_counts_fini(&c);
	(void)state;
}

/* A page has a counter of its own, which doesn't run over into its neighbours'. */
static void test_many_uses(void **state)
{
	struct page_counts c = { 0 };

	assert_int_equal(page_counts_reserve(&c, UINT16_MAX + 10), 0);
	for (unsigned int i = 0; i < UINT16_MAX; i++) {
		assert_true(page_count_add(&c, page(5)));
	}
	assert_false(page_count_add(&c, page(5)));
	assert_false(page_count_has(&c, page(4)));
	assert_false(page_count_has(&c, page(6)));
	assert_true(page_count_add(&c, page(6)));
	for (unsigned int i = 0; i < UINT16_MAX; i++) {
		assert_true(page_count_has(&c, page(5)));
		page_count_drop(&c, page(5));
	}
	assert_false(page_count_has(&c, page(5)));
	assert_true(page_count_has(&c, page(6)));
	page_count_drop(&c, page(6));
	assert_int_equal(c.uses, 0);
	page_counts_fini(&c);
	(void)state;
}

/* The longest search that there can be: slots in use side by side. */
static unsigned int longest_run(const struct page_counts *c)
{
	unsigned int longest = 0, run = 0;

	/* Twice around: a run may go over the end. */
	for (unsigned int i = 0; i < 2 * (c->mask + 1); i++) {
		run = c->slot[i & c->mask].group != 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* A table as full as can be stays a good one whatever distance the pages have. */
static void test_spread(void **state)
{
	static const unsigned int distances[] = { 1, 2, 3, 512, 513, 4096, 1U << 18, 9973 };

	for (unsigned int round = 0; round < 400; round++) {
		unsigned int distance = distances[round % ARRAY_SIZE(distances)];
		struct page_counts c = { 0 };

		assert_int_equal(page_counts_reserve(&c, 4096), 0);
		for (unsigned int i = 0; i < 4096; i++) {
			assert_true(page_count_add(&c, page((uint64_t)i * distance)));
		}
		assert_int_equal(c.mask + 1, 8192);
		assert_in_range(longest_run(&c), 1, 300);
		page_counts_fini(&c);
	}
	(void)state;
}

UNIT_MAIN(UNIT_TEST(test_model), UNIT_TEST(test_limits), UNIT_TEST(test_many_uses),
	  UNIT_TEST(test_spread))
