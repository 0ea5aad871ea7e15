/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of cpio archives (newc) into memory. The same members give the same
 * bytes: owner, times and inode numbers don't come from the file system.
 */
#ifndef CLI_CPIO_H
#define CLI_CPIO_H

#include <stddef.h>
#include <stdint.h>

struct cpio {
	uint8_t *data;
	size_t size;
	size_t room;
	uint32_t members;
};

/* A directory, so that cpio(1) can unpack what is in it. */
void cpio_add_dir(struct cpio *c, const char *name);

/*
 * A file whose data starts at a multiple of `align` (a power of two up to
 * 4096); the gap is made of NULs after the name. 0, or -1: size is 4 GiB or
 * more, which the format can't say.
 */
int cpio_add_file(struct cpio *c, const char *name, const void *data,
		  size_t size, size_t align);

/* The trailer; nothing can be added after it. */
void cpio_finish(struct cpio *c);
void cpio_free(struct cpio *c);

#endif
