/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers that trap: the identification registers, filtered to what
 * guests really get; SGI generation; and debug, performance-monitor and
 * implementation-defined registers, which are hidden.
 *
 * Each identification register is read from the machine and every field is
 * kept only if it is known here to need nothing from the hypervisor; so a
 * newer CPU's unknown features stay hidden. Source: Arm DDI 0487 D19.2.
 */
#include <asm/trap.h>

#include "kern/log.h"
#include "lib/types.h"
#include <arch/upcall.h>
#include <asm/cpu.h>

/* op0, op1, CRn, CRm, op2 in the order of ESR_EL2.ISS of a trapped access. */
#define SYS(op0, op1, crn, crm, op2) \
	(((op0) << 20) | ((op2) << 17) | ((op1) << 14) | ((crn) << 10) | ((crm) << 1))
#define SYS_MASK	SYS(3U, 7U, 15U, 15U, 7U)

#define FIELD(shift)	(0xfULL << (shift))

/* What remains of an ID register: (value & keep), with fields set to a cap. */
struct id_filter {
	uint32_t reg;
	uint64_t keep;
	struct {
		uint8_t shift;		/* a field with a greatest value */
		uint8_t value;		/* 0: no such field */
	} cap[2];
};

#define ID(crm, op2)	SYS(3U, 0U, 0U, crm, op2)

static const struct id_filter id_filters[] = {
	/* AArch32 features, for 32-bit programs: all but debug and PMU. */
	{ ID(1U, 0U), UINT32_MAX & ~(FIELD(28) | FIELD(20)) },	/* ID_PFR0: RAS, AMU */
	{ ID(1U, 1U), UINT32_MAX & ~(FIELD(12) | FIELD(4)) },	/* ID_PFR1: Virt, Security */
	{ ID(1U, 4U), UINT32_MAX }, { ID(1U, 5U), UINT32_MAX },	/* ID_MMFR0, 1 */
	{ ID(1U, 6U), UINT32_MAX }, { ID(1U, 7U), UINT32_MAX },
	{ ID(2U, 0U), UINT32_MAX }, { ID(2U, 1U), UINT32_MAX },	/* ID_ISAR0.. */
	{ ID(2U, 2U), UINT32_MAX }, { ID(2U, 3U), UINT32_MAX },
	{ ID(2U, 4U), UINT32_MAX }, { ID(2U, 5U), UINT32_MAX },
	{ ID(2U, 6U), UINT32_MAX }, { ID(2U, 7U), UINT32_MAX },	/* ID_MMFR4, ISAR6 */
	{ ID(3U, 0U), UINT32_MAX }, { ID(3U, 1U), UINT32_MAX },	/* MVFR0, 1 */
	{ ID(3U, 2U), UINT32_MAX },				/* MVFR2 */
	{ ID(3U, 4U), FIELD(4) | FIELD(0) },			/* ID_PFR2: SSBS, CSV3 */
	/*
	 * ID_AA64PFR0_EL1: EL0, EL1 (AArch64 only), FP, SIMD, GIC, DIT, CSV2 (without
	 * SCXTNUM), CSV3.
	 */
	{ ID(4U, 0U), FIELD(0) | FIELD(4) | FIELD(16) | FIELD(20) | FIELD(24) |
	  FIELD(48) | FIELD(56) | FIELD(60), { { 4, 1 }, { 56, 1 } } },
	/* ID_AA64PFR1_EL1: BT, SSBS. */
	{ ID(4U, 1U), FIELD(0) | FIELD(4) },
	/* ID_AA64DFR0_EL1: debug version, breakpoints, watchpoints. */
	{ ID(5U, 0U), FIELD(0) | FIELD(12) | FIELD(20) | FIELD(28), { { 0, 6 } } },
	/* ID_AA64ISAR0_EL1: all but TME. */
	{ ID(6U, 0U), ~FIELD(24) },
	/* ID_AA64ISAR1_EL1: all but pointer authentication, XS, LS64. */
	{ ID(6U, 1U), ~(FIELD(4) | FIELD(8) | FIELD(24) | FIELD(28) | FIELD(56) | FIELD(60)) },
	/* ID_AA64ISAR2_EL1: RPRES, BC. */
	{ ID(6U, 2U), FIELD(4) | FIELD(20) },
	/* ID_AA64MMFR0_EL1: PARange, ASID, endianness, granules. */
	{ ID(7U, 0U), FIELD(0) | FIELD(4) | FIELD(8) | FIELD(12) | FIELD(16) | FIELD(20) |
	  FIELD(24) | FIELD(28), { { 0, 2 } } },
	/* ID_AA64MMFR1_EL1: HAFDBS (without TCR2), HPDS, PAN, ETS, nTLBPA. */
	{ ID(7U, 1U), FIELD(0) | FIELD(12) | FIELD(20) | FIELD(36) | FIELD(48), { { 0, 2 } } },
	/* ID_AA64MMFR2_EL1: CnP, UAO, LSM, VARange, CCIDX, ST, AT, TTL, BBM, E0PD. */
	{ ID(7U, 2U), FIELD(0) | FIELD(4) | FIELD(8) | FIELD(16) | FIELD(20) | FIELD(28) |
	  FIELD(32) | FIELD(48) | FIELD(52) | FIELD(60) },
};

