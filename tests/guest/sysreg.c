/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privileged instructions: every system register is read, the hidden ones are
 * written, unknown firmware calls and wrong addresses are tried. Each gives a
 * value or an exception in the guest; nothing else may happen.
 */
#include "lib/guest.h"
#include "lib/xen.h"

const char guest_name[] = "sysreg";

static uint32_t code[2] PAGE;
static volatile unsigned int seen;

static void count(unsigned int intid)
{
	(void)intid;
	seen++;
}

/* Run one instruction that may use x0. Returns x0; *fault if it trapped. */
static uint64_t run(uint32_t insn, uint64_t x0_in, bool *fault)
{
	uint64_t out;

	((volatile uint32_t *)code)[0] = insn;
	((volatile uint32_t *)code)[1] = 0xd65f03c0;		/* ret */
	__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb"
			 : : "r"(code) : "memory");
	fault_begin();
	__asm__ volatile("mov x0, %2\n\tblr %1\n\tmov %0, x0"
			 : "=r"(out) : "r"(code), "r"(x0_in)
			 : "memory", "cc", "x0", "x1", "x2", "x3", "x16", "x17", "x30");
	*fault = fault_end() != 0;
	return out;
}

static uint32_t sysreg_insn(bool write, unsigned int n)
{
	return (write ? 0xd5100000U : 0xd5300000U) | (n & 0x7fff) << 5;
}

