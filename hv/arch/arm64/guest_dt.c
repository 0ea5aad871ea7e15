/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree of an arm64 guest, written front to back with libfdt's
 * sequential functions. See guest_dt.h.
 *
 * Also compiled by a unit test on the build machine: no privileged code here.
 */
#include "arch/arm64/include/asm/guest_dt.h"

#include "arch/arm64/include/asm/guest_map.h"
#include "dev/fdt_lib.h"
#include "lib/fmt.h"

#define VCPU_LIMIT	128U		/* Aff1 groups of 16: what we number */
#define GIC_PHANDLE	1U

/* Interrupt specifier of the GIC's binding: type, number, flags. */
#define IRQ_TYPE_PPI	1U
#define IRQ_PPI_FIRST	16U
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
