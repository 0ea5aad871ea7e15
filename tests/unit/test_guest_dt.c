/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's device tree, read back as Linux reads it. The arm64 port isn't
 * part of the host's core, so its file is compiled into this test.
 */
#include <stdio.h>
#include <string.h>

#include "machine_fdt.h"

#include "arch/arm64/guest_dt.c"

static uint64_t buf[GUEST_DT_SIZE / 8];

static struct guest_dt_params params(void)
{
	return (struct guest_dt_params){
		.ram = { { GPA(GUEST_RAM0_BASE), 0x8000000 } },
		.ram_count = 1,
		.vcpu_count = 1,
		.gicd_base = GPA(GUEST_GICD_BASE),
		.gicr_base = GPA(GUEST_GICR_BASE),
		.grant_base = GPA(GUEST_GRANT_BASE),
		.grant_size = GUEST_GRANT_SIZE,
	};
}

static int build(const struct guest_dt_params *p)
{
	int err = guest_dt_build(buf, sizeof(buf), p);

	if (err == 0) {
		assert_int_equal(fdt_tree_check(buf, sizeof(buf)), 0);
	}
	return err;
}

static int at(const char *path)
{
	int node = fdt_path_offset(buf, path);

	if (node < 0) {
		print_message("no node %s\n", path);
	}
	assert_true(node >= 0);
	return node;
}

static void has_u32(int node, const char *name, uint32_t want)
{
	uint32_t v;

	assert_int_equal(fdt_prop_u32(buf, node, name, &v), 0);
	assert_int_equal(v, want);
}

static void has_reg(int node, unsigned int i, uint64_t base, uint64_t size)
{
	uint64_t b, s;

	assert_int_equal(fdt_reg(buf, node, i, &b, &s), 0);
	assert_true(b == base && s == size);
}

static void test_least(void **state)
{
	struct guest_dt_params p = params();
	uint64_t v;
	int node;

	assert_int_equal(build(&p), 0);
	has_u32(0, "#address-cells", 2);
	has_u32(0, "#size-cells", 2);

	node = at("/memory@40000000");
	assert_string_equal(fdt_prop_str(buf, node, "device_type"), "memory");
	has_reg(node, 0, 0x40000000, 0x8000000);

	node = at("/chosen");
	assert_null(fdt_prop(buf, node, "bootargs", 0, NULL));
	assert_null(fdt_prop(buf, node, "linux,initrd-start", 0, NULL));
	/* Its presence alone would turn KASLR, and with it KPTI, on. */
	assert_int_equal(fdt_prop_number(buf, node, "kaslr-seed", &v), -ENOENT);

	node = at("/psci");
	assert_true(fdt_is_compatible(buf, node, "arm,psci-1.0"));
	assert_true(fdt_is_compatible(buf, node, "arm,psci-0.2"));
	assert_string_equal(fdt_prop_str(buf, node, "method"), "hvc");
}

static void test_interrupts(void **state)
{
	struct guest_dt_params p = params();
	const uint8_t *irq;
	size_t len;
	int node;

	p.vcpu_count = 4;
	assert_int_equal(build(&p), 0);
	node = at("/interrupt-controller@3001000");
	assert_true(fdt_is_compatible(buf, node, "arm,gic-v3"));
	has_u32(node, "#interrupt-cells", 3);
	has_reg(node, 0, 0x3001000, 0x10000);
	has_reg(node, 1, 0x3020000, 4 * 0x20000);
	has_u32(0, "interrupt-parent", fdt_get_phandle(buf, node));

	node = at("/timer");
	assert_true(fdt_is_compatible(buf, node, "arm,armv8-timer"));
	irq = fdt_prop(buf, node, "interrupts", 36, &len);
	assert_non_null(irq);
	assert_int_equal(len, 36);
	assert_int_equal(get_be32(irq + 4), 13);
	assert_int_equal(get_be32(irq + 16), 14);
	assert_int_equal(get_be32(irq + 28), 11);
}

