/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk of a vbd's ring, and its answers.
 *
 * An entry is read once, word by word, into private memory, and so are
 * indirect pages; what is checked is what is used (XSA-155).
 *
 * Locking: the queue's lock.
 */
#include "blk/blkback.h"

#include "lib/bits.h"
#include "xen/evtchn.h"

struct entry {
	uint64_t w[BLKIF_ENTRY_WORDS];
};

/* Word `w` of entry `at`; entries and page ends are multiples of 8 bytes. */
static inline uint64_t *ring_word(const struct vbd_queue *q, uint32_t at, unsigned int w)
{
	uint32_t byte = BLKIF_ENTRIES_AT +
			((at & q->mask) * BLKIF_ENTRY_WORDS + w) * (uint32_t)sizeof(uint64_t);
	uint8_t *page = q->page[byte >> PAGE_SHIFT].page;

	return (uint64_t *)(void *)(page + (byte & PAGE_MASK));
}

static void read_words(const struct vbd_queue *q, struct entry *e, unsigned int from,
		       unsigned int to)
{
	for (unsigned int w = from; w < to; w++) {
		e->w[w] = READ_ONCE(*ring_word(q, q->cons, w));
	}
}

/* --- answers ---------------------------------------------------------------------- */

static void respond(struct vbd_queue *q, uint64_t id, unsigned int op, int status)
{
	WRITE_ONCE(*ring_word(q, q->rsp, 0), id);
	WRITE_ONCE(*ring_word(q, q->rsp, 1), blkif_response(op, (int16_t)status));
	q->rsp++;
}

