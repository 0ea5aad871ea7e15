/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch interface, other direction: what the core does for a port. Each is
 * called on the vCPU's own CPU from its trap, with no lock held, except where
 * said.
 */
#ifndef ARCH_UPCALL_H
#define ARCH_UPCALL_H

#include "lib/types.h"

struct arch_vcpu;
struct arch_domain;

/* A hypercall: number and five arguments. Returns the guest's result. */
uint64_t upcall_hypercall(struct arch_vcpu *v, uint64_t nr,
			  const uint64_t args[5]);

/* The guest waits for an interrupt. */
void upcall_wait(struct arch_vcpu *v);

/* An interrupt became pending for `v`: wake it or kick its CPU. Any CPU. */
void upcall_irq(struct arch_vcpu *v);

/*
 * Power on vCPU `id` of v's domain. 0, -EINVAL (no such vCPU), -EEXIST (is on
 * already).
 */
MUST_CHECK int upcall_vcpu_on(struct arch_vcpu *v, unsigned int id,
			      gpa_t entry, uint64_t arg);
/* Power off the calling vCPU. */
void upcall_vcpu_off(struct arch_vcpu *v);
/* 1 on, 0 off, -EINVAL no such vCPU. */
int upcall_vcpu_is_on(struct arch_vcpu *v, unsigned int id);

enum shutdown_reason {		/* values: xen/sched.h SHUTDOWN_* */
	SHUTDOWN_POWEROFF = 0,
	SHUTDOWN_REBOOT = 1,
	SHUTDOWN_SUSPEND = 2,
	SHUTDOWN_CRASH = 3,
	SHUTDOWN_WATCHDOG = 4,
	SHUTDOWN_SOFT_RESET = 5,
};

/* End the domain; the vCPU does not run again. */
void upcall_shutdown(struct arch_vcpu *v, enum shutdown_reason reason);

/* The guest did what it must not and can't go on: `why` is logged. */
void upcall_crash(struct arch_vcpu *v, const char *why);

/*
 * The guest accessed `gpa`, where stage 2 has no (such) mapping. Transient:
 * another CPU was changing it, the access may be tried again.
 */
bool upcall_fault_is_transient(struct arch_vcpu *v, gpa_t gpa, bool write, bool exec);
/*
 * The guest's load or store at `gpa` is to a register of a device of ours: it is
 * done, and a read's result, zero-extended, in *value. False: it is not.
 */
bool upcall_mmio(struct arch_vcpu *v, gpa_t gpa, unsigned int size, bool write, uint64_t *value);
/* Count and log it; the port then injects an abort. */
void upcall_fault(struct arch_vcpu *v, gpa_t gpa, uint64_t pc);

/*
 * Wait until no other CPU is changing the domain's map of memory. Locks below
 * LOCK_P2M may be held.
 */
void upcall_map_settle(struct arch_vcpu *v);

/* vCPU `id` of the domain, or NULL. */
struct arch_vcpu *upcall_vcpu(struct arch_domain *d, unsigned int id);

/* The domain's number, for log_guest(). */
unsigned int upcall_domid(struct arch_domain *d);

/* A device interrupt of the machine that no port code claimed. */
void upcall_device_irq(unsigned int irq);

/* Count an exit of the running vCPU (enum exit_kind in vm/domain.h). */
void upcall_exit_count(struct arch_vcpu *v, unsigned int kind);

/*
 * Let the core do what is pending before the guest goes on; another vCPU may
 * be loaded (this_cpu()->frame) when it returns.
 */
void upcall_resume(void);

/* The boot CPU is ready: start the core; never returns. */
NORETURN void upcall_boot(void);

/* The entry of a started CPU into the core; never returns. */
NORETURN void upcall_cpu_main(void);

#endif
