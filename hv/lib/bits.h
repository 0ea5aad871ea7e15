/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits, alignment, and bitmaps of 64-bit words. Bit 0 is the least
 * significant bit of word 0. Not atomic.
 */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include "lib/types.h"

#define BIT(n)		(1UL << (n))
#define BITMAP_WORDS(n)	(((n) + 63) / 64)

/* `a` is a power of two. */
#define ALIGN_UP(x, a)	 (((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)

/* Number of the lowest / highest set bit; x is not 0. */
static inline unsigned int bit_lowest(uint64_t x)
{
	return (unsigned int)__builtin_ctzll(x);
}

static inline unsigned int bit_highest(uint64_t x)
{
	return 63U - (unsigned int)__builtin_clzll(x);
}

/* Number of set bits; few are expected. */
static inline unsigned int bit_count(uint64_t x)
{
	unsigned int n = 0;

	for (; x != 0; x &= x - 1) {
		n++;
	}
	return n;
}

static inline bool bitmap_test(const uint64_t *map, size_t n)
{
	return (map[n / 64] >> (n % 64)) & 1;
}

static inline void bitmap_set(uint64_t *map, size_t n)
{
	map[n / 64] |= BIT(n % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t n)
{
	map[n / 64] &= ~BIT(n % 64);
}

/* The lowest clear bit below `count`, or `count`. */
static inline size_t bitmap_find_clear(const uint64_t *map, size_t count)
{
	for (size_t w = 0; w < BITMAP_WORDS(count); w++) {
		if (~map[w] != 0) {
			size_t n = w * 64 + bit_lowest(~map[w]);

			return n < count ? n : count;
		}
	}
	return count;
}

#endif