static void test_virtio(void **state)
{
	static const struct arch_guest_virtio virtio[] = {
		{ .base = { 0x2000000 }, .irq = 32, .vif = 0 },
		{ .base = { 0x2002000 }, .irq = 47, .vif = 2 },
	};
	struct guest_dt_params p = params();
	const uint8_t *irq;
	size_t len;
	int node;

	p.virtio = virtio;
	p.virtio_count = 2;
	assert_int_equal(build(&p), 0);
	node = at("/virtio_mmio@2000000");
	assert_true(fdt_is_compatible(buf, node, "virtio,mmio"));
	assert_non_null(fdt_prop(buf, node, "dma-coherent", 0, NULL));
	has_reg(node, 0, 0x2000000, 0x1000);
	node = at("/virtio_mmio@2002000");
	has_u32(node, "mv,vif", 2);
	irq = fdt_prop(buf, node, "interrupts", 12, &len);
	assert_non_null(irq);
	/* SPI 15, edge. */
	assert_int_equal(get_be32(irq), 0);
	assert_int_equal(get_be32(irq + 4), 15);
	assert_int_equal(get_be32(irq + 8), 1);
	(void)state;
}

/* enlighten.c: exact name, depth 1, first string starts with "xen,xen-". */
static void test_hypervisor(void **state)
{
	struct guest_dt_params p = params();
	const uint8_t *irq;
	size_t len;
	int node;

	assert_int_equal(build(&p), 0);
	node = at("/hypervisor");
	assert_string_equal(fdt_get_name(buf, node, NULL), "hypervisor");
	assert_memory_equal(fdt_prop_str(buf, node, "compatible"), "xen,xen-",
			    8);
	assert_true(fdt_is_compatible(buf, node, "xen,xen"));
	has_reg(node, 0, 0x38000000, 0x1000000);
	irq = fdt_prop(buf, node, "interrupts", 12, &len);
	assert_non_null(irq);
	assert_int_equal(get_be32(irq), 1);
	assert_int_equal(get_be32(irq + 4), 15);
	assert_int_equal(get_be32(irq + 8), 0xf08);
}

static void test_cpus(void **state)
{
	struct guest_dt_params p = params();
	unsigned int n = 0;
	int node;

	p.vcpu_count = 18;
	assert_int_equal(build(&p), 0);
	fdt_for_each_subnode(node, buf, at("/cpus")) {
		assert_string_equal(fdt_prop_str(buf, node, "enable-method"),
				    "psci");
		has_u32(node, "reg", n < 16 ? n : 0x100 + n - 16);
		n++;
	}
	assert_int_equal(n, 18);
}

static void test_most(void **state)
{
	static char args[2048];
	struct guest_dt_params p = params();
	uint64_t v;
	int node;

	memset(args, 'a', sizeof(args) - 1);
	p.vcpu_count = 8;
	p.ram[1] = (struct guest_dt_ram){ GPA(GUEST_RAM1_BASE), GIB(4) };
	p.ram_count = 2;
	p.bootargs = args;
	p.initrd_base = GPA(0x48000000);
	p.initrd_size = 12345;
	p.has_kaslr_seed = true;
	p.kaslr_seed = 0x0123456789abcdef;
	assert_int_equal(build(&p), 0);
	node = at("/chosen");
	assert_string_equal(fdt_prop_str(buf, node, "bootargs"), args);
	assert_int_equal(fdt_prop_number(buf, node, "linux,initrd-start", &v),
			 0);
	assert_true(v == 0x48000000);
	assert_int_equal(fdt_prop_number(buf, node, "linux,initrd-end", &v), 0);
	assert_true(v == 0x48000000 + 12345);
	assert_int_equal(fdt_prop_number(buf, node, "kaslr-seed", &v), 0);
	assert_true(v == 0x0123456789abcdef);
	has_reg(at("/memory@200000000"), 0, 0x200000000, GIB(4));
}

/* --- devices of the machine -------------------------------------------------- */

static struct boot_info machine;
static struct fdt_device device[2];

static void build_with(const char *path)
{
	struct guest_dt_params p = params();
	const char *why;

	assert_int_equal(fdt_boot_parse(fm_buf, mf_make(MF_PCI_GOOD), &machine), 0);
	assert_int_equal(fdt_device_read(fm_buf, &machine, path, &device[0], &why), 0);
	assert_int_equal(fdt_device_read(fm_buf, &machine, "/level@9030000", &device[1], &why), 0);
	p.machine = fm_buf;
	p.device = device;
	p.device_count = 2;
	assert_int_equal(build(&p), 0);
}

static void has_cells(int node, const char *name, size_t count, ...)
{
	size_t len;
	const uint8_t *v = fdt_prop(buf, node, name, 0, &len);
	va_list ap;

	assert_non_null(v);
	assert_int_equal(len, count * 4);
	va_start(ap, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(get_be32(v + i * 4), va_arg(ap, unsigned int));
	}
	va_end(ap);
}

