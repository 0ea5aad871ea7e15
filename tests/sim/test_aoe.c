/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks over AoE: frontends (sim/blkfront.h), blkback, the initiator, the switch,
 * and targets behind a bad network (sim/aoetarget.h).
 */
#include "sim/blkfront.h"

#include "sim/aoetarget.h"

#define SECOND	1000000000ULL
#define MS	1000000ULL

static const struct bf_options linux_defaults = { 0 };
static uint8_t text[512 * 1024];
static uint8_t back[512 * 1024];

static int setup_mtu(unsigned int mtu, bool reserve)
{
	host_reset_cpus(4);
	at_setup(reserve, mtu);
	bf_step = at_run;
	for (unsigned int i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)(i * 7 + i / 512);
	}
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return setup_mtu(9000, false);
}

static void end_domain(struct domain *d, void *ctx)
{
	*(struct domain **)ctx = d;
}

static int teardown(void **state)
{
	struct domain *d = NULL;

	do {
		d = NULL;
		domain_for_each(end_domain, &d);
		if (d != NULL) {
			host_domain_destroy(d);
		}
	} while (d != NULL);
	/* Copies of writes that nobody waits for die out. */
	host_advance(2 * AOE_STOPPED_NS);
	at_teardown();
	host_finish();
	(void)state;
	return 0;
}

#define AOE_TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

static uint64_t counter(unsigned int n, enum aoe_counter c)
{
	struct aoe_target *t = aoe_find(1, (uint8_t)n);

	assert_non_null(t);
	return t->counts[c];
}

/* A guest with a disk on target `n`, which is there. */
static struct blkfront *start(unsigned int n, const struct bf_options *options)
{
	char name[16];
	struct vm_vbd_config c;
	struct blkfront *f;

	snprintf(name, sizeof(name), "aoe:1.%u", n);
	c = bf_config(name);
	if (at[n].port.ops == NULL) {
		at_plug(n);
	}
	f = bf_create(&c, options);
	bf_try_connect(f);
	at_run(100 * MS);
	bf_finish_connect(f);
	return f;
}

static void expect_works(struct blkfront *f, unsigned int n)
{
	text[0]++;
	assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, 8, text, 256), BLKIF_OKAY);
	assert_memory_equal(at[n].disk + 8 * 512, text, 256 * 512);
	memset(back, 0, 256 * 512);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 8, back, 256), BLKIF_OKAY);
	assert_memory_equal(back, text, 256 * 512);
}

static void test_read_write(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	static const unsigned int sizes[] = { 1, 2, 16, 17, 18, 34, 35, 88, 255, 256 };

	assert_int_equal(bf_read_back(f, "sectors"), AT_SECTORS);
	assert_int_equal(bf_read_back(f, "feature-flush-cache"), 1);
	assert_int_equal(bf_read_back(f, "feature-discard"), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t sent = counter(0, AOE_SENT);
		unsigned int at_sector = AT_SECTORS - sizes[i];

		assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, at_sector, text + i, sizes[i]),
				 BLKIF_OKAY);
		assert_memory_equal(at[0].disk + at_sector * 512, text + i, sizes[i] * 512);
		/* Frames are as large as they may be. */
		assert_int_equal(counter(0, AOE_SENT) - sent, (sizes[i] + 16) / 17);
		assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, at_sector, back, sizes[i]), BLKIF_OKAY);
		assert_memory_equal(back, text + i, sizes[i] * 512);
	}
	assert_int_equal(bf_wait(f, 0, bf_request(f, 0, BLKIF_OP_FLUSH, 0, NULL, 0), SECOND),
			 BLKIF_OKAY);
	assert_int_equal(at[0].flushes, 1);
	assert_int_equal(counter(0, AOE_RESENT), 0);
	assert_int_equal(counter(0, AOE_STALE), 0);
	bf_free(f);
	(void)state;
}

