/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest guest: an arm64 Linux Image (Linux, Documentation/arm64/
 * booting.rst, section 4) of 4 KiB that sleeps.
 */
	.text
	.global _start
_start:
	b	1f
	.long	0
	.quad	0			/* text_offset */
	.quad	0x1000			/* image_size */
	.quad	0xa			/* little endian, 4 KiB pages, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0
1:	wfi
	b	1b
	.org	0x1000
