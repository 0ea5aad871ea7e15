/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls: retransmission with the same id, back-off from the measured round
 * trip, replies of several parts.
 */
#include "client/call.h"

#include <string.h>

#include "client/clock.h"

#define RESEND_MIN_MS	100
#define RESEND_MAX_MS	1000
#define SILENCE_MS	4000	/* a node with a key doesn't say GONE */

struct call {
	uint32_t id;
	uint16_t verb;
	const void *head, *data;
	size_t head_len, data_len;
	struct answer *answer;
	uint32_t have;		/* parts, a bit for each */
	unsigned int parts;	/* in all; 0: not known yet */
	unsigned int status;	/* the node's, once it is complete */
	bool sent_twice;
	uint64_t sent_ms;
};

static bool only_reads(uint16_t verb)
{
	switch (verb) {
	case MV_PING:
	case MV_NODE_INFO:
	case MV_CPU_LIST:
	case MV_VM_LIST:
	case MV_VM_INFO:
	case MV_VCPU_LIST:
	case MV_TOP:
	case MV_VIF_LIST:
	case MV_VBD_LIST:
	case MV_IMAGE_LIST:
	case MV_IMAGE_BEGIN:
	case MV_IMAGE_STATUS:
	case MV_STREAM_READ:
	case MV_STREAM_WATCH:
	case MV_PORT_LIST:
	case MV_FDB_LIST:
	case MV_COUNTERS:
	case MV_CAPTURE_LIST:
		return true;
	default:
		return false;
	}
}

static void keep_text(struct session *s, const struct reply *r)
{
	size_t len = r->len < sizeof(s->text) - 1 ? r->len :
		sizeof(s->text) - 1;

	memcpy(s->text, r->body, len);
	s->text[len] = '\0';
	s->text[strcspn(s->text, "\r\n")] = '\0';
}

/* A packet of the reply. 1: it is complete; 0: not yet; SESSION_BAD_REPLY. */
static int take_part(struct session *s, struct call *c, const struct reply *r)
{
	uint32_t all;

	if (r->verb != c->verb) {
		return SESSION_BAD_REPLY;
	}
	if (r->status != MV_OK) {
		keep_text(s, r);
		c->status = r->status;
		return 1;
	}
	if (r->part + 1 == r->parts) {	/* the last one knows how many */
		c->parts = r->parts;
	}
	c->have |= 1U << r->part;
	if (c->answer != NULL) {
		c->answer->len[r->part] = r->len;
		memcpy(c->answer->body[r->part], r->body, r->len);
		c->answer->parts = c->parts;
	}
	all = (1U << c->parts) - 1;
	return c->parts != 0 && (c->have & all) == all ? 1 : 0;
}

static void measure(struct session *s, const struct call *c)
{
	/* Karn: an answer to a repeated request says nothing about time. */
	if (!c->sent_twice) {
		unsigned int ms = (unsigned int)(clock_ms() - c->sent_ms);

		s->rtt_ms = (7 * s->rtt_ms + ms) / 8;
	}
}

/* Replies until `end`. 1: complete; 0: time is up; else as take_part(). */
static int await(struct session *s, struct call *c, uint64_t end)
{
	struct reply r;
	uint64_t now;

	for (now = clock_ms(); now < end; now = clock_ms()) {
		int what = session_receive(s, (unsigned int)(end - now), &r);

		if (what < 0) {
			return what;
		}
		if (what == 1 && r.id == c->id) {
			what = take_part(s, c, &r);
			if (what != 0) {
				measure(s, c);
				return what;
			}
		}
	}
	return 0;
}

static int send_until_answered(struct session *s, struct call *c, uint64_t end)
{
	unsigned int wait = 3 * s->rtt_ms;
	int what = 0;

	wait = wait < RESEND_MIN_MS ? RESEND_MIN_MS : wait;
	while (what == 0 && clock_ms() < end) {
		uint64_t now = clock_ms();

		wait = wait > RESEND_MAX_MS ? RESEND_MAX_MS : wait;
		c->sent_twice = c->sent_ms != 0;
		c->sent_ms = now;
		what = session_send(s, c->id, c->verb, c->head, c->head_len,
				    c->data, c->data_len);
		if (what == 0) {
			what = await(s, c, now + wait < end ? now + wait : end);
		}
		wait *= 2;
	}
	return what == 0 ? SESSION_NO_ANSWER : what;
}

/*
 * Whether a request that failed with `what` may be made again in a new
 * session: when it can't have been done, or does no harm when done twice.
 */
static bool may_repeat(const struct call *c, int what)
{
	if (what == SESSION_GONE) {
		return only_reads(c->verb) || !c->sent_twice;
	}
	return what == SESSION_NO_ANSWER && only_reads(c->verb);
}

static int call_once(struct session *s, struct call *c, uint64_t end)
{
	c->id = session_new_id(s);
	c->have = 0;
	c->parts = 0;
	c->sent_ms = 0;
	c->sent_twice = false;
	return send_until_answered(s, c, end);
}

int session_call(struct session *s, uint16_t verb, const void *head,
		 size_t head_len, const void *data, size_t data_len,
		 struct answer *a)
{
	uint64_t begin = clock_ms(), end = begin + s->timeout_ms;
	uint64_t patience = s->seal.keyed && begin + SILENCE_MS < end ?
		begin + SILENCE_MS : end;
	struct call c = {
		.verb = verb, .head = head, .head_len = head_len,
		.data = data, .data_len = data_len, .answer = a,
	};
	int what;

	s->text[0] = '\0';
	what = call_once(s, &c, only_reads(verb) ? patience : end);
	if (may_repeat(&c, what) && clock_ms() < end) {
		what = session_open(s);
		if (what == 0) {
			what = call_once(s, &c, clock_ms() + s->timeout_ms);
		}
	}
	return what == 1 ? (int)c.status : what;
}

int session_ask(struct session *s, uint16_t verb, const void *body,
		size_t len, void *out, size_t out_len)
{
	static struct answer a;
	int err = session_call(s, verb, body, len, NULL, 0, &a);

	if (err != 0 || out_len == 0) {
		return err;
	}
	if (a.len[0] < out_len) {
		return SESSION_BAD_REPLY;
	}
	memcpy(out, a.body[0], out_len);
	return 0;
}
