/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes and the way of a request between them and their targets.
 *
 * Locking: see blk/volume.h and blk/target.h.
 */
#include "blk/volume.h"

#include <arch/cpu.h>

#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"

#define FINISH_BUDGET	64U		/* requests told done by one piece of work */
#define NS_PER_S	1000000000ULL

struct spinlock blk_config_lock = SPINLOCK_INIT(LOCK_BLK_CONFIG);

static _Atomic(struct blk_volume *) volumes[BLK_VOLUME_MAX];
static struct list kinds = LIST_INIT(kinds);	/* filled at boot */

static uint64_t bytes_of(const struct blk_request *r)
{
	return r->op == BLK_READ || r->op == BLK_WRITE ? r->sectors << BLK_SECTOR_SHIFT : 0;
}

/* --- finished requests -------------------------------------------------------- */

static void count_finished(struct blk_volume *v, const struct blk_request *r)
{
	uint64_t us = (arch_now() - r->start) / 1000;
	unsigned int bucket = us == 0 ? 0 : bit_highest(us) + 1;

	if (r->status != 0) {
		v->stats.errors++;
		return;
	}
	v->stats.ios[r->op]++;
	v->stats.bytes[r->op] += r->sectors << BLK_SECTOR_SHIFT;
	v->stats.latency[MIN(bucket, BLK_LATENCY_MAX - 1)]++;
}

void blk_target_finish(struct blk_target *t, struct blk_request *r, int status)
{
	r->status = status;
	r->place = BLK_FINISHED;
	count_finished(r->volume, r);
	list_push_back(&t->finished, &r->node);
	work_queue(&t->work);
}

/* Take some of the finished requests into `out`; true if there are more. */
static bool finished_take_locked(struct blk_target *t, struct list *out)
{
	for (unsigned int i = 0; i < FINISH_BUDGET; i++) {
		struct list *item = list_pop_front(&t->finished);
		struct blk_request *r;

		if (item == NULL) {
			return false;
		}
		r = list_entry(item, struct blk_request, node);
		r->place = BLK_NOWHERE;
		r->volume->inflight--;
		list_push_back(out, item);
	}
	return !list_empty(&t->finished);
}

static void tell_done(struct list *finished)
{
	struct list *item;

	while ((item = list_pop_front(finished)) != NULL) {
		struct blk_request *r = list_entry(item, struct blk_request, node);
		struct blk_request *next = list_entry(finished->next, struct blk_request, node);

		/* r may be gone when done() returns. */
		r->done(r, !list_empty(finished) && next->owner == r->owner);
	}
}

/* --- from volumes to the target --------------------------------------------------- */

/* When the limits let the next request pass. */
static uint64_t next_time(const struct blk_volume *v)
{
	uint64_t t = 0;

	if (v->config.iops != 0) {
		t = v->io_time;
	}
	if (v->config.bytes_per_s != 0) {
		t = MAX(t, v->byte_time);
	}
	return t;
}

static bool is_limited(const struct blk_volume *v)
{
	return v->config.iops != 0 || v->config.bytes_per_s != 0;
}

/* A limit's clock: each request moves it on; it's never more than a burst behind. */
static void charge(uint64_t *clock, uint64_t now, uint64_t cost)
{
	if (*clock + BLK_BURST_NS < now) {
		*clock = now - BLK_BURST_NS;
	}
	*clock += cost;
}

static void charge_request(struct blk_volume *v, const struct blk_request *r)
{
	uint64_t now = arch_now();

	if (v->config.iops != 0) {
		charge(&v->io_time, now, NS_PER_S / v->config.iops);
	}
	if (v->config.bytes_per_s != 0) {
		/* A request's bytes are at most some hundred KiB: no overflow. */
		charge(&v->byte_time, now, bytes_of(r) * NS_PER_S / v->config.bytes_per_s);
	}
}

/* The volume waits for its rate limit if it must. */
static bool throttle(struct blk_volume *v)
{
	uint64_t when = next_time(v);

	if (when <= arch_now()) {
		return false;
	}
	v->throttled = true;
	v->stats.throttled++;
	list_remove(&v->ready_node);
	timer_set(&v->throttle, when);
	return true;
}

static void throttle_fn(struct timer *timer)
{
	struct blk_volume *v = container_of(timer, struct blk_volume, throttle);
	struct blk_target *t = v->target;

	spin_lock(&t->lock);
	v->throttled = false;
	if (v->queued > 0 && list_empty(&v->ready_node)) {
		list_push_back(&t->ready, &v->ready_node);
	}
	spin_unlock(&t->lock);
	blk_target_ready(t);
}

/* Offer a request; false if the target has no room. */
static bool offer(struct blk_target *t, struct blk_request *r)
{
	int err;

	r->place = BLK_IN_TARGET;
	err = t->ops->submit(t, r);
	if (err == -EAGAIN) {
		r->place = BLK_IN_VOLUME;
		return false;
	}
	if (err != 0) {
		blk_target_finish(t, r, err);
	} else if (is_limited(r->volume)) {
		charge_request(r->volume, r);
	}
	return true;
}

