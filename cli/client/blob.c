/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs: chunk after chunk, each answered with the first that is missing.
 */
#include "client/blob.h"

#include <string.h>

#include "client/call.h"
#include "client/clock.h"

/* Each chunk once, and as many again for those that a node forgot. */
#define ROUNDS	(2 * MV_BLOB_MAX / MV_CHUNK)

static int put_chunk(struct session *s, uint32_t id, const uint8_t *data,
		     size_t size, uint32_t offset, uint32_t *missing)
{
	static struct answer a;
	size_t n = size - offset < MV_CHUNK ? size - offset : MV_CHUNK;
	struct mv_blob_put head = {
		.blob = mv_put32(id), .size = mv_put32((uint32_t)size),
		.offset = mv_put32(offset),
	};
	struct mv_blob_state state;
	int err = session_call(s, MV_BLOB_PUT, &head, sizeof(head),
			       data + offset, n, &a);

	if (err != 0) {
		return err;
	}
	if (a.len[0] < sizeof(state)) {
		return SESSION_BAD_REPLY;
	}
	memcpy(&state, a.body[0], sizeof(state));
	*missing = mv_get32(state.missing);
	if (mv_get32(state.blob) != id ||
	    (*missing < size && *missing % MV_CHUNK != 0)) {
		return SESSION_BAD_REPLY;
	}
	return 0;
}

int blob_put(struct session *s, const void *data, size_t size, uint32_t *id)
{
	uint32_t missing = 0;
	int err = 0;

	if (size == 0 || size > MV_BLOB_MAX) {
		return MV_NO_SPACE;
	}
	random_bytes(id, sizeof(*id));
	*id |= 1;
	for (unsigned int i = 0; i < ROUNDS && missing < size; i++) {
		err = put_chunk(s, *id, data, size, missing, &missing);
		if (err != 0) {
			return err;
		}
	}
	return missing >= size ? 0 : SESSION_BAD_REPLY;
}
