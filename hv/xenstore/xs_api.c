/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own use of the store, as domain 0, and the coming and going
 * of domains.
 *
 * Locking: takes xs_lock.
 */
#include "kern/log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "xenstore/xs_internal.h"

struct spinlock xs_lock = SPINLOCK_INIT(LOCK_XENSTORE);
struct xs_stats xs_stats;

/* What xs_printf() makes; under the lock. */
static char text[1024];

static struct xs_view hv_view(struct xs_txn *t)
{
	return (struct xs_view){ .dom = xs_dom_find(0), .txn = t };
}

void xenstore_init(void)
{
	memset(&xs_stats, 0, sizeof(xs_stats));
	xs_quota_init();
	xs_tree_init();
	xs_watch_init();
	xs_ring_init();
}

void xenstore_stats(struct xs_stats *out)
{
	spin_lock(&xs_lock);
	*out = xs_stats;
	spin_unlock(&xs_lock);
}

/* --- Domains -------------------------------------------------------------- */

int xs_domain_add(unsigned int domid)
{
	struct xs_domain *d;
	int err;

	spin_lock(&xs_lock);
	err = xs_dom_new(domid, &d);
	spin_unlock(&xs_lock);
	return err;
}

static void remove_subtree(struct xs_node *n)
{
	watch_fire(node_path(n), n, NULL, true);
	node_remove(n);
}

/* What the domain owns, with all below; and its place in others' lists. */
static void purge_nodes(struct xs_domain *d)
{
	struct xs_node *n = xs_root;
	struct xs_node *next;

	for (; n; n = next) {
		if (n->owner == d) {
			next = node_after(n, xs_root);
			remove_subtree(n);
			continue;
		}
		next = node_next(n, xs_root);
		if (node_purge(n, d->id)) {
			n->gen = ++xs_gen;
		}
	}
}

void xs_domain_remove(unsigned int domid)
{
	char path[32];
	struct xs_domain *d;
	struct xs_node *home;

	spin_lock(&xs_lock);
	d = xs_dom_find(domid);
	if (!d || xs_dom_priv(d)) {
		spin_unlock(&xs_lock);
		return;
	}
	txn_free_all(d);
	watch_free_all(d);
	fmt_buf(path, sizeof(path), "/local/domain/%u", domid);
	home = node_find(path);
	if (home) {
		remove_subtree(home);
	}
	/* A walk over all there is, for what only an odd guest leaves. */
	if (tree_knows(d)) {
		purge_nodes(d);
		ASSERT(!tree_knows(d));
	}
	txn_purge_domain(domid);
	xs_domains[domid] = NULL;
	spin_unlock(&xs_lock);
	/* A block left over would have a payer that is freed. */
	ASSERT(d->mem == 0 && d->node_count == 0 && !d->conn);
	heap_free(d);
}

/* --- Nodes ---------------------------------------------------------------- */

int xs_read(struct xs_txn *t, const char *path, char *buf, size_t size,
	    size_t *len)
{
	struct xs_view v;
	const struct xs_node *n;
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	v = hv_view(t);
	err = view_get(&v, path, XSP_READ, &n);
	if (!err && n->value_len >= size) {
		err = -E2BIG;
	}
	if (!err) {
		if (n->value_len > 0) {
			memcpy(buf, n->value, n->value_len);
		}
		buf[n->value_len] = '\0';
		if (len) {
			*len = n->value_len;
		}
	}
	spin_unlock(&xs_lock);
	return err;
}

int xs_write(struct xs_txn *t, const char *path, const void *value, size_t len)
{
	struct xs_view v;
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	v = hv_view(t);
	err = view_write(&v, path, value, len);
	spin_unlock(&xs_lock);
	return err;
}

int xs_printf(struct xs_txn *t, const char *path, const char *fmt, ...)
{
	struct xs_view v;
	va_list ap;
	size_t len;
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	va_start(ap, fmt);
	len = fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	v = hv_view(t);
	err = len < sizeof(text) ? view_write(&v, path, text, len) : -E2BIG;
	spin_unlock(&xs_lock);
	return err;
}

int xs_mkdir(struct xs_txn *t, const char *path)
{
	struct xs_view v;
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	v = hv_view(t);
	err = view_mkdir(&v, path);
	spin_unlock(&xs_lock);
	return err;
}

int xs_rm(struct xs_txn *t, const char *path)
{
	struct xs_view v;
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	v = hv_view(t);
	err = view_rm(&v, path);
	spin_unlock(&xs_lock);
	return err;
}

int xs_directory(struct xs_txn *t, const char *path, char *buf, size_t size,
		 size_t *len)
{
	struct xs_view v;
	uint64_t gen;
	bool end;
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	v = hv_view(t);
	err = view_directory(&v, path, 0, buf, size, len, &end, &gen);
	if (!err && !end) {
		err = -E2BIG;
	}
	spin_unlock(&xs_lock);
	return err;
}

int xs_set_perms(struct xs_txn *t, const char *path,
		 const struct xs_perm *perms, size_t count)
{
	struct xs_view v;
	int err = path_check(path, XS_PATH_MAX);

	if (err) {
		return err;
	}
	spin_lock(&xs_lock);
	v = hv_view(t);
	err = view_set_perms(&v, path, perms, count);
	spin_unlock(&xs_lock);
	return err;
}

/* --- Transactions --------------------------------------------------------- */

int xs_txn_start(struct xs_txn **out)
{
	int err;

	spin_lock(&xs_lock);
	err = txn_new(xs_dom_find(0), out);
	spin_unlock(&xs_lock);
	return err;
}

int xs_txn_commit(struct xs_txn *t)
{
	int err;

	spin_lock(&xs_lock);
	err = txn_commit(t);
	spin_unlock(&xs_lock);
	return err;
}

void xs_txn_abort(struct xs_txn *t)
{
	spin_lock(&xs_lock);
	txn_free(t);
	spin_unlock(&xs_lock);
}
