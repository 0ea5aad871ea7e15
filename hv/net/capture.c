/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures. See net/capture.h.
 */
#include "net/capture.h"

#include "kern/quiesce.h"
#include "lib/bits.h"
#include "lib/bytes.h"
#include "lib/string.h"
#include "mem/heap.h"
#include <arch/cpu.h>

#define RECORD_HEAD	24U		/* size, flags, length, captured, time */
#define TO_GUEST	0x1U

struct capture {
	struct capture_info info;
	_Atomic(struct net_port *) port;	/* NULL: gone */
	uint64_t used_ns;		/* when it was read last */
	uint8_t *ring;
	uint64_t size;			/* of the ring */
	struct quiesce quiesce;

	/* The rest, and info's counts, under `lock`. */
	struct spinlock lock;
	uint64_t oldest;		/* offset of a record */
	uint64_t end;
	uint64_t read;			/* somebody read up to here */
};

static struct capture *captures[CAPTURE_MAX];
static uint32_t next_id;

/* --- the ring -------------------------------------------------------------------- */

static void ring_put_locked(struct capture *c, const void *bytes, size_t n)
{
	const uint8_t *from = bytes;

	while (n > 0) {
		uint64_t at = c->end % c->size;
		size_t part = MIN(n, (size_t)(c->size - at));

		memcpy(c->ring + at, from, part);
		c->end += part;
		from += part;
		n -= part;
	}
}

static void ring_get(const struct capture *c, uint64_t at, uint8_t *to, size_t n)
{
	while (n > 0) {
		size_t part = MIN(n, (size_t)(c->size - at % c->size));

		memcpy(to, c->ring + at % c->size, part);
		at += part;
		to += part;
		n -= part;
	}
}

/* The oldest records go until `n` bytes fit. */
static void make_room_locked(struct capture *c, uint64_t n)
{
	while (c->end - c->oldest + n > c->size) {
		uint8_t size[4];

		ring_get(c, c->oldest, size, sizeof(size));
		c->info.lost += c->oldest >= c->read;
		c->oldest += get_be32(size);
	}
}

void capture_frame(struct capture *c, const struct net_frame *f, bool to_guest)
{
	static const uint8_t padding[8];
	uint32_t captured = MIN(f->len, c->info.snap);
	uint32_t size = ALIGN_UP(RECORD_HEAD + captured, 8U);
	uint32_t left = captured;
	uint8_t head[RECORD_HEAD];
	uint32_t part;

	put_be32(head, size);
	put_be32(head + 4, to_guest ? TO_GUEST : 0);
	put_be32(head + 8, f->len);
	put_be32(head + 12, captured);
	put_be64(head + 16, arch_now());
	spin_lock(&c->lock);
	make_room_locked(c, size);
	ring_put_locked(c, head, sizeof(head));
	part = MIN(left, f->head_len);
	ring_put_locked(c, f->head, part);
	left -= part;
	for (unsigned int i = 0; i < f->frag_count && left > 0; i++) {
		part = MIN(left, f->frag[i].len);
		ring_put_locked(c, f->frag[i].data, part);
		left -= part;
	}
	ring_put_locked(c, padding, size - RECORD_HEAD - (captured - left));
	c->info.frames++;
	spin_unlock(&c->lock);
}

/* --- the table ------------------------------------------------------------------- */

static struct capture *find(uint32_t id)
{
	for (unsigned int i = 0; i < CAPTURE_MAX; i++) {
		if (captures[i] != NULL && captures[i]->info.id == id) {
			return captures[i];
		}
	}
	return NULL;
}

static void capture_free(struct quiesce *q)
{
	struct capture *c = container_of(q, struct capture, quiesce);

	heap_free(c->ring);
	heap_free(c);
}

