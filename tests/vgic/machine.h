/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine of four CPUs, each with a vCPU of one domain loaded, around the
 * vGIC's real code and the model of <asm/gic_regs.h>. For one test program.
 */
#ifndef TESTS_VGIC_MACHINE_H
#define TESTS_VGIC_MACHINE_H

#include <stdlib.h>
#include <string.h>

#include <arch/upcall.h>
#include <arch/vcpu.h>
#include <asm/gic_regs.h>
#include <asm/guest_map.h>

#define MACHINE_CPUS	4U
#define MACHINE_SPIS	64U

static struct ich_model machine_cpu[MACHINE_CPUS];
struct ich_model *ich = &machine_cpu[0];
static struct arch_domain machine_domain;
static struct arch_vcpu machine_vcpu[MACHINE_CPUS];
static unsigned int machine_logs;

/* The core's side, in place of hv/vm and hv/kern/log.c. */
static struct arch_vcpu *machine_upcall_vcpu(struct arch_domain *d, unsigned int id)
{
	return id < d->vcpu_count ? d->vcpus[id] : NULL;
}

static unsigned int machine_upcall_domid(struct arch_domain *d)
{
	return d == &machine_domain ? 1 : 0;
}

static void machine_upcall_irq(struct arch_vcpu *v)
{
	v->kicks++;
}

static void machine_set_active_ppi(uint32_t intid, bool active)
{
	if (intid >= 32) {
		ich->bad++;
	} else if (active) {
		ich->ppi_active |= 1U << intid;
	} else {
		ich->ppi_active &= ~(1U << intid);
	}
}

/* The machine's distributor, as far as assigned SPIs go. */
struct machine_spis {
	uint32_t enabled[VGIC_SPI_BANKS], active[VGIC_SPI_BANKS];
	uint32_t line[VGIC_SPI_BANKS];		/* of the devices, level */
};
static struct machine_spis machine_spis;

static void machine_spi_bit(uint32_t *words, uint32_t intid, bool on)
{
	uint32_t n = intid - VGIC_BANK_SIZE;
	uint32_t bit = 1U << n % VGIC_BANK_SIZE;

	/* Only what was assigned may be touched. */
	if (n >= VGIC_SPI_MAX ||
	    (machine_domain.vgic.spi[n / VGIC_BANK_SIZE].assigned & bit) == 0) {
		ich->bad++;
	} else if (on) {
		words[n / VGIC_BANK_SIZE] |= bit;
	} else {
		words[n / VGIC_BANK_SIZE] &= ~bit;
	}
}

static void machine_enable_irq(uint32_t intid)
{
	machine_spi_bit(machine_spis.enabled, intid, true);
}

static void machine_disable_irq(uint32_t intid)
{
	machine_spi_bit(machine_spis.enabled, intid, false);
}

static void machine_deactivate_spi(uint32_t intid)
{
	machine_spi_bit(machine_spis.active, intid, false);
}

void model_end_spi(unsigned int intid)
{
	machine_deactivate_spi(intid);
}

static void machine_route_spi_here(uint32_t intid)
{
	(void)intid;
}

static void machine_log_guest(unsigned int domid, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define upcall_vcpu		machine_upcall_vcpu
#define upcall_irq		machine_upcall_irq
#define upcall_domid		machine_upcall_domid
#define log_guest		machine_log_guest
#define gic_set_active_ppi	machine_set_active_ppi
#define gic_enable_irq		machine_enable_irq
#define gic_disable_irq		machine_disable_irq
#define gic_deactivate_spi	machine_deactivate_spi
#define gic_route_spi_here	machine_route_spi_here

/* Both files have these helpers of their own. */
#define bits_get	core_bits_get
#define bits_set	core_bits_set
#define bits_clear	core_bits_clear
#include "arch/arm64/vgic.c"
#undef bits_get
#undef bits_set
#undef bits_clear
#include "arch/arm64/vgic_mmio.c"

static void machine_log_guest(unsigned int domid, const char *fmt, ...)
{
	(void)domid;
	(void)fmt;
	machine_logs++;
}

/*
 * The machine's CPU takes what its lines ask for: on, up, not active. How many
 * it took.
 */
static inline unsigned int machine_take_spis(void)
{
	unsigned int taken = 0;

	for (unsigned int n = 0; n < VGIC_SPI_MAX; n++) {
		unsigned int w = n / VGIC_BANK_SIZE;
		uint32_t bit = 1U << n % VGIC_BANK_SIZE;

		if ((machine_spis.line[w] & machine_spis.enabled[w] & ~machine_spis.active[w] &
		     bit) != 0) {
			machine_spis.active[w] |= bit;
			vgic_inject_spi(&machine_domain, VGIC_BANK_SIZE + n);
			taken++;
		}
	}
	return taken;
}

/* The level of an assigned SPI's line; what it asks for is taken. */
static inline unsigned int machine_line(unsigned int intid, bool level)
{
	machine_spi_bit(machine_spis.line, intid, level);
	return machine_take_spis();
}

static inline void machine_assign(unsigned int intid)
{
	if (vgic_spi_assign(&machine_domain, intid) != 0) {
		abort();
	}
}

/*
 * An assigned SPI is active if and only if it waits for its turn or a list
 * register ends it, and on if and only if the guest has it on.
 */
static inline bool machine_spis_good(void)
{
	uint32_t held[VGIC_SPI_BANKS] = { 0 };
	bool good = true;

	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		struct vgic_vcpu *g = &machine_vcpu[n].vgic;

		for (unsigned int i = 0; i < MODEL_LRS; i++) {
			uint64_t lr = g->loaded ? machine_cpu[n].lr[i] : g->lr[i];
			unsigned int pintid = (unsigned int)(lr >> ICH_LR_PINTID_SHIFT & 0x3ff);

			if ((g->lr_used >> i & 1) != 0 && (lr & ICH_LR_HW) != 0 &&
			    (lr & ICH_LR_STATE) != 0 && pintid >= VGIC_BANK_SIZE) {
				good = good && pintid == (uint32_t)lr;
				held[pintid / 32 - 1] |= 1U << pintid % 32;
			}
		}
	}
	for (unsigned int b = 0; b < VGIC_SPI_BANKS; b++) {
		const struct vgic_bank *bank = &machine_domain.vgic.spi[b];

		good = good && (held[b] & bank->hw_pending) == 0 &&
		       machine_spis.active[b] == (held[b] | bank->hw_pending) &&
		       machine_spis.enabled[b] == (bank->enabled & bank->assigned);
	}
	return good;
}

