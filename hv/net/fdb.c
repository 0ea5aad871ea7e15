/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding database: a fixed array of entries in hash chains. A secret
 * seed keeps guests from making long chains on purpose.
 */
#include "net/fdb.h"

#include "lib/hash.h"
#include "net/port.h"

#define FDB_NONE	0xffffU
#define FDB_STATIC	UINT32_MAX

/* Buckets swept in a second with learned entries: the table in 32 s. */
#define FDB_SWEEP	64U

void fdb_init(struct fdb *t, uint64_t seed)
{
	spin_init(&t->lock, LOCK_NET_FDB);
	t->seed = seed;
	atomic_store_explicit(&t->generation, 1, memory_order_relaxed);
	t->aged = 0;
	t->sweep = 0;
	t->count = 0;
	t->learned = 0;
	t->free = 0;
	for (unsigned int i = 0; i < FDB_BUCKETS; i++) {
		t->bucket[i] = FDB_NONE;
	}
	for (unsigned int i = 0; i < FDB_MAX; i++) {
		t->entry[i] = (struct fdb_entry){
			.next = (uint16_t)(i + 1 < FDB_MAX ? i + 1 : FDB_NONE),
		};
	}
}

static uint16_t *bucket_of(struct fdb *t, uint64_t key)
{
	return &t->bucket[hash_u64(key, t->seed) % FDB_BUCKETS];
}

/* Results that senders remember are void from now on. */
static void generation_bump(struct fdb *t)
{
	/* Release: pairs with fdb_generation(). */
	atomic_fetch_add_explicit(&t->generation, 1, memory_order_release);
}

/* The link that leads to the entry of `key`, or to the end of its chain. */
static uint16_t *find_link(struct fdb *t, uint64_t key)
{
	uint16_t *link = bucket_of(t, key);

	while (*link != FDB_NONE && t->entry[*link].key != key) {
		link = &t->entry[*link].next;
	}
	return link;
}

static void entry_remove(struct fdb *t, uint16_t *link)
{
	uint16_t i = *link;
	struct fdb_entry *e = &t->entry[i];

	*link = e->next;
	if (e->seen != FDB_STATIC) {
		e->port->mac_count--;
		t->learned--;
	}
	e->port = NULL;
	e->next = t->free;
	t->free = i;
	t->count--;
	generation_bump(t);
}

/* `now` was read before the lock was taken: it may be a little behind `seen`. */
static uint32_t entry_age(const struct fdb_entry *e, uint32_t now)
{
	return now > e->seen ? now - e->seen : 0;
}

static bool entry_expired(const struct fdb_entry *e, uint32_t now)
{
	return e->seen != FDB_STATIC && entry_age(e, now) > FDB_AGE_S;
}

static int entry_add(struct fdb *t, uint64_t key, struct net_port *p, uint32_t seen)
{
	uint16_t i = t->free;
	uint16_t *bucket = bucket_of(t, key);

	if (i == FDB_NONE) {
		return -ENOSPC;
	}
	t->free = t->entry[i].next;
	t->entry[i] = (struct fdb_entry){
		.key = key, .port = p, .seen = seen, .next = *bucket,
	};
	*bucket = i;
	t->count++;
	if (seen != FDB_STATIC) {
		t->learned++;
		p->mac_count++;
	}
	return 0;
}

static void sweep_bucket(struct fdb *t, unsigned int b, uint32_t now)
{
	uint16_t *link = &t->bucket[b];

	while (*link != FDB_NONE) {
		if (entry_expired(&t->entry[*link], now)) {
			entry_remove(t, link);
		} else {
			link = &t->entry[*link].next;
		}
	}
}

/* Age a part of the table, at most once a second. */
static void age_locked(struct fdb *t, uint32_t now)
{
	if (now == t->aged || t->learned == 0) {
		return;
	}
	t->aged = now;
	for (unsigned int n = 0; n < FDB_SWEEP; n++) {
		sweep_bucket(t, t->sweep, now);
		t->sweep = (t->sweep + 1) % FDB_BUCKETS;
	}
}

int fdb_add_static(struct fdb *t, uint64_t key, struct net_port *p)
{
	int err = 0;
	uint16_t *link;

	spin_lock(&t->lock);
	link = find_link(t, key);
	if (*link != FDB_NONE && t->entry[*link].seen == FDB_STATIC) {
		err = t->entry[*link].port == p ? 0 : -EEXIST;
	} else {
		if (*link != FDB_NONE) {
			entry_remove(t, link);
		}
		err = entry_add(t, key, p, FDB_STATIC);
	}
	spin_unlock(&t->lock);
	return err;
}

static enum fdb_learned learn_locked(struct fdb *t, uint64_t key, struct net_port *p, uint32_t now)
{
	uint16_t *link = find_link(t, key);

	if (*link != FDB_NONE) {
		struct fdb_entry *e = &t->entry[*link];

		if (e->port == p) {
			if (e->seen != FDB_STATIC) {
				e->seen = now;
			}
			return FDB_LEARNED;
		}
		if (e->seen == FDB_STATIC) {
			return FDB_FOREIGN;
		}
		if (p->mac_count >= p->mac_limit) {
			return FDB_FULL;
		}
		entry_remove(t, link);
	}
	return p->mac_count < p->mac_limit && t->learned < FDB_LEARN_MAX &&
	       entry_add(t, key, p, now) == 0 ? FDB_LEARNED : FDB_FULL;
}

enum fdb_learned fdb_learn(struct fdb *t, uint64_t key, struct net_port *p, uint32_t now)
{
	enum fdb_learned learned;

	spin_lock(&t->lock);
	age_locked(t, now);
	learned = learn_locked(t, key, p, now);
	spin_unlock(&t->lock);
	return learned;
}

struct net_port *fdb_lookup(struct fdb *t, uint64_t key, uint32_t now, uint64_t *generation)
{
	struct net_port *p = NULL;
	uint16_t *link;

	spin_lock(&t->lock);
	age_locked(t, now);
	link = find_link(t, key);
	if (*link != FDB_NONE) {
		if (entry_expired(&t->entry[*link], now)) {
			entry_remove(t, link);
		} else {
			p = t->entry[*link].port;
		}
	}
	*generation = atomic_load_explicit(&t->generation, memory_order_relaxed);
	spin_unlock(&t->lock);
	return p;
}

void fdb_remove_port(struct fdb *t, const struct net_port *p)
{
	spin_lock(&t->lock);
	for (unsigned int b = 0; b < FDB_BUCKETS; b++) {
		uint16_t *link = &t->bucket[b];

		while (*link != FDB_NONE) {
			if (t->entry[*link].port == p) {
				entry_remove(t, link);
			} else {
				link = &t->entry[*link].next;
			}
		}
	}
	/* Even with no entry: a sender may remember a flood's result. */
	generation_bump(t);
	spin_unlock(&t->lock);
}

bool fdb_next(struct fdb *t, unsigned int *at, uint32_t now, struct fdb_row *out)
{
	bool found = false;

	spin_lock(&t->lock);
	for (; *at < FDB_MAX && !found; (*at)++) {
		const struct fdb_entry *e = &t->entry[*at];

		if (e->port == NULL) {
			continue;
		}
		out->key = e->key;
		out->port = e->port->id;
		out->is_static = e->seen == FDB_STATIC;
		out->age = out->is_static ? 0 : entry_age(e, now);
		found = true;
	}
	spin_unlock(&t->lock);
	return found;
}