/* Serve the volume whose turn it is; false if the target has no room. */
static bool serve(struct blk_target *t, struct blk_volume *v)
{
	while (v->queued > 0) {
		struct blk_request *r = list_entry(v->queue.next, struct blk_request, node);
		uint64_t size = MAX(bytes_of(r), (uint64_t)PAGE_SIZE);

		if (is_limited(v) && throttle(v)) {
			return true;
		}
		if (v->deficit < size) {
			/* The next one's turn, if there is another. */
			v->deficit += BLK_QUANTUM;
			list_remove(&v->ready_node);
			list_push_back(&t->ready, &v->ready_node);
			return true;
		}
		list_remove(&r->node);
		if (!offer(t, r)) {
			list_push_front(&v->queue, &r->node);
			return false;
		}
		v->queued--;
		v->deficit -= size;
	}
	v->deficit = 0;
	list_remove(&v->ready_node);
	return true;
}

static void dispatch_locked(struct blk_target *t)
{
	while (!list_empty(&t->ready) &&
	       serve(t, list_entry(t->ready.next, struct blk_volume, ready_node))) {
	}
}

static void target_work(struct work *w)
{
	struct blk_target *t = container_of(w, struct blk_target, work);
	struct list finished = LIST_INIT(finished);
	bool more;

	spin_lock(&t->lock);
	more = finished_take_locked(t, &finished);
	dispatch_locked(t);
	more |= t->ops->pump(t);
	spin_unlock(&t->lock);
	tell_done(&finished);
	if (more) {
		work_queue(w);
	}
}

static int check_request(const struct blk_volume *v, const struct blk_request *r)
{
	const struct blk_info *i = &v->target->info;
	uint64_t unit = i->sector_size >> BLK_SECTOR_SHIFT;

	if (r->op == BLK_FLUSH) {
		return i->flush ? 0 : -ENOSYS;
	}
	if (!i->known) {
		return -EIO;
	}
	if (r->op == BLK_DISCARD && !i->discard) {
		return -ENOSYS;
	}
	if (r->op != BLK_READ && (v->config.read_only || i->read_only)) {
		return -EROFS;
	}
	if (r->sectors == 0 || r->sectors > i->sectors || r->sector > i->sectors - r->sectors ||
	    !IS_ALIGNED(r->sector | r->sectors, unit)) {
		return -EINVAL;
	}
	return 0;
}

void blk_submit(struct blk_request *r)
{
	struct blk_volume *v = r->volume;
	struct blk_target *t = v->target;
	int err;

	memset(&r->at, 0, sizeof(r->at));
	r->start = arch_now();
	spin_lock(&t->lock);
	v->inflight++;
	err = check_request(v, r);
	if (err != 0) {
		v->stats.refused++;
		blk_target_finish(t, r, err);
	} else {
		r->place = BLK_IN_VOLUME;
		list_push_back(&v->queue, &r->node);
		v->queued++;
		if (!v->throttled && list_empty(&v->ready_node)) {
			list_push_back(&t->ready, &v->ready_node);
		}
		work_queue(&t->work);
	}
	spin_unlock(&t->lock);
}

static void end_locked(struct blk_target *t, struct blk_request *r, int status)
{
	struct blk_volume *v = r->volume;

	if (r->place == BLK_IN_VOLUME) {
		list_remove(&r->node);
		v->queued--;
		if (v->queued == 0) {
			list_remove(&v->ready_node);
		}
		blk_target_finish(t, r, status);
	} else if (r->place == BLK_IN_TARGET) {
		t->ops->cancel(t, r, status);
	}
}

void blk_cancel(struct blk_request *r)
{
	struct blk_target *t = r->volume->target;

	spin_lock(&t->lock);
	if (r->place == BLK_IN_VOLUME || r->place == BLK_IN_TARGET) {
		r->volume->stats.cancelled++;
		end_locked(t, r, -EIO);
	}
	spin_unlock(&t->lock);
}

/* --- targets ------------------------------------------------------------------------ */

void blk_target_init(struct blk_target *t, const struct blk_target_ops *ops, const char *name)
{
	t->ops = ops;
	str_copy(t->name, name, sizeof(t->name));
	spin_init(&t->lock, LOCK_BLK_TARGET);
	list_init(&t->volumes);
	list_init(&t->ready);
	list_init(&t->finished);
	work_init(&t->work, target_work);
	t->info.sector_size = BLK_SECTOR;
	t->info.physical_size = BLK_SECTOR;
}

void blk_kind_register(struct blk_target_kind *kind)
{
	list_push_back(&kinds, &kind->node);
}

int blk_target_open(const char *name, struct blk_target **out)
{
	struct blk_target_kind *k;

	list_for_each(k, &kinds, node) {
		size_t len = strlen(k->prefix);
		int err;

		if (strncmp(name, k->prefix, len) != 0) {
			continue;
		}
		spin_lock(&blk_config_lock);
		err = k->open(name + len, out);
		if (err == 0) {
			(*out)->refs++;
		}
		spin_unlock(&blk_config_lock);
		return err;
	}
	return -ENODEV;
}

