/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page through which a guest reaches its connection
 * (docs/misc/xenstore-ring.txt): two byte rings with free-running indices,
 * which the guest may set to anything at any time. Also the store's deferred
 * work: rings that have something to say, and internal watches.
 *
 * Locking: xs_lock, over a whole pass.
 * Invariants: bytes of the page are copied once into the connection's buffers
 * and judged there; an index is read once a round and checked before use.
 */
#include <stdatomic.h>
#include "kern/quiesce.h"
#include "kern/work.h"
#include "mem/heap.h"
#include "xenstore/xs_internal.h"
#include <xen/io/xs_wire.h>

/* Bounds of one lock hold: others wait for it. */
#define ROUNDS_PER_PASS		8U	/* at most two requests each */
#define RINGS_PER_WORK		4U
#define WATCHES_PER_WORK	8U

struct xs_ring {
	struct xs_conn *conn;		/* NULL once destroyed */
	struct xenstore_domain_interface *page;
	void (*notify)(void *ctx);
	void *ctx;
	struct list pending;		/* waits for deferred work */
	bool active;			/* in ring_pass() */
	struct quiesce quiesce;
};

static struct list pending = LIST_INIT(pending);
static struct work ring_work;

void xs_work_queue(void)
{
	work_queue(&ring_work);
}

static void ring_defer(struct xs_ring *r)
{
	if (list_empty(&r->pending)) {
		list_push_back(&pending, &r->pending);
	}
	work_queue(&ring_work);
}

/* The connection has output; a pass under way will see that itself. */
static void ring_wake(void *ctx)
{
	struct xs_ring *r = ctx;

	if (!r->active) {
		ring_defer(r);
	}
}

static void ring_fail(struct xs_ring *r, uint32_t code, const char *why)
{
	conn_fail(r->conn, why);
	WRITE_ONCE(r->page->error, code);
}

/* Take what the connection accepts of the request ring. Bytes taken. */
static uint32_t ring_take(struct xs_ring *r)
{
	struct xenstore_domain_interface *p = r->page;
	uint32_t cons = READ_ONCE(p->req_cons);
	uint32_t avail = READ_ONCE(p->req_prod) - cons;
	uint32_t taken = 0;

	if (avail > XENSTORE_RING_SIZE) {
		ring_fail(r, XENSTORE_ERROR_RINGIDX, "request ring indices");
		return 0;
	}
	/* The bytes were written before req_prod. */
	atomic_thread_fence(memory_order_acquire);
	while (taken < avail) {
		uint32_t at = MASK_XENSTORE_IDX(cons + taken);
		uint32_t run = MIN(avail - taken, XENSTORE_RING_SIZE - at);
		size_t n = conn_input(r->conn, (const uint8_t *)p->req + at, run);

		taken += (uint32_t)n;
		if (n < run) {
			break;
		}
	}
	if (taken > 0) {
		/* The bytes are read before the guest may overwrite them. */
		atomic_thread_fence(memory_order_release);
		WRITE_ONCE(p->req_cons, cons + taken);
	}
	return taken;
}

/* Put what the connection has into the response ring. Bytes put. */
static uint32_t ring_put(struct xs_ring *r)
{
	struct xenstore_domain_interface *p = r->page;
	uint32_t prod = READ_ONCE(p->rsp_prod);
	uint32_t used = prod - READ_ONCE(p->rsp_cons);
	uint32_t put = 0;
	uint32_t room;

	if (used > XENSTORE_RING_SIZE) {
		ring_fail(r, XENSTORE_ERROR_RINGIDX, "response ring indices");
		return 0;
	}
	/* The guest read the bytes before it moved rsp_cons. */
	atomic_thread_fence(memory_order_acquire);
	room = XENSTORE_RING_SIZE - used;
	while (put < room) {
		uint32_t at = MASK_XENSTORE_IDX(prod + put);
		uint32_t run = MIN(room - put, XENSTORE_RING_SIZE - at);
		size_t n = conn_output(r->conn, (uint8_t *)p->rsp + at, run);

		put += (uint32_t)n;
		if (n < run) {
			break;
		}
	}
	if (put > 0) {
		/* The bytes are there before rsp_prod says so. */
		atomic_thread_fence(memory_order_release);
		WRITE_ONCE(p->rsp_prod, prod + put);
	}
	return put;
}

