/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks in a driver domain: a frontend and a driver domain's back end in this
 * process (sim/blkfront.h, sim/ddback.h), the hypervisor in between.
 */
#include "sim/blkfront.h"

#include "sim/ddback.h"

#define TARGET	"dd:" DB_NAME "/vda"

static const struct bf_options linux_defaults = { 0 };
static uint8_t text[256 * 1024];
static uint8_t back[256 * 1024];

static int setup(void **state)
{
	host_reset_cpus(2);
	db_describe();
	for (unsigned int i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)(i * 7 + i / 512);
	}
	(void)state;
	return 0;
}

/* All guests go first, so that nobody waits for the driver domain. */
static int teardown(void **state)
{
	if (db.d != NULL) {
		db.hold = false;
		db_die();
	}
	db_forget();
	host_finish();
	(void)state;
	return 0;
}

#define DD_TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

/* A frontend whose requests the driver domain serves. */
static struct blkfront *start(void)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct blkfront *f;

	db_boot();
	f = bf_create(&config, &linux_defaults);
	db_report("vda", "fe:0");
	db_run();
	assert_int_equal(db.state, XENBUS_CONNECTED);
	assert_int_equal(db_front("state"), XENBUS_CONNECTED);
	bf_connect(f);
	return f;
}

/* Put a request of `sectors` in whole pages into the ring; its id. */
static unsigned int request(struct blkfront *f, unsigned int op, uint64_t sector,
			    const uint8_t *data, unsigned int sectors, struct bf_segment *seg)
{
	unsigned int count = (sectors + 7) / 8;

	for (unsigned int i = 0; i < count; i++) {
		seg[i].page = bf_alloc(f);
		seg[i].first = 0;
		seg[i].last = MIN(8U, sectors - i * 8) - 1;
		if (op == BLKIF_OP_WRITE) {
			memcpy(bf_page(f, seg[i].page), data + i * PAGE_SIZE,
			       (seg[i].last + 1) * BLK_SECTOR);
		}
	}
	return bf_request(f, 0, op, sector, seg, count);
}

static int io(struct blkfront *f, unsigned int op, uint64_t sector, uint8_t *data,
	      unsigned int sectors)
{
	struct bf_segment seg[BLK_PIECES_MAX];
	unsigned int id = request(f, op, sector, data, sectors, seg);

	bf_kick(f, 0);
	db_run();
	assert_int_equal(bf_collect(f, 0), 1);
	for (unsigned int i = 0; op == BLKIF_OP_READ && i * 8 < sectors; i++) {
		memcpy(data + i * PAGE_SIZE, bf_page(f, seg[i].page),
		       (seg[i].last + 1) * BLK_SECTOR);
	}
	return bf_status(f, 0, id);
}

static uint64_t counter(const struct blkfront *f, const char *name)
{
	struct blk_volume *v = bf_volume(f);
	const char *n;
	uint64_t value;

	for (unsigned int i = 0; v->target->ops->counter(v->target, i, &n, &value); i++) {
		if (strcmp(n, name) == 0) {
			return value;
		}
	}
	host_fatal("no counter %s", name);
}

static void test_read_write(void **state)
{
	struct blkfront *f = start();
	static const unsigned int sizes[] = { 1, 7, 8, 9, 40, 88, 96, 256 };

	assert_int_equal(bf_read_back(f, "sectors"), DB_SECTORS);
	assert_int_equal(bf_read_back(f, "feature-discard"), 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t at = DB_SECTORS - sizes[i];

		assert_int_equal(io(f, BLKIF_OP_WRITE, at, text + i, sizes[i]), BLKIF_OKAY);
		assert_memory_equal(db.disk + at * 512, text + i, sizes[i] * 512);
		memset(back, 0, sizeof(back));
		assert_int_equal(io(f, BLKIF_OP_READ, at, back, sizes[i]), BLKIF_OKAY);
		assert_memory_equal(back, text + i, sizes[i] * 512);
	}
	assert_int_equal(db.indirect, 4);
	assert_int_equal(counter(f, "indirect"), 4);
	bf_free(f);
	(void)state;
}

