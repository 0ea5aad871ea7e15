/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen/grant and xen/pin.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "lib/bits.h"
#include "unit/xen_guest.h"
#include "xen/grant.h"

#define GOOD	GTF_PERMIT_ACCESS
#define RAM	(HOST_GUEST_GFN + 4)

static struct domain *guest_make(void)
{
	struct domain *d = host_domain_create(16, 1);

	xg_start(d);
	return d;
}

/* What the hypervisor holds of the domain. */
static void expect_held(const struct domain *d, unsigned int pins, unsigned int pieces)
{
	struct grant_held held;

	grant_held(d, &held);
	assert_int_equal(held.pins, pins);
	assert_int_equal(held.pieces, pieces);
}

static void test_good_entries(void **state)
{
	struct domain *d = guest_make();
	void *page;

	xg_grant(d, 8, RAM, GOOD);
	assert_int_equal(grant_frame(d, 8, false, &page), 0);
	assert_ptr_equal(page, host_page(d, RAM));
	assert_int_equal(grant_frame(d, 8, true, &page), 0);

	xg_grant(d, 511, RAM + 1, GOOD | GTF_READONLY);
	assert_int_equal(grant_frame(d, 511, false, &page), 0);
	assert_ptr_equal(page, host_page(d, RAM + 1));
	assert_int_equal(grant_frame(d, 511, true, &page), -EACCES);

	/* Marks of its own do not matter, and none is made. */
	xg_grant(d, 9, RAM, GOOD | GTF_READING | GTF_WRITING);
	assert_int_equal(grant_frame(d, 9, true, &page), 0);
	assert_int_equal(xg_entry(d, 8)->flags, GOOD);
}

static void test_bad_entries(void **state)
{
	struct domain *d = guest_make();
	void *page = NULL;

	assert_int_equal(grant_frame(d, 10, false, &page), -ENOENT);
	for (unsigned int type = 0; type < 4; type++) {
		xg_grant(d, 10, RAM, type);
		assert_int_equal(grant_frame(d, 10, false, &page), type == 1 ? 0 : -ENOENT);
	}
	for (unsigned int bit = 5; bit <= 8; bit++) {	/* caching, sub-page */
		xg_grant(d, 10, RAM, GOOD | 1U << bit);
		assert_int_equal(grant_frame(d, 10, false, &page), -EACCES);
	}
	xg_grant(d, 10, RAM, GOOD);
	xg_entry(d, 10)->domid = 1;
	assert_int_equal(grant_frame(d, 10, false, &page), -EACCES);
	xg_entry(d, 10)->domid = DOMID_SELF;
	assert_int_equal(grant_frame(d, 10, false, &page), -EACCES);
}

static void test_references_out_of_range(void **state)
{
	static const uint32_t refs[] = {
		512, 32767, 32768, 65536, 32768 + 8, 0x80000008, UINT32_MAX,
	};
	struct domain *d = guest_make();
	void *page;

	xg_grant(d, 8, RAM, GOOD);
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
		assert_int_equal(grant_frame(d, refs[i], false, &page), -ENOENT);
		assert_int_equal(grant_pin(d, refs[i], &page), -ENOENT);
		grant_unpin(d, refs[i]);
	}
}

/* Only RAM of its own can be granted: not a hole, not the hypervisor's pages. */
static void test_frames_that_cannot_be_granted(void **state)
{
	static const uint64_t gfns[] = { 0, 0x30000, UINT32_MAX, XG_GRANT_GFN, XG_SHARED_GFN };
	struct domain *d = guest_make();
	void *page;

	for (size_t i = 0; i < ARRAY_SIZE(gfns); i++) {
		xg_grant(d, 8, gfns[i], GOOD);
		assert_int_equal(grant_frame(d, 8, false, &page), -EFAULT);
		assert_int_equal(grant_pin(d, 8, &page), -EFAULT);
		assert_int_equal(xg_entry(d, 8)->flags, GOOD);
		assert_int_equal(page_pin(d, GFN(gfns[i]), &page), -EFAULT);
	}
}

