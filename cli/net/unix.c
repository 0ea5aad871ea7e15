/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagram sockets of this machine that carry whole frames, as QEMU's
 * "-netdev dgram" does. No privilege is needed.
 *
 * unix:PATH sends to a hub from a socket that the kernel names (unix(7),
 * autobind), so any number of mvctl can be on it. unix:LOCAL,PEER has a name
 * that the peer knows, so only one can.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/transport.h"
#include "net/unix_addr.h"
#include "util.h"

#define QUEUE_BYTES	(1 << 20)

static int unix_send(struct transport *t, const void *frame, size_t len)
{
	struct sockaddr_un to;
	int err = unix_address(&to, t->peer);

	return err != 0 ? err : 
		unix_send_to(t->fd, frame, len, &to, sizeof(to), true);
}

static int open_hub(struct transport *t, const char *path)
{
	struct sockaddr_un any = { .sun_family = AF_UNIX };

	t->peer = xstrdup(path);
	if (bind(t->fd, (struct sockaddr *)&any, sizeof(any.sun_family)) != 0) {
		tell_error(path, 0, "%s", strerror(errno));
		return -1;
	}
	return 0;
}

static int open_pair(struct transport *t, const char *path, const char *comma)
{
	char *local = xformat("%.*s", (int)(comma - path), path);
	int err = unix_bind(t->fd, local);

	if (err != 0) {
		tell_error(local, 0, "%s", err == -EADDRINUSE ?
			   "another program has it (several mvctl at once: "
			   "see mvctl help hub)" : strerror(-err));
		free(local);
		return -1;
	}
	t->local = local;
	t->peer = xstrdup(comma + 1);
	return 0;
}

int unix_open(struct transport *t, const char *path)
{
	const char *comma = strchr(path, ',');
	int size = QUEUE_BYTES;
	int err;

	if (path[0] == '\0' || (comma != NULL && comma[1] == '\0')) {
		tell_error("unix", 0, "the socket's path is missing");
		return -1;
	}
	t->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (t->fd < 0) {
		tell_error(path, 0, "%s", strerror(errno));
		return -1;
	}
	/* More room is welcome, not needed. */
	(void)setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(t->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	t->send = unix_send;
	err = comma != NULL ? open_pair(t, path, comma) : open_hub(t, path);
	if (err != 0) {
		close(t->fd);
		t->fd = -1;
		return -1;
	}
	return 0;
}
