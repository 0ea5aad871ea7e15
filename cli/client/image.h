/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images on their way to the node.
 */
#ifndef CLI_CLIENT_IMAGE_H
#define CLI_CLIENT_IMAGE_H

#include "client/session.h"

struct image_push {
	const uint8_t *data;
	size_t size;
	uint8_t sha256[MV_SHA256_LEN];
	const char *name;		/* for the node's list */
	/* Called now and then: bytes there, and of them checked. */
	void (*progress)(void *ctx, uint64_t have, uint64_t checked);
	void *ctx;
	bool was_there;			/* nothing had to be sent */
	uint64_t sent, resent;		/* packets */
};

/* SHA-256 of p->data. */
void image_digest(struct image_push *p);

/*
 * Bring it there; what is there of an earlier push isn't sent again. 0 when
 * the node has checked it, an enum mv_status, or SESSION_*.
 */
int image_push(struct session *s, struct image_push *p);

#endif
