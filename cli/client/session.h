/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with one node: requests out, replies and notices in.
 *
 * Invariants: request ids rise by one; a packet counter is never used twice,
 * also when a request is sent again.
 */
#ifndef CLI_CLIENT_SESSION_H
#define CLI_CLIENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/handshake.h"
#include "client/node.h"
#include "client/packet.h"
#include "client/seal.h"
#include "net/transport.h"

/* Results below 0 are ours, above 0 the node's (enum mv_status). */
#define SESSION_NO_ANSWER	(-1)
#define SESSION_GONE		(-2)	/* ended by the node, or the node restarted */
#define SESSION_WIRE		(-3)	/* the transport is gone */
#define SESSION_BAD_REPLY	(-4)	/* not what the protocol says */
#define SESSION_KEY		(-5)	/* no answer, maybe the wrong key */
#define SESSION_TOLD		(-6)	/* failed, and the user knows why */

#define NOTICES_MAX	16

struct notice {
	uint8_t kind;		/* enum mv_stream_kind */
	uint32_t object;
};

struct session {
	struct transport *wire;
	struct node node;
	uint8_t key[MV_KEY_LEN];
	bool keyed;
	unsigned int timeout_ms;	/* for an answer */

	uint32_t number;	/* 0: not open */
	uint32_t next_id;
	unsigned int idle_ms;
	unsigned int rtt_ms;	/* smoothed */
	uint64_t heard_ms;	/* the node's last packet */
	struct seal seal;

	struct notice notice[NOTICES_MAX];	/* not taken yet, each once */
	unsigned int notice_count;
	char text[256];		/* the node's words to its last refusal */
	uint8_t packet[MV_PACKET_MAX];	/* the last one that came in */
};

/*
 * Open a session with a node; session_set_node() first, with `key` NULL for
 * a node without one. 0 or SESSION_*, or an enum mv_status.
 */
void session_set_node(struct session *s, struct transport *wire,
		      const struct node *n, const uint8_t *key,
		      unsigned int timeout_ms);
int session_open(struct session *s);

/* Tell the node (once, without waiting) and forget all keys. */
void session_close(struct session *s);

/* Send one request; head and data make its body. Its id, for the replies. */
uint32_t session_new_id(struct session *s);
int session_send(struct session *s, uint32_t id, uint16_t verb,
		 const void *head, size_t head_len, const void *data,
		 size_t data_len);

/*
 * What a packet's bytes from `from` are to this session. `raw` is changed.
 * 1: a reply, in *r, valid until raw is; 0: nothing (a notice is kept);
 * SESSION_GONE: the node says that the session is no more.
 */
int session_input(struct session *s, uint8_t *raw, size_t len,
		  const uint8_t *from, struct reply *r);

/* Wait up to `ms` for a reply. As session_input(), or SESSION_WIRE. */
int session_receive(struct session *s, unsigned int ms, struct reply *r);

/* Take a notice out. False: there is none. */
bool session_take_notice(struct session *s, struct notice *n);

#endif
