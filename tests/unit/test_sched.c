/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kern/sched: shares over simulated time, caps, pinning, wake-ups, stopping.
 *
 * Each unit is the vCPU of a domain of its own. A guest computes all the time
 * unless the test blocks it, so a share is the time that passed while loaded.
 */
#include "unit/unit.h"

#include "kern/sched.h"
#include "lib/bits.h"
#include "vm/domain.h"

#define MS	1000000ULL
#define SECOND	(1000 * MS)
#define UNITS_MAX 8U

static struct sched_unit *unit[UNITS_MAX];
static uint64_t mark[UNITS_MAX];
static unsigned int units;

static void machine(unsigned int cpu_total, unsigned int unit_total)
{
	host_reset_cpus(cpu_total);
	units = unit_total;
	for (unsigned int i = 0; i < units; i++) {
		unit[i] = &host_domain_create(1, 1)->vcpus[0]->sched;
	}
}

static uint64_t run_time(unsigned int i)
{
	uint64_t ns[RUN_STATES];

	sched_times(unit[i], ns);
	return ns[RUN_RUNNING];
}

static void mark_all(void)
{
	for (unsigned int i = 0; i < units; i++) {
		mark[i] = run_time(i);
	}
}

/* Run time of unit i in thousandths of `span`, since mark_all(). */
static unsigned int share(unsigned int i, uint64_t span)
{
	return (unsigned int)((run_time(i) - mark[i]) * 1000 / span);
}

/* Let `span` pass; shares are then those of this span. */
static void observe(uint64_t span)
{
	mark_all();
	host_advance(span);
}

#define assert_share(i, span, want, tolerance) \
	assert_in_range(share(i, span), (want) - (tolerance), (want) + (tolerance))

/* The unit that CPU `id` has loaded, UNITS_MAX: none. */
static unsigned int loaded(unsigned int id)
{
	for (unsigned int i = 0; i < units; i++) {
		if (cpus[id].current == unit[i]) {
			return i;
		}
	}
	assert_null(cpus[id].current);
	return UNITS_MAX;
}

static bool is_loaded(unsigned int i)
{
	for (unsigned int c = 0; c < cpu_count; c++) {
		if (cpus[c].current == unit[i]) {
			return true;
		}
	}
	return false;
}

/* The guest of unit i, which is loaded somewhere, goes to sleep. */
static void block(unsigned int i)
{
	assert_true(is_loaded(i));
	host_cpu(unit[i]->cpu->id);
	sched_block_prepare(unit[i]);
	sched_block(unit[i]);
	host_cpu(0);
	host_run();
}

static void set(unsigned int i, uint32_t weight, uint32_t cap, uint64_t mask)
{
	assert_int_equal(sched_set(unit[i], weight, cap, mask), 0);
	host_run();
}

static void test_equal_shares(void **state)
{
	machine(1, 4);
	observe(4 * SECOND);
	for (unsigned int i = 0; i < 4; i++) {
		assert_share(i, 4 * SECOND, 250, 5);
	}
}

static void test_shares_follow_weights(void **state)
{
	machine(1, 3);
	set(0, 128, 0, UINT64_MAX);
	set(1, 256, 0, UINT64_MAX);
	set(2, 512, 0, UINT64_MAX);
	observe(7 * SECOND);
	assert_share(0, 7 * SECOND, 143, 5);
	assert_share(1, 7 * SECOND, 286, 5);
	assert_share(2, 7 * SECOND, 571, 5);
}

static void test_extreme_weights(void **state)
{
	machine(1, 2);
	set(0, 1, 0, UINT64_MAX);
	set(1, SCHED_WEIGHT_MAX, 0, UINT64_MAX);
	observe(10 * SECOND);
	assert_share(1, 10 * SECOND, 999, 2);
	assert_true(is_loaded(1));
}

static void test_three_units_share_two_cpus(void **state)
{
	machine(2, 3);
	observe(6 * SECOND);
	for (unsigned int i = 0; i < 3; i++) {
		assert_share(i, 6 * SECOND, 667, 15);
	}
}

/* Both CPUs stay busy; a heavy unit can't use more than one of them. */
static void test_weight_beyond_one_cpu(void **state)
{
	machine(2, 3);
	set(0, 4096, 0, UINT64_MAX);
	observe(6 * SECOND);
	assert_share(0, 6 * SECOND, 995, 10);
	assert_share(1, 6 * SECOND, 500, 15);
	assert_share(2, 6 * SECOND, 500, 15);
}

