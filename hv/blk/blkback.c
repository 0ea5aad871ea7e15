/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vbds: volumes that are block devices of guests, and their side in XenStore
 * (Xen public header io/blkif.h).
 *
 * Locking: the device's callbacks run one at a time. The list of vbds under
 * LOCK_BLK_CONFIG.
 */
#include "blk/blkback.h"

#include "blk/blk.h"
#include "blk/dd.h"
#include "kern/log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "xenstore/xenbus.h"
#include "xenstore/xenstore.h"

#define BACKENDS "/local/domain/0/backend/vbd"

static struct spinlock lock = SPINLOCK_INIT(LOCK_BLK_CONFIG);
static struct list vbds = LIST_INIT(vbds);

#define BUSY_NS	1000000ULL	/* between looks at requests in flight */

static void reap_fn(struct work *w);
static void reap_later(struct timer *t);

static struct work reap_work = {
	.node = LIST_INIT(reap_work.node),
	.fn = reap_fn,
};
static struct timer reap_timer;

void vbd_fail(struct vbd *v, const char *why)
{
	struct xenbus_device *dev = atomic_load_explicit(&v->dev, memory_order_acquire);

	if (atomic_exchange_explicit(&v->broken, true, memory_order_relaxed)) {
		return;
	}
	atomic_fetch_add_explicit(&v->domain->stats.misuse, 1, memory_order_relaxed);
	/* The device is there while its ring is walked, unless it's being removed. */
	if (dev != NULL) {
		xenbus_fail(dev, why);
	}
}

/* The volume's target became known, or grew; any CPU, the target's lock held. */
static void volume_changed(void *ctx)
{
	struct vbd *v = ctx;
	struct xenbus_device *dev = atomic_load_explicit(&v->dev, memory_order_acquire);

	if (dev != NULL) {
		xenbus_poke(dev);
	}
}

/* --- what the frontend says ---------------------------------------------------- */

static int publish(struct xenbus_device *dev)
{
	struct vbd *v = dev->priv;
	int err = xenbus_printf(dev, "multi-queue-max-queues", "%u", v->max_queues);

	if (err == 0) {
		err = xenbus_printf(dev, "max-ring-page-order", "%u", BLKIF_ORDER_MAX);
	}
	if (err == 0) {
		err = xenbus_printf(dev, "feature-max-indirect-segments", "%u", BLK_PIECES_MAX);
	}
	return err;
}

static int read_queue(struct xenbus_device *dev, unsigned int count, unsigned int index,
		      struct vbd_queue_config *c)
{
	uint32_t port;
	int err = xenbus_read_queue_u32(dev, count, index, "event-channel", &port);

	c->port = port;
	if (err == 0 && c->order == 0) {
		err = xenbus_read_queue_u32(dev, count, index, "ring-ref", &c->ref[0]);
		if (err != -ENOENT) {
			return err;
		}
		err = 0;
	}
	for (unsigned int i = 0; err == 0 && i < 1U << c->order; i++) {
		char key[16];

		fmt_buf(key, sizeof(key), "ring-ref%u", i);
		err = xenbus_read_queue_u32(dev, count, index, key, &c->ref[i]);
	}
	return err;
}

/* Both 64-bit layouts are the one we speak. */
static int check_protocol(struct xenbus_device *dev)
{
	char name[24];
	int err = xenbus_read(dev, "protocol", name, sizeof(name));

	if (err == -ENOENT) {
		return 0;
	}
	if (err == 0 && strcmp(name, "arm-abi") != 0 && strcmp(name, "x86_64-abi") != 0) {
		err = -EINVAL;
	}
	return err;
}

static int read_layout(struct xenbus_device *dev, uint32_t *count, uint32_t *order)
{
	struct vbd *v = dev->priv;
	int err = check_protocol(dev);

	if (err == 0) {
		err = xenbus_read_u32_or(dev, "multi-queue-num-queues", 1, count);
	}
	if (err == 0) {
		err = xenbus_read_u32_or(dev, "ring-page-order", 0, order);
	}
	if (err == 0 && (*count == 0 || *count > v->max_queues || *order > BLKIF_ORDER_MAX)) {
		err = -EINVAL;
	}
	return err;
}

/* --- connection ------------------------------------------------------------------- */

static int publish_size(struct xenbus_device *dev, const struct blk_info *i)
{
	struct vbd *v = dev->priv;

	v->sectors = i->sectors;
	return xenbus_printf(dev, "sectors", "%llu", (unsigned long long)i->sectors);
}

