/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver domains' disks: requests, their slots, and the ring.
 *
 * Each slot has references of its own, so a request takes no more than to put its
 * pages there: one lock for all. Answers are read once and checked; a back end that
 * breaks the rules loses its domain.
 *
 * Locking: all under the target's lock.
 */
#include "blk/dd.h"

#include <arch/cpu.h>

#include "blk/volume.h"
#include "kern/log.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "xen/evtchn.h"

static struct dd_target *dd_of(struct blk_target *b)
{
	return container_of(b, struct dd_target, base);
}

void dd_io_init(struct dd_target *t)
{
	list_init(&t->free);
	list_init(&t->queued);
	list_init(&t->sent);
	for (unsigned int i = 0; i < DD_SLOTS; i++) {
		list_push_back(&t->free, &t->slot[i].node);
	}
}

static unsigned int slot_index(const struct dd_target *t, const struct dd_slot *s)
{
	return (unsigned int)(s - t->slot);
}

/* The first of a slot's references. */
static unsigned int slot_refs(const struct dd_target *t, const struct dd_slot *s)
{
	return DD_RING_PAGES + slot_index(t, s) * DD_SLOT_REFS;
}

static void slot_finish(struct dd_target *t, struct dd_slot *s, int status)
{
	struct blk_request *r = s->r;

	list_remove(&s->node);
	t->in_flight -= s->sent;
	s->sent = false;
	s->r = NULL;
	s->gen++;
	list_push_front(&t->free, &s->node);
	blk_target_finish(&t->base, r, s->over ? s->status : status);
}

/* It ends now, or when nothing works with its pages any more. */
static void slot_end(struct dd_target *t, struct dd_slot *s, int status)
{
	if (!s->sent) {
		slot_finish(t, s, status);
	} else if (!s->over) {
		s->over = true;
		s->status = status;
	}
}

static void tick_arm(struct dd_target *t)
{
	if (!t->ticking) {
		t->ticking = true;
		timer_set(&t->tick, arch_now() + DD_TICK_NS);
	}
}

/* --- requests --------------------------------------------------------------------- */

int dd_submit(struct blk_target *b, struct blk_request *r)
{
	struct dd_target *t = dd_of(b);
	struct list *item = list_pop_front(&t->free);
	struct dd_slot *s;

	if (item == NULL) {
		return -EAGAIN;
	}
	s = list_entry(item, struct dd_slot, node);
	s->r = r;
	s->over = false;
	r->at.piece = slot_index(t, s);
	list_push_back(&t->queued, &s->node);
	return 0;
}

void dd_cancel(struct blk_target *b, struct blk_request *r, int status)
{
	struct dd_target *t = dd_of(b);

	slot_end(t, &t->slot[r->at.piece], status);
}

/* Word `w` of entry `at` of the ring. */
static inline uint64_t *ring_word(const struct dd_target *t, uint32_t at, unsigned int w)
{
	uint32_t byte = BLKIF_ENTRIES_AT +
			((at & t->mask) * BLKIF_ENTRY_WORDS + w) * (uint32_t)sizeof(uint64_t);
	uint8_t *page = t->ring[byte >> PAGE_SHIFT];

	return (uint64_t *)(void *)(page + (byte & PAGE_MASK));
}

static inline void put(const struct dd_target *t, unsigned int w, uint64_t value)
{
	WRITE_ONCE(*ring_word(t, t->prod, w), value);
}

static struct blkif_indices *indices(const struct dd_target *t)
{
	return t->ring[0];
}

static uint64_t segment(const struct grant_piece *p, uint32_t ref)
{
	unsigned int first = p->offset >> BLK_SECTOR_SHIFT;
	unsigned int last = ((unsigned int)p->offset + p->len - 1) >> BLK_SECTOR_SHIFT;

	return ref | (uint64_t)first << 32 | (uint64_t)last << 40;
}

