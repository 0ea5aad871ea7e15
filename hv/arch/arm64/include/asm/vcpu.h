/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: what the port keeps for domains and vCPUs.
 */
#ifndef ASM_VCPU_H
#define ASM_VCPU_H

#include "lib/types.h"
#include <asm/vgic.h>

#define ARCH_CPU_MAX 8U

/* EL1 and EL0 registers that a guest owns; saved at vCPU switches. */
struct vcpu_sysregs {
	uint64_t sp_el0, sp_el1, elr_el1, spsr_el1;
	uint64_t sctlr_el1, cpacr_el1;
	uint64_t ttbr0_el1, ttbr1_el1, tcr_el1, mair_el1, amair_el1;
	uint64_t esr_el1, far_el1, afsr0_el1, afsr1_el1, vbar_el1, contextidr_el1;
	uint64_t tpidr_el0, tpidrro_el0, tpidr_el1, par_el1;
	uint64_t cntkctl_el1, cntv_ctl_el0, cntv_cval_el0;
	uint64_t csselr_el1;
	uint64_t vdisr;			/* what it sees as DISR_EL1 */
};

struct vcpu_fp {
	uint64_t q[64];			/* v0..v31 */
	uint64_t fpcr, fpsr;
} ALIGNED(16);

struct arch_domain;

struct arch_vcpu {
	uint64_t x[31];			/* entry.S: first */
	uint64_t pc;
	uint64_t pstate;
	struct vcpu_sysregs sys;
	struct vcpu_fp fp;
	struct vgic_vcpu vgic;
	struct arch_domain *domain;
	unsigned int id;
	uint64_t vmpidr;
	uint64_t mdscr_el1;		/* emulated: debug is hidden */
	bool os_lock;
};

struct arch_domain {
	uint64_t vttbr;			/* root table and VMID */
	uint64_t cntvoff;		/* counter value at the guest's time 0 */
	unsigned int vmid;		/* 0: none */
	unsigned int vcpu_count;
	uint64_t areas;			/* base of its fixed areas; 0: the usual places */
	bool may_have_registers;	/* of the machine's devices, in its map */
	struct vgic_domain vgic;
	/*
	 * The vCPU, plus one, that ran last on each CPU: two vCPUs of a domain
	 * have the same VMID but may use one ASID differently.
	 */
	unsigned int last_vcpu[ARCH_CPU_MAX];
};

#endif
