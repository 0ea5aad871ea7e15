/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PV backends in the hypervisor: a device's two directories in XenStore, the
 * state of its frontend, and the calls that follow from it (io/xenbus.h).
 *
 * The backend's domain is 0. Directories:
 *   /local/domain/<domid>/device/<type>/<devid>	owned by the guest
 *   /local/domain/0/backend/<type>/<domid>/<devid>	read-only to the guest
 *
 * Locking: functions here take the store's lock. Driver callbacks run with no
 * lock held, never two at a time for one device.
 */
#ifndef XENSTORE_XENBUS_H
#define XENSTORE_XENBUS_H

#include <stdatomic.h>

#include "lib/list.h"

enum xenbus_state {
	XENBUS_UNKNOWN,
	XENBUS_INITIALISING,
	XENBUS_INIT_WAIT,
	XENBUS_INITIALISED,
	XENBUS_CONNECTED,
	XENBUS_CLOSING,
	XENBUS_CLOSED,
	XENBUS_RECONFIGURING,
	XENBUS_RECONFIGURED,
};

struct xenbus_device;
struct xs_watch;
struct xs_txn;

struct xenbus_driver {
	const char *type;		/* "vif", "vbd" */

	/*
	 * The frontend's state at which it may be connected: XENBUS_INITIALISED
	 * means 3 or 4; XENBUS_CONNECTED means 4 only (netfront: an event
	 * before that crashes it).
	 */
	enum xenbus_state connect_at;

	/*
	 * Publish the backend's keys with xenbus_printf(), before the frontend
	 * is told of the device. An error ends the creation. It may be called
	 * again when the keys got in conflict with somebody else's change.
	 */
	int (*init)(struct xenbus_device *dev);

	/*
	 * The frontend published its rings: read its keys and take them into
	 * use. The backend is Connected afterwards. -EAGAIN: not yet, it is
	 * called again after xenbus_poke(). Another error makes the device
	 * fail: disconnect is not called for it.
	 */
	int (*connect)(struct xenbus_device *dev);

	/*
	 * Once for each connect that succeeded: the frontend goes, is gone or
	 * starts anew, or the device failed or is destroyed. When it returns,
	 * nothing of the guest is in use and no event is raised any more.
	 */
	void (*disconnect)(struct xenbus_device *dev);

	/*
	 * xenbus_poke() was called and the device is connected: publish what
	 * changed. True: have the frontend look at it (the backend's state is
	 * written again). May be NULL.
	 */
	bool (*refresh)(struct xenbus_device *dev);

	/*
	 * The frontend closed a device that it had connected, or that is being
	 * unplugged (`dev->unplug`). Some frontends don't take a closed device
	 * again: it must be made anew for them. May be NULL.
	 */
	void (*closed)(struct xenbus_device *dev);
};

/* A key and its value, made with the device. */
struct xenbus_key {
	const char *key;
	const char *value;
};

struct xenbus_device {
	/* Set at creation. */
	const struct xenbus_driver *driver;
	void *priv;			/* the driver's */
	unsigned int domid;
	unsigned int devid;
	char front_path[64];
	char back_path[64];

	/* Written where callbacks run. */
	enum xenbus_state state;	/* the backend's */
	enum xenbus_state front;	/* the frontend's, when last looked at */
	bool connected;
	bool was_connected;		/* and not closed since */
	uint32_t failures;

	/* Private to xenbus.c. */
	struct xs_watch *watch;
	struct xs_txn *txn;		/* while being created */
	_Atomic(const char *) failed;	/* what xenbus_fail() was told */
	_Atomic bool unplug;
	_Atomic bool poked;
	struct list node;
};

/*
 * Make a device with both directories and start to serve it. `front` and
 * `back` are keys besides those of every device, ended by a NULL key. The
 * guest sees it complete or not at all. Domain `domid` must have been added.
 * -EINVAL, -ENOMEM, or init's error.
 */
MUST_CHECK int xenbus_device_create(const struct xenbus_driver *driver,
				    unsigned int domid, unsigned int devid,
				    const struct xenbus_key *front,
				    const struct xenbus_key *back, void *priv,
				    struct xenbus_device **out);

/*
 * Disconnect, remove both directories, free. Not from a callback of the
 * device, and with no lock held that a callback takes.
 */
void xenbus_device_destroy(struct xenbus_device *dev);

/* Ask the guest to let go of it: online is 0 and the state Closing. */
void xenbus_device_unplug(struct xenbus_device *dev);

/*
 * The device can't go on: the guest broke a rule. Disconnects soon; `why` is
 * a constant string. Any context, any lock held, often.
 */
void xenbus_fail(struct xenbus_device *dev, const char *why);

/*
 * What the driver publishes changed, or connect may work now: its callbacks
 * follow soon. Any context, any lock held, often.
 */
void xenbus_poke(struct xenbus_device *dev);

/*
 * The frontend's key as a decimal number. -ENOENT, -EINVAL (not a number),
 * -ERANGE (above UINT32_MAX).
 */
MUST_CHECK int xenbus_read_u32(const struct xenbus_device *dev, const char *key,
			       uint32_t *out);

/* As above, but `absent` if there is no such key. */
MUST_CHECK int xenbus_read_u32_or(const struct xenbus_device *dev,
				  const char *key, uint32_t absent,
				  uint32_t *out);

/*
 * A key of queue `index` of `count`: each queue has a directory of its own if
 * there are several. Errors of xenbus_read_u32().
 */
MUST_CHECK int xenbus_read_queue_u32(const struct xenbus_device *dev, unsigned int count,
				     unsigned int index, const char *key, uint32_t *out);

/* The frontend's key as text with a NUL. -ENOENT, -E2BIG. */
MUST_CHECK int xenbus_read(const struct xenbus_device *dev, const char *key,
			   char *buf, size_t size);

/* Write a key of the backend's directory. */
MUST_CHECK int xenbus_printf(struct xenbus_device *dev, const char *key,
			     const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
