/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests' disks through blkback and the block switch: frontends in this
 * process (sim/blkfront.h), a target in memory (sim/memdisk.h), the real code in
 * between.
 */
#include "sim/blkfront.h"

#include "sim/memdisk.h"

static const struct bf_options linux_defaults = { 0 };
static uint8_t text[256 * 1024];
static uint8_t back[256 * 1024];

static int setup(void **state)
{
	host_reset_cpus(4);
	md_setup();
	for (unsigned int i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)(i * 7 + i / 512);
	}
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	host_finish();
	for (unsigned int i = 0; i < MD_DISKS; i++) {
		assert_int_equal(md_disk[i].t.refs, 0);
		assert_true(list_empty(&md_disk[i].t.volumes));
	}
	(void)state;
	return 0;
}

#define BLK_TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Write, compare with the target, read back. */
static void expect_works(struct blkfront *f, struct memdisk *m, unsigned int n)
{
	uint64_t sector = 16 * n;

	text[0]++;
	assert_int_equal(bf_io(f, n, BLKIF_OP_WRITE, sector, text, 16), BLKIF_OKAY);
	assert_memory_equal(m->data + sector * 512, text, 8192);
	memset(back, 0, 8192);
	assert_int_equal(bf_io(f, n, BLKIF_OP_READ, sector, back, 16), BLKIF_OKAY);
	assert_memory_equal(back, text, 8192);
}

static void test_read_write(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	static const unsigned int sizes[] = { 1, 7, 8, 9, 40, 88, 96, 256 };

	assert_int_equal(bf_read_back(f, "sectors"), MD_SECTORS);
	assert_int_equal(bf_read_back(f, "sector-size"), 512);
	assert_int_equal(bf_read_back(f, "info"), 0);
	assert_int_equal(bf_read_back(f, "feature-flush-cache"), 1);
	assert_int_equal(bf_read_back(f, "feature-discard"), 1);
	assert_int_equal(bf_read_back(f, "feature-persistent"), -1);
	expect_works(f, &md_disk[0], 0);
	/* Also more segments than a request holds: indirect. */
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t at = MD_SECTORS - sizes[i];

		assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, at, text + i, sizes[i]), BLKIF_OKAY);
		assert_memory_equal(md_disk[0].data + at * 512, text + i, sizes[i] * 512);
		assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, at, back, sizes[i]), BLKIF_OKAY);
		assert_memory_equal(back, text + i, sizes[i] * 512);
	}
	assert_int_equal(md_disk[1].done[0], 0);
	bf_free(f);
	(void)state;
}

/* Segments of all shapes, and nothing beside them is touched. */
static void test_segments(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct unit_random r = { 3 };

	memcpy(md_disk[0].data, text, sizeof(text));
	for (unsigned int i = 0; i < 300; i++) {
		struct bf_segment seg[BLK_PIECES_MAX];
		unsigned int count = 1 + unit_random_below(&r, BLK_PIECES_MAX);
		uint64_t sector = unit_random_below(&r, 200);
		const uint8_t *want = text + sector * 512;
		unsigned int id;

		for (unsigned int s = 0; s < count; s++) {
			seg[s].page = bf_alloc(f);
			seg[s].first = unit_random_below(&r, 8);
			seg[s].last = seg[s].first + unit_random_below(&r, 8 - seg[s].first);
			memset(bf_page(f, seg[s].page), 0xdb, PAGE_SIZE);
		}
		id = bf_request(f, 0, BLKIF_OP_READ, sector, seg, count);
		assert_int_equal(bf_wait(f, 0, id, 1000000000), BLKIF_OKAY);
		for (unsigned int s = 0; s < count; s++) {
			const uint8_t *page = bf_page(f, seg[s].page);

			for (unsigned int b = 0; b < PAGE_SIZE; b++) {
				bool in = b / 512 >= seg[s].first && b / 512 <= seg[s].last;

				assert_int_equal(page[b], in ? *want : 0xdb);
				want += in;
			}
		}
	}
	bf_free(f);
	(void)state;
}

