/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio network device: life, features, control queue. See net/vnet.h.
 */
#include "net/vnet.h"

#include "kern/log.h"
#include "lib/string.h"
#include "mem/heap.h"

#define OFFERED	(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VNET_F_CSUM | VNET_F_HOST_TSO4 | \
		 VNET_F_HOST_TSO6 | VNET_OFFLOADS | VNET_F_GUEST_OFFLOADS | VNET_F_CTRL_VQ | \
		 VNET_F_MTU | VNET_F_MAC | VNET_F_MRG_RXBUF | VNET_F_STATUS)

const struct net_port_ops vnet_ops = {
	.deliver = vnet_deliver,
	.flush = vnet_flush,
};

static struct vnet *vnet_of(struct virtio_device *dev)
{
	return container_of(dev, struct vnet, dev);
}

/* --- the control queue ---------------------------------------------------------- */

#define COMMAND_MAX	16U

struct command {
	uint8_t text[COMMAND_MAX];	/* class, command, data */
	uint32_t len;
};

/* A long one is cut off: none that is known is that long. */
static int command_read(struct vring *r, struct vring_chain *c, struct command *out)
{
	uint8_t *data;
	uint32_t len;
	int err;

	out->len = 0;
	do {
		err = vring_piece(r, c, false, COMMAND_MAX - out->len, &data, &len);
		if (err == 0) {
			memcpy(out->text + out->len, data, len);
			out->len += len;
		}
	} while (err == 0 && len != 0 && out->len < COMMAND_MAX);
	while (err == 0 && !c->writable && (c->len != 0 || c->more)) {
		c->len = 0;
		err = vring_piece(r, c, false, 0, &data, &len);
	}
	return err;
}

static bool offloads_set(struct vnet *n, const struct command *c)
{
	uint64_t offloads;

	if (c->len != 10 || c->text[1] != VNET_CTRL_OFFLOADS_SET) {
		return false;
	}
	memcpy(&offloads, c->text + 2, sizeof(offloads));
	if ((offloads & ~(n->dev.features & VNET_OFFLOADS)) != 0) {
		return false;
	}
	spin_lock(&n->rx_lock);
	n->rx_features = (n->dev.features & ~VNET_OFFLOADS) | offloads;
	spin_unlock(&n->rx_lock);
	return true;
}

/* One command: parts to be read, then a byte to be written. */
static int command_do(struct vnet *n, struct vring_chain *c)
{
	struct command cmd;
	uint8_t *ack;
	uint32_t len;
	bool good;
	int err = command_read(&n->ctrl, c, &cmd);

	if (err == 0) {
		err = vring_piece(&n->ctrl, c, true, 1, &ack, &len);
	}
	if (err != 0 || len == 0) {
		return -EINVAL;
	}
	good = cmd.len >= 2 && cmd.text[0] == VNET_CTRL_OFFLOADS && offloads_set(n, &cmd);
	*ack = (uint8_t)(good ? VNET_CTRL_OK : VNET_CTRL_ERROR);
	return 0;
}

/* As many as there can be, for none is given back before the end, and a look for more. */
static void commands_do_locked(struct vnet *n)
{
	vring_begin(&n->ctrl);
	for (unsigned int i = 0; i <= VNET_CTRL_ENTRIES; i++) {
		struct vring_chain c;
		uint16_t count;
		int err;

		/* Before it stops: it asked for a notification, then looked. */
		vring_ask(&n->ctrl, 1);
		err = vring_avail(&n->ctrl, &count);
		if (err == 0 && count == 0) {
			break;
		}
		if (err == 0) {
			err = vring_take(&n->ctrl, &c);
		}
		if (err == 0) {
			err = command_do(n, &c);
		}
		if (err != 0) {
			virtio_fail(&n->dev, "control queue");
			return;
		}
		vring_give(&n->ctrl, c.head, 1);
	}
	vring_publish(&n->ctrl);
	if (vring_wants_irq(&n->ctrl)) {
		virtio_raise(&n->dev, VMMIO_IRQ_RING);
	}
}

static void ctrl_kick(struct vnet *n)
{
	spin_lock(&n->dev.lock);
	if (n->dev.running && n->ctrl.size != 0) {
		commands_do_locked(n);
	}
	spin_unlock(&n->dev.lock);
}

/* --- what the registers ask for -------------------------------------------------- */

/* Virtio 1.2, 5.1.3.1: which of them need others. */
static bool features_good(uint64_t features)
{
	static const struct {
		uint64_t these;
		uint64_t need;
	} rules[] = {
		{ VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6, VNET_F_CSUM },
		{ VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6, VNET_F_GUEST_CSUM },
		{ VNET_F_GUEST_OFFLOADS, VNET_F_CTRL_VQ },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if ((features & rules[i].these) != 0 && (features & rules[i].need) == 0) {
			return false;
		}
	}
	return true;
}

static struct vring *ring_of(struct vnet *n, unsigned int queue)
{
	return queue == VNET_RX ? &n->rx : queue == VNET_TX ? &n->tx : &n->ctrl;
}