static void test_slices(void **state)
{
	uint64_t longest = 0;
	uint64_t since = 0;
	unsigned int switches = 0;
	unsigned int last;

	machine(1, 3);
	last = loaded(0);
	since = arch_now();
	for (unsigned int step = 0; step < 10000; step++) {
		host_advance(100000);
		if (loaded(0) != last) {
			switches++;
			longest = MAX(longest, arch_now() - since);
			since = arch_now();
			last = loaded(0);
		}
	}
	assert_in_range(longest, SCHED_SLICE_NS - MS, SCHED_SLICE_NS + 200000);
	/* Not more switches than the slice asks for: they cost. */
	assert_in_range(switches, 180, 220);
}

static void test_alone_it_runs_all_the_time(void **state)
{
	machine(2, 1);
	observe(SECOND);
	assert_share(0, SECOND, 1000, 0);
	/* The other CPU has no reason to wake up. */
	assert_int_equal(host_alarm(1 - unit[0]->cpu->id), UINT64_MAX);
}

static void test_cap_alone(void **state)
{
	machine(1, 1);
	set(0, 256, 20, UINT64_MAX);
	observe(2 * SECOND);
	assert_share(0, 2 * SECOND, 200, 10);
	set(0, 256, 0, UINT64_MAX);
	host_advance(20 * MS);
	observe(SECOND);
	assert_share(0, SECOND, 1000, 0);
}

static void test_cap_in_company(void **state)
{
	machine(1, 2);
	set(0, 256, 30, UINT64_MAX);
	observe(2 * SECOND);
	assert_share(0, 2 * SECOND, 300, 15);
	assert_share(1, 2 * SECOND, 700, 15);
}

/* Below its fair share, a cap changes nothing for its owner. */
static void test_cap_above_the_share(void **state)
{
	machine(1, 4);
	set(0, 256, 90, UINT64_MAX);
	observe(4 * SECOND);
	for (unsigned int i = 0; i < 4; i++) {
		assert_share(i, 4 * SECOND, 250, 10);
	}
}

static void test_pinning(void **state)
{
	machine(2, 3);
	set(0, 256, 0, BIT(0));
	set(1, 256, 0, BIT(0));
	set(2, 256, 0, BIT(1));
	observe(2 * SECOND);
	assert_share(0, 2 * SECOND, 500, 10);
	assert_share(1, 2 * SECOND, 500, 10);
	assert_share(2, 2 * SECOND, 1000, 1);
	assert_int_equal(loaded(1), 2);
}

static void test_pinned_unit_leaves_an_idle_cpu_idle(void **state)
{
	machine(2, 2);
	set(0, 256, 0, BIT(0));
	set(1, 256, 0, BIT(0));
	observe(SECOND);
	assert_share(0, SECOND, 500, 10);
	assert_share(1, SECOND, 500, 10);
	assert_int_equal(loaded(1), UNITS_MAX);
}

static void test_pinning_moves_a_running_unit(void **state)
{
	machine(2, 1);
	set(0, 256, 0, BIT(0));
	assert_int_equal(loaded(0), 0);
	set(0, 256, 0, BIT(1));
	assert_int_equal(loaded(0), UNITS_MAX);
	assert_int_equal(loaded(1), 0);
}

static void test_parameters_out_of_range(void **state)
{
	machine(2, 1);
	assert_int_equal(sched_set(unit[0], 0, 0, UINT64_MAX), -EINVAL);
	assert_int_equal(sched_set(unit[0], SCHED_WEIGHT_MAX + 1, 0, UINT64_MAX), -EINVAL);
	assert_int_equal(sched_set(unit[0], 256, 101, UINT64_MAX), -EINVAL);
	assert_int_equal(sched_set(unit[0], 256, 0, 0), -EINVAL);
	assert_int_equal(sched_set(unit[0], 256, 0, BIT(2)), -EINVAL);
	assert_int_equal(sched_set(unit[0], 256, 100, BIT(1) | BIT(2)), 0);
}

/*
 * One that slept gets the CPU at once when it wakes, or as soon as the one
 * that has it had it for the shortest time.
 */
