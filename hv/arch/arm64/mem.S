/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy and memset, and the same for RAM that is cleaned to the point of
 * coherency as it is written.
 *
 * Frames and pages are what the hypervisor copies most. A long copy moves 512
 * bytes a round in 34 instructions through SIMD registers; these hold a
 * guest's values, so the eight that it uses are saved around it. Unaligned
 * accesses to normal memory are allowed (SCTLR_EL2.A is 0), so only the tail
 * needs smaller steps.
 */
	.arch_extension fp
	.arch_extension simd
	.text

	/* 128 bytes, `at` bytes before where x1 and x3 point. */
	.macro	copy_128 at
	ldp	q0, q1, [x1, #-\at]
	ldp	q2, q3, [x1, #32 - \at]
	ldp	q4, q5, [x1, #64 - \at]
	ldp	q6, q7, [x1, #96 - \at]
	stp	q0, q1, [x3, #-\at]
	stp	q2, q3, [x3, #32 - \at]
	stp	q4, q5, [x3, #64 - \at]
	stp	q6, q7, [x3, #96 - \at]
	.endm

	.global	memcpy
	.balign	64
memcpy:
	mov	x3, x0
	cmp	x2, #384
	b.lo	0f
	stp	q0, q1, [sp, #-128]!
	stp	q2, q3, [sp, #32]
	stp	q4, q5, [sp, #64]
	stp	q6, q7, [sp, #96]
	subs	x2, x2, #512
	b.lo	10f
9:	ldp	q0, q1, [x1], #512
	ldp	q2, q3, [x1, #-480]
	ldp	q4, q5, [x1, #-448]
	ldp	q6, q7, [x1, #-416]
	subs	x2, x2, #512
	stp	q0, q1, [x3], #512
	stp	q2, q3, [x3, #-480]
	stp	q4, q5, [x3, #-448]
	stp	q6, q7, [x3, #-416]
	copy_128 384
	copy_128 256
	copy_128 128
	b.hs	9b
10:	adds	x2, x2, #384		// the rest, minus 128
	b.lt	12f
11:	add	x1, x1, #128
	add	x3, x3, #128
	copy_128 128
	subs	x2, x2, #128
	b.ge	11b
12:	add	x2, x2, #128
	ldp	q2, q3, [sp, #32]
	ldp	q4, q5, [sp, #64]
	ldp	q6, q7, [sp, #96]
	ldp	q0, q1, [sp], #128
0:	subs	x2, x2, #64
	b.lo	2f
1:	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	ldp	x8, x9, [x1, #32]
	ldp	x10, x11, [x1, #48]
	add	x1, x1, #64
	subs	x2, x2, #64
	stp	x4, x5, [x3]
	stp	x6, x7, [x3, #16]
	stp	x8, x9, [x3, #32]
	stp	x10, x11, [x3, #48]
	add	x3, x3, #64
	b.hs	1b
2:	tbz	x2, #5, 3f		// x2 is the rest minus 64: low bits are right
	ldp	x4, x5, [x1], #16
	ldp	x6, x7, [x1], #16
	stp	x4, x5, [x3], #16
	stp	x6, x7, [x3], #16
3:	tbz	x2, #4, 4f
	ldp	x4, x5, [x1], #16
	stp	x4, x5, [x3], #16
4:	tbz	x2, #3, 5f
	ldr	x4, [x1], #8
	str	x4, [x3], #8
5:	tbz	x2, #2, 6f
	ldr	w4, [x1], #4
	str	w4, [x3], #4
6:	tbz	x2, #1, 7f
	ldrh	w4, [x1], #2
	strh	w4, [x3], #2
7:	tbz	x2, #0, 8f
	ldrb	w4, [x1]
	strb	w4, [x3]
8:	ret

	.global	memset
	.balign	64
memset:
	mov	x3, x0
	and	x1, x1, #0xff
	cbnz	x1, 3f
	// Zero: whole blocks by DC ZVA (64 bytes on every CPU that allows it).
	cmp	x2, #256
	b.lo	3f
	mrs	x4, dczid_el0
	cmp	x4, #4			// not prohibited, 64 bytes
	b.ne	3f
1:	tst	x3, #63
	b.eq	2f
	strb	wzr, [x3], #1
	sub	x2, x2, #1
	b	1b
2:	subs	x2, x2, #64
	b.lo	21f
	dc	zva, x3
	add	x3, x3, #64
	b	2b
21:	add	x2, x2, #64
3:	orr	x1, x1, x1, lsl #8
	orr	x1, x1, x1, lsl #16
	orr	x1, x1, x1, lsl #32
	subs	x2, x2, #16
	b.lo	5f
4:	stp	x1, x1, [x3], #16
	subs	x2, x2, #16
	b.hs	4b
5:	tbz	x2, #3, 6f
	str	x1, [x3], #8
6:	tbz	x2, #2, 7f
	str	w1, [x3], #4
7:	tbz	x2, #1, 8f
	strh	w1, [x3], #2
8:	tbz	x2, #0, 9f
	strb	w1, [x3]
9:	ret

/*
 * ram_zero_lines(from, to): by lines of 64 bytes, both aligned to that. The
 * cleaning of a line is in order with the writes to it (Arm DDI 0487 D7.5.9).
 */
	.global	ram_zero_lines
	.balign	64
ram_zero_lines:
	sub	x2, x1, x0
	tbz	x2, #6, 2f
	dc	zva, x0
	dc	civac, x0
	add	x0, x0, #64
2:	tbz	x2, #7, 3f
	.rept	2
	dc	zva, x0
	dc	civac, x0
	add	x0, x0, #64
	.endr
3:	tbz	x2, #8, 4f
	.rept	4
	dc	zva, x0
	dc	civac, x0
	add	x0, x0, #64
	.endr
4:	cmp	x0, x1
	b.hs	6f
5:	.rept	8
	dc	zva, x0
	dc	civac, x0
	add	x0, x0, #64
	.endr
	cmp	x0, x1
	b.lo	5b
6:	ret

/* ram_copy_lines(dst, src, n): dst aligned to 64, n a multiple of 128, not 0. */
	.global	ram_copy_lines
	.balign	64
ram_copy_lines:
	stp	q0, q1, [sp, #-128]!
	stp	q2, q3, [sp, #32]
	stp	q4, q5, [sp, #64]
	stp	q6, q7, [sp, #96]
1:	ldp	q0, q1, [x1]
	ldp	q2, q3, [x1, #32]
	ldp	q4, q5, [x1, #64]
	ldp	q6, q7, [x1, #96]
	add	x1, x1, #128
	add	x3, x0, #64
	subs	x2, x2, #128
	stp	q0, q1, [x0]
	stp	q2, q3, [x0, #32]
	dc	civac, x0
	stp	q4, q5, [x0, #64]
	stp	q6, q7, [x0, #96]
	dc	civac, x3
	add	x0, x0, #128
	b.hi	1b
	ldp	q2, q3, [sp, #32]
	ldp	q4, q5, [sp, #64]
	ldp	q6, q7, [sp, #96]
	ldp	q0, q1, [sp], #128
	dsb	sy
	ret
