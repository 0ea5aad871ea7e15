/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen/grant_map, p2m loans, and channels that the hypervisor offers: a driver domain
 * that maps what it is granted, and more.
 */
#include "unit/unit.h"

#include "mem/frame.h"
#include "unit/xen_guest.h"
#include "vm/ram.h"
#include "xen/evtchn.h"
#include "xen/grant_map.h"
#include "xen/pin.h"

#define PAGES	64U
#define HOLE	(HOST_GUEST_GFN + 8)	/* and the 31 behind it are given back */
#define HOLES	32U
#define RAM	(HOST_GUEST_GFN + 50)

static unsigned int gone_count;
static void *page[HOLES];

static void gone(void *ctx)
{
	(void)ctx;
	gone_count++;
}

static struct domain *driver_make(struct hv_grants **g)
{
	struct domain *d = host_domain_create(PAGES, 1);

	xg_start(d);
	assert_int_equal(grant_maps_enable(d), 0);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, HOLE, HOLES, 0),
			 HOLES);
	assert_int_equal(hv_grants_open(d, 100, gone, NULL, g), 0);
	gone_count = 0;
	for (unsigned int i = 0; i < HOLES; i++) {
		page[i] = frame_alloc(0, FRAME_ZERO);
		memset(page[i], (int)i + 1, 64);
	}
	return d;
}

static void pages_drop(void)
{
	for (unsigned int i = 0; i < HOLES; i++) {
		frame_free(page[i], 0);
	}
}

static struct gnttab_map_grant_ref map_op(uint64_t gfn, uint32_t ref, uint32_t flags)
{
	return (struct gnttab_map_grant_ref){
		.host_addr = gfn << PAGE_SHIFT, .flags = GNTMAP_HOST_MAP | flags, .ref = ref,
		.dom = DOMID_HV, .status = 77, .handle = 77,
	};
}

static int map_one(struct domain *d, struct gnttab_map_grant_ref *op)
{
	assert_int_equal(xg_op(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_MAP_GRANT_REF, op,
			       sizeof(*op)), 0);
	return op->status;
}

static int map(struct domain *d, uint64_t gfn, uint32_t ref, uint32_t flags, uint32_t *handle)
{
	struct gnttab_map_grant_ref op = map_op(gfn, ref, flags);
	int status = map_one(d, &op);

	*handle = op.handle;
	return status;
}

static int unmap(struct domain *d, uint64_t gfn, uint32_t handle)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = gfn << PAGE_SHIFT, .handle = handle };

	assert_int_equal(xg_op(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_UNMAP_GRANT_REF, &op,
			       sizeof(op)), 0);
	return op.status;
}

static bool is_hole(struct domain *d, uint64_t gfn)
{
	unsigned int attr;
	hpa_t pa;

	return p2m_lookup(&d->p2m, GFN(gfn), &pa, &attr) == -ENOENT;
}

/* A page of the hypervisor's appears, is written, and is gone again. */
static void test_map(void **state)
{
	struct hv_grants *g;
	struct domain *d = driver_make(&g);
	struct gnttab_map_grant_ref op;
	uint8_t byte = 0;

	hv_grants_give(g, 7, page[0], true);
	op = map_op(HOLE, hv_grants_ref(g, 7), 0);
	assert_int_equal(map_one(d, &op), GNTST_OKAY);
	assert_true(op.dev_bus_addr == va_to_hpa(page[0]).v);
	host_read(d, HOLE << PAGE_SHIFT, &byte, 1);
	assert_int_equal(byte, 1);
	byte = 0x55;
	host_write(d, HOLE << PAGE_SHIFT, &byte, 1);
	assert_int_equal(*(uint8_t *)page[0], 0x55);
	assert_false(hv_grants_close(g));
	assert_int_equal(unmap(d, HOLE, op.handle), GNTST_OKAY);
	assert_true(is_hole(d, HOLE));
	assert_true(hv_grants_close(g));
	/* The frame is its own again when it takes it back. */
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_POPULATE_PHYSMAP, HOLE, 1, 0), 1);
	assert_int_equal(gone_count, 0);
	pages_drop();
	(void)state;
}

