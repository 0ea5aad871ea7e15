/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of structure members for assembly: compiled to assembly text, from
 * which the makefile takes the numbers.
 */
#include "kern/cpu.h"
#include <arch/vcpu.h>

#define DEFINE(name, value) __asm__ volatile("@@ " #name " %0" ::"i"(value))

void asm_offsets(void);

void asm_offsets(void)
{
	DEFINE(CPU_FRAME, offsetof(struct cpu, frame));
	DEFINE(CPU_ID, offsetof(struct cpu, id));
	DEFINE(CPU_LIMIT, CPU_MAX);
	DEFINE(VCPU_X, offsetof(struct arch_vcpu, x));
	DEFINE(VCPU_PC, offsetof(struct arch_vcpu, pc));
	DEFINE(VCPU_FP, offsetof(struct arch_vcpu, fp));
	static_assert(offsetof(struct arch_vcpu, pstate) == offsetof(struct arch_vcpu, pc) + 8,
		      "entry.S stores them as a pair");
	static_assert(offsetof(struct arch_vcpu, x) == 0, "entry.S");
}
