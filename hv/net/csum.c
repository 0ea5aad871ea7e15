/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum, in aligned words.
 */
#include "net/csum.h"

static inline uint16_t swap16(uint16_t x)
{
	return (uint16_t)(x << 8 | x >> 8);
}

uint16_t csum_bytes(const void *p, size_t n)
{
	const uint8_t *b = p;
	bool odd = ((uintptr_t)b & 1) != 0;
	uint64_t sum = 0;
	uint16_t folded;

	/* Summed in memory order; a byte swap at the end makes it right. */
	if (odd && n > 0) {
		sum = (uint64_t)*b++ << 8;
		n--;
	}
	while (n >= 2 && ((uintptr_t)b & 7) != 0) {
		sum += *(const uint16_t *)(const void *)b;
		b += 2;
		n -= 2;
	}
	while (n >= 8) {
		uint64_t w = *(const uint64_t *)(const void *)b;

		sum += w;
		sum += sum < w;
		b += 8;
		n -= 8;
	}
	sum = (sum & 0xffffffffU) + (sum >> 32);
	while (n >= 2) {
		sum += *(const uint16_t *)(const void *)b;
		b += 2;
		n -= 2;
	}
	if (n > 0) {
		sum += *b;
	}
	folded = csum_fold(sum);
	return odd ? folded : swap16(folded);
}
