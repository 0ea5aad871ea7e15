/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem/p2m: mapping, splitting and freeing, against a reference model and the
 * host port's TLB.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "kern/cpu.h"
#include "lib/asan.h"
#include "lib/bits.h"
#include "mem/frame.h"
#include "mem/p2m.h"
#include <arch/vcpu.h>

#define RW	(S2_READ | S2_WRITE)
#define LIMIT	(1ULL << (9 * (S2_LEAF_LEVEL - 1) + S2_ROOT_BITS))
/* Machine memory without RAM behind it, as a device's. */
#define DEVICE	0x8000000000ULL

static struct arch_domain domain;
static struct arch_vcpu vcpu;
static struct p2m p2m;

static int setup(void **state)
{
	unit_setup(state);
	assert_int_equal(p2m_init(&p2m, &domain), 0);
	assert_int_equal(arch_domain_init(&domain, va_to_hpa(p2m.root), 1), 0);
	assert_int_equal(arch_vcpu_init(&vcpu, &domain, 0), 0);
	arch_vcpu_switch(NULL, &vcpu);
	return 0;
}

static int teardown(void **state)
{
	if (host_ended == HOST_RUNNING) {
		arch_vcpu_switch(&vcpu, NULL);
		host_run();
		while (p2m_free_step(&p2m)) {
		}
		arch_domain_fini(&domain);
	}
	return unit_teardown(state);
}

static void check_mapped(uint64_t gfn, uint64_t pa, unsigned int attr)
{
	unsigned int got_attr = 0;
	hpa_t got = HPA(0);
	uint64_t pages = 0;

	assert_int_equal(p2m_lookup(&p2m, GFN(gfn), &got, &got_attr), 0);
	assert_int_equal(got.v, pa);
	assert_int_equal(got_attr, attr);
	/* .. and what follows it in one piece. */
	assert_int_equal(p2m_lookup_run(&p2m, GFN(gfn), &got, &got_attr, &pages), 0);
	assert_int_equal(got.v, pa);
	assert_int_equal(got_attr, attr);
	assert_true(pages >= 1);
	assert_int_equal(p2m_lookup(&p2m, GFN(gfn + pages - 1), &got, &got_attr), 0);
	assert_int_equal(got.v, pa + ((pages - 1) << PAGE_SHIFT));
	assert_int_equal(got_attr, attr);
}

static void check_empty(uint64_t gfn)
{
	unsigned int attr;
	hpa_t pa;

	assert_int_equal(p2m_lookup(&p2m, GFN(gfn), &pa, &attr), -ENOENT);
}

static void test_page(void **state)
{
	check_empty(0x1234);
	assert_int_equal(p2m_map(&p2m, GFN(0x1234), HPA(DEVICE), 0, RW | S2_DEVICE), 0);
	check_mapped(0x1234, DEVICE, RW | S2_DEVICE);
	check_empty(0x1233);
	check_empty(0x1235);
	assert_int_equal(p2m_unmap(&p2m, GFN(0x1234)), 0);
	check_empty(0x1234);
	assert_int_equal(p2m_unmap(&p2m, GFN(0x1234)), -ENOENT);
}

static void test_blocks(void **state)
{
	assert_int_equal(p2m_map(&p2m, GFN(512 * 7), HPA(DEVICE), 9, RW), 0);
	check_mapped(512 * 7, DEVICE, RW);
	check_mapped(512 * 7 + 511, DEVICE + 511 * PAGE_SIZE, RW);
	check_empty(512 * 7 - 1);
	check_empty(512 * 8);
	assert_int_equal(p2m_map(&p2m, GFN(3ULL << 18), HPA(DEVICE), 18, S2_READ), 0);
	check_mapped((3ULL << 18) + 0x3ffff, DEVICE + 0x3ffffULL * PAGE_SIZE, S2_READ);
	check_empty((3ULL << 18) - 1);
	check_empty(4ULL << 18);
}

