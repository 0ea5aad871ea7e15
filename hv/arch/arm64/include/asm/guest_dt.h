/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree of an arm64 guest.
 *
 * Locking: none.
 */
#ifndef ASM_GUEST_DT_H
#define ASM_GUEST_DT_H

#include "lib/types.h"

struct arch_guest_virtio;
struct fdt_device;

#define GUEST_DT_RAM_MAX	4

/* Enough for 8 vCPUs, a command line of 2 KiB, and a PCI host of the machine. */
#define GUEST_DT_SIZE		16384

struct guest_dt_ram {
	gpa_t base;
	uint64_t size;
};

struct guest_dt_params {
	struct guest_dt_ram ram[GUEST_DT_RAM_MAX];
	unsigned int ram_count;
	unsigned int vcpu_count;	/* vCPU n has MPIDR guest_mpidr(n) */
	gpa_t gicd_base;		/* 64 KiB */
	gpa_t gicr_base;		/* 128 KiB a vCPU */
	gpa_t grant_base;
	uint64_t grant_size;
	gpa_t initrd_base;
	uint64_t initrd_size;		/* 0: none */
	const char *bootargs;		/* NULL: none */
	bool has_kaslr_seed;
	uint64_t kaslr_seed;
	const void *rng_seed;		/* credited by the guest as entropy */
	size_t rng_seed_size;		/* 0: none */
	const void *machine;		/* the machine's tree, where devices are */
	const struct fdt_device *device;
	unsigned int device_count;
	const struct arch_guest_virtio *virtio;
	unsigned int virtio_count;
};

/*
 * Write the tree (guest-visible hardware: RAM, CPUs with PSCI over HVC,
 * GICv3, generic timer, hypervisor node, virtio devices, and copies of assigned devices' nodes
 * with all that is told of other nodes left out or made the guest's) into
 * buf[0..size). 0, -ENOSPC, or
 * -EINVAL (parameters out of range). The tree's own header tells its length.
 * Sources: Linux, Documentation/devicetree/bindings: arm/xen.txt, arm,gic-v3,
 * arch_timer, psci, arm/cpus, virtio/mmio.
 */
MUST_CHECK int guest_dt_build(void *buf, size_t size,
			      const struct guest_dt_params *params);

#endif
