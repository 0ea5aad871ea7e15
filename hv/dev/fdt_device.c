/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that may be given to a VM. See fdt_device.h.
 */
#include "dev/fdt_device.h"

#include "dev/fdt_lib.h"
#include "lib/bits.h"
#include "lib/fmt.h"

#define IRQ_KIND_SPI	0U
#define IRQ_EDGE	0x3U		/* rising or falling */
#define SPI_FIRST	32U
#define SPI_COUNT	988U
#define PCI_ADDRESS_CELLS 3U
#define PCI_SIZE_CELLS	2U
#define PCI_CHILD_CELLS	(FDT_PCI_CHILD_SIZE / 4)
#define PCI_BUS_SIZE	MIB(1)		/* of the ECAM */
#define PARENTS_MAX	FDT_DEPTH_MAX

/* --- interrupts ------------------------------------------------------------ */

int fdt_gic_read(const void *fdt, struct fdt_gic *out)
{
	int node = fdt_find_compatible(fdt, -1, "arm,gic-v3");

	if (node < 0) {
		return -EINVAL;
	}
	*out = (struct fdt_gic){ .phandle = fdt_get_phandle(fdt, node) };
	if (fdt_prop_u32(fdt, node, "#interrupt-cells", &out->irq_cells) != 0 ||
	    out->irq_cells < FDT_IRQ_CELLS || out->irq_cells > 4 ||
	    fdt_prop_u32(fdt, node, "#address-cells", &out->address_cells) == -EINVAL ||
	    out->address_cells > 2 || out->phandle == 0) {
		return -EINVAL;
	}
	return 0;
}

/* The interrupts of `node` go to what has this phandle; 0: unknown. */
static uint32_t irq_parent(const void *fdt, int node)
{
	uint32_t phandle;

	for (unsigned int n = 0; node >= 0 && n < PARENTS_MAX; n++) {
		if (fdt_prop_u32(fdt, node, "interrupt-parent", &phandle) == 0) {
			return phandle;
		}
		node = fdt_parent_offset(fdt, node);
	}
	return 0;
}

static void spec_read(const uint8_t *p, uint32_t spec[FDT_IRQ_CELLS])
{
	for (size_t i = 0; i < FDT_IRQ_CELLS; i++) {
		spec[i] = get_be32(p + i * 4);
	}
}

int fdt_irq(const void *fdt, int node, const struct fdt_gic *gic, unsigned int index,
	    uint32_t spec[FDT_IRQ_CELLS])
{
	size_t len, entry = (size_t)gic->irq_cells * 4;
	const uint8_t *p = fdt_prop(fdt, node, "interrupts", 0, &len);

	if (p == NULL) {
		return -ENOENT;
	}
	if (len % entry != 0 || irq_parent(fdt, node) != gic->phandle) {
		return -EINVAL;
	}
	if (index >= len / entry) {
		return -ENOENT;
	}
	spec_read(p + index * entry, spec);
	return 0;
}

int fdt_pci_irq(const void *fdt, int node, const struct fdt_gic *gic, unsigned int index,
		const uint8_t **child, uint32_t spec[FDT_IRQ_CELLS])
{
	size_t entry = (PCI_CHILD_CELLS + 1 + gic->address_cells + gic->irq_cells) * 4;
	size_t len;
	const uint8_t *p = fdt_prop(fdt, node, "interrupt-map", 0, &len);
	uint32_t cells;

	if (p == NULL) {
		return -ENOENT;
	}
	if (len % entry != 0 || fdt_prop_u32(fdt, node, "#interrupt-cells", &cells) != 0 ||
	    cells != 1) {
		return -EINVAL;
	}
	if (index >= len / entry) {
		return -ENOENT;
	}
	p += index * entry;
	*child = p;
	p += FDT_PCI_CHILD_SIZE;
	if (get_be32(p) != gic->phandle) {
		return -EINVAL;
	}
	spec_read(p + 4 + (size_t)gic->address_cells * 4, spec);
	return 0;
}

