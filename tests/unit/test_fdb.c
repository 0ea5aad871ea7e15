/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forwarding database, also against a plain reference model.
 */
#include "unit.h"

#include "kern/lock.h"
#include "mem/heap.h"
#include "net/fdb.h"
#include "net/port.h"

static struct fdb *make(void)
{
	struct fdb *t = heap_alloc(sizeof(*t));

	assert_non_null(t);
	fdb_init(t, 0x1234);
	return t;
}

static struct net_port port_with_limit(unsigned int limit)
{
	return (struct net_port){ .mac_limit = limit };
}

static struct net_port *look(struct fdb *t, uint64_t key, uint32_t now)
{
	uint64_t g;

	return fdb_lookup(t, key, now, &g);
}

static void test_learn_and_find(void **state)
{
	struct fdb *t = make();
	struct net_port a = port_with_limit(8);
	struct net_port b = port_with_limit(8);

	assert_null(look(t, fdb_key(2, 0), 0));
	assert_int_equal(fdb_learn(t, fdb_key(2, 0), &a, 0), FDB_LEARNED);
	assert_ptr_equal(look(t, fdb_key(2, 0), 0), &a);
	/* Another VLAN is another address. */
	assert_null(look(t, fdb_key(2, 5), 0));
	assert_int_equal(fdb_learn(t, fdb_key(2, 5), &b, 0), FDB_LEARNED);
	assert_ptr_equal(look(t, fdb_key(2, 5), 0), &b);
	assert_ptr_equal(look(t, fdb_key(2, 0), 0), &a);
	heap_free(t);
	(void)state;
}

static void test_move(void **state)
{
	struct fdb *t = make();
	struct net_port a = port_with_limit(8);
	struct net_port b = port_with_limit(8);
	uint64_t g;

	assert_int_equal(fdb_learn(t, 7, &a, 0), FDB_LEARNED);
	assert_ptr_equal(fdb_lookup(t, 7, 0, &g), &a);
	assert_int_equal(g, fdb_generation(t));
	assert_int_equal(fdb_learn(t, 7, &b, 1), FDB_LEARNED);
	/* What a sender remembers is void now. */
	assert_int_not_equal(g, fdb_generation(t));
	assert_ptr_equal(look(t, 7, 1), &b);
	assert_int_equal(a.mac_count, 0);
	assert_int_equal(b.mac_count, 1);
	heap_free(t);
	(void)state;
}

static void test_ageing(void **state)
{
	struct fdb *t = make();
	struct net_port a = port_with_limit(8);
	uint64_t g;

	assert_int_equal(fdb_learn(t, 1, &a, 100), FDB_LEARNED);
	assert_int_equal(fdb_learn(t, 2, &a, 100), FDB_LEARNED);
	/* Seen again: lives on. */
	assert_int_equal(fdb_learn(t, 2, &a, 300), FDB_LEARNED);
	assert_ptr_equal(look(t, 1, 100 + FDB_AGE_S), &a);
	g = fdb_generation(t);
	assert_null(look(t, 1, 101 + FDB_AGE_S));
	assert_int_not_equal(g, fdb_generation(t));
	assert_ptr_equal(look(t, 2, 101 + FDB_AGE_S), &a);
	assert_int_equal(a.mac_count, 1);
	heap_free(t);
	(void)state;
}

/* Another CPU read the clock just before the second in which it was learned. */
static void test_seen_ahead(void **state)
{
	struct fdb *t = make();
	struct net_port a = port_with_limit(8);
	struct fdb_row row;
	unsigned int at = 0;

	assert_int_equal(fdb_learn(t, 1, &a, 100), FDB_LEARNED);
	assert_ptr_equal(look(t, 1, 99), &a);
	for (unsigned int s = 0; s < FDB_BUCKETS; s++) {
		(void)look(t, 2, 98 + s % 2);
	}
	assert_ptr_equal(look(t, 1, 99), &a);
	assert_true(fdb_next(t, &at, 99, &row));
	assert_int_equal(row.age, 0);
	heap_free(t);
	(void)state;
}

/* Expired entries go although nobody asks for them. */
static void test_sweep(void **state)
{
	struct fdb *t = make();
	struct net_port a = port_with_limit(300);

	for (unsigned int i = 1; i <= 200; i++) {
		assert_int_equal(fdb_learn(t, i, &a, 0), FDB_LEARNED);
	}
	assert_int_equal(fdb_learn(t, 999, &a, 0), FDB_LEARNED);
	for (uint32_t s = 0; s < 64; s++) {
		assert_int_equal(fdb_learn(t, 999, &a, FDB_AGE_S + 1 + s), FDB_LEARNED);
	}
	assert_int_equal(a.mac_count, 1);
	assert_int_equal(t->count, 1);
	heap_free(t);
	(void)state;
}

