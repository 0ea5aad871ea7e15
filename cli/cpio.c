/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of cpio archives. See cpio.h; the format is that of cpio(5), "newc".
 */
#include "cpio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define HEADER_SIZE	110U
#define MODE_DIR	040755U
#define MODE_FILE	0100644U
#define BLOCK		512U	/* the archive ends at a multiple */

static void put(struct cpio *c, const void *p, size_t len)
{
	if (c->room - c->size < len) {
		c->room = (c->size + len) * 2;
		c->data = xgrow(c->data, c->room);
	}
	if (p != NULL) {
		memcpy(c->data + c->size, p, len);
	} else {
		memset(c->data + c->size, 0, len);
	}
	c->size += len;
}

static void pad(struct cpio *c, size_t align)
{
	size_t over = c->size % align;

	if (over != 0) {
		put(c, NULL, align - over);
	}
}

static void put_header(struct cpio *c, const char *name, uint32_t mode,
		       uint32_t size, size_t align)
{
	size_t name_end = c->size + HEADER_SIZE + strlen(name) + 1;
	size_t data_at = (name_end + align - 1) & ~(align - 1);
	/* Up to three bytes are the format's own padding. */
	size_t name_size = align > 4 ? data_at - c->size - HEADER_SIZE :
		strlen(name) + 1;
	uint32_t inode = ++c->members;
	char header[HEADER_SIZE + 1];

	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 inode, mode, 0U, 0U, mode == MODE_DIR ? 2U : 1U, 0U, size, 0U,
		 0U, 0U, 0U, (uint32_t)name_size, 0U);
	put(c, header, HEADER_SIZE);
	put(c, name, strlen(name));
	put(c, NULL, name_size - strlen(name));
	pad(c, 4);
}

void cpio_add_dir(struct cpio *c, const char *name)
{
	put_header(c, name, MODE_DIR, 0, 4);
}

int cpio_add_file(struct cpio *c, const char *name, const void *data,
		  size_t size, size_t align)
{
	if (size > UINT32_MAX) {
		return -1;
	}
	put_header(c, name, MODE_FILE, (uint32_t)size, align);
	if (size > 0) {
		put(c, data, size);
	}
	pad(c, 4);
	return 0;
}

void cpio_finish(struct cpio *c)
{
	put_header(c, "TRAILER!!!", 0, 0, 4);
	pad(c, BLOCK);
}

void cpio_free(struct cpio *c)
{
	free(c->data);
	memset(c, 0, sizeof(*c));
}
