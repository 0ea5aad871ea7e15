/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Arm PL011 UART, by polling, with an interrupt for input.
 *
 * Baud rate and line format stay as the firmware left them. Source: Arm
 * PrimeCell UART (PL011) Technical Reference Manual, DDI 0183, chapter 3.
 *
 * Locking: none. One CPU at a time may send, one may receive; sending and
 * receiving are independent of each other.
 */
#ifndef DEV_PL011_H
#define DEV_PL011_H

#include "lib/types.h"

/*
 * Use the UART whose registers are mapped at `base` (device memory): enabled,
 * FIFOs on, no interrupt. Call once, or again after the mapping moved.
 */
void pl011_init(void *base);

/* Whether the transmit FIFO has room; true when there is no UART. */
bool pl011_can_put(void);

/*
 * Send one byte, waiting for room; bounded: the byte is dropped if there is
 * none after PL011_WAIT_NS.
 */
#define PL011_WAIT_NS	20000000ULL
void pl011_putc(char c);

/* The next byte received (0..255), or -1. Bytes with errors are left out. */
int pl011_getc(void);

/* From now on the UART's interrupt is raised while input waits. */
void pl011_enable_rx_irq(void);

/* Acknowledge the interrupt; call before reading the input. */
void pl011_ack(void);

#endif
