/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block target in the test's memory: "mem:0" to "mem:3". It can hold requests
 * back, have little room, fail, and change its size.
 */
#ifndef TESTS_SIM_MEMDISK_H
#define TESTS_SIM_MEMDISK_H

#include <string.h>

#include "blk/volume.h"

#define MD_DISKS	4U
#define MD_SECTORS	4096U

struct memdisk {
	struct blk_target t;		/* first */
	struct list requests;
	unsigned int count;
	unsigned int room;		/* requests taken at a time; 0: any number */
	bool hold;			/* nothing is done */
	int status;			/* every request ends with it */
	bool open;
	unsigned int flushes;
	uint64_t discarded;
	uint64_t done[8];		/* requests by volume id */
	uint8_t data[MD_SECTORS * BLK_SECTOR];
};

static struct memdisk md_disk[MD_DISKS];

static inline int md_submit(struct blk_target *t, struct blk_request *r)
{
	struct memdisk *m = (struct memdisk *)t;

	if (m->room != 0 && m->count >= m->room) {
		return -EAGAIN;
	}
	m->count++;
	list_push_back(&m->requests, &r->node);
	return 0;
}

static inline void md_cancel(struct blk_target *t, struct blk_request *r, int status)
{
	struct memdisk *m = (struct memdisk *)t;

	list_remove(&r->node);
	m->count--;
	blk_target_finish(t, r, status);
}

static inline void md_copy(struct memdisk *m, struct blk_request *r)
{
	uint8_t *at = m->data + r->sector * BLK_SECTOR;

	for (unsigned int i = 0; i < r->piece_count; i++) {
		uint8_t *page = (uint8_t *)r->piece[i].page + r->piece[i].offset;

		if (r->op == BLK_READ) {
			memcpy(page, at, r->piece[i].len);
		} else {
			memcpy(at, page, r->piece[i].len);
		}
		at += r->piece[i].len;
	}
}

static inline bool md_pump(struct blk_target *t)
{
	struct memdisk *m = (struct memdisk *)t;
	struct list *item;

	while (!m->hold && (item = list_pop_front(&m->requests)) != NULL) {
		struct blk_request *r = list_entry(item, struct blk_request, node);

		m->count--;
		if (m->status == 0) {
			if (r->op == BLK_READ || r->op == BLK_WRITE) {
				md_copy(m, r);
			}
			m->flushes += r->op == BLK_FLUSH;
			m->discarded += r->op == BLK_DISCARD ? r->sectors : 0;
		}
		m->done[r->volume->id % 8]++;
		blk_target_finish(t, r, m->status);
	}
	return false;
}

static inline void md_freed(struct blk_target *t)
{
	((struct memdisk *)t)->open = false;
}

static inline void md_release(struct blk_target *t)
{
	blk_target_retire(t, md_freed);
}

static inline bool md_counter(struct blk_target *t, unsigned int n, const char **name,
			      uint64_t *value)
{
	(void)t;
	*name = "none";
	*value = 0;
	return n < 1;
}

static const struct blk_target_ops md_ops = {
	.submit = md_submit, .cancel = md_cancel, .pump = md_pump, .release = md_release,
	.counter = md_counter,
};

static inline int md_open(const char *rest, struct blk_target **out)
{
	if (rest[0] < '0' || rest[0] >= (char)('0' + MD_DISKS) || rest[1] != '\0') {
		return -EINVAL;
	}
	*out = &md_disk[rest[0] - '0'].t;
	return 0;
}

/* After each reset of the machine. */
static inline void md_setup(void)
{
	static struct blk_target_kind kind = { .prefix = "mem:", .open = md_open };

	blk_kind_register(&kind);
	memset(md_disk, 0, sizeof(md_disk));
	for (unsigned int i = 0; i < MD_DISKS; i++) {
		struct memdisk *m = &md_disk[i];

		blk_target_init(&m->t, &md_ops, "mem");
		list_init(&m->requests);
		m->t.info.known = true;
		m->t.info.sectors = MD_SECTORS;
		m->t.info.flush = true;
		m->t.info.discard = true;
		m->t.info.discard_granularity = BLK_SECTOR;
	}
}

/* Let go of what is held back. */
static inline void md_go(struct memdisk *m)
{
	m->hold = false;
	blk_target_ready(&m->t);
	host_run();
}

static inline void md_resize(struct memdisk *m, uint64_t sectors)
{
	spin_lock(&m->t.lock);
	m->t.info.known = true;
	m->t.info.sectors = sectors;
	blk_target_changed(&m->t);
	spin_unlock(&m->t.lock);
	host_run();
}

#endif
