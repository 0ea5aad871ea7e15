/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: who talks to the node, what it was told already, and what it
 * keeps for later (a long body, streams that it watches).
 *
 * Locking: all belongs to the server's work, of which one instance runs at a
 * time.
 * Invariants: at most SESSION_MAX sessions, and of one MAC SESSION_PER_MAC;
 * what one keeps is bounded by this file.
 */
#ifndef MGMT_SESSION_H
#define MGMT_SESSION_H

#include "mgmt/packet.h"
#include "mgmt/session_key.h"

#define SESSION_MAX		16U
#define SESSION_PER_MAC		8U
#define SESSION_IDLE_NS		60000000000ULL
#define SESSION_EVICT_NS	5000000000ULL	/* idle for less: it is in use */
#define SESSION_WATCHES		8U
#define SESSION_KEPT_BODY	256U

/* The reply to a request that changed something. */
struct session_reply {
	uint32_t id;			/* 0: none */
	uint16_t verb;
	uint16_t status;
	uint16_t size;
	uint8_t body[SESSION_KEPT_BODY];
};

struct session_watch {
	uint8_t kind;			/* enum mv_stream_kind; 0: free */
	bool told;			/* notified since it read last */
	uint32_t object;
	uint32_t epoch;
	uint64_t seen;			/* read up to here */
};

struct session_blob {
	uint32_t id;			/* 0: none */
	uint32_t size;
	uint8_t *data;
	uint64_t have;			/* bit n: chunk n is there */
};

struct session {
	uint32_t id;			/* 0: free */
	uint64_t mac;
	uint8_t nonce[MV_NONCE_LEN];	/* the client's */
	uint64_t used_ns;		/* when the last valid packet came */
	bool confirmed;			/* has sent a valid packet */
	uint64_t sent;			/* our packets' counter */
	uint32_t newest;		/* id of a changing request */
	struct session_reply kept[MV_CHANGE_WINDOW];	/* by id */
	struct session_watch watch[SESSION_WATCHES];
	struct session_blob blob;
	struct session_keys keys;	/* if the node has a key */
	struct mv_opened opened;	/* the answer, for a repeated OPEN */
};

static_assert(MV_BLOB_MAX / MV_CHUNK <= 64, "bits of session_blob.have");

/* The session of that id and MAC, or NULL. */
struct session *session_find(uint32_t id, uint64_t mac);

/* The session that this client opened with this nonce, or NULL. */
struct session *session_find_nonce(uint64_t mac, const uint8_t nonce[MV_NONCE_LEN]);

/*
 * A new one, zeroed but for id, mac and times; maybe in the place of one that
 * is idle. NULL if there is no room or no memory.
 */
struct session *session_new(uint64_t mac, bool confirmed);

void session_end(struct session *s);

/* End those that were idle too long. True if any is left. */
bool session_expire(void);

unsigned int session_count(void);

/* The n-th place, or NULL if it is free; for walks over all. */
struct session *session_at(unsigned int n);

/*
 * What is known of changing request `id`: the kept reply, if it was done. If
 * not, NULL, and *stale tells whether it is too old to be told.
 */
const struct session_reply *session_kept(const struct session *s, uint32_t id, bool *stale);

/* Keep a reply; what doesn't fit of its body is cut off. */
void session_keep(struct session *s, uint32_t id, uint16_t verb, uint16_t status,
		  const void *body, size_t size);

#endif
