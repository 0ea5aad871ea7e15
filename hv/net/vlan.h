/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VLANs (IEEE 802.1Q): which VLAN a frame from a port belongs to, and how a
 * port sends a VLAN's frames.
 *
 * An access port has one VLAN, without tags. A trunk port also has VLANs that
 * pass tagged. VLAN 0 stands for the network of ports without a VLAN.
 * Frames with a second 802.1Q tag are refused: without its outer tag such a
 * frame would enter another VLAN at the next trunk.
 *
 * Locking: none.
 */
#ifndef NET_VLAN_H
#define NET_VLAN_H

#include "lib/bytes.h"
#include "net/eth.h"
#include "net/frame.h"
#include "net/port.h"

/* vlan_ingress() of a frame that has a tag; f->vlan and f->prio are those of none. */
MUST_CHECK bool vlan_ingress_tagged(const struct net_port *p, struct net_frame *f);

/*
 * Find the VLAN of a frame that came from `p` and take its tag off. False if
 * the port may not send it.
 */
MUST_CHECK static inline bool vlan_ingress(const struct net_port *p, struct net_frame *f)
{
	f->vlan = p->config.vlan;
	f->prio = 0;
	return likely(get_be16(f->head + ETH_TYPE_AT) != ETH_VLAN) || vlan_ingress_tagged(p, f);
}

enum vlan_member { VLAN_NOT, VLAN_UNTAGGED, VLAN_TAGGED };

/* How frames of VLAN `vlan` leave through `p`. */
enum vlan_member vlan_egress(const struct net_port *p, uint16_t vlan);

/*
 * A tagged frame equal to `f` otherwise. Its head is in `head`
 * (NET_HEAD_MAX + VLAN_TAG_LEN bytes, 2-byte aligned), its fragments are those
 * of `f`.
 */
void vlan_tag(const struct net_frame *f, struct net_frame *out, uint8_t *head);

#endif
