/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums and segments in software.
 */
#include "net/offload.h"

#include "lib/bytes.h"
#include "lib/string.h"
#include "net/csum.h"
#include "net/eth.h"

#define IPV4_HLEN	20U
#define IPV6_HLEN	40U
#define TCP_HLEN	20U
#define UDP_HLEN	8U
#define IPV6_EXT_MAX	4U

#define TCP_FIN		0x01U
#define TCP_PSH		0x08U
#define TCP_CWR		0x80U

static int parse_v4(const struct net_frame *f, struct offload_headers *h)
{
	const uint8_t *ip = f->head + h->l3;
	uint32_t hlen;
	uint32_t total;

	if (h->l3 + IPV4_HLEN > f->head_len || ip[0] >> 4 != 4) {
		return -EINVAL;
	}
	hlen = (ip[0] & 0xfU) * 4;
	total = get_be16(ip + 2);
	/* No fragments: only the first would have a TCP header. */
	if (hlen < IPV4_HLEN || total < hlen || h->l3 + total > f->len ||
	    (get_be16(ip + 6) & 0x3fff) != 0) {
		return -EINVAL;
	}
	h->v6 = false;
	h->protocol = ip[9];
	h->l4 = h->l3 + hlen;
	h->l4_len = total - hlen;
	return 0;
}

static bool ipv6_is_extension(uint8_t next)
{
	return next == 0 || next == 43 || next == 60;	/* hop-by-hop, routing, options */
}

static int parse_v6(const struct net_frame *f, struct offload_headers *h)
{
	const uint8_t *ip = f->head + h->l3;
	uint32_t at = h->l3 + IPV6_HLEN;
	uint32_t end;
	uint8_t next;

	if (at > f->head_len || ip[0] >> 4 != 6) {
		return -EINVAL;
	}
	end = at + get_be16(ip + 4);
	next = ip[6];
	for (unsigned int n = 0; ipv6_is_extension(next); n++) {
		if (n == IPV6_EXT_MAX || at + 8 > f->head_len) {
			return -EINVAL;
		}
		next = f->head[at];
		at += (f->head[at + 1] + 1U) * 8;
	}
	if (end > f->len || at > end) {
		return -EINVAL;
	}
	h->v6 = true;
	h->protocol = next;
	h->l4 = at;
	h->l4_len = end - at;
	return 0;
}

int offload_parse(const struct net_frame *f, struct offload_headers *h)
{
	uint32_t l4_hlen;
	int err;

	h->l3 = ETH_HLEN + (f->tagged ? VLAN_TAG_LEN : 0);
	if (h->l3 > f->head_len) {
		return -EINVAL;
	}
	switch (get_be16(f->head + h->l3 - 2)) {
	case ETH_IPV4:
		err = parse_v4(f, h);
		break;
	case ETH_IPV6:
		err = parse_v6(f, h);
		break;
	default:
		err = -EINVAL;
	}
	if (err != 0) {
		return err;
	}
	if (h->protocol == IP_TCP) {
		h->csum_at = h->l4 + 16;
		l4_hlen = TCP_HLEN;
	} else if (h->protocol == IP_UDP) {
		h->csum_at = h->l4 + 6;
		l4_hlen = UDP_HLEN;
	} else {
		return -EINVAL;
	}
	return h->l4_len < l4_hlen || h->l4 + l4_hlen > f->head_len ? -EINVAL : 0;
}

/* The sum of `len` bytes of the frame from `at`, which is in the head. */
static uint16_t sum_frame(const struct net_frame *f, uint32_t at, uint32_t len)
{
	uint32_t done = MIN(len, f->head_len - at);
	uint16_t sum = csum_bytes(f->head + at, done);

	for (unsigned int i = 0; i < f->frag_count && done < len; i++) {
		uint32_t n = MIN(len - done, f->frag[i].len);

		sum = csum_join(sum, csum_bytes(f->frag[i].data, n), done);
		done += n;
	}
	return sum;
}

static void checksum_finish(struct net_frame *f, const struct offload_headers *h)
{
	uint16_t sum = (uint16_t)~sum_frame(f, h->l4, h->l4_len);

	/* RFC 768: zero would mean that there is none. */
	if (sum == 0 && h->protocol == IP_UDP) {
		sum = 0xffff;
	}
	put_be16(f->head + h->csum_at, sum);
	f->csum = NET_CSUM_VALID;
}

int offload_checksum(struct net_frame *f)
{
	struct offload_headers h;
	int err = offload_parse(f, &h);

	if (err == 0) {
		checksum_finish(f, &h);
	}
	return err;
}

int offload_checksum_at(struct net_frame *f, uint32_t from, uint32_t at)
{
	uint16_t sum;

	if (from > f->head_len || at < from || at + 2 > f->head_len) {
		return -EINVAL;
	}
	sum = (uint16_t)~sum_frame(f, from, f->len - from);
	/* For UDP zero means that there is none; for others it is the same. */
	put_be16(f->head + at, sum == 0 ? 0xffff : sum);
	f->csum = NET_CSUM_VALID;
	return 0;
}

int offload_parse_gso(const struct net_frame *f, struct offload_headers *h, uint32_t *header_len)
{
	int err = offload_parse(f, h);

	if (err != 0) {
		return err;
	}
	if (h->protocol != IP_TCP || h->v6 != (f->gso == NET_GSO_TCPV6) || f->mss == 0) {
		return -EINVAL;
	}
	*header_len = h->l4 + (f->head[h->l4 + 12] >> 4) * 4U;
	return *header_len < h->l4 + TCP_HLEN || *header_len > h->l4 + h->l4_len ? -EINVAL : 0;
}