static void test_ends_of_the_address_space(void **state)
{
	unsigned int attr;
	hpa_t pa;

	assert_int_equal(p2m_map(&p2m, GFN(0), HPA(DEVICE), 0, RW), 0);
	assert_int_equal(p2m_map(&p2m, GFN(LIMIT - 1), HPA(DEVICE), 0, RW), 0);
	check_mapped(0, DEVICE, RW);
	check_mapped(LIMIT - 1, DEVICE, RW);
	assert_int_equal(p2m_map(&p2m, GFN(LIMIT), HPA(DEVICE), 0, RW), -EINVAL);
	assert_int_equal(p2m_unmap(&p2m, GFN(LIMIT)), -ENOENT);
	check_empty(LIMIT);
	/* Frame numbers that wrap when they are made addresses. */
	assert_int_equal(p2m_lookup(&p2m, GFN(1ULL << 52), &pa, &attr), -ENOENT);
	assert_int_equal(p2m_map(&p2m, GFN(1ULL << 52), HPA(DEVICE), 0, RW), -EINVAL);
	assert_int_equal(p2m_unmap(&p2m, GFN(UINT64_MAX)), -ENOENT);
}

static void test_refused(void **state)
{
	assert_int_equal(p2m_map(&p2m, GFN(1), HPA(DEVICE), 9, RW), -EINVAL);
	assert_int_equal(p2m_map(&p2m, GFN(512), HPA(DEVICE + PAGE_SIZE), 9, RW), -EINVAL);
	assert_int_equal(p2m_map(&p2m, GFN(512), HPA(DEVICE), 18, RW), -EINVAL);
	assert_int_equal(p2m_map(&p2m, GFN(0), HPA(DEVICE), 1, RW), -EINVAL);
	assert_int_equal(p2m_map(&p2m, GFN(0), HPA(DEVICE), 27, RW), -EINVAL);
	assert_int_equal(p2m_map(&p2m, GFN(0), HPA(0), 36, RW), -EINVAL);
	assert_int_equal(p2m_map(&p2m, GFN(0), HPA(0), 72, RW), -EINVAL);
	assert_int_equal(p2m_map(&p2m, GFN(0), HPA(DEVICE + 1), 0, RW), -EINVAL);
	check_empty(0);
	check_empty(512);
}

/* One page out of an owned 2 MiB block: the others stay, one frame is freed. */
static void test_split_keeps_the_rest(void **state)
{
	void *block = frame_alloc(9, FRAME_ZERO);
	uint64_t pa = va_to_hpa(block).v;
	uint64_t free_before;

	assert_int_equal(p2m_map(&p2m, GFN(1024), HPA(pa), 9, RW | P2M_OWNED), 0);
	assert_int_equal(p2m.page_count, 512);
	free_before = frame_free_count();
	assert_int_equal(p2m_unmap(&p2m, GFN(1024 + 100)), 0);
	/* One page for the new table. */
	assert_int_equal(frame_free_count(), free_before);
	assert_int_equal(p2m.page_count, 511);
	check_empty(1124);
	for (uint64_t i = 0; i < 512; i++) {
		if (i != 100) {
			check_mapped(1024 + i, pa + i * PAGE_SIZE, RW | P2M_OWNED);
		}
	}
}

