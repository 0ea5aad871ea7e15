/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: the hypervisor's own translation tables. Boot CPU, during boot.
 */
#ifndef ASM_MMU_H
#define ASM_MMU_H

#include "lib/types.h"

enum mmu_kind { MMU_RAM, MMU_DEVICE, MMU_RO };

/*
 * Map [pa, pa + size) at `va`, page aligned, nothing mapped there yet. Table
 * pages come from a pool in the image: panic if it is used up.
 */
void mmu_map(uint64_t va, hpa_t pa, uint64_t size, enum mmu_kind kind);

/* Registers of a device; the address to use. Whole pages are mapped. */
void *mmu_map_device(hpa_t pa, uint64_t size);

/* Where the image is in RAM. */
hpa_t mmu_image_base(void);
uint64_t mmu_image_size(void);

/* Told by boot_main before anything else. */
void mmu_init(hpa_t image_base);

#endif
