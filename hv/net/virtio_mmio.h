/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of a virtio device in memory, version 2 (virtio 1.2, 4.2.2), and
 * what they stand for: status, features, the places of queues. What the device does
 * is its own (struct virtio_ops).
 *
 * A driver that breaks the rules finds DEVICE_NEEDS_RESET set; nothing of it is served
 * any more until it resets the device.
 *
 * Locking: `lock` for all but notifications and interrupts, which are single words.
 * Locks of rank LOCK_NET_TX and higher may be taken within it.
 * Invariants: a queue is open if and only if it is `ready`. `running` holds between
 * DRIVER_OK and the reset; if the device fails, until `failing` ran.
 */
#ifndef NET_VIRTIO_MMIO_H
#define NET_VIRTIO_MMIO_H

#include "kern/lock.h"
#include "kern/work.h"
#include "net/virtio.h"
#include "vm/domain.h"

#define VIRTIO_QUEUES	3U

struct virtio_device;

/* Called with the device's lock held, but for notify and changed. */
struct virtio_ops {
	/* The features that the driver took: false, if they don't go together. */
	bool (*features_good)(uint64_t features);
	/* Open queue `n` at the places in dev->queue[n]; close it, and be done with it. */
	int (*queue_open)(struct virtio_device *dev, unsigned int n);
	void (*queue_close)(struct virtio_device *dev, unsigned int n);
	/* The driver is ready: queues may be served. */
	void (*run)(struct virtio_device *dev);
	/* It began or ceased to run. No lock held. */
	void (*changed)(struct virtio_device *dev, bool runs);
	/* Queue `n` has new buffers. In the guest's store; no lock held. */
	void (*notify)(struct virtio_device *dev, unsigned int n);
};

struct virtio_queue {
	uint32_t max;			/* most entries; constant, 0: there is no such queue */
	uint32_t num;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	bool ready;
};

struct virtio_device {
	const struct virtio_ops *ops;
	struct domain *domain;
	unsigned int slot;		/* vm/mmio.h */
	uint32_t id;			/* kind of device */
	uint64_t offered;		/* features */
	const void *config;		/* constant, as all before */
	size_t config_size;

	struct spinlock lock;
	uint64_t features;		/* that the driver takes; constant once FEATURES_OK */
	uint32_t device_sel;
	uint32_t driver_sel;
	uint32_t queue_sel;
	bool running;
	struct virtio_queue queue[VIRTIO_QUEUES];

	_Atomic uint32_t status;	/* changed under the lock, but for NEEDS_RESET */
	_Atomic uint32_t irq_status;
	struct work failing;		/* it is told that it ceased to run */
};

/* All else but queue[].max was set. */
void virtio_init(struct virtio_device *dev);

/* An access to a register: a function for vm/mmio.h. `ctx` is the device. */
void virtio_mmio(void *ctx, unsigned int offset, unsigned int size, bool write,
		 uint64_t *value);

/* As if the driver had written 0 to the status. No lock held. */
void virtio_reset(struct virtio_device *dev);

/* Tell the driver, unless it has yet to look after the last time. Locks may be held. */
void virtio_raise(struct virtio_device *dev, uint32_t what);

/* The driver broke a rule; `why` is a constant text. Locks may be held. */
void virtio_fail(struct virtio_device *dev, const char *why);

static inline bool virtio_failed(const struct virtio_device *dev)
{
	return (atomic_load_explicit(&dev->status, memory_order_relaxed) &
		(VIRTIO_NEEDS_RESET | VIRTIO_FAILED)) != 0;
}

#endif
