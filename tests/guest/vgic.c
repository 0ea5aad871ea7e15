/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual interrupt controller: identification, latching, and every
 * register in every width with any value (XSA-94, -117, -118, -223). Two CPUs.
 */
#include "lib/guest.h"
#include "lib/xen.h"

#define FUZZ_ROUNDS	6000U

const char guest_name[] = "vgic";

static volatile unsigned int seen[32];

static void count(unsigned int intid)
{
	seen[intid]++;
}

static void case_ids(void)
{
	uint32_t typer = read32(GICD_BASE + 4);
	uint64_t rd = read64(GICR_BASE + 8);

	CHECK_EQ(read32(GICD_BASE + 0xffe8) >> 4 & 0xf, 3);
	CHECK_EQ(read32(GICR_BASE + 0xffe8) >> 4 & 0xf, 3);
	CHECK_EQ(typer >> 19 & 0x1f, 9);
	CHECK_EQ(typer >> 17 & 1, 0);
	CHECK_EQ(rd >> 32, 0);
	CHECK_EQ(rd >> 4 & 1, 0);
	CHECK_EQ(read32(GICR_BASE + 8), (uint32_t)rd);
	CHECK_EQ(read32(GICR_BASE + 12), rd >> 32);
	rd = read64(GICR_BASE + GICR_STRIDE + 8);
	CHECK_EQ(rd >> 32, 1);
	CHECK_EQ(rd >> 4 & 1, 1);			/* the last one */
	CHECK_EQ(sysreg_read("S3_0_C12_C12_5") & 1, 1);	/* ICC_SRE_EL1 */
	gic_init();
	CHECK_EQ(read32(GICD_BASE) & 0x80000052, 0x52);
	CHECK_EQ(read32(GICR_BASE + 0x14), 0);
}

static void case_sgi_self(void)
{
	irq_set(3, count);
	irq_enable();
	for (unsigned int i = 1; i <= 100; i++) {
		sgi_send(0, 3);
		if (!WAIT_FOR(seen[3] == i, 100000)) {
			fail("SGI %u of 100 is lost", i);
			break;
		}
	}
	irq_disable();
}

/* An event's interrupt is kept while it is disabled. */
static void case_latch(void)
{
	uint64_t sgi = GICR_SGI(0);

	irq_set(IRQ_EVENT, count);
	write32(sgi + 0x180, BIT(IRQ_EVENT));
	seen[IRQ_EVENT] = 0;
	irq_enable();
	write32(sgi + 0x200, BIT(IRQ_EVENT));		/* ISPENDR */
	CHECK((read32(sgi + 0x200) & BIT(IRQ_EVENT)) != 0);
	delay_us(1000);
	CHECK_EQ(seen[IRQ_EVENT], 0);
	write32(sgi + 0x100, BIT(IRQ_EVENT));
	CHECK(WAIT_FOR(seen[IRQ_EVENT] == 1, 100000));
	irq_disable();
	/* Withdrawn while masked: must not come. */
	write32(sgi + 0x200, BIT(IRQ_EVENT));
	isb();
	write32(sgi + 0x280, BIT(IRQ_EVENT));
	irq_enable();
	delay_us(1000);
	irq_disable();
	CHECK_EQ(seen[IRQ_EVENT], 1);
	irq_set(IRQ_EVENT, NULL);
}

/* All SGIs at once: more than there are list registers. */
static void case_many(void)
{
	for (unsigned int i = 0; i < 16; i++) {
		irq_set(i, count);
		seen[i] = 0;
	}
	for (unsigned int round = 1; round <= 20; round++) {
		write32(GICR_SGI(0) + 0x200, 0xffff);
		irq_enable();
		for (unsigned int i = 0; i < 16; i++) {
			if (!WAIT_FOR(seen[i] == round, 100000)) {
				fail("round %u: SGI %u came %u times", round, i, seen[i]);
			}
		}
		irq_disable();
	}
}

static unsigned int prio_order[16];
static unsigned int prio_count;

static void note_order(unsigned int intid)
{
	prio_order[prio_count++ & 15] = intid;
}

