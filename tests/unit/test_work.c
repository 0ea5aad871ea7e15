/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kern/work: deferred work and its order with exits.
 */
#include "unit/unit.h"

#include "kern/quiesce.h"
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

static void queue_b_late(struct work *w)
{
	note(w);
	work_queue_late(&b.work);
}

/* One exit because of its alarm, and nothing else. */
static void alarm_exit(void)
{
	assert_true(host_alarm(0) <= arch_now() + WORK_LATE_NS);
	host_time_skip(WORK_LATE_NS);
	host_poll_alarm();
	host_exit();
}

/* Queued in the exit path, it is still in the way of one exit. */
static void test_late_work_of_work_needs_no_other_exit(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	host_load(d->vcpus[0]);
	work_init(&a.work, queue_b_late);
	work_queue(&a.work);
	host_exit();
	assert_int_equal(order, 1);
	alarm_exit();
	alarm_exit();
	assert_int_equal(order, 12);
}

static void late_again(struct work *w)
{
	note(w);
	if (a.runs < 5) {
		work_queue_late(w);
	}
}

/* What queues itself on the exit that the alarm made gets another one. */
static void test_late_work_that_repeats_needs_no_other_exit(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	host_load(d->vcpus[0]);
	work_init(&a.work, late_again);
	work_queue_late(&a.work);
	host_exit();
	for (unsigned int i = 0; i < 5; i++) {
		assert_int_equal(a.runs, i);
		alarm_exit();
	}
	assert_int_equal(a.runs, 5);
}

static unsigned int stop_at;
static struct timer *watched;

static void go_on_long(struct work *w)
{
	note(w);
	host_time_skip(CPU_WORK_NS / 10);
	if (a.runs < stop_at && (watched == NULL || timer_is_set(watched))) {
		work_queue(w);
	}
}

/* Work without end leaves the guest a share of the CPU. */
static void test_endless_work_lets_the_guest_run(void **state)
{
	struct domain *d = host_domain_create(1, 1);
	unsigned int runs;

	stop_at = 10000;
	watched = NULL;
	host_load(d->vcpus[0]);
	work_init(&a.work, go_on_long);
	work_queue(&a.work);
	cpu_resume();
	assert_ptr_equal(this_cpu()->current, &d->vcpus[0]->sched);
	runs = a.runs;
	assert_in_range(runs, 5, 20);
	/* The guest's own exits don't take it away again .. */
	for (unsigned int i = 0; i < 5; i++) {
		host_time_skip(CPU_REST_NS / 10);
		cpu_resume();
		assert_int_equal(a.runs, runs);
	}
	/* .. but at its end the work goes on. */
	assert_true(host_alarm(0) <= arch_now() + CPU_REST_NS);
	host_time_skip(CPU_REST_NS);
	host_poll_alarm();
	cpu_resume();
	assert_in_range(a.runs, runs + 5, runs + 20);
	stop_at = 0;
	host_time_skip(CPU_REST_NS);
	host_run();
}

static struct domain *idle_until;
static unsigned int idle_pieces;

static bool idle_piece(void)
{
	/* Only while there is nothing else to do. */
	assert_null(this_cpu()->current);
	assert_int_equal(a.runs, idle_pieces > 3);
	idle_pieces++;
	if (idle_pieces == 4) {
		work_queue(&a.work);
	}
	if (idle_pieces == 10) {
		assert_int_equal(domain_unpause(idle_until), 0);
	}
	return true;
}

/* A CPU that has nothing to do does what can wait, a piece at a time. */
static void test_idle_hook(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	assert_int_equal(domain_pause(d), 0);
	idle_until = d;
	idle_pieces = 0;
	cpu_idle_hook = idle_piece;
	cpu_resume();
	assert_int_equal(idle_pieces, 10);
	assert_ptr_equal(this_cpu()->current, &d->vcpus[0]->sched);
}

static void late_long(struct work *w)
{
	note(w);
	host_time_skip(CPU_WORK_NS / 5);
	if (a.runs < stop_at) {
		work_queue_late(w);
	}
}

/* Nor is a guest that exits often held up by what each exit finds to do. */
static void test_late_work_lets_the_guest_run(void **state)
{
	struct domain *d = host_domain_create(1, 1);
	uint64_t guest_ns = 0;

	stop_at = 1000;
	host_load(d->vcpus[0]);
	work_init(&a.work, late_long);
	work_queue_late(&a.work);
	while (guest_ns < 10 * CPU_WORK_NS) {
		host_poll_alarm();
		cpu_resume();
		assert_ptr_equal(this_cpu()->current, &d->vcpus[0]->sched);
		host_time_skip(CPU_WORK_NS / 50);
		guest_ns += CPU_WORK_NS / 50;
	}
	assert_in_range(a.runs, 50, 61);
	stop_at = 0;
	host_time_skip(CPU_REST_NS);
	host_run();
}

static struct probe many[20];