#define SYS(op0, op1, crn, crm, op2) \
	(((op0) - 2U) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static bool may_read(unsigned int n)
{
	/* Not the acknowledge registers: they change state. */
	return n != SYS(3, 0, 12, 12, 0) && n != SYS(3, 0, 12, 8, 0);
}

static void case_read_all(void)
{
	unsigned int faults = 0;

	for (unsigned int n = 0; n < 0x8000; n++) {
		bool fault;

		if (may_read(n)) {
			(void)run(sysreg_insn(false, n), 0, &fault);
			faults += fault;
		}
	}
	CHECK(faults > 1000);		/* most don't exist */
	/* EL2's and EL3's are none of the guest's. */
	for (unsigned int n = 0; n < 0x8000; n++) {
		unsigned int op1 = n >> 11 & 7;
		bool fault;

		if (n >= 0x4000 && (op1 == 4 || op1 >= 6) && (n & 0x3f) == 0) {
			(void)run(sysreg_insn(false, n), 0, &fault);
			if (!fault) {
				fail("register %x of a higher level can be read", n);
			}
		}
	}
}

/* Debug, performance monitors, implementation-defined. */
static void case_write_hidden(void)
{
	for (unsigned int n = 0; n < 0x8000; n++) {
		unsigned int crn = n >> 7 & 15;
		bool fault;

		if (n < 0x4000 || crn == 9 || crn == 11 || crn == 15) {
			(void)run(sysreg_insn(true, n), rnd(), &fault);
		}
	}
	(void)run(sysreg_insn(true, SYS(2, 0, 0, 2, 2)), 0, &(bool){ false });	/* MDSCR */
}

static void case_id(void)
{
	uint64_t pfr0 = sysreg_read("id_aa64pfr0_el1");

	CHECK_EQ(pfr0 >> 8 & 0xf, 0);		/* no EL2 */
	CHECK_EQ(pfr0 >> 12 & 0xf, 0);		/* no EL3 */
	CHECK_EQ(pfr0 >> 24 & 0xf, 1);		/* GICv3 */
	CHECK_EQ(pfr0 >> 32 & 0xf, 0);		/* no SVE */
	CHECK_EQ(sysreg_read("mpidr_el1") & 0xff00ffffff, 0);
	CHECK_EQ(sysreg_read("id_aa64dfr0_el1") >> 8 & 0xf, 0);	/* no PMU */
}

static void case_hvc_smc(void)
{
	bool fault;

	(void)run(0xd4000022, 0, &fault);		/* hvc #1 */
	CHECK(fault);
	(void)run(0xd41fffe2, 0, &fault);		/* hvc #0xffff */
	CHECK(fault);
	CHECK_EQ((int32_t)run(0xd4000003, 0x8600ff00, &fault), -1);	/* smc #0 */
	CHECK(!fault);
	/* A page of secure memory, a firmware update: whatever firmware may do. */
	CHECK_EQ((int32_t)run(0xd4000003, 0xc3000001, &fault), -1);
	CHECK_EQ((int32_t)run(0xd4000003, 0x82000010, &fault), -1);
	CHECK_EQ((int32_t)run(0xd4000003, 0x84000009 + 0x100, &fault), -1);
}

static void touch(uint64_t addr)
{
	fault_begin();
	(void)read64(addr);
	write32(addr, 1);
	if (fault_end() != 2) {
		fail("something is at 0x%lx", addr);
	}
}

/* Addresses with nothing behind: the machine's devices, other RAM. */
static void case_unmapped(void)
{
	static const uint64_t places[] = {
		0x08000000, 0x080a0000, 0x09000000, 0x0a000000, 0x10000000, 0x37fff000,
		0x39100000, 0x3fff0000, 0x80000000, 0xfffff000, 0x200000000, 0x4000000000,
	};

	for (unsigned int i = 0; i < COUNT(places); i++) {
		if (places[i] >> 36 == 0) {
			touch(places[i]);
		}
	}
}

/* The interrupt controller's own registers in any order with any value. */
static void case_icc(void)
{
	static const unsigned int regs[] = {
		SYS(3, 0, 4, 6, 0), SYS(3, 0, 12, 8, 1), SYS(3, 0, 12, 8, 2),
		SYS(3, 0, 12, 8, 3), SYS(3, 0, 12, 8, 4), SYS(3, 0, 12, 9, 0),
		SYS(3, 0, 12, 11, 1), SYS(3, 0, 12, 11, 3), SYS(3, 0, 12, 12, 1),
		SYS(3, 0, 12, 12, 2), SYS(3, 0, 12, 12, 3), SYS(3, 0, 12, 12, 4),
		SYS(3, 0, 12, 12, 5), SYS(3, 0, 12, 12, 6), SYS(3, 0, 12, 12, 7),
		SYS(3, 0, 12, 12, 0),
	};

	for (unsigned int i = 0; i < 4000; i++) {
		unsigned int n = regs[rnd() % COUNT(regs)];
		bool fault;

		(void)run(sysreg_insn((rnd() & 3) != 0, n), rnd() & rnd(), &fault);
		write32(GICR_SGI(0) + 0x200, (uint32_t)(rnd() & 0xffff));
	}
	/* As after a reset: no active priority, nothing pending. */
	write32(GICR_SGI(0) + 0x380, UINT32_MAX);
	write32(GICR_SGI(0) + 0x280, UINT32_MAX);
	sysreg_write("S3_0_C12_C8_4", 0);
	sysreg_write("S3_0_C12_C9_0", 0);
	gic_init();
	irq_set(5, count);
	irq_enable();
	sgi_send(0, 5);
	CHECK(WAIT_FOR(seen == 1, 100000));
	irq_disable();
}

/* Cache and TLB maintenance that may be trapped. */
static void case_maintenance(void)
{
	static const uint32_t insns[] = {
		0xd5087640, 0xd5087a40, 0xd5087e40,	/* dc isw, csw, cisw, x0 */
		0xd508871f, 0xd508831f, 0xd508751f,	/* tlbi vmalle1(is), ic iallu */
		0xd50c879f, 0xd50c83df,			/* tlbi alle1, vmalls12e1is */
		0xd50b7e20, 0xd5087620,			/* dc civac, ivac */
	};

	for (unsigned int round = 0; round < 20; round++) {
		for (unsigned int i = 0; i < COUNT(insns); i++) {
			uint64_t x0 = i >= 8 ? (uint64_t)code : rnd() & 0x3fe0;
			bool fault;

			(void)run(insns[i], x0, &fault);
			CHECK(fault == (i == 6 || i == 7));
		}
	}
}

/* What a guest could write and another one read: absent to a guest. */
static void case_absent(void)
{
	static const unsigned int regs[] = {
		SYS(3, 0, 5, 3, 0), SYS(3, 0, 5, 3, 1), SYS(3, 0, 5, 4, 1),	/* RAS */
		SYS(3, 0, 10, 4, 0), SYS(3, 0, 10, 4, 3),	/* LORSA, LORC */
		SYS(3, 3, 13, 2, 3), SYS(3, 3, 13, 2, 1),	/* activity monitors */
		SYS(3, 0, 9, 9, 0), SYS(3, 0, 9, 10, 0),	/* profiling */
		SYS(3, 0, 1, 2, 1),				/* trace filter */
		SYS(3, 3, 13, 0, 7), SYS(3, 0, 13, 0, 7),	/* SCXTNUM */
		SYS(3, 0, 2, 0, 3),				/* TCR2 */
	};

	for (unsigned int i = 0; i < COUNT(regs); i++) {
		bool fault;

		(void)run(sysreg_insn(false, regs[i]), 0, &fault);
		if (!fault) {
			fail("register %x is there", regs[i]);
		}
	}
	CHECK((sysreg_read("id_aa64pfr0_el1") >> 56 & 0xf) <= 1);	/* CSV2 */
}

/* Looking up an argument's address is the hypervisor's business only. */
static void case_par(void)
{
	uint32_t features[2] = { 0, 0 };

	sysreg_write("par_el1", 0x80b);
	CHECK_EQ(hypercall(HC_XEN_VERSION, 6, (uint64_t)features, 0, 0, 0), 0);
	CHECK_EQ(sysreg_read("par_el1"), 0x80b);
	CHECK(hypercall(HC_XEN_VERSION, 6, 0x10000000, 0, 0, 0) < 0);
	CHECK_EQ(sysreg_read("par_el1"), 0x80b);
}

const struct guest_case guest_cases[] = {
	{ "id", case_id }, { "absent", case_absent }, { "par", case_par }, { "hvc-smc", case_hvc_smc },
	{ "unmapped", case_unmapped }, { "read-all", case_read_all },
	{ "write-hidden", case_write_hidden },
	{ "maintenance", case_maintenance }, { "icc", case_icc }, { NULL, NULL },
};
