/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging of consecutive TCP segments of one batch into one large frame for a
 * receiver that takes GSO frames (docs/decisions/0011-segment-merging.md).
 *
 * The frame is as its sender would have made it with TSO: the same headers
 * but for lengths and sums, the same segment size, so that it can be cut into
 * the same segments again.
 *
 * Locking: a struct net_merge belongs to a receiver's queue, under its
 * rx_lock. Invariants: open only between the first frame of a batch and its
 * publication; the slots that it rewrites are not published yet.
 */
#ifndef NET_MERGE_H
#define NET_MERGE_H

#include "lib/bytes.h"
#include "net/eth.h"
#include "net/frame.h"

#define MERGE_PAYLOAD_MIN 256U	/* smaller ones are not worth it */

/* TCP over IPv4 or IPv6 without extension headers. */
static inline bool merge_is_tcp(const struct net_frame *f)
{
	uint16_t type = get_be16(f->head + ETH_TYPE_AT);

	if (f->head_len < ETH_HLEN + 20) {
		return false;
	}
	return (type == ETH_IPV4 && f->head[ETH_HLEN + 9] == IP_TCP) ||
	       (type == ETH_IPV6 && f->head[ETH_HLEN + 6] == IP_TCP);
}

/* What of a segment decides whether the next one continues it. */
struct merge_key {
	uint32_t next_seq;
	uint16_t header_len;	/* Ethernet, IP and TCP */
	uint16_t payload;
	uint8_t ip_at;		/* offsets in the headers */
	uint8_t tcp_at;
	bool ipv6;
	bool push;		/* nothing may follow */
};

struct net_merge {
	bool open;
	struct merge_key key;
	uint16_t mss;		/* payload of the first segment */
	unsigned int count;	/* segments */
	uint32_t len;		/* of the frame so far */
	uint8_t *head;		/* its first byte in the receiver's page */
	uint32_t head_slot;
	uint16_t head_id;
	uint32_t head_bytes;	/* in the first page */
	uint8_t *page;		/* the page being filled */
	uint32_t page_used;
	uint32_t last_slot;	/* its slot */
	uint16_t last_id;
	uint16_t headers[NET_HEAD_MAX / 2];	/* 2-byte aligned copy */
};

/*
 * Whether a TCP frame is a plain segment with payload that may begin or
 * continue a merged frame; fills *key.
 */
bool merge_parse(const struct net_frame *f, struct merge_key *key);

/* Whether the segment `f` with `key` is the continuation of `m`. */
bool merge_continues(const struct net_merge *m, const struct net_frame *f,
		     const struct merge_key *key);

/* Set lengths and the pseudo-header's sum in m->headers for the final size. */
void merge_finish_headers(struct net_merge *m);

#endif
