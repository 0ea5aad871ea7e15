/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Driver domains' disks: how they are found, connected, lost and found again.
 *
 * The step looks at where the domain and its back end are and goes on from there
 * (states of io/xenbus.h). A target is attached to a domain from the making of its
 * directories to their removal; a domain's teardown waits until no target is
 * attached. The grants stay for longer (`held`): until its devices were stopped.
 *
 * Locking: see blk/dd.h.
 */
#include "blk/dd.h"

#include <arch/cpu.h>

#include "blk/volume.h"
#include "kern/log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "vm/vm.h"
#include "xen/evtchn.h"
#include "xenstore/xenbus.h"
#include "xenstore/xenstore.h"

#define END_PAUSE_NS	100000ULL	/* between looks whether all left a domain */

static struct dd_target *targets[DD_TARGETS];	/* by devid; blk_config_lock */

/*
 * Have the step run at `when` at the latest. Two CPUs that set one timer at once would
 * have it in the lists of both: so it's set under the target's lock only.
 */
static void poke_by_locked(struct dd_target *t, uint64_t when)
{
	ASSERT(spin_is_locked(&t->base.lock));
	if (!t->gone && (!timer_is_set(&t->poke) || t->poke.when > when)) {
		timer_set(&t->poke, when);
	}
}

void dd_poke_locked(struct dd_target *t)
{
	poke_by_locked(t, arch_now());
}

static void poke_by(struct dd_target *t, uint64_t when)
{
	spin_lock(&t->base.lock);
	poke_by_locked(t, when);
	spin_unlock(&t->base.lock);
}

static bool is_closing(struct dd_target *t)
{
	bool closing;

	spin_lock(&blk_config_lock);
	closing = t->closing;
	spin_unlock(&blk_config_lock);
	return closing;
}

/* --- attached to a domain ------------------------------------------------------------ */

static bool is_running(const struct domain *d)
{
	enum domain_state s = atomic_load_explicit(&d->state, memory_order_acquire);

	return s == DOMAIN_RUNNING || s == DOMAIN_PAUSED;
}

/* Once attached, the domain stays until it is left: see domain_left(). */
static bool domain_take(struct dd_target *t)
{
	struct domain *d;

	spin_lock(&blk_config_lock);
	d = domain_find(t->domid);
	if (d != NULL && d->driver && is_running(d) && !t->closing) {
		t->d = d;
	}
	spin_unlock(&blk_config_lock);
	return t->d != NULL;
}

static void domain_leave(struct dd_target *t)
{
	spin_lock(&blk_config_lock);
	t->d = NULL;
	spin_unlock(&blk_config_lock);
	t->state = DD_AWAY;
}

/* The domain ended, and its devices were stopped: no page of ours is used any more. */
static void pages_free(void *ctx)
{
	struct dd_target *t = ctx;

	spin_lock(&t->base.lock);
	t->held = false;
	t->grants = NULL;
	dd_io_unsend(t);
	/* Under the lock: the target is not gone before it is seen not held. */
	dd_poke_locked(t);
	spin_unlock(&t->base.lock);
}

static bool is_held(struct dd_target *t)
{
	bool held;

	spin_lock(&t->base.lock);
	held = t->held;
	spin_unlock(&t->base.lock);
	return held;
}

static int open_device(struct dd_target *t, const struct dd_device *dev)
{
	int err = hv_grants_open(t->d, DD_REFS, pages_free, t, &t->grants);

	if (err != 0) {
		return err;
	}
	err = evtchn_offer_hv(t->d, dd_event, t, &t->offer);
	if (err != 0) {
		goto fail_grants;
	}
	spin_lock(&t->base.lock);
	t->held = true;
	dd_io_reset(t);
	spin_unlock(&t->base.lock);
	err = dd_store_make(t, dev);
	if (err == 0) {
		return 0;
	}
	spin_lock(&t->base.lock);
	t->held = false;
	spin_unlock(&t->base.lock);
	evtchn_withdraw_hv(t->d, t->offer);
fail_grants:
	if (hv_grants_close(t->grants)) {
		t->grants = NULL;
	} else {
		/* It guessed references: then it keeps them until it ends. */
		spin_lock(&t->base.lock);
		t->held = true;
		dd_breach(t, "maps pages that it was not told of");
		spin_unlock(&t->base.lock);
	}
	return err;
}

static void down(struct dd_target *t)
{
	spin_lock(&t->base.lock);
	dd_io_down(t);
	spin_unlock(&t->base.lock);
}

/* The domain is ending. */
static void lost(struct dd_target *t)
{
	if (t->state == DD_UP) {
		log_warn("blk", "%s: its driver domain ends, requests wait", t->base.name);
	}
	down(t);
	dd_store_remove(t);
	domain_leave(t);
}

