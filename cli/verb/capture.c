/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl capture`: a switch port's frames as pcapng.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/call.h"
#include "client/list.h"
#include "client/records.h"
#include "lib/parse.h"
#include "net/frame.h"
#include "out/pcapng.h"
#include "stop.h"
#include "verb/follow.h"
#include "verb/target.h"
#include "verbs.h"

#define BREATHE_US	20000

struct capture {
	struct session *s;
	struct mv_capture c;	/* as the node made it */
	FILE *to;
	uint64_t left;		/* frames to write */
	uint64_t written;
	uint64_t newest_ns;
	bool own;		/* write our own frames, too */
	int broken;		/* errno of a write that failed */
	struct records records;
};

/* Part of this very conversation, which would never end. */
static bool is_own(const struct capture *x, const uint8_t *data, size_t len)
{
	const uint8_t *mac = x->s->wire->mac;
	struct frame_header h;

	return frame_header_read(data, len, &h) != 0 &&
	       h.type == MV_ETHERTYPE &&
	       (memcmp(h.to, mac, 6) == 0 || memcmp(h.from, mac, 6) == 0);
}

static void write_frame(void *ctx, const struct mv_capture_record *r,
			const uint8_t *data)
{
	struct capture *x = ctx;
	struct pcapng_frame f = {
		.time_ns = mv_get64(x->c.wallclock_ns) + mv_get64(r->time_ns),
		.data = data,
		.captured = mv_get32(r->captured),
		.length = mv_get32(r->length),
		.inbound = (mv_get32(r->flags) & MV_CAPTURE_TO_GUEST) != 0,
	};

	if (x->left == 0 || (!x->own && is_own(x, data, f.captured))) {
		return;
	}
	x->left--;
	x->written++;
	x->newest_ns = f.time_ns;
	pcapng_frame(x->to, &f);
}

static void take(void *ctx, const uint8_t *data, size_t len)
{
	struct capture *x = ctx;

	if (len == 0) {
		records_reset(&x->records);
	}
	records_add(&x->records, data, len, write_frame, x);
}

/* Whoever reads our pipe may go away while there is nothing to write. */
static bool is_unread(const struct capture *x)
{
	struct pollfd p = { .fd = fileno(x->to), .events = 0 };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLERR) != 0;
}

static bool goes_on(const struct capture *x)
{
	return x->left > 0 && !stop_wanted() && x->broken == 0 &&
	       !is_unread(x);
}

/*
 * Read once. Each answer is captured, too, if we are behind that port: then
 * there is always more, and it isn't worth hurrying.
 */
static int read_some(struct capture *x, struct stream *st, size_t *count)
{
	uint64_t before = x->written;
	int err = stream_read(st, MV_READ_PARTS, take, x, count);

	if (fflush(x->to) != 0) {
		x->broken = errno;
	}
	if (x->written == before) {
		usleep(BREATHE_US);
	}
	return err;
}

/* 0, an enum mv_status or SESSION_*. */
static int run(struct capture *x)
{
	struct stream st;
	int err = 0;

	stream_init(&st, x->s, MV_STREAM_CAPTURE, mv_get32(x->c.capture), 0);
	while (err == 0 && goes_on(x)) {
		size_t count = 0;

		err = stream_watch(&st, true);
		if (err == 0) {
			follow_wait(&st, -1);
		}
		do {
			err = err == 0 ? read_some(x, &st, &count) : err;
		} while (err == 0 && count > 0 && stream_behind(&st) &&
			 goes_on(x));
	}
	return err;
}

/* The node's own count of what it couldn't keep. */
static uint64_t lost_frames(struct capture *x)
{
	struct list l;
	uint64_t lost = 0;

	if (list_fetch(x->s, MV_CAPTURE_LIST, 0, sizeof(struct mv_capture),
		       &l) != 0) {
		return 0;
	}
	for (size_t i = 0; i < l.count; i++) {
		const struct mv_capture *c = (const struct mv_capture *)l.entry + i;

		if (mv_get32(c->capture) == mv_get32(x->c.capture)) {
			lost = mv_get64(c->lost);
		}
	}
	list_free(&l);
	return lost;
}

static int capture(struct capture *x, const struct mv_capture_start *start,
		   const char *port)
{
	struct mv_capture_stop stop = { .reserved = mv_put32(0) };
	uint64_t lost;
	int err = session_ask(x->s, MV_CAPTURE_START, start, sizeof(*start),
			      &x->c, sizeof(x->c));

	if (err != 0) {
		return tell_failure(x->s, "capture", err);
	}
	pcapng_begin(x->to, "mvctl", port, mv_get32(x->c.snap));
	err = run(x);
	lost = err == 0 ? lost_frames(x) : 0;
	pcapng_end(x->to, x->newest_ns, x->written + lost, lost);
	stop.capture = x->c.capture;
	if (err == 0) {
		err = session_ask(x->s, MV_CAPTURE_STOP, &stop, sizeof(stop),
				  NULL, 0);
	}
	fprintf(stderr, "%llu frames, %llu lost\n",
		(unsigned long long)x->written, (unsigned long long)lost);
	return err == 0 ? 0 : tell_failure(x->s, "capture", err);
}

/* A port by its number or its name. 0, or an exit status after telling. */
static int find_port(struct session *s, const char *word, struct mv_be32 *port)
{
	size_t len = strlen(word);
	uint64_t number;
	struct list l;
	int err, status = EXIT_FAILED;

	if (parse_u64(word, len, UINT32_MAX, &number) == 0) {
		*port = mv_put32((uint32_t)number);
		return 0;
	}
	err = list_fetch(s, MV_PORT_LIST, 0, sizeof(struct mv_port), &l);
	if (err != 0) {
		return tell_failure(s, "ports", err);
	}
	for (size_t i = 0; i < l.count; i++) {
		const struct mv_port *p = (const struct mv_port *)l.entry + i;

		if (len <= sizeof(p->name) &&
		    strncmp(p->name, word, sizeof(p->name)) == 0) {
			*port = p->id;
			status = 0;
		}
	}
	list_free(&l);
	if (status != 0) {
		tell_error(s->node.name, 0, "no port is called '%s'", word);
	}
	return status;
}

static int open_output(struct capture *x, const char *path)
{
	if (path == NULL || strcmp(path, "-") == 0) {
		if (isatty(STDOUT_FILENO)) {
			tell_error("mvctl", 0, "a capture isn't for a terminal; "
				   "use -w FILE or a pipe");
			return EXIT_USAGE;
		}
		path = "standard output";
		x->to = fdopen(dup(STDOUT_FILENO), "w");
	} else {
		x->to = fopen(path, "we");
	}
	if (x->to == NULL) {
		tell_error(path, 0, "%s", strerror(errno));
		return EXIT_FAILED;
	}
	return 0;
}

static int capture_port(struct capture *x, struct mv_capture_start *start,
			const char *port, const char *path)
{
	struct target t;
	int status = open_output(x, path);

	if (status != 0) {
		return status;
	}
	stop_on_signals();
	status = target_open(&t);
	if (status == 0) {
		x->s = &t.s;
		status = find_port(&t.s, port, &start->port);
		if (status == 0) {
			status = capture(x, start, port);
		}
		target_close(&t);
	}
	if (fclose(x->to) != 0 && x->broken == 0) {
		x->broken = errno;
	}
	/* Whoever reads our pipe may go away; that's an end like another. */
	if (x->broken != 0 && x->broken != EPIPE && status == 0) {
		tell_error("capture", 0, "%s", strerror(x->broken));
		status = EXIT_FAILED;
	}
	return status;
}

int verb_capture(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "write", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, 'c' },
		{ "snap", required_argument, NULL, 's' },
		{ "ring", required_argument, NULL, 'r' },
		{ "own", no_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	static struct capture x = { .left = UINT64_MAX };
	struct mv_capture_start start;
	const char *path = NULL;
	uint64_t v = 0;
	int c;

	memset(&start, 0, sizeof(start));
	opterr = 0;
	while ((c = getopt_long(argc, argv, "w:c:s:r:", options, NULL)) != -1) {
		if (c == 'w' || c == 'o') {
			path = c == 'w' ? optarg : path;
			x.own = x.own || c == 'o';
			continue;
		}
		if (c == '?' || parse_u64(optarg, strlen(optarg), c == 's' ?
					  MV_CAPTURE_SNAP_MAX : UINT32_MAX,
					  &v) != 0 || v == 0) {
			return usage_error(verb, "%s: not an option, or not its "
					   "range", argv[optind - 1]);
		}
		if (c == 'c') {
			x.left = v;
		} else if (c == 's') {
			start.snap = mv_put32((uint32_t)v);
		} else {
			start.ring_kib = mv_put32((uint32_t)v);
		}
	}
	return argc - optind == 1 ?
		capture_port(&x, &start, argv[optind], path) :
		usage_error(verb, "it takes one port");
}
