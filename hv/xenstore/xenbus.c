/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PV backends: directories and the state machine of their devices.
 *
 * Everything that happens to a device after its creation happens in the
 * callback of its watch on the frontend's state, which never runs twice at a
 * time (XSA-350: one serial state machine). It looks at where the frontend is
 * now; states that the guest went through in between don't matter.
 *
 * Locking: `lock` (LOCK_XENBUS) over the list of devices, which only failing
 * devices need. A device's fields belong to its watch's callback.
 * Invariants: `connected` is true exactly between a connect that succeeded and
 * the disconnect that belongs to it; the backend's state is Connected only
 * meanwhile.
 */
#include "xenstore/xenbus.h"

#include "kern/lock.h"
#include "kern/log.h"
#include "kern/work.h"
#include "lib/fmt.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "xenstore/xenstore.h"

#define KEY_PATH_MAX	192U
#define TRIES_MAX	16U

static struct spinlock lock = SPINLOCK_INIT(LOCK_XENBUS);
static struct list devices = LIST_INIT(devices);

/* --- Keys ----------------------------------------------------------------- */

static int key_path(char *buf, const char *dir, const char *key)
{
	return fmt_buf(buf, KEY_PATH_MAX, "%s/%s", dir, key) < KEY_PATH_MAX ?
	       0 : -EINVAL;
}

int xenbus_read(const struct xenbus_device *dev, const char *key, char *buf,
		size_t size)
{
	char path[KEY_PATH_MAX];
	int err = key_path(path, dev->front_path, key);

	return err ? err : xs_read(NULL, path, buf, size, NULL);
}

int xenbus_read_u32(const struct xenbus_device *dev, const char *key,
		    uint32_t *out)
{
	char text[16];
	uint64_t value;
	int err = xenbus_read(dev, key, text, sizeof(text));

	if (err) {
		return err == -E2BIG ? -EINVAL : err;
	}
	err = parse_u64(text, strlen(text), UINT32_MAX, &value);
	if (!err) {
		*out = (uint32_t)value;
	}
	return err;
}

int xenbus_read_u32_or(const struct xenbus_device *dev, const char *key,
		       uint32_t absent, uint32_t *out)
{
	int err = xenbus_read_u32(dev, key, out);

	if (err == -ENOENT) {
		*out = absent;
		err = 0;
	}
	return err;
}

int xenbus_read_queue_u32(const struct xenbus_device *dev, unsigned int count, unsigned int index,
			  const char *key, uint32_t *out)
{
	char path[48];

	if (count == 1) {
		return xenbus_read_u32(dev, key, out);
	}
	fmt_buf(path, sizeof(path), "queue-%u/%s", index, key);
	return xenbus_read_u32(dev, path, out);
}

int xenbus_printf(struct xenbus_device *dev, const char *key, const char *fmt,
		  ...)
{
	char path[KEY_PATH_MAX];
	char text[256];
	va_list ap;
	size_t len;
	int err = key_path(path, dev->back_path, key);

	if (err) {
		return err;
	}
	va_start(ap, fmt);
	len = fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len >= sizeof(text)) {
		return -E2BIG;
	}
	return xs_write(dev->txn, path, text, len);
}

/* --- State machine -------------------------------------------------------- */

static void write_state(struct xenbus_device *dev)
{
	int err = xenbus_printf(dev, "state", "%u", (unsigned int)dev->state);

	if (err) {
		log_error("xenbus", "%s: state %u not written: error %d",
			  dev->back_path, (unsigned int)dev->state, -err);
	}
}

static void set_state(struct xenbus_device *dev, enum xenbus_state state)
{
	if (dev->state != state) {
		dev->state = state;
		write_state(dev);
	}
}

static void disconnect(struct xenbus_device *dev)
{
	if (dev->connected) {
		dev->connected = false;
		dev->driver->disconnect(dev);
		log_guest(dev->domid, "%s %u disconnected", dev->driver->type, dev->devid);
	}
}

static void fail(struct xenbus_device *dev, const char *why)
{
	disconnect(dev);
	dev->failures++;
	log_guest(dev->domid, "%s %u failed: %s", dev->driver->type, dev->devid,
		  why);
	set_state(dev, XENBUS_CLOSING);
}

static void connect(struct xenbus_device *dev)
{
	int err;

	if (dev->state != XENBUS_INIT_WAIT ||
	    (dev->front == XENBUS_INITIALISED &&
	     dev->driver->connect_at != XENBUS_INITIALISED)) {
		return;
	}
	err = dev->driver->connect(dev);
	if (err == -EAGAIN) {
		return;
	}
	if (err) {
		fail(dev, "frontend's keys not usable");
		return;
	}
	dev->connected = true;
	dev->was_connected = true;
	set_state(dev, XENBUS_CONNECTED);
	log_guest(dev->domid, "%s %u connected", dev->driver->type, dev->devid);
}

