/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's own device tree. See fdt_boot.h for the contract.
 */
#include "dev/fdt_boot.h"

#include "dev/fdt_lib.h"
#include "lib/bits.h"
#include "lib/fmt.h"

#define GIC_SPI_FIRST	32U
#define GIC_PPI_FIRST	16U

#define PSCI_0_2_CPU_ON_64	0xc4000003U
#define PSCI_0_2_SYSTEM_OFF	0x84000008U
#define PSCI_0_2_SYSTEM_RESET	0x84000009U

#define MPIDR_AFFINITY	0xff00ffffffULL

static int fail(struct boot_info *b, int err, const char *why)
{
	str_copy(b->error, why, sizeof(b->error));
	return err;
}

/* Insert into an array of `count` ranges that is sorted by base. */
static int ram_add(struct boot_info *b, uint64_t base, uint64_t size)
{
	uint64_t end, start;
	unsigned int i;

	if (base + size < base) {
		return fail(b, -EINVAL, "a /memory range wraps around");
	}
	start = ALIGN_UP(base, PAGE_SIZE);
	end = ALIGN_DOWN(base + size, PAGE_SIZE);
	if (start < base || end <= start) {
		return 0;	/* less than a page, or empty */
	}
	if (b->ram_count == BOOT_RAM_MAX) {
		b->ram_dropped++;
		return 0;
	}
	for (i = b->ram_count; i > 0 && b->ram[i - 1].base.v > start; i--) {
		b->ram[i] = b->ram[i - 1];
	}
	b->ram[i] = (struct boot_range){ HPA(start), end - start };
	b->ram_count++;
	return 0;
}

/* Join banks that touch or overlap. */
static void ram_merge(struct boot_info *b)
{
	unsigned int n = 0;

	for (unsigned int i = 1; i < b->ram_count; i++) {
		struct boot_range *prev = &b->ram[n];
		uint64_t prev_end = prev->base.v + prev->size;
		uint64_t end = b->ram[i].base.v + b->ram[i].size;

		if (b->ram[i].base.v <= prev_end) {
			prev->size = MAX(prev_end, end) - prev->base.v;
		} else {
			b->ram[++n] = b->ram[i];
		}
	}
	if (b->ram_count != 0) {
		b->ram_count = n + 1;
	}
}

int fdt_boot_reserve(struct boot_info *info, hpa_t base, uint64_t size,
		     enum boot_reserve_kind kind)
{
	uint64_t start = ALIGN_DOWN(base.v, PAGE_SIZE);
	uint64_t end = ALIGN_UP(base.v + size, PAGE_SIZE);
	unsigned int i;

	if (size == 0) {
		return 0;
	}
	if (base.v + size < base.v || end <= start) {
		return -EINVAL;
	}
	if (info->reserved_count == BOOT_RESERVED_MAX) {
		return -ENOSPC;
	}
	for (i = info->reserved_count;
	     i > 0 && info->reserved[i - 1].range.base.v > start; i--) {
		info->reserved[i] = info->reserved[i - 1];
	}
	info->reserved[i] = (struct boot_reserved){
		.range = { HPA(start), end - start },
		.kind = kind,
	};
	info->reserved_count++;
	return 0;
}

static int reserve(struct boot_info *b, uint64_t base, uint64_t size,
		   enum boot_reserve_kind kind)
{
	int err = fdt_boot_reserve(b, HPA(base), size, kind);

	if (err == -ENOSPC) {
		return fail(b, err, "too many reserved memory ranges");
	}
	return err == 0 ? 0 : fail(b, err, "a reserved range wraps around");
}

unsigned int fdt_boot_usable(const struct boot_info *info,
			     struct boot_range *out, unsigned int max)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < info->ram_count; i++) {
		uint64_t at = info->ram[i].base.v;
		uint64_t end = at + info->ram[i].size;

		for (unsigned int r = 0; r < info->reserved_count; r++) {
			uint64_t rs = info->reserved[r].range.base.v;
			uint64_t re = rs + info->reserved[r].range.size;

			if (re <= at || rs >= end) {
				continue;
			}
			if (rs > at && n < max) {
				out[n++] = (struct boot_range){ HPA(at), rs - at };
			}
			at = re;
		}
		if (at < end && n < max) {
			out[n++] = (struct boot_range){ HPA(at), end - at };
		}
	}
	return n;
}

