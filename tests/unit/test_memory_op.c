/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen/memory_op.
 */
#include "unit/unit.h"

#include "unit/xen_guest.h"
#include "xen/memory_op.h"

#define RAM	(HOST_GUEST_GFN + 8)

static struct domain *guest_make(unsigned int pages)
{
	struct domain *d = host_domain_create(pages, 1);

	xg_start(d);
	return d;
}

static bool mapped(struct domain *d, uint64_t gfn)
{
	unsigned int attr;
	hpa_t pa;

	return p2m_lookup(&d->p2m, GFN(gfn), &pa, &attr) == 0;
}

static long count_op(struct vcpu *v, uint64_t cmd)
{
	uint16_t domid = DOMID_SELF;

	return xg_op(v, HC_MEMORY_OP, cmd, &domid, sizeof(domid));
}

static void test_give_back_and_take(void **state)
{
	struct domain *d = guest_make(32);
	struct vcpu *v = d->vcpus[0];
	uint64_t value = 0x1122334455667788;
	/* shared_info took the place of a page. */
	long before = count_op(v, XENMEM_CURRENT_RESERVATION);

	assert_int_equal(before, 31);
	assert_int_equal(count_op(v, XENMEM_MAXIMUM_RESERVATION), 32);
	host_write(d, RAM << PAGE_SHIFT, &value, sizeof(value));
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 8, 0), 8);
	assert_int_equal(count_op(v, XENMEM_CURRENT_RESERVATION), before - 8);
	for (unsigned int i = 0; i < 8; i++) {
		assert_false(mapped(d, RAM + i));
	}
	assert_true(mapped(d, RAM + 8));
	/* Gone already. */
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 0);

	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, RAM, 8, 0), 8);
	host_read(d, RAM << PAGE_SHIFT, &value, sizeof(value));
	assert_int_equal(value, 0);
	assert_int_equal(count_op(v, XENMEM_CURRENT_RESERVATION), before);
	/* There already. */
	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, RAM, 1, 0), 0);
}

static void test_memory_limit(void **state)
{
	struct domain *d = guest_make(16);
	struct vcpu *v = d->vcpus[0];

	/* One page fell to shared_info, so one is free to be had. */
	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, 0x80000, 4, 0), 1);
	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, 0x80001, 1, 0), 0);
	assert_int_equal(d->p2m.page_count, d->max_pages);
}

static void test_order(void **state)
{
	struct domain *d = guest_make(64);
	struct vcpu *v = d->vcpus[0];

	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 2, 4), 2);
	for (unsigned int i = 0; i < 32; i++) {
		assert_false(mapped(d, RAM + i));
	}
	assert_true(mapped(d, RAM + 32));
	/* The third does not fit in whole, so nothing of it stays. */
	d->max_pages = d->p2m.page_count + 40;
	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, 0x80000, 3, 4), 2);
	assert_true(mapped(d, 0x8001f));
	assert_false(mapped(d, 0x80020));
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 1, 5), -EPERM);
	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, RAM, 0, UINT32_MAX), -EPERM);
}

static void test_only_own_ram_is_given_back(void **state)
{
	static const uint64_t gfns[] = {
		XG_GRANT_GFN, XG_SHARED_GFN, 0, 1ULL << 40, UINT64_MAX,
	};
	struct domain *d = guest_make(16);

	for (size_t i = 0; i < ARRAY_SIZE(gfns); i++) {
		assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, gfns[i],
					    1, 0), 0);
	}
	assert_true(mapped(d, XG_GRANT_GFN));
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_POPULATE_PHYSMAP, 1ULL << 40, 1, 0), 0);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_POPULATE_PHYSMAP, UINT64_MAX, 1, 4), 0);
}

static void test_list_of_frames(void **state)
{
	struct domain *d = guest_make(32);
	struct mem_reservation op = { .domid = DOMID_SELF };
	uint64_t gfns[600];

	/* Of 600 frames the list's first pages hold 3 good ones, over a page end. */
	for (unsigned int i = 0; i < ARRAY_SIZE(gfns); i++) {
		gfns[i] = i < 3 ? RAM + i : 0;
	}
	op.extents = XG_ARG + PAGE_SIZE * 3 - 16;
	op.count = ARRAY_SIZE(gfns);
	host_write(d, op.extents, gfns, sizeof(gfns));
	assert_int_equal(xg_op(d->vcpus[0], HC_MEMORY_OP, XENMEM_DECREASE_RESERVATION, &op,
			       sizeof(op)), 3);

	/* A list that ends where memory ends. */
	gfns[0] = RAM + 3;
	op.extents = (HOST_GUEST_GFN + 32) * PAGE_SIZE - 8;
	host_write(d, op.extents, gfns, 8);
	op.count = 1;
	assert_int_equal(xg_op(d->vcpus[0], HC_MEMORY_OP, XENMEM_DECREASE_RESERVATION, &op,
			       sizeof(op)), 1);
	op.count = UINT64_MAX;
	assert_int_equal(xg_op(d->vcpus[0], HC_MEMORY_OP, XENMEM_DECREASE_RESERVATION, &op,
			       sizeof(op)), 0);
}

