/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: the device tree of a machine with devices that may be given to
 * VMs, and some that may not. Its RAM is the host port's.
 */
#ifndef TESTS_MACHINE_FDT_H
#define TESTS_MACHINE_FDT_H

#include "fdt_make.h"

#define MF_GIC		0x8003U		/* phandle */
#define MF_PCI		"/pcie@10000000"
#define MF_ECAM		0x3f000000U
#define MF_ECAM_SIZE	0x200000U	/* two buses */

/* What is wrong with the PCI host. */
enum mf_pci {
	MF_PCI_GOOD, MF_PCI_DISABLED, MF_PCI_KIND, MF_PCI_BUSES, MF_PCI_RANGES, MF_PCI_IN_RAM,
	MF_PCI_IRQ_PARENT, MF_PCI_IRQ_PPI, MF_PCI_MAP_CUT,
};

static inline void mf_gic(void)
{
	fm_begin("intc@8000000");
	fm_str("compatible", "arm,gic-v3");
	fm_flag("interrupt-controller");
	fm_cells("#interrupt-cells", 1, 3);
	fm_cells("#address-cells", 1, 2);
	fm_cells("#size-cells", 1, 2);
	fm_flag("ranges");
	fm_cells("reg", 8, 0, 0x8000000, 0, 0x10000, 0, 0x80a0000, 0, 0xf60000);
	fm_cells("phandle", 1, MF_GIC);
	fm_begin("its@8080000");
	fm_str("compatible", "arm,gic-v3-its");
	fm_flag("msi-controller");
	fm_cells("reg", 4, 0, 0x8080000, 0, 0x20000);
	fm_end();
	fm_end();
}

/* A node with a region of `size` and one interrupt. */
static inline void mf_device(const char *name, unsigned int base, unsigned int size,
			     unsigned int spi, unsigned int flags)
{
	fm_begin(name);
	fm_str("compatible", "test,device");
	fm_cells("reg", 4, 0, base, 0, size);
	fm_cells("interrupts", 3, 0, spi, flags);
	fm_cells("clocks", 1, 0x8000);
	fm_cells("reset-gpios", 3, 0x8005, 3, 0);
	fm_cells("pinctrl-0", 1, 0x8006);
	fm_cells("test,value", 2, 1, 2);
	fm_flag("dma-coherent");
	fm_cells("phandle", 1, 0x9000 + spi);
	fm_end();
}

/* Slot s, pin p: SPI 3 + (s + p - 1) % 4, as QEMU does it. */
static inline void mf_pci_map(enum mf_pci v)
{
	uint8_t map[16 * 40];
	uint8_t *p = map;

	for (unsigned int i = 0; i < 16; i++) {
		const unsigned int cells[10] = {
			i / 4 << 11, 0, 0, i % 4 + 1,
			v == MF_PCI_IRQ_PARENT && i == 15 ? 0x8005 : MF_GIC, 0, 0,
			v == MF_PCI_IRQ_PPI ? 1 : 0, 3 + (i / 4 + i) % 4, 4,
		};

		for (unsigned int n = 0; n < 10; n++, p += 4) {
			put_be32(p, cells[n]);
		}
	}
	fm_bytes("interrupt-map", map, v == MF_PCI_MAP_CUT ? sizeof(map) - 4 : sizeof(map));
}

