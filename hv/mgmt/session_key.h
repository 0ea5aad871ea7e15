/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyed session's cryptography: key exchange, sealing, replay window
 * (docs/management-protocol.md, "With a key").
 *
 * Pure functions over bytes; primitives are BearSSL's. Also part of mvctl,
 * which is the other end. Where SIMD registers are a guest's the caller has
 * saved them (arch_simd_begin()).
 *
 * Locking: the caller's.
 */
#ifndef MGMT_SESSION_KEY_H
#define MGMT_SESSION_KEY_H

#include "lib/types.h"
#include "mv/proto.h"

#define SESSION_WINDOW		1024U	/* counters */
#define SESSION_COUNTER_MAX	((uint64_t)1 << 48)

/* Which of the two ends we are. */
enum session_role { SESSION_CLIENT, SESSION_NODE };

struct session_keys {
	uint8_t send[32];
	uint8_t receive[32];
	uint64_t highest;			/* counter that was received */
	uint64_t seen[SESSION_WINDOW / 64];	/* by counter % SESSION_WINDOW */
};

/* The mac of an OPEN packet, over all before it. */
void session_open_mac(const uint8_t key[MV_KEY_LEN], const uint8_t *open_packet,
		      uint8_t mac[MV_MAC_LEN]);

/* A public value for 32 random bytes. */
void session_point(const uint8_t secret[32], uint8_t point[MV_POINT_LEN]);

/*
 * Derive the session's keys from both packets (the mac of OPENED isn't read),
 * our secret and the other's public value, and the mac of OPENED. -EINVAL: that
 * value is worth nothing.
 */
MUST_CHECK int session_keys_make(struct session_keys *k, enum session_role role,
				 const uint8_t key[MV_KEY_LEN], const uint8_t secret[32],
				 const uint8_t point[MV_POINT_LEN], const uint8_t *open_packet,
				 const uint8_t *opened_packet, uint8_t opened_mac[MV_MAC_LEN]);

/* Equal, in a time that doesn't tell where they differ. */
bool session_equal(const uint8_t *a, const uint8_t *b, size_t n);

/*
 * Seal a whole packet with its header in place (its length counts the tag):
 * the payload is encrypted and the tag written behind it.
 */
void session_seal(const struct session_keys *k, uint8_t *packet, size_t length);

/*
 * Open one: 0, the payload is in the clear; -EACCES: forged or damaged; -EEXIST:
 * its counter was seen or is too old.
 */
MUST_CHECK int session_unseal(struct session_keys *k, uint8_t *packet, size_t length);

#endif
