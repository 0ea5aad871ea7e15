/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kern/log: lines, levels, the ring, the guests' rate limit, panic.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "kern/log.h"

#define RING_MAX 65536

static char *ring_text(void)
{
	static char text[RING_MAX + 1];
	size_t n = log_read(text, RING_MAX);

	text[n] = '\0';
	return text;
}

static unsigned int count_of(const char *text, const char *word)
{
	unsigned int n = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		n++;
	}
	return n;
}

static void test_line(void **state)
{
	host_time_skip(2345678000ULL - arch_now());
	log_warn("net", "port %d is %s", 3, "down");
	assert_string_equal(ring_text(), "[    2.345678] WARN   net: port 3 is down\n");
	assert_string_equal(host_console(), "[    2.345678] WARN   net: port 3 is down\r\n");
}

static void test_levels(void **state)
{
	log_set_console_level(LOG_WARN);
	log_error("a", "one");
	log_warn("a", "two");
	log_notice("a", "three");
	log_info("a", "four");
	log_debug("a", "five");
	assert_non_null(strstr(host_console(), "ERROR  a: one"));
	assert_non_null(strstr(host_console(), "WARN   a: two"));
	assert_null(strstr(host_console(), "three"));
	/* The ring has them all, in order. */
	assert_int_equal(count_of(ring_text(), "\n"), 5);
	assert_non_null(strstr(ring_text(), "NOTICE a: three"));
	assert_non_null(strstr(ring_text(), "INFO   a: four"));
	assert_true(strstr(ring_text(), "one") < strstr(ring_text(), "five"));
}

static char sunk[256];

static void sink(const char *text, size_t len)
{
	assert_int_equal(this_cpu()->held_count, 0);
	assert_true(len < sizeof(sunk));
	memcpy(sunk, text, len);
	sunk[len] = '\0';
}

static void test_sink(void **state)
{
	log_set_sink(sink);
	log_info("x", "to the sink");
	assert_non_null(strstr(sunk, "x: to the sink\n"));
	assert_null(strstr(host_console(), "sink"));
	log_set_sink(NULL);
	log_info("x", "to the console");
	assert_non_null(strstr(host_console(), "to the console"));
}

static void test_long_line_is_cut(void **state)
{
	char text[1000];
	const char *end;

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("x", "%s", text);
	log_info("x", "next");
	end = strchr(ring_text(), '\n');
	assert_non_null(end);
	assert_true(end - ring_text() > 150);
	assert_true(end - ring_text() < 256);
	assert_non_null(strstr(end, "x: next\n"));
}

static void test_ring_keeps_the_newest(void **state)
{
	log_set_console_level(LOG_ERROR);
	for (unsigned int i = 0; i < 5000; i++) {
		log_info("x", "line %u", i);
	}
	assert_null(strstr(ring_text(), "line 10\n"));
	assert_non_null(strstr(ring_text(), "line 4999\n"));
	assert_non_null(strstr(ring_text(), "line 4900\n"));
	assert_int_equal(ring_text()[strlen(ring_text()) - 1], '\n');
}

static void test_read_into_a_small_buffer(void **state)
{
	char buf[8];

	memset(buf, '#', sizeof(buf));
	log_info("x", "hello");
	assert_int_equal(log_read(buf, 4), 4);
	assert_memory_equal(buf, "[   ", 4);
	assert_int_equal(buf[4], '#');
}

static void test_guest_rate_limit(void **state)
{
	for (unsigned int i = 0; i < 100; i++) {
		log_guest(7, "bad %u", i);
	}
	assert_int_equal(count_of(ring_text(), "d7: bad"), LOG_GUEST_BURST);
	/* Another guest has its own allowance. */
	log_guest(8, "bad");
	assert_int_equal(count_of(ring_text(), "d8: bad"), 1);
	/* One more line after a fifth of a second, with the count. */
	host_time_skip(1000000000ULL / LOG_GUEST_RATE);
	log_guest(7, "again");
	log_guest(7, "too soon");
	assert_non_null(strstr(ring_text(), "d7: again (90 lines before it left out)"));
	assert_null(strstr(ring_text(), "too soon"));
	host_time_skip(1000000000ULL / LOG_GUEST_RATE);
	log_guest(7, "third");
	assert_non_null(strstr(ring_text(), "d7: third (1 lines before it left out)"));
}

static void test_guest_rate_over_time(void **state)
{
	/* 10 s at 100 lines a second. */
	for (unsigned int i = 0; i < 1000; i++) {
		log_guest(7, "flood");
		host_time_skip(10000000);
	}
	assert_in_range(count_of(ring_text(), "d7: flood"), 10 * LOG_GUEST_RATE - 5,
			10 * LOG_GUEST_RATE + LOG_GUEST_BURST);
	/* A rest does not save up more than a burst. */
	host_time_skip(3600000000000ULL);
	for (unsigned int i = 0; i < 100; i++) {
		log_guest(7, "after");
	}
	assert_int_equal(count_of(ring_text(), "d7: after"), LOG_GUEST_BURST);
}

static void test_panic(void **state)
{
	assert_int_equal(HOST_END_OF(panic("lost %d things", 3)), HOST_PANIC);
	assert_non_null(strstr(host_console(), "PANIC: lost 3 things"));
}

static void test_assert(void **state)
{
	unsigned int two = 2;

	assert_int_equal(HOST_END_OF(ASSERT(two == 2)), HOST_RUNNING);
	assert_int_equal(HOST_END_OF(ASSERT(two == 3)), HOST_PANIC);
	assert_non_null(strstr(host_console(), "two == 3"));
}

/* A second panic, from what the first one calls, must not start over. */
static void test_panic_in_a_panic(void **state)
{
	assert_int_equal(HOST_END_OF(panic("first")), HOST_PANIC);
	assert_int_equal(HOST_END_OF(panic("second")), HOST_PANIC);
	assert_null(strstr(host_console(), "second"));
}

UNIT_MAIN(
	UNIT_TEST(test_line),
	UNIT_TEST(test_levels),
	UNIT_TEST(test_sink),
	UNIT_TEST(test_long_line_is_cut),
	UNIT_TEST(test_ring_keeps_the_newest),
	UNIT_TEST(test_read_into_a_small_buffer),
	UNIT_TEST(test_guest_rate_limit),
	UNIT_TEST(test_guest_rate_over_time),
	UNIT_TEST(test_panic),
	UNIT_TEST(test_assert),
	UNIT_TEST(test_panic_in_a_panic),
)
