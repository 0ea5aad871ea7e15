/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opening of a session (docs/management-protocol.md, "Sessions"). Only
 * bytes: nothing is sent or waited for here.
 */
#ifndef CLI_CLIENT_HANDSHAKE_H
#define CLI_CLIENT_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/node.h"
#include "client/seal.h"

#define OPEN_SIZE	(sizeof(struct mv_header) + sizeof(struct mv_open))

struct handshake {
	uint8_t open[OPEN_SIZE];	/* the packet to send */
	uint8_t nonce[MV_NONCE_LEN];
	uint8_t secret[MV_POINT_LEN];	/* our X25519 scalar */
	const uint8_t *key;		/* of the node; NULL: none */
};

struct opened {
	uint32_t session;
	unsigned int packet_max;
	unsigned int idle_ms;
	unsigned int change_window;
	unsigned int status;		/* MV_OK, or why not */
};

/*
 * Make the OPEN packet. `key` (MV_KEY_LEN bytes) must be given for a keyed
 * node, and stay until the end.
 */
void handshake_begin(struct handshake *h, const struct node *n,
		     const uint8_t *key);

/*
 * A packet that may be the answer. True: it is, *out is valid, and `seal` is
 * ready if the status is MV_OK. What doesn't answer `h`, or was not made by
 * a node that knows the key, is false. A refusal is never protected, so it is
 * a hint: the right answer may still come.
 */
bool handshake_finish(struct handshake *h, const void *data, size_t len,
		      struct opened *out, struct seal *seal);
void handshake_wipe(struct handshake *h);

#endif
