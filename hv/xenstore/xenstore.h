/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XenStore: the tree of small values through which guests and the
 * hypervisor's PV backends find each other (docs/misc/xenstore.txt and
 * io/xs_wire.h of the Xen project describe the protocol).
 *
 * Domain 0 is the hypervisor itself: privileged, without quotas, and with no
 * ring. Every other domain has the quotas below and is charged for all that
 * it makes the store keep: nodes, watches, transactions, undelivered events.
 *
 * Locking: one lock of rank LOCK_XENSTORE, taken inside every function here
 * unless said otherwise. A function must not be called with that or a higher
 * lock held. `wake` and `notify` callbacks run under it.
 */
#ifndef XENSTORE_XENSTORE_H
#define XENSTORE_XENSTORE_H

#include "lib/types.h"

/* Quotas of a guest: the customary numbers of the C xenstored. */
#define XS_QUOTA_NODES		1000U	/* nodes owned; else ENOSPC */
#define XS_QUOTA_WATCHES	128U	/* else E2BIG */
#define XS_QUOTA_TXNS		10U	/* open transactions; else ENOSPC */
#define XS_QUOTA_TXN_NODES	1024U	/* nodes touched in one; else ENOSPC */
#define XS_QUOTA_PERMS		5U	/* entries a node; else ENOSPC */
#define XS_QUOTA_VALUE		2048U	/* bytes of a value; else ENOSPC */
#define XS_QUOTA_MEMORY		(2048U * 1024U)	/* bytes; else ENOMEM */
#define XS_QUOTA_EVENTS		512U	/* undelivered; then see xs_watch.c */

#define XS_PATH_MAX		3072U	/* absolute path, without the NUL */
#define XS_DEPTH_MAX		128U	/* components of a path; else EINVAL */
#define XS_DOMAIN_MAX		256U	/* domain ids 0 .. XS_DOMAIN_MAX - 1 */

/* What a domain may do with a node. */
#define XSP_NONE	0x0U
#define XSP_READ	0x1U
#define XSP_WRITE	0x2U
#define XSP_BOTH	(XSP_READ | XSP_WRITE)

/* The first of a node's entries: its owner and what all others may do. */
struct xs_perm {
	uint16_t domid;
	uint8_t access;		/* XSP_* */
	uint8_t stale;		/* named a domain that didn't exist: grants nothing */
};

#define XS_PERM(id, acc) \
	((struct xs_perm){ .domid = (uint16_t)(id), .access = (acc) })

/* Relaxed counts, for the operator. */
struct xs_stats {
	uint64_t requests;	/* from guests */
	uint64_t errors;	/* of these, answered with an error */
	uint64_t events;	/* queued for guests */
	uint64_t events_lost;	/* replaced by one event for the watch's own path */
	uint64_t conflicts;	/* transactions answered EAGAIN */
	uint64_t bad_conns;	/* connections ended for breaking the protocol */
	uint32_t node_count;
	uint32_t watch_count;
};

/* Make the empty store. Once, at boot; tests call it again to start anew. */
void xenstore_init(void);
void xenstore_stats(struct xs_stats *out);

/*
 * Domain `domid` (1 .. XS_DOMAIN_MAX - 1) exists from now on. It must be added
 * before anything names it as a node's owner. -EEXIST, -EINVAL, -ENOMEM.
 */
MUST_CHECK int xs_domain_add(unsigned int domid);

/*
 * It exists no longer: its nodes with all below them, /local/domain/<domid>,
 * its entries in other nodes' permissions, watches, transactions and events
 * go. Watches of others fire. Its connection must be destroyed before. The id
 * can be added again at once. Harmless for an unknown id.
 */
void xs_domain_remove(unsigned int domid);

/* --- The hypervisor's own use, as domain 0 -------------------------------- */

/*
 * Paths are absolute. `t` is an open transaction or NULL. Common errors:
 * -EINVAL (path), -ENOENT, -ENOMEM.
 */
struct xs_txn;

/*
 * Open a transaction. What is done in it becomes visible at once or never.
 * -ENOMEM.
 */
MUST_CHECK int xs_txn_start(struct xs_txn **out);

/*
 * End it; `t` is invalid afterwards in any case. With `commit`, -EAGAIN: a node
 * that it read or wrote has changed since, nothing was done, start over.
 */
MUST_CHECK int xs_txn_commit(struct xs_txn *t);
void xs_txn_abort(struct xs_txn *t);

