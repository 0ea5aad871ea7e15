/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: the smallest thing that passes for an arm64 kernel.
 */
#ifndef TESTS_IMAGE_MAKE_H
#define TESTS_IMAGE_MAKE_H

#include <string.h>

#include "lib/types.h"

static inline void im_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++) {
		p[i] = (uint8_t)(v >> (8 * i));
	}
}

/* 64 bytes at `p`. */
static inline void im_header(uint8_t *p, uint64_t text_offset,
			     uint64_t mem_size, uint64_t flags)
{
	memset(p, 0, 64);
	im_le(p + 8, text_offset, 8);
	im_le(p + 16, mem_size, 8);
	im_le(p + 24, flags, 8);
	memcpy(p + 56, "ARM\x64", 4);
}

#endif
