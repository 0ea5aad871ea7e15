/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time that only goes forward, and random bytes.
 */
#ifndef CLI_CLIENT_CLOCK_H
#define CLI_CLIENT_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_ns(void);
uint64_t clock_ms(void);

/* Of the kernel's generator; the program ends when there is none. */
void random_bytes(void *p, size_t len);

#endif
