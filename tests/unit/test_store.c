/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm/store: chunks in any order, sums, quota, and who is driven out.
 */
#include "unit.h"

#include <bearssl.h>

#include "lib/bits.h"
#include "mem/frame.h"
#include "vm/store.h"

#define SECOND	1000000000ULL
#define SIZE	100001U

static uint8_t bytes[MIB(1)], sum[32];
static struct unit_random rnd;

static void make(unsigned int seed, size_t size)
{
	br_sha256_context h;

	for (size_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
	}
	br_sha256_init(&h);
	br_sha256_update(&h, bytes, size);
	br_sha256_out(&h, sum);
}

static int setup(void **state)
{
	unit_setup(state);
	rnd.state = 5;
	store_init(MIB(1));
	return 0;
}

static int teardown(void **state)
{
	store_stop();
	return unit_teardown(state);
}

static void write_chunk(struct store_image *s, uint64_t n)
{
	uint64_t at = n * STORE_CHUNK;
	size_t len = (size_t)MIN((uint64_t)STORE_CHUNK, s->size - at);

	assert_int_equal(store_write(s, at, bytes + at, len), 0);
}

static struct store_image *put(unsigned int seed, size_t size)
{
	struct store_image *s;

	make(seed, size);
	assert_int_equal(store_begin(sum, size, "x", &s), 0);
	for (uint64_t n = 0; n * STORE_CHUNK < size; n++) {
		write_chunk(s, n);
	}
	while (store_step()) {
	}
	return s;
}

/* Each size costs its pages and no more, and gives them back. */
static void test_memory(void **state)
{
	static const size_t sizes[] = { 1, 4095, 4096, 4097, 65536, 65537, 100001, 300000, 1048576 };
	uint64_t frames = frame_free_count();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct store_image *s;
		uint8_t name[32] = { (uint8_t)i };
		uint64_t pages = (sizes[i] + PAGE_SIZE - 1) / PAGE_SIZE;

		assert_int_equal(store_begin(name, sizes[i], "x", &s), 0);
		assert_int_equal(store_used(), pages * PAGE_SIZE);
		/* And a few for the heap. */
		assert_in_range(frames - frame_free_count(), pages, pages + 4);
		assert_int_equal(store_remove(s), 0);
		assert_int_equal(store_used(), 0);
	}
	assert_in_range(frames - frame_free_count(), 0, 4);
	(void)state;
}

/* In any order, twice or more; `have` is what a simple look says at each step. */
static void test_any_order(void **state)
{
	bool there[SIZE / STORE_CHUNK + 1] = { false };
	struct store_image *s;
	unsigned int first = 0;

	make(1, SIZE);
	assert_int_equal(store_begin(sum, SIZE, "x", &s), 0);
	while (s->state == STORE_PARTIAL) {
		unsigned int n = unit_random_below(&rnd, ARRAY_SIZE(there));

		write_chunk(s, n);
		there[n] = true;
		while (first < ARRAY_SIZE(there) && there[first]) {
			first++;
		}
		assert_int_equal(s->have, MIN(first * STORE_CHUNK, SIZE));
		for (unsigned int k = 0; k < ARRAY_SIZE(there) + 64; k++) {
			bool set = store_chunk_byte(s, k - k % 7) >> k % 7 & 1;

			assert_int_equal(set, s->state == STORE_PARTIAL &&
					 k < ARRAY_SIZE(there) && there[k]);
		}
		(void)store_step();
	}
	while (store_step()) {
	}
	assert_int_equal(s->state, STORE_READY);
	assert_memory_equal(s->data, bytes, SIZE);
	/* What comes late changes nothing. */
	bytes[0] ^= 1;
	write_chunk(s, 0);
	assert_int_not_equal(s->data[0], bytes[0]);
	(void)state;
}

