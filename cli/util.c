/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl: memory, messages, files. Also what the hypervisor's sources that
 * are shared with mvctl expect: its heap, its memory's size.
 */
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/frame.h"
#include "mem/heap.h"

static void *or_die(void *p)
{
	if (p == NULL) {
		fputs("mvctl: out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return p;
}

void *xalloc(size_t size)
{
	return or_die(calloc(1, size));
}

void *xgrow(void *p, size_t size)
{
	return or_die(realloc(p, size));
}

char *xstrdup(const char *s)
{
	return or_die(strdup(s));
}

char *xformat(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return or_die(n < 0 ? NULL : s);
}

void *heap_alloc(size_t size)
{
	return calloc(1, size);
}

void heap_free(void *p)
{
	free(p);
}

/* The node's memory, of which a default is a part, isn't known here. */
uint64_t frame_total_count(void)
{
	return 0;
}

static void tell(const char *kind, const char *file, unsigned int line,
		 const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "%s:", file);
	if (line != 0) {
		fprintf(stderr, "%u:", line);
	}
	fprintf(stderr, " %s: ", kind);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void tell_error(const char *file, unsigned int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("error", file, line, fmt, ap);
	va_end(ap);
}

void tell_warning(const char *file, unsigned int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell("warning", file, line, fmt, ap);
	va_end(ap);
}

int filemap_open(struct filemap *m, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;
	void *p;

	*m = (struct filemap){ NULL, 0 };
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &st) != 0) {
		err = -errno;
	} else if (!S_ISREG(st.st_mode)) {
		err = -EINVAL;
	} else if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			 0);
		if (p == MAP_FAILED) {
			err = -errno;
		} else {
			*m = (struct filemap){ p, (size_t)st.st_size };
		}
	}
	close(fd);
	return err;
}

void filemap_close(struct filemap *m)
{
	if (m->data != NULL) {
		munmap((void *)(uintptr_t)m->data, m->size);
	}
	*m = (struct filemap){ NULL, 0 };
}

static int write_all(int fd, const char *p, size_t left)
{
	while (left > 0) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return -errno;
		}
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

int file_write(const char *path, const void *data, size_t size)
{
	char *tmp = xformat("%s.XXXXXX", path);
	mode_t mask = umask(0);
	int fd = mkstemp(tmp);
	int err;

	umask(mask);
	if (fd < 0) {
		err = -errno;
		free(tmp);
		return err;
	}
	err = write_all(fd, data, size);
	if (err == 0 && fchmod(fd, 0666 & ~mask) != 0) {
		err = -errno;
	}
	if (close(fd) != 0 && err == 0) {
		err = -errno;
	}
	if (err == 0 && rename(tmp, path) != 0) {
		err = -errno;
	}
	if (err != 0) {
		unlink(tmp);
	}
	free(tmp);
	return err;
}
