/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A progress bar on stderr, if that is a terminal.
 */
#ifndef CLI_OUT_PROGRESS_H
#define CLI_OUT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *name;
	uint64_t total;
	uint64_t first;		/* there before we began */
	uint64_t begin_ms;
	uint64_t drawn_ms;
	bool visible;
	bool started;
};

void progress_begin(struct progress *p, const char *name, uint64_t total);

/* `done` of the total; drawn ten times a second at most. */
void progress_set(struct progress *p, uint64_t done, const char *note);

/* Wipe it. */
void progress_end(struct progress *p);

#endif