static void test_refused_maps(void **state)
{
	struct hv_grants *g;
	struct domain *d = driver_make(&g);
	uint32_t ref = hv_grants_ref(g, 0), handle, other;
	struct gnttab_map_grant_ref op;
	static const uint32_t bad_refs[] = { 1, 99, 100, 4095, 4096, 65535, 65536, UINT32_MAX };
	static const uint32_t bad_flags[] = { 0, 1, 3, 8 | 2, 16 | 2, 0x80000002 };

	hv_grants_give(g, 0, page[0], false);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad_refs); i++) {
		assert_int_equal(map(d, HOLE, ref + bad_refs[i], 0, &handle), GNTST_BAD_GNTREF);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad_flags); i++) {
		op = map_op(HOLE, ref, 0);
		op.flags = bad_flags[i];
		assert_int_equal(map_one(d, &op), GNTST_GENERAL_ERROR);
	}
	op = map_op(HOLE, ref, 0);
	op.dom = (uint16_t)d->id;
	assert_int_equal(map_one(d, &op), GNTST_BAD_DOMAIN);
	assert_int_equal(map(d, HOLE, ref, 0, &handle), GNTST_PERMISSION_DENIED);
	op = map_op(HOLE, ref, GNTMAP_READONLY);
	op.host_addr += 8;
	assert_int_equal(map_one(d, &op), GNTST_BAD_VIRT_ADDR);
	/* Over RAM, the grant table, beyond all. */
	assert_int_equal(map(d, RAM, ref, GNTMAP_READONLY, &handle), GNTST_BAD_VIRT_ADDR);
	assert_int_equal(map(d, XG_GRANT_GFN, ref, GNTMAP_READONLY, &handle),
			 GNTST_BAD_VIRT_ADDR);
	assert_int_equal(map(d, 1ULL << 40, ref, GNTMAP_READONLY, &handle), GNTST_BAD_VIRT_ADDR);
	/* Twice is fine, at the same place it isn't. */
	assert_int_equal(map(d, HOLE, ref, GNTMAP_READONLY, &handle), GNTST_OKAY);
	assert_int_equal(map(d, HOLE, ref, GNTMAP_READONLY, &other), GNTST_BAD_VIRT_ADDR);
	assert_int_equal(map(d, HOLE + 1, ref, GNTMAP_READONLY, &other), GNTST_OKAY);
	assert_int_not_equal(handle, other);
	assert_int_equal(unmap(d, HOLE, handle), GNTST_OKAY);
	assert_false(hv_grants_close(g));
	assert_int_equal(unmap(d, HOLE + 1, other), GNTST_OKAY);
	assert_true(hv_grants_close(g));
	assert_int_equal(map(d, HOLE, ref, GNTMAP_READONLY, &handle), GNTST_BAD_GNTREF);
	assert_true(d->stats.misuse > 0);
	pages_drop();
	(void)state;
}

static void test_refused_unmaps(void **state)
{
	struct hv_grants *g;
	struct domain *d = driver_make(&g);
	struct gnttab_unmap_grant_ref twice[2];
	uint32_t handle, other;

	hv_grants_give(g, 0, page[0], true);
	hv_grants_give(g, 1, page[1], true);
	assert_int_equal(map(d, HOLE, hv_grants_ref(g, 0), 0, &handle), GNTST_OKAY);
	assert_int_equal(map(d, HOLE + 1, hv_grants_ref(g, 1), 0, &other), GNTST_OKAY);
	assert_int_equal(unmap(d, HOLE, handle + 100), GNTST_BAD_HANDLE);
	assert_int_equal(unmap(d, HOLE, UINT32_MAX), GNTST_BAD_HANDLE);
	assert_int_equal(unmap(d, HOLE + 1, handle), GNTST_BAD_VIRT_ADDR);
	assert_int_equal(unmap(d, HOLE, other), GNTST_BAD_VIRT_ADDR);
	twice[0] = (struct gnttab_unmap_grant_ref){
		.host_addr = HOLE << PAGE_SHIFT, .handle = handle,
	};
	twice[1] = twice[0];
	host_write(d, XG_ARG, twice, sizeof(twice));
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_UNMAP_GRANT_REF,
					XG_ARG, 2), 0);
	host_read(d, XG_ARG, twice, sizeof(twice));
	assert_int_equal(twice[0].status, GNTST_OKAY);
	assert_int_equal(twice[1].status, GNTST_BAD_HANDLE);
	assert_int_equal(unmap(d, HOLE, handle), GNTST_BAD_HANDLE);
	assert_int_equal(unmap(d, HOLE + 1, other), GNTST_OKAY);
	assert_true(hv_grants_close(g));
	pages_drop();
	(void)state;
}

