/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: what the node says about its bytes is checked against what was
 * asked for.
 */
#include "client/stream.h"

#include <string.h>

#include "client/call.h"

void stream_init(struct stream *st, struct session *s, uint8_t kind,
		 uint32_t object, uint64_t offset)
{
	*st = (struct stream){
		.s = s, .kind = kind, .object = object, .offset = offset,
	};
}

int stream_take(struct stream *st, const uint8_t *body, size_t len,
		stream_sink sink, void *ctx, size_t *count)
{
	struct mv_stream_data d;
	uint64_t offset;
	size_t size;

	if (len < sizeof(d)) {
		return SESSION_BAD_REPLY;
	}
	memcpy(&d, body, sizeof(d));
	size = mv_get32(d.size);
	offset = mv_get64(d.offset);
	if (size > len - sizeof(d) || d.kind != st->kind ||
	    mv_get32(d.object) != st->object) {
		return SESSION_BAD_REPLY;
	}
	st->end = mv_get64(d.end);
	if (st->started && mv_get32(d.epoch) != st->epoch) {
		st->epoch = mv_get32(d.epoch);
		st->offset = 0;
		st->restarted = true;
		sink(ctx, NULL, 0);
		return 0;
	}
	st->started = true;
	st->epoch = mv_get32(d.epoch);
	if (size == 0) {
		st->offset = st->end;
		return 0;
	}
	if (offset < st->offset ||
	    (offset > st->offset && offset != mv_get64(d.oldest))) {
		return 0;
	}
	if (offset > st->offset) {
		st->lost += offset - st->offset;
		sink(ctx, NULL, 0);
	}
	st->offset = offset + size;
	sink(ctx, body + sizeof(d), size);
	*count += size;
	return 1;
}

int stream_read(struct stream *st, unsigned int parts, stream_sink sink,
		void *ctx, size_t *count)
{
	static struct answer a;
	struct mv_stream_read r = {
		.kind = st->kind,
		.parts = (uint8_t)parts,
		.object = mv_put32(st->object),
		.offset = mv_put64(st->offset),
	};
	int err = session_call(st->s, MV_STREAM_READ, &r, sizeof(r), NULL, 0,
			       &a);
	int what = 1;

	*count = 0;
	st->restarted = false;
	for (unsigned int i = 0; err == 0 && what == 1 && i < a.parts; i++) {
		what = stream_take(st, a.body[i], a.len[i], sink, ctx, count);
		err = what < 0 ? what : 0;
	}
	return err;
}

int stream_watch(struct stream *st, bool on)
{
	struct mv_stream_watch w = {
		.kind = st->kind, .on = on, .object = mv_put32(st->object),
	};

	return session_ask(st->s, MV_STREAM_WATCH, &w, sizeof(w), NULL, 0);
}

bool stream_behind(const struct stream *st)
{
	return st->offset < st->end;
}