static void fill_ring(struct blkfront *f, unsigned int n)
{
	struct bf_queue *q = &f->queue[n];

	for (unsigned int i = 0; i < q->size; i++) {
		struct bf_segment seg = { .page = bf_alloc(f), .last = 7 };

		memcpy(bf_page(f, seg.page), text + i * 32, 4096);
		bf_request(f, n, BLKIF_OP_WRITE, i * 8 % MD_SECTORS, &seg, 1);
	}
	bf_kick(f, n);
	host_run();
	assert_int_equal(bf_collect(f, n), q->size);
	assert_true(bf_take_event(f, n));
	for (unsigned int i = 0; i < BF_IDS; i++) {
		if (q->shadow[i].used) {
			assert_int_equal(bf_status(f, n, i), BLKIF_OKAY);
		}
	}
	assert_memory_equal(md_disk[0].data + (q->size - 1) * 4096, text + (q->size - 1) * 32, 4096);
}

/* Many queues with rings of many pages, filled to the last entry. */
static void test_rings(void **state)
{
	for (unsigned int order = 0; order <= BLKIF_ORDER_MAX; order++) {
		struct blkfront *f;

		(void)setup(state);
		f = bf_start("mem:0", &(struct bf_options){ .queues = order ? 4 : 0,
							      .order = order });
		for (unsigned int round = 0; round < 3 * f->queue_count; round++) {
			fill_ring(f, round / 3);
		}
		/* One notification for each ring full. */
		assert_int_equal(f->kicks, 3 * f->queue_count);
		bf_reload(f);
		expect_works(f, &md_disk[0], f->queue_count - 1);
		bf_free(f);
		(void)teardown(state);
	}
	(void)setup(state);
}

static void test_one_event_for_many(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	unsigned int ids[20];

	md_disk[0].hold = true;
	for (unsigned int i = 0; i < 20; i++) {
		struct bf_segment seg = { .page = bf_alloc(f), .last = 7 };

		ids[i] = bf_request(f, 0, BLKIF_OP_READ, i, &seg, 1);
	}
	bf_kick(f, 0);
	host_run();
	assert_int_equal(bf_collect(f, 0), 0);
	assert_false(bf_take_event(f, 0));
	md_go(&md_disk[0]);
	assert_true(bf_take_event(f, 0));
	assert_int_equal(bf_collect(f, 0), 20);
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(bf_status(f, 0, ids[i]), BLKIF_OKAY);
	}
	bf_free(f);
	(void)state;
}

static unsigned int read_one(struct blkfront *f)
{
	struct bf_segment seg = { .page = bf_alloc(f), .last = 7 };
	unsigned int id = bf_request(f, 0, BLKIF_OP_READ, 0, &seg, 1);

	bf_kick(f, 0);
	return id;
}

static bool asks_for_next(struct blkfront *f)
{
	return atomic_load(&bf_ring(f, 0)->req_event) == f->queue[0].prod + 1;
}

/*
 * With much under way a guest need not notify of each request: the ring is looked at on
 * exits, and soon if there are none.
 */
static void test_few_notifications(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct blk_volume *v = bf_volume(f);

	md_disk[0].hold = true;
	host_load(f->v);
	for (unsigned int i = 1; i < BLKBACK_DEEP; i++) {
		read_one(f);
		assert_int_equal(f->kicks, i);
		assert_true(asks_for_next(f));
	}
	/* The 4th; the 8th, which is notified before a look, so that one is in vain; the 9th. */
	for (unsigned int i = BLKBACK_DEEP; i <= 17; i++) {
		read_one(f);
	}
	assert_int_equal(f->kicks, BLKBACK_DEEP + 2);
	assert_int_equal(v->inflight, 9);
	host_exit();
	host_exit();
	assert_int_equal(v->inflight, 17);
	/* Nothing new: the next one is asked for again. */
	host_exit();
	host_exit();
	assert_true(asks_for_next(f));
	read_one(f);
	assert_int_equal(f->kicks, BLKBACK_DEEP + 3);
	/* The guest never leaves by itself. */
	read_one(f);
	assert_int_equal(f->kicks, BLKBACK_DEEP + 3);
	host_advance(BLKBACK_LOOK_NS + 1);
	assert_int_equal(v->inflight, 19);
	/* Few under way: each is asked for at once. */
	md_go(&md_disk[0]);
	assert_int_equal(bf_collect(f, 0), 19);
	host_advance(1000000);
	assert_true(asks_for_next(f));
	bf_free(f);
	(void)state;
}

