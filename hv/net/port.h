/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of the switch and their counters.
 *
 * A port is part of a bigger object (a vif). It is found without a lock: it
 * enters the table when it is complete, and is freed by quiesce_call() after
 * it left.
 *
 * Locking: the table under LOCK_NET_CONFIG. A port's description does not
 * change while it is in the table. Counters of a queue belong to whoever
 * holds the queue's TX or RX lock; they are plain numbers, summed on reading
 * (a sum may miss what is being counted).
 */
#ifndef NET_PORT_H
#define NET_PORT_H

#include "kern/lock.h"
#include "lib/types.h"
#include "net/frame.h"

#define NET_PORT_MAX	512U
#define NET_QUEUE_MAX	8U
#define NET_TRUNK_MAX	16U
#define NET_MAC_LIMIT	256U	/* learned addresses of one port */

enum net_counter {
	/* Frames from the guest; by the TX lock. */
	NET_TX_FRAMES,		/* taken from the ring */
	NET_TX_BYTES,
	NET_TX_SLOTS,		/* ring slots */
	NET_TX_GSO,
	NET_TX_FLOODED,		/* sent to more than one port */
	NET_TX_KICKS,		/* the guest's notifications */
	NET_TX_BATCHES,		/* walks of the ring that found something */
	NET_TX_BATCH_1,		/* .. of 1, 2-3, 4-7, .. , 64 and more */
	NET_TX_BATCH_2,
	NET_TX_BATCH_4,
	NET_TX_BATCH_8,
	NET_TX_BATCH_16,
	NET_TX_BATCH_32,
	NET_TX_BATCH_64,
	NET_TX_EVENTS,		/* completion events to the guest */
	NET_TX_EVENTS_SAVED,	/* not asked for any more when looked at late */
	NET_TX_WAITS,		/* walks that stopped for a full receiver */
	NET_DROP_RUNT,		/* shorter than an Ethernet header */
	NET_DROP_MALFORMED,	/* sizes or offload data that make no sense */
	NET_DROP_TX_GRANT,	/* the sender's page is not granted */
	NET_DROP_SPOOF,		/* not the port's own source address */
	NET_DROP_SELF,		/* to the sender itself */
	NET_DROP_MGMT,		/* management protocol from, or for, a guest */
	NET_DROP_VLAN,		/* a tag that the port may not use */
	NET_DROP_NO_PORT,	/* nobody to send it to */
	NET_DROP_DOWN,		/* the receiver is not connected */
	NET_DROP_UPLINK,	/* from one wire to another */
	NET_DROP_LEARN,		/* not learned (forwarded all the same) */
	/* Frames to the guest; by the RX lock. */
	NET_RX_FRAMES,		/* put into the ring */
	NET_RX_BYTES,
	NET_RX_SLOTS,
	NET_RX_GSO,
	NET_RX_KICKS,		/* notifications of buffers that a sender waited for */
	NET_RX_EVENTS,		/* events to the guest */
	NET_RX_EVENTS_SAVED,	/* batches whose event the guest did not want */
	NET_RX_WAITED,		/* frames that a sender had to keep back */
	NET_RX_COPIES,		/* frames copied to the guest's pages */
	NET_RX_COPIED_BYTES,
	NET_RX_MERGED,		/* frames that became part of a larger one here */
	NET_RX_CSUM,		/* checksums finished here */
	NET_RX_SEGMENTS,	/* frames made here from GSO frames */
	NET_DROP_RX_FULL,	/* a flooded frame found no buffer */
	NET_DROP_RX_STALLED,	/* no buffer, and none for long */
	NET_DROP_RX_GRANT,	/* the receiver's page is not granted */
	NET_DROP_RX_SIZE,	/* too long for a receiver without SG, or for the wire */
	NET_DROP_RX_OFFLOAD,	/* checksum or segments can't be made */
	NET_COUNTERS,
};

struct net_counts {
	uint64_t n[NET_COUNTERS];
};

struct net_port;
struct net_batch;
struct capture;

enum net_verdict {
	NET_SENT,
	NET_DROPPED,		/* and counted */
	NET_WAIT,		/* nothing done: offer the frame again later */
};

struct net_port_ops {
	/*
	 * Take a frame. Only if `may_wait` the answer can be NET_WAIT, and
	 * then b->waiter's owner is told when to go on. May leave the
	 * destination locked in b->out for the next frame. The frame may be
	 * changed to an equal one (checksum finished).
	 */
	enum net_verdict (*deliver)(struct net_port *p, struct net_batch *b,
				    struct net_frame *f, bool may_wait);
	/* Publish, notify and unlock what deliver() left in b->out. */
	void (*flush)(struct net_batch *b);
};

struct net_port_config {
	uint8_t mac[6];
	uint16_t vlan;		/* of untagged frames; 0: the untagged network */
	uint16_t trunk[NET_TRUNK_MAX];	/* VLANs that pass tagged */
	unsigned int trunk_count;
	bool spoof_check;	/* only `mac` may be a source */
	/*
	 * A wire rather than a host: many addresses, every VLAN passes tagged
	 * (or those of `trunk`, if there are any), management frames are
	 * allowed. Nobody waits for it and it waits for nobody.
	 */
	bool uplink;
	/* The hypervisor's own port: nobody else's takes management frames. */
	bool mgmt;
};

struct net_port {
	unsigned int id;	/* index in the table */
	char name[24];		/* "vif3.0" */
	const struct net_port_ops *ops;
	uint64_t mac;
	_Atomic(struct capture *) capture;	/* net/capture.h; NULL: none */
	struct net_port_config config;
	unsigned int mac_count;	/* learned; LOCK_NET_FDB */
	unsigned int mac_limit;
	unsigned int queue_count;	/* of counters */
	struct net_counts counts[NET_QUEUE_MAX];
};

/* Empty the table. Boot only. */
void port_table_init(void);

/*
 * Prepare a port that is not in the table yet. -EINVAL: a multicast or zero
 * MAC, a VLAN id out of range, too many trunks.
 */
MUST_CHECK int port_init(struct net_port *p, const char *name,
			 const struct net_port_config *config, const struct net_port_ops *ops);

/* Enter the table (and be found by senders). -ENOSPC. */
MUST_CHECK int port_add(struct net_port *p);

/* Leave the table; free the memory by quiesce_call(). */
void port_remove(struct net_port *p);

/* One more than the highest id in use. */
unsigned int port_limit(void);

/* The port with that id, or NULL. No lock; see above. */
struct net_port *port_get(unsigned int id);

const char *net_counter_name(enum net_counter c);
/* Sum over a port's queues. */
uint64_t port_count(const struct net_port *p, enum net_counter c);
/* Sum over all ports, gone ones too. */
uint64_t net_count(enum net_counter c);

/* Call `fn` for each port; it must not add or remove one. */
void net_for_each_port(void (*fn)(const struct net_port *p, void *ctx), void *ctx);

#endif
