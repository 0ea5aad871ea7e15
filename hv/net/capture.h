/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures: copies of the first bytes of all frames of a port, in a ring that is
 * read by offset. Each frame is a record (struct mv_capture_record of mv/proto.h; its
 * numbers are big-endian) of a multiple of 8 bytes. The oldest records make room.
 *
 * Locking: a capture's ring has a lock of rank LOCK_NET_CAPTURE, taken where frames
 * pass. The table of captures belongs to its caller, hv/mgmt's work. A port's
 * capture is found without a lock and freed by quiesce_call().
 */
#ifndef NET_CAPTURE_H
#define NET_CAPTURE_H

#include "net/port.h"

#define CAPTURE_MAX		4U
#define CAPTURE_SNAP		128U		/* the default: what is private anyway */
#define CAPTURE_RING_KIB	256U		/* the default, and .. */
#define CAPTURE_RING_KIB_MAX	2048U
#define CAPTURE_IDLE_NS		60000000000ULL	/* ends if nobody reads for this long */

struct capture_info {
	uint32_t id;			/* not 0 */
	unsigned int port;		/* its id when it began */
	uint32_t snap;
	uint32_t ring_kib;
	uint64_t frames;
	uint64_t lost;			/* records that nobody had read */
};

/*
 * Begin. `snap` and `ring_kib` may be 0. -ENOENT: no such port; -EBUSY: it has a capture;
 * -EINVAL: a ring that is too large or too small for the snap; -ENOSPC, -ENOMEM.
 */
MUST_CHECK int capture_start(unsigned int port, uint32_t snap, uint32_t ring_kib,
			     struct capture_info *out);

/* End it. -ENOENT. */
MUST_CHECK int capture_stop(uint32_t id);

/* The capture at place n (0 .. CAPTURE_MAX - 1). False: none. */
bool capture_at(unsigned int n, struct capture_info *out);

/*
 * Copy out bytes from *offset on, or from the oldest record; *offset becomes that of the
 * first byte copied. -ENOENT, or 0 with *n bytes copied.
 */
MUST_CHECK int capture_read_at(uint32_t id, uint64_t *offset, uint8_t *buf, size_t size,
			       size_t *n, uint64_t *oldest, uint64_t *end);

/* Where `id` ends, without reading. -ENOENT. */
MUST_CHECK int capture_end(uint32_t id, uint64_t *end);

/* End those that nobody reads, or whose port went. True if any is left. */
bool capture_expire(void);

/* From net/switch.c: a frame passed the port `c` is of. */
void capture_frame(struct capture *c, const struct net_frame *f, bool to_guest);
/* The port goes. */
void capture_port_gone(struct net_port *p);

#endif
