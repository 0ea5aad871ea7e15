/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of committed nodes. A child is found through one hash table keyed
 * by (parent, name). All walks are loops: guests choose the tree's shape.
 *
 * Locking: xs_lock.
 * Invariants: a node's owner is the domain that perms[0] names and pays for
 * the node and its value; each domain's node_count is the number of nodes
 * that it owns, and named[] the number of entries behind perms[0] of committed
 * nodes that name it; generation numbers are never used twice, so a node that was
 * removed and made again differs.
 */
#include "kern/log.h"
#include "kern/random.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "xenstore/xs_internal.h"

#define TREE_BUCKETS 1024U

struct xs_node *xs_root;
uint64_t xs_gen;

static struct xs_node *buckets[TREE_BUCKETS];
static uint64_t hash_seed;
static uint32_t named[XS_DOMAIN_MAX];

uint32_t xs_name_hash(const char *name, size_t len)
{
	return (uint32_t)hash_bytes(name, len, hash_seed);
}

size_t component_len(const char *p)
{
	size_t n = 0;

	while (p[n] != '\0' && p[n] != '/') {
		n++;
	}
	return n;
}

static struct xs_node **bucket_of(const struct xs_node *parent, uint32_t hash)
{
	uint64_t key = (uint64_t)(uintptr_t)parent + hash;

	return &buckets[hash_u64(key, hash_seed) % TREE_BUCKETS];
}

struct xs_node *node_child(const struct xs_node *parent, const char *name,
			   size_t len, uint32_t hash)
{
	struct xs_node *n;

	for (n = *bucket_of(parent, hash); n; n = n->hash_next) {
		if (n->parent == parent && n->hash == hash &&
		    n->name_len == len && memcmp(n->name, name, len) == 0) {
			return n;
		}
	}
	return NULL;
}

struct xs_node *node_find(const char *path)
{
	struct xs_node *n = xs_root;
	const char *p = path + 1;

	while (n && *p != '\0') {
		size_t len = component_len(p);

		n = node_child(n, p, len, xs_name_hash(p, len));
		p += len;
		if (*p == '/') {
			p++;
		}
	}
	return n;
}

struct xs_node *node_new(struct xs_domain *payer, const char *name, size_t len)
{
	struct xs_node *n = xs_alloc(payer, sizeof(*n) + len + 1);

	if (!n) {
		return NULL;
	}
	list_init(&n->children);
	list_init(&n->sibling);
	n->hash = xs_name_hash(name, len);
	n->name_len = (uint16_t)len;
	memcpy(n->name, name, len);
	return n;
}

void node_free(struct xs_node *n)
{
	if (n) {
		xs_free(n->value);
		xs_free(n);
	}
}

int node_set_value(struct xs_node *n, struct xs_domain *payer,
		   const void *value, size_t len)
{
	char *copy = NULL;

	if (len == n->value_len && n->value) {
		memcpy(n->value, value, len);
		return 0;
	}
	if (len > 0) {
		copy = xs_alloc(payer, len);
		if (!copy) {
			return -ENOMEM;
		}
		memcpy(copy, value, len);
	}
	xs_free(n->value);
	n->value = copy;
	n->value_len = (uint16_t)len;
	return 0;
}

/* The domains that n's permissions name are named once more, or less. */
static void count_named(const struct xs_node *n, bool more)
{
	for (unsigned int i = 1; i < n->perm_count; i++) {
		if (n->perms[i].domid < XS_DOMAIN_MAX) {
			named[n->perms[i].domid] += more ? 1 : -1U;
		}
	}
}

bool tree_knows(const struct xs_domain *d)
{
	return d->node_count > 0 || named[d->id] > 0;
}

bool node_purge(struct xs_node *n, unsigned int domid)
{
	bool found;

	count_named(n, false);
	found = perm_purge(n, domid);
	count_named(n, true);
	return found;
}

