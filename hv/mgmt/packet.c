/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets in frames. See mgmt/packet.h.
 */
#include "mgmt/packet.h"

#include "lib/bytes.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "net/eth.h"

/* The least payload of each kind that a node takes; -1: it takes none such. */
static int payload_min(unsigned int kind)
{
	switch (kind) {
	case MV_DISCOVER:
		return sizeof(struct mv_discover);
	case MV_OPEN:
		return sizeof(struct mv_open);
	case MV_REQUEST:
		return sizeof(struct mv_request);
	default:
		return -1;
	}
}

int mgmt_packet_parse(uint8_t *frame, size_t n, struct mgmt_packet *out)
{
	const struct mv_header *h = (const void *)(frame + ETH_HLEN);
	size_t length;
	int least;

	if (n < ETH_HLEN + sizeof(*h) || n > MGMT_FRAME_MAX ||
	    get_be16(frame + ETH_TYPE_AT) != MV_ETHERTYPE || h->version != MV_VERSION_1) {
		return -EINVAL;
	}
	length = mv_get16(h->length);
	least = payload_min(h->kind);
	if (length > n - ETH_HLEN || least < 0 || length < sizeof(*h) + (size_t)least) {
		return -EINVAL;
	}
	*out = (struct mgmt_packet){
		.src = mac_load(frame + ETH_ALEN),
		.to_all = mac_is_multicast(mac_load(frame)),
		.kind = (enum mv_kind)h->kind,
		.session = mv_get32(h->session),
		.counter = mv_get64(h->counter),
		.bytes = frame + ETH_HLEN,
		.length = length,
		.payload = frame + ETH_HLEN + sizeof(*h),
		.size = length - sizeof(*h),
	};
	return mac_is_multicast(out->src) ? -EINVAL : 0;
}

void mgmt_packet_header(uint8_t *packet, enum mv_kind kind, uint32_t session, uint64_t counter,
			size_t size)
{
	struct mv_header *h = (void *)packet;

	*h = (struct mv_header){
		.version = MV_VERSION_1,
		.kind = (uint8_t)kind,
		.length = mv_put16((uint16_t)(sizeof(*h) + size)),
		.session = mv_put32(session),
		.counter = mv_put64(counter),
	};
}

void mgmt_name_get(char out[MV_NAME_MAX], const char in[MV_NAME_MAX])
{
	memcpy(out, in, MV_NAME_MAX);
	out[MV_NAME_MAX - 1] = '\0';
}

void mgmt_name_put(char *out, size_t size, const char *name)
{
	memset(out, 0, size);
	str_copy(out, name, size);
}
