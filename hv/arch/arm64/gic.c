/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver of the machine's GICv3, from EL2.
 *
 * Everything is group 1 of the non-secure (or only) security state. SGIs and
 * PPIs have one priority, SPIs another; nothing is preempted.
 *
 * Locking: see asm/gic.h.
 */
#include "kern/cpu.h"
#include "kern/log.h"
#include <asm/gic.h>
#include <asm/gic_regs.h>

#define GIC_PRIO		0xa0U
#define GIC_WAIT_NS		100000000ULL	/* for a register to settle */
#define GIC_PRIVATE		32U		/* SGIs and PPIs */
#define GIC_AFF_MASK		0xff00ffffffULL

static uint8_t *gicd;
static struct gic_config gic_config;
static unsigned int irq_limit = GIC_PRIVATE;
/* Redistributor of each CPU; each CPU sets its own. */
static uint8_t *gicr[CPU_MAX];

static uint32_t reg_read(const uint8_t *frame, unsigned int offset)
{
	uint32_t val;

	/* Not left to the compiler: a device access has to be this one form. */
	__asm__ volatile("ldr %w0, [%1]" : "=r"(val) : "r"(frame + offset) : "memory");
	return val;
}

static uint64_t reg_read64(const uint8_t *frame, unsigned int offset)
{
	uint64_t val;

	__asm__ volatile("ldr %0, [%1]" : "=r"(val) : "r"(frame + offset) : "memory");
	return val;
}

static void reg_write(uint8_t *frame, unsigned int offset, uint32_t val)
{
	__asm__ volatile("str %w0, [%1]" : : "rZ"(val), "r"(frame + offset) : "memory");
}

static void reg_write64(uint8_t *frame, unsigned int offset, uint64_t val)
{
	__asm__ volatile("str %x0, [%1]" : : "rZ"(val), "r"(frame + offset) : "memory");
}

static void reg_write8(uint8_t *frame, unsigned int offset, uint8_t val)
{
	__asm__ volatile("strb %w0, [%1]" : : "rZ"(val), "r"(frame + offset) : "memory");
}

/* Wait until the bits of the register are zero. False: it takes too long. */
static bool wait_clear(const uint8_t *frame, unsigned int offset, uint32_t bits)
{
	uint64_t end = arch_now() + GIC_WAIT_NS;

	while ((reg_read(frame, offset) & bits) != 0) {
		if (arch_now() > end) {
			log_error("gic", "register 0x%x does not settle", offset);
			return false;
		}
		arch_relax();
	}
	return true;
}

static uint64_t own_affinity(void)
{
	return sysreg_read(mpidr_el1) & GIC_AFF_MASK;
}

/* The frame that has this CPU's SGIs and PPIs, or the distributor. */
static uint8_t *irq_frame(uint32_t intid)
{
	if (intid >= irq_limit) {
		return NULL;
	}
	return intid < GIC_PRIVATE ? gicr[this_cpu()->id] + GICR_FRAME : gicd;
}

int gic_init(const struct gic_config *config)
{
	uint32_t arch;

	if (config->gicd == NULL || config->gicr_count == 0 ||
	    config->gicr_count > GIC_REDIST_REGIONS_MAX) {
		return -EINVAL;
	}
	gic_config = *config;
	gicd = config->gicd;
	arch = reg_read(gicd, GIC_PIDR2) >> 4 & 0xf;
	if (arch != 3 && arch != 4) {
		return -EINVAL;
	}
	irq_limit = MIN(((reg_read(gicd, GICD_TYPER) & 0x1f) + 1) * 32, GIC_SPURIOUS);
	reg_write(gicd, GICD_CTLR, 0);
	if (!wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP)) {
		return -EINVAL;
	}
	for (unsigned int n = GIC_PRIVATE; n < irq_limit; n += 32) {
		reg_write(gicd, GICD_ICENABLER + n / 8, UINT32_MAX);
		reg_write(gicd, GICD_ICPENDR + n / 8, UINT32_MAX);
		reg_write(gicd, GICD_ICACTIVER + n / 8, UINT32_MAX);
		reg_write(gicd, GICD_IGROUPR + n / 8, UINT32_MAX);
	}
	for (unsigned int n = GIC_PRIVATE; n < irq_limit; n += 16) {
		reg_write(gicd, GICD_ICFGR + n / 4, 0);
	}
	for (unsigned int n = GIC_PRIVATE; n < irq_limit; n++) {
		reg_write8(gicd, GICD_IPRIORITYR + n, GIC_PRIO);
	}
	reg_write(gicd, GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP0 | GICD_CTLR_GRP1);
	if (!wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP)) {
		return -EINVAL;
	}
	for (unsigned int n = GIC_PRIVATE; n < irq_limit; n++) {
		gic_route_spi(n, own_affinity());
	}
	return 0;
}

