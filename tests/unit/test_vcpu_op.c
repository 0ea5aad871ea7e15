/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen/shared: vcpu_info, runstate, wall clock.
 */
#include "unit/unit.h"

#include "unit/xen_guest.h"
#include "xen/grant.h"
#include "xen/shared.h"

#define RAM	(HOST_GUEST_GFN + 4)
#define RAM_GPA	(RAM << PAGE_SHIFT)

static struct domain *guest_make(unsigned int vcpus)
{
	struct domain *d = host_domain_create(16, vcpus);

	xg_start(d);
	return d;
}

static long info_register(struct domain *d, unsigned int id, uint64_t gfn, uint32_t offset)
{
	struct vcpu_register_info op = { .gfn = gfn, .offset = offset };

	host_write(d, XG_ARG, &op, sizeof(op));
	return host_hypercall(d->vcpus[0], HC_VCPU_OP, VCPUOP_REGISTER_VCPU_INFO, id, XG_ARG);
}

static long run_register(struct domain *d, unsigned int id, uint64_t va)
{
	host_write(d, XG_ARG, &va, sizeof(va));
	return host_hypercall(d->vcpus[0], HC_VCPU_OP, VCPUOP_REGISTER_RUNSTATE, id, XG_ARG);
}

static void test_register_vcpu_info(void **state)
{
	struct domain *d = guest_make(2);
	uint8_t page[PAGE_SIZE];
	struct vcpu_info *vi;

	memset(page, 0x55, sizeof(page));
	host_write(d, RAM_GPA, page, sizeof(page));
	assert_int_equal(info_register(d, 1, RAM, 4096 - 48), 0);
	vi = (struct vcpu_info *)(void *)((uint8_t *)host_page(d, RAM) + 4096 - 48);
	assert_int_equal(vi->upcall_pending, 1);
	assert_true(vi->pending_sel == UINT64_MAX);
	assert_int_equal(vi->time[3], 0);
	assert_true(host_take_upcall(d->vcpus[1]));
	assert_int_equal(((uint8_t *)host_page(d, RAM))[4096 - 49], 0x55);

	/* Once only; the page stays. */
	assert_int_equal(info_register(d, 1, RAM, 4096 - 48), -EINVAL);
	assert_int_equal(info_register(d, 1, RAM + 1, 0), -EINVAL);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 0);
	assert_false(page_is_pinned(d, host_page(d, RAM + 1)));
}

static void test_vcpu_info_arguments(void **state)
{
	static const uint32_t offsets[] = { 4, 1, 63, 4096 - 40, 4096, 8192, UINT32_MAX - 7 };
	struct domain *d = guest_make(1);

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		assert_int_equal(info_register(d, 0, RAM, offsets[i]), -EINVAL);
	}
	assert_int_equal(info_register(d, 0, 0, 0), -EFAULT);
	assert_int_equal(info_register(d, 0, XG_GRANT_GFN, 0), -EFAULT);
	assert_int_equal(info_register(d, 0, UINT64_MAX, 0), -EFAULT);
	assert_int_equal(info_register(d, 1, RAM, 0), -ENOENT);
	assert_int_equal(info_register(d, UINT32_MAX, RAM, 0), -ENOENT);
	assert_false(page_is_pinned(d, host_page(d, RAM)));
	assert_int_equal(info_register(d, 0, RAM, 64), 0);
}

static struct runstate_info runstate_read(struct domain *d, uint64_t va)
{
	struct runstate_info info;

	host_read(d, va, &info, sizeof(info));
	return info;
}

static void test_runstate(void **state)
{
	struct domain *d = guest_make(1);
	struct runstate_info info;
	uint64_t run;

	assert_int_equal(run_register(d, 0, RAM_GPA + 64), 0);
	info = runstate_read(d, RAM_GPA + 64);
	assert_int_equal(info.state, RUNSTATE_RUNNING);

	/* After a while on the CPU and a while off it. */
	host_advance(5000000);
	host_load(d->vcpus[0]);
	host_hypercall(d->vcpus[0], HC_SCHED_OP, SCHEDOP_BLOCK);
	host_advance(7000000);
	host_load(d->vcpus[0]);
	info = runstate_read(d, RAM_GPA + 64);
	assert_int_equal(info.state, RUNSTATE_RUNNING);
	assert_int_equal(info.time[RUNSTATE_BLOCKED], d->vcpus[0]->sched.state_ns[RUN_BLOCKED]);
	assert_in_range(info.time[RUNSTATE_BLOCKED], 6000000, 8000000);
	run = info.time[RUNSTATE_RUNNING];
	assert_in_range(run, 4000000, 7000000);
	assert_int_equal(info.entry_time, d->vcpus[0]->sched.since);
}

/* One vCPU may look at the record of another, which is off its CPU. */
static void test_runstate_of_another(void **state)
{
	struct domain *d = guest_make(2);
	struct runstate_info info;

	assert_int_equal(run_register(d, 0, RAM_GPA + 64), 0);
	host_hypercall(d->vcpus[0], HC_SCHED_OP, SCHEDOP_BLOCK);
	host_run();
	info = runstate_read(d, RAM_GPA + 64);
	assert_int_equal(info.state, RUNSTATE_BLOCKED);
	assert_int_equal(info.entry_time, d->vcpus[0]->sched.since);
}

