/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a capture.
 */
#include "client/records.h"

#include <string.h>

#define HEAD	sizeof(struct mv_capture_record)

/* Bytes that the record at the start of r->data needs; 0: malformed. */
static size_t size_of(const struct records *r, struct mv_capture_record *head)
{
	size_t size, captured;

	memcpy(head, r->data, HEAD);
	size = mv_get32(head->size);
	captured = mv_get32(head->captured);
	if (size < HEAD || size > sizeof(r->data) || size % 8 != 0 ||
	    captured > size - HEAD || captured > mv_get32(head->length)) {
		return 0;
	}
	return size;
}

/* Take bytes until there are `want`. */
static bool fill(struct records *r, size_t want, const uint8_t **data,
		 size_t *len)
{
	size_t n = want > r->have ? want - r->have : 0;

	n = n < *len ? n : *len;
	memcpy(r->data + r->have, *data, n);
	r->have += n;
	*data += n;
	*len -= n;
	return r->have >= want;
}

void records_add(struct records *r, const uint8_t *data, size_t len,
		 record_sink sink, void *ctx)
{
	struct mv_capture_record head;
	size_t size;

	while (!r->lost_track && fill(r, HEAD, &data, &len)) {
		size = size_of(r, &head);
		if (size == 0) {
			r->malformed++;
			r->lost_track = true;
		} else if (fill(r, size, &data, &len)) {
			sink(ctx, &head, r->data + HEAD);
			r->have = 0;
		} else {
			return;
		}
	}
}

void records_reset(struct records *r)
{
	r->have = 0;
	r->lost_track = false;
}
