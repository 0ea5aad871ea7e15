/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt controller that a guest sees: GICv3 with affinity routing, one
 * security state, no LPIs. A distributor, and a redistributor for each vCPU,
 * are emulated; the CPU interface is the hardware's, fed by list registers.
 *
 * Order of calls, all on the CPU that runs the vCPU:
 *	vgic_load()  when the vCPU comes onto a CPU
 *	vgic_enter() right before each entry to the guest
 *	vgic_leave() right after each exit, before anything below
 *	vgic_save()  when it goes off the CPU (before the physical timer of
 *		     another vCPU is let through)
 * vgic_inject(), vgic_set_level() and the wake-ups that they cause may come
 * from any CPU at any time, with locks held.
 *
 * Locking: none. What several CPUs write is single words changed by atomic
 * operations; list registers and all that tells of them belong to the CPU that
 * has the vCPU loaded. The writer of a state that may call for a delivery
 * stores the state, then sets `dirty` of the target (release), then kicks it
 * by upcall_irq(); the target clears `dirty` (acquire) before it looks.
 *
 * Invariants: an interrupt's in_lr bit is set if and only if one list register
 * holds it; only the CPU of that vCPU clears it. Nothing a guest writes
 * reaches an array index or a physical register unchecked.
 *
 * Sources: Arm IHI 0069; what a guest needs of it: Linux irq-gic-v3.c.
 */
#ifndef ASM_VGIC_H
#define ASM_VGIC_H

#include <stdatomic.h>

#include "lib/types.h"
#include <asm/gic_layout.h>

#define VGIC_BANK_SIZE	32U		/* interrupts in a bank */
#define VGIC_SPI_MAX	256U
#define VGIC_SPI_BANKS	(VGIC_SPI_MAX / VGIC_BANK_SIZE)

struct arch_vcpu;
struct arch_domain;

/* 32 interrupts; bit n is the n-th one. Written by any CPU. */
struct vgic_bank {
	_Atomic uint32_t pending;	/* latched, not (yet) in a list register */
	_Atomic uint32_t line;		/* level of the input, vgic_set_level() */
	_Atomic uint32_t enabled;
	_Atomic uint32_t active;	/* as of the holder's last look */
	_Atomic uint32_t edge;		/* trigger as the guest set it */
	_Atomic uint32_t group1;
	_Atomic uint32_t in_lr;
	_Atomic uint32_t drop_active;	/* the holder is to end it */
	/*
	 * SPIs of the machine, under the same number: given to the domain
	 * (constant while it runs), and taken, so that the machine's is active
	 * until the guest ends it, but not (yet) in a list register.
	 */
	uint32_t assigned;
	uint32_t ours;			/* SPIs of the hypervisor's devices; constant, too */
	_Atomic uint32_t hw_pending;
	_Atomic uint8_t prio[VGIC_BANK_SIZE];
};

struct vgic_vcpu {
	_Atomic uint32_t dirty;		/* something to deliver or take back */
	uint32_t lr_used;		/* bit n: list register n holds one */
	uint32_t lr_eoi;		/* it has ICH_LR_EOI */
	uint32_t lr_hw;			/* it has ICH_LR_HW */
	uint32_t lr_latched;		/* its pending state came from a latch */
	uint16_t lr_irq[ICH_LR_MAX];	/* INTID in it */
	uint64_t hcr;			/* ICH_HCR_EL2 while loaded */
	bool loaded;
	bool starved;			/* more to deliver than registers */

	/*
	 * PPIs that wait for the guest's EOI to be deactivated in hardware,
	 * and the physical INTID of each. Own CPU only.
	 */
	uint32_t hw;
	uint8_t hw_intid[VGIC_BANK_SIZE];

	_Atomic bool asleep;		/* GICR_WAKER.ProcessorSleep */
	struct vgic_bank bank;		/* SGIs and PPIs */

	/* The CPU interface while not loaded. */
	uint64_t lr[ICH_LR_MAX];
	uint64_t apr[2][4];
	uint64_t vmcr;
};

struct vgic_domain {
	unsigned int spi_count;		/* multiple of 32; constant */
	uint64_t gicd_base, gicr_base;	/* guest addresses; constant */
	_Atomic uint32_t ctlr;		/* GICD_CTLR_GRP0 and _GRP1 */
	_Atomic uint64_t bad_accesses;	/* no such register or size */
	struct vgic_bank spi[VGIC_SPI_BANKS];
	_Atomic uint64_t router[VGIC_SPI_MAX];	/* GICD_IROUTER */
	_Atomic uint8_t holder[VGIC_SPI_MAX];	/* vCPU that has it in_lr */
};