/* Segments of single sectors: a frame has a limited number of pieces. */
static void test_small_segments(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 9 };

	memcpy(at[0].disk, text, sizeof(text));
	for (unsigned int i = 0; i < 60; i++) {
		struct bf_segment seg[BLK_PIECES_MAX];
		unsigned int count = 1 + unit_random_below(&r, BLK_PIECES_MAX);
		uint64_t sector = unit_random_below(&r, 600);
		const uint8_t *want = text + sector * 512;
		unsigned int id;

		for (unsigned int s = 0; s < count; s++) {
			seg[s].page = bf_alloc(f);
			seg[s].first = unit_random_below(&r, 8);
			seg[s].last = i % 2 ? seg[s].first :
				      seg[s].first + unit_random_below(&r, 8 - seg[s].first);
		}
		id = bf_request(f, 0, BLKIF_OP_READ, sector, seg, count);
		assert_int_equal(bf_wait(f, 0, id, SECOND), BLKIF_OKAY);
		for (unsigned int s = 0; s < count; s++) {
			unsigned int len = (seg[s].last - seg[s].first + 1) * 512;

			assert_memory_equal((uint8_t *)bf_page(f, seg[s].page) + seg[s].first * 512,
					    want, len);
			want += len;
		}
		id = bf_request(f, 0, BLKIF_OP_WRITE, sector, seg, count);
		assert_int_equal(bf_wait(f, 0, id, SECOND), BLKIF_OKAY);
		assert_memory_equal(at[0].disk, text, sizeof(text));
	}
	bf_free(f);
	(void)state;
}

/* The target comes a while after the VM. */
static void test_late_target(void **state)
{
	struct vm_vbd_config c = bf_config("aoe:1.0");
	struct blkfront *f = bf_create(&c, &linux_defaults);

	bf_try_connect(f);
	at_run(30 * SECOND);
	assert_int_equal(bf_read_back(f, "state"), 2);
	at_plug(0);
	at_run(1200 * MS);
	bf_finish_connect(f);
	expect_works(f, 0);
	bf_free(f);
	(void)state;
}

static void test_small_mtu(void **state)
{
	struct blkfront *f;

	(void)teardown(state);
	setup_mtu(1500, false);
	f = start(0, &linux_defaults);
	expect_works(f, 0);
	assert_int_equal(aoe_find(1, 0)->read_sectors, 2);
	bf_free(f);
}

/* --- loss ---------------------------------------------------------------------------- */

/* How long one request takes. What is sent at once is lost if the target is down. */
static uint64_t timed(struct blkfront *f, unsigned int op, unsigned int sectors)
{
	uint64_t start_ns = arch_now();
	struct bf_segment seg[BLK_PIECES_MAX];
	unsigned int count = (sectors + 7) / 8;
	unsigned int id;

	for (unsigned int i = 0; i < count; i++) {
		seg[i] = (struct bf_segment){ .page = bf_alloc(f), .last = 7 };
	}
	id = bf_request(f, 0, op, 0, seg, count);
	bf_kick(f, 0);
	host_run();
	at[0].down = false;
	while (!f->queue[0].shadow[id].answered) {
		at_run(AT_STEP_NS);
		(void)bf_collect(f, 0);
	}
	assert_int_equal(bf_status(f, 0, id), BLKIF_OKAY);
	return arch_now() - start_ns;
}

/* One lost frame costs less than 4 round trips, at any depth, either way. */
static void test_cost_of_a_loss(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	uint64_t rtt = at[0].delay + 2 * AT_STEP_NS;

	for (unsigned int i = 0; i < 40; i++) {
		(void)timed(f, BLKIF_OP_READ, 8);
		(void)timed(f, BLKIF_OP_WRITE, 256);
	}
	for (unsigned int round = 0; round < 24; round++) {
		unsigned int op = round & 1 ? BLKIF_OP_READ : BLKIF_OP_WRITE;
		unsigned int sectors = round & 2 ? 256 : 8;
		uint64_t without = timed(f, op, sectors);
		struct aoe_path *p = &aoe_find(1, 0)->path[0];
		uint64_t with;

		/* However much the round trip varied. */
		p->rttvar = 10 * p->srtt;

		if (round & 4) {
			at[0].lose_in = 1 + round % 5 * (sectors == 256);
		} else {
			at[0].lose_out = 1 + round % 5 * (sectors == 256);
		}
		with = timed(f, op, sectors);
		assert_true(with > without);
		assert_true(with - without < 4 * rtt);
		assert_int_equal(at[0].lose_in + at[0].lose_out, 0);
		/* Let the locks go and the window recover. */
		at_run(1200 * MS);
		for (unsigned int i = 0; i < 20; i++) {
			(void)timed(f, BLKIF_OP_READ, 256);
		}
	}
	assert_int_equal(counter(0, AOE_SPURIOUS), 0);
	assert_true(counter(0, AOE_FAST) >= 6);
	assert_true(counter(0, AOE_TIMEOUTS) >= 6);
	bf_free(f);
	(void)state;
}