#define CASE_ID(crm, op2) \
	case ID(crm##U, op2##U): return sysreg_read(s3_0_c0_c##crm##_##op2)

/* The machine's own register; 0 for those that no filter lets through. */
static uint64_t id_read(uint32_t reg)
{
	switch (reg) {
	CASE_ID(1, 0); CASE_ID(1, 1); CASE_ID(1, 4); CASE_ID(1, 5);
	CASE_ID(1, 6); CASE_ID(1, 7); CASE_ID(2, 0); CASE_ID(2, 1);
	CASE_ID(2, 2); CASE_ID(2, 3); CASE_ID(2, 4); CASE_ID(2, 5);
	CASE_ID(2, 6); CASE_ID(2, 7); CASE_ID(3, 0); CASE_ID(3, 1);
	CASE_ID(3, 2); CASE_ID(3, 4); CASE_ID(4, 0); CASE_ID(4, 1);
	CASE_ID(5, 0); CASE_ID(6, 0); CASE_ID(6, 1); CASE_ID(6, 2);
	CASE_ID(7, 0); CASE_ID(7, 1); CASE_ID(7, 2);
	default:
		return 0;
	}
}

static uint64_t id_capped(const struct id_filter *f, uint64_t v)
{
	for (size_t i = 0; i < ARRAY_SIZE(f->cap) && f->cap[i].value != 0; i++) {
		unsigned int shift = f->cap[i].shift;

		if (((v >> shift) & 0xf) > f->cap[i].value) {
			v &= ~FIELD(shift);
			v |= (uint64_t)f->cap[i].value << shift;
		}
	}
	return v;
}

static uint64_t id_filtered(uint32_t reg)
{
	for (size_t i = 0; i < ARRAY_SIZE(id_filters); i++) {
		const struct id_filter *f = &id_filters[i];

		if (f->reg == reg) {
			return id_capped(f, id_read(reg) & f->keep);
		}
	}
	return 0;
}

static bool is_id(uint32_t reg)
{
	uint32_t crm = (reg >> 1) & 15;

	/* op0 3, op1 0, CRn 0, CRm 1 to 7: HCR_EL2.TID3. */
	return (reg & SYS(3U, 7U, 15U, 0U, 0U)) == SYS(3U, 0U, 0U, 0U, 0U) && crm >= 1 && crm <= 7;
}

#define MDSCR_EL1	SYS(2U, 0U, 0U, 2U, 2U)
#define OSLAR_EL1	SYS(2U, 0U, 1U, 0U, 4U)
#define OSLSR_EL1	SYS(2U, 0U, 1U, 1U, 4U)
#define ICC_SGI1R_EL1	SYS(3U, 0U, 12U, 11U, 5U)
#define ICC_ASGI1R_EL1	SYS(3U, 0U, 12U, 11U, 6U)
#define ICC_SGI0R_EL1	SYS(3U, 0U, 12U, 11U, 7U)
#define ACTLR_EL1	SYS(3U, 0U, 1U, 0U, 1U)

/* Registers of features that are hidden: read as zero, writes ignored. */
static bool is_ignored(uint32_t reg)
{
	uint32_t crn = (reg >> 10) & 15;
	uint32_t crm = (reg >> 1) & 15;
	uint32_t op0 = (reg >> 20) & 3;
	uint32_t op1 = (reg >> 14) & 7;

	if (op0 == 2) {
		return true;		/* debug; the rest of op0 2 is trace */
	}
	if (op0 == 1) {
		return true;		/* set/way cache operations: RAM is coherent */
	}
	if (reg == ACTLR_EL1) {
		return true;
	}
	/* PMU: op1 3 or 0, CRn 9, CRm 12 to 14; CRn 14, CRm 8 to 15. */
	return (crn == 9 && crm >= 12 && crm <= 14 && (op1 == 3 || op1 == 0)) ||
	       (crn == 14 && crm >= 8 && op1 == 3);
}

static bool sysreg_read_emulated(struct arch_vcpu *v, uint32_t reg, uint64_t *val)
{
	if (is_id(reg)) {
		*val = id_filtered(reg);
		return true;
	}
	switch (reg) {
	case MDSCR_EL1:
		*val = v->mdscr_el1;
		return true;
	case OSLSR_EL1:
		*val = 0x8U | (v->os_lock ? 0x2U : 0);	/* the lock exists */
		return true;
	default:
		*val = 0;
		return is_ignored(reg);
	}
}

static bool sysreg_write_emulated(struct arch_vcpu *v, uint32_t reg, uint64_t val)
{
	switch (reg) {
	case ICC_SGI1R_EL1:
		vgic_sgi1r(v, val);
		return true;
	case ICC_SGI0R_EL1:
	case ICC_ASGI1R_EL1:
		vgic_sgi0r(v, val);
		return true;
	case MDSCR_EL1:
		v->mdscr_el1 = val;
		return true;
	case OSLAR_EL1:
		v->os_lock = val & 1;
		return true;
	default:
		return is_ignored(reg) && !is_id(reg);
	}
}

void sysreg_trap(struct arch_vcpu *v, uint64_t esr)
{
	uint32_t iss = ESR_ISS(esr);
	uint32_t reg = iss & SYS_MASK;
	unsigned int rt = (iss >> 5) & 31;
	bool done;

	if (iss & 1) {
		uint64_t val = 0;

		done = sysreg_read_emulated(v, reg, &val);
		if (done) {
			vcpu_reg_set(v, rt, val);
		}
	} else {
		done = sysreg_write_emulated(v, reg, vcpu_reg(v, rt));
	}
	if (!done) {
		inject_undefined(v);
		return;
	}
	trap_skip(v, esr);
}

#define HCR_VM		(1ULL << 0)
#define HCR_SWIO	(1ULL << 1)
#define HCR_PTW		(1ULL << 2)
#define HCR_FMO		(1ULL << 3)
#define HCR_IMO		(1ULL << 4)
#define HCR_AMO		(1ULL << 5)
#define HCR_FB		(1ULL << 9)
#define HCR_BSU_IS	(1ULL << 10)
#define HCR_TWI		(1ULL << 13)
#define HCR_TID3	(1ULL << 18)
#define HCR_TSC		(1ULL << 19)
#define HCR_TIDCP	(1ULL << 20)
#define HCR_TACR	(1ULL << 21)
#define HCR_TSW		(1ULL << 22)
#define HCR_RW		(1ULL << 31)
#define HCR_TLOR	(1ULL << 35)
#define HCR_TERR	(1ULL << 36)

#define HCR_GUEST (HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | \
		   HCR_BSU_IS | HCR_TWI | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | \
		   HCR_TSW | HCR_RW)

