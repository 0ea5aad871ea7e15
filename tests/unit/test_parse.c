/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/parse: numbers and MAC addresses from hostile text.
 */
#include "unit/unit.h"

#include <string.h>

#include "lib/parse.h"

#define UNTOUCHED 0x5555U

static int number(const char *s, uint64_t max, uint64_t *out)
{
	*out = UNTOUCHED;
	return parse_u64(s, strlen(s), max, out);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{ "0", 0 },
		{ "7", 7 },
		{ "007", 7 },
		{ "4294967296", 4294967296ULL },
		{ "18446744073709551615", UINT64_MAX },
		{ "0x0", 0 },
		{ "0xff", 255 },
		{ "0XaBcD", 0xabcd },
		{ "0xffffffffffffffff", UINT64_MAX },
		{ "0x000000000000000000000001", 1 },
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(number(good[i].text, UINT64_MAX, &v), 0);
		assert_int_equal(v, good[i].value);
	}
}

static void test_what_is_not_a_number(void **state)
{
	static const char *const bad[] = {
		"", " ", " 1", "1 ", "-1", "+1", "0x", "x1", "1x", "0xg", "12a", "a",
		"1.0", "1e3", "0b1", "99999999999999999999z", "\xff",
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(number(bad[i], UINT64_MAX, &v), -EINVAL);
		assert_int_equal(v, UNTOUCHED);
	}
}

static void test_range(void **state)
{
	static const char *const over[] = {
		"18446744073709551616", "18446744073709551620", "99999999999999999999",
		"184467440737095516150", "0x10000000000000000", "0xfffffffffffffffff",
		/* Wraps to a small value if the overflow is forgotten once. */
		"36893488147419103233",
	};
	uint64_t v;

	for (size_t i = 0; i < ARRAY_SIZE(over); i++) {
		assert_int_equal(number(over[i], UINT64_MAX, &v), -ERANGE);
		assert_int_equal(v, UNTOUCHED);
	}
	assert_int_equal(number("255", 255, &v), 0);
	assert_int_equal(number("256", 255, &v), -ERANGE);
	assert_int_equal(number("0x100", 255, &v), -ERANGE);
	assert_int_equal(number("1", 0, &v), -ERANGE);
	assert_int_equal(number("0", 0, &v), 0);
}

static void test_length_bounds_the_text(void **state)
{
	const char text[] = { '1', '2', '3' };
	uint64_t v;

	assert_int_equal(parse_u64(text, 2, UINT64_MAX, &v), 0);
	assert_int_equal(v, 12);
	assert_int_equal(parse_u64("0xff", 2, UINT64_MAX, &v), -EINVAL);
	assert_int_equal(parse_u64("1\0002", 3, UINT64_MAX, &v), -EINVAL);
}

static void test_mac(void **state)
{
	static const uint8_t want[6] = { 0x00, 0x16, 0x3e, 0xab, 0xCD, 0xff };
	static const char *const bad[] = {
		"", "00:16:3e:ab:cd", "00:16:3e:ab:cd:f", "00:16:3e:ab:cd:fff",
		"00-16-3e-ab-cd-ff", "00:16:3e:ab:cd:fg", "00:16:3e:ab:cd;ff",
		" 0:16:3e:ab:cd:ff", "00:16:3e:ab:cd:ff ", "0016:3e:ab:cd:ff:",
		"00:16:3e:ab:cd:-1", "00:16:3e:ab:cd:ff:00",
	};
	uint8_t mac[6] = { 1, 2, 3, 4, 5, 6 };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_mac(bad[i], strlen(bad[i]), mac), -EINVAL);
		assert_memory_equal(mac, "\1\2\3\4\5\6", 6);
	}
	assert_int_equal(parse_mac("00:16:3e:ab:CD:fF", 17, mac), 0);
	assert_memory_equal(mac, want, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_what_is_not_a_number),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_length_bounds_the_text),
		cmocka_unit_test(test_mac),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