/* Find out what the virtual interface can do. Each CPU, after gic_cpu_init(). */
void vgic_cpu_init(void);

/*
 * `spi_count` SPIs (INTIDs from 32), a multiple of 32 up to VGIC_SPI_MAX; may
 * be 0. d->vcpu_count is set. -EINVAL if out of range.
 */
MUST_CHECK int vgic_domain_init(struct arch_domain *d, unsigned int spi_count);
void vgic_domain_fini(struct arch_domain *d);

/* The frames' addresses, if not those of asm/guest_map.h. Not running. */
void vgic_domain_place(struct arch_domain *d, uint64_t gicd, uint64_t gicr);

/*
 * SPI `intid` is the machine's of the same number: the guest's enable bit is
 * the machine's, and so is its end of the interrupt. Not running. -EINVAL if
 * there can't be as many.
 */
MUST_CHECK int vgic_spi_assign(struct arch_domain *d, unsigned int intid);

/*
 * Choose the lowest SPI that is nobody's, for a device of the hypervisor. Not running.
 * -ENOSPC.
 */
MUST_CHECK int vgic_spi_alloc(struct arch_domain *d, unsigned int *intid);

/* v->domain and v->id are set. All interrupts disabled but SGIs. */
void vgic_vcpu_init(struct arch_vcpu *v);

/*
 * The vCPU was powered on: its CPU interface starts afresh. What is pending or
 * enabled in its redistributor stays. Not loaded.
 */
void vgic_vcpu_reset(struct arch_vcpu *v);

/*
 * An access of the running vCPU to a guest physical address. False if it is
 * not in a frame of the vGIC. Else it is done: a read's result, zero-extended,
 * is in *value. What doesn't exist reads as zero and ignores writes.
 */
bool vgic_mmio(struct arch_vcpu *v, uint64_t gpa, unsigned int size, bool write,
	       uint64_t *value);

/* The running vCPU wrote ICC_SGI1R_EL1; ICC_SGI0R_EL1 or ICC_ASGI1R_EL1. */
void vgic_sgi1r(struct arch_vcpu *v, uint64_t value);
void vgic_sgi0r(struct arch_vcpu *v, uint64_t value);

/*
 * Latch interrupt `intid` (an SGI or PPI of `v`, or an SPI) as pending; also
 * while it is disabled. Then upcall_irq() for its target. Any CPU.
 */
void vgic_inject(struct arch_vcpu *v, unsigned int intid);

/*
 * The same for a PPI of the running vCPU whose physical interrupt `pintid` is
 * active on this CPU with its priority dropped: the guest's EOI deactivates
 * it. While the vCPU is off the CPU the physical one is made inactive.
 */
void vgic_inject_hw(struct arch_vcpu *v, unsigned int intid, unsigned int pintid);

/*
 * The same for an assigned SPI, active in the machine with its priority
 * dropped. It stays active while the target is off the CPU. Any CPU.
 */
void vgic_inject_spi(struct arch_domain *d, unsigned int intid);

/*
 * Set the input of a level interrupt. A raised line is pending as long as it
 * is raised. Any CPU; calls for one interrupt come one after the other.
 */
void vgic_set_level(struct arch_vcpu *v, unsigned int intid, bool level);

void vgic_enter(struct arch_vcpu *v);
void vgic_leave(struct arch_vcpu *v);
void vgic_load(struct arch_vcpu *v);
void vgic_save(struct arch_vcpu *v);

/* The CPU sleeps with the vCPU loaded: no maintenance interrupts. The end of that. */
void vgic_park(void);
void vgic_unpark(struct arch_vcpu *v);

/*
 * True if an interrupt waits that the CPU interface would signal, whatever
 * PSTATE.I is: it ends a wait for interrupt. On the vCPU's CPU or not loaded.
 */
bool vgic_pending(struct arch_vcpu *v);

/*
 * Between vgic.c and vgic_mmio.c.
 */

/* Take everything that is only pending back from the list registers. */
void vgic_pull(struct arch_vcpu *v);
/* Have `target` look at its state; `self` is the caller's vCPU or NULL. */
void vgic_notify(struct arch_vcpu *target, struct arch_vcpu *self);
/* The vCPU that SPI `n` (INTID - 32) is routed to, or NULL. */
struct arch_vcpu *vgic_spi_target(struct arch_domain *d, unsigned int n);

#endif
