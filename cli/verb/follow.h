/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a stream to grow.
 */
#ifndef CLI_VERB_FOLLOW_H
#define CLI_VERB_FOLLOW_H

#include <stdbool.h>

#include "client/stream.h"

/*
 * Wait for more in the stream, for input (if `input` isn't -1), or for a
 * second, after which looking is worth it at any rate. True: `input` can be
 * read.
 */
bool follow_wait(struct stream *st, int input);

/*
 * Read what there is, until the end of the stream as it is now. 0, an enum
 * mv_status or SESSION_*.
 */
int follow_read(struct stream *st, stream_sink sink, void *ctx);

#endif
