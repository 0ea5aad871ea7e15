/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time from the generic timer (Arm DDI 0487 D11): the physical counter and,
 * for the alarm, the EL2 physical timer (CNTHP).
 */
#include <arch/cpu.h>
#include <asm/cpu.h>
#include <asm/gic.h>
#include <asm/machine.h>
#include <asm/ticks.h>

#define CTL_ENABLE	1U

static struct tick_rate rate;
static uint64_t boot_ticks;

void time_init(void)
{
	rate = tick_rate(sysreg_read(cntfrq_el0));
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
	return ticks <= boot_ticks ? 0 : ticks_to_ns(&rate, ticks - boot_ticks);
}

uint64_t arch_now(void)
{
	/* The barrier keeps the read from being moved up. */
	isb();
	return ticks_to_ns(&rate, sysreg_read(cntpct_el0) - boot_ticks);
}

void arch_alarm_set(uint64_t ns)
{
	uint64_t now;

	if (ns == UINT64_MAX) {
		sysreg_write(cnthp_ctl_el2, 0);
		return;
	}
	now = sysreg_read(cntpct_el0) - boot_ticks;
	sysreg_write(cnthp_cval_el2, boot_ticks + ticks_at_ns(&rate, now, ns));
	sysreg_write(cnthp_ctl_el2, CTL_ENABLE);
	isb();
}
