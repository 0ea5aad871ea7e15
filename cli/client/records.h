/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames in a capture's stream of bytes, however it is cut into packets.
 */
#ifndef CLI_CLIENT_RECORDS_H
#define CLI_CLIENT_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mv/proto.h"

#define RECORD_MAX	(sizeof(struct mv_capture_record) + MV_CAPTURE_SNAP_MAX + 8)

struct records {
	uint8_t data[RECORD_MAX];	/* of a record that isn't whole yet */
	size_t have;
	uint64_t malformed;		/* after which we waited for a new start */
	bool lost_track;
};

typedef void (*record_sink)(void *ctx, const struct mv_capture_record *r,
			    const uint8_t *data);

/* Add bytes; each whole record goes to the sink. */
void records_add(struct records *r, const uint8_t *data, size_t len,
		 record_sink sink, void *ctx);

/* The next byte is the first of a record. */
void records_reset(struct records *r);

#endif
