/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames for tests, built and checked independently of the code under test.
 */
#ifndef TESTS_FRAME_MAKE_H
#define TESTS_FRAME_MAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct frame_make {
	uint8_t dst[6];
	uint8_t src[6];
	int vlan;		/* -1: no tag */
	bool v6;
	bool udp;
	unsigned int ip_options;	/* bytes, a multiple of 4; IPv4 */
	unsigned int tcp_options;	/* bytes, a multiple of 4 */
	uint32_t seq;
	uint8_t tcp_flags;
	unsigned int payload;
	bool blank;		/* leave only the pseudo-header's sum */
};

static inline void frame_be16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline unsigned int frame_get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

/* RFC 1071 as it is written there: one 16-bit number after the other. */
static inline unsigned int frame_sum(const uint8_t *p, size_t n, unsigned long start)
{
	unsigned long sum = start;

	for (size_t i = 0; i + 1 < n; i += 2) {
		sum += frame_get16(p + i);
	}
	if (n & 1) {
		sum += (unsigned long)p[n - 1] << 8;
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (unsigned int)sum;
}

static inline unsigned int frame_pseudo(const uint8_t *ip, bool v6, unsigned int protocol,
					unsigned int len)
{
	return frame_sum(ip + (v6 ? 8 : 12), v6 ? 32 : 8, protocol + len);
}

/* Byte n of any payload. */
static inline uint8_t frame_byte(uint32_t n)
{
	return (uint8_t)(n * 7 + (n >> 8) * 13 + 3);
}

/* Write the frame; returns its length. */
static inline size_t frame_write(uint8_t *out, const struct frame_make *m)
{
	uint8_t *p = out;
	uint8_t *ip;
	uint8_t *l4;
	unsigned int l4_hlen = m->udp ? 8 : 20 + m->tcp_options;
	unsigned int l4_len = l4_hlen + m->payload;
	unsigned int protocol = m->udp ? 17 : 6;
	unsigned int at;
	unsigned int sum;

	memcpy(p, m->dst, 6);
	memcpy(p + 6, m->src, 6);
	p += 12;
	if (m->vlan >= 0) {
		frame_be16(p, 0x8100);
		frame_be16(p + 2, (unsigned int)m->vlan);
		p += 4;
	}
	frame_be16(p, m->v6 ? 0x86dd : 0x0800);
	ip = p + 2;
	if (m->v6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		frame_be16(ip + 4, l4_len);
		ip[6] = (uint8_t)protocol;
		ip[7] = 64;
		ip[8] = 0xfd;
		ip[23] = 1;
		ip[24] = 0xfd;
		ip[39] = 2;
		l4 = ip + 40;
	} else {
		unsigned int hlen = 20 + m->ip_options;

		memset(ip, 0, hlen);
		ip[0] = (uint8_t)(0x40 | hlen / 4);
		frame_be16(ip + 2, hlen + l4_len);
		frame_be16(ip + 4, 0x1234);
		ip[6] = 0x40;
		ip[8] = 64;
		ip[9] = (uint8_t)protocol;
		memcpy(ip + 12, (const uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
		memset(ip + 20, 1, m->ip_options);
		frame_be16(ip + 10, 0xffff & ~frame_sum(ip, hlen, 0));
		l4 = ip + hlen;
	}
	memset(l4, 0, l4_hlen);
	frame_be16(l4, 1000);
	frame_be16(l4 + 2, 2000);
	if (m->udp) {
		frame_be16(l4 + 4, l4_len);
		at = 6;
	} else {
		frame_be16(l4 + 4, m->seq >> 16);
		frame_be16(l4 + 6, m->seq & 0xffff);
		l4[12] = (uint8_t)((l4_hlen / 4) << 4);
		l4[13] = m->tcp_flags;
		memset(l4 + 20, 1, m->tcp_options);
		at = 16;
	}
	for (unsigned int i = 0; i < m->payload; i++) {
		l4[l4_hlen + i] = frame_byte(i);
	}
	sum = frame_pseudo(ip, m->v6, protocol, l4_len);
	if (!m->blank) {
		sum = 0xffff & ~frame_sum(l4, l4_len, sum);
		if (sum == 0 && m->udp) {
			sum = 0xffff;
		}
	}
	frame_be16(l4 + at, sum);
	return (size_t)(l4 + l4_len - out);
}

/*
 * Are the checksums of a frame (IPv4 header, TCP/UDP) right? Its IP header
 * begins at `l3`.
 */
static inline bool frame_checksums_good(const uint8_t *f, size_t l3, size_t len)
{
	const uint8_t *ip = f + l3;
	bool v6 = ip[0] >> 4 == 6;
	unsigned int hlen = v6 ? 40 : (ip[0] & 15U) * 4;
	unsigned int l4_len = v6 ? frame_get16(ip + 4) : frame_get16(ip + 2) - hlen;
	unsigned int protocol = v6 ? ip[6] : ip[9];

	if (l3 + hlen + l4_len > len || (!v6 && frame_sum(ip, hlen, 0) != 0xffff)) {
		return false;
	}
	return frame_sum(ip + hlen, l4_len, frame_pseudo(ip, v6, protocol, l4_len)) == 0xffff;
}

/* A UDP frame between two MACs that differ in the last byte only; its length. */
static inline uint32_t frame_udp(uint8_t *out, unsigned int src, unsigned int dst,
				 unsigned int payload)
{
	struct frame_make m = {
		.dst = { 0, 0x16, 0x3e, 0, 0, (uint8_t)dst },
		.src = { 0, 0x16, 0x3e, 0, 0, (uint8_t)src },
		.vlan = -1, .udp = true, .payload = payload,
	};

	return (uint32_t)frame_write(out, &m);
}

#endif
