/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XenStore's parts to each other. Layers, lower first: quota (domains and
 * charged memory), tree (committed nodes), perm, watch, txn (a sparse shadow
 * of the tree), view (operations as one domain, in a transaction or not),
 * wire (requests), conn (byte streams), ring, api.
 *
 * Locking: everything here is under `xs_lock`, which the entry points of
 * xs_api.c, xs_conn.c, xs_ring.c and xs_watch.c take.
 */
#ifndef XENSTORE_XS_INTERNAL_H
#define XENSTORE_XS_INTERNAL_H

#include "kern/lock.h"
#include "lib/list.h"
#include "xenstore/xenstore.h"

#define XS_PAYLOAD_MAX	4096U		/* XENSTORE_PAYLOAD_MAX */
#define XS_TOKEN_MAX	1022U		/* so that any event fits in a payload */
#define XSP_OWNER	0x4U		/* may change permissions */

struct xs_domain {
	unsigned int id;
	uint32_t node_count;		/* committed nodes that it owns */
	uint32_t watch_count;
	uint32_t txn_count;
	uint32_t event_count;		/* in `events` */
	uint32_t next_txn;		/* last id given */
	size_t mem;			/* bytes charged */
	struct list watches;		/* xs_watch.by_dom */
	struct list txns;		/* xs_txn.by_dom */
	struct list events;		/* xs_event.queue, oldest first */
	struct xs_conn *conn;
};

struct xs_node {
	struct xs_node *hash_next;	/* in a bucket, if committed */
	struct xs_node *parent;		/* NULL for the root */
	struct list children;		/* in order of creation */
	struct list sibling;
	struct xs_domain *owner;	/* perms[0]'s, if committed */
	uint64_t gen;			/* new at each change of value or perms */
	uint64_t child_gen;		/* new at each change of the set of children */
	char *value;			/* charged; NULL if empty */
	uint32_t hash;			/* of the name */
	uint16_t value_len;
	uint16_t name_len;
	uint16_t perm_count;
	struct xs_perm perms[XS_QUOTA_PERMS];
	char name[];
};

/*
 * What a transaction knows of a node. The shadows of one form a tree from the
 * root; names without interest have none. What the transaction sees at a
 * place: `copy` if there is one, else nothing if SH_HIDE, else the committed
 * node, provided no parent hides it.
 */
struct xs_shadow {
	struct xs_shadow *hash_next;
	struct xs_shadow *parent;
	struct list children;
	struct list sibling;
	struct xs_node *copy;		/* written or created here */
	struct xs_node *real;		/* commit only: the node in the tree */
	uint64_t gen;			/* with SH_DEP: what was seen, 0 nothing */
	uint64_t child_gen;		/* with SH_DIRDEP */
	uint32_t hash;
	uint16_t name_len;
	uint8_t flags;
	char name[];
};
#define SH_DEP		0x1U	/* commit needs the node's gen unchanged */
#define SH_DIRDEP	0x2U	/* commit needs its child_gen unchanged */
#define SH_HIDE		0x4U	/* removed here: the committed subtree is gone */
#define SH_BURIED	0x8U	/* commit only: a parent has SH_HIDE */
#define SH_NEW		0x10U	/* the copy is where nothing was to be seen */

#define XS_TXN_BUCKETS 32U

struct xs_txn {
	struct list by_dom;
	struct xs_domain *dom;
	uint32_t id;			/* on the wire; not 0 */
	uint32_t shadow_count;
	uint32_t created;		/* shadows with SH_NEW */
	uint32_t changes;		/* of sets of children, made here */
	bool doomed;			/* commit fails with -EAGAIN */
	struct xs_shadow *root;
	struct xs_shadow *buckets[XS_TXN_BUCKETS];
};

/* Who looks at the store, and through which transaction. */
struct xs_view {
	struct xs_domain *dom;
	struct xs_txn *txn;		/* or NULL */
};

struct xs_event {
	struct list queue;		/* in xs_domain.events, or unlinked */
	struct list by_watch;		/* in xs_watch.events */
	struct xs_watch *watch;
	const char *path;		/* as the watcher sees it */
	uint32_t hash;
	uint16_t path_len;
};

