/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XenStore through /dev/xen/xenbus: the wire protocol of xen/io/xs_wire.h, one
 * request at a time.
 */
#include "dd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	XS_READ = 2,
	XS_WRITE = 11,
	XS_ERROR = 16,
	PAYLOAD_MAX = 4096,
};

struct xs_header {
	uint32_t type;
	uint32_t request;
	uint32_t transaction;
	uint32_t len;		/* of what follows */
};

static int store = -1;

bool store_open(void)
{
	store = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
	return store >= 0;
}

static bool get(void *p, size_t len)
{
	while (len > 0) {
		ssize_t n = read(store, p, len);

		if (n <= 0) {
			if (n < 0 && errno == EINTR) {
				continue;
			}
			return false;
		}
		p = (char *)p + n;
		len -= (size_t)n;
	}
	return true;
}

/* The reply's length, in `reply`, or -1. */
static ssize_t ask(uint32_t type, const void *data, size_t len, char *reply)
{
	static char message[sizeof(struct xs_header) + PAYLOAD_MAX];
	struct xs_header h = { .type = type, .len = (uint32_t)len };

	if (store < 0 || len > PAYLOAD_MAX) {
		return -1;
	}
	memcpy(message, &h, sizeof(h));
	memcpy(message + sizeof(h), data, len);
	len += sizeof(h);
	if (write(store, message, len) != (ssize_t)len || !get(&h, sizeof(h)) ||
	    h.len > PAYLOAD_MAX || !get(reply, h.len)) {
		return -1;
	}
	return h.type == XS_ERROR ? -1 : (ssize_t)h.len;
}

bool store_read(const char *path, char *value, size_t size)
{
	static char reply[PAYLOAD_MAX];
	ssize_t n = ask(XS_READ, path, strlen(path) + 1, reply);

	if (n < 0 || (size_t)n >= size) {
		return false;
	}
	memcpy(value, reply, (size_t)n);
	value[n] = '\0';
	return true;
}

bool store_write(const char *path, const char *format, ...)
{
	static char reply[PAYLOAD_MAX];
	char data[PATH_LEN];
	size_t len = strlen(path) + 1;
	va_list args;
	int n;

	memcpy(data, path, len);
	va_start(args, format);
	n = vsnprintf(data + len, sizeof(data) - len, format, args);
	va_end(args);
	return n >= 0 && (size_t)n < sizeof(data) - len &&
	       ask(XS_WRITE, data, len + (size_t)n, reply) >= 0;
}
