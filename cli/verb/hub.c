/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl hub`: a segment in one socket. What one member sends all others get.
 * Members are the sockets that were named (emulated nodes, which may come and
 * go) and everybody who sent a frame and still reads.
 *
 * Invariants: at most MEMBERS_MAX members; a frame is never sent back to the
 * member that it came from; one that doesn't read delays the others once.
 */
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/clock.h"
#include "net/transport.h"
#include "net/unix_addr.h"
#include "stop.h"
#include "verb/target.h"
#include "verbs.h"

#define MEMBERS_MAX	64
#define HUB_FRAME_MAX	65536	/* QEMU's guests may send more than 1518 bytes */
#define FRAMES_A_TURN	64

struct member {
	struct sockaddr_un address;
	socklen_t len;
	bool named;		/* on the command line: never forgotten */
	bool full;		/* it doesn't read: not waited for any more */
	uint64_t heard_ms;
};

struct hub {
	int fd;
	struct member member[MEMBERS_MAX];
	size_t count;
};

static struct member *find(struct hub *h, const struct sockaddr_un *a,
			   socklen_t len)
{
	for (size_t i = 0; i < h->count; i++) {
		struct member *m = &h->member[i];

		if (m->len == len && memcmp(&m->address, a, len) == 0) {
			return m;
		}
	}
	return NULL;
}

static void forget(struct hub *h, struct member *m)
{
	*m = h->member[--h->count];
}

/* Room for another one: in the place of who was silent the longest. */
static struct member *new_member(struct hub *h)
{
	struct member *oldest = NULL;

	if (h->count < MEMBERS_MAX) {
		return &h->member[h->count++];
	}
	for (size_t i = 0; i < h->count; i++) {
		struct member *m = &h->member[i];

		if (!m->named &&
		    (oldest == NULL || m->heard_ms < oldest->heard_ms)) {
			oldest = m;
		}
	}
	return oldest;
}

static void forward(struct hub *h, const void *frame, size_t len,
		    const struct member *from)
{
	size_t i = 0;

	while (i < h->count) {
		struct member *m = &h->member[i];

		int err = m == from ? 0 :
			unix_send_to(h->fd, frame, len, &m->address, m->len,
				     !m->full);

		m->full = err == -EAGAIN;
		if (err != 0 && err != -EAGAIN && !m->named) {
			/* The last member takes its place, maybe `from`. */
			if (from == &h->member[h->count - 1]) {
				from = m;
			}
			forget(h, m);
			continue;
		}
		i++;
	}
}

/* One frame. False: there is none. */
static bool take_frame(struct hub *h)
{
	static uint8_t frame[HUB_FRAME_MAX];
	struct sockaddr_un a;
	socklen_t len = sizeof(a);
	struct member *m;
	ssize_t n;

	memset(&a, 0, sizeof(a));
	n = recvfrom(h->fd, frame, sizeof(frame), MSG_DONTWAIT,
		     (struct sockaddr *)&a, &len);
	if (n < 0) {
		return false;
	}
	if (len <= offsetof(struct sockaddr_un, sun_path)) {
		return true;		/* without a name nothing reaches it */
	}
	m = find(h, &a, len);
	if (m == NULL) {
		m = new_member(h);
		if (m == NULL) {
			return true;
		}
		*m = (struct member){ .address = a, .len = len };
	}
	m->heard_ms = clock_ms();
	forward(h, frame, (size_t)n, m);
	return true;
}

static int add_named(struct hub *h, const char *path)
{
	struct member *m = &h->member[h->count];

	if (unix_address(&m->address, path) != 0) {
		tell_error(path, 0, "a socket's path can't be that long");
		return EXIT_FAILED;
	}
	/* As the kernel tells it when it sends. */
	m->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			     strlen(path) + 1);
	m->named = true;
	h->count++;
	return 0;
}

static int open_hub(struct hub *h, const char *path)
{
	int size = 1 << 22, err;

	h->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (h->fd < 0) {
		tell_error(path, 0, "%s", strerror(errno));
		return EXIT_FAILED;
	}
	(void)setsockopt(h->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	(void)setsockopt(h->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	err = unix_bind(h->fd, path);
	if (err != 0) {
		tell_error(path, 0, "%s", strerror(-err));
		close(h->fd);
		return EXIT_FAILED;
	}
	return 0;
}

int verb_hub(const struct verb *verb, int argc, char **argv)
{
	static struct hub h;
	int status;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc < 2 || argc > 2 + MEMBERS_MAX / 2) {
		return usage_error(verb, "it takes its own socket and up to %u "
				   "others", MEMBERS_MAX / 2);
	}
	for (int i = 2; i < argc; i++) {
		if (add_named(&h, argv[i]) != 0) {
			return EXIT_FAILED;
		}
	}
	status = open_hub(&h, argv[1]);
	if (status != 0) {
		return status;
	}
	stop_on_signals();
	while (!stop_wanted()) {
		struct pollfd p = { .fd = h.fd, .events = POLLIN };

		poll(&p, 1, -1);
		for (unsigned int i = 0; i < FRAMES_A_TURN; i++) {
			if (!take_frame(&h)) {
				break;
			}
		}
	}
	close(h.fd);
	unlink(argv[1]);
	return EXIT_OK;
}