/* MDCR_EL2: trap debug ROM, OS, and debug registers, and the PMU. */
#define MDCR_TRAPS	((1ULL << 11) | (1ULL << 10) | (1ULL << 9) | (1ULL << 6) | (1ULL << 5))
#define MDCR_TPMS	(1ULL << 14)
#define MDCR_TTRF	(1ULL << 19)
#define CPTR_RES1	0x33ffULL	/* with the traps of SVE and SME */
#define CPTR_TTA	(1ULL << 20)
#define CPTR_TAM	(1ULL << 30)

/* VTCR_EL2: 40 bits, from level 1, write-back, inner shareable, 4 KiB. */
#define VTCR_VALUE	((1ULL << 31) | (3ULL << 12) | (1ULL << 10) | (1ULL << 8) | \
			 (1ULL << 6) | 24)

static unsigned int id_field(uint64_t id, unsigned int shift)
{
	return (unsigned int)(id >> shift) & 0xf;
}

/*
 * Traps of registers that only some CPUs have, that nobody switches, and that
 * a guest is not told of. The bits are RES0 where there is nothing to trap.
 */
static void traps_set(void)
{
	uint64_t pfr0 = sysreg_read(id_aa64pfr0_el1);
	uint64_t dfr0 = sysreg_read(id_aa64dfr0_el1);
	uint64_t mmfr1 = sysreg_read(id_aa64mmfr1_el1);
	uint64_t hcr = HCR_GUEST;
	uint64_t mdcr = MDCR_TRAPS | (sysreg_read(mdcr_el2) & 0x1f);	/* HPMN */
	uint64_t cptr = CPTR_RES1 | CPTR_TTA;

	if (id_field(mmfr1, 16) != 0) {
		hcr |= HCR_TLOR;	/* limited ordering regions */
	}
	if (id_field(pfr0, 28) != 0) {
		hcr |= HCR_TERR;	/* error records */
	}
	if (id_field(dfr0, 32) != 0) {
		mdcr |= MDCR_TPMS;	/* statistical profiling */
	}
	if (id_field(dfr0, 40) != 0) {
		mdcr |= MDCR_TTRF;	/* trace filter */
	}
	if (id_field(pfr0, 44) != 0) {
		cptr |= CPTR_TAM;	/* activity monitors */
	}
	if (id_field(mmfr1, 40) != 0) {
		sysreg_write(s3_4_c1_c2_2, 0);	/* HCRX_EL2: nothing it would allow */
	}
	sysreg_write(hcr_el2, hcr);
	sysreg_write(mdcr_el2, mdcr);
	sysreg_write(cptr_el2, cptr);
	sysreg_write(hstr_el2, 0);
}

