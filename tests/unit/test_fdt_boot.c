/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's device tree: what is read, what is refused and how.
 */
#include <stdio.h>
#include <string.h>

#include "fdt_make.h"

#include "dev/fdt_boot.h"

/* What a machine() tree leaves out or has in another form. */
enum variant {
	WHOLE, NO_MEMORY, NO_GIC, NO_TIMER, NO_CPUS, NO_UART, STDOUT_ALIAS,
	ALIAS_LOOP,
	PSCI_01, MANY_CPUS, SOC_BUS, BAD_INITRD,
};

static struct boot_info info;

static void cpu(unsigned int id, const char *method)
{
	char name[16];

	snprintf(name, sizeof(name), "cpu@%x", id);
	fm_begin(name);
	fm_str("device_type", "cpu");
	fm_str("compatible", "arm,cortex-a57");
	fm_cells("reg", 1, id);
	if (method != NULL) {
		fm_str("enable-method", method);
	}
	fm_end();
}

static void cpus(enum variant v)
{
	fm_begin("cpus");
	fm_cells("#address-cells", 1, 1);
	fm_cells("#size-cells", 1, 0);
	cpu(0, "psci");
	cpu(0x101, "psci");
	cpu(2, "spin-table");
	for (unsigned int i = 0; v == MANY_CPUS && i < 9; i++) {
		cpu(0x200 + i, "psci");
	}
	fm_begin("cpu-map");
	fm_end();
	fm_end();
}

static void uart(const char *name, unsigned int base, unsigned int spi)
{
	fm_begin(name);
	fm_str2("compatible", "arm,pl011", "arm,primecell");
	fm_cells("reg", 4, 0, base, 0, 0x1000);
	fm_cells("interrupts", 3, 0, spi, 4);
	fm_end();
}

static void devices(enum variant v)
{
	if (v != NO_GIC) {
		fm_begin("intc@8000000");
		fm_str("compatible", "arm,gic-v3");
		fm_cells("#interrupt-cells", 1, 3);
		fm_cells("#redistributor-regions", 1, 2);
		fm_cells("reg", 12, 0, 0x8000000, 0, 0x10000,
			 0, 0x80a0000, 0, 0xf60000, 0x40, 0, 0, 0x4000000);
		fm_cells("interrupts", 3, 1, 9, 4);
		fm_end();
	}
	if (v != NO_TIMER) {
		fm_begin("timer");
		fm_str("compatible", "arm,armv8-timer");
		fm_cells("interrupts", 12, 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10,
			 4);
		fm_end();
	}
	if (v != NO_UART) {
		uart("pl011@9000000", 0x9000000, 1);
		uart("pl011@9040000", 0x9040000, 8);
	}
	fm_begin("pl031@9010000");
	fm_str2("compatible", "arm,pl031", "arm,primecell");
	fm_cells("reg", 4, 0, 0x9010000, 0, 0x1000);
	fm_end();
	fm_begin("psci");
	if (v == PSCI_01) {
		fm_str("compatible", "arm,psci");
		fm_cells("cpu_on", 1, 0x95c1ba60);
		fm_str("method", "hvc");
	} else {
		fm_str2("compatible", "arm,psci-1.0", "arm,psci-0.2");
		fm_str("method", "smc");
	}
	fm_end();
}

static void chosen(enum variant v)
{
	fm_begin("chosen");
	fm_str("bootargs", "loglevel=debug");
	if (v == STDOUT_ALIAS) {
		fm_str("stdout-path", "serial1:115200n8");
	}
	if (v == ALIAS_LOOP) {
		fm_str("stdout-path", "loop");
	}
	fm_cells("linux,initrd-start", 1,
		 v == BAD_INITRD ? 0x10000000 : 0x48000000);
	fm_cells("linux,initrd-end", 2, 0,
		 v == BAD_INITRD ? 0x10000010 : 0x48001234);
	fm_begin("dom1");
	fm_str("compatible", "xen,domain");
	fm_cells("#address-cells", 1, 2);
	fm_cells("#size-cells", 1, 1);
	fm_begin("kernel@50000000");
	fm_str("compatible", "multiboot,kernel");
	fm_cells("reg", 3, 0, 0x50000000, 0x1800);
	fm_end();
	fm_begin("ramdisk@10");	/* not RAM: not reserved */
	fm_str("compatible", "multiboot,ramdisk");
	fm_cells("reg", 3, 0, 0x10, 0x1800);
	fm_end();
	fm_end();
	fm_end();
}

