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

static inline uint64_t group_of(const void *page)
{
	return ((uintptr_t)page >> PAGE_SHIFT) / PAGE_GROUP;
}

static inline unsigned int place_in_group(const void *page)
{
	return ((uintptr_t)page >> PAGE_SHIFT) % PAGE_GROUP;
}

static inline uint32_t home(const struct page_counts *c, uint64_t group)
{
	uint64_t x = group * c->seed;

	x ^= x >> 32;
	return (uint32_t)(x * c->seed >> 32) & c->mask;
}

/* The slot of a group, or the free one where it would be. */
static inline uint32_t search(const struct page_counts *c, uint64_t group)
{
	uint32_t i = home(c, group);

	while (c->slot[i].group != 0 && c->slot[i].group != group) {
		i = (i + 1) & c->mask;
	}
	return i;
}

static inline struct page_slot *find(struct page_counts *c, uint64_t group)
{
	if (c->slot[c->last].group != group) {
		c->last = search(c, group);
	}
	return &c->slot[c->last];
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
		if (c->slot[i].group != 0) {
			bigger.slot[search(&bigger, c->slot[i].group)] = c->slot[i];
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
	uint64_t group = group_of(page);
	struct page_slot *s;

	if (c->uses >= c->reserved) {
		return false;
	}
	s = find(c, group);
	if (s->count[place_in_group(page)] == UINT16_MAX) {
		return false;
	}
	s->group = group;
	s->count[place_in_group(page)]++;
	c->uses++;
	return true;
}

static void slot_free(struct page_counts *c, uint32_t hole)
{
	/* Whoever stands behind and could not be found over the hole moves up. */
	for (uint32_t i = (hole + 1) & c->mask; c->slot[i].group != 0; i = (i + 1) & c->mask) {
		uint32_t at = home(c, c->slot[i].group);

		if (((i - at) & c->mask) >= ((i - hole) & c->mask)) {
			c->slot[hole] = c->slot[i];
			hole = i;
		}
	}
	c->slot[hole] = (struct page_slot){ 0 };
}

void page_count_drop(struct page_counts *c, const void *page)
{
	struct page_slot *s = find(c, group_of(page));

	c->uses--;
	s->count[place_in_group(page)]--;
	if (s->any == 0) {
		slot_free(c, c->last);
	}
}

bool page_count_has(const struct page_counts *c, const void *page)
{
	const struct page_slot *s;

	if (c->uses == 0) {
		return false;
	}
	/* A free slot counts nothing. */
	s = &c->slot[search(c, group_of(page))];
	return s->count[place_in_group(page)] != 0;
}
