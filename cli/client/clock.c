/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monotonic clock, getrandom(2).
 */
#include "client/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "util.h"

uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

void random_bytes(void *p, size_t len)
{
	char *at = p;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR) {
			perror("mvctl: getrandom");
			exit(EXIT_FAILED);
		}
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}