bool fdt_boot_is_ram(const struct boot_info *info, hpa_t base, uint64_t size)
{
	for (unsigned int i = 0; i < info->ram_count; i++) {
		const struct boot_range *r = &info->ram[i];

		if (base.v >= r->base.v && base.v - r->base.v <= r->size &&
		    size <= r->size - (base.v - r->base.v)) {
			return true;
		}
	}
	return false;
}

bool fdt_boot_is_taken(const struct boot_info *info, hpa_t base, uint64_t size)
{
	for (unsigned int i = 0; i < info->reserved_count; i++) {
		const struct boot_reserved *r = &info->reserved[i];

		if (r->kind != BOOT_RESERVE_MODULE &&
		    base.v < r->range.base.v + r->range.size &&
		    r->range.base.v < base.v + size) {
			return true;
		}
	}
	return false;
}

/* All pairs of the `reg` of one memory-like node. */
static int add_regs(struct boot_info *b, const void *fdt, int node, bool is_ram)
{
	for (unsigned int i = 0;; i++) {
		uint64_t base, size;
		int err = fdt_reg(fdt, node, i, &base, &size);

		if (err == -ENOENT) {
			return 0;
		}
		if (err == 0) {
			err = is_ram ? ram_add(b, base, size) :
				reserve(b, base, size, BOOT_RESERVE_FIRMWARE);
		} else {
			err = fail(b, err, "malformed reg of a memory node");
		}
		if (err != 0) {
			return err;
		}
	}
}

static int parse_memory(struct boot_info *b, const void *fdt)
{
	int node, err;

	fdt_for_each_subnode(node, fdt, 0) {
		const char *type = fdt_prop_str(fdt, node, "device_type");

		if (type == NULL || strcmp(type, "memory") != 0 ||
		    !fdt_is_enabled(fdt, node)) {
			continue;
		}
		err = add_regs(b, fdt, node, true);
		if (err != 0) {
			return err;
		}
	}
	ram_merge(b);
	if (b->ram_count == 0) {
		return fail(b, -ENODEV, "no RAM: no usable /memory node");
	}
	return 0;
}

