/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers of virtio devices. See net/virtio_mmio.h.
 */
#include "net/virtio_mmio.h"

#include "kern/log.h"
#include "lib/string.h"

#define VENDOR		0x5676694dU	/* "MivV" */

static uint32_t status_get(const struct virtio_device *dev)
{
	return atomic_load_explicit(&dev->status, memory_order_relaxed);
}

/* Unless it was reset meanwhile, and may run again. */
static void failing_fn(struct work *w)
{
	struct virtio_device *dev = container_of(w, struct virtio_device, failing);
	bool ceases;

	spin_lock(&dev->lock);
	ceases = dev->running && virtio_failed(dev);
	if (ceases) {
		dev->running = false;
	}
	spin_unlock(&dev->lock);
	if (ceases) {
		dev->ops->changed(dev, false);
	}
}

void virtio_init(struct virtio_device *dev)
{
	spin_init(&dev->lock, LOCK_NET_DEVICE);
	atomic_init(&dev->status, 0);
	atomic_init(&dev->irq_status, 0);
	work_init(&dev->failing, failing_fn);
}

void virtio_raise(struct virtio_device *dev, uint32_t what)
{
	/*
	 * One that the driver hasn't acknowledged will do: it looks at the rings after
	 * that, and sees what was published before this.
	 */
	if ((atomic_fetch_or_explicit(&dev->irq_status, what, memory_order_seq_cst) & what) == 0) {
		mmio_raise(dev->domain, dev->slot);
	}
}

void virtio_fail(struct virtio_device *dev, const char *why)
{
	uint32_t old = atomic_fetch_or_explicit(&dev->status, VIRTIO_NEEDS_RESET,
						memory_order_relaxed);

	if ((old & VIRTIO_NEEDS_RESET) != 0) {
		return;
	}
	atomic_fetch_add_explicit(&dev->domain->stats.misuse, 1, memory_order_relaxed);
	log_guest(dev->domain->id, "virtio device %u needs a reset: %s", dev->slot, why);
	work_queue(&dev->failing);
	if ((old & VIRTIO_DRIVER_OK) != 0) {
		virtio_raise(dev, VMMIO_IRQ_CONFIG);
	}
}

/* --- status ------------------------------------------------------------------- */

static void queues_close_locked(struct virtio_device *dev)
{
	for (unsigned int n = 0; n < VIRTIO_QUEUES; n++) {
		struct virtio_queue *q = &dev->queue[n];

		if (q->ready) {
			dev->ops->queue_close(dev, n);
		}
		*q = (struct virtio_queue){ .max = q->max };
	}
}

static void reset_locked(struct virtio_device *dev)
{
	queues_close_locked(dev);
	dev->running = false;
	dev->features = 0;
	dev->device_sel = 0;
	dev->driver_sel = 0;
	dev->queue_sel = 0;
	atomic_store_explicit(&dev->irq_status, 0, memory_order_relaxed);
	atomic_store_explicit(&dev->status, 0, memory_order_relaxed);
}

static bool features_good(const struct virtio_device *dev)
{
	return (dev->features & ~dev->offered) == 0 &&
	       (dev->features & VIRTIO_F_VERSION_1) != 0 &&
	       dev->ops->features_good(dev->features);
}

/* Bits are only ever added (2.1.1); `new` are those that weren't set. */
static void status_add_locked(struct virtio_device *dev, uint32_t new)
{
	uint32_t old = status_get(dev);

	if ((new & VIRTIO_FEATURES_OK) != 0 && !features_good(dev)) {
		new &= ~VIRTIO_FEATURES_OK;
	}
	if ((new & VIRTIO_DRIVER_OK) != 0 && ((old | new) & VIRTIO_FEATURES_OK) == 0) {
		virtio_fail(dev, "driver ready before its features");
		return;
	}
	atomic_fetch_or_explicit(&dev->status, new, memory_order_relaxed);
	if ((new & VIRTIO_FAILED) != 0) {
		queues_close_locked(dev);
		dev->running = false;
	} else if ((new & VIRTIO_DRIVER_OK) != 0 && !virtio_failed(dev)) {
		dev->running = true;
		dev->ops->run(dev);
	}
}

static void status_write_locked(struct virtio_device *dev, uint32_t value)
{
	const uint32_t drivers = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK |
				 VIRTIO_DRIVER_OK | VIRTIO_FAILED;

	if (value == 0) {
		reset_locked(dev);
	} else {
		status_add_locked(dev, value & drivers & ~status_get(dev));
	}
}

/* --- queues ------------------------------------------------------------------- */

static void ready_write_locked(struct virtio_device *dev, struct virtio_queue *q,
			       uint32_t value)
{
	unsigned int n = dev->queue_sel;

	if (value == 0) {
		if (q->ready) {
			dev->ops->queue_close(dev, n);
			q->ready = false;
		}
		return;
	}
	if (q->ready) {
		return;
	}
	if ((status_get(dev) & VIRTIO_FEATURES_OK) == 0 || dev->running) {
		virtio_fail(dev, "a queue is made ready at a wrong time");
	} else if (q->num == 0 || q->num > q->max) {
		virtio_fail(dev, "a queue's size");
	} else if (dev->ops->queue_open(dev, n) != 0) {
		virtio_fail(dev, "a queue isn't in its RAM");
	} else {
		q->ready = true;
	}
}

static uint64_t half_set(uint64_t old, uint32_t value, bool high)
{
	return high ? (old & UINT32_MAX) | (uint64_t)value << 32 :
		      (old & ~(uint64_t)UINT32_MAX) | value;
}