static int publish_info(struct xenbus_device *dev, const struct blk_info *i)
{
	int err = publish_size(dev, i);

	if (err == 0) {
		err = xenbus_printf(dev, "info", "%u", i->read_only ? BLKIF_INFO_READONLY : 0);
	}
	if (err == 0) {
		err = xenbus_printf(dev, "sector-size", "%u", i->sector_size);
	}
	if (err == 0) {
		err = xenbus_printf(dev, "physical-sector-size", "%u", i->physical_size);
	}
	if (err == 0) {
		err = xenbus_printf(dev, "feature-flush-cache", "%u", i->flush);
	}
	if (err == 0) {
		err = xenbus_printf(dev, "feature-discard", "%u", i->discard && !i->read_only);
	}
	if (err == 0 && i->discard) {
		err = xenbus_printf(dev, "discard-granularity", "%u", i->discard_granularity);
	}
	if (err == 0 && i->discard) {
		err = xenbus_printf(dev, "discard-alignment", "0");
	}
	return err;
}

static void vbd_disconnect(struct xenbus_device *dev)
{
	struct vbd *v = dev->priv;

	for (unsigned int i = 0; i < BLKBACK_QUEUES; i++) {
		if (v->queue[i] != NULL) {
			vbd_queue_destroy(v->queue[i]);
			v->queue[i] = NULL;
		}
	}
}

static int make_queues(struct xenbus_device *dev, uint32_t count, struct vbd_queue_config *c)
{
	struct vbd *v = dev->priv;
	int err = 0;

	for (unsigned int i = 0; i < count && err == 0; i++) {
		err = read_queue(dev, count, i, c);
		if (err == 0) {
			err = vbd_queue_create(v, i, c, &v->queue[i]);
		}
	}
	return err;
}

static int vbd_connect(struct xenbus_device *dev)
{
	struct vbd *v = dev->priv;
	struct vbd_queue_config c;
	struct blk_info info;
	uint32_t count, order;
	int err;

	blk_volume_info(v->volume, &info);
	if (!info.known) {
		return -EAGAIN;
	}
	err = read_layout(dev, &count, &order);
	if (err != 0) {
		return err;
	}
	atomic_store_explicit(&v->broken, false, memory_order_relaxed);
	c.order = order;
	c.unit = info.sector_size >> BLK_SECTOR_SHIFT;
	err = make_queues(dev, count, &c);
	if (err == 0) {
		err = publish_info(dev, &info);
	}
	if (err != 0) {
		vbd_disconnect(dev);
		return err;
	}
	for (unsigned int i = 0; i < count; i++) {
		vbd_queue_start(v->queue[i]);
	}
	return 0;
}

/* Resized. */
static bool vbd_refresh(struct xenbus_device *dev)
{
	struct vbd *v = dev->priv;
	struct blk_info info;

	blk_volume_info(v->volume, &info);
	if (info.sectors == v->sectors || publish_size(dev, &info) != 0) {
		return false;
	}
	log_notice("blk", "%s has %llu sectors now", v->volume->name,
		   (unsigned long long)info.sectors);
	return true;
}

static void replug_fn(struct timer *t)
{
	struct vbd *v = container_of(t, struct vbd, replug_timer);

	atomic_store_explicit(&v->replug, true, memory_order_release);
	work_queue(&reap_work);
}

/*
 * blkfront never takes a device again that it closed: after its module was
 * loaded anew it finds a new one. Not at once, or the module could not go.
 */
static void vbd_closed(struct xenbus_device *dev)
{
	struct vbd *v = dev->priv;

	if (!atomic_load_explicit(&dev->unplug, memory_order_relaxed)) {
		timer_set(&v->replug_timer, arch_now() + BLKBACK_REPLUG_NS);
		return;
	}
	atomic_store_explicit(&v->unplugged, true, memory_order_release);
	work_queue(&reap_work);
}

static const struct xenbus_driver vbd_driver = {
	.type = "vbd",
	.connect_at = XENBUS_INITIALISED,
	.init = publish,
	.connect = vbd_connect,
	.disconnect = vbd_disconnect,
	.refresh = vbd_refresh,
	.closed = vbd_closed,
};

/* --- creation and removal ----------------------------------------------------------- */

/* A new device has another path than the last one, so that the guest sees both. */
static unsigned int device_id(const struct vbd *v)
{
	return v->config.device | (v->generation & 1) << 30;
}

