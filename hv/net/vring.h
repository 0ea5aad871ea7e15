/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A split virtqueue from the device's side (virtio 1.2, 2.7): the three areas in
 * the driver's memory, which are pinned while the queue is in use, and the walk of
 * descriptors.
 *
 * The driver writes all of it at any time. Every word is read once, and every loop
 * ends after as many descriptors as the queue has.
 *
 * Locking: the caller's. Buffers that a walk finds are good until this CPU's next
 * exit path, as all of a guest's memory that isn't pinned.
 * Invariants: `size` is a power of two up to VRING_MAX while the queue is open.
 */
#ifndef NET_VRING_H
#define NET_VRING_H

#include <stdatomic.h>

#include "net/virtio.h"
#include "vm/domain.h"

#define VRING_MAX		1024U
#define VRING_AREA_PAGES	5U	/* of descriptors, not page-aligned */

/* A piece of the driver's memory, whose pages lie anywhere in the machine. */
struct vring_area {
	uint8_t *data;			/* all of it, if they follow each other there */
	uint32_t offset;		/* in the first page */
	unsigned int pages;
	uint8_t *page[VRING_AREA_PAGES];
};

/* Where the driver's memory was found last, as far as it is in one piece. */
struct vring_window {
	uint64_t first;			/* its address there */
	uint64_t size;			/* 0: nowhere */
	uint8_t *data;
	unsigned int attr;
};

struct vring {
	struct domain *domain;
	uint16_t size;			/* 0: not open */
	bool event_idx;
	uint16_t avail_next;		/* the next entry to take */
	uint16_t avail_seen;		/* the driver's index when last read */
	uint16_t used_next;		/* the next entry to give */
	uint16_t used_told;		/* the index when last looked at its event */
	struct vring_area desc;
	struct vring_area avail;
	struct vring_area used;
	struct vring_window window;	/* good for one hold of the caller's lock */
};

struct vring_config {
	uint32_t size;
	gpa_t desc;
	gpa_t avail;
	gpa_t used;
};

/*
 * A buffer of the driver: the descriptors of one chain, a contiguous piece at a time.
 * Zero: the end.
 */
struct vring_chain {
	uint16_t head;
	uint16_t next;			/* the descriptor to read */
	bool more;			/* there is one */
	bool writable;			/* the last one read was for us to write */
	unsigned int left;		/* how many may follow */
	uint64_t addr;			/* of the last one read, what is left of it */
	uint32_t len;
};

/*
 * Use a queue. -EINVAL: a size or an address that may not be; -EFAULT: not the
 * domain's RAM; -ENOSPC.
 */
MUST_CHECK int vring_open(struct vring *r, struct domain *d, const struct vring_config *c,
			  bool event_idx);
/*
 * The caller begins to walk: before the first vring_piece() with the lock that is held
 * for all that follow.
 */
static inline void vring_begin(struct vring *r)
{
	r->window.size = 0;
}

/* Let go of it; nothing happens if it isn't open. */
void vring_close(struct vring *r);

/* vring_at() of pages that don't follow each other. */
void *vring_at_page(const struct vring_area *a, uint32_t at);

static inline void *vring_at(const struct vring_area *a, uint32_t at)
{
	return likely(a->data != NULL) ? a->data + at : vring_at_page(a, at);
}

static inline _Atomic uint16_t *vring_word(const struct vring_area *a, uint32_t at)
{
	return vring_at(a, at);
}

/*
 * Look how many entries the driver made available that weren't taken. -EINVAL: more
 * than there can be.
 */
static inline int vring_avail(struct vring *r, uint16_t *count)
{
	/* Acquire: the entries before it are read after it. */
	r->avail_seen = atomic_load_explicit(vring_word(&r->avail, 2), memory_order_acquire);
	*count = (uint16_t)(r->avail_seen - r->avail_next);
	return *count > r->size ? -EINVAL : 0;
}

/* Whether there may be some; nothing is checked. */
static inline bool vring_has_more(const struct vring *r)
{
	return atomic_load_explicit(vring_word(&r->avail, 2), memory_order_relaxed) !=
	       r->avail_next;
}

/* Take the next entry, which must be there. -EINVAL: not a descriptor. */
static inline int vring_take(struct vring *r, struct vring_chain *c)
{
	uint32_t at = 4 + 2 * (uint32_t)(r->avail_next & (r->size - 1));
	uint16_t head = atomic_load_explicit(vring_word(&r->avail, at), memory_order_relaxed);

	if (unlikely(head >= r->size)) {
		return -EINVAL;
	}
	r->avail_next++;
	c->head = head;
	c->next = head;
	c->more = true;
	c->writable = false;
	c->left = r->size;
	c->addr = 0;
	c->len = 0;
	return 0;
}