/* --- states -------------------------------------------------------------------------- */

static void target_freed(struct blk_target *b)
{
	struct dd_target *t = container_of(b, struct dd_target, base);

	/* The first one triggers the second. */
	xs_watch_remove(t->disk_watch);
	xs_watch_remove(t->state_watch);
	dd_io_fini(t);
	heap_free(t);
}

/* Nobody uses it, unless somebody came again meanwhile. */
static void retire(struct dd_target *t)
{
	bool gone;

	spin_lock(&blk_config_lock);
	spin_lock(&t->base.lock);
	gone = t->closing && !t->held;
	/* It is not `up`, so the last look is the one that may be queued. */
	if (gone && atomic_load_explicit(&t->look.queued, memory_order_acquire) != 0) {
		gone = false;
		poke_by_locked(t, arch_now() + WORK_LATE_NS);
	}
	if (gone) {
		targets[t->devid] = NULL;
		t->gone = true;
	}
	spin_unlock(&t->base.lock);
	spin_unlock(&blk_config_lock);
	if (gone) {
		timer_cancel(&t->poke);
		timer_cancel(&t->tick);
		blk_target_retire(&t->base, target_freed);
	}
}

static void disk_missing(struct dd_target *t)
{
	if (!t->missed && dd_store_complete(t)) {
		t->missed = true;
		log_warn("blk", "%s: the driver domain has no such disk", t->base.name);
	}
}

static void away(struct dd_target *t)
{
	uint64_t now = arch_now();
	struct dd_device dev;
	int err;

	if (is_closing(t)) {
		retire(t);
		return;
	}
	if (is_held(t)) {
		return;
	}
	if (dd_store_disk(t, &dev) != 0) {
		disk_missing(t);
		return;
	}
	if (t->tried != 0 && now < t->tried + DD_RETRY_NS) {
		poke_by(t, t->tried + DD_RETRY_NS);
		return;
	}
	if (!domain_take(t)) {
		return;
	}
	t->tried = now;
	t->missed = false;
	err = open_device(t, &dev);
	if (err != 0) {
		if (err != t->error) {
			log_error("blk", "%s: its device can't be made (error %d)", t->base.name,
				  -err);
		}
		t->error = err;
		domain_leave(t);
		poke_by(t, now + DD_RETRY_NS);
		return;
	}
	t->error = 0;
	t->state = DD_WAITING;
}

/* The domain has a while to go on with closing, but for the time that it's paused. */
static void close_wait_locked(struct dd_target *t, const char *why)
{
	uint64_t now = arch_now();

	if (atomic_load_explicit(&t->d->state, memory_order_relaxed) == DOMAIN_PAUSED) {
		t->closed_since = now;
	}
	if (now - t->closed_since >= DD_HANG_NS) {
		dd_breach(t, why);
	} else {
		poke_by_locked(t, now + DD_RETRY_NS);
	}
}

/* Linux may have closed it before the last of its requests was done. */
static bool take_pages(struct dd_target *t)
{
	bool free;

	spin_lock(&t->base.lock);
	free = hv_grants_close(t->grants);
	if (free) {
		t->held = false;
		t->grants = NULL;
		dd_io_unsend(t);
	} else {
		close_wait_locked(t, "keeps pages of a disk that it closed");
	}
	spin_unlock(&t->base.lock);
	return free;
}

static void closed(struct dd_target *t)
{
	if (!take_pages(t)) {
		return;
	}
	evtchn_withdraw_hv(t->d, t->offer);
	dd_store_remove(t);
	domain_leave(t);
	poke_by(t, is_closing(t) ? arch_now() : t->tried + DD_RETRY_NS);
}

static void closing(struct dd_target *t, unsigned int back)
{
	if (back == XENBUS_CLOSED || back == XENBUS_UNKNOWN) {
		closed(t);
		return;
	}
	if (back == XENBUS_CLOSING && dd_store_set_state(t, XENBUS_CLOSED) != 0) {
		log_error("blk", "%s: no memory to close it", t->base.name);
	}
	spin_lock(&t->base.lock);
	close_wait_locked(t, "doesn't close a disk");
	spin_unlock(&t->base.lock);
}

static void close_begin(struct dd_target *t, unsigned int back)
{
	int err = is_closing(t) ? dd_store_offline(t) : 0;

	if (t->state == DD_UP && !is_closing(t)) {
		log_warn("blk", "%s: its driver domain closed it, requests wait", t->base.name);
	}
	down(t);
	if (err == 0) {
		err = dd_store_set_state(t, XENBUS_CLOSING);
	}
	if (err != 0) {
		log_error("blk", "%s: it can't be closed (error %d)", t->base.name, -err);
	}
	t->state = DD_CLOSING;
	t->closed_since = arch_now();
	closing(t, back);
}

