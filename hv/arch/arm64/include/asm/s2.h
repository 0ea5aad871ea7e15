/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: stage-2 descriptors (Arm DDI 0487 D8.3), 4 KiB granule, 40-bit
 * guest addresses: levels 1 to 3, the root two joined tables.
 */
#ifndef ASM_S2_H
#define ASM_S2_H

#include "lib/types.h"

#define S2_LEAF_LEVEL	3U
#define S2_ROOT_BITS	10U
#define S2_ROOT_ORDER	1U

#define S2_PTE_VALID	(1ULL << 0)
#define S2_PTE_TABLE	(1ULL << 1)	/* levels 1, 2; at level 3 a page */
#define S2_PTE_DEVICE	(0x1ULL << 2)	/* MemAttr: Device-nGnRE */
#define S2_PTE_NORMAL	(0xfULL << 2)	/* MemAttr: write-back in and out */
#define S2_PTE_READ	(1ULL << 6)
#define S2_PTE_WRITE	(1ULL << 7)
#define S2_PTE_INNER	(3ULL << 8)	/* SH: inner shareable */
#define S2_PTE_AF	(1ULL << 10)
#define S2_PTE_XN	(1ULL << 54)
#define S2_PTE_SOFTWARE	(3ULL << 55)	/* software's attributes */
#define S2_PTE_ADDR	0x0000fffffffff000ULL

#define S2_ATTR_SOFTWARE 0x300U		/* mem/p2m.h P2M_OWNED, P2M_FOREIGN */
#define S2_ATTR_SHIFT	47U		/* from those bits to the entry's */

static inline enum s2_kind arch_s2_kind(uint64_t pte, unsigned int level)
{
	if (!(pte & S2_PTE_VALID)) {
		return S2_NONE;
	}
	return level < S2_LEAF_LEVEL && (pte & S2_PTE_TABLE) ? S2_TABLE : S2_LEAF;
}

static inline uint64_t arch_s2_leaf(hpa_t pa, unsigned int level, unsigned int attr)
{
	uint64_t pte = pa.v | S2_PTE_VALID | S2_PTE_AF;

	if (level == S2_LEAF_LEVEL) {
		pte |= S2_PTE_TABLE;
	}
	pte |= (attr & S2_DEVICE) ? S2_PTE_DEVICE : S2_PTE_NORMAL | S2_PTE_INNER;
	if (attr & S2_READ) {
		pte |= S2_PTE_READ;
	}
	if (attr & S2_WRITE) {
		pte |= S2_PTE_WRITE;
	}
	if (!(attr & S2_EXEC)) {
		pte |= S2_PTE_XN;
	}
	return pte | (uint64_t)(attr & S2_ATTR_SOFTWARE) << S2_ATTR_SHIFT;
}

static inline uint64_t arch_s2_table(hpa_t table)
{
	return table.v | S2_PTE_VALID | S2_PTE_TABLE;
}

static inline hpa_t arch_s2_addr(uint64_t pte, unsigned int level)
{
	(void)level;
	return HPA(pte & S2_PTE_ADDR);
}

_Static_assert(S2_PTE_READ == S2_READ << 6 && S2_PTE_WRITE == S2_WRITE << 6, "as they are shifted");
_Static_assert(S2_PTE_XN >> 52 == S2_EXEC, "the opposite");
/* The bit that normal memory has and device memory does not. */
_Static_assert((S2_PTE_NORMAL & ~S2_PTE_DEVICE & S2_DEVICE << 2) != 0 &&
	       (S2_PTE_DEVICE & S2_DEVICE << 2) == 0, "the opposite");

static inline unsigned int arch_s2_attr(uint64_t pte)
{
	/* In as few steps as there are: each use of a granted page comes here. */
	uint64_t same = pte >> 6 & (S2_READ | S2_WRITE);
	uint64_t not = (~pte >> 52 & S2_EXEC) | (~pte >> 2 & S2_DEVICE);

	return (unsigned int)(same | not | (pte >> S2_ATTR_SHIFT & S2_ATTR_SOFTWARE));
}

static inline void arch_s2_set(uint64_t *slot, uint64_t pte)
{
	/* Table content before the entry that makes it reachable. */
	__atomic_store_n(slot, pte, __ATOMIC_RELEASE);
	__asm__ volatile("dsb ishst" ::: "memory");
}

#endif
