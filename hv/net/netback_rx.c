/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames to a guest: copied into the buffers that it posted.
 *
 * Locking: see net/netback.h. deliver() leaves the receiver's rx_lock held in
 * the batch for the frames that follow; netback_flush() publishes what was
 * put into the ring and drops the lock.
 */
#include "net/netback.h"

#include <arch/cpu.h>

#include "kern/sched.h"
#include "lib/bytes.h"
#include "lib/string.h"
#include "net/eth.h"
#include "net/frame_copy.h"
#include "net/offload.h"
#include "xen/evtchn.h"
#include "xen/grant.h"

/* --- senders that wait ----------------------------------------------------- */

void netback_wake_locked(struct netback_queue *q)
{
	struct list *item;

	if (!atomic_load_explicit(&q->rx_waited, memory_order_relaxed)) {
		return;
	}
	atomic_store_explicit(&q->rx_waited, false, memory_order_relaxed);
	q->wait_ns += arch_now() - q->wait_start;
	while ((item = list_pop_front(&q->waiters)) != NULL) {
		struct netback_queue *w = list_entry(item, struct netback_queue, wait_node);

		atomic_store_explicit(&w->woken, true, memory_order_relaxed);
		/* Release: pairs with the load in tx_walk(). */
		atomic_store_explicit(&w->wait_on, NULL, memory_order_release);
		/* Under load not before the receiver did what it has. */
		if (sched_all_busy()) {
			work_queue_late(&w->tx_work);
		} else {
			work_queue(&w->tx_work);
		}
	}
}

void netback_rx_kick(struct netback_queue *q)
{
	/*
	 * The flag was set before req_event, which the guest has read before
	 * it came here.
	 */
	if (!atomic_load_explicit(&q->rx_waited, memory_order_relaxed)) {
		return;
	}
	spin_lock(&q->rx_lock);
	q->counts[NET_RX_KICKS]++;
	netback_wake_locked(q);
	spin_unlock(&q->rx_lock);
}

void netback_unwait(struct netback_queue *q)
{
	struct netback_queue *on;

	/* The owner's memory is good until this CPU's exit path. */
	while ((on = atomic_load_explicit(&q->wait_on, memory_order_acquire)) != NULL) {
		spin_lock(&on->rx_lock);
		if (atomic_load_explicit(&q->wait_on, memory_order_relaxed) == on) {
			list_remove(&q->wait_node);
			atomic_store_explicit(&q->wait_on, NULL, memory_order_release);
			if (list_empty(&on->waiters)) {
				netback_wake_locked(on);
			}
		}
		spin_unlock(&on->rx_lock);
	}
}

static void progress_check(struct netback_queue *q)
{
	if (q->rx_cons - q->wait_cons >= NETBACK_PROGRESS) {
		q->wait_cons = q->rx_cons;
		q->wait_ns = 0;
	}
}

void netback_wait_timer(struct timer *t)
{
	struct netback_queue *q = container_of(t, struct netback_queue, wait_timer);
	uint64_t waited;

	spin_lock(&q->rx_lock);
	if (q->rx_up && atomic_load_explicit(&q->rx_waited, memory_order_relaxed)) {
		waited = q->wait_ns + arch_now() - q->wait_start;
		if (waited >= NETBACK_STALL_NS) {
			/* Stalled, or it just keeps fewer buffers than it did. */
			q->rx_stalled = q->rx_prod - q->rx_cons < NETBACK_PROGRESS;
			q->rx_posted = q->rx_prod - q->rx_cons;
			netback_wake_locked(q);
		} else {
			timer_set(t, arch_now() + NETBACK_STALL_NS - waited);
		}
	}
	spin_unlock(&q->rx_lock);
}

