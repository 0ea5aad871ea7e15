/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of ports, and the sums of their counters.
 */
#include "net/port.h"

#include "kern/cpu.h"
#include "lib/fmt.h"
#include "net/eth.h"

static struct spinlock lock = SPINLOCK_INIT(LOCK_NET_CONFIG);
static _Atomic(struct net_port *) ports[NET_PORT_MAX];
static _Atomic unsigned int limit;
static struct net_counts gone;		/* of removed ports; under the lock */

static const char *const names[NET_COUNTERS] = {
	[NET_TX_FRAMES] = "tx_frames",
	[NET_TX_BYTES] = "tx_bytes",
	[NET_TX_SLOTS] = "tx_slots",
	[NET_TX_GSO] = "tx_gso",
	[NET_TX_FLOODED] = "tx_flooded",
	[NET_TX_KICKS] = "tx_kicks",
	[NET_TX_BATCHES] = "tx_batches",
	[NET_TX_BATCH_1] = "tx_batch_1",
	[NET_TX_BATCH_2] = "tx_batch_2",
	[NET_TX_BATCH_4] = "tx_batch_4",
	[NET_TX_BATCH_8] = "tx_batch_8",
	[NET_TX_BATCH_16] = "tx_batch_16",
	[NET_TX_BATCH_32] = "tx_batch_32",
	[NET_TX_BATCH_64] = "tx_batch_64",
	[NET_TX_EVENTS] = "tx_events",
	[NET_TX_EVENTS_SAVED] = "tx_events_saved",
	[NET_TX_WAITS] = "tx_waits",
	[NET_DROP_RUNT] = "drop_runt",
	[NET_DROP_MALFORMED] = "drop_malformed",
	[NET_DROP_TX_GRANT] = "drop_tx_grant",
	[NET_DROP_SPOOF] = "drop_spoof",
	[NET_DROP_SELF] = "drop_self",
	[NET_DROP_MGMT] = "drop_mgmt",
	[NET_DROP_VLAN] = "drop_vlan",
	[NET_DROP_NO_PORT] = "drop_no_port",
	[NET_DROP_DOWN] = "drop_down",
	[NET_DROP_UPLINK] = "drop_uplink",
	[NET_DROP_LEARN] = "drop_learn",
	[NET_RX_FRAMES] = "rx_frames",
	[NET_RX_BYTES] = "rx_bytes",
	[NET_RX_SLOTS] = "rx_slots",
	[NET_RX_GSO] = "rx_gso",
	[NET_RX_KICKS] = "rx_kicks",
	[NET_RX_EVENTS] = "rx_events",
	[NET_RX_EVENTS_SAVED] = "rx_events_saved",
	[NET_RX_WAITED] = "rx_waited",
	[NET_RX_COPIES] = "rx_copies",
	[NET_RX_COPIED_BYTES] = "rx_copied_bytes",
	[NET_RX_MERGED] = "rx_merged",
	[NET_RX_CSUM] = "rx_csum",
	[NET_RX_SEGMENTS] = "rx_segments",
	[NET_DROP_RX_FULL] = "drop_rx_full",
	[NET_DROP_RX_STALLED] = "drop_rx_stalled",
	[NET_DROP_RX_GRANT] = "drop_rx_grant",
	[NET_DROP_RX_SIZE] = "drop_rx_size",
	[NET_DROP_RX_OFFLOAD] = "drop_rx_offload",
};

void port_table_init(void)
{
	for (unsigned int i = 0; i < NET_PORT_MAX; i++) {
		atomic_store_explicit(&ports[i], NULL, memory_order_relaxed);
	}
	atomic_store_explicit(&limit, 0, memory_order_relaxed);
	gone = (struct net_counts){ 0 };
}

int port_init(struct net_port *p, const char *name, const struct net_port_config *config,
	      const struct net_port_ops *ops)
{
	uint64_t mac = mac_from_bytes(config->mac);

	if (mac == 0 || mac_is_multicast(mac) || config->vlan > VLAN_VID_MAX ||
	    config->trunk_count > NET_TRUNK_MAX) {
		return -EINVAL;
	}
	for (unsigned int i = 0; i < config->trunk_count; i++) {
		if (config->trunk[i] == 0 || config->trunk[i] > VLAN_VID_MAX) {
			return -EINVAL;
		}
	}
	*p = (struct net_port){ .ops = ops, .mac = mac, .config = *config };
	str_copy(p->name, name, sizeof(p->name));
	p->mac_limit = config->uplink ? UINT32_MAX : NET_MAC_LIMIT;
	p->queue_count = 1;
	return 0;
}

int port_add(struct net_port *p)
{
	int err = -ENOSPC;

	spin_lock(&lock);
	for (unsigned int i = 0; i < NET_PORT_MAX; i++) {
		if (atomic_load_explicit(&ports[i], memory_order_relaxed) == NULL) {
			p->id = i;
			/* Release: senders find a complete port. */
			atomic_store_explicit(&ports[i], p, memory_order_release);
			if (i >= atomic_load_explicit(&limit, memory_order_relaxed)) {
				atomic_store_explicit(&limit, i + 1, memory_order_release);
			}
			err = 0;
			break;
		}
	}
	spin_unlock(&lock);
	return err;
}

void port_remove(struct net_port *p)
{
	spin_lock(&lock);
	atomic_store_explicit(&ports[p->id], NULL, memory_order_release);
	for (unsigned int c = 0; c < NET_COUNTERS; c++) {
		gone.n[c] += port_count(p, (enum net_counter)c);
	}
	spin_unlock(&lock);
}

unsigned int port_limit(void)
{
	return atomic_load_explicit(&limit, memory_order_acquire);
}

struct net_port *port_get(unsigned int id)
{
	/* Pairs with the release in port_add(). */
	return id < NET_PORT_MAX ? atomic_load_explicit(&ports[id], memory_order_acquire) : NULL;
}

const char *net_counter_name(enum net_counter c)
{
	return (unsigned int)c < NET_COUNTERS ? names[c] : "?";
}

uint64_t port_count(const struct net_port *p, enum net_counter c)
{
	uint64_t sum = 0;

	for (unsigned int q = 0; q < p->queue_count; q++) {
		sum += READ_ONCE(p->counts[q].n[c]);
	}
	return sum;
}

uint64_t net_count(enum net_counter c)
{
	uint64_t sum;

	spin_lock(&lock);
	sum = gone.n[c];
	for (unsigned int i = 0; i < port_limit(); i++) {
		const struct net_port *p = port_get(i);

		if (p != NULL) {
			sum += port_count(p, c);
		}
	}
	spin_unlock(&lock);
	return sum;
}

void net_for_each_port(void (*fn)(const struct net_port *p, void *ctx), void *ctx)
{
	for (unsigned int i = 0; i < port_limit(); i++) {
		const struct net_port *p = port_get(i);

		if (p != NULL) {
			fn(p, ctx);
		}
	}
}