static void test_live_frame_is_freed_after_quiescence(void **state)
{
	uint8_t *page = frame_alloc(0, FRAME_ZERO);
	uint8_t *other = frame_alloc(0, FRAME_ZERO);
	hpa_t pa;

	assert_int_equal(p2m_map(&p2m, GFN(5), va_to_hpa(page), 0, RW | P2M_OWNED), 0);
	p2m.live = true;
	assert_int_equal(arch_guest_va(&vcpu, 5 * PAGE_SIZE + 8, true, &pa), 0);
	assert_int_equal(pa.v, va_to_hpa(page).v + 8);
	/* A new frame in the old one's place. */
	assert_int_equal(p2m_map(&p2m, GFN(5), va_to_hpa(other), 0, RW | P2M_OWNED), 0);
	assert_false(asan_is_poisoned(page + 100));
	assert_int_equal(arch_guest_va(&vcpu, 5 * PAGE_SIZE + 8, true, &pa), 0);
	assert_int_equal(pa.v, va_to_hpa(other).v + 8);
	assert_int_equal(p2m_unmap(&p2m, GFN(5)), 0);
	assert_int_equal(arch_guest_va(&vcpu, 5 * PAGE_SIZE + 8, false, &pa), -EFAULT);
	assert_false(asan_is_poisoned(other + 100));
	assert_int_equal(p2m.page_count, 0);
	host_run();
	assert_true(asan_is_poisoned(page + 100));
	assert_true(asan_is_poisoned(other + 100));
	assert_int_equal(host_s2_stats.stale_hits, 0);
	assert_int_equal(host_s2_stats.replaced, 0);
}

/* The model of the TLB itself: a change without a flush must be seen. */
static void test_a_missing_flush_is_noticed(void **state)
{
	hpa_t pa;

	assert_int_equal(p2m_map(&p2m, GFN(5), HPA(DEVICE), 0, RW), 0);
	assert_int_equal(arch_guest_va(&vcpu, 5 * PAGE_SIZE, false, &pa), 0);
	p2m.live = false;	/* so p2m does not flush */
	assert_int_equal(p2m_unmap(&p2m, GFN(5)), 0);
	assert_int_equal(arch_guest_va(&vcpu, 5 * PAGE_SIZE, false, &pa), 0);
	assert_int_equal(host_s2_stats.stale_hits, 1);
	host_s2_stats.stale_hits = 0;
}

/* Pages on loan: into holes only, and gone for every CPU when they are taken back. */
static void test_loans(void **state)
{
	struct p2m_loan loan[] = {
		{ .gfn = GFN(5), .pa = HPA(DEVICE), .write = true },
		{ .gfn = GFN(5), .pa = HPA(DEVICE) },			/* taken by then */
		{ .gfn = GFN(512 + 9), .pa = HPA(DEVICE) },		/* within a block */
		{ .gfn = GFN(LIMIT), .pa = HPA(DEVICE) },
		{ .gfn = GFN(1ULL << 20), .pa = HPA(DEVICE + PAGE_SIZE) },
		{ .gfn = GFN(7), .pa = HPA(DEVICE), .err = -EPERM },	/* passed over */
	};
	static const int errors[] = { 0, -EEXIST, -EEXIST, -EINVAL, 0, -EPERM };
	uint64_t tables;
	hpa_t pa;

	assert_int_equal(p2m_map(&p2m, GFN(512), HPA(0x9000000000), 9, RW), 0);
	p2m.live = true;
	tables = p2m.table_count;
	p2m_lend(&p2m, loan, ARRAY_SIZE(loan));
	for (unsigned int i = 0; i < ARRAY_SIZE(loan); i++) {
		assert_int_equal(loan[i].err, errors[i]);
	}
	/* The block was not split for nothing: tables for the two other places. */
	assert_true(p2m.table_count <= tables + 4);
	check_mapped(512 + 9, 0x9000000000 + 9 * PAGE_SIZE, RW);
	check_mapped(5, DEVICE, RW | P2M_FOREIGN);
	check_mapped(1ULL << 20, DEVICE + PAGE_SIZE, S2_READ | P2M_FOREIGN);
	assert_int_equal(p2m.page_count, 0);
	check_empty(7);
	assert_int_equal(arch_guest_va(&vcpu, 5 * PAGE_SIZE, true, &pa), 0);
	assert_int_equal(arch_guest_va(&vcpu, (1ULL << 20) * PAGE_SIZE, true, &pa), -EFAULT);
	/* Neither another page, nor what is no loan, nor what isn't there. */
	loan[1].err = 0;
	loan[1].pa = HPA(DEVICE + PAGE_SIZE);
	loan[2].err = 0;
	loan[3].err = 0;
	loan[3].gfn = GFN(6);
	p2m_take_back(&p2m, &loan[1], 3);
	assert_int_equal(loan[1].err, -ENOENT);
	assert_int_equal(loan[2].err, -ENOENT);
	assert_int_equal(loan[3].err, -ENOENT);
	p2m_take_back(&p2m, loan, 1);
	assert_int_equal(loan[0].err, 0);
	assert_int_equal(arch_guest_va(&vcpu, 5 * PAGE_SIZE, false, &pa), -EFAULT);
	assert_int_equal(host_s2_stats.stale_hits, 0);
	check_empty(5);
	/* The other one goes with the tables. */
}

