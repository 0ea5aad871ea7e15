/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from a guest: the walk of a TX ring.
 *
 * A slot is read once into private memory, checked there and used from
 * there. Headers are gathered into a private buffer of the queue before
 * anything looks at them, and are delivered from it (XSA-155, 423, 432).
 *
 * Locking: the walk holds the queue's tx_lock.
 */
#include "net/netback.h"

#include "kern/sched.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "net/eth.h"
#include "net/offload.h"
#include "xen/evtchn.h"
#include "xen/grant.h"

struct slot {
	uint32_t w[3];
};

static inline struct slot slot_read(const struct netback_queue *q, uint32_t at)
{
	const uint32_t *p = q->tx_ring->slot[at & NETIF_RING_MASK];

	return (struct slot){ { READ_ONCE(p[0]), READ_ONCE(p[1]), READ_ONCE(p[2]) } };
}

static inline uint16_t low16(uint32_t w)
{
	return (uint16_t)w;
}

static inline uint16_t high16(uint32_t w)
{
	return (uint16_t)(w >> 16);
}

/* --- reading a chain ----------------------------------------------------------- */

static inline void take_data(struct netback_chain *c, const struct slot *s)
{
	unsigned int n = c->data++;

	c->id[c->slots++] = low16(s->w[2]);
	c->gref[n] = s->w[0];
	c->offset[n] = low16(s->w[1]);
	c->size[n] = high16(s->w[2]);
}

static const char *take_extra(struct netback_chain *c, const struct slot *s, bool *more)
{
	struct netif_extra e = netif_extra_get(s->w[0], s->w[1]);

	*more = (e.flags & NETIF_EXTRAF_MORE) != 0;
	c->extras |= 1U << c->slots;
	/* Its answer says that there is no answer, so any id will do. */
	c->id[c->slots++] = 0;
	if (e.type == 0 || e.type > NETIF_EXTRA_TYPE_MAX) {
		return "unknown extra slot";
	}
	if (e.type == NETIF_EXTRA_GSO) {
		if (e.mss == 0 || (e.gso_type != NET_GSO_TCPV4 && e.gso_type != NET_GSO_TCPV6)) {
			return "bad GSO slot";
		}
		c->mss = e.mss;
		c->gso = e.gso_type;
	}
	return NULL;
}

static const char *read_extras(struct netback_queue *q, uint32_t avail)
{
	struct netback_chain *c = &q->chain;
	bool more = true;

	while (more) {
		struct slot s;
		const char *why;

		if (c->slots == avail) {
			return "TX ring ends within a frame";
		}
		if (c->slots == 1 + NETBACK_EXTRA_MAX) {
			return "too many extra slots";
		}
		s = slot_read(q, q->tx_cons + c->slots);
		why = take_extra(c, &s, &more);
		if (why != NULL) {
			return why;
		}
	}
	return NULL;
}

static const char *read_more(struct netback_queue *q, uint32_t avail)
{
	struct netback_chain *c = &q->chain;
	uint16_t flags = c->flags;

	while (flags & NETIF_TXF_MORE) {
		struct slot s;

		if (c->slots == avail) {
			return "TX ring ends within a frame";
		}
		if (c->data == NETBACK_DATA_MAX) {
			return "too many slots in a frame";
		}
		s = slot_read(q, q->tx_cons + c->slots);
		flags = high16(s.w[1]);
		take_data(c, &s);
		if (c->offset[c->data - 1] + c->size[c->data - 1] > PAGE_SIZE) {
			return "TX slot crosses its page";
		}
	}
	return NULL;
}

/*
 * Read the frame at tx_cons into q->chain; `avail` slots are there. NULL, or
 * how the guest broke the protocol.
 */
static inline const char *chain_read(struct netback_queue *q, uint32_t avail)
{
	struct netback_chain *c = &q->chain;
	struct slot s = slot_read(q, q->tx_cons);
	const char *why = NULL;

	c->slots = 0;
	c->data = 0;
	c->extras = 0;
	c->mss = 0;
	c->gso = NET_GSO_NONE;
	take_data(c, &s);
	c->flags = high16(s.w[1]);
	c->total = c->size[0];
	if (unlikely(c->flags & NETIF_TXF_EXTRA)) {
		why = read_extras(q, avail);
	}
	if (why == NULL && (c->flags & NETIF_TXF_MORE)) {
		why = read_more(q, avail);
	}
	return why;
}

/*
 * The first slot tells the size of the whole frame: work out its own. False
 * if the sizes contradict each other.
 */
static inline bool chain_sizes(struct netback_chain *c)
{
	uint32_t rest = 0;

	for (unsigned int i = 1; i < c->data; i++) {
		rest += c->size[i];
	}
	if (rest > c->total) {
		return false;
	}
	c->size[0] = (uint16_t)(c->total - rest);
	return true;
}

/* --- making a frame ------------------------------------------------------------- */