static void test_work_is_bounded(void **state)
{
	struct domain *d = guest_make(MEMORY_OP_PAGES + 512);
	struct mem_reservation op = { .domid = DOMID_SELF };
	uint64_t list = HOST_GUEST_GPA + 16 * PAGE_SIZE;

	for (uint64_t i = 0; i < MEMORY_OP_PAGES + 100; i++) {
		uint64_t gfn = HOST_GUEST_GFN + 64 + i;

		host_write(d, list + i * sizeof(gfn), &gfn, sizeof(gfn));
	}
	op.extents = list;
	op.count = MEMORY_OP_PAGES + 100;
	assert_int_equal(xg_op(d->vcpus[0], HC_MEMORY_OP, XENMEM_DECREASE_RESERVATION, &op,
			       sizeof(op)), MEMORY_OP_PAGES);
}

static void test_physmap_replaces(void **state)
{
	struct domain *d = guest_make(16);
	struct vcpu *v = d->vcpus[0];
	uint64_t pages = d->p2m.page_count;
	struct shared_info *si = host_page(d, XG_SHARED_GFN);

	si->wc_sec = 4711;
	/* Elsewhere too; the page of RAM there goes back to the hypervisor. */
	assert_int_equal(xg_physmap(v, XENMAPSPACE_SHARED_INFO, 0, RAM), 0);
	assert_ptr_equal(host_page(d, RAM), si);
	assert_int_equal(d->p2m.page_count, pages - 1);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_SHARED_INFO, 0, RAM), 0);
	assert_int_equal(((struct shared_info *)host_page(d, RAM))->wc_sec, 4711);
	/* The grant frame over it; nothing of the hypervisor's is freed. */
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 0, RAM), 0);
	assert_int_equal(d->p2m.page_count, pages - 1);
	assert_ptr_equal(host_page(d, RAM), host_page(d, XG_GRANT_GFN));
}

static void test_physmap_arguments(void **state)
{
	struct domain *d = guest_make(16);
	struct vcpu *v = d->vcpus[0];
	struct mem_add_to_physmap op = { .domid = 200, .gfn = RAM };

	assert_int_equal(xg_op(v, HC_MEMORY_OP, XENMEM_ADD_TO_PHYSMAP, &op, sizeof(op)), -EPERM);
	op.domid = (uint16_t)d->id;
	assert_int_equal(xg_op(v, HC_MEMORY_OP, XENMEM_ADD_TO_PHYSMAP, &op, sizeof(op)), 0);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_SHARED_INFO, 1, RAM), -EINVAL);
	for (uint32_t space = 2; space < 7; space++) {
		assert_int_equal(xg_physmap(v, space, 0, RAM), -ENOSYS);
	}
	assert_int_equal(xg_physmap(v, XENMAPSPACE_SHARED_INFO, 0, 1ULL << 40), -EINVAL);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_SHARED_INFO, 0, UINT64_MAX), -EINVAL);
}

/* A guest that maps here and there can't use up the hypervisor's memory. */
static void test_tables_are_bounded(void **state)
{
	struct domain *d = guest_make(16);
	unsigned int done = 0;

	while (done < 512 && xg_physmap(d->vcpus[0], XENMAPSPACE_SHARED_INFO, 0,
					0x1000000 + ((uint64_t)done << 18)) == 0) {
		done++;
	}
	assert_in_range(done, 10, 100);
	assert_in_range(d->p2m.table_count, 1, 100);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_POPULATE_PHYSMAP, 0x80000, 1, 0), 0);
}

static void test_refused_and_faults(void **state)
{
	struct domain *d = guest_make(16);
	struct mem_reservation op = { .domid = 200 };
	uint16_t domid = 200;

	for (uint64_t cmd = 0; cmd < 70; cmd++) {
		bool known = cmd == 1 || cmd == 3 || cmd == 4 || cmd == 6 || cmd == 7;

		assert_int_equal(host_hypercall(d->vcpus[0], HC_MEMORY_OP, cmd, 0x1000),
				 known ? -EFAULT : -ENOSYS);
	}
	assert_int_equal(xg_op(d->vcpus[0], HC_MEMORY_OP, XENMEM_DECREASE_RESERVATION, &op,
			       sizeof(op)), -EPERM);
	assert_int_equal(xg_op(d->vcpus[0], HC_MEMORY_OP, XENMEM_CURRENT_RESERVATION, &domid,
			       sizeof(domid)), -EPERM);
}

UNIT_MAIN(UNIT_TEST(test_give_back_and_take), UNIT_TEST(test_memory_limit),
	  UNIT_TEST(test_order), UNIT_TEST(test_only_own_ram_is_given_back),
	  UNIT_TEST(test_list_of_frames), UNIT_TEST(test_work_is_bounded),
	  UNIT_TEST(test_physmap_replaces), UNIT_TEST(test_physmap_arguments),
	  UNIT_TEST(test_tables_are_bounded), UNIT_TEST(test_refused_and_faults))
