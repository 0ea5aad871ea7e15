/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's operations as one domain sees them, directly on the tree or in
 * a transaction. Here are the rules: permissions, quotas, inheritance.
 *
 * Locking: xs_lock.
 */
#include "lib/string.h"
#include "xenstore/xs_internal.h"

/* A node as the view sees it. */
struct place {
	struct xs_node *node;		/* what is to be seen, or NULL */
	struct xs_node *base;		/* the committed one, unless hidden */
	struct xs_shadow *sh;		/* in a transaction */
	bool open;			/* committed nodes are to be seen here */
};

/* How far a path leads. */
struct walk {
	struct place at;		/* the last node that exists */
	const char *rest;		/* missing components, or "" */
};

static bool path_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '/' || c == '_' ||
	       c == '@';
}

int path_check(const char *path, size_t max)
{
	size_t len = strnlen(path, max + 1);
	size_t depth = 0;

	if (path[0] != '/' || len > max || (len > 1 && path[len - 1] == '/')) {
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if (!path_char(path[i])) {
			return -EINVAL;
		}
		if (path[i] == '/') {
			depth++;
			if (path[i + 1] == '/') {
				return -EINVAL;
			}
		}
	}
	return depth <= XS_DEPTH_MAX ? 0 : -EINVAL;
}

/* The transaction's result depends on what is here now. */
static void depend(const struct place *p)
{
	struct xs_shadow *sh = p->sh;

	if (sh && p->open && !(sh->flags & SH_DEP)) {
		sh->flags |= SH_DEP;
		sh->gen = p->base ? p->base->gen : 0;
	}
}

static bool place_hides(const struct place *p)
{
	return p->sh && (p->sh->flags & SH_HIDE);
}

/* The child of a place; -ENOSPC or -ENOMEM from the transaction. */
static int step(const struct xs_view *v, const struct place *from,
		const char *name, size_t len, struct place *to)
{
	uint32_t hash = xs_name_hash(name, len);
	int err;

	to->sh = NULL;
	to->open = from->base && !place_hides(from);
	to->base = to->open ? node_child(from->base, name, len, hash) : NULL;
	to->node = to->base;
	if (v->txn) {
		err = shadow_get(v->txn, from->sh, name, len, hash, &to->sh);
		if (err) {
			return err;
		}
		if (to->sh->copy) {
			to->node = to->sh->copy;
		} else if (place_hides(to)) {
			to->node = NULL;
		}
	}
	return 0;
}

static const char *next_component(const char *p)
{
	p += component_len(p);
	return *p == '/' ? p + 1 : p;
}

static int walk_path(const struct xs_view *v, const char *path, struct walk *w)
{
	struct place next;
	int err;

	w->at = (struct place){ .base = xs_root, .node = xs_root, .open = true };
	if (v->txn) {
		w->at.sh = v->txn->root;
		if (w->at.sh->copy) {
			w->at.node = w->at.sh->copy;
		}
	}
	for (w->rest = path + 1; *w->rest != '\0';
	     w->rest = next_component(w->rest)) {
		err = step(v, &w->at, w->rest, component_len(w->rest), &next);
		if (err) {
			return err;
		}
		if (!next.node) {
			depend(&next);
			break;
		}
		w->at = next;
	}
	depend(&w->at);
	return 0;
}

/*
 * As walk_path(), and the rights `want` are needed. A missing node is told
 * (-ENOENT) only to who has them on the nearest existing parent.
 */
static int walk_to(const struct xs_view *v, const char *path, unsigned int want,
		   struct walk *w)
{
	unsigned int have;
	int err = walk_path(v, path, w);

	if (err) {
		return err;
	}
	have = node_perm(v->dom, w->at.node) & want;
	if (*w->rest != '\0') {
		return have ? -ENOENT : -EACCES;
	}
	return have == want ? 0 : -EACCES;
}

int view_get(const struct xs_view *v, const char *path, unsigned int want,
	     const struct xs_node **out)
{
	struct walk w;
	int err = walk_to(v, path, want, &w);

	if (!err) {
		*out = w.at.node;
	}
	return err;
}

/* --- Creating ------------------------------------------------------------- */

static struct xs_node *make_child(const struct xs_view *v,
				  const struct xs_node *parent,
				  const char *name, size_t len)
{
	struct xs_node *n = node_new(v->dom, name, len);

	if (!n) {
		return NULL;
	}
	memcpy(n->perms, parent->perms, sizeof(n->perms));
	n->perm_count = parent->perm_count;
	if (!xs_dom_priv(v->dom)) {
		n->perms[0].domid = (uint16_t)v->dom->id;
	}
	return n;
}

