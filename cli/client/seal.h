/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed packets (docs/management-protocol.md, "With a key"): ChaCha20 and
 * Poly1305 over a packet, and the window that refuses a packet seen before.
 * Without a key the counters are still counted and nothing is sealed.
 */
#ifndef CLI_CLIENT_SEAL_H
#define CLI_CLIENT_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/packet.h"

#define SEAL_KEY_LEN	32
#define SEAL_WINDOW	1024

struct seal {
	bool keyed;
	uint8_t out[SEAL_KEY_LEN];
	uint8_t in[SEAL_KEY_LEN];
	uint64_t sent;		/* counter of the newest packet out */
	uint64_t newest;	/* counter of the newest packet in */
	uint64_t seen[SEAL_WINDOW / 64];
};

/*
 * Complete the packet whose payload[0..len) lies behind room for a header,
 * with room for a tag behind it. The packet's size.
 */
size_t seal_packet(struct seal *s, void *packet, uint8_t kind,
		   uint32_t session, size_t len);

/*
 * Open a packet in place: its payload, and the length of it in *len. NULL:
 * forged, cut off, or seen before.
 */
const uint8_t *seal_open(struct seal *s, const struct packet *p, void *raw,
			 size_t *len);

/* Forget the keys. */
void seal_wipe(struct seal *s);

#endif
