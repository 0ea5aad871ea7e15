/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl dmesg`: the hypervisor's log.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "globals.h"
#include "out/utf8.h"
#include "stop.h"
#include "verb/follow.h"
#include "verb/target.h"
#include "verbs.h"

/* JSON has a line of the log in each object, so lines are put together. */
struct lines {
	struct session *s;
	char text[1024];
	size_t len;
};

static void json_line(struct lines *l)
{
	struct json j;

	json_begin(&j, &l->s->node);
	json_bytes(&j, "line", l->text, l->len);
	json_finish(&j);
	l->len = 0;
}

static void print(void *ctx, const uint8_t *data, size_t len)
{
	struct lines *l = ctx;

	if (len == 0) {
		return;
	}
	if (!globals.json) {
		print_safe(stdout, (const char *)data, len);
		fflush(stdout);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n' || l->len == sizeof(l->text)) {
			json_line(l);
		}
		if (data[i] != '\n' && data[i] != '\r') {
			l->text[l->len++] = (char)data[i];
		}
	}
}

static int show_log(struct session *s, bool follow)
{
	struct lines l = { .s = s };
	struct stream st;
	int err;

	stream_init(&st, s, MV_STREAM_LOG, 0, 0);
	err = follow_read(&st, print, &l);
	while (err == 0 && follow && !stop_wanted()) {
		err = stream_watch(&st, true);
		if (err == 0) {
			follow_wait(&st, -1);
			err = follow_read(&st, print, &l);
		}
	}
	if (globals.json && l.len > 0) {
		json_line(&l);
	}
	return err == 0 ? 0 : tell_failure(s, "dmesg", err);
}

int verb_dmesg(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	bool follow = false;
	struct target t;
	int status, c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "f", options, NULL)) != -1) {
		if (c != 'f') {
			return usage_error(verb, "unknown option %s",
					   argv[optind - 1]);
		}
		follow = true;
	}
	if (optind != argc) {
		return usage_error(verb, "it takes no argument");
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	stop_on_signals();
	status = show_log(&t.s, follow);
	target_close(&t);
	return status;
}
