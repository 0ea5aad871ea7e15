/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/bits, lib/bytes and lib/hash.
 */
#include "unit/unit.h"

#include <string.h>

#include "lib/bits.h"
#include "lib/bytes.h"
#include "lib/hash.h"

static void test_alignment(void **state)
{
	assert_int_equal(ALIGN_UP(0U, 8), 0);
	assert_int_equal(ALIGN_UP(1U, 8), 8);
	assert_int_equal(ALIGN_UP(8U, 8), 8);
	assert_int_equal(ALIGN_DOWN(15U, 8), 8);
	/* The alignment must not be narrower than the value. */
	assert_int_equal(ALIGN_UP(0x100000001ULL, 4096U), 0x100001000ULL);
	assert_int_equal(ALIGN_DOWN(0x100000fffULL, 4096U), 0x100000000ULL);
	assert_true(IS_ALIGNED(0x100000000ULL, 4096U));
	assert_false(IS_ALIGNED(0x100000001ULL, 4096U));
}

static void test_lowest_and_highest(void **state)
{
	for (unsigned int i = 0; i < 64; i++) {
		assert_int_equal(bit_lowest(BIT(i)), i);
		assert_int_equal(bit_highest(BIT(i)), i);
		assert_int_equal(bit_lowest(UINT64_MAX << i), i);
		assert_int_equal(bit_highest(UINT64_MAX >> i), 63 - i);
	}
}

static void test_bitmap(void **state)
{
	uint64_t map[BITMAP_WORDS(130)];

	assert_int_equal(ARRAY_SIZE(map), 3);
	assert_int_equal(BITMAP_WORDS(128), 2);
	memset(map, 0, sizeof(map));
	for (size_t i = 0; i < 130; i++) {
		assert_int_equal(bitmap_find_clear(map, 130), i);
		assert_false(bitmap_test(map, i));
		bitmap_set(map, i);
		assert_true(bitmap_test(map, i));
	}
	/* Clear bits behind the count don't count. */
	assert_int_equal(bitmap_find_clear(map, 130), 130);
	assert_int_equal(map[2], 3);
	bitmap_clear(map, 64);
	assert_int_equal(bitmap_find_clear(map, 130), 64);
	assert_int_equal(bitmap_find_clear(map, 64), 64);
	assert_int_equal(map[1], ~1ULL);
	assert_int_equal(bitmap_find_clear(map, 0), 0);
}

static void test_big_endian(void **state)
{
	uint8_t b[9] = { 0x99, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
	uint8_t out[9] = { 0 };

	assert_int_equal(get_be16(b + 1), 0xfedc);
	assert_int_equal(get_be32(b + 1), 0xfedcba98);
	assert_int_equal(get_be64(b + 1), 0xfedcba9876543210ULL);
	put_be64(out + 1, 0xfedcba9876543210ULL);
	assert_memory_equal(out + 1, b + 1, 8);
	put_be32(out + 1, 0x01020304);
	put_be16(out + 5, 0x0506);
	assert_memory_equal(out, "\0\1\2\3\4\5\6\x32\x10", 9);
}

static void test_hash(void **state)
{
	uint64_t seen = 0;

	assert_int_equal(hash_bytes("abc", 3, 1), hash_bytes("abc", 3, 1));
	assert_int_not_equal(hash_bytes("abc", 3, 1), hash_bytes("abc", 3, 2));
	assert_int_not_equal(hash_bytes("abc", 3, 1), hash_bytes("abd", 3, 1));
	/* A zero byte more is another key. */
	assert_int_not_equal(hash_bytes("a\0", 1, 1), hash_bytes("a\0", 2, 1));
	/* Neighbouring keys spread over the low bits that tables use. */
	for (uint64_t i = 0; i < 2048; i++) {
		seen |= BIT(hash_u64(i, 7) % 64);
	}
	assert_int_equal(seen, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_lowest_and_highest),
		cmocka_unit_test(test_bitmap),
		cmocka_unit_test(test_big_endian),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