/* An answer has the ring looked at; a device that goes while it is looked at is gone. */
static void test_looks_and_answers(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct blk_volume *v = bf_volume(f);

	md_disk[0].hold = true;
	host_load(f->v);
	for (unsigned int i = 0; i < BLKBACK_DEEP + 2; i++) {
		read_one(f);
	}
	assert_int_equal(v->inflight, BLKBACK_DEEP);
	/* On another CPU; the guest stays where it is. */
	host_cpu((this_cpu()->id + 1) % 4);
	blk_cancel(list_entry(md_disk[0].requests.next, struct blk_request, node));
	host_exit();
	host_exit();
	assert_int_equal(v->inflight, BLKBACK_DEEP + 1);
	read_one(f);
	md_disk[0].hold = false;
	bf_reload(f);
	expect_works(f, &md_disk[0], 0);
	bf_free(f);
	(void)state;
}

static void test_flush_and_discard(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct bf_segment seg = { .page = 0, .last = 0 };

	assert_int_equal(bf_wait(f, 0, bf_request(f, 0, BLKIF_OP_FLUSH, 0, NULL, 0), 1000000000),
			 BLKIF_OKAY);
	assert_int_equal(md_disk[0].flushes, 1);
	assert_int_equal(bf_wait(f, 0, bf_request(f, 0, BLKIF_OP_FLUSH, 0, &seg, 1), 1000000000),
			 BLKIF_ERROR);
	assert_int_equal(bf_wait(f, 0, bf_discard(f, 0, 8, 100), 1000000000), BLKIF_OKAY);
	assert_int_equal(md_disk[0].discarded, 100);
	assert_int_equal(bf_wait(f, 0, bf_discard(f, 0, 8, MD_SECTORS), 1000000000), BLKIF_ERROR);
	assert_int_equal(bf_wait(f, 0, bf_discard(f, 0, 8, UINT64_MAX - 4), 1000000000),
			 BLKIF_ERROR);
	md_disk[0].t.info.flush = false;
	md_disk[0].t.info.discard = false;
	assert_int_equal(bf_wait(f, 0, bf_request(f, 0, BLKIF_OP_FLUSH, 0, NULL, 0), 1000000000),
			 BLKIF_UNSUPPORTED);
	assert_int_equal(bf_wait(f, 0, bf_discard(f, 0, 8, 100), 1000000000), BLKIF_UNSUPPORTED);
	bf_reload(f);
	assert_int_equal(bf_read_back(f, "feature-flush-cache"), 0);
	assert_int_equal(bf_read_back(f, "feature-discard"), 0);
	bf_free(f);
	(void)state;
}

static void test_read_only(void **state)
{
	struct vm_vbd_config c = bf_config("mem:0");
	struct blkfront *f;

	c.read_only = true;
	f = bf_create(&c, &linux_defaults);
	bf_connect(f);
	assert_int_equal(bf_read_back(f, "info"), BLKIF_INFO_READONLY);
	assert_int_equal(bf_read_back(f, "feature-discard"), 0);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 0, back, 8), BLKIF_OKAY);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, 0, text, 8), BLKIF_ERROR);
	assert_int_equal(bf_wait(f, 0, bf_discard(f, 0, 8, 100), 1000000000), BLKIF_ERROR);
	assert_int_equal(md_disk[0].data[1], 0);
	bf_free(f);
	(void)state;
}

static void test_errors_of_the_target(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct blk_stats stats;
	unsigned int queued, inflight;

	md_disk[0].status = -EIO;
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 0, back, 8), BLKIF_ERROR);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, 0, text, 8), BLKIF_ERROR);
	md_disk[0].status = 0;
	expect_works(f, &md_disk[0], 0);
	blk_volume_stats(bf_volume(f), &stats, &queued, &inflight);
	assert_int_equal(stats.errors, 2);
	assert_int_equal(stats.ios[BLK_READ], 1);
	assert_int_equal(stats.bytes[BLK_WRITE], 8192);
	assert_int_equal(queued, 0);
	assert_int_equal(inflight, 0);
	bf_free(f);
	(void)state;
}

/* --- misuse (hostile frontends) --------------------------------------------------- */

static int raw(struct blkfront *f, uint64_t w0, uint64_t sector, uint64_t w3, uint64_t w4)
{
	unsigned int op = (uint8_t)w0;
	unsigned int id = bf_id(&f->queue[0], op == BLKIF_OP_INDIRECT ? (uint8_t)(w0 >> 8) : op);
	uint64_t w[] = { w0, id, sector, w3, w4 };

	bf_put(f, 0, w, 5);
	return bf_wait(f, 0, id, 1000000000);
}

/* Each gets its error, and the device goes on. */
static void test_bad_requests(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	uint64_t good = bf_ref(0) | 7ULL << 40;
	uint64_t *list = bf_page(f, 1);

	xg_grant(f->d, bf_ref(0), BF_DATA_GFN, GTF_PERMIT_ACCESS);
	xg_grant(f->d, bf_ref(1), BF_DATA_GFN + 1, GTF_PERMIT_ACCESS);
	xg_grant(f->d, bf_ref(2), BF_DATA_GFN + 2, GTF_PERMIT_ACCESS | GTF_READONLY);
	assert_int_equal(raw(f, 0 | 1 << 8, 0, good, 0), BLKIF_OKAY);
	/* Operations and numbers of segments. */
	assert_int_equal(raw(f, 2 | 1 << 8, 0, good, 0), BLKIF_UNSUPPORTED);
	assert_int_equal(raw(f, 4 | 1 << 8, 0, good, 0), BLKIF_UNSUPPORTED);
	assert_int_equal(raw(f, 255, 0, good, 0), BLKIF_UNSUPPORTED);
	assert_int_equal(raw(f, 0, 0, good, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 12 << 8, 0, good, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 1 | 255 << 8, 0, good, 0), BLKIF_ERROR);
	/* Sectors of the disk. */
	assert_int_equal(raw(f, 0 | 1 << 8, MD_SECTORS - 7, good, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 1 << 8, UINT64_MAX - 6, good, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 1 | 1 << 8, 1ULL << 63, good, 0), BLKIF_ERROR);
	/* Sectors of a page. */
	assert_int_equal(raw(f, 0 | 1 << 8, 0, bf_ref(0) | 8ULL << 40, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 1 << 8, 0, bf_ref(0) | 255ULL << 40, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 1 << 8, 0, bf_ref(0) | 3ULL << 32 | 2ULL << 40, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 2 << 8, 0, good, bf_ref(0) | 8ULL << 32 | 9ULL << 40),
			 BLKIF_ERROR);
	/* Grants. */
	assert_int_equal(raw(f, 0 | 1 << 8, 0, 7ULL << 40 | 3, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 1 << 8, 0, 7ULL << 40 | UINT32_MAX, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 1 << 8, 0, bf_ref(2) | 7ULL << 40, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 1 | 1 << 8, 0, bf_ref(2) | 7ULL << 40, 0), BLKIF_OKAY);
	assert_int_equal(raw(f, 0 | 2 << 8, 0, good, bf_ref(3) | 7ULL << 40), BLKIF_ERROR);
	/* Indirect ones. */
	for (unsigned int i = 0; i < 512; i++) {
		list[i] = good;
	}
	assert_int_equal(raw(f, 6 | 1ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0), BLKIF_OKAY);
	assert_int_equal(raw(f, 6 | 32ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0), BLKIF_OKAY);
	assert_int_equal(raw(f, 6 | 0ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 6 | 33ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 6 | 65535ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 6 | 3 << 8 | 1ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0),
			 BLKIF_ERROR);
	assert_int_equal(raw(f, 6 | 6 << 8 | 1ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0),
			 BLKIF_ERROR);
	assert_int_equal(raw(f, 6 | 1ULL << 16, 0, (uint64_t)bf_ref(4) << 32, 0), BLKIF_ERROR);
	list[5] = bf_ref(0) | 9ULL << 40;
	assert_int_equal(raw(f, 6 | 6ULL << 16, 0, (uint64_t)bf_ref(1) << 32, 0), BLKIF_ERROR);
	/* No page is in use any more, and all goes on. */
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(xg_entry(f->d, bf_ref(i))->flags & (GTF_READING | GTF_WRITING), 0);
	}
	expect_works(f, &md_disk[0], 0);
	assert_true(f->d->stats.misuse > 20);
	bf_free(f);
	(void)state;
}