/* A mapped page is nobody's to change but by unmapping it. */
static void test_mapped_page_stays(void **state)
{
	struct hv_grants *g;
	struct domain *d = driver_make(&g);
	struct vcpu *v = d->vcpus[0];
	uint32_t handle;
	void *found;

	hv_grants_give(g, 0, page[0], true);
	assert_int_equal(map(d, HOLE, hv_grants_ref(g, 0), 0, &handle), GNTST_OKAY);
	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, HOLE, 1, 0), 0);
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, HOLE, 1, 0), 0);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 1, HOLE), -EBUSY);
	assert_int_equal(page_pin(d, GFN(HOLE), &found), -EFAULT);
	assert_int_equal(page_pin_va(v, HOLE << PAGE_SHIFT, &found), -EFAULT);
	/* It can't be granted on. */
	xg_grant(d, 8, HOLE, GTF_PERMIT_ACCESS);
	assert_int_equal(grant_frame(d, 8, false, &found), -EFAULT);
	assert_ptr_equal(host_page(d, HOLE), page[0]);
	assert_int_equal(unmap(d, HOLE, handle), GNTST_OKAY);
	assert_true(hv_grants_close(g));
	pages_drop();
	(void)state;
}

/* --- data --------------------------------------------------------------------------- */

/* Frames of a direct-mapped domain that it gave back; none was there before. */
static struct vm_ram own;

static uint64_t own_gfn(unsigned int i)
{
	return (own.bank[0].base.v >> PAGE_SHIFT) + i;
}

static uint8_t *own_page(unsigned int i)
{
	return (uint8_t *)hpa_to_va(own.bank[0].base) + i * PAGE_SIZE;
}

static struct domain *direct_make(struct hv_grants **g)
{
	struct domain *d;

	assert_int_equal(vm_ram_reserve(&own, MIB(2)), 0);
	d = driver_make(g);
	d->ram = &own;
	for (unsigned int i = 0; i < HOLES; i++) {
		hv_grants_give_data(*g, i, page[i]);
	}
	return d;
}

static void direct_end(struct domain *d)
{
	host_domain_destroy(d);
	pages_drop();
	vm_ram_release(&own);
}

/* The first byte of the data of grant `i`. */
static uint8_t data_get(struct hv_grants *g, unsigned int i)
{
	uint8_t byte = 0;
	struct grant_piece piece = { .page = &byte, .len = 1 };

	hv_grants_copy(g, i, &piece, 1, true);
	return byte;
}

static void data_put(struct hv_grants *g, unsigned int i, uint8_t byte)
{
	struct grant_piece piece = { .page = &byte, .len = 1 };

	hv_grants_copy(g, i, &piece, 1, false);
}

/* Data is in the frame where it is mapped, and survives that. */
static void test_data(void **state)
{
	struct hv_grants *g;
	struct domain *d = direct_make(&g);
	struct gnttab_map_grant_ref op = map_op(own_gfn(3), hv_grants_ref(g, 7), 0);

	own_page(3)[0] = 0xee;
	assert_int_equal(map_one(d, &op), GNTST_OKAY);
	assert_true(op.dev_bus_addr == own_gfn(3) << PAGE_SHIFT);
	assert_ptr_equal(host_page(d, own_gfn(3)), own_page(3));
	assert_int_equal(own_page(3)[0], 8);
	assert_int_equal(own_page(3)[63], 8);
	data_put(g, 7, 0x77);
	assert_int_equal(own_page(3)[0], 0x77);
	assert_int_equal(((uint8_t *)page[7])[0], 8);
	own_page(3)[0] = 0x78;
	assert_int_equal(data_get(g, 7), 0x78);
	assert_int_equal(unmap(d, own_gfn(3), op.handle), GNTST_OKAY);
	assert_true(is_hole(d, own_gfn(3)));
	own_page(3)[0] = 0xee;
	assert_int_equal(data_get(g, 7), 0x78);
	assert_int_equal(map(d, own_gfn(9), hv_grants_ref(g, 7), 0, &op.handle), GNTST_OKAY);
	assert_int_equal(own_page(9)[0], 0x78);
	/* It ends with that map. */
	direct_end(d);
	assert_int_equal(gone_count, 1);
	(void)state;
}

