/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Arm PL031 real-time clock. Source: Arm PrimeCell RTC (PL031) Technical
 * Reference Manual, DDI 0224, table 3-1.
 * Locking: none; read only.
 */
#ifndef DEV_PL031_H
#define DEV_PL031_H

#include "lib/types.h"

/* Seconds since 1970 (UTC) by the clock whose registers are at `base`. */
uint64_t pl031_read(void *base);

#endif
