/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing with BearSSL's constant-time ChaCha20 and Poly1305 (RFC 8439), and
 * a replay window as in RFC 6479.
 */
#include "client/seal.h"

#include <bearssl.h>
#include <string.h>

#define HEADER	sizeof(struct mv_header)

static void run(const uint8_t *key, uint64_t counter, uint8_t *packet,
		size_t len, uint8_t *tag, int encrypt)
{
	uint8_t nonce[12] = { 0 };
	struct mv_be64 n = mv_put64(counter);

	memcpy(nonce + 4, &n, sizeof(n));
	br_poly1305_ctmul_run(key, nonce, packet + HEADER, len, packet, HEADER,
			      tag, br_chacha20_ct_run, encrypt);
}

size_t seal_packet(struct seal *s, void *packet, uint8_t kind,
		   uint32_t session, size_t len)
{
	size_t size = HEADER + len + (s->keyed ? MV_TAG_LEN : 0);
	uint8_t *raw = packet;

	s->sent++;
	packet_write(packet, kind, size, session, s->sent);
	if (s->keyed) {
		run(s->out, s->sent, raw, len, raw + HEADER + len, 1);
	}
	return size;
}

static bool tags_equal(const uint8_t *a, const uint8_t *b)
{
	uint8_t differ = 0;

	for (unsigned int i = 0; i < MV_TAG_LEN; i++) {
		differ |= a[i] ^ b[i];
	}
	return differ == 0;
}

/* Take note of a counter. False: seen, or too old to tell. */
static bool take_counter(struct seal *s, uint64_t counter)
{
	uint64_t bit = 1ULL << (counter % 64);
	uint64_t *word = &s->seen[counter / 64 % (SEAL_WINDOW / 64)];

	if (counter == 0 || counter + SEAL_WINDOW - 64 <= s->newest) {
		return false;
	}
	if (counter > s->newest) {
		uint64_t from = s->newest / 64 + 1, to = counter / 64;

		if (to - from >= SEAL_WINDOW / 64) {
			memset(s->seen, 0, sizeof(s->seen));
		} else {
			for (; from <= to; from++) {
				s->seen[from % (SEAL_WINDOW / 64)] = 0;
			}
		}
		s->newest = counter;
	}
	if ((*word & bit) != 0) {
		return false;
	}
	*word |= bit;
	return true;
}

const uint8_t *seal_open(struct seal *s, const struct packet *p, void *raw,
			 size_t *len)
{
	uint8_t *packet = raw;
	uint8_t tag[MV_TAG_LEN];

	*len = p->size - HEADER;
	if (!s->keyed) {
		return packet + HEADER;
	}
	if (*len < MV_TAG_LEN || p->counter > UINT64_MAX - SEAL_WINDOW) {
		return NULL;
	}
	*len -= MV_TAG_LEN;
	run(s->in, p->counter, packet, *len, tag, 0);
	if (!tags_equal(tag, packet + HEADER + *len) ||
	    !take_counter(s, p->counter)) {
		return NULL;
	}
	return packet + HEADER;
}

void seal_wipe(struct seal *s)
{
	explicit_bzero(s, sizeof(*s));
}
