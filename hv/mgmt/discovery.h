/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DISCOVER and ANNOUNCE: answers to all are delayed at random, so that many
 * nodes don't answer at once.
 *
 * Locking: belongs to the server's work.
 */
#ifndef MGMT_DISCOVERY_H
#define MGMT_DISCOVERY_H

#include "mgmt/packet.h"

#define DISCOVERY_WAITING	16U
#define DISCOVERY_DELAY_NS	20000000U

/* A DISCOVER came. Dropped and counted if too many wait. */
void discovery_ask(const struct mgmt_packet *p);

/*
 * Send what is due; `packet` has room for one. When the next is, UINT64_MAX:
 * none.
 */
uint64_t discovery_answer(uint8_t *packet);

#endif