/* A disk with large sectors wants everything in multiples of them. */
static void test_large_sectors(void **state)
{
	struct blkfront *f;
	uint64_t good = bf_ref(0) | 7ULL << 40;

	md_disk[0].t.info.sector_size = 4096;
	md_disk[0].t.info.physical_size = 4096;
	f = bf_start("mem:0", &linux_defaults);
	assert_int_equal(bf_read_back(f, "sector-size"), 4096);
	assert_int_equal(bf_read_back(f, "sectors"), MD_SECTORS);
	xg_grant(f->d, bf_ref(0), BF_DATA_GFN, GTF_PERMIT_ACCESS);
	assert_int_equal(raw(f, 0 | 1 << 8, 8, good, 0), BLKIF_OKAY);
	assert_int_equal(raw(f, 0 | 1 << 8, 4, good, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 1 << 8, 8, bf_ref(0) | 3ULL << 40, 0), BLKIF_ERROR);
	assert_int_equal(raw(f, 0 | 2 << 8, 8, bf_ref(0) | 3ULL << 40,
			     bf_ref(0) | 4ULL << 32 | 7ULL << 40), BLKIF_ERROR);
	bf_free(f);
	(void)state;
}

static void expect_lost(struct blkfront *f)
{
	host_run();
	assert_int_equal(bf_read_back(f, "state"), 5);
	assert_non_null(strstr(host_console(), "ring index out of range"));
	bf_reload(f);
	expect_works(f, &md_disk[0], 0);
}

static void test_ring_index(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct blkfront *g = bf_start("mem:1", &linux_defaults);

	f->queue[0].prod += f->queue[0].size + 1;
	bf_kick(f, 0);
	expect_works(g, &md_disk[1], 0);
	expect_lost(f);
	f->queue[0].prod--;
	bf_kick(f, 0);
	bf_notify(f, 0);
	expect_lost(f);
	bf_free(f);
	bf_free(g);
	(void)state;
}

static void test_bad_keys(void **state)
{
	static const struct {
		const char *key, *value;
	} bad[] = {
		{ "ring-ref", "4000000000" }, { "ring-ref", "7" }, { "ring-ref", "x" },
		{ "event-channel", "9999" }, { "event-channel", "0" },
		{ "ring-page-order", "5" }, { "ring-page-order", "1" },
		{ "multi-queue-num-queues", "0" }, { "multi-queue-num-queues", "9" },
		{ "protocol", "x86_32-abi" },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vm_vbd_config c = bf_config("mem:0");
		struct blkfront *f;

		(void)setup(state);
		f = bf_create(&c, &linux_defaults);
		bf_queue_start(f, 0);
		bf_write_keys(f);
		bf_write(f, bad[i].key, bad[i].value);
		bf_write(f, "state", "3");
		host_run();
		assert_int_equal(bf_read_back(f, "state"), 5);
		assert_int_equal(xg_entry(f->d, BF_FIRST_REF)->flags, GTF_PERMIT_ACCESS);
		bf_free(f);
		(void)teardown(state);
	}
	(void)setup(state);
}

/* --- life --------------------------------------------------------------------------- */