static int irq_add(struct fdt_device *d, const struct boot_info *m, const uint32_t *spec,
		   const char **why)
{
	uint32_t intid = SPI_FIRST + spec[1];

	if (spec[0] != IRQ_KIND_SPI || spec[1] >= SPI_COUNT) {
		*why = "it has an interrupt that is no shared one of the GIC";
		return -EINVAL;
	}
	if (intid == m->uart_irq) {
		*why = "its interrupt is that of the hypervisor's UART";
		return -EINVAL;
	}
	for (unsigned int i = 0; i < d->irq_count; i++) {
		if (d->irq[i].intid == intid) {
			return 0;
		}
	}
	if (d->irq_count == DEVICE_IRQS_MAX) {
		*why = "it has too many interrupts";
		return -EINVAL;
	}
	d->irq[d->irq_count++] = (struct device_irq){
		.intid = intid, .edge = (spec[2] & IRQ_EDGE) != 0,
	};
	return 0;
}

static int irqs_read(const void *fdt, const struct boot_info *m, struct fdt_device *d,
		     const char **why)
{
	uint32_t spec[FDT_IRQ_CELLS];
	const uint8_t *child;
	struct fdt_gic gic;
	int err = fdt_gic_read(fdt, &gic);

	if (fdt_prop(fdt, d->node, "interrupts-extended", 0, NULL) != NULL) {
		*why = "its interrupts are given by interrupts-extended";
		return -EINVAL;
	}
	for (unsigned int i = 0; err == 0; i++) {
		err = d->is_pci ? fdt_pci_irq(fdt, d->node, &gic, i, &child, spec) :
				  fdt_irq(fdt, d->node, &gic, i, spec);
		if (err == 0) {
			err = irq_add(d, m, spec, why);
		} else if (err == -EINVAL) {
			*why = "its interrupts are malformed, or don't go to the GIC";
		}
	}
	return err == -ENOENT ? 0 : err;
}

/* --- registers ------------------------------------------------------------- */

static bool overlap(const struct boot_range *a, hpa_t base, uint64_t size)
{
	return a->base.v < base.v + size && base.v < a->base.v + a->size;
}

/* Whether the hypervisor itself has something there. */
static bool is_taken(const struct boot_info *m, hpa_t base, uint64_t size)
{
	for (unsigned int i = 0; i < m->ram_count; i++) {
		if (overlap(&m->ram[i], base, size)) {
			return true;
		}
	}
	for (unsigned int i = 0; i < m->gicr_count; i++) {
		if (overlap(&m->gicr[i], base, size)) {
			return true;
		}
	}
	return overlap(&m->gicd, base, size) || (m->has_uart && overlap(&m->uart, base, size)) ||
	       (m->has_rtc && overlap(&m->rtc, base, size));
}

static int region_add(struct fdt_device *d, const struct boot_info *m, uint64_t base,
		      uint64_t size, const char **why)
{
	if (base + size < base || size == 0) {
		*why = "it has a malformed address range";
	} else if (is_taken(m, HPA(base), size)) {
		*why = "its registers are used by the hypervisor, or are RAM";
	} else if (!IS_ALIGNED(base | size, PAGE_SIZE)) {
		*why = "its registers don't fill whole pages, so others share them";
	} else if (d->region_count == DEVICE_REGIONS_MAX) {
		*why = "it has too many address ranges";
	} else {
		d->region[d->region_count++] = (struct boot_range){ HPA(base), size };
		return 0;
	}
	return -EINVAL;
}

static int regs_read(const void *fdt, const struct boot_info *m, struct fdt_device *d,
		     const char **why)
{
	for (unsigned int i = 0;; i++) {
		uint64_t base, size;
		int err = fdt_reg(fdt, d->node, i, &base, &size);

		if (err == -ENOENT && i > 0) {
			return 0;
		}
		if (err != 0) {
			*why = i == 0 ? "it has no registers that a CPU can reach" :
					"its reg is malformed";
			return -EINVAL;
		}
		err = region_add(d, m, base, size, why);
		if (err != 0) {
			return err;
		}
	}
}

int fdt_pci_window(const void *fdt, int node, unsigned int index, struct fdt_pci_window *out)
{
	int parent = fdt_parent_offset(fdt, node);
	uint32_t cells = 2;
	size_t len, entry;
	const uint8_t *p;

	if (parent < 0 || fdt_prop_u32(fdt, parent, "#address-cells", &cells) == -EINVAL ||
	    cells < 1 || cells > 2) {
		return -EINVAL;
	}
	p = fdt_prop(fdt, node, "ranges", 0, &len);
	entry = (PCI_ADDRESS_CELLS + cells + PCI_SIZE_CELLS) * 4;
	if (p == NULL || len % entry != 0) {
		return -EINVAL;
	}
	if (index >= len / entry) {
		return -ENOENT;
	}
	p += index * entry;
	out->kind = get_be32(p);
	out->pci = get_be64(p + 4);
	p += PCI_ADDRESS_CELLS * 4;
	out->cpu = cells == 1 ? get_be32(p) : get_be64(p);
	out->size = get_be64(p + (size_t)cells * 4);
	return fdt_translate(fdt, node, &out->cpu, out->size);
}

