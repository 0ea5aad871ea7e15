/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domains that the store knows, and memory charged to them: whoever makes
 * the store keep something pays for it until it is freed.
 *
 * Locking: xs_lock.
 * Invariants: xs_domain.mem is the sum of what its blocks cost; xs_domains[0]
 * exists from xenstore_init() on.
 */
#include "kern/log.h"
#include "lib/bits.h"
#include "mem/heap.h"
#include "xenstore/xs_internal.h"

/* In front of each block; keeps the heap's alignment of 16 bytes. */
struct xs_block {
	struct xs_domain *payer;
	size_t cost;
};

struct xs_domain *xs_domains[XS_DOMAIN_MAX];

static size_t block_cost(size_t size)
{
	return ALIGN_UP(size + sizeof(struct xs_block), 16UL);
}

void *xs_alloc(struct xs_domain *d, size_t size)
{
	size_t cost = block_cost(size);
	struct xs_block *b;

	if (!xs_dom_priv(d) && d->mem + cost > XS_QUOTA_MEMORY) {
		return NULL;
	}
	b = heap_alloc(size + sizeof(*b));
	if (!b) {
		return NULL;
	}
	b->payer = d;
	b->cost = cost;
	d->mem += cost;
	return b + 1;
}

void xs_free(void *p)
{
	struct xs_block *b;

	if (!p) {
		return;
	}
	b = (struct xs_block *)p - 1;
	b->payer->mem -= b->cost;
	heap_free(b);
}

void xs_recharge(void *p, struct xs_domain *d)
{
	struct xs_block *b;

	if (!p) {
		return;
	}
	b = (struct xs_block *)p - 1;
	b->payer->mem -= b->cost;
	b->payer = d;
	d->mem += b->cost;
}

int xs_dom_new(unsigned int id, struct xs_domain **out)
{
	struct xs_domain *d;

	if (id >= XS_DOMAIN_MAX) {
		return -EINVAL;
	}
	if (xs_domains[id]) {
		return -EEXIST;
	}
	d = heap_alloc(sizeof(*d));
	if (!d) {
		return -ENOMEM;
	}
	d->id = id;
	list_init(&d->watches);
	list_init(&d->txns);
	list_init(&d->events);
	xs_domains[id] = d;
	*out = d;
	return 0;
}

void xs_quota_init(void)
{
	struct xs_domain *hv;

	for (unsigned int i = 0; i < XS_DOMAIN_MAX; i++) {
		xs_domains[i] = NULL;
	}
	if (xs_dom_new(0, &hv) != 0) {
		panic("xenstore: no memory at start");
	}
}
