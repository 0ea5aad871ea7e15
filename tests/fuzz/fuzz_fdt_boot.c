/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's device tree of any bytes at all: what is read is within its
 * promises, and the usable memory avoids all that is reserved.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/fdt_boot.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	void *copy = malloc(size + 1);	/* aligned, and its end watched */

	require(copy != NULL);
	memcpy(copy, data, size);
	if (fdt_boot_parse(copy, size, &info) == 0) {
		check(&info);
	} else {
		require(info.error[0] != '\0');
	}
	free(copy);
	return 0;
}
