/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: device trees written in a few lines. Errors fail the test.
 */
#ifndef TESTS_FDT_MAKE_H
#define TESTS_FDT_MAKE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "dev/fdt_lib.h"

#define FM_SIZE		16384

static _Alignas(8) uint8_t fm_buf[FM_SIZE];

static inline void fm_start(void)
{
	assert_int_equal(fdt_create(fm_buf, FM_SIZE), 0);
}

/* After the reservations, before the first node. */
static inline void fm_root(void)
{
	assert_int_equal(fdt_finish_reservemap(fm_buf), 0);
	assert_int_equal(fdt_begin_node(fm_buf, ""), 0);
}

static inline void fm_begin(const char *name)
{
	assert_int_equal(fdt_begin_node(fm_buf, name), 0);
}

static inline void fm_end(void)
{
	assert_int_equal(fdt_end_node(fm_buf), 0);
}

static inline void fm_bytes(const char *name, const void *p, size_t len)
{
	assert_int_equal(fdt_property(fm_buf, name, p, (int)len), 0);
}

static inline void fm_flag(const char *name)
{
	fm_bytes(name, NULL, 0);
}

static inline void fm_str(const char *name, const char *s)
{
	fm_bytes(name, s, strlen(s) + 1);
}

/* Two strings, as `compatible` often has. */
static inline void fm_str2(const char *name, const char *a, const char *b)
{
	char buf[128];
	size_t la = strlen(a) + 1, lb = strlen(b) + 1;

	assert_true(la + lb <= sizeof(buf));
	memcpy(buf, a, la);
	memcpy(buf + la, b, lb);
	fm_bytes(name, buf, la + lb);
}

/* `count` cells, given as unsigned int. */
static inline void fm_cells(const char *name, unsigned int count, ...)
{
	uint8_t buf[64 * 4];
	va_list ap;

	assert_true(count <= 64);
	va_start(ap, count);
	for (unsigned int i = 0; i < count; i++) {
		put_be32(buf + i * 4, va_arg(ap, unsigned int));
	}
	va_end(ap);
	fm_bytes(name, buf, (size_t)count * 4);
}

/* Close the root; the tree is at fm_buf and has this size. */
static inline size_t fm_finish(void)
{
	fm_end();
	assert_int_equal(fdt_finish(fm_buf), 0);
	return fdt_totalsize(fm_buf);
}

#endif
