/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the devices behind a PCI host quiet, so that none of them writes to
 * memory any more: a guest that had them may have left them at work, and there
 * is no IOMMU that would stop them.
 *
 * Every function loses its right to master the bus and its INTx; what can be
 * reset is reset (function level reset, or through the bridge above it), so
 * that it forgets the addresses that it was given.
 *
 * Locking: none; the caller has the host for itself.
 * Sources: PCI Express Base Specification 6.0, 6.6.2, 7.5.1, 7.5.3.
 */
#ifndef DEV_PCI_H
#define DEV_PCI_H

#include "lib/types.h"

enum pci_quiet_state { PCI_QUIET_STOP, PCI_QUIET_RELEASE, PCI_QUIET_SETTLE, PCI_QUIET_DONE };

struct pci_quiet {
	uint8_t *ecam;			/* configuration space of bus_first */
	unsigned int bus_first, bus_last;
	bool reset_all;			/* also what can't master the bus now */
	enum pci_quiet_state state;
	unsigned int bus;		/* being walked */
	bool was_reset;			/* something: give it time */
};

/* `ecam`: registers of the buses `first` to `last`, 1 MiB each. */
void pci_quiet_begin(struct pci_quiet *q, void *ecam, uint8_t first, uint8_t last,
		     bool reset_all);

/*
 * Do a piece (one bus). True if there is more; it then should not be called
 * before *pause_ns have passed.
 */
bool pci_quiet_step(struct pci_quiet *q, uint64_t *pause_ns);

#endif