/* Where the frontend is; Unknown if there is none or it says nonsense. */
static enum xenbus_state front_state(const struct xenbus_device *dev)
{
	uint32_t state;

	if (xenbus_read_u32(dev, "state", &state) != 0 ||
	    state > XENBUS_RECONFIGURED) {
		return XENBUS_UNKNOWN;
	}
	return (enum xenbus_state)state;
}

/* The frontend is (back) at its start: after boot, module reload or kexec. */
static void restart(struct xenbus_device *dev)
{
	disconnect(dev);
	if (!atomic_load_explicit(&dev->unplug, memory_order_relaxed)) {
		set_state(dev, XENBUS_INIT_WAIT);
	}
}

static void closed(struct xenbus_device *dev)
{
	bool tell = atomic_load_explicit(&dev->unplug, memory_order_relaxed) ||
		    (dev->was_connected && dev->front == XENBUS_CLOSED);

	disconnect(dev);
	set_state(dev, XENBUS_CLOSED);
	dev->was_connected = false;
	if (tell && dev->driver->closed) {
		dev->driver->closed(dev);
	}
}

/* The watch's callback. */
static void device_step(void *ctx)
{
	struct xenbus_device *dev = ctx;
	const char *why = atomic_exchange_explicit(&dev->failed, NULL,
						   memory_order_acq_rel);
	/* Before the driver looks at what changed. */
	bool poked = atomic_exchange_explicit(&dev->poked, false,
					      memory_order_acq_rel);

	if (why && dev->connected) {
		fail(dev, why);
	}
	if (atomic_load_explicit(&dev->unplug, memory_order_relaxed) &&
	    dev->state != XENBUS_CLOSED) {
		set_state(dev, XENBUS_CLOSING);
	}
	dev->front = front_state(dev);
	switch (dev->front) {
	case XENBUS_INITIALISING:
		restart(dev);
		break;
	case XENBUS_INITIALISED:
	case XENBUS_CONNECTED:
		connect(dev);
		break;
	case XENBUS_CLOSING:
		disconnect(dev);
		set_state(dev, XENBUS_CLOSING);
		break;
	case XENBUS_CLOSED:
	case XENBUS_UNKNOWN:
		closed(dev);
		break;
	case XENBUS_INIT_WAIT:
	case XENBUS_RECONFIGURING:
	case XENBUS_RECONFIGURED:
		break;
	}
	if (poked && dev->connected && dev->driver->refresh && dev->driver->refresh(dev)) {
		write_state(dev);
	}
}

/*
 * Failures and changes are told from where locks of a higher rank are held: a
 * flag in the device, and deferred work that finds the devices with one.
 */
static void flagged_fn(struct work *w)
{
	struct xenbus_device *dev;

	spin_lock(&lock);
	list_for_each(dev, &devices, node) {
		/* Acquire: pairs with the release of who set the flag. */
		if (dev->watch &&
		    (atomic_load_explicit(&dev->failed, memory_order_acquire) ||
		     atomic_load_explicit(&dev->poked, memory_order_acquire))) {
			xs_watch_trigger(dev->watch);
		}
	}
	spin_unlock(&lock);
}

static struct work flagged_work = {
	.node = LIST_INIT(flagged_work.node),
	.fn = flagged_fn,
};

void xenbus_fail(struct xenbus_device *dev, const char *why)
{
	atomic_store_explicit(&dev->failed, why, memory_order_release);
	work_queue(&flagged_work);
}

void xenbus_poke(struct xenbus_device *dev)
{
	atomic_store_explicit(&dev->poked, true, memory_order_release);
	work_queue(&flagged_work);
}

/* --- Creation and removal ------------------------------------------------- */

static int write_key(struct xs_txn *t, const char *dir, const char *key,
		     const char *value)
{
	char path[KEY_PATH_MAX];
	int err = key_path(path, dir, key);

	return err ? err : xs_write(t, path, value, strlen(value));
}

static int write_number(struct xs_txn *t, const char *dir, const char *key,
			unsigned int value)
{
	char text[16];

	fmt_buf(text, sizeof(text), "%u", value);
	return write_key(t, dir, key, text);
}

static int write_keys(struct xs_txn *t, const char *dir,
		      const struct xenbus_key *keys)
{
	int err = 0;

	for (; !err && keys && keys->key; keys++) {
		err = write_key(t, dir, keys->key, keys->value);
	}
	return err;
}

/* An empty directory; what an earlier device left there is removed. */
static int make_dir(struct xs_txn *t, const char *path, unsigned int owner,
		    unsigned int reader)
{
	const struct xs_perm perms[] = {
		XS_PERM(owner, XSP_NONE),
		XS_PERM(reader, XSP_READ),
	};
	int err = xs_rm(t, path);

	if (err == 0 || err == -ENOENT) {
		err = xs_mkdir(t, path);
	}
	return err ? err : xs_set_perms(t, path, perms, ARRAY_SIZE(perms));
}

