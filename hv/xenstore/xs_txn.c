/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions: a sparse tree of shadows over the committed tree. It holds
 * what the transaction wrote and removed, and the generation number of each
 * node that it looked at. Commit first checks that none of these has changed
 * and that quotas allow the result, then applies all without being able to
 * fail: everything that it needs was allocated when the transaction wrote.
 * Opening one and its cost depend on what it touches, not on the tree.
 *
 * Locking: xs_lock.
 * Invariants: a shadow with a copy and without SH_NEW has SH_DEP, as has a
 * shadow with SH_HIDE if the committed node was to be seen, and the nearest
 * existing parent of one with SH_NEW.
 */
#include "lib/hash.h"
#include "lib/string.h"
#include "xenstore/xs_internal.h"

/* Paths of changed nodes, built during commit. */
static char commit_path[XS_PATH_MAX + 1];

static struct xs_shadow **bucket_of(struct xs_txn *t,
				    const struct xs_shadow *parent,
				    uint32_t hash)
{
	uint64_t key = (uint64_t)(uintptr_t)parent + hash;

	return &t->buckets[hash_u64(key, 0) % XS_TXN_BUCKETS];
}

struct xs_shadow *shadow_child(struct xs_txn *t, const struct xs_shadow *parent,
			       const char *name, size_t len, uint32_t hash)
{
	struct xs_shadow *sh;

	for (sh = *bucket_of(t, parent, hash); sh; sh = sh->hash_next) {
		if (sh->parent == parent && sh->hash == hash &&
		    sh->name_len == len && memcmp(sh->name, name, len) == 0) {
			return sh;
		}
	}
	return NULL;
}

static struct xs_shadow *shadow_new(struct xs_txn *t, const char *name,
				    size_t len, uint32_t hash)
{
	struct xs_shadow *sh = xs_alloc(t->dom, sizeof(*sh) + len + 1);

	if (!sh) {
		return NULL;
	}
	list_init(&sh->children);
	list_init(&sh->sibling);
	sh->hash = hash;
	sh->name_len = (uint16_t)len;
	memcpy(sh->name, name, len);
	t->shadow_count++;
	return sh;
}

int shadow_get(struct xs_txn *t, struct xs_shadow *parent, const char *name,
	       size_t len, uint32_t hash, struct xs_shadow **out)
{
	struct xs_shadow *sh = shadow_child(t, parent, name, len, hash);
	struct xs_shadow **bucket;

	if (!sh) {
		if (!xs_dom_priv(t->dom) &&
		    t->shadow_count >= XS_QUOTA_TXN_NODES) {
			return -ENOSPC;
		}
		sh = shadow_new(t, name, len, hash);
		if (!sh) {
			return -ENOMEM;
		}
		sh->parent = parent;
		list_push_back(&parent->children, &sh->sibling);
		bucket = bucket_of(t, parent, hash);
		sh->hash_next = *bucket;
		*bucket = sh;
	}
	*out = sh;
	return 0;
}

struct xs_shadow *shadow_next(struct xs_shadow *sh, const struct xs_shadow *top)
{
	if (!list_empty(&sh->children)) {
		return list_entry(sh->children.next, struct xs_shadow, sibling);
	}
	while (sh != top) {
		if (sh->sibling.next != &sh->parent->children) {
			return list_entry(sh->sibling.next, struct xs_shadow,
					  sibling);
		}
		sh = sh->parent;
	}
	return NULL;
}

void shadow_drop_copy(struct xs_txn *t, struct xs_shadow *sh)
{
	node_free(sh->copy);
	sh->copy = NULL;
	if (sh->flags & SH_NEW) {
		sh->flags &= (uint8_t)~SH_NEW;
		t->created--;
	}
}

void shadow_remove(struct xs_txn *t, struct xs_shadow *top)
{
	top->flags |= SH_HIDE;
	for (struct xs_shadow *sh = top; sh; sh = shadow_next(sh, top)) {
		shadow_drop_copy(t, sh);
	}
	t->changes++;
}

struct xs_txn *txn_find(struct xs_domain *d, uint32_t id)
{
	struct xs_txn *t;

	list_for_each(t, &d->txns, by_dom) {
		if (t->id == id) {
			return t;
		}
	}
	return NULL;
}

int txn_new(struct xs_domain *d, struct xs_txn **out)
{
	struct xs_txn *t;

	if (!xs_dom_priv(d) && d->txn_count >= XS_QUOTA_TXNS) {
		return -ENOSPC;
	}
	t = xs_alloc(d, sizeof(*t));
	if (!t) {
		return -ENOMEM;
	}
	t->dom = d;
	t->root = shadow_new(t, "", 0, 0);
	if (!t->root) {
		xs_free(t);
		return -ENOMEM;
	}
	do {
		d->next_txn++;
	} while (d->next_txn == 0 || txn_find(d, d->next_txn));
	t->id = d->next_txn;
	list_push_back(&d->txns, &t->by_dom);
	d->txn_count++;
	*out = t;
	return 0;
}

void txn_free(struct xs_txn *t)
{
	struct xs_shadow *sh = t->root;

	while (sh) {
		struct xs_shadow *parent = sh->parent;

		if (!list_empty(&sh->children)) {
			sh = list_entry(sh->children.next, struct xs_shadow,
					sibling);
			continue;
		}
		list_remove(&sh->sibling);
		node_free(sh->copy);
		xs_free(sh);
		sh = parent;
	}
	list_remove(&t->by_dom);
	t->dom->txn_count--;
	xs_free(t);
}