/*
 * Rounds until there is nothing to do. The guest notifies only when it finds
 * the request ring consumed, or the response ring full, so both are looked at
 * once more after our indices are visible.
 */
static unsigned int ring_pass(struct xs_ring *r)
{
	unsigned int result = 0;

	r->active = true;
	for (unsigned int i = 0; i < ROUNDS_PER_PASS && !r->conn->bad; i++) {
		uint32_t moved = ring_put(r);

		if (!r->conn->bad) {
			moved += ring_take(r);
		}
		result &= ~XS_RING_MORE;
		if (moved == 0) {
			break;
		}
		result |= XS_RING_NOTIFY | XS_RING_MORE;
		/* Pairs with the guest's barrier between index and check. */
		atomic_thread_fence(memory_order_seq_cst);
	}
	r->active = false;
	return r->conn->bad ? result & ~XS_RING_MORE : result;
}

/* A pass, and what it asks for. */
static void ring_serve(struct xs_ring *r)
{
	unsigned int result = ring_pass(r);

	if (result & XS_RING_NOTIFY) {
		r->notify(r->ctx);
	}
	if (result & XS_RING_MORE) {
		ring_defer(r);
	}
}

/* Serve the ring that waits longest. False: none waits any more. */
static bool serve_pending(void)
{
	struct list *item;
	bool more;

	spin_lock(&xs_lock);
	item = list_pop_front(&pending);
	if (item) {
		ring_serve(list_entry(item, struct xs_ring, pending));
	}
	more = !list_empty(&pending);
	spin_unlock(&xs_lock);
	return more;
}

static void ring_work_fn(struct work *w)
{
	unsigned int rings = 1;
	unsigned int calls = 0;

	while (serve_pending()) {
		if (rings++ == RINGS_PER_WORK) {
			work_queue(w);
			break;
		}
	}
	while (calls < WATCHES_PER_WORK && watch_dispatch()) {
		calls++;
	}
	if (calls == WATCHES_PER_WORK) {
		work_queue(w);
	}
}

void xs_ring_init(void)
{
	list_init(&pending);
	work_init(&ring_work, ring_work_fn);
}

/* --- Public --------------------------------------------------------------- */

int xs_ring_create(unsigned int domid, void *page, void (*notify)(void *ctx),
		   void *ctx, struct xs_ring **out)
{
	struct xs_ring *r = heap_alloc(sizeof(*r));
	int err;

	if (!r) {
		return -ENOMEM;
	}
	list_init(&r->pending);
	r->page = page;
	r->notify = notify;
	r->ctx = ctx;
	err = xs_conn_create(domid, ring_wake, r, &r->conn);
	if (err) {
		heap_free(r);
		return err;
	}
	WRITE_ONCE(r->page->server_features, XENSTORE_SERVER_FEATURE_ERROR);
	WRITE_ONCE(r->page->connection, XENSTORE_CONNECTED);
	WRITE_ONCE(r->page->error, XENSTORE_ERROR_NONE);
	*out = r;
	return 0;
}

static void ring_free(struct quiesce *q)
{
	heap_free(container_of(q, struct xs_ring, quiesce));
}

void xs_ring_destroy(struct xs_ring *r)
{
	struct xs_conn *c;

	if (!r) {
		return;
	}
	spin_lock(&xs_lock);
	list_remove(&r->pending);
	c = r->conn;
	r->conn = NULL;
	conn_close(c);
	spin_unlock(&xs_lock);
	heap_free(c);
	/* Another CPU may be on its way into xs_ring_kick(). */
	quiesce_call(&r->quiesce, ring_free);
}

unsigned int xs_ring_process(struct xs_ring *r)
{
	unsigned int result = 0;

	spin_lock(&xs_lock);
	if (r->conn) {
		result = ring_pass(r);
	}
	spin_unlock(&xs_lock);
	return result;
}

void xs_ring_kick(void *ring)
{
	struct xs_ring *r = ring;

	spin_lock(&xs_lock);
	if (r->conn) {
		ring_serve(r);
	}
	spin_unlock(&xs_lock);
}
