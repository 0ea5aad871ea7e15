/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grant table and memory operations with wrong arguments (XSA-18, -26,
 * -134, -255, -268, -284, -301, -318, -393): refused, and nothing is lost.
 * Two CPUs.
 */
#include "lib/guest.h"
#include "lib/xen.h"

#define FRAMES_SANE	4096U

const char guest_name[] = "grant";

static uint8_t buffer[4 * PAGE_SIZE] PAGE;

static int64_t grant_op(uint32_t op, void *arg, uint64_t count)
{
	return hypercall(HC_GRANT_TABLE, op, (uint64_t)arg, count, 0, 0);
}

static uint32_t max_frames(void)
{
	struct {
		uint16_t dom, pad;
		uint32_t nr, max;
		int16_t status;
	} a = { .dom = DOMID_SELF };

	if (grant_op(GNTTABOP_QUERY_SIZE, &a, 1) != 0 || a.status != 0) {
		fail("query_size: status %d", a.status);
		return 0;
	}
	CHECK(a.nr <= a.max);
	return a.max;
}

/* An operation may come before anything was set up. */
static void case_before_setup(void)
{
	memset(buffer, 0xff, sizeof(buffer));
	for (uint32_t op = 0; op < 16; op++) {
		(void)grant_op(op, buffer, 1);
		(void)grant_op(op, buffer, 0);
	}
	CHECK(max_frames() >= 4);
}

static void case_version(void)
{
	uint32_t version = 2;

	CHECK(grant_op(GNTTABOP_SET_VERSION, &version, 1) < 0);
	version = 0;
	CHECK(grant_op(GNTTABOP_SET_VERSION, &version, 1) < 0);
	version = UINT32_MAX;
	CHECK(grant_op(GNTTABOP_SET_VERSION, &version, 1) < 0);
	version = 1;
	CHECK_EQ(grant_op(GNTTABOP_SET_VERSION, &version, 1), 0);
}

static void case_table(void)
{
	uint32_t max = max_frames();
	uint64_t gpfn = 0x38000;

	CHECK(max > 0 && max <= FRAMES_SANE);
	CHECK(add_to_physmap(SPACE_GRANT_TABLE, max, gpfn) < 0);
	CHECK(add_to_physmap(SPACE_GRANT_TABLE, UINT32_MAX, gpfn) < 0);
	CHECK(add_to_physmap(SPACE_GRANT_TABLE, UINT64_MAX, gpfn) < 0);
	CHECK(add_to_physmap(SPACE_GRANT_TABLE, 1UL << 63, gpfn) < 0);
	CHECK(add_to_physmap(SPACE_GRANT_TABLE, 0, UINT64_MAX) < 0);
	CHECK(add_to_physmap(SPACE_GRANT_TABLE, 0, 1UL << 52) < 0);
	grant_init();
	for (unsigned int i = 0; i < 4 * PAGE_SIZE / sizeof(struct grant_entry); i++) {
		if (i >= 8 && grant_table[i].flags != 0) {
			fail("entry %u is not zero", i);
		}
	}
	/* The same frame at the same place, again; and at another one. */
	CHECK_EQ(add_to_physmap(SPACE_GRANT_TABLE, 0, gpfn), 0);
	grant_set(100, 0x1234, 0);
	CHECK_EQ(grant_table[100].frame, 0x1234);
}

/* Transfers, swaps and the like are not there at all. */
static void case_not_offered(void)
{
	static const uint32_t ops[] = { 2, 4, 9, 11, 13, 100, 0x7fffffff, UINT32_MAX };

	memset(buffer, 0, sizeof(buffer));
	for (unsigned int i = 0; i < COUNT(ops); i++) {
		int64_t err = grant_op(ops[i], buffer, 1);

		if (err >= 0) {
			fail("operation %u gives %ld", ops[i], (long)err);
		}
	}
}

/* Batches: with counts that are too large, and rubbish in each entry. */
static void case_batches(void)
{
	for (uint32_t op = 0; op < 13; op++) {
		(void)grant_op(op, buffer, UINT32_MAX);
		(void)grant_op(op, buffer, UINT64_MAX);
		(void)grant_op(op, buffer, 100000);
		(void)grant_op(op, (void *)(uint64_t)0xfffffffffffff000, 1);
		(void)grant_op(op, NULL, 1);
		for (unsigned int i = 0; i < 50; i++) {
			for (size_t b = 0; b < sizeof(buffer); b += 8) {
				*(uint64_t *)(void *)(buffer + b) = rnd() >> (rnd() & 63);
			}
			(void)grant_op(op, buffer, 1 + rnd() % 100);
		}
	}
	CHECK(max_frames() >= 4);
}

static int64_t memory_op(uint32_t op, void *arg)
{
	return hypercall(HC_MEMORY_OP, op, (uint64_t)arg, 0, 0, 0);
}

/* A page given back is gone for both CPUs at once, and comes back zeroed. */
static volatile uint64_t *shared_word;
static volatile unsigned int reader_faults;
static volatile bool reader_end;
static volatile uint64_t reader_saw;

static void reader(void)
{
	while (!reader_end) {
		uint64_t val = 1;

		fault_begin();
		__asm__ volatile("ldr %0, [%1]" : "+r"(val) : "r"(shared_word) : "memory");
		if (fault_end() != 0) {
			reader_faults++;
		} else {
			reader_saw = val;
		}
	}
}

