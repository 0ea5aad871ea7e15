/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl: what comes from the wire. Seals, lists, streams, captures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/list.h"
#include "client/records.h"
#include "client/seal.h"
#include "client/stream.h"

/* --- seals ---------------------------------------------------------------- */

static void make_pair(struct seal *a, struct seal *b)
{
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	a->keyed = b->keyed = true;
	memset(a->out, 1, sizeof(a->out));
	memset(a->in, 2, sizeof(a->in));
	memcpy(b->out, a->in, sizeof(b->out));
	memcpy(b->in, a->out, sizeof(b->in));
}

static size_t seal_text(struct seal *s, uint8_t *packet, const char *text)
{
	memcpy(packet + sizeof(struct mv_header), text, strlen(text));
	return seal_packet(s, packet, MV_REQUEST, 7, strlen(text));
}

/* Opens a copy, as the wire might have kept one. */
static bool opens(struct seal *s, const uint8_t *packet, size_t size,
		  const char *text)
{
	uint8_t copy[256];
	const uint8_t *payload;
	struct packet p;
	size_t len;

	memcpy(copy, packet, size);
	if (!packet_read(copy, size, &p)) {
		return false;
	}
	payload = seal_open(s, &p, copy, &len);
	return payload != NULL && len == strlen(text) &&
	       memcmp(payload, text, len) == 0;
}

static void test_a_sealed_packet_opens_once(void **state)
{
	uint8_t packet[256];
	struct seal a, b;
	size_t size;

	(void)state;
	make_pair(&a, &b);
	size = seal_text(&a, packet, "hello");
	assert_int_equal(size, 16 + 5 + 16);
	assert_memory_not_equal(packet + 16, "hello", 5);
	assert_true(opens(&b, packet, size, "hello"));
	assert_false(opens(&b, packet, size, "hello"));
}

static void test_any_changed_bit_is_refused(void **state)
{
	uint8_t packet[256];
	struct seal a, b;
	size_t size;

	(void)state;
	make_pair(&a, &b);
	size = seal_text(&a, packet, "hello");
	for (size_t i = 0; i < 8 * size; i++) {
		packet[i / 8] ^= (uint8_t)(1U << (i % 8));
		assert_false(opens(&b, packet, size, "hello"));
		packet[i / 8] ^= (uint8_t)(1U << (i % 8));
	}
	assert_true(opens(&b, packet, size, "hello"));
}

static void test_replay_window(void **state)
{
	static uint8_t packet[3000][64];
	struct seal a, b;
	size_t size = 0;

	(void)state;
	make_pair(&a, &b);
	for (unsigned int i = 0; i < 3000; i++) {
		size = seal_text(&a, packet[i], "x");
	}
	assert_true(opens(&b, packet[1000], size, "x"));
	assert_true(opens(&b, packet[500], size, "x"));		/* late */
	assert_false(opens(&b, packet[500], size, "x"));	/* again */
	assert_false(opens(&b, packet[1000], size, "x"));
	assert_true(opens(&b, packet[2999], size, "x"));
	assert_false(opens(&b, packet[1001], size, "x"));	/* too old */
	assert_true(opens(&b, packet[2998], size, "x"));
	assert_false(opens(&b, packet[2998], size, "x"));
	assert_true(opens(&b, packet[2100], size, "x"));
}

/* --- lists ---------------------------------------------------------------- */

struct list_body {
	struct mv_list head;
	struct mv_fdb entry[3];
	uint8_t tail[3];	/* entries may be longer than we know */
};

static struct list_body fdb_body(unsigned int count, unsigned int step)
{
	struct list_body b;

	memset(&b, 0x11, sizeof(b));
	b.head.next = mv_put32(5);
	b.head.count = mv_put16((uint16_t)count);
	b.head.entry_size = mv_put16((uint16_t)step);
	return b;
}

static void test_lists(void **state)
{
	struct list l = { .size = sizeof(struct mv_fdb) };
	struct list_body b = fdb_body(3, 16);
	uint32_t next = 0;

	(void)state;
	assert_int_equal(list_append(&l, &b, 16 + 48, &next), 0);
	assert_int_equal(l.count, 3);
	assert_int_equal(next, 5);
	b = fdb_body(3, 17);
	assert_int_equal(list_append(&l, &b, sizeof(b), &next), 0);
	assert_int_equal(l.count, 6);
	assert_int_equal(list_append(&l, &b, sizeof(b) - 1, &next),
			 SESSION_BAD_REPLY);
	b = fdb_body(3, 15);
	assert_int_equal(list_append(&l, &b, sizeof(b), &next),
			 SESSION_BAD_REPLY);
	b = fdb_body(65535, 16);
	assert_int_equal(list_append(&l, &b, sizeof(b), &next),
			 SESSION_BAD_REPLY);
	assert_int_equal(list_append(&l, &b, 15, &next), SESSION_BAD_REPLY);
	assert_int_equal(l.count, 6);
	list_free(&l);
}

