/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 register offsets and fields, as far as the driver (gic.c) and the
 * emulation (vgic*.c) use them. Source: Arm IHI 0069, chapter 12.
 */
#ifndef ASM_GIC_LAYOUT_H
#define ASM_GIC_LAYOUT_H

#include "lib/bits.h"

/* Distributor. Registers with an array give the offset of the first. */
#define GICD_CTLR		0x0000U
/*
 * With one security state these enable groups 0 and 1; the non-secure view of
 * two has group 1 in both (without and with affinity routing).
 */
#define   GICD_CTLR_GRP0		BIT(0)
#define   GICD_CTLR_GRP1		BIT(1)
#define   GICD_CTLR_ARE			BIT(4)
#define   GICD_CTLR_DS			BIT(6)
#define   GICD_CTLR_RWP			BIT(31)
#define GICD_TYPER		0x0004U
#define   GICD_TYPER_IDBITS_SHIFT	19
#define   GICD_TYPER_NO1N		BIT(25)
#define GICD_IIDR		0x0008U
#define GICD_TYPER2		0x000cU
#define GICD_STATUSR		0x0010U
#define GICD_IGROUPR		0x0080U
#define GICD_ISENABLER		0x0100U
#define GICD_ICENABLER		0x0180U
#define GICD_ISPENDR		0x0200U
#define GICD_ICPENDR		0x0280U
#define GICD_ISACTIVER		0x0300U
#define GICD_ICACTIVER		0x0380U
#define GICD_IPRIORITYR		0x0400U
#define GICD_ITARGETSR		0x0800U
#define GICD_ICFGR		0x0c00U
#define GICD_IGRPMODR		0x0d00U
#define GICD_IGRPMODR_END	0x0e00U
#define GICD_IROUTER		0x6000U
#define GICD_IROUTER_END	0x7fe0U	/* after INTID 1019 */
#define   GICD_IROUTER_IRM		BIT(31)
#define   GICD_IROUTER_AFF		0xff00ffffffULL
#define GIC_PIDR2		0xffe8U	/* in every 64 KiB frame */

/* Redistributor: the RD frame, then the SGI frame. */
#define GICR_CTLR		0x0000U
#define   GICR_CTLR_RWP			BIT(3)
#define GICR_IIDR		0x0004U
#define GICR_TYPER		0x0008U
#define   GICR_TYPER_VLPIS		BIT(1)
#define   GICR_TYPER_LAST		BIT(4)
#define   GICR_TYPER_NUMBER_SHIFT	8
#define   GICR_TYPER_AFF_SHIFT		32
#define GICR_STATUSR		0x0010U
#define GICR_WAKER		0x0014U
#define   GICR_WAKER_SLEEP		BIT(1)	/* ProcessorSleep */
#define   GICR_WAKER_ASLEEP		BIT(2)	/* ChildrenAsleep */
#define GICR_FRAME		0x10000U	/* size of a frame */

/* ICC_* fields. */
#define ICC_CTLR_EOIMODE	BIT(1)
#define ICC_SRE_SRE		BIT(0)
#define ICC_SRE_DFB		BIT(1)
#define ICC_SRE_DIB		BIT(2)
#define ICC_SRE_ENABLE		BIT(3)

/* ICC_SGI1R_EL1. */
#define SGIR_LIST(r)		((r) & 0xffff)
#define SGIR_AFF1(r)		(((r) >> 16) & 0xff)
#define SGIR_INTID(r)		(((r) >> 24) & 0xf)
#define SGIR_AFF2(r)		(((r) >> 32) & 0xff)
#define SGIR_IRM		BIT(40)
#define SGIR_RS(r)		(((r) >> 44) & 0xf)
#define SGIR_AFF3(r)		(((r) >> 48) & 0xff)

/* ICH_HCR_EL2. */
#define ICH_HCR_EN		BIT(0)
#define ICH_HCR_UIE		BIT(1)	/* at most one list register is used */
#define ICH_HCR_NPIE		BIT(3)	/* none is pending */

/* ICH_VTR_EL2. */
#define ICH_VTR_LR_COUNT(v)	((unsigned int)((v) & 0x1f) + 1)
#define ICH_VTR_PRE_BITS(v)	((unsigned int)(((v) >> 26) & 0x7) + 1)
#define ICH_VTR_PRI_BITS(v)	((unsigned int)(((v) >> 29) & 0x7) + 1)

/* ICH_VMCR_EL2. */
#define ICH_VMCR_ENG0		BIT(0)
#define ICH_VMCR_ENG1		BIT(1)
#define ICH_VMCR_PMR(v)		((unsigned int)(((v) >> 24) & 0xff))

/* ICH_LR<n>_EL2. */
#define ICH_LR_EOI		BIT(41)	/* HW 0: tell when it ends */
#define ICH_LR_PINTID_SHIFT	32	/* HW 1 */
#define ICH_LR_PRIO_SHIFT	48
#define ICH_LR_GROUP1		BIT(60)
#define ICH_LR_HW		BIT(61)
#define ICH_LR_PENDING		BIT(62)
#define ICH_LR_ACTIVE		BIT(63)
#define ICH_LR_STATE		(ICH_LR_PENDING | ICH_LR_ACTIVE)
#define ICH_LR_MAX		16U

#endif
