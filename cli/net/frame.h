/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ethernet headers with at most one VLAN tag.
 */
#ifndef CLI_NET_FRAME_H
#define CLI_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_MAX	18	/* with a tag */

struct frame_header {
	uint8_t to[6];
	uint8_t from[6];
	uint16_t vlan;		/* 0: no tag, or a priority tag */
	uint16_t type;
};

/* Write the header; its length. */
size_t frame_header_write(uint8_t *out, const struct frame_header *h);

/* Read one; its length, or 0 when the frame is too short for it. */
size_t frame_header_read(const uint8_t *frame, size_t len,
			 struct frame_header *h);

#endif
