/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are in a guest's physical address space; see asm/guest_map.h.
 */
#include <asm/guest_map.h>

#include <arch/vcpu.h>

const struct arch_guest_ram *arch_guest_ram(void)
{
	static const struct arch_guest_ram ram = {
		.base = { { GUEST_RAM0_BASE }, { GUEST_RAM1_BASE } },
		.size = { GUEST_RAM0_MAX, GUEST_GPA_LIMIT - GUEST_RAM1_BASE },
	};

	return &ram;
}

struct arch_guest_map arch_guest_map(const struct arch_domain *d)
{
	uint64_t magic = d->areas != 0 ? d->areas + GUEST_AREAS_MAGIC : GUEST_MAGIC_BASE;

	return (struct arch_guest_map){
		.grant_base = { d->areas != 0 ? d->areas + GUEST_AREAS_GRANT : GUEST_GRANT_BASE },
		.console_page = { magic + GUEST_CONSOLE_PAGE },
		.xenstore_page = { magic + GUEST_XENSTORE_PAGE },
		.device_base = { d->areas != 0 ? d->areas + GUEST_AREAS_DEVICE :
				 GUEST_DEVICE_BASE },
	};
}

int arch_guest_place(struct arch_domain *d, bool (*is_free)(void *ctx, gpa_t base, uint64_t size),
		     void *ctx)
{
	uint64_t gicr_size = d->vcpu_count * GUEST_GICR_STRIDE;

	d->may_have_registers = true;
	if (is_free(ctx, GPA(GUEST_GICD_BASE), GUEST_GICD_SIZE) &&
	    is_free(ctx, GPA(GUEST_GICR_BASE), gicr_size) &&
	    is_free(ctx, GPA(GUEST_DEVICE_BASE), ARCH_GUEST_DEVICES * PAGE_SIZE) &&
	    is_free(ctx, GPA(GUEST_GRANT_BASE), GUEST_GRANT_SIZE) &&
	    is_free(ctx, GPA(GUEST_MAGIC_BASE), GUEST_MAGIC_SIZE)) {
		return 0;
	}
	/* Not at 0, which guests take for "none". */
	for (uint64_t base = GUEST_AREAS_SIZE; base < GUEST_GPA_LIMIT; base += GUEST_AREAS_SIZE) {
		if (is_free(ctx, GPA(base), GUEST_AREAS_SIZE)) {
			d->areas = base;
			vgic_domain_place(d, base + GUEST_AREAS_GICD, base + GUEST_AREAS_GICR);
			return 0;
		}
	}
	return -ENOSPC;
}
