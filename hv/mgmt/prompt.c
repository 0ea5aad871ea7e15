/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own prompt: keys in, commands found and run. See the
 * header.
 */
#include "mgmt/prompt.h"

#include <stdatomic.h>

#include "kern/lock.h"
#include "kern/timer.h"
#include "kern/work.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "mgmt/prompt_line.h"
#include "vm/mux.h"

#define KEYS		256U		/* typed ahead; a power of two */
#define KEYS_STEP	32U		/* keys taken by one piece of work */
#define ROOM_NS		2000000ULL	/* look again for room at the terminal */
#define CTRL_C		0x03

static const char prompt_text[] = "mv> ";

static struct mux_port port;
static struct spinlock keys_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static char keys[KEYS];			/* under keys_lock, as the next two */
static uint32_t keys_head;
static uint32_t keys_tail;
static _Atomic bool interrupt;		/* Ctrl-C was typed */

/*
 * Calls for attention since the work last came to rest. Whoever raises it
 * from 0 queues the work; the work requeues itself until it's 0 again.
 */
static _Atomic uint32_t calls;
static struct work work;
static struct timer room_timer;
static struct prompt_line line;
static char words[PROMPT_LINE_MAX];	/* the line, cut into words */
static const struct prompt_command *command;	/* that runs, or NULL */
static struct prompt_call call;

/* --- output ------------------------------------------------------------------ */

static void echo(const char *text, size_t n)
{
	mux_write(&port, text, n);
}

void prompt_print(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	echo(text, MIN(n, sizeof(text) - 1));
}

void prompt_print_text(const char *text, size_t n)
{
	char clean[128];

	while (n > 0) {
		size_t part = MIN(n, sizeof(clean));

		for (size_t i = 0; i < part; i++) {
			bool ok = (text[i] >= ' ' && text[i] <= '~') || text[i] == '\n';

			clean[i] = ok ? text[i] : '?';
		}
		echo(clean, part);
		text += part;
		n -= part;
	}
}

/* --- commands ---------------------------------------------------------------- */

const struct prompt_command *prompt_command(unsigned int n)
{
	static const struct prompt_command *const tables[] = {
		prompt_vm_commands, prompt_net_commands, prompt_blk_commands,
		prompt_xenstore_commands, prompt_sys_commands,
	};

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct prompt_command *c = tables[t]; c->name != NULL; c++) {
			if (n-- == 0) {
				return c;
			}
		}
	}
	return NULL;
}

static const struct prompt_command *find_command(const char *name)
{
	const struct prompt_command *c;

	for (unsigned int n = 0; (c = prompt_command(n)) != NULL; n++) {
		if (strcmp(c->name, name) == 0) {
			return c;
		}
	}
	return NULL;
}

/* Cut `words` at blanks. Returns the number of words, PROMPT_ARGS + 2 at most. */
static unsigned int cut_words(const char *out[PROMPT_ARGS + 1])
{
	unsigned int n = 0;
	bool in_word = false;

	for (char *c = words; *c != '\0'; c++) {
		if (*c == ' ') {
			*c = '\0';
			in_word = false;
		} else if (!in_word) {
			if (n > PROMPT_ARGS) {
				return n + 1;
			}
			out[n++] = c;
			in_word = true;
		}
	}
	return n;
}

/* Begin the command in the line, if there is one. */
static void start_command(void)
{
	const char *word[PROMPT_ARGS + 1];
	const struct prompt_command *c;
	unsigned int n;

	str_copy(words, line.text, sizeof(words));
	n = cut_words(word);
	if (n == 0) {
		return;
	}
	c = find_command(word[0]);
	if (c == NULL) {
		prompt_print("no command '%s'; 'help' lists them\n", word[0]);
		return;
	}
	if (n - 1 < c->args_min || n - 1 > c->args_max) {
		prompt_print("usage: %s %s\n", c->name, c->args);
		return;
	}
	memset(&call, 0, sizeof(call));
	call.argc = n - 1;
	for (unsigned int i = 0; i < call.argc; i++) {
		call.argv[i] = word[i + 1];
	}
	atomic_store_explicit(&interrupt, false, memory_order_relaxed);
	command = c;
}

/* --- the work ---------------------------------------------------------------- */

static bool next_key(char *c)
{
	bool got = false;

	spin_lock(&keys_lock);
	if (keys_tail != keys_head) {
		*c = keys[keys_tail++ % KEYS];
		got = true;
	}
	spin_unlock(&keys_lock);
	return got;
}

/* What was typed ahead of a Ctrl-C, and that itself. */
static void drop_keys(void)
{
	spin_lock(&keys_lock);
	keys_tail = keys_head;
	spin_unlock(&keys_lock);
}

static void step_command(void)
{
	bool more = false;

	if (atomic_load_explicit(&interrupt, memory_order_relaxed)) {
		drop_keys();
		echo("^C\n", 3);
	} else {
		more = command->step(&call);
		call.step++;
	}
	if (!more) {
		heap_free(call.data);
		command = NULL;
		echo(prompt_text, sizeof(prompt_text) - 1);
	}
}

/* Take typed keys up to the end of a line. False if there were none. */
static bool take_keys(void)
{
	char c;

	for (unsigned int i = 0; i < KEYS_STEP; i++) {
		if (!next_key(&c)) {
			return i > 0;
		}
		if (prompt_line_feed(&line, c, echo)) {
			start_command();
			prompt_line_reset(&line);
			if (command == NULL) {
				echo(prompt_text, sizeof(prompt_text) - 1);
			}
			return true;
		}
	}
	return true;
}

static void work_fn(struct work *w)
{
	/* Acquire: pairs with the release in wake(). */
	uint32_t seen = atomic_load_explicit(&calls, memory_order_acquire);

	if (command != NULL) {
		if (mux_room(&port) < PROMPT_STEP_MAX) {
			timer_set(&room_timer, arch_now() + ROOM_NS);
			return;
		}
		step_command();
	} else if (!take_keys()) {
		if (atomic_fetch_sub_explicit(&calls, seen, memory_order_acq_rel) == seen) {
			return;
		}
	}
	work_queue(w);
}

static void room_fn(struct timer *t)
{
	work_queue(&work);
}

static void wake(void)
{
	if (atomic_fetch_add_explicit(&calls, 1, memory_order_acq_rel) == 0) {
		work_queue(&work);
	}
}

/* On the CPU that got the UART's interrupt. Keys that find no room are lost. */
static void port_input(struct mux_port *p, const char *text, size_t n)
{
	spin_lock(&keys_lock);
	for (size_t i = 0; i < n; i++) {
		if (text[i] == CTRL_C) {
			atomic_store_explicit(&interrupt, true, memory_order_relaxed);
		}
		if (keys_head - keys_tail < KEYS) {
			keys[keys_head++ % KEYS] = text[i];
		}
	}
	spin_unlock(&keys_lock);
	wake();
}

void prompt_init(void)
{
	work_init(&work, work_fn);
	timer_init(&room_timer, room_fn);
	if (mux_attach(&port, 0, "", port_input) == 0) {
		echo(prompt_text, sizeof(prompt_text) - 1);
	}
}
