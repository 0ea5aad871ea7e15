/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps from guests: dispatch by exception class, and injection of exceptions
 * into guests.
 */
#include <asm/trap.h>

#include "kern/cpu.h"
#include "kern/log.h"
#include "vm/domain.h"
#include <arch/boot.h>
#include <arch/upcall.h>
#include <arch/vcpu.h>
#include <asm/cpu.h>
#include <asm/gic.h>
#include <asm/layout.h>
#include <asm/machine.h>

#define HYPERCALL_IMM	0xea1U		/* xen/arch-arm.h */

#define SPSR_MODE_MASK	0xfU
#define SPSR_EL1H	0x5U
#define SPSR_EL0T	0x0U
#define SPSR_AARCH32	(1ULL << 4)
#define SPSR_THUMB	(1ULL << 5)
#define SPSR_IT		((3ULL << 25) | (0x3fULL << 10))	/* AArch32 */
#define SPSR_SS		(1ULL << 21)				/* AArch64 */
#define SPSR_BTYPE	(3ULL << 10)				/* AArch64 */
#define SPSR_DAIF	(0xfULL << 6)
#define SPSR_KEPT	((0xfULL << 28) | (1ULL << 24) | (1ULL << 22))	/* NZCV, DIT, PAN */

/* The state of a guest that takes a synchronous exception to EL1 (D1.3). */
static void inject(struct arch_vcpu *v, uint64_t esr)
{
	uint64_t vbar = sysreg_read(vbar_el1);
	uint64_t sctlr = sysreg_read(sctlr_el1);
	uint64_t old = v->pstate;
	uint64_t offset;

	if (old & SPSR_AARCH32) {
		offset = 0x600;
	} else if ((old & SPSR_MODE_MASK) == SPSR_EL0T) {
		offset = 0x400;
	} else {
		offset = (old & 1) ? 0x200 : 0;
	}
	sysreg_write(spsr_el1, old);
	sysreg_write(elr_el1, v->pc);
	sysreg_write(esr_el1, esr);
	v->pc = vbar + offset;
	v->pstate = (old & SPSR_KEPT) | SPSR_DAIF | SPSR_EL1H;
	if (!(sctlr & (1ULL << 23))) {	/* SCTLR_EL1.SPAN: set PAN if it exists */
		if ((sysreg_read(id_aa64mmfr1_el1) >> 20) & 0xf) {
			v->pstate |= 1ULL << 22;
		}
	}
}

/* Of an IT block the next instruction's condition moves up (F5.1.9 ITAdvance). */
static uint64_t it_advance(uint64_t spsr)
{
	uint64_t it = ((spsr >> 8) & 0xfc) | ((spsr >> 25) & 3);

	it = (it & 7) == 0 ? 0 : (it & 0xe0) | ((it << 1) & 0x1f);
	return (spsr & ~SPSR_IT) | (it & 0xfc) << 8 | (it & 3) << 25;
}

void trap_skip_state(struct arch_vcpu *v)
{
	if (!(v->pstate & SPSR_AARCH32)) {
		v->pstate &= ~(SPSR_SS | SPSR_BTYPE);
	} else if (v->pstate & SPSR_THUMB) {
		v->pstate = it_advance(v->pstate);
	}
}

void inject_undefined(struct arch_vcpu *v)
{
	inject(v, ((uint64_t)EC_UNKNOWN << 26) | ESR_IL);
}

void inject_abort(struct arch_vcpu *v, bool instruction, uint64_t far)
{
	bool from_el0 = (v->pstate & SPSR_AARCH32) || (v->pstate & SPSR_MODE_MASK) == SPSR_EL0T;
	uint64_t ec = instruction ? 0x20 : 0x24;

	if (!from_el0) {
		ec++;
	}
	sysreg_write(far_el1, far);
	/* Synchronous external abort, not on a table walk. */
	inject(v, (ec << 26) | ESR_IL | 0x10);
}

static void handle_hvc(struct arch_vcpu *v, uint64_t esr)
{
	unsigned int imm = esr & 0xffff;

	if ((v->pstate & SPSR_MODE_MASK) == SPSR_EL0T) {
		inject_undefined(v);	/* HVC is undefined at EL0; can't happen */
	} else if (imm == HYPERCALL_IMM) {
		upcall_exit_count(v, EXIT_HYPERCALL);
		v->x[0] = upcall_hypercall(v, v->x[16], v->x);
	} else if (imm == 0) {
		upcall_exit_count(v, EXIT_FIRMWARE);
		psci_call(v);
	} else {
		v->pc -= 4;	/* back from the preferred return to the HVC itself */
		inject_undefined(v);
	}
}

static void handle_smc(struct arch_vcpu *v, uint64_t esr)
{
	upcall_exit_count(v, EXIT_FIRMWARE);
	trap_skip(v, esr);
	psci_call(v);
}

static void handle_wfx(struct arch_vcpu *v, uint64_t esr)
{
	upcall_exit_count(v, EXIT_WAIT);
	trap_skip(v, esr);
	upcall_wait(v);
}

static void handle_sys64(struct arch_vcpu *v, uint64_t esr)
{
	upcall_exit_count(v, EXIT_SYSREG);
	sysreg_trap(v, esr);
}

static void handle_undefined(struct arch_vcpu *v, uint64_t esr)
{
	(void)esr;
	upcall_exit_count(v, EXIT_OTHER);
	inject_undefined(v);
}

