/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kern/quiesce: nothing is freed before every CPU has passed.
 */
#include "unit/unit.h"

#include "kern/quiesce.h"

struct object {
	struct quiesce q;
	unsigned int id;
};

static struct object objects[32];
static unsigned int freed[32];
static unsigned int freed_count;

static void free_fn(struct quiesce *q)
{
	assert_int_equal(this_cpu()->held_count, 0);
	freed[freed_count++] = container_of(q, struct object, q)->id;
}

static void count_fn(struct quiesce *q)
{
	(void)q;
	freed_count++;
}

static void setup(unsigned int cpu_total)
{
	host_reset_cpus(cpu_total);
	freed_count = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i].id = i;
	}
}

static void pass(unsigned int cpu)
{
	host_cpu(cpu);
	host_exit();
	host_cpu(0);
}

static void test_one_cpu(void **state)
{
	setup(1);
	quiesce_call(&objects[0].q, free_fn);
	assert_int_equal(freed_count, 0);
	pass(0);
	assert_int_equal(freed_count, 1);
}

static void test_waits_for_all(void **state)
{
	setup(3);
	quiesce_call(&objects[0].q, free_fn);
	pass(0);
	pass(0);
	assert_int_equal(freed_count, 0);
	pass(2);
	assert_int_equal(freed_count, 0);
	pass(1);
	assert_int_equal(freed_count, 1);
	host_run();
	assert_int_equal(freed_count, 1);
}

static void test_other_cpus_are_kicked(void **state)
{
	unsigned int kicks;

	setup(2);
	kicks = host_kicks(1);
	quiesce_call(&objects[0].q, free_fn);
	assert_int_equal(host_kicks(1), kicks + 1);
	host_run();
}

/* A pass before the call counts for nothing. */
static void test_passes_before_do_not_count(void **state)
{
	setup(2);
	quiesce_call(&objects[0].q, free_fn);
	pass(1);
	quiesce_call(&objects[1].q, free_fn);
	pass(0);
	assert_int_equal(freed_count, 1);
	assert_int_equal(freed[0], 0);
	pass(1);
	assert_int_equal(freed_count, 2);
	assert_int_equal(freed[1], 1);
}

static void call_again(struct quiesce *q)
{
	free_fn(q);
	quiesce_call(&objects[9].q, free_fn);
}

static void test_function_may_ask_again(void **state)
{
	setup(2);
	quiesce_call(&objects[0].q, call_again);
	pass(0);
	pass(1);
	assert_int_equal(freed_count, 1);
	host_run();
	assert_int_equal(freed_count, 2);
	assert_int_equal(freed[1], 9);
}

/*
 * Random calls and passes on four CPUs, against the rule itself: an object
 * is freed only after each CPU passed at least once after its call.
 */
/* A guest can have a lot freed at once: no CPU does it all in one go. */
static void test_in_batches(void **state)
{
	static struct object many[3 * QUIESCE_BATCH];

	setup(2);
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++) {
		quiesce_call(&many[i].q, count_fn);
	}
	pass(1);
	for (unsigned int i = 1; i <= 3; i++) {
		assert_int_equal(freed_count, (i - 1) * QUIESCE_BATCH);
		pass(0);
		assert_int_equal(freed_count, i * QUIESCE_BATCH);
	}
	assert_int_equal(atomic_load(&cpus[0].pending) & CPU_QUIESCE, 0);
	host_run();
	assert_int_equal(freed_count, ARRAY_SIZE(many));
}

static void test_random(void **state)
{
	enum { CPUS = 4, STEPS = 20000 };
	uint32_t passed[ARRAY_SIZE(objects)] = { 0 };	/* CPUs since the call */
	bool waiting[ARRAY_SIZE(objects)] = { 0 };
	struct unit_random r = { 4 };
	unsigned int total = 0;

	setup(CPUS);
	for (unsigned int step = 0; step < STEPS; step++) {
		unsigned int cpu = unit_random_below(&r, CPUS);
		unsigned int i = unit_random_below(&r, ARRAY_SIZE(objects));

		if (unit_random_below(&r, 3) == 0 && !waiting[i]) {
			host_cpu(cpu);
			quiesce_call(&objects[i].q, free_fn);
			waiting[i] = true;
			passed[i] = 0;
			continue;
		}
		for (unsigned int k = 0; k < ARRAY_SIZE(objects); k++) {
			passed[k] |= 1U << cpu;
		}
		freed_count = 0;
		pass(cpu);
		total += freed_count;
		for (unsigned int k = 0; k < freed_count; k++) {
			assert_true(waiting[freed[k]]);
			assert_int_equal(passed[freed[k]], (1U << CPUS) - 1);
			waiting[freed[k]] = false;
		}
	}
	assert_true(total > 500);
	freed_count = 0;
	host_run();
	for (unsigned int k = 0; k < freed_count; k++) {
		waiting[freed[k]] = false;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(objects); i++) {
		assert_false(waiting[i]);
	}
}

UNIT_MAIN(
	UNIT_TEST(test_one_cpu),
	UNIT_TEST(test_waits_for_all),
	UNIT_TEST(test_other_cpus_are_kicked),
	UNIT_TEST(test_passes_before_do_not_count),
	UNIT_TEST(test_function_may_ask_again),
	UNIT_TEST(test_in_batches),
	UNIT_TEST(test_random),
)
