/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree of an arm64 guest, written front to back with libfdt's
 * sequential functions. See guest_dt.h.
 *
 * Also compiled by a unit test on the build machine: no privileged code here.
 */
#include "arch/arm64/include/asm/guest_dt.h"

#include "arch/arm64/include/asm/guest_map.h"
#include "dev/fdt_device.h"
#include "dev/fdt_lib.h"
#include "lib/fmt.h"
#include <arch/boot.h>

#define VCPU_LIMIT	128U		/* Aff1 groups of 16: what we number */
#define GIC_PHANDLE	1U

/* Interrupt specifier of the GIC's binding: type, number, flags. */
#define IRQ_TYPE_SPI	0U
#define IRQ_TYPE_PPI	1U
#define IRQ_SPI_FIRST	32U
#define IRQ_PPI_FIRST	16U
#define IRQ_EDGE_RISING	1U
#define IRQ_LEVEL_LOW	0xf08U		/* as Xen and Linux's bindings have it */

/* The writer; the first error stays and makes the rest do nothing. */
struct dt {
	void *fdt;
	int err;
};

static void node_begin(struct dt *t, const char *name)
{
	if (t->err == 0) {
		t->err = fdt_begin_node(t->fdt, name);
	}
}

static void node_end(struct dt *t)
{
	if (t->err == 0) {
		t->err = fdt_end_node(t->fdt);
	}
}

/* "name@address", the address in hexadecimal as the specification wants. */
static void node_begin_at(struct dt *t, const char *name, uint64_t address)
{
	char buf[40];

	fmt_buf(buf, sizeof(buf), "%s@%llx", name,
		(unsigned long long)address);
	node_begin(t, buf);
}

static void prop_bytes(struct dt *t, const char *name, const void *val,
		       size_t len)
{
	if (t->err == 0) {
		t->err = fdt_property(t->fdt, name, val, (int)len);
	}
}

static void prop_flag(struct dt *t, const char *name)
{
	prop_bytes(t, name, NULL, 0);
}

static void prop_str(struct dt *t, const char *name, const char *s)
{
	prop_bytes(t, name, s, strlen(s) + 1);
}

static void prop_u32(struct dt *t, const char *name, uint32_t v)
{
	uint8_t b[4];

	put_be32(b, v);
	prop_bytes(t, name, b, sizeof(b));
}

static void prop_u64(struct dt *t, const char *name, uint64_t v)
{
	uint8_t b[8];

	put_be64(b, v);
	prop_bytes(t, name, b, sizeof(b));
}

/* `count` 64-bit numbers in two cells each: addresses and sizes in turn. */
static void prop_u64s(struct dt *t, const char *name, const uint64_t *v,
		      size_t count)
{
	uint8_t b[2 * GUEST_DT_RAM_MAX * 8];

	for (size_t i = 0; i < count; i++) {
		put_be64(b + i * 8, v[i]);
	}
	prop_bytes(t, name, b, count * 8);
}

static void prop_ppis(struct dt *t, const uint32_t *intids, size_t count)
{
	uint8_t b[3 * 12];

	for (size_t i = 0; i < count; i++) {
		put_be32(b + i * 12, IRQ_TYPE_PPI);
		put_be32(b + i * 12 + 4, intids[i] - IRQ_PPI_FIRST);
		put_be32(b + i * 12 + 8, IRQ_LEVEL_LOW);
	}
	prop_bytes(t, "interrupts", b, count * 12);
}

static void write_chosen(struct dt *t, const struct guest_dt_params *p)
{
	node_begin(t, "chosen");
	if (p->bootargs != NULL) {
		prop_str(t, "bootargs", p->bootargs);
	}
	if (p->initrd_size != 0) {
		prop_u64(t, "linux,initrd-start", p->initrd_base.v);
		prop_u64(t, "linux,initrd-end",
			 p->initrd_base.v + p->initrd_size);
	}
	if (p->has_kaslr_seed) {
		prop_u64(t, "kaslr-seed", p->kaslr_seed);
	}
	if (p->rng_seed_size != 0) {
		prop_bytes(t, "rng-seed", p->rng_seed, p->rng_seed_size);
	}
	node_end(t);
}

