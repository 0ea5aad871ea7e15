/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl console`: hvc0 of a VM, with history, at any number of terminals.
 */
#include "verb/console.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/call.h"
#include "globals.h"
#include "out/term.h"
#include "stop.h"
#include "verb/follow.h"
#include "verb/target.h"
#include "verb/vm.h"
#include "verbs.h"

#define ESCAPE		0x1d	/* Ctrl-] */

struct console {
	struct session *s;
	struct stream st;
	struct mv_vm_ref vm;
	bool failed;		/* stdout takes no more */
};

/* The guest's bytes as they are: it may use all of the terminal. */
static void show(void *ctx, const uint8_t *data, size_t len)
{
	struct console *c = ctx;

	if (len > 0 && (fwrite(data, 1, len, stdout) != len ||
			fflush(stdout) != 0)) {
		c->failed = true;
	}
}

/* A console that is full takes the rest later. 0, or as session_call(). */
static int type(struct console *c, const uint8_t *data, size_t len)
{
	struct mv_console_write w = {
		.vm = c->vm, .size = mv_put32((uint32_t)len),
	};
	int err;

	do {
		err = session_call(c->s, MV_CONSOLE_WRITE, &w, sizeof(w), data,
				   len, NULL);
		if (err == MV_BUSY) {
			err = follow_read(&c->st, show, c);
			usleep(20000);
			err = err == 0 ? MV_BUSY : err;
		}
	} while (err == MV_BUSY && !stop_wanted());
	return err;
}

enum input { INPUT_MORE, INPUT_END, INPUT_LEAVE };

static enum input take_input(struct console *c, int *err)
{
	uint8_t buf[MV_CONSOLE_WRITE_MAX], *escape;
	ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));

	if (n < 0) {
		return errno == EINTR || errno == EAGAIN ? INPUT_MORE :
			INPUT_END;
	}
	escape = memchr(buf, ESCAPE, (size_t)n);
	if (n == 0) {
		return INPUT_END;
	}
	if (escape != NULL) {
		n = escape - buf;
	}
	if (n > 0) {
		*err = type(c, buf, (size_t)n);
	}
	return escape != NULL ? INPUT_LEAVE : INPUT_MORE;
}

/* The end of what is typed isn't the end of what the guest says. */
static int run(struct console *c, bool input, bool once)
{
	enum input what = INPUT_MORE;
	int err = follow_read(&c->st, show, c);

	while (err == 0 && !once && !c->failed && !stop_wanted() &&
	       what != INPUT_LEAVE) {
		bool listen = input && what == INPUT_MORE;

		err = stream_watch(&c->st, true);
		if (err == 0 && follow_wait(&c->st, listen ? STDIN_FILENO : -1)) {
			what = take_input(c, &err);
		}
		if (err == 0) {
			err = follow_read(&c->st, show, c);
		}
	}
	return err;
}

int console_attach(struct session *s, const struct mv_vm *vm, bool history,
		   bool input, bool once)
{
	struct console c = { .s = s };
	bool raw;
	int err;

	stop_on_signals();
	vm_exactly(vm, &c.vm);
	stream_init(&c.st, s, MV_STREAM_CONSOLE, mv_get32(vm->id),
		    history ? 0 : MV_READ_NEWEST);
	raw = input && !once && term_enter(TERM_RAW);
	if (raw) {
		fprintf(stderr, "[console of %s; Ctrl-] leaves it]\r\n",
			vm_name(vm));
	}
	err = run(&c, input, once);
	if (raw) {
		term_restore();
		fputc('\n', stderr);
	}
	if (err == MV_NOT_FOUND) {
		fprintf(stderr, "mvctl: %s has no console any more\n",
			vm_name(vm));
		return EXIT_OK;
	}
	return err == 0 ? EXIT_OK : tell_failure(s, "console", err);
}

int verb_console(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-history", no_argument, NULL, 'n' },
		{ "read-only", no_argument, NULL, 'r' },
		{ "once", no_argument, NULL, '1' },
		{ NULL, 0, NULL, 0 },
	};
	bool history = true, input = true, once = false;
	struct mv_vm_info info;
	struct target t;
	int status, c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "nr1", options, NULL)) != -1) {
		history = history && c != 'n';
		input = input && c != 'r';
		once = once || c == '1';
		if (c == '?') {
			return usage_error(verb, "unknown option %s",
					   argv[optind - 1]);
		}
	}
	if (argc - optind != 1) {
		return usage_error(verb, "it takes one VM");
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	status = vm_find(&t.s, argv[optind], &info);
	if (status == 0) {
		status = console_attach(&t.s, &info.vm, history, input, once);
	}
	target_close(&t);
	return status;
}
