/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging of TCP segments: what belongs together, and the headers of the
 * result. All is read from private copies (RFC 791, 8200, 9293).
 */
#include "net/merge.h"

#include "lib/bytes.h"
#include "lib/string.h"
#include "net/csum.h"
#include "net/eth.h"

#define IPV4_HLEN	20U
#define IPV6_HLEN	40U
#define TCP_HLEN_MIN	20U

#define IPV4_DF		0x4000U
#define TCP_ACK		0x10U
#define TCP_PSH		0x08U

/* Offsets in an IPv4, IPv6 and TCP header. */
#define IP4_TOT_LEN	2U
#define IP4_ID		4U
#define IP4_FRAG	6U
#define IP4_PROTO	9U
#define IP4_CSUM	10U
#define IP4_SRC		12U
#define IP6_LEN		4U
#define IP6_NEXT	6U
#define IP6_SRC		8U
#define TCP_SEQ		4U
#define TCP_ACK_SEQ	8U
#define TCP_DOFF	12U
#define TCP_FLAGS	13U
#define TCP_WINDOW	14U
#define TCP_CSUM	16U

static bool parse_ip(const struct net_frame *f, struct merge_key *key)
{
	const uint8_t *ip = f->head + ETH_HLEN;
	uint16_t type = get_be16(f->head + ETH_TYPE_AT);

	key->ip_at = ETH_HLEN;
	if (type == ETH_IPV4 && f->head_len >= ETH_HLEN + IPV4_HLEN + TCP_HLEN_MIN) {
		key->ipv6 = false;
		key->tcp_at = ETH_HLEN + IPV4_HLEN;
		/* No options, not a fragment, no padding behind. */
		return ip[0] == 0x45 && ip[IP4_PROTO] == IP_TCP &&
		       get_be16(ip + IP4_FRAG) == IPV4_DF &&
		       get_be16(ip + IP4_TOT_LEN) + ETH_HLEN == f->len;
	}
	if (type == ETH_IPV6 && f->head_len >= ETH_HLEN + IPV6_HLEN + TCP_HLEN_MIN) {
		key->ipv6 = true;
		key->tcp_at = ETH_HLEN + IPV6_HLEN;
		return ip[0] >> 4 == 6 && ip[IP6_NEXT] == IP_TCP &&
		       get_be16(ip + IP6_LEN) + ETH_HLEN + IPV6_HLEN == f->len;
	}
	return false;
}

bool merge_parse(const struct net_frame *f, struct merge_key *key)
{
	const uint8_t *tcp;
	uint32_t header_len;

	if (f->gso != NET_GSO_NONE || f->csum == NET_CSUM_NONE || f->tagged || !parse_ip(f, key)) {
		return false;
	}
	tcp = f->head + key->tcp_at;
	header_len = key->tcp_at + (uint32_t)(tcp[TCP_DOFF] >> 4) * 4;
	if ((tcp[TCP_FLAGS] & ~TCP_PSH) != TCP_ACK || header_len < key->tcp_at + TCP_HLEN_MIN ||
	    header_len > f->head_len || header_len >= f->len) {
		return false;
	}
	key->header_len = (uint16_t)header_len;
	key->payload = (uint16_t)(f->len - header_len);
	key->push = tcp[TCP_FLAGS] & TCP_PSH;
	key->next_seq = get_be32(tcp + TCP_SEQ) + key->payload;
	return true;
}

/* Equal but for length, identification and sum. */
static bool same_ip(const uint8_t *a, const uint8_t *b, bool ipv6)
{
	if (ipv6) {
		return memcmp(a, b, IP6_LEN) == 0 &&
		       memcmp(a + IP6_NEXT, b + IP6_NEXT, IPV6_HLEN - IP6_NEXT) == 0;
	}
	return memcmp(a, b, IP4_TOT_LEN) == 0 &&
	       memcmp(a + IP4_FRAG, b + IP4_FRAG, IP4_CSUM - IP4_FRAG) == 0 &&
	       memcmp(a + IP4_SRC, b + IP4_SRC, IPV4_HLEN - IP4_SRC) == 0;
}

bool merge_continues(const struct net_merge *m, const struct net_frame *f,
		     const struct merge_key *key)
{
	const uint8_t *a = (const uint8_t *)m->headers;
	const uint8_t *b = f->head;
	const uint8_t *ta = a + m->key.tcp_at;
	const uint8_t *tb = b + m->key.tcp_at;

	if (m->key.push || m->key.payload != m->mss || key->payload > m->mss ||
	    key->header_len != m->key.header_len || key->ipv6 != m->key.ipv6 ||
	    m->len + key->payload > NET_FRAME_MAX ||
	    get_be32(tb + TCP_SEQ) != m->key.next_seq) {
		return false;
	}
	return memcmp(a, b, ETH_HLEN) == 0 &&
	       same_ip(a + ETH_HLEN, b + ETH_HLEN, key->ipv6) &&
	       memcmp(ta, tb, TCP_SEQ) == 0 &&
	       memcmp(ta + TCP_ACK_SEQ, tb + TCP_ACK_SEQ, 5) == 0 &&
	       memcmp(ta + TCP_WINDOW, tb + TCP_WINDOW, 2) == 0 &&
	       memcmp(ta + TCP_HLEN_MIN, tb + TCP_HLEN_MIN,
		      (size_t)(key->header_len - key->tcp_at) - TCP_HLEN_MIN) == 0;
}

void merge_finish_headers(struct net_merge *m)
{
	uint8_t *ip = (uint8_t *)m->headers + m->key.ip_at;
	uint8_t *tcp = (uint8_t *)m->headers + m->key.tcp_at;
	uint32_t tcp_len = m->len - m->key.tcp_at;
	uint64_t pseudo = IP_TCP + tcp_len;

	if (m->key.ipv6) {
		put_be16(ip + IP6_LEN, (uint16_t)tcp_len);
		pseudo += csum_bytes(ip + IP6_SRC, 32);
	} else {
		put_be16(ip + IP4_TOT_LEN, (uint16_t)(m->len - ETH_HLEN));
		put_be16(ip + IP4_CSUM, 0);
		put_be16(ip + IP4_CSUM, (uint16_t)~csum_bytes(ip, IPV4_HLEN));
		pseudo += csum_bytes(ip + IP4_SRC, 8);
	}
	if (m->key.push) {
		tcp[TCP_FLAGS] |= TCP_PSH;
	}
	put_be16(tcp + TCP_CSUM, csum_fold(pseudo));
}
