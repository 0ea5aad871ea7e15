/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a vif's queue.
 *
 * Locking: see net/netback.h. Creation and destruction run in the device's
 * callbacks, one at a time.
 */
#include "net/netback.h"

#include "mem/heap.h"
#include "xen/evtchn.h"
#include "xen/grant.h"

/* The guest's notifications; separate ports or one for both. */
static void tx_event(void *ctx)
{
	netback_tx_kick(ctx);
}

static void rx_event(void *ctx)
{
	netback_rx_kick(ctx);
}

static void both_event(void *ctx)
{
	netback_tx_kick(ctx);
	netback_rx_kick(ctx);
}

static int bind_ports(struct netback_queue *q)
{
	int err;

	if (q->tx_port == q->rx_port) {
		return evtchn_bind_hv(q->domain, q->tx_port, both_event, q);
	}
	err = evtchn_bind_hv(q->domain, q->tx_port, tx_event, q);
	if (err != 0) {
		return err;
	}
	err = evtchn_bind_hv(q->domain, q->rx_port, rx_event, q);
	if (err != 0) {
		evtchn_unbind_hv(q->domain, q->tx_port, q);
	}
	return err;
}

static void unbind_ports(struct netback_queue *q)
{
	evtchn_unbind_hv(q->domain, q->tx_port, q);
	if (q->rx_port != q->tx_port) {
		evtchn_unbind_hv(q->domain, q->rx_port, q);
	}
}

static void queue_init(struct netback_queue *q, struct vif *v, unsigned int index,
		       const struct netback_queue_config *c)
{
	q->vif = v;
	q->domain = v->domain;
	q->index = index;
	q->counts = v->port.counts[index].n;
	spin_init(&q->tx_lock, LOCK_NET_TX);
	spin_init(&q->rx_lock, LOCK_NET_RX);
	q->tx_port = c->tx_port;
	q->rx_port = c->rx_port;
	q->tx_ref = c->tx_ref;
	q->rx_ref = c->rx_ref;
	q->rx_features = c->rx_features;
	q->rx_may_wait = c->rx_notify;
	work_init(&q->tx_work, netback_tx_work);
	work_init(&q->tx_poll.work, netback_tx_poll);
	timer_init(&q->tx_timer, netback_tx_timer);
	list_init(&q->wait_node);
	list_init(&q->waiters);
	timer_init(&q->wait_timer, netback_wait_timer);
	timer_init(&q->hang_timer, netback_hang_timer);
}

/* Responses go on where the frontend thinks they are. */
static void rings_attach(struct netback_queue *q, void *tx, void *rx)
{
	q->tx_ring = tx;
	q->tx_cons = atomic_load_explicit(&q->tx_ring->i.rsp_prod, memory_order_relaxed);
	q->tx_told = q->tx_cons;
	q->rx_ring = rx;
	q->rx_cons = atomic_load_explicit(&q->rx_ring->i.rsp_prod, memory_order_relaxed);
	q->rx_told = q->rx_cons;
	q->rx_prod = q->rx_cons;
	q->wait_cons = q->rx_cons;
}

int netback_queue_create(struct vif *v, unsigned int index, const struct netback_queue_config *c,
			 struct netback_queue **out)
{
	struct netback_queue *q;
	void *tx;
	void *rx;
	int err;

	if (c->tx_ref == c->rx_ref) {
		return -EINVAL;
	}
	q = heap_alloc(sizeof(*q));
	if (q == NULL) {
		return -ENOMEM;
	}
	queue_init(q, v, index, c);
	err = grant_pin(v->domain, c->tx_ref, &tx);
	if (err != 0) {
		goto fail_free;
	}
	err = grant_pin(v->domain, c->rx_ref, &rx);
	if (err != 0) {
		goto fail_tx;
	}
	rings_attach(q, tx, rx);
	err = bind_ports(q);
	if (err != 0) {
		goto fail_rx;
	}
	*out = q;
	return 0;

fail_rx:
	grant_unpin(v->domain, c->rx_ref);
fail_tx:
	grant_unpin(v->domain, c->tx_ref);
fail_free:
	heap_free(q);
	return err;
}

void netback_queue_start(struct netback_queue *q)
{
	spin_lock(&q->rx_lock);
	q->rx_up = true;
	spin_unlock(&q->rx_lock);
	spin_lock(&q->tx_lock);
	q->tx_up = true;
	spin_unlock(&q->tx_lock);
	netback_tx_work(&q->tx_work);
	evtchn_notify(q->domain, q->tx_port);
	if (q->rx_port != q->tx_port) {
		evtchn_notify(q->domain, q->rx_port);
	}
}

static bool has_work(struct netback_queue *q)
{
	return atomic_load_explicit(&q->tx_work.queued, memory_order_acquire) != 0 ||
	       atomic_load_explicit(&q->tx_poll.work.queued, memory_order_acquire) != 0;
}

/*
 * After the first pass nobody queues work of the queue; once none is left,
 * one that was being run has ended when all CPUs passed again.
 */
static void queue_quiesced(struct quiesce *x)
{
	struct netback_queue *q = container_of(x, struct netback_queue, quiesce);

	if (!has_work(q) && q->idle_seen) {
		heap_free(q);
		return;
	}
	q->idle_seen = !has_work(q);
	quiesce_call(&q->quiesce, queue_quiesced);
}

void netback_queue_destroy(struct netback_queue *q)
{
	unbind_ports(q);
	spin_lock(&q->tx_lock);
	q->tx_up = false;
	spin_unlock(&q->tx_lock);
	netback_unwait(q);
	spin_lock(&q->rx_lock);
	q->rx_up = false;
	netback_wake_locked(q);
	spin_unlock(&q->rx_lock);
	timer_cancel(&q->wait_timer);
	timer_cancel(&q->hang_timer);
	timer_cancel(&q->tx_timer);
	grant_unpin(q->domain, q->tx_ref);
	grant_unpin(q->domain, q->rx_ref);
	quiesce_call(&q->quiesce, queue_quiesced);
}