/*
 * Data stays mapped, in pieces and in another order. The back end lets go of it at any
 * time, also of what is to be written, and may map it anew before that.
 */
static void test_kept_maps(void **state)
{
	struct blkfront *f = start();
	struct bf_segment seg[BLK_PIECES_MAX];

	db.keep = true;
	for (unsigned int round = 0; round < 4; round++) {
		uint64_t at = round * 300;

		assert_int_equal(io(f, BLKIF_OP_WRITE, at, text + round * 100, 256), BLKIF_OKAY);
		assert_memory_equal(db.disk + at * 512, text + round * 100, 256 * 512);
		assert_int_equal(io(f, BLKIF_OP_WRITE, at + 256, text + round, 8), BLKIF_OKAY);
		assert_memory_equal(db.disk + (at + 256) * 512, text + round, 4096);
		memset(back, 0, sizeof(back));
		assert_int_equal(io(f, BLKIF_OP_READ, at, back, 256), BLKIF_OKAY);
		assert_memory_equal(back, text + round * 100, 256 * 512);
		if (round == 1) {
			db_purge();
		}
	}
	/* Sent with its data in frames that are unmapped before it is looked at. */
	request(f, BLKIF_OP_WRITE, 2000, text + 7, 256, seg);
	bf_kick(f, 0);
	host_run();
	db_purge();
	db_run();
	assert_int_equal(bf_collect(f, 0), 1);
	assert_memory_equal(db.disk + 2000 * 512, text + 7, 256 * 512);
	/* The same, but mapped elsewhere before that. */
	request(f, BLKIF_OP_WRITE, 3000, text + 9, 8, seg);
	bf_kick(f, 0);
	host_run();
	for (uint32_t i = 0; i < DD_SLOTS; i++) {
		uint32_t ref = DD_SLOT_REF + i, handle;

		if (db.kept[ref]) {
			assert_int_equal(db_map(DB_DATA_GFN + 10 + i, ref, true, &handle), 0);
			db_unkeep(ref);
			assert_int_equal(db_unmap(DB_DATA_GFN + 10 + i, handle), 0);
		}
	}
	db.keep = false;
	db_run();
	assert_int_equal(bf_collect(f, 0), 1);
	assert_memory_equal(db.disk + 3000 * 512, text + 9, 4096);
	db_purge();
	bf_free(f);
	(void)state;
}

static void test_flush_discard(void **state)
{
	struct blkfront *f = start();
	unsigned int flush = bf_request(f, 0, BLKIF_OP_FLUSH, 0, NULL, 0);
	unsigned int discard = bf_discard(f, 0, 8, 16);

	memset(db.disk, 0xff, 32 * 512);
	bf_kick(f, 0);
	db_run();
	assert_int_equal(bf_collect(f, 0), 2);
	assert_int_equal(bf_status(f, 0, flush), BLKIF_OKAY);
	assert_int_equal(bf_status(f, 0, discard), BLKIF_OKAY);
	assert_int_equal(db.flushes, 1);
	assert_int_equal(db.disk[8 * 512 - 1], 0xff);
	assert_int_equal(db.disk[8 * 512], 0);
	assert_int_equal(db.disk[24 * 512], 0xff);
	bf_free(f);
	(void)state;
}

/* An error, and what the back end doesn't know. */
static void test_errors(void **state)
{
	struct blkfront *f = start();

	db.status = BLKIF_ERROR;
	assert_int_equal(io(f, BLKIF_OP_WRITE, 0, text, 8), BLKIF_ERROR);
	db.status = BLKIF_UNSUPPORTED;
	assert_int_equal(io(f, BLKIF_OP_READ, 0, back, 8), BLKIF_UNSUPPORTED);
	db.status = 0;
	assert_int_equal(io(f, BLKIF_OP_WRITE, 0, text, 8), BLKIF_OKAY);
	assert_int_equal(counter(f, "target_errors"), 2);
	bf_free(f);
	(void)state;
}

