/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal at stdin, in another mode for a while. It is put back by
 * term_restore(), and in any case when the program ends.
 */
#ifndef CLI_OUT_TERM_H
#define CLI_OUT_TERM_H

#include <stdbool.h>

enum term_mode {
	TERM_RAW,	/* every key as it is, for a guest */
	TERM_KEYS,	/* keys without waiting for a line; Ctrl-C still works */
};

/* False: stdin isn't a terminal (and stays as it is). */
bool term_enter(enum term_mode mode);
void term_restore(void);

/* Lines and columns of the terminal at stdout; 24 and 80 if it is none. */
void term_size(unsigned int *lines, unsigned int *columns);

#endif
