/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vifs: ports of the switch that are network devices of guests. See net/vif.h.
 */
#include "net/vif.h"

#include "kern/log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "net/net.h"
#include "net/netback.h"
#include "net/vnet.h"
#include "xenstore/xenbus.h"
#include "xenstore/xenstore.h"

#define BACKENDS	"/local/domain/0/backend/vif"
#define UNPLUG_POLL_NS	50000000ULL

void (*net_uplink_hook)(const struct net_port *p, bool up);

static bool port_is_vif(const struct net_port *p)
{
	return p->ops == &netback_ops || p->ops == &vnet_ops;
}

void vif_tell_uplink(const struct vif *v, bool up)
{
	if (v->port.config.uplink && net_uplink_hook != NULL) {
		net_uplink_hook(&v->port, up);
	}
}

void vif_hung(const struct vif *v)
{
	log_warn("net", "%s: took no frames for %u s", v->port.name, v->hang_s);
	domain_shutdown(v->domain, SHUTDOWN_WATCHDOG);
}

/*
 * After the first pass nobody queues work of the device; once none is left,
 * one that was being run has ended when all CPUs passed again.
 */
static void vif_free(struct quiesce *x)
{
	struct vif *v = container_of(x, struct vif, quiesce);
	bool busy = v->vnet != NULL && vnet_has_work(v->vnet);

	if (busy || (v->vnet != NULL && !v->idle_seen)) {
		v->idle_seen = !busy;
		quiesce_call(&v->quiesce, vif_free);
		return;
	}
	heap_free(v->vnet);
	heap_free(v);
}

/* Whether the caller is the one who removes it. */
static bool vif_claim(struct vif *v)
{
	return !atomic_exchange_explicit(&v->claimed, true, memory_order_acq_rel);
}

static void vif_remove(struct vif *v)
{
	timer_cancel(&v->unplug_timer);
	if (v->vnet != NULL) {
		vnet_stop(v->vnet);
	} else {
		xenbus_device_destroy(v->dev);
	}
	/* Last: whoever waits for it to go looks for the port. */
	switch_detach(&v->port);
	quiesce_call(&v->quiesce, vif_free);
}

static void unplug_fn(struct timer *t)
{
	struct vif *v = container_of(t, struct vif, unplug_timer);

	if (v->dev->state != XENBUS_CLOSED && arch_now() < v->unplug_until) {
		timer_set(t, arch_now() + UNPLUG_POLL_NS);
	} else if (vif_claim(v)) {
		vif_remove(v);
	}
}

static int vif_port_init(struct vif *v, const struct vm_vif_config *config)
{
	struct net_port_config pc = {
		.vlan = config->vlan,
		.trunk_count = config->trunk_count,
		.spoof_check = config->spoof_check,
		.uplink = config->uplink,
	};
	char name[24];

	if (config->trunk_count > NET_TRUNK_MAX) {
		return -EINVAL;
	}
	memcpy(pc.mac, config->mac, sizeof(pc.mac));
	for (unsigned int i = 0; i < config->trunk_count; i++) {
		pc.trunk[i] = config->trunk[i];
	}
	fmt_buf(name, sizeof(name), "vif%u.%u", v->domain->id, v->index);
	return port_init(&v->port, name, &pc, config->virtio ? &vnet_ops : &netback_ops);
}

int net_vif_create(struct domain *d, unsigned int index, const struct vm_vif_config *config)
{
	struct vif *v = heap_alloc(sizeof(*v));
	int err;

	if (v == NULL) {
		return -ENOMEM;
	}
	v->domain = d;
	v->index = index;
	v->mtu = config->mtu;
	v->hang_s = config->hang_s;
	timer_init(&v->unplug_timer, unplug_fn);
	err = vif_port_init(v, config);
	if (err != 0) {
		heap_free(v);
		return err;
	}
	if (config->virtio) {
		err = vnet_create(v);
		if (err != 0) {
			heap_free(v);
			return err;
		}
	}
	err = switch_attach(&v->port);
	if (err == 0 && !config->virtio) {
		err = netback_create(v, config);
		if (err != 0) {
			switch_detach(&v->port);
		}
	}
	if (err == 0) {
		return 0;
	}
	if (v->vnet != NULL) {
		vnet_stop(v->vnet);
	}
	/* Not connected, but senders may have found the port, attached or not. */
	quiesce_call(&v->quiesce, vif_free);
	return err;
}

static struct vif *vif_find(const struct domain *d, unsigned int index)
{
	for (unsigned int i = 0; i < port_limit(); i++) {
		struct net_port *p = port_get(i);

		if (p != NULL && port_is_vif(p) && port_vif(p)->domain == d &&
		    port_vif(p)->index == index) {
			return port_vif(p);
		}
	}
	return NULL;
}

int net_vif_unplug(struct domain *d, unsigned int index)
{
	struct vif *v = vif_find(d, index);

	if (v == NULL) {
		return -ENOENT;
	}
	if (v->vnet != NULL) {
		return -EINVAL;		/* its registers are there for good */
	}
	if (v->unplug_until != 0) {
		return -EBUSY;
	}
	v->unplug_until = arch_now() + NET_UNPLUG_NS;
	xenbus_device_unplug(v->dev);
	timer_set(&v->unplug_timer, arch_now() + UNPLUG_POLL_NS);
	return 0;
}

bool net_vif_exists(const struct domain *d, unsigned int index)
{
	return vif_find(d, index) != NULL;
}

bool net_vif_is_connected(const struct domain *d, unsigned int index)
{
	const struct vif *v = vif_find(d, index);

	if (v != NULL && v->vnet != NULL) {
		return vnet_runs(v->vnet);
	}
	return v != NULL && atomic_load_explicit(&v->queue_count, memory_order_relaxed) != 0;
}

unsigned int net_port_domain(const struct net_port *p)
{
	return port_is_vif(p) ? container_of(p, const struct vif, port)->domain->id : 0;
}

void net_domain_bytes(const struct domain *d, uint64_t *to, uint64_t *from)
{
	*to = 0;
	*from = 0;
	for (unsigned int i = 0; i < port_limit(); i++) {
		const struct net_port *p = port_get(i);

		if (p != NULL && net_port_domain(p) == d->id) {
			*to += port_count(p, NET_RX_BYTES);
			*from += port_count(p, NET_TX_BYTES);
		}
	}
}

static bool vifs_destroy(struct domain *d)
{
	char path[48];

	for (unsigned int i = 0; i < port_limit(); i++) {
		struct net_port *p = port_get(i);

		if (p != NULL && port_is_vif(p) && port_vif(p)->domain == d) {
			if (!vif_claim(port_vif(p))) {
				return true;	/* being unplugged, on another CPU */
			}
			vif_remove(port_vif(p));
		}
	}
	fmt_buf(path, sizeof(path), BACKENDS "/%u", d->id);
	return xs_rm(NULL, path) == -ENOMEM;
}

int net_init(void)
{
	static const struct domain_ops ops = {
		.name = "net",
		.destroy = vifs_destroy,
	};
	int err = switch_init();

	if (err == 0) {
		err = xs_mkdir(NULL, BACKENDS);
	}
	if (err == 0) {
		domain_register_ops(&ops);
	}
	return err;
}
