/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ethernet headers (IEEE 802.3, 802.1Q).
 */
#include "net/frame.h"

#include <string.h>

#define TYPE_VLAN	0x8100

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

size_t frame_header_write(uint8_t *out, const struct frame_header *h)
{
	memcpy(out, h->to, 6);
	memcpy(out + 6, h->from, 6);
	if (h->vlan == 0) {
		put16(out + 12, h->type);
		return 14;
	}
	put16(out + 12, TYPE_VLAN);
	put16(out + 14, h->vlan);
	put16(out + 16, h->type);
	return 18;
}

size_t frame_header_read(const uint8_t *frame, size_t len,
			 struct frame_header *h)
{
	size_t n = 14;

	if (len < n) {
		return 0;
	}
	memcpy(h->to, frame, 6);
	memcpy(h->from, frame + 6, 6);
	h->vlan = 0;
	h->type = get16(frame + 12);
	if (h->type == TYPE_VLAN) {
		n = 18;
		if (len < n) {
			return 0;
		}
		h->vlan = get16(frame + 14) & 0xfff;
		h->type = get16(frame + 16);
	}
	return n;
}
