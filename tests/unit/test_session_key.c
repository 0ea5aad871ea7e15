/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyed session's cryptography, and the server with a key: who has it gets in,
 * and nothing that was forged, replayed or recorded does.
 */
#include "unit.h"

#include "mgmt/mgmt_port.h"
#include "mgmt/opening.h"
#include "mgmt/session.h"
#include "mgmt_client.h"

#define SECOND	(1000 * MC_MS)

static const uint8_t psk[MV_KEY_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };

static int setup(void **state)
{
	struct mgmt_config config = mc_config();

	host_reset();
	config.has_key = true;
	memcpy(config.key, psk, sizeof(psk));
	mc_start(&config);
	(void)state;
	return 0;
}

static int teardown(void **state)
{
	mc_stop();
	host_finish();
	(void)state;
	return 0;
}

static struct mc keyed_client(unsigned int n)
{
	struct mc c = mc_client(n);

	c.keyed = true;
	memcpy(c.key, psk, sizeof(psk));
	return c;
}

/* RFC 7748, 5.2: the first of its repeated multiplications. */
static void test_x25519(void **state)
{
	static const uint8_t secret[32] = { 9 };
	static const uint8_t public[32] = {
		0x42, 0x2c, 0x8e, 0x7a, 0x62, 0x27, 0xd7, 0xbc, 0xa1, 0x35, 0x0b, 0x3e, 0x2b, 0xb7,
		0x27, 0x9f, 0x78, 0x97, 0xb8, 0x7b, 0xb6, 0x85, 0x4b, 0x78, 0x3c, 0x60, 0xe8, 0x03,
		0x11, 0xae, 0x30, 0x79,
	};
	uint8_t point[32];

	session_point(secret, point);
	assert_memory_equal(point, public, 32);
	(void)state;
}

/* Both ends agree, and one flipped bit anywhere shows. */
static void test_seal(void **state)
{
	struct session_keys a = { .send = { 1 }, .receive = { 2 } };
	struct session_keys b = { .send = { 2 }, .receive = { 1 } };
	uint8_t p[16 + 100 + MV_TAG_LEN], good[sizeof(p)];

	for (size_t n = 0; n <= 100; n += 25) {
		size_t length = 16 + n + MV_TAG_LEN;

		mc_header(p, MV_REQUEST, 7, n + 1, length);
		memset(p + 16, 'x', n);
		session_seal(&a, p, length);
		memcpy(good, p, length);
		for (size_t bit = 0; bit < length * 8; bit += 7) {
			memcpy(p, good, length);
			p[bit / 8] ^= (uint8_t)(1U << bit % 8);
			assert_int_equal(session_unseal(&b, p, length), -EACCES);
		}
		memcpy(p, good, length);
		assert_int_equal(session_unseal(&b, p, length), 0);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(p[16 + i], 'x');
		}
	}
	assert_int_equal(session_unseal(&b, p, 31), -EACCES);
	(void)state;
}

static int unseal_counter(struct session_keys *a, struct session_keys *b, uint64_t counter)
{
	uint8_t p[16 + 4 + MV_TAG_LEN] = { 0 };

	mc_header(p, MV_REQUEST, 7, counter, sizeof(p));
	session_seal(a, p, sizeof(p));
	return session_unseal(b, p, sizeof(p));
}

/* Against a model that remembers everything. */
static void test_window(void **state)
{
	static bool seen[20000];
	struct session_keys a = { .send = { 1 } }, b = { .receive = { 1 } };
	struct unit_random r = { 3 };
	uint64_t highest = 0;

	memset(seen, 0, sizeof(seen));
	for (unsigned int i = 0; i < 30000; i++) {
		uint64_t step = unit_random_below(&r, 100) == 0 ? 3000 : 30;
		uint64_t low = highest > 1100 ? highest - 1100 : 0;
		uint64_t n = low + unit_random_below(&r, 1100 + (unsigned int)step);
		bool good;

		if (n >= 20000) {
			break;
		}
		good = n != 0 && !seen[n] && n + SESSION_WINDOW > highest;
		assert_int_equal(unseal_counter(&a, &b, n), good ? 0 : -EEXIST);
		if (good) {
			seen[n] = true;
			highest = MAX(highest, n);
		}
	}
	assert_true(highest > 10000);
	assert_int_equal(unseal_counter(&a, &b, SESSION_COUNTER_MAX), -EEXIST);
	assert_int_equal(unseal_counter(&a, &b, SESSION_COUNTER_MAX - 1), 0);
	(void)state;
}

static void test_worthless_point(void **state)
{
	struct session_keys k;
	uint8_t secret[32] = { 9 }, zero[32] = { 0 }, mac[32], open[132] = { 0 };
	uint8_t opened[128] = { 0 };

	assert_int_equal(session_keys_make(&k, SESSION_NODE, psk, secret, zero, open, opened, mac),
			 -EINVAL);
	(void)state;
}

static void test_session(void **state)
{
	struct mc c = keyed_client(1);

	assert_true(mc_open(&c));
	assert_int_equal(mc_call(&c, MV_PING, "hello", 5), MV_OK);
	assert_memory_equal(c.body, "hello", 5);
	assert_int_equal(mc_call(&c, MV_NODE_INFO, NULL, 0), MV_OK);
	/* Repeated over a bad wire. */
	mc_loss = mc_double = mc_reorder = 20;
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(mc_call(&c, MV_PING, &i, sizeof(i)), MV_OK);
		assert_memory_equal(c.body, &i, sizeof(i));
	}
	(void)state;
}

