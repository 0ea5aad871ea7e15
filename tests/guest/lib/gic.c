/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test guests: a small GICv3 driver, in the order in which Linux does things.
 */
#include "guest.h"

#define IRQS		288U

uint64_t gicd_base, gicr_base;

static irq_handler *handlers[CPU_MAX][32];
static irq_handler *shared[IRQS];

void guest_irq(struct guest_regs *regs);

void gic_init(void)
{
	write32(GICD_BASE + 0x0, 0x10);			/* ARE */
	write32(GICD_BASE + 0x0, 0x13);			/* groups on */
	gic_cpu_init();
}

void gic_cpu_init(void)
{
	uint64_t rd = GICR_BASE + cpu_id() * GICR_STRIDE;
	uint64_t sgi = GICR_SGI(cpu_id());

	write32(rd + 0x14, 0);
	if (!WAIT_FOR((read32(rd + 0x14) & 4) == 0, 100000)) {
		fail("redistributor %u does not wake", cpu_id());
	}
	write32(sgi + 0x80, UINT32_MAX);		/* group 1 */
	write32(sgi + 0x380, UINT32_MAX);		/* not active */
	write32(sgi + 0x180, UINT32_MAX);		/* disabled */
	for (unsigned int i = 0; i < 32; i += 4) {
		write32(sgi + 0x400 + i, 0xa0a0a0a0);
	}
	sysreg_write("S3_0_C4_C6_0", 0xf0);		/* ICC_PMR_EL1 */
	sysreg_write("S3_0_C12_C12_3", 0);		/* ICC_BPR1_EL1 */
	sysreg_write("S3_0_C12_C12_4", 0);		/* ICC_CTLR_EL1 */
	sysreg_write("S3_0_C12_C12_7", 1);		/* ICC_IGRPEN1_EL1 */
	isb();
}

static void spi_set(unsigned int intid, irq_handler *handler)
{
	uint64_t word = GICD_BASE + intid / 32 * 4;

	shared[intid] = handler;
	barrier();
	if (handler == NULL) {
		write32(word + 0x180, 1U << intid % 32);
		return;
	}
	write32(word + 0x80, read32(word + 0x80) | 1U << intid % 32);	/* group 1 */
	write8(GICD_BASE + 0x400 + intid, 0xa0);
	write64(GICD_BASE + 0x6000 + intid * 8, cpu_id());		/* router */
	write32(word + 0x100, 1U << intid % 32);
}

void irq_set(unsigned int intid, irq_handler *handler)
{
	if (intid >= 32) {
		spi_set(intid, handler);
		return;
	}
	handlers[cpu_id()][intid] = handler;
	barrier();
	write32(GICR_SGI(cpu_id()) + (handler != NULL ? 0x100 : 0x180), 1U << intid);
}

void guest_irq(struct guest_regs *regs)
{
	uint32_t intid = (uint32_t)sysreg_read("S3_0_C12_C12_0");

	(void)regs;
	if (intid >= 1020) {
		return;
	}
	if (intid < 32 && handlers[cpu_id()][intid] != NULL) {
		handlers[cpu_id()][intid](intid);
	} else if (intid >= 32 && intid < IRQS && shared[intid] != NULL) {
		shared[intid](intid);
	} else {
		fail("interrupt %u on CPU %u", intid, cpu_id());
	}
	sysreg_write("S3_0_C12_C12_1", intid);
	isb();
}

void sgi_send(unsigned int cpu, unsigned int sgi)
{
	__asm__ volatile("dsb ishst" : : : "memory");
	sysreg_write("S3_0_C12_C11_5", 1UL << cpu | (uint64_t)sgi << 24);
	isb();
}

void sgi_send_others(unsigned int sgi)
{
	__asm__ volatile("dsb ishst" : : : "memory");
	sysreg_write("S3_0_C12_C11_5", 1UL << 40 | (uint64_t)sgi << 24);
	isb();
}
