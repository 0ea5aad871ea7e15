/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: who wants to hear of which part of the tree, and events that wait
 * to be told.
 *
 * A guest's pending events are a list per domain, oldest first. An event for
 * the watched path itself is kept in the watch, so there is at most one and it
 * costs no memory; other paths are allocated, each pending at most once per
 * watch. When a domain has XS_QUOTA_EVENTS of these, or no memory, the event
 * for the watched path takes the place of the new one: the guest learns that
 * something changed, and nobody else pays for its not reading.
 *
 * An internal watch has only a pending flag and a callback.
 *
 * Locking: xs_lock; callbacks run without it, one at a time for each watch.
 * Invariants: watch_count of a domain is the length of its list of watches and
 * event_count that of its list of events.
 */
#include "kern/random.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "xenstore/xs_internal.h"

#define WATCH_BUCKETS	256U
#define PATH_HASH_START	0xcbf29ce484222325ULL
#define PATH_HASH_PRIME	0x100000001b3ULL

static struct list buckets[WATCH_BUCKETS];
static struct list pending = LIST_INIT(pending);
static uint64_t hash_seed;

/* A running hash over a path, so that each parent's hash comes on the way. */
static uint64_t hash_step(uint64_t h, char c)
{
	return (h ^ (uint8_t)c) * PATH_HASH_PRIME;
}

static uint32_t path_hash(const char *path, size_t len)
{
	uint64_t h = hash_seed;

	for (size_t i = 0; i < len; i++) {
		h = hash_step(h, path[i]);
	}
	return (uint32_t)hash_u64(h, hash_seed);
}

void xs_watch_init(void)
{
	hash_seed = random_u64() ^ PATH_HASH_START;
	list_init(&pending);
	for (unsigned int i = 0; i < WATCH_BUCKETS; i++) {
		list_init(&buckets[i]);
	}
}

/* --- Events --------------------------------------------------------------- */

static void event_queue(struct xs_event *e)
{
	struct xs_domain *d = e->watch->dom;

	list_push_back(&d->events, &e->queue);
	d->event_count++;
	xs_stats.events++;
	if (d->conn) {
		conn_wake(d->conn);
	}
}

void xs_event_done(struct xs_event *e)
{
	list_remove(&e->queue);
	e->watch->dom->event_count--;
	if (e != &e->watch->own) {
		list_remove(&e->by_watch);
		xs_free(e);
	}
}

/* Tell the watcher that something at or below its path changed. */
void watch_queue_own(struct xs_watch *w)
{
	if (w->fn) {
		if (list_empty(&w->pending)) {
			list_push_back(&pending, &w->pending);
		}
		xs_work_queue();
	} else if (list_empty(&w->own.queue)) {
		event_queue(&w->own);
	}
}

static bool event_is_pending(const struct xs_watch *w, const char *path,
			     size_t len, uint32_t hash)
{
	const struct xs_event *e;

	list_for_each(e, &w->events, by_watch) {
		if (e->hash == hash && e->path_len == len &&
		    memcmp(e->path, path, len) == 0) {
			return true;
		}
	}
	return false;
}

/* `path` is the watched path or below it. */
static void watch_queue(struct xs_watch *w, const char *path, size_t len,
			uint32_t hash)
{
	struct xs_event *e = NULL;
	char *text;

	if (w->fn || len == w->path_len) {
		watch_queue_own(w);
		return;
	}
	path += w->prefix_len;
	len -= w->prefix_len;
	if (event_is_pending(w, path, len, hash)) {
		return;
	}
	if (w->dom->event_count < XS_QUOTA_EVENTS) {
		e = xs_alloc(w->dom, sizeof(*e) + len + 1);
	}
	if (!e) {
		xs_stats.events_lost++;
		watch_queue_own(w);
		return;
	}
	text = (char *)(e + 1);
	memcpy(text, path, len);
	e->watch = w;
	e->path = text;
	e->path_len = (uint16_t)len;
	e->hash = hash;
	list_push_back(&w->events, &e->by_watch);
	event_queue(e);
}

/* --- Firing --------------------------------------------------------------- */

/* XSA-115: only who may read the node or its parent hears of it. */
static bool watch_permitted(const struct xs_watch *w, const struct xs_node *n,
			    const struct xs_perms_old *old)
{
	if (node_perm(w->dom, n) & XSP_READ) {
		return true;
	}
	if (n->parent && (node_perm(w->dom, n->parent) & XSP_READ)) {
		return true;
	}
	return old && (perm_of(w->dom, old->perms, old->count) & XSP_READ);
}

struct fire {
	const char *path;
	size_t len;
	uint32_t hash;
	const struct xs_node *node;
	const struct xs_perms_old *old;
};

/* Watches on the first `len` bytes of the changed path. */
static void fire_prefix(const struct fire *f, size_t len, uint32_t hash)
{
	struct xs_watch *w;

	list_for_each(w, &buckets[hash % WATCH_BUCKETS], by_path) {
		if (w->hash == hash && w->path_len == len &&
		    memcmp(w->path, f->path, len) == 0 &&
		    watch_permitted(w, f->node, f->old)) {
			watch_queue(w, f->path, f->len, f->hash);
		}
	}
}

