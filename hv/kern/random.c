/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes. See kern/random.h.
 */
#include "kern/random.h"

#include <bearssl.h>

#include "kern/lock.h"
#include <arch/cpu.h>

static struct spinlock lock = SPINLOCK_INIT(LOCK_RANDOM);
static br_hmac_drbg_context drbg;
static bool seeded;

void random_init(void)
{
	uint8_t seed[ARCH_SEED_SIZE];

	seeded = arch_seed(seed);
	arch_simd_begin();
	br_hmac_drbg_init(&drbg, &br_sha256_vtable, seed, sizeof(seed));
	arch_simd_end();
}

uint64_t random_u64(void)
{
	uint64_t x;

	(void)random_bytes(&x, sizeof(x));
	return x;
}

bool random_bytes(void *buf, size_t n)
{
	spin_lock(&lock);
	arch_simd_begin();
	br_hmac_drbg_generate(&drbg, buf, n);
	arch_simd_end();
	spin_unlock(&lock);
	return seeded;
}