/* Apart from the way of frames without GSO. */
NOINLINE bool offload_gso_check(struct net_frame *f)
{
	struct offload_headers h;
	uint32_t header_len;
	int err;

	f->tagged = get_be16(f->head + ETH_TYPE_AT) == ETH_VLAN;
	err = offload_parse_gso(f, &h, &header_len);
	f->tagged = false;
	if (err != 0 || f->mss < OFFLOAD_MSS_MIN) {
		return false;
	}
	if (h.l4 + h.l4_len - header_len <= f->mss) {
		f->gso = NET_GSO_NONE;
		f->mss = 0;
	}
	return true;
}

static NOINLINE bool segments_fit(const struct net_frame *f, uint32_t most)
{
	struct offload_headers h;
	uint32_t header_len;

	return f->gso != NET_GSO_NONE && offload_parse_gso(f, &h, &header_len) == 0 &&
	       header_len + f->mss <= most;
}

bool offload_fits(const struct net_frame *f, uint32_t mtu)
{
	uint32_t most = mtu + ETH_HLEN + (f->tagged ? VLAN_TAG_LEN : 0);

	return f->len <= most || segments_fit(f, most);
}

int offload_segments_init(struct offload_segments *s, const struct net_frame *f)
{
	int err = offload_parse_gso(f, &s->h, &s->header_len);

	if (err != 0) {
		return err;
	}
	if (s->header_len > f->head_len) {
		return -EINVAL;
	}
	s->frame = f;
	s->payload = s->h.l4 + s->h.l4_len - s->header_len;
	s->done = 0;
	s->index = 0;
	s->piece = 0;
	s->piece_at = s->header_len;
	return 0;
}

uint32_t offload_segments_count(const struct offload_segments *s)
{
	return s->payload == 0 ? 1 : (s->payload + s->frame->mss - 1) / s->frame->mss;
}

/* Refer to the next `len` payload bytes; returns the number of fragments. */
static unsigned int take_payload(struct offload_segments *s, uint32_t len)
{
	const struct net_frame *f = s->frame;
	unsigned int count = 0;

	while (len > 0) {
		const uint8_t *data = s->piece == 0 ? f->head : f->frag[s->piece - 1].data;
		uint32_t size = s->piece == 0 ? f->head_len : f->frag[s->piece - 1].len;
		uint32_t n = MIN(len, size - s->piece_at);

		if (n > 0) {
			s->frag[count].data = data + s->piece_at;
			s->frag[count].len = n;
			count++;
		}
		len -= n;
		s->piece_at += n;
		if (s->piece_at == size) {
			s->piece++;
			s->piece_at = 0;
		}
	}
	return count;
}

/* The pseudo-header's sum: addresses, protocol, length (RFC 9293, 8200). */
static uint16_t pseudo_sum(const struct offload_headers *h, const uint8_t *head, uint32_t l4_len)
{
	const uint8_t *addresses = head + h->l3 + (h->v6 ? 8 : 12);
	uint16_t sum = csum_bytes(addresses, h->v6 ? 32 : 8);

	return csum_fold((uint64_t)sum + h->protocol + l4_len);
}

static void fix_ip(const struct offload_segments *s, uint8_t *head, uint32_t len)
{
	uint8_t *ip = head + s->h.l3;
	uint32_t total = s->header_len - s->h.l3 + len;

	if (s->h.v6) {
		put_be16(ip + 4, (uint16_t)(total - IPV6_HLEN));
		return;
	}
	put_be16(ip + 2, (uint16_t)total);
	put_be16(ip + 4, (uint16_t)(get_be16(ip + 4) + s->index));
	put_be16(ip + 10, 0);
	put_be16(ip + 10, (uint16_t)~csum_bytes(ip, s->h.l4 - s->h.l3));
}

static void fix_tcp(const struct offload_segments *s, uint8_t *head, uint32_t len)
{
	uint8_t *tcp = head + s->h.l4;
	uint32_t l4_len = s->header_len - s->h.l4 + len;

	put_be32(tcp + 4, get_be32(tcp + 4) + s->done);
	if (s->done + len < s->payload) {
		tcp[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
	}
	if (s->index != 0) {
		tcp[13] &= (uint8_t)~TCP_CWR;
	}
	put_be16(head + s->h.csum_at, pseudo_sum(&s->h, head, l4_len));
}

bool offload_segments_next(struct offload_segments *s, struct net_frame *out)
{
	const struct net_frame *f = s->frame;
	uint32_t len = MIN(f->mss, s->payload - s->done);
	uint8_t *head = (uint8_t *)s->head;

	if (s->done == s->payload && s->index != 0) {
		return false;
	}
	memcpy(head, f->head, s->header_len);
	fix_ip(s, head, len);
	fix_tcp(s, head, len);
	*out = *f;
	out->head = head;
	out->head_len = s->header_len;
	out->len = s->header_len + len;
	out->frag = s->frag;
	out->frag_count = take_payload(s, len);
	out->csum = NET_CSUM_BLANK;
	out->gso = NET_GSO_NONE;
	out->mss = 0;
	s->done += len;
	s->index++;
	return true;
}