static int make_backend(struct xenbus_device *dev, const struct xenbus_key *keys)
{
	struct xs_txn *t = dev->txn;
	const char *dir = dev->back_path;
	int err = make_dir(t, dir, 0, dev->domid);

	if (!err) {
		err = write_key(t, dir, "frontend", dev->front_path);
	}
	if (!err) {
		err = write_number(t, dir, "frontend-id", dev->domid);
	}
	if (!err) {
		err = write_key(t, dir, "online", "1");
	}
	if (!err) {
		err = write_keys(t, dir, keys);
	}
	if (!err) {
		err = dev->driver->init(dev);
	}
	if (!err) {
		err = write_number(t, dir, "state", XENBUS_INIT_WAIT);
	}
	return err;
}

static int make_frontend(struct xenbus_device *dev, const struct xenbus_key *keys)
{
	struct xs_txn *t = dev->txn;
	const char *dir = dev->front_path;
	int err = make_dir(t, dir, dev->domid, 0);

	if (!err) {
		err = write_key(t, dir, "backend", dev->back_path);
	}
	if (!err) {
		err = write_key(t, dir, "backend-id", "0");
	}
	if (!err) {
		err = write_keys(t, dir, keys);
	}
	if (!err) {
		err = write_number(t, dir, "state", XENBUS_INITIALISING);
	}
	return err;
}

static int make_both(struct xenbus_device *dev, const struct xenbus_key *front,
		     const struct xenbus_key *back)
{
	int err = xs_txn_start(&dev->txn);

	if (err) {
		return err;
	}
	err = make_backend(dev, back);
	if (!err) {
		err = make_frontend(dev, front);
	}
	if (!err) {
		err = xs_txn_commit(dev->txn);
	} else {
		xs_txn_abort(dev->txn);
	}
	dev->txn = NULL;
	return err;
}

/* The domain's removal may have taken parts away before. */
static void remove_dir(const char *path)
{
	int err = xs_rm(NULL, path);

	if (err && err != -ENOENT) {
		log_error("xenbus", "%s not removed: error %d", path, -err);
	}
}

static void remove_both(const struct xenbus_device *dev)
{
	remove_dir(dev->front_path);
	remove_dir(dev->back_path);
}

int xenbus_device_create(const struct xenbus_driver *driver,
			 unsigned int domid, unsigned int devid,
			 const struct xenbus_key *front,
			 const struct xenbus_key *back, void *priv,
			 struct xenbus_device **out)
{
	struct xenbus_device *dev = heap_alloc(sizeof(*dev));
	char path[KEY_PATH_MAX];
	int err;

	if (!dev) {
		return -ENOMEM;
	}
	dev->driver = driver;
	dev->priv = priv;
	dev->domid = domid;
	dev->devid = devid;
	dev->state = XENBUS_INIT_WAIT;
	fmt_buf(dev->front_path, sizeof(dev->front_path),
		"/local/domain/%u/device/%s/%u", domid, driver->type, devid);
	fmt_buf(dev->back_path, sizeof(dev->back_path),
		"/local/domain/0/backend/%s/%u/%u", driver->type, domid, devid);
	err = key_path(path, dev->front_path, "state");
	if (err) {
		goto fail_free;
	}
	err = -EAGAIN;
	for (unsigned int i = 0; err == -EAGAIN && i < TRIES_MAX; i++) {
		err = make_both(dev, front, back);
	}
	if (err) {
		goto fail_free;
	}
	*out = dev;
	/* It can fail as soon as the watch is there. */
	spin_lock(&lock);
	list_push_back(&devices, &dev->node);
	spin_unlock(&lock);
	err = xs_watch_add(path, device_step, dev, &dev->watch);
	if (err) {
		goto fail_dirs;
	}
	return 0;
fail_dirs:
	spin_lock(&lock);
	list_remove(&dev->node);
	spin_unlock(&lock);
	remove_both(dev);
fail_free:
	heap_free(dev);
	return err;
}

void xenbus_device_destroy(struct xenbus_device *dev)
{
	if (!dev) {
		return;
	}
	spin_lock(&lock);
	list_remove(&dev->node);
	spin_unlock(&lock);
	xs_watch_remove(dev->watch);
	disconnect(dev);
	set_state(dev, XENBUS_CLOSED);
	remove_both(dev);
	heap_free(dev);
}

void xenbus_device_unplug(struct xenbus_device *dev)
{
	atomic_store_explicit(&dev->unplug, true, memory_order_relaxed);
	if (xenbus_printf(dev, "online", "0") != 0) {
		log_error("xenbus", "%s: online not written", dev->back_path);
	}
	xs_watch_trigger(dev->watch);
}
