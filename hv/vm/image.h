/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images that the domain builder can load: the arm64 Linux "Image".
 *
 * Locking: none.
 * Source: Linux, Documentation/arm64/booting.rst, section 4.
 */
#ifndef VM_IMAGE_H
#define VM_IMAGE_H

#include "lib/types.h"

#define IMAGE_HEADER_SIZE	64

struct image_info {
	/* Load at a multiple of 2 MiB plus this; below 2 MiB. */
	uint64_t text_offset;
	/* Memory from the load address on that the kernel uses, BSS included;
	   never less than the file's size. */
	uint64_t mem_size;
	/* May lie anywhere in RAM, otherwise near its start. */
	bool anywhere;
	unsigned int page_size;	/* bytes; 0: not told */
	const char *error;	/* why it was refused, in words */
};

/*
 * Read the header of the kernel at [data, data + size). 0; -ENOENT: there is
 * no kernel (NULL or no bytes); -EINVAL: not an arm64 Image that can run
 * here; -EIO: the file is shorter than its headers say. *out is set in every
 * case.
 */
MUST_CHECK int image_check(const void *data, size_t size,
			   struct image_info *out);

#endif
