/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions to EL2, and the way back to a guest.
 *
 * From a guest: its registers go to its struct arch_vcpu (this_cpu()->frame),
 * the C function runs on the CPU's stack, and the way back loads whatever
 * vCPU is in this_cpu()->frame then. The stack is empty while a guest runs.
 */
#include "asm-offsets.h"

#define PANIC_STACK_SHIFT 12		/* size for each CPU */

.macro	save_guest
	stp	x0, x1, [sp, #-16]!
	mrs	x0, tpidr_el2
	ldr	x0, [x0, #CPU_FRAME]
	stp	x2, x3, [x0, #(VCPU_X + 16)]
	ldp	x2, x3, [sp], #16
	stp	x2, x3, [x0, #VCPU_X]
	stp	x4, x5, [x0, #(VCPU_X + 32)]
	stp	x6, x7, [x0, #(VCPU_X + 48)]
	stp	x8, x9, [x0, #(VCPU_X + 64)]
	stp	x10, x11, [x0, #(VCPU_X + 80)]
	stp	x12, x13, [x0, #(VCPU_X + 96)]
	stp	x14, x15, [x0, #(VCPU_X + 112)]
	stp	x16, x17, [x0, #(VCPU_X + 128)]
	stp	x18, x19, [x0, #(VCPU_X + 144)]
	stp	x20, x21, [x0, #(VCPU_X + 160)]
	stp	x22, x23, [x0, #(VCPU_X + 176)]
	stp	x24, x25, [x0, #(VCPU_X + 192)]
	stp	x26, x27, [x0, #(VCPU_X + 208)]
	stp	x28, x29, [x0, #(VCPU_X + 224)]
	str	x30, [x0, #(VCPU_X + 240)]
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [x0, #VCPU_PC]
	mov	x29, xzr
.endm

.macro	vector_guest handler
	.balign	128
	save_guest
	bl	\handler
	b	guest_return
.endm

/* An exception in the hypervisor itself is the end of it. */
.macro	fatal kind
	// The stack may be what failed: take the emergency stack. The guest's
	// SP_EL0 is lost, but so is everything.
	msr	sp_el0, x0
	mov	x0, sp
	msr	tpidr_el0, x0
	mrs	x0, tpidr_el2
	ldr	w0, [x0, #CPU_ID]	// each CPU has its part
	add	w0, w0, #1
	lsl	x0, x0, #PANIC_STACK_SHIFT
	msr	tpidrro_el0, x0
	ldr	x0, =panic_stack
	mov	sp, x0
	mrs	x0, tpidrro_el0
	add	sp, sp, x0
	mrs	x0, sp_el0
	b	fatal_\kind
.endm

.macro	vector_fatal kind
	.balign	128
	fatal	\kind
.endm

	.text
	.balign	2048
	.global	vectors
vectors:
	vector_fatal 0			// current EL with SP_EL0
	vector_fatal 1
	vector_fatal 2
	vector_fatal 3
	vector_fatal 4			// current EL with SP_EL2
	vector_fatal 5
	vector_fatal 6
	.balign	128
	b	serror_el2
	vector_guest trap_sync		// a guest in AArch64
	vector_guest trap_irq
	vector_guest trap_irq
	vector_guest trap_serror
	vector_guest trap_sync		// a guest in AArch32 (its EL0)
	vector_guest trap_irq
	vector_guest trap_irq
	vector_guest trap_serror

.macro	fatal_entry kind
fatal_\kind:
	stp	x0, x1, [sp, #-256]!
	mov	x1, #\kind
	b	fatal_common
.endm
	fatal_entry 0
	fatal_entry 1
	fatal_entry 2
	fatal_entry 3
	fatal_entry 4
	fatal_entry 5
	fatal_entry 6
	fatal_entry 7

fatal_common:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	mrs	x2, tpidr_el0		// the stack pointer at the exception
	stp	x30, x2, [sp, #240]
	mov	x0, sp
	bl	trap_fatal
	b	.

/*
 * bool serror_take(void): take an SError that is pending for this CPU, true if
 * there was one. The exception returns into the window with x0 set to 1.
 */
	.global	serror_take
serror_take:
	mov	x0, #0
	msr	DAIFClr, #4
	isb
serror_window:
	msr	DAIFSet, #4
	ret

serror_el2:
	stp	x0, x1, [sp, #-16]!
	mrs	x0, elr_el2
	adr	x1, serror_take
	sub	x0, x0, x1
	cmp	x0, #(serror_window - serror_take)
	ldp	x0, x1, [sp], #16
	b.hi	1f
	mov	x0, #1
	eret
	dsb	nsh
	isb
1:	fatal	7

/* Enter the vCPU in this_cpu()->frame for the first time on this CPU. */
	.global	guest_enter
guest_enter:
guest_return:
	bl	trap_exit		// returns the frame
	ldp	x2, x3, [x0, #VCPU_PC]
	msr	elr_el2, x2
	msr	spsr_el2, x3
	ldp	x2, x3, [x0, #(VCPU_X + 16)]
	ldp	x4, x5, [x0, #(VCPU_X + 32)]
	ldp	x6, x7, [x0, #(VCPU_X + 48)]
	ldp	x8, x9, [x0, #(VCPU_X + 64)]
	ldp	x10, x11, [x0, #(VCPU_X + 80)]
	ldp	x12, x13, [x0, #(VCPU_X + 96)]
	ldp	x14, x15, [x0, #(VCPU_X + 112)]
	ldp	x16, x17, [x0, #(VCPU_X + 128)]
	ldp	x18, x19, [x0, #(VCPU_X + 144)]
	ldp	x20, x21, [x0, #(VCPU_X + 160)]
	ldp	x22, x23, [x0, #(VCPU_X + 176)]
	ldp	x24, x25, [x0, #(VCPU_X + 192)]
	ldp	x26, x27, [x0, #(VCPU_X + 208)]
	ldp	x28, x29, [x0, #(VCPU_X + 224)]
	ldr	x30, [x0, #(VCPU_X + 240)]
	ldp	x0, x1, [x0, #VCPU_X]
	eret
	dsb	nsh			// no speculation past the return
	isb

/* fp_save(x0), fp_load(x0): struct vcpu_fp. */
	.arch_extension fp
	.arch_extension simd
	.macro	fp_all op
	\op	q0, q1, [x0, #0]
	\op	q2, q3, [x0, #32]
	\op	q4, q5, [x0, #64]
	\op	q6, q7, [x0, #96]
	\op	q8, q9, [x0, #128]
	\op	q10, q11, [x0, #160]
	\op	q12, q13, [x0, #192]
	\op	q14, q15, [x0, #224]
	\op	q16, q17, [x0, #256]
	\op	q18, q19, [x0, #288]
	\op	q20, q21, [x0, #320]
	\op	q22, q23, [x0, #352]
	\op	q24, q25, [x0, #384]
	\op	q26, q27, [x0, #416]
	\op	q28, q29, [x0, #448]
	\op	q30, q31, [x0, #480]
	.endm
	.global	fp_save
fp_save:
	fp_all	stp
	mrs	x1, fpcr
	mrs	x2, fpsr
	add	x0, x0, #512
	stp	x1, x2, [x0]
	ret
	.global	fp_load
fp_load:
	fp_all	ldp
	add	x0, x0, #512
	ldp	x1, x2, [x0]
	msr	fpcr, x1
	msr	fpsr, x2
	ret

	.section .bss.panic_stack, "aw", %nobits
	.balign	16
panic_stack:	.space	(CPU_LIMIT << PANIC_STACK_SHIFT)

	.text
/* stack_switch(sp, fn): go on with fn() on another stack, for good. */
	.global	stack_switch
stack_switch:
	mov	sp, x0
	mov	x29, xzr
	mov	x30, xzr
	blr	x1
	b	.

/* smc_call(fn, a, b, c), hvc_call(...): SMC Calling Convention. */
	.global	smc_call
smc_call:
	smc	#0
	ret
	.global	hvc_call
hvc_call:
	hvc	#0
	ret
