/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm/domain and vm/vcpu: creation, the way to the end, what vCPUs ask for.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/asan.h"
#include "lib/bits.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "vm/domain.h"
#include <arch/upcall.h>

#define MS 1000000ULL

static struct domain *create(unsigned int id)
{
	struct domain *d;

	assert_int_equal(domain_create(id, "x", 1, &d), 0);
	return d;
}

/* --- creation ------------------------------------------------------------------ */

static void test_ids(void **state)
{
	struct domain *d;

	assert_int_equal(create(0)->id, 1);
	assert_int_equal(create(3)->id, 3);
	assert_int_equal(create(0)->id, 2);
	assert_int_equal(create(0)->id, 4);
	assert_int_equal(domain_create(3, "x", 1, &d), -EEXIST);
	assert_int_equal(domain_create(DOMAIN_MAX, "x", 1, &d), -EINVAL);
	assert_int_equal(domain_create(0, "x", 0, &d), -EINVAL);
	assert_int_equal(domain_create(0, "x", VCPU_MAX + 1, &d), -EINVAL);
	assert_int_equal(domain_find(2)->id, 2);
	assert_null(domain_find(0));
	assert_null(domain_find(5));
	assert_null(domain_find(DOMAIN_MAX));
	assert_null(domain_find(UINT32_MAX));
}

static void test_all_ids(void **state)
{
	struct domain *d;

	for (unsigned int i = 1; i < DOMAIN_MAX; i++) {
		assert_int_equal(create(0)->id, i);
	}
	assert_int_equal(domain_create(0, "x", 1, &d), -ENOSPC);
	host_domain_destroy(domain_find(77));
	host_run();
	assert_int_equal(create(0)->id, 77);
}

static void test_names_and_vcpus(void **state)
{
	struct domain *d;
	char name[200];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(domain_create(0, name, VCPU_MAX, &d), 0);
	assert_int_equal(strlen(d->name), VM_NAME_MAX - 1);
	assert_int_equal(d->state, DOMAIN_BUILDING);
	for (unsigned int i = 0; i < VCPU_MAX; i++) {
		assert_ptr_equal(d->vcpus[i]->domain, d);
		assert_int_equal(d->vcpus[i]->id, i);
		assert_int_equal(d->vcpus[i]->sched.state, SCHED_OFF);
		assert_ptr_equal(upcall_vcpu(&d->arch, i), &d->vcpus[i]->arch);
	}
	assert_null(upcall_vcpu(&d->arch, VCPU_MAX));
}

static void count_fn(struct domain *d, void *ctx)
{
	unsigned int *sum = ctx;

	*sum += d->id;
}

static void test_for_each(void **state)
{
	unsigned int sum = 0;

	create(5);
	create(200);
	create(7);
	domain_for_each(count_fn, &sum);
	assert_int_equal(sum, 212);
}

/* --- the modules' parts ---------------------------------------------------------- */

static char trace[64];
static int fail_create;
static unsigned int destroy_steps;

static void note(char c)
{
	size_t n = strlen(trace);

	trace[n] = c;
	trace[n + 1] = '\0';
}

static int create_a(struct domain *d)
{
	note('a');
	return 0;
}

static bool destroy_a(struct domain *d)
{
	note('A');
	return false;
}

static int create_b(struct domain *d)
{
	note('b');
	/* Not to be found before it is whole. */
	assert_null(domain_find(d->id));
	return fail_create;
}

static bool destroy_b(struct domain *d)
{
	note('B');
	assert_null(domain_find(d->id));
	assert_true(domain_is_stopped(d));
	/* The modules before it, and memory, are still there. */
	assert_non_null(d->p2m.root);
	if (destroy_steps > 0) {
		destroy_steps--;
		return true;
	}
	return false;
}

static void register_two(void)
{
	static const struct domain_ops a = { .name = "a", .create = create_a, .destroy = destroy_a };
	static const struct domain_ops b = { .name = "b", .create = create_b, .destroy = destroy_b };

	trace[0] = '\0';
	fail_create = 0;
	destroy_steps = 0;
	domain_register_ops(&a);
	domain_register_ops(&b);
}

static void test_modules_in_order_and_back(void **state)
{
	struct domain *d;

	register_two();
	d = create(0);
	assert_string_equal(trace, "ab");
	destroy_steps = 3;
	host_domain_destroy(d);
	host_run();
	assert_string_equal(trace, "abBBBBA");
}