static void hold_some(struct blkfront *f, unsigned int count)
{
	md_disk[0].hold = true;
	for (unsigned int i = 0; i < count; i++) {
		struct bf_segment seg = { .page = bf_alloc(f), .last = 7 };

		bf_request(f, 0, BLKIF_OP_READ, i, &seg, 1);
	}
	bf_kick(f, 0);
	host_run();
	assert_int_equal(bf_collect(f, 0), 0);
}

/* The guest can't take pages away that a request uses. */
static void test_pages_stay(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct bf_segment seg = { .page = 5, .last = 7 };
	unsigned int id;

	md_disk[0].hold = true;
	id = bf_request(f, 0, BLKIF_OP_READ, 0, &seg, 1);
	bf_kick(f, 0);
	host_run();
	assert_int_equal(xg_entry(f->d, bf_ref(5))->flags,
			 GTF_PERMIT_ACCESS | GTF_READING | GTF_WRITING);
	assert_int_equal(xg_reserve(f->v, XENMEM_DECREASE_RESERVATION, BF_DATA_GFN + 5, 1, 0), 0);
	md_go(&md_disk[0]);
	assert_int_equal(bf_collect(f, 0), 1);
	assert_int_equal(bf_status(f, 0, id), BLKIF_OKAY);
	assert_int_equal(xg_reserve(f->v, XENMEM_DECREASE_RESERVATION, BF_DATA_GFN + 5, 1, 0), 1);
	bf_free(f);
	(void)state;
}

static void test_close_in_flight(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);

	for (unsigned int i = 0; i < 5; i++) {
		md_disk[0].room = i % 2 == 0 ? 0 : 3;
		hold_some(f, 30);
		bf_reload(f);
		md_disk[0].hold = false;
		expect_works(f, &md_disk[0], 0);
	}
	bf_free(f);
	(void)state;
}

static void test_end_in_flight(void **state)
{
	struct blkfront *f = bf_start("mem:0", &(struct bf_options){ .order = 2 });

	hold_some(f, 100);
	host_domain_destroy(f->d);
	assert_int_equal(md_disk[0].count, 0);
	bf_free(f);
	(void)state;
}

/* The ring holds more than the pool: the rest waits in the ring. */
static void test_pool(void **state)
{
	struct blkfront *f = bf_start("mem:0", &(struct bf_options){ .order = 4 });
	unsigned int got = 0;

	hold_some(f, 400);
	assert_int_equal(md_disk[0].count, BLKBACK_REQUESTS_MAX);
	md_go(&md_disk[0]);
	got = bf_collect(f, 0);
	assert_int_equal(got, 400);
	bf_free(f);
	(void)state;
}

static unsigned int state_writes;

static void state_written(void *ctx)
{
	(void)ctx;
	state_writes++;
}

static void test_resize(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);
	struct xs_watch *w;
	char path[96];

	snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u/state", f->d->id,
		 BF_DEVICE);
	assert_int_equal(xs_watch_add(path, state_written, NULL, &w), 0);
	host_run();
	state_writes = 0;
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 2048, back, 8), BLKIF_OKAY);
	md_resize(&md_disk[0], 2048);
	assert_int_equal(bf_read_back(f, "sectors"), 2048);
	assert_int_equal(bf_read_back(f, "state"), 4);
	assert_int_equal(state_writes, 1);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 2048, back, 8), BLKIF_ERROR);
	md_resize(&md_disk[0], MD_SECTORS);
	assert_int_equal(bf_read_back(f, "sectors"), MD_SECTORS);
	assert_int_equal(state_writes, 2);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 2048, back, 8), BLKIF_OKAY);
	xs_watch_remove(w);
	bf_free(f);
	(void)state;
}

/* A target that isn't there yet: the frontend waits in state 3. */
static void test_late_target(void **state)
{
	struct vm_vbd_config c = bf_config("mem:0");
	struct blkfront *f;

	md_disk[0].t.info.known = false;
	f = bf_create(&c, &linux_defaults);
	bf_try_connect(f);
	assert_int_equal(bf_read_back(f, "state"), 2);
	host_advance(10000000000ULL);
	assert_int_equal(bf_read_back(f, "state"), 2);
	md_resize(&md_disk[0], 1024);
	bf_finish_connect(f);
	assert_int_equal(bf_read_back(f, "sectors"), 1024);
	expect_works(f, &md_disk[0], 0);
	bf_free(f);
	(void)state;
}

