/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memcpy and memset, and the same for RAM that is cleaned to the point of
 * coherency as it is written.
 *
 * Frames and pages are what the hypervisor copies most, and headers what it copies
 * most often. From 64 bytes on a copy goes through SIMD registers, 64 bytes by
 * an instruction; these hold a guest's values, so those that are used are saved around
 * it. Fewer bytes are read by two accesses of half their size or more, which may
 * overlap, before anything is written. Unaligned accesses to normal memory are allowed
 * (SCTLR_EL2.A is 0). memmove() relies on that each step reads before it writes
 * and that steps go up.
 */
	.arch_extension fp
	.arch_extension simd
	.text
	.global	memcpy
	.balign	64
memcpy:
	cmp	x2, #64
	b.hs	4f
	add	x8, x1, x2
	add	x9, x0, x2
	tbz	x2, #5, 1f
	ldp	x4, x5, [x1]
	ldp	x6, x7, [x1, #16]
	ldp	x10, x11, [x8, #-32]
	ldp	x12, x13, [x8, #-16]
	stp	x4, x5, [x0]
	stp	x6, x7, [x0, #16]
	stp	x10, x11, [x9, #-32]
	stp	x12, x13, [x9, #-16]
	ret
1:	tbz	x2, #4, 2f
	ldp	x4, x5, [x1]
	ldp	x6, x7, [x8, #-16]
	stp	x4, x5, [x0]
	stp	x6, x7, [x9, #-16]
	ret
2:	tbz	x2, #3, 3f
	ldr	x4, [x1]
	ldr	x5, [x8, #-8]
	str	x4, [x0]
	str	x5, [x9, #-8]
	ret
3:	tbz	x2, #2, 31f
	ldr	w4, [x1]
	ldr	w5, [x8, #-4]
	str	w4, [x0]
	str	w5, [x9, #-4]
	ret
31:	cbz	x2, 32f
	lsr	x10, x2, #1
	ldrb	w4, [x1]
	ldrb	w5, [x1, x10]
	ldrb	w6, [x8, #-1]
	strb	w4, [x0]
	strb	w5, [x0, x10]
	strb	w6, [x9, #-1]
32:	ret

4:	mov	x3, x0
	sub	sp, sp, #128
	st1	{v0.16b-v3.16b}, [sp]
	subs	x2, x2, #256
	b.lo	6f
	add	x4, sp, #64
	st1	{v4.16b-v7.16b}, [x4]
5:	ld1	{v0.16b-v3.16b}, [x1], #64
	ld1	{v4.16b-v7.16b}, [x1], #64
	subs	x2, x2, #256
	st1	{v0.16b-v3.16b}, [x3], #64
	st1	{v4.16b-v7.16b}, [x3], #64
	ld1	{v0.16b-v3.16b}, [x1], #64
	ld1	{v4.16b-v7.16b}, [x1], #64
	st1	{v0.16b-v3.16b}, [x3], #64
	st1	{v4.16b-v7.16b}, [x3], #64
	b.hs	5b
	ld1	{v4.16b-v7.16b}, [x4]
6:	adds	x2, x2, #192		// the rest minus 64
	b.mi	8f
7:	ld1	{v0.16b-v3.16b}, [x1], #64
	subs	x2, x2, #64
	st1	{v0.16b-v3.16b}, [x3], #64
	b.hs	7b
8:	ld1	{v0.16b-v3.16b}, [sp]
	add	sp, sp, #128
	tst	x2, #63			// low bits are right
	b.eq	13f
	tbz	x2, #5, 9f
	ldp	x4, x5, [x1], #16
	ldp	x6, x7, [x1], #16
	stp	x4, x5, [x3], #16
	stp	x6, x7, [x3], #16
9:	tbz	x2, #4, 10f
	ldp	x4, x5, [x1], #16
	stp	x4, x5, [x3], #16
10:	tbz	x2, #3, 11f
	ldr	x4, [x1], #8
	str	x4, [x3], #8
11:	tbz	x2, #2, 12f
	ldr	w4, [x1], #4
	str	w4, [x3], #4
12:	tst	x2, #3
	b.eq	13f
	tbz	x2, #1, 121f
	ldrh	w4, [x1], #2
	strh	w4, [x3], #2
121:	tbz	x2, #0, 13f
	ldrb	w4, [x1]
	strb	w4, [x3]
13:	ret

	.global	memset
	.balign	64
memset:
	ands	x1, x1, #0xff
	b.eq	1f
	orr	x1, x1, x1, lsl #8
	orr	x1, x1, x1, lsl #16
	orr	x1, x1, x1, lsl #32
	b	4f
	// Zero: whole blocks by DC ZVA (64 bytes on every CPU that allows it).
1:	cmp	x2, #256
	b.lo	4f
	mrs	x4, dczid_el0
	cmp	x4, #4			// not prohibited, 64 bytes
	b.ne	4f
	// To the first whole line, which may be zeroed again.
	stp	x1, x1, [x0]
	stp	x1, x1, [x0, #16]
	stp	x1, x1, [x0, #32]
	stp	x1, x1, [x0, #48]
	add	x3, x0, #63
	and	x3, x3, #~63
	add	x5, x0, x2
	sub	x2, x5, x3
	sub	x2, x2, #64
2:	dc	zva, x3
	subs	x2, x2, #64
	add	x3, x3, #64
	b.hs	2b
	// The rest, minus 64, of the last line; what is before it is zero, too.
	stp	x1, x1, [x5, #-64]
	stp	x1, x1, [x5, #-48]
	stp	x1, x1, [x5, #-32]
	stp	x1, x1, [x5, #-16]
	ret
4:	cmp	x2, #16
	b.lo	7f
	add	x4, x0, x2
	mov	x3, x0
	subs	x2, x2, #32
	b.lo	6f
5:	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	subs	x2, x2, #32
	add	x3, x3, #32
	b.hs	5b
6:	stp	x1, x1, [x4, #-16]
	tbz	x2, #4, 61f
	stp	x1, x1, [x3]
61:	ret
7:	mov	x3, x0
	tbz	x2, #3, 8f
	str	x1, [x3], #8
8:	tbz	x2, #2, 9f
	str	w1, [x3], #4
9:	tbz	x2, #1, 10f
	strh	w1, [x3], #2
10:	tbz	x2, #0, 11f
	strb	w1, [x3]
11:	ret

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
