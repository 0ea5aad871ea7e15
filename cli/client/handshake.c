/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key exchange: X25519 with fresh pairs, authenticated by the pre-shared
 * key; HKDF-SHA-256 makes the session's keys.
 */
#include "client/handshake.h"

#include <bearssl.h>
#include <string.h>

#include "client/clock.h"

#define CONFIRM_LEN	32
#define KEYS_LEN	(2 * SEAL_KEY_LEN + CONFIRM_LEN)

static void hmac(const uint8_t *key, size_t key_len, const char *label,
		 const void *data, size_t len, uint8_t *out)
{
	br_hmac_key_context k;
	br_hmac_context c;

	br_hmac_key_init(&k, &br_sha256_vtable, key, key_len);
	br_hmac_init(&c, &k, MV_MAC_LEN);
	br_hmac_update(&c, label, strlen(label));
	br_hmac_update(&c, data, len);
	br_hmac_out(&c, out);
}

void handshake_begin(struct handshake *h, const struct node *n,
		     const uint8_t *key)
{
	struct mv_open o;
	const size_t head = sizeof(struct mv_header);

	memset(&o, 0, sizeof(o));
	random_bytes(h->nonce, sizeof(h->nonce));
	h->key = n->keyed ? key : NULL;
	memcpy(o.node_id, n->id, sizeof(o.node_id));
	memcpy(o.nonce, h->nonce, sizeof(o.nonce));
	o.packet_max = mv_put16(MV_PACKET_MAX);
	if (h->key != NULL) {
		random_bytes(h->secret, sizeof(h->secret));
		memcpy(o.challenge, n->challenge, sizeof(o.challenge));
		br_ec_c25519_m31.mulgen(o.point, h->secret, sizeof(h->secret),
					BR_EC_curve25519);
	}
	packet_write(h->open, MV_OPEN, OPEN_SIZE, 0, 0);
	memcpy(h->open + head, &o, sizeof(o));
	if (h->key != NULL) {
		hmac(h->key, MV_KEY_LEN, "mv1 open", h->open,
		     OPEN_SIZE - MV_MAC_LEN, h->open + OPEN_SIZE - MV_MAC_LEN);
	}
}

static void transcript(const struct handshake *h, const uint8_t *opened,
		       uint8_t *out)
{
	static const char label[] = "mv1 transcript";
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, label, strlen(label));
	br_sha256_update(&c, h->open, OPEN_SIZE);
	br_sha256_update(&c, opened, sizeof(struct mv_header) +
			 offsetof(struct mv_opened, mac));
	br_sha256_out(&c, out);
}

static bool is_zero(const uint8_t *p, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++) {
		any |= p[i];
	}
	return any == 0;
}

static bool equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	uint8_t differ = 0;

	for (size_t i = 0; i < len; i++) {
		differ |= a[i] ^ b[i];
	}
	return differ == 0;
}

/* The keys of docs/management-protocol.md, in its order. */
static void make_keys(const struct handshake *h, const uint8_t *dh,
		      const uint8_t *t, uint8_t *keys)
{
	static const char label[] = "mv1 keys";
	uint8_t info[sizeof(label) - 1 + MV_SHA256_LEN];
	br_hkdf_context c;

	memcpy(info, label, sizeof(label) - 1);
	memcpy(info + sizeof(label) - 1, t, MV_SHA256_LEN);
	br_hkdf_init(&c, &br_sha256_vtable, h->key, MV_KEY_LEN);
	br_hkdf_inject(&c, dh, MV_POINT_LEN);
	br_hkdf_flip(&c);
	br_hkdf_produce(&c, info, sizeof(info), keys, KEYS_LEN);
}

static bool derive(const struct handshake *h, const struct mv_opened *o,
		   const uint8_t *packet, struct seal *seal)
{
	uint8_t t[MV_SHA256_LEN], dh[MV_POINT_LEN], mac[MV_MAC_LEN];
	uint8_t keys[KEYS_LEN];
	bool ok;

	memcpy(dh, o->point, sizeof(dh));
	br_ec_c25519_m31.mul(dh, sizeof(dh), h->secret, sizeof(h->secret),
			     BR_EC_curve25519);
	transcript(h, packet, t);
	make_keys(h, dh, t, keys);
	hmac(keys + 2 * SEAL_KEY_LEN, CONFIRM_LEN, "mv1 opened", t, sizeof(t),
	     mac);
	ok = equal(mac, o->mac, sizeof(mac)) && !is_zero(dh, sizeof(dh));
	if (ok) {
		seal->keyed = true;
		memcpy(seal->out, keys, SEAL_KEY_LEN);
		memcpy(seal->in, keys + SEAL_KEY_LEN, SEAL_KEY_LEN);
	}
	explicit_bzero(keys, sizeof(keys));
	explicit_bzero(dh, sizeof(dh));
	return ok;
}

bool handshake_finish(struct handshake *h, const void *data, size_t len,
		      struct opened *out, struct seal *seal)
{
	struct packet p;
	struct mv_opened o;

	if (!packet_read(data, len, &p) || p.kind != MV_OPENED ||
	    p.size < sizeof(struct mv_header) + sizeof(o)) {
		return false;
	}
	memcpy(&o, p.start + sizeof(struct mv_header), sizeof(o));
	if (memcmp(o.client_nonce, h->nonce, sizeof(h->nonce)) != 0) {
		return false;
	}
	memset(seal, 0, sizeof(*seal));
	if (mv_get16(o.status) == MV_OK && h->key != NULL &&
	    !derive(h, &o, p.start, seal)) {
		return false;
	}
	out->session = mv_get32(o.session);
	out->packet_max = mv_get16(o.packet_max);
	out->status = mv_get16(o.status);
	out->idle_ms = mv_get32(o.idle_ms);
	out->change_window = mv_get32(o.change_window);
	return out->status != MV_OK ||
	       (out->session != 0 && out->packet_max >= 1200 &&
		out->packet_max <= MV_PACKET_MAX);
}

void handshake_wipe(struct handshake *h)
{
	explicit_bzero(h, sizeof(*h));
}
