/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine's own flattened device tree says, in plain structures.
 *
 * Read once, on the boot CPU, before any other memory than the hypervisor's
 * image is in use: no allocation, no logging. Addresses are CPU physical
 * addresses (bus `ranges` are applied). Interrupts are GIC INTIDs (PPI n is
 * 16 + n, SPI n is 32 + n), 0 when there is none.
 *
 * Locking: none; the structure is read-only once parsed.
 * Invariants: ram[] is sorted, page aligned, without overlaps;
 * reserved[] is sorted by base, page aligned, may overlap itself.
 */
#ifndef DEV_FDT_BOOT_H
#define DEV_FDT_BOOT_H

#include "lib/types.h"

#define BOOT_RAM_MAX		32
#define BOOT_RESERVED_MAX	64
#define BOOT_USABLE_MAX		(BOOT_RAM_MAX + BOOT_RESERVED_MAX)
#define BOOT_CPU_MAX		8
#define BOOT_GICR_MAX		8

struct boot_range {
	hpa_t base;
	uint64_t size;		/* bytes */
};

enum boot_reserve_kind {
	BOOT_RESERVE_FIRMWARE,	/* /memreserve/ and /reserved-memory: never use */
	BOOT_RESERVE_IMAGE,	/* the hypervisor itself (added by the caller) */
	BOOT_RESERVE_FDT,	/* the machine's tree (added by the caller) */
	BOOT_RESERVE_INITRD,	/* linux,initrd-start .. end */
	BOOT_RESERVE_MODULE,	/* `reg` of a boot module of a xen,domain node */
};

struct boot_reserved {
	struct boot_range range;
	enum boot_reserve_kind kind;
};

enum boot_psci_method {
	BOOT_PSCI_NONE,
	BOOT_PSCI_SMC,
	BOOT_PSCI_HVC,
};

struct boot_info {
	struct boot_range ram[BOOT_RAM_MAX];
	unsigned int ram_count;
	unsigned int ram_dropped;	/* banks beyond BOOT_RAM_MAX, unused */
	struct boot_reserved reserved[BOOT_RESERVED_MAX];
	unsigned int reserved_count;

	uint64_t cpu_mpidr[BOOT_CPU_MAX];	/* Aff3..Aff0 as in MPIDR_EL1 */
	unsigned int cpu_count;			/* in the tree's order */
	unsigned int cpu_dropped;		/* more than BOOT_CPU_MAX, or
						   not started by PSCI */

	enum boot_psci_method psci;
	uint32_t psci_cpu_on;		/* function identifiers */
	uint32_t psci_system_off;	/* 0: the firmware has none */
	uint32_t psci_system_reset;

	struct boot_range gicd;
	struct boot_range gicr[BOOT_GICR_MAX];
	unsigned int gicr_count;
	uint64_t gicr_stride;		/* 0: as the GIC architecture says */
	uint32_t gic_maint_irq;

	uint32_t timer_sec_irq;
	uint32_t timer_phys_irq;
	uint32_t timer_virt_irq;
	uint32_t timer_hyp_irq;

	bool has_uart;			/* an Arm PL011 */
	struct boot_range uart;
	uint32_t uart_irq;

	bool has_rtc;			/* an Arm PL031 */
	struct boot_range rtc;

	const char *bootargs;		/* inside the tree; "" when absent */
	const char *model;		/* inside the tree; "" when absent */
	const void *rng_seed;		/* inside the tree; NULL when absent */
	size_t rng_seed_size;		/* bytes */
	bool has_initrd;
	hpa_t initrd_base;		/* not aligned */
	uint64_t initrd_size;

	char error[128];		/* why the parse failed; "" otherwise */
};

/*
 * Read the tree at `fdt` (mapped, at most `limit` bytes) into *out. Fails
 * when the machine can't be used: -EINVAL malformed tree, -ENODEV a part is
 * missing (RAM, CPU, GICv3, timer), -ENOSPC too many reserved ranges or
 * redistributor regions. out->error then says which, in words.
 * No UART, RTC, PSCI or initrd is not an error. Sources: Devicetree
 * Specification 0.4; Linux's bindings for arm,gic-v3, arm,armv8-timer,
 * arm,psci, arm,pl011, arm,pl031; Xen's dom0less binding.
 */
MUST_CHECK int fdt_boot_parse(const void *fdt, size_t limit,
			      struct boot_info *out);

/*
 * Add a range (widened to whole pages, kept sorted) to info->reserved.
 * 0, -EINVAL (wraps around) or -ENOSPC.
 */
MUST_CHECK int fdt_boot_reserve(struct boot_info *info, hpa_t base,
				uint64_t size, enum boot_reserve_kind kind);

/*
 * info->ram minus info->reserved: at most `max` ranges into `out`, sorted,
 * page aligned. Returns the number of ranges; BOOT_USABLE_MAX always fit.
 */
unsigned int fdt_boot_usable(const struct boot_info *info,
			     struct boot_range *out, unsigned int max);

/* Whether [base, base + size) lies in one RAM bank. */
bool fdt_boot_is_ram(const struct boot_info *info, hpa_t base, uint64_t size);

/*
 * Whether [base, base + size) shares a page with memory that is reserved for
 * anything but a boot module.
 */
bool fdt_boot_is_taken(const struct boot_info *info, hpa_t base,
		       uint64_t size);

#endif