void txn_free_all(struct xs_domain *d)
{
	struct xs_txn *t;
	struct xs_txn *tmp;

	list_for_each_safe(t, tmp, &d->txns, by_dom) {
		txn_free(t);
	}
}

/* Domain 0 makes nodes for others; it has to start over. */
void txn_purge_domain(unsigned int domid)
{
	for (unsigned int i = 0; i < XS_DOMAIN_MAX; i++) {
		struct xs_domain *d = xs_domains[i];
		struct xs_txn *t;

		if (!d) {
			continue;
		}
		list_for_each(t, &d->txns, by_dom) {
			t->doomed = t->doomed || xs_dom_priv(d);
			for (struct xs_shadow *sh = t->root; sh;
			     sh = shadow_next(sh, t->root)) {
				if (sh->copy) {
					perm_purge(sh->copy, domid);
				}
			}
		}
	}
}

/* --- Commit --------------------------------------------------------------- */

/* The committed node at the place of a shadow; parents first. */
static struct xs_node *shadow_real(const struct xs_shadow *sh)
{
	if (!sh->parent) {
		return xs_root;
	}
	if (!sh->parent->real) {
		return NULL;
	}
	return node_child(sh->parent->real, sh->name, sh->name_len, sh->hash);
}

static bool shadow_conflicts(const struct xs_shadow *sh)
{
	uint64_t gen = sh->real ? sh->real->gen : 0;
	uint64_t child_gen = sh->real ? sh->real->child_gen : 0;

	return ((sh->flags & SH_DEP) && sh->gen != gen) ||
	       ((sh->flags & SH_DIRDEP) && sh->child_gen != child_gen);
}

/* Will the parent of a copy be there once the parents are applied? */
static bool shadow_has_parent(const struct xs_shadow *sh)
{
	const struct xs_shadow *up = sh->parent;

	return !up || up->copy ||
	       (up->real && !(up->flags & (SH_HIDE | SH_BURIED)));
}

/* May it be applied? -EAGAIN, -ENOSPC. Changes nothing in the tree. */
static int commit_check(struct xs_txn *t)
{
	uint32_t created = 0;
	uint32_t freed = 0;

	if (t->doomed) {
		return -EAGAIN;
	}
	for (struct xs_shadow *sh = t->root; sh; sh = shadow_next(sh, t->root)) {
		const struct xs_shadow *parent = sh->parent;

		sh->real = shadow_real(sh);
		if (parent && (parent->flags & (SH_HIDE | SH_BURIED))) {
			sh->flags |= SH_BURIED;
		}
		if (shadow_conflicts(sh) ||
		    (sh->copy && !shadow_has_parent(sh))) {
			return -EAGAIN;
		}
		if (sh->flags & SH_NEW) {
			created++;
		}
		if (sh->real && (sh->flags & (SH_HIDE | SH_BURIED)) == SH_HIDE) {
			freed += subtree_owned(sh->real, t->dom);
		}
	}
	if (!xs_dom_priv(t->dom) && created > freed &&
	    t->dom->node_count + created - freed > XS_QUOTA_NODES) {
		return -ENOSPC;
	}
	return 0;
}

static const char *shadow_path(const struct xs_shadow *sh)
{
	size_t at = XS_PATH_MAX;

	commit_path[at] = '\0';
	if (!sh->parent) {
		commit_path[--at] = '/';
	}
	for (; sh->parent; sh = sh->parent) {
		at -= sh->name_len;
		memcpy(commit_path + at, sh->name, sh->name_len);
		commit_path[--at] = '/';
	}
	return commit_path + at;
}

/* Move what was written to the committed node. */
static void commit_merge(struct xs_shadow *sh)
{
	struct xs_node *n = sh->real;
	struct xs_node *copy = sh->copy;
	struct xs_perm before[XS_QUOTA_PERMS];
	struct xs_perms_old old = { .perms = before, .count = n->perm_count };

	memcpy(before, n->perms, sizeof(before));
	xs_free(n->value);
	n->value = copy->value;
	n->value_len = copy->value_len;
	copy->value = NULL;
	xs_recharge(n->value, n->owner);
	node_set_perms(n, copy->perms, copy->perm_count);
	n->gen = ++xs_gen;
	watch_fire(shadow_path(sh), n, &old, false);
}

static void commit_apply(struct xs_txn *t)
{
	for (struct xs_shadow *sh = t->root; sh; sh = shadow_next(sh, t->root)) {
		sh->real = shadow_real(sh);
		if (sh->real && (sh->flags & SH_HIDE)) {
			watch_fire(shadow_path(sh), sh->real, NULL, true);
			node_remove(sh->real);
			sh->real = NULL;
		}
		if (!sh->copy) {
			continue;
		}
		if (sh->real) {
			commit_merge(sh);
		} else {
			sh->real = sh->copy;
			sh->copy = NULL;
			node_link(sh->parent->real, sh->real);
			watch_fire(shadow_path(sh), sh->real, NULL, false);
		}
	}
}

int txn_commit(struct xs_txn *t)
{
	int err = commit_check(t);

	if (!err) {
		commit_apply(t);
	} else if (err == -EAGAIN) {
		xs_stats.conflicts++;
	}
	txn_free(t);
	return err;
}