/* Find the pages, and gather the headers. -ENOENT etc.: see grant_frame(). */
static int frame_gather(struct netback_queue *q, struct net_frame *f)
{
	struct netback_chain *c = &q->chain;
	uint8_t *head = (uint8_t *)q->head + 2 + NET_HEAD_ROOM;
	uint32_t head_len = 0;
	uint32_t want = MIN((uint32_t)c->total, NET_HEAD_MAX);
	uint32_t count = 0;

	for (unsigned int i = 0; i < c->data; i++) {
		uint32_t size = c->size[i];
		const uint8_t *data;
		uint32_t n;
		void *page;
		int err;

		if (size == 0) {
			continue;
		}
		err = grant_frame(q->domain, c->gref[i], false, &page);
		if (unlikely(err != 0)) {
			return err;
		}
		data = (const uint8_t *)page + c->offset[i];
		n = MIN(size, want - head_len);
		if (n > 0) {
			memcpy(head + head_len, data, n);
			head_len += n;
		}
		if (n < size) {
			q->frag[count].data = data + n;
			q->frag[count].len = size - n;
			count++;
		}
	}
	f->head = head;
	f->head_len = head_len;
	f->len = c->total;
	f->frag = q->frag;
	f->frag_count = count;
	return 0;
}

static inline void frame_offload(const struct netback_chain *c, struct net_frame *f)
{
	f->csum = c->flags & NETIF_TXF_CSUM_BLANK ? NET_CSUM_BLANK :
		  c->flags & NETIF_TXF_VALIDATED ? NET_CSUM_VALID : NET_CSUM_NONE;
	f->gso = (enum net_gso)c->gso;
	f->mss = c->mss;
	f->tagged = false;
	if (f->gso != NET_GSO_NONE) {
		/* Segments get new checksums whatever the flag says (io/netif.h). */
		f->csum = NET_CSUM_BLANK;
	}
}

/* --- answers ---------------------------------------------------------------------- */

static inline void chain_respond(struct netback_queue *q, int status)
{
	const struct netback_chain *c = &q->chain;

	for (unsigned int i = 0; i < c->slots; i++) {
		int s = c->extras >> i & 1 ? NETIF_NULL : status;

		WRITE_ONCE(q->tx_ring->slot[q->tx_cons++ & NETIF_RING_MASK][0],
			   netif_tx_response(c->id[i], (int16_t)s));
	}
	q->counts[NET_TX_SLOTS] += c->slots;
}

/*
 * Look whether the guest wants an event for the completions since the last
 * look (io/ring.h).
 */
static void completion_check(struct netback_queue *q)
{
	uint32_t old = q->tx_told;
	uint32_t new = q->tx_cons;
	uint32_t event;

	if (new == old) {
		return;
	}
	atomic_thread_fence(memory_order_seq_cst);
	event = atomic_load_explicit(&q->tx_ring->i.rsp_event, memory_order_relaxed);
	q->tx_told = new;
	if (new - event < new - old) {
		q->counts[NET_TX_EVENTS]++;
		evtchn_notify(q->domain, q->tx_port);
	} else {
		q->counts[NET_TX_EVENTS_SAVED]++;
	}
}

/*
 * Completions only free the guest's buffers, so an event for them can wait for
 * more of them, or until the guest collects them unasked, which older frontends
 * do whenever they send (docs/decisions/0008-tx-completion-events.md).
 */
static void complete(struct netback_queue *q, bool now)
{
	/* Release: the answers, before the index. */
	atomic_store_explicit(&q->tx_ring->i.rsp_prod, q->tx_cons, memory_order_release);
	if (now || q->tx_cons - q->tx_told > NETBACK_TX_PENDING) {
		completion_check(q);
	} else if (!timer_is_set(&q->tx_timer)) {
		timer_set(&q->tx_timer, arch_now() + NETBACK_TX_NS);
	}
}

void netback_tx_timer(struct timer *t)
{
	struct netback_queue *q = container_of(t, struct netback_queue, tx_timer);

	spin_lock(&q->tx_lock);
	if (q->tx_up) {
		completion_check(q);
	}
	spin_unlock(&q->tx_lock);
}

/* --- the walk ----------------------------------------------------------------------- */

enum step { STEP_DONE, STEP_WAIT, STEP_BUDGET, STEP_BROKEN };

/* A frame that is answered with an error and goes nowhere. */
static enum step refuse(struct netback_queue *q, enum net_counter why)
{
	q->counts[why]++;
	chain_respond(q, NETIF_ERROR);
	return STEP_DONE;
}

/* Take one frame off the ring, which has `avail` slots. */
static enum step walk_one(struct netback_queue *q, struct net_batch *b, uint32_t avail)
{
	struct netback_chain *c = &q->chain;
	const char *why = chain_read(q, avail);
	struct net_frame f;