struct xs_watch {
	struct list by_path;		/* in a bucket */
	struct list by_dom;
	struct list events;		/* pending ones, except `own` */
	struct list pending;		/* internal: waits for its call */
	struct xs_domain *dom;
	struct xs_event own;		/* "something at or below my path" */
	void (*fn)(void *ctx);		/* internal watches, else NULL */
	void *ctx;
	bool running;			/* internal: fn runs */
	uint32_t hash;
	uint16_t path_len;
	uint16_t token_len;
	uint16_t prefix_len;		/* part of the path that the watcher left out */
	const char *token;		/* in `path`, behind its NUL */
	char path[];
};

struct xs_conn {
	struct xs_domain *dom;
	void (*wake)(void *ctx);
	void *ctx;
	bool bad;
	bool event_turn;		/* events go before the next request */
	uint32_t rx_len;
	uint32_t tx_len;
	uint32_t tx_pos;
	uint8_t rx[16 + XS_PAYLOAD_MAX] ALIGNED(8);
	uint8_t tx[16 + XS_PAYLOAD_MAX] ALIGNED(8);
};

extern struct spinlock xs_lock;
extern struct xs_stats xs_stats;
extern uint64_t xs_gen;		/* the last generation number given */

/* xs_quota.c */
extern struct xs_domain *xs_domains[XS_DOMAIN_MAX];
void xs_quota_init(void);
static inline struct xs_domain *xs_dom_find(unsigned int domid)
{
	return domid < XS_DOMAIN_MAX ? xs_domains[domid] : NULL;
}
static inline bool xs_dom_priv(const struct xs_domain *d)
{
	return d->id == 0;
}
/* Zeroed memory charged to `d`, or NULL: none, or over its quota. */
void *xs_alloc(struct xs_domain *d, size_t size);
void xs_free(void *p);
/* Have `d` pay for it from now on, whatever its quota. */
void xs_recharge(void *p, struct xs_domain *d);
int xs_dom_new(unsigned int id, struct xs_domain **out);

/* xs_tree.c */
extern struct xs_node *xs_root;
void xs_tree_init(void);
uint32_t xs_name_hash(const char *name, size_t len);
/* The length of the path component at `p`, up to a slash or the end. */
size_t component_len(const char *p);
struct xs_node *node_child(const struct xs_node *parent, const char *name,
			   size_t len, uint32_t hash);
struct xs_node *node_find(const char *path);
struct xs_node *node_new(struct xs_domain *payer, const char *name, size_t len);
void node_free(struct xs_node *n);
/* Replace the value; `payer` is charged. -ENOMEM and unchanged. */
MUST_CHECK int node_set_value(struct xs_node *n, struct xs_domain *payer,
			      const void *value, size_t len);
/* Commit a node that is in no tree; its owner (perms[0]) exists and pays. */
void node_link(struct xs_node *parent, struct xs_node *n);
/* Remove and free a subtree; not the root. */
void node_remove(struct xs_node *top);
/* Pre-order successor within the subtree of `top`, or NULL. */
struct xs_node *node_next(struct xs_node *n, const struct xs_node *top);
/* The same, without what is below `n`. */
struct xs_node *node_after(struct xs_node *n, const struct xs_node *top);
/* Valid until the next call. */
const char *node_path(const struct xs_node *n);
void node_set_perms(struct xs_node *n, const struct xs_perm *perms, size_t count);
/* perm_purge() of a committed node. */
bool node_purge(struct xs_node *n, unsigned int domid);
/* Committed nodes are d's, or name it in their permissions. */
bool tree_knows(const struct xs_domain *d);
uint32_t subtree_owned(struct xs_node *top, const struct xs_domain *d);

/* xs_perm.c */
unsigned int perm_of(const struct xs_domain *d, const struct xs_perm *perms,
		     size_t count);
static inline unsigned int node_perm(const struct xs_domain *d,
				     const struct xs_node *n)
{
	return perm_of(d, n->perms, n->perm_count);
}
/* "r5": -EINVAL. */
MUST_CHECK int decimal_parse(const char *text, size_t len, uint64_t max,
			     uint64_t *out);
MUST_CHECK int perm_parse(const char *text, size_t len, struct xs_perm *out);
/* With its NUL; at least 8 bytes. Returns the length with the NUL. */
size_t perm_format(const struct xs_perm *p, char *buf);
/* Drop domain `domid`'s entries except the first. True if any was there. */
bool perm_purge(struct xs_node *n, unsigned int domid);

