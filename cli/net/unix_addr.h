/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of datagram sockets in the file system.
 */
#ifndef CLI_NET_UNIX_ADDR_H
#define CLI_NET_UNIX_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

/* 0, or -ENAMETOOLONG. */
int unix_address(struct sockaddr_un *a, const char *path);

/*
 * Bind to `path`. A socket that a program left behind is replaced; one that
 * a program still reads isn't: -EADDRINUSE. 0, or -errno.
 */
int unix_bind(int fd, const char *path);

/*
 * Send a datagram; a full queue of the reader is waited for some
 * milliseconds at most, and not at all unless `patient`. 0, or -errno
 * (-EAGAIN: it is full).
 */
int unix_send_to(int fd, const void *data, size_t len,
		 const struct sockaddr_un *to, socklen_t to_len, bool patient);

#endif