static void test_wake_preempts(void **state)
{
	unsigned int late = 0;

	machine(1, 3);
	host_load(container_of(unit[1], struct vcpu, sched));
	block(1);
	host_advance(100 * MS);
	for (unsigned int i = 0; i < 50; i++) {
		assert_int_not_equal(loaded(0), 1);
		sched_wake(unit[1]);
		host_run();
		if (loaded(0) != 1) {
			assert_true(arch_now() - cpus[0].slice_start < SCHED_RATE_NS);
			host_advance(SCHED_RATE_NS);
			late++;
		}
		assert_int_equal(loaded(0), 1);
		host_advance(100000);
		assert_int_equal(loaded(0), 1);
		block(1);
		host_advance(9 * MS + i * 10000);
	}
	assert_true(late < 10);
}

/* One that used its share does not push the other out by sleeping shortly. */
static void test_wake_without_claim_waits(void **state)
{
	uint64_t waited = 0;
	unsigned int first;

	machine(1, 2);
	first = loaded(0);
	host_advance(14 * MS);		/* 9 ms of the first, 5 ms of the other */
	assert_int_equal(loaded(0), first);
	block(first);
	sched_wake(unit[first]);
	host_run();
	assert_int_equal(loaded(0), 1 - first);
	while (loaded(0) != first) {
		host_advance(MS / 10);
		waited += MS / 10;
	}
	assert_true(waited <= SCHED_SLICE_NS + MS);
}

static void test_sleep_saves_nothing_up(void **state)
{
	machine(1, 2);
	host_load(container_of(unit[1], struct vcpu, sched));
	block(1);
	host_advance(10 * SECOND);
	sched_wake(unit[1]);
	observe(SECOND);
	assert_share(0, SECOND, 500, 10);
	assert_share(1, SECOND, 500, 10);
}

/* An idle CPU takes the work at once, wherever the wake comes from. */
static void test_wake_goes_to_an_idle_cpu(void **state)
{
	unsigned int busy;

	machine(2, 2);
	host_load(container_of(unit[1], struct vcpu, sched));
	host_cpu(0);
	block(1);
	host_advance(MS);
	busy = unit[0]->cpu->id;
	assert_int_equal(loaded(1 - busy), UNITS_MAX);
	host_cpu(busy);
	sched_wake(unit[1]);
	host_run();
	assert_int_equal(loaded(busy), 0);
	assert_int_equal(loaded(1 - busy), 1);
}

static void test_wake_between_look_and_block(void **state)
{
	unsigned int home;

	machine(2, 1);
	home = unit[0]->cpu->id;
	host_cpu(home);
	sched_block_prepare(unit[0]);
	/* It looks, finds nothing; then another CPU has an event for it. */
	host_cpu(1 - home);
	sched_wake(unit[0]);
	host_cpu(home);
	sched_block(unit[0]);
	host_run();
	assert_int_equal(loaded(home), 0);
	/* Only for that time: the next block counts. */
	sched_block_prepare(unit[0]);
	sched_block(unit[0]);
	host_run();
	assert_int_equal(loaded(home), UNITS_MAX);
	assert_int_equal(unit[0]->state, SCHED_BLOCKED);
}

static void test_wake_of_a_running_unit_kicks_its_cpu(void **state)
{
	unsigned int home, kicks;

	machine(2, 1);
	home = unit[0]->cpu->id;
	kicks = host_kicks(home);
	host_cpu(1 - home);
	sched_wake(unit[0]);
	assert_int_equal(host_kicks(home), kicks + 1);
	/* From its own CPU there is nothing to do. */
	host_cpu(home);
	sched_wake(unit[0]);
	assert_int_equal(host_kicks(home), kicks + 1);
}

static void test_give_way(void **state)
{
	unsigned int first;

	machine(1, 2);
	first = loaded(0);
	sched_give_way(unit[first]);
	host_run();
	assert_int_equal(loaded(0), 1 - first);
	/* Alone, it goes on. */
	block(1 - first);
	assert_int_equal(loaded(0), first);
	sched_give_way(unit[first]);
	host_run();
	assert_int_equal(loaded(0), first);
}

static void test_stop_of_a_running_unit(void **state)
{
	unsigned int home;

	machine(2, 1);
	home = unit[0]->cpu->id;
	host_cpu(1 - home);
	assert_false(sched_is_stopped(unit[0]));
	sched_stop(unit[0]);
	/* Its CPU has to notice first. */
	assert_false(sched_is_stopped(unit[0]));
	host_run();
	assert_true(sched_is_stopped(unit[0]));
	assert_int_equal(loaded(home), UNITS_MAX);
	sched_wake(unit[0]);
	host_advance(SECOND);
	assert_int_equal(loaded(home), UNITS_MAX);
	sched_start(unit[0]);
	host_run();
	assert_true(is_loaded(0));
}