static void case_page_gone(void)
{
	static uint8_t page[PAGE_SIZE] PAGE;
	uint64_t gfn = gfn_of(page);
	struct xen_reservation r = {
		.extent_start = (uint64_t)&gfn, .nr_extents = 1, .domid = DOMID_SELF,
	};

	shared_word = (volatile uint64_t *)(uint64_t)page;
	*shared_word = 0x1234;
	CHECK_EQ(cpu_start(1, reader), 0);
	CHECK(WAIT_FOR(reader_saw == 0x1234, 1000000));
	CHECK_EQ(memory_op(XENMEM_DECREASE, &r), 1);
	reader_faults = 0;
	CHECK(WAIT_FOR(reader_faults >= 2, 1000000));
	reader_saw = 7;
	delay_us(1000);
	CHECK_EQ(reader_saw, 7);
	CHECK_EQ(memory_op(XENMEM_POPULATE, &r), 1);
	CHECK(WAIT_FOR(reader_saw != 7, 1000000));
	CHECK_EQ(reader_saw, 0);
	reader_end = true;
	CHECK(cpu_wait_off(1));
	/* Twice the same, or what isn't there: no progress, no harm. */
	CHECK_EQ(memory_op(XENMEM_DECREASE, &r), 1);
	CHECK(memory_op(XENMEM_DECREASE, &r) <= 0);
	CHECK_EQ(memory_op(XENMEM_POPULATE, &r), 1);
	(void)memory_op(XENMEM_POPULATE, &r);
}

/* Sizes and orders beyond reason; other domains. */
static void case_reservations(void)
{
	static uint64_t gfns[8];
	struct xen_reservation r = { .extent_start = (uint64_t)gfns, .domid = DOMID_SELF };

	for (unsigned int i = 0; i < COUNT(gfns); i++) {
		gfns[i] = 0x300000UL + i;	/* no RAM there */
	}
	for (uint32_t order = 9; order != 0; order = order * 2) {
		r.nr_extents = 1;
		r.order = order;
		CHECK(memory_op(XENMEM_DECREASE, &r) <= 0);
	}
	r.order = 64;
	CHECK(memory_op(XENMEM_POPULATE, &r) <= 0);
	r.order = 0;
	r.nr_extents = UINT64_MAX;
	CHECK(memory_op(XENMEM_DECREASE, &r) <= 0);
	r.nr_extents = 1UL << 61;
	CHECK(memory_op(XENMEM_DECREASE, &r) <= 0);
	r.extent_start = 0xfffffffffffffff8UL;
	r.nr_extents = 4;
	CHECK(memory_op(XENMEM_DECREASE, &r) <= 0);
	CHECK(memory_op(XENMEM_POPULATE, &r) <= 0);
	r.extent_start = (uint64_t)gfns;
	r.domid = 0;
	CHECK(memory_op(XENMEM_DECREASE, &r) <= 0);
	r.domid = 2;
	CHECK(memory_op(XENMEM_POPULATE, &r) <= 0);
	r.domid = DOMID_SELF;
	gfns[0] = UINT64_MAX;
	gfns[1] = 1UL << 52;
	gfns[2] = GICD_BASE >> 12;
	r.nr_extents = 3;
	CHECK(memory_op(XENMEM_DECREASE, &r) <= 0);
	(void)memory_op(XENMEM_POPULATE, &r);
	/* The interrupt controller is still there. */
	CHECK_EQ(read32(GICD_BASE + 0xffe8) >> 4 & 0xf, 3);
}

/* More memory than it was given: refused at some point. */
static void case_greed(void)
{
	static uint64_t gfns[64];
	struct xen_reservation r = {
		.extent_start = (uint64_t)gfns, .nr_extents = COUNT(gfns), .domid = DOMID_SELF,
	};
	int64_t done = 1;
	uint64_t all = 0;

	for (uint64_t next = 0x60000; done > 0 && all < 0x10000; next += COUNT(gfns)) {
		for (unsigned int i = 0; i < COUNT(gfns); i++) {
			gfns[i] = next + i;
		}
		done = memory_op(XENMEM_POPULATE, &r);
		all += done > 0 ? (uint64_t)done : 0;
	}
	if (done > 0) {
		fail("%lu pages more than its share", (unsigned long)all);
	}
}

/* The hypervisor's own pages in the guest, taken away by the guest itself. */
static void case_magic_pages(void)
{
	struct {
		uint16_t domid, pad[3];
		uint64_t gpfn;
	} rm = { .domid = DOMID_SELF };
	uint64_t pages[] = { hvm_param(PARAM_STORE_PFN), hvm_param(PARAM_CONSOLE_PFN),
			     0x38000, UINT64_MAX, 1UL << 40, 0 };

	for (unsigned int i = 0; i < COUNT(pages); i++) {
		struct xen_reservation r = {
			.extent_start = (uint64_t)&pages[i], .nr_extents = 1,
			.domid = DOMID_SELF,
		};

		rm.gpfn = pages[i];
		(void)memory_op(XENMEM_REMOVE, &rm);
		(void)memory_op(XENMEM_DECREASE, &r);
	}
	CHECK(max_frames() >= 4);
	CHECK_EQ(add_to_physmap(SPACE_GRANT_TABLE, 0, 0x38000), 0);
	grant_set(9, 1, 0);
	CHECK_EQ(grant_table[9].frame, 1);
}

const struct guest_case guest_cases[] = {
	{ "before-setup", case_before_setup }, { "version", case_version },
	{ "table", case_table }, { "not-offered", case_not_offered },
	{ "batches", case_batches }, { "page-gone", case_page_gone },
	{ "reservations", case_reservations }, { "greed", case_greed },
	{ "magic-pages", case_magic_pages }, { NULL, NULL },
};