static void close_locked(struct blk_target *t)
{
	if (--t->refs == 0) {
		t->ops->release(t);
	}
}

void blk_target_close(struct blk_target *t)
{
	spin_lock(&blk_config_lock);
	close_locked(t);
	spin_unlock(&blk_config_lock);
}

/* As for a vif's queue: work that was being run has ended at the second pass. */
static void target_quiesced(struct quiesce *q)
{
	struct blk_target *t = container_of(q, struct blk_target, quiesce);
	bool busy = atomic_load_explicit(&t->work.queued, memory_order_acquire) != 0;

	if (!busy && t->idle_seen) {
		t->freed(t);
		return;
	}
	t->idle_seen = !busy;
	quiesce_call(&t->quiesce, target_quiesced);
}

void blk_target_retire(struct blk_target *t, void (*freed)(struct blk_target *t))
{
	t->freed = freed;
	t->idle_seen = false;
	quiesce_call(&t->quiesce, target_quiesced);
}

void blk_target_changed(struct blk_target *t)
{
	struct blk_volume *v;

	list_for_each(v, &t->volumes, target_node) {
		if (v->changed != NULL) {
			v->changed(v->ctx);
		}
	}
}

static bool expire_volume(struct blk_target *t, struct blk_volume *v)
{
	uint64_t now = arch_now();

	while (v->queued > 0) {
		struct blk_request *r = list_entry(v->queue.next, struct blk_request, node);

		if (now - r->start < v->config.outage_ns) {
			break;
		}
		v->stats.expired++;
		end_locked(t, r, -EIO);
	}
	return v->inflight > 0;
}

bool blk_target_expire(struct blk_target *t)
{
	struct blk_volume *v;
	bool left = false;

	list_for_each(v, &t->volumes, target_node) {
		if (v->config.outage_ns != 0) {
			left |= expire_volume(t, v);
		}
	}
	return left;
}

/* --- volumes -------------------------------------------------------------------------- */

struct blk_volume *blk_volume_get(unsigned int id)
{
	/* Acquire: pairs with the release in volume_add(). */
	return id < BLK_VOLUME_MAX ? atomic_load_explicit(&volumes[id], memory_order_acquire) :
				     NULL;
}

static int volume_add(struct blk_volume *v)
{
	unsigned int at = BLK_VOLUME_MAX;

	for (unsigned int i = BLK_VOLUME_MAX; i-- > 0;) {
		const struct blk_volume *other = blk_volume_get(i);

		if (other == NULL) {
			at = i;
		} else if (strcmp(other->name, v->name) == 0) {
			return -EEXIST;
		}
	}
	if (at == BLK_VOLUME_MAX) {
		return -ENOSPC;
	}
	v->id = at;
	atomic_store_explicit(&volumes[at], v, memory_order_release);
	return 0;
}

int blk_volume_create(const char *name, struct blk_target *t,
		      const struct blk_volume_config *config, void (*changed)(void *ctx),
		      void *ctx, struct blk_volume **out)
{
	struct blk_volume *v = heap_alloc(sizeof(*v));
	int err;

	if (v == NULL) {
		return -ENOMEM;
	}
	str_copy(v->name, name, sizeof(v->name));
	v->target = t;
	v->config = *config;
	v->changed = changed;
	v->ctx = ctx;
	list_init(&v->target_node);
	list_init(&v->ready_node);
	list_init(&v->queue);
	timer_init(&v->throttle, throttle_fn);
	spin_lock(&blk_config_lock);
	err = volume_add(v);
	spin_unlock(&blk_config_lock);
	if (err != 0) {
		heap_free(v);
		return err;
	}
	spin_lock(&t->lock);
	list_push_back(&t->volumes, &v->target_node);
	spin_unlock(&t->lock);
	*out = v;
	return 0;
}

static void volume_free(struct quiesce *q)
{
	heap_free(container_of(q, struct blk_volume, quiesce));
}

void blk_volume_destroy(struct blk_volume *v)
{
	struct blk_target *t = v->target;

	spin_lock(&blk_config_lock);
	atomic_store_explicit(&volumes[v->id], NULL, memory_order_release);
	spin_lock(&t->lock);
	list_remove(&v->target_node);
	list_remove(&v->ready_node);
	spin_unlock(&t->lock);
	timer_cancel(&v->throttle);
	close_locked(t);
	spin_unlock(&blk_config_lock);
	quiesce_call(&v->quiesce, volume_free);
}

void blk_volume_info(struct blk_volume *v, struct blk_info *out)
{
	spin_lock(&v->target->lock);
	*out = v->target->info;
	out->read_only |= v->config.read_only;
	spin_unlock(&v->target->lock);
}

void blk_volume_stats(struct blk_volume *v, struct blk_stats *out, unsigned int *queued,
		      unsigned int *inflight)
{
	spin_lock(&v->target->lock);
	*out = v->stats;
	*queued = v->queued;
	*inflight = v->inflight;
	spin_unlock(&v->target->lock);
}