static void test_stop_of_a_waiting_unit(void **state)
{
	unsigned int waiting;

	machine(1, 2);
	waiting = 1 - loaded(0);
	sched_stop(unit[waiting]);
	assert_true(sched_is_stopped(unit[waiting]));
	observe(SECOND);
	assert_share(waiting, SECOND, 0, 0);
	sched_start(unit[waiting]);
	observe(SECOND);
	assert_share(waiting, SECOND, 500, 10);
}

static void test_stop_of_a_blocked_unit(void **state)
{
	machine(1, 1);
	block(0);
	/* The idle CPU keeps it loaded, and is told. */
	assert_ptr_equal(this_cpu()->loaded, unit[0]);
	sched_stop(unit[0]);
	assert_false(sched_is_stopped(unit[0]));
	host_run();
	assert_true(sched_is_stopped(unit[0]));
	assert_null(this_cpu()->loaded);
	sched_wake(unit[0]);
	host_run();
	assert_int_equal(loaded(0), UNITS_MAX);
}

/* One that waits stays loaded while its CPU has nothing else to run, and no longer. */
static void test_parked(void **state)
{
	machine(2, 2);
	block(0);
	assert_null(unit[0]->cpu->current);
	assert_ptr_equal(unit[0]->cpu->loaded, unit[0]);
	assert_true(unit[0]->on_cpu);
	/* Woken from the other CPU it goes on where it is. */
	host_cpu(unit[1]->cpu->id);
	sched_wake(unit[0]);
	host_run();
	assert_ptr_equal(unit[0]->cpu->current, unit[0]);
	/* Its CPU is wanted: the state is saved. */
	block(0);
	set(1, 256, 0, BIT(unit[0]->cpu->id));
	host_run();
	assert_false(unit[0]->on_cpu);
	assert_ptr_equal(unit[0]->cpu->loaded, unit[1]);
	/* Pinned elsewhere while it is parked: it goes there when it wakes. */
	block(1);
	set(1, 256, 0, UINT64_MAX & ~BIT(unit[1]->cpu->id));
	sched_wake(unit[1]);
	host_run();
	assert_ptr_equal(unit[1]->cpu->current, unit[1]);
	assert_null(unit[0]->cpu->loaded);
}

/* Its CPU takes another unit that woke at the same time: it preempts elsewhere at once. */
static void test_parked_wakes_beside_another(void **state)
{
	machine(2, 4);
	set(0, 256, 0, BIT(1));
	set(3, 256, 0, BIT(1));
	set(1, 256, 0, BIT(0));
	host_advance(50 * MS);
	if (loaded(0) != 1) {
		host_load(container_of(unit[1], struct vcpu, sched));
	}
	block(1);
	host_advance(50 * MS);
	assert_int_equal(loaded(0), 2);
	block(2);
	assert_ptr_equal(cpus[0].loaded, unit[2]);
	host_advance(51 * MS);		/* not at a slice's end */
	host_cpu(1);
	sched_wake(unit[1]);
	sched_wake(unit[2]);
	host_cpu(0);
	host_run();
	assert_int_equal(loaded(0), 1);
	assert_int_equal(loaded(1), 2);
}

/* Paused while it is parked: it leaves, and comes back. */
static void test_pause_of_a_parked_unit(void **state)
{
	machine(1, 1);
	block(0);
	sched_pause(unit[0]);
	host_run();
	assert_null(this_cpu()->loaded);
	assert_false(unit[0]->on_cpu);
	sched_unpause(unit[0]);
	host_run();
	assert_int_equal(loaded(0), 0);
}

static void test_stop_of_a_throttled_unit(void **state)
{
	machine(1, 1);
	set(0, 256, 10, UINT64_MAX);
	while (unit[0]->state != SCHED_THROTTLED) {
		host_advance(MS / 10);
	}
	sched_stop(unit[0]);
	assert_true(sched_is_stopped(unit[0]));
	host_advance(SECOND);
	assert_int_equal(loaded(0), UNITS_MAX);
}

