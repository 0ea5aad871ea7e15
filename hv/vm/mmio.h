/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that a guest drives by registers in its memory map, made by the
 * hypervisor: a page for each vif that is one.
 *
 * Locking: none. A device is attached before its domain runs, and detached when
 * no vCPU of the domain runs any more.
 */
#ifndef VM_MMIO_H
#define VM_MMIO_H

#include "lib/types.h"
#include <arch/vcpu.h>

#define MMIO_SLOTS	ARCH_GUEST_DEVICES

struct domain;

/*
 * A load or store of 1, 2, 4 or 8 bytes, within the page and aligned to its size; on
 * the CPU of the vCPU that does it, with no lock held. *value is 0 before a load.
 */
typedef void (*mmio_fn)(void *ctx, unsigned int offset, unsigned int size, bool write,
			uint64_t *value);

struct mmio_slot {
	unsigned int irq;		/* of the guest; 0: there is no device */
	mmio_fn fn;			/* NULL: none is attached */
	void *ctx;
};

struct domain_mmio {
	gpa_t base;
	struct mmio_slot slot[MMIO_SLOTS];
};

/*
 * Have the guest find a device's registers and interrupt in its tables, at place
 * `n`. While the domain is built. -ENOSPC, -EINVAL (no such place).
 */
MUST_CHECK int mmio_place(struct domain *d, unsigned int n);

/* Serve that place. -EINVAL: there is none. */
MUST_CHECK int mmio_attach(struct domain *d, unsigned int n, mmio_fn fn, void *ctx);
void mmio_detach(struct domain *d, unsigned int n);

/* Where the registers of place `n` are. */
gpa_t mmio_base(const struct domain *d, unsigned int n);

/* Raise the interrupt of place `n`. Any CPU; locks may be held. */
void mmio_raise(struct domain *d, unsigned int n);

#endif
