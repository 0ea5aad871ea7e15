/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following a stream by its notices, and by looking once a second for those
 * that got lost.
 */
#include "verb/follow.h"

#include <poll.h>

#include "client/clock.h"

#define LOOK_EVERY_MS	1000
#define READ_PARTS	8

static bool has_notice(struct stream *st)
{
	struct notice n;
	bool found = false;

	while (session_take_notice(st->s, &n)) {
		found = found || (n.kind == st->kind && n.object == st->object);
	}
	return found;
}

bool follow_wait(struct stream *st, int input)
{
	uint64_t end = clock_ms() + LOOK_EVERY_MS, now;
	struct reply r;

	while (!has_notice(st) && (now = clock_ms()) < end) {
		struct pollfd p[2] = {
			{ .fd = st->s->wire->fd, .events = POLLIN },
			{ .fd = input, .events = POLLIN },
		};

		if (poll(p, 2, (int)(end - now)) < 0) {
			return false;	/* a signal */
		}
		if ((p[1].revents & (POLLIN | POLLHUP)) != 0) {
			return true;
		}
		/* Late replies are nobody's; notices are kept. */
		if (p[0].revents != 0 && session_receive(st->s, 0, &r) < 0) {
			return false;
		}
	}
	return false;
}

int follow_read(struct stream *st, stream_sink sink, void *ctx)
{
	size_t count;
	int err;

	do {
		err = stream_read(st, READ_PARTS, sink, ctx, &count);
	} while (err == 0 && stream_behind(st) && (count > 0 || st->restarted));
	return err;
}
