/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl events`: what happens on a node.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "globals.h"
#include "lib/parse.h"
#include "out/utf8.h"
#include "stop.h"
#include "verb/follow.h"
#include "verb/kinds.h"
#include "verb/target.h"
#include "verbs.h"

struct events {
	struct session *s;
	uint64_t left;		/* to show; then that's all */
	bool since_now;		/* leave out what was before */
	struct mv_event partial;
	size_t have;		/* bytes of it */
};

static const char *const names[] = {
	[MV_EVENT_VM_CREATED] = "vm-created",
	[MV_EVENT_VM_STARTED] = "vm-started",
	[MV_EVENT_VM_ENDED] = "vm-ended",
	[MV_EVENT_VM_FAILED] = "vm-failed",
	[MV_EVENT_VM_GONE] = "vm-gone",
	[MV_EVENT_VM_PAUSED] = "vm-paused",
	[MV_EVENT_VM_UNPAUSED] = "vm-unpaused",
	[MV_EVENT_VM_RENAMED] = "vm-renamed",
	[MV_EVENT_UPLINK_UP] = "uplink-up",
	[MV_EVENT_UPLINK_DOWN] = "uplink-down",
	[MV_EVENT_IMAGE_READY] = "image-ready",
	[MV_EVENT_IMAGE_GONE] = "image-gone",
};

static const char *event_name(unsigned int kind)
{
	return kind < sizeof(names) / sizeof(names[0]) && names[kind] != NULL ?
		names[kind] : "unknown";
}

static void show_text(const struct mv_event *e)
{
	uint64_t ns = mv_get64(e->time_ns);

	printf("%6llu.%06llu  %-12s  ", (unsigned long long)(ns / 1000000000),
	       (unsigned long long)(ns / 1000 % 1000000),
	       event_name(mv_get16(e->kind)));
	print_safe(stdout, e->name, strnlen(e->name, sizeof(e->name)));
	printf(" (%u)", mv_get32(e->object));
	if (mv_get16(e->kind) == MV_EVENT_VM_ENDED) {
		printf(", %s", end_reason_name(mv_get16(e->arg)));
	}
	putchar('\n');
}

static void show_json(const struct session *s, const struct mv_event *e)
{
	struct json j;

	json_begin(&j, &s->node);
	json_fixed(&j, "time_seconds", mv_get64(e->time_ns), 9);
	json_str(&j, "event", event_name(mv_get16(e->kind)));
	json_u64(&j, "object", mv_get32(e->object));
	json_bytes(&j, "name", e->name, strnlen(e->name, sizeof(e->name)));
	if (mv_get16(e->kind) == MV_EVENT_VM_ENDED) {
		json_str(&j, "reason", end_reason_name(mv_get16(e->arg)));
	}
	json_finish(&j);
}

static void take(void *ctx, const uint8_t *data, size_t len)
{
	struct events *x = ctx;

	if (len == 0) {
		x->have = 0;
	}
	while (len > 0 && x->left > 0) {
		size_t n = sizeof(x->partial) - x->have;

		n = n < len ? n : len;
		memcpy((uint8_t *)&x->partial + x->have, data, n);
		x->have += n;
		data += n;
		len -= n;
		if (x->have < sizeof(x->partial)) {
			continue;
		}
		x->have = 0;
		x->left--;
		if (globals.json) {
			show_json(x->s, &x->partial);
		} else {
			show_text(&x->partial);
		}
		fflush(stdout);
	}
}

static int show_events(struct events *x, bool follow)
{
	struct stream st;
	int err;

	stream_init(&st, x->s, MV_STREAM_EVENTS, 0,
		    x->since_now ? MV_READ_NEWEST : 0);
	err = follow_read(&st, take, x);
	while (err == 0 && follow && x->left > 0 && !stop_wanted()) {
		err = stream_watch(&st, true);
		if (err == 0) {
			follow_wait(&st, -1);
			err = follow_read(&st, take, x);
		}
	}
	return err == 0 ? 0 : tell_failure(x->s, "events", err);
}

int verb_events(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "follow", no_argument, NULL, 'f' },
		{ "new", no_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct events x = { .left = UINT64_MAX };
	bool follow = false;
	struct target t;
	int status, c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "fn:", options, NULL)) != -1) {
		if (c == 'f') {
			follow = true;
		} else if (c == 'w') {
			x.since_now = follow = true;
		} else if (c != 'n' || parse_u64(optarg, strlen(optarg),
						 UINT32_MAX, &x.left) != 0) {
			return usage_error(verb, "%s: not an option, or not a "
					   "number", argv[optind - 1]);
		}
	}
	if (optind != argc) {
		return usage_error(verb, "it takes no argument");
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	x.s = &t.s;
	stop_on_signals();
	status = show_events(&x, follow);
	target_close(&t);
	return status;
}