/* What guests can't write because it traps, but a boot loader could. */
static void leftovers_clear(void)
{
	unsigned int pmu = id_field(sysreg_read(id_aa64dfr0_el1), 8);

	sysreg_write(mdscr_el1, 0);
	if (pmu != 0 && pmu != 0xf) {
		sysreg_write(pmuserenr_el0, 0);
	}
}

void sysreg_cpu_init(void)
{
	uint64_t pa_range = sysreg_read(id_aa64mmfr0_el1) & 7;
	uint64_t midr = sysreg_read(midr_el1);

	traps_set();
	leftovers_clear();
	if (id_field(sysreg_read(id_aa64mmfr0_el1), 56) != 0) {
		/* FEAT_FGT: no finer traps than those above (HFG*_EL2, HDFG*_EL2). */
		sysreg_write(s3_4_c1_c1_4, 0);
		sysreg_write(s3_4_c1_c1_5, 0);
		sysreg_write(s3_4_c1_c1_6, 0);
		sysreg_write(s3_4_c3_c1_4, 0);
		sysreg_write(s3_4_c3_c1_5, 0);
	}
	sysreg_write(vpidr_el2, midr);
	sysreg_write(vtcr_el2, VTCR_VALUE | (MIN(pa_range, 5) << 16));
	sysreg_write(vttbr_el2, 0);
	isb();
}