/* Put the sender into the list; `need` is how many buffers it waits for. */
static void wait_locked(struct netback_queue *q, struct netback_queue *sender, uint32_t need)
{
	if (!atomic_load_explicit(&q->rx_waited, memory_order_relaxed)) {
		uint64_t now = arch_now();

		progress_check(q);
		q->wait_start = now;
		timer_set(&q->wait_timer, q->wait_ns < NETBACK_STALL_NS ?
			  now + NETBACK_STALL_NS - q->wait_ns : now);
		atomic_store_explicit(&q->rx_waited, true, memory_order_relaxed);
	}
	list_push_back(&q->waiters, &sender->wait_node);
	atomic_store_explicit(&sender->wait_on, q, memory_order_relaxed);
	q->counts[NET_RX_WAITED]++;
	/* Have the guest tell when that many are there (io/ring.h). */
	atomic_store_explicit(&q->rx_ring->i.req_event, q->rx_cons + need,
			      memory_order_release);
}

/* --- buffers ----------------------------------------------------------------- */

/* Read req_prod. False if it can't be. */
static bool prod_update(struct netback_queue *q)
{
	/* Acquire: the requests before it are read after it. */
	uint32_t prod = atomic_load_explicit(&q->rx_ring->i.req_prod, memory_order_acquire);

	if (prod - q->rx_cons > NETIF_RING_SIZE) {
		netback_fail(q->vif, "RX ring index out of range");
		return false;
	}
	q->rx_prod = prod;
	q->rx_posted = MAX(q->rx_posted, prod - q->rx_cons);
	return true;
}

/*
 * How many slots the guest has not replaced by new buffers yet: it did not
 * look at them, if it keeps as many posted as it did.
 */
static inline uint32_t backlog(const struct netback_queue *q)
{
	return q->rx_posted - (q->rx_prod - q->rx_cons);
}

/*
 * Under load it is better to let the receiver catch up than to have it drop
 * what it can't take: true if the sender shall wait.
 */
static bool receiver_is_behind(struct netback_queue *q, struct net_batch *b)
{
	if (b->waiter == NULL || q->rx_stalled || !q->rx_may_wait || !sched_all_busy() ||
	    !prod_update(q) || backlog(q) < NETBACK_BACKLOG) {
		return false;
	}
	wait_locked(q, b->waiter, q->rx_posted - NETBACK_BACKLOG / 2);
	/* As in lack_locked(). */
	atomic_thread_fence(memory_order_seq_cst);
	if (!prod_update(q) || backlog(q) < NETBACK_BACKLOG) {
		netback_wake_locked(q);
	}
	return true;
}

static enum net_verdict count_drop(struct netback_queue *q, enum net_counter why)
{
	q->counts[why]++;
	return NET_DROPPED;
}

/*
 * A wire must always take frames. If its guest posts no buffer from one that
 * found none to the timer's end, it has hung (docs/driver-domain.md).
 */
static void hang_watch(struct netback_queue *q)
{
	if (q->vif->hang_s != 0 && !timer_is_set(&q->hang_timer)) {
		q->hang_prod = q->rx_prod;
		timer_set(&q->hang_timer, arch_now() + q->vif->hang_s * VIF_HANG_NS);
	}
}

void netback_hang_timer(struct timer *t)
{
	struct netback_queue *q = container_of(t, struct netback_queue, hang_timer);
	bool hung;

	spin_lock(&q->rx_lock);
	hung = q->rx_up && READ_ONCE(q->rx_ring->i.req_prod) == q->hang_prod;
	spin_unlock(&q->rx_lock);
	if (hung) {
		vif_hung(q->vif);
	}
}