static void write_memory(struct dt *t, const struct guest_dt_params *p)
{
	for (unsigned int i = 0; i < p->ram_count; i++) {
		uint64_t reg[2] = { p->ram[i].base.v, p->ram[i].size };

		node_begin_at(t, "memory", reg[0]);
		prop_str(t, "device_type", "memory");
		prop_u64s(t, "reg", reg, 2);
		node_end(t);
	}
}

/* Node order is vCPU order: Linux takes its CPU numbers for vCPU ids. */
static void write_cpus(struct dt *t, const struct guest_dt_params *p)
{
	node_begin(t, "cpus");
	prop_u32(t, "#address-cells", 1);
	prop_u32(t, "#size-cells", 0);
	for (unsigned int i = 0; i < p->vcpu_count; i++) {
		uint32_t mpidr = (uint32_t)guest_mpidr(i);

		node_begin_at(t, "cpu", mpidr);
		prop_str(t, "device_type", "cpu");
		prop_str(t, "compatible", "arm,armv8");
		prop_str(t, "enable-method", "psci");
		prop_u32(t, "reg", mpidr);
		node_end(t);
	}
	node_end(t);
}

static void write_psci(struct dt *t)
{
	static const char compatible[] =
		"arm,psci-1.0\0arm,psci-0.2\0arm,psci";

	node_begin(t, "psci");
	prop_bytes(t, "compatible", compatible, sizeof(compatible));
	prop_str(t, "method", "hvc");
	node_end(t);
}

static void write_gic(struct dt *t, const struct guest_dt_params *p)
{
	uint64_t reg[4] = {
		p->gicd_base.v, GUEST_GICD_SIZE,
		p->gicr_base.v, p->vcpu_count * GUEST_GICR_STRIDE,
	};

	node_begin_at(t, "interrupt-controller", reg[0]);
	prop_str(t, "compatible", "arm,gic-v3");
	prop_u32(t, "#address-cells", 0);
	prop_u32(t, "#interrupt-cells", 3);
	prop_flag(t, "interrupt-controller");
	prop_u64s(t, "reg", reg, 4);
	prop_u32(t, "phandle", GIC_PHANDLE);
	node_end(t);
}

static void write_timer(struct dt *t)
{
	static const uint32_t irqs[] = {
		GUEST_IRQ_TIMER_SEC, GUEST_IRQ_TIMER_PHYS, GUEST_IRQ_TIMER_VIRT,
	};

	node_begin(t, "timer");
	prop_str(t, "compatible", "arm,armv8-timer");
	prop_ppis(t, irqs, ARRAY_SIZE(irqs));
	/* It ticks in every idle state: no broadcast timer is needed. */
	prop_flag(t, "always-on");
	node_end(t);
}

/* --- devices of the machine ----------------------------------------------- */

/*
 * Properties of an assigned device's node that say something of other nodes,
 * or are written anew.
 */