static void test_module_refuses(void **state)
{
	struct domain *d;

	register_two();
	fail_create = -EAGAIN;
	assert_int_equal(domain_create(9, "x", 2, &d), -EAGAIN);
	assert_string_equal(trace, "abA");
	assert_null(domain_find(9));
	fail_create = 0;
	assert_int_equal(domain_create(9, "x", 2, &d), 0);
}

/* Every allocation fails once; nothing is lost, and no id stays taken. */
static void test_no_memory_at_any_point(void **state)
{
	void **taken = calloc(HOST_RAM_SIZE / PAGE_SIZE, sizeof(*taken));
	unsigned int failed = 0;
	struct domain *d = NULL;
	size_t n = 0;
	int err;

	while ((taken[n] = frame_alloc(0, 0)) != NULL) {
		n++;
	}
	do {
		size_t objects = heap_object_count();
		uint64_t frames = frame_free_count();

		err = domain_create(11, "x", 2, &d);
		if (err != 0) {
			assert_int_equal(err, -ENOMEM);
			assert_null(domain_find(11));
			host_run();
			assert_int_equal(heap_object_count(), objects);
			assert_int_equal(frame_free_count(), frames);
			frame_free(taken[--n], 0);
			failed++;
		}
	} while (err != 0);
	assert_true(failed >= 5);
	while (n > 0) {
		frame_free(taken[--n], 0);
	}
	free(taken);
}

/* --- the end ------------------------------------------------------------------------ */

static void test_shutdown(void **state)
{
	uint64_t frames = frame_free_count();
	struct domain *d = host_domain_create(100, 2);
	unsigned int id = d->id;

	assert_int_equal(d->state, DOMAIN_RUNNING);
	assert_true(frame_free_count() < frames - 100);
	domain_shutdown(d, SHUTDOWN_REBOOT);
	assert_int_equal(d->state, DOMAIN_DYING);
	/* The first reason counts. */
	domain_shutdown(d, SHUTDOWN_CRASH);
	assert_int_equal(d->reason, SHUTDOWN_REBOOT);
	host_run();
	assert_null(domain_find(id));
	assert_int_equal(frame_free_count(), frames);
	assert_null(this_cpu()->current);
}

static void test_crash(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	domain_get(d);
	domain_crash(d, "did something odd");
	assert_int_equal(d->reason, SHUTDOWN_CRASH);
	assert_int_equal(d->stats.misuse, 1);
	assert_non_null(strstr(host_console(), "did something odd"));
	host_run();
	domain_put(d);
}

static void test_reference_keeps_the_structure(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	domain_get(d);
	host_domain_destroy(d);
	host_run();
	assert_false(asan_is_poisoned(d));
	assert_int_equal(d->state, DOMAIN_DEAD);
	domain_put(d);
	assert_true(asan_is_poisoned(d));
}

static void test_one_that_never_ran(void **state)
{
	struct domain *d = create(0);

	domain_shutdown(d, SHUTDOWN_POWEROFF);
	host_run();
	assert_null(domain_find(1));
}

/* One CPU passes often; nothing is freed, and the id stays taken. */
static void pass_on(unsigned int cpu, const struct domain *d, const uint8_t *page)
{
	struct domain *other;

	host_cpu(cpu);
	for (unsigned int i = 0; i < 100; i++) {
		host_exit();
		assert_false(asan_is_poisoned(d));
		assert_false(asan_is_poisoned(page + 100));
		assert_int_equal(domain_create(1, "x", 1, &other), -EEXIST);
	}
}

/*
 * CPU 1 found the domain and works with it: until it passes, the modules keep
 * their part. Then CPU 0 works with something of a module's: until it passes,
 * the domain and its memory stay.
 */
static void test_used_by_another_cpu(void **state)
{
	struct domain *d, *other;
	uint8_t *page;

	host_reset_cpus(2);
	register_two();
	d = host_domain_create(1, 1);
	page = host_page(d, HOST_GUEST_GFN);
	host_cpu(0);
	domain_shutdown(d, SHUTDOWN_POWEROFF);
	while (!domain_is_stopped(d)) {
		host_cpu(d->vcpus[0]->sched.cpu->id);
		host_exit();
	}
	pass_on(0, d, page);
	assert_string_equal(trace, "ab");
	/* The last CPU that passes goes on with the work, now without CPU 0. */
	pass_on(1, d, page);
	assert_string_equal(trace, "abBA");
	host_run();
	assert_true(asan_is_poisoned(page + 100));
	assert_int_equal(domain_create(1, "x", 1, &other), 0);
}

