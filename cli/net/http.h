/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A very small HTTP server: one connection at a time, one GET each, a few
 * seconds for it. Enough for a Prometheus that scrapes.
 */
#ifndef CLI_NET_HTTP_H
#define CLI_NET_HTTP_H

#include <stddef.h>

struct http_reply {
	int status;		/* 200, 404, 503 */
	const char *type;
	char *text;		/* freed after it was sent; NULL: none */
	size_t len;
};

/* Answer a GET of `path`. */
typedef void (*http_handler)(void *ctx, const char *path, struct http_reply *r);

/*
 * Listen at "ADDRESS:PORT" (an IPv6 address in brackets; port 0: any free
 * one). The socket, or -1 after telling. *port is what it got.
 */
int http_listen(const char *where, unsigned int *port);

/* Take connections until stop_wanted(). */
void http_serve(int fd, http_handler handler, void *ctx);

#endif
