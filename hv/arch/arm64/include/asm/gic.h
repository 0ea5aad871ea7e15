/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's interrupt controller: GICv3 seen from EL2, no ITS.
 * Sources: Arm IHI 0069 (GICv3 and GICv4), chapters 4, 11 and 12.
 *
 * The hypervisor splits the end of an interrupt in two (EOImode 1): gic_eoi()
 * drops the priority so that others can come, gic_deactivate() lets the same
 * one come again. For an interrupt that a guest ends (the virtual timer) only
 * the first is done here; the guest's EOI does the second through its list
 * register.
 *
 * Locking: none. Private interrupts are of the calling CPU only; each shared
 * one has one user, and enable bits are set by single writes.
 */
#ifndef ASM_GIC_H
#define ASM_GIC_H

#include "lib/types.h"

#define GIC_REDIST_REGIONS_MAX	8U
#define GIC_SPURIOUS		1020U	/* gic_ack(): this and above is none */

/* INTIDs that the Arm Base System Architecture fixes. */
#define GIC_PPI_MAINTENANCE	25U	/* a list register wants attention */
#define GIC_PPI_HYP_TIMER	26U	/* CNTHP */
#define GIC_PPI_VIRT_TIMER	27U	/* CNTV */

/* Where the registers are; mapped as device memory. */
struct gic_config {
	void *gicd;			/* 64 KiB */
	struct {
		void *base;
		uint64_t size;		/* bytes */
	} gicr[GIC_REDIST_REGIONS_MAX];
	unsigned int gicr_count;
};

/*
 * Set up the distributor: all SPIs off, group 1, level. Boot CPU, once.
 * -EINVAL if it is no GICv3 or the configuration makes no sense.
 */
MUST_CHECK int gic_init(const struct gic_config *config);

/*
 * Set up the calling CPU's redistributor and CPU interface; SGIs on, PPIs off.
 * -ENODEV if no redistributor has the CPU's affinity or it does not wake.
 */
MUST_CHECK int gic_cpu_init(void);

/* Take the highest pending interrupt, or >= GIC_SPURIOUS. */
uint32_t gic_ack(void);
void gic_eoi(uint32_t intid);
void gic_deactivate(uint32_t intid);

/* Send SGI 0 .. 15 to the CPU with these MPIDR affinity bits. */
void gic_send_sgi(uint64_t mpidr_aff, unsigned int sgi);

/* SGI or PPI of this CPU, or an SPI; the others ignore out-of-range numbers. */
void gic_enable_irq(uint32_t intid);
void gic_disable_irq(uint32_t intid);
bool gic_irq_pending(uint32_t intid);

/* Make a PPI of this CPU active (it can't fire) or inactive. */
void gic_set_active_ppi(uint32_t intid, bool active);

/* SPIs; the interrupt is disabled while its trigger changes. */
void gic_route_spi(uint32_t intid, uint64_t mpidr_aff);
void gic_set_edge(uint32_t intid, bool edge);
void gic_route_spi_here(uint32_t intid);	/* to the calling CPU */

/* End an SPI that is active, whatever CPU took it. */
void gic_deactivate_spi(uint32_t intid);
/* Off, not pending, not active. */
void gic_reset_spi(uint32_t intid);

/* INTIDs that the distributor has: 32 .. 1020, a limit and not a count. */
unsigned int gic_irq_limit(void);

#endif
