/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The AoE initiator against a target that answers what it likes: real answers
 * with bytes changed, old ones again, and anything else. Requests may wait, but
 * nothing breaks; then a sane target serves them all.
 *
 * Input: operations of one byte and their arguments.
 */
#define BLKFRONT_PLAIN
#include "sim/blkfront.h"

#include "sim/aoetarget.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct blkfront *front;

static void put_request(struct input *in)
{
	struct bf_segment seg[BLK_PIECES_MAX];
	unsigned int count = 1 + (unsigned int)take(in, 1) % BLK_PIECES_MAX;
	unsigned int op = (unsigned int)take(in, 1);

	if (front->queue[0].prod - front->queue[0].cons >= 24) {
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		seg[i] = (struct bf_segment){
			.page = bf_alloc(front), .first = i % 3, .last = 2 + op % 6,
		};
	}
	bf_request(front, 0, op & 1, take(in, 1) * 8, seg, count);
	bf_kick(front, 0);
	host_run();
}

/* The header of an answer under way, and what follows it, is changed. */
static void change_event(struct input *in)
{
	struct at_target *t = &at[0];
	struct at_event *e;
	unsigned int n = 1 + (unsigned int)take(in, 1) % 4;

	if (t->events == 0) {
		return;
	}
	e = &t->event[take(in, 1) % t->events];
	e->out = true;
	if (take(in, 1) & 1) {
		at_add(t, e->data, e->len, true, take(in, 1) * 1000000);
	}
	while (n-- > 0) {
		/* Not the tag: guessing it is what the tag is against. */
		unsigned int where = 14 + (unsigned int)take(in, 1) % 26;

		if (where < e->len && (where < AOE_AT_TAG || where >= AOE_HEADER)) {
			e->data[where] = (uint8_t)take(in, 1);
		}
	}
	if (take(in, 1) & 1) {
		uint32_t len = 14 + (uint32_t)take(in, 2);

		e->len = MIN(e->len, len);
	}
}

static void step(struct input *in)
{
	static uint8_t frame[700];
	struct at_target *t = &at[0];

	switch (take(in, 1) % 8) {
	case 0:
	case 1:
		put_request(in);
		break;
	case 2:
		change_event(in);
		break;
	case 3:
		at_run((take(in, 1) + 1) * AT_STEP_NS);
		break;
	case 4:
		t->told_sectors = take(in, 1) & 1 ? take(in, 8) : AT_SECTORS;
		t->max_sectors = (unsigned int)take(in, 1);
		t->buffers = (unsigned int)take(in, 1);
		break;
	case 5:
		t->loss = (unsigned int)take(in, 1) * 2;
		t->dup = (unsigned int)take(in, 1);
		t->down = take(in, 1) % 4 == 0;
		break;
	case 6:
		at_run(take(in, 1) * 1000000);
		break;
	default: {
		uint32_t len = 36 + (uint32_t)take(in, 1);

		for (unsigned int i = 14; i < len; i++) {
			frame[i] = (uint8_t)take(in, 1);
		}
		memcpy(frame, aoe_port->port.config.mac, 6);
		memcpy(frame + 6, t->port.config.mac, 6);
		put_be16(frame + 12, ETH_AOE);
		at_send(t, frame, len);
		break;
	}
	}
	(void)bf_collect(front, 0);
}

static void machine_make(void)
{
	struct vm_vbd_config c = bf_config("aoe:1.0");

	host_reset();
	at_setup(false, 9000);
	bf_step = at_run;
	at_plug(0);
	front = bf_create(&c, &(struct bf_options){ 0 });
	bf_try_connect(front);
	at_run(100000000);
	bf_finish_connect(front);
}

/* A sane target again: everything is answered, and the disk works. */
static void settle(void)
{
	static uint8_t out[PAGE_SIZE], back[PAGE_SIZE];
	struct at_target *t = &at[0];
	struct blk_info *info = &aoe_find(1, 0)->base.info;

	t->told_sectors = AT_SECTORS;
	t->max_sectors = 17;
	t->buffers = 16;
	t->loss = 0;
	t->dup = 0;
	t->down = false;
	for (unsigned int i = 0; i < 400 && (front->queue[0].prod != front->queue[0].cons ||
					     info->sectors != AT_SECTORS); i++) {
		at_run(100000000);
		(void)bf_collect(front, 0);
	}
	assert_true(front->queue[0].prod == front->queue[0].cons);
	for (unsigned int i = 0; i < BF_IDS; i++) {
		front->queue[0].shadow[i].used = false;
	}
	out[0]++;
	assert_true(bf_io(front, 0, BLKIF_OP_WRITE, 4096, out, 8) == BLKIF_OKAY);
	assert_true(bf_io(front, 0, BLKIF_OP_READ, 4096, back, 8) == BLKIF_OKAY);
	assert_true(memcmp(out, back, sizeof(out)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (front == NULL) {
		machine_make();
	}
	for (unsigned int i = 0; i < 60 && in.left > 0; i++) {
		step(&in);
	}
	settle();
	return 0;
}
