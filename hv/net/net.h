/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network as hv/init and the prompt see it. Ports and counters:
 * net/port.h.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "net/port.h"
#include "vm/domain.h"
#include "vm/vmdesc.h"

/*
 * Make the switch, and have vifs go with their domains. After XenStore's
 * domain_ops are registered; boot only. -ENOMEM.
 */
MUST_CHECK int net_init(void);

/*
 * Give a domain, which may be running, its vif `index`: a port of the switch and
 * the device in XenStore. It lives until it is unplugged or the domain torn down.
 * -EEXIST (MAC in use in that VLAN), -EINVAL (bad MAC or VLAN; a virtio device
 * without a place for its registers), -ENOSPC, -ENOMEM. No lock held.
 */
MUST_CHECK int net_vif_create(struct domain *d, unsigned int index,
			      const struct vm_vif_config *config);

/*
 * Ask the guest to let go of a vif; it is removed when the guest has, or did not
 * for NET_UNPLUG_NS. -ENOENT: there is none; -EBUSY: it was asked already; -EINVAL: it
 * is a virtio device, which stays.
 */
#define NET_UNPLUG_NS	10000000000ULL
MUST_CHECK int net_vif_unplug(struct domain *d, unsigned int index);

/* Whether it is there (it may be being unplugged), or the guest's driver uses it. */
bool net_vif_exists(const struct domain *d, unsigned int index);
bool net_vif_is_connected(const struct domain *d, unsigned int index);

/* Set by hv/mgmt: an uplink's guest connected to it, or doesn't any more. */
extern void (*net_uplink_hook)(const struct net_port *p, bool up);

/* The id of the domain that a port belongs to; 0: none. */
unsigned int net_port_domain(const struct net_port *p);

/* Bytes to and from a domain through all its ports so far. */
void net_domain_bytes(const struct domain *d, uint64_t *to, uint64_t *from);

#endif
