/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared interrupts of the machine that belong to a guest, and those of the
 * hypervisor's devices.
 *
 * The CPU that takes one drops its priority and leaves it active: it can't come
 * again before the guest has ended it, so a line that stays up costs one entry
 * for each time that the guest says it is done.
 *
 * Locking: none. `owner` is read by any CPU in its interrupt handler; an
 * interrupt is given to the next domain after a quiescence, when no handler
 * has the last one in hand.
 */
#include <arch/vcpu.h>

#include <stdatomic.h>

#include <arch/upcall.h>
#include <asm/gic.h>
#include <asm/trap.h>
#include <asm/vgic.h>

static _Atomic(struct arch_domain *) owner[VGIC_SPI_MAX];

int arch_irq_assign(struct arch_domain *d, unsigned int irq, bool edge)
{
	int err = irq < gic_irq_limit() ? vgic_spi_assign(d, irq) : -EINVAL;

	if (err == 0) {
		/* One that came after the last owner's end may be active. */
		gic_reset_spi(irq);
		gic_set_edge(irq, edge);
		atomic_store_explicit(&owner[irq - VGIC_BANK_SIZE], d, memory_order_release);
	}
	return err;
}

void arch_irq_revoke(struct arch_domain *d, unsigned int irq)
{
	struct arch_domain *old = d;

	if (irq - VGIC_BANK_SIZE < VGIC_SPI_MAX &&
	    atomic_compare_exchange_strong(&owner[irq - VGIC_BANK_SIZE], &old, NULL)) {
		gic_reset_spi(irq);
	}
}

int arch_guest_irq_alloc(struct arch_domain *d, unsigned int *irq)
{
	return vgic_spi_alloc(d, irq);
}

void arch_guest_irq_raise(struct arch_domain *d, unsigned int irq)
{
	struct arch_vcpu *any = upcall_vcpu(d, 0);

	if (any != NULL) {
		vgic_inject(any, irq);
	}
}

bool irq_assigned(uint32_t intid)
{
	struct arch_domain *d = NULL;

	if (intid - VGIC_BANK_SIZE < VGIC_SPI_MAX) {
		d = atomic_load_explicit(&owner[intid - VGIC_BANK_SIZE], memory_order_acquire);
	}
	if (d == NULL) {
		return false;
	}
	gic_eoi(intid);
	vgic_inject_spi(d, intid);
	return true;
}