/* Watches below a node that goes, if what they watch exists. */
static void fire_below(const struct fire *f)
{
	struct xs_watch *w;

	for (unsigned int i = 0; i < WATCH_BUCKETS; i++) {
		list_for_each(w, &buckets[i], by_path) {
			const struct xs_node *n;

			if (w->path_len <= f->len || w->path[f->len] != '/' ||
			    memcmp(w->path, f->path, f->len) != 0) {
				continue;
			}
			n = node_find(w->path);
			if (n && watch_permitted(w, n, NULL)) {
				watch_queue_own(w);
			}
		}
	}
}

void watch_fire(const char *path, const struct xs_node *n,
		const struct xs_perms_old *old, bool removed)
{
	size_t len = strlen(path);
	struct fire f = {
		.path = path,
		.len = len,
		.hash = path_hash(path, len),
		.node = n,
		.old = old,
	};
	uint64_t h = hash_step(hash_seed, '/');

	fire_prefix(&f, 1, (uint32_t)hash_u64(h, hash_seed));
	for (size_t i = 1; i < len; i++) {
		if (path[i] == '/') {
			fire_prefix(&f, i, (uint32_t)hash_u64(h, hash_seed));
		}
		h = hash_step(h, path[i]);
	}
	if (len > 1) {
		fire_prefix(&f, len, f.hash);
	}
	/* Of what is below a leaf nothing exists. */
	if (removed && !list_empty(&n->children)) {
		fire_below(&f);
	}
}

/* --- Registry ------------------------------------------------------------- */

int watch_new(struct xs_domain *d, const char *path, size_t prefix_len,
	      const char *token, struct xs_watch **out)
{
	size_t path_len = strlen(path);
	size_t token_len = strlen(token);
	struct xs_watch *w;

	if (!xs_dom_priv(d) && d->watch_count >= XS_QUOTA_WATCHES) {
		return -E2BIG;
	}
	w = xs_alloc(d, sizeof(*w) + path_len + token_len + 2);
	if (!w) {
		return -ENOMEM;
	}
	memcpy(w->path, path, path_len);
	memcpy(w->path + path_len + 1, token, token_len);
	w->token = w->path + path_len + 1;
	w->path_len = (uint16_t)path_len;
	w->token_len = (uint16_t)token_len;
	w->prefix_len = (uint16_t)prefix_len;
	w->hash = path_hash(path, path_len);
	w->dom = d;
	w->own.watch = w;
	w->own.path = w->path + prefix_len;
	w->own.path_len = (uint16_t)(path_len - prefix_len);
	list_init(&w->own.queue);
	list_init(&w->events);
	list_init(&w->pending);
	list_push_back(&buckets[w->hash % WATCH_BUCKETS], &w->by_path);
	list_push_back(&d->watches, &w->by_dom);
	d->watch_count++;
	xs_stats.watch_count++;
	*out = w;
	return 0;
}

static void watch_unlink(struct xs_watch *w)
{
	struct xs_event *e;
	struct xs_event *tmp;

	list_for_each_safe(e, tmp, &w->events, by_watch) {
		xs_event_done(e);
	}
	if (!list_empty(&w->own.queue)) {
		xs_event_done(&w->own);
	}
	list_remove(&w->pending);
	list_remove(&w->by_path);
	list_remove(&w->by_dom);
	w->dom->watch_count--;
	xs_stats.watch_count--;
}

void watch_free(struct xs_watch *w)
{
	watch_unlink(w);
	xs_free(w);
}

struct xs_watch *watch_find(struct xs_domain *d, const char *path,
			    const char *token)
{
	struct xs_watch *w;

	list_for_each(w, &d->watches, by_dom) {
		if (strcmp(w->path, path) == 0 && strcmp(w->token, token) == 0) {
			return w;
		}
	}
	return NULL;
}

void watch_free_all(struct xs_domain *d)
{
	struct xs_watch *w;
	struct xs_watch *tmp;

	list_for_each_safe(w, tmp, &d->watches, by_dom) {
		watch_free(w);
	}
}

/* --- Internal watches ----------------------------------------------------- */

bool watch_dispatch(void)
{
	struct xs_watch *w;
	bool found = false;

	spin_lock(&xs_lock);
	list_for_each(w, &pending, pending) {
		if (!w->running) {
			found = true;
			break;
		}
	}
	if (found) {
		list_remove(&w->pending);
		w->running = true;
		spin_unlock(&xs_lock);
		w->fn(w->ctx);
		spin_lock(&xs_lock);
		w->running = false;
		if (!list_empty(&w->pending)) {
			xs_work_queue();
		}
	}
	spin_unlock(&xs_lock);
	return found;
}

int xs_watch_add(const char *path, void (*fn)(void *ctx), void *ctx,
		 struct xs_watch **out)
{
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	err = watch_new(xs_dom_find(0), path, 0, "", out);
	if (!err) {
		(*out)->fn = fn;
		(*out)->ctx = ctx;
		watch_queue_own(*out);
	}
	spin_unlock(&xs_lock);
	return err;
}

void xs_watch_remove(struct xs_watch *w)
{
	if (!w) {
		return;
	}
	spin_lock(&xs_lock);
	watch_unlink(w);
	/* Off all lists, it can't start again; wait for another CPU's call. */
	while (w->running) {
		spin_unlock(&xs_lock);
		arch_relax();
		spin_lock(&xs_lock);
	}
	xs_free(w);
	spin_unlock(&xs_lock);
}

void xs_watch_trigger(struct xs_watch *w)
{
	spin_lock(&xs_lock);
	watch_queue_own(w);
	spin_unlock(&xs_lock);
}
