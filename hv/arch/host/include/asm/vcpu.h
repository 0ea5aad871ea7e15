/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: what it keeps for domains and vCPUs.
 */
#ifndef ASM_VCPU_H
#define ASM_VCPU_H

#include <stdatomic.h>

#include "lib/types.h"

#define HOST_TLB_SIZE	64U

/* A translation that hardware may keep until it is flushed. */
struct host_tlb_entry {
	uint64_t gfn;		/* UINT64_MAX: empty */
	hpa_t pa;
	unsigned int attr;
};

/* Interrupts of a guest for the hypervisor's devices. */
#define HOST_GUEST_IRQ_FIRST	32U
#define HOST_GUEST_IRQS		8U

struct host_guest_irq {
	bool taken;
	_Atomic unsigned int raised;	/* times */
};

struct arch_domain {
	hpa_t root;
	uint64_t areas;		/* where its fixed areas are; 0: the usual place */
	unsigned int vcpu_count;
	bool active;		/* between init and fini */
	struct host_tlb_entry tlb[HOST_TLB_SIZE];
	unsigned int flushes;		/* arch_s2_flush calls */
	unsigned int full_flushes;	/* arch_s2_flush_all calls */
	struct host_guest_irq guest_irq[HOST_GUEST_IRQS];
};

struct arch_vcpu {
	struct arch_domain *domain;
	unsigned int id;
	gpa_t entry;		/* of the last reset */
	uint64_t arg;
	unsigned int resets;

	/* The event-channel upcall: raised and not yet taken by the guest. */
	_Atomic bool upcall_pending;
	_Atomic unsigned int upcalls;	/* raised so far */

	bool irq_pending;	/* any other interrupt, set by a test */
	uint64_t guest_timer;	/* arch_now() time, UINT64_MAX: off */

	bool loaded;		/* between switch to and switch from it */
	bool parked;		/* loaded, but its CPU sleeps */
};

#endif
