/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's RAM in frames of 4 KiB: a buddy allocator over all banks.
 *
 * Locking: LOCK_FRAME inside. Allocated memory has undefined content unless
 * FRAME_ZERO is asked; guests get only zeroed frames.
 */
#ifndef MEM_FRAME_H
#define MEM_FRAME_H

#include "lib/types.h"

#define FRAME_ORDER_MAX	18U	/* 1 GiB */
#define FRAME_ZERO	0x1U

/* Blocks of this order are zeroed in advance: 2 MiB. */
#define FRAME_UNIT_ORDER	9U

/* Add free RAM; page-aligned; boot only. Banks in any order, at most 64. */
void frame_add(hpa_t base, uint64_t size);
/* Tell the span of all RAM before the first frame_add. Boot only. */
MUST_CHECK int frame_init(hpa_t lowest, hpa_t highest, void *bitmap_mem, size_t bitmap_size);
/* Bytes of bitmap that frame_init needs for that span. */
size_t frame_bitmap_size(hpa_t lowest, hpa_t highest);

/* 2^order contiguous frames, aligned to their size, or NULL. */
void *frame_alloc(unsigned int order, unsigned int flags);
void frame_free(void *va, unsigned int order);

/*
 * A block of FRAME_UNIT_ORDER that was zeroed in advance, and cleaned for who
 * reads it without caches; NULL if there is none. Returned by frame_free().
 */
void *frame_alloc_unit(void);

/*
 * Zero a piece of free RAM in advance (some 10 microseconds of work), for a
 * CPU that has nothing else to do. False: there is enough, or another CPU
 * does it.
 */
bool frame_scrub(void);
/* Units that are ready, and how many were made ready since boot. */
uint64_t frame_scrubbed_count(void);
uint64_t frame_scrubbed_total(void);

uint64_t frame_free_count(void);
uint64_t frame_total_count(void);

#endif
