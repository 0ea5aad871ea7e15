/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prompt's line editor: typing at the end of the line, erasing, and a
 * history. It echoes what vm/mux_line.h understands.
 *
 * Keys: backspace, Ctrl-U (erase all), Ctrl-W (erase a word), Ctrl-C (give
 * the line up), up and down or Ctrl-P and Ctrl-N (history).
 *
 * Locking: the caller's. Invariants: text ends with a NUL at len.
 */
#ifndef MGMT_PROMPT_LINE_H
#define MGMT_PROMPT_LINE_H

#include "lib/types.h"

#define PROMPT_LINE_MAX		128U	/* with the NUL */
#define PROMPT_HISTORY		8U

struct prompt_line {
	char text[PROMPT_LINE_MAX];
	size_t len;
	char history[PROMPT_HISTORY][PROMPT_LINE_MAX];
	unsigned int history_count;	/* lines ever entered */
	unsigned int back;		/* lines that the user went back */
	unsigned int escape;		/* bytes of an arrow key seen */
	bool return_seen;		/* a line feed behind it is no new line */
};

/*
 * Feed one key; `echo` gets what the terminal is to show. True: the line is
 * complete (in l->text); call prompt_line_reset() before the next key.
 */
bool prompt_line_feed(struct prompt_line *l, char c, void (*echo)(const char *text, size_t n));

/* A new line; a complete one enters the history. */
void prompt_line_reset(struct prompt_line *l);

#endif