static int queue_open(struct virtio_device *dev, unsigned int queue)
{
	const struct virtio_queue *q = &dev->queue[queue];
	struct vring_config c = {
		.size = q->num, .desc = { q->desc }, .avail = { q->driver }, .used = { q->device },
	};

	/* Nobody touches it before run(). */
	return vring_open(ring_of(vnet_of(dev), queue), dev->domain, &c,
			  (dev->features & VIRTIO_F_EVENT_IDX) != 0);
}

static void queue_close(struct virtio_device *dev, unsigned int queue)
{
	struct vnet *n = vnet_of(dev);

	if (queue == VNET_TX) {
		spin_lock(&n->tx_lock);
		n->tx_up = false;
		spin_unlock(&n->tx_lock);
		timer_cancel(&n->tx_timer);
	} else if (queue == VNET_RX) {
		spin_lock(&n->rx_lock);
		n->rx_up = false;
		spin_unlock(&n->rx_lock);
		timer_cancel(&n->hang_timer);
	}
	vring_close(ring_of(n, queue));
}

static void run(struct virtio_device *dev)
{
	struct vnet *n = vnet_of(dev);

	spin_lock(&n->tx_lock);
	n->tx_up = n->tx.size != 0;
	n->tx_poll.on = false;
	spin_unlock(&n->tx_lock);
	spin_lock(&n->rx_lock);
	n->rx_up = n->rx.size != 0;
	n->rx_posted = false;
	n->rx_features = dev->features;
	if (n->rx_up) {
		/* Who needs buffers looks for them: no notifications. */
		vring_ask(&n->rx, 0);
	}
	spin_unlock(&n->rx_lock);
	/* Frames that were there before. */
	work_queue(&n->tx_work);
}

static void changed(struct virtio_device *dev, bool runs)
{
	struct vnet *n = vnet_of(dev);

	/* As xenbus says of others. */
	log_guest(dev->domain->id, "vif %u %s", n->vif->index, runs ? "connected" : "disconnected");
	vif_tell_uplink(n->vif, runs);
	if (!runs && virtio_failed(dev)) {
		spin_lock(&n->rx_lock);
		if (n->rx_up) {
			vnet_hang_watch_locked(n);
		}
		spin_unlock(&n->rx_lock);
	}
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	if (queue == VNET_TX) {
		vnet_tx_kick(vnet_of(dev));
	} else if (queue == VNET_CTRL) {
		ctrl_kick(vnet_of(dev));
	}
}

/* --- life -------------------------------------------------------------------------- */

static void config_fill(struct vnet *n)
{
	n->config.status = VNET_LINK_UP;
	n->config.max_pairs = 1;
	n->config.mtu = (uint16_t)n->vif->mtu;
	memcpy(n->config.mac, n->vif->port.config.mac, sizeof(n->config.mac));
}

static void device_init(struct vnet *n)
{
	static const struct virtio_ops ops = {
		.features_good = features_good, .queue_open = queue_open,
		.queue_close = queue_close, .run = run, .changed = changed, .notify = notify,
	};

	n->dev.ops = &ops;
	n->dev.domain = n->vif->domain;
	n->dev.slot = n->vif->index;
	n->dev.id = VIRTIO_ID_NET;
	n->dev.offered = OFFERED;
	n->dev.config = &n->config;
	n->dev.config_size = sizeof(n->config);
	n->dev.queue[VNET_RX].max = VNET_ENTRIES;
	n->dev.queue[VNET_TX].max = VNET_ENTRIES;
	n->dev.queue[VNET_CTRL].max = VNET_CTRL_ENTRIES;
	virtio_init(&n->dev);
}

int vnet_create(struct vif *v)
{
	struct vnet *n = heap_alloc(sizeof(*n));
	int err;

	if (n == NULL) {
		return -ENOMEM;
	}
	n->vif = v;
	n->counts = v->port.counts[0].n;
	config_fill(n);
	device_init(n);
	spin_init(&n->tx_lock, LOCK_NET_TX);
	spin_init(&n->rx_lock, LOCK_NET_RX);
	timer_init(&n->tx_timer, vnet_tx_timer);
	timer_init(&n->hang_timer, vnet_hang_timer);
	work_init(&n->tx_work, vnet_tx_work);
	work_init(&n->tx_poll.work, vnet_tx_poll);
	err = mmio_attach(v->domain, v->index, virtio_mmio, &n->dev);
	if (err != 0) {
		heap_free(n);
		return err;
	}
	v->vnet = n;
	return 0;
}

void vnet_stop(struct vnet *n)
{
	virtio_reset(&n->dev);
	mmio_detach(n->vif->domain, n->vif->index);
}

bool vnet_has_work(struct vnet *n)
{
	return atomic_load_explicit(&n->tx_work.queued, memory_order_acquire) != 0 ||
	       atomic_load_explicit(&n->tx_poll.work.queued, memory_order_acquire) != 0 ||
	       atomic_load_explicit(&n->dev.failing.queued, memory_order_acquire) != 0;
}

bool vnet_runs(const struct vnet *n)
{
	return READ_ONCE(n->dev.running) && !virtio_failed(&n->dev);
}