/* A start takes back a stop that its CPU has not seen yet. */
static void test_stop_then_start_at_once(void **state)
{
	machine(1, 1);
	sched_stop(unit[0]);
	sched_start(unit[0]);
	host_run();
	assert_int_equal(loaded(0), 0);
	assert_int_equal(unit[0]->state, SCHED_RUNNING);
}

static void test_times_add_up(void **state)
{
	uint64_t before[RUN_STATES], after[RUN_STATES];
	uint64_t sum = 0;

	machine(1, 2);
	sched_times(unit[0], before);
	host_advance(SECOND);
	while (!is_loaded(0)) {
		host_advance(MS);
	}
	block(0);
	host_advance(SECOND);
	sched_stop(unit[0]);
	host_advance(SECOND);
	sched_times(unit[0], after);
	assert_in_range(after[RUN_BLOCKED] - before[RUN_BLOCKED], SECOND, SECOND);
	assert_in_range(after[RUN_OFFLINE] - before[RUN_OFFLINE], SECOND, SECOND);
	for (unsigned int i = 0; i < RUN_STATES; i++) {
		sum += after[i] - before[i];
	}
	assert_in_range(sum, 3 * SECOND, 3 * SECOND + 20 * MS);
	assert_in_range(after[RUN_RUNNING] - before[RUN_RUNNING], 490 * MS, 520 * MS);
}

/* What must hold whenever the machine is at rest. */
static void test_pause(void **state)
{
	uint64_t ns[RUN_STATES];
	unsigned int home;

	machine(2, 2);
	home = unit[0]->cpu->id;
	host_cpu(1 - home);
	sched_pause(unit[0]);
	/* Its CPU has to notice first; undone before, nothing happened. */
	sched_unpause(unit[0]);
	host_run();
	assert_true(is_loaded(0));
	sched_pause(unit[0]);
	host_run();
	assert_int_equal(unit[0]->state, SCHED_PAUSED);
	assert_int_equal(loaded(home), UNITS_MAX);
	/* Neither an event nor a start changes that. */
	sched_wake(unit[0]);
	sched_start(unit[0]);
	host_advance(SECOND);
	assert_int_equal(unit[0]->state, SCHED_PAUSED);
	sched_times(unit[0], ns);
	assert_in_range(ns[RUN_OFFLINE], SECOND, SECOND + 10 * MS);
	sched_unpause(unit[0]);
	host_run();
	assert_true(is_loaded(0));
	/* Blocked, it runs once to look. */
	block(1);
	sched_pause(unit[1]);
	sched_unpause(unit[1]);
	host_run();
	assert_true(is_loaded(1));
	/* Stopped, it stays so. */
	sched_pause(unit[1]);
	sched_stop(unit[1]);
	host_run();
	assert_true(sched_is_stopped(unit[1]));
	sched_unpause(unit[1]);
	host_run();
	assert_true(sched_is_stopped(unit[1]));
	/* Paused before it starts. */
	sched_pause(unit[1]);
	sched_start(unit[1]);
	host_run();
	assert_int_equal(unit[1]->state, SCHED_PAUSED);
	sched_unpause(unit[1]);
	host_run();
	assert_true(is_loaded(1));
}

static void check_invariants(void)
{
	for (unsigned int i = 0; i < units; i++) {
		unsigned int on = 0;

		for (unsigned int c = 0; c < cpu_count; c++) {
			on += cpus[c].current == unit[i];
		}
		assert_int_equal(on, unit[i]->state == SCHED_RUNNING ? 1 : 0);
		assert_true(!unit[i]->paused || unit[i]->state == SCHED_OFF ||
			    unit[i]->state == SCHED_PAUSED);
		if (unit[i]->state == SCHED_RUNNING) {
			assert_true(bitmap_test(&unit[i]->cpu_mask, unit[i]->cpu->id));
			assert_ptr_equal(unit[i]->cpu->current, unit[i]);
		}
	}
	/* Who doesn't run is loaded only where it waits and nobody else runs. */
	for (unsigned int i = 0; i < units; i++) {
		unsigned int on = 0;

		for (unsigned int c = 0; c < cpu_count; c++) {
			on += cpus[c].loaded == unit[i];
		}
		assert_int_equal(on, unit[i]->on_cpu ? 1 : 0);
		assert_true(on == 0 || unit[i]->state == SCHED_RUNNING ||
			    unit[i]->state == SCHED_BLOCKED);
	}
	for (unsigned int c = 0; c < cpu_count; c++) {
		assert_true(cpus[c].current == NULL || cpus[c].current == cpus[c].loaded);
	}
	/* No CPU idles while a unit waits that may use it. */
	for (unsigned int c = 0; c < cpu_count; c++) {
		for (unsigned int i = 0; cpus[c].current == NULL && i < units; i++) {
			assert_false(unit[i]->state == SCHED_QUEUED &&
				     bitmap_test(&unit[i]->cpu_mask, c));
		}
	}
}

