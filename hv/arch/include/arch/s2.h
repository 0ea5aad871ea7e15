/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch interface: stage-2 table entries.
 *
 * The walker (mem/p2m.c) is common; a port gives the meaning of an entry as
 * inline functions in <asm/s2.h>, plus the TLB. Levels count from 1 (root) to
 * S2_LEAF_LEVEL (4 KiB entries); level n maps 9 bits, the root
 * S2_ROOT_BITS; the root is 2^S2_ROOT_ORDER contiguous pages. A leaf may be
 * at any level.
 *
 *   enum s2_kind arch_s2_kind(uint64_t pte, unsigned int level)
 *   uint64_t arch_s2_leaf(hpa_t pa, unsigned int level, unsigned int attr)
 *   uint64_t arch_s2_table(hpa_t table)
 *   hpa_t arch_s2_addr(uint64_t pte, unsigned int level)
 *   unsigned int arch_s2_attr(uint64_t pte)
 *   void arch_s2_set(uint64_t *slot, uint64_t pte)	publish, with barriers
 */
#ifndef ARCH_S2_H
#define ARCH_S2_H

#include "lib/types.h"

enum s2_kind { S2_NONE, S2_LEAF, S2_TABLE };

#define S2_READ		0x1U
#define S2_WRITE	0x2U
#define S2_EXEC		0x4U
#define S2_DEVICE	0x8U	/* device memory, else normal write-back */

#include <asm/s2.h>

struct arch_domain;

/*
 * Forget translations of `count` pages from `gfn`, or all of the domain's, on
 * every CPU; complete when it returns. Entries must be cleared before.
 */
void arch_s2_flush(struct arch_domain *d, gfn_t gfn, uint64_t count);
void arch_s2_flush_all(struct arch_domain *d);

#endif
