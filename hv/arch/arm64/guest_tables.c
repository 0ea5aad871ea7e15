/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree for a guest, by libfdt. The library was compiled with SIMD
 * registers, which may hold a guest's values: they are kept safe around it.
 */
#include <arch/boot.h>

#include "kern/cpu.h"
#include <arch/vcpu.h>
#include <asm/fp.h>
#include <asm/guest_dt.h>
#include <asm/guest_map.h>

int arch_guest_tables(void *buf, size_t size, const struct arch_guest_boot *b)
{
	struct guest_dt_params p = {
		.vcpu_count = b->vcpu_count,
		.gicd_base = { GUEST_GICD_BASE },
		.gicr_base = { GUEST_GICR_BASE },
		.grant_base = { GUEST_GRANT_BASE },
		.grant_size = GUEST_GRANT_SIZE,
		.initrd_base = b->initrd_base,
		.initrd_size = b->initrd_size,
		.bootargs = b->bootargs,
		.has_kaslr_seed = b->has_kaslr_seed,
		.kaslr_seed = b->kaslr_seed,
	};
	struct arch_vcpu *v = this_cpu()->frame;
	int err;

	for (unsigned int i = 0; i < GUEST_DT_RAM_MAX; i++) {
		if (b->ram_size[i] != 0) {
			p.ram[p.ram_count].base = b->ram_base[i];
			p.ram[p.ram_count].size = b->ram_size[i];
			p.ram_count++;
		}
	}
	if (v != NULL) {
		fp_save(&v->fp);
	}
	err = guest_dt_build(buf, size, &p);
	if (v != NULL) {
		fp_load(&v->fp);
	}
	return err;
}