/* Publish what was answered, and tell the guest if it asked (io/ring.h). */
static void publish(struct vbd_queue *q)
{
	uint32_t old = q->told;
	uint32_t event;

	if (q->rsp == old) {
		return;
	}
	/* Release: the answers and the data, before the index. */
	atomic_store_explicit(&q->ring->rsp_prod, q->rsp, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	event = atomic_load_explicit(&q->ring->rsp_event, memory_order_relaxed);
	q->told = q->rsp;
	if (q->rsp - event < q->rsp - old) {
		vbd_counts(q)[VBD_EVENTS]++;
		evtchn_notify(q->domain, q->port);
	} else {
		vbd_counts(q)[VBD_EVENTS_SAVED]++;
	}
}

static int status_of(const struct blk_request *r)
{
	switch (r->status) {
	case 0:
		return BLKIF_OKAY;
	case -ENOSYS:
		return BLKIF_UNSUPPORTED;
	default:
		return BLKIF_ERROR;
	}
}

void vbd_done(struct blk_request *r, bool more)
{
	struct vbd_request *b = container_of(r, struct vbd_request, r);
	struct vbd_queue *q = b->queue;
	bool drained;

	spin_lock(&q->lock);
	grant_pieces_unuse(q->domain, b->piece, r->piece_count);
	if (q->up) {
		respond(q, b->id, b->op, status_of(r));
		if (!more) {
			publish(q);
		}
	}
	list_push_front(&q->free, &r->node);
	q->inflight--;
	if (q->up && (q->starved || (q->looking && READ_ONCE(q->ring->req_prod) != q->cons))) {
		q->starved = false;
		work_queue(&q->work);
	}
	drained = q->dead && q->inflight == 0;
	spin_unlock(&q->lock);
	if (drained) {
		vbd_queue_drained(q);
	}
}

/* --- requests ----------------------------------------------------------------------- */

/* One segment of the guest's; false if it makes no sense. */
static inline bool take_segment(const struct vbd_queue *q, struct vbd_request *b, uint64_t seg)
{
	struct grant_piece *p = &b->piece[b->r.piece_count++];
	unsigned int first = blkif_seg_first(seg);
	unsigned int last = blkif_seg_last(seg);

	if (first > last || last > BLKIF_SECT_MAX || !IS_ALIGNED(first | (last + 1), q->unit)) {
		return false;
	}
	p->ref = blkif_seg_ref(seg);
	p->offset = (uint16_t)(first << BLK_SECTOR_SHIFT);
	p->len = (uint16_t)((last - first + 1) << BLK_SECTOR_SHIFT);
	b->r.sectors += last - first + 1;
	return true;
}

static bool take_segments(const struct vbd_queue *q, struct vbd_request *b, struct entry *e)
{
	unsigned int n = blkif_segments(e->w[0]);

	if (n == 0 || n > BLKIF_SEGMENTS) {
		return false;
	}
	read_words(q, e, 2, BLKIF_SEG_AT + n);
	for (unsigned int i = 0; i < n; i++) {
		if (!take_segment(q, b, e->w[BLKIF_SEG_AT + i])) {
			return false;
		}
	}
	return true;
}

/* At most BLK_PIECES_MAX segments, so they are all in the first indirect page. */
static bool take_indirect(struct vbd_queue *q, struct vbd_request *b, struct entry *e)
{
	unsigned int n = blkif_indirect_segments(e->w[0]);
	const uint64_t *seg;
	void *page;

	if (n == 0 || n > BLK_PIECES_MAX) {
		return false;
	}
	read_words(q, e, 2, 4);
	/* Bytes 28 to 31: the first page's grant. It is read within this call. */
	if (grant_frame(q->domain, (uint32_t)(e->w[3] >> 32), false, &page) != 0) {
		return false;
	}
	seg = page;
	for (unsigned int i = 0; i < n; i++) {
		if (!take_segment(q, b, READ_ONCE(seg[i]))) {
			return false;
		}
	}
	vbd_counts(q)[VBD_INDIRECT]++;
	return true;
}

static bool take_discard(const struct vbd_queue *q, struct vbd_request *b, struct entry *e)
{
	read_words(q, e, 2, 4);
	b->r.op = BLK_DISCARD;
	b->r.sectors = e->w[3];
	return true;
}

/* What the entry asks for; BLKIF_OKAY, or the answer that it gets at once. */
static int request_read(struct vbd_queue *q, struct vbd_request *b, struct entry *e)
{
	unsigned int op = blkif_op(e->w[0]);
	unsigned int data_op = op == BLKIF_OP_INDIRECT ? blkif_indirect_op(e->w[0]) : op;
	bool ok;

	b->r.piece_count = 0;
	b->r.sector = 0;
	b->r.sectors = 0;
	b->op = data_op;
	switch (op) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		ok = take_segments(q, b, e);
		break;
	case BLKIF_OP_INDIRECT:
		ok = data_op <= BLKIF_OP_WRITE && take_indirect(q, b, e);
		break;
	case BLKIF_OP_FLUSH:
		b->r.op = BLK_FLUSH;
		return blkif_segments(e->w[0]) == 0 ? BLKIF_OKAY : BLKIF_ERROR;
	case BLKIF_OP_DISCARD:
		ok = take_discard(q, b, e);
		break;
	default:
		return BLKIF_UNSUPPORTED;
	}
	if (op != BLKIF_OP_DISCARD) {
		b->r.op = data_op == BLKIF_OP_READ ? BLK_READ : BLK_WRITE;
	}
	if (!ok) {
		return BLKIF_ERROR;
	}
	b->r.sector = e->w[2];
	return BLKIF_OKAY;
}

/* A request that never reaches the volume. */
static void refuse(struct vbd_queue *q, struct vbd_request *b, int status)
{
	vbd_counts(q)[VBD_BAD]++;
	atomic_fetch_add_explicit(&q->domain->stats.misuse, 1, memory_order_relaxed);
	respond(q, b->id, b->op, status);
	list_push_front(&q->free, &b->r.node);
}

/* Take one request off the ring; a free one is there for it. Its segments. */
static unsigned int walk_one(struct vbd_queue *q)
{
	struct list *item = list_pop_front(&q->free);
	struct vbd_request *b = container_of(list_entry(item, struct blk_request, node),
					     struct vbd_request, r);
	struct entry e;
	int status;

	read_words(q, &e, 0, 2);
	b->id = e.w[1];
	status = request_read(q, b, &e);
	q->cons++;
	vbd_counts(q)[VBD_REQUESTS]++;
	if (status == BLKIF_OKAY &&
	    grant_pieces_use(q->domain, b->piece, b->r.piece_count, b->r.op == BLK_READ) != 0) {
		status = BLKIF_ERROR;
	}
	if (unlikely(status != BLKIF_OKAY)) {
		refuse(q, b, status);
		return 0;
	}
	vbd_counts(q)[VBD_SEGMENTS] += b->r.piece_count;
	q->inflight++;
	blk_submit(&b->r);
	/* Nothing of it is gone while the lock is held. */
	return b->r.piece_count;
}

