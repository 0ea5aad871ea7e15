/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The push of an image: data packets without waiting, some answers asked for
 * in each window of them, and the window (client/window.h) that says what next.
 */
#include "client/image.h"

#include <bearssl.h>
#include <string.h>
#include <unistd.h>

#include "client/call.h"
#include "client/clock.h"
#include "client/window.h"

#define ASK_EVERY_MIN	4	/* packets, and the last one that may be sent */
#define ASKS_A_WINDOW	8
#define QUIET_MIN_MS	20
#define QUIET_MAX_MS	1000
#define CHECK_EVERY_US	20000

struct pusher {
	struct session *s;
	struct image_push *p;
	struct window w;
	struct mv_image_ack ack;	/* the node's last word */
	unsigned int unasked;		/* packets since the last with MV_DATA_ACK */
	uint32_t timed_id;		/* one that asked, when it was sent */
	uint64_t timed_ms;
	uint64_t heard_ms;
	unsigned int quiet_ms;		/* this long without an answer is loss */
};

void image_digest(struct image_push *p)
{
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, p->data, p->size);
	br_sha256_out(&c, p->sha256);
}

static void report(struct pusher *x)
{
	if (x->p->progress != NULL) {
		x->p->progress(x->p->ctx, mv_get64(x->ack.have),
			       mv_get64(x->ack.checked));
	}
}

static int begin(struct pusher *x)
{
	struct mv_image_begin b;
	int err;

	memset(&b, 0, sizeof(b));
	memcpy(b.sha256, x->p->sha256, sizeof(b.sha256));
	b.size = mv_put64(x->p->size);
	memcpy(b.name, x->p->name, strnlen(x->p->name, sizeof(b.name) - 1));
	err = session_ask(x->s, MV_IMAGE_BEGIN, &b, sizeof(b), &x->ack,
			  sizeof(x->ack));
	if (err == 0 && mv_get64(x->ack.size) != x->p->size) {
		err = SESSION_BAD_REPLY;
	}
	return err;
}

static int send_chunk(struct pusher *x, uint32_t id, uint32_t chunk, bool ask)
{
	uint64_t offset = (uint64_t)chunk * MV_CHUNK;
	size_t n = x->p->size - offset < MV_CHUNK ? x->p->size - offset :
		MV_CHUNK;
	struct mv_image_data head = {
		.image = x->ack.image,
		.flags = mv_put32(ask ? MV_DATA_ACK : 0),
		.offset = mv_put64(offset),
	};

	return session_send(x->s, id, MV_IMAGE_DATA, &head, sizeof(head),
			    x->p->data + offset, n);
}

/* Packets between two that ask: an answer costs the node as much as some data. */
static unsigned int ask_every(const struct pusher *x)
{
	unsigned int n = x->w.width / ASKS_A_WINDOW;

	return n > ASK_EVERY_MIN ? n : ASK_EVERY_MIN;
}

/* Send what the window allows. The last one asks, too. */
static int send_some(struct pusher *x)
{
	uint32_t chunk;
	bool more = window_next(&x->w, &chunk);
	int err = 0;

	while (err == 0 && more) {
		uint32_t id = session_new_id(x->s), this_one = chunk;
		bool ask;

		window_sent(&x->w, this_one, id);
		more = window_next(&x->w, &chunk);
		ask = !more || ++x->unasked >= ask_every(x);
		x->unasked = ask ? 0 : x->unasked;
		if (ask && x->timed_id == 0) {
			x->timed_id = id;
			x->timed_ms = clock_ms();
		}
		err = send_chunk(x, id, this_one, ask);
	}
	return err;
}

/* How long an answer may take: some times of what it took. */
static unsigned int patience(const struct pusher *x)
{
	return QUIET_MIN_MS + 4 * x->s->rtt_ms;
}

static void measure(struct pusher *x, uint32_t id)
{
	if (id == x->timed_id) {
		unsigned int ms = (unsigned int)(clock_ms() - x->timed_ms);

		x->s->rtt_ms = (7 * x->s->rtt_ms + ms) / 8;
	}
	if (id >= x->timed_id) {
		x->timed_id = 0;
	}
}