/* What the driver's RAM must be for us to write, or to read. */
static inline unsigned int vring_want(bool write)
{
	return P2M_OWNED | S2_READ | (write ? S2_WRITE : 0);
}

/*
 * The next piece of a chain that is for us to write, or to read, at most `max` bytes,
 * contiguous for us: its address and length. The length is 0 at the end of such
 * pieces; those to be read come first (2.7.4.2). -EINVAL: no such descriptor, a loop;
 * -EFAULT: not the domain's RAM. A chain is at an end after an error.
 */
MUST_CHECK int vring_piece(struct vring *r, struct vring_chain *c, bool write, uint32_t max,
			   uint8_t **data, uint32_t *len);

/*
 * The usual chain, without a struct vring_chain: its descriptors are read with vring_read(),
 * then it's taken with vring_taken(). What doesn't fit is taken with vring_take() instead.
 */
struct vring_part {
	uint8_t *data;
	uint32_t len;
	uint16_t next;			/* the descriptor that follows .. */
	bool more;			/* .. if there is one */
};

/* The descriptor that the next entry begins with. The entry must be there. */
static inline uint16_t vring_peek(const struct vring *r)
{
	uint32_t at = 4 + 2 * (uint32_t)(r->avail_next & (r->size - 1));

	return atomic_load_explicit(vring_word(&r->avail, at), memory_order_relaxed);
}

static inline void vring_taken(struct vring *r)
{
	r->avail_next++;
}

/* Look where the driver's memory around `addr` is. -EFAULT: nowhere. */
int vring_window_move(struct vring *r, uint64_t addr);

/*
 * Read a descriptor of a buffer that is for us to write, or to read. False: there is none of
 * that number, it isn't usual, or not in one piece of the domain's RAM.
 */
static inline bool vring_read(struct vring *r, uint16_t index, bool write, struct vring_part *out)
{
	const struct vring_window *w = &r->window;
	const volatile uint64_t *p;
	uint64_t addr;
	uint64_t rest;
	uint16_t flags;

	if (unlikely(index >= r->size)) {
		return false;
	}
	p = vring_at(&r->desc, index * 16U);
	addr = p[0];
	rest = p[1];
	flags = (uint16_t)(rest >> 32);
	if (addr - w->first >= w->size && unlikely(vring_window_move(r, addr) != 0)) {
		return false;
	}
	out->data = w->data + (addr - w->first);
	out->len = (uint32_t)rest;
	out->next = (uint16_t)(rest >> 48);
	out->more = (flags & VRING_DESC_NEXT) != 0;
	return likely((flags & ~VRING_DESC_NEXT) == (write ? VRING_DESC_WRITE : 0) &&
		      (uint32_t)rest <= w->size - (addr - w->first) &&
		      (w->attr & vring_want(write)) == vring_want(write));
}

/* Give a chain back after `len` bytes were written to it. vring_publish() follows. */
static inline void vring_give(struct vring *r, uint16_t head, uint32_t len)
{
	uint32_t at = 4 + 8 * (uint32_t)(r->used_next++ & (r->size - 1));
	/* An element may lie over a page's end. */
	volatile uint32_t *id = vring_at(&r->used, at);
	volatile uint32_t *length = vring_at(&r->used, at + 4);

	*id = head;
	*length = len;
}

static inline void vring_publish(struct vring *r)
{
	/* Release: elements and buffers, before the index. */
	atomic_store_explicit(vring_word(&r->used, 2), r->used_next, memory_order_release);
}

/* Whether the driver wants an interrupt for what was published since the last look. */
static inline bool vring_wants_irq(struct vring *r)
{
	uint16_t old = r->used_told;
	uint16_t event;

	/* 2.7.7.2: index out, then look whether the driver sleeps. */
	atomic_thread_fence(memory_order_seq_cst);
	r->used_told = r->used_next;
	if (unlikely(!r->event_idx)) {
		return (atomic_load_explicit(vring_word(&r->avail, 0), memory_order_relaxed) &
			VRING_NO_INTERRUPT) == 0;
	}
	event = atomic_load_explicit(vring_word(&r->avail, 4 + 2 * (uint32_t)r->size),
				     memory_order_relaxed);
	return (uint16_t)(r->used_next - event - 1) < (uint16_t)(r->used_next - old);
}

/*
 * Have the driver notify when `more` entries (1 and more) are there that weren't taken; look
 * at the ring again after it.
 */
static inline void vring_ask(struct vring *r, uint16_t more)
{
	if (likely(r->event_idx)) {
		atomic_store_explicit(vring_word(&r->used, 4 + 8 * (uint32_t)r->size),
				      (uint16_t)(r->avail_next + more - 1), memory_order_relaxed);
	}
	/* 2.7.10: the wish out, then look whether it came too late. */
	atomic_thread_fence(memory_order_seq_cst);
}

#endif
