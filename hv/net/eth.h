/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ethernet, IPv4, IPv6, TCP and UDP header facts that the switch needs
 * (IEEE 802.3 and 802.1Q, RFC 791, 8200, 9293, 768).
 */
#ifndef NET_ETH_H
#define NET_ETH_H

#include "lib/types.h"

#define ETH_ALEN	6U
#define ETH_HLEN	14U
#define ETH_TYPE_AT	12U
#define ETH_IPV4	0x0800U
#define ETH_VLAN	0x8100U
#define ETH_IPV6	0x86ddU
#define ETH_AOE		0x88a2U		/* ATA over Ethernet */
#define ETH_MGMT	0x88b5U		/* the hypervisors' management protocol */

#define VLAN_TAG_LEN	4U
#define VLAN_VID_MASK	0x0fffU
#define VLAN_VID_MAX	4094U

#define IP_TCP		6U
#define IP_UDP		17U

/*
 * A MAC address as a number: its first byte is the lowest. Both ports are
 * little-endian, so it is also how it lies in memory. `p` is 2-byte aligned.
 */
static inline uint64_t mac_load(const void *p)
{
	const uint16_t *w = p;

	return w[0] | (uint64_t)w[1] << 16 | (uint64_t)w[2] << 32;
}

static inline uint64_t mac_from_bytes(const uint8_t *b)
{
	uint64_t mac = 0;

	for (unsigned int i = 0; i < ETH_ALEN; i++) {
		mac |= (uint64_t)b[i] << (8 * i);
	}
	return mac;
}

/* Broadcast is a multicast address too. */
static inline bool mac_is_multicast(uint64_t mac)
{
	return (mac & 1) != 0;
}

#endif
