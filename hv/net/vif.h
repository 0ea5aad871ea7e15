/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vif: a port of the switch that is a network device of a guest, which drives it
 * by netfront (net/netback.h) or, if it is an uplink, as a virtio device
 * (net/vnet.h).
 *
 * Locking: what isn't said is constant while the port is in the switch's table. Freed
 * after it left that and all CPUs passed.
 */
#ifndef NET_VIF_H
#define NET_VIF_H

#include "kern/quiesce.h"
#include "kern/timer.h"
#include "net/port.h"
#include "vm/domain.h"

#define VIF_HANG_NS	1000000000ULL	/* one unit of vif->hang_s */

struct netback_queue;
struct vnet;
struct xenbus_device;

struct vif {
	struct net_port port;		/* first */
	struct domain *domain;
	unsigned int index;
	uint32_t mtu;			/* of the wire, if it is an uplink */
	uint32_t hang_s;		/* an uplink that takes nothing for this is hung */
	_Atomic bool claimed;		/* somebody removes it */
	struct quiesce quiesce;
	bool idle_seen;			/* all CPUs passed, then no work was left */
	struct vnet *vnet;		/* NULL: it is netback's, as all that follows */

	unsigned int max_queues;
	struct xenbus_device *dev;
	_Atomic(struct netback_queue *) queue[NET_QUEUE_MAX];
	_Atomic unsigned int queue_count;	/* 0: not connected */
	_Atomic bool broken;		/* the guest misused a ring */
	struct timer unplug_timer;	/* has the guest let go of it? */
	uint64_t unplug_until;
};

static inline struct vif *port_vif(struct net_port *p)
{
	return container_of(p, struct vif, port);
}

/* Whoever cares is told that an uplink's guest drives it, or doesn't any more. No lock. */
void vif_tell_uplink(const struct vif *v, bool up);

/* An uplink took no frames for its time: its domain ends. No lock. */
void vif_hung(const struct vif *v);

#endif