/* A ring of one page, and more requests than it holds. */
static void test_small_ring(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct bf_options big = { .order = 2 };
	struct bf_segment seg[1];
	struct blkfront *f;

	db.order = 0;
	db_boot();
	f = bf_create(&config, &big);
	db_report("vda", "fe:0");
	db_run();
	bf_connect(f);
	for (unsigned int i = 0; i < 128; i++) {
		request(f, BLKIF_OP_WRITE, i * 8, text + i * 512, 8, seg);
	}
	bf_kick(f, 0);
	db_run();
	assert_int_equal(bf_collect(f, 0), 128);
	for (unsigned int i = 0; i < 128; i++) {
		assert_memory_equal(db.disk + i * 4096, text + i * 512, 4096);
	}
	/* Not an event for each. */
	assert_true(counter(f, "events") < 20);
	bf_free(f);
	(void)state;
}

/* The guest is there first, then the domain, then the disk. */
static void test_late(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct blkfront *f;

	db_boot();
	f = bf_create(&config, &linux_defaults);
	bf_try_connect(f);
	assert_int_equal(bf_read_back(f, "state"), 2);
	db_run();
	assert_int_equal(db_front("state"), -1);
	db_report("vdb", "fe:10");
	assert_int_equal(db_front("state"), -1);
	/* Nonsense is no disk. */
	db_report("vda", "fe");
	db_report("vda", ":1");
	db_report("vda", "fe:1:2");
	assert_int_equal(db_front("state"), -1);
	db_report("vda", "fe:0");
	db_run();
	bf_finish_connect(f);
	assert_int_equal(io(f, BLKIF_OP_WRITE, 0, text, 8), BLKIF_OKAY);
	bf_free(f);
	(void)state;
}

static void fill(struct blkfront *f, unsigned int count, struct bf_segment *seg)
{
	for (unsigned int i = 0; i < count; i++) {
		request(f, BLKIF_OP_WRITE, i * 8, text + i * 512, 8, &seg[i]);
	}
	bf_kick(f, 0);
}

/*
 * It dies with requests mapped: the pages stay in use until it is gone, and the next
 * one gets the requests, in their old order.
 */
static void test_domain_dies(void **state)
{
	struct blkfront *f = start();
	struct bf_segment seg[32];

	db.hold = true;
	fill(f, 31, seg);
	db_run();
	assert_int_equal(db.held_count, 31);
	assert_true(xg_entry(f->d, bf_ref(seg[3].page))->flags & GTF_READING);
	db_die();
	assert_int_equal(bf_collect(f, 0), 0);
	assert_true(xg_entry(f->d, bf_ref(seg[3].page))->flags & GTF_READING);
	/* Requests that come meanwhile wait, too. */
	request(f, BLKIF_OP_WRITE, 4000, text, 8, &seg[0]);
	bf_kick(f, 0);
	host_advance(5000000000ULL);
	assert_int_equal(bf_collect(f, 0), 0);
	db_start();
	assert_int_equal(db.held_count, 32);
	for (unsigned int i = 0; i < 31; i++) {
		assert_int_equal(db.held[i].w[2], i * 8);
	}
	db.hold = false;
	db_release();
	db_run();
	assert_int_equal(bf_collect(f, 0), 32);
	for (unsigned int i = 0; i < 31; i++) {
		assert_memory_equal(db.disk + i * 4096, text + i * 512, 4096);
	}
	assert_int_equal(counter(f, "outages"), 1);
	assert_int_equal(counter(f, "resent"), 31);
	bf_free(f);
	(void)state;
}

/*
 * The guest ends with requests in flight: it goes at once, for no device works with
 * its pages. The next one's write to the same sectors waits until the old one is done.
 */
