/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blkback against a frontend that does anything to its rings, grants, memory
 * and keys, also while a request of it is with the target. Another frontend must
 * be able to use its disk all the time.
 *
 * Input: operations of one byte and their arguments.
 */
#define BLKFRONT_PLAIN
#include "sim/blkfront.h"

#include "sim/memdisk.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct blkfront *bad, *good;

/* A request, most of the time a sensible one. */
static void put_request(struct input *in)
{
	unsigned int op = take(in, 1) % 8;
	unsigned int count = take(in, 1) % 14;
	uint64_t w[BLKIF_ENTRY_WORDS] = {
		op | count << 8, take(in, 1), take(in, 1) & 1 ? take(in, 8) : take(in, 2),
	};

	for (unsigned int i = 0; i < BLKIF_SEGMENTS; i++) {
		unsigned int page = i < count ? take(in, 1) % 64 : 0;

		xg_grant(bad->d, bf_ref(page), BF_DATA_GFN + page, GTF_PERMIT_ACCESS);
		w[BLKIF_SEG_AT + i] = bf_ref(page) | (take(in, 1) & 0xf) << 32 |
				      (take(in, 1) & 0xf) << 40;
	}
	if (op == BLKIF_OP_INDIRECT) {
		w[0] = op | (take(in, 1) & 3) << 8 | (take(in, 1) % 40) << 16;
		w[3] = (uint64_t)bf_ref(take(in, 1) % 64) << 32;
	}
	bf_put(bad, 0, w, BLKIF_ENTRY_WORDS);
}

static void step(struct input *in)
{
	struct blkif_indices *r = bf_ring(bad, 0);
	struct memdisk *m = &md_disk[0];

	switch (take(in, 1) % 12) {
	case 0:
	case 1:
		put_request(in);
		break;
	case 2:
		atomic_store(&r->req_prod, bad->queue[0].prod);
		bf_notify(bad, 0);
		break;
	case 3:
		atomic_store(&r->req_prod, (uint32_t)take(in, 4));
		bf_notify(bad, 0);
		break;
	case 4:
		*bf_word(bad, 0, (uint32_t)take(in, 1), take(in, 1) % BLKIF_ENTRY_WORDS) =
			take(in, 8);
		break;
	case 5:
		m->hold = !m->hold;
		blk_target_ready(&m->t);
		host_run();
		break;
	case 6:
		*xg_entry(bad->d, (unsigned int)take(in, 2) % 1024) = (struct grant_entry){
			.flags = (uint16_t)take(in, 1),
			.frame = (uint32_t)(HOST_GUEST_GFN + take(in, 2) % 600),
		};
		break;
	case 7: {
		uint64_t *list = bf_page(bad, take(in, 1) % 64);

		list[take(in, 1) % 34] = bf_ref(take(in, 1) % 64) | take(in, 3) << 32;
		break;
	}
	case 8:
		bf_write_number(bad, "state", take(in, 1) % 8);
		host_run();
		break;
	case 9: {
		static const char *const keys[] = {
			"ring-ref", "event-channel", "ring-page-order", "ring-ref0",
			"multi-queue-num-queues",
		};

		bf_write_number(bad, keys[take(in, 1) % ARRAY_SIZE(keys)],
				(unsigned int)take(in, 2));
		break;
	}
	case 10:
		(void)xg_reserve(bad->v, take(in, 1) & 1 ? XENMEM_DECREASE_RESERVATION :
				 XENMEM_POPULATE_PHYSMAP, BF_DATA_GFN + 64 + take(in, 1) % 64, 1, 0);
		break;
	default:
		m->status = take(in, 1) & 1 ? -EIO : 0;
		m->room = (unsigned int)take(in, 1) % 4;
		break;
	}
}

static void machine_make(void)
{
	host_reset();
	md_setup();
	bad = bf_start("mem:0", &(struct bf_options){ 0 });
	good = bf_start("mem:1", &(struct bf_options){ 0 });
}

/* Back to a fresh driver, whatever the last input left. */
static void bad_reset(void)
{
	static const char *const keys[] = {
		"multi-queue-num-queues", "ring-page-order", "ring-ref0",
	};

	md_disk[0].hold = false;
	md_disk[0].status = 0;
	md_disk[0].room = 0;
	bf_write(bad, "state", "6");
	host_advance(2 * BLKBACK_REPLUG_NS);
	if (bf_read_back(bad, "state") < 0) {
		bad->devid ^= 1U << 30;
	}
	(void)xg_port_op(bad->v, EVTCHNOP_CLOSE, bad->queue[0].port);
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		char path[128];
		int err;

		snprintf(path, sizeof(path), "/local/domain/%u/device/vbd/%u/%s", bad->d->id,
			 bad->devid, keys[i]);
		err = xs_rm(NULL, path);
		assert_true(err == 0 || err == -ENOENT);
	}
	for (unsigned int i = 0; i < 64; i++) {
		(void)xg_reserve(bad->v, XENMEM_POPULATE_PHYSMAP, BF_DATA_GFN + 64 + i, 1, 0);
	}
	bf_write(bad, "state", "1");
	host_run();
	bf_connect(bad);
}

static void good_works(void)
{
	static uint8_t out[8192], back[8192];

	out[0]++;
	assert_true(bf_io(good, 0, BLKIF_OP_WRITE, 8, out, 16) == BLKIF_OKAY);
	assert_true(bf_io(good, 0, BLKIF_OP_READ, 8, back, 16) == BLKIF_OKAY);
	assert_true(memcmp(out, back, sizeof(out)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (bad == NULL) {
		machine_make();
	}
	bad_reset();
	for (unsigned int i = 0; i < 200 && in.left > 0; i++) {
		step(&in);
	}
	host_run();
	good_works();
	return 0;
}
