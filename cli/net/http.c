/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.0, as much of it as a scrape needs. The client is not trusted: its
 * request has a limit in bytes and in time.
 */
#include "net/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/clock.h"
#include "stop.h"
#include "util.h"

#define REQUEST_MAX	4096
#define REQUEST_MS	3000
#define ANSWER_MS	5000
#define BACKLOG		8

static int resolve(const char *where, struct addrinfo **out)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	char *copy = xstrdup(where), *colon = strrchr(copy, ':');
	char *host = copy;
	int err = EAI_NONAME;

	if (colon != NULL) {
		*colon = '\0';
		if (host[0] == '[' && colon > host && colon[-1] == ']') {
			colon[-1] = '\0';
			host++;
		}
		err = getaddrinfo(host[0] != '\0' ? host : NULL, colon + 1,
				  &hints, out);
	}
	free(copy);
	return err;
}

static unsigned int bound_port(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0) {
		return 0;
	}
	return ntohs(a.ss_family == AF_INET6 ?
		     ((struct sockaddr_in6 *)&a)->sin6_port :
		     ((struct sockaddr_in *)&a)->sin_port);
}

int http_listen(const char *where, unsigned int *port)
{
	struct addrinfo *a;
	int one = 1, fd;

	if (resolve(where, &a) != 0) {
		tell_error(where, 0, "expected ADDRESS:PORT in numbers, as "
			   "127.0.0.1:9190 or [::1]:9190");
		return -1;
	}
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	}
	if (fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		tell_error(where, 0, "%s", strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		fd = -1;
	} else {
		*port = bound_port(fd);
	}
	freeaddrinfo(a);
	return fd;
}

static bool wait_for(int fd, short events, uint64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = clock_ms();

	return now < end && poll(&p, 1, (int)(end - now)) > 0;
}

/* The head of a request into buf, NUL-terminated. False: none came. */
static bool read_head(int fd, char *buf)
{
	uint64_t end = clock_ms() + REQUEST_MS;
	size_t len = 0;

	while (len < REQUEST_MAX - 1 && wait_for(fd, POLLIN, end)) {
		ssize_t n = recv(fd, buf + len, REQUEST_MAX - 1 - len,
				 MSG_DONTWAIT);

		if (n <= 0) {
			return false;
		}
		len += (size_t)n;
		buf[len] = '\0';
		if (strstr(buf, "\r\n\r\n") != NULL ||
		    strstr(buf, "\n\n") != NULL) {
			return true;
		}
	}
	return false;
}

static void send_all(int fd, const char *p, size_t len)
{
	uint64_t end = clock_ms() + ANSWER_MS;

	while (len > 0 && wait_for(fd, POLLOUT, end)) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return;
		}
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	default:
		return "Service Unavailable";
	}
}

static void answer(int fd, char *head, http_handler handler, void *ctx)
{
	struct http_reply r = { .status = 405, .type = "text/plain" };
	char *save = NULL;
	const char *method = strtok_r(head, " ", &save);
	const char *path = strtok_r(NULL, " \r\n", &save);
	char *line;

	if (method != NULL && path != NULL && strcmp(method, "GET") == 0) {
		handler(ctx, path, &r);
	}
	line = xformat("HTTP/1.0 %d %s\r\nContent-Type: %s\r\n"
		       "Content-Length: %zu\r\nConnection: close\r\n\r\n",
		       r.status, reason(r.status), r.type, r.len);
	send_all(fd, line, strlen(line));
	send_all(fd, r.text, r.len);
	free(line);
	free(r.text);
}

void http_serve(int fd, http_handler handler, void *ctx)
{
	static char head[REQUEST_MAX];

	while (!stop_wanted()) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (c < 0) {
			if (errno != EINTR && errno != ECONNABORTED) {
				usleep(100000);	/* out of descriptors, maybe */
			}
			continue;
		}
		if (read_head(c, head)) {
			answer(c, head, handler, ctx);
		}
		close(c);
	}
}
