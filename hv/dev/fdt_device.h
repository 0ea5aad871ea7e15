/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device of the machine that may be given to a VM, as the machine's tree
 * describes it: a PCI host with ECAM, or any node with registers and
 * interrupts of the GIC.
 *
 * Locking: none; trees are only read, structures are read-only once filled.
 */
#ifndef DEV_FDT_DEVICE_H
#define DEV_FDT_DEVICE_H

#include "dev/fdt_boot.h"

#define DEVICE_PATH_MAX		64U	/* with the NUL */
#define DEVICE_REGIONS_MAX	8U
#define DEVICE_IRQS_MAX		16U

struct device_irq {
	uint32_t intid;			/* an SPI */
	bool edge;			/* else level */
};

struct fdt_device {
	char path[DEVICE_PATH_MAX];	/* as it was asked for */
	int node;			/* its offset in the machine's tree */
	/* Registers and windows: whole pages, CPU addresses. */
	struct boot_range region[DEVICE_REGIONS_MAX];
	unsigned int region_count;
	struct device_irq irq[DEVICE_IRQS_MAX];	/* each once */
	unsigned int irq_count;
	bool is_pci;			/* region[0] is the ECAM */
	uint8_t bus_first, bus_last;	/* of the ECAM */
};

/*
 * Find the device of a path or alias in the machine's tree `fdt`, of which
 * `m` was made, and read it. 0, -ENOENT (no such node) or -EINVAL (it can't be
 * given to a VM); *why says what is wrong, in words.
 * Sources: Devicetree Specification 0.4; Linux's bindings for
 * pci-host-ecam-generic, arm,gic-v3; PCI Bus Binding to IEEE 1275.
 */
MUST_CHECK int fdt_device_read(const void *fdt, const struct boot_info *m, const char *path,
			       struct fdt_device *out, const char **why);

/* Whether the two have registers or an interrupt in common. */
bool fdt_device_overlaps(const struct fdt_device *a, const struct fdt_device *b);

/*
 * For who writes the device's node into another tree (arch/arm64/guest_dt.c).
 */

/* The machine's GIC, as far as interrupts of other nodes go. */
struct fdt_gic {
	uint32_t phandle;
	uint32_t irq_cells;		/* 3 or 4 */
	uint32_t address_cells;		/* 0 to 2 */
};
MUST_CHECK int fdt_gic_read(const void *fdt, struct fdt_gic *out);

#define FDT_IRQ_CELLS	3U		/* kind, number, flags */

/*
 * Interrupt `index` of the node as the GIC's binding has it. 0, -ENOENT,
 * -EINVAL.
 */
MUST_CHECK int fdt_irq(const void *fdt, int node, const struct fdt_gic *gic, unsigned int index,
		       uint32_t spec[FDT_IRQ_CELLS]);

#define FDT_PCI_CHILD_SIZE	16U	/* bytes: unit address and pin */

/* Entry `index` of a PCI host's interrupt-map. 0, -ENOENT, -EINVAL. */
MUST_CHECK int fdt_pci_irq(const void *fdt, int node, const struct fdt_gic *gic,
			   unsigned int index, const uint8_t **child,
			   uint32_t spec[FDT_IRQ_CELLS]);

struct fdt_pci_window {
	uint32_t kind;			/* phys.hi of the PCI address */
	uint64_t pci;			/* address on the bus */
	uint64_t cpu;			/* the same seen by a CPU */
	uint64_t size;
};

/* Window `index` of a PCI host's `ranges`. 0, -ENOENT, -EINVAL. */
MUST_CHECK int fdt_pci_window(const void *fdt, int node, unsigned int index,
			      struct fdt_pci_window *out);

#endif
