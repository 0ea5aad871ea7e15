/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's device tree of any bytes at all: what is read is within its
 * promises, and the usable memory avoids all that is reserved. A device that
 * may be given to a VM has whole pages of its own.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/fdt_boot.h"
#include "dev/fdt_device.h"

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

static void check(const struct boot_info *info)
{
	static struct boot_range free_ram[BOOT_USABLE_MAX];
	unsigned int n = fdt_boot_usable(info, free_ram, BOOT_USABLE_MAX);

	require(info->ram_count >= 1 && info->ram_count <= BOOT_RAM_MAX);
	require(info->cpu_count >= 1 && info->cpu_count <= BOOT_CPU_MAX);
	require(info->gicr_count >= 1 && info->gicr_count <= BOOT_GICR_MAX);
	for (unsigned int i = 1; i < info->ram_count; i++) {
		require(info->ram[i].base.v > info->ram[i - 1].base.v + info->ram[i - 1].size);
	}
	for (unsigned int i = 0; i < n; i++) {
		uint64_t base = free_ram[i].base.v, end = base + free_ram[i].size;

		require(fdt_boot_is_ram(info, HPA(base), free_ram[i].size));
		for (unsigned int r = 0; r < info->reserved_count; r++) {
			const struct boot_range *x = &info->reserved[r].range;

			require(x->base.v >= end || x->base.v + x->size <= base);
		}
	}
}

static void check_device(const void *fdt, const struct boot_info *info, const char *path)
{
	struct fdt_device d;
	const char *why = NULL;

	if (fdt_device_read(fdt, info, path, &d, &why) != 0) {
		require(why != NULL);
		return;
	}
	require(d.region_count >= 1 && d.region_count <= DEVICE_REGIONS_MAX);
	require(d.irq_count <= DEVICE_IRQS_MAX && d.bus_first <= d.bus_last);
	for (unsigned int i = 0; i < d.region_count; i++) {
		uint64_t base = d.region[i].base.v, end = base + d.region[i].size;

		require(((base | end) & PAGE_MASK) == 0 && base < end);
		for (unsigned int r = 0; r < info->ram_count; r++) {
			const struct boot_range *x = &info->ram[r];

			require(x->base.v >= end || x->base.v + x->size <= base);
		}
	}
	for (unsigned int i = 0; i < d.irq_count; i++) {
		require(d.irq[i].intid >= 32 && d.irq[i].intid < 1020);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	void *copy = malloc(size + 1);	/* aligned, and its end watched */

	require(copy != NULL);
	memcpy(copy, data, size);
	if (fdt_boot_parse(copy, size, &info) == 0) {
		check(&info);
		check_device(copy, &info, "/pcie@10000000");
		check_device(copy, &info, "/level@9030000");
		check_device(copy, &info, "pci0");
	} else {
		require(info.error[0] != '\0');
	}
	free(copy);
	return 0;
}
