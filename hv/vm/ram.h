/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM of a VM whose guest addresses are the machine's: taken once, before any
 * VM starts, and kept for that VM whatever becomes of its domains. So a restart
 * never fails for want of it, and a device that was told its addresses never
 * writes to somebody else's memory.
 *
 * Locking: none; reserved at boot, constant afterwards.
 * Invariants: banks are multiples of 2 MiB; the first one is the largest.
 */
#ifndef VM_RAM_H
#define VM_RAM_H

#include "lib/types.h"
#include <arch/boot.h>

struct vm_ram {
	struct {
		hpa_t base;
		uint64_t size;
	} bank[ARCH_GUEST_BANKS];
	unsigned int count;		/* 0: the VM has no RAM of its own */
};

/*
 * Reserve `size` bytes (rounded up to 2 MiB) in as few banks as possible.
 * -ENOMEM: there are no ARCH_GUEST_BANKS free pieces that are large enough.
 */
MUST_CHECK int vm_ram_reserve(struct vm_ram *r, uint64_t size);
void vm_ram_release(struct vm_ram *r);

/* Whether any of [base, base + size), or all of it, is in a bank. */
bool vm_ram_overlaps(const struct vm_ram *r, hpa_t base, uint64_t size);
bool vm_ram_holds(const struct vm_ram *r, hpa_t base, uint64_t size);

#endif
