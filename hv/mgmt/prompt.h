/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own prompt: port 0 of the UART multiplexer.
 *
 * A command is a function that is called step by step, as deferred work with
 * no lock held; each step prints a bounded amount. So a long listing neither
 * stalls the CPU nor overruns a slow terminal. Ctrl-C ends it between steps.
 *
 * Locking: the queue of typed keys has a lock of rank LOCK_CONSOLE; all else
 * belongs to the deferred work, of which one instance exists at a time.
 */
#ifndef MGMT_PROMPT_H
#define MGMT_PROMPT_H

#include "lib/types.h"

#define PROMPT_ARGS	4U	/* words after the command */
#define PROMPT_STEP_MAX	2048U	/* most bytes that a step prints */

/* What a command knows while it runs; zeroed before its first step. */
struct prompt_call {
	unsigned int argc;		/* words after the command */
	const char *argv[PROMPT_ARGS];
	unsigned int step;		/* calls before this one */
	uint64_t cursor;		/* the command's own */
	void *data;			/* the command's own, from the heap;
					   freed after the last step */
};

struct prompt_command {
	const char *name;
	const char *args;		/* for the usage line; "" */
	const char *help;
	unsigned int args_min;
	unsigned int args_max;
	/* One step. True: call it again. */
	bool (*step)(struct prompt_call *c);
};

/* Attach to the multiplexer. Boot only, after mux_init(). */
void prompt_init(void);

/* For commands: print, at most 511 bytes a call. A line ends with '\n'. */
void prompt_print(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Text of others: unprintable bytes are shown as '?', but '\n' is kept. */
void prompt_print_text(const char *text, size_t n);

/* The tables of commands, one for each file; each ends with a NULL name. */
extern const struct prompt_command prompt_sys_commands[];
extern const struct prompt_command prompt_vm_commands[];
extern const struct prompt_command prompt_net_commands[];
extern const struct prompt_command prompt_blk_commands[];
extern const struct prompt_command prompt_xenstore_commands[];

/* The n-th command over all tables, or NULL. */
const struct prompt_command *prompt_command(unsigned int n);

#endif