static void test_open_again(void **state)
{
	struct mc c = keyed_client(1);
	uint32_t first;

	assert_true(mc_open(&c));
	first = c.session;
	/* The very same packet, later: the same session, no new exchange. */
	mc_transmit(&c, mc_node_mac, c.open_packet, sizeof(c.open_packet));
	host_run();
	mc_receive(&c, 0);
	assert_int_equal(c.session, first);
	assert_int_equal(session_count(), 1);
	assert_int_equal(mc_call(&c, MV_PING, "x", 1), MV_OK);
	(void)state;
}

/* Without the key there is nothing but the announcement. */
static void test_no_key(void **state)
{
	struct mc c = mc_client(1);
	struct mc wrong = keyed_client(2);
	struct mc good = keyed_client(3);

	mc_discover(&c, mc_node_mac, "");
	host_run();
	mc_receive(&c, 0);
	assert_int_equal(mv_get32(c.announce.flags), MV_NODE_KEYED);
	assert_false(mc_open(&c));
	wrong.key[31] ^= 1;
	assert_false(mc_open(&wrong));
	assert_int_equal(session_count(), 0);
	/* No GONE either, and no way into another's session. */
	assert_true(mc_open(&good));
	c.session = good.session;
	memcpy(c.mac, good.mac, 6);
	mc_out.tail = mc_out.head;
	assert_false(mc_call_id(&c, 1, MV_PING, "x", 1));
	c.session = 12345;
	assert_false(mc_call_id(&c, 1, MV_PING, "x", 1));
	assert_int_equal(mc_out.head, mc_out.tail);
	assert_true(mgmt_counter(MGMT_DROP_TAG) > 0);
	assert_int_equal(mc_call(&good, MV_PING, "x", 1), MV_OK);
	(void)state;
}

/* What was recorded is worth nothing later. */
static void test_replay(void **state)
{
	struct mc c = keyed_client(1);
	struct mv_request r = { .id = mv_put32(77), .verb = mv_put16(MV_PING) };
	uint8_t p[16 + sizeof(r) + MV_TAG_LEN];
	uint64_t requests;

	assert_true(mc_open(&c));
	mc_header(p, MV_REQUEST, c.session, ++c.counter, sizeof(p));
	memcpy(p + 16, &r, sizeof(r));
	session_seal(&c.keys, p, sizeof(p));
	requests = mgmt_counter(MGMT_REQUESTS);
	for (unsigned int i = 0; i < 10; i++) {
		mc_transmit(&c, mc_node_mac, p, sizeof(p));
		host_run();
	}
	assert_int_equal(mgmt_counter(MGMT_REQUESTS), requests + 1);
	assert_int_equal(mgmt_counter(MGMT_DROP_REPLAY), 9);
	/* An OPEN is good for 60 s at most, and of no use to who can't answer. */
	assert_int_equal(mc_call(&c, MV_CLOSE, NULL, 0), MV_OK);
	host_advance(70 * SECOND);
	mc_transmit(&c, mc_node_mac, c.open_packet, sizeof(c.open_packet));
	host_run();
	assert_int_equal(session_count(), 0);
	(void)state;
}

/* The challenge before the newest is still good. */
static void test_challenge(void **state)
{
	struct mc c = keyed_client(1), late = keyed_client(2);

	mc_discover(&c, mc_node_mac, "");
	host_run();
	mc_receive(&c, 0);
	late = c;
	late.nonce[0] ^= 1;
	host_advance(40 * SECOND);
	mc_send_open(&c);
	host_run();
	mc_receive(&c, 0);
	assert_true(c.session != 0);
	host_advance(40 * SECOND);
	mc_send_open(&late);
	host_run();
	mc_receive(&late, 0);
	assert_int_equal(late.session, 0);
	(void)state;
}

/* Key exchanges are dear: there are only so many a second, key or not. */
static void test_exchanges_are_bounded(void **state)
{
	struct mc c = keyed_client(1);
	uint64_t opened;

	assert_true(mc_open(&c));
	host_advance(10 * SECOND);
	opened = mgmt_counter(MGMT_OPENED);
	mc_discover(&c, mc_node_mac, "");
	host_run();
	mc_receive(&c, 0);
	for (unsigned int i = 0; i < 200; i++) {
		c.nonce[1] = (uint8_t)i;
		c.nonce[2]++;
		c.mac[5] = (uint8_t)(100 + i % 50);
		mc_send_open(&c);
		host_run();
		mc_out.tail = mc_out.head;
	}
	assert_true(mgmt_counter(MGMT_OPENED) - opened <= OPENING_BURST);
	assert_true(mgmt_counter(MGMT_DROP_OPEN) > 150);
	(void)state;
}

/* Half-open sessions make room for others before real ones do. */
static void test_half_open_goes_first(void **state)
{
	struct mc real = keyed_client(1), c = keyed_client(2);

	assert_true(mc_open(&real));
	assert_int_equal(mc_call(&real, MV_PING, "x", 1), MV_OK);
	for (unsigned int i = 0; i < 40; i++) {
		host_advance(SECOND);
		if (i % 5 == 0) {
			mc_discover(&c, mc_node_mac, "");
			host_run();
			mc_receive(&c, 0);
		}
		c.nonce[1]++;
		c.mac[5] = (uint8_t)(100 + i);
		mc_send_open(&c);
		host_run();
		c.mac[5] = 2;
		mc_out.tail = mc_out.head;
	}
	assert_int_equal(session_count(), SESSION_MAX);
	assert_int_equal(mc_call(&real, MV_PING, "x", 1), MV_OK);
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_x25519), T(test_seal), T(test_window), T(test_worthless_point),
		T(test_session), T(test_open_again), T(test_no_key), T(test_replay),
		T(test_challenge), T(test_exchanges_are_bounded), T(test_half_open_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
