/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Arm PL031 real-time clock: its data register, RTCDR, counts seconds.
 */
#include "dev/pl031.h"

#define RTCDR	0x000U

uint64_t pl031_read(void *base)
{
	return *(volatile uint32_t *)((volatile uint8_t *)base + RTCDR);
}
