/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own translation tables; see asm/layout.h.
 *
 * Only new entries are made, so no TLB maintenance is needed beyond a barrier.
 * A range that is mapped already is left alone page by page: a device page
 * may be asked for twice.
 */
#include <asm/mmu.h>

#include "kern/log.h"
#include "lib/bits.h"
#include <asm/cpu.h>
#include <asm/layout.h>

#define POOL_PAGES	64U
#define ENTRIES		512U
#define PTE_ADDR	0x0000fffffffff000ULL

extern uint64_t hv_l0[ENTRIES];
extern char image_start[], image_end[];

static uint64_t pool[POOL_PAGES][ENTRIES] ALIGNED(4096);
static unsigned int pool_used;
static hpa_t image_base;

void mmu_init(hpa_t base)
{
	image_base = base;
}

hpa_t mmu_image_base(void)
{
	return image_base;
}

uint64_t mmu_image_size(void)
{
	return (uint64_t)(image_end - image_start);
}

/* Tables are in the image, so both directions are a constant difference. */
static uint64_t table_pa(const uint64_t *table)
{
	return (uint64_t)table - (uint64_t)image_start + image_base.v;
}

static uint64_t *table_at(uint64_t pte)
{
	return (uint64_t *)(void *)(image_start + ((pte & PTE_ADDR) - image_base.v));
}

static uint64_t kind_bits(enum mmu_kind kind)
{
	switch (kind) {
	case MMU_RAM:
		return PTE_NORMAL | PTE_INNER | PTE_XN_BIT;
	case MMU_RO:
		return PTE_NORMAL | PTE_INNER | PTE_XN_BIT | PTE_RO;
	case MMU_DEVICE:
		break;
	}
	return PTE_DEVICE | PTE_XN_BIT;
}

static uint64_t *next_table(uint64_t *slot)
{
	if (*slot == 0) {
		if (pool_used == POOL_PAGES) {
			panic("out of page-table pages for the hypervisor's map");
		}
		WRITE_ONCE(*slot, table_pa(pool[pool_used]) | PTE_TABLE);
		pool_used++;
		dsb(ishst);
	}
	return table_at(*slot);
}

void mmu_map(uint64_t va, hpa_t pa, uint64_t size, enum mmu_kind kind)
{
	uint64_t bits = kind_bits(kind) | PTE_RES1 | PTE_AF;
	uint64_t end = va + size;

	while (va < end) {
		uint64_t *table = next_table(&hv_l0[(va >> 39) & 511]);
		unsigned int shift = 30;
		uint64_t *slot = &table[(va >> shift) & 511];

		/* The largest block that fits, but not over an existing table. */
		while (shift > 12 && (*slot == 0 || (*slot & PTE_TABLE) == PTE_TABLE) &&
		       (((va | pa.v) & (BIT(shift) - 1)) != 0 || end - va < BIT(shift) ||
			(*slot & PTE_TABLE) == PTE_TABLE)) {
			table = next_table(slot);
			shift -= 9;
			slot = &table[(va >> shift) & 511];
		}
		if (*slot == 0) {
			WRITE_ONCE(*slot, pa.v | bits | (shift > 12 ? PTE_BLOCK : PTE_PAGE));
		}
		pa.v += BIT(shift) - (va & (BIT(shift) - 1));
		va += BIT(shift) - (va & (BIT(shift) - 1));
	}
	dsb(ishst);
	isb();
}

void *mmu_map_device(hpa_t pa, uint64_t size)
{
	uint64_t start = ALIGN_DOWN(pa.v, PAGE_SIZE);
	uint64_t end = ALIGN_UP(pa.v + size, PAGE_SIZE);

	mmu_map(DEVICE_VA + start, HPA(start), end - start, MMU_DEVICE);
	return (void *)(DEVICE_VA + pa.v);
}