static int buses_read(const void *fdt, struct fdt_device *d, const char **why)
{
	size_t len;
	const uint8_t *p = fdt_prop(fdt, d->node, "bus-range", 8, &len);
	uint32_t first = 0, last = 255;

	if (p != NULL) {
		first = get_be32(p);
		last = get_be32(p + 4);
	}
	if (first > last || last > 255 ||
	    d->region[0].size < (last - first + 1) * PCI_BUS_SIZE) {
		*why = "its bus-range is more than its configuration space has";
		return -EINVAL;
	}
	d->bus_first = (uint8_t)first;
	d->bus_last = (uint8_t)last;
	return 0;
}

static int pci_read(const void *fdt, const struct boot_info *m, struct fdt_device *d,
		    const char **why)
{
	struct fdt_pci_window w;
	int err;

	if (!fdt_is_compatible(fdt, d->node, "pci-host-ecam-generic") || d->region_count != 1) {
		*why = "this kind of PCI host isn't supported, only pci-host-ecam-generic";
		return -EINVAL;
	}
	err = buses_read(fdt, d, why);
	for (unsigned int i = 0; err == 0; i++) {
		err = fdt_pci_window(fdt, d->node, i, &w);
		if (err == 0) {
			err = region_add(d, m, w.cpu, w.size, why);
		} else if (err == -EINVAL) {
			*why = "its ranges are malformed";
		}
	}
	return err == -ENOENT ? 0 : err;
}

/* --- the whole ------------------------------------------------------------- */

/* Nodes that others depend on: no VM may have them. */
static bool is_infrastructure(const void *fdt, int node)
{
	static const char *const props[] = {
		"interrupt-controller", "msi-controller", "#iommu-cells", "#clock-cells",
	};

	for (size_t i = 0; i < ARRAY_SIZE(props); i++) {
		if (fdt_prop(fdt, node, props[i], 0, NULL) != NULL) {
			return true;
		}
	}
	return false;
}

int fdt_device_read(const void *fdt, const struct boot_info *m, const char *path,
		    struct fdt_device *out, const char **why)
{
	const char *type;
	int err;

	memset(out, 0, sizeof(*out));
	*why = "the machine's device tree has no such node";
	if (fdt == NULL || str_copy(out->path, path, sizeof(out->path)) >= sizeof(out->path)) {
		return -ENOENT;
	}
	out->node = fdt_find_path(fdt, path, strlen(path));
	if (out->node < 0) {
		return -ENOENT;
	}
	*why = "the machine's device tree says that it is disabled";
	if (!fdt_is_enabled(fdt, out->node)) {
		return -EINVAL;
	}
	*why = "it is part of what the whole machine needs";
	if (out->node == 0 || is_infrastructure(fdt, out->node)) {
		return -EINVAL;
	}
	err = regs_read(fdt, m, out, why);
	type = fdt_prop_str(fdt, out->node, "device_type");
	if (err == 0 && type != NULL && strcmp(type, "pci") == 0) {
		out->is_pci = true;
		err = pci_read(fdt, m, out, why);
	}
	if (err == 0) {
		err = irqs_read(fdt, m, out, why);
	}
	return err;
}

bool fdt_device_overlaps(const struct fdt_device *a, const struct fdt_device *b)
{
	for (unsigned int i = 0; i < a->region_count; i++) {
		for (unsigned int j = 0; j < b->region_count; j++) {
			if (overlap(&a->region[i], b->region[j].base, b->region[j].size)) {
				return true;
			}
		}
	}
	for (unsigned int i = 0; i < a->irq_count; i++) {
		for (unsigned int j = 0; j < b->irq_count; j++) {
			if (a->irq[i].intid == b->irq[j].intid) {
				return true;
			}
		}
	}
	return false;
}