/* A read or write: its segments in the entry, or in the slot's page if they are many. */
static void put_data(struct dd_target *t, const struct dd_slot *s)
{
	const struct blk_request *r = s->r;
	unsigned int op = r->op == BLK_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE;
	unsigned int first = slot_refs(t, s);
	uint64_t *list = t->indirect[slot_index(t, s)];
	uint32_t ref = hv_grants_ref(t->grants, first);

	hv_grants_give(t->grants, first, r->piece, r->piece_count, r->op == BLK_READ);
	put(t, 2, r->sector);
	if (r->piece_count <= BLKIF_SEGMENTS) {
		put(t, 0, op | (uint64_t)r->piece_count << 8);
		for (unsigned int i = 0; i < r->piece_count; i++) {
			put(t, BLKIF_SEG_AT + i, segment(&r->piece[i], ref + i));
		}
		return;
	}
	t->counts[DD_INDIRECT]++;
	put(t, 0, BLKIF_OP_INDIRECT | (uint64_t)op << 8 | (uint64_t)r->piece_count << 16);
	put(t, 3, (uint64_t)(ref + BLK_PIECES_MAX) << 32);
	for (unsigned int i = 0; i < r->piece_count; i++) {
		WRITE_ONCE(list[i], segment(&r->piece[i], ref + i));
	}
}

static void send(struct dd_target *t, struct dd_slot *s)
{
	const struct blk_request *r = s->r;

	if (t->in_flight == 0) {
		t->heard = arch_now();
	}
	list_remove(&s->node);
	list_push_back(&t->sent, &s->node);
	s->sent = true;
	t->in_flight++;
	t->counts[DD_SENT]++;
	put(t, 1, slot_index(t, s) | (uint64_t)s->gen << 16);
	switch (r->op) {
	case BLK_FLUSH:
		put(t, 0, BLKIF_OP_FLUSH);
		put(t, 2, 0);
		break;
	case BLK_DISCARD:
		put(t, 0, BLKIF_OP_DISCARD);
		put(t, 2, r->sector);
		put(t, 3, r->sectors);
		break;
	default:
		put_data(t, s);
		break;
	}
	t->prod++;
}

