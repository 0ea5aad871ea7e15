/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of flattened device trees. The first error stays and makes the rest
 * do nothing, so it is looked at once, at the end.
 */
#ifndef CLI_TREE_H
#define CLI_TREE_H

#include <stddef.h>
#include <stdint.h>

struct tree {
	void *fdt;
	int err;
};

/* Begin a tree with its root node open. */
void tree_create(struct tree *t, void *buf, size_t size);

/* End the root node. The size of it all, or 0 if it didn't fit. */
size_t tree_finish(struct tree *t);

void tree_begin(struct tree *t, const char *name);
void tree_end(struct tree *t);
void tree_bytes(struct tree *t, const char *name, const void *p, size_t len);
void tree_str(struct tree *t, const char *name, const char *s);
void tree_u32(struct tree *t, const char *name, uint32_t v);
void tree_u64(struct tree *t, const char *name, uint64_t v);

#endif