#define ISS_S1PTW	(1U << 7)	/* the fault was on a walk of stage 1 */
#define ISS_FSC_KIND	0x30U		/* 0: address size, translation, flag, permission */
#define ISS_CM		(1U << 8)	/* a cache maintenance instruction */

/*
 * The guest physical address of a stage-2 abort: the page from HPFAR_EL2, which
 * a permission fault doesn't set (D19.2.57), then from the guest's own tables.
 * False if these have no translation any more.
 */
static bool fault_gpa(uint64_t esr, uint64_t far, uint64_t *gpa)
{
	uint64_t page = (sysreg_read(hpfar_el2) >> 4) << 12;

	if ((esr & 0x3c) == 0x0c && !(esr & ISS_S1PTW)) {
		uint64_t par = GUEST_AT(s1e1r, far);

		if (par & PAR_F) {
			return false;
		}
		page = par & PAR_ADDR;
	}
	*gpa = page | (far & PAGE_MASK);
	return true;
}

static uint64_t mmio_mask(unsigned int size)
{
	return size == 8 ? UINT64_MAX : (1ULL << (size * 8)) - 1;
}

static bool mmio_access(struct arch_vcpu *v, uint64_t esr, uint64_t gpa)
{
	unsigned int size = 1U << ((esr >> 22) & 3);
	unsigned int rt = (esr >> 16) & 31;
	bool write = (esr >> 6) & 1;
	uint64_t val = 0;

	if (write) {
		val = vcpu_reg(v, rt) & mmio_mask(size);
	}
	if (!upcall_mmio(v, GPA(gpa), size, write, &val) &&
	    !vgic_mmio(v, gpa, size, write, &val)) {
		return false;
	}
	if (!write) {
		val &= mmio_mask(size);
		if ((esr >> 21) & 1) {		/* sign extend */
			unsigned int shift = 64 - size * 8;

			val = (uint64_t)((int64_t)(val << shift) >> shift);
			if (!((esr >> 15) & 1)) {
				val &= 0xffffffffU;
			}
		}
		vcpu_reg_set(v, rt, val);
	}
	trap_skip(v, esr);
	return true;
}

static void handle_abort(struct arch_vcpu *v, uint64_t esr)
{
	bool instruction = ESR_EC(esr) == EC_IABT_LOW;
	uint64_t far = sysreg_read(far_el2);
	uint64_t gpa;
	bool valid = (esr >> 24) & 1;		/* ISV: a simple load or store */

	upcall_exit_count(v, EXIT_MMIO);
	/*
	 * Neither about the map nor ours to emulate: an access that a device's
	 * registers don't take (not aligned, exclusive), or an external abort.
	 */
	if ((esr & ISS_FSC_KIND) != 0) {
		inject_abort(v, instruction, far);
		return;
	}
	if (!fault_gpa(esr, far, &gpa)) {
		return;				/* try again */
	}
	if (!instruction && valid && !(esr & ISS_S1PTW) && mmio_access(v, esr, gpa)) {
		return;
	}
	/* A page that is being changed just now is there on the next try. */
	if (upcall_fault_is_transient(v, GPA(gpa), (esr >> 6) & 1, instruction)) {
		return;
	}
	if (!instruction && (esr & ISS_CM) && !(esr & ISS_S1PTW)) {
		trap_skip(v, esr);		/* nothing there has a cache line */
		return;
	}
	upcall_fault(v, GPA(gpa), v->pc);
	inject_abort(v, instruction, far);
}

static void (*const handlers[64])(struct arch_vcpu *v, uint64_t esr) = {
	[EC_WFX] = handle_wfx,
	[EC_HVC64] = handle_hvc,
	[EC_SMC64] = handle_smc,
	[EC_SYS64] = handle_sys64,
	[EC_IABT_LOW] = handle_abort,
	[EC_DABT_LOW] = handle_abort,
};

void trap_sync(struct arch_vcpu *v)
{
	uint64_t esr = sysreg_read(esr_el2);
	unsigned int ec = ESR_EC(esr);

	vgic_leave(v);
	(handlers[ec] != NULL ? handlers[ec] : handle_undefined)(v, esr);
}

void trap_irq(struct arch_vcpu *v)
{
	vgic_leave(v);
	upcall_exit_count(v, EXIT_IRQ);
	irq_handle(v);
}

void trap_serror(struct arch_vcpu *v)
{
	vgic_leave(v);
	upcall_crash(v, "asynchronous external abort (SError)");
}

struct arch_vcpu *trap_exit(void)
{
	struct cpu *c = this_cpu();

	do {
		if (atomic_load_explicit(&c->pending, memory_order_relaxed) != 0) {
			upcall_resume();
		}
		/* May pass an interrupt on to another vCPU, and that be for here. */
		vgic_enter(c->frame);
	} while (unlikely(atomic_load_explicit(&c->pending, memory_order_relaxed) & CPU_RESCHED));
	return c->frame;
}

NORETURN void arch_enter(void)
{
	/* Nothing on the stack is needed any more. */
	stack_switch(STACK_VA + (this_cpu()->id + 1) * (uint64_t)STACK_STRIDE, guest_enter);
}

void trap_fatal(const uint64_t *regs, unsigned int vector)
{
	static const char *const kind[] = { "synchronous exception", "IRQ", "FIQ", "SError" };

	machine_panic_regs(regs);
	panic("%s in the hypervisor: ESR 0x%llx ELR 0x%llx FAR 0x%llx", kind[vector & 3],
	      (unsigned long long)sysreg_read(esr_el2), (unsigned long long)sysreg_read(elr_el2),
	      (unsigned long long)sysreg_read(far_el2));
}
