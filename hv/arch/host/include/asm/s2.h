/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: stage-2 entries.
 *
 * The same shape as on arm64 with 40-bit addresses (three levels, two joined
 * root pages), but every level has its own encoding: the tag in the top bits
 * and the key mixed into the address. An entry read at the wrong level, a
 * table taken for a leaf, or a bit pattern that the codec didn't make is
 * fatal rather than almost right.
 *
 * Bits 63:60 tag, 51:40 attributes (software's included), 39:0 frame ^ key.
 */
#ifndef ASM_S2_H
#define ASM_S2_H

#include "lib/types.h"
#include <asm/cpu.h>

#define S2_LEAF_LEVEL	3U
#define S2_ROOT_BITS	10U
#define S2_ROOT_ORDER	1U

#define HOST_S2_TAG_SHIFT	60
#define HOST_S2_TAG_TABLE	0x7U
#define HOST_S2_TAG_LEAF	0x9U	/* + level */
#define HOST_S2_ATTR_SHIFT	40
#define HOST_S2_ATTR_MASK	0xfffU
#define HOST_S2_FRAME_MASK	0xffffffffffULL

/* What the model of stage 2 noticed since host_reset(). */
struct host_s2_stats {
	unsigned int sets;		/* arch_s2_set calls */
	/* A valid entry was overwritten by another valid one. */
	unsigned int replaced;
	/* Uses of a translation that the tables no longer had. */
	unsigned int stale_hits;
};

extern struct host_s2_stats host_s2_stats;

static inline uint64_t host_s2_key(unsigned int tag)
{
	return (0x5a17c3e96bULL * (tag + 1)) & HOST_S2_FRAME_MASK;
}

static inline unsigned int host_s2_tag(uint64_t pte)
{
	return (unsigned int)(pte >> HOST_S2_TAG_SHIFT);
}

static inline enum s2_kind arch_s2_kind(uint64_t pte, unsigned int level)
{
	if (level < 1 || level > S2_LEAF_LEVEL) {
		host_fatal("stage 2 has no level %u", level);
	}
	if (pte == 0) {
		return S2_NONE;
	}
	if (host_s2_tag(pte) == HOST_S2_TAG_TABLE) {
		if (level == S2_LEAF_LEVEL) {
			host_fatal("a table entry at the last level");
		}
		return S2_TABLE;
	}
	if (host_s2_tag(pte) != HOST_S2_TAG_LEAF + level) {
		host_fatal("entry 0x%llx read as level %u", (unsigned long long)pte, level);
	}
	return S2_LEAF;
}

static inline uint64_t host_s2_make(unsigned int tag, hpa_t pa, unsigned int attr)
{
	if ((pa.v & PAGE_MASK) != 0 || (pa.v >> PAGE_SHIFT) > HOST_S2_FRAME_MASK) {
		host_fatal("stage-2 entry for 0x%llx", (unsigned long long)pa.v);
	}
	return (uint64_t)tag << HOST_S2_TAG_SHIFT | (uint64_t)attr << HOST_S2_ATTR_SHIFT |
	       ((pa.v >> PAGE_SHIFT) ^ host_s2_key(tag));
}

static inline uint64_t arch_s2_leaf(hpa_t pa, unsigned int level, unsigned int attr)
{
	uint64_t size = PAGE_SIZE << (9 * (S2_LEAF_LEVEL - level));

	if (level < 1 || level > S2_LEAF_LEVEL || (pa.v & (size - 1)) != 0) {
		host_fatal("leaf 0x%llx at level %u", (unsigned long long)pa.v, level);
	}
	if ((attr & ~HOST_S2_ATTR_MASK) != 0) {
		host_fatal("stage-2 attributes 0x%x", attr);
	}
	return host_s2_make(HOST_S2_TAG_LEAF + level, pa, attr);
}

static inline uint64_t arch_s2_table(hpa_t table)
{
	return host_s2_make(HOST_S2_TAG_TABLE, table, 0);
}

static inline hpa_t arch_s2_addr(uint64_t pte, unsigned int level)
{
	if (arch_s2_kind(pte, level) == S2_NONE) {
		host_fatal("address of an empty stage-2 entry");
	}
	return HPA(((pte & HOST_S2_FRAME_MASK) ^ host_s2_key(host_s2_tag(pte))) << PAGE_SHIFT);
}

static inline unsigned int arch_s2_attr(uint64_t pte)
{
	if (host_s2_tag(pte) <= HOST_S2_TAG_LEAF) {
		host_fatal("attributes of 0x%llx, which is no leaf", (unsigned long long)pte);
	}
	return (unsigned int)(pte >> HOST_S2_ATTR_SHIFT) & HOST_S2_ATTR_MASK;
}

static inline void arch_s2_set(uint64_t *slot, uint64_t pte)
{
	uint64_t old = *slot;

	__atomic_fetch_add(&host_s2_stats.sets, 1, __ATOMIC_RELAXED);
	if (old != 0 && pte != 0 && old != pte) {
		__atomic_fetch_add(&host_s2_stats.replaced, 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(slot, pte, __ATOMIC_RELEASE);
}

#endif
