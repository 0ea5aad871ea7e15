/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists, a reply at a time.
 */
#include "client/list.h"

#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "util.h"

int list_append(struct list *l, const void *body, size_t len, uint32_t *next)
{
	const uint8_t *p = body;
	struct mv_list h;
	size_t count, step;

	if (len < sizeof(h)) {
		return SESSION_BAD_REPLY;
	}
	memcpy(&h, p, sizeof(h));
	count = mv_get16(h.count);
	step = mv_get16(h.entry_size);
	*next = mv_get32(h.next);
	l->now_ns = mv_get64(h.now_ns);
	if (count == 0) {
		return 0;
	}
	if (step < l->size || count * step > len - sizeof(h) ||
	    l->count + count > LIST_MAX) {
		return SESSION_BAD_REPLY;
	}
	l->entry = xgrow(l->entry, (l->count + count) * l->size);
	for (size_t i = 0; i < count; i++) {
		memcpy((uint8_t *)l->entry + (l->count + i) * l->size,
		       p + sizeof(h) + i * step, l->size);
	}
	l->count += count;
	return 0;
}

int list_fetch(struct session *s, uint16_t verb, uint32_t arg, size_t size,
	       struct list *out)
{
	static struct answer a;
	uint32_t next = 0;
	int err;

	*out = (struct list){ .size = size };
	for (unsigned int turn = 0; turn < LIST_MAX; turn++) {
		struct mv_cursor c = { mv_put32(next), mv_put32(arg) };

		err = session_call(s, verb, &c, sizeof(c), NULL, 0, &a);
		if (err == 0) {
			err = list_append(out, a.body[0], a.len[0], &next);
		}
		if (err != 0 || next == 0) {
			break;
		}
	}
	if (err != 0) {
		list_free(out);
	}
	return err;
}

void list_free(struct list *l)
{
	free(l->entry);
	l->entry = NULL;
	l->count = 0;
}
