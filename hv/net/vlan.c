/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLAN classification and tags.
 */
#include "net/vlan.h"

#include "lib/bytes.h"
#include "lib/string.h"
#include "net/eth.h"

static bool trunk_has(const struct net_port *p, uint16_t vlan)
{
	for (unsigned int i = 0; i < p->config.trunk_count; i++) {
		if (p->config.trunk[i] == vlan) {
			return true;
		}
	}
	return p->config.uplink && p->config.trunk_count == 0 && vlan != 0 &&
	       vlan != p->config.vlan;
}

/* Take the tag off: the addresses move up to the inner EtherType. */
static void tag_remove(struct net_frame *f)
{
	memmove(f->head + VLAN_TAG_LEN, f->head, 2 * ETH_ALEN);
	f->head += VLAN_TAG_LEN;
	f->head_len -= VLAN_TAG_LEN;
	f->len -= VLAN_TAG_LEN;
}

bool vlan_ingress_tagged(const struct net_port *p, struct net_frame *f)
{
	uint16_t tci;
	uint16_t vid;

	if (f->head_len < ETH_HLEN + VLAN_TAG_LEN ||
	    get_be16(f->head + ETH_TYPE_AT + VLAN_TAG_LEN) == ETH_VLAN) {
		return false;
	}
	tci = get_be16(f->head + ETH_HLEN);
	vid = tci & VLAN_VID_MASK;
	if (vid > VLAN_VID_MAX || (vid != 0 && !trunk_has(p, vid))) {
		return false;
	}
	if (vid != 0) {
		f->vlan = vid;
	}
	f->prio = (uint16_t)(tci & ~VLAN_VID_MASK);
	tag_remove(f);
	return true;
}

enum vlan_member vlan_egress(const struct net_port *p, uint16_t vlan)
{
	if (p->config.vlan == vlan) {
		return VLAN_UNTAGGED;
	}
	return trunk_has(p, vlan) ? VLAN_TAGGED : VLAN_NOT;
}

void vlan_tag(const struct net_frame *f, struct net_frame *out, uint8_t *head)
{
	*out = *f;
	memcpy(head, f->head, 2 * ETH_ALEN);
	put_be16(head + ETH_TYPE_AT, ETH_VLAN);
	put_be16(head + ETH_HLEN, (uint16_t)(f->prio | f->vlan));
	memcpy(head + ETH_TYPE_AT + VLAN_TAG_LEN, f->head + ETH_TYPE_AT,
	       f->head_len - ETH_TYPE_AT);
	out->head = head;
	out->head_len = f->head_len + VLAN_TAG_LEN;
	out->len = f->len + VLAN_TAG_LEN;
	out->tagged = true;
}
