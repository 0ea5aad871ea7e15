/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual timer: it fires in time, wakes from WFI, can be masked.
 */
#include "lib/guest.h"
#include "lib/xen.h"

const char guest_name[] = "timer";

static volatile unsigned int fired;
static volatile uint64_t fired_at;
static uint64_t period;

static void on_timer(unsigned int intid)
{
	(void)intid;
	fired_at = now_us();
	fired++;
	if (period != 0) {
		timer_set_us(period);
	} else {
		timer_stop();
	}
}

static void case_counter(void)
{
	uint64_t last = now_us();
	uint64_t frequency = sysreg_read("cntfrq_el0");

	CHECK(frequency >= 1000000);
	for (unsigned int i = 0; i < 10000; i++) {
		uint64_t t = now_us();

		CHECK(t >= last);
		last = t;
	}
	/* The guest's time starts with the guest. */
	CHECK(last < 600UL * 1000000);
}

static void case_once(void)
{
	uint64_t start;

	irq_set(IRQ_TIMER, on_timer);
	irq_enable();
	start = now_us();
	timer_set_us(20000);
	CHECK(WAIT_FOR(fired == 1, 2000000));
	irq_disable();
	CHECK(fired_at >= start + 20000);
	delay_us(1000);
	CHECK_EQ(fired, 1);
}

static void case_periodic(void)
{
	fired = 0;
	period = 1000;
	irq_enable();
	timer_set_us(period);
	CHECK(WAIT_FOR(fired >= 100, 20000000));
	irq_disable();
	timer_stop();
	period = 0;
	irq_enable();
	delay_us(1000);
	irq_disable();
}

/* WFI with interrupts masked ends when the timer fires. */
static void case_wfi(void)
{
	for (unsigned int i = 0; i < 20; i++) {
		uint64_t start = now_us();

		fired = 0;
		timer_set_us(5000);
		while (now_us() < start + 5000) {
			wfi();
		}
		CHECK_EQ(fired, 0);
		CHECK(now_us() < start + 1000000);
		irq_enable();
		CHECK(WAIT_FOR(fired == 1, 100000));
		irq_disable();
	}
}

/* A time in the past fires at once; IMASK keeps it quiet. */
static void case_past_and_mask(void)
{
	fired = 0;
	irq_enable();
	sysreg_write("cntv_cval_el0", 0);
	sysreg_write("cntv_ctl_el0", 3);		/* IMASK, ENABLE */
	delay_us(2000);
	CHECK_EQ(fired, 0);
	CHECK((sysreg_read("cntv_ctl_el0") & 4) != 0);	/* ISTATUS */
	sysreg_write("cntv_ctl_el0", 1);
	CHECK(WAIT_FOR(fired == 1, 100000));
	/*
	 * Far away (XSA-20). Not all ones: with a counter offset QEMU 7.2 adds
	 * the two without a check and hangs itself.
	 */
	sysreg_write("cntv_cval_el0", BIT(62));
	sysreg_write("cntv_ctl_el0", 1);
	isb();
	delay_us(2000);
	CHECK_EQ(fired, 1);
	timer_stop();
	irq_disable();
}

/* Pending, then taken back before it could be delivered. */
static void case_withdrawn(void)
{
	fired = 0;
	for (unsigned int i = 0; i < 50; i++) {
		timer_set_us(0);
		(void)read32(GICD_BASE);		/* have an exit */
		delay_us(20);
		timer_stop();
		write32(GICR_SGI(0) + 0x280, BIT(IRQ_TIMER));
	}
	irq_enable();
	delay_us(1000);
	CHECK_EQ(fired, 0);
	/* And it still comes. */
	timer_set_us(100);
	CHECK(WAIT_FOR(fired == 1, 100000));
	irq_disable();
}

const struct guest_case guest_cases[] = {
	{ "counter", case_counter }, { "once", case_once }, { "periodic", case_periodic },
	{ "wfi", case_wfi }, { "past-and-mask", case_past_and_mask },
	{ "withdrawn", case_withdrawn }, { NULL, NULL },
};
