/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for the arm64 port's <asm/gic_regs.h> where its vGIC is built for
 * the host: a model of the GIC's virtual CPU interface (Arm IHI 0069, 4.6 and
 * 12.4), from the hypervisor's side here and the guest's side below.
 *
 * One struct ich_model is one physical CPU; `ich` points to the running one.
 */
#ifndef ASM_GIC_REGS_H
#define ASM_GIC_REGS_H

#include "lib/types.h"
#include <asm/gic_layout.h>

#define MODEL_LRS	4U
#define MODEL_SPURIOUS	1023U

struct ich_model {
	uint64_t hcr, vmcr, sre;
	uint64_t lr[MODEL_LRS];
	uint64_t apr[2][4];
	uint32_t ppi_active;		/* physical */
	uint32_t running[8];		/* priorities of what the guest handles */
	unsigned int nesting;
	unsigned int bad;		/* uses the architecture doesn't define */
};

extern struct ich_model *ich;

static inline uint64_t ich_vtr_read(void)
{
	return 4ULL << 29 | 4ULL << 26 | (MODEL_LRS - 1);
}

static inline uint64_t ich_hcr_read(void) { return ich->hcr; }
static inline void ich_hcr_write(uint64_t v) { ich->hcr = v; }
static inline uint64_t ich_vmcr_read(void) { return ich->vmcr; }
static inline void ich_vmcr_write(uint64_t v) { ich->vmcr = v; }
static inline uint64_t icc_sre_el1_read(void) { return ich->sre; }
static inline void icc_sre_el1_write(uint64_t v) { ich->sre = v; }
static inline void gic_isb(void) { }

static inline uint64_t ich_elrsr_read(void)
{
	uint64_t empty = 0;

	for (unsigned int i = 0; i < MODEL_LRS; i++) {
		uint64_t lr = ich->lr[i];

		if ((lr & ICH_LR_STATE) == 0 &&
		    ((lr & ICH_LR_HW) != 0 || (lr & ICH_LR_EOI) == 0)) {
			empty |= BIT(i);
		}
	}
	return empty;
}

static inline uint64_t ich_eisr_read(void)
{
	uint64_t ended = 0;

	for (unsigned int i = 0; i < MODEL_LRS; i++) {
		uint64_t lr = ich->lr[i];

		if ((lr & (ICH_LR_STATE | ICH_LR_HW)) == 0 && (lr & ICH_LR_EOI) != 0) {
			ended |= BIT(i);
		}
	}
	return ended;
}

static inline uint64_t ich_lr_read(unsigned int n)
{
	return ich->lr[n];
}

static inline void ich_lr_write(unsigned int n, uint64_t val)
{
	if (n >= MODEL_LRS) {
		ich->bad++;
		return;
	}
	if ((val & ICH_LR_HW) != 0 && (val & ICH_LR_STATE) == ICH_LR_STATE) {
		ich->bad++;
	}
	for (unsigned int i = 0; i < MODEL_LRS; i++) {
		/* One interrupt in two list registers. */
		if (i != n && (val & ICH_LR_STATE) != 0 && (ich->lr[i] & ICH_LR_STATE) != 0 &&
		    (uint32_t)ich->lr[i] == (uint32_t)val) {
			ich->bad++;
		}
	}
	ich->lr[n] = val;
}

static inline uint64_t ich_apr_read(unsigned int group, unsigned int n)
{
	return ich->apr[group][n];
}

static inline void ich_apr_write(unsigned int group, unsigned int n, uint64_t val)
{
	ich->apr[group][n] = val;
}

/* The guest's side. */

static inline unsigned int model_running(void)
{
	return ich->nesting == 0 ? 0x100 : ich->running[ich->nesting - 1];
}

/* The list register that would be signalled, or -1. */
static inline int model_best(void)
{
	int best = -1;
	unsigned int best_prio = ICH_VMCR_PMR(ich->vmcr);

	if ((ich->hcr & ICH_HCR_EN) == 0) {
		return -1;
	}
	best_prio = MIN(best_prio, model_running());
	for (unsigned int i = 0; i < MODEL_LRS; i++) {
		uint64_t lr = ich->lr[i];
		unsigned int prio = (unsigned int)(lr >> ICH_LR_PRIO_SHIFT & 0xff);
		uint64_t enable = (lr & ICH_LR_GROUP1) != 0 ? ICH_VMCR_ENG1 : ICH_VMCR_ENG0;

		if ((lr & ICH_LR_STATE) == ICH_LR_PENDING && (ich->vmcr & enable) != 0 &&
		    prio < best_prio) {
			best = (int)i;
			best_prio = prio;
		}
	}
	return best;
}

/* ICC_IAR1_EL1 (or IAR0). */
static inline unsigned int model_ack(void)
{
	int i = model_best();

	if (i < 0 || ich->nesting == ARRAY_SIZE(ich->running)) {
		return MODEL_SPURIOUS;
	}
	ich->running[ich->nesting++] = (uint32_t)(ich->lr[i] >> ICH_LR_PRIO_SHIFT & 0xff);
	ich->lr[i] = (ich->lr[i] & ~ICH_LR_PENDING) | ICH_LR_ACTIVE;
	return (uint32_t)ich->lr[i];
}

/* The distributor's part: an SPI is inactive. */
void model_end_spi(unsigned int intid);

static inline void model_end_hw(unsigned int pintid)
{
	if (pintid < 32) {
		ich->ppi_active &= ~(1U << pintid);
	} else {
		model_end_spi(pintid);
	}
}

/* ICC_EOIR1_EL1 with EOImode 0. False if no list register had it active. */
static inline bool model_eoi(unsigned int intid)
{
	if (ich->nesting > 0) {
		ich->nesting--;
	}
	for (unsigned int i = 0; i < MODEL_LRS; i++) {
		if ((uint32_t)ich->lr[i] == intid && (ich->lr[i] & ICH_LR_ACTIVE) != 0) {
			ich->lr[i] &= ~ICH_LR_ACTIVE;
			if ((ich->lr[i] & ICH_LR_HW) != 0) {
				model_end_hw((unsigned int)(ich->lr[i] >> ICH_LR_PINTID_SHIFT &
							    0x3ff));
			}
			return true;
		}
	}
	return false;
}

/* The maintenance interrupt's level. */
static inline bool model_maintenance(void)
{
	unsigned int valid = 0;
	unsigned int pending = 0;

	for (unsigned int i = 0; i < MODEL_LRS; i++) {
		valid += (ich->lr[i] & ICH_LR_STATE) != 0;
		pending += (ich->lr[i] & ICH_LR_STATE) == ICH_LR_PENDING;
	}
	return (ich->hcr & ICH_HCR_EN) != 0 &&
	       (ich_eisr_read() != 0 || ((ich->hcr & ICH_HCR_UIE) != 0 && valid <= 1) ||
		((ich->hcr & ICH_HCR_NPIE) != 0 && pending == 0));
}

#endif
