/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small keyed hash for tables whose keys outsiders choose. Not for
 * authentication.
 */
#ifndef LIB_HASH_H
#define LIB_HASH_H

#include "lib/types.h"

/* Mix 64 bits under a secret seed (the finaliser of MurmurHash3, 64 bit). */
static inline uint64_t hash_u64(uint64_t x, uint64_t seed)
{
	x ^= seed;
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	x ^= x >> 33;
	return x;
}

static inline uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	const uint8_t *b = p;
	uint64_t h = seed ^ n;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ b[i]) * 0x100000001b3ULL;
	}
	return hash_u64(h, seed);
}

#endif