static void test_running_on_another_cpu(void **state)
{
	struct domain *d;
	unsigned int home;

	host_reset_cpus(2);
	d = host_domain_create(1, 1);
	home = d->vcpus[0]->sched.cpu->id;
	host_cpu(1 - home);
	domain_shutdown(d, SHUTDOWN_POWEROFF);
	for (unsigned int i = 0; i < 10; i++) {
		host_exit();
	}
	assert_ptr_equal(cpus[home].current, &d->vcpus[0]->sched);
	assert_int_equal(d->state, DOMAIN_DYING);
	host_run();
	assert_null(cpus[home].current);
	assert_null(domain_find(1));
}

/* --- vCPUs --------------------------------------------------------------------------- */

static void test_second_vcpu_on_and_off(void **state)
{
	struct domain *d = host_domain_create(1, 3);
	struct arch_vcpu *v0 = &d->vcpus[0]->arch;
	struct arch_vcpu *v2 = &d->vcpus[2]->arch;

	assert_int_equal(upcall_vcpu_is_on(v0, 0), 1);
	assert_int_equal(upcall_vcpu_is_on(v0, 2), 0);
	assert_int_equal(upcall_vcpu_is_on(v0, 3), -EINVAL);
	assert_int_equal(upcall_vcpu_on(v0, 3, GPA(0x1000), 0), -EINVAL);
	assert_int_equal(upcall_vcpu_on(v0, 0, GPA(0x1000), 0), -EEXIST);
	assert_int_equal(upcall_vcpu_on(v0, 2, GPA(0x1000), 77), 0);
	assert_int_equal(v2->entry.v, 0x1000);
	assert_int_equal(v2->arg, 77);
	assert_int_equal(upcall_vcpu_on(v0, 2, GPA(0x2000), 0), -EEXIST);
	assert_int_equal(v2->entry.v, 0x1000);
	assert_int_equal(upcall_vcpu_is_on(v0, 2), 1);

	host_load(d->vcpus[2]);
	upcall_vcpu_off(v2);
	/* Its registers are still loaded: not off yet. */
	assert_int_equal(upcall_vcpu_on(v0, 2, GPA(0x3000), 0), -EEXIST);
	assert_int_equal(upcall_vcpu_is_on(v0, 2), 1);
	host_run();
	assert_int_equal(upcall_vcpu_is_on(v0, 2), 0);
	assert_false(v2->loaded);
	assert_int_equal(upcall_vcpu_on(v0, 2, GPA(0x3000), 0), 0);
	assert_int_equal(v2->entry.v, 0x3000);
	assert_int_equal(v2->resets, 2);
}

static void test_no_vcpu_starts_in_a_dying_domain(void **state)
{
	struct domain *d = host_domain_create(1, 2);

	domain_shutdown(d, SHUTDOWN_POWEROFF);
	assert_int_equal(upcall_vcpu_on(&d->vcpus[0]->arch, 1, GPA(0), 0), -EINVAL);
	assert_int_equal(d->vcpus[1]->sched.state, SCHED_OFF);
}

static bool runs(struct vcpu *v)
{
	return this_cpu()->current == &v->sched;
}

static void test_wait(void **state)
{
	struct vcpu *v = host_domain_create(1, 1)->vcpus[0];

	host_load(v);
	upcall_wait(&v->arch);
	host_run();
	assert_false(runs(v));
	arch_vcpu_upcall(&v->arch);
	host_run();
	assert_true(runs(v));
	/* The upcall was not taken: it must not sleep now. */
	upcall_wait(&v->arch);
	host_run();
	assert_true(runs(v));
	assert_true(host_take_upcall(v));
	assert_false(host_take_upcall(v));
	upcall_wait(&v->arch);
	host_run();
	assert_false(runs(v));
}

static void test_wait_for_its_timer(void **state)
{
	struct vcpu *v = host_domain_create(1, 1)->vcpus[0];
	uint64_t when;

	host_load(v);
	when = arch_now() + 10 * MS;
	v->arch.guest_timer = when;
	upcall_wait(&v->arch);
	host_advance(10 * MS - 1);
	assert_false(runs(v));
	host_advance(1);
	assert_true(runs(v));
	/* One in the past ends the wait before it begins. */
	upcall_wait(&v->arch);
	host_run();
	assert_true(runs(v));
}

