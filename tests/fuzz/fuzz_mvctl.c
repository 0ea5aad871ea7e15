/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node, or whoever is on the wire, may send to mvctl: the input is a
 * row of packets, each behind its length, for discovery, the opening of a
 * session, and a session; replies are then read as each kind of body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/handshake.h"
#include "client/list.h"
#include "client/records.h"
#include "client/session.h"
#include "client/stream.h"
#include "client/window.h"
#include "out/record.h"
#include "verb/kinds.h"

static const uint8_t peer[6] = { 2, 0, 0, 0, 0, 1 };

static void take_frame(void *ctx, const struct mv_capture_record *r,
		       const uint8_t *data)
{
	uint32_t len = mv_get32(r->captured);
	uint64_t *sum = ctx;

	if (len > mv_get32(r->length) || len > MV_CAPTURE_SNAP_MAX) {
		abort();
	}
	for (uint32_t i = 0; i < len; i++) {
		*sum += data[i];
	}
}

static void take_bytes(void *ctx, const uint8_t *data, size_t len)
{
	size_t *sum = ctx;

	for (size_t i = 0; i < len; i++) {
		*sum += data[i];
	}
}

/* One reply, read as everything that it may be. */
static void read_reply(struct records *records, const struct reply *r)
{
	struct list l = { .size = sizeof(struct mv_vcpu) };
	struct stream st = { .kind = MV_STREAM_CONSOLE, .object = 1 };
	struct mv_image_ack ack;
	size_t count = 0, bytes = 0;
	struct window w;
	uint64_t sum = 0;
	uint32_t next;

	if (r->part >= r->parts || r->parts > MV_READ_PARTS) {
		abort();
	}
	if (list_append(&l, r->body, r->len, &next) == 0 && l.count > 0) {
		struct json j = { .to = fopen("/dev/null", "w") };

		records_json(&j, NULL, &kind_vcpu, l.entry, l.count);
		fclose(j.to);
	}
	list_free(&l);
	window_init(&w, 300);
	if (body_read(r, &ack, sizeof(ack)) && window_answer(&w, &ack, 0)) {
		while (window_next(&w, &next)) {
			window_sent(&w, next, w.newest_id + 1);
		}
		(void)window_answer(&w, &ack, w.newest_id);
		if (w.in_flight > WINDOW_MAX || w.have > w.chunks) {
			abort();
		}
	}
	(void)stream_take(&st, r->body, r->len, take_bytes, &bytes, &count);
	(void)stream_take(&st, r->body, r->len, take_bytes, &bytes, &count);
	records_add(records, r->body, r->len, take_frame, &sum);
}

static void take(struct session *s, struct records *records, uint8_t *packet,
		 size_t len)
{
	struct handshake h = { .key = s->keyed ? s->key : NULL };
	struct opened o;
	struct seal seal;
	struct reply r;
	struct node n;

	(void)node_read(packet, len, 0, &n);
	(void)handshake_finish(&h, packet, len, &o, &seal);
	if (session_input(s, packet, len, peer, &r) == 1) {
		read_reply(records, &r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct records records;
	struct session s = { .number = 1 };
	uint8_t packet[MV_PACKET_MAX];

	memcpy(s.node.mac, peer, sizeof(peer));
	records_reset(&records);
	s.seal.keyed = s.keyed = size > 0 && (data[0] & 1) != 0;
	for (size_t at = 1; at + 2 <= size;) {
		size_t len = (size_t)data[at] << 8 | data[at + 1];

		at += 2;
		len = len < size - at ? len : size - at;
		len = len < sizeof(packet) ? len : sizeof(packet);
		memcpy(packet, data + at, len);
		take(&s, &records, packet, len);
		at += len;
	}
	return 0;
}
