/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a VM that only computes does not run: it reads the counter without
 * end and tells the longest time between two readings, once for each period of
 * 20 ms. "periods=N" on its command line is how many, "limit=US" what is too
 * long; without it only a second is.
 */
#include "lib/guest.h"

const char guest_name[] = "stall";

#define PERIOD_US	20000UL

static uint64_t number_arg(const char *key, uint64_t value)
{
	const char *text = guest_arg(key);

	if (text != NULL) {
		for (value = 0; *text >= '0' && *text <= '9'; text++) {
			value = value * 10 + (uint64_t)(*text - '0');
		}
	}
	return value;
}

/* In ticks of the counter, so that nothing is between two readings. */
static uint64_t longest(uint64_t ticks)
{
	uint64_t start = sysreg_read("cntvct_el0");
	uint64_t last = start;
	uint64_t most = 0;

	while (last - start < ticks) {
		uint64_t now = sysreg_read("cntvct_el0");

		most = now - last > most ? now - last : most;
		last = now;
	}
	return most;
}

static void case_never_long(void)
{
	uint64_t periods = number_arg("periods", 3);
	uint64_t limit = number_arg("limit", 1000000);
	uint64_t mhz = sysreg_read("cntfrq_el0") / 1000000;

	for (uint64_t i = 0; i < periods; i++) {
		uint64_t us = longest(PERIOD_US * mhz) / mhz;

		print("longest %lu", us);
		if (us > limit) {
			fail("%lu us in period %lu", us, i);
		}
	}
}

const struct guest_case guest_cases[] = {
	{ "never_long", case_never_long },
	{ NULL, NULL },
};