/* The redistributor whose TYPER has the affinity, or NULL. */
static uint8_t *find_redistributor(uint64_t aff)
{
	uint32_t want = (uint32_t)(aff >> 32 & 0xff) << 24 | (uint32_t)(aff & 0xffffff);

	for (unsigned int r = 0; r < gic_config.gicr_count; r++) {
		uint8_t *frame = gic_config.gicr[r].base;
		uint64_t left = gic_config.gicr[r].size;
		uint64_t typer = 0;

		while (left >= 2 * GICR_FRAME && (typer & GICR_TYPER_LAST) == 0) {
			uint64_t size;

			typer = reg_read64(frame, GICR_TYPER);
			if (typer >> GICR_TYPER_AFF_SHIFT == want) {
				return frame;
			}
			/* GICv4 has two frames more. */
			size = (typer & GICR_TYPER_VLPIS) != 0 ? 4 * GICR_FRAME
							       : 2 * GICR_FRAME;
			frame += size;
			left -= MIN(left, size);
		}
	}
	return NULL;
}

int gic_cpu_init(void)
{
	uint8_t *rd = find_redistributor(own_affinity());
	uint8_t *sgi;

	if (rd == NULL) {
		return -ENODEV;
	}
	gicr[this_cpu()->id] = rd;
	sgi = rd + GICR_FRAME;
	reg_write(rd, GICR_WAKER, reg_read(rd, GICR_WAKER) & ~(uint32_t)GICR_WAKER_SLEEP);
	if (!wait_clear(rd, GICR_WAKER, GICR_WAKER_ASLEEP)) {
		return -ENODEV;
	}
	reg_write(sgi, GICD_ICENABLER, UINT32_MAX);
	reg_write(sgi, GICD_ICPENDR, UINT32_MAX);
	reg_write(sgi, GICD_ICACTIVER, UINT32_MAX);
	reg_write(sgi, GICD_IGROUPR, UINT32_MAX);
	for (unsigned int n = 0; n < GIC_PRIVATE; n++) {
		reg_write8(sgi, GICD_IPRIORITYR + n, GIC_PRIO);
	}
	reg_write(sgi, GICD_ISENABLER, 0xffff);
	if (!wait_clear(rd, GICR_CTLR, GICR_CTLR_RWP)) {
		return -ENODEV;
	}

	icc_sre_el2_write(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB | ICC_SRE_ENABLE);
	isb();
	icc_sre_el1_write(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB);
	isb();
	icc_pmr_write(0xff);
	icc_bpr1_write(0);
	icc_ctlr_write(ICC_CTLR_EOIMODE);
	icc_igrpen1_write(1);
	isb();
	return 0;
}

uint32_t gic_ack(void)
{
	uint32_t intid = (uint32_t)icc_iar1_read() & 0xffffff;

	/* The handler's accesses come after the acknowledgement. */
	dsb(sy);
	return intid;
}

void gic_eoi(uint32_t intid)
{
	icc_eoir1_write(intid);
	isb();
}