static void offer(struct dd_target *t, unsigned int back)
{
	int err = dd_store_offer(t);

	if (err == 0) {
		err = dd_store_set_state(t, XENBUS_INITIALISED);
	}
	if (err != 0) {
		log_error("blk", "%s: its back end can't be used (error %d)", t->base.name, -err);
		close_begin(t, back);
		return;
	}
	t->state = DD_OFFERED;
}

static bool info_same(const struct blk_info *a, const struct blk_info *b)
{
	return a->known == b->known && a->sectors == b->sectors &&
	       a->sector_size == b->sector_size && a->physical_size == b->physical_size &&
	       a->read_only == b->read_only && a->flush == b->flush && a->discard == b->discard;
}

static void info_set_locked(struct dd_target *t, const struct blk_info *info)
{
	if (!info_same(&t->base.info, info)) {
		t->base.info = *info;
		blk_target_changed(&t->base);
	}
}

static void tell_up(struct dd_target *t, uint64_t down_ns)
{
	if (down_ns != 0) {
		log_notice("blk", "%s is back after %llu ms", t->base.name,
			   (unsigned long long)(down_ns / 1000000));
	} else {
		log_notice("blk", "%s: %llu MiB, %u requests at a time%s", t->base.name,
			   (unsigned long long)(t->base.info.sectors >> 11), t->mask + 1,
			   t->base.info.read_only ? ", read-only" : "");
	}
}

static void connected(struct dd_target *t, unsigned int back)
{
	struct blk_info info;
	uint64_t down_ns = 0;
	int err = dd_store_info(t, &info);

	if (err == 0) {
		err = dd_store_set_state(t, XENBUS_CONNECTED);
	}
	if (err != 0) {
		log_error("blk", "%s: what its back end says can't be used (error %d)", t->base.name,
			  -err);
		close_begin(t, back);
		return;
	}
	spin_lock(&t->base.lock);
	if (t->down_since != 0) {
		down_ns = arch_now() - t->down_since;
		t->counts[DD_OUTAGE_MS] += down_ns / 1000000;
		t->down_since = 0;
	}
	info_set_locked(t, &info);
	dd_io_up(t, t->order);
	spin_unlock(&t->base.lock);
	t->state = DD_UP;
	tell_up(t, down_ns);
}

/* It may have been resized. */
static void refresh(struct dd_target *t)
{
	struct blk_info info;

	if (dd_store_info(t, &info) == 0) {
		spin_lock(&t->base.lock);
		info_set_locked(t, &info);
		spin_unlock(&t->base.lock);
	}
}

/* It has requests; those that nobody waits for must be done before it is closed. */
static bool is_busy(struct dd_target *t)
{
	bool busy;

	spin_lock(&t->base.lock);
	busy = t->up && t->in_flight > 0;
	spin_unlock(&t->base.lock);
	return busy;
}

static void go_on(struct dd_target *t, unsigned int back)
{
	bool ends = back == XENBUS_CLOSING || back == XENBUS_CLOSED ||
		    (is_closing(t) && !is_busy(t));

	if (t->state == DD_CLOSING) {
		closing(t, back);
	} else if (ends || (back == XENBUS_UNKNOWN && t->state != DD_WAITING)) {
		close_begin(t, back);
	} else if (t->state == DD_WAITING && back == XENBUS_INIT_WAIT) {
		offer(t, back);
	} else if (t->state == DD_OFFERED && back == XENBUS_CONNECTED) {
		connected(t, back);
	} else if (t->state == DD_UP) {
		refresh(t);
	}
}

/* A watch's function: never two calls at a time. */
static void step(void *ctx)
{
	struct dd_target *t = ctx;

	if (t->gone) {
		return;
	}
	if (t->d != NULL && !is_running(t->d)) {
		lost(t);
	}
	if (t->d == NULL) {
		away(t);
	} else {
		go_on(t, dd_store_state(t));
	}
}

static void poke_fn(struct timer *timer)
{
	struct dd_target *t = container_of(timer, struct dd_target, poke);

	if (!atomic_exchange_explicit(&t->watching, true, memory_order_acq_rel)) {
		/* Each watch calls its function once soon. */
		if (dd_store_watch(t, step) != 0) {
			atomic_store_explicit(&t->watching, false, memory_order_release);
			poke_by(t, arch_now() + DD_RETRY_NS);
		}
	} else if (t->state_watch != NULL) {
		xs_watch_trigger(t->state_watch);
	}
}

/* --- life ------------------------------------------------------------------------------ */

/* The last volume left; blk_config_lock is held. */
static void dd_release(struct blk_target *b)
{
	struct dd_target *t = container_of(b, struct dd_target, base);

	t->closing = true;
	poke_by(t, arch_now());
}

