/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key exchange, sealing and the replay window. See mgmt/session_key.h.
 */
#include "mgmt/session_key.h"

#include <bearssl.h>

#include "lib/string.h"

#define OPEN_LEN	(sizeof(struct mv_header) + sizeof(struct mv_open))
#define OPENED_LEN	(sizeof(struct mv_header) + sizeof(struct mv_opened))
#define HASH_LEN	32U

static void hash_text(br_sha256_context *h, const char *text)
{
	br_sha256_update(h, text, strlen(text));
}

static void hmac(const uint8_t *key, size_t key_len, const char *label, const uint8_t *data,
		 size_t n, uint8_t out[MV_MAC_LEN])
{
	br_hmac_key_context k;
	br_hmac_context h;

	br_hmac_key_init(&k, &br_sha256_vtable, key, key_len);
	br_hmac_init(&h, &k, 0);
	br_hmac_update(&h, label, strlen(label));
	br_hmac_update(&h, data, n);
	br_hmac_out(&h, out);
}

void session_open_mac(const uint8_t key[MV_KEY_LEN], const uint8_t *open_packet,
		      uint8_t mac[MV_MAC_LEN])
{
	hmac(key, MV_KEY_LEN, "mv1 open", open_packet, OPEN_LEN - MV_MAC_LEN, mac);
}

void session_point(const uint8_t secret[32], uint8_t point[MV_POINT_LEN])
{
	uint8_t copy[32];

	memcpy(copy, secret, sizeof(copy));
	br_ec_c25519_m31.mulgen(point, copy, sizeof(copy), BR_EC_curve25519);
	memset(copy, 0, sizeof(copy));
}

bool session_equal(const uint8_t *a, const uint8_t *b, size_t n)
{
	unsigned int differ = 0;

	for (size_t i = 0; i < n; i++) {
		differ |= (unsigned int)(a[i] ^ b[i]);
	}
	return differ == 0;
}

/* RFC 7748, 6.1. */
static int exchange(const uint8_t secret[32], const uint8_t point[MV_POINT_LEN], uint8_t out[32])
{
	static const uint8_t zero[32];
	uint8_t scalar[32];
	uint32_t ok;

	memcpy(out, point, MV_POINT_LEN);
	memcpy(scalar, secret, sizeof(scalar));
	ok = br_ec_c25519_m31.mul(out, MV_POINT_LEN, scalar, sizeof(scalar), BR_EC_curve25519);
	memset(scalar, 0, sizeof(scalar));
	return ok == 1 && !session_equal(out, zero, sizeof(zero)) ? 0 : -EINVAL;
}

int session_keys_make(struct session_keys *k, enum session_role role,
		      const uint8_t key[MV_KEY_LEN], const uint8_t secret[32],
		      const uint8_t point[MV_POINT_LEN], const uint8_t *open_packet,
		      const uint8_t *opened_packet, uint8_t opened_mac[MV_MAC_LEN])
{
	static const char label[] = "mv1 keys";
	uint8_t info[sizeof(label) - 1 + HASH_LEN];
	uint8_t *transcript = info + sizeof(label) - 1;
	uint8_t dh[32];
	uint8_t out[96];
	br_sha256_context h;
	br_hkdf_context kdf;
	int err = exchange(secret, point, dh);

	if (err != 0) {
		return err;
	}
	br_sha256_init(&h);
	hash_text(&h, "mv1 transcript");
	br_sha256_update(&h, open_packet, OPEN_LEN);
	br_sha256_update(&h, opened_packet, OPENED_LEN - MV_MAC_LEN);
	memcpy(info, label, sizeof(label) - 1);
	br_sha256_out(&h, transcript);
	br_hkdf_init(&kdf, &br_sha256_vtable, key, MV_KEY_LEN);
	br_hkdf_inject(&kdf, dh, sizeof(dh));
	br_hkdf_flip(&kdf);
	br_hkdf_produce(&kdf, info, sizeof(info), out, sizeof(out));
	memset(k, 0, sizeof(*k));
	memcpy(role == SESSION_NODE ? k->receive : k->send, out, 32);
	memcpy(role == SESSION_NODE ? k->send : k->receive, out + 32, 32);
	hmac(out + 64, 32, "mv1 opened", transcript, HASH_LEN, opened_mac);
	memset(dh, 0, sizeof(dh));
	memset(out, 0, sizeof(out));
	memset(&kdf, 0, sizeof(kdf));
	return 0;
}

/* --- packets ----------------------------------------------------------------- */

static void crypt(const uint8_t key[32], uint8_t *packet, size_t size, uint8_t tag[MV_TAG_LEN],
		  int encrypt)
{
	const struct mv_header *h = (const void *)packet;
	uint8_t nonce[12] = { 0 };

	memcpy(nonce + 4, h->counter.b, 8);
	br_poly1305_ctmul_run(key, nonce, packet + sizeof(*h), size, h, sizeof(*h), tag,
			      br_chacha20_ct_run, encrypt);
}

void session_seal(const struct session_keys *k, uint8_t *packet, size_t length)
{
	size_t size = length - sizeof(struct mv_header) - MV_TAG_LEN;

	crypt(k->send, packet, size, packet + length - MV_TAG_LEN, 1);
}

static bool counter_is_old(const struct session_keys *k, uint64_t counter)
{
	if (counter > k->highest) {
		return false;
	}
	if (k->highest - counter >= SESSION_WINDOW) {
		return true;
	}
	return (k->seen[counter % SESSION_WINDOW / 64] >> counter % 64 & 1) != 0;
}

/* Those between the old highest and the new one were not seen yet. */
static void counter_note(struct session_keys *k, uint64_t counter)
{
	if (counter > k->highest) {
		uint64_t skip = MIN(counter - k->highest, (uint64_t)SESSION_WINDOW);

		for (uint64_t c = counter - skip + 1; c <= counter; c++) {
			k->seen[c % SESSION_WINDOW / 64] &= ~((uint64_t)1 << c % 64);
		}
		k->highest = counter;
	}
	k->seen[counter % SESSION_WINDOW / 64] |= (uint64_t)1 << counter % 64;
}

int session_unseal(struct session_keys *k, uint8_t *packet, size_t length)
{
	const struct mv_header *h = (const void *)packet;
	uint64_t counter = mv_get64(h->counter);
	uint8_t tag[MV_TAG_LEN];
	size_t size;

	if (length < sizeof(*h) + MV_TAG_LEN) {
		return -EACCES;
	}
	size = length - sizeof(*h) - MV_TAG_LEN;
	/* Decrypting runs over the payload only after the tag was made of it. */
	crypt(k->receive, packet, size, tag, 0);
	if (!session_equal(tag, packet + length - MV_TAG_LEN, sizeof(tag))) {
		return -EACCES;
	}
	if (counter == 0 || counter >= SESSION_COUNTER_MAX || counter_is_old(k, counter)) {
		return -EEXIST;
	}
	counter_note(k, counter);
	return 0;
}