static void test_no_memory_changes_nothing(void **state)
{
	void *block = frame_alloc(9, FRAME_ZERO);
	void **taken = calloc(HOST_RAM_SIZE / PAGE_SIZE, sizeof(*taken));
	size_t n = 0;

	assert_int_equal(p2m_map(&p2m, GFN(512), va_to_hpa(block), 9, RW | P2M_OWNED), 0);
	p2m.live = true;
	while ((taken[n] = frame_alloc(0, 0)) != NULL) {
		n++;
	}
	assert_int_equal(p2m_map(&p2m, GFN(1ULL << 20), HPA(DEVICE), 0, RW), -ENOMEM);
	check_empty(1ULL << 20);
	assert_int_equal(p2m_unmap(&p2m, GFN(513)), -ENOMEM);
	assert_int_equal(p2m_map(&p2m, GFN(513), HPA(DEVICE), 0, RW), -ENOMEM);
	for (uint64_t i = 0; i < 512; i++) {
		check_mapped(512 + i, va_to_hpa(block).v + i * PAGE_SIZE, RW | P2M_OWNED);
	}
	assert_int_equal(p2m.page_count, 512);
	while (n > 0) {
		frame_free(taken[--n], 0);
	}
	free(taken);
}

static void test_free_in_steps(void **state)
{
	unsigned int steps = 0;

	for (uint64_t i = 0; i < 4000; i++) {
		void *page = frame_alloc(0, 0);

		assert_int_equal(p2m_map(&p2m, GFN(i * 3), va_to_hpa(page), 0, RW | P2M_OWNED), 0);
	}
	assert_int_equal(p2m.page_count, 4000);
	arch_vcpu_switch(&vcpu, NULL);
	while (p2m_free_step(&p2m)) {
		steps++;
		assert_true(steps < 1000);
	}
	/* Bounded work a step: 4000 pages can't go in one or two. */
	assert_true(steps >= 4);
	assert_null(p2m.root);
	assert_false(p2m_free_step(&p2m));
	arch_vcpu_switch(NULL, &vcpu);
}

/*
 * Property test. The model knows each page of four windows; a window is a
 * 1 GiB slot of which the first and last blocks of 2 MiB are used.
 */
#define WINDOWS	4U
#define BLOCKS	3U			/* used blocks of a window */
#define PAGES	(WINDOWS * BLOCKS * 512U)

struct model {
	struct { bool mapped; uint64_t pa; unsigned int attr; } page[PAGES];
	bool has_page_table[WINDOWS * BLOCKS];	/* level-3 table under the block */
	bool has_block_table[WINDOWS];		/* level-2 table under the window */
	uint64_t owned;
};

static const uint64_t window_slot[WINDOWS] = { 0, 1, 8, (LIMIT >> 18) - 1 };
static const uint64_t block_slot[BLOCKS] = { 0, 1, 511 };

