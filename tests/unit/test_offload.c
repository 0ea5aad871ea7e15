/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and segmentation, checked by the plain sums in frame_make.h.
 */
#include "unit.h"

#include "frame_make.h"
#include "kern/lock.h"
#include "net/csum.h"
#include "net/offload.h"

#define PIECE	1000U

/* A frame in memory, described as netback would: 128 private bytes, pieces. */
struct made {
	uint8_t text[70000];
	uint16_t head[(NET_HEAD_MAX + NET_HEAD_ROOM) / 2];
	struct net_frag frag[NET_FRAG_MAX];
	struct net_frame f;
	uint8_t pieces[70000];
};

static struct made made;

static struct net_frame *make(const struct frame_make *m, uint32_t piece)
{
	uint32_t len = (uint32_t)frame_write(made.text, m);
	uint32_t head_len = MIN(len, NET_HEAD_MAX);
	uint32_t at = head_len;

	memcpy(made.head, made.text, head_len);
	memcpy(made.pieces, made.text, len);
	made.f = (struct net_frame){
		.head = (uint8_t *)made.head, .head_len = head_len, .len = len,
		.frag = made.frag, .tagged = m->vlan >= 0,
		.csum = m->blank ? NET_CSUM_BLANK : NET_CSUM_VALID,
	};
	while (at < len) {
		uint32_t n = MIN(piece, len - at);

		made.frag[made.f.frag_count++] = (struct net_frag){ made.pieces + at, n };
		at += n;
	}
	assert_true(made.f.frag_count <= NET_FRAG_MAX);
	return &made.f;
}

static size_t flatten(const struct net_frame *f, uint8_t *out)
{
	size_t n = f->head_len;

	memcpy(out, f->head, n);
	for (unsigned int i = 0; i < f->frag_count; i++) {
		memcpy(out + n, f->frag[i].data, f->frag[i].len);
		n += f->frag[i].len;
	}
	assert_int_equal(n, f->len);
	return n;
}

static void test_csum_bytes(void **state)
{
	uint8_t buf[300];
	struct unit_random r = { 1 };

	for (unsigned int i = 0; i < sizeof(buf); i++) {
		buf[i] = (uint8_t)unit_random(&r);
	}
	for (unsigned int at = 0; at < 16; at++) {
		for (unsigned int n = 0; n < 200; n++) {
			assert_int_equal(csum_bytes(buf + at, n), frame_sum(buf + at, n, 0));
		}
	}
	memset(buf, 0xff, sizeof(buf));
	for (unsigned int n = 1; n < 200; n++) {
		assert_int_equal(csum_bytes(buf + 1, n), frame_sum(buf + 1, n, 0));
	}
	(void)state;
}

static void test_csum_join(void **state)
{
	uint8_t buf[100];

	for (unsigned int i = 0; i < sizeof(buf); i++) {
		buf[i] = (uint8_t)(i * 37 + 200);
	}
	for (unsigned int cut = 0; cut <= sizeof(buf); cut++) {
		assert_int_equal(csum_join(csum_bytes(buf, cut),
					   csum_bytes(buf + cut, sizeof(buf) - cut), cut),
				 frame_sum(buf, sizeof(buf), 0));
	}
	(void)state;
}

/* Every kind of frame with pieces of even and odd sizes. */
static void test_checksum(void **state)
{
	static const unsigned int payloads[] = { 0, 1, 18, 74, 75, 1448, 9001 };
	static uint8_t out[70000];

	for (unsigned int kind = 0; kind < 16; kind++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(payloads); i++) {
			struct frame_make m = {
				.vlan = kind & 1 ? 5 : -1, .v6 = kind & 2, .udp = kind & 4,
				.ip_options = kind & 8 ? 8 : 0, .payload = payloads[i],
				.blank = true,
			};
			struct net_frame *f = make(&m, kind & 1 ? 999 : 1000);
			size_t n;

			assert_int_equal(offload_checksum(f), 0);
			assert_int_equal(f->csum, NET_CSUM_VALID);
			n = flatten(f, out);
			assert_true(frame_checksums_good(out, m.vlan >= 0 ? 18 : 14, n));
		}
	}
	(void)state;
}

/* A frame of less than 60 bytes may be padded: the padding is not summed. */
static void test_checksum_padding(void **state)
{
	struct frame_make m = { .vlan = -1, .udp = true, .payload = 4, .blank = true };
	struct net_frame *f = make(&m, PIECE);
	uint8_t out[128];

	memset(f->head + f->head_len, 0xee, 60 - f->head_len);
	f->head_len = 60;
	f->len = 60;
	assert_int_equal(offload_checksum(f), 0);
	assert_true(frame_checksums_good(out, 14, flatten(f, out)));
	(void)state;
}

