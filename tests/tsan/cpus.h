/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that act as CPUs.
 */
#ifndef TESTS_TSAN_CPUS_H
#define TESTS_TSAN_CPUS_H

#include <pthread.h>

#include "unit/unit.h"

#define CPUS	4U

/* Have each run `fn`, whose argument is the CPU's number, to its end. */
static inline void cpus_run(void *(*fn)(void *id))
{
	pthread_t threads[CPUS];

	host_threads(true);
	for (unsigned int i = 0; i < CPUS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, fn, (void *)(uintptr_t)i), 0);
	}
	for (unsigned int i = 0; i < CPUS; i++) {
		pthread_join(threads[i], NULL);
	}
	host_threads(false);
	host_cpu(0);
}

#endif
