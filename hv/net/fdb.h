/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding database: which port an address of a VLAN is behind.
 *
 * Ports that may send only from their own address get a static entry;
 * addresses behind other ports are learned, age, and are limited in number
 * for each port and in total, so that no port can use up the table.
 *
 * Locking: LOCK_NET_FDB inside; fdb_generation() takes none.
 * Invariants: a port found under a generation is right while
 * fdb_generation() still gives it. Learning never moves a static entry.
 */
#ifndef NET_FDB_H
#define NET_FDB_H

#include <stdatomic.h>

#include "kern/lock.h"
#include "lib/types.h"

struct net_port;

#define FDB_MAX		4096U	/* entries of both kinds */
#define FDB_LEARN_MAX	3072U	/* so that static ones find room */
#define FDB_BUCKETS	2048U
#define FDB_AGE_S	300U

/* MAC and VLAN in one number. */
static inline uint64_t fdb_key(uint64_t mac, unsigned int vlan)
{
	return mac | (uint64_t)vlan << 48;
}

struct fdb_entry {
	uint64_t key;
	struct net_port *port;	/* NULL: free */
	uint32_t seen;		/* s; FDB_STATIC: for ever */
	uint16_t next;		/* in the bucket or the free list; FDB_NONE: end */
};

struct fdb {
	struct spinlock lock;
	uint64_t seed;
	_Atomic uint64_t generation;
	uint32_t aged;		/* s; the last sweep */
	unsigned int sweep;	/* the next bucket to sweep */
	unsigned int count;
	unsigned int learned;
	uint16_t free;
	uint16_t bucket[FDB_BUCKETS];
	struct fdb_entry entry[FDB_MAX];
};

void fdb_init(struct fdb *t, uint64_t seed);

/*
 * Enter an address that stays until the port is removed. A learned entry is
 * taken over. -EEXIST: static at another port; -ENOSPC.
 */
MUST_CHECK int fdb_add_static(struct fdb *t, uint64_t key, struct net_port *p);

enum fdb_learned {
	FDB_LEARNED,		/* or known already */
	FDB_FULL,		/* the port's or the table's limit */
	FDB_FOREIGN,		/* another port has it for ever */
};

/* `key` was seen as a source at port `p` now (s since boot). */
enum fdb_learned fdb_learn(struct fdb *t, uint64_t key, struct net_port *p, uint32_t now);

/* The port, or NULL; *generation is what to compare a cached result with. */
struct net_port *fdb_lookup(struct fdb *t, uint64_t key, uint32_t now, uint64_t *generation);

/* Forget all entries of a port. */
void fdb_remove_port(struct fdb *t, const struct net_port *p);

/* An entry as the operator sees it. */
struct fdb_row {
	uint64_t key;
	unsigned int port;	/* id */
	bool is_static;
	uint32_t age;		/* s */
};

/*
 * Copy the next entry in use from index *at on, and advance *at. False if
 * there are no more.
 */
bool fdb_next(struct fdb *t, unsigned int *at, uint32_t now, struct fdb_row *out);

static inline uint64_t fdb_generation(const struct fdb *t)
{
	/* Acquire: pairs with the change of the generation. */
	return atomic_load_explicit(&t->generation, memory_order_acquire);
}

#endif