/* Answers that are late now and then: hardly any copy is sent in vain for them. */
static void test_slow_answers(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	uint64_t usual = at[0].delay;

	for (unsigned int i = 1; i <= 4000; i++) {
		at[0].delay = i % 40 == 0 ? 8 * usual : usual;
		(void)timed(f, BLKIF_OP_READ, 8);
	}
	assert_true(counter(0, AOE_SPURIOUS) > 0);
	assert_true(counter(0, AOE_SPURIOUS) < 20);
	bf_free(f);
	(void)state;
}

/* .. and soon after the last of them a loss costs what it did before. */
static void test_slow_answers_are_forgotten(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	uint64_t usual = at[0].delay, rtt = usual + 2 * AT_STEP_NS;

	for (unsigned int i = 1; i <= 400; i++) {
		at[0].delay = i % 40 == 0 ? 30 * usual : usual;
		(void)timed(f, BLKIF_OP_READ, 8);
	}
	at[0].delay = usual;
	assert_true(counter(0, AOE_SPURIOUS) > 0);
	assert_true(counter(0, AOE_SPURIOUS) < 5);
	for (unsigned int i = 0; i < 2 * AOE_LATE_ANSWERS; i++) {
		(void)timed(f, BLKIF_OP_READ, 8);
	}
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t without = timed(f, BLKIF_OP_READ, 8);

		if (i % 2 == 0) {
			at[0].lose_in = 1;
		} else {
			at[0].lose_out = 1;
		}
		assert_true(timed(f, BLKIF_OP_READ, 8) - without < 4 * rtt);
	}
	bf_free(f);
	(void)state;
}

/* The round trip becomes a thousand times longer: a few copies later that is known. */
static void test_longer_way(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	uint64_t resent, took = 0;

	for (unsigned int i = 0; i < 40; i++) {
		(void)timed(f, BLKIF_OP_READ, 8);
	}
	at[0].delay = 160 * MS;
	for (unsigned int i = 0; i < 10; i++) {
		(void)timed(f, i % 2 == 0 ? BLKIF_OP_READ : BLKIF_OP_WRITE, 8);
	}
	resent = counter(0, AOE_RESENT);
	assert_true(resent < 40);
	for (unsigned int i = 0; i < 20; i++) {
		took = timed(f, BLKIF_OP_READ, 256);
	}
	/* The window has grown again. */
	assert_true(took < 2 * at[0].delay);
	assert_int_equal(counter(0, AOE_RESENT), resent);
	assert_int_equal(counter(0, AOE_OUTAGES), 0);
	bf_free(f);
	(void)state;
}

/* A target that stands still for a moment isn't sent everything once more. */
static void test_busy_target(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);

	for (unsigned int i = 0; i < 40; i++) {
		(void)timed(f, BLKIF_OP_READ, 256);
	}
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t usual = at[0].delay;

		/* All 16 frames of it are late. */
		at[0].delay = 8 * usual;
		(void)timed(f, BLKIF_OP_READ, 256);
		at[0].delay = usual;
		for (unsigned int j = 0; j < 400; j++) {
			(void)timed(f, BLKIF_OP_READ, 256);
		}
	}
	assert_true(counter(0, AOE_RESENT) >= 8);
	assert_true(counter(0, AOE_RESENT) < 8 * 16 / 3);
	bf_free(f);
	(void)state;
}

/* All that is in flight is lost: one frame asks, its answer tells of the others. */
static void test_cost_of_losing_all(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	uint64_t rtt = at[0].delay + 2 * AT_STEP_NS;

	for (unsigned int i = 0; i < 40; i++) {
		(void)timed(f, BLKIF_OP_READ, 256);
	}
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t without = timed(f, BLKIF_OP_READ, 256);
		uint64_t resent = counter(0, AOE_RESENT);

		at[0].down = true;
		assert_true(timed(f, BLKIF_OP_READ, 256) - without < 4 * rtt);
		assert_int_equal(counter(0, AOE_RESENT) - resent, 16);
		for (unsigned int j = 0; j < 40; j++) {
			(void)timed(f, BLKIF_OP_READ, 256);
		}
	}
	assert_int_equal(counter(0, AOE_SPURIOUS), 0);
	bf_free(f);
	(void)state;
}

/*
 * A disk under test: blocks of 8 sectors, each with at most one request at a
 * time, whose content is known whenever none is in flight.
 */
#define BLOCKS	48U

