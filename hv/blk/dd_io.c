/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver domains' disks: requests, their slots, the memory for data, and the ring.
 *
 * A request's data lies in one piece in its slot's page or a chunk, whatever pieces it
 * has. Answers are read once and checked; a back end that breaks the rules loses its
 * domain.
 *
 * Locking: all under the target's lock.
 */
#include "blk/dd.h"

#include <arch/cpu.h>

#include "blk/volume.h"
#include "kern/log.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "xen/evtchn.h"

static struct dd_target *dd_of(struct blk_target *b)
{
	return container_of(b, struct dd_target, base);
}

static unsigned int slot_index(const struct dd_target *t, const struct dd_slot *s)
{
	return (unsigned int)(s - t->slot);
}

static void tick_arm(struct dd_target *t)
{
	if (!t->ticking && !t->gone) {
		t->ticking = true;
		timer_set(&t->tick, arch_now() + DD_TICK_NS);
	}
}

/* --- pages ------------------------------------------------------------------------ */

static void chunk_give(struct dd_target *t, unsigned int n)
{
	for (unsigned int i = 0; i < DD_CHUNK_PAGES; i++) {
		hv_grants_give_data(t->grants, DD_CHUNK_REF + n * DD_CHUNK_PAGES + i,
				    (uint8_t *)t->chunk[n] + i * PAGE_SIZE);
	}
}

static bool chunk_make(struct dd_target *t)
{
	unsigned int n = t->chunk_count;

	if (n == DD_CHUNKS) {
		return false;
	}
	t->chunk[n] = frame_alloc(DD_CHUNK_ORDER, FRAME_ZERO);
	if (t->chunk[n] == NULL) {
		return false;
	}
	t->chunk_count++;
	t->chunk_stack[t->chunk_free++] = (uint8_t)n;
	if (t->grants != NULL) {
		chunk_give(t, n);
	}
	return true;
}

/* Memory for the data of `s`; false if there is none now. */
static bool memory_take(struct dd_target *t, struct dd_slot *s, uint64_t bytes)
{
	s->chunk = DD_CHUNKS;
	if (bytes <= PAGE_SIZE) {
		return true;
	}
	if (t->chunk_free == 0 && !chunk_make(t)) {
		t->counts[DD_STARVED]++;
		return false;
	}
	s->chunk = t->chunk_stack[--t->chunk_free];
	return true;
}

static void memory_return(struct dd_target *t, struct dd_slot *s)
{
	if (s->chunk != DD_CHUNKS) {
		t->chunk_stack[t->chunk_free++] = (uint8_t)s->chunk;
		s->chunk = DD_CHUNKS;
	}
}

static bool pages_make(void **page, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		page[i] = frame_alloc(0, FRAME_ZERO);
		if (page[i] == NULL) {
			return false;
		}
	}
	return true;
}

int dd_io_init(struct dd_target *t)
{
	list_init(&t->free);
	list_init(&t->queued);
	list_init(&t->sent);
	for (unsigned int i = 0; i < DD_SLOTS; i++) {
		t->slot[i].chunk = DD_CHUNKS;
		list_push_back(&t->free, &t->slot[i].node);
	}
	t->ring = frame_alloc(DD_RING_ORDER, FRAME_ZERO);
	if (t->ring != NULL && pages_make(t->page, DD_SLOTS) && chunk_make(t)) {
		return 0;
	}
	dd_io_fini(t);
	return -ENOMEM;
}

static void page_free(void *page)
{
	if (page != NULL) {
		frame_free(page, 0);
	}
}

void dd_io_fini(struct dd_target *t)
{
	if (t->ring != NULL) {
		frame_free(t->ring, DD_RING_ORDER);
	}
	for (unsigned int i = 0; i < DD_SLOTS; i++) {
		page_free(t->page[i]);
	}
	for (unsigned int i = 0; i < t->chunk_count; i++) {
		frame_free(t->chunk[i], DD_CHUNK_ORDER);
	}
}

/* The first grant of the slot's memory: they follow each other. */
static unsigned int slot_data(const struct dd_target *t, const struct dd_slot *s)
{
	return s->chunk != DD_CHUNKS ? DD_CHUNK_REF + s->chunk * DD_CHUNK_PAGES :
	       DD_SLOT_REF + slot_index(t, s);
}

/* Copy a request's data from its pieces to the slot's memory, or back. */
static void copy(const struct dd_target *t, const struct dd_slot *s, bool back)
{
	hv_grants_copy(t->grants, slot_data(t, s), s->r->piece, s->r->piece_count, back);
}