static struct capture *capture_new(const struct net_port *p, uint32_t snap, uint32_t ring_kib)
{
	struct capture *c = heap_alloc(sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	c->size = KIB((uint64_t)ring_kib);
	c->ring = heap_alloc(c->size);
	if (c->ring == NULL) {
		heap_free(c);
		return NULL;
	}
	spin_init(&c->lock, LOCK_NET_CAPTURE);
	next_id = next_id == UINT32_MAX ? 1 : next_id + 1;
	c->info = (struct capture_info){
		.id = next_id, .port = p->id, .snap = snap, .ring_kib = ring_kib,
	};
	c->used_ns = arch_now();
	return c;
}

static unsigned int free_place(void)
{
	unsigned int n = 0;

	while (n < CAPTURE_MAX && captures[n] != NULL) {
		n++;
	}
	return n;
}

static void capture_end_it(struct capture *c)
{
	struct net_port *p = atomic_exchange_explicit(&c->port, NULL, memory_order_acq_rel);

	for (unsigned int i = 0; i < CAPTURE_MAX; i++) {
		if (captures[i] == c) {
			captures[i] = NULL;
		}
	}
	/* A port that went is good until this CPU's next exit path. */
	if (p != NULL) {
		atomic_store_explicit(&p->capture, NULL, memory_order_release);
	}
	quiesce_call(&c->quiesce, capture_free);
}

int capture_start(unsigned int port, uint32_t snap, uint32_t ring_kib, struct capture_info *out)
{
	struct net_port *p = port_get(port);
	unsigned int place = free_place();
	struct capture *none = NULL;
	struct capture *c;

	snap = snap != 0 ? snap : CAPTURE_SNAP;
	ring_kib = ring_kib != 0 ? ring_kib : CAPTURE_RING_KIB;
	if (p == NULL) {
		return -ENOENT;
	}
	if (snap > NET_FRAME_MAX || ring_kib > CAPTURE_RING_KIB_MAX ||
	    KIB((uint64_t)ring_kib) < 2 * ((uint64_t)snap + RECORD_HEAD + 8)) {
		return -EINVAL;
	}
	if (place == CAPTURE_MAX) {
		return -ENOSPC;
	}
	c = capture_new(p, snap, ring_kib);
	if (c == NULL) {
		return -ENOMEM;
	}
	atomic_store_explicit(&c->port, p, memory_order_relaxed);
	/* Release: whoever finds it sees it complete. */
	if (!atomic_compare_exchange_strong_explicit(&p->capture, &none, c, memory_order_release,
						     memory_order_relaxed)) {
		capture_free(&c->quiesce);
		return -EBUSY;
	}
	captures[place] = c;
	/* Pairs with that in capture_port_gone(): one of us sees the other. */
	atomic_thread_fence(memory_order_seq_cst);
	if (port_get(port) != p) {
		capture_end_it(c);
		return -ENOENT;
	}
	*out = c->info;
	return 0;
}

int capture_stop(uint32_t id)
{
	struct capture *c = find(id);

	if (c == NULL) {
		return -ENOENT;
	}
	capture_end_it(c);
	return 0;
}

void capture_port_gone(struct net_port *p)
{
	struct capture *c;

	/* The port left the table before. */
	atomic_thread_fence(memory_order_seq_cst);
	c = atomic_exchange_explicit(&p->capture, NULL, memory_order_acq_rel);
	if (c != NULL) {
		atomic_store_explicit(&c->port, NULL, memory_order_release);
	}
}

bool capture_expire(void)
{
	bool any = false;

	for (unsigned int i = 0; i < CAPTURE_MAX; i++) {
		struct capture *c = captures[i];

		if (c == NULL) {
			continue;
		}
		if (arch_now() - c->used_ns >= CAPTURE_IDLE_NS) {
			capture_end_it(c);
		} else {
			any = true;
		}
	}
	return any;
}

bool capture_at(unsigned int n, struct capture_info *out)
{
	if (n >= CAPTURE_MAX || captures[n] == NULL) {
		return false;
	}
	spin_lock(&captures[n]->lock);
	*out = captures[n]->info;
	spin_unlock(&captures[n]->lock);
	return true;
}

int capture_read_at(uint32_t id, uint64_t *offset, uint8_t *buf, size_t size, size_t *n,
		    uint64_t *oldest, uint64_t *end)
{
	struct capture *c = find(id);

	if (c == NULL) {
		return -ENOENT;
	}
	c->used_ns = arch_now();
	spin_lock(&c->lock);
	*oldest = c->oldest;
	*end = c->end;
	*offset = MIN(MAX(*offset, c->oldest), c->end);
	*n = (size_t)MIN(c->end - *offset, (uint64_t)size);
	ring_get(c, *offset, buf, *n);
	c->read = MAX(c->read, *offset + *n);
	spin_unlock(&c->lock);
	return 0;
}

int capture_end(uint32_t id, uint64_t *end)
{
	struct capture *c = find(id);

	if (c == NULL) {
		return -ENOENT;
	}
	spin_lock(&c->lock);
	*end = c->end;
	spin_unlock(&c->lock);
	return 0;
}