/* A long list of work is not one piece: its time is limited as a whole. */
static void test_many_pieces_let_the_guest_run(void **state)
{
	struct domain *d = host_domain_create(1, 1);
	unsigned int done = 0;

	stop_at = 0;
	watched = NULL;
	host_load(d->vcpus[0]);
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = (struct probe){ .id = i };
		work_init(&many[i].work, go_on_long);
		work_queue(&many[i].work);
	}
	for (unsigned int turn = 1; turn <= 2; turn++) {
		cpu_resume();
		assert_ptr_equal(this_cpu()->current, &d->vcpus[0]->sched);
		while (done < ARRAY_SIZE(many) && many[done].runs == 1) {
			done++;
		}
		assert_in_range(done, turn * 10, turn * 11);
		for (unsigned int i = done; i < ARRAY_SIZE(many); i++) {
			assert_int_equal(many[i].runs, 0);
		}
		host_time_skip(CPU_REST_NS);
		host_poll_alarm();
	}
	host_run();
}

static void timer_none(struct timer *t)
{
	(void)t;
}

/* Nor do timers wait for its end, with a guest or without. */
static void endless_work_and_timer(void)
{
	static struct timer t;

	timer_init(&t, timer_none);
	stop_at = 10000;
	watched = &t;
	timer_set(&t, arch_now() + 3 * CPU_WORK_NS);
	work_init(&a.work, go_on_long);
	work_queue(&a.work);
	while (timer_is_set(&t) && a.runs < stop_at) {
		host_poll_alarm();
		cpu_resume();
		host_time_skip(CPU_REST_NS / 2);
	}
	assert_in_range(a.runs, 10, 50);
	host_time_skip(CPU_REST_NS);
	host_run();
}

static void wake_vcpu(struct timer *t)
{
	struct domain *d = domain_find(1);

	(void)t;
	sched_wake(&d->vcpus[0]->sched);
}

static void test_endless_work_and_timers(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	host_load(d->vcpus[0]);
	endless_work_and_timer();
}

/* A vCPU that sleeps on a CPU with endless work is woken by its timer. */
static void test_endless_work_on_an_idle_cpu(void **state)
{
	struct domain *d = host_domain_create(1, 1);
	static struct timer t;

	host_load(d->vcpus[0]);
	upcall_wait(&d->vcpus[0]->arch);
	host_run();
	assert_null(this_cpu()->current);
	stop_at = 1000;
	watched = NULL;
	timer_init(&t, wake_vcpu);
	timer_set(&t, arch_now() + 3 * CPU_WORK_NS);
	work_init(&a.work, go_on_long);
	work_queue(&a.work);
	cpu_resume();
	assert_ptr_equal(this_cpu()->current, &d->vcpus[0]->sched);
	assert_in_range(a.runs, 10, 100);
	stop_at = 0;
	host_time_skip(CPU_REST_NS);
	host_run();
}

static void quiesce_again(struct quiesce *q);
static struct quiesce waits_for_late = { .fn = quiesce_again };

static void quiesce_again(struct quiesce *q)
{
	host_time_skip(CPU_WORK_NS / 10);
	a.runs++;
	/* As a queue of a vif waits for its work to have run. */
	if (atomic_load(&b.work.queued) != 0 && a.runs < 1000) {
		quiesce_call(q, quiesce_again);
	}
}

/* Waiting for late work by quiescence ends, with a single CPU too. */
static void test_quiescence_can_wait_for_late_work(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	host_load(d->vcpus[0]);
	work_queue_late(&b.work);
	quiesce_call(&waits_for_late, quiesce_again);
	for (unsigned int i = 0; i < 5; i++) {
		cpu_resume();
		host_time_skip(MAX(WORK_LATE_NS, CPU_REST_NS));
		host_poll_alarm();
	}
	assert_int_equal(b.runs, 1);
	assert_in_range(a.runs, 1, 100);
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

static void test_work_for_idleness(void **state)
{
	struct domain *d = host_domain_create(16, 1);

	host_load(d->vcpus[0]);
	work_queue_idle(&a.work);
	work_queue_idle(&b.work);
	work_queue_idle(&a.work);
	/* While the CPU is busy exits don't count, only time. */
	for (unsigned int i = 0; i < 10; i++) {
		host_exit();
	}
	assert_int_equal(order, 0);
	host_advance(WORK_LATE_NS);
	assert_int_equal(order, 12);
	host_domain_destroy(d);
	order = 0;
	assert_null(this_cpu()->current);
	work_queue_idle(&c.work);
	work_run_idle();
	assert_int_equal(order, 3);
	assert_false(timer_is_set(&this_cpu()->idle_timer));
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
	WORK_TEST(test_late_work_of_work_needs_no_other_exit),
	WORK_TEST(test_late_work_that_repeats_needs_no_other_exit),
	WORK_TEST(test_late_work_runs_before_sleep),
	WORK_TEST(test_work_for_idleness),
	WORK_TEST(test_endless_work_lets_the_guest_run),
	WORK_TEST(test_many_pieces_let_the_guest_run),
	WORK_TEST(test_idle_hook),
	WORK_TEST(test_late_work_lets_the_guest_run),
	WORK_TEST(test_endless_work_and_timers),
	WORK_TEST(test_endless_work_on_an_idle_cpu),
	WORK_TEST(test_quiescence_can_wait_for_late_work),
)