static int take_answer(struct pusher *x, const struct reply *r)
{
	struct mv_image_ack ack;

	if (r->verb != MV_IMAGE_DATA) {
		return 0;
	}
	if (r->status != MV_OK) {
		size_t n = r->len < sizeof(x->s->text) - 1 ? r->len :
			sizeof(x->s->text) - 1;

		memcpy(x->s->text, r->body, n);
		x->s->text[n] = '\0';
		return r->status;
	}
	if (!body_read(r, &ack, sizeof(ack)) ||
	    mv_get32(ack.image) != mv_get32(x->ack.image) ||
	    !window_answer(&x->w, &ack, r->id)) {
		return SESSION_BAD_REPLY;
	}
	if (mv_get64(ack.have) >= mv_get64(x->ack.have)) {
		x->ack = ack;
	}
	measure(x, r->id);
	x->heard_ms = clock_ms();
	x->quiet_ms = patience(x);
	return 0;
}

static int wait_answer(struct pusher *x)
{
	uint64_t now = clock_ms(), until = x->heard_ms + x->quiet_ms;
	struct reply r;
	int what = session_receive(x->s, until > now ?
				   (unsigned int)(until - now) : 0, &r);

	if (what == 1) {
		return take_answer(x, &r);
	}
	if (what < 0) {
		return what;
	}
	window_timeout(&x->w);
	x->timed_id = 0;
	x->heard_ms = clock_ms();
	x->quiet_ms = 2 * x->quiet_ms > QUIET_MAX_MS ? QUIET_MAX_MS :
		2 * x->quiet_ms;
	return 0;
}

/* All chunks, in a session that stays. */
static int send_all(struct pusher *x)
{
	uint64_t silent_since = clock_ms();
	int err = 0;

	window_init(&x->w, (uint32_t)((x->p->size + MV_CHUNK - 1) / MV_CHUNK));
	if (!window_answer(&x->w, &x->ack, 0)) {
		return SESSION_BAD_REPLY;
	}
	x->heard_ms = clock_ms();
	x->quiet_ms = patience(x);
	while (err == 0 && x->ack.state == MV_IMAGE_PARTIAL &&
	       x->w.have < x->w.chunks) {
		uint64_t heard = x->s->heard_ms;

		err = send_some(x);
		if (err == 0) {
			err = wait_answer(x);
		}
		report(x);
		if (x->s->heard_ms != heard) {
			silent_since = clock_ms();
		} else if (clock_ms() - silent_since > x->s->timeout_ms) {
			err = SESSION_NO_ANSWER;
		}
	}
	x->p->sent += x->w.sent;
	x->p->resent += x->w.resent;
	return err;
}

static int await_check(struct pusher *x)
{
	struct mv_image_status st;
	int err = 0;

	memcpy(st.sha256, x->p->sha256, sizeof(st.sha256));
	while (err == 0 && x->ack.state != MV_IMAGE_READY &&
	       x->ack.state != MV_IMAGE_BAD) {
		usleep(CHECK_EVERY_US);
		err = session_ask(x->s, MV_IMAGE_STATUS, &st, sizeof(st),
				  &x->ack, sizeof(x->ack));
		report(x);
		if (err == 0 && x->ack.state == MV_IMAGE_PARTIAL) {
			return SESSION_GONE;	/* lost again: from the start */
		}
	}
	return err != 0 ? err : x->ack.state == MV_IMAGE_READY ? 0 : MV_MISMATCH;
}

int image_push(struct session *s, struct image_push *p)
{
	struct pusher x = { .s = s, .p = p };
	int err = 0;

	/* A session, or the image, may go meanwhile: what is there stays. */
	for (unsigned int turn = 0; turn < 3; turn++) {
		err = turn > 0 ? session_open(s) : 0;
		if (err == 0) {
			err = begin(&x);
		}
		if (turn == 0 && err == 0) {
			p->was_there = x.ack.state == MV_IMAGE_READY;
		}
		if (err == 0) {
			err = send_all(&x);
		}
		if (err == 0) {
			err = await_check(&x);
		}
		if (err != SESSION_GONE) {
			break;
		}
	}
	return err;
}