static void test_port_limit(void **state)
{
	struct fdb *t = make();
	struct net_port a = port_with_limit(NET_MAC_LIMIT);
	struct net_port b = port_with_limit(NET_MAC_LIMIT);

	for (unsigned int i = 0; i < 10000; i++) {
		assert_int_equal(fdb_learn(t, 1000 + i, &a, 0),
				 i < NET_MAC_LIMIT ? FDB_LEARNED : FDB_FULL);
	}
	/* The flood keeps nobody else from learning, and no known address is lost. */
	assert_int_equal(fdb_learn(t, 1, &b, 0), FDB_LEARNED);
	assert_ptr_equal(look(t, 1000, 0), &a);
	assert_int_equal(fdb_learn(t, 1000, &a, 0), FDB_LEARNED);
	/* A full port can't take another's address over either. */
	assert_int_equal(fdb_learn(t, 1, &a, 0), FDB_FULL);
	assert_ptr_equal(look(t, 1, 0), &b);
	heap_free(t);
	(void)state;
}

static void test_total_limit(void **state)
{
	struct fdb *t = make();
	struct net_port wire = port_with_limit(UINT32_MAX);
	struct net_port a = port_with_limit(8);
	unsigned int learned = 0;

	for (unsigned int i = 0; i < 2 * FDB_MAX; i++) {
		learned += fdb_learn(t, 5000 + i, &wire, 0) == FDB_LEARNED;
	}
	assert_int_equal(learned, FDB_LEARN_MAX);
	/* Room for static ones is left, up to the end. */
	for (unsigned int i = 0; i < FDB_MAX - FDB_LEARN_MAX; i++) {
		assert_int_equal(fdb_add_static(t, 100 + i, &a), 0);
	}
	assert_int_equal(fdb_add_static(t, 99, &a), -ENOSPC);
	fdb_remove_port(t, &wire);
	assert_int_equal(wire.mac_count, 0);
	assert_int_equal(fdb_add_static(t, 99, &a), 0);
	heap_free(t);
	(void)state;
}

static void test_static(void **state)
{
	struct fdb *t = make();
	struct net_port a = port_with_limit(8);
	struct net_port b = port_with_limit(8);

	assert_int_equal(fdb_learn(t, 4, &b, 0), FDB_LEARNED);
	assert_int_equal(fdb_add_static(t, 4, &a), 0);
	assert_int_equal(b.mac_count, 0);
	assert_int_equal(fdb_add_static(t, 4, &a), 0);
	assert_int_equal(fdb_add_static(t, 4, &b), -EEXIST);
	assert_int_equal(fdb_learn(t, 4, &b, 0), FDB_FOREIGN);
	assert_int_equal(fdb_learn(t, 4, &a, 0), FDB_LEARNED);
	assert_ptr_equal(look(t, 4, 100 * FDB_AGE_S), &a);
	fdb_remove_port(t, &a);
	assert_null(look(t, 4, 0));
	heap_free(t);
	(void)state;
}

#define MODEL_KEYS	500U
#define MODEL_PORTS	4U

/* Random operations; the model knows for each key its port and time. */
static void test_model(void **state)
{
	struct fdb *t = make();
	struct net_port ports[MODEL_PORTS];
	struct { int port; uint32_t seen; } model[MODEL_KEYS];
	struct unit_random r = { 42 };
	uint32_t now = 1;

	for (unsigned int i = 0; i < MODEL_PORTS; i++) {
		ports[i] = port_with_limit(MODEL_KEYS);
	}
	for (unsigned int i = 0; i < MODEL_KEYS; i++) {
		model[i].port = -1;
	}
	for (unsigned int step = 0; step < 20000; step++) {
		unsigned int k = unit_random_below(&r, MODEL_KEYS);
		unsigned int p = unit_random_below(&r, MODEL_PORTS);
		unsigned int what = unit_random_below(&r, 1000);

		if (what < 500) {
			assert_int_equal(fdb_learn(t, fdb_key(k, 1), &ports[p], now), FDB_LEARNED);
			model[k].port = (int)p;
			model[k].seen = now;
		} else if (what < 990) {
			bool live = model[k].port >= 0 && now - model[k].seen <= FDB_AGE_S;

			assert_ptr_equal(look(t, fdb_key(k, 1), now),
					 live ? &ports[model[k].port] : NULL);
		} else if (what < 992) {
			fdb_remove_port(t, &ports[p]);
			for (unsigned int i = 0; i < MODEL_KEYS; i++) {
				if (model[i].port == (int)p) {
					model[i].port = -1;
				}
			}
		} else {
			now += unit_random_below(&r, 30);
		}
	}
	heap_free(t);
	(void)state;
}

UNIT_MAIN(UNIT_TEST(test_learn_and_find), UNIT_TEST(test_move), UNIT_TEST(test_ageing),
	  UNIT_TEST(test_seen_ahead), UNIT_TEST(test_sweep), UNIT_TEST(test_port_limit), UNIT_TEST(test_total_limit),
	  UNIT_TEST(test_static), UNIT_TEST(test_model))
