/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning of sessions. See mgmt/opening.h.
 */
#include "mgmt/opening.h"

#include "kern/random.h"
#include "lib/string.h"
#include "mgmt/mgmt_port.h"
#include "mgmt/server.h"
#include <arch/cpu.h>

#define OPENED_LEN	(sizeof(struct mv_header) + sizeof(struct mv_opened))

/* The newest challenge and the one before it. */
static uint8_t challenges[2][MV_NONCE_LEN];
static uint64_t challenge_made;

static uint64_t refilled;		/* time up to which tokens were given */
static uint32_t tokens;

void opening_init(void)
{
	(void)random_bytes(challenges, sizeof(challenges));
	challenge_made = arch_now();
	refilled = arch_now();
	tokens = OPENING_BURST;
}

static void challenge_renew(void)
{
	uint64_t age = arch_now() - challenge_made;

	if (age < OPENING_CHALLENGE_NS) {
		return;
	}
	if (age < 2 * OPENING_CHALLENGE_NS) {
		memcpy(challenges[1], challenges[0], MV_NONCE_LEN);
	} else {
		(void)random_bytes(challenges[1], MV_NONCE_LEN);
	}
	(void)random_bytes(challenges[0], MV_NONCE_LEN);
	challenge_made = arch_now();
}

void opening_challenge(uint8_t challenge[MV_NONCE_LEN])
{
	memset(challenge, 0, MV_NONCE_LEN);
	if (mgmt_node()->has_key) {
		challenge_renew();
		memcpy(challenge, challenges[0], MV_NONCE_LEN);
	}
}

static bool token(void)
{
	const uint64_t interval = 1000000000U / OPENING_RATE;
	uint64_t fresh = (arch_now() - refilled) / interval;

	tokens = (uint32_t)MIN(tokens + fresh, (uint64_t)OPENING_BURST);
	refilled += fresh * interval;
	if (tokens == 0) {
		return false;
	}
	tokens--;
	return true;
}

/* Whether the sender has the key and a fresh challenge. */
static bool proves_key(const struct mgmt_packet *p)
{
	const struct mv_open *o = (const void *)p->payload;
	uint8_t mac[MV_MAC_LEN];
	bool fresh;

	challenge_renew();
	fresh = session_equal(o->challenge, challenges[0], MV_NONCE_LEN) ||
		session_equal(o->challenge, challenges[1], MV_NONCE_LEN);
	if (!fresh) {
		return false;
	}
	arch_simd_begin();
	session_open_mac(mgmt_node()->key, p->bytes, mac);
	arch_simd_end();
	return session_equal(mac, o->mac, sizeof(mac));
}

/* Our half of the exchange; `packet` is the complete OPENED but for point and mac. */
static int exchange(struct session *s, const struct mgmt_packet *p, uint8_t *packet)
{
	const struct mv_open *o = (const void *)p->payload;
	struct mv_opened *a = (void *)(packet + sizeof(struct mv_header));
	uint8_t secret[32];
	int err;

	/* Without entropy everybody could compute what we choose. */
	if (!random_bytes(secret, sizeof(secret))) {
		return -EIO;
	}
	arch_simd_begin();
	session_point(secret, a->point);
	err = session_keys_make(&s->keys, SESSION_NODE, mgmt_node()->key, secret, o->point,
				p->bytes, packet, a->mac);
	arch_simd_end();
	memset(secret, 0, sizeof(secret));
	return err;
}

static void send_opened(const struct mgmt_packet *p, uint8_t *packet, const struct mv_opened *a)
{
	mgmt_packet_header(packet, MV_OPENED, 0, 0, sizeof(*a));
	memcpy(packet + sizeof(struct mv_header), a, sizeof(*a));
	mgmt_port_send(p->src, packet, OPENED_LEN);
}

/* A new session; what `packet` holds then is its OPENED. */
static struct session *open_new(const struct mgmt_packet *p, uint8_t *packet)
{
	const struct mv_open *o = (const void *)p->payload;
	struct session *s = session_new(p->src, !mgmt_node()->has_key);
	struct mv_opened *a = (void *)(packet + sizeof(struct mv_header));

	if (s == NULL) {
		return NULL;
	}
	memcpy(s->nonce, o->nonce, sizeof(s->nonce));
	*a = (struct mv_opened){
		.session = mv_put32(s->id),
		.packet_max = mv_put16(MV_PACKET_MAX),
		.status = mv_put16(MV_OK),
		.idle_ms = mv_put32(SESSION_IDLE_NS / 1000000),
		.change_window = mv_put32(MV_CHANGE_WINDOW),
	};
	memcpy(a->client_nonce, o->nonce, sizeof(a->client_nonce));
	(void)random_bytes(a->nonce, sizeof(a->nonce));
	mgmt_packet_header(packet, MV_OPENED, 0, 0, sizeof(*a));
	if (mgmt_node()->has_key && exchange(s, p, packet) != 0) {
		session_end(s);
		mgmt_count(MGMT_DROP_OPEN);
		return NULL;
	}
	s->opened = *a;
	return s;
}

void opening_open(const struct mgmt_packet *p, uint8_t *packet)
{
	const struct mv_open *o = (const void *)p->payload;
	const struct mgmt_config *node = mgmt_node();
	struct session *s;
	struct mv_opened no;

	if (memcmp(o->node_id, node->node_id, sizeof(o->node_id)) != 0 ||
	    mv_get16(o->packet_max) < MV_PACKET_MAX || (node->has_key && !proves_key(p))) {
		mgmt_count(MGMT_DROP_OPEN);
		return;
	}
	s = session_find_nonce(p->src, o->nonce);
	if (s == NULL) {
		if (node->has_key && !token()) {
			mgmt_count(MGMT_DROP_OPEN);
			return;
		}
		s = open_new(p, packet);
	}
	if (s != NULL) {
		send_opened(p, packet, &s->opened);
	} else if (!node->has_key) {
		no = (struct mv_opened){ .status = mv_put16(MV_NO_SPACE) };
		memcpy(no.client_nonce, o->nonce, sizeof(no.client_nonce));
		send_opened(p, packet, &no);
	}
}