/*
 * Copy a node's value and a NUL behind it to `buf`. `len` (may be NULL) gets
 * the length without the NUL. -E2BIG if it doesn't fit.
 */
MUST_CHECK int xs_read(struct xs_txn *t, const char *path, char *buf,
		       size_t size, size_t *len);

/* Set a value; makes the node and missing parents. */
MUST_CHECK int xs_write(struct xs_txn *t, const char *path, const void *value,
			size_t len);

/* Set a value to formatted text of at most 1023 bytes (-E2BIG). */
MUST_CHECK int xs_printf(struct xs_txn *t, const char *path, const char *fmt,
			 ...) PRINTF_LIKE(3, 4);

/* Make an empty node unless it exists. */
MUST_CHECK int xs_mkdir(struct xs_txn *t, const char *path);

/* Remove a node and all below. -ENOENT. */
MUST_CHECK int xs_rm(struct xs_txn *t, const char *path);

/*
 * The names of a node's children, each with its NUL, one after another;
 * `len` gets the number of bytes. -E2BIG if they don't fit.
 */
MUST_CHECK int xs_directory(struct xs_txn *t, const char *path, char *buf,
			    size_t size, size_t *len);

/*
 * Replace a node's permissions by 1 .. XS_QUOTA_PERMS entries. The owner must
 * have been added (-EINVAL).
 */
MUST_CHECK int xs_set_perms(struct xs_txn *t, const char *path,
			    const struct xs_perm *perms, size_t count);

/* --- Watches of the hypervisor ------------------------------------------- */

struct xs_watch;

/*
 * Call fn(ctx) once soon and then after every change of `path` or of something
 * below it or after removal of a parent. Several changes may give one call; the
 * function reads anew what it needs. It runs as deferred work with no lock
 * held, never twice at a time for one watch. -EINVAL, -ENOMEM.
 */
MUST_CHECK int xs_watch_add(const char *path, void (*fn)(void *ctx), void *ctx,
			    struct xs_watch **out);

/*
 * End a watch. When this returns, fn doesn't run and will not run again. Not
 * from fn itself, and with no lock held that fn takes. NULL is allowed.
 */
void xs_watch_remove(struct xs_watch *w);

/* Have fn called as if the node had changed. Any lock below may be held. */
void xs_watch_trigger(struct xs_watch *w);

/* --- A guest's connection: bytes in, bytes out ---------------------------- */

struct xs_conn;

/*
 * The connection of an added domain; at most one each. `wake` tells that there
 * may be output or that input may be accepted again; it is called under the
 * store's lock and only notes that for later. -ENOENT, -EEXIST, -ENOMEM.
 */
MUST_CHECK int xs_conn_create(unsigned int domid, void (*wake)(void *ctx),
			      void *ctx, struct xs_conn **out);

/* Ends its watches and transactions too. NULL is allowed. */
void xs_conn_destroy(struct xs_conn *c);

/*
 * Give it bytes of the request stream, split anywhere. Returns how many it
 * took: fewer than `len` if a reply waits to be fetched; 0 once it is bad.
 */
size_t xs_conn_input(struct xs_conn *c, const void *bytes, size_t len);

/* Fetch up to `max` bytes of replies and events. */
size_t xs_conn_output(struct xs_conn *c, void *buf, size_t max);

/* The guest broke the protocol; nothing is taken from it or sent any more. */
bool xs_conn_bad(const struct xs_conn *c);

/* --- The ring page -------------------------------------------------------- */

struct xs_ring;

/*
 * Serve domain `domid` through `page`, a struct xenstore_domain_interface that
 * the guest writes at any time; it must stay mapped until xs_ring_destroy().
 * notify(ctx) raises the guest's event; it is called under the store's lock.
 * Adds the connection. Errors of xs_conn_create().
 */
MUST_CHECK int xs_ring_create(unsigned int domid, void *page,
			      void (*notify)(void *ctx), void *ctx,
			      struct xs_ring **out);
void xs_ring_destroy(struct xs_ring *r);

/* What a pass over the ring asks of the caller. */
#define XS_RING_NOTIFY	0x1U	/* raise the guest's event */
#define XS_RING_MORE	0x2U	/* the bound was reached, pass again */

/*
 * One bounded pass: take requests, put replies and events. For tests and
 * xs_ring_kick(); takes the store's lock.
 */
MUST_CHECK unsigned int xs_ring_process(struct xs_ring *r);

/*
 * The guest raised its event: pass once now, the rest as deferred work. The
 * signature fits evtchn_alloc_hv().
 */
void xs_ring_kick(void *ring);

#endif
