/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own port of the switch: frames in and out.
 *
 * Frames from uplinks are copied into a small ring, under a token bucket, and
 * taken from there by the server's work. Whatever a wire sends costs its sender's
 * CPU at most a copy of 1514 bytes each and MGMT_RATE frames a second.
 *
 * Locking: the ring has a lock of rank LOCK_NET_RX, as a vif's queue. Sending
 * belongs to the server's work.
 */
#ifndef MGMT_MGMT_PORT_H
#define MGMT_MGMT_PORT_H

#include "mgmt/mgmt.h"
#include "mgmt/packet.h"

#define MGMT_RING	128U		/* frames that wait; a power of two */
#define MGMT_RATE	20000U		/* frames a second .. */
#define MGMT_BURST	512U		/* .. and at once */

enum mgmt_counter {
	MGMT_RX_TAKEN,			/* put into the ring */
	MGMT_DROP_PORT,			/* not from an uplink */
	MGMT_DROP_SOURCE,		/* not from an allowed MAC */
	MGMT_DROP_FORM,			/* not a packet, too long, or with offloads */
	MGMT_DROP_RATE,			/* no token */
	MGMT_DROP_FULL,			/* no room in the ring */
	MGMT_DROP_PACKET,		/* version, kind, length */
	MGMT_DROP_SESSION,		/* of no session of that MAC */
	MGMT_DROP_TAG,			/* forged, or under another key */
	MGMT_DROP_REPLAY,
	MGMT_DROP_OPEN,			/* refused, or too many */
	MGMT_REQUESTS,
	MGMT_REPEATED,			/* of these: answered with the kept reply */
	MGMT_ERRORS,			/* of these: answered with an error */
	MGMT_SENT,			/* packets */
	MGMT_NOT_SENT,			/* the switch dropped them */
	MGMT_OPENED,			/* sessions */
	MGMT_EVICTED,
	MGMT_COUNTERS,
};

/*
 * Join the switch; `wake` is called, with locks held, when frames wait.
 * -EEXIST, -ENOMEM, -ENOSPC, -EINVAL.
 */
MUST_CHECK int mgmt_port_init(const struct mgmt_config *config, void (*wake)(void));
void mgmt_port_stop(void);

/*
 * Take the oldest frame; 0 if there is none. `frame` has MGMT_FRAME_MAX bytes.
 */
size_t mgmt_port_take(uint8_t *frame);

/*
 * Send a packet of `length` bytes to a MAC (as mac_load() gives it). It may be
 * lost. The packet is followed by what isn't needed of MV_PACKET_MAX bytes.
 */
void mgmt_port_send(uint64_t dst, const uint8_t *packet, size_t length);

void mgmt_count(enum mgmt_counter c);
uint64_t mgmt_counter(enum mgmt_counter c);
const char *mgmt_counter_name(enum mgmt_counter c);

#endif