void node_link(struct xs_node *parent, struct xs_node *n)
{
	struct xs_node **bucket = bucket_of(parent, n->hash);

	n->parent = parent;
	n->hash_next = *bucket;
	*bucket = n;
	list_push_back(&parent->children, &n->sibling);
	n->owner = xs_dom_find(n->perms[0].domid);
	n->owner->node_count++;
	count_named(n, true);
	xs_recharge(n, n->owner);
	xs_recharge(n->value, n->owner);
	n->gen = ++xs_gen;
	n->child_gen = n->gen;
	parent->child_gen = n->gen;
	xs_stats.node_count++;
}

static void node_unlink(struct xs_node *n)
{
	struct xs_node **p = bucket_of(n->parent, n->hash);

	while (*p != n) {
		p = &(*p)->hash_next;
	}
	*p = n->hash_next;
	list_remove(&n->sibling);
	n->owner->node_count--;
	count_named(n, false);
	n->parent->child_gen = ++xs_gen;
	xs_stats.node_count--;
}

void node_remove(struct xs_node *top)
{
	struct xs_node *n = top;

	for (;;) {
		struct xs_node *parent = n->parent;
		bool last = n == top;

		if (!list_empty(&n->children)) {
			n = list_entry(n->children.next, struct xs_node, sibling);
			continue;
		}
		node_unlink(n);
		node_free(n);
		if (last) {
			return;
		}
		n = parent;
	}
}

struct xs_node *node_next(struct xs_node *n, const struct xs_node *top)
{
	if (!list_empty(&n->children)) {
		return list_entry(n->children.next, struct xs_node, sibling);
	}
	return node_after(n, top);
}

struct xs_node *node_after(struct xs_node *n, const struct xs_node *top)
{
	while (n != top) {
		if (n->sibling.next != &n->parent->children) {
			return list_entry(n->sibling.next, struct xs_node,
					  sibling);
		}
		n = n->parent;
	}
	return NULL;
}

const char *node_path(const struct xs_node *n)
{
	static char path[XS_PATH_MAX + 1];
	size_t at = XS_PATH_MAX;

	if (!n->parent) {
		path[--at] = '/';
	}
	for (; n->parent; n = n->parent) {
		at -= n->name_len;
		memcpy(path + at, n->name, n->name_len);
		path[--at] = '/';
	}
	return path + at;
}

void node_set_perms(struct xs_node *n, const struct xs_perm *perms, size_t count)
{
	if (n->owner) {
		count_named(n, false);
	}
	memmove(n->perms, perms, count * sizeof(*perms));
	n->perm_count = (uint16_t)count;
	if (n->owner) {
		count_named(n, true);
	}
	if (n->owner && n->owner->id != perms[0].domid) {
		n->owner->node_count--;
		n->owner = xs_dom_find(perms[0].domid);
		n->owner->node_count++;
		xs_recharge(n, n->owner);
		xs_recharge(n->value, n->owner);
	}
}

uint32_t subtree_owned(struct xs_node *top, const struct xs_domain *d)
{
	uint32_t count = 0;

	for (struct xs_node *n = top; n; n = node_next(n, top)) {
		if (n->owner == d) {
			count++;
		}
	}
	return count;
}

void xs_tree_init(void)
{
	memset(buckets, 0, sizeof(buckets));
	memset(named, 0, sizeof(named));
	hash_seed = random_u64();
	xs_gen = 0;
	xs_root = node_new(xs_dom_find(0), "", 0);
	if (!xs_root) {
		panic("xenstore: no memory at start");
	}
	xs_root->perms[0] = XS_PERM(0, XSP_NONE);
	xs_root->perm_count = 1;
	xs_root->owner = xs_dom_find(0);
	xs_root->owner->node_count = 1;
	xs_root->gen = ++xs_gen;
	xs_root->child_gen = xs_gen;
	xs_stats.node_count = 1;
}
