/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that end a verb in order.
 */
#include "stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t wanted;

static void take_note(int number)
{
	(void)number;
	wanted = 1;
}

void stop_on_signals(void)
{
	struct sigaction a = { .sa_handler = take_note };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	/* No SA_RESTART: what waits is woken. */
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	sigaction(SIGHUP, &a, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

bool stop_wanted(void)
{
	return wanted != 0;
}