static void test_pin(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	void *page, *again;

	xg_grant(d, 8, RAM, GOOD);
	assert_int_equal(grant_pin(d, 8, &page), 0);
	assert_ptr_equal(page, host_page(d, RAM));
	assert_int_equal(xg_entry(d, 8)->flags, GOOD | GTF_READING | GTF_WRITING);
	assert_true(page_is_pinned(d, page));

	/* The page stays whatever the guest tries. */
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 0);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_SHARED_INFO, 0, RAM), -EBUSY);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 0, RAM), -EBUSY);
	assert_int_equal(xg_reserve(v, XENMEM_POPULATE_PHYSMAP, RAM, 1, 0), 0);
	assert_ptr_equal(page, host_page(d, RAM));
	assert_int_equal(d->stats.misuse, 3);

	/* Twice pinned: free only after both. */
	assert_int_equal(grant_pin(d, 8, &again), 0);
	assert_ptr_equal(again, page);
	expect_held(d, 2, 0);
	grant_unpin(d, 8);
	assert_int_equal(xg_entry(d, 8)->flags, GOOD | GTF_READING | GTF_WRITING);
	assert_true(page_is_pinned(d, page));
	grant_unpin(d, 8);
	assert_int_equal(xg_entry(d, 8)->flags, GOOD);
	assert_false(page_is_pinned(d, page));
	grant_unpin(d, 8);		/* once too often does nothing */
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 1);
}

static void test_pin_outlives_the_entry(void **state)
{
	struct domain *d = guest_make();
	void *page, *again;

	/* The guest points the entry elsewhere while it is in use. */
	xg_grant(d, 8, RAM, GOOD);
	assert_int_equal(grant_pin(d, 8, &page), 0);
	xg_grant(d, 8, RAM + 1, GOOD);
	assert_int_equal(grant_pin(d, 8, &again), 0);
	assert_ptr_equal(again, page);
	grant_unpin(d, 8);
	assert_true(page_is_pinned(d, page));
	xg_grant(d, 8, RAM + 1, 0);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 0);
	grant_unpin(d, 8);
	assert_int_equal(xg_entry(d, 8)->flags, 0);
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 1);
}

static void test_pin_wants_write_access(void **state)
{
	struct domain *d = guest_make();
	void *page;

	xg_grant(d, 8, RAM, GOOD | GTF_READONLY);
	assert_int_equal(grant_pin(d, 8, &page), -EACCES);
	assert_int_equal(xg_entry(d, 8)->flags, GOOD | GTF_READONLY);
}

static void test_pin_limit(void **state)
{
	struct domain *d = guest_make();
	void *page, *ram = host_page(d, RAM);

	for (unsigned int i = 0; i < PIN_MAX; i++) {
		xg_grant(d, 8 + i, RAM, GOOD);
		assert_int_equal(grant_pin(d, 8 + i, &page), 0);
	}
	xg_grant(d, 8 + PIN_MAX, RAM, GOOD);
	assert_int_equal(grant_pin(d, 8 + PIN_MAX, &page), -ENOSPC);
	assert_int_equal(xg_entry(d, 8 + PIN_MAX)->flags, GOOD);
	assert_int_equal(page_pin(d, GFN(RAM), &page), -ENOSPC);
	/* The last one pinned again: fails, and stays marked. */
	assert_int_equal(grant_pin(d, 8, &page), -ENOSPC);
	assert_int_equal(xg_entry(d, 8)->flags, GOOD | GTF_READING | GTF_WRITING);
	for (unsigned int i = 0; i < PIN_MAX; i++) {
		assert_true(page_is_pinned(d, ram));
		grant_unpin(d, 8 + i);
		assert_int_equal(xg_entry(d, 8 + i)->flags, GOOD);
	}
	assert_false(page_is_pinned(d, ram));
}

