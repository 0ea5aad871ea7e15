/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kern/lock: exclusion, and the check of the order.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "kern/lock.h"

static struct spinlock low = SPINLOCK_INIT(LOCK_DOMAIN);
static struct spinlock high = SPINLOCK_INIT(LOCK_HEAP);
static struct spinlock high2 = SPINLOCK_INIT(LOCK_HEAP);

static void test_rising_ranks(void **state)
{
	spin_lock(&low);
	assert_true(spin_is_locked(&low));
	assert_false(spin_is_locked(&high));
	spin_lock(&high);
	assert_int_equal(this_cpu()->held_count, 2);
	/* The order of release is free. */
	spin_unlock(&low);
	assert_false(spin_is_locked(&low));
	spin_unlock(&high);
	assert_int_equal(this_cpu()->held_count, 0);
}

static void lock_falling(void)
{
	spin_lock(&high);
	spin_lock(&low);
}

static void lock_equal(void)
{
	spin_lock(&high);
	spin_lock(&high2);
}

static void test_wrong_orders_panic(void **state)
{
	assert_int_equal(HOST_END_OF(lock_falling()), HOST_PANIC);
	high = (struct spinlock)SPINLOCK_INIT(LOCK_HEAP);
	host_reset();
	assert_int_equal(HOST_END_OF(lock_equal()), HOST_PANIC);
	high = (struct spinlock)SPINLOCK_INIT(LOCK_HEAP);
}

/* Rank order is checked against what is still held, not against the past. */
static void test_order_after_a_release(void **state)
{
	spin_lock(&low);
	spin_lock(&high);
	spin_unlock(&high);
	spin_lock(&high2);
	spin_unlock(&low);
	spin_unlock(&high2);
	spin_lock(&low);
	spin_unlock(&low);
}

static void test_trylock(void **state)
{
	assert_true(spin_trylock(&high));
	assert_false(spin_trylock(&high));
	assert_int_equal(this_cpu()->held_count, 1);
	/* Trying may go against the order: it can't wait. */
	assert_true(spin_trylock(&low));
	spin_unlock(&low);
	spin_unlock(&high);
	assert_true(spin_trylock(&high));
	spin_unlock(&high);
}

static void test_misuse_panics(void **state)
{
	static struct spinlock none;

	assert_int_equal(HOST_END_OF(spin_unlock(&low)), HOST_PANIC);
	host_reset();
	assert_int_equal(HOST_END_OF(spin_lock(&none)), HOST_PANIC);
}

/* CPU 1 waits for the lock until the hook lets CPU 0 go. */
static void release_hook(void)
{
	unsigned int self = this_cpu()->id;

	host_cpu(0);
	spin_unlock(&high);
	host_cpu(self);
	host_relax_hook = NULL;
}

static void test_waits_for_the_owner(void **state)
{
	host_reset_cpus(2);
	spin_lock(&high);
	host_cpu(1);
	host_relax_hook = release_hook;
	spin_lock(&high);
	assert_null(host_relax_hook);
	assert_int_equal(cpus[0].held_count, 0);
	assert_int_equal(cpus[1].held_count, 1);
	spin_unlock(&high);
}

#define THREADS	4U
#define TURNS	20000U

static unsigned int counter;		/* guarded by `high` */

static void *count(void *arg)
{
	host_cpu((unsigned int)(uintptr_t)arg);
	for (unsigned int i = 0; i < TURNS; i++) {
		spin_lock(&high);
		/* Two steps, which another thread in between would spoil. */
		unsigned int seen = READ_ONCE(counter);

		WRITE_ONCE(counter, seen + 1);
		spin_unlock(&high);
	}
	return NULL;
}

static void test_exclusion_between_threads(void **state)
{
	pthread_t threads[THREADS];

	host_reset_cpus(THREADS);
	host_threads(true);
	counter = 0;
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, count, (void *)(uintptr_t)i), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	host_threads(false);
	assert_int_equal(counter, THREADS * TURNS);
	assert_false(spin_is_locked(&high));
}

UNIT_MAIN(
	UNIT_TEST(test_rising_ranks),
	UNIT_TEST(test_wrong_orders_panic),
	UNIT_TEST(test_order_after_a_release),
	UNIT_TEST(test_trylock),
	UNIT_TEST(test_misuse_panics),
	UNIT_TEST(test_waits_for_the_owner),
	UNIT_TEST(test_exclusion_between_threads),
)
