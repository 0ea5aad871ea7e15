/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of the machine that belong to a VM, and RAM of its own for their
 * DMA: claimed once at boot, given to each of its domains, and made quiet
 * between two of them. docs/vm-description.md says what may be claimed.
 *
 * There is no IOMMU: a device reaches all of the machine's RAM, so who is given
 * one is trusted (docs/threat-model.md).
 *
 * Locking: none. Claims are made on the boot CPU before any VM starts and are
 * constant; the rest belongs to who builds the VM's domain, or ends it.
 * Invariants: no two VMs have a page of registers or an interrupt in common.
 */
#ifndef VM_ASSIGN_H
#define VM_ASSIGN_H

#include "dev/fdt_device.h"
#include "dev/pci.h"
#include "vm/vmdesc.h"

struct vm;
struct domain;

struct vm_assign {
	struct fdt_device device[VM_ASSIGN_MAX];
	void *ecam[VM_ASSIGN_MAX];	/* mapped, of a PCI host */
	unsigned int count;

	/* Where a builder is, then who ends the domain. */
	unsigned int next;		/* device */
	unsigned int region;		/* of it, being mapped */
	uint64_t done;			/* bytes of that */
	struct pci_quiet quiet;
	bool quieting;
};

/*
 * Find what the VM's description asks for, make it quiet, and reserve RAM.
 * What is wrong is logged with the names of VM and device. -ENOENT, -EINVAL,
 * -EBUSY (another VM's), -ENOMEM.
 */
MUST_CHECK int assign_claim(struct vm *vm);

/* Undo it: the VM is not added after all. Nothing of its was ever started. */
void assign_release(struct vm *vm);

/* Prepare a new domain of the VM, before it has memory. 0 or -ENOSPC. */
MUST_CHECK int assign_begin(struct vm *vm, struct domain *d);

/* Map a piece of the registers; 1 when all is the domain's, 0, or an error. */
MUST_CHECK int assign_step(struct vm *vm, struct domain *d);

void assign_init(void);

#endif