static void test_unplug(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);

	assert_int_equal(blk_vbd_unplug(f->d, "xvdb"), -ENOENT);
	assert_int_equal(blk_vbd_unplug(f->d, "xvda"), 0);
	assert_int_equal(blk_vbd_unplug(f->d, "xvda"), -EBUSY);
	host_run();
	assert_int_equal(bf_read_back(f, "state"), 5);
	assert_int_equal(bf_read_back(f, "online"), 0);
	/* It is served until the guest lets go. */
	expect_works(f, &md_disk[0], 0);
	hold_some(f, 10);
	bf_close(f);
	assert_int_equal(bf_read_back(f, "state"), -1);
	assert_null(bf_volume(f));
	assert_int_equal(md_disk[0].t.refs, 0);
	bf_free(f);
	(void)state;
}

/* Linux's driver never takes a device again that it closed: there is a new one. */
static void test_replug(void **state)
{
	struct blkfront *f = bf_start("mem:0", &linux_defaults);

	for (unsigned int i = 0; i < 4; i++) {
		bf_close(f);
		assert_int_equal(bf_read_back(f, "state"), 6);
		host_advance(BLKBACK_REPLUG_NS);
		assert_int_equal(bf_read_back(f, "state"), -1);
		f->devid ^= 1U << 30;
		bf_connect(f);
		expect_works(f, &md_disk[0], 0);
	}
	/* Whoever does take it again keeps it. */
	bf_reload(f);
	host_advance(2 * BLKBACK_REPLUG_NS);
	expect_works(f, &md_disk[0], 0);
	/* A VM that ends has closed it, too. */
	bf_close(f);
	host_domain_destroy(f->d);
	bf_free(f);
	(void)state;
}

static void test_creation_errors(void **state)
{
	struct domain *d = host_domain_create(16, 1);
	struct vm_vbd_config c = bf_config("mem:9");

	assert_int_equal(blk_vbd_create(d, 0, &c), -EINVAL);
	c = bf_config("tape:0");
	assert_int_equal(blk_vbd_create(d, 0, &c), -ENODEV);
	c = bf_config("mem:0");
	assert_int_equal(blk_vbd_create(d, 0, &c), 0);
	assert_int_equal(blk_vbd_create(d, 1, &c), -EEXIST);
	assert_int_equal(md_disk[0].t.refs, 1);
	(void)state;
}

/* --- limits and fairness ---------------------------------------------------------------- */

/* Keep the queue full for a while; how many requests were answered. */
static unsigned int load(struct blkfront *f, unsigned int depth, unsigned int sectors, uint64_t ns)
{
	uint64_t end = arch_now() + ns;
	unsigned int flying = 0;
	unsigned int done = 0;

	while (arch_now() < end) {
		for (; flying < depth; flying++) {
			struct bf_segment seg = { .page = bf_alloc(f), .last = sectors - 1 };

			bf_request(f, 0, BLKIF_OP_READ, 0, &seg, 1);
		}
		bf_kick(f, 0);
		host_advance(1000000);
		flying -= bf_collect(f, 0);
		for (unsigned int i = 0; i < BF_IDS; i++) {
			if (f->queue[0].shadow[i].answered && f->queue[0].shadow[i].used) {
				assert_int_equal(bf_status(f, 0, i), BLKIF_OKAY);
				done++;
			}
		}
	}
	return done;
}