/* Act as CPU `n`, on which vCPU n runs. */
static struct arch_vcpu *machine_on(unsigned int n)
{
	ich = &machine_cpu[n];
	return &machine_vcpu[n];
}

static void machine_init(unsigned int spis)
{
	memset(&machine_spis, 0, sizeof(machine_spis));
	memset(machine_cpu, 0, sizeof(machine_cpu));
	memset(&machine_domain, 0xa5, sizeof(machine_domain));
	memset(machine_vcpu, 0xa5, sizeof(machine_vcpu));
	machine_logs = 0;
	machine_domain.vcpu_count = MACHINE_CPUS;
	if (vgic_domain_init(&machine_domain, spis) != 0) {
		abort();
	}
	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		struct arch_vcpu *v = machine_on(n);

		machine_domain.vcpus[n] = v;
		v->domain = &machine_domain;
		v->id = n;
		v->kicks = 0;
		vgic_cpu_init();
		vgic_vcpu_init(v);
		vgic_vcpu_reset(v);
		vgic_load(v);
	}
	machine_on(0);
}

static inline uint64_t mmio_read(struct arch_vcpu *v, uint64_t gpa, unsigned int size)
{
	uint64_t val = 0x5a5a5a5a5a5a5a5aULL;

	if (!vgic_mmio(v, gpa, size, false, &val)) {
		abort();
	}
	return val;
}

static inline void mmio_write(struct arch_vcpu *v, uint64_t gpa, unsigned int size, uint64_t val)
{
	if (!vgic_mmio(v, gpa, size, true, &val)) {
		abort();
	}
}

#define GICD(off)		(GUEST_GICD_BASE + (off))
#define GICR(n, off)		(GUEST_GICR_BASE + (n) * GUEST_GICR_STRIDE + (off))
#define GICR_SGI(n, off)	GICR(n, GICR_FRAME + (off))

/* What a guest's kernel does at its start. */
static inline void machine_boot(void)
{
	mmio_write(machine_on(0), GICD(GICD_CTLR), 4, 0x13);
	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		struct arch_vcpu *v = machine_on(n);

		mmio_write(v, GICR_SGI(n, GICD_ISENABLER), 4, UINT32_MAX);
		for (unsigned int i = 0; i < 32; i += 4) {
			mmio_write(v, GICR_SGI(n, GICD_IPRIORITYR + i), 4, 0xa0a0a0a0);
		}
		ich->vmcr = ICH_VMCR_ENG1 | 0xf0ULL << 24;
		vgic_enter(v);
		v->kicks = 0;
	}
	machine_on(0);
}

/*
 * One turn of guest `v`: acknowledge, or spurious. An exit and an entry come
 * first, and more of them while the maintenance interrupt wants it.
 */
static inline unsigned int machine_turn(struct arch_vcpu *v)
{
	unsigned int turns = 0;

	do {
		vgic_leave(v);
		if (model_maintenance()) {
			ich->bad++;		/* would come again and again */
		}
		vgic_enter(v);
		if (++turns == 10) {
			ich->bad++;		/* the guest never gets on */
			break;
		}
	} while (model_maintenance());
	return model_ack();
}

#endif
