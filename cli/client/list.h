/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies that list things (docs/management-protocol.md, "Lists").
 */
#ifndef CLI_CLIENT_LIST_H
#define CLI_CLIENT_LIST_H

#include "client/session.h"

#define LIST_MAX	65536

struct list {
	void *entry;		/* count * size bytes */
	size_t count;
	size_t size;
	uint64_t now_ns;	/* of the last reply */
};

/* Fetch all of it. 0, an enum mv_status, or SESSION_*. */
int list_fetch(struct session *s, uint16_t verb, uint32_t arg, size_t size,
	       struct list *out);
void list_free(struct list *l);

/*
 * Add one reply's entries, whose own size may be larger than ours. 0, and
 * the next cursor; or SESSION_BAD_REPLY.
 */
int list_append(struct list *l, const void *body, size_t len, uint32_t *next);

#endif
