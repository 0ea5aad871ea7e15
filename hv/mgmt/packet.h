/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of the management protocol (mv/proto.h) in Ethernet frames: the
 * checks that need no session.
 *
 * Locking: none; functions over bytes.
 */
#ifndef MGMT_PACKET_H
#define MGMT_PACKET_H

#include "lib/types.h"
#include "mv/proto.h"

#define MGMT_FRAME_MAX	(14U + MV_PACKET_MAX)

struct mgmt_packet {
	uint64_t src;			/* MAC, as mac_load() gives it */
	bool to_all;			/* to a multicast address */
	enum mv_kind kind;
	uint32_t session;
	uint64_t counter;
	uint8_t *bytes;			/* from `version` on .. */
	size_t length;			/* .. as many as it says */
	uint8_t *payload;
	size_t size;
};

/*
 * Read an untagged frame of `n` bytes, 2-byte aligned; *out points into it.
 * -EINVAL: not a packet of ours, of a kind that goes to a node, with a whole
 * payload. (A tag counts as payload here.)
 */
MUST_CHECK int mgmt_packet_parse(uint8_t *frame, size_t n, struct mgmt_packet *out);

/* Write the header for a payload of `size` bytes (a tag included). */
void mgmt_packet_header(uint8_t *packet, enum mv_kind kind, uint32_t session, uint64_t counter,
			size_t size);

/* A name field that came from the wire: copied, and ended by a NUL for sure. */
void mgmt_name_get(char out[MV_NAME_MAX], const char in[MV_NAME_MAX]);
/* A name field for the wire: the rest is NULs. */
void mgmt_name_put(char *out, size_t size, const char *name);

#endif