static uint32_t count_components(const char *p)
{
	uint32_t count = 0;

	for (; *p != '\0'; p = next_component(p)) {
		count++;
	}
	return count;
}

/* A chain of new nodes, tied by `parent` only, is linked when it is complete. */
static int create_now(const struct xs_view *v, const char *path,
		      const struct walk *w, const void *value, size_t len)
{
	struct xs_node *top = w->at.node;
	struct xs_node *last = top;
	struct xs_node *n;
	struct xs_node *up;

	for (const char *p = w->rest; *p != '\0'; p = next_component(p)) {
		n = make_child(v, last, p, component_len(p));
		if (!n) {
			goto fail;
		}
		n->parent = last;
		last = n;
	}
	if (node_set_value(last, v->dom, value, len) != 0) {
		goto fail;
	}
	for (n = last; n != top; n = up) {
		up = n->parent;
		node_link(up, n);
	}
	watch_fire(path, last, NULL, false);
	return 0;
fail:
	for (n = last; n != top; n = up) {
		up = n->parent;
		node_free(n);
	}
	return -ENOMEM;
}

static int create_in_txn(const struct xs_view *v, const struct walk *w,
			 const void *value, size_t len)
{
	struct place at = w->at;
	struct place next;
	int err = 0;

	for (const char *p = w->rest; *p != '\0'; p = next_component(p)) {
		err = step(v, &at, p, component_len(p), &next);
		if (err) {
			goto fail;
		}
		depend(&next);
		/* Made here before others removed its parent: it conflicts. */
		shadow_drop_copy(v->txn, next.sh);
		next.node = make_child(v, at.node, p, component_len(p));
		if (!next.node) {
			err = -ENOMEM;
			goto fail;
		}
		next.sh->copy = next.node;
		next.sh->flags |= SH_NEW;
		v->txn->created++;
		at = next;
	}
	err = node_set_value(at.node, v->dom, value, len);
	if (err) {
		goto fail;
	}
	v->txn->changes++;
	return 0;
fail:
	for (struct xs_shadow *sh = at.sh; sh != w->at.sh; sh = sh->parent) {
		shadow_drop_copy(v->txn, sh);
	}
	return err;
}

static int create(const struct xs_view *v, const char *path,
		  const struct walk *w, const void *value, size_t len)
{
	uint32_t count = v->dom->node_count + count_components(w->rest);

	if (v->txn) {
		count += v->txn->created;
	}
	if (!xs_dom_priv(v->dom) && count > XS_QUOTA_NODES) {
		return -ENOSPC;
	}
	if (v->txn) {
		return create_in_txn(v, w, value, len);
	}
	return create_now(v, path, w, value, len);
}

/* --- Changing ------------------------------------------------------------- */

/* Have the transaction hold a node of its own here. */
static int own_copy(const struct xs_view *v, const struct place *p,
		    bool with_value)
{
	const struct xs_node *base = p->base;
	struct xs_node *copy;

	if (p->sh->copy) {
		return 0;
	}
	copy = node_new(v->dom, base->name, base->name_len);
	if (!copy) {
		return -ENOMEM;
	}
	memcpy(copy->perms, base->perms, sizeof(copy->perms));
	copy->perm_count = base->perm_count;
	if (with_value &&
	    node_set_value(copy, v->dom, base->value, base->value_len) != 0) {
		node_free(copy);
		return -ENOMEM;
	}
	p->sh->copy = copy;
	return 0;
}

static int set_value(const struct xs_view *v, const char *path,
		     const struct place *p, const void *value, size_t len)
{
	struct xs_node *n = p->node;
	int err;

	if (!v->txn) {
		err = node_set_value(n, n->owner, value, len);
		if (!err) {
			n->gen = ++xs_gen;
			watch_fire(path, n, NULL, false);
		}
		return err;
	}
	if (p->sh->copy) {
		return node_set_value(p->sh->copy, v->dom, value, len);
	}
	err = own_copy(v, p, false);
	if (err) {
		return err;
	}
	err = node_set_value(p->sh->copy, v->dom, value, len);
	if (err) {
		shadow_drop_copy(v->txn, p->sh);
	}
	return err;
}

int view_write(const struct xs_view *v, const char *path, const void *value,
	       size_t len)
{
	struct walk w;
	int err;

	if (len > (xs_dom_priv(v->dom) ? XS_PAYLOAD_MAX : XS_QUOTA_VALUE)) {
		return -ENOSPC;
	}
	err = walk_to(v, path, XSP_WRITE, &w);
	if (err == -ENOENT) {
		return create(v, path, &w, value, len);
	}
	return err ? err : set_value(v, path, &w.at, value, len);
}

int view_mkdir(const struct xs_view *v, const char *path)
{
	struct walk w;
	int err = walk_to(v, path, XSP_WRITE, &w);

	if (err == -ENOENT) {
		return create(v, path, &w, "", 0);
	}
	return err;
}

