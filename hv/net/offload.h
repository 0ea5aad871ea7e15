/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sender left to its network card, done for receivers that do not take
 * such frames: finishing TCP/UDP checksums, cutting a large TCP frame (GSO)
 * into segments. No data is moved for it: segments refer to the frame's own
 * pieces.
 *
 * Headers must lie in the frame's private head. The payload is summed where
 * it lies; a guest that changes it meanwhile spoils its own checksum.
 *
 * Locking: none.
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include "net/frame.h"

#define OFFLOAD_MSS_MIN	8U	/* less is nobody's TCP */

/* Where a frame's headers are. */
struct offload_headers {
	uint32_t l3;		/* offset of the IP header */
	uint32_t l4;		/* of the TCP or UDP header */
	uint32_t l4_len;	/* bytes from there, payload included */
	uint32_t csum_at;	/* offset of the TCP/UDP checksum */
	uint8_t protocol;	/* IP_TCP or IP_UDP */
	bool v6;
};

/* -EINVAL: not whole, not TCP/UDP over IPv4/IPv6, or not in the head. */
MUST_CHECK int offload_parse(const struct net_frame *f, struct offload_headers *h);

/*
 * The same for a GSO frame; the bytes of all headers, which may go beyond the head.
 * -EINVAL: it is not a TCP frame of its GSO type.
 */
MUST_CHECK int offload_parse_gso(const struct net_frame *f, struct offload_headers *h,
				 uint32_t *header_len);

/*
 * Look whether a frame is what its sender says of GSO, before the switch takes its tag
 * off: false if not. One that is no longer than a segment becomes one without GSO.
 */
MUST_CHECK bool offload_gso_check(struct net_frame *f);

/*
 * Finish a NET_CSUM_BLANK frame's checksum; it becomes NET_CSUM_VALID.
 * -EINVAL as above.
 */
MUST_CHECK int offload_checksum(struct net_frame *f);

/* The same where `at` says, for bytes from `from` on: the sender's words. */
MUST_CHECK int offload_checksum_at(struct net_frame *f, uint32_t from, uint32_t at);

/* What a wire can carry, each segment of a large frame too. */
bool offload_fits(const struct net_frame *f, uint32_t mtu);

struct offload_segments {
	const struct net_frame *frame;
	struct offload_headers h;
	uint32_t header_len;	/* of all headers */
	uint32_t payload;	/* bytes in all */
	uint32_t done;
	uint16_t index;		/* of the next segment */
	unsigned int piece;	/* where the next payload byte is: 0 is the head */
	uint32_t piece_at;
	uint16_t head[(NET_HEAD_MAX + NET_HEAD_ROOM) / 2];
	struct net_frag frag[NET_FRAG_MAX];
};

/* Begin to cut a GSO frame. -EINVAL: it is not a TCP frame of its GSO type. */
MUST_CHECK int offload_segments_init(struct offload_segments *s, const struct net_frame *f);

/* How many segments there will be. */
uint32_t offload_segments_count(const struct offload_segments *s);

/*
 * The next segment, good until the next call; false at the end. Its checksum
 * is NET_CSUM_BLANK.
 */
bool offload_segments_next(struct offload_segments *s, struct net_frame *out);

#endif