/* Mapped elsewhere while it is mapped still: the last place counts. */
static void test_data_twice(void **state)
{
	struct hv_grants *g;
	struct domain *d = direct_make(&g);
	uint32_t first, second, third;

	assert_int_equal(map(d, own_gfn(1), hv_grants_ref(g, 0), 0, &first), GNTST_OKAY);
	data_put(g, 0, 0x11);
	assert_int_equal(map(d, own_gfn(2), hv_grants_ref(g, 0), 0, &second), GNTST_OKAY);
	assert_int_equal(own_page(2)[0], 0x11);
	data_put(g, 0, 0x22);
	assert_int_equal(own_page(1)[0], 0x11);
	assert_int_equal(unmap(d, own_gfn(1), first), GNTST_OKAY);
	assert_int_equal(data_get(g, 0), 0x22);
	assert_int_equal(map(d, own_gfn(1), hv_grants_ref(g, 0), GNTMAP_READONLY, &third),
			 GNTST_OKAY);
	assert_int_equal(own_page(1)[0], 0x22);
	assert_int_equal(unmap(d, own_gfn(1), third), GNTST_OKAY);
	assert_int_equal(data_get(g, 0), 0x22);
	own_page(2)[0] = 0x33;
	assert_int_equal(unmap(d, own_gfn(2), second), GNTST_OKAY);
	assert_int_equal(data_get(g, 0), 0x22);
	assert_true(hv_grants_close(g));
	direct_end(d);
	assert_int_equal(gone_count, 0);
	(void)state;
}

/* Frames that its devices can't know by that address, and frames in use. */
static void test_data_refused(void **state)
{
	struct hv_grants *g;
	struct domain *d = direct_make(&g);
	uint32_t ref = hv_grants_ref(g, 0), handle, other;
	void *found;

	assert_int_equal(map(d, HOLE, ref, 0, &handle), GNTST_BAD_VIRT_ADDR);
	assert_int_equal(map(d, own_gfn(512), ref, 0, &handle), GNTST_BAD_VIRT_ADDR);
	assert_int_equal(map(d, own_gfn(0) - 1, ref, 0, &handle), GNTST_BAD_VIRT_ADDR);
	assert_int_equal(map(d, 1ULL << 52, ref, 0, &handle), GNTST_BAD_VIRT_ADDR);
	assert_int_equal(data_get(g, 0), 1);
	assert_int_equal(map(d, own_gfn(0), ref, 0, &handle), GNTST_OKAY);
	own_page(0)[0] = 0x44;
	/* Another one at the same place changes nothing there. */
	assert_int_equal(map(d, own_gfn(0), hv_grants_ref(g, 1), 0, &other),
			 GNTST_BAD_VIRT_ADDR);
	assert_int_equal(own_page(0)[0], 0x44);
	assert_int_equal(data_get(g, 0), 0x44);
	assert_int_equal(data_get(g, 1), 2);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_POPULATE_PHYSMAP, own_gfn(0), 1, 0), 0);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, own_gfn(0), 1, 0),
			 0);
	assert_int_equal(page_pin_va(d->vcpus[0], own_gfn(0) << PAGE_SHIFT, &found), -EFAULT);
	assert_int_equal(own_page(0)[0], 0x44);
	/* A page that isn't data is shown as it is, wherever. */
	hv_grants_give(g, 40, page[1], true);
	assert_int_equal(map(d, own_gfn(5), hv_grants_ref(g, 40), 0, &other), GNTST_OKAY);
	assert_ptr_equal(host_page(d, own_gfn(5)), page[1]);
	direct_end(d);
	(void)state;
}

/* Pieces of any size, to grants whose data follows each other in memory or doesn't. */
static void test_data_copy(void **state)
{
	static const unsigned int places[] = { 4, 5, 6, 20, 19, 40, 41, 42 };
	static uint8_t from[8 * PAGE_SIZE], to[8 * PAGE_SIZE];
	struct grant_piece piece[2 * ARRAY_SIZE(places)];
	struct hv_grants *g;
	struct domain *d = direct_make(&g);
	uint32_t handle;

	for (unsigned int i = 0; i < sizeof(from); i++) {
		from[i] = (uint8_t)(i * 7 + i / PAGE_SIZE);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		assert_int_equal(map(d, own_gfn(places[i]), hv_grants_ref(g, 1 + i), 0, &handle),
				 GNTST_OKAY);
		piece[2 * i] = (struct grant_piece){ .page = from + i * PAGE_SIZE, .len = 512 };
		piece[2 * i + 1] = (struct grant_piece){
			.page = from + i * PAGE_SIZE, .offset = 512, .len = PAGE_SIZE - 512,
		};
	}
	hv_grants_copy(g, 1, piece, ARRAY_SIZE(piece), false);
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		assert_memory_equal(own_page(places[i]), from + i * PAGE_SIZE, PAGE_SIZE);
	}
	/* Back from the middle of the first, backwards. */
	for (unsigned int i = 0; i < 7; i++) {
		piece[i] = (struct grant_piece){
			.page = to + (6 - i) * PAGE_SIZE, .len = PAGE_SIZE - 512,
		};
	}
	hv_grants_copy(g, 1, piece, 7, true);
	for (unsigned int i = 0; i < 7; i++) {
		assert_memory_equal(to + (6 - i) * PAGE_SIZE, from + i * (PAGE_SIZE - 512),
				    PAGE_SIZE - 512);
	}
	direct_end(d);
	(void)state;
}