static void has_not(int node, const char *name)
{
	assert_null(fdt_getprop(buf, node, name, NULL));
}

static void test_pci_host(void **state)
{
	uint32_t gic;
	size_t len;
	const uint8_t *map;
	int node;

	build_with(MF_PCI);
	gic = fdt_get_phandle(buf, at("/interrupt-controller@3001000"));
	node = at(MF_PCI);
	assert_true(fdt_is_compatible(buf, node, "pci-host-ecam-generic"));
	assert_string_equal(fdt_prop_str(buf, node, "device_type"), "pci");
	has_reg(node, 0, MF_ECAM, MF_ECAM_SIZE);
	has_cells(node, "bus-range", 2, 0, 1);
	has_cells(node, "interrupt-map-mask", 4, 0x1800, 0, 0, 7);
	has_cells(node, "ranges", 21,
		  0x01000000, 0, 0, 0, 0x3eff0000, 0, 0x10000,
		  0x02000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000,
		  0x03000000, 0x80, 0, 0x80, 0, 0, 0x80000000U);
	has_cells(node, "#address-cells", 1, 3);
	assert_non_null(fdt_getprop(buf, node, "dma-coherent", NULL));
	/* Neither MSIs nor an IOMMU, and nothing that names a foreign node. */
	has_not(node, "msi-map");
	has_not(node, "iommu-map");
	/* The guest's GIC has #address-cells 0: 8 cells where there were 10. */
	has_u32(at("/interrupt-controller@3001000"), "#address-cells", 0);
	map = fdt_prop(buf, node, "interrupt-map", 0, &len);
	assert_int_equal(len, 16 * 32);
	for (unsigned int i = 0; i < 16; i++, map += 32) {
		assert_int_equal(get_be32(map), i / 4 << 11);
		assert_int_equal(get_be32(map + 12), i % 4 + 1);
		assert_int_equal(get_be32(map + 16), gic);
		assert_int_equal(get_be32(map + 20), 0);
		assert_int_equal(get_be32(map + 24), 3 + (i / 4 + i) % 4);
		assert_int_equal(get_be32(map + 28), 4);
	}
}

static void test_other_devices(void **state)
{
	int node;

	build_with("/bus@20000000/inner@2000");
	node = at("/inner@2000");
	/* At the root, so with the root's addresses. */
	has_reg(node, 0, 0x0b001000, 0x1000);
	has_cells(node, "interrupts", 6, 0, 20, 4, 0, 21, 1);
	node = at("/level@9030000");
	has_reg(node, 0, 0x9030000, 0x1000);
	has_cells(node, "interrupts", 3, 0, 7, 4);
	has_cells(node, "test,value", 2, 1, 2);
	assert_non_null(fdt_getprop(buf, node, "dma-coherent", NULL));
	has_not(node, "clocks");
	has_not(node, "reset-gpios");
	has_not(node, "pinctrl-0");
	has_not(node, "phandle");
	assert_int_equal(fdt_num_mem_rsv(buf), 0);
}

static void test_device_without_a_machine(void **state)
{
	struct guest_dt_params p = params();

	build_with(MF_PCI);
	memset(fm_buf, 0, sizeof(fm_buf));
	p.machine = fm_buf;
	p.device = device;
	p.device_count = 1;
	assert_int_equal(build(&p), -EINVAL);
}

static void test_refused(void **state)
{
	struct guest_dt_params p = params();

	for (size_t size = 0; size < 1024; size++) {
		uint8_t *small = test_malloc(size + 8);

		assert_int_equal(guest_dt_build(small, size, &p), -ENOSPC);
		test_free(small);
	}
	p.vcpu_count = 0;
	assert_int_equal(build(&p), -EINVAL);
	p = params();
	p.ram_count = GUEST_DT_RAM_MAX + 1;
	assert_int_equal(build(&p), -EINVAL);
	p = params();
	p.initrd_base = GPA(UINT64_MAX);
	p.initrd_size = 2;
	assert_int_equal(build(&p), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_virtio),
		cmocka_unit_test(test_hypervisor),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_most),
		cmocka_unit_test(test_pci_host),
		cmocka_unit_test(test_other_devices),
		cmocka_unit_test(test_device_without_a_machine),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