/* Publish what was sent, and tell the back end if it asked (io/ring.h). */
static void publish(struct dd_target *t)
{
	uint32_t old = t->told;
	uint32_t event;

	if (t->prod == old) {
		return;
	}
	/* Release: the requests before the index. */
	atomic_store_explicit(&indices(t)->req_prod, t->prod, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	event = atomic_load_explicit(&indices(t)->req_event, memory_order_relaxed);
	t->told = t->prod;
	if (t->prod - event < t->prod - old) {
		t->counts[DD_EVENTS]++;
		evtchn_notify_offer(t->d, t->offer);
	} else {
		t->counts[DD_EVENTS_SAVED]++;
	}
}

bool dd_pump(struct blk_target *b)
{
	struct dd_target *t = dd_of(b);

	while (t->up && !list_empty(&t->queued) && t->in_flight <= t->mask) {
		send(t, list_entry(t->queued.next, struct dd_slot, node));
	}
	if (t->up) {
		publish(t);
	}
	if (t->in_flight > 0 || !t->up) {
		tick_arm(t);
	}
	return false;
}

/* --- answers ----------------------------------------------------------------------- */

void dd_breach(struct dd_target *t, const char *why)
{
	t->counts[DD_BREACHES]++;
	t->up = false;
	if (t->d != NULL) {
		domain_crash_soon(t->d, why);
	}
}

static int status_of(int16_t status)
{
	return status == BLKIF_OKAY ? 0 : status == BLKIF_UNSUPPORTED ? -ENOSYS : -EIO;
}

/* NULL, or what is wrong with the answer. */
static const char *answer_take(struct dd_target *t, uint64_t id, int16_t status)
{
	struct dd_slot *s = &t->slot[id & (DD_SLOTS - 1)];

	if (!s->sent || id != (slot_index(t, s) | (uint64_t)s->gen << 16)) {
		return "answers a disk request that there is not";
	}
	if (!hv_grants_end(t->grants, slot_refs(t, s), s->r->piece_count)) {
		return "answers a disk request and keeps its pages mapped";
	}
	t->counts[DD_ANSWERS]++;
	t->counts[DD_ERRORS] += status != BLKIF_OKAY;
	slot_finish(t, s, status_of(status));
	return NULL;
}

/* Bounded: each request that was sent has one answer. */
static const char *answers_take(struct dd_target *t)
{
	struct blkif_indices *x = indices(t);

	for (;;) {
		/* Acquire: the answers before it are read after it. */
		uint32_t prod = atomic_load_explicit(&x->rsp_prod, memory_order_acquire);

		if (prod - t->cons > t->told - t->cons) {
			return "has a disk's ring index out of range";
		}
		for (; t->cons != prod; t->cons++) {
			uint64_t id = READ_ONCE(*ring_word(t, t->cons, 0));
			uint64_t w1 = READ_ONCE(*ring_word(t, t->cons, 1));
			const char *why = answer_take(t, id, (int16_t)(w1 >> 16));

			if (why != NULL) {
				return why;
			}
		}
		/* Before it stops: ask for an event, look once more. */
		atomic_store_explicit(&x->rsp_event, t->cons + 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		if (atomic_load_explicit(&x->rsp_prod, memory_order_relaxed) == t->cons) {
			return NULL;
		}
	}
}

void dd_event(void *target)
{
	struct dd_target *t = target;

	spin_lock(&t->base.lock);
	if (t->up) {
		const char *why = answers_take(t);

		t->heard = arch_now();
		if (why != NULL) {
			dd_breach(t, why);
		}
	}
	spin_unlock(&t->base.lock);
}

/* --- up and down --------------------------------------------------------------------- */

void dd_io_reset(struct dd_target *t)
{
	struct grant_piece page = { .len = 0 };

	for (unsigned int i = 0; i < DD_RING_PAGES; i++) {
		memset(t->ring[i], 0, PAGE_SIZE);
		page.page = t->ring[i];
		hv_grants_give(t->grants, i, &page, 1, true);
	}
	atomic_store_explicit(&indices(t)->req_event, 1, memory_order_relaxed);
	atomic_store_explicit(&indices(t)->rsp_event, 1, memory_order_relaxed);
	for (unsigned int i = 0; i < DD_SLOTS; i++) {
		page.page = t->indirect[i];
		hv_grants_give(t->grants, slot_refs(t, &t->slot[i]) + BLK_PIECES_MAX, &page, 1,
			       false);
	}
	t->prod = 0;
	t->told = 0;
	t->cons = 0;
}

void dd_io_up(struct dd_target *t, unsigned int order)
{
	t->mask = blkif_ring_size(order) - 1;
	t->up = true;
	blk_target_ready(&t->base);
}

void dd_io_down(struct dd_target *t)
{
	t->up = false;
	tick_arm(t);
}

bool dd_io_end_grants(struct dd_target *t)
{
	const struct dd_slot *s;

	list_for_each(s, &t->sent, node) {
		if (!hv_grants_end(t->grants, slot_refs(t, s), s->r->piece_count)) {
			return false;
		}
	}
	return hv_grants_close(t->grants);
}

void dd_io_unsend(struct dd_target *t)
{
	while (!list_empty(&t->sent)) {
		/* The latest first, so that they are sent in their old order. */
		struct dd_slot *s = list_entry(t->sent.prev, struct dd_slot, node);

		if (s->over) {
			slot_finish(t, s, s->status);
			continue;
		}
		t->counts[DD_RESENT]++;
		t->in_flight--;
		s->sent = false;
		s->gen++;
		list_remove(&s->node);
		list_push_front(&t->queued, &s->node);
	}
}

/* --- time ------------------------------------------------------------------------------ */

/* End what waited longer than its volume allows; true if some with a limit are left. */
static bool expire(struct dd_target *t, struct list *list)
{
	uint64_t now = arch_now();
	struct dd_slot *s, *next;
	bool left = false;

	list_for_each_safe(s, next, list, node) {
		uint64_t limit = s->r->volume->config.outage_ns;

		if (limit == 0 || s->over) {
			continue;
		}
		if (now - s->r->start < limit) {
			left = true;
			continue;
		}
		s->r->volume->stats.expired++;
		slot_end(t, s, -EIO);
	}
	return left;
}

/* True: look again later. */
static bool look(struct dd_target *t, struct domain **hung)
{
	bool left;

	if (t->up) {
		if (t->in_flight > 0 && arch_now() - t->heard >= DD_HANG_NS) {
			*hung = domain_get(t->d);
			return false;
		}
		return t->in_flight > 0;
	}
	left = expire(t, &t->queued);
	left |= expire(t, &t->sent);
	left |= blk_target_expire(&t->base);
	return left;
}

void dd_tick(struct timer *timer)
{
	struct dd_target *t = container_of(timer, struct dd_target, tick);
	struct domain *hung = NULL;

	spin_lock(&t->base.lock);
	t->ticking = false;
	if (!t->gone && look(t, &hung)) {
		tick_arm(t);
	}
	spin_unlock(&t->base.lock);
	if (hung != NULL) {
		log_warn("blk", "%s: no answer for %llu s, its driver domain is ended", t->base.name,
			 DD_HANG_NS / 1000000000ULL);
		domain_shutdown(hung, SHUTDOWN_WATCHDOG);
		domain_put(hung);
	}
}
