/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a vbd's queue.
 *
 * Locking: see blk/blkback.h. Creation and destruction run in the device's
 * callbacks, one at a time.
 */
#include "blk/blkback.h"

#include "mem/heap.h"
#include "xen/evtchn.h"

/* All that the queue may have in use at a time. */
static uint32_t pieces_of(const struct vbd_queue *q)
{
	return q->request_count * BLK_PIECES_MAX + q->page_count;
}

static int pool_make(struct vbd_queue *q)
{
	q->request = heap_alloc(q->request_count * sizeof(*q->request));
	if (q->request == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < q->request_count; i++) {
		struct vbd_request *b = &q->request[i];

		b->queue = q;
		b->r.volume = q->vbd->volume;
		b->r.piece = b->piece;
		b->r.done = vbd_done;
		b->r.owner = q;
		list_push_back(&q->free, &b->r.node);
	}
	return 0;
}

static void queue_init(struct vbd_queue *q, struct vbd *v, unsigned int index,
		       const struct vbd_queue_config *c)
{
	q->vbd = v;
	q->domain = v->domain;
	q->index = index;
	q->port = c->port;
	q->unit = c->unit;
	q->mask = blkif_ring_size(c->order) - 1;
	q->page_count = 1U << c->order;
	q->request_count = MIN(q->mask + 1, BLKBACK_REQUESTS_MAX);
	spin_init(&q->lock, LOCK_BLK_QUEUE);
	list_init(&q->free);
	work_init(&q->work, vbd_work);
	work_init(&q->look, vbd_look);
	timer_init(&q->look_timer, vbd_look_timer);
	for (unsigned int i = 0; i < q->page_count; i++) {
		q->page[i] = (struct grant_piece){ .ref = c->ref[i] };
	}
}

int vbd_queue_create(struct vbd *v, unsigned int index, const struct vbd_queue_config *c,
		     struct vbd_queue **out)
{
	struct vbd_queue *q = heap_alloc(sizeof(*q));
	int err;

	if (q == NULL) {
		return -ENOMEM;
	}
	queue_init(q, v, index, c);
	err = pool_make(q);
	if (err != 0) {
		goto fail_free;
	}
	err = grant_pieces_reserve(v->domain, pieces_of(q));
	if (err != 0) {
		goto fail_pool;
	}
	err = grant_pieces_use(v->domain, q->page, q->page_count, true);
	if (err != 0) {
		goto fail_reserve;
	}
	q->ring = q->page[0].page;
	/* Responses go on where the frontend thinks they are. */
	q->rsp = atomic_load_explicit(&q->ring->rsp_prod, memory_order_relaxed);
	q->cons = q->rsp;
	q->told = q->rsp;
	err = evtchn_bind_hv(v->domain, c->port, vbd_kick, q);
	if (err != 0) {
		goto fail_use;
	}
	atomic_fetch_add_explicit(&v->queues_left, 1, memory_order_relaxed);
	*out = q;
	return 0;

fail_use:
	grant_pieces_unuse(v->domain, q->page, q->page_count);
fail_reserve:
	grant_pieces_release(v->domain, pieces_of(q));
fail_pool:
	heap_free(q->request);
fail_free:
	heap_free(q);
	return err;
}

void vbd_queue_start(struct vbd_queue *q)
{
	spin_lock(&q->lock);
	q->up = true;
	spin_unlock(&q->lock);
	vbd_work(&q->work);
}

/* As for a vif's queue: work that was being run has ended at the second pass. */
static void queue_quiesced(struct quiesce *x)
{
	struct vbd_queue *q = container_of(x, struct vbd_queue, quiesce);
	bool busy = atomic_load_explicit(&q->work.queued, memory_order_acquire) != 0 ||
		    atomic_load_explicit(&q->look.queued, memory_order_acquire) != 0;

	if (!busy && q->idle_seen) {
		grant_pieces_release(q->domain, pieces_of(q));
		/* Release: whoever sees it gone sees all given back. */
		atomic_fetch_sub_explicit(&q->vbd->queues_left, 1, memory_order_release);
		heap_free(q->request);
		heap_free(q);
		return;
	}
	q->idle_seen = !busy;
	quiesce_call(&q->quiesce, queue_quiesced);
}

void vbd_queue_drained(struct vbd_queue *q)
{
	quiesce_call(&q->quiesce, queue_quiesced);
}

void vbd_queue_destroy(struct vbd_queue *q)
{
	bool drained;

	evtchn_unbind_hv(q->domain, q->port, q);
	spin_lock(&q->lock);
	q->up = false;
	spin_unlock(&q->lock);
	timer_cancel(&q->look_timer);
	/* No request is submitted any more; those that are done don't mind. */
	for (unsigned int i = 0; i < q->request_count; i++) {
		blk_cancel(&q->request[i].r);
	}
	grant_pieces_unuse(q->domain, q->page, q->page_count);
	spin_lock(&q->lock);
	q->dead = true;
	drained = q->inflight == 0;
	spin_unlock(&q->lock);
	if (drained) {
		vbd_queue_drained(q);
	}
}
