/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the boot loader to C. The image starts with the header of an arm64
 * Linux Image (Documentation/arch/arm64/booting.rst), so that every loader
 * that starts Linux starts it. State: EL2, MMU off, x0 the device tree.
 *
 * The code here runs at its physical address until the MMU is on; all of it
 * fits in the first page, which is mapped at its physical address too.
 */
#include <asm/layout.h>

	.section .text.boot, "ax"
	.global _start
_start:
	b	boot_cpu
	nop
	.quad	0			// text_offset
	.quad	image_size
	.quad	0xa			// little endian, 4 KiB, anywhere
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.word	0

/* Stop here if not at EL2: nothing can be said without a console. */
.macro	require_el2
	mrs	x9, CurrentEL
	cmp	x9, #(2 << 2)
	b.ne	hang
.endm

/*
 * What a boot loader may have left: E2H would give other registers of EL2
 * another layout; SP is to be EL2's own.
 */
.macro	el2_state
	msr	DAIFSet, #0xf
	msr	SPSel, #1
	mov	x9, #(1 << 31)		// RW
	msr	hcr_el2, x9
	mov	x9, #0x33ff		// no trap: memcpy() uses SIMD registers
	msr	cptr_el2, x9
	isb
.endm

hang:	wfi
	b	hang

boot_cpu:
	require_el2
	el2_state
	mov	x20, x0			// device tree
	adrp	x21, _start		// physical start of the image
	ldr	x22, =image_start
	sub	x22, x22, x21		// virtual minus physical

	// Clear .bss, which holds the tables, past the caches and in them.
	ldr	x0, =bss_start
	ldr	x1, =bss_end
	sub	x0, x0, x22
	sub	x1, x1, x22
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b

	// Level 3 tables for the image: one page a step.
	adrp	x0, image_l3
	ldr	x1, =text_end
	ldr	x2, =rodata_end
	ldr	x3, =image_end
	ldr	x4, =image_start
	mov	x5, x21
2:	ldr	x6, =(PTE_PAGE | PTE_NORMAL | PTE_RES1 | PTE_INNER | PTE_AF)
	cmp	x4, x2
	b.hs	3f			// data
	orr	x6, x6, #PTE_RO
	cmp	x4, x1
	b.lo	4f			// text
3:	orr	x6, x6, #(1 << 54)
4:	orr	x6, x6, x5
	str	x6, [x0], #8
	add	x4, x4, #4096
	add	x5, x5, #4096
	cmp	x4, x3
	b.lo	2b

	mov	x7, #PTE_TABLE
	adrp	x0, hv_l0
	adrp	x1, image_l1
	orr	x2, x1, x7
	str	x2, [x0, #(((IMAGE_VA >> 39) & 511) * 8)]
	adrp	x2, image_l2
	orr	x3, x2, x7
	str	x3, [x1, #(((IMAGE_VA >> 30) & 511) * 8)]
	adrp	x3, image_l3
	orr	x4, x3, x7
	str	x4, [x2, #(((IMAGE_VA >> 21) & 511) * 8)]

	// The first page at its physical address, for this code.
	adrp	x1, ident_l1
	orr	x2, x1, x7
	ubfx	x3, x21, #39, #9
	str	x2, [x0, x3, lsl #3]
	adrp	x2, ident_l2
	orr	x3, x2, x7
	ubfx	x4, x21, #30, #9
	str	x3, [x1, x4, lsl #3]
	adrp	x3, ident_l3
	orr	x4, x3, x7
	ubfx	x5, x21, #21, #9
	str	x4, [x2, x5, lsl #3]
	ldr	x6, =(PTE_PAGE | PTE_NORMAL | PTE_RES1 | PTE_INNER | PTE_AF | PTE_RO)
	orr	x6, x6, x21
	ubfx	x5, x21, #12, #9
	str	x6, [x3, x5, lsl #3]

	// The tables were written with the caches off: no stale line may hide them.
	dmb	sy
	ldr	x0, =bss_start
	ldr	x1, =bss_end
	sub	x0, x0, x22
	sub	x1, x1, x22
5:	dc	ivac, x0
	add	x0, x0, #16
	cmp	x0, x1
	b.lo	5b
	dsb	sy

	bl	mmu_on
	ldr	x9, =boot_stack_end
	mov	sp, x9
	mov	x29, xzr
	mov	x0, x20
	mov	x1, x21
	ldr	x9, =boot_main
	blr	x9
	b	hang

/* Turn on the MMU with the tables at hv_l0. Uses x9 to x12. */
mmu_on:
	ldr	x9, =MAIR_VALUE
	msr	mair_el2, x9
	ldr	x9, =TCR_VALUE
	mrs	x10, id_aa64mmfr0_el1
	and	x10, x10, #7
	mov	x11, #5
	cmp	x10, x11		// at most 48 bits of physical address
	csel	x10, x10, x11, lo
	bfi	x9, x10, #16, #3
	msr	tcr_el2, x9
	adrp	x9, hv_l0
	msr	ttbr0_el2, x9
	isb
	tlbi	alle2
	dsb	nsh
	ic	iallu
	dsb	nsh
	isb
	ldr	x9, =SCTLR_VALUE
	msr	sctlr_el2, x9
	isb
	ret

/* A CPU that arch_cpu_start() started; x0 is its number. */
	.global	secondary_start
secondary_start:
	require_el2
	el2_state
	mov	x20, x0
	bl	mmu_on
	ldr	x9, =STACK_VA
	mov	x10, #STACK_STRIDE
	madd	x9, x10, x20, x9
	ldr	x10, =STACK_STRIDE
	add	x9, x9, x10
	mov	sp, x9
	mov	x29, xzr
	mov	x0, x20
	ldr	x9, =secondary_main
	br	x9
	.ltorg

	.section .bss.tables, "aw", %nobits
	.balign	4096
	.global	hv_l0
hv_l0:		.space	4096
image_l1:	.space	4096
image_l2:	.space	4096
image_l3:	.space	4096
ident_l1:	.space	4096
ident_l2:	.space	4096
ident_l3:	.space	4096
boot_stack:	.space	16384
boot_stack_end:
