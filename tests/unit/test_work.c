/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kern/work: deferred work and its order with exits.
 */
#include "unit/unit.h"

#include "kern/work.h"
#include "vm/domain.h"

struct probe {
	struct work work;
	unsigned int id;
	unsigned int repeat;	/* queue itself so often again */
	unsigned int runs;
};

static struct probe a, b, c;
static unsigned int order;		/* ids as decimal digits */
static unsigned int last_cpu;

static void note(struct work *w)
{
	struct probe *p = container_of(w, struct probe, work);

	assert_int_equal(this_cpu()->held_count, 0);
	order = order * 10 + p->id;
	last_cpu = this_cpu()->id;
	p->runs++;
	if (p->repeat > 0) {
		p->repeat--;
		work_queue(w);
	}
}

static int setup(void **state)
{
	unit_setup(state);
	a = (struct probe){ .id = 1 };
	b = (struct probe){ .id = 2 };
	c = (struct probe){ .id = 3 };
	work_init(&a.work, note);
	work_init(&b.work, note);
	work_init(&c.work, note);
	order = 0;
	return 0;
}

static void test_runs_in_the_exit_path_in_order(void **state)
{
	work_queue(&b.work);
	work_queue(&a.work);
	work_queue(&c.work);
	assert_int_equal(order, 0);
	host_exit();
	assert_int_equal(order, 213);
	host_run();
	assert_int_equal(order, 213);
}

static void test_queued_once(void **state)
{
	work_queue(&a.work);
	work_queue(&a.work);
	work_queue(&b.work);
	work_queue(&a.work);
	work_queue_late(&a.work);
	host_run();
	assert_int_equal(order, 12);
	work_queue(&a.work);
	host_run();
	assert_int_equal(order, 121);
}

static void test_one_that_queues_itself_lets_others_run(void **state)
{
	a.repeat = 2;
	work_queue(&a.work);
	work_queue(&b.work);
	host_exit();
	assert_int_equal(order, 12);
	host_exit();
	assert_int_equal(order, 121);
	host_run();
	assert_int_equal(order, 1211);
}

static void queue_b(struct work *w)
{
	note(w);
	work_queue(&b.work);
}

static void test_work_queued_by_work_runs_in_the_next_round(void **state)
{
	work_init(&a.work, queue_b);
	work_queue(&a.work);
	work_queue(&c.work);
	host_exit();
	assert_int_equal(order, 13);
	host_exit();
	assert_int_equal(order, 132);
}

static void test_runs_on_the_cpu_that_queued(void **state)
{
	host_reset_cpus(2);
	host_cpu(1);
	work_queue(&a.work);
	host_cpu(0);
	/* It is queued already, wherever. */
	work_queue(&a.work);
	host_exit();
	assert_int_equal(order, 0);
	host_run();
	assert_int_equal(order, 1);
	assert_int_equal(last_cpu, 1);
}

static void test_late_work_waits_for_the_next_exit(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	host_load(d->vcpus[0]);
	work_queue_late(&a.work);
	work_queue(&b.work);
	host_exit();
	assert_int_equal(order, 2);
	host_exit();
	assert_int_equal(order, 21);
	host_run();
	assert_int_equal(order, 21);
}

static void test_late_work_ends_a_long_stay_in_the_guest(void **state)
{
	struct domain *d = host_domain_create(1, 1);
	uint64_t start;

	host_load(d->vcpus[0]);
	start = arch_now();
	work_queue_late(&a.work);
	host_exit();
	assert_int_equal(order, 0);
	assert_true(host_alarm(0) <= start + WORK_LATE_NS);
	host_time_skip(WORK_LATE_NS);
	host_run();
	assert_int_equal(order, 1);
}

static void test_late_work_runs_before_sleep(void **state)
{
	assert_null(this_cpu()->current);
	work_queue_late(&a.work);
	work_queue_late(&b.work);
	/* cpu_resume() would go to sleep; as far as host_run() goes: */
	host_run();
	assert_int_equal(order, 12);
}

#define WORK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, unit_teardown)

UNIT_MAIN(
	WORK_TEST(test_runs_in_the_exit_path_in_order),
	WORK_TEST(test_queued_once),
	WORK_TEST(test_one_that_queues_itself_lets_others_run),
	WORK_TEST(test_work_queued_by_work_runs_in_the_next_round),
	WORK_TEST(test_runs_on_the_cpu_that_queued),
	WORK_TEST(test_late_work_waits_for_the_next_exit),
	WORK_TEST(test_late_work_ends_a_long_stay_in_the_guest),
	WORK_TEST(test_late_work_runs_before_sleep),
)
