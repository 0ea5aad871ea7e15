/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl: values as text, and JSON that no node can break.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "out/human.h"
#include "out/json.h"
#include "out/prom.h"
#include "out/utf8.h"

static void test_cpus(void **state)
{
	static const struct { const char *text; uint64_t mask; } good[] = {
		{ "all", 0 }, { "any", 0 }, { "3", 8 }, { "0-2", 7 },
		{ "0-3,^2", 0xb }, { "63", 1ULL << 63 }, { "1,1", 2 },
	};
	static const char *const bad[] = {
		"", ",", "0,", "a", "3-1", "64", "-1", "0-", "^0", "0 1", "0x1",
	};
	char buf[64];
	uint64_t mask;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse_cpus(good[i].text, &mask), 0);
		assert_true(mask == good[i].mask);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse_cpus(bad[i], &mask), -1);
	}
	format_cpus(buf, sizeof(buf), 0xb);
	assert_string_equal(buf, "0-1,3");
	format_cpus(buf, sizeof(buf), 1ULL << 63 | 1);
	assert_string_equal(buf, "0,63");
	format_cpus(buf, sizeof(buf), 0);
	assert_string_equal(buf, "any");
	format_cpus(buf, 8, 0x5555555555555555);	/* cut off, not over it */
	assert_true(strlen(buf) < 8);
}

static void test_hex(void **state)
{
	uint8_t out[2];

	(void)state;
	assert_int_equal(parse_hex("aB09", out, 2), 0);
	assert_int_equal(out[0], 0xab);
	assert_int_equal(out[1], 0x09);
	assert_int_equal(parse_hex("aB0", out, 2), -1);
	assert_int_equal(parse_hex("aB0g", out, 2), -1);
	assert_int_equal(parse_hex("a\x10" "09", out, 2), -1);
}

static void test_utf8(void **state)
{
	(void)state;
	assert_int_equal(utf8_length("a", 1), 1);
	assert_int_equal(utf8_length("\xc3\xa4", 2), 2);
	assert_int_equal(utf8_length("\xf0\x9f\x98\x80", 4), 4);
	assert_int_equal(utf8_length("\xc3", 1), 0);
	assert_int_equal(utf8_length("\xc0\x80", 2), 0);	/* overlong */
	assert_int_equal(utf8_length("\xed\xa0\x80", 3), 0);	/* surrogate */
	assert_int_equal(utf8_length("\xf4\x90\x80\x80", 4), 0);
	assert_int_equal(utf8_length("\x80", 1), 0);
	assert_int_equal(utf8_length("", 0), 0);
}

static void test_nothing_drives_the_terminal(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	print_safe(f, "a\033[2Jb\rc\x9b" "d\xc2\x9b" "e\n", 14);
	fclose(f);
	assert_string_equal(text, "a?[2Jb?c?d?e\n");
	free(text);
}

static void test_json(void **state)
{
	char *text = NULL;
	size_t size = 0;
	struct json j = { .to = open_memstream(&text, &size) };

	(void)state;
	json_open(&j, NULL, '{');
	json_str(&j, "a\"", "x\\\n\x01\xff\xc3\xa4");
	json_open(&j, "list", '[');
	json_u64(&j, NULL, UINT64_MAX);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_fixed(&j, NULL, 1000000005, 9);
	json_close(&j, ']');
	json_bool(&j, "b", true);
	json_null(&j, "n");
	json_close(&j, '}');
	json_end(&j);
	fclose(j.to);
	assert_string_equal(text, "{\"a\\\"\":\"x\\\\\\n\\u0001\\ufffd\xc3\xa4\","
			    "\"list\":[18446744073709551615,{},1.000000005],"
			    "\"b\":true,\"n\":null}\n");
	free(text);
}

static void test_prometheus(void **state)
{
	static const struct prom_metric m[] = {
		{ "a_total", "counter", "A." }, { "b", "gauge", "B." },
		{ "c", "gauge", "never set" },
	};
	struct prom p;
	size_t len;
	char *text;

	(void)state;
	prom_begin(&p, m, 3);
	prom_add(&p, 0, 1, 0, "x", "1\"\\\n", NULL);
	prom_add(&p, 1, 1500, 3, NULL);
	prom_add(&p, 0, 2, 0, "x", "2", "y", "z", NULL);
	text = prom_end(&p, &len);
	assert_string_equal(text, "# HELP a_total A.\n# TYPE a_total counter\n"
			    "a_total{x=\"1\\\"\\\\?\"} 1\n"
			    "a_total{x=\"2\",y=\"z\"} 2\n"
			    "# HELP b B.\n# TYPE b gauge\nb 1.500\n");
	assert_int_equal(len, strlen(text));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_nothing_drives_the_terminal),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_prometheus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
