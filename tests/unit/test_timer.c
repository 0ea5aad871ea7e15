/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kern/timer.
 */
#include "unit/unit.h"

#include "kern/timer.h"

#define TIMERS 8

struct probe {
	struct timer timer;
	unsigned int id;
};

static struct probe probes[TIMERS];
static unsigned int fired[64];		/* ids in order */
static uint64_t fired_at[64];
static unsigned int fired_cpu[64];
static unsigned int fired_count;

static void note(struct timer *t)
{
	assert_int_equal(this_cpu()->held_count, 0);
	assert_false(timer_is_set(t));
	fired[fired_count] = container_of(t, struct probe, timer)->id;
	fired_at[fired_count] = arch_now();
	fired_cpu[fired_count] = this_cpu()->id;
	fired_count++;
}

static int setup(void **state)
{
	unit_setup(state);
	fired_count = 0;
	for (unsigned int i = 0; i < TIMERS; i++) {
		probes[i].id = i;
		timer_init(&probes[i].timer, note);
	}
	return 0;
}

static void set_in(unsigned int i, uint64_t ns)
{
	timer_set(&probes[i].timer, arch_now() + ns);
}

static void test_fires_at_its_time(void **state)
{
	uint64_t start = arch_now();

	assert_false(timer_is_set(&probes[0].timer));
	set_in(0, 1000);
	assert_true(timer_is_set(&probes[0].timer));
	assert_int_equal(host_alarm(0), start + 1000);
	host_advance(999);
	assert_int_equal(fired_count, 0);
	host_advance(1);
	host_run();
	assert_int_equal(fired_count, 1);
	assert_int_equal(fired_at[0], start + 1000);
	host_advance(1000000);
	assert_int_equal(fired_count, 1);
}

static void test_order(void **state)
{
	set_in(0, 300);
	set_in(1, 100);
	set_in(2, 200);
	set_in(3, 100);
	assert_int_equal(host_alarm(0), arch_now() + 100);
	host_advance(1000);
	assert_int_equal(fired_count, 4);
	assert_int_equal(fired[0], 1);	/* of two at one time, the first set */
	assert_int_equal(fired[1], 3);
	assert_int_equal(fired[2], 2);
	assert_int_equal(fired[3], 0);
}

static void test_late_exit_runs_all_that_is_due(void **state)
{
	set_in(0, 100);
	set_in(1, 200);
	set_in(2, 5000);
	host_time_skip(1000);
	host_run();
	assert_int_equal(fired_count, 2);
	assert_int_equal(host_alarm(0), probes[2].timer.when);
	timer_cancel(&probes[2].timer);
}

static void test_past_time_fires_at_once(void **state)
{
	timer_set(&probes[0].timer, 0);
	host_run();
	assert_int_equal(fired_count, 1);
}

static void test_cancel_and_move(void **state)
{
	set_in(0, 100);
	set_in(1, 100);
	timer_cancel(&probes[0].timer);
	assert_false(timer_is_set(&probes[0].timer));
	timer_cancel(&probes[0].timer);
	set_in(1, 500);
	host_advance(400);
	assert_int_equal(fired_count, 0);
	set_in(1, 50);
	host_advance(60);
	assert_int_equal(fired_count, 1);
	assert_int_equal(fired[0], 1);
}

static unsigned int again_left;

static void again(struct timer *t)
{
	note(t);
	if (again_left > 0) {
		again_left--;
		timer_set(t, arch_now() + 1000);
	}
}

static void test_periodic_by_setting_itself(void **state)
{
	uint64_t start = arch_now();

	again_left = 9;
	timer_init(&probes[0].timer, again);
	set_in(0, 1000);
	host_advance(20000);
	assert_int_equal(fired_count, 10);
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(fired_at[i], start + 1000 * (i + 1));
	}
}

static void cancel_other(struct timer *t)
{
	note(t);
	timer_cancel(&probes[1].timer);
}

static void test_function_cancels_one_that_is_due(void **state)
{
	timer_init(&probes[0].timer, cancel_other);
	set_in(0, 100);
	set_in(1, 100);
	set_in(2, 100);
	host_advance(100);
	host_run();
	assert_int_equal(fired_count, 2);
	assert_int_equal(fired[1], 2);
}

static void test_cpus_have_their_own(void **state)
{
	host_reset_cpus(2);
	set_in(0, 100);
	host_cpu(1);
	set_in(1, 50);
	assert_int_equal(host_alarm(0), arch_now() + 100);
	assert_int_equal(host_alarm(1), arch_now() + 50);
	host_cpu(0);
	host_advance(200);
	assert_int_equal(fired_count, 2);
	assert_int_equal(fired[0], 1);
	assert_int_equal(fired_cpu[0], 1);
	assert_int_equal(fired_cpu[1], 0);
}

static void test_cancel_and_move_from_another_cpu(void **state)
{
	host_reset_cpus(2);
	set_in(0, 100);
	set_in(1, 100);
	host_cpu(1);
	timer_cancel(&probes[0].timer);
	set_in(1, 200);
	host_cpu(0);
	host_advance(1000);
	assert_int_equal(fired_count, 1);
	assert_int_equal(fired[0], 1);
	assert_int_equal(fired_cpu[0], 1);
}

#define TIMER_TEST(f) cmocka_unit_test_setup_teardown(f, setup, unit_teardown)

UNIT_MAIN(
	TIMER_TEST(test_fires_at_its_time),
	TIMER_TEST(test_order),
	TIMER_TEST(test_late_exit_runs_all_that_is_due),
	TIMER_TEST(test_past_time_fires_at_once),
	TIMER_TEST(test_cancel_and_move),
	TIMER_TEST(test_periodic_by_setting_itself),
	TIMER_TEST(test_function_cancels_one_that_is_due),
	TIMER_TEST(test_cpus_have_their_own),
	TIMER_TEST(test_cancel_and_move_from_another_cpu),
)
