/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying a frame out of its pieces.
 *
 * Locking: none.
 */
#ifndef NET_FRAME_COPY_H
#define NET_FRAME_COPY_H

#include "lib/string.h"
#include "net/frame.h"

/* Where the next byte of a frame is. */
struct frame_cursor {
	const uint8_t *data;
	uint32_t left;		/* of this piece */
	const struct net_frag *next;
};

/* The next `n` bytes, which must be there. */
static inline void frame_copy(struct frame_cursor *c, uint8_t *dst, uint32_t n)
{
	while (n > 0) {
		uint32_t part = MIN(n, c->left);

		memcpy(dst, c->data, part);
		dst += part;
		n -= part;
		c->data += part;
		c->left -= part;
		if (c->left == 0 && n > 0) {
			c->data = c->next->data;
			c->left = c->next->len;
			c->next++;
		}
	}
}

#endif
