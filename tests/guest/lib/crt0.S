/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start of a bare-metal test guest: the arm64 Linux Image header (Linux,
 * Documentation/arm64/booting.rst), the first CPU and the ones it starts, and
 * the exception vectors.
 */
#define STACK_SHIFT	14
#define FRAME_SIZE	272		/* struct guest_regs */

	.section .head, "ax"
	.global _start
_start:
	b	start
	.long	0
	.quad	0			/* text_offset */
	.quad	_image_size
	.quad	0xa			/* little endian, 4 KiB pages, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

	.text
start:
	mov	x19, x0			/* device tree */

	adrp	x0, _start		/* R_AARCH64_RELATIVE entries */
	add	x0, x0, :lo12:_start
	adrp	x1, _rela_start
	add	x1, x1, :lo12:_rela_start
	adrp	x2, _rela_end
	add	x2, x2, :lo12:_rela_end
1:	cmp	x1, x2
	b.hs	2f
	ldp	x3, x4, [x1]		/* offset, type (1027) */
	ldr	x5, [x1, #16]		/* addend */
	add	x5, x5, x0
	str	x5, [x0, x3]
	add	x1, x1, #24
	b	1b
2:
	adrp	x0, _bss_start
	add	x0, x0, :lo12:_bss_start
	adrp	x1, _bss_end
	add	x1, x1, :lo12:_bss_end
3:	cmp	x0, x1
	b.hs	4f
	stp	xzr, xzr, [x0], #16
	b	3b
4:
	mov	x20, #0
	adrp	x0, guest_stacks
	add	x0, x0, :lo12:guest_stacks
	add	sp, x0, #(1 << STACK_SHIFT)
	bl	mmu_build
	bl	cpu_setup
	mov	x0, x19
	bl	guest_start
5:	wfi
	b	5b

/* PSCI CPU_ON comes here with the CPU's number in x0. */
	.global secondary_start
secondary_start:
	mov	x20, x0
	adrp	x1, guest_stacks
	add	x1, x1, :lo12:guest_stacks
	add	x2, x0, #1
	lsl	x2, x2, #STACK_SHIFT
	add	sp, x1, x2
	bl	cpu_setup
	mov	x0, x20
	bl	guest_secondary
6:	wfi
	b	6b

/* MMU and caches on, vectors set, CPU number (x20) in TPIDR_EL1. */
cpu_setup:
	msr	tpidr_el1, x20
	adrp	x1, vectors
	add	x1, x1, :lo12:vectors
	msr	vbar_el1, x1
	mov	x1, #0x04ff		/* attribute 0 write-back, 1 device */
	msr	mair_el1, x1
	/* T0SZ 25, TTBR0 only, write-back inner-shareable walks, 40 bits out. */
	ldr	x1, =(25 | (1 << 8) | (1 << 10) | (3 << 12) | (1 << 23) | (2 << 32))
	msr	tcr_el1, x1
	adrp	x1, mmu_level1
	add	x1, x1, :lo12:mmu_level1
	msr	ttbr0_el1, x1
	tlbi	vmalle1
	dsb	nsh
	isb
	mrs	x1, sctlr_el1
	mov	x2, #0x1005		/* I, C, M */
	orr	x1, x1, x2
	msr	sctlr_el1, x1
	isb
	ret

	.macro	vector name
	.align	7
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp]
	adr	x0, \name
	b	enter
	.endm

enter:
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
	mrs	x1, elr_el1
	stp	x30, x1, [sp, #240]
	mrs	x1, spsr_el1
	str	x1, [sp, #256]
	mov	x1, x0
	mov	x0, sp
	blr	x1
	ldr	x1, [sp, #256]
	msr	spsr_el1, x1
	ldp	x30, x1, [sp, #240]
	msr	elr_el1, x1
	ldp	x2, x3, [sp, #16]
	ldp	x4, x5, [sp, #32]
	ldp	x6, x7, [sp, #48]
	ldp	x8, x9, [sp, #64]
	ldp	x10, x11, [sp, #80]
	ldp	x12, x13, [sp, #96]
	ldp	x14, x15, [sp, #112]
	ldp	x16, x17, [sp, #128]
	ldp	x18, x19, [sp, #144]
	ldp	x20, x21, [sp, #160]
	ldp	x22, x23, [sp, #176]
	ldp	x24, x25, [sp, #192]
	ldp	x26, x27, [sp, #208]
	ldp	x28, x29, [sp, #224]
	ldp	x0, x1, [sp]
	add	sp, sp, #FRAME_SIZE
	eret

	.align	11
vectors:
	.rept	4
	vector	guest_unexpected
	.endr
	vector	guest_sync
	vector	guest_irq
	vector	guest_unexpected
	vector	guest_serror
	.rept	8
	vector	guest_unexpected
	.endr
