/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs and domains of the arm64 port: reset, switch, addresses, TLB.
 */
#include <arch/vcpu.h>

#include "kern/cpu.h"
#include "kern/log.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include <arch/s2.h>
#include <arch/upcall.h>
#include <asm/cpu.h>
#include <asm/fp.h>
#include <asm/guest_map.h>
#include <asm/machine.h>
#include <asm/trap.h>

#define VMID_COUNT	256U		/* 8 bits on every CPU */
#define VTTBR_VMID_SHIFT 48

#define PSTATE_START	0x3c5ULL	/* EL1h, all masked (booting.rst) */
#define SCTLR_START	0x00c50078ULL	/* xen/arch-arm.h SCTLR_GUEST_INIT */
/* Stage 1 of no guest: translation on, no table walks. */
#define SCTLR_PARKED	(SCTLR_START | 1U)
#define TCR_PARKED	((1ULL << 23) | (1ULL << 7))	/* EPD1, EPD0 */
#define ISR_SERROR	(1ULL << 8)
#define CNTV_ENABLE	1U
#define CNTV_IMASK	2U

static struct spinlock vmid_lock = SPINLOCK_INIT(LOCK_VIRQ);
static uint64_t vmids[BITMAP_WORDS(VMID_COUNT)] = { 1 };	/* 0 is nobody's */
static bool has_ras;

static void tlb_flush_vmid(uint64_t vttbr)
{
	uint64_t old = sysreg_read(vttbr_el2);

	sysreg_write(vttbr_el2, vttbr);
	isb();
	__asm__ volatile("tlbi vmalls12e1is" ::: "memory");
	dsb(ish);
	isb();
	sysreg_write(vttbr_el2, old);
	isb();
}

int arch_domain_init(struct arch_domain *d, hpa_t root, unsigned int vcpu_count)
{
	int err;

	d->vcpu_count = vcpu_count;
	d->areas = 0;
	d->may_have_registers = false;
	spin_lock(&vmid_lock);
	d->vmid = (unsigned int)bitmap_find_clear(vmids, VMID_COUNT);
	if (d->vmid < VMID_COUNT) {
		bitmap_set(vmids, d->vmid);
	}
	spin_unlock(&vmid_lock);
	if (d->vmid == VMID_COUNT) {
		d->vmid = 0;
		return -ENOSPC;
	}
	err = vgic_domain_init(d, 0);
	if (err != 0) {
		arch_domain_fini(d);
		return err;
	}
	d->vttbr = root.v | ((uint64_t)d->vmid << VTTBR_VMID_SHIFT);
	d->cntvoff = sysreg_read(cntpct_el0);
	/* A domain that had the number before may have left translations. */
	tlb_flush_vmid(d->vttbr);
	return 0;
}

void arch_domain_fini(struct arch_domain *d)
{
	if (d->vmid == 0) {
		return;
	}
	vgic_domain_fini(d);
	spin_lock(&vmid_lock);
	bitmap_clear(vmids, d->vmid);
	spin_unlock(&vmid_lock);
	d->vmid = 0;
}

int arch_vcpu_init(struct arch_vcpu *v, struct arch_domain *d, unsigned int id)
{
	v->domain = d;
	v->id = id;
	v->vmpidr = (1ULL << 31) | guest_mpidr(id);
	vgic_vcpu_init(v);
	arch_vcpu_reset(v, GPA(0), 0);
	return 0;
}

void arch_vcpu_fini(struct arch_vcpu *v)
{
	v->domain = NULL;
}

void arch_vcpu_reset(struct arch_vcpu *v, gpa_t entry, uint64_t arg)
{
	memset(v->x, 0, sizeof(v->x));
	memset(&v->sys, 0, sizeof(v->sys));
	memset(&v->fp, 0, sizeof(v->fp));
	v->x[0] = arg;
	v->pc = entry.v;
	v->pstate = PSTATE_START;
	v->sys.sctlr_el1 = SCTLR_START;
	v->mdscr_el1 = 0;
	v->os_lock = false;
	vgic_vcpu_reset(v);
}

#define SYS_SAVE(name)	(s->name = sysreg_read(name))
#define SYS_LOAD(name)	sysreg_write(name, s->name)

/*
 * Registers of two guests are loaded in part during a switch, and the tables
 * of one that ended may be gone: nothing is to be walked then, by errata of
 * several CPUs not even by an AT that is only speculated.
 */
static void stage1_park(void)
{
	sysreg_write(sctlr_el1, SCTLR_PARKED);
	sysreg_write(tcr_el1, TCR_PARKED);
	isb();
}

static void sys_save(struct vcpu_sysregs *s)
{
	SYS_SAVE(sp_el0); SYS_SAVE(sp_el1); SYS_SAVE(elr_el1); SYS_SAVE(spsr_el1);
	SYS_SAVE(sctlr_el1); SYS_SAVE(cpacr_el1);
	SYS_SAVE(ttbr0_el1); SYS_SAVE(ttbr1_el1); SYS_SAVE(tcr_el1);
	SYS_SAVE(mair_el1); SYS_SAVE(amair_el1);
	SYS_SAVE(esr_el1); SYS_SAVE(far_el1); SYS_SAVE(afsr0_el1); SYS_SAVE(afsr1_el1);
	SYS_SAVE(vbar_el1); SYS_SAVE(contextidr_el1);
	SYS_SAVE(tpidr_el0); SYS_SAVE(tpidrro_el0); SYS_SAVE(tpidr_el1); SYS_SAVE(par_el1);
	SYS_SAVE(cntkctl_el1); SYS_SAVE(cntv_ctl_el0); SYS_SAVE(cntv_cval_el0);
	SYS_SAVE(csselr_el1);
	if (has_ras) {
		s->vdisr = sysreg_read(s3_4_c12_c1_1);
	}
	/* No interrupt for a guest that is not there. */
	sysreg_write(cntv_ctl_el0, 0);
	stage1_park();
}

void vcpu_cpu_init(void)
{
	has_ras = ((sysreg_read(id_aa64pfr0_el1) >> 28) & 0xf) != 0;
	stage1_park();
}

static void sys_load(const struct vcpu_sysregs *s)
{
	SYS_LOAD(sp_el0); SYS_LOAD(sp_el1); SYS_LOAD(elr_el1); SYS_LOAD(spsr_el1);
	SYS_LOAD(cpacr_el1); SYS_LOAD(ttbr0_el1); SYS_LOAD(ttbr1_el1);
	SYS_LOAD(mair_el1); SYS_LOAD(amair_el1);
	SYS_LOAD(esr_el1); SYS_LOAD(far_el1); SYS_LOAD(afsr0_el1); SYS_LOAD(afsr1_el1);
	SYS_LOAD(vbar_el1); SYS_LOAD(contextidr_el1);
	SYS_LOAD(tpidr_el0); SYS_LOAD(tpidrro_el0); SYS_LOAD(tpidr_el1); SYS_LOAD(par_el1);
	SYS_LOAD(cntkctl_el1); SYS_LOAD(cntv_cval_el0); SYS_LOAD(cntv_ctl_el0);
	SYS_LOAD(csselr_el1);
	if (has_ras) {
		sysreg_write(s3_4_c12_c1_1, s->vdisr);
	}
	isb();
	SYS_LOAD(tcr_el1); SYS_LOAD(sctlr_el1);
}

static void save(struct arch_vcpu *v)
{
	sys_save(&v->sys);
	fp_save(&v->fp);
	vgic_save(v);
}

static void load(struct arch_vcpu *v)
{
	struct arch_domain *d = v->domain;
	unsigned int cpu = this_cpu()->id;

	sysreg_write(vttbr_el2, d->vttbr);
	sysreg_write(vmpidr_el2, v->vmpidr);
	sysreg_write(cntvoff_el2, d->cntvoff);
	isb();
	if (d->last_vcpu[cpu] != v->id + 1) {
		if (d->last_vcpu[cpu] != 0) {
			__asm__ volatile("tlbi vmalle1\n\tic iallu" ::: "memory");
			dsb(nsh);
		}
		d->last_vcpu[cpu] = v->id + 1;
	}
	vgic_load(v);
	sys_load(&v->sys);
	fp_load(&v->fp);
	isb();
}

/* An SError that a guest caused must not end the next one. */
static void serror_check(struct arch_vcpu *v)
{
	dsb(sy);
	isb();
	if ((sysreg_read(isr_el1) & ISR_SERROR) != 0 && serror_take()) {
		upcall_crash(v, "asynchronous external abort (SError)");
	}
}