static bool dd_counter(struct blk_target *b, unsigned int n, const char **name, uint64_t *value)
{
	static const char *const names[DD_COUNTERS] = {
		[DD_SENT] = "sent", [DD_RESENT] = "resent", [DD_ANSWERS] = "answers",
		[DD_ERRORS] = "target_errors", [DD_INDIRECT] = "indirect",
		[DD_EVENTS] = "events", [DD_EVENTS_SAVED] = "events_saved",
		[DD_NOTIFICATIONS] = "notifications",
		[DD_BREACHES] = "breaches", [DD_ORPHANS] = "orphans",
		[DD_OVERLAPS] = "overlaps", [DD_STARVED] = "starved", [DD_OUTAGES] = "outages",
		[DD_OUTAGE_MS] = "outage_ms",
	};
	const struct dd_target *t = container_of(b, struct dd_target, base);

	if (n >= DD_COUNTERS) {
		return false;
	}
	*name = names[n];
	*value = READ_ONCE(t->counts[n]);
	return true;
}

static const struct blk_target_ops dd_ops = {
	.submit = dd_submit,
	.cancel = dd_cancel,
	.pump = dd_pump,
	.release = dd_release,
	.counter = dd_counter,
};

/* Under blk_config_lock: a free place in the table. */
static int target_create(const struct vm *vm, const char *disk, struct dd_target **out)
{
	unsigned int devid = 0;
	char name[BLK_NAME_MAX];
	struct dd_target *t;

	while (devid < DD_TARGETS && targets[devid] != NULL) {
		devid++;
	}
	if (devid == DD_TARGETS) {
		return -ENOSPC;
	}
	t = heap_alloc(sizeof(*t));
	if (t == NULL) {
		return -ENOMEM;
	}
	if (dd_io_init(t) != 0) {
		heap_free(t);
		return -ENOMEM;
	}
	fmt_buf(name, sizeof(name), "dd:%s/%s", vm->config.name, disk);
	blk_target_init(&t->base, &dd_ops, name);
	t->domid = vm->id;
	t->devid = devid;
	str_copy(t->disk, disk, sizeof(t->disk));
	timer_init(&t->poke, poke_fn);
	timer_init(&t->tick, dd_tick);
	work_init(&t->look, dd_look);
	targets[devid] = t;
	*out = t;
	return 0;
}

static struct dd_target *target_find(unsigned int domid, const char *disk)
{
	for (unsigned int i = 0; i < DD_TARGETS; i++) {
		struct dd_target *t = targets[i];

		if (t != NULL && t->domid == domid && strcmp(t->disk, disk) == 0) {
			return t;
		}
	}
	return NULL;
}

/* Under blk_config_lock. */
static int dd_open(const char *rest, struct blk_target **out)
{
	const char *slash = strchr(rest, '/');
	char name[VM_NAME_MAX];
	struct dd_target *t;
	const struct vm *vm;
	int err;

	if (slash == NULL || (size_t)(slash - rest) >= sizeof(name) || slash[1] == '\0' ||
	    strlen(slash + 1) >= DD_DISK_MAX) {
		return -EINVAL;
	}
	str_copy(name, rest, (size_t)(slash - rest) + 1);
	vm = vm_find_name(name);
	if (vm == NULL || !vm->config.driver_domain) {
		log_error("blk", "dd:%s: there is no driver domain '%s'", rest, name);
		return -ENOENT;
	}
	t = target_find(vm->id, slash + 1);
	if (t == NULL) {
		err = target_create(vm, slash + 1, &t);
		if (err != 0) {
			return err;
		}
	}
	if (t->base.refs == 0) {
		t->closing = false;
		poke_by(t, arch_now());
	}
	*out = &t->base;
	return 0;
}

/* A driver domain ends: true while some target is attached to it. */
static bool dd_destroy(struct domain *d)
{
	bool any = false;

	if (!d->driver) {
		return false;
	}
	spin_lock(&blk_config_lock);
	for (unsigned int i = 0; i < DD_TARGETS; i++) {
		if (targets[i] != NULL && targets[i]->d == d) {
			poke_by(targets[i], arch_now());
			any = true;
		}
	}
	spin_unlock(&blk_config_lock);
	if (any) {
		d->teardown_pause_ns = END_PAUSE_NS;
	}
	return any;
}

int dd_init(void)
{
	static const struct domain_ops ops = {
		.name = "dd", .destroy = dd_destroy,
	};
	static struct blk_target_kind kind = {
		.prefix = "dd:", .open = dd_open,
	};

	domain_register_ops(&ops);
	blk_kind_register(&kind);
	return xs_mkdir(NULL, "/local/domain/0/device/vbd");
}
