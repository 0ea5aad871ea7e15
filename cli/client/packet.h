/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets of the management protocol, and the replies in them. What comes in
 * is from the wire: every length is checked here, once.
 */
#ifndef CLI_CLIENT_PACKET_H
#define CLI_CLIENT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mv/proto.h"

struct packet {
	uint8_t kind;
	uint32_t session;
	uint64_t counter;
	const uint8_t *start;	/* the header */
	size_t size;		/* of it all; Ethernet's padding doesn't count */
};

/* Read a header. False: it isn't a packet of this version. */
bool packet_read(const void *data, size_t len, struct packet *p);

/* Write a header for `size` bytes in all. */
void packet_write(void *data, uint8_t kind, size_t size, uint32_t session,
		  uint64_t counter);

/* One packet of a reply. `body` lies within what was read. */
struct reply {
	uint32_t id;
	uint16_t verb;
	uint16_t status;	/* enum mv_status */
	unsigned int part;
	unsigned int parts;	/* 1 .. MV_READ_PARTS, more than `part` */
	const uint8_t *body;
	size_t len;
};

/* False: malformed. */
bool reply_read(const void *payload, size_t len, struct reply *r);

/*
 * Copy a fixed structure from the start of a body. False: the body is too
 * short for it.
 */
bool body_read(const struct reply *r, void *out, size_t size);

/* "not found" and the like. */
const char *status_text(unsigned int status);

#endif