void arch_vcpu_switch(struct arch_vcpu *prev, struct arch_vcpu *next)
{
	if (prev != NULL) {
		serror_check(prev);
		save(prev);
	}
	this_cpu()->frame = next;
	if (next != NULL) {
		load(next);
	}
}

void arch_vcpu_park(struct arch_vcpu *v)
{
	/* One that is pending would end each sleep at once. */
	serror_check(v);
	v->sys.cntv_ctl_el0 = sysreg_read(cntv_ctl_el0);
	sysreg_write(cntv_ctl_el0, 0);
	vgic_park();
}

void arch_vcpu_unpark(struct arch_vcpu *v)
{
	vgic_unpark(v);
	sysreg_write(cntv_ctl_el0, v->sys.cntv_ctl_el0);
}

void arch_vcpu_upcall(struct arch_vcpu *v)
{
	vgic_inject(v, GUEST_IRQ_EVTCHN);
}

bool arch_vcpu_wake_pending(struct arch_vcpu *v, uint64_t *wake)
{
	uint64_t ctl = sysreg_read(cntv_ctl_el0);

	*wake = UINT64_MAX;
	if ((ctl & (CNTV_ENABLE | CNTV_IMASK)) == CNTV_ENABLE) {
		uint64_t cval = sysreg_read(cntv_cval_el0);

		/* The counter does not get to what would wrap. */
		if (cval <= UINT64_MAX - v->domain->cntvoff) {
			*wake = time_from_ticks(cval + v->domain->cntvoff);
		}
	}
	return vgic_pending(v);
}

int arch_guest_va(struct arch_vcpu *v, uint64_t va, bool write, hpa_t *out)
{
	uint64_t par = write ? GUEST_AT(s12e1w, va) : GUEST_AT(s12e1r, va);

	/* Failed, or not normal memory (attributes Device-x: high nibble 0). */
	if ((par & PAR_F) || ((par >> 60) & 0xf) == 0) {
		return -EFAULT;
	}
	/* CPUs may tell what the guest's own tables say of a device's registers. */
	if (unlikely(v->domain->may_have_registers) &&
	    !fdt_boot_is_ram(&machine, HPA(par & PAR_ADDR), PAGE_SIZE)) {
		return -EFAULT;
	}
	*out = HPA((par & PAR_ADDR) | (va & PAGE_MASK));
	return 0;
}

void arch_vcpu_dump(struct arch_vcpu *v, void (*line)(const char *text))
{
	char buf[120];

	fmt_buf(buf, sizeof(buf), "pc %016llx pstate %08llx sp_el1 %016llx",
		(unsigned long long)v->pc, (unsigned long long)v->pstate,
		(unsigned long long)v->sys.sp_el1);
	line(buf);
	for (unsigned int i = 0; i < 30; i += 3) {
		fmt_buf(buf, sizeof(buf), "x%-2u %016llx x%-2u %016llx x%-2u %016llx", i,
			(unsigned long long)v->x[i], i + 1, (unsigned long long)v->x[i + 1],
			i + 2, (unsigned long long)v->x[i + 2]);
		line(buf);
	}
	fmt_buf(buf, sizeof(buf), "x30 %016llx esr_el1 %08llx elr_el1 %016llx far_el1 %016llx",
		(unsigned long long)v->x[30], (unsigned long long)v->sys.esr_el1,
		(unsigned long long)v->sys.elr_el1, (unsigned long long)v->sys.far_el1);
	line(buf);
}

void arch_s2_flush(struct arch_domain *d, gfn_t gfn, uint64_t count)
{
	uint64_t old;

	if (count > 64) {
		arch_s2_flush_all(d);
		return;
	}
	old = sysreg_read(vttbr_el2);
	dsb(ishst);
	sysreg_write(vttbr_el2, d->vttbr);
	isb();
	for (uint64_t i = 0; i < count; i++) {
		__asm__ volatile("tlbi ipas2e1is, %0" ::"r"(gfn.v + i) : "memory");
	}
	dsb(ish);
	/* Combined stage 1 and 2 entries are found by address of stage 1 only. */
	__asm__ volatile("tlbi vmalle1is" ::: "memory");
	dsb(ish);
	isb();
	sysreg_write(vttbr_el2, old);
	isb();
}

void arch_s2_flush_all(struct arch_domain *d)
{
	dsb(ishst);
	tlb_flush_vmid(d->vttbr);
}