static bool is_left_out(const char *name)
{
	static const char *const names[] = {
		"phandle", "linux,phandle", "interrupt-parent", "interrupts", "interrupt-map",
		"reg", "ranges", "dma-ranges", "msi-map", "msi-map-mask", "msi-parent",
		"iommus", "iommu-map", "iommu-map-mask", "clocks", "clock-names",
		"assigned-clocks", "assigned-clock-parents", "assigned-clock-rates", "dmas",
		"dma-names", "resets", "reset-names", "phys", "phy-names", "phy-handle",
		"power-domains", "power-domain-names", "interconnects", "operating-points-v2",
		"memory-region", "nvmem-cells", "nvmem-cell-names", "thermal-sensors",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	/* pinctrl-0 ..., vdd-supply ..., reset-gpios ... */
	name = strchr(name, '-');
	while (name != NULL) {
		if (strcmp(name, "-supply") == 0 || strcmp(name, "-gpios") == 0 ||
		    strcmp(name, "-gpio") == 0) {
			return true;
		}
		name = strchr(name + 1, '-');
	}
	return false;
}

static void copy_props(struct dt *t, const void *from, int node)
{
	int off;

	fdt_for_each_property_offset(off, from, node) {
		const char *name;
		int len;
		const void *val = fdt_getprop_by_offset(from, off, &name, &len);

		if (val == NULL) {
			t->err = -FDT_ERR_BADSTRUCTURE;
		} else if (!is_left_out(name) && strncmp(name, "pinctrl-", 8) != 0) {
			prop_bytes(t, name, val, (size_t)len);
		}
	}
}

/* A property that is written a piece at a time. */
static uint8_t *prop_room(struct dt *t, const char *name, size_t len)
{
	void *room = NULL;

	if (t->err == 0) {
		t->err = fdt_property_placeholder(t->fdt, name, (int)len, &room);
	}
	return t->err == 0 ? room : NULL;
}

static void put_cells(uint8_t *p, const uint32_t *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put_be32(p + i * 4, v[i]);
	}
}

static void write_reg(struct dt *t, const void *from, int node)
{
	uint64_t base, size;
	unsigned int n = 0;
	uint8_t *p;

	while (fdt_reg(from, node, n, &base, &size) == 0) {
		n++;
	}
	p = prop_room(t, "reg", n * 16UL);
	for (unsigned int i = 0; p != NULL && fdt_reg(from, node, i, &base, &size) == 0; i++) {
		put_be64(p + i * 16UL, base);
		put_be64(p + i * 16UL + 8, size);
	}
}

static void write_irqs(struct dt *t, const void *from, int node, const struct fdt_gic *gic)
{
	uint32_t spec[FDT_IRQ_CELLS];
	unsigned int n = 0;
	uint8_t *p;

	while (fdt_irq(from, node, gic, n, spec) == 0) {
		n++;
	}
	if (n == 0) {
		return;
	}
	p = prop_room(t, "interrupts", n * sizeof(spec));
	for (unsigned int i = 0; p != NULL && fdt_irq(from, node, gic, i, spec) == 0; i++) {
		put_cells(p + i * sizeof(spec), spec, FDT_IRQ_CELLS);
	}
}

/* The guest's GIC has no #address-cells, so entries are shorter. */
static void write_pci_irqs(struct dt *t, const void *from, int node, const struct fdt_gic *gic)
{
	size_t entry = FDT_PCI_CHILD_SIZE + 4 + FDT_IRQ_CELLS * 4;
	uint32_t spec[FDT_IRQ_CELLS];
	const uint8_t *child;
	unsigned int n = 0;
	uint8_t *p;

	while (fdt_pci_irq(from, node, gic, n, &child, spec) == 0) {
		n++;
	}
	if (n == 0) {
		return;
	}
	p = prop_room(t, "interrupt-map", n * entry);
	for (unsigned int i = 0; p != NULL && i < n; i++, p += entry) {
		if (fdt_pci_irq(from, node, gic, i, &child, spec) == 0) {
			memcpy(p, child, FDT_PCI_CHILD_SIZE);
			put_be32(p + FDT_PCI_CHILD_SIZE, GIC_PHANDLE);
			put_cells(p + FDT_PCI_CHILD_SIZE + 4, spec, FDT_IRQ_CELLS);
		}
	}
}

static void write_pci_windows(struct dt *t, const void *from, int node)
{
	const size_t entry = 7UL * 4;
	struct fdt_pci_window w;
	unsigned int n = 0;
	uint8_t *p;

	while (fdt_pci_window(from, node, n, &w) == 0) {
		n++;
	}
	p = prop_room(t, "ranges", n * entry);
	for (unsigned int i = 0; p != NULL && fdt_pci_window(from, node, i, &w) == 0; i++) {
		put_be32(p + i * entry, w.kind);
		put_be64(p + i * entry + 4, w.pci);
		put_be64(p + i * entry + 12, w.cpu);
		put_be64(p + i * entry + 20, w.size);
	}
}