static void test_guest_dies(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct blkfront *f = start();
	struct bf_segment seg[8];
	unsigned int id, other;

	db.hold = true;
	fill(f, 8, seg);
	db_run();
	assert_int_equal(db.held_count, 8);
	host_domain_destroy(f->d);
	bf_free(f);
	db.hold = false;
	f = bf_create(&config, &linux_defaults);
	/* It is closed and opened again: what is in flight is waited for. */
	db_run();
	assert_int_equal(bf_read_back(f, "state"), 2);
	bf_connect(f);
	other = request(f, BLKIF_OP_WRITE, 100, text, 8, seg);
	bf_kick(f, 0);
	db_run();
	assert_int_equal(bf_collect(f, 0), 1);
	assert_int_equal(bf_status(f, 0, other), BLKIF_OKAY);
	text[0]++;
	id = request(f, BLKIF_OP_WRITE, 6, text, 8, seg);
	bf_kick(f, 0);
	db_run();
	assert_int_equal(bf_collect(f, 0), 0);
	assert_int_equal(counter(f, "orphans"), 8);
	assert_true(counter(f, "overlaps") > 0);
	db_release();
	db_run();
	assert_int_equal(bf_collect(f, 0), 1);
	assert_int_equal(bf_status(f, 0, id), BLKIF_OKAY);
	assert_memory_equal(db.disk + 6 * 512, text, 4096);
	bf_free(f);
	(void)state;
}

/* Orphans end with the driver domain, too. */
static void test_both_die(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct blkfront *f = start();
	struct bf_segment seg[8];

	db.hold = true;
	fill(f, 8, seg);
	db_run();
	host_domain_destroy(f->d);
	bf_free(f);
	db_die();
	db.hold = false;
	db_boot();
	f = bf_create(&config, &linux_defaults);
	db_report("vda", "fe:0");
	db_run();
	bf_connect(f);
	assert_int_equal(io(f, BLKIF_OP_WRITE, 0, text, 8), BLKIF_OKAY);
	assert_int_equal(db.requests, 9);
	bf_free(f);
	(void)state;
}

/* Large requests of all slots together need more than the pool. */
static void test_pool(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct bf_options big = { .order = 2 };
	struct bf_segment seg[BLK_PIECES_MAX];
	struct blkfront *f;

	db_boot();
	f = bf_create(&config, &big);
	db_report("vda", "fe:0");
	db_run();
	bf_connect(f);
	for (unsigned int i = 0; i < 40; i++) {
		request(f, BLKIF_OP_WRITE, i * 64, text + i * 512, 256, seg);
	}
	bf_kick(f, 0);
	db_run();
	assert_int_equal(bf_collect(f, 0), 40);
	assert_true(counter(f, "starved") > 0);
	assert_memory_equal(db.disk + 39 * 64 * 512, text + 39 * 512, 256 * 512);
	bf_free(f);
	(void)state;
}

/* Requests that are in the back end's hands, and mapped by it no more. */
static void hold(struct blkfront *f, unsigned int count)
{
	struct bf_segment seg[16];

	db.hold = true;
	db.held_count = 0;
	fill(f, count, seg);
	db_run();
	for (unsigned int i = 0; i < count; i++) {
		assert_int_equal(db_unmap(DB_DATA_GFN + 1 + i, db.held[i].handle), GNTST_OKAY);
	}
	host_run();
	host_load(db.v);
}

/* One of them is answered; true if that took an event. */
static bool answer_one(unsigned int i)
{
	db_put(db.held[i].w[1], BLKIF_OP_WRITE, BLKIF_OKAY);
	return db_push();
}

/*
 * While many are in flight not every answer takes an event. What came without one
 * doesn't wait for long, nor for more when there is nothing else to do.
 */