static int vbd_device_create(struct vbd *v)
{
	const struct vm_vbd_config *config = &v->config;
	struct xenbus_device *dev;
	char number[12];
	const struct xenbus_key front[] = {
		{ "virtual-device", number }, { "device-type", "disk" }, { NULL, NULL },
	};
	const struct xenbus_key back[] = {
		{ "dev", config->name }, { "params", config->target }, { "type", "phy" },
		{ "mode", config->read_only ? "r" : "w" }, { "device-type", "disk" },
		{ NULL, NULL },
	};
	int err;

	fmt_buf(number, sizeof(number), "%u", config->device);
	err = xenbus_device_create(&vbd_driver, v->domain->id, device_id(v), front, back, v, &dev);
	if (err == 0) {
		/* Release: who finds it may poke it. */
		atomic_store_explicit(&v->dev, dev, memory_order_release);
		/* The target may have been found before anybody could be told. */
		xenbus_poke(dev);
	}
	return err;
}

static int volume_open(struct vbd *v)
{
	const struct vm_vbd_config *config = &v->config;
	const struct blk_volume_config vc = {
		.read_only = config->read_only,
		.iops = config->iops,
		.bytes_per_s = (uint64_t)config->kib_per_s << 10,
		.outage_ns = (uint64_t)config->outage_s * 1000000000ULL,
	};
	struct blk_target *t;
	char name[BLK_NAME_MAX];
	int err = blk_target_open(config->target, &t);

	if (err != 0) {
		return err;
	}
	fmt_buf(name, sizeof(name), "%s.%s", v->domain->name, config->name);
	err = blk_volume_create(name, t, &vc, volume_changed, v, &v->volume);
	if (err != 0) {
		blk_target_close(t);
	}
	return err;
}

int blk_vbd_create(struct domain *d, unsigned int index, const struct vm_vbd_config *config)
{
	struct vbd *v = heap_alloc(sizeof(*v));
	int err;

	if (v == NULL) {
		return -ENOMEM;
	}
	v->domain = d;
	v->index = index;
	v->config = *config;
	timer_init(&v->replug_timer, replug_fn);
	v->max_queues = MIN(d->vcpu_count, BLKBACK_QUEUES);
	if (config->queues != 0) {
		v->max_queues = MIN(v->max_queues, config->queues);
	}
	err = volume_open(v);
	if (err != 0) {
		heap_free(v);
		return err;
	}
	spin_lock(&lock);
	list_push_back(&vbds, &v->node);
	spin_unlock(&lock);
	err = vbd_device_create(v);
	if (err != 0) {
		spin_lock(&lock);
		list_remove(&v->node);
		spin_unlock(&lock);
		blk_volume_destroy(v->volume);
		heap_free(v);
	}
	return err;
}

/*
 * The device goes at once, what is in flight may take longer. volume_changed(),
 * which is called under the target's lock, may have found it just before.
 */
static void device_remove(struct vbd *v)
{
	struct xenbus_device *dev = atomic_load_explicit(&v->dev, memory_order_relaxed);

	if (dev != NULL) {
		spin_lock(&v->volume->target->lock);
		atomic_store_explicit(&v->dev, NULL, memory_order_relaxed);
		spin_unlock(&v->volume->target->lock);
		xenbus_device_destroy(dev);
	}
}

static bool wants_work(const struct vbd *v)
{
	return atomic_load_explicit(&v->unplugged, memory_order_acquire) ||
	       atomic_load_explicit(&v->replug, memory_order_acquire);
}

/*
 * A vbd of `d` (NULL: of any domain, one to remove or replug) for the caller
 * alone, or NULL. *busy: there is one that somebody else has.
 */
static struct vbd *vbd_claim(const struct domain *d, const char *name, bool *busy)
{
	struct vbd *v, *found = NULL;

	*busy = false;
	spin_lock(&lock);
	list_for_each(v, &vbds, node) {
		if ((d == NULL ? !wants_work(v) : v->domain != d) ||
		    (name != NULL && strcmp(v->config.name, name) != 0)) {
			continue;
		}
		*busy = v->claimed;
		if (!v->claimed) {
			v->claimed = true;
			found = v;
			break;
		}
	}
	spin_unlock(&lock);
	return found;
}

static void vbd_unclaim(struct vbd *v)
{
	spin_lock(&lock);
	v->claimed = false;
	spin_unlock(&lock);
}

static void vbd_free(struct quiesce *q)
{
	heap_free(container_of(q, struct vbd, quiesce));
}

