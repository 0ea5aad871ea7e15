/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PL011 and PL031 drivers (dev/pl011.c, dev/pl031.c) on registers that are
 * plain memory.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "dev/pl011.h"
#include "dev/pl031.h"
#include "harness.h"

#define DR	0
#define FR	(0x18 / 4)
#define LCR_H	(0x2c / 4)
#define CR	(0x30 / 4)
#define IMSC	(0x38 / 4)
#define ICR	(0x44 / 4)
#define RXFE	0x10U
#define TXFF	0x20U

static uint32_t regs[1024];

static int setup(void **state)
{
	(void)state;
	host_reset();
	memset(regs, 0, sizeof(regs));
	regs[FR] = RXFE;
	return 0;
}

static void test_no_uart(void **state)
{
	(void)state;
	assert_true(pl011_can_put());
	pl011_putc('x');
	assert_int_equal(pl011_getc(), -1);
	pl011_ack();
	pl011_enable_rx_irq();
}

static void test_init(void **state)
{
	(void)state;
	regs[IMSC] = 0x7ff;
	regs[LCR_H] = 0x60;
	pl011_init(regs);
	assert_int_equal(regs[IMSC], 0);
	assert_int_equal(regs[LCR_H], 0x70);
	assert_int_equal(regs[CR] & 0x301, 0x301);
	pl011_enable_rx_irq();
	assert_int_equal(regs[IMSC], 0x50);
	pl011_ack();
	assert_int_equal(regs[ICR], 0x50);
}

static unsigned int turns;

static void pass_time(void)
{
	turns++;
	host_time_skip(1000000);
}

static void test_put(void **state)
{
	(void)state;
	pl011_init(regs);
	pl011_putc((char)0xe4);
	assert_int_equal(regs[DR], 0xe4);
	/* A FIFO that stays full: the byte is dropped after a bounded time. */
	regs[FR] |= TXFF;
	assert_false(pl011_can_put());
	turns = 0;
	host_relax_hook = pass_time;
	pl011_putc('y');
	host_relax_hook = NULL;
	assert_int_equal(regs[DR], 0xe4);
	assert_in_range(turns, 2, 40);
}

static void test_get(void **state)
{
	(void)state;
	pl011_init(regs);
	assert_int_equal(pl011_getc(), -1);
	regs[FR] &= ~RXFE;
	regs[DR] = 'k';
	assert_int_equal(pl011_getc(), 'k');
	/* A break or a framing error is no input, and doesn't hang. */
	regs[DR] = 0x400;
	assert_int_equal(pl011_getc(), -1);
	regs[DR] = 0x100 | 'k';
	assert_int_equal(pl011_getc(), -1);
}

static void test_rtc(void **state)
{
	(void)state;
	regs[0] = 0xfedcba98;
	assert_int_equal(pl031_read(regs), 0xfedcba98U);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_uart, setup),
		cmocka_unit_test_setup(test_init, setup),
		cmocka_unit_test_setup(test_put, setup),
		cmocka_unit_test_setup(test_get, setup),
		cmocka_unit_test_setup(test_rtc, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