static void test_rate_limits(void **state)
{
	struct vm_vbd_config c = bf_config("mem:0");
	struct blkfront *f;
	unsigned int done;

	c.iops = 500;
	f = bf_create(&c, &linux_defaults);
	bf_connect(f);
	done = load(f, 32, 1, 4000000000ULL);
	assert_in_range(done, 1990, 2060);
	bf_free(f);
	c = bf_config("mem:1");
	c.kib_per_s = 1024;
	f = bf_create(&c, &linux_defaults);
	bf_connect(f);
	done = load(f, 32, 8, 4000000000ULL);
	assert_in_range(done, 4 * 256, 4 * 256 + 40);
	bf_free(f);
	(void)state;
}

/* Two guests share a target with little room; one asks for ten times as much. */
static void test_fairness(void **state)
{
	struct blkfront *greedy = bf_start("mem:0", &(struct bf_options){ .order = 2 });
	struct blkfront *modest = bf_start("mem:0", &linux_defaults);
	struct memdisk *m = &md_disk[0];
	struct bf_segment seg = { .last = 7 };
	unsigned int a = bf_volume(greedy)->id, b = bf_volume(modest)->id;

	m->room = 2;
	hold_some(greedy, 100);
	for (unsigned int i = 0; i < 30; i++) {
		seg.page = bf_alloc(modest);
		bf_request(modest, 0, BLKIF_OP_READ, 0, &seg, 1);
	}
	bf_kick(modest, 0);
	host_run();
	/* A turn is 128 KiB: 32 of these requests. */
	while (m->done[b] < 30) {
		spin_lock(&m->t.lock);
		m->hold = false;
		(void)md_pump(&m->t);
		m->hold = true;
		spin_unlock(&m->t.lock);
		host_run();
	}
	assert_in_range(m->done[a], 20, 66);
	md_go(m);
	bf_free(greedy);
	bf_free(modest);
	(void)state;
}

/* Requests end when the target is away for too long, those without limit wait. */
static void test_expiry(void **state)
{
	struct vm_vbd_config c = bf_config("mem:0");
	struct memdisk *m = &md_disk[0];
	struct blkfront *f, *g;
	struct bf_segment seg = { .last = 7 };
	unsigned int id, other;

	c.outage_s = 5;
	f = bf_create(&c, &linux_defaults);
	bf_connect(f);
	g = bf_start("mem:0", &linux_defaults);
	m->hold = true;
	m->room = 1;
	hold_some(g, 1);
	id = bf_request(f, 0, BLKIF_OP_READ, 0, &seg, 1);
	bf_kick(f, 0);
	seg.page = bf_alloc(g);
	other = bf_request(g, 0, BLKIF_OP_READ, 0, &seg, 1);
	bf_kick(g, 0);
	for (unsigned int s = 1; s <= 5; s++) {
		host_advance(1000000000ULL);
		spin_lock(&m->t.lock);
		assert_true(blk_target_expire(&m->t));
		spin_unlock(&m->t.lock);
		host_run();
		assert_int_equal(bf_collect(f, 0), s == 5);
	}
	assert_int_equal(bf_status(f, 0, id), BLKIF_ERROR);
	md_go(m);
	assert_int_equal(bf_collect(g, 0), 2);
	assert_int_equal(bf_status(g, 0, other), BLKIF_OKAY);
	bf_free(f);
	bf_free(g);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLK_TEST(test_read_write), BLK_TEST(test_segments), BLK_TEST(test_rings),
		BLK_TEST(test_one_event_for_many), BLK_TEST(test_few_notifications),
		BLK_TEST(test_looks_and_answers), BLK_TEST(test_flush_and_discard),
		BLK_TEST(test_read_only), BLK_TEST(test_errors_of_the_target),
		BLK_TEST(test_bad_requests), BLK_TEST(test_large_sectors),
		BLK_TEST(test_ring_index), BLK_TEST(test_bad_keys), BLK_TEST(test_pages_stay),
		BLK_TEST(test_close_in_flight), BLK_TEST(test_end_in_flight),
		BLK_TEST(test_pool), BLK_TEST(test_resize), BLK_TEST(test_late_target),
		BLK_TEST(test_unplug), BLK_TEST(test_replug),
		BLK_TEST(test_creation_errors),
		BLK_TEST(test_rate_limits), BLK_TEST(test_fairness), BLK_TEST(test_expiry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
