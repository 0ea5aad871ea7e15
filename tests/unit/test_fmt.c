/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/fmt: every conversion against the C library's snprintf().
 */
#include "unit/unit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/fmt.h"

/* The format is checked by the compiler in both calls. */
#define SAME(...)							\
	do {								\
		char want[256];						\
		char got[256];						\
		int want_len = snprintf(want, sizeof(want), __VA_ARGS__); \
		size_t got_len = fmt_buf(got, sizeof(got), __VA_ARGS__); \
									\
		assert_string_equal(got, want);				\
		assert_int_equal(got_len, want_len);			\
	} while (0)

static void test_integers(void **state)
{
	SAME("%d", 0);
	SAME("%d %i", -1, 42);
	SAME("%d", INT_MIN);
	SAME("%d", INT_MAX);
	SAME("%u", UINT_MAX);
	SAME("%x %X", 0xdeadbeefU, 0xdeadbeefU);
	SAME("%o", 0755U);
	SAME("%ld %lu", LONG_MIN, ULONG_MAX);
	SAME("%lld %llu", LLONG_MIN, ULLONG_MAX);
	SAME("%llo", ULLONG_MAX);
	SAME("%zu %zx", SIZE_MAX, SIZE_MAX);
	SAME("%jd %ju", INTMAX_MIN, UINTMAX_MAX);
}

static void test_short_lengths_cut_the_argument(void **state)
{
	SAME("%hhd %hhu", (signed char)-1, (unsigned char)255);
	SAME("%hd %hu", (short)-1, (unsigned short)65535);
	SAME("%hhx %hx", (unsigned char)0xab, (unsigned short)0xabcd);
}

static void test_width_flags_and_precision(void **state)
{
	SAME("[%5d][%-5d][%05d]", 42, 42, 42);
	SAME("[%5d][%-5d][%05d]", -42, -42, -42);
	SAME("[%1d][%2x]", 12345, 0xabcdeU);
	SAME("[%.5d][%8.5d][%-8.5d]", 42, -42, 42);
	SAME("[%.0d][%.0u][%5.0d]", 0, 0U, 0);
	SAME("[%.0d]", 7);
	SAME("[%*d][%-*d][%.*d]", 6, 42, 6, 42, 4, 42);
	SAME("[%*d]", -6, 42);
	SAME("[%.*d]", -1, 42);
	SAME("[%016llx]", 0x40000000ULL);
	SAME("[%2d:%02d]", 7, 7);
}

static void test_strings_and_characters(void **state)
{
	char unterminated[3] = { 'a', 'b', 'c' };

	SAME("%s|%10s|%-10s|", "net", "net", "net");
	SAME("%.2s|%5.1s|%-5.1s|%.0s|", "net", "net", "net", "net");
	SAME("%.*s", 3, unterminated);
	SAME("%c%c|%3c|%-3c|", 'o', 'k', 'x', 'y');
	SAME("100%%");
	SAME("%s", "");
}

static void test_null_string(void **state)
{
	char got[16];

	/* Through a variable: the compiler would warn about the literal. */
	const char *volatile nothing = NULL;

	fmt_buf(got, sizeof(got), "%s", nothing);
	assert_string_equal(got, "(null)");
}

static void test_pointer(void **state)
{
	SAME("%p", (void *)0x1234);
	SAME("[%12p]", (void *)0x1234);
}

static void test_result_is_cut_to_the_buffer(void **state)
{
	char buf[8];

	memset(buf, '#', sizeof(buf));
	assert_int_equal(fmt_buf(buf, 5, "%s-%d", "abc", 12345), 9);
	assert_memory_equal(buf, "abc-\0###", 8);

	memset(buf, '#', sizeof(buf));
	assert_int_equal(fmt_buf(buf, 1, "abc"), 3);
	assert_memory_equal(buf, "\0#######", 8);

	memset(buf, '#', sizeof(buf));
	assert_int_equal(fmt_buf(buf, 0, "abc"), 3);
	assert_memory_equal(buf, "########", 8);
	assert_int_equal(fmt_buf(NULL, 0, "%d", 1234), 4);

	assert_int_equal(fmt_buf(buf, sizeof(buf), "1234567"), 7);
	assert_string_equal(buf, "1234567");
}

static void test_str_copy(void **state)
{
	char buf[8];

	memset(buf, '#', sizeof(buf));
	assert_int_equal(str_copy(buf, "abc", sizeof(buf)), 3);
	assert_memory_equal(buf, "abc\0####", 8);
	assert_int_equal(str_copy(buf, "abcdefghij", sizeof(buf)), 10);
	assert_string_equal(buf, "abcdefg");
	memset(buf, '#', sizeof(buf));
	assert_int_equal(str_copy(buf, "abc", 0), 3);
	assert_int_equal(buf[0], '#');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_short_lengths_cut_the_argument),
		cmocka_unit_test(test_width_flags_and_precision),
		cmocka_unit_test(test_strings_and_characters),
		cmocka_unit_test(test_null_string),
		cmocka_unit_test(test_pointer),
		cmocka_unit_test(test_result_is_cut_to_the_buffer),
		cmocka_unit_test(test_str_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
