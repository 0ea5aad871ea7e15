/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: the hypervisor's virtual addresses and its translation registers
 * (Arm DDI 0487 D8 and D19). 48 bits, 4 KiB granule, four levels.
 *
 *	0x0000_0000_0000 ...	RAM, at its physical address; no execution;
 *				without the pages of the image, but for the
 *				boot code, read-only and executable
 *	IMAGE_VA		the image (microvisor.lds has the number too)
 *	FDT_VA			the machine's device tree, during boot
 *	DEVICE_VA + pa		device registers
 *	STACK_VA		CPU stacks with guard pages
 */
#ifndef ASM_LAYOUT_H
#define ASM_LAYOUT_H

#define IMAGE_VA	0x800000000000
#define FDT_VA		0x808000000000
#define FDT_MAP_SIZE	0x400000
#define DEVICE_VA	0x900000000000
#define STACK_VA	0xa00000000000
#define STACK_SIZE	0x4000
#define STACK_STRIDE	0x8000		/* the lower half is the guard */

/* Stage-1 descriptors (D8.3). */
#define PTE_VALID	0x1
#define PTE_TABLE	0x3
#define PTE_PAGE	0x3
#define PTE_BLOCK	0x1
#define PTE_NORMAL	(0 << 2)	/* MAIR index */
#define PTE_DEVICE	(1 << 2)
#define PTE_RO		(1 << 7)
#define PTE_INNER	(3 << 8)
#define PTE_AF		(1 << 10)
#define PTE_XN_BIT	(1ULL << 54)	/* C only */
#define PTE_RES1	(1 << 6)	/* AP[1] at EL2 */

/* MAIR_EL2: 0 write-back, allocating; 1 Device-nGnRE. */
#define MAIR_VALUE	0x04ff

/* TCR_EL2: T0SZ 16, inner and outer write-back, inner shareable, RES1. */
#define TCR_VALUE	(0x80800000 | (3 << 12) | (1 << 10) | (1 << 8) | 16)

/* SCTLR_EL2: RES1, and M, C, SA, I, WXN. */
#define SCTLR_RES1	0x30c50830
#define SCTLR_VALUE	(SCTLR_RES1 | (1 << 0) | (1 << 2) | (1 << 3) | (1 << 12) | (1 << 19))

#endif