static void memory(enum variant v)
{
	if (v != NO_MEMORY) {
		fm_begin("memory@800000000");
		fm_str("device_type", "memory");
		fm_cells("reg", 8, 8, 0, 1, 0, 0x0, 0x60000000, 0, 0x10000000);
		fm_end();
		fm_begin("memory@40000000");
		fm_str("device_type", "memory");
		fm_cells("reg", 4, 0, 0x40000000, 0, 0x20000800);
		fm_end();
	}
	fm_begin("reserved-memory");
	fm_cells("#address-cells", 1, 2);
	fm_cells("#size-cells", 1, 2);
	fm_flag("ranges");
	fm_begin("secure@41000000");
	fm_cells("reg", 4, 0, 0x41000000, 0, 0x100000);
	fm_flag("no-map");
	fm_end();
	fm_end();
}

static void soc(void)
{
	fm_begin("soc");
	fm_str("compatible", "simple-bus");
	fm_cells("#address-cells", 1, 1);
	fm_cells("#size-cells", 1, 1);
	fm_cells("ranges", 4, 0x1000, 1, 0x20001000, 0x10000);
	fm_begin("serial@2000");
	fm_str("compatible", "arm,pl011");
	fm_cells("reg", 2, 0x2000, 0x1000);
	fm_end();
	fm_end();
}

static int machine(enum variant v)
{
	size_t size;

	fm_start();
	assert_int_equal(fdt_add_reservemap_entry(fm_buf, 0x40000000, 0x2345),
			 0);
	fm_root();
	fm_str("model", "test machine");
	fm_cells("#address-cells", 1, 2);
	fm_cells("#size-cells", 1, 2);
	if (v == SOC_BUS) {
		soc();
	}
	fm_begin("aliases");
	fm_str("serial1", "/pl011@9040000");
	fm_str("loop", "loop");
	fm_end();
	chosen(v);
	memory(v);
	if (v != NO_CPUS) {
		cpus(v);
	}
	devices(v);
	size = fm_finish();
	return fdt_boot_parse(fm_buf, size, &info);
}

static void test_whole(void **state)
{
	assert_int_equal(machine(WHOLE), 0);
	assert_string_equal(info.error, "");
	assert_string_equal(info.model, "test machine");
	assert_string_equal(info.bootargs, "loglevel=debug");

	/* Touching banks are joined, partial pages dropped, all sorted. */
	assert_int_equal(info.ram_count, 2);
	assert_true(info.ram[0].base.v == 0x40000000);
	assert_true(info.ram[0].size == 0x30000000);
	assert_true(info.ram[1].base.v == 0x800000000);
	assert_true(info.ram[1].size == 0x100000000);

	assert_int_equal(info.cpu_count, 2);
	assert_int_equal(info.cpu_dropped, 1);
	assert_true(info.cpu_mpidr[1] == 0x101);
	assert_int_equal(info.psci, BOOT_PSCI_SMC);
	assert_true(info.psci_cpu_on == 0xc4000003);

	assert_true(info.gicd.base.v == 0x8000000);
	assert_int_equal(info.gicr_count, 2);
	assert_true(info.gicr[0].base.v == 0x80a0000);
	assert_true(info.gicr[1].base.v == 0x4000000000);
	assert_true(info.gicr[1].size == 0x4000000);
	assert_int_equal(info.gic_maint_irq, 25);

	assert_int_equal(info.timer_sec_irq, 29);
	assert_int_equal(info.timer_phys_irq, 30);
	assert_int_equal(info.timer_virt_irq, 27);
	assert_int_equal(info.timer_hyp_irq, 26);

	assert_true(info.has_uart);
	assert_true(info.uart.base.v == 0x9000000);
	assert_int_equal(info.uart_irq, 33);
	assert_true(info.has_rtc);
	assert_true(info.rtc.base.v == 0x9010000);
}

static void test_reserved(void **state)
{
	struct boot_range free[BOOT_USABLE_MAX];
	unsigned int n;
	uint64_t sum = 0;

	assert_int_equal(machine(WHOLE), 0);
	assert_true(info.has_initrd);
	assert_true(info.initrd_base.v == 0x48000000);
	assert_true(info.initrd_size == 0x1234);
	assert_int_equal(info.reserved_count, 4);
	assert_int_equal(info.reserved[0].kind, BOOT_RESERVE_FIRMWARE);
	assert_true(info.reserved[0].range.size == 0x3000);
	assert_true(info.reserved[1].range.base.v == 0x41000000);
	assert_int_equal(info.reserved[2].kind, BOOT_RESERVE_INITRD);
	assert_int_equal(info.reserved[3].kind, BOOT_RESERVE_MODULE);
	assert_true(info.reserved[3].range.size == 0x2000);

	/* A module may lie where modules lie, nowhere else that is reserved. */
	assert_true(fdt_boot_is_taken(&info, HPA(0x40ffffff), 2));
	assert_true(fdt_boot_is_taken(&info, HPA(0x48000800), 1));
	assert_false(fdt_boot_is_taken(&info, HPA(0x48002000), 0x1000));
	assert_false(fdt_boot_is_taken(&info, HPA(0x50000000), 0x1800));

	n = fdt_boot_usable(&info, free, BOOT_USABLE_MAX);
	for (unsigned int i = 0; i < n; i++) {
		sum += free[i].size;
		assert_true(i == 0 || free[i].base.v >=
			    free[i - 1].base.v + free[i - 1].size);
		for (unsigned int r = 0; r < info.reserved_count; r++) {
			const struct boot_range *x = &info.reserved[r].range;

			assert_true(x->base.v >= free[i].base.v + free[i].size ||
				    x->base.v + x->size <= free[i].base.v);
		}
	}
	assert_true(sum == info.ram[0].size + info.ram[1].size - 0x3000 -
		    0x100000 - 0x2000 - 0x2000);
	/* Too small an array loses ranges, but is not overrun. */
	assert_int_equal(fdt_boot_usable(&info, free, 2), 2);
}

