/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time from the generic timer (Arm DDI 0487 D11): the physical counter and,
 * for the alarm, the EL2 physical timer (CNTHP).
 */
#include <arch/cpu.h>
#include <asm/cpu.h>
#include <asm/gic.h>
#include <asm/machine.h>

#define CTL_ENABLE	1U

/* Fixed point with 32 fraction bits: ns per tick and ticks per ns. */
static uint64_t ns_per_tick;
static uint64_t ticks_per_ns;
static uint64_t boot_ticks;

static uint64_t scale(uint64_t v, uint64_t factor)
{
	return (uint64_t)(((unsigned __int128)v * factor) >> 32);
}

void time_init(void)
{
	uint64_t hz = sysreg_read(cntfrq_el0);

	ns_per_tick = (1000000000ULL << 32) / hz;
	ticks_per_ns = (hz << 32) / 1000000000ULL;
	boot_ticks = sysreg_read(cntpct_el0);
}

void time_cpu_init(void)
{
	sysreg_write(cnthp_ctl_el2, 0);
	sysreg_write(cntv_ctl_el0, 0);
	/* Guests: the physical counter, not the physical timer. */
	sysreg_write(cnthctl_el2, 1);
	gic_enable_irq(GIC_PPI_HYP_TIMER);
	gic_enable_irq(GIC_PPI_VIRT_TIMER);
}

uint64_t time_from_ticks(uint64_t ticks)
{
	return ticks <= boot_ticks ? 0 : scale(ticks - boot_ticks, ns_per_tick);
}

uint64_t arch_now(void)
{
	/* The barrier keeps the read from being moved up. */
	isb();
	return scale(sysreg_read(cntpct_el0) - boot_ticks, ns_per_tick);
}

void arch_alarm_set(uint64_t ns)
{
	if (ns == UINT64_MAX) {
		sysreg_write(cnthp_ctl_el2, 0);
		return;
	}
	/* One tick more, so that it is never early. */
	sysreg_write(cnthp_cval_el2, boot_ticks + scale(ns, ticks_per_ns) + 1);
	sysreg_write(cnthp_ctl_el2, CTL_ENABLE);
	isb();
}