int view_rm(const struct xs_view *v, const char *path)
{
	struct walk w;
	int err = walk_to(v, path, XSP_WRITE, &w);

	if (err == -ENOENT && *next_component(w.rest) == '\0') {
		return 0;
	}
	if (err) {
		return err;
	}
	if (w.at.base == xs_root) {
		return -EINVAL;
	}
	if (v->txn) {
		shadow_remove(v->txn, w.at.sh);
	} else {
		watch_fire(path, w.at.node, NULL, true);
		node_remove(w.at.node);
	}
	return 0;
}

/* May `v` give `n` this list? */
static int perms_check(const struct xs_view *v, const struct xs_node *n,
		       const struct xs_perm *perms, size_t count)
{
	if (count == 0) {
		return -EINVAL;
	}
	if (count > XS_QUOTA_PERMS) {
		return -ENOSPC;
	}
	if (!xs_dom_priv(v->dom) && perms[0].domid != n->perms[0].domid) {
		return -EPERM;
	}
	return xs_dom_find(perms[0].domid) ? 0 : -EINVAL;
}

int view_set_perms(const struct xs_view *v, const char *path,
		   const struct xs_perm *perms, size_t count)
{
	struct xs_perm list[XS_QUOTA_PERMS];
	struct xs_perm before[XS_QUOTA_PERMS];
	struct xs_perms_old old = { .perms = before };
	struct xs_node *n;
	struct walk w;
	int err = walk_to(v, path, XSP_WRITE | XSP_OWNER, &w);

	if (err) {
		return err;
	}
	n = w.at.node;
	err = perms_check(v, n, perms, count);
	if (err) {
		return err;
	}
	for (size_t i = 0; i < count; i++) {
		list[i] = XS_PERM(perms[i].domid, perms[i].access);
		list[i].stale = !xs_dom_find(perms[i].domid);
	}
	if (v->txn) {
		err = own_copy(v, &w.at, true);
		if (!err) {
			node_set_perms(w.at.sh->copy, list, count);
		}
		return err;
	}
	old.count = n->perm_count;
	memcpy(before, n->perms, sizeof(before));
	node_set_perms(n, list, count);
	n->gen = ++xs_gen;
	watch_fire(path, n, &old, false);
	return 0;
}

/* --- Directory ------------------------------------------------------------ */

struct lister {
	char *buf;
	size_t size;
	size_t len;
	size_t off;			/* bytes of the list still to skip */
	bool full;
};

static void list_name(struct lister *l, const struct xs_node *n)
{
	size_t bytes = (size_t)n->name_len + 1;

	if (l->off >= bytes) {
		l->off -= bytes;
	} else if (l->full || l->len + bytes - l->off > l->size) {
		l->full = true;
	} else {
		memcpy(l->buf + l->len, n->name + l->off, bytes - l->off);
		l->len += bytes - l->off;
		l->off = 0;
	}
}

/* Committed children that the transaction still sees, then its own. */
static void list_merged(struct xs_txn *t, const struct place *p,
			struct lister *l)
{
	bool open = p->base && !place_hides(p);
	const struct xs_node *n;
	const struct xs_shadow *sh;

	if (open) {
		list_for_each(n, &p->base->children, sibling) {
			sh = shadow_child(t, p->sh, n->name, n->name_len, n->hash);
			if (!sh || sh->copy || !(sh->flags & SH_HIDE)) {
				list_name(l, n);
			}
		}
	}
	list_for_each(sh, &p->sh->children, sibling) {
		if (sh->copy && !(open && node_child(p->base, sh->name,
						     sh->name_len, sh->hash))) {
			list_name(l, sh->copy);
		}
	}
}

int view_directory(const struct xs_view *v, const char *path, size_t off,
		   char *buf, size_t size, size_t *len, bool *end, uint64_t *gen)
{
	struct lister l = { .buf = buf, .size = size, .off = off };
	const struct xs_node *n;
	struct xs_shadow *sh;
	struct walk w;
	int err = walk_to(v, path, XSP_READ, &w);

	if (err) {
		return err;
	}
	*gen = w.at.base ? w.at.base->child_gen : 0;
	if (v->txn) {
		sh = w.at.sh;
		if (w.at.open && !(sh->flags & SH_DIRDEP)) {
			sh->flags |= SH_DIRDEP;
			sh->child_gen = *gen;
		}
		*gen += v->txn->changes;
		list_merged(v->txn, &w.at, &l);
	} else {
		list_for_each(n, &w.at.node->children, sibling) {
			list_name(&l, n);
		}
	}
	*len = l.len;
	*end = !l.full;
	return 0;
}
