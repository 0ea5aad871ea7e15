/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which chunks of an image to send next: a window over the first ones that
 * the node misses, as wide as the wire and the node take. Only numbers:
 * nothing is sent or waited for here.
 *
 * A chunk is lost when an answer to a packet sent some packets later doesn't
 * have it. The width is halved once for each window in which something was
 * lost, and grows by a chunk for each answer without loss.
 */
#ifndef CLI_CLIENT_WINDOW_H
#define CLI_CLIENT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mv/proto.h"

#define WINDOW_MIN	16
#define WINDOW_START	32
#define WINDOW_MAX	MV_ACK_CHUNKS
#define WINDOW_REORDER	8	/* packets that may overtake another */

struct window {
	uint32_t chunks;	/* of the whole image */
	uint32_t have;		/* without a gap */
	unsigned int width;
	unsigned int in_flight;
	uint32_t calm_id;	/* no halving for losses of ids below this */
	uint32_t newest_id;
	/* For chunk c in [have, have + WINDOW_MAX): */
	uint32_t sent_id[WINDOW_MAX];	/* at c % WINDOW_MAX; 0: to be sent */
	bool there[WINDOW_MAX];
	uint64_t resent;	/* packets */
	uint64_t sent;
};

void window_init(struct window *w, uint32_t chunks);

/*
 * What the node has. `id` is the request that was answered, 0 for an answer
 * that tells nothing about losses. False: an answer that can't be.
 */
bool window_answer(struct window *w, const struct mv_image_ack *ack,
		   uint32_t id);

/* The next chunk to send now; false: none may be sent before an answer. */
bool window_next(struct window *w, uint32_t *chunk);

/* It was sent in request `id`. */
void window_sent(struct window *w, uint32_t chunk, uint32_t id);

/* Nothing was heard for long: all in flight is lost. */
void window_timeout(struct window *w);

#endif