struct block {
	bool busy, writing;
	unsigned int id;
	unsigned int page;
	uint32_t version;		/* last acknowledged */
	uint32_t wanted;		/* being written */
};

static struct block block[BLOCKS];

static void fill(void *page, unsigned int n, uint32_t version)
{
	uint32_t *w = page;

	for (unsigned int i = 0; i < PAGE_SIZE / 4; i++) {
		w[i] = version * 64 + n + (i << 24);
	}
}

static void check(struct blkfront *f, unsigned int n)
{
	static uint8_t want[PAGE_SIZE];

	fill(want, n, block[n].version);
	assert_memory_equal(bf_page(f, block[n].page), want, PAGE_SIZE);
}

static void start_one(struct blkfront *f, struct unit_random *r, unsigned int n)
{
	struct block *b = &block[n];
	struct bf_segment seg = { .page = bf_alloc(f), .last = 7 };

	b->busy = true;
	b->writing = unit_random_below(r, 3) > 0;
	b->page = seg.page;
	if (b->writing) {
		b->wanted = b->version + 1;
		fill(bf_page(f, b->page), n, b->wanted);
	} else {
		memset(bf_page(f, b->page), 0xdb, PAGE_SIZE);
	}
	b->id = bf_request(f, 0, b->writing ? BLKIF_OP_WRITE : BLKIF_OP_READ, n * 8, &seg, 1);
}

static void finish_some(struct blkfront *f)
{
	(void)bf_collect(f, 0);
	for (unsigned int n = 0; n < BLOCKS; n++) {
		struct block *b = &block[n];

		if (b->busy && f->queue[0].shadow[b->id].answered) {
			assert_int_equal(bf_status(f, 0, b->id), BLKIF_OKAY);
			b->busy = false;
			if (b->writing) {
				b->version = b->wanted;
			} else {
				check(f, n);
			}
		}
	}
}

static void hammer_begin(struct at_target *t)
{
	memset(block, 0, sizeof(block));
	for (unsigned int n = 0; n < BLOCKS; n++) {
		fill(t->disk + n * PAGE_SIZE, n, 0);
	}
}

/* Read and write at random with up to `depth` requests in flight. */
static void hammer(struct blkfront *f, struct unit_random *r, unsigned int requests,
		   unsigned int depth)
{
	unsigned int done = 0;

	while (done < requests) {
		unsigned int busy = 0;

		for (unsigned int n = 0; n < BLOCKS; n++) {
			busy += block[n].busy;
		}
		for (unsigned int i = 0; i < 8 && busy < depth; i++) {
			unsigned int n = unit_random_below(r, BLOCKS);

			if (!block[n].busy) {
				start_one(f, r, n);
				busy++;
				done++;
			}
		}
		bf_kick(f, 0);
		at_run(AT_STEP_NS * (1 + unit_random_below(r, 20)));
		finish_some(f);
	}
}

/* Until all is answered; then the disk has what was acknowledged. */
static void hammer_end(struct blkfront *f, const struct at_target *t)
{
	static uint8_t want[PAGE_SIZE];
	bool busy = true;
	uint64_t end = arch_now() + 300 * SECOND;

	while (busy) {
		busy = false;
		at_run(MS);
		finish_some(f);
		for (unsigned int n = 0; n < BLOCKS; n++) {
			busy |= block[n].busy;
		}
		assert_true(arch_now() < end);
	}
	/* What is still under way may come, and must not do harm. */
	at_run(3 * SECOND);
	for (unsigned int n = 0; n < BLOCKS; n++) {
		fill(want, n, block[n].version);
		assert_memory_equal(t->disk + n * PAGE_SIZE, want, PAGE_SIZE);
	}
}

static void test_loss(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 1 };

	hammer_begin(&at[0]);
	at[0].loss = 50;
	hammer(f, &r, 3000, 16);
	hammer_end(f, &at[0]);
	assert_true(counter(0, AOE_RESENT) > 100);
	assert_int_equal(counter(0, AOE_OUTAGES), 0);
	assert_int_equal(counter(0, AOE_SHRUNK), 0);
	bf_free(f);
	(void)state;
}

/* Frames that are late by far more than it takes to send them again. */
static void test_late_frames(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 2 };

	hammer_begin(&at[0]);
	at[0].slow = 40;
	at[0].delay_slow = 400 * MS;
	hammer(f, &r, 3000, 16);
	hammer_end(f, &at[0]);
	/* Each of them was overtaken, and would have done harm. */
	assert_true(counter(0, AOE_LATE) > 50);
	assert_true(counter(0, AOE_OVERLAPS) > 50);
	bf_free(f);
	(void)state;
}