/* --- slots ------------------------------------------------------------------------- */

/* What it was sent for is done, or never will be. */
static void slot_free(struct dd_target *t, struct dd_slot *s)
{
	list_remove(&s->node);
	t->in_flight -= s->sent;
	t->orphans -= s->sent && s->r == NULL;
	s->sent = false;
	s->r = NULL;
	s->gen++;
	memory_return(t, s);
	list_push_front(&t->free, &s->node);
}

/* Its request ends now; what the back end does with it, it may still do. */
static void slot_end(struct dd_target *t, struct dd_slot *s, int status)
{
	struct blk_request *r = s->r;

	if (s->sent) {
		s->r = NULL;
		t->orphans++;
		t->counts[DD_ORPHANS]++;
	} else {
		slot_free(t, s);
	}
	blk_target_finish(&t->base, r, status);
}

/* Whether an orphan may still write where `r` writes. */
static bool is_locked(struct dd_target *t, const struct blk_request *r)
{
	const struct dd_slot *s;

	if (t->orphans == 0 || (r->op != BLK_WRITE && r->op != BLK_DISCARD)) {
		return false;
	}
	list_for_each(s, &t->sent, node) {
		if (s->r == NULL && s->writes && s->sector < r->sector + r->sectors &&
		    r->sector < s->sector + s->sectors) {
			t->counts[DD_OVERLAPS]++;
			return true;
		}
	}
	return false;
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
	r->at.piece = slot_index(t, s);
	list_push_back(&t->queued, &s->node);
	return 0;
}

void dd_cancel(struct blk_target *b, struct blk_request *r, int status)
{
	struct dd_target *t = dd_of(b);

	slot_end(t, &t->slot[r->at.piece], status);
}

/* Entry `at` of the ring. */
static inline uint64_t *ring_entry(const struct dd_target *t, uint32_t at)
{
	size_t byte = BLKIF_ENTRIES_AT + (at & t->mask) * BLKIF_ENTRY_WORDS * sizeof(uint64_t);

	return (uint64_t *)(void *)(t->ring + byte);
}

static struct blkif_indices *indices(const struct dd_target *t)
{
	return (struct blkif_indices *)(void *)t->ring;
}

/* The segment of what is left at `ref`: a page, or less of it at the end. */
static inline uint64_t segment(uint32_t ref, uint64_t left)
{
	return ref | ((MIN(left, (uint64_t)PAGE_SIZE) >> BLK_SECTOR_SHIFT) - 1) << 40;
}

/* So many segments go as a list in the slot's page: the data is in a chunk then. */
static NOINLINE void put_list(struct dd_target *t, const struct dd_slot *s, uint64_t *e,
			      unsigned int count)
{
	uint64_t bytes = s->r->sectors << BLK_SECTOR_SHIFT;
	unsigned int op = s->r->op == BLK_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE;
	uint32_t ref = hv_grants_ref(t->grants, slot_data(t, s));
	unsigned int page = DD_SLOT_REF + slot_index(t, s);
	uint64_t list[BLK_PIECES_MAX];
	struct grant_piece piece = { .page = list, .len = (uint16_t)(count * sizeof(list[0])) };

	t->counts[DD_INDIRECT]++;
	WRITE_ONCE(e[0], BLKIF_OP_INDIRECT | (uint64_t)op << 8 | (uint64_t)count << 16);
	WRITE_ONCE(e[3], (uint64_t)hv_grants_ref(t->grants, page) << 32);
	for (unsigned int i = 0; i < count; i++, bytes -= PAGE_SIZE) {
		list[i] = segment(ref + i, bytes);
	}
	hv_grants_copy(t->grants, page, &piece, 1, false);
}

/* A read or write: its segments in the entry, if there is room. */
static void put_data(struct dd_target *t, const struct dd_slot *s, uint64_t *e)
{
	const struct blk_request *r = s->r;
	uint64_t bytes = r->sectors << BLK_SECTOR_SHIFT;
	unsigned int count = (unsigned int)((bytes + PAGE_MASK) >> PAGE_SHIFT);
	uint32_t ref = hv_grants_ref(t->grants, slot_data(t, s));

	WRITE_ONCE(e[2], r->sector);
	if (count > BLKIF_SEGMENTS) {
		put_list(t, s, e, count);
		return;
	}
	WRITE_ONCE(e[0], (r->op == BLK_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE) |
		   (uint64_t)count << 8);
	for (unsigned int i = 0; i < count; i++, bytes -= PAGE_SIZE) {
		WRITE_ONCE(e[BLKIF_SEG_AT + i], segment(ref + i, bytes));
	}
}