static void test_reserve_limits(void **state)
{
	struct boot_range free[BOOT_USABLE_MAX];

	memset(&info, 0, sizeof(info));
	info.ram[0] = (struct boot_range){ HPA(0), 0x10000000 };
	info.ram_count = 1;
	assert_int_equal(fdt_boot_reserve(&info, HPA(UINT64_MAX - 10), 100,
					  BOOT_RESERVE_FDT), -EINVAL);
	for (unsigned int i = 0; i < BOOT_RESERVED_MAX; i++) {
		assert_int_equal(fdt_boot_reserve(&info,
			HPA(0x1000000 - (uint64_t)i * 0x4000), 1,
			BOOT_RESERVE_FDT), 0);
	}
	assert_int_equal(fdt_boot_reserve(&info, HPA(0), 1, BOOT_RESERVE_FDT),
			 -ENOSPC);
	for (unsigned int i = 1; i < BOOT_RESERVED_MAX; i++) {
		assert_true(info.reserved[i].range.base.v >
			    info.reserved[i - 1].range.base.v);
	}
	assert_int_equal(fdt_boot_usable(&info, free, BOOT_USABLE_MAX),
			 BOOT_RESERVED_MAX + 1);
	assert_true(fdt_boot_is_ram(&info, HPA(0), 0x10000000));
	assert_false(fdt_boot_is_ram(&info, HPA(1), 0x10000000));
	assert_false(fdt_boot_is_ram(&info, HPA(0x1000), UINT64_MAX));
}

static void test_uart(void **state)
{
	assert_int_equal(machine(STDOUT_ALIAS), 0);
	assert_true(info.uart.base.v == 0x9040000);
	assert_int_equal(info.uart_irq, 40);
	assert_int_equal(machine(ALIAS_LOOP), 0);
	assert_true(info.uart.base.v == 0x9000000);
	assert_int_equal(machine(NO_UART), 0);
	assert_false(info.has_uart);
	/* Behind a bus: the address goes through `ranges`. */
	assert_int_equal(machine(SOC_BUS), 0);
	assert_true(info.uart.base.v == 0x120002000);
}

static void test_psci_01(void **state)
{
	assert_int_equal(machine(PSCI_01), 0);
	assert_int_equal(info.psci, BOOT_PSCI_HVC);
	assert_true(info.psci_cpu_on == 0x95c1ba60);
	assert_int_equal(info.psci_system_off, 0);
}

static void test_many_cpus(void **state)
{
	assert_int_equal(machine(MANY_CPUS), 0);
	assert_int_equal(info.cpu_count, BOOT_CPU_MAX);
	assert_int_equal(info.cpu_dropped, 4);
}

static void refuses(enum variant v, int err, const char *word)
{
	assert_int_equal(machine(v), err);
	assert_non_null(strstr(info.error, word));
}

static void test_refused(void **state)
{
	refuses(NO_MEMORY, -ENODEV, "RAM");
	refuses(NO_GIC, -ENODEV, "GICv3");
	/* The console is known all the same, so that the error can be told. */
	assert_true(info.has_uart);
	refuses(NO_TIMER, -ENODEV, "timer");
	refuses(NO_CPUS, -ENODEV, "cpus");
	refuses(BAD_INITRD, -EINVAL, "initrd");
}

/* Every single-byte change and every cut is survived (ASan watches). */
static void test_damaged(void **state)
{
	size_t size;
	uint8_t *copy;

	assert_int_equal(machine(WHOLE), 0);
	size = fdt_totalsize(fm_buf);
	copy = test_malloc(size);
	for (size_t i = 0; i < size; i++) {
		memcpy(copy, fm_buf, size);
		copy[i] ^= 0xff;
		(void)!fdt_boot_parse(copy, size, &info);
	}
	test_free(copy);
	for (size_t cut = 0; cut < size; cut += 7) {
		copy = test_malloc(cut + 1);
		memcpy(copy, fm_buf, cut);
		assert_int_equal(fdt_boot_parse(copy, cut, &info), -EINVAL);
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_reserve_limits),
		cmocka_unit_test(test_uart),
		cmocka_unit_test(test_psci_01),
		cmocka_unit_test(test_many_cpus),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
