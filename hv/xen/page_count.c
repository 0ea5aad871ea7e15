/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts of pages in use: open addressing with linear probing. The hash is
 * keyed, since a guest chooses which of its pages are in use together. It is
 * taken several times for each page of each request, so its key is also what it
 * multiplies by: other constants would take longer to load than all the rest.
 */
#include "xen/page_count.h"

#include "kern/random.h"
#include "mem/heap.h"

#define SLOTS_MIN	512U
#define USES_MAX	(1U << 17)	/* 4 MiB of slots, what the heap gives */

static inline uint32_t home(const struct page_counts *c, const void *page)
{
	uint64_t x = ((uintptr_t)page >> PAGE_SHIFT) * c->seed;

	x ^= x >> 32;
	return (uint32_t)(x * c->seed >> 32) & c->mask;
}

/* The slot of `page`, or the free one where it would be. */
static inline struct page_slot *find(const struct page_counts *c, const void *page)
{
	uint32_t i = home(c, page);

	while (c->slot[i].page != NULL && c->slot[i].page != page) {
		i = (i + 1) & c->mask;
	}
	return &c->slot[i];
}

static int grow(struct page_counts *c, uint32_t slots)
{
	struct page_counts bigger = *c;

	bigger.slot = heap_alloc(slots * sizeof(*bigger.slot));
	if (bigger.slot == NULL) {
		return -ENOMEM;
	}
	bigger.mask = slots - 1;
	bigger.seed = random_u64() | 1;
	for (uint32_t i = 0; c->slot != NULL && i <= c->mask; i++) {
		if (c->slot[i].page != NULL) {
			*find(&bigger, c->slot[i].page) = c->slot[i];
		}
	}
	heap_free(c->slot);
	*c = bigger;
	return 0;
}

int page_counts_reserve(struct page_counts *c, uint32_t n)
{
	uint32_t slots = SLOTS_MIN;
	int err = 0;

	if (n > USES_MAX - c->reserved) {
		return -ENOSPC;
	}
	while (slots < 2 * (c->reserved + n)) {
		slots *= 2;
	}
	if (c->slot == NULL || slots > c->mask + 1) {
		err = grow(c, slots);
	}
	if (err == 0) {
		c->reserved += n;
	}
	return err;
}

void page_counts_release(struct page_counts *c, uint32_t n)
{
	c->reserved -= n;
}

void page_counts_fini(struct page_counts *c)
{
	heap_free(c->slot);
	c->slot = NULL;
}

bool page_count_add(struct page_counts *c, const void *page)
{
	struct page_slot *s;

	if (c->uses >= c->reserved) {
		return false;
	}
	c->uses++;
	s = find(c, page);
	s->page = page;
	s->count++;
	return true;
}

void page_count_drop(struct page_counts *c, const void *page)
{
	struct page_slot *s = find(c, page);
	uint32_t hole = (uint32_t)(s - c->slot);

	c->uses--;
	if (--s->count > 0) {
		return;
	}
	/* Whoever stands behind and could not be found over the hole moves up. */
	for (uint32_t i = (hole + 1) & c->mask; c->slot[i].page != NULL; i = (i + 1) & c->mask) {
		uint32_t at = home(c, c->slot[i].page);

		if (((i - at) & c->mask) >= ((i - hole) & c->mask)) {
			c->slot[hole] = c->slot[i];
			hole = i;
		}
	}
	c->slot[hole].page = NULL;
	c->slot[hole].count = 0;
}

bool page_count_has(const struct page_counts *c, const void *page)
{
	return c->uses > 0 && find(c, page)->page == page;
}