static void put_request(struct dd_target *t, const struct dd_slot *s)
{
	const struct blk_request *r = s->r;
	uint64_t *e = ring_entry(t, t->prod);

	WRITE_ONCE(e[1], slot_index(t, s) | (uint64_t)s->gen << 16);
	switch (r->op) {
	case BLK_FLUSH:
		WRITE_ONCE(e[0], BLKIF_OP_FLUSH);
		WRITE_ONCE(e[2], 0);
		break;
	case BLK_DISCARD:
		WRITE_ONCE(e[0], BLKIF_OP_DISCARD);
		WRITE_ONCE(e[2], r->sector);
		WRITE_ONCE(e[3], r->sectors);
		break;
	default:
		put_data(t, s, e);
		break;
	}
}

/* Send the request of a slot; false if it must wait. */
static bool send(struct dd_target *t, struct dd_slot *s)
{
	const struct blk_request *r = s->r;
	bool has_data = r->op == BLK_READ || r->op == BLK_WRITE;
	uint64_t bytes = has_data ? r->sectors << BLK_SECTOR_SHIFT : 0;

	if (is_locked(t, r) || !memory_take(t, s, bytes)) {
		return false;
	}
	if (r->op == BLK_WRITE) {
		copy(t, s, false);
	}
	if (t->in_flight == 0) {
		t->heard = arch_now();
	}
	list_remove(&s->node);
	list_push_back(&t->sent, &s->node);
	s->sent = true;
	s->since = arch_now();
	s->writes = r->op == BLK_WRITE || r->op == BLK_DISCARD;
	s->sector = r->sector;
	s->sectors = r->sectors;
	t->in_flight++;
	t->counts[DD_SENT]++;
	put_request(t, s);
	t->prod++;
	return true;
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

	while (t->up && !list_empty(&t->queued) && t->in_flight <= t->mask &&
	       send(t, list_entry(t->queued.next, struct dd_slot, node))) {
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
	dd_io_down(t);
	if (t->d != NULL) {
		domain_crash_soon(t->d, why);
	}
}

static int status_of(int16_t status)
{
	return status == BLKIF_OKAY ? 0 : status == BLKIF_UNSUPPORTED ? -ENOSYS : -EIO;
}

/* False: there is no such request. */
static bool answer_take(struct dd_target *t, uint64_t id, int16_t status)
{
	struct dd_slot *s = &t->slot[id & (DD_SLOTS - 1)];
	struct blk_request *r = s->r;

	if (!s->sent || id != (slot_index(t, s) | (uint64_t)s->gen << 16)) {
		return false;
	}
	t->counts[DD_ANSWERS]++;
	t->counts[DD_ERRORS] += status != BLKIF_OKAY;
	if (r != NULL && r->op == BLK_READ && status == BLKIF_OKAY) {
		copy(t, s, true);
	}
	slot_free(t, s);
	if (r != NULL) {
		blk_target_finish(&t->base, r, status_of(status));
	} else {
		/* A write may have waited for it, or the end of the target. */
		blk_target_ready(&t->base);
		dd_poke_locked(t);
	}
	return true;
}

/* Take what is there. Bounded: each request that was sent has one answer. */
static const char *answers_take(struct dd_target *t)
{
	struct blkif_indices *x = indices(t);
	/* Acquire: the answers before it are read after it. */
	uint32_t prod = atomic_load_explicit(&x->rsp_prod, memory_order_acquire);

	if (prod - t->cons > t->told - t->cons) {
		return "has a disk's ring index out of range";
	}
	for (; t->cons != prod; t->cons++) {
		const uint64_t *e = ring_entry(t, t->cons);
		uint64_t id = READ_ONCE(e[0]);
		uint64_t w1 = READ_ONCE(e[1]);

		if (!answer_take(t, id, (int16_t)(w1 >> 16))) {
			return "answers a disk request that there is not";
		}
	}
	return NULL;
}

static uint32_t answers_waiting(const struct dd_target *t)
{
	return atomic_load_explicit(&indices(t)->rsp_prod, memory_order_relaxed) - t->cons;
}

/*
 * Take all answers, and ask for an event. blkback raises one for each answer if it is
 * asked to, each a hypercall. So if many requests are in flight and `busy`, the next
 * event is for a part of them; answers that come before are looked for when this CPU,
 * on which blkback runs, has nothing else to do, and after a short time anyway.
 */
static void listen(struct dd_target *t, bool busy)
{
	uint32_t part;

	do {
		const char *why = answers_take(t);

		if (why != NULL) {
			dd_breach(t, why);
			return;
		}
		part = busy ? MAX(t->in_flight / DD_EVENT_PART, 1U) : 1;
		if (part > 1) {
			work_queue_idle(&t->look);
		}
		/* Before it stops: ask, look once more. */
		atomic_store_explicit(&indices(t)->rsp_event, t->cons + part, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
	} while (answers_waiting(t) >= part);
}

void dd_event(void *target)
{
	struct dd_target *t = target;

	spin_lock(&t->base.lock);
	if (t->up) {
		t->counts[DD_NOTIFICATIONS]++;
		t->heard = arch_now();
		listen(t, true);
	}
	spin_unlock(&t->base.lock);
}

/* If nothing came meanwhile the next answer takes an event. */
void dd_look(struct work *w)
{
	struct dd_target *t = container_of(w, struct dd_target, look);

	spin_lock(&t->base.lock);
	if (t->up) {
		bool found = answers_waiting(t) != 0;

		if (found) {
			t->heard = arch_now();
		}
		listen(t, found);
	}
	spin_unlock(&t->base.lock);
}

/* --- up and down --------------------------------------------------------------------- */

void dd_io_reset(struct dd_target *t)
{
	memset(t->ring, 0, DD_RING_PAGES * PAGE_SIZE);
	for (unsigned int i = 0; i < DD_RING_PAGES; i++) {
		/* Linux maps what it keeps for writing, whatever it is for. */
		hv_grants_give(t->grants, i, t->ring + i * PAGE_SIZE, true);
	}
	atomic_store_explicit(&indices(t)->req_event, 1, memory_order_relaxed);
	atomic_store_explicit(&indices(t)->rsp_event, 1, memory_order_relaxed);
	for (unsigned int i = 0; i < DD_SLOTS; i++) {
		hv_grants_give_data(t->grants, DD_SLOT_REF + i, t->page[i]);
	}
	for (unsigned int i = 0; i < t->chunk_count; i++) {
		chunk_give(t, i);
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
	if (t->up) {
		t->counts[DD_OUTAGES]++;
		t->down_since = arch_now();
	}
	t->up = false;
	tick_arm(t);
}

void dd_io_unsend(struct dd_target *t)
{
	while (!list_empty(&t->sent)) {
		/* The latest first, so that they are sent in their old order. */
		struct dd_slot *s = list_entry(t->sent.prev, struct dd_slot, node);

		if (s->r == NULL) {
			slot_free(t, s);
			continue;
		}
		t->counts[DD_RESENT]++;
		t->in_flight--;
		s->sent = false;
		s->gen++;
		memory_return(t, s);
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
		uint64_t limit = s->r != NULL ? s->r->volume->config.outage_ns : 0;

		if (limit == 0) {
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

/* While the domain is paused nothing grows older. */
static void keep_young(struct dd_target *t)
{
	struct dd_slot *s;

	t->heard = arch_now();
	list_for_each(s, &t->sent, node) {
		s->since = t->heard;
	}
}

/* For how long something should have been answered that wasn't, or 0. It has requests. */
static uint64_t hung_for(struct dd_target *t)
{
	const struct dd_slot *oldest = list_entry(t->sent.next, struct dd_slot, node);
	uint64_t now = arch_now();

	switch (atomic_load_explicit(&t->d->state, memory_order_relaxed)) {
	case DOMAIN_RUNNING:
		return now - t->heard >= DD_HANG_NS ? DD_HANG_NS :
		       now - oldest->since >= DD_LOST_NS ? DD_LOST_NS : 0;
	case DOMAIN_PAUSED:
		keep_young(t);
		return 0;
	default:
		/* It ended and may be kept for a look: its disks are away. */
		dd_poke_locked(t);
		return 0;
	}
}

/* True: look again later. */
static bool look(struct dd_target *t, struct domain **hung, uint64_t *ns)
{
	bool left;

	if (t->up) {
		*ns = t->in_flight > 0 ? hung_for(t) : 0;
		if (*ns > 0) {
			*hung = domain_get(t->d);
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
	uint64_t ns = 0;

	spin_lock(&t->base.lock);
	t->ticking = false;
	if (!t->gone && look(t, &hung, &ns)) {
		tick_arm(t);
	}
	spin_unlock(&t->base.lock);
	if (hung != NULL) {
		log_warn("blk", "%s: no answer%s for %llu s, its driver domain is ended",
			 t->base.name, ns == DD_LOST_NS ? " to a request" : "",
			 (unsigned long long)(ns / 1000000000));
		domain_shutdown(hung, SHUTDOWN_WATCHDOG);
		domain_put(hung);
	}
}