static void test_few_events(void **state)
{
	struct blkfront *f = start();
	unsigned int events = 0;

	hold(f, 16);
	for (unsigned int i = 0; i < 16; i++) {
		events += answer_one(i);
	}
	host_advance(2 * WORK_LATE_NS);
	assert_int_equal(bf_collect(f, 0), 16);
	/* For the first one, 7 more, 4, 2, and the last two. */
	assert_int_equal(events, 6);
	assert_int_equal(atomic_load(&db_ring()->rsp_event), db.rsp + 1);
	/* The next event is for seven more, which don't come. */
	hold(f, 16);
	assert_true(answer_one(0));
	assert_false(answer_one(1));
	assert_false(answer_one(2));
	assert_int_equal(bf_collect(f, 0), 1);
	host_advance(2 * WORK_LATE_NS);
	assert_int_equal(bf_collect(f, 0), 2);
	/* Nothing for a while after each of the others: each takes an event. */
	for (unsigned int i = 3; i < 16; i++) {
		host_advance(2 * WORK_LATE_NS);
		assert_true(answer_one(i));
	}
	assert_int_equal(bf_collect(f, 0), 13);
	/* Few in flight: each at once. */
	hold(f, 2 * DD_EVENT_PART - 1);
	for (unsigned int i = 0; i < 2 * DD_EVENT_PART - 1; i++) {
		assert_true(answer_one(i));
	}
	assert_int_equal(bf_collect(f, 0), 2 * DD_EVENT_PART - 1);
	bf_free(f);
	(void)state;
}

/* The disk goes with a look still to come. */
static void test_look_after_the_end(void **state)
{
	struct blkfront *f = start();

	hold(f, 16);
	assert_true(answer_one(0));
	bf_free(f);
	db_die();
	(void)state;
}

static bool driver_ends(void)
{
	host_run();
	/* It's gone altogether by then if time passes. */
	if (domain_find(vm_find_name(DB_NAME)->id) != db.d) {
		db.d = NULL;
	}
	return db.d == NULL || db.d->state == DOMAIN_DYING;
}

/* It is found to hang, and the time for which it was paused doesn't count. */
static void ends_but_for_pauses(void)
{
	assert_int_equal(domain_pause(db.d), 0);
	host_advance(2 * DD_HANG_NS);
	assert_false(driver_ends());
	assert_int_equal(domain_unpause(db.d), 0);
	host_advance(DD_HANG_NS - 2 * DD_TICK_NS);
	assert_false(driver_ends());
	host_advance(4 * DD_TICK_NS);
	assert_true(driver_ends());
}

/* What breaks the ring's rules costs the driver domain its life, and nobody else. */
static void breach(void (*wrong)(void))
{
	struct blkfront *f = start();
	struct domain *d = domain_get(db.d);
	struct bf_segment seg[4];

	db.hold = true;
	fill(f, 4, seg);
	db_run();
	assert_int_equal(db.held_count, 4);
	wrong();
	host_run();
	assert_true(d->state == DOMAIN_DYING || d->state == DOMAIN_DEAD);
	domain_put(d);
	assert_int_equal(bf_collect(f, 0), 0);
	assert_int_equal(counter(f, "breaches"), 1);
	host_advance(DD_RETRY_NS);
	db_start();
	db.hold = false;
	db_release();
	assert_int_equal(bf_collect(f, 0), 4);
	assert_memory_equal(db.disk + 3 * 4096, text + 3 * 512, 4096);
	assert_int_equal(counter(f, "outages"), 1);
	assert_true(counter(f, "outage_ms") >= DD_RETRY_NS / 1000000);
	bf_free(f);
}

static void wrong_id(void)
{
	db_put(db.held[0].w[1] + 5, BLKIF_OP_WRITE, 0);
	db_tell();
}

static void wrong_generation(void)
{
	db_put(db.held[0].w[1] ^ 1U << 16, BLKIF_OP_WRITE, 0);
	db_tell();
}

static void wrong_large_id(void)
{
	db_put(db.held[0].w[1] | 1ULL << 63, BLKIF_OP_WRITE, 0);
	db_tell();
}