static void queue_write_locked(struct virtio_device *dev, unsigned int offset, uint32_t value)
{
	bool high = (offset & 4) != 0;
	struct virtio_queue *q;

	if (dev->queue_sel >= VIRTIO_QUEUES || dev->queue[dev->queue_sel].max == 0) {
		return;
	}
	q = &dev->queue[dev->queue_sel];
	if (offset == VMMIO_QUEUE_READY) {
		ready_write_locked(dev, q, value);
		return;
	}
	if (q->ready) {
		virtio_fail(dev, "a queue in use is moved");
		return;
	}
	switch (offset) {
	case VMMIO_QUEUE_NUM:
		q->num = value;
		break;
	case VMMIO_DESC_LOW:
	case VMMIO_DESC_HIGH:
		q->desc = half_set(q->desc, value, high);
		break;
	case VMMIO_DRIVER_LOW:
	case VMMIO_DRIVER_HIGH:
		q->driver = half_set(q->driver, value, high);
		break;
	default:
		q->device = half_set(q->device, value, high);
		break;
	}
}

/* --- all registers -------------------------------------------------------------- */

static void features_write_locked(struct virtio_device *dev, uint32_t value)
{
	if ((status_get(dev) & VIRTIO_FEATURES_OK) != 0) {
		virtio_fail(dev, "features changed after they were settled");
	} else if (dev->driver_sel < 2) {
		dev->features = half_set(dev->features, value, dev->driver_sel == 1);
	} else if (value != 0) {
		/* One that can't have been offered: FEATURES_OK will not be set. */
		dev->features |= ~dev->offered;
	}
}

static void write_locked(struct virtio_device *dev, unsigned int offset, uint32_t value)
{
	switch (offset) {
	case VMMIO_DEVICE_SEL:
		dev->device_sel = value;
		break;
	case VMMIO_DRIVER_SEL:
		dev->driver_sel = value;
		break;
	case VMMIO_DRIVER_FEATURES:
		features_write_locked(dev, value);
		break;
	case VMMIO_QUEUE_SEL:
		dev->queue_sel = value;
		break;
	case VMMIO_STATUS:
		status_write_locked(dev, value);
		break;
	case VMMIO_QUEUE_NUM:
	case VMMIO_QUEUE_READY:
	case VMMIO_DESC_LOW:
	case VMMIO_DESC_HIGH:
	case VMMIO_DRIVER_LOW:
	case VMMIO_DRIVER_HIGH:
	case VMMIO_DEVICE_LOW:
	case VMMIO_DEVICE_HIGH:
		queue_write_locked(dev, offset, value);
		break;
	default:
		break;
	}
}

static uint32_t read_locked(const struct virtio_device *dev, unsigned int offset)
{
	static const struct virtio_queue none;
	const struct virtio_queue *q =
		dev->queue_sel < VIRTIO_QUEUES ? &dev->queue[dev->queue_sel] : &none;

	switch (offset) {
	case VMMIO_MAGIC:
		return VMMIO_MAGIC_VALUE;
	case VMMIO_VERSION:
		return 2;
	case VMMIO_DEVICE_ID:
		return dev->id;
	case VMMIO_VENDOR_ID:
		return VENDOR;
	case VMMIO_DEVICE_FEATURES:
		return dev->device_sel < 2 ? (uint32_t)(dev->offered >> 32 * dev->device_sel) : 0;
	case VMMIO_QUEUE_MAX:
		return q->max;
	case VMMIO_QUEUE_READY:
		return q->ready;
	case VMMIO_STATUS:
		return status_get(dev);
	default:
		/* There is no shared memory: length and base are -1 (4.2.2). */
		return offset >= VMMIO_SHM_LEN_LOW && offset <= VMMIO_SHM_BASE_HIGH ?
		       UINT32_MAX : 0;
	}
}

/* The configuration is constant, so its generation is 0; any width will do. */
static void config_read(const struct virtio_device *dev, unsigned int at, unsigned int size,
			uint64_t *value)
{
	if (at + size <= dev->config_size) {
		memcpy(value, (const uint8_t *)dev->config + at, size);
	}
}

static void access_locked(struct virtio_device *dev, unsigned int offset, bool write,
			  uint64_t *value)
{
	if (write) {
		write_locked(dev, offset, (uint32_t)*value);
	} else {
		*value = read_locked(dev, offset);
	}
}

static void access_slow(struct virtio_device *dev, unsigned int offset, bool write,
			uint64_t *value)
{
	bool before;
	bool after;

	spin_lock(&dev->lock);
	before = dev->running;
	access_locked(dev, offset, write, value);
	after = dev->running;
	spin_unlock(&dev->lock);
	if (before != after) {
		dev->ops->changed(dev, after);
	}
}

void virtio_reset(struct virtio_device *dev)
{
	uint64_t value = 0;

	access_slow(dev, VMMIO_STATUS, true, &value);
}

void virtio_mmio(void *ctx, unsigned int offset, unsigned int size, bool write,
		 uint64_t *value)
{
	struct virtio_device *dev = ctx;

	if (offset >= VMMIO_CONFIG) {
		if (!write) {
			config_read(dev, offset - VMMIO_CONFIG, size, value);
		}
	} else if (unlikely(size != 4)) {
		return;			/* reads as 0 */
	} else if (offset == VMMIO_QUEUE_NOTIFY && write) {
		if (*value < VIRTIO_QUEUES && !virtio_failed(dev)) {
			dev->ops->notify(dev, (unsigned int)*value);
		}
	} else if (offset == VMMIO_IRQ_STATUS && !write) {
		*value = atomic_load_explicit(&dev->irq_status, memory_order_relaxed);
	} else if (offset == VMMIO_IRQ_ACK && write) {
		/* Pairs with virtio_raise(). */
		atomic_fetch_and_explicit(&dev->irq_status, ~(uint32_t)*value,
					  memory_order_seq_cst);
	} else {
		access_slow(dev, offset, write, value);
	}
}