static void test_refused(void **state)
{
	struct store_image *s;

	make(1, SIZE);
	assert_int_equal(store_begin(sum, 0, "x", &s), -EINVAL);
	assert_int_equal(store_begin(sum, STORE_SIZE_MAX + 1, "x", &s), -EINVAL);
	assert_int_equal(store_begin(sum, MIB(1) + 1, "x", &s), -ENOSPC);
	assert_int_equal(store_begin(sum, SIZE, "x", &s), 0);
	assert_int_equal(store_begin(sum, SIZE - 1, "x", &s), -EINVAL);
	assert_int_equal(store_write(s, 1, bytes, STORE_CHUNK), -EINVAL);
	assert_int_equal(store_write(s, 0, bytes, STORE_CHUNK - 1), -EINVAL);
	assert_int_equal(store_write(s, ALIGN_DOWN(SIZE, STORE_CHUNK), bytes, STORE_CHUNK), -EINVAL);
	assert_int_equal(store_write(s, ALIGN_UP(SIZE, STORE_CHUNK), bytes, 1), -EINVAL);
	assert_int_equal(store_write(s, UINT64_MAX - 1023, bytes, STORE_CHUNK), -EINVAL);
	(void)state;
}

/* The longest unused goes; a user, or a push under way, keeps one. */
static void test_driven_out(void **state)
{
	struct vm_module m = { .data = NULL };
	struct store_image *s;
	uint8_t first[32], second[32];

	(void)put(1, 300000);
	memcpy(first, sum, 32);
	host_time_skip(SECOND);
	(void)put(2, 300000);
	memcpy(second, sum, 32);
	assert_int_equal(store_get(first, &m), 0);
	assert_int_equal(m.size, 300000);
	vm_module_put(&m);
	assert_null(m.image);
	/* Used later than the second. */
	host_time_skip(SECOND);
	assert_int_equal(store_get(first, &m), 0);
	vm_module_put(&m);
	(void)put(3, 500000);
	assert_non_null(store_find(first));
	assert_null(store_find(second));
	/* All are used: no room. */
	assert_int_equal(store_get(first, &m), 0);
	assert_int_equal(store_begin(second, 900000, "x", &s), -ENOSPC);
	assert_int_equal(store_remove(store_find(first)), -EBUSY);
	vm_module_put(&m);
	/* A push that goes on isn't driven out by another; one that broke off is. */
	assert_int_equal(store_begin(second, 1000000, "x", &s), 0);
	make(9, 1000);
	assert_int_equal(store_begin(sum, 200000, "x", &s), -ENOSPC);
	host_time_skip(STORE_PUSH_NS);
	assert_int_equal(store_begin(sum, 200000, "x", &s), 0);
	assert_null(store_find(second));
	(void)state;
}

static void test_not_ready(void **state)
{
	struct vm_module m = { .data = NULL };
	struct store_image *s;

	make(1, SIZE);
	assert_int_equal(store_get(sum, &m), -ENOENT);
	assert_int_equal(store_begin(sum, SIZE, "x", &s), 0);
	assert_int_equal(store_get(sum, &m), -EAGAIN);
	for (uint64_t n = 0; n * STORE_CHUNK < SIZE; n++) {
		write_chunk(s, n);
	}
	/* All there, not looked at yet. */
	assert_int_equal(store_get(sum, &m), -EAGAIN);
	while (store_step()) {
	}
	assert_int_equal(store_get(sum, &m), 0);
	vm_module_put(&m);
	(void)state;
}

/* 64 images, then the oldest one's place. */
static void test_places(void **state)
{
	struct store_image *s;
	uint8_t name[32] = { 0 };

	for (unsigned int i = 0; i < STORE_MAX; i++) {
		name[0] = (uint8_t)i;
		assert_int_equal(store_begin(name, 10, "x", &s), 0);
		host_time_skip(1000);
	}
	name[0] = 99;
	assert_int_equal(store_begin(name, 10, "x", &s), -ENOSPC);
	host_time_skip(STORE_PUSH_NS);
	assert_int_equal(store_begin(name, 10, "x", &s), 0);
	name[0] = 0;
	assert_null(store_find(name));
	assert_true(store_expire());
	host_time_skip(STORE_PARTIAL_NS);
	assert_false(store_expire());
	assert_int_equal(store_used(), 0);
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_memory), T(test_any_order), T(test_refused), T(test_driven_out),
		T(test_not_ready), T(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
