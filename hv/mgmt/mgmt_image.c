/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs about pushed images.
 */
#include "lib/bits.h"
#include "lib/string.h"
#include "mgmt/server.h"
#include "vm/store.h"
#include <arch/cpu.h>

static_assert(MV_CHUNK == STORE_CHUNK && MV_IMAGE_MAX == STORE_SIZE_MAX, "mv/proto.h");

static void fill_ack(struct mv_image_ack *a, const struct store_image *s)
{
	static const uint8_t states[] = {
		[STORE_PARTIAL] = MV_IMAGE_PARTIAL, [STORE_CHECKING] = MV_IMAGE_CHECKING,
		[STORE_READY] = MV_IMAGE_READY, [STORE_BAD] = MV_IMAGE_BAD,
	};
	uint64_t first = s->have / MV_CHUNK;

	a->image = mv_put32(s->id);
	a->state = states[s->state];
	a->size = mv_put64(s->size);
	a->have = mv_put64(s->have);
	a->checked = mv_put64(s->hashed);
	for (unsigned int i = 0; i < sizeof(a->more); i++) {
		a->more[i] = store_chunk_byte(s, first + 8 * i);
	}
}

static enum mv_status answer(struct mgmt_call *c, const struct store_image *s)
{
	fill_ack(mgmt_out(c, sizeof(struct mv_image_ack)), s);
	return MV_OK;
}

static enum mv_status image_begin(struct mgmt_call *c)
{
	const struct mv_image_begin *b = (const void *)c->body;
	uint64_t size = mv_get64(b->size);
	char name[MV_NAME_MAX];
	struct store_image *s;
	int err;

	mgmt_name_get(name, b->name);
	err = store_begin(b->sha256, size, name, &s);
	if (err == -ENOSPC) {
		return mgmt_refuse(c, MV_NO_SPACE,
				   "%llu KiB don't fit: images have %llu KiB, %llu KiB are used",
				   (unsigned long long)size >> 10,
				   (unsigned long long)store_quota() >> 10,
				   (unsigned long long)store_used() >> 10);
	}
	return err == 0 ? answer(c, s) : mgmt_refuse_err(c, err, "the image can't be taken");
}

static enum mv_status image_data(struct mgmt_call *c)
{
	const struct mv_image_data *d = (const void *)c->body;
	uint32_t flags = mv_get32(d->flags);
	struct store_image *s = store_by_id(mv_get32(d->image));
	int err;

	if (s == NULL) {
		return mgmt_refuse(c, MV_NOT_FOUND, "no image %u", mv_get32(d->image));
	}
	if ((flags & ~MV_DATA_ACK) != 0) {
		return mgmt_refuse(c, MV_UNSUPPORTED, "unknown flags");
	}
	err = store_write(s, mv_get64(d->offset), c->body + sizeof(*d), c->size - sizeof(*d));
	if (err != 0) {
		return mgmt_refuse(c, MV_INVALID, "%zu bytes at %llu", c->size - sizeof(*d),
				   (unsigned long long)mv_get64(d->offset));
	}
	c->silent = (flags & MV_DATA_ACK) == 0;
	return c->silent ? MV_OK : answer(c, s);
}

/* The image that a request names; NULL: answer *status. */
static struct store_image *find(struct mgmt_call *c, const uint8_t *sha256,
				enum mv_status *status)
{
	struct store_image *s = store_find(sha256);

	if (s == NULL) {
		*status = mgmt_refuse(c, MV_NOT_FOUND, "no image %02x%02x%02x%02x...", sha256[0],
				      sha256[1], sha256[2], sha256[3]);
	}
	return s;
}

static enum mv_status image_status(struct mgmt_call *c)
{
	enum mv_status status;
	struct store_image *s = find(c, c->body, &status);

	return s != NULL ? answer(c, s) : status;
}

static enum mv_status image_remove(struct mgmt_call *c)
{
	enum mv_status status;
	struct store_image *s = find(c, c->body, &status);

	if (s == NULL) {
		return status;
	}
	return store_remove(s) == 0 ? MV_OK : mgmt_refuse(c, MV_BUSY, "VMs use it");
}

static void fill_image(struct mv_image *e, const struct store_image *s)
{
	struct mv_image_ack a = { .image = mv_put32(0) };
	uint64_t last = atomic_load_explicit(&s->used_ns, memory_order_relaxed);

	fill_ack(&a, s);
	memcpy(e->sha256, s->sha256, sizeof(e->sha256));
	e->size = a.size;
	e->have = a.have;
	e->used_ns_ago = mv_put64(arch_now() - last);
	e->users = mv_put32(atomic_load_explicit(&s->users, memory_order_relaxed));
	e->state = a.state;
	mgmt_name_put(e->name, sizeof(e->name), s->name);
}

static enum mv_status image_list(struct mgmt_call *c)
{
	uint32_t at, arg, next = 0;
	struct mv_list *l = mgmt_list_begin(c, &at, &arg);

	for (; at < STORE_MAX; at++) {
		const struct store_image *s = store_at(at);
		struct mv_image *e;

		if (s == NULL) {
			continue;
		}
		e = mgmt_list_add(c, l, sizeof(*e));
		if (e == NULL) {
			next = at;
			break;
		}
		fill_image(e, s);
	}
	mgmt_list_end(l, next);
	return MV_OK;
}

const struct mgmt_verb mgmt_image_verbs[] = {
	{ MV_IMAGE_LIST, false, sizeof(struct mv_cursor), image_list },
	{ MV_IMAGE_BEGIN, false, sizeof(struct mv_image_begin), image_begin },
	{ MV_IMAGE_DATA, false, sizeof(struct mv_image_data), image_data },
	{ MV_IMAGE_STATUS, false, sizeof(struct mv_image_status), image_status },
	{ MV_IMAGE_REMOVE, true, sizeof(struct mv_image_remove), image_remove },
	{ .fn = NULL },
};
