/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests with their answers: sent again until one comes.
 */
#ifndef CLI_CLIENT_CALL_H
#define CLI_CLIENT_CALL_H

#include "client/session.h"

/* A whole reply: its parts, in order, each a body of its own. */
struct answer {
	unsigned int parts;
	size_t len[MV_READ_PARTS];
	uint8_t body[MV_READ_PARTS][MV_PACKET_MAX];
};

/*
 * One request; head and data make its body. 0: *a (if not NULL) is the reply.
 * An enum mv_status: the node refused, s->text has its words. SESSION_*.
 *
 * A reading verb goes on in a new session if the old one is gone. After a
 * changing one SESSION_GONE means that nobody knows whether it was done.
 */
int session_call(struct session *s, uint16_t verb, const void *head,
		 size_t head_len, const void *data, size_t data_len,
		 struct answer *a);

/* As that for a request of one structure and a reply of one. */
int session_ask(struct session *s, uint16_t verb, const void *body,
		size_t len, void *out, size_t out_len);

#endif
