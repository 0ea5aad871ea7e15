/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libfdt, without the C library, and the accessors that we need on top of it.
 *
 * libfdt.h wants its environment header, which would draw the C library in;
 * what that header has to give is defined here instead, under its guard.
 *
 * Everything here may be used on a tree made by anyone, once
 * fdt_tree_check() has accepted it.
 *
 * Locking: none; trees are only read.
 */
#ifndef DEV_FDT_LIB_H
#define DEV_FDT_LIB_H

#include "lib/bytes.h"
#include "lib/string.h"
#include "lib/types.h"

#ifndef LIBFDT_ENV_H
#define LIBFDT_ENV_H

typedef uint16_t fdt16_t;
typedef uint32_t fdt32_t;
typedef uint64_t fdt64_t;

static inline uint16_t fdt16_to_cpu(fdt16_t x)
{
	return get_be16(&x);
}

static inline uint32_t fdt32_to_cpu(fdt32_t x)
{
	return get_be32(&x);
}

static inline uint64_t fdt64_to_cpu(fdt64_t x)
{
	return get_be64(&x);
}

static inline fdt32_t cpu_to_fdt32(uint32_t x)
{
	fdt32_t r;

	put_be32(&r, x);
	return r;
}

static inline fdt64_t cpu_to_fdt64(uint64_t x)
{
	fdt64_t r;

	put_be64(&r, x);
	return r;
}

#endif

#include <libfdt.h>

/* Deepest nesting of a tree that we accept, the root being 1. */
#define FDT_DEPTH_MAX	32

/*
 * Whether `fdt`, of which `size` bytes may be read, is a whole and sound
 * tree: header, structure block, strings, reservations, nesting; aligned to
 * 8 bytes. libfdt's reading functions are safe on it then. 0 or -EINVAL.
 */
MUST_CHECK int fdt_tree_check(const void *fdt, size_t size);

/*
 * The property's value if it has at least `min` bytes, else NULL. *len (may
 * be NULL) is set to its length, 0 when there is no property.
 */
const void *fdt_prop(const void *fdt, int node, const char *name, size_t min,
		     size_t *len);

/* The property as a NUL-terminated string inside the tree, or NULL. */
const char *fdt_prop_str(const void *fdt, int node, const char *name);

/* A property of exactly one cell. 0, -ENOENT or -EINVAL (another size). */
MUST_CHECK int fdt_prop_u32(const void *fdt, int node, const char *name,
			    uint32_t *out);

/* A number of one or two cells. 0, -ENOENT or -EINVAL. */
MUST_CHECK int fdt_prop_number(const void *fdt, int node, const char *name,
			       uint64_t *out);

/* Whether the string list `compatible` of `node` holds `name`. */
bool fdt_is_compatible(const void *fdt, int node, const char *name);

/* Whether `status` is absent, "okay" or "ok". */
bool fdt_is_enabled(const void *fdt, int node);

/*
 * Pair number `index` of `reg`, read with the parent's #address-cells and
 * #size-cells. fdt_reg() translates through the `ranges` of every parent up
 * to the root; fdt_reg_raw() doesn't.
 * 0, -ENOENT (no such pair) or -EINVAL (malformed, or not translatable).
 */
MUST_CHECK int fdt_reg(const void *fdt, int node, unsigned int index,
		       uint64_t *base, uint64_t *size);
MUST_CHECK int fdt_reg_raw(const void *fdt, int node, unsigned int index,
			   uint64_t *base, uint64_t *size);

/*
 * Translate an address on the bus that `node` is on into one of the root.
 * 0 or -EINVAL.
 */
MUST_CHECK int fdt_translate(const void *fdt, int node, uint64_t *base,
			     uint64_t size);

/*
 * The first enabled node compatible with `name` behind `after` (-1: of all),
 * or negative.
 */
int fdt_find_compatible(const void *fdt, int after, const char *name);

/* The node of a path, or of an alias, of `len` bytes; negative: none. */
int fdt_find_path(const void *fdt, const char *path, size_t len);

#endif
