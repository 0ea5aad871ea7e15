/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Basic types and the address types.
 *
 * An address of one kind can't be used as another: each is a structure with
 * one member. hpa_t is a physical address of the machine, gpa_t a physical
 * address as a guest sees it, gfn_t a gpa_t shifted right by 12.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/compiler.h"
#include "lib/errno.h"

typedef struct { uint64_t v; } hpa_t;
typedef struct { uint64_t v; } gpa_t;
typedef struct { uint64_t v; } gfn_t;

#define HPA(x)	((hpa_t){ .v = (x) })
#define GPA(x)	((gpa_t){ .v = (x) })
#define GFN(x)	((gfn_t){ .v = (x) })

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define PAGE_MASK	(PAGE_SIZE - 1)

#define KIB(n)		((uint64_t)(n) << 10)
#define MIB(n)		((uint64_t)(n) << 20)
#define GIB(n)		((uint64_t)(n) << 30)

static inline gpa_t gfn_to_gpa(gfn_t g)
{
	return GPA(g.v << PAGE_SHIFT);
}

static inline gfn_t gpa_to_gfn(gpa_t a)
{
	return GFN(a.v >> PAGE_SHIFT);
}

#endif