static void random_step(struct unit_random *r)
{
	unsigned int i = unit_random_below(r, units);

	host_cpu(unit_random_below(r, cpu_count));
	switch (unit_random_below(r, 10)) {
	case 0:
		sched_stop(unit[i]);
		break;
	case 1:
		sched_start(unit[i]);
		break;
	case 2:
	case 3:
		sched_wake(unit[i]);
		break;
	case 4:
		if (this_cpu()->current != NULL) {
			sched_block_prepare(this_cpu()->current);
			sched_block(this_cpu()->current);
		}
		break;
	case 5:
		if (this_cpu()->current != NULL) {
			sched_give_way(this_cpu()->current);
		}
		break;
	case 6:
		assert_int_equal(sched_set(unit[i], 1 + unit_random_below(r, 1000),
					   unit_random_below(r, 3) ? 0 : 1 + unit_random_below(r, 100),
					   1 + unit_random_below(r, (1U << cpu_count) - 1)), 0);
		break;
	case 7:
		sched_pause(unit[i]);
		break;
	case 8:
		sched_unpause(unit[i]);
		break;
	default:
		host_exit();
		break;
	}
}

static void test_random(void **state)
{
	struct unit_random r = { 7 };

	machine(3, 6);
	for (unsigned int step = 0; step < 20000; step++) {
		random_step(&r);
		if (unit_random_below(&r, 3) == 0) {
			host_advance(unit_random_below(&r, 3000000));
			check_invariants();
		}
	}
	/* After all that, shares are fair again. */
	for (unsigned int i = 0; i < units; i++) {
		sched_unpause(unit[i]);
		sched_start(unit[i]);
		sched_wake(unit[i]);
		set(i, 256, 0, UINT64_MAX);
	}
	host_advance(20 * SECOND);
	observe(6 * SECOND);
	for (unsigned int i = 0; i < units; i++) {
		assert_share(i, 6 * SECOND, 500, 20);
	}
}

UNIT_MAIN(
	UNIT_TEST(test_equal_shares),
	UNIT_TEST(test_shares_follow_weights),
	UNIT_TEST(test_extreme_weights),
	UNIT_TEST(test_three_units_share_two_cpus),
	UNIT_TEST(test_weight_beyond_one_cpu),
	UNIT_TEST(test_slices),
	UNIT_TEST(test_alone_it_runs_all_the_time),
	UNIT_TEST(test_cap_alone),
	UNIT_TEST(test_cap_in_company),
	UNIT_TEST(test_cap_above_the_share),
	UNIT_TEST(test_pinning),
	UNIT_TEST(test_pinned_unit_leaves_an_idle_cpu_idle),
	UNIT_TEST(test_pinning_moves_a_running_unit),
	UNIT_TEST(test_parameters_out_of_range),
	UNIT_TEST(test_wake_preempts),
	UNIT_TEST(test_wake_without_claim_waits),
	UNIT_TEST(test_sleep_saves_nothing_up),
	UNIT_TEST(test_wake_goes_to_an_idle_cpu),
	UNIT_TEST(test_wake_between_look_and_block),
	UNIT_TEST(test_wake_of_a_running_unit_kicks_its_cpu),
	UNIT_TEST(test_give_way),
	UNIT_TEST(test_stop_of_a_running_unit),
	UNIT_TEST(test_stop_of_a_waiting_unit),
	UNIT_TEST(test_stop_of_a_blocked_unit),
	UNIT_TEST(test_parked),
	UNIT_TEST(test_parked_wakes_beside_another),
	UNIT_TEST(test_pause_of_a_parked_unit),
	UNIT_TEST(test_stop_of_a_throttled_unit),
	UNIT_TEST(test_stop_then_start_at_once),
	UNIT_TEST(test_pause),
	UNIT_TEST(test_times_add_up),
	UNIT_TEST(test_random),
)
