/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unit tests share: cmocka with a machine that is reset before and
 * checked for leaks after each test.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"
#include "lib/types.h"

static inline int unit_setup(void **state)
{
	(void)state;
	host_reset();
	return 0;
}

static inline int unit_teardown(void **state)
{
	(void)state;
	host_finish();
	return 0;
}

#define UNIT_TEST(f)	cmocka_unit_test_setup_teardown(f, unit_setup, unit_teardown)

#define UNIT_MAIN(...)							\
	int main(void)							\
	{								\
		const struct CMUnitTest tests[] = { __VA_ARGS__ };	\
									\
		return cmocka_run_group_tests(tests, NULL, NULL);	\
	}

/* A repeatable generator for property tests. */
struct unit_random {
	uint64_t state;
};

static inline uint64_t unit_random(struct unit_random *r)
{
	r->state = r->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return r->state >> 11;
}

/* 0 .. below - 1 */
static inline unsigned int unit_random_below(struct unit_random *r, unsigned int below)
{
	return (unsigned int)(unit_random(r) % below);
}

#endif