static void write_device(struct dt *t, const void *from, const struct fdt_device *d)
{
	const char *name = fdt_get_name(from, d->node, NULL);
	struct fdt_gic gic;

	if (name == NULL || fdt_gic_read(from, &gic) != 0) {
		t->err = -FDT_ERR_BADSTRUCTURE;
		return;
	}
	node_begin(t, name);
	copy_props(t, from, d->node);
	write_reg(t, from, d->node);
	if (d->is_pci) {
		write_pci_windows(t, from, d->node);
		write_pci_irqs(t, from, d->node, &gic);
	} else {
		write_irqs(t, from, d->node, &gic);
	}
	node_end(t);
}

/* Linux wants exactly this node name and "xen,xen-" first in the list. */
static void write_hypervisor(struct dt *t, const struct guest_dt_params *p)
{
	static const char compatible[] = "xen,xen-4.17\0xen,xen";
	static const uint32_t irqs[] = { GUEST_IRQ_EVTCHN };
	uint64_t reg[2] = { p->grant_base.v, p->grant_size };

	node_begin(t, "hypervisor");
	prop_bytes(t, "compatible", compatible, sizeof(compatible));
	prop_u64s(t, "reg", reg, 2);
	prop_ppis(t, irqs, ARRAY_SIZE(irqs));
	node_end(t);
}

/* mv,vif tells which of the domain's interfaces it is. */
static void write_virtio(struct dt *t, const struct arch_guest_virtio *v)
{
	uint64_t reg[2] = { v->base.v, PAGE_SIZE };
	uint8_t irq[12];

	put_be32(irq, IRQ_TYPE_SPI);
	put_be32(irq + 4, v->irq - IRQ_SPI_FIRST);
	put_be32(irq + 8, IRQ_EDGE_RISING);
	node_begin_at(t, "virtio_mmio", reg[0]);
	prop_str(t, "compatible", "virtio,mmio");
	prop_u64s(t, "reg", reg, 2);
	prop_bytes(t, "interrupts", irq, sizeof(irq));
	prop_flag(t, "dma-coherent");
	prop_u32(t, "mv,vif", v->vif);
	node_end(t);
}

static void write_tree(struct dt *t, const struct guest_dt_params *p)
{
	static const char compatible[] = "xen,xenvm-4.17\0xen,xenvm";

	node_begin(t, "");
	prop_str(t, "model", "Microvisor VM");
	prop_bytes(t, "compatible", compatible, sizeof(compatible));
	prop_u32(t, "#address-cells", 2);
	prop_u32(t, "#size-cells", 2);
	prop_u32(t, "interrupt-parent", GIC_PHANDLE);
	write_chosen(t, p);
	write_memory(t, p);
	write_cpus(t, p);
	write_psci(t);
	write_gic(t, p);
	write_timer(t);
	write_hypervisor(t, p);
	for (unsigned int i = 0; i < p->device_count; i++) {
		write_device(t, p->machine, &p->device[i]);
	}
	for (unsigned int i = 0; i < p->virtio_count; i++) {
		write_virtio(t, &p->virtio[i]);
	}
	node_end(t);
}

int guest_dt_build(void *buf, size_t size, const struct guest_dt_params *p)
{
	struct dt t = { .fdt = buf };

	if (p->ram_count == 0 || p->ram_count > GUEST_DT_RAM_MAX ||
	    p->vcpu_count == 0 || p->vcpu_count > VCPU_LIMIT ||
	    size > INT32_MAX || p->initrd_base.v + p->initrd_size <
	    p->initrd_base.v) {
		return -EINVAL;
	}
	t.err = fdt_create(buf, (int)size);
	if (t.err == 0) {
		t.err = fdt_finish_reservemap(buf);
	}
	write_tree(&t, p);
	if (t.err == 0) {
		t.err = fdt_finish(buf);
	}
	if (t.err == 0) {
		return 0;
	}
	return t.err == -FDT_ERR_NOSPACE ? -ENOSPC : -EINVAL;
}