/* Read req_prod. False if it can't be. */
static bool prod_read(struct vbd_queue *q, uint32_t *prod)
{
	/* Acquire: the requests before it are read after it. */
	*prod = atomic_load_explicit(&q->ring->req_prod, memory_order_acquire);
	if (*prod - q->rsp > q->mask + 1 || *prod - q->cons > q->mask + 1) {
		vbd_fail(q->vbd, "ring index out of range");
		return false;
	}
	return true;
}

/*
 * Ask for a notification. A queue that has much under way loses nothing if a few
 * requests wait for the next exit from a guest, and a notification of each costs more
 * than they do (docs/block.md).
 */
static void event_ask(struct vbd_queue *q, bool may_look)
{
	q->looking = may_look && q->inflight >= BLKBACK_DEEP;
	atomic_store_explicit(&q->ring->req_event,
			      q->cons + (q->looking ? MIN(q->inflight, BLKBACK_AHEAD) : 1),
			      memory_order_relaxed);
}

/* Walk until the ring is empty; true if it stopped for its budget. */
static bool walk(struct vbd_queue *q, bool may_look)
{
	unsigned int cost = 0;
	uint32_t prod;

	if (!prod_read(q, &prod)) {
		return false;
	}
	for (;;) {
		while (q->cons != prod) {
			if (cost >= BLKBACK_BUDGET) {
				return true;
			}
			if (list_empty(&q->free)) {
				q->starved = true;
				vbd_counts(q)[VBD_STARVED]++;
				return false;
			}
			cost += 1 + walk_one(q);
		}
		/* Before it stops: ask for a notification, look once more. */
		event_ask(q, may_look);
		atomic_thread_fence(memory_order_seq_cst);
		if (!prod_read(q, &prod) || prod == q->cons) {
			return false;
		}
	}
}

static void look_later(struct vbd_queue *q)
{
	work_queue_late(&q->look);
	if (!timer_is_set(&q->look_timer)) {
		timer_set(&q->look_timer, arch_now() + BLKBACK_LOOK_NS);
	}
}

static void walk_locked(struct vbd_queue *q, bool may_look)
{
	uint32_t cons = q->cons;

	if (!q->up || vbd_is_broken(q->vbd)) {
		return;
	}
	q->looking = false;
	if (walk(q, may_look)) {
		work_queue(&q->work);
	}
	if (q->looking) {
		look_later(q);
	}
	vbd_counts(q)[VBD_WALKS] += q->cons != cons;
	publish(q);
}

void vbd_kick(void *queue)
{
	struct vbd_queue *q = queue;

	spin_lock(&q->lock);
	vbd_counts(q)[VBD_KICKS]++;
	walk_locked(q, true);
	spin_unlock(&q->lock);
}

void vbd_work(struct work *w)
{
	struct vbd_queue *q = container_of(w, struct vbd_queue, work);

	spin_lock(&q->lock);
	walk_locked(q, true);
	spin_unlock(&q->lock);
}

void vbd_look(struct work *w)
{
	struct vbd_queue *q = container_of(w, struct vbd_queue, look);

	spin_lock(&q->lock);
	if (q->up && q->looking) {
		bool found = READ_ONCE(q->ring->req_prod) != q->cons;

		vbd_counts(q)[VBD_LOOKS] += found;
		/* One in vain ends it: the walk asks for notifications, and looks once more. */
		walk_locked(q, found);
		if (!q->looking) {
			timer_cancel(&q->look_timer);
		}
	}
	spin_unlock(&q->lock);
}

void vbd_look_timer(struct timer *t)
{
	/* The exit from a guest that it causes is what is wanted. */
	(void)t;
}