/*
 * Remove a claimed vbd, or let go of it until its requests are done (false), which
 * takes as long as a driver domain works with their pages.
 */
static bool vbd_remove(struct vbd *v)
{
	timer_cancel(&v->replug_timer);
	device_remove(v);
	/* Acquire: pairs with the release of the last queue. */
	if (atomic_load_explicit(&v->queues_left, memory_order_acquire) != 0) {
		spin_lock(&lock);
		/* Others come first the next time. */
		list_remove(&v->node);
		list_push_back(&vbds, &v->node);
		v->claimed = false;
		spin_unlock(&lock);
		return false;
	}
	spin_lock(&lock);
	list_remove(&v->node);
	spin_unlock(&lock);
	blk_volume_destroy(v->volume);
	quiesce_call(&v->quiesce, vbd_free);
	return true;
}

static void vbd_replug(struct vbd *v)
{
	const struct xenbus_device *dev = atomic_load_explicit(&v->dev, memory_order_relaxed);
	int err;

	if (dev != NULL && READ_ONCE(dev->front) != XENBUS_CLOSED) {
		/* It takes it again, after all. */
		vbd_unclaim(v);
		return;
	}
	device_remove(v);
	v->generation++;
	err = vbd_device_create(v);
	if (err != 0) {
		log_warn("blk", "%s can't be plugged in again (error %d)", v->volume->name, -err);
	}
	vbd_unclaim(v);
}

static void reap_fn(struct work *w)
{
	bool busy;
	struct vbd *v = vbd_claim(NULL, NULL, &busy);

	if (v != NULL && atomic_exchange_explicit(&v->replug, false, memory_order_acq_rel) &&
	    !atomic_load_explicit(&v->unplugged, memory_order_relaxed)) {
		vbd_replug(v);
	} else if (v != NULL && !vbd_remove(v)) {
		timer_set(&reap_timer, arch_now() + BUSY_NS);
		return;
	}
	if (v != NULL || busy) {
		work_queue(w);
	}
}

static void reap_later(struct timer *t)
{
	work_queue(&reap_work);
}

int blk_vbd_unplug(struct domain *d, const char *name)
{
	bool busy;
	struct vbd *v = vbd_claim(d, name, &busy);
	struct xenbus_device *dev;
	int err = -EBUSY;

	if (v == NULL) {
		return busy ? -EBUSY : -ENOENT;
	}
	dev = atomic_load_explicit(&v->dev, memory_order_relaxed);
	if (dev != NULL && !atomic_load_explicit(&dev->unplug, memory_order_relaxed)) {
		log_notice("blk", "%s is being unplugged", v->volume->name);
		xenbus_device_unplug(dev);
		err = 0;
	}
	vbd_unclaim(v);
	return err;
}

static bool vbds_destroy(struct domain *d)
{
	bool busy;
	struct vbd *v = vbd_claim(d, NULL, &busy);
	char path[48];

	if (v != NULL && !vbd_remove(v)) {
		d->teardown_pause_ns = BUSY_NS;
	}
	if (v != NULL || busy) {
		return true;
	}
	fmt_buf(path, sizeof(path), BACKENDS "/%u", d->id);
	return xs_rm(NULL, path) == -ENOMEM;
}

const char *vbd_counter_name(enum vbd_counter c)
{
	static const char *const names[VBD_COUNTERS] = {
		[VBD_KICKS] = "kicks", [VBD_WALKS] = "walks", [VBD_LOOKS] = "looks",
		[VBD_REQUESTS] = "requests",
		[VBD_SEGMENTS] = "segments", [VBD_INDIRECT] = "indirect", [VBD_BAD] = "bad",
		[VBD_STARVED] = "starved", [VBD_EVENTS] = "events",
		[VBD_EVENTS_SAVED] = "events_saved",
	};

	return (unsigned int)c < VBD_COUNTERS ? names[c] : "?";
}

void blk_for_each_vbd(void (*fn)(const struct vbd *v, void *ctx), void *ctx)
{
	struct vbd *v;

	spin_lock(&lock);
	list_for_each(v, &vbds, node) {
		fn(v, ctx);
	}
	spin_unlock(&lock);
}

int blk_init(void)
{
	static const struct domain_ops ops = {
		.name = "blk",
		.destroy = vbds_destroy,
	};
	int err = xs_mkdir(NULL, BACKENDS);

	timer_init(&reap_timer, reap_later);
	if (err == 0) {
		domain_register_ops(&ops);
		err = dd_init();
	}
	return err;
}
