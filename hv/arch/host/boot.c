/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: what a boot finds (a machine without devices), and what a
 * guest is told.
 */
#include "dev/fdt_boot.h"
#include "harness.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include <arch/boot.h>

const struct boot_info *arch_boot_info(void)
{
	static const struct boot_info info = {
		.ram = { { { HOST_RAM_BASE }, HOST_RAM_SIZE } },
		.ram_count = 1,
		.cpu_count = CPU_MAX,
		.bootargs = "",
		.model = "host process",
	};

	return &info;
}

static const void *machine_fdt;
static size_t machine_fdt_size;
static void *machine_registers;

void host_machine_fdt(const void *fdt, size_t size)
{
	machine_fdt = fdt;
	machine_fdt_size = size;
}

void host_machine_registers(void *registers)
{
	machine_registers = registers;
}

const void *arch_boot_fdt(size_t *limit)
{
	*limit = machine_fdt_size;
	return machine_fdt;
}

void *arch_map_device(hpa_t pa, uint64_t size)
{
	if (machine_registers != NULL) {
		return machine_registers;
	}
	host_fatal("the host port has no device at 0x%llx (%llu bytes)",
		   (unsigned long long)pa.v, (unsigned long long)size);
}

void arch_irq_enable(unsigned int irq)
{
	host_fatal("the host port has no interrupt %u", irq);
}

void arch_enter(void)
{
	host_fatal("guests of the host port are entered by tests");
}

int arch_guest_tables(void *buf, size_t size, const struct arch_domain *d,
		      const struct arch_guest_boot *b)
{
	struct host_guest_tables t = { .magic = HOST_GUEST_TABLES_MAGIC, .boot = *b };

	(void)d;
	if (size < sizeof(t)) {
		return -ENOSPC;
	}
	if (b->bootargs != NULL &&
	    str_copy(t.bootargs, b->bootargs, sizeof(t.bootargs)) >= sizeof(t.bootargs)) {
		return -ENOSPC;
	}
	t.boot.bootargs = NULL;
	memcpy(buf, &t, sizeof(t));
	return 0;
}