static void test_page_pins(void **state)
{
	struct domain *d = guest_make();
	void *a, *b, *g;

	assert_int_equal(page_pin(d, GFN(RAM), &a), 0);
	assert_int_equal(page_pin(d, GFN(RAM), &b), 0);
	xg_grant(d, 8, RAM, GOOD);
	assert_int_equal(grant_pin(d, 8, &g), 0);
	assert_ptr_equal(a, g);
	page_unpin(d, a);
	page_unpin(d, b);
	page_unpin(d, b);		/* not the grant's pin */
	assert_true(page_is_pinned(d, a));
	grant_unpin(d, 8);
	assert_false(page_is_pinned(d, a));
}

static atomic_bool stop;

static void *flip(void *arg)
{
	_Atomic uint16_t *flags = arg;

	while (!atomic_load(&stop)) {
		for (unsigned int i = 0; i < 64; i++) {
			atomic_store(flags, (uint16_t)(GOOD | (i & 1) << 9));
		}
	}
	return NULL;
}

/* The guest changes the entry all the time: an answer comes anyway. */
static void test_pin_against_a_flipping_guest(void **state)
{
	struct domain *d = guest_make();
	pthread_t t;
	void *page;

	xg_grant(d, 8, RAM, GOOD);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&t, NULL, flip, &xg_entry(d, 8)->flags), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		int err = grant_pin(d, 8, &page);

		if (err == 0) {
			grant_unpin(d, 8);
		} else {
			assert_int_equal(err, -EBUSY);
		}
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	assert_false(page_is_pinned(d, host_page(d, RAM)));
}

/* One that wins every time: no pin, or an entry that stays marked and its end. */
static void test_words_lost(void **state)
{
	struct domain *d = guest_make();
	void *page;

	xg_grant(d, 8, RAM, GOOD);
	domain_get(d);
	host_words_lost = true;
	assert_int_equal(grant_pin(d, 8, &page), -EBUSY);
	host_words_lost = false;
	assert_int_equal(xg_entry(d, 8)->flags, GOOD);
	assert_false(page_is_pinned(d, host_page(d, RAM)));
	assert_int_equal(grant_pin(d, 8, &page), 0);
	host_words_lost = true;
	grant_unpin(d, 8);
	host_words_lost = false;
	assert_false(page_is_pinned(d, page));
	host_run();
	assert_int_equal(d->state, DOMAIN_DEAD);
	assert_int_equal(d->reason, SHUTDOWN_CRASH);
	domain_put(d);
}

static void test_growth(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	struct gnttab_query_size size = { .dom = DOMID_SELF, .status = 99 };
	void *page;

	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_QUERY_SIZE, &size, sizeof(size)),
			 0);
	assert_int_equal(size.status, GNTST_OKAY);
	assert_int_equal(size.frames, 1);
	assert_int_equal(size.max_frames, GRANT_DEFAULT_FRAMES);

	/* The highest first, as Linux does. */
	for (unsigned int i = 4; i-- > 0;) {
		assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, i, XG_GRANT_GFN + i), 0);
	}
	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_QUERY_SIZE, &size, sizeof(size)),
			 0);
	assert_int_equal(size.frames, 4);
	for (unsigned int ref = 512; ref < 2048; ref += 511) {
		assert_int_equal(xg_entry(d, ref)->flags, 0);
		xg_grant(d, ref, RAM, GOOD);
		assert_int_equal(grant_frame(d, ref, true, &page), 0);
		assert_int_equal(grant_frame(d, ref + 1, true, &page), -ENOENT);
	}
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 63, XG_GRANT_GFN + 63), 0);
	xg_grant(d, 32767, RAM, GOOD);
	assert_int_equal(grant_frame(d, 32767, true, &page), 0);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 64, XG_GRANT_GFN + 64), -EINVAL);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, XENMAPIDX_GRANT_STATUS,
				    XG_GRANT_GFN + 64), -EINVAL);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, UINT64_MAX, XG_GRANT_GFN + 64),
			 -EINVAL);
	/* Again at the same place, as after a resume. */
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 63, XG_GRANT_GFN + 63), 0);
	assert_int_equal(grant_frame(d, 32767, true, &page), 0);
}

