/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block device's ring as guests see it (Xen public headers io/ring.h and
 * io/blkif.h), 64-bit layouts, which are the same for Arm and x86: one to
 * sixteen pages with the indices first, then entries of 112 bytes, some of them over a
 * page's end. A response takes the place of a request.
 */
#ifndef BLK_BLKIF_H
#define BLK_BLKIF_H

#include <stdatomic.h>

#include "lib/types.h"

#define BLKIF_ORDER_MAX		4U	/* of the pages of a ring */
#define BLKIF_PAGES_MAX		(1U << BLKIF_ORDER_MAX)
#define BLKIF_RING_MIN		32U	/* entries in one page */
#define BLKIF_ENTRY_WORDS	14U	/* of 64 bits */
#define BLKIF_ENTRIES_AT	64U

#define BLKIF_OP_READ		0U
#define BLKIF_OP_WRITE		1U
#define BLKIF_OP_BARRIER	2U
#define BLKIF_OP_FLUSH		3U
#define BLKIF_OP_DISCARD	5U
#define BLKIF_OP_INDIRECT	6U

#define BLKIF_SEGMENTS		11U	/* in a request itself */
#define BLKIF_SECT_MAX		7U	/* last 512-byte sector of a page */
#define BLKIF_SEG_AT		3U	/* word of the first segment */

#define BLKIF_OKAY		0
#define BLKIF_ERROR		(-1)
#define BLKIF_UNSUPPORTED	(-2)

#define BLKIF_INFO_READONLY	0x4U

struct blkif_indices {
	_Atomic uint32_t req_prod;	/* by the guest */
	_Atomic uint32_t req_event;	/* by us: notify when req_prod gets there */
	_Atomic uint32_t rsp_prod;	/* by us */
	_Atomic uint32_t rsp_event;	/* by the guest */
};

/* Word 0 of a request. */
static inline unsigned int blkif_op(uint64_t w0)
{
	return (uint8_t)w0;
}

static inline unsigned int blkif_segments(uint64_t w0)
{
	return (uint8_t)(w0 >> 8);
}

/* .. of an indirect one: the operation, and how many segments its pages hold. */
static inline unsigned int blkif_indirect_op(uint64_t w0)
{
	return (uint8_t)(w0 >> 8);
}

static inline unsigned int blkif_indirect_segments(uint64_t w0)
{
	return (uint16_t)(w0 >> 16);
}

/* A segment: grant reference, first and last sector in its page. */
static inline uint32_t blkif_seg_ref(uint64_t seg)
{
	return (uint32_t)seg;
}

static inline unsigned int blkif_seg_first(uint64_t seg)
{
	return (uint8_t)(seg >> 32);
}

static inline unsigned int blkif_seg_last(uint64_t seg)
{
	return (uint8_t)(seg >> 40);
}

/* Word 1 of a response; word 0 is the id. */
static inline uint64_t blkif_response(unsigned int op, int16_t status)
{
	return op | (uint64_t)(uint16_t)status << 16;
}

/* Entries of a ring of 2^order pages. */
static inline uint32_t blkif_ring_size(unsigned int order)
{
	return BLKIF_RING_MIN << order;
}

#endif
