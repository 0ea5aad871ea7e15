/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs of rings that are polled while all CPUs are busy: that hint is read without the
 * scheduler's lock on purpose.
 */
#ifndef TESTS_TSAN_BUSY_HINT_H
#define TESTS_TSAN_BUSY_HINT_H

const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "race:sched_all_busy\n";
}

#endif