	if (unlikely(why != NULL)) {
		netback_fail(q->vif, why);
		return STEP_BROKEN;
	}
	if (unlikely(!chain_sizes(c))) {
		return refuse(q, NET_DROP_MALFORMED);
	}
	if (unlikely(c->offset[0] + c->size[0] > PAGE_SIZE)) {
		netback_fail(q->vif, "TX slot crosses its page");
		return STEP_BROKEN;
	}
	if (unlikely(c->total < ETH_HLEN)) {
		return refuse(q, NET_DROP_RUNT);
	}
	if (unlikely(frame_gather(q, &f) != 0)) {
		atomic_fetch_add_explicit(&q->domain->stats.misuse, 1, memory_order_relaxed);
		return refuse(q, NET_DROP_TX_GRANT);
	}
	frame_offload(c, &f);
	if (f.gso != NET_GSO_NONE && !offload_gso_check(&f)) {
		return refuse(q, NET_DROP_MALFORMED);
	}
	if (switch_input(b, &f) == NET_WAIT) {
		q->counts[NET_TX_WAITS]++;
		return STEP_WAIT;
	}
	q->counts[NET_TX_FRAMES]++;
	q->counts[NET_TX_BYTES] += c->total;
	q->counts[NET_TX_GSO] += f.gso != NET_GSO_NONE;
	chain_respond(q, NETIF_OKAY);
	return STEP_DONE;
}

/* Read req_prod. False if it can't be. */
static bool prod_read(struct netback_queue *q, uint32_t *prod)
{
	/* Acquire: the requests before it are read after it. */
	*prod = atomic_load_explicit(&q->tx_ring->i.req_prod, memory_order_acquire);
	if (*prod - q->tx_cons > NETIF_RING_SIZE) {
		netback_fail(q->vif, "TX ring index out of range");
		return false;
	}
	return true;
}

/* Walk until the ring is empty. Anything else says why it stopped before. */
static enum step walk(struct netback_queue *q, struct net_batch *b, unsigned int *frames)
{
	uint32_t prod;

	if (!prod_read(q, &prod)) {
		return STEP_BROKEN;
	}
	for (;;) {
		while (q->tx_cons != prod) {
			enum step s;

			if (b->deliveries >= NETBACK_BUDGET || *frames >= NETBACK_BUDGET) {
				return STEP_BUDGET;
			}
			s = walk_one(q, b, prod - q->tx_cons);
			if (s != STEP_DONE) {
				return s;
			}
			(*frames)++;
		}
		/* Before it stops: ask for a notification, look once more. */
		atomic_store_explicit(&q->tx_ring->i.req_event,
				      q->tx_cons + (q->tx_poll.on ? NETBACK_POLL_SLOTS : 1),
				      memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		if (!prod_read(q, &prod)) {
			return STEP_BROKEN;
		}
		if (prod == q->tx_cons) {
			return STEP_DONE;
		}
	}
}

static void walk_locked(struct netback_queue *q)
{
	struct net_batch b = {
		.in = &q->vif->port, .queue = q->index, .counts = q->counts,
		.cache = &q->cache, .waiter = q,
	};
	bool woken = atomic_exchange_explicit(&q->woken, false, memory_order_relaxed);
	unsigned int frames = 0;
	enum step end = walk(q, &b, &frames);

	if (end == STEP_BUDGET) {
		atomic_store_explicit(&q->woken, woken, memory_order_relaxed);
		work_queue(&q->tx_work);
	}
	switch_flush(&b);
	if (q->tx_told != q->tx_cons) {
		complete(q, woken && end == STEP_DONE);
	}
	if (frames > 0) {
		tx_count_walk(q->counts, frames);
	}
}

/* Nothing to do, or nothing that may be done. */
static inline bool walk_allowed(struct netback_queue *q)
{
	/* Acquire: pairs with the release of who wakes us. */
	return q->tx_up && !netback_is_broken(q->vif) &&
	       atomic_load_explicit(&q->wait_on, memory_order_acquire) == NULL;
}

void netback_tx_kick(struct netback_queue *q)
{
	spin_lock(&q->tx_lock);
	if (q->tx_up) {
		q->counts[NET_TX_KICKS]++;
		tx_poll_start(&q->tx_poll);
	}
	if (walk_allowed(q)) {
		walk_locked(q);
	}
	spin_unlock(&q->tx_lock);
}

void netback_tx_poll(struct work *w)
{
	struct netback_queue *q = container_of(w, struct netback_queue, tx_poll.work);

	spin_lock(&q->tx_lock);
	if (q->tx_up) {
		/* A queue that waits for a receiver is woken, not polled. */
		bool found = walk_allowed(q) &&
			     READ_ONCE(q->tx_ring->i.req_prod) != q->tx_cons;

		if (tx_poll_looked(&q->tx_poll, found, NETBACK_POLL_EMPTY) && walk_allowed(q)) {
			walk_locked(q);
		}
		tx_poll_again(&q->tx_poll);
	}
	spin_unlock(&q->tx_lock);
}

void netback_tx_work(struct work *w)
{
	struct netback_queue *q = container_of(w, struct netback_queue, tx_work);

	spin_lock(&q->tx_lock);
	if (walk_allowed(q)) {
		walk_locked(q);
	}
	spin_unlock(&q->tx_lock);
}
