/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions.
 */
#include "client/session.h"

#include <string.h>

#include "client/clock.h"

#define OPEN_EVERY_MS	200
#define FIRST_RTT_MS	50
#define CHALLENGE_MS	25000	/* younger than the node's next one */

void session_set_node(struct session *s, struct transport *wire,
		      const struct node *n, const uint8_t *key,
		      unsigned int timeout_ms)
{
	memset(s, 0, sizeof(*s));
	s->wire = wire;
	s->node = *n;
	s->timeout_ms = timeout_ms;
	s->keyed = key != NULL && n->keyed;
	if (s->keyed) {
		memcpy(s->key, key, sizeof(s->key));
	}
}

/*
 * A new challenge, when ours is old or the node may have restarted; then it
 * may also have another address.
 */
static void refresh(struct session *s)
{
	struct node_list list;

	if (s->number == 0 && clock_ms() - s->node.seen_ms < CHALLENGE_MS) {
		return;
	}
	if (nodes_discover(s->wire, s->node.name, s->timeout_ms, &list) == 0) {
		for (size_t i = 0; i < list.count; i++) {
			if (memcmp(list.node[i].id, s->node.id,
				   sizeof(s->node.id)) == 0) {
				s->node = list.node[i];
			}
		}
	}
	nodes_free(&list);
}

static void take_over(struct session *s, const struct opened *o)
{
	s->number = o->session;
	s->idle_ms = o->idle_ms;
	s->next_id = 1;
	s->rtt_ms = FIRST_RTT_MS;
	s->heard_ms = clock_ms();
	s->notice_count = 0;
}

/* Packets until `end`. 1: opened, or refused with *status; 0: time is up. */
static int await_opened(struct session *s, struct handshake *h, uint64_t end,
			int *status)
{
	struct opened o;
	uint8_t from[6];
	uint64_t now;

	for (now = clock_ms(); now < end; now = clock_ms()) {
		long len;

		transport_wait(s->wire, (int)(end - now));
		len = transport_receive(s->wire, s->packet, sizeof(s->packet),
					from);
		if (len < 0) {
			return SESSION_WIRE;
		}
		if (len == 0 || memcmp(from, s->node.mac, 6) != 0 ||
		    !handshake_finish(h, s->packet, (size_t)len, &o, &s->seal)) {
			continue;
		}
		*status = (int)o.status;
		if (o.status == MV_OK) {
			take_over(s, &o);
			return 1;
		}
	}
	return 0;
}

int session_open(struct session *s)
{
	int status = s->node.keyed ? SESSION_KEY : SESSION_NO_ANSWER;
	uint64_t end = clock_ms() + s->timeout_ms;
	struct handshake h;
	int done = 0;

	refresh(s);
	s->number = 0;
	handshake_begin(&h, &s->node, s->keyed ? s->key : NULL);
	while (done == 0 && clock_ms() < end) {
		uint64_t next = clock_ms() + OPEN_EVERY_MS;

		/* What isn't taken is sent again. */
		(void)transport_send(s->wire, s->node.mac, h.open, OPEN_SIZE);
		done = await_opened(s, &h, next < end ? next : end, &status);
	}
	handshake_wipe(&h);
	return done < 0 ? done : status;
}

uint32_t session_new_id(struct session *s)
{
	return s->next_id++;
}

int session_send(struct session *s, uint32_t id, uint16_t verb,
		 const void *head, size_t head_len, const void *data,
		 size_t data_len)
{
	uint8_t packet[MV_PACKET_MAX];
	struct mv_request r = { .id = mv_put32(id), .verb = mv_put16(verb) };
	uint8_t *at = packet + sizeof(struct mv_header);
	size_t size;

	if (head_len + data_len > sizeof(packet) - MV_TAG_LEN -
	    sizeof(struct mv_header) - sizeof(r)) {
		return SESSION_BAD_REPLY;
	}
	memcpy(at, &r, sizeof(r));
	at += sizeof(r);
	if (head_len > 0) {
		memcpy(at, head, head_len);
	}
	if (data_len > 0) {
		memcpy(at + head_len, data, data_len);
	}
	size = seal_packet(&s->seal, packet, MV_REQUEST, s->number,
			   sizeof(r) + head_len + data_len);
	/* What the wire doesn't take is lost, as on any wire. */
	(void)transport_send(s->wire, s->node.mac, packet, size);
	return 0;
}

void session_close(struct session *s)
{
	if (s->number != 0) {
		(void)session_send(s, session_new_id(s), MV_CLOSE, NULL, 0,
				   NULL, 0);
	}
	s->number = 0;
	seal_wipe(&s->seal);
	explicit_bzero(s->key, sizeof(s->key));
}

static void keep_notice(struct session *s, const uint8_t *payload, size_t len)
{
	struct mv_notify m;

	if (len < sizeof(m)) {
		return;
	}
	memcpy(&m, payload, sizeof(m));
	for (unsigned int i = 0; i < s->notice_count; i++) {
		if (s->notice[i].kind == m.kind &&
		    s->notice[i].object == mv_get32(m.object)) {
			return;
		}
	}
	if (s->notice_count < NOTICES_MAX) {
		s->notice[s->notice_count++] =
			(struct notice){ m.kind, mv_get32(m.object) };
	}
}

bool session_take_notice(struct session *s, struct notice *n)
{
	if (s->notice_count == 0) {
		return false;
	}
	*n = s->notice[--s->notice_count];
	return true;
}

int session_input(struct session *s, uint8_t *raw, size_t len,
		  const uint8_t *from, struct reply *r)
{
	const uint8_t *payload;
	struct packet p;

	if (s->number == 0 || memcmp(from, s->node.mac, 6) != 0 ||
	    !packet_read(raw, len, &p) || p.session != s->number) {
		return 0;
	}
	if (p.kind == MV_GONE) {
		/* Anyone can say so; a node with a key doesn't. */
		return s->seal.keyed ? 0 : SESSION_GONE;
	}
	if (p.kind != MV_REPLY && p.kind != MV_NOTIFY) {
		return 0;
	}
	payload = seal_open(&s->seal, &p, raw, &len);
	if (payload == NULL) {
		return 0;
	}
	s->heard_ms = clock_ms();
	if (p.kind == MV_NOTIFY) {
		keep_notice(s, payload, len);
		return 0;
	}
	return reply_read(payload, len, r) ? 1 : 0;
}

int session_receive(struct session *s, unsigned int ms, struct reply *r)
{
	uint64_t end = clock_ms() + ms;
	uint8_t from[6];

	for (;;) {
		long len = transport_receive(s->wire, s->packet,
					     sizeof(s->packet), from);
		uint64_t now = clock_ms();
		int what;

		if (len < 0) {
			return SESSION_WIRE;
		}
		if (len > 0) {
			what = session_input(s, s->packet, (size_t)len, from, r);
			if (what != 0) {
				return what;
			}
		}
		if (now >= end) {
			return 0;
		}
		if (len == 0) {
			transport_wait(s->wire, (int)(end - now));
		}
	}
}
