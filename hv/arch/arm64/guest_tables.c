/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree for a guest, by libfdt.
 */
#include <arch/boot.h>

#include <arch/cpu.h>
#include <arch/vcpu.h>
#include <asm/guest_dt.h>
#include <asm/guest_map.h>

int arch_guest_tables(void *buf, size_t size, const struct arch_domain *d,
		      const struct arch_guest_boot *b)
{
	size_t limit;
	struct guest_dt_params p = {
		.vcpu_count = b->vcpu_count,
		.gicd_base = { d->vgic.gicd_base },
		.gicr_base = { d->vgic.gicr_base },
		.grant_base = arch_guest_map(d).grant_base,
		.grant_size = GUEST_GRANT_SIZE,
		.initrd_base = b->initrd_base,
		.initrd_size = b->initrd_size,
		.bootargs = b->bootargs,
		.has_kaslr_seed = b->has_kaslr_seed,
		.kaslr_seed = b->kaslr_seed,
		.rng_seed = b->rng_seed,
		.rng_seed_size = b->rng_seed_size,
		.machine = arch_boot_fdt(&limit),
		.device = b->device,
		.device_count = b->device_count,
		.virtio = b->virtio,
		.virtio_count = b->virtio_count,
	};
	int err;

	for (unsigned int i = 0; i < GUEST_DT_RAM_MAX; i++) {
		if (b->ram_size[i] != 0) {
			p.ram[p.ram_count].base = b->ram_base[i];
			p.ram[p.ram_count].size = b->ram_size[i];
			p.ram_count++;
		}
	}
	arch_simd_begin();
	err = guest_dt_build(buf, size, &p);
	arch_simd_end();
	return err;
}