static uint64_t model_gfn(unsigned int page)
{
	unsigned int block = page / 512;

	return (window_slot[block / BLOCKS] << 18) + (block_slot[block % BLOCKS] << 9) + page % 512;
}

static void model_put(struct model *m, unsigned int page, uint64_t pa, unsigned int attr)
{
	if (m->page[page].mapped && (m->page[page].attr & P2M_OWNED)) {
		m->owned--;
	}
	m->page[page].mapped = true;
	m->page[page].pa = pa;
	m->page[page].attr = attr;
	if (attr & P2M_OWNED) {
		m->owned++;
	}
}

static void model_tables(struct model *m, unsigned int page)
{
	m->has_block_table[page / 512 / BLOCKS] = true;
	m->has_page_table[page / 512] = true;
}

static void step_map_page(struct model *m, struct unit_random *r)
{
	unsigned int page = unit_random_below(r, PAGES);
	unsigned int attr = S2_READ | (unit_random_below(r, 2) ? S2_WRITE : 0);
	uint64_t pa = DEVICE + unit_random_below(r, 1 << 20) * PAGE_SIZE;

	if (unit_random_below(r, 2)) {
		void *frame = frame_alloc(0, 0);

		if (frame == NULL) {
			return;
		}
		attr |= P2M_OWNED;
		pa = va_to_hpa(frame).v;
	}
	assert_int_equal(p2m_map(&p2m, GFN(model_gfn(page)), HPA(pa), 0, attr), 0);
	model_put(m, page, pa, attr);
	model_tables(m, page);
}

static void step_map_block(struct model *m, struct unit_random *r)
{
	unsigned int block = unit_random_below(r, WINDOWS * BLOCKS);
	uint64_t pa = DEVICE + (uint64_t)unit_random_below(r, 1 << 10) * MIB(2);
	unsigned int attr = RW;
	void *frames = NULL;
	int err;

	if (unit_random_below(r, 2) && (frames = frame_alloc(9, 0)) != NULL) {
		attr |= P2M_OWNED;
		pa = va_to_hpa(frames).v;
	}
	err = p2m_map(&p2m, GFN(model_gfn(block * 512)), HPA(pa), 9, attr);
	if (m->has_page_table[block]) {
		assert_int_equal(err, -EINVAL);
		if (frames != NULL) {
			frame_free(frames, 9);
		}
		return;
	}
	assert_int_equal(err, 0);
	m->has_block_table[block / BLOCKS] = true;
	for (unsigned int i = 0; i < 512; i++) {
		model_put(m, block * 512 + i, pa + i * PAGE_SIZE, attr);
	}
}

static void step_map_window(struct model *m, struct unit_random *r)
{
	unsigned int w = unit_random_below(r, WINDOWS);
	uint64_t pa = DEVICE + (uint64_t)unit_random_below(r, 64) * GIB(1);
	int err = p2m_map(&p2m, GFN(window_slot[w] << 18), HPA(pa), 18, RW);

	if (m->has_block_table[w]) {
		assert_int_equal(err, -EINVAL);
		return;
	}
	assert_int_equal(err, 0);
	for (unsigned int b = 0; b < BLOCKS; b++) {
		for (unsigned int i = 0; i < 512; i++) {
			model_put(m, (w * BLOCKS + b) * 512 + i,
				  pa + block_slot[b] * MIB(2) + i * PAGE_SIZE, RW);
		}
	}
}

static void step_unmap(struct model *m, struct unit_random *r)
{
	unsigned int page = unit_random_below(r, PAGES);
	int err = p2m_unmap(&p2m, GFN(model_gfn(page)));

	if (!m->page[page].mapped) {
		assert_int_equal(err, -ENOENT);
		return;
	}
	assert_int_equal(err, 0);
	if (m->page[page].attr & P2M_OWNED) {
		m->owned--;
	}
	m->page[page].mapped = false;
	model_tables(m, page);
}

