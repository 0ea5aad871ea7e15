/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM that stays with its VM. See ram.h.
 */
#include "vm/ram.h"

#include "lib/bits.h"
#include "mem/frame.h"
#include <arch/cpu.h>

#define UNIT_ORDER	9U		/* 2 MiB: no page tables of level 3 */
#define UNIT_SIZE	(PAGE_SIZE << UNIT_ORDER)

/* Give back [base, base + size), multiples of 2 MiB, in the largest blocks. */
static void range_free(hpa_t base, uint64_t size)
{
	uint64_t at = base.v;
	uint64_t end = base.v + size;

	while (at < end) {
		unsigned int order = at == 0 ? FRAME_ORDER_MAX :
				     MIN(bit_lowest(at) - PAGE_SHIFT, FRAME_ORDER_MAX);

		while (at + (PAGE_SIZE << order) > end) {
			order--;
		}
		frame_free(hpa_to_va(HPA(at)), order);
		at += PAGE_SIZE << order;
	}
}

/* The smallest block of the allocator that holds `size`, or the largest. */
static unsigned int order_for(uint64_t size)
{
	unsigned int order = UNIT_ORDER;

	while (order < FRAME_ORDER_MAX && PAGE_SIZE << order < size) {
		order++;
	}
	return order;
}

/* At most `size` contiguous bytes; returns how many, 0 if there are none. */
static uint64_t range_alloc(uint64_t size, hpa_t *base)
{
	for (unsigned int order = order_for(size); order >= UNIT_ORDER; order--) {
		void *block = frame_alloc(order, 0);
		uint64_t all = PAGE_SIZE << order;

		if (block != NULL) {
			*base = va_to_hpa(block);
			if (size < all) {
				range_free(HPA(base->v + size), all - size);
			}
			return MIN(size, all);
		}
	}
	return 0;
}

/* Join it to a bank that it touches, or make it a new one. */
static int bank_add(struct vm_ram *r, hpa_t base, uint64_t size)
{
	for (unsigned int i = 0; i < r->count; i++) {
		if (r->bank[i].base.v + r->bank[i].size == base.v) {
			r->bank[i].size += size;
			return 0;
		}
		if (base.v + size == r->bank[i].base.v) {
			r->bank[i].base = base;
			r->bank[i].size += size;
			return 0;
		}
	}
	if (r->count == ARRAY_SIZE(r->bank)) {
		range_free(base, size);
		return -ENOMEM;
	}
	r->bank[r->count].base = base;
	r->bank[r->count].size = size;
	r->count++;
	return 0;
}

static void largest_first(struct vm_ram *r)
{
	for (unsigned int i = 1; i < r->count; i++) {
		if (r->bank[i].size > r->bank[0].size) {
			uint64_t size = r->bank[0].size;
			hpa_t base = r->bank[0].base;

			r->bank[0] = r->bank[i];
			r->bank[i].base = base;
			r->bank[i].size = size;
		}
	}
}

int vm_ram_reserve(struct vm_ram *r, uint64_t size)
{
	size = ALIGN_UP(size, UNIT_SIZE);
	r->count = 0;
	while (size > 0) {
		hpa_t base;
		uint64_t got = range_alloc(size, &base);

		if (got == 0 || bank_add(r, base, got) != 0) {
			vm_ram_release(r);
			return -ENOMEM;
		}
		size -= got;
	}
	largest_first(r);
	return 0;
}

void vm_ram_release(struct vm_ram *r)
{
	for (unsigned int i = 0; i < r->count; i++) {
		range_free(r->bank[i].base, r->bank[i].size);
	}
	r->count = 0;
}

bool vm_ram_overlaps(const struct vm_ram *r, hpa_t base, uint64_t size)
{
	for (unsigned int i = 0; i < r->count; i++) {
		if (base.v < r->bank[i].base.v + r->bank[i].size &&
		    r->bank[i].base.v < base.v + size) {
			return true;
		}
	}
	return false;
}

bool vm_ram_holds(const struct vm_ram *r, hpa_t base, uint64_t size)
{
	for (unsigned int i = 0; i < r->count; i++) {
		if (base.v >= r->bank[i].base.v && size <= r->bank[i].size &&
		    base.v - r->bank[i].base.v <= r->bank[i].size - size) {
			return true;
		}
	}
	return false;
}