/* UDP: a sum of zero is sent as 0xffff. */
static void test_checksum_udp_zero(void **state)
{
	struct frame_make m = { .vlan = -1, .udp = true, .payload = 2, .blank = true };
	struct net_frame *f = make(&m, PIECE);
	unsigned int sum;

	frame_be16(f->head + 42, 0);
	sum = frame_sum(f->head + 34, 10, 0);
	frame_be16(f->head + 42, 0xffff - sum);
	assert_int_equal(offload_checksum(f), 0);
	assert_int_equal(frame_get16(f->head + 40), 0xffff);
	(void)state;
}

static void refuse(struct net_frame *f)
{
	struct offload_headers h;

	assert_int_equal(offload_parse(f, &h), -EINVAL);
	assert_int_equal(offload_checksum(f), -EINVAL);
}

static void test_refuse(void **state)
{
	struct frame_make m = { .vlan = -1, .payload = 100, .blank = true };
	struct net_frame *f;

	make(&m, PIECE)->head[12] = 0x88;		/* not IP */
	refuse(&made.f);
	make(&m, PIECE)->head[14] = 0x44;		/* header of 16 bytes */
	refuse(&made.f);
	make(&m, PIECE)->head[14] = 0x65;		/* version 6 in IPv4 */
	refuse(&made.f);
	make(&m, PIECE)->head[20] = 0x20;		/* a fragment */
	refuse(&made.f);
	make(&m, PIECE)->head[21] = 0x08;		/* a later fragment */
	refuse(&made.f);
	make(&m, PIECE)->head[23] = 1;			/* ICMP */
	refuse(&made.f);
	frame_be16(make(&m, PIECE)->head + 16, 141);	/* longer than the frame */
	refuse(&made.f);
	frame_be16(make(&m, PIECE)->head + 16, 39);	/* no TCP header in it */
	refuse(&made.f);
	f = make(&m, PIECE);				/* the header isn't private */
	f->head_len = 53;
	refuse(f);
	f->head_len = 20;
	refuse(f);
	f->head_len = 14;
	refuse(f);
	m.v6 = true;
	frame_be16(make(&m, PIECE)->head + 18, 121);
	refuse(&made.f);
	make(&m, PIECE)->head[20] = 44;			/* an IPv6 fragment */
	refuse(&made.f);
	(void)state;
}

/* Extension headers are followed, but not for ever. */
static void test_ipv6_extensions(void **state)
{
	struct frame_make m = { .vlan = -1, .v6 = true, .udp = true, .payload = 60 };
	struct offload_headers h;
	struct net_frame *f = make(&m, PIECE);

	f->head[20] = 0;		/* hop-by-hop of 8 bytes, then of 16 */
	f->head[54] = 60;
	f->head[55] = 0;
	f->head[62] = 17;
	f->head[63] = 1;
	assert_int_equal(offload_parse(f, &h), 0);
	assert_int_equal(h.l4, 78);
	f->head[63] = 200;		/* leaves the head */
	assert_int_equal(offload_parse(f, &h), -EINVAL);
	for (unsigned int i = 54; i + 1 < f->head_len; i++) {
		f->head[i] = 0;		/* only extensions */
	}
	assert_int_equal(offload_parse(f, &h), -EINVAL);
	(void)state;
}

/* Put the segments together again and compare with the frame. */
static void check_segments(const struct frame_make *m, uint16_t mss, uint32_t piece)
{
	static uint8_t out[70000];
	struct net_frame *f = make(m, piece);
	struct offload_segments s;
	struct net_frame seg;
	size_t l3 = m->vlan >= 0 ? 18 : 14;
	size_t l4 = l3 + (m->v6 ? 40 : 20 + m->ip_options);
	size_t header = l4 + 20 + m->tcp_options;
	uint32_t done = 0;
	uint32_t count = 0;

	f->gso = m->v6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
	f->mss = mss;
	assert_int_equal(offload_segments_init(&s, f), 0);
	while (offload_segments_next(&s, &seg)) {
		bool last = done + mss >= m->payload;
		size_t n;

		assert_int_equal(seg.gso, NET_GSO_NONE);
		assert_int_equal(seg.csum, NET_CSUM_BLANK);
		assert_int_equal(offload_checksum(&seg), 0);
		n = flatten(&seg, out);
		assert_true(frame_checksums_good(out, l3, n));
		assert_int_equal(n - header, last ? m->payload - done : mss);
		assert_int_equal(frame_get16(out + l4 + 4) << 16 | frame_get16(out + l4 + 6),
				 (uint32_t)(m->seq + done));
		assert_int_equal(out[l4 + 13] & 0x09, last ? m->tcp_flags & 0x09 : 0);
		assert_int_equal(out[l4 + 13] & 0x80, count == 0 ? m->tcp_flags & 0x80 : 0);
		assert_int_equal(out[l4 + 13] & 0x10, m->tcp_flags & 0x10);
		if (!m->v6) {
			assert_int_equal(frame_get16(out + l3 + 4), 0x1234 + count);
		}
		for (size_t i = header; i < n; i++) {
			assert_int_equal(out[i], frame_byte(done + (uint32_t)(i - header)));
		}
		done += (uint32_t)(n - header);
		count++;
	}
	assert_int_equal(done, m->payload);
	assert_int_equal(count, offload_segments_count(&s));
}