/* The network makes copies of its own, and loses and reorders. */
static void test_duplicates(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 3 };

	at[0].dup = 100;
	at[0].delay_dup = 5 * MS;
	at[0].slow = 100;
	at[0].delay_slow = MS;
	/* What it's like is known after the first copies that were seen. */
	for (unsigned int i = 0; i < 40; i++) {
		assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, 1024, text, 256), BLKIF_OKAY);
	}
	assert_true(aoe_find(1, 0)->dup_until > arch_now());
	hammer_begin(&at[0]);
	at[0].loss = 20;
	hammer(f, &r, 3000, 16);
	hammer_end(f, &at[0]);
	assert_true(counter(0, AOE_DUPLICATES) > 100);
	bf_free(f);
	(void)state;
}

/* A path of long and varying delay: few copies are sent in vain. */
static void test_jitter(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 4 };
	uint64_t sent;

	hammer_begin(&at[0]);
	at[0].slow = 500;
	at[0].delay_slow = 3 * MS;
	hammer(f, &r, 1000, 8);
	sent = counter(0, AOE_SENT);
	hammer(f, &r, 2000, 8);
	hammer_end(f, &at[0]);
	assert_true(counter(0, AOE_SENT) - sent < 2600);
	bf_free(f);
	(void)state;
}

static void test_window(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);

	/* Never more in flight than the target has buffers. */
	for (unsigned int i = 0; i < 30; i++) {
		struct aoe_target *t = aoe_find(1, 0);
		struct bf_segment seg[32];

		for (unsigned int s = 0; s < 32; s++) {
			seg[s] = (struct bf_segment){ .page = s, .last = 7 };
		}
		for (unsigned int n = 0; n < 20; n++) {
			bf_request(f, 0, BLKIF_OP_READ, 0, seg, 32);
		}
		bf_kick(f, 0);
		for (unsigned int step = 0; step < 20000 && f->queue[0].cons != f->queue[0].prod;
		     step++) {
			assert_true(t->inflight <= 16);
			at_run(AT_STEP_NS);
			f->queue[0].cons = atomic_load(&bf_ring(f, 0)->rsp_prod);
		}
		memset(f->queue[0].shadow, 0, sizeof(f->queue[0].shadow));
		memset(f->page_used, 0, sizeof(f->page_used));
	}
	assert_int_equal(aoe_find(1, 0)->path[0].window, 16);
	assert_int_equal(counter(0, AOE_RESENT), 0);
	bf_free(f);
	(void)state;
}

/* --- sizes of frames -------------------------------------------------------------------- */

/* What the target promises doesn't get through: probed at the start. */
static void test_probe(void **state)
{
	struct blkfront *f;

	at[0].limit_out = 4200;
	at_plug(0);
	f = start(0, &linux_defaults);
	at_run(3 * SECOND);
	bf_finish_connect(f);
	assert_int_equal(aoe_find(1, 0)->read_sectors, 8);
	expect_works(f, 0);
	bf_free(f);
	(void)state;
}

/* Only what goes to the target is cut: found by writes that get lost. */
static void test_frames_too_large(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);

	expect_works(f, 0);
	at[0].limit_in = 1600;
	expect_works(f, 0);
	assert_int_equal(aoe_find(1, 0)->write_sectors, 2);
	assert_int_equal(aoe_find(1, 0)->read_sectors, 17);
	expect_works(f, 0);
	/* The same for reads. */
	at[0].limit_in = 0;
	at[0].limit_out = 1600;
	expect_works(f, 0);
	assert_int_equal(aoe_find(1, 0)->read_sectors, 2);
	bf_free(f);
	(void)state;
}

/* --- outages ------------------------------------------------------------------------------ */

static void test_outage(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 5 };

	hammer_begin(&at[0]);
	hammer(f, &r, 200, 32);
	at[0].down = true;
	for (unsigned int n = 0; n < 24; n++) {
		if (!block[n].busy) {
			start_one(f, &r, n);
		}
	}
	bf_kick(f, 0);
	at_run(60 * SECOND);
	finish_some(f);
	assert_int_equal(counter(0, AOE_OUTAGES), 1);
	assert_non_null(strstr(host_console(), "aoe:1.0 doesn't answer"));
	at[0].down = false;
	at_run(1500 * MS);
	assert_non_null(strstr(host_console(), "aoe:1.0 is back after "));
	hammer(f, &r, 200, 32);
	hammer_end(f, &at[0]);
	bf_free(f);
	(void)state;
}

