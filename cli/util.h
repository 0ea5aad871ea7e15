/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl: memory that can't run out quietly, and messages.
 */
#ifndef CLI_UTIL_H
#define CLI_UTIL_H

#include <stdbool.h>
#include <stddef.h>

/* The program's exit status. */
#define EXIT_OK		0
#define EXIT_FAILED	1	/* refused, or something went wrong */
#define EXIT_USAGE	2	/* wrong arguments */
#define EXIT_NO_ANSWER	3	/* no such node, or it doesn't answer */
#define EXIT_KEY	4	/* the node needs a key, or another one */
#define EXIT_UNSUPPORTED 5	/* the node can't do this */

/* As their namesakes, but the program ends when memory runs out. */
void *xalloc(size_t size);
void *xgrow(void *p, size_t size);
char *xstrdup(const char *s);
char *xformat(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "FILE:LINE: error: TEXT" on stderr; without the line when it is 0. */
void tell_error(const char *file, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void tell_warning(const char *file, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A file's bytes, mapped read-only (NULL when it is empty). */
struct filemap {
	const void *data;
	size_t size;
};

/* 0, or -errno. Directories and devices are refused with EINVAL. */
int filemap_open(struct filemap *m, const char *path);
void filemap_close(struct filemap *m);

/*
 * Write `path` as a whole or not at all: to a file beside it that then takes
 * its name. 0, or -errno.
 */
int file_write(const char *path, const void *data, size_t size);

#endif