static void test_segments(void **state)
{
	static const uint16_t sizes[] = { 8, 536, 1448, 1460, 9000 };

	for (unsigned int kind = 0; kind < 8; kind++) {
		struct frame_make m = {
			.vlan = kind & 1 ? 9 : -1, .v6 = kind & 2, .tcp_options = kind & 4 ? 12 : 0,
			.seq = 0xfffff000, .tcp_flags = 0x99, .blank = true,
		};

		for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
			m.payload = 3000;
			check_segments(&m, sizes[i], 333);
			m.payload = 65000;
			check_segments(&m, sizes[i], 4096);
		}
		m.payload = 100;
		check_segments(&m, 8, 3);
	}
	(void)state;
}

static void test_segments_refuse(void **state)
{
	struct frame_make m = { .vlan = -1, .payload = 3000, .blank = true };
	struct offload_segments s;
	struct net_frame *f = make(&m, PIECE);

	f->gso = NET_GSO_TCPV6;
	f->mss = 1000;
	assert_int_equal(offload_segments_init(&s, f), -EINVAL);
	f->gso = NET_GSO_TCPV4;
	assert_int_equal(offload_segments_init(&s, f), 0);
	f->head[46] = 0xf0;		/* a TCP header of 60 bytes still fits .. */
	assert_int_equal(offload_segments_init(&s, f), 0);
	f->head_len = 93;		/* .. if it is all in the head .. */
	assert_int_equal(offload_segments_init(&s, f), -EINVAL);
	f->head_len = NET_HEAD_MAX;
	f->head[46] = 0x40;		/* .. one of 16 is none */
	assert_int_equal(offload_segments_init(&s, f), -EINVAL);
	f->head[46] = 0x50;
	f->mss = 0;
	assert_int_equal(offload_segments_init(&s, f), -EINVAL);
	m.udp = true;
	f = make(&m, PIECE);
	f->gso = NET_GSO_TCPV4;
	f->mss = 1000;
	assert_int_equal(offload_segments_init(&s, f), -EINVAL);
	(void)state;
}

/* All header bits that a hostile guest can choose: no crash, no overrun. */
static void test_garbage(void **state)
{
	struct unit_random r = { 7 };

	for (unsigned int round = 0; round < 20000; round++) {
		struct frame_make m = {
			.vlan = -1, .v6 = round & 1, .udp = round & 2, .payload = 300,
		};
		struct net_frame *f = make(&m, 100);
		struct offload_segments s;
		struct net_frame seg;
		unsigned int n = 0;
		int unused;

		for (unsigned int i = 0; i < 4; i++) {
			f->head[12 + unit_random_below(&r, 60)] = (uint8_t)unit_random(&r);
		}
		f->head_len = 14 + unit_random_below(&r, 115);
		f->len = f->head_len + 214;
		f->gso = round & 1 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
		f->mss = (uint16_t)(1 + unit_random_below(&r, 300));
		if (offload_segments_init(&s, f) == 0) {
			while (offload_segments_next(&s, &seg)) {
				unused = offload_checksum(&seg);
				assert_true(++n <= 500);
			}
		}
		unused = offload_checksum(f);
		(void)unused;
	}
	(void)state;
}

UNIT_MAIN(UNIT_TEST(test_csum_bytes), UNIT_TEST(test_csum_join), UNIT_TEST(test_checksum),
	  UNIT_TEST(test_checksum_padding), UNIT_TEST(test_checksum_udp_zero),
	  UNIT_TEST(test_refuse), UNIT_TEST(test_ipv6_extensions), UNIT_TEST(test_segments),
	  UNIT_TEST(test_segments_refuse), UNIT_TEST(test_garbage))
