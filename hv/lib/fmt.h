/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formatted text into a buffer.
 *
 * Conversions: %d %i %u %x %X %o %c %s %p %% with the lengths hh h l ll z j,
 * the flags '-' and '0', a width and a precision (both may be '*').
 */
#ifndef LIB_FMT_H
#define LIB_FMT_H

#include <stdarg.h>

#include "lib/types.h"

/*
 * Write at most `size` bytes, always ending with a NUL if size > 0. Returns
 * the length that the whole text would have, without the NUL.
 */
size_t fmt_buf(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
size_t fmt_vbuf(char *buf, size_t size, const char *fmt, va_list ap)
	PRINTF_LIKE(3, 0);

/*
 * Copy a string, cut to size - 1 bytes, always ending with a NUL. Returns
 * strlen(src).
 */
size_t str_copy(char *dst, const char *src, size_t size);

#endif
