/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Internet checksum (RFC 1071). Sums are 16-bit ones'-complement numbers
 * in host order, not inverted.
 */
#ifndef NET_CSUM_H
#define NET_CSUM_H

#include "lib/types.h"

/* Fold a sum of 16-bit numbers. */
static inline uint16_t csum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffffU) + (sum >> 32);
	sum = (sum & 0xffffffffU) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* The sum of bytes that begin at an even place of the summed text. */
uint16_t csum_bytes(const void *p, size_t n);

/* The sum of a text whose part `b` begins at byte `at`. */
static inline uint16_t csum_join(uint16_t a, uint16_t b, size_t at)
{
	if (at & 1) {
		b = (uint16_t)(b << 8 | b >> 8);
	}
	return csum_fold((uint64_t)a + b);
}

#endif