/* xs_watch.c */
void xs_watch_init(void);
struct xs_perms_old {
	const struct xs_perm *perms;
	size_t count;
};
/*
 * The node at `path` changed, or is about to be removed if `removed`: then
 * watches below fire too. `old`: permissions before the change, or NULL.
 */
void watch_fire(const char *path, const struct xs_node *n,
		const struct xs_perms_old *old, bool removed);
MUST_CHECK int watch_new(struct xs_domain *d, const char *path,
			 size_t prefix_len, const char *token,
			 struct xs_watch **out);
void watch_free(struct xs_watch *w);
struct xs_watch *watch_find(struct xs_domain *d, const char *path,
			    const char *token);
void watch_free_all(struct xs_domain *d);
void watch_queue_own(struct xs_watch *w);
/* Unlink and free (unless it is the watch's own). */
void xs_event_done(struct xs_event *e);
/* One internal callback; drops the lock meanwhile. False: none pending. */
bool watch_dispatch(void);

/* xs_txn.c */
MUST_CHECK int txn_new(struct xs_domain *d, struct xs_txn **out);
struct xs_txn *txn_find(struct xs_domain *d, uint32_t id);
void txn_free(struct xs_txn *t);
void txn_free_all(struct xs_domain *d);
MUST_CHECK int txn_commit(struct xs_txn *t);	/* frees it in any case */
/* Find or make; -ENOSPC, -ENOMEM. */
MUST_CHECK int shadow_get(struct xs_txn *t, struct xs_shadow *parent,
			  const char *name, size_t len, uint32_t hash,
			  struct xs_shadow **out);
struct xs_shadow *shadow_child(struct xs_txn *t, const struct xs_shadow *parent,
			       const char *name, size_t len, uint32_t hash);
/* Pre-order successor of the whole tree of shadows, or NULL. */
struct xs_shadow *shadow_next(struct xs_shadow *sh, const struct xs_shadow *top);
/* Forget the copies in a subtree and hide what the tree has there. */
void shadow_remove(struct xs_txn *t, struct xs_shadow *top);
void shadow_drop_copy(struct xs_txn *t, struct xs_shadow *sh);
/* A domain is gone: nothing of a transaction may refer to it. */
void txn_purge_domain(unsigned int domid);

/* xs_view.c */
MUST_CHECK int path_check(const char *path, size_t max);
MUST_CHECK int view_get(const struct xs_view *v, const char *path,
			unsigned int want, const struct xs_node **out);
MUST_CHECK int view_write(const struct xs_view *v, const char *path,
			  const void *value, size_t len);
MUST_CHECK int view_mkdir(const struct xs_view *v, const char *path);
MUST_CHECK int view_rm(const struct xs_view *v, const char *path);
MUST_CHECK int view_set_perms(const struct xs_view *v, const char *path,
			      const struct xs_perm *perms, size_t count);
/*
 * The list of children from byte `off` of it on, whole names only, as many as
 * fit in `size`. `len` gets the bytes, `end` whether the list ends there,
 * `gen` a number that changes with the list.
 */
MUST_CHECK int view_directory(const struct xs_view *v, const char *path,
			      size_t off, char *buf, size_t size, size_t *len,
			      bool *end, uint64_t *gen);

/* xs_wire.c: handle the whole message in c->rx, put the reply in c->tx. */
void wire_request(struct xs_conn *c);
/* Put an event in c->tx. */
void wire_event(struct xs_conn *c, const struct xs_event *e);
#define WIRE_HEADER 16U
/* The payload length that the header in `rx` announces. */
uint32_t wire_len(const uint8_t *rx);

/* xs_conn.c, under the lock */
size_t conn_input(struct xs_conn *c, const uint8_t *bytes, size_t len);
size_t conn_output(struct xs_conn *c, uint8_t *buf, size_t max);
void conn_fail(struct xs_conn *c, const char *why);
void conn_wake(struct xs_conn *c);
/* End its watches and transactions; it may be freed afterwards. */
void conn_close(struct xs_conn *c);

/* xs_ring.c */
void xs_ring_init(void);
/* Have deferred work call watch_dispatch(). */
void xs_work_queue(void);

#endif
