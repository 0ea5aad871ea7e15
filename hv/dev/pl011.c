/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Arm PL011 UART. See the header; register names and bits are those of
 * DDI 0183, table 3-1.
 */
#include "dev/pl011.h"

#include <arch/cpu.h>

#define UARTDR		0x000U	/* data and receive errors */
#define UARTFR		0x018U	/* flags */
#define UARTLCR_H	0x02cU	/* line control */
#define UARTCR		0x030U	/* control */
#define UARTIMSC	0x038U	/* interrupt mask set/clear */
#define UARTICR		0x044U	/* interrupt clear */

#define DR_ERRORS	0xf00U	/* overrun, break, parity, framing */
#define FR_RXFE		0x10U	/* receive FIFO empty */
#define FR_TXFF		0x20U	/* transmit FIFO full */
#define LCR_H_FEN	0x10U	/* FIFOs on */
#define CR_UARTEN	0x001U
#define CR_TXE		0x100U
#define CR_RXE		0x200U
#define INT_RX		0x10U	/* receive FIFO reached its level */
#define INT_RT		0x40U	/* receive timeout: fewer bytes wait */
#define INT_ALL		0x7ffU

static volatile uint8_t *uart;

static uint32_t reg_read(unsigned int reg)
{
	return *(volatile uint32_t *)(uart + reg);
}

static void reg_write(unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(uart + reg) = value;
}

void pl011_init(void *base)
{
	uart = base;
	reg_write(UARTIMSC, 0);
	reg_write(UARTICR, INT_ALL);
	if ((reg_read(UARTLCR_H) & LCR_H_FEN) == 0) {
		/* Not to be changed while the UART is on (3.3.7). */
		reg_write(UARTCR, 0);
		reg_write(UARTLCR_H, reg_read(UARTLCR_H) | LCR_H_FEN);
	}
	reg_write(UARTCR, reg_read(UARTCR) | CR_UARTEN | CR_TXE | CR_RXE);
}

bool pl011_can_put(void)
{
	return uart == NULL || (reg_read(UARTFR) & FR_TXFF) == 0;
}

void pl011_putc(char c)
{
	if (uart == NULL) {
		return;
	}
	if (!pl011_can_put()) {
		uint64_t limit = arch_now() + PL011_WAIT_NS;

		do {
			if (arch_now() > limit) {
				return;
			}
			arch_relax();
		} while (!pl011_can_put());
	}
	reg_write(UARTDR, (uint8_t)c);
}

int pl011_getc(void)
{
	/* The FIFO holds 32 bytes at most: so many may be in error. */
	for (unsigned int i = 0; uart != NULL && i < 32; i++) {
		if ((reg_read(UARTFR) & FR_RXFE) != 0) {
			break;
		}
		uint32_t data = reg_read(UARTDR);

		if ((data & DR_ERRORS) == 0) {
			return (int)(data & 0xff);
		}
	}
	return -1;
}

void pl011_enable_rx_irq(void)
{
	if (uart != NULL) {
		reg_write(UARTICR, INT_ALL);
		reg_write(UARTIMSC, INT_RX | INT_RT);
	}
}

void pl011_ack(void)
{
	if (uart != NULL) {
		reg_write(UARTICR, INT_RX | INT_RT);
	}
}