static void test_limit(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	void *page;

	grant_set_limit(d, 2);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 2, XG_GRANT_GFN + 2), -EINVAL);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, 1, XG_GRANT_GFN + 1), 0);
	xg_grant(d, 1023, RAM, GOOD);
	assert_int_equal(grant_frame(d, 1023, true, &page), 0);
	assert_int_equal(grant_frame(d, 1024, true, &page), -ENOENT);
	assert_null(grant_table_frame(d, 2));

	grant_set_limit(d, UINT32_MAX);
	assert_int_equal(grant_frame(d, UINT32_MAX, true, &page), -ENOENT);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_GRANT_TABLE, GRANT_MAX_FRAMES,
				    XG_GRANT_GFN + 3), -EINVAL);
	assert_non_null(grant_table_frame(d, GRANT_MAX_FRAMES - 1));
}

static void test_operations(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	struct gnttab_query_size size = { .dom = 200 };
	struct gnttab_get_version get = { .dom = DOMID_SELF };
	uint32_t version = 1;

	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_QUERY_SIZE, &size, sizeof(size)),
			 0);
	assert_int_equal(size.status, GNTST_BAD_DOMAIN);
	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_SET_VERSION, &version, 4), 0);
	assert_int_equal(version, 1);
	version = 2;
	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_SET_VERSION, &version, 4),
			 -ENOSYS);
	version = 3;
	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_SET_VERSION, &version, 4),
			 -EINVAL);
	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_GET_VERSION, &get, sizeof(get)),
			 0);
	assert_int_equal(get.version, 1);
	get.dom = 200;
	assert_int_equal(xg_op(v, HC_GRANT_TABLE_OP, GNTTABOP_GET_VERSION, &get, sizeof(get)),
			 -EPERM);

	for (uint64_t cmd = 0; cmd < 16; cmd++) {
		bool known = cmd == GNTTABOP_QUERY_SIZE || cmd == GNTTABOP_SET_VERSION ||
			     cmd == GNTTABOP_GET_VERSION;

		assert_int_equal(host_hypercall(v, HC_GRANT_TABLE_OP, cmd, 0x1000, 1),
				 known ? -EFAULT : -ENOSYS);
		assert_int_equal(host_hypercall(v, HC_GRANT_TABLE_OP, cmd, XG_ARG, 2),
				 known ? -EINVAL : -ENOSYS);
	}
}

static void test_after_the_end(void **state)
{
	struct domain *d = guest_make();
	void *page;

	xg_grant(d, 8, RAM, GOOD);
	assert_int_equal(grant_pin(d, 8, &page), 0);
	domain_get(d);
	host_domain_destroy(d);
	assert_int_equal(grant_frame(d, 8, false, &page), -ENOENT);
	assert_int_equal(grant_pin(d, 8, &page), -ENOENT);
	assert_int_equal(page_pin(d, GFN(RAM), &page), -EINVAL);
	assert_null(grant_table_frame(d, 0));
	grant_unpin(d, 8);
	page_unpin(d, page);
	expect_held(d, 0, 0);
	domain_put(d);
}