static int parse_reserved(struct boot_info *b, const void *fdt)
{
	int rsv_count = fdt_num_mem_rsv(fdt);
	int parent, node, err;

	for (int i = 0; i < rsv_count; i++) {
		uint64_t base, size;

		if (fdt_get_mem_rsv(fdt, i, &base, &size) != 0) {
			return fail(b, -EINVAL, "malformed /memreserve/");
		}
		err = reserve(b, base, size, BOOT_RESERVE_FIRMWARE);
		if (err != 0) {
			return err;
		}
	}
	parent = fdt_subnode_offset(fdt, 0, "reserved-memory");
	if (parent < 0) {
		return 0;
	}
	fdt_for_each_subnode(node, fdt, parent) {
		if (!fdt_is_enabled(fdt, node)) {
			continue;
		}
		err = add_regs(b, fdt, node, false);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

/*
 * The modules of the xen,domain nodes under /chosen. A module whose reg makes
 * no sense isn't reserved; the VM description's parser refuses that VM.
 */
static int parse_modules(struct boot_info *b, const void *fdt, int chosen)
{
	int vm, mod, err;

	fdt_for_each_subnode(vm, fdt, chosen) {
		if (!fdt_is_compatible(fdt, vm, "xen,domain")) {
			continue;
		}
		fdt_for_each_subnode(mod, fdt, vm) {
			uint64_t base, size;

			if (fdt_reg_raw(fdt, mod, 0, &base, &size) != 0 ||
			    !fdt_boot_is_ram(b, HPA(base), size)) {
				continue;
			}
			err = reserve(b, base, size, BOOT_RESERVE_MODULE);
			if (err != 0) {
				return err;
			}
		}
	}
	return 0;
}

static int parse_chosen(struct boot_info *b, const void *fdt)
{
	int chosen = fdt_subnode_offset(fdt, 0, "chosen");
	const char *args;
	uint64_t start, end;

	if (chosen < 0) {
		return 0;
	}
	args = fdt_prop_str(fdt, chosen, "xen,xen-bootargs");
	if (args == NULL) {
		args = fdt_prop_str(fdt, chosen, "bootargs");
	}
	if (args != NULL) {
		b->bootargs = args;
	}
	b->rng_seed = fdt_prop(fdt, chosen, "rng-seed", 1, &b->rng_seed_size);
	if (fdt_prop_number(fdt, chosen, "linux,initrd-start", &start) == 0 &&
	    fdt_prop_number(fdt, chosen, "linux,initrd-end", &end) == 0 &&
	    start < end) {
		int err;

		if (!fdt_boot_is_ram(b, HPA(start), end - start)) {
			return fail(b, -EINVAL, "the initrd isn't in RAM");
		}
		b->has_initrd = true;
		b->initrd_base = HPA(start);
		b->initrd_size = end - start;
		err = reserve(b, start, end - start, BOOT_RESERVE_INITRD);
		if (err != 0) {
			return err;
		}
	}
	return parse_modules(b, fdt, chosen);
}

static void add_cpu(struct boot_info *b, const void *fdt, int node)
{
	const char *method = fdt_prop_str(fdt, node, "enable-method");
	uint64_t mpidr;

	if (fdt_prop_number(fdt, node, "reg", &mpidr) != 0) {
		b->cpu_dropped++;
		return;
	}
	/* Without a method the CPU may still be the one that booted. */
	if (b->cpu_count == BOOT_CPU_MAX ||
	    (method != NULL && strcmp(method, "psci") != 0)) {
		b->cpu_dropped++;
		return;
	}
	b->cpu_mpidr[b->cpu_count++] = mpidr & MPIDR_AFFINITY;
}

static int parse_cpus(struct boot_info *b, const void *fdt)
{
	int cpus = fdt_subnode_offset(fdt, 0, "cpus");
	int node;

	if (cpus < 0) {
		return fail(b, -ENODEV, "no /cpus node");
	}
	fdt_for_each_subnode(node, fdt, cpus) {
		const char *type = fdt_prop_str(fdt, node, "device_type");

		if (type != NULL && strcmp(type, "cpu") == 0 &&
		    fdt_is_enabled(fdt, node)) {
			add_cpu(b, fdt, node);
		}
	}
	return b->cpu_count > 0 ? 0 :
		fail(b, -ENODEV, "no usable CPU under /cpus");
}

static void parse_psci(struct boot_info *b, const void *fdt)
{
	int node = fdt_subnode_offset(fdt, 0, "psci");
	const char *method;
	uint32_t id;

	if (node < 0) {
		return;
	}
	method = fdt_prop_str(fdt, node, "method");
	if (method == NULL) {
		return;
	}
	if (fdt_is_compatible(fdt, node, "arm,psci-1.0") ||
	    fdt_is_compatible(fdt, node, "arm,psci-0.2")) {
		b->psci_cpu_on = PSCI_0_2_CPU_ON_64;
		b->psci_system_off = PSCI_0_2_SYSTEM_OFF;
		b->psci_system_reset = PSCI_0_2_SYSTEM_RESET;
	} else if (fdt_is_compatible(fdt, node, "arm,psci") &&
		   fdt_prop_u32(fdt, node, "cpu_on", &id) == 0) {
		b->psci_cpu_on = id;
	} else {
		return;
	}
	if (strcmp(method, "smc") == 0) {
		b->psci = BOOT_PSCI_SMC;
	} else if (strcmp(method, "hvc") == 0) {
		b->psci = BOOT_PSCI_HVC;
	}
}

/* Interrupt `index` of a node, in the GIC's form of three or four cells. */
static uint32_t gic_irq(const void *fdt, int node, unsigned int index,
			uint32_t cells)
{
	size_t len;
	const uint8_t *p = fdt_prop(fdt, node, "interrupts", 0, &len);
	size_t at = (size_t)index * cells * 4;
	uint32_t type, number;

	if (p == NULL || len < at + (size_t)cells * 4) {
		return 0;
	}
	type = get_be32(p + at);
	number = get_be32(p + at + 4);
	if (type == 0 && number < 988) {
		return GIC_SPI_FIRST + number;
	}
	if (type == 1 && number < 16) {
		return GIC_PPI_FIRST + number;
	}
	return 0;
}

static int parse_gic(struct boot_info *b, const void *fdt, uint32_t *cells)
{
	int node = fdt_find_compatible(fdt, -1, "arm,gic-v3");
	uint32_t regions = 1;
	uint64_t base, size;

	if (node < 0) {
		return fail(b, -ENODEV,
			    "no GICv3 interrupt controller in the device tree");
	}
	if (fdt_prop_u32(fdt, node, "#interrupt-cells", cells) != 0 ||
	    *cells < 3 || *cells > 4) {
		return fail(b, -EINVAL, "the GIC's #interrupt-cells isn't 3 or 4");
	}
	if (fdt_reg(fdt, node, 0, &base, &size) != 0) {
		return fail(b, -EINVAL, "the GIC's distributor has no address");
	}
	b->gicd = (struct boot_range){ HPA(base), size };
	if (fdt_prop_u32(fdt, node, "#redistributor-regions", &regions) ==
	    -EINVAL || regions == 0) {
		return fail(b, -EINVAL, "bad #redistributor-regions");
	}
	if (regions > BOOT_GICR_MAX) {
		return fail(b, -ENOSPC, "too many GIC redistributor regions");
	}
	for (unsigned int i = 0; i < regions; i++) {
		if (fdt_reg(fdt, node, i + 1, &base, &size) != 0) {
			return fail(b, -EINVAL,
				    "a GIC redistributor region has no address");
		}
		b->gicr[b->gicr_count++] = (struct boot_range){ HPA(base), size };
	}
	if (fdt_prop_number(fdt, node, "redistributor-stride",
			    &b->gicr_stride) != 0) {
		b->gicr_stride = 0;
	}
	b->gic_maint_irq = gic_irq(fdt, node, 0, *cells);
	return 0;
}

static int parse_timer(struct boot_info *b, const void *fdt, uint32_t cells)
{
	int node = fdt_find_compatible(fdt, -1, "arm,armv8-timer");

	if (node < 0) {
		node = fdt_find_compatible(fdt, -1, "arm,armv7-timer");
	}
	if (node < 0) {
		return fail(b, -ENODEV, "no generic timer in the device tree");
	}
	b->timer_sec_irq = gic_irq(fdt, node, 0, cells);
	b->timer_phys_irq = gic_irq(fdt, node, 1, cells);
	b->timer_virt_irq = gic_irq(fdt, node, 2, cells);
	b->timer_hyp_irq = gic_irq(fdt, node, 3, cells);
	if (b->timer_virt_irq == 0 || b->timer_hyp_irq == 0) {
		return fail(b, -ENODEV,
			    "the timer node lacks the virtual or hypervisor interrupt");
	}
	return 0;
}

/* The node that stdout-path names ("serial0:115200n8", "/pl011@9000000"). */
static int stdout_node(const void *fdt)
{
	int chosen = fdt_subnode_offset(fdt, 0, "chosen");
	const char *path, *colon;

	if (chosen < 0) {
		return -1;
	}
	path = fdt_prop_str(fdt, chosen, "stdout-path");
	if (path == NULL) {
		path = fdt_prop_str(fdt, chosen, "linux,stdout-path");
	}
	if (path == NULL) {
		return -1;
	}
	colon = strchr(path, ':');
	return fdt_find_path(fdt, path,
			     colon != NULL ? (size_t)(colon - path) : strlen(path));
}

static void parse_uart(struct boot_info *b, const void *fdt, uint32_t cells)
{
	int node = stdout_node(fdt);
	uint64_t base, size;

	if (node < 0 || !fdt_is_compatible(fdt, node, "arm,pl011")) {
		node = fdt_find_compatible(fdt, -1, "arm,pl011");
	}
	if (node < 0 || fdt_reg(fdt, node, 0, &base, &size) != 0) {
		return;
	}
	b->has_uart = true;
	b->uart = (struct boot_range){ HPA(base), size };
	b->uart_irq = gic_irq(fdt, node, 0, cells);
}

static void parse_rtc(struct boot_info *b, const void *fdt)
{
	int node = fdt_find_compatible(fdt, -1, "arm,pl031");
	uint64_t base, size;

	if (node >= 0 && fdt_reg(fdt, node, 0, &base, &size) == 0) {
		b->has_rtc = true;
		b->rtc = (struct boot_range){ HPA(base), size };
	}
}

int fdt_boot_parse(const void *fdt, size_t limit, struct boot_info *out)
{
	uint32_t irq_cells = 3;
	const char *model;
	int err;

	memset(out, 0, sizeof(*out));
	out->bootargs = "";
	out->model = "";
	if (fdt_tree_check(fdt, limit) != 0) {
		return fail(out, -EINVAL, "the device tree is malformed");
	}
	model = fdt_prop_str(fdt, 0, "model");
	if (model != NULL) {
		out->model = model;
	}
	err = parse_memory(out, fdt);
	if (err == 0) {
		err = parse_reserved(out, fdt);
	}
	if (err == 0) {
		err = parse_chosen(out, fdt);
	}
	if (err == 0) {
		err = parse_cpus(out, fdt);
	}
	if (err == 0) {
		err = parse_gic(out, fdt, &irq_cells);
	}
	/* Before the timer, whose absence the UART may then report. */
	parse_uart(out, fdt, irq_cells);
	if (err == 0) {
		err = parse_timer(out, fdt, irq_cells);
	}
	parse_psci(out, fdt);
	parse_rtc(out, fdt);
	return err;
}