/* Many at once, some of them wrong; the batch's border in between. */
static void test_batches(void **state)
{
	struct hv_grants *g;
	struct domain *d = driver_make(&g);
	struct gnttab_map_grant_ref op[40];
	struct gnttab_unmap_grant_ref un[40];
	unsigned int flushes;

	for (unsigned int i = 0; i < HOLES; i++) {
		hv_grants_give(g, i, page[i], true);
	}
	for (unsigned int i = 0; i < 40; i++) {
		op[i] = map_op(HOLE + i % HOLES, hv_grants_ref(g, i == 5 ? 90 : i % HOLES), 0);
	}
	host_write(d, XG_ARG, op, sizeof(op));
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_MAP_GRANT_REF,
					XG_ARG, 40), 0);
	host_read(d, XG_ARG, op, sizeof(op));
	for (unsigned int i = 0; i < 40; i++) {
		/* 37 comes to the place that 5 did not take. */
		assert_int_equal(op[i].status, i == 5 ? GNTST_BAD_GNTREF : i < HOLES || i == 37 ?
				 GNTST_OKAY : GNTST_BAD_VIRT_ADDR);
		un[i] = (struct gnttab_unmap_grant_ref){
			.host_addr = op[i].host_addr, .handle = op[i].handle,
		};
		if (op[i].status == GNTST_OKAY) {
			assert_ptr_equal(host_page(d, HOLE + i % HOLES), page[i % HOLES]);
		} else {
			un[i].handle = UINT32_MAX;
		}
	}
	host_write(d, XG_ARG, un, sizeof(un));
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_UNMAP_GRANT_REF,
					XG_ARG, 40), 0);
	host_read(d, XG_ARG, un, sizeof(un));
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(un[i].status, op[i].status == GNTST_OKAY ? GNTST_OKAY :
				 GNTST_BAD_HANDLE);
	}
	for (flushes = 0; flushes < HOLES; flushes++) {
		assert_true(is_hole(d, HOLE + flushes));
	}
	assert_true(hv_grants_close(g));
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_MAP_GRANT_REF,
					XG_ARG, GRANT_OPS_MAX + 1), -E2BIG);
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_UNMAP_GRANT_REF,
					XG_ARG, GRANT_OPS_MAX + 1), -E2BIG);
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_MAP_GRANT_REF,
					0x1000, 1), -EFAULT);
	pages_drop();
	(void)state;
}

/* Who isn't a driver domain maps nothing and is granted nothing. */
static void test_others(void **state)
{
	struct domain *d = host_domain_create(PAGES, 1);
	struct evtchn_bind_interdomain bind = { .remote_dom = DOMID_HV, .remote_port = 1 };
	struct hv_grants *g;

	xg_start(d);
	assert_int_equal(hv_grants_open(d, 1, gone, NULL, &g), -EPERM);
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_MAP_GRANT_REF,
					XG_ARG, 1), -ENOSYS);
	assert_int_equal(host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, GNTTABOP_UNMAP_GRANT_REF,
					XG_ARG, 1), -ENOSYS);
	assert_int_equal(xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_INTERDOMAIN, &bind,
			       sizeof(bind)), -EINVAL);
	(void)state;
}

/* It ends with maps: the owner is told when nothing works with them any more. */
static void test_end_with_maps(void **state)
{
	struct hv_grants *g, *h;
	struct domain *d = driver_make(&g);
	uint32_t handle;

	assert_int_equal(hv_grants_open(d, 1, gone, NULL, &h), 0);
	assert_int_not_equal(hv_grants_ref(g, 0), hv_grants_ref(h, 0));
	hv_grants_give(g, 0, page[0], true);
	assert_int_equal(map(d, HOLE, hv_grants_ref(g, 0), 0, &handle), GNTST_OKAY);
	host_domain_destroy(d);
	assert_int_equal(gone_count, 2);
	pages_drop();
	(void)state;
}

