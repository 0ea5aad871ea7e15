/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical address space of an arm64 guest. The same places as Xen's
 * (xen/arch-arm.h), since guests other than Linux may have them built in.
 */
#ifndef ASM_GUEST_MAP_H
#define ASM_GUEST_MAP_H

#include "lib/types.h"

#define GUEST_GICD_BASE		0x03001000ULL
#define GUEST_GICD_SIZE		0x00010000ULL
/* One redistributor (two 64 KiB frames) a vCPU, one after the other. */
#define GUEST_GICR_BASE		0x03020000ULL
#define GUEST_GICR_STRIDE	0x00020000ULL

/* Registers of devices that the hypervisor makes, a page each. */
#define GUEST_DEVICE_BASE	0x02000000ULL

#define GUEST_GRANT_BASE	0x38000000ULL
#define GUEST_GRANT_SIZE	0x01000000ULL

/* Pages that the hypervisor shares with the guest; not listed as RAM. */
#define GUEST_MAGIC_BASE	0x39000000ULL
#define GUEST_MAGIC_SIZE	(2 * PAGE_SIZE)
#define GUEST_CONSOLE_PAGE	(0 * PAGE_SIZE)		/* from the base */
#define GUEST_XENSTORE_PAGE	(1 * PAGE_SIZE)

/*
 * The same areas in one block, for a guest that has something of the machine
 * in one of the usual places. It may begin at any multiple of its size.
 */
#define GUEST_AREAS_SIZE	0x04000000ULL
#define GUEST_AREAS_GICD	0x00000000ULL
#define GUEST_AREAS_GICR	0x00020000ULL
#define GUEST_AREAS_DEVICE	0x00800000ULL
#define GUEST_AREAS_MAGIC	0x01000000ULL
#define GUEST_AREAS_GRANT	0x02000000ULL

#define GUEST_GPA_LIMIT		0x10000000000ULL	/* asm/s2.h */

#define GUEST_RAM0_BASE		0x40000000ULL
#define GUEST_RAM0_MAX		0xc0000000ULL	/* 3 GiB */
#define GUEST_RAM1_BASE		0x200000000ULL
#define GUEST_RAM_BANK_MAX	2

/* Interrupts (INTIDs); PPI n is 16 + n. */
#define GUEST_IRQ_TIMER_VIRT	27
#define GUEST_IRQ_TIMER_PHYS	30
#define GUEST_IRQ_TIMER_SEC	29
#define GUEST_IRQ_EVTCHN	31

/* The affinity of vCPU `id`: 16 vCPUs a level-1 group, so that SGIs work. */
static inline uint64_t guest_mpidr(unsigned int id)
{
	return (id & 15U) | ((uint64_t)(id >> 4) << 8);
}

#endif