static void test_runstate_over_a_page_end(void **state)
{
	for (unsigned int before = 8; before < 48; before += 8) {
		struct domain *d = guest_make(1);
		uint64_t va = RAM_GPA + PAGE_SIZE - before;
		struct runstate_info info;

		assert_int_equal(run_register(d, 0, va), 0);
		d->vcpus[0]->sched.state_ns[RUN_BLOCKED] = 0x1111;
		d->vcpus[0]->sched.state_ns[RUN_OFFLINE] = 0x2222;
		runstate_update(d->vcpus[0]);
		info = runstate_read(d, va);
		assert_int_equal(info.state, RUNSTATE_RUNNING);
		assert_int_equal(info.time[RUNSTATE_BLOCKED], 0x1111);
		assert_int_equal(info.time[RUNSTATE_OFFLINE], 0x2222);
		assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, RAM, 1, 0),
				 0);
		assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, RAM + 1, 1,
					    0), 0);
		host_domain_destroy(d);
	}
}

static void test_runstate_arguments(void **state)
{
	struct domain *d = guest_make(2);
	uint64_t last = (HOST_GUEST_GFN + 16) << PAGE_SHIFT;

	assert_int_equal(run_register(d, 0, RAM_GPA + 4), -EINVAL);
	assert_int_equal(run_register(d, 0, 0), -EFAULT);
	assert_int_equal(run_register(d, 0, UINT64_MAX - 7), -EFAULT);
	/* The second page is missing: the first must not stay pinned. */
	assert_int_equal(run_register(d, 0, last - 16), -EFAULT);
	assert_false(page_is_pinned(d, host_page(d, HOST_GUEST_GFN + 15)));
	assert_int_equal(run_register(d, 2, RAM_GPA), -ENOENT);
	assert_int_equal(d->vcpus[0]->runstate_len[0], 0);
}

static void test_runstate_again(void **state)
{
	struct domain *d = guest_make(2);
	void *first = host_page(d, RAM);

	/* The same place after a CPU came back: no second pin. */
	for (unsigned int i = 0; i < 2 * PIN_MAX; i++) {
		assert_int_equal(run_register(d, 0, RAM_GPA), 0);
	}
	/* Another place frees the old one. */
	assert_int_equal(run_register(d, 0, RAM_GPA + PAGE_SIZE), 0);
	assert_false(page_is_pinned(d, first));
	assert_true(page_is_pinned(d, host_page(d, RAM + 1)));

	/* For another vCPU once, since that one may be running. */
	assert_int_equal(run_register(d, 1, RAM_GPA), 0);
	assert_int_equal(run_register(d, 1, RAM_GPA), 0);
	assert_int_equal(run_register(d, 1, RAM_GPA + 2 * PAGE_SIZE), -EBUSY);
	assert_false(page_is_pinned(d, host_page(d, RAM + 2)));
	runstate_update(d->vcpus[1]);
	assert_int_equal(runstate_read(d, RAM_GPA).state, RUNSTATE_OFFLINE);
}

static void test_update_flag(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];

	assert_int_equal(run_register(d, 0, RAM_GPA), 0);
	assert_int_equal(host_hypercall(v, HC_VM_ASSIST, VMASST_ENABLE,
					VMASST_RUNSTATE_UPDATE_FLAG), 0);
	assert_int_equal(d->runstate_flag, 1);
	v->sched.state_ns[RUN_OFFLINE] = 99;
	runstate_update(v);
	/* Afterwards the flag is off and the record complete. */
	assert_int_equal(runstate_read(d, RAM_GPA).time[RUNSTATE_OFFLINE], 99);
	assert_int_equal(runstate_read(d, RAM_GPA).entry_time, v->sched.since);
	assert_int_equal(host_hypercall(v, HC_VM_ASSIST, VMASST_DISABLE,
					VMASST_RUNSTATE_UPDATE_FLAG), 0);
	assert_int_equal(d->runstate_flag, 0);
	assert_int_equal(host_hypercall(v, HC_VM_ASSIST, VMASST_ENABLE, 4), -ENOSYS);
	assert_int_equal(host_hypercall(v, HC_VM_ASSIST, 2, VMASST_RUNSTATE_UPDATE_FLAG),
			 -ENOSYS);
}

static void test_wallclock(void **state)
{
	struct domain *d = guest_make(1);
	struct shared_info *si = xg_shared(d);

	shared_info_set_wallclock(d, 1700000000123456789ULL);
	assert_int_equal(si->wc_version, 2);
	assert_int_equal(si->wc_sec, 1700000000);
	assert_int_equal(si->wc_nsec, 123456789);
	assert_int_equal(si->wc_sec_hi, 0);
	shared_info_set_wallclock(d, 5000000000ULL * 1000000000ULL + 1);
	assert_int_equal(si->wc_version, 4);
	assert_int_equal(si->wc_sec, 5000000000ULL & UINT32_MAX);
	assert_int_equal(si->wc_sec_hi, 1);
	assert_int_equal(si->wc_nsec, 1);
}

static void test_refused_and_faults(void **state)
{
	struct domain *d = guest_make(1);

	for (uint64_t cmd = 0; cmd < 20; cmd++) {
		bool known = cmd == VCPUOP_REGISTER_RUNSTATE || cmd == VCPUOP_REGISTER_VCPU_INFO;

		assert_int_equal(host_hypercall(d->vcpus[0], HC_VCPU_OP, cmd, 0, 0x1000),
				 known ? -EFAULT : -ENOSYS);
	}
}

UNIT_MAIN(UNIT_TEST(test_register_vcpu_info), UNIT_TEST(test_vcpu_info_arguments),
	  UNIT_TEST(test_runstate), UNIT_TEST(test_runstate_of_another),
	  UNIT_TEST(test_runstate_over_a_page_end),
	  UNIT_TEST(test_runstate_arguments), UNIT_TEST(test_runstate_again),
	  UNIT_TEST(test_update_flag), UNIT_TEST(test_wallclock),
	  UNIT_TEST(test_refused_and_faults))