/* It stood still with copies in its queue, and executes them all. */
static void test_stopped_target(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 6 };

	hammer_begin(&at[0]);
	for (unsigned int i = 0; i < 5; i++) {
		hammer(f, &r, 200, 32);
		at[0].stopped = true;
		at_run((i == 4 ? 70 : 1) * SECOND + i * 300 * MS);
		at[0].stopped = false;
	}
	hammer(f, &r, 200, 32);
	hammer_end(f, &at[0]);
	bf_free(f);
	(void)state;
}

/* Requests wait no longer than configured. */
static void test_outage_limit(void **state)
{
	struct vm_vbd_config c = bf_config("aoe:1.0");
	struct blkfront *f;
	struct bf_segment seg = { .last = 7 };
	unsigned int id;

	at_plug(0);
	c.outage_s = 5;
	f = bf_create(&c, &linux_defaults);
	bf_try_connect(f);
	at_run(100 * MS);
	bf_finish_connect(f);
	expect_works(f, 0);
	at[0].down = true;
	id = bf_request(f, 0, BLKIF_OP_WRITE, 0, &seg, 1);
	bf_kick(f, 0);
	at_run(4 * SECOND);
	assert_int_equal(bf_collect(f, 0), 0);
	at_run(3 * SECOND);
	assert_int_equal(bf_collect(f, 0), 1);
	assert_int_equal(bf_status(f, 0, id), BLKIF_ERROR);
	at[0].down = false;
	at_run(2 * SECOND);
	expect_works(f, 0);
	bf_free(f);
	(void)state;
}

static void test_errors(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);

	at[0].error = true;
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 0, back, 256), BLKIF_ERROR);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, 0, text, 256), BLKIF_ERROR);
	assert_int_equal(bf_wait(f, 0, bf_request(f, 0, BLKIF_OP_FLUSH, 0, NULL, 0), SECOND),
			 BLKIF_ERROR);
	at[0].error = false;
	expect_works(f, 0);
	/* It has less than it says. */
	at[0].sectors = 4096;
	assert_int_equal(bf_io(f, 0, BLKIF_OP_READ, 4090, back, 16), BLKIF_ERROR);
	assert_int_equal(bf_io(f, 0, BLKIF_OP_WRITE, 5000, text, 16), BLKIF_ERROR);
	expect_works(f, 0);
	/* Now it says so. */
	at[0].told_sectors = 4096;
	at_run(11 * SECOND);
	assert_int_equal(bf_read_back(f, "sectors"), 4096);
	expect_works(f, 0);
	/* And it says nonsense. */
	at[0].told_sectors = UINT64_MAX;
	at_run(11 * SECOND);
	assert_int_equal(bf_read_back(f, "sectors"), 1ULL << 48);
	expect_works(f, 0);
	bf_free(f);
	(void)state;
}

/* Frames that no target should send. */
static void test_garbage(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct unit_random r = { 8 };
	struct unit_random h = { 8 };
	static uint8_t frame[2000];

	hammer_begin(&at[0]);
	for (unsigned int i = 0; i < 3000; i++) {
		unsigned int len = 14 + unit_random_below(&r, 1800);

		for (unsigned int b = 0; b < len; b++) {
			frame[b] = (uint8_t)unit_random(&r);
		}
		memcpy(frame, aoe_port->port.config.mac, 6);
		memcpy(frame + 6, at[0].port.config.mac, 6);
		put_be16(frame + 12, ETH_AOE);
		if (i % 2 == 0 && len >= 36) {
			frame[AOE_AT_VERFLAGS] = 0x18;
			put_be16(frame + AOE_AT_MAJOR, 1);
			frame[AOE_AT_MINOR] = 0;
			frame[AOE_AT_COMMAND] &= 3;
		}
		at_send(&at[0], frame, len);
		if (i % 10 == 0) {
			hammer(f, &h, 1, 16);
		}
	}
	hammer_end(f, &at[0]);
	assert_int_equal(counter(0, AOE_OUTAGES), 0);
	bf_free(f);
	(void)state;
}

/* --- paths, life --------------------------------------------------------------------------- */