static void test_ranges(void **state)
{
	struct hv_grants *g[HV_GRANT_RANGES + 1];
	struct domain *d = driver_make(&g[0]);

	for (unsigned int i = 1; i < HV_GRANT_RANGES; i++) {
		assert_int_equal(hv_grants_open(d, 1, gone, NULL, &g[i]), 0);
	}
	assert_int_equal(hv_grants_open(d, 1, gone, NULL, &g[HV_GRANT_RANGES]), -ENOSPC);
	assert_int_equal(hv_grants_open(d, HV_GRANTS_MAX + 1, gone, NULL, &g[HV_GRANT_RANGES]),
			 -EINVAL);
	assert_true(hv_grants_close(g[3]));
	assert_int_equal(hv_grants_open(d, 1, gone, NULL, &g[3]), 0);
	pages_drop();
	(void)state;
}

/* --- channels ------------------------------------------------------------------- */

static unsigned int events;

static void event(void *ctx)
{
	events += ctx == &events;
}

static long bind(struct domain *d, unsigned int offer)
{
	struct evtchn_bind_interdomain op = { .remote_dom = DOMID_HV, .remote_port = offer };
	long ret = xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_INTERDOMAIN, &op,
			 sizeof(op));

	return ret == 0 ? (long)op.local_port : ret;
}

static bool take_pending(struct domain *d, unsigned int port)
{
	uint64_t *word = &xg_shared(d)->evtchn_pending[port / 64];
	bool was = (*word >> (port % 64)) & 1;

	*word &= ~(1ULL << (port % 64));
	return was;
}

static void test_offer(void **state)
{
	struct domain *d = host_domain_create(PAGES, 1);
	unsigned int offer, second;
	long port, again;

	xg_start(d);
	events = 0;
	assert_int_equal(bind(d, 1), -EINVAL);
	assert_int_equal(evtchn_offer_hv(d, event, &events, &offer), 0);
	assert_int_equal(bind(d, 0), -EINVAL);
	assert_int_equal(bind(d, offer + 1), -EINVAL);
	assert_int_equal(bind(d, UINT32_MAX), -EINVAL);
	evtchn_notify_offer(d, offer);
	port = bind(d, offer);
	assert_true(port > 0);
	/* It looks once. */
	assert_true(take_pending(d, (unsigned int)port));
	assert_int_equal(bind(d, offer), -EINVAL);
	evtchn_notify_offer(d, offer);
	assert_true(take_pending(d, (unsigned int)port));
	assert_int_equal(xg_port_op(d->vcpus[0], EVTCHNOP_SEND, (unsigned int)port), 0);
	assert_int_equal(events, 1);
	/* Closed and bound again, the number in between somebody else's. */
	assert_int_equal(xg_port_op(d->vcpus[0], EVTCHNOP_CLOSE, (unsigned int)port), 0);
	again = xg_alloc_unbound(d->vcpus[0], DOMID_HV);
	assert_int_equal(again, port);
	evtchn_notify_offer(d, offer);
	assert_false(take_pending(d, (unsigned int)port));
	port = bind(d, offer);
	assert_true(port > 0 && port != again);
	assert_int_equal(xg_port_op(d->vcpus[0], EVTCHNOP_SEND, (unsigned int)port), 0);
	assert_int_equal(events, 2);
	take_pending(d, (unsigned int)port);
	evtchn_withdraw_hv(d, offer);
	assert_int_equal(xg_port_op(d->vcpus[0], EVTCHNOP_SEND, (unsigned int)port), 0);
	assert_int_equal(events, 2);
	assert_int_equal(bind(d, offer), -EINVAL);
	for (unsigned int i = 1; i < EVTCHN_OFFERS; i++) {
		assert_int_equal(evtchn_offer_hv(d, event, &events, &second), 0);
	}
	assert_int_equal(evtchn_offer_hv(d, event, &events, &second), -ENOSPC);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_map),
		UNIT_TEST(test_refused_maps),
		UNIT_TEST(test_refused_unmaps),
		UNIT_TEST(test_mapped_page_stays),
		UNIT_TEST(test_data),
		UNIT_TEST(test_data_twice),
		UNIT_TEST(test_data_refused),
		UNIT_TEST(test_data_copy),
		UNIT_TEST(test_batches),
		UNIT_TEST(test_others),
		UNIT_TEST(test_end_with_maps),
		UNIT_TEST(test_ranges),
		UNIT_TEST(test_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