static void wrong_index(void)
{
	db.rsp += 5;
	db_tell();
}

static void wrong_index_back(void)
{
	db.rsp--;
	db_tell();
}

static void test_breaches(void **state)
{
	static void (*const wrong[])(void) = {
		wrong_id, wrong_generation, wrong_large_id, wrong_index, wrong_index_back,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		breach(wrong[i]);
		if (i + 1 < ARRAY_SIZE(wrong)) {
			teardown(state);
			setup(state);
		}
	}
}

/* An answer twice: the first one counts. */
static void test_double_answer(void **state)
{
	struct blkfront *f = start();
	struct bf_segment seg[2];

	db.hold = true;
	fill(f, 2, seg);
	db_run();
	assert_int_equal(db_unmap(DB_DATA_GFN + 1, db.held[0].handle), GNTST_OKAY);
	db_put(db.held[0].w[1], BLKIF_OP_WRITE, 0);
	db_put(db.held[0].w[1], BLKIF_OP_WRITE, 0);
	atomic_store(&db_ring()->rsp_prod, db.rsp);
	assert_int_equal(xg_port_op(db.v, EVTCHNOP_SEND, db.port), 0);
	assert_true(driver_ends());
	assert_int_equal(bf_collect(f, 0), 1);
	bf_free(f);
	(void)state;
}

/* Answers nothing for a minute: it hangs and is ended. */
static void test_hang(void **state)
{
	struct blkfront *f = start();
	struct bf_segment seg[2];

	db.hold = true;
	fill(f, 2, seg);
	db_run();
	host_advance(DD_HANG_NS - 2 * DD_TICK_NS);
	assert_false(driver_ends());
	/* A sign of life. */
	atomic_store(&db_ring()->rsp_prod, db.rsp);
	assert_int_equal(xg_port_op(db.v, EVTCHNOP_SEND, db.port), 0);
	host_advance(DD_HANG_NS - 2 * DD_TICK_NS);
	assert_false(driver_ends());
	/* Whoever is paused can't answer. */
	ends_but_for_pauses();
	bf_free(f);
	(void)state;
}

/* One request is never answered, all others are: it is found by its age. */
static void test_lost_request(void **state)
{
	struct blkfront *f = start();
	struct bf_segment seg[1];
	uint64_t end;

	db.hold = true;
	fill(f, 1, seg);
	db_run();
	assert_int_equal(db.held_count, 1);
	db.hold = false;
	/* Whoever is paused can't answer. */
	host_advance(10 * DD_TICK_NS);
	assert_int_equal(domain_pause(db.d), 0);
	host_advance(2 * DD_LOST_NS);
	assert_int_equal(domain_unpause(db.d), 0);
	end = arch_now() + DD_LOST_NS - 2 * DD_TICK_NS;
	while (arch_now() < end) {
		assert_false(driver_ends());
		assert_int_equal(io(f, BLKIF_OP_WRITE, 64, text, 8), BLKIF_OKAY);
		host_advance(MIN(DD_HANG_NS / 2, end - arch_now()));
	}
	assert_false(driver_ends());
	assert_int_equal(io(f, BLKIF_OP_WRITE, 64, text, 8), BLKIF_OKAY);
	host_advance(4 * DD_TICK_NS);
	assert_true(driver_ends());
	bf_free(f);
	(void)state;
}

/* A volume with an outage limit: what waits too long ends. */
static void test_outage(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct bf_segment seg[1];
	struct blkfront *f;
	unsigned int id;

	config.outage_s = 5;
	db_boot();
	f = bf_create(&config, &linux_defaults);
	db_report("vda", "fe:0");
	db_run();
	bf_connect(f);
	db_die();
	id = request(f, BLKIF_OP_WRITE, 0, text, 8, seg);
	bf_kick(f, 0);
	host_advance(3000000000ULL);
	assert_int_equal(bf_collect(f, 0), 0);
	host_advance(4000000000ULL);
	assert_int_equal(bf_collect(f, 0), 1);
	assert_int_equal(bf_status(f, 0, id), BLKIF_ERROR);
	db_start();
	assert_int_equal(io(f, BLKIF_OP_WRITE, 0, text, 8), BLKIF_OKAY);
	bf_free(f);
	(void)state;
}