static void test_two_paths(void **state)
{
	struct blkfront *f;
	struct unit_random r = { 10 };

	at[1].slot = 0;
	at[1].twin = &at[0];
	at_plug(1);
	f = start(0, &linux_defaults);
	hammer_begin(&at[0]);
	hammer(f, &r, 500, 16);
	assert_true(at[0].writes > 100);
	assert_true(at[1].writes > 100);
	/* One goes. */
	at[1].down = true;
	hammer(f, &r, 500, 16);
	assert_int_equal(counter(0, AOE_OUTAGES), 0);
	/* It comes back when it answers the next query. */
	at[1].down = false;
	at_run(11 * SECOND);
	at[1].writes = 0;
	hammer(f, &r, 500, 16);
	assert_true(at[1].writes > 50);
	hammer_end(f, &at[0]);
	bf_free(f);
	(void)state;
}

/* A batch with answers for two targets, more than are taken in one hold of a lock. */
static void answer_both(unsigned int each)
{
	struct net_cache cache;
	struct net_batch b;
	uint8_t frame[60] = { 0 };
	uint64_t stale[2] = { counter(0, AOE_STALE), counter(1, AOE_STALE) };

	memcpy(frame, aoe_port->port.config.mac, 6);
	memcpy(frame + 6, at[0].port.config.mac, 6);
	put_be16(frame + ETH_TYPE_AT, ETH_AOE);
	frame[AOE_AT_VERFLAGS] = AOE_VERSION << 4 | AOE_FLAG_REPLY;
	frame[AOE_AT_MAJOR + 1] = 1;
	at_batch(&b, &cache, &at[0]);
	for (unsigned int i = 0; i < 2 * each; i++) {
		/* In turn, then all of one. */
		frame[AOE_AT_MINOR] = (uint8_t)(i < each ? i % 2 : i / (each / 2) % 2);
		at_send_one(&b, frame, sizeof(frame));
	}
	switch_flush(&b);
	host_run();
	for (unsigned int n = 0; n < 2; n++) {
		assert_int_equal(counter(n, AOE_STALE) - stale[n], each);
	}
}

static void test_two_targets(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct blkfront *g = start(1, &linux_defaults);

	answer_both(4 * AOE_HOLD);
	expect_works(f, 0);
	expect_works(g, 1);
	at[0].down = true;
	expect_works(g, 1);
	at[0].down = false;
	expect_works(f, 0);
	bf_free(f);
	bf_free(g);
	(void)state;
}

/* The driver goes while writes are under way; the next one has the disk at once. */
static void test_reload_in_flight(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);

	for (unsigned int i = 0; i < 20; i++) {
		struct bf_segment seg = { .last = 7 };

		at[0].slow = 200;
		at[0].delay_slow = 300 * MS;
		for (unsigned int n = 0; n < 16; n++) {
			seg.page = bf_alloc(f);
			memset(bf_page(f, seg.page), 0xee, PAGE_SIZE);
			bf_request(f, 0, n % 2 ? BLKIF_OP_READ : BLKIF_OP_WRITE, 8 * n, &seg, 1);
		}
		bf_kick(f, 0);
		at_run(AT_STEP_NS * (1 + 3 * i));
		bf_reload(f);
		/* The old driver's writes may not overwrite the new one's. */
		expect_works(f, 0);
		at_run(400 * MS);
		assert_memory_equal(at[0].disk + 8 * 512, text, 256 * 512);
	}
	bf_free(f);
	(void)state;
}

/* The same over the end of the VM: the target outlives its users. */
static void test_reboot_in_flight(void **state)
{
	struct blkfront *f = start(0, &linux_defaults);
	struct bf_segment seg = { .last = 7 };

	at[0].slow = 1000;
	at[0].delay_slow = 700 * MS;
	for (unsigned int n = 0; n < 16; n++) {
		seg.page = bf_alloc(f);
		memset(bf_page(f, seg.page), 0xee, PAGE_SIZE);
		bf_request(f, 0, BLKIF_OP_WRITE, 8 * n, &seg, 1);
	}
	bf_kick(f, 0);
	host_run();
	host_domain_destroy(f->d);
	bf_free(f);
	at[0].slow = 0;
	f = start(0, &linux_defaults);
	expect_works(f, 0);
	at_run(1 * SECOND);
	assert_memory_equal(at[0].disk + 8 * 512, text, 256 * 512);
	bf_free(f);
	(void)state;
}

