/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: traps from guests, between the files of the port.
 */
#ifndef ASM_TRAP_H
#define ASM_TRAP_H

#include "lib/types.h"
#include <asm/vcpu.h>

/* Exception syndrome, ESR_EL2 (Arm DDI 0487 D19.2.37). */
#define ESR_EC(esr)	(((esr) >> 26) & 0x3fU)
#define ESR_IL		(1ULL << 25)
#define ESR_ISS(esr)	((esr) & 0x1ffffffU)

#define EC_UNKNOWN	0x00U
#define EC_WFX		0x01U
#define EC_CP15_32	0x03U
#define EC_CP15_64	0x04U
#define EC_CP14_32	0x05U
#define EC_FP		0x07U
#define EC_PAC		0x09U
#define EC_CP14_64	0x0cU
#define EC_HVC64	0x16U
#define EC_SMC64	0x17U
#define EC_SYS64	0x18U
#define EC_SVE		0x19U
#define EC_IABT_LOW	0x20U
#define EC_DABT_LOW	0x24U

/* Entry points of entry.S. */
void trap_sync(struct arch_vcpu *v);
void trap_irq(struct arch_vcpu *v);
void trap_serror(struct arch_vcpu *v);
struct arch_vcpu *trap_exit(void);
NORETURN void trap_fatal(const uint64_t *regs, unsigned int vector);
NORETURN void guest_enter(void);
NORETURN void stack_switch(uint64_t sp, void (*fn)(void));

/* Take an SError that is pending for this CPU; false if there is none. */
bool serror_take(void);

/*
 * An interrupt that was taken and is a guest's: it is passed on, and the guest
 * ends it. False if it is nobody's.
 */
bool irq_assigned(uint32_t intid);

/* Handle interrupts that are pending now; `v` is loaded or NULL. */
void irq_handle(struct arch_vcpu *v);

/*
 * The result (PAR_EL1) of an address translation by the running guest's
 * tables, `op` being an operand of AT. The guest's own PAR_EL1 stays.
 */
#define GUEST_AT(op, va)						\
({									\
	uint64_t own_ = sysreg_read(par_el1);				\
	uint64_t par_;							\
	__asm__ volatile("at " #op ", %0\n\tisb" ::"r"(va) : "memory");	\
	par_ = sysreg_read(par_el1);					\
	sysreg_write(par_el1, own_);					\
	par_;								\
})
#define PAR_F		1ULL
#define PAR_ADDR	0x0000fffffffff000ULL

/* The instruction that trapped is done: what the CPU does at its end. */
void trap_skip_state(struct arch_vcpu *v);
static inline void trap_skip(struct arch_vcpu *v, uint64_t esr)
{
	trap_skip_state(v);
	v->pc += (esr & ESR_IL) ? 4 : 2;
}

static inline uint64_t vcpu_reg(const struct arch_vcpu *v, unsigned int n)
{
	return n == 31 ? 0 : v->x[n];
}

static inline void vcpu_reg_set(struct arch_vcpu *v, unsigned int n, uint64_t val)
{
	if (n != 31) {
		v->x[n] = val;
	}
}

/* Have the running vCPU take an exception to its EL1. */
void inject_undefined(struct arch_vcpu *v);
void inject_abort(struct arch_vcpu *v, bool instruction, uint64_t far);

/* A trapped access to a system register (EC_SYS64). */
void sysreg_trap(struct arch_vcpu *v, uint64_t esr);
/* The guest registers' state while no vCPU is loaded; each CPU. */
void vcpu_cpu_init(void);
/* The registers that filter what guests see; each CPU. */
void sysreg_cpu_init(void);

/* An SMCCC call by HVC #0 or SMC: function in x0. */
void psci_call(struct arch_vcpu *v);
/* Ask the firmware what it has; boot CPU, once. */
void psci_init(void);

#endif
