/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GIC's system registers, by their encodings (the assembler's names need
 * an extension that the base architecture doesn't switch on), and the layouts
 * that gic.c and vgic.c share. The unit tests put a model in this file's place.
 * Source: Arm IHI 0069, chapter 12.
 */
#ifndef ASM_GIC_REGS_H
#define ASM_GIC_REGS_H

#include "lib/types.h"
#include <asm/gic_layout.h>

#define GIC_SYSREG_READ(enc)						\
({									\
	uint64_t val_;							\
	__asm__ volatile("mrs %0, " enc : "=r"(val_));			\
	val_;								\
})

#define GIC_SYSREG_WRITE(enc, val)					\
	__asm__ volatile("msr " enc ", %x0" : : "rZ"((uint64_t)(val)) : "memory")

#define GIC_SYSREG(name, enc)						\
static inline uint64_t name##_read(void)				\
{									\
	return GIC_SYSREG_READ(enc);					\
}									\
static inline void name##_write(uint64_t val)				\
{									\
	GIC_SYSREG_WRITE(enc, val);					\
}

/* Physical CPU interface. */
GIC_SYSREG(icc_pmr, "S3_0_C4_C6_0")	/* ICC_PMR_EL1 */
GIC_SYSREG(icc_dir, "S3_0_C12_C11_1")	/* ICC_DIR_EL1 */
GIC_SYSREG(icc_sgi1r, "S3_0_C12_C11_5")	/* ICC_SGI1R_EL1 */
GIC_SYSREG(icc_iar1, "S3_0_C12_C12_0")	/* ICC_IAR1_EL1 */
GIC_SYSREG(icc_eoir1, "S3_0_C12_C12_1")	/* ICC_EOIR1_EL1 */
GIC_SYSREG(icc_bpr1, "S3_0_C12_C12_3")	/* ICC_BPR1_EL1 */
GIC_SYSREG(icc_ctlr, "S3_0_C12_C12_4")	/* ICC_CTLR_EL1 */
GIC_SYSREG(icc_sre_el1, "S3_0_C12_C12_5")	/* ICC_SRE_EL1 */
GIC_SYSREG(icc_igrpen1, "S3_0_C12_C12_7")	/* ICC_IGRPEN1_EL1 */
GIC_SYSREG(icc_sre_el2, "S3_4_C12_C9_5")	/* ICC_SRE_EL2 */

/* Virtual interface control. */
GIC_SYSREG(ich_hcr, "S3_4_C12_C11_0")	/* ICH_HCR_EL2 */
GIC_SYSREG(ich_vtr, "S3_4_C12_C11_1")	/* ICH_VTR_EL2 */
GIC_SYSREG(ich_eisr, "S3_4_C12_C11_3")	/* ICH_EISR_EL2 */
GIC_SYSREG(ich_elrsr, "S3_4_C12_C11_5")	/* ICH_ELRSR_EL2 */
GIC_SYSREG(ich_vmcr, "S3_4_C12_C11_7")	/* ICH_VMCR_EL2 */

static inline void gic_isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

#define ICH_READ_CASE(n, enc)	case n: return GIC_SYSREG_READ(enc)
#define ICH_WRITE_CASE(n, enc)	case n: GIC_SYSREG_WRITE(enc, val); break

/* List register n, n < 16. */
static inline uint64_t ich_lr_read(unsigned int n)
{
	switch (n) {
	ICH_READ_CASE(0, "S3_4_C12_C12_0");
	ICH_READ_CASE(1, "S3_4_C12_C12_1");
	ICH_READ_CASE(2, "S3_4_C12_C12_2");
	ICH_READ_CASE(3, "S3_4_C12_C12_3");
	ICH_READ_CASE(4, "S3_4_C12_C12_4");
	ICH_READ_CASE(5, "S3_4_C12_C12_5");
	ICH_READ_CASE(6, "S3_4_C12_C12_6");
	ICH_READ_CASE(7, "S3_4_C12_C12_7");
	ICH_READ_CASE(8, "S3_4_C12_C13_0");
	ICH_READ_CASE(9, "S3_4_C12_C13_1");
	ICH_READ_CASE(10, "S3_4_C12_C13_2");
	ICH_READ_CASE(11, "S3_4_C12_C13_3");
	ICH_READ_CASE(12, "S3_4_C12_C13_4");
	ICH_READ_CASE(13, "S3_4_C12_C13_5");
	ICH_READ_CASE(14, "S3_4_C12_C13_6");
	ICH_READ_CASE(15, "S3_4_C12_C13_7");
	default: return 0;
	}
}

static inline void ich_lr_write(unsigned int n, uint64_t val)
{
	switch (n) {
	ICH_WRITE_CASE(0, "S3_4_C12_C12_0");
	ICH_WRITE_CASE(1, "S3_4_C12_C12_1");
	ICH_WRITE_CASE(2, "S3_4_C12_C12_2");
	ICH_WRITE_CASE(3, "S3_4_C12_C12_3");
	ICH_WRITE_CASE(4, "S3_4_C12_C12_4");
	ICH_WRITE_CASE(5, "S3_4_C12_C12_5");
	ICH_WRITE_CASE(6, "S3_4_C12_C12_6");
	ICH_WRITE_CASE(7, "S3_4_C12_C12_7");
	ICH_WRITE_CASE(8, "S3_4_C12_C13_0");
	ICH_WRITE_CASE(9, "S3_4_C12_C13_1");
	ICH_WRITE_CASE(10, "S3_4_C12_C13_2");
	ICH_WRITE_CASE(11, "S3_4_C12_C13_3");
	ICH_WRITE_CASE(12, "S3_4_C12_C13_4");
	ICH_WRITE_CASE(13, "S3_4_C12_C13_5");
	ICH_WRITE_CASE(14, "S3_4_C12_C13_6");
	ICH_WRITE_CASE(15, "S3_4_C12_C13_7");
	default: break;
	}
}

/* Active priorities of group 0 and 1, word n < 4. */
static inline uint64_t ich_apr_read(unsigned int group, unsigned int n)
{
	switch (group * 4 + n) {
	ICH_READ_CASE(0, "S3_4_C12_C8_0");
	ICH_READ_CASE(1, "S3_4_C12_C8_1");
	ICH_READ_CASE(2, "S3_4_C12_C8_2");
	ICH_READ_CASE(3, "S3_4_C12_C8_3");
	ICH_READ_CASE(4, "S3_4_C12_C9_0");
	ICH_READ_CASE(5, "S3_4_C12_C9_1");
	ICH_READ_CASE(6, "S3_4_C12_C9_2");
	ICH_READ_CASE(7, "S3_4_C12_C9_3");
	default: return 0;
	}
}

static inline void ich_apr_write(unsigned int group, unsigned int n, uint64_t val)
{
	switch (group * 4 + n) {
	ICH_WRITE_CASE(0, "S3_4_C12_C8_0");
	ICH_WRITE_CASE(1, "S3_4_C12_C8_1");
	ICH_WRITE_CASE(2, "S3_4_C12_C8_2");
	ICH_WRITE_CASE(3, "S3_4_C12_C8_3");
	ICH_WRITE_CASE(4, "S3_4_C12_C9_0");
	ICH_WRITE_CASE(5, "S3_4_C12_C9_1");
	ICH_WRITE_CASE(6, "S3_4_C12_C9_2");
	ICH_WRITE_CASE(7, "S3_4_C12_C9_3");
	default: break;
	}
}

#endif