void gic_deactivate(uint32_t intid)
{
	icc_dir_write(intid);
	isb();
}

void gic_send_sgi(uint64_t mpidr_aff, unsigned int sgi)
{
	uint64_t aff0 = mpidr_aff & 0xff;
	uint64_t val = 1ULL << (aff0 & 0xf) | aff0 >> 4 << 44 |
		       (mpidr_aff >> 8 & 0xff) << 16 | (mpidr_aff >> 16 & 0xff) << 32 |
		       (mpidr_aff >> 32 & 0xff) << 48 | (uint64_t)(sgi & 0xf) << 24;

	/* What was written before is seen by who takes the interrupt. */
	dsb(ishst);
	icc_sgi1r_write(val);
	isb();
}

void gic_enable_irq(uint32_t intid)
{
	uint8_t *frame = irq_frame(intid);

	if (frame != NULL) {
		reg_write(frame, GICD_ISENABLER + intid / 32 * 4, 1U << intid % 32);
	}
}

void gic_disable_irq(uint32_t intid)
{
	uint8_t *frame = irq_frame(intid);

	if (frame == NULL) {
		return;
	}
	reg_write(frame, GICD_ICENABLER + intid / 32 * 4, 1U << intid % 32);
	if (intid < GIC_PRIVATE) {
		(void)wait_clear(gicr[this_cpu()->id], GICR_CTLR, GICR_CTLR_RWP);
	} else {
		(void)wait_clear(gicd, GICD_CTLR, GICD_CTLR_RWP);
	}
}

bool gic_irq_pending(uint32_t intid)
{
	uint8_t *frame = irq_frame(intid);

	return frame != NULL &&
	       (reg_read(frame, GICD_ISPENDR + intid / 32 * 4) >> intid % 32 & 1) != 0;
}

void gic_set_active_ppi(uint32_t intid, bool active)
{
	if (intid >= GIC_PRIVATE) {
		return;
	}
	reg_write(irq_frame(intid), active ? GICD_ISACTIVER : GICD_ICACTIVER, 1U << intid);
	/* Before the guest can be entered with the old state. */
	dsb(sy);
}

void gic_route_spi(uint32_t intid, uint64_t mpidr_aff)
{
	if (intid >= GIC_PRIVATE && intid < irq_limit) {
		reg_write64(gicd, GICD_IROUTER + intid * 8, mpidr_aff & GIC_AFF_MASK);
	}
}

void gic_route_spi_here(uint32_t intid)
{
	gic_route_spi(intid, own_affinity());
}

void gic_deactivate_spi(uint32_t intid)
{
	if (intid >= GIC_PRIVATE && intid < irq_limit) {
		reg_write(gicd, GICD_ICACTIVER + intid / 32 * 4, 1U << intid % 32);
		dsb(sy);
	}
}

void gic_reset_spi(uint32_t intid)
{
	if (intid >= GIC_PRIVATE && intid < irq_limit) {
		gic_disable_irq(intid);
		reg_write(gicd, GICD_ICPENDR + intid / 32 * 4, 1U << intid % 32);
		gic_deactivate_spi(intid);
	}
}

void gic_set_edge(uint32_t intid, bool edge)
{
	uint32_t bit = 2U << intid % 16 * 2;
	uint32_t val;
	bool enabled;

	if (intid < GIC_PRIVATE || intid >= irq_limit) {
		return;
	}
	enabled = (reg_read(gicd, GICD_ISENABLER + intid / 32 * 4) >> intid % 32 & 1) != 0;
	gic_disable_irq(intid);
	val = reg_read(gicd, GICD_ICFGR + intid / 16 * 4);
	reg_write(gicd, GICD_ICFGR + intid / 16 * 4, edge ? val | bit : val & ~bit);
	if (enabled) {
		gic_enable_irq(intid);
	}
}

unsigned int gic_irq_limit(void)
{
	return irq_limit;
}
