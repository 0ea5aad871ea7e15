/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the arm64 port's <asm/vcpu.h> where its vGIC is built for the
 * host: only what the vGIC relies on.
 */
#ifndef ASM_VCPU_H
#define ASM_VCPU_H

#include <asm/vgic.h>

struct arch_vcpu {
	struct vgic_vcpu vgic;
	struct arch_domain *domain;
	unsigned int id;
	unsigned int kicks;		/* upcall_irq() calls */
};

struct arch_domain {
	unsigned int vcpu_count;
	struct vgic_domain vgic;
	struct arch_vcpu *vcpus[8];
};

#endif
