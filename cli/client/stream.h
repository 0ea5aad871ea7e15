/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of a node: its log, consoles, events and captures
 * (docs/management-protocol.md, "Streams"), read in order.
 */
#ifndef CLI_CLIENT_STREAM_H
#define CLI_CLIENT_STREAM_H

#include "client/session.h"

struct stream {
	struct session *s;
	uint8_t kind;		/* enum mv_stream_kind */
	uint32_t object;
	uint64_t offset;	/* of the next byte */
	uint64_t end;		/* that the node has */
	uint32_t epoch;
	bool started;		/* epoch is known */
	uint64_t lost;		/* bytes that were gone before we read them */
	bool restarted;		/* the last read began at 0 again */
};

/*
 * What read bytes are given to, in order. A call with no bytes says that some
 * are missing here, which were gone before we read them.
 */
typedef void (*stream_sink)(void *ctx, const uint8_t *data, size_t len);

/* From `offset` on: 0 is the oldest that is kept, MV_READ_NEWEST what comes. */
void stream_init(struct stream *st, struct session *s, uint8_t kind,
		 uint32_t object, uint64_t offset);

/*
 * Read once, at most `parts` packets; *count bytes went to the sink. 0, an
 * enum mv_status, or SESSION_*.
 */
int stream_read(struct stream *st, unsigned int parts, stream_sink sink,
		void *ctx, size_t *count);

/*
 * One packet of a read's reply. 1: *count bytes more went to the sink, the
 * next may follow; 0: what follows isn't wanted; SESSION_BAD_REPLY.
 */
int stream_take(struct stream *st, const uint8_t *body, size_t len,
		stream_sink sink, void *ctx, size_t *count);

/* Ask for notices when it grows; harmless to repeat. */
int stream_watch(struct stream *st, bool on);

/* True if there is more than was read, as far as we know. */
bool stream_behind(const struct stream *st);

#endif
