/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame on its way through the switch.
 *
 * Its first bytes are private (copied once from the sender, then parsed and
 * delivered from the copy), the rest still lies in the sender's pages and is
 * only ever copied, never looked at. A frame lives for one delivery, within
 * one call from the guest's notification; it's never queued.
 *
 * Invariants: head is 2-byte aligned and has NET_HEAD_ROOM free bytes before
 * it; head_len >= ETH_HLEN; len = head_len + sum of the fragments. Behind
 * switch_input()'s VLAN step the head holds no 802.1Q tag unless `tagged`.
 */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include "lib/types.h"

#define NET_HEAD_MAX	128U	/* private bytes */
#define NET_HEAD_AOE	36U	/* .. of AoE frames: data is left in one piece */
#define NET_HEAD_ROOM	4U	/* for a VLAN tag */
#define NET_FRAG_MAX	21U	/* a guest's 20 pieces and one of the head */
#define NET_FRAME_MAX	65535U

struct net_frag {
	const uint8_t *data;
	uint32_t len;
};

enum net_csum {
	NET_CSUM_NONE,		/* nothing known about the checksum */
	NET_CSUM_VALID,		/* the sender vouches for it */
	NET_CSUM_BLANK,		/* TCP/UDP field holds the pseudo-header's sum */
};

enum net_gso {			/* values: io/netif.h XEN_NETIF_GSO_TYPE_* */
	NET_GSO_NONE = 0,
	NET_GSO_TCPV4 = 1,
	NET_GSO_TCPV6 = 2,
};

struct net_frame {
	uint8_t *head;
	uint32_t head_len;
	uint32_t len;
	const struct net_frag *frag;
	uint32_t frag_count;
	enum net_csum csum;
	enum net_gso gso;
	uint16_t mss;		/* payload of each segment, if gso */
	uint16_t vlan;		/* 0: the untagged network */
	uint16_t prio;		/* the tag's upper 4 bits, in place */
	bool tagged;		/* head holds a tag: receivers offload nothing */
};

#endif
