/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OPEN and OPENED: how a session begins, with the key exchange if the node
 * has a key.
 *
 * An exchange costs the node two multiplications on the curve, some hundred
 * microseconds, so a node with a key makes at most OPENING_RATE a second, and only for
 * who shows that he has the key and a fresh challenge.
 *
 * Locking: belongs to the server's work.
 */
#ifndef MGMT_OPENING_H
#define MGMT_OPENING_H

#include "mgmt/packet.h"

#define OPENING_RATE		10U
#define OPENING_BURST		16U
#define OPENING_CHALLENGE_NS	30000000000ULL	/* the newest is made anew after this */

/* Boot only. */
void opening_init(void);

/* The newest challenge; zeroes on a node without a key. */
void opening_challenge(uint8_t challenge[MV_NONCE_LEN]);

/* An OPEN came; `packet` has room for the answer. */
void opening_open(const struct mgmt_packet *p, uint8_t *packet);

#endif