/* The back end closes the device by itself: it is made anew. */
static void test_backend_closes(void **state)
{
	struct blkfront *f = start();
	struct bf_segment seg[4];

	db_state(XENBUS_CLOSING);
	db_run();
	assert_int_equal(db_front("state"), -1);
	fill(f, 4, seg);
	host_advance(2 * DD_RETRY_NS);
	db.state = XENBUS_UNKNOWN;
	db_run();
	assert_int_equal(db.state, XENBUS_CONNECTED);
	assert_int_equal(bf_collect(f, 0), 4);
	assert_memory_equal(db.disk + 3 * 4096, text + 3 * 512, 4096);
	bf_free(f);
	(void)state;
}

/* .. or begins to, and does no more; time when it is paused doesn't count. */
static void test_backend_never_closes(void **state)
{
	struct blkfront *f = start();
	struct bf_segment seg[4];

	db_state(XENBUS_CLOSING);
	host_run();
	fill(f, 4, seg);
	host_advance(DD_HANG_NS - 2 * DD_TICK_NS);
	assert_false(driver_ends());
	ends_but_for_pauses();
	db_start();
	assert_int_equal(bf_collect(f, 0), 4);
	bf_free(f);
	(void)state;
}

static void test_resize(void **state)
{
	struct blkfront *f = start();

	db_back_number("sectors", DB_SECTORS / 2);
	db_state(XENBUS_CONNECTED);
	db_run();
	assert_int_equal(bf_read_back(f, "sectors"), DB_SECTORS / 2);
	assert_int_equal(io(f, BLKIF_OP_WRITE, DB_SECTORS / 2, text, 8), BLKIF_ERROR);
	/* Nonsense changes nothing. */
	db_back_number("sectors", 0);
	db_back("sector-size", "513");
	db_state(XENBUS_CONNECTED);
	db_run();
	assert_int_equal(bf_read_back(f, "sectors"), DB_SECTORS / 2);
	bf_free(f);
	(void)state;
}

static void test_read_only(void **state)
{
	struct blkfront *f;

	db.read_only = true;
	f = start();
	assert_int_equal(bf_read_back(f, "info"), BLKIF_INFO_READONLY);
	assert_int_equal(io(f, BLKIF_OP_WRITE, 0, text, 8), BLKIF_ERROR);
	assert_int_equal(db.writes, 0);
	assert_int_equal(io(f, BLKIF_OP_READ, 0, back, 8), BLKIF_OKAY);
	bf_free(f);
	(void)state;
}

/* Two read-only volumes share a disk, one leaves, the other comes again. */
static void test_shared(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct blkfront *f, *g;

	db_boot();
	config.read_only = true;
	f = bf_create(&config, &linux_defaults);
	g = bf_create(&config, &linux_defaults);
	db_report("vda", "fe:0");
	db_run();
	bf_connect(f);
	bf_connect(g);
	memcpy(db.disk, text, 4096);
	assert_int_equal(io(f, BLKIF_OP_READ, 0, back, 8), BLKIF_OKAY);
	assert_memory_equal(back, text, 4096);
	host_domain_destroy(f->d);
	bf_free(f);
	memset(back, 0, 4096);
	assert_int_equal(io(g, BLKIF_OP_READ, 0, back, 8), BLKIF_OKAY);
	assert_memory_equal(back, text, 4096);
	host_domain_destroy(g->d);
	bf_free(g);
	/* Somebody comes while it is being closed. */
	f = bf_create(&config, &linux_defaults);
	db_run();
	host_advance(2 * DD_RETRY_NS);
	db_run();
	bf_connect(f);
	assert_int_equal(io(f, BLKIF_OP_READ, 0, back, 8), BLKIF_OKAY);
	bf_free(f);
	(void)state;
}

