/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arm64 port's timer arithmetic: an alarm is not early and hardly late,
 * however long the machine runs and whatever the timer's frequency is.
 */
#include "unit/unit.h"

#include "arch/arm64/include/asm/ticks.h"

static const uint64_t rates[] = {
	1000000, 13000000, 19200000, 24000000, 25000000, 31250000, 54000000, 62500000, 100000000,
	133333333, 1000000000,
};
#define YEAR_S (365ULL * 86400)

static void alarms_at(uint64_t hz, uint64_t now)
{
	static const uint64_t waits[] = { 1, 40, 1000, 99999, 1000000, 10000000, 1000000000 };
	struct tick_rate r = tick_rate(hz);
	uint64_t now_ns = ticks_to_ns(&r, now);

	for (unsigned int i = 0; i < ARRAY_SIZE(waits); i++) {
		uint64_t at = ticks_at_ns(&r, now, now_ns + waits[i]);
		uint64_t at_ns = ticks_to_ns(&r, at);

		assert_true(at_ns >= now_ns + waits[i]);
		/* Four ticks and a thousandth. */
		assert_true(at_ns <= now_ns + waits[i] + waits[i] / 1000 + 4000000000ULL / hz + 4);
	}
	assert_int_equal(ticks_at_ns(&r, now, now_ns), now);
	assert_int_equal(ticks_at_ns(&r, now, 0), now);
}

static void test_alarm_is_in_time(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		alarms_at(rates[i], 0);
		alarms_at(rates[i], 12345);
		alarms_at(rates[i], rates[i] * 86400 + 7);
		alarms_at(rates[i], rates[i] * YEAR_S / 7 + 3);
		alarms_at(rates[i], rates[i] * YEAR_S * 10 + 1);
	}
}

static void test_time_is_close(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		struct tick_rate r = tick_rate(rates[i]);
		uint64_t ns = ticks_to_ns(&r, rates[i] * YEAR_S);
		uint64_t want = YEAR_S * 1000000000ULL;

		assert_true(ns <= want && want - ns < want / 1000000);
	}
}

static void test_far_times_are_clamped(void **state)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
		struct tick_rate r = tick_rate(rates[i]);

		assert_true(ticks_to_ns(&r, UINT64_MAX) >= ticks_to_ns(&r, 1ULL << 62));
		assert_true(ticks_to_ns(&r, 1ULL << 62) > YEAR_S * 100 * 1000000000ULL ||
			    rates[i] == 1000000000);
		assert_true(ticks_at_ns(&r, 1ULL << 40, UINT64_MAX - 1) > 1ULL << 40);
		assert_true(ticks_at_ns(&r, UINT64_MAX - 1, UINT64_MAX) >= UINT64_MAX - 1);
	}
}

UNIT_MAIN(UNIT_TEST(test_alarm_is_in_time), UNIT_TEST(test_time_is_close),
	  UNIT_TEST(test_far_times_are_clamped))
