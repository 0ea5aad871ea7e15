/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: ticks of the generic timer and nanoseconds. Factors have 32 fraction
 * bits. Time since boot is computed with a factor rounded down; a wait with one
 * that is rounded up, and from the present on only: the error of a factor grows
 * with what it is applied to, and an alarm must not be early after months.
 *
 * Also compiled by a unit test on the build machine: no privileged code here.
 */
#ifndef ASM_TICKS_H
#define ASM_TICKS_H

#include "lib/types.h"

struct tick_rate {
	uint64_t ns_per_tick;
	uint64_t ticks_per_ns;
};

static inline uint64_t ticks_scale(uint64_t v, uint64_t factor)
{
	unsigned __int128 r = ((unsigned __int128)v * factor) >> 32;

	return r > UINT64_MAX ? UINT64_MAX : (uint64_t)r;
}

/* `hz` is not 0. */
static inline struct tick_rate tick_rate(uint64_t hz)
{
	return (struct tick_rate){
		.ns_per_tick = (1000000000ULL << 32) / hz,
		.ticks_per_ns = ((hz << 32) + 999999999ULL) / 1000000000ULL,
	};
}

/* Nanoseconds that `ticks` since boot are. */
static inline uint64_t ticks_to_ns(const struct tick_rate *r, uint64_t ticks)
{
	return ticks_scale(ticks, r->ns_per_tick);
}

/*
 * Ticks since boot when the time since boot is `ns` or a little more; `now` are
 * the ticks now. A time that has passed gives `now`.
 */
static inline uint64_t ticks_at_ns(const struct tick_rate *r, uint64_t now, uint64_t ns)
{
	uint64_t now_ns = ticks_to_ns(r, now);
	uint64_t at;

	if (ns <= now_ns) {
		return now;
	}
	/* Two more: for both numbers that were rounded down. */
	if (__builtin_add_overflow(now, ticks_scale(ns - now_ns, r->ticks_per_ns), &at) ||
	    at > UINT64_MAX - 2) {
		return UINT64_MAX;
	}
	return at + 2;
}

#endif