static void test_no_such_domain(void **state)
{
	struct domain *d = host_domain_create(16, 1);
	static const char *const bad[] = { "dd:nobody/vda", "dd:driver/", "dd:driver", "dd:/vda" };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct vm_vbd_config config = bf_config(bad[i]);

		assert_true(blk_vbd_create(d, 0, &config) < 0);
	}
	(void)state;
}

static void no_call(void *ctx)
{
	(void)ctx;
}

/* What it takes to make the device isn't there for now: it's tried again. */
static void test_no_room_for_a_while(void **state)
{
	struct vm_vbd_config config = bf_config(TARGET);
	struct hv_grants *taken[HV_GRANT_RANGES];
	struct blkfront *f;

	db_boot();
	for (unsigned int i = 0; i < HV_GRANT_RANGES; i++) {
		assert_int_equal(hv_grants_open(db.d, 1, no_call, NULL, &taken[i]), 0);
	}
	f = bf_create(&config, &linux_defaults);
	db_report("vda", "fe:0");
	db_run();
	host_advance(3 * DD_RETRY_NS);
	assert_int_equal(db_front("state"), -1);
	for (unsigned int i = 0; i < HV_GRANT_RANGES; i++) {
		assert_true(hv_grants_close(taken[i]));
	}
	host_advance(2 * DD_RETRY_NS);
	db_run();
	bf_connect(f);
	assert_int_equal(io(f, BLKIF_OP_READ, 0, back, 8), BLKIF_OKAY);
	bf_free(f);
	(void)state;
}

/* It is asked to end while everything is in use, again and again, with I/O. */
static void test_many_deaths(void **state)
{
	struct blkfront *f = start();
	struct unit_random r = { 5 };

	for (unsigned int i = 0; i < 20; i++) {
		struct bf_segment seg[32];
		unsigned int n = 1 + unit_random_below(&r, 20);

		db.hold = unit_random_below(&r, 3) != 0;
		text[0]++;
		fill(f, n, seg);
		if (unit_random_below(&r, 2) != 0) {
			db_run();
		}
		db_die();
		host_advance(unit_random_below(&r, 3) * 1000000000ULL);
		db_boot();
		db.hold = false;
		db_report("vda", "fe:0");
		db_run();
		host_advance(2 * DD_RETRY_NS);
		db_run();
		assert_int_equal(bf_collect(f, 0), n);
		for (unsigned int id = 0; id < BF_IDS; id++) {
			if (f->queue[0].shadow[id].used) {
				assert_int_equal(bf_status(f, 0, id), BLKIF_OKAY);
			}
		}
		assert_memory_equal(db.disk, text, 4096);
	}
	bf_free(f);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DD_TEST(test_read_write),
	DD_TEST(test_kept_maps),
		DD_TEST(test_flush_discard),
		DD_TEST(test_errors),
		DD_TEST(test_small_ring),
		DD_TEST(test_late),
		DD_TEST(test_domain_dies),
		DD_TEST(test_guest_dies),
		DD_TEST(test_both_die),
		DD_TEST(test_pool),
		DD_TEST(test_few_events),
	DD_TEST(test_look_after_the_end),
	DD_TEST(test_breaches),
		DD_TEST(test_double_answer),
		DD_TEST(test_hang), DD_TEST(test_lost_request),
		DD_TEST(test_outage),
		DD_TEST(test_backend_closes),
		DD_TEST(test_backend_never_closes),
		DD_TEST(test_resize),
		DD_TEST(test_read_only),
		DD_TEST(test_shared),
		DD_TEST(test_no_such_domain),
		DD_TEST(test_no_room_for_a_while),
		DD_TEST(test_many_deaths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
