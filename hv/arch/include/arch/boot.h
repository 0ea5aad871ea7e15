/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch interface: what the port found at boot, and what a guest finds.
 */
#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include "lib/types.h"

struct boot_info;			/* dev/fdt_boot.h */
struct fdt_device;			/* dev/fdt_device.h */
struct arch_domain;

/* The machine's description; constant. */
const struct boot_info *arch_boot_info(void);

/* The machine's device tree, and how many bytes of it may be read. */
const void *arch_boot_fdt(size_t *limit);

/* Map registers; boot CPU, before it runs guests; panics if it can't. */
void *arch_map_device(hpa_t pa, uint64_t size);

/* Deliver device interrupt `irq` to CPU 0: upcall_device_irq(). */
void arch_irq_enable(unsigned int irq);

/* Go on as the loaded vCPU (this_cpu()->frame). */
NORETURN void arch_enter(void);

#define ARCH_GUEST_BANKS 4U

/* A virtio device with registers in memory, made by the hypervisor. */
struct arch_guest_virtio {
	gpa_t base;			/* one page */
	unsigned int irq;
	unsigned int vif;		/* the number of the interface that it is */
};

/* What the port's tables for a guest need to know. */
struct arch_guest_boot {
	gpa_t ram_base[ARCH_GUEST_BANKS];
	uint64_t ram_size[ARCH_GUEST_BANKS];	/* 0: no such bank */
	unsigned int vcpu_count;
	gpa_t initrd_base;
	uint64_t initrd_size;		/* 0: none */
	const char *bootargs;
	bool has_kaslr_seed;
	uint64_t kaslr_seed;
	const void *rng_seed;		/* for its random generator */
	size_t rng_seed_size;		/* 0: none */
	const struct fdt_device *device;	/* of the machine's, that it gets */
	unsigned int device_count;
	const struct arch_guest_virtio *virtio;
	unsigned int virtio_count;
};

/* Most bytes that arch_guest_tables() writes. */
#define ARCH_GUEST_TABLES_MAX 16384U

/*
 * Write the tables that tell guest `d` what it has (a device tree). 0, -ENOSPC,
 * -EINVAL.
 */
MUST_CHECK int arch_guest_tables(void *buf, size_t size, const struct arch_domain *d,
				 const struct arch_guest_boot *b);

#endif
