/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees with libfdt's sequential functions.
 */
#include "tree.h"

#include <libfdt.h>
#include <string.h>

void tree_begin(struct tree *t, const char *name)
{
	if (t->err == 0) {
		t->err = fdt_begin_node(t->fdt, name);
	}
}

void tree_end(struct tree *t)
{
	if (t->err == 0) {
		t->err = fdt_end_node(t->fdt);
	}
}

void tree_bytes(struct tree *t, const char *name, const void *p, size_t len)
{
	if (t->err == 0) {
		t->err = fdt_property(t->fdt, name, p, (int)len);
	}
}

void tree_str(struct tree *t, const char *name, const char *s)
{
	tree_bytes(t, name, s, strlen(s) + 1);
}

void tree_u32(struct tree *t, const char *name, uint32_t v)
{
	fdt32_t be = cpu_to_fdt32(v);

	tree_bytes(t, name, &be, sizeof(be));
}

void tree_u64(struct tree *t, const char *name, uint64_t v)
{
	fdt64_t be = cpu_to_fdt64(v);

	tree_bytes(t, name, &be, sizeof(be));
}

void tree_create(struct tree *t, void *buf, size_t size)
{
	t->fdt = buf;
	t->err = fdt_create(buf, (int)size);
	if (t->err == 0) {
		t->err = fdt_finish_reservemap(buf);
	}
	tree_begin(t, "");
}

size_t tree_finish(struct tree *t)
{
	tree_end(t);
	if (t->err == 0) {
		t->err = fdt_finish(t->fdt);
	}
	return t->err == 0 ? fdt_totalsize(t->fdt) : 0;
}