/* A guest's access, which fills the TLB. */
static void step_access(struct model *m, struct unit_random *r)
{
	unsigned int page = unit_random_below(r, PAGES);
	bool write = unit_random_below(r, 2);
	hpa_t pa = HPA(0);
	int err = arch_guest_va(&vcpu, model_gfn(page) * PAGE_SIZE + 24, write, &pa);

	if (!m->page[page].mapped || (write && !(m->page[page].attr & S2_WRITE))) {
		assert_int_equal(err, -EFAULT);
	} else {
		assert_int_equal(err, 0);
		assert_int_equal(pa.v, m->page[page].pa + 24);
	}
}

static void check_model(const struct model *m)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		if (m->page[i].mapped) {
			check_mapped(model_gfn(i), m->page[i].pa, m->page[i].attr);
		} else {
			check_empty(model_gfn(i));
		}
	}
	assert_int_equal(p2m.page_count, m->owned);
}

static void run_model(bool live, uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));
	struct unit_random r = { seed };

	p2m.live = live;
	for (unsigned int step = 0; step < 6000; step++) {
		unsigned int dice = unit_random_below(&r, 100);

		if (dice < 2) {
			step_map_window(m, &r);
		} else if (dice < 6) {
			step_map_block(m, &r);
		} else if (dice < 40) {
			step_map_page(m, &r);
		} else if (dice < 60) {
			step_unmap(m, &r);
		} else if (live) {
			step_access(m, &r);
		}
		if (step % 500 == 0) {
			check_model(m);
		}
		if (step % 16 == 0) {
			host_run();	/* lets what was taken out be freed */
		}
	}
	check_model(m);
	assert_int_equal(host_s2_stats.stale_hits, 0);
	assert_int_equal(host_s2_stats.replaced, 0);
	free(m);
}

/* Frames that are somebody else's are counted and never freed. */
static void test_kept_frames(void **state)
{
	void *large = frame_alloc(9, FRAME_ZERO);
	uint64_t pa = va_to_hpa(large).v;
	uint64_t free;

	p2m.kept = true;
	p2m.live = true;
	assert_int_equal(p2m_map(&p2m, GFN(512), HPA(pa), 9, RW | P2M_OWNED), 0);
	assert_int_equal(p2m.page_count, 512);
	assert_int_equal(p2m_unmap(&p2m, GFN(512)), 0);
	assert_int_equal(p2m.page_count, 511);
	free = frame_free_count();
	host_run();
	assert_int_equal(frame_free_count(), free);
	assert_int_equal(p2m_map(&p2m, GFN(512), HPA(pa), 0, RW | P2M_OWNED), 0);
	assert_int_equal(p2m.page_count, 512);
	/* What comes in the place of one gets no frame freed either. */
	assert_int_equal(p2m_map(&p2m, GFN(513), HPA(DEVICE), 0, RW | S2_DEVICE), 0);
	assert_int_equal(p2m.page_count, 511);
	while (p2m_free_step(&p2m)) {
	}
	host_run();
	memset(large, 0x5a, MIB(2));
	frame_free(large, 9);
}

static void test_random_while_building(void **state)
{
	run_model(false, 5);
}

static void test_random_while_running(void **state)
{
	run_model(true, 6);
}

#define P2M_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNIT_MAIN(
	P2M_TEST(test_page),
	P2M_TEST(test_blocks),
	P2M_TEST(test_ends_of_the_address_space),
	P2M_TEST(test_refused),
	P2M_TEST(test_split_keeps_the_rest),
	P2M_TEST(test_live_frame_is_freed_after_quiescence),
	P2M_TEST(test_a_missing_flush_is_noticed),
	P2M_TEST(test_loans),
	P2M_TEST(test_no_memory_changes_nothing),
	P2M_TEST(test_free_in_steps),
	P2M_TEST(test_kept_frames),
	P2M_TEST(test_random_while_building),
	P2M_TEST(test_random_while_running),
)