static void test_reserve(void **state)
{
	struct vm_vbd_config c = bf_config("aoe:1.0");
	struct blkfront *f;

	(void)teardown(state);
	setup_mtu(9000, true);
	at[0].reserved = true;
	at[0].mask_full = true;
	at_plug(0);
	f = bf_create(&c, &linux_defaults);
	bf_try_connect(f);
	at_run(5 * SECOND);
	assert_non_null(strstr(host_console(), "aoe:1.0 doesn't take this machine into its MAC"));
	assert_int_equal(at[0].mask[2], 0);
	at[0].mask_full = false;
	at_run(12 * SECOND);
	assert_memory_equal(at[0].mask, aoe_port->port.config.mac, 6);
	assert_non_null(strstr(host_console(), "aoe:1.0 can't be reserved"));
	at[0].reserved = false;
	at_run(3 * SECOND);
	bf_finish_connect(f);
	assert_memory_equal(at[0].reserved_mac, aoe_port->port.config.mac, 6);
	expect_works(f, 0);
	host_domain_destroy(f->d);
	at_run(10 * MS);
	assert_int_equal(at[0].reserved_mac[2], 0);
	assert_int_equal(at[0].mask[2], 0);
	bf_free(f);
}

/* Ports outside of the storage VLAN neither reach it nor hear of it. */
static void test_vlan(void **state)
{
	struct blkfront *f;
	struct net_port_config pc = {
		.mac = { 0, 0x16, 0x3e, 0xaa, 0, 1 }, .spoof_check = true,
	};
	static struct at_target outsider;
	static const struct net_port_ops ops = { .deliver = at_deliver, .flush = at_flush };
	static uint8_t frame[60];
	uint64_t seen;

	memset(&outsider, 0, sizeof(outsider));
	assert_int_equal(port_init(&outsider.port, "outsider", &pc, &ops), 0);
	assert_int_equal(switch_attach(&outsider.port), 0);
	f = start(0, &linux_defaults);
	expect_works(f, 0);
	assert_int_equal(outsider.events, 0);
	memcpy(frame, aoe_port->port.config.mac, 6);
	memcpy(frame + 6, pc.mac, 6);
	put_be16(frame + 12, ETH_AOE);
	frame[AOE_AT_VERFLAGS] = 0x18;
	frame[AOE_AT_MAJOR + 1] = 1;
	seen = port_count(&aoe_port->port, NET_RX_FRAMES);
	at_send(&outsider, frame, sizeof(frame));
	memset(frame, 0xff, 6);
	at_send(&outsider, frame, sizeof(frame));
	assert_int_equal(port_count(&aoe_port->port, NET_RX_FRAMES), seen);
	/* One of the VLAN that never answered a query is not believed. */
	frame[5] = 0;
	memcpy(frame, aoe_port->port.config.mac, 6);
	at_plug(2);
	memcpy(frame + 6, at[2].port.config.mac, 6);
	seen = counter(0, AOE_STALE);
	at_send(&at[2], frame, sizeof(frame));
	assert_int_equal(counter(0, AOE_STALE), seen + 1);
	bf_free(f);
	(void)state;
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"aoe:", "aoe:1", "aoe:1.", "aoe:.1", "aoe:1.255", "aoe:65535.1", "aoe:1.2.3",
		"aoe:-1.2", "aoe:1.2 ",
	};
	struct domain *d = host_domain_create(16, 1);

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vm_vbd_config c = bf_config(bad[i]);

		assert_int_equal(blk_vbd_create(d, 0, &c), -EINVAL);
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AOE_TEST(test_read_write), AOE_TEST(test_small_segments),
		AOE_TEST(test_late_target), AOE_TEST(test_small_mtu),
		AOE_TEST(test_cost_of_a_loss), AOE_TEST(test_slow_answers),
		AOE_TEST(test_slow_answers_are_forgotten), AOE_TEST(test_longer_way),
		AOE_TEST(test_busy_target), AOE_TEST(test_cost_of_losing_all),
		AOE_TEST(test_loss), AOE_TEST(test_late_frames), AOE_TEST(test_duplicates),
		AOE_TEST(test_jitter), AOE_TEST(test_window),
		AOE_TEST(test_probe), AOE_TEST(test_frames_too_large), AOE_TEST(test_outage),
		AOE_TEST(test_stopped_target), AOE_TEST(test_outage_limit),
		AOE_TEST(test_errors), AOE_TEST(test_garbage), AOE_TEST(test_two_paths),
		AOE_TEST(test_two_targets), AOE_TEST(test_reload_in_flight),
		AOE_TEST(test_reboot_in_flight), AOE_TEST(test_reserve), AOE_TEST(test_vlan),
		AOE_TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