/* Fewer than `need` buffers, even when looked at anew. */
static enum net_verdict lack_locked(struct netback_queue *q, struct net_batch *b, uint32_t need,
				    bool may_wait)
{
	/* All there are may be too few for a large frame; others fill them up. */
	if (q->vif->port.config.uplink && q->rx_prod == q->rx_cons) {
		hang_watch(q);
	}
	if (!may_wait || b->waiter == NULL) {
		return count_drop(q, NET_DROP_RX_FULL);
	}
	if (q->rx_stalled || !q->rx_may_wait) {
		return count_drop(q, NET_DROP_RX_STALLED);
	}
	wait_locked(q, b->waiter, need);
	/* The guest may have posted before it could see req_event. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!prod_update(q) || q->rx_prod - q->rx_cons >= need) {
		netback_wake_locked(q);
	}
	return NET_WAIT;
}

/* NET_SENT if `need` buffers are there. */
static inline enum net_verdict reserve(struct netback_queue *q, struct net_batch *b,
				       uint32_t need, bool may_wait)
{
	if (unlikely(q->rx_prod - q->rx_cons < need || q->rx_stalled)) {
		if (!prod_update(q)) {
			return count_drop(q, NET_DROP_DOWN);
		}
		if (q->rx_stalled && q->rx_prod - q->rx_cons >= NETBACK_PROGRESS) {
			q->rx_stalled = false;
			q->wait_ns = 0;
			q->wait_cons = q->rx_cons;
		}
		if (q->rx_prod - q->rx_cons < need) {
			return lack_locked(q, b, need, may_wait);
		}
	}
	return NET_SENT;
}

static inline uint32_t pages_of(uint32_t len)
{
	return (len + (uint32_t)PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* --- copying ----------------------------------------------------------------- */

static inline void put_response(struct netback_queue *q, uint32_t at, uint16_t id,
				unsigned int flags, int status)
{
	WRITE_ONCE(q->rx_ring->slot[at & NETIF_RING_MASK],
		   netif_rx_response(id, flags, (int16_t)status));
}

/* Each buffer used so far is answered as a frame of its own that failed. */
static enum net_verdict copy_failed(struct netback_queue *q, uint32_t end)
{
	while (q->rx_cons != end) {
		uint64_t slot = READ_ONCE(q->rx_ring->slot[q->rx_cons & NETIF_RING_MASK]);

		/* The id is where it was, in a request and in a response. */
		put_response(q, q->rx_cons, netif_rx_id(slot), 0, NETIF_ERROR);
		q->rx_cons++;
	}
	atomic_fetch_add_explicit(&q->domain->stats.misuse, 1, memory_order_relaxed);
	return count_drop(q, NET_DROP_RX_GRANT);
}

static inline unsigned int response_flags(const struct net_frame *f)
{
	switch (f->csum) {
	case NET_CSUM_BLANK:
		return NETIF_RXF_CSUM_BLANK | NETIF_RXF_VALIDATED;
	case NET_CSUM_VALID:
		return NETIF_RXF_VALIDATED;
	default:
		return 0;
	}
}

static void count_frame(struct netback_queue *q, const struct net_frame *f, uint32_t slots)
{
	q->counts[NET_RX_FRAMES]++;
	q->counts[NET_RX_BYTES] += f->len;
	q->counts[NET_RX_SLOTS] += slots;
	q->counts[NET_RX_GSO] += f->gso != NET_GSO_NONE;
	q->counts[NET_RX_COPIES]++;
	q->counts[NET_RX_COPIED_BYTES] += f->len;
}

/*
 * Copy a frame that the receiver takes as it is into buffers that are known
 * to be there.
 */
static enum net_verdict put_frame(struct netback_queue *q, const struct net_frame *f)
{
	struct frame_cursor c = { .data = f->head, .left = f->head_len, .next = f->frag };
	unsigned int flags = response_flags(f) | (f->gso != NET_GSO_NONE ? NETIF_RXF_EXTRA : 0);
	uint32_t left = f->len;
	uint32_t at = q->rx_cons;
	void *page = NULL;

	do {
		uint64_t request = READ_ONCE(q->rx_ring->slot[at & NETIF_RING_MASK]);
		uint32_t n = MIN(left, (uint32_t)PAGE_SIZE);

		if (grant_frame(q->domain, netif_rx_gref(request), true, &page) != 0) {
			return copy_failed(q, at + 1);
		}
		frame_copy(&c, page, n);
		left -= n;
		put_response(q, at++, netif_rx_id(request),
			     flags | (left > 0 ? NETIF_RXF_MORE : 0), (int)n);
		if (flags & NETIF_RXF_EXTRA) {
			WRITE_ONCE(q->rx_ring->slot[at++ & NETIF_RING_MASK],
				   netif_extra_gso(f->mss, f->gso));
		}
		flags = 0;
	} while (left > 0);

	count_frame(q, f, at - q->rx_cons);
	q->rx_page = page;
	q->rx_cons = at;
	return NET_SENT;
}

/* --- merging segments ----------------------------------------------------------- */

/* The frame that was just put into one slot may be continued. */
static void merge_open(struct netback_queue *q, const struct net_frame *f,
		       const struct merge_key *key)
{
	struct net_merge *m = &q->merge;
	uint32_t at = q->rx_cons - 1;

	m->open = true;
	m->key = *key;
	m->mss = key->payload;
	m->count = 1;
	m->len = f->len;
	m->head = q->rx_page;
	m->head_slot = at;
	m->last_slot = at;
	/* The id stands in the response as it did in the request. */
	m->head_id = netif_rx_id(READ_ONCE(q->rx_ring->slot[at & NETIF_RING_MASK]));
	m->last_id = m->head_id;
	m->head_bytes = f->len;
	m->page = q->rx_page;
	m->page_used = f->len;
	memcpy(m->headers, f->head, key->header_len);
}

/* The responses of the merged frame's first slot and of the one being filled. */
static void merge_respond(struct netback_queue *q, bool more)
{
	struct net_merge *m = &q->merge;

	if (m->last_slot != m->head_slot) {
		put_response(q, m->last_slot, m->last_id, more ? NETIF_RXF_MORE : 0,
			     (int)m->page_used);
		more = true;
	}
	put_response(q, m->head_slot, m->head_id,
		     NETIF_RXF_CSUM_BLANK | NETIF_RXF_VALIDATED | NETIF_RXF_EXTRA |
		     (more ? NETIF_RXF_MORE : 0), (int)m->head_bytes);
}

/* The next page for a merged frame; false if it isn't granted. */
static bool merge_page(struct netback_queue *q)
{
	struct net_merge *m = &q->merge;
	uint64_t request = READ_ONCE(q->rx_ring->slot[q->rx_cons & NETIF_RING_MASK]);
	void *page;

	if (grant_frame(q->domain, netif_rx_gref(request), true, &page) != 0) {
		return false;
	}
	merge_respond(q, true);
	m->page = page;
	m->page_used = 0;
	m->last_slot = q->rx_cons++;
	m->last_id = netif_rx_id(request);
	return true;
}

/* End merging: what was put together gets its final headers. */
static void merge_close(struct netback_queue *q)
{
	struct net_merge *m = &q->merge;

	if (!m->open) {
		return;
	}
	m->open = false;
	if (m->count > 1) {
		merge_finish_headers(m);
		memcpy(m->head, m->headers, m->key.header_len);
		q->counts[NET_RX_MERGED] += m->count;
	}
}

/* Append a segment that continues the merged frame; the buffers are there. */
static enum net_verdict merge_append(struct netback_queue *q, const struct net_frame *f,
				     const struct merge_key *key)
{
	struct net_merge *m = &q->merge;
	struct frame_cursor c = { .data = f->head + key->header_len,
			    .left = f->head_len - key->header_len, .next = f->frag };
	uint32_t left = key->payload;
	uint32_t slots = q->rx_cons;

	if (m->count == 1) {
		/* The first slot is followed by the GSO slot. */
		WRITE_ONCE(q->rx_ring->slot[q->rx_cons++ & NETIF_RING_MASK],
			   netif_extra_gso(m->mss, key->ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4));
	}
	if (c.left == 0) {
		c.data = c.next->data;
		c.left = c.next->len;
		c.next++;
	}
	while (left > 0) {
		uint32_t n = MIN(left, (uint32_t)PAGE_SIZE - m->page_used);

		if (n == 0) {
			if (!merge_page(q)) {
				/* The receiver broke its own ring: end with what is whole. */
				m->key.push = true;
				m->count++;
				merge_respond(q, false);
				return copy_failed(q, q->rx_cons + 1);
			}
			continue;
		}
		frame_copy(&c, m->page + m->page_used, n);
		m->page_used += n;
		m->len += n;
		left -= n;
		if (m->page == m->head) {
			m->head_bytes = m->page_used;
		}
	}
	m->count++;
	m->key.next_seq = key->next_seq;
	m->key.payload = key->payload;
	m->key.push = key->push;
	merge_respond(q, false);
	count_frame(q, f, q->rx_cons - slots);
	return NET_SENT;
}

static inline bool takes_merged(const struct netback_queue *q, bool ipv6)
{
	unsigned int need = NETBACK_SG | (ipv6 ? NETBACK_GSO6 | NETBACK_CSUM6
					       : NETBACK_GSO4 | NETBACK_CSUM4);

	return (q->rx_features & need) == need;
}

/* Put a frame into the ring, or onto the one before it. */
static enum net_verdict put_or_merge(struct netback_queue *q, const struct net_frame *f)
{
	struct merge_key key;
	bool segment = merge_is_tcp(f) && merge_parse(f, &key) && takes_merged(q, key.ipv6);
	enum net_verdict verdict;

	if (segment && q->merge.open && merge_continues(&q->merge, f, &key) &&
	    q->rx_prod - q->rx_cons >= 1 + pages_of(key.payload)) {
		return merge_append(q, f, &key);
	}
	merge_close(q);
	verdict = put_frame(q, f);
	if (segment && verdict == NET_SENT && f->len < PAGE_SIZE &&
	    key.payload >= MERGE_PAYLOAD_MIN) {
		merge_open(q, f, &key);
	}
	return verdict;
}

/* --- receivers that don't take it as it is ------------------------------------ */

static bool takes_blank(const struct netback_queue *q, const struct net_frame *f)
{
	uint16_t type = get_be16(f->head + ETH_TYPE_AT);

	return !f->tagged && (q->rx_features & (type == ETH_IPV6 ? NETBACK_CSUM6
								 : NETBACK_CSUM4)) != 0;
}

static bool takes_gso(const struct netback_queue *q, const struct net_frame *f)
{
	unsigned int need = NETBACK_SG | (f->gso == NET_GSO_TCPV4 ? NETBACK_GSO4 : NETBACK_GSO6);

	return !f->tagged && (q->rx_features & need) == need;
}

/*
 * How many buffers to wait for if the segments of a frame take `all`. TCP copes
 * if the last few are lost; more than the receiver ever keeps posted would not
 * come, and then one that is not stalled would be waited for without end.
 */
static uint32_t segments_need(const struct netback_queue *q, uint32_t all)
{
	return MIN(MIN(all, NETIF_RING_SIZE / 2), MAX(q->rx_posted, NETBACK_PROGRESS));
}

/* The frame without GSO: as segments, as many as there is room for. */
static NOINLINE enum net_verdict put_segments(struct netback_queue *q, struct net_batch *b,
					      struct net_frame *f, bool may_wait)
{
	struct offload_segments s;
	struct net_frame segment;
	enum net_verdict verdict;
	uint32_t slots;
	uint32_t all;

	if (offload_segments_init(&s, f) != 0) {
		return count_drop(q, NET_DROP_RX_OFFLOAD);
	}
	slots = pages_of(s.header_len + MIN(f->mss, s.payload));
	if (slots > 1 && !(q->rx_features & NETBACK_SG)) {
		return count_drop(q, NET_DROP_RX_SIZE);
	}
	all = offload_segments_count(&s) * slots;
	if (q->rx_prod - q->rx_cons < all && !prod_update(q)) {
		return count_drop(q, NET_DROP_DOWN);
	}
	verdict = reserve(q, b, segments_need(q, all), may_wait);
	if (verdict != NET_SENT) {
		return verdict;
	}
	while (offload_segments_next(&s, &segment)) {
		if (q->rx_prod - q->rx_cons < slots) {
			return count_drop(q, NET_DROP_RX_FULL);
		}
		if (!takes_blank(q, &segment) && offload_checksum(&segment) != 0) {
			return count_drop(q, NET_DROP_RX_OFFLOAD);
		}
		q->counts[NET_RX_SEGMENTS]++;
		merge_close(q);
		verdict = put_frame(q, &segment);
		if (verdict != NET_SENT) {
			return verdict;
		}
	}
	return NET_SENT;
}

/* --- the port's operations ----------------------------------------------------- */

/* Have the receiver's queue for this sender open in the batch, or NULL. */
static struct netback_queue *open_queue(struct vif *v, struct net_batch *b)
{
	unsigned int count = atomic_load_explicit(&v->queue_count, memory_order_acquire);
	unsigned int index = b->queue;
	struct netback_queue *q;

	switch_flush(b);
	if (count == 0 || netback_is_broken(v)) {
		return NULL;
	}
	while (index >= count) {
		index -= count;
	}
	q = atomic_load_explicit(&v->queue[index], memory_order_acquire);
	if (q == NULL) {
		return NULL;
	}
	spin_lock(&q->rx_lock);
	if (!q->rx_up) {
		spin_unlock(&q->rx_lock);
		return NULL;
	}
	b->out = &v->port;
	b->out_queue = q;
	return q;
}

enum net_verdict netback_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
				 bool may_wait)
{
	struct netback_queue *q;
	enum net_verdict verdict;
	uint32_t slots;

	q = likely(b->out == p) ? b->out_queue : open_queue(port_vif(p), b);
	if (unlikely(q == NULL)) {
		b->counts[NET_DROP_DOWN]++;
		return NET_DROPPED;
	}
	if (unlikely(p->config.uplink) && !offload_fits(f, port_vif(p)->mtu)) {
		return count_drop(q, NET_DROP_RX_SIZE);
	}
	slots = pages_of(f->len);
	if (f->gso != NET_GSO_NONE) {
		if (!takes_gso(q, f)) {
			return put_segments(q, b, f, may_wait);
		}
		slots++;
	} else if (unlikely(slots > 1 && !(q->rx_features & NETBACK_SG))) {
		return count_drop(q, NET_DROP_RX_SIZE);
	}
	/* TCP paces itself. */
	if (unlikely(backlog(q) >= NETBACK_BACKLOG) && may_wait && !merge_is_tcp(f) &&
	    receiver_is_behind(q, b)) {
		return NET_WAIT;
	}
	verdict = reserve(q, b, slots, may_wait);
	if (unlikely(verdict != NET_SENT)) {
		return verdict;
	}
	if (f->csum == NET_CSUM_BLANK && !takes_blank(q, f)) {
		if (offload_checksum(f) != 0) {
			return count_drop(q, NET_DROP_RX_OFFLOAD);
		}
		q->counts[NET_RX_CSUM]++;
	}
	return put_or_merge(q, f);
}

void netback_flush(struct net_batch *b)
{
	struct netback_queue *q = b->out_queue;
	uint32_t old = q->rx_told;
	uint32_t new = q->rx_cons;

	merge_close(q);
	b->out = NULL;
	b->out_queue = NULL;
	if (new != old) {
		uint32_t event;

		/* Release: what is in the slots and buffers, before the index. */
		atomic_store_explicit(&q->rx_ring->i.rsp_prod, new, memory_order_release);
		/* io/ring.h: index out, then look whether the guest sleeps. */
		atomic_thread_fence(memory_order_seq_cst);
		event = atomic_load_explicit(&q->rx_ring->i.rsp_event, memory_order_relaxed);
		q->rx_told = new;
		if (new - event < new - old) {
			q->counts[NET_RX_EVENTS]++;
			evtchn_notify(q->domain, q->rx_port);
		} else {
			q->counts[NET_RX_EVENTS_SAVED]++;
		}
	}
	spin_unlock(&q->rx_lock);
}
