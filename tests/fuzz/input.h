/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fuzzer's bytes, taken as numbers one after the other.
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
	const uint8_t *data;
	size_t left;
};

/* The next `bytes` bytes (at most 8), big endian; 0 for what is not there. */
static inline uint64_t take(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0) {
		v <<= 8;
		if (in->left > 0) {
			v |= *in->data++;
			in->left--;
		}
	}
	return v;
}

/* The same for at most 4 bytes. */
static inline uint32_t take32(struct input *in, unsigned int bytes)
{
	return (uint32_t)take(in, bytes);
}

#endif