/* Pages of requests: any number of times, given back in any order. */
static void test_pieces(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	struct grant_piece p[4] = { { .ref = 8 }, { .ref = 8 }, { .ref = 9 }, { .ref = 10 } };
	struct grant_piece again[1] = { { .ref = 9 } };

	xg_grant(d, 8, RAM, GOOD | GTF_READONLY);
	xg_grant(d, 9, RAM + 1, GOOD);
	xg_grant(d, 10, RAM, GOOD);
	assert_int_equal(grant_pieces_use(d, p, 4, false), -ENOSPC);
	assert_int_equal(grant_pieces_reserve(d, 5), 0);
	assert_int_equal(grant_pieces_use(d, p, 4, false), 0);
	assert_ptr_equal(p[0].page, host_page(d, RAM));
	assert_ptr_equal(p[2].page, host_page(d, RAM + 1));
	assert_int_equal(xg_entry(d, 8)->flags, GOOD | GTF_READONLY | GTF_READING);
	assert_int_equal(xg_entry(d, 9)->flags, GOOD | GTF_READING);
	assert_int_equal(grant_pieces_use(d, again, 1, true), 0);
	assert_int_equal(xg_entry(d, 9)->flags, GOOD | GTF_READING | GTF_WRITING);
	expect_held(d, 0, 5);
	/* No page may go. */
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 0);
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM + 1, 1, 0), 0);
	assert_int_equal(xg_physmap(v, XENMAPSPACE_SHARED_INFO, 0, RAM + 1), -EBUSY);
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM + 2, 1, 0), 1);

	grant_pieces_unuse(d, p, 1);
	expect_held(d, 0, 4);
	assert_int_equal(xg_entry(d, 8)->flags, GOOD | GTF_READONLY | GTF_READING);
	grant_pieces_unuse(d, p + 1, 3);
	assert_int_equal(xg_entry(d, 8)->flags, GOOD | GTF_READONLY);
	assert_int_equal(xg_entry(d, 10)->flags, GOOD);
	assert_int_equal(xg_entry(d, 9)->flags, GOOD | GTF_READING | GTF_WRITING);
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 1);
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM + 1, 1, 0), 0);
	grant_pieces_unuse(d, again, 1);
	assert_int_equal(xg_reserve(v, XENMEM_DECREASE_RESERVATION, RAM + 1, 1, 0), 1);
	grant_pieces_release(d, 5);
}

/* One bad piece among good ones: none is in use. */
static void test_pieces_all_or_none(void **state)
{
	struct domain *d = guest_make();
	struct grant_piece p[3] = { { .ref = 8 }, { .ref = 9 }, { .ref = 10 } };
	void *page;

	assert_int_equal(grant_pieces_reserve(d, 3), 0);
	xg_grant(d, 8, RAM, GOOD);
	xg_grant(d, 9, RAM + 1, GOOD);
	assert_int_equal(grant_pieces_use(d, p, 3, false), -ENOENT);
	xg_grant(d, 10, RAM + 2, GOOD | GTF_READONLY);
	assert_int_equal(grant_pieces_use(d, p, 3, true), -EACCES);
	xg_grant(d, 10, XG_GRANT_GFN, GOOD);
	assert_int_equal(grant_pieces_use(d, p, 3, true), -EFAULT);
	p[2].ref = UINT32_MAX;
	assert_int_equal(grant_pieces_use(d, p, 3, true), -ENOENT);
	for (unsigned int ref = 8; ref <= 10; ref++) {
		assert_int_equal(xg_entry(d, ref)->flags, GOOD);
	}
	assert_int_equal(xg_reserve(d->vcpus[0], XENMEM_DECREASE_RESERVATION, RAM, 1, 0), 1);
	/* A pin and a piece of one reference: marked until both are gone. */
	assert_int_equal(grant_pin(d, 9, &page), 0);
	assert_int_equal(grant_pieces_use(d, p + 1, 1, false), 0);
	grant_unpin(d, 9);
	assert_int_equal(xg_entry(d, 9)->flags, GOOD | GTF_READING | GTF_WRITING);
	grant_pieces_unuse(d, p + 1, 1);
	assert_int_equal(xg_entry(d, 9)->flags, GOOD);
	grant_pieces_release(d, 3);
}

UNIT_MAIN(UNIT_TEST(test_good_entries), UNIT_TEST(test_bad_entries),
	  UNIT_TEST(test_references_out_of_range),
	  UNIT_TEST(test_frames_that_cannot_be_granted), UNIT_TEST(test_pin),
	  UNIT_TEST(test_pin_outlives_the_entry), UNIT_TEST(test_pin_wants_write_access),
	  UNIT_TEST(test_pin_limit), UNIT_TEST(test_page_pins),
	  UNIT_TEST(test_pin_against_a_flipping_guest), UNIT_TEST(test_words_lost),
	  UNIT_TEST(test_growth),
	  UNIT_TEST(test_limit), UNIT_TEST(test_pieces),
	  UNIT_TEST(test_pieces_all_or_none), UNIT_TEST(test_operations), UNIT_TEST(test_after_the_end))