static void case_priority(void)
{
	prio_count = 0;
	for (unsigned int i = 0; i < 16; i++) {
		irq_set(i, note_order);
		write8(GICR_SGI(0) + 0x400 + i, (uint8_t)(0xe0 - i * 8));
	}
	write32(GICR_SGI(0) + 0x200, 0xffff);
	irq_enable();
	CHECK(WAIT_FOR(prio_count == 16, 100000));
	irq_disable();
	for (unsigned int i = 0; i < 16; i++) {
		CHECK_EQ(prio_order[i], 15 - i);
	}
	for (unsigned int i = 0; i < 16; i++) {
		irq_set(i, NULL);
	}
	gic_init();
}

static void icfgr(void)
{
	for (unsigned int off = 0xc00; off < 0xd00; off += 4) {
		write32(GICD_BASE + off, UINT32_MAX);
		(void)read32(GICD_BASE + off);
		write32(GICR_SGI(1) + off, UINT32_MAX);
	}
}

static void access_any(uint64_t addr, unsigned int kind, uint64_t val)
{
	switch (kind & 7) {
	case 0: (void)read8(addr); break;
	case 1: (void)read16(addr & ~1UL); break;
	case 2: (void)read32(addr & ~3UL); break;
	case 3: (void)read64(addr & ~7UL); break;
	case 4: write8(addr, (uint8_t)val); break;
	case 5: write16(addr & ~1UL, (uint16_t)val); break;
	case 6: write32(addr & ~3UL, (uint32_t)val); break;
	default: write64(addr & ~7UL, val); break;
	}
}

/* Any access anywhere in the frames; then it must still work. */
static void fuzz(unsigned int rounds, uint64_t own)
{
	static const uint16_t places[] = { 0, 0x80, 0x100, 0x180, 0x200, 0x280, 0x300,
					   0x380, 0x400, 0x800, 0xc00, 0x6000, 0xffc0 };

	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t r = rnd();
		uint64_t frame = (r & 1) != 0 ? GICD_BASE : own + (r >> 1 & 1) * 0x10000;
		uint64_t off = (r & 4) != 0 ? r >> 8 & 0xffff :
			       places[(r >> 8) % COUNT(places)] + (r >> 16 & 0x3f);
		uint64_t val = (r & 8) != 0 ? rnd() : (r >> 24 & 1) - 1;

		access_any(frame + (off & 0xffff), (unsigned int)(r >> 4), val);
		if ((r & 0xff00000000UL) == 0) {
			sysreg_write("S3_0_C12_C11_5", rnd());	/* ICC_SGI1R_EL1 */
			sysreg_write("S3_0_C12_C11_7", rnd());	/* ICC_SGI0R_EL1 */
		}
	}
}

static void fuzz_other(void)
{
	fuzz(FUZZ_ROUNDS, GICR_BASE);		/* the first CPU's */
}

static void case_fuzz(void)
{
	uint64_t sgi = GICR_SGI(0);

	icfgr();
	CHECK_EQ(cpu_start(1, fuzz_other), 0);
	fuzz(FUZZ_ROUNDS, GICR_BASE + GICR_STRIDE);
	CHECK(cpu_wait_off(1));
	write32(sgi + 0x180, UINT32_MAX);
	write32(sgi + 0x280, UINT32_MAX);
	write32(sgi + 0x380, UINT32_MAX);
	write32(sgi + 0x100, 0);
	gic_init();
	seen[3] = 0;
	case_sgi_self();
}

/* A word that is accessed in parts a load can't be emulated for. */
static void case_odd_access(void)
{
	uint32_t a, b;

	fault_begin();
	__asm__ volatile("ldp %w0, %w1, [%2]" : "=&r"(a), "=&r"(b) : "r"(GICD_BASE + 0x100));
	CHECK_EQ(fault_end(), 1);		/* refused, and that is all */
	fault_begin();
	(void)read32(GICD_BASE + 0x10000);
	CHECK_EQ(fault_end(), 1);
	fault_begin();
	(void)read32(GICR_BASE + 2 * GICR_STRIDE);
	CHECK_EQ(fault_end(), 1);
}

const struct guest_case guest_cases[] = {
	{ "ids", case_ids }, { "sgi-self", case_sgi_self }, { "latch", case_latch },
	{ "many", case_many }, { "priority", case_priority }, { "fuzz", case_fuzz },
	{ "odd-access", case_odd_access }, { NULL, NULL },
};
