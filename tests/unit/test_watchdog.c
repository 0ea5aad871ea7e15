/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm/watchdog: the watchdogs of a domain.
 */
#include "unit/unit.h"

#include <string.h>

#include "vm/domain.h"

#define SECOND	1000000000ULL

static void test_numbers(void **state)
{
	struct domain *d = host_domain_create(8, 1);

	assert_int_equal(watchdog_op(d, 0, 0), -EINVAL);
	assert_int_equal(watchdog_op(d, 1, 5), -EINVAL);
	assert_int_equal(watchdog_op(d, 1, 0), -EINVAL);
	assert_int_equal(watchdog_op(d, 3, 5), -EINVAL);
	assert_int_equal(watchdog_op(d, UINT32_MAX, 0), -EINVAL);
	assert_int_equal(watchdog_op(d, 0, 5), 1);
	assert_int_equal(watchdog_op(d, 0, UINT32_MAX), 2);
	assert_int_equal(watchdog_op(d, 0, 5), -ENOSPC);
	assert_int_equal(watchdog_op(d, 1, 0), 0);
	assert_int_equal(watchdog_op(d, 1, 5), -EINVAL);
	assert_int_equal(watchdog_op(d, 0, 5), 1);
}

static void test_expiry(void **state)
{
	struct domain *d = domain_get(host_domain_create(8, 2));

	assert_int_equal(watchdog_op(d, 0, 10), 1);
	assert_int_equal(watchdog_op(d, 0, 20), 2);
	for (unsigned int i = 0; i < 5; i++) {
		host_advance(9 * SECOND);
		assert_int_equal(watchdog_op(d, 1, 10), 0);
		assert_int_equal(watchdog_op(d, 2, 20), 0);
	}
	/* The other one's time. */
	assert_int_equal(watchdog_op(d, 1, 0), 0);
	host_advance(19 * SECOND);
	assert_int_equal(d->state, DOMAIN_RUNNING);
	host_advance(2 * SECOND);
	assert_int_not_equal(d->state, DOMAIN_RUNNING);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	assert_non_null(strstr(host_console(), "ended by its watchdog"));
	domain_put(d);
}

/* Set on one CPU, poked and ended on others. */
static void test_any_cpu(void **state)
{
	struct domain *d;

	host_finish();
	host_reset_cpus(3);
	d = host_domain_create(8, 1);
	host_cpu(1);
	assert_int_equal(watchdog_op(d, 0, 10), 1);
	host_cpu(2);
	host_advance(8 * SECOND);
	assert_int_equal(watchdog_op(d, 1, 10), 0);
	host_advance(8 * SECOND);
	host_cpu(0);
	assert_int_equal(watchdog_op(d, 1, 0), 0);
	host_advance(100 * SECOND);
	assert_int_equal(d->state, DOMAIN_RUNNING);
}

/* None is left behind by a domain that ends otherwise. */
static void test_end(void **state)
{
	struct domain *d = host_domain_create(8, 1);

	assert_int_equal(watchdog_op(d, 0, 10), 1);
	assert_int_equal(watchdog_op(d, 0, 10), 2);
	host_domain_destroy(d);
	host_advance(20 * SECOND);
	assert_null(strstr(host_console(), "watchdog"));
}

/* One that is paused can't poke; it gets another second afterwards. */
static void test_paused(void **state)
{
	struct domain *d = domain_get(host_domain_create(8, 1));

	assert_int_equal(watchdog_op(d, 0, 2), 1);
	atomic_store(&d->state, DOMAIN_PAUSED);
	host_advance(60 * SECOND);
	assert_int_equal(d->state, DOMAIN_PAUSED);
	atomic_store(&d->state, DOMAIN_RUNNING);
	host_advance(2 * SECOND);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	domain_put(d);
}

UNIT_MAIN(
	UNIT_TEST(test_numbers),
	UNIT_TEST(test_expiry),
	UNIT_TEST(test_any_cpu),
	UNIT_TEST(test_end),
	UNIT_TEST(test_paused),
)