static inline void mf_pci(enum mf_pci v)
{
	fm_begin("pcie@10000000");
	fm_str("compatible", v == MF_PCI_KIND ? "vendor,pcie" : "pci-host-ecam-generic");
	fm_str("device_type", "pci");
	if (v == MF_PCI_DISABLED) {
		fm_str("status", "disabled");
	}
	fm_cells("#address-cells", 1, 3);
	fm_cells("#size-cells", 1, 2);
	fm_cells("#interrupt-cells", 1, 1);
	fm_cells("bus-range", 2, 0, v == MF_PCI_BUSES ? 2 : 1);
	fm_cells("linux,pci-domain", 1, 0);
	fm_cells("reg", 4, 0, MF_ECAM, 0, MF_ECAM_SIZE);
	fm_cells("ranges", v == MF_PCI_RANGES ? 20 : 21,
		 0x01000000, 0, 0, 0, 0x3eff0000, 0, 0x10000,
		 0x02000000, 0, 0x10000000, 0, v == MF_PCI_IN_RAM ? 0x40000000 : 0x10000000, 0,
		 0x2eff0000,
		 0x03000000, 0x80, 0, 0x80, 0, 0, 0x80000000U);
	fm_cells("interrupt-map-mask", 4, 0x1800, 0, 0, 7);
	mf_pci_map(v);
	fm_cells("msi-map", 4, 0, 0x8004, 0, 0x10000);
	fm_cells("iommu-map", 4, 0, 0x8007, 0, 0x10000);
	fm_flag("dma-coherent");
	fm_end();
}

static inline void mf_rest(void)
{
	fm_begin("pl011@9000000");
	fm_str("compatible", "arm,pl011");
	fm_cells("reg", 4, 0, 0x9000000, 0, 0x1000);
	fm_cells("interrupts", 3, 0, 1, 4);
	fm_end();
	fm_begin("pl031@9010000");
	fm_str("compatible", "arm,pl031");
	fm_cells("reg", 4, 0, 0x9010000, 0, 0x1000);
	fm_cells("interrupts", 3, 0, 2, 4);
	fm_end();
	fm_begin("timer");
	fm_str("compatible", "arm,armv8-timer");
	fm_cells("interrupts", 12, 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	fm_end();
	fm_begin("smmu@9050000");
	fm_str("compatible", "arm,smmu-v3");
	fm_cells("#iommu-cells", 1, 1);
	fm_cells("reg", 4, 0, 0x9050000, 0, 0x20000);
	fm_end();
}

static inline void mf_devices(void)
{
	mf_device("level@9030000", 0x9030000, 0x1000, 7, 4);
	mf_device("edge@9040000", 0x9040000, 0x2000, 8, 1);
	mf_device("small@a000200", 0xa000200, 0x200, 17, 1);
	mf_device("uartirq@9100000", 0x9100000, 0x1000, 1, 4);
	/* Shares an interrupt with the PCI host. */
	mf_device("shares@9110000", 0x9110000, 0x1000, 4, 4);
	mf_device("high@9120000", 0x9120000, 0x1000, 600, 4);
	fm_begin("bus@20000000");
	fm_str("compatible", "simple-bus");
	fm_cells("#address-cells", 1, 1);
	fm_cells("#size-cells", 1, 1);
	fm_cells("ranges", 4, 0x1000, 0, 0x0b000000, 0x10000);
	fm_begin("inner@2000");
	fm_str("compatible", "test,inner");
	fm_cells("reg", 2, 0x2000, 0x1000);
	fm_cells("interrupts", 6, 0, 20, 4, 0, 21, 1);
	fm_end();
	fm_end();
}

/* The tree is at fm_buf; returns its size. */
static inline size_t mf_make(enum mf_pci v)
{
	fm_start();
	fm_root();
	fm_cells("#address-cells", 1, 2);
	fm_cells("#size-cells", 1, 2);
	fm_cells("interrupt-parent", 1, MF_GIC);
	fm_begin("memory@40000000");
	fm_str("device_type", "memory");
	fm_cells("reg", 4, 0, 0x40000000, 0, 0x4000000);
	fm_end();
	fm_begin("cpus");
	fm_cells("#address-cells", 1, 1);
	fm_cells("#size-cells", 1, 0);
	fm_begin("cpu@0");
	fm_str("device_type", "cpu");
	fm_cells("reg", 1, 0);
	fm_end();
	fm_end();
	mf_gic();
	mf_rest();
	mf_devices();
	mf_pci(v);
	fm_begin("aliases");
	fm_str("pci0", MF_PCI);
	fm_str("loop", "loop");
	fm_end();
	return fm_finish();
}

#endif
