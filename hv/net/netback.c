/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vifs that guests drive by netfront: their side in XenStore (Xen public header
 * io/netif.h).
 *
 * Locking: the device's callbacks run one at a time. See net/netback.h.
 */
#include "net/netback.h"

#include "lib/fmt.h"
#include "xenstore/xenbus.h"

const struct net_port_ops netback_ops = {
	.deliver = netback_deliver,
	.flush = netback_flush,
};

void netback_fail(struct vif *v, const char *why)
{
	if (atomic_exchange_explicit(&v->broken, true, memory_order_relaxed)) {
		return;
	}
	atomic_fetch_add_explicit(&v->domain->stats.misuse, 1, memory_order_relaxed);
	xenbus_fail(v->dev, why);
}

/* --- what the frontend says ------------------------------------------------- */

static int publish(struct xenbus_device *dev)
{
	static const char *const features[] = {
		"feature-rx-copy", "feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6",
		"feature-ipv6-csum-offload", "feature-split-event-channels",
	};
	struct vif *v = dev->priv;
	int err;

	v->dev = dev;
	err = xenbus_printf(dev, "multi-queue-max-queues", "%u", v->max_queues);
	for (unsigned int i = 0; i < ARRAY_SIZE(features) && err == 0; i++) {
		err = xenbus_printf(dev, features[i], "1");
	}
	return err;
}

/* A key that is 1 or 0; absent means 0. Nonsense is an error. */
static int read_flag(struct xenbus_device *dev, const char *key, bool *out)
{
	uint32_t value;
	int err = xenbus_read_u32_or(dev, key, 0, &value);

	*out = err == 0 && value != 0;
	return err;
}

static int read_features(struct xenbus_device *dev, struct netback_queue_config *c)
{
	static const struct {
		const char *key;
		unsigned int feature;
		bool absent_means_yes;	/* the key says no */
	} keys[] = {
		{ "feature-sg", NETBACK_SG, false },
		{ "feature-gso-tcpv4", NETBACK_GSO4, false },
		{ "feature-gso-tcpv6", NETBACK_GSO6, false },
		{ "feature-no-csum-offload", NETBACK_CSUM4, true },
		{ "feature-ipv6-csum-offload", NETBACK_CSUM6, false },
	};
	bool on;
	int err;

	c->rx_features = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		err = read_flag(dev, keys[i].key, &on);
		if (err != 0) {
			return err;
		}
		if (on != keys[i].absent_means_yes) {
			c->rx_features |= keys[i].feature;
		}
	}
	err = read_flag(dev, "request-rx-copy", &on);
	if (err == 0 && !on) {
		err = -EINVAL;
	}
	return err != 0 ? err : read_flag(dev, "feature-rx-notify", &c->rx_notify);
}

static int read_queue(struct xenbus_device *dev, unsigned int count, unsigned int index,
		      struct netback_queue_config *c)
{
	int err = xenbus_read_queue_u32(dev, count, index, "tx-ring-ref", &c->tx_ref);

	if (err == 0) {
		err = xenbus_read_queue_u32(dev, count, index, "rx-ring-ref", &c->rx_ref);
	}
	if (err != 0) {
		return err;
	}
	err = xenbus_read_queue_u32(dev, count, index, "event-channel-tx", &c->tx_port);
	if (err == 0) {
		return xenbus_read_queue_u32(dev, count, index, "event-channel-rx", &c->rx_port);
	}
	err = xenbus_read_queue_u32(dev, count, index, "event-channel", &c->tx_port);
	c->rx_port = c->tx_port;
	return err;
}

/* --- connection --------------------------------------------------------------- */

static void queues_destroy(struct vif *v)
{
	/* No new sender finds a queue; those who hold one find it not up. */
	atomic_store_explicit(&v->queue_count, 0, memory_order_release);
	for (unsigned int i = 0; i < NET_QUEUE_MAX; i++) {
		struct netback_queue *q =
			atomic_load_explicit(&v->queue[i], memory_order_relaxed);

		if (q != NULL) {
			atomic_store_explicit(&v->queue[i], NULL, memory_order_release);
			netback_queue_destroy(q);
		}
	}
}

static void vif_disconnect(struct xenbus_device *dev)
{
	struct vif *v = dev->priv;

	queues_destroy(v);
	vif_tell_uplink(v, false);
}

static int vif_connect(struct xenbus_device *dev)
{
	struct vif *v = dev->priv;
	struct netback_queue_config c;
	uint32_t count;
	int err = xenbus_read_u32_or(dev, "multi-queue-num-queues", 1, &count);

	if (err == 0 && (count == 0 || count > v->max_queues)) {
		err = -EINVAL;
	}
	if (err == 0) {
		err = read_features(dev, &c);
	}
	if (err != 0) {
		return err;
	}
	atomic_store_explicit(&v->broken, false, memory_order_relaxed);
	v->port.queue_count = MAX(v->port.queue_count, count);
	for (unsigned int i = 0; i < count; i++) {
		struct netback_queue *q;

		err = read_queue(dev, count, i, &c);
		if (err == 0) {
			err = netback_queue_create(v, i, &c, &q);
		}
		if (err != 0) {
			queues_destroy(v);
			return err;
		}
		atomic_store_explicit(&v->queue[i], q, memory_order_release);
	}
	atomic_store_explicit(&v->queue_count, count, memory_order_release);
	for (unsigned int i = 0; i < count; i++) {
		netback_queue_start(atomic_load_explicit(&v->queue[i], memory_order_relaxed));
	}
	vif_tell_uplink(v, true);
	return 0;
}

static const struct xenbus_driver vif_driver = {
	.type = "vif",
	/* netfront's event handler isn't ready before that. */
	.connect_at = XENBUS_CONNECTED,
	.init = publish,
	.connect = vif_connect,
	.disconnect = vif_disconnect,
};

int netback_create(struct vif *v, const struct vm_vif_config *config)
{
	const uint8_t *m = config->mac;
	struct xenbus_device *dev;
	char handle[12];
	char mac[18];
	char mtu[12];
	const struct xenbus_key front[] = {
		{ "handle", handle }, { "mac", mac }, { "mtu", mtu }, { NULL, NULL },
	};
	const struct xenbus_key back[] = {
		{ "handle", handle }, { "mac", mac }, { NULL, NULL },
	};

	v->max_queues = MIN(v->domain->vcpu_count, NET_QUEUE_MAX);
	if (config->queues != 0) {
		v->max_queues = MIN(v->max_queues, config->queues);
	}
	fmt_buf(handle, sizeof(handle), "%u", v->index);
	fmt_buf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
		m[4], m[5]);
	fmt_buf(mtu, sizeof(mtu), "%u", config->mtu);
	return xenbus_device_create(&vif_driver, v->domain->id, v->index, front, back, v, &dev);
}
