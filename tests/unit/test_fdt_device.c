/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of the machine's tree that may be given to a VM: what is read of
 * them, and what is refused with which words.
 */
#include <stdio.h>
#include <string.h>

#include "machine_fdt.h"

#include "dev/fdt_device.h"

static struct boot_info info;
static struct fdt_device device;
static const char *why;

static int look(enum mf_pci v, const char *path)
{
	size_t size = mf_make(v);

	assert_int_equal(fdt_boot_parse(fm_buf, size, &info), 0);
	why = NULL;
	return fdt_device_read(fm_buf, &info, path, &device, &why);
}

static void refused(enum mf_pci v, const char *path, int err, const char *words)
{
	assert_int_equal(look(v, path), err);
	assert_non_null(why);
	if (strstr(why, words) == NULL) {
		print_message("%s: %s\n", path, why);
	}
	assert_non_null(strstr(why, words));
}

static void is_region(unsigned int i, uint64_t base, uint64_t size)
{
	assert_true(i < device.region_count);
	assert_true(device.region[i].base.v == base);
	assert_true(device.region[i].size == size);
}

static void test_pci(void **state)
{
	assert_int_equal(look(MF_PCI_GOOD, MF_PCI), 0);
	assert_string_equal(device.path, MF_PCI);
	assert_true(device.is_pci);
	assert_int_equal(device.bus_first, 0);
	assert_int_equal(device.bus_last, 1);
	assert_int_equal(device.region_count, 4);
	is_region(0, MF_ECAM, MF_ECAM_SIZE);
	is_region(1, 0x3eff0000, 0x10000);
	is_region(2, 0x10000000, 0x2eff0000);
	is_region(3, 0x8000000000, 0x80000000);
	assert_int_equal(device.irq_count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(device.irq[i].intid, 35 + i);
		assert_false(device.irq[i].edge);
	}
}

static void test_alias(void **state)
{
	assert_int_equal(look(MF_PCI_GOOD, "pci0"), 0);
	assert_true(device.is_pci);
	refused(MF_PCI_GOOD, "loop", -ENOENT, "no such node");
	refused(MF_PCI_GOOD, "pci1", -ENOENT, "no such node");
}

static void test_others(void **state)
{
	assert_int_equal(look(MF_PCI_GOOD, "/level@9030000"), 0);
	assert_false(device.is_pci);
	is_region(0, 0x9030000, 0x1000);
	assert_int_equal(device.irq_count, 1);
	assert_int_equal(device.irq[0].intid, 39);
	assert_false(device.irq[0].edge);

	assert_int_equal(look(MF_PCI_GOOD, "/edge@9040000"), 0);
	assert_true(device.irq[0].edge);

	/* Through the ranges of the bus that it is on. */
	assert_int_equal(look(MF_PCI_GOOD, "/bus@20000000/inner@2000"), 0);
	is_region(0, 0x0b001000, 0x1000);
	assert_int_equal(device.irq_count, 2);
	assert_int_equal(device.irq[1].intid, 53);
	assert_true(device.irq[1].edge);
}

static void test_refused(void **state)
{
	char path[80] = "/";

	refused(MF_PCI_GOOD, "/nothing@0", -ENOENT, "no such node");
	refused(MF_PCI_GOOD, "", -ENOENT, "no such node");
	memset(path + 1, 'a', 70);
	refused(MF_PCI_GOOD, path, -ENOENT, "no such node");
	refused(MF_PCI_GOOD, "/", -EINVAL, "the whole machine");
	refused(MF_PCI_GOOD, "/intc@8000000", -EINVAL, "the whole machine");
	refused(MF_PCI_GOOD, "/intc@8000000/its@8080000", -EINVAL, "the whole machine");
	refused(MF_PCI_GOOD, "/smmu@9050000", -EINVAL, "the whole machine");
	refused(MF_PCI_GOOD, "/pl011@9000000", -EINVAL, "used by the hypervisor");
	refused(MF_PCI_GOOD, "/pl031@9010000", -EINVAL, "used by the hypervisor");
	refused(MF_PCI_GOOD, "/memory@40000000", -EINVAL, "RAM");
	refused(MF_PCI_GOOD, "/timer", -EINVAL, "no registers");
	refused(MF_PCI_GOOD, "/cpus", -EINVAL, "no registers");
	refused(MF_PCI_GOOD, "/cpus/cpu@0", -EINVAL, "no registers");
	refused(MF_PCI_GOOD, "/small@a000200", -EINVAL, "whole pages");
	refused(MF_PCI_GOOD, "/uartirq@9100000", -EINVAL, "UART");
}

static void test_bad_pci(void **state)
{
	refused(MF_PCI_DISABLED, MF_PCI, -EINVAL, "disabled");
	refused(MF_PCI_KIND, MF_PCI, -EINVAL, "kind of PCI host");
	refused(MF_PCI_BUSES, MF_PCI, -EINVAL, "bus-range");
	refused(MF_PCI_RANGES, MF_PCI, -EINVAL, "ranges");
	refused(MF_PCI_IN_RAM, MF_PCI, -EINVAL, "RAM");
	refused(MF_PCI_IRQ_PARENT, MF_PCI, -EINVAL, "don't go to the GIC");
	refused(MF_PCI_IRQ_PPI, MF_PCI, -EINVAL, "no shared one");
	refused(MF_PCI_MAP_CUT, MF_PCI, -EINVAL, "malformed");
}

static void test_overlaps(void **state)
{
	struct fdt_device pci, other;

	assert_int_equal(look(MF_PCI_GOOD, MF_PCI), 0);
	pci = device;
	assert_true(fdt_device_overlaps(&pci, &device));
	assert_int_equal(look(MF_PCI_GOOD, "/level@9030000"), 0);
	assert_false(fdt_device_overlaps(&pci, &device));
	assert_int_equal(look(MF_PCI_GOOD, "/shares@9110000"), 0);
	assert_true(fdt_device_overlaps(&pci, &device));
	other = (struct fdt_device){ .region = { { HPA(0x3effe000), 0x2000 } }, .region_count = 1 };
	assert_true(fdt_device_overlaps(&pci, &other));
	other.region[0].base = HPA(0x3f200000);
	assert_false(fdt_device_overlaps(&pci, &other));
}

static void test_no_tree(void **state)
{
	assert_int_equal(fdt_device_read(NULL, &info, MF_PCI, &device, &why), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pci), cmocka_unit_test(test_alias),
		cmocka_unit_test(test_others), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_pci), cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_no_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
