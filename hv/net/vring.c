/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Split virtqueues. See net/vring.h.
 */
#include "net/vring.h"

#include "lib/bits.h"
#include "xen/pin.h"

static void area_unpin(struct domain *d, struct vring_area *a)
{
	while (a->pages > 0) {
		page_unpin(d, a->page[--a->pages]);
	}
}

static bool follow_each_other(const struct vring_area *a)
{
	for (unsigned int i = 1; i < a->pages; i++) {
		if (a->page[i] != a->page[0] + i * PAGE_SIZE) {
			return false;
		}
	}
	return true;
}

static int area_pin(struct domain *d, struct vring_area *a, gpa_t at, uint32_t size)
{
	uint64_t first = at.v >> PAGE_SHIFT;
	uint64_t last = (at.v + size - 1) >> PAGE_SHIFT;

	a->pages = 0;
	a->data = NULL;
	a->offset = at.v & PAGE_MASK;
	if (last < first) {
		return -EINVAL;
	}
	for (uint64_t gfn = first; gfn <= last; gfn++) {
		void *page;
		int err = page_pin(d, GFN(gfn), &page);

		if (err != 0) {
			area_unpin(d, a);
			return err;
		}
		a->page[a->pages++] = page;
	}
	if (follow_each_other(a)) {
		a->data = a->page[0] + a->offset;
	}
	return 0;
}

NOINLINE void *vring_at_page(const struct vring_area *a, uint32_t at)
{
	at += a->offset;
	return a->page[at >> PAGE_SHIFT] + (at & PAGE_MASK);
}

int vring_open(struct vring *r, struct domain *d, const struct vring_config *c, bool event_idx)
{
	int err;

	if (c->size == 0 || c->size > VRING_MAX || (c->size & (c->size - 1)) != 0 ||
	    !IS_ALIGNED(c->desc.v, 16) || !IS_ALIGNED(c->avail.v, 2) ||
	    !IS_ALIGNED(c->used.v, 4)) {
		return -EINVAL;
	}
	err = area_pin(d, &r->desc, c->desc, c->size * (uint32_t)sizeof(struct vring_desc));
	if (err != 0) {
		return err;
	}
	err = area_pin(d, &r->avail, c->avail, 6 + 2 * c->size);
	if (err != 0) {
		goto fail_desc;
	}
	err = area_pin(d, &r->used, c->used, 6 + 8 * c->size);
	if (err != 0) {
		goto fail_avail;
	}
	r->domain = d;
	r->event_idx = event_idx;
	r->avail_next = 0;
	r->avail_seen = 0;
	r->used_next = 0;
	r->used_told = 0;
	r->size = (uint16_t)c->size;
	return 0;

fail_avail:
	area_unpin(d, &r->avail);
fail_desc:
	area_unpin(d, &r->desc);
	return err;
}

void vring_close(struct vring *r)
{
	if (r->size != 0) {
		r->size = 0;
		area_unpin(r->domain, &r->used);
		area_unpin(r->domain, &r->avail);
		area_unpin(r->domain, &r->desc);
	}
}

int vring_window_move(struct vring *r, uint64_t addr)
{
	struct vring_window *w = &r->window;
	struct p2m_block b;

	w->size = 0;
	if (p2m_lookup_block(&r->domain->p2m, gpa_to_gfn(GPA(addr)), &b) != 0) {
		return -EFAULT;
	}
	w->first = gfn_to_gpa(b.gfn).v;
	w->size = b.pages << PAGE_SHIFT;
	w->data = hpa_to_va(b.pa);
	w->attr = b.attr;
	return 0;
}

/* What of the driver's memory is at an address, and how many bytes in one piece. */
static inline int memory_at(struct vring *r, uint64_t addr, bool write, uint8_t **data,
			    uint64_t *size)
{
	const struct vring_window *w = &r->window;

	if (addr - w->first >= w->size && unlikely(vring_window_move(r, addr) != 0)) {
		return -EFAULT;
	}
	if (unlikely((w->attr & vring_want(write)) != vring_want(write))) {
		return -EFAULT;
	}
	*data = w->data + (addr - w->first);
	*size = w->size - (addr - w->first);
	return 0;
}

/* Read the next descriptor of a chain that has more. -EINVAL: it can't be. */
static int vring_next(struct vring *r, struct vring_chain *c)
{
	const volatile uint64_t *p = vring_at(&r->desc, c->next * 16U);
	uint64_t addr = p[0];
	uint64_t rest = p[1];		/* length, flags, next: one word */
	uint16_t flags = (uint16_t)(rest >> 32);

	if (unlikely(c->left-- == 0 || (flags & VRING_DESC_INDIRECT) != 0)) {
		return -EINVAL;
	}
	c->addr = addr;
	c->len = (uint32_t)rest;
	c->next = (uint16_t)(rest >> 48);
	c->writable = (flags & VRING_DESC_WRITE) != 0;
	c->more = (flags & VRING_DESC_NEXT) != 0;
	return unlikely(c->more && c->next >= r->size) ? -EINVAL : 0;
}

int vring_piece(struct vring *r, struct vring_chain *c, bool write, uint32_t max,
		uint8_t **data, uint32_t *len)
{
	*len = 0;
	while (c->len == 0) {
		int err;

		if (!c->more) {
			return 0;
		}
		err = vring_next(r, c);
		if (unlikely(err != 0)) {
			return err;
		}
	}
	if (c->writable != write) {
		return 0;
	}
	max = MIN(max, c->len);
	while (*len < max) {
		uint64_t size;
		uint32_t n;
		uint8_t *at;
		int err = memory_at(r, c->addr, write, &at, &size);

		if (unlikely(err != 0)) {
			return err;
		}
		n = (uint32_t)MIN(max - *len, size);
		if (*len == 0) {
			*data = at;
		} else if (at != *data + *len) {
			break;
		}
		c->addr += n;
		c->len -= n;
		*len += n;
	}
	return 0;
}
