/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of packets and replies.
 */
#include "client/packet.h"

#include <string.h>

bool packet_read(const void *data, size_t len, struct packet *p)
{
	struct mv_header h;

	if (len < sizeof(h)) {
		return false;
	}
	memcpy(&h, data, sizeof(h));
	p->size = mv_get16(h.length);
	if (h.version != MV_VERSION_1 || p->size < sizeof(h) || p->size > len) {
		return false;
	}
	p->kind = h.kind;
	p->session = mv_get32(h.session);
	p->counter = mv_get64(h.counter);
	p->start = data;
	return true;
}

void packet_write(void *data, uint8_t kind, size_t size, uint32_t session,
		  uint64_t counter)
{
	struct mv_header h = {
		.version = MV_VERSION_1,
		.kind = kind,
		.length = mv_put16((uint16_t)size),
		.session = mv_put32(session),
		.counter = mv_put64(counter),
	};

	memcpy(data, &h, sizeof(h));
}

bool reply_read(const void *payload, size_t len, struct reply *r)
{
	struct mv_reply h;

	if (len < sizeof(h)) {
		return false;
	}
	memcpy(&h, payload, sizeof(h));
	r->id = mv_get32(h.id);
	r->verb = mv_get16(h.verb);
	r->status = mv_get16(h.status);
	r->part = mv_get16(h.part);
	r->parts = mv_get16(h.parts);
	r->body = (const uint8_t *)payload + sizeof(h);
	r->len = len - sizeof(h);
	return r->parts >= 1 && r->parts <= MV_READ_PARTS &&
	       r->part < r->parts;
}

bool body_read(const struct reply *r, void *out, size_t size)
{
	if (r->len < size) {
		return false;
	}
	memcpy(out, r->body, size);
	return true;
}

const char *status_text(unsigned int status)
{
	static const char *const text[] = {
		[MV_OK] = "done",
		[MV_UNSUPPORTED] = "unsupported by this node",
		[MV_MALFORMED] = "malformed request",
		[MV_INVALID] = "value out of range",
		[MV_NOT_FOUND] = "not found",
		[MV_EXISTS] = "exists already",
		[MV_BUSY] = "busy, or not possible in this state",
		[MV_NO_MEMORY] = "out of memory",
		[MV_NO_SPACE] = "a limit is reached",
		[MV_STALE] = "request too old",
		[MV_INCOMPLETE] = "parts are missing",
		[MV_MISMATCH] = "the SHA-256 doesn't fit",
		[MV_FAILED] = "failed",
	};

	return status < sizeof(text) / sizeof(text[0]) ? text[status] :
		"refused for a reason unknown to this mvctl";
}