/* --- streams -------------------------------------------------------------- */

struct sink {
	char text[256];
	size_t len;
	unsigned int gaps;
};

static void collect(void *ctx, const uint8_t *data, size_t len)
{
	struct sink *s = ctx;

	if (len == 0) {
		s->gaps++;
		return;
	}
	assert_true(s->len + len < sizeof(s->text));
	memcpy(s->text + s->len, data, len);
	s->len += len;
}

static int give(struct stream *st, struct sink *sink, uint64_t offset,
		uint64_t oldest, uint32_t epoch, const char *text)
{
	struct { struct mv_stream_data d; char text[32]; } b;
	size_t n = strlen(text), count = 0;

	memset(&b, 0, sizeof(b));
	b.d.kind = MV_STREAM_LOG;
	b.d.epoch = mv_put32(epoch);
	b.d.size = mv_put32((uint32_t)n);
	b.d.offset = mv_put64(offset);
	b.d.oldest = mv_put64(oldest);
	b.d.end = mv_put64(offset + n);
	memcpy(b.text, text, n);
	return stream_take(st, (const uint8_t *)&b, sizeof(b.d) + n, collect,
			   sink, &count);
}

static void test_streams(void **state)
{
	struct stream st = { .kind = MV_STREAM_LOG };
	struct sink sink = { .len = 0 };

	(void)state;
	assert_int_equal(give(&st, &sink, 0, 0, 1, "one "), 1);
	assert_int_equal(give(&st, &sink, 4, 0, 1, "two "), 1);
	assert_int_equal(give(&st, &sink, 4, 0, 1, "two "), 0);	/* again */
	assert_int_equal(give(&st, &sink, 12, 0, 1, "lost"), 0);
	assert_string_equal(sink.text, "one two ");
	assert_int_equal(give(&st, &sink, 100, 100, 1, "far "), 1);
	assert_int_equal(sink.gaps, 1);
	assert_int_equal(st.lost, 92);
	assert_int_equal(give(&st, &sink, 104, 0, 2, "new "), 0);
	assert_true(st.restarted);
	assert_int_equal(st.offset, 0);
	assert_int_equal(give(&st, &sink, 0, 0, 2, "boot"), 1);
	assert_string_equal(sink.text, "one two far boot");
}

/* --- captures -------------------------------------------------------------- */

static void count_frames(void *ctx, const struct mv_capture_record *r,
			 const uint8_t *data)
{
	unsigned int *count = ctx;

	assert_int_equal(mv_get32(r->captured), 5);
	assert_memory_equal(data, "frame", 5);
	(*count)++;
}

static size_t make_record(uint8_t *out, uint32_t size, uint32_t captured)
{
	struct mv_capture_record r = {
		.size = mv_put32(size), .length = mv_put32(60),
		.captured = mv_put32(captured),
	};

	memset(out, 0, 32);
	memcpy(out, &r, sizeof(r));
	memcpy(out + sizeof(r), "frame", 5);
	return 32;
}

static void test_records_in_any_pieces(void **state)
{
	static struct records records;
	uint8_t bytes[10 * 32];
	unsigned int count = 0;

	(void)state;
	for (unsigned int i = 0; i < 10; i++) {
		make_record(bytes + 32 * i, 32, 5);
	}
	for (size_t piece = 1; piece < 70; piece++) {
		count = 0;
		for (size_t at = 0; at < sizeof(bytes); at += piece) {
			size_t n = sizeof(bytes) - at;

			records_add(&records, bytes + at, n < piece ? n : piece,
				    count_frames, &count);
		}
		assert_int_equal(count, 10);
	}
}

static void test_malformed_records(void **state)
{
	static const struct { uint32_t size, captured; } bad[] = {
		{ 0, 0 }, { 16, 0 }, { 33, 5 }, { 32, 9 }, { 0xfffffff8, 5 },
		{ 64, 61 },
	};
	static struct records records;
	unsigned int count = 0;
	uint8_t bytes[32];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_record(bytes, bad[i].size, bad[i].captured);
		records_add(&records, bytes, sizeof(bytes), count_frames, &count);
		assert_int_equal(records.malformed, i + 1);
		make_record(bytes, 32, 5);
		records_add(&records, bytes, sizeof(bytes), count_frames, &count);
		assert_int_equal(count, i);	/* until the next start */
		records_reset(&records);
		records_add(&records, bytes, sizeof(bytes), count_frames, &count);
		assert_int_equal(count, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sealed_packet_opens_once),
		cmocka_unit_test(test_any_changed_bit_is_refused),
		cmocka_unit_test(test_replay_window),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_records_in_any_pieces),
		cmocka_unit_test(test_malformed_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
