/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block frontend for tests: what a guest's driver does, in this process,
 * against the real XenStore, event channels, grants and blkback. It checks
 * all that it sees as a picky frontend would: ids, operations, and that no
 * page of a request is marked in use when its answer is there.
 *
 * Includes unit/unit.h, or with BLKFRONT_PLAIN (fuzz targets, which have no
 * cmocka) only its own checks. All functions are for one thread.
 */
#ifndef TESTS_SIM_BLKFRONT_H
#define TESTS_SIM_BLKFRONT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BLKFRONT_PLAIN
#include "harness.h"
#define assert_true(x) \
	do { if (!(x)) { host_fatal("%s:%d: %s", __FILE__, __LINE__, #x); } } while (0)
#define assert_false(x)			assert_true(!(x))
#define assert_int_equal(a, b)		assert_true((a) == (b))
#define assert_int_not_equal(a, b)	assert_true((a) != (b))
#else
#include "unit/unit.h"
#endif

#include "blk/blk.h"
#include "unit/xen_guest.h"
#include "xen/evtchn.h"
#include "xenstore/xenstore.h"

#define BF_QUEUES	4U
#define BF_IDS		512U
#define BF_PAGES	1536U		/* of data and indirect segments */
#define BF_FIRST_GFN	(HOST_GUEST_GFN + 8)
#define BF_DATA_GFN	(BF_FIRST_GFN + BF_QUEUES * BLKIF_PAGES_MAX)
#define BF_FIRST_REF	8U
#define BF_DATA_REF	(BF_FIRST_REF + BF_QUEUES * BLKIF_PAGES_MAX)
#define BF_DEVICE	51712U

struct bf_options {
	unsigned int queues;		/* 0: one, without multi-queue keys */
	unsigned int order;		/* of the rings' pages */
	const char *protocol;
};

struct bf_segment {
	unsigned int page;		/* of the pool */
	unsigned int first, last;
};

/* A request that is not answered, or whose answer was not looked at. */
struct bf_shadow {
	bool used;
	bool answered;
	unsigned int op;
	int status;
	unsigned int count;		/* pages, the indirect one last */
	unsigned int page[BLK_PIECES_MAX + 2];
};

struct bf_queue {
	unsigned int port;
	uint32_t prod, cons;
	uint32_t size;
	struct bf_shadow shadow[BF_IDS];
	unsigned int next_id;
};

struct blkfront {
	struct domain *d;
	struct vcpu *v;
	unsigned int devid;
	unsigned int queue_count;
	struct bf_options options;
	struct bf_queue queue[BF_QUEUES];
	bool page_used[BF_PAGES];
	unsigned int next_page;
	unsigned int kicks;
};

/* --- XenStore -------------------------------------------------------------- */

static inline void bf_write(const struct blkfront *f, const char *key, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/device/vbd/%u/%s", f->d->id, f->devid, key);
	assert_int_equal(xs_printf(NULL, path, "%s", value), 0);
}

static inline void bf_write_number(const struct blkfront *f, const char *key, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	bf_write(f, key, text);
}

static inline long bf_read_back(const struct blkfront *f, const char *key)
{
	char path[128];
	char value[32];

	snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u/%s", f->d->id, f->devid,
		 key);
	return xs_read(NULL, path, value, sizeof(value), NULL) == 0 ? atol(value) : -1;
}

static inline void bf_write_queue(const struct blkfront *f, unsigned int n, const char *key,
				  unsigned int value)
{
	char name[64];

	if (f->options.queues > 1) {
		snprintf(name, sizeof(name), "queue-%u/%s", n, key);
		bf_write_number(f, name, value);
	} else {
		bf_write_number(f, key, value);
	}
}

/* --- memory ------------------------------------------------------------------ */

static inline void *bf_page(const struct blkfront *f, unsigned int page)
{
	return host_page(f->d, BF_DATA_GFN + page);
}

static inline unsigned int bf_ref(unsigned int page)
{
	return BF_DATA_REF + page;
}

static inline unsigned int bf_alloc(struct blkfront *f)
{
	for (unsigned int i = 0; i < BF_PAGES; i++) {
		unsigned int page = f->next_page++ % BF_PAGES;

		if (!f->page_used[page]) {
			f->page_used[page] = true;
			return page;
		}
	}
	host_fatal("no page left");
}

static inline uint64_t *bf_word(const struct blkfront *f, unsigned int n, uint32_t at,
				unsigned int w)
{
	uint32_t byte = BLKIF_ENTRIES_AT +
			((at & (f->queue[n].size - 1)) * BLKIF_ENTRY_WORDS + w) * 8;
	uint8_t *page = host_page(f->d, BF_FIRST_GFN + n * BLKIF_PAGES_MAX + byte / PAGE_SIZE);

	return (uint64_t *)(void *)(page + byte % PAGE_SIZE);
}

static inline struct blkif_indices *bf_ring(const struct blkfront *f, unsigned int n)
{
	return host_page(f->d, BF_FIRST_GFN + n * BLKIF_PAGES_MAX);
}

static inline bool bf_take_event(struct blkfront *f, unsigned int n)
{
	unsigned int port = f->queue[n].port;
	uint64_t *word = &xg_shared(f->d)->evtchn_pending[port / 64];
	bool was = (*word >> (port % 64)) & 1;

	*word &= ~(1ULL << (port % 64));
	return was;
}

/* --- requests ------------------------------------------------------------------ */

static inline unsigned int bf_id(struct bf_queue *q, unsigned int op)
{
	for (unsigned int i = 0; i < BF_IDS; i++) {
		unsigned int id = q->next_id++ % BF_IDS;

		if (!q->shadow[id].used) {
			q->shadow[id] = (struct bf_shadow){ .used = true, .op = op };
			return id;
		}
	}
	host_fatal("no id left");
}

/* A raw entry of the ring. */
static inline void bf_put(struct blkfront *f, unsigned int n, const uint64_t *w,
			  unsigned int words)
{
	for (unsigned int i = 0; i < words; i++) {
		*bf_word(f, n, f->queue[n].prod, i) = w[i];
	}
	f->queue[n].prod++;
}

static inline uint64_t bf_seg_word(const struct bf_segment *s)
{
	return bf_ref(s->page) | (uint64_t)s->first << 32 | (uint64_t)s->last << 40;
}

/* Grant the data's pages and remember them. */
static inline void bf_grant(struct blkfront *f, struct bf_shadow *s, const struct bf_segment *seg,
			    unsigned int count, unsigned int op)
{
	for (unsigned int i = 0; i < count; i++) {
		xg_grant(f->d, bf_ref(seg[i].page), BF_DATA_GFN + seg[i].page,
			 GTF_PERMIT_ACCESS | (op == BLKIF_OP_WRITE ? GTF_READONLY : 0));
		s->page[s->count++] = seg[i].page;
	}
}

static inline unsigned int bf_indirect(struct blkfront *f, unsigned int n, unsigned int op,
				       uint64_t sector, const struct bf_segment *seg,
				       unsigned int count)
{
	unsigned int id = bf_id(&f->queue[n], op);
	struct bf_shadow *s = &f->queue[n].shadow[id];
	unsigned int page = bf_alloc(f);
	uint64_t *list = bf_page(f, page);
	uint64_t w[BLKIF_ENTRY_WORDS] = {
		BLKIF_OP_INDIRECT | op << 8 | (uint64_t)count << 16, id, sector,
		(uint64_t)bf_ref(page) << 32,
	};

	for (unsigned int i = 0; i < count; i++) {
		list[i] = bf_seg_word(&seg[i]);
	}
	bf_grant(f, s, seg, MIN(count, BLK_PIECES_MAX), op);
	bf_grant(f, s, &(struct bf_segment){ .page = page }, 1, BLKIF_OP_WRITE);
	bf_put(f, n, w, BLKIF_ENTRY_WORDS);
	return id;
}

/* Put a request into the ring, without telling anybody; its id. */
static inline unsigned int bf_request(struct blkfront *f, unsigned int n, unsigned int op,
				      uint64_t sector, const struct bf_segment *seg,
				      unsigned int count)
{
	struct bf_queue *q = &f->queue[n];
	uint64_t w[BLKIF_ENTRY_WORDS] = { 0 };
	unsigned int id;

	if (count > BLKIF_SEGMENTS) {
		return bf_indirect(f, n, op, sector, seg, count);
	}
	id = bf_id(q, op);
	w[0] = op | count << 8;
	w[1] = id;
	w[2] = sector;
	for (unsigned int i = 0; i < count; i++) {
		w[BLKIF_SEG_AT + i] = bf_seg_word(&seg[i]);
	}
	bf_grant(f, &q->shadow[id], seg, count, op);
	bf_put(f, n, w, BLKIF_ENTRY_WORDS);
	return id;
}

static inline unsigned int bf_discard(struct blkfront *f, unsigned int n, uint64_t sector,
				      uint64_t sectors)
{
	unsigned int id = bf_id(&f->queue[n], BLKIF_OP_DISCARD);
	uint64_t w[] = { BLKIF_OP_DISCARD, id, sector, sectors };

	bf_put(f, n, w, 4);
	return id;
}

static inline void bf_notify(struct blkfront *f, unsigned int n)
{
	f->kicks++;
	assert_int_equal(xg_port_op(f->v, EVTCHNOP_SEND, f->queue[n].port), 0);
}

/* Publish what is in the ring, and tell if asked. */
static inline void bf_kick(struct blkfront *f, unsigned int n)
{
	struct blkif_indices *r = bf_ring(f, n);
	uint32_t old = atomic_load(&r->req_prod);
	uint32_t new = f->queue[n].prod;

	atomic_store(&r->req_prod, new);
	if (new - atomic_load(&r->req_event) < new - old) {
		bf_notify(f, n);
	}
}

/* Take the answers; how many there were. */
static inline unsigned int bf_collect(struct blkfront *f, unsigned int n)
{
	struct bf_queue *q = &f->queue[n];
	uint32_t prod = atomic_load(&bf_ring(f, n)->rsp_prod);
	unsigned int count = 0;

	assert_true(prod - q->cons <= q->prod - q->cons);
	for (; q->cons != prod; q->cons++, count++) {
		uint64_t id = *bf_word(f, n, q->cons, 0);
		uint64_t w1 = *bf_word(f, n, q->cons, 1);
		struct bf_shadow *s = &q->shadow[id % BF_IDS];

		assert_true(id < BF_IDS && s->used && !s->answered);
		assert_int_equal((uint8_t)w1, s->op);
		assert_int_equal(w1 & 0xffffffff0000ff00ULL, 0);
		s->status = (int16_t)(w1 >> 16);
		s->answered = true;
		for (unsigned int i = 0; i < s->count; i++) {
			struct grant_entry *e = xg_entry(f->d, bf_ref(s->page[i]));

			/* Unless another request uses the page, too. */
			assert_int_equal(e->flags & (GTF_READING | GTF_WRITING), 0);
			*e = (struct grant_entry){ 0 };
			f->page_used[s->page[i]] = false;
		}
	}
	atomic_store(&bf_ring(f, n)->rsp_event, q->cons + 1);
	return count;
}

/* The answer of a request that was collected. */
static inline int bf_status(struct blkfront *f, unsigned int n, unsigned int id)
{
	struct bf_shadow *s = &f->queue[n].shadow[id];

	assert_true(s->used && s->answered);
	s->used = false;
	return s->status;
}

/* How time passes: a test may have more to do meanwhile. */
static void (*bf_step)(uint64_t ns) = host_advance;

/* Kick, and let time pass until the answer is there. */
static inline int bf_wait(struct blkfront *f, unsigned int n, unsigned int id, uint64_t ns)
{
	uint64_t end = arch_now() + ns;

	bf_kick(f, n);
	host_run();
	(void)bf_collect(f, n);
	while (!f->queue[n].shadow[id].answered) {
		assert_true(arch_now() < end);
		bf_step(100000);
		(void)bf_collect(f, n);
	}
	return bf_status(f, n, id);
}

/* Whole pages of data from or to `data`; the answer's status. */
static inline int bf_io(struct blkfront *f, unsigned int n, unsigned int op, uint64_t sector,
			uint8_t *data, unsigned int sectors)
{
	struct bf_segment seg[BLK_PIECES_MAX] = { 0 };
	unsigned int count = 0;
	unsigned int id;
	int status;

	for (unsigned int at = 0; at < sectors; at += 8, count++) {
		seg[count] = (struct bf_segment){
			.page = bf_alloc(f), .last = MIN(sectors - at, 8U) - 1,
		};
		if (op == BLKIF_OP_WRITE) {
			memcpy(bf_page(f, seg[count].page), data + at * 512,
			       (seg[count].last + 1) * 512);
		}
	}
	id = bf_request(f, n, op, sector, seg, count);
	status = bf_wait(f, n, id, 300000000000ULL);
	for (unsigned int i = 0; op == BLKIF_OP_READ && i < count; i++) {
		memcpy(data + i * PAGE_SIZE, bf_page(f, seg[i].page), (seg[i].last + 1) * 512);
	}
	return status;
}

/* --- life ------------------------------------------------------------------------ */

static inline void bf_queue_start(struct blkfront *f, unsigned int n)
{
	struct bf_queue *q = &f->queue[n];
	unsigned int pages = 1U << f->options.order;

	memset(q, 0, sizeof(*q));
	q->size = blkif_ring_size(f->options.order);
	for (unsigned int i = 0; i < pages; i++) {
		uint64_t gfn = BF_FIRST_GFN + n * BLKIF_PAGES_MAX + i;

		memset(host_page(f->d, gfn), 0, PAGE_SIZE);
		xg_grant(f->d, BF_FIRST_REF + n * BLKIF_PAGES_MAX + i, gfn, GTF_PERMIT_ACCESS);
	}
	atomic_store(&bf_ring(f, n)->req_event, 1);
	atomic_store(&bf_ring(f, n)->rsp_event, 1);
	q->port = (unsigned int)xg_alloc_unbound(f->v, DOMID_HV);
}

static inline void bf_write_keys(const struct blkfront *f)
{
	const struct bf_options *o = &f->options;

	if (o->queues != 0) {
		bf_write_number(f, "multi-queue-num-queues", o->queues);
	}
	if (o->order != 0) {
		bf_write_number(f, "ring-page-order", o->order);
	}
	for (unsigned int n = 0; n < f->queue_count; n++) {
		unsigned int ref = BF_FIRST_REF + n * BLKIF_PAGES_MAX;

		if (o->order == 0) {
			bf_write_queue(f, n, "ring-ref", ref);
		}
		for (unsigned int i = 0; o->order != 0 && i < 1U << o->order; i++) {
			char key[24];

			snprintf(key, sizeof(key), "ring-ref%u", i);
			bf_write_queue(f, n, key, ref + i);
		}
		bf_write_queue(f, n, "event-channel", f->queue[n].port);
	}
	bf_write(f, "protocol", o->protocol != NULL ? o->protocol : "arm-abi");
	bf_write(f, "feature-persistent", "1");
}

/* Up to the frontend's state 3. */
static inline void bf_try_connect(struct blkfront *f)
{
	assert_int_equal(bf_read_back(f, "state"), 2);
	memset(f->page_used, 0, sizeof(f->page_used));
	for (unsigned int n = 0; n < f->queue_count; n++) {
		bf_queue_start(f, n);
	}
	bf_write_keys(f);
	bf_write(f, "state", "3");
	host_run();
}

/* The backend is connected: so is the frontend. */
static inline void bf_finish_connect(struct blkfront *f)
{
	assert_int_equal(bf_read_back(f, "state"), 4);
	assert_true(bf_read_back(f, "sectors") > 0);
	assert_true(bf_read_back(f, "info") >= 0);
	assert_true(bf_read_back(f, "sector-size") >= 512);
	bf_write(f, "state", "4");
	host_run();
}

static inline void bf_connect(struct blkfront *f)
{
	bf_try_connect(f);
	bf_finish_connect(f);
}

/* What module removal does; everything must have been given back then. */
static inline void bf_close(struct blkfront *f)
{
	bf_write(f, "state", "5");
	host_run();
	assert_int_equal(bf_read_back(f, "state"), 5);
	bf_write(f, "state", "6");
	host_run();
	for (unsigned int n = 0; n < f->queue_count; n++) {
		for (unsigned int i = 0; i < 1U << f->options.order; i++) {
			assert_int_equal(xg_entry(f->d, BF_FIRST_REF + n * BLKIF_PAGES_MAX + i)->flags,
					 GTF_PERMIT_ACCESS);
		}
		assert_int_equal(xg_port_op(f->v, EVTCHNOP_CLOSE, f->queue[n].port), 0);
	}
	for (unsigned int i = 0; i < BF_PAGES; i++) {
		assert_int_equal(xg_entry(f->d, bf_ref(i))->flags & (GTF_READING | GTF_WRITING), 0);
	}
}

static inline void bf_reload(struct blkfront *f)
{
	bf_close(f);
	bf_write(f, "state", "1");
	host_run();
	bf_connect(f);
}

static inline struct vm_vbd_config bf_config(const char *target)
{
	struct vm_vbd_config c = { .name = "xvda", .device = BF_DEVICE };

	snprintf(c.target, sizeof(c.target), "%s", target);
	return c;
}

/* A domain with a vbd that is ready to be connected. */
static inline struct blkfront *bf_create(const struct vm_vbd_config *config,
					 const struct bf_options *options)
{
	struct blkfront *f = calloc(1, sizeof(*f));

	f->devid = BF_DEVICE;
	f->options = *options;
	f->queue_count = MAX(options->queues, 1U);
	f->d = host_domain_create(BF_PAGES + BF_QUEUES * BLKIF_PAGES_MAX + 16, f->queue_count);
	snprintf(f->d->name, sizeof(f->d->name), "d%u", f->d->id);
	f->v = f->d->vcpus[0];
	xg_start(f->d);
	for (unsigned int i = 1; i * GRANT_ENTRIES_PER_FRAME < BF_DATA_REF + BF_PAGES; i++) {
		assert_int_equal(xg_physmap(f->v, XENMAPSPACE_GRANT_TABLE, i, XG_GRANT_GFN + i), 0);
	}
	assert_int_equal(blk_vbd_create(f->d, 0, config), 0);
	host_run();
	return f;
}

/* The usual one, connected. */
static inline struct blkfront *bf_start(const char *target, const struct bf_options *options)
{
	struct vm_vbd_config config = bf_config(target);
	struct blkfront *f = bf_create(&config, options);

	bf_connect(f);
	return f;
}

static inline void bf_free(struct blkfront *f)
{
	free(f);
}

/* The volume of a frontend, or NULL. */
static inline struct blk_volume *bf_volume(const struct blkfront *f)
{
	char name[BLK_NAME_MAX];

	snprintf(name, sizeof(name), "%s.xvda", f->d->name);
	for (unsigned int i = 0; i < BLK_VOLUME_MAX; i++) {
		struct blk_volume *v = blk_volume_get(i);

		if (v != NULL && strcmp(v->name, name) == 0) {
			return v;
		}
	}
	return NULL;
}

#endif
