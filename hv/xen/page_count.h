/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often each of some pages is in use: a hash table by groups of pages side by side,
 * as those of a request often are, with room for as many pages as was reserved. Groups
 * without pages in use take no room.
 *
 * Locking: the caller's (LOCK_GRANT of the domain).
 * Invariants: no more pages than were reserved, so at most half of the slots
 * are taken and every search ends at a free one.
 */
#ifndef XEN_PAGE_COUNT_H
#define XEN_PAGE_COUNT_H

#include "lib/types.h"

#define PAGE_GROUP	4U

struct page_slot {
	uint64_t group;			/* its number; 0: free */
	union {
		uint16_t count[PAGE_GROUP];
		uint64_t any;		/* 0: none of them is in use */
	};
};

struct page_counts {
	struct page_slot *slot;		/* NULL while nothing was reserved */
	uint32_t mask;
	uint32_t last;			/* the slot that was looked for last */
	uint32_t reserved;		/* uses that there is room for */
	uint32_t uses;			/* now */
	uint64_t seed;			/* odd */
};

/* Make room for `n` more uses at a time. -ENOMEM, -ENOSPC (absurdly many). */
MUST_CHECK int page_counts_reserve(struct page_counts *c, uint32_t n);
/* Give that room back. The memory stays until page_counts_fini(). */
void page_counts_release(struct page_counts *c, uint32_t n);
void page_counts_fini(struct page_counts *c);

/* One use more. False if the room is used up, or it is in use 65535 times. */
MUST_CHECK bool page_count_add(struct page_counts *c, const void *page);
/* One less; `page` must be in use. */
void page_count_drop(struct page_counts *c, const void *page);
bool page_count_has(const struct page_counts *c, const void *page);

#endif
