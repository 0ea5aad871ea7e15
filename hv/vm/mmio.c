/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices with registers in memory. See vm/mmio.h.
 */
#include "vm/mmio.h"

#include "lib/bits.h"
#include "vm/domain.h"
#include <arch/upcall.h>

int mmio_place(struct domain *d, unsigned int n)
{
	if (n >= MMIO_SLOTS) {
		return -EINVAL;
	}
	d->mmio.base = arch_guest_map(&d->arch).device_base;
	return arch_guest_irq_alloc(&d->arch, &d->mmio.slot[n].irq);
}

int mmio_attach(struct domain *d, unsigned int n, mmio_fn fn, void *ctx)
{
	if (n >= MMIO_SLOTS || d->mmio.slot[n].irq == 0 || d->mmio.slot[n].fn != NULL) {
		return -EINVAL;
	}
	d->mmio.slot[n].ctx = ctx;
	d->mmio.slot[n].fn = fn;
	return 0;
}

void mmio_detach(struct domain *d, unsigned int n)
{
	d->mmio.slot[n].fn = NULL;
}

gpa_t mmio_base(const struct domain *d, unsigned int n)
{
	return GPA(d->mmio.base.v + n * PAGE_SIZE);
}

void mmio_raise(struct domain *d, unsigned int n)
{
	arch_guest_irq_raise(&d->arch, d->mmio.slot[n].irq);
}

bool upcall_mmio(struct arch_vcpu *v, gpa_t gpa, unsigned int size, bool write, uint64_t *value)
{
	const struct domain_mmio *m = &vcpu_of(v)->domain->mmio;
	uint64_t at = gpa.v - m->base.v;
	const struct mmio_slot *s = &m->slot[at / PAGE_SIZE % MMIO_SLOTS];

	if (at >= MMIO_SLOTS * PAGE_SIZE || s->fn == NULL) {
		return false;
	}
	if (!write) {
		*value = 0;
	}
	if (IS_ALIGNED(at, size)) {
		s->fn(s->ctx, (unsigned int)(at & PAGE_MASK), size, write, value);
	}
	return true;
}
