/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch interface: domains and vCPUs.
 *
 * struct vcpu and struct domain (vm/domain.h) hold the port's struct arch_vcpu
 * and struct arch_domain (<asm/vcpu.h>) by value as their first members. The
 * port knows only its own part; calls up go through <arch/upcall.h>.
 */
#ifndef ARCH_VCPU_H
#define ARCH_VCPU_H

#include "lib/types.h"
#include <asm/vcpu.h>

/*
 * Prepare a domain whose stage-2 root table is at `root`. `vcpu_count` vCPUs
 * will follow. Memory comes from mem/heap.h. 0, -ENOMEM, -ENOSPC (no free
 * hardware tag).
 */
MUST_CHECK int arch_domain_init(struct arch_domain *d, hpa_t root,
				unsigned int vcpu_count);
/* No vCPU of the domain runs or will run. Safe after a failed init. */
void arch_domain_fini(struct arch_domain *d);

/* vCPU `id` of `d`; off, with reset registers. */
MUST_CHECK int arch_vcpu_init(struct arch_vcpu *v, struct arch_domain *d,
			      unsigned int id);
void arch_vcpu_fini(struct arch_vcpu *v);

/*
 * Set the registers for a start at guest physical address `entry` with `arg`
 * in the first argument register. The vCPU is not running. `secondary` tells
 * a CPU that the guest started itself from the boot CPU.
 */
void arch_vcpu_reset(struct arch_vcpu *v, gpa_t entry, uint64_t arg);

/* Raise the event-channel upcall. Any CPU, any state; locks may be held. */
void arch_vcpu_upcall(struct arch_vcpu *v);

/*
 * True if an interrupt waits that would end the guest's wait-for-interrupt.
 * Also arranges that a guest timer wakes the vCPU while it is off the CPU:
 * *wake is the arch_now() time of its next timer, or UINT64_MAX.
 */
bool arch_vcpu_wake_pending(struct arch_vcpu *v, uint64_t *wake);

/*
 * Save prev's registers and load next's, on this CPU; either may be NULL. Sets
 * this_cpu()->frame.
 */
void arch_vcpu_switch(struct arch_vcpu *prev, struct arch_vcpu *next);

/*
 * The loaded vCPU waits, and its CPU sleeps with its registers loaded: nothing of it
 * may interrupt the sleep. arch_vcpu_unpark() ends that; it comes before a switch.
 */
void arch_vcpu_park(struct arch_vcpu *v);
void arch_vcpu_unpark(struct arch_vcpu *v);

/*
 * Guest virtual address of the running vCPU to a machine address, as the
 * guest's kernel could access it. 0 or -EFAULT.
 */
MUST_CHECK int arch_guest_va(struct arch_vcpu *v, uint64_t va, bool write,
			     hpa_t *out);

/* Print the vCPU's registers through `line`. */
void arch_vcpu_dump(struct arch_vcpu *v, void (*line)(const char *text));

/* Where guests have RAM, unless they have it where the machine has it. */
struct arch_guest_ram {
	gpa_t base[2];		/* banks, in order of use */
	uint64_t size[2];	/* most bytes in each */
};

const struct arch_guest_ram *arch_guest_ram(void);

/* Where the guest's fixed areas are. */
struct arch_guest_map {
	gpa_t grant_base;	/* grant-table region */
	gpa_t console_page;
	gpa_t xenstore_page;
	gpa_t device_base;	/* ARCH_GUEST_DEVICES pages for registers of ours */
};

#define ARCH_GUEST_DEVICES 8U

struct arch_guest_map arch_guest_map(const struct arch_domain *d);

/*
 * Of a guest that has its RAM at the machine's addresses, or its devices: put
 * the fixed areas (its interrupt controller too) where `is_free` says that
 * nothing else is. Before the first use of the map. 0 or -ENOSPC.
 */
MUST_CHECK int arch_guest_place(struct arch_domain *d,
				bool (*is_free)(void *ctx, gpa_t base, uint64_t size), void *ctx);

/*
 * Give the guest the machine's shared interrupt `irq`, under the same number;
 * the guest turns it on and off, and its end of the interrupt is the machine's.
 * The domain has not started. -EINVAL: the guest's controller hasn't as many.
 */
MUST_CHECK int arch_irq_assign(struct arch_domain *d, unsigned int irq, bool edge);

/*
 * Take it back: it is off, and nothing of it reaches the domain after the
 * next quiescence. No vCPU of the domain runs any more. One that it was not
 * given, after arch_irq_assign() failed, is left alone.
 */
void arch_irq_revoke(struct arch_domain *d, unsigned int irq);

/*
 * Choose an interrupt of the guest for a device of ours; it goes with the domain.
 * After all arch_irq_assign(), before the domain starts. -ENOSPC.
 */
MUST_CHECK int arch_guest_irq_alloc(struct arch_domain *d, unsigned int *irq);

/* Raise it, as an edge. Any CPU; locks may be held. */
void arch_guest_irq_raise(struct arch_domain *d, unsigned int irq);

#endif
