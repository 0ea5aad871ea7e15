/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes: an HMAC_DRBG with SHA-256 (NIST SP 800-90A, from BearSSL),
 * seeded by what the port can find at boot.
 *
 * Locking: LOCK_RANDOM inside.
 */
#ifndef KERN_RANDOM_H
#define KERN_RANDOM_H

#include "lib/types.h"

/* Seed the generator; boot only. */
void random_init(void);

/*
 * Fill `buf`. True if the seed had real entropy, so that the bytes may be
 * taken for secret; they are well distributed in any case.
 */
bool random_bytes(void *buf, size_t n);

/* Eight of them. */
uint64_t random_u64(void);

#endif
