/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: cpio archives (newc) in memory, member by member.
 */
#ifndef TESTS_CPIO_MAKE_H
#define TESTS_CPIO_MAKE_H

#include <stdio.h>
#include <string.h>

#include "lib/types.h"

#define CM_SIZE		65536
#define CM_FILE		0100644U
#define CM_DIR		0040755U

static _Alignas(8) uint8_t cm_buf[CM_SIZE];
static size_t cm_size;

static inline void cm_start(void)
{
	memset(cm_buf, 0, sizeof(cm_buf));
	cm_size = 0;
}

static inline void cm_add(const char *name, unsigned int mode,
			  const void *data, size_t size)
{
	char header[111];

	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 1U, mode, 0U, 0U, 1U, 0U, (unsigned int)size, 0U, 0U, 0U, 0U,
		 (unsigned int)strlen(name) + 1, 0U);
	memcpy(cm_buf + cm_size, header, 110);
	strcpy((char *)cm_buf + cm_size + 110, name);
	cm_size = (cm_size + 110 + strlen(name) + 1 + 3) & ~3UL;
	if (size > 0) {
		memcpy(cm_buf + cm_size, data, size);
	}
	cm_size = (cm_size + size + 3) & ~3UL;
}

static inline void cm_finish(void)
{
	cm_add("TRAILER!!!", 0, NULL, 0);
}

#endif