static void test_upcall_between_look_and_sleep(void **state)
{
	struct vcpu *v;
	unsigned int home;

	host_reset_cpus(2);
	v = host_domain_create(1, 1)->vcpus[0];
	home = v->sched.cpu->id;
	host_cpu(home);
	upcall_wait(&v->arch);
	/* It has decided, but not left its CPU, when the event comes. */
	host_cpu(1 - home);
	arch_vcpu_upcall(&v->arch);
	host_cpu(home);
	host_run();
	assert_ptr_equal(cpus[v->sched.cpu->id].current, &v->sched);
	assert_int_equal(v->sched.state, SCHED_RUNNING);
	/* The same from work of its own CPU, in the exit path behind the wait. */
	host_cpu(v->sched.cpu->id);
	assert_true(host_take_upcall(v));
	upcall_wait(&v->arch);
	arch_vcpu_upcall(&v->arch);
	host_run();
	assert_int_equal(v->sched.state, SCHED_RUNNING);
}

static void test_event_for_the_running_vcpu_costs_no_kick(void **state)
{
	struct vcpu *v = host_domain_create(1, 1)->vcpus[0];
	unsigned int kicks;

	host_load(v);
	kicks = host_kicks(0);
	arch_vcpu_upcall(&v->arch);
	assert_int_equal(host_kicks(0), kicks);
	assert_int_equal(this_cpu()->pending, 0);
}

/* A timer that a waiting vCPU left behind must not reach a freed one. */
static void test_end_while_a_timer_is_set(void **state)
{
	struct domain *d = host_domain_create(1, 1);

	host_load(d->vcpus[0]);
	d->vcpus[0]->arch.guest_timer = arch_now() + 100 * MS;
	upcall_wait(&d->vcpus[0]->arch);
	host_run();
	assert_int_equal(sched_set(&d->vcpus[0]->sched, 256, 10, UINT64_MAX), 0);
	host_domain_destroy(d);
	host_advance(1000 * MS);
	assert_int_equal(host_alarm(0), UINT64_MAX);
}

static void test_faults(void **state)
{
	struct domain *d = host_domain_create(1, 1);
	struct arch_vcpu *v = &d->vcpus[0]->arch;

	assert_true(upcall_fault_is_transient(v, GPA(HOST_GUEST_GPA + 8), true, true));
	assert_false(upcall_fault_is_transient(v, GPA(0x1000), false, false));
	assert_int_equal(p2m_map(&d->p2m, GFN(1), va_to_hpa(host_page(d, HOST_GUEST_GFN)), 0,
				 S2_READ), 0);
	assert_true(upcall_fault_is_transient(v, GPA(0x1000), false, false));
	assert_false(upcall_fault_is_transient(v, GPA(0x1000), true, false));
	assert_false(upcall_fault_is_transient(v, GPA(0x1000), false, true));
	upcall_fault(v, GPA(0x5000), 0x1234);
	assert_int_equal(d->stats.misuse, 1);
}

UNIT_MAIN(
	UNIT_TEST(test_ids),
	UNIT_TEST(test_all_ids),
	UNIT_TEST(test_names_and_vcpus),
	UNIT_TEST(test_for_each),
	UNIT_TEST(test_modules_in_order_and_back),
	UNIT_TEST(test_module_refuses),
	UNIT_TEST(test_no_memory_at_any_point),
	UNIT_TEST(test_shutdown),
	UNIT_TEST(test_crash),
	UNIT_TEST(test_reference_keeps_the_structure),
	UNIT_TEST(test_one_that_never_ran),
	UNIT_TEST(test_used_by_another_cpu),
	UNIT_TEST(test_running_on_another_cpu),
	UNIT_TEST(test_second_vcpu_on_and_off),
	UNIT_TEST(test_no_vcpu_starts_in_a_dying_domain),
	UNIT_TEST(test_wait),
	UNIT_TEST(test_wait_for_its_timer),
	UNIT_TEST(test_upcall_between_look_and_sleep),
	UNIT_TEST(test_event_for_the_running_vcpu_costs_no_kick),
	UNIT_TEST(test_end_while_a_timer_is_set),
	UNIT_TEST(test_faults),
)
