/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams and the verbs about them. See mgmt/stream.h.
 */
#include "mgmt/stream.h"

#include "kern/log.h"
#include "lib/string.h"
#include "mgmt/event.h"
#include "mgmt/server.h"
#include "net/capture.h"
#include "vm/console.h"
#include "vm/vm.h"

/* One look at a stream. */
struct look {
	uint8_t kind;			/* enum mv_stream_kind */
	uint32_t object;
	uint64_t offset;		/* in: wanted; out: of the first byte copied */
	uint64_t oldest;
	uint64_t end;
	uint32_t epoch;
	size_t size;			/* bytes copied */
};

static int look_console(struct look *l, void *buf, size_t room)
{
	struct vm *vm = vm_by_id(l->object);
	struct domain *d = vm != NULL ? domain_find(vm->id) : NULL;

	if (vm == NULL) {
		return -ENOENT;
	}
	if (d == NULL || d->console == NULL) {
		return -EBUSY;
	}
	l->epoch = vm->starts;
	l->size = console_read_at(d, &l->offset, buf, room, &l->oldest, &l->end);
	return 0;
}

/* Copy what there is from l->offset on. -ENOENT: no such stream; -EBUSY: a VM that is off. */
static int look(struct look *l, void *buf, size_t room)
{
	switch (l->kind) {
	case MV_STREAM_LOG:
		l->size = log_read_at(&l->offset, buf, room, &l->oldest, &l->end);
		return 0;
	case MV_STREAM_CONSOLE:
		return look_console(l, buf, room);
	case MV_STREAM_EVENTS:
		l->size = event_read_at(&l->offset, buf, room, &l->oldest, &l->end);
		return 0;
	case MV_STREAM_CAPTURE:
		/* To look at its end is no use of it. */
		return buf == NULL ? capture_end(l->object, &l->end) :
		       capture_read_at(l->object, &l->offset, buf, room, &l->size, &l->oldest,
				       &l->end);
	default:
		return -ENOENT;
	}
}

static struct session_watch *watch_of(struct session *s, uint8_t kind, uint32_t object)
{
	for (unsigned int i = 0; i < SESSION_WATCHES; i++) {
		struct session_watch *w = &s->watch[i];

		if (w->kind == kind && (kind == 0 || w->object == object)) {
			return w;
		}
	}
	return NULL;
}

bool stream_grew(struct session_watch *w, struct mv_notify *out)
{
	struct look l = { .kind = w->kind, .object = w->object, .offset = UINT64_MAX };

	if (w->kind == 0 || w->told || look(&l, NULL, 0) != 0) {
		return false;
	}
	if (l.epoch == w->epoch && l.end <= w->seen) {
		return false;
	}
	w->told = true;
	*out = (struct mv_notify){
		.kind = w->kind,
		.object = mv_put32(w->object),
		.epoch = mv_put32(l.epoch),
		.end = mv_put64(l.end),
	};
	return true;
}

static enum mv_status refuse_stream(struct mgmt_call *c, const struct look *l, int err)
{
	if (err == -EBUSY) {
		return mgmt_refuse(c, MV_BUSY, "VM %u has no console now", l->object);
	}
	return mgmt_refuse(c, MV_NOT_FOUND, "no such stream (kind %u, object %u)", l->kind,
			   l->object);
}

/* One packet of a reply; l->offset is advanced. */
static int read_part(struct mgmt_call *c, struct look *l)
{
	struct mv_stream_data *d = mgmt_out(c, sizeof(*d));
	int err = look(l, c->out + c->used, c->room - c->used);

	if (err != 0) {
		return err;
	}
	c->used += l->size;
	*d = (struct mv_stream_data){
		.kind = l->kind,
		.object = mv_put32(l->object),
		.epoch = mv_put32(l->epoch),
		.size = mv_put32((uint32_t)l->size),
		.offset = mv_put64(l->offset),
		.oldest = mv_put64(l->oldest),
		.end = mv_put64(l->end),
	};
	l->offset += l->size;
	return 0;
}

static enum mv_status stream_read(struct mgmt_call *c)
{
	const struct mv_stream_read *r = (const void *)c->body;
	struct look l = {
		.kind = r->kind, .object = mv_get32(r->object), .offset = mv_get64(r->offset),
	};
	struct session_watch *w = watch_of(c->session, l.kind, l.object);
	unsigned int parts = r->parts;
	int err;

	if (parts == 0 || parts > MV_READ_PARTS) {
		return mgmt_refuse(c, MV_INVALID, "a read of %u parts", parts);
	}
	for (unsigned int i = 0; i < parts; i++) {
		err = read_part(c, &l);
		if (err != 0) {
			return refuse_stream(c, &l, err);
		}
		if (l.offset >= l.end || i + 1 == parts) {
			mgmt_reply_part(c, i, i + 1);
			break;
		}
		mgmt_reply_part(c, i, parts);
	}
	if (l.kind != 0 && w != NULL) {
		w->told = false;
		w->seen = MIN(l.offset, l.end);
		w->epoch = l.epoch;
	}
	c->silent = true;
	return MV_OK;
}

static enum mv_status stream_watch(struct mgmt_call *c)
{
	const struct mv_stream_watch *r = (const void *)c->body;
	struct look l = { .kind = r->kind, .object = mv_get32(r->object), .offset = UINT64_MAX };
	struct session_watch *w = watch_of(c->session, l.kind, l.object);
	int err = look(&l, NULL, 0);

	if (r->on == 0) {
		if (l.kind != 0 && w != NULL) {
			w->kind = 0;
		}
		return MV_OK;
	}
	if (err != 0 && err != -EBUSY) {
		return refuse_stream(c, &l, err);
	}
	if (w == NULL) {
		w = watch_of(c->session, 0, 0);
	}
	if (w == NULL) {
		return mgmt_refuse(c, MV_NO_SPACE, "a session watches at most %u streams",
				   SESSION_WATCHES);
	}
	if (w->kind == 0) {
		*w = (struct session_watch){
			.kind = l.kind, .object = l.object, .epoch = l.epoch, .seen = l.end,
		};
	}
	return MV_OK;
}

static enum mv_status console_write(struct mgmt_call *c)
{
	const struct mv_console_write *w = (const void *)c->body;
	uint32_t size = mv_get32(w->size);
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &w->vm, &status);
	struct domain *d;

	if (vm == NULL) {
		return status;
	}
	if (size == 0 || size > MV_CONSOLE_WRITE_MAX || size > c->size - sizeof(*w)) {
		return mgmt_refuse(c, MV_MALFORMED, "console input of %u bytes", size);
	}
	d = domain_find(vm->id);
	if (d == NULL || d->console == NULL) {
		return mgmt_refuse(c, MV_BUSY, "VM '%s' is %s", vm->config.name,
				   vm_state_name(vm->state));
	}
	console_input(d, (const char *)c->body + sizeof(*w), size);
	return MV_OK;
}

const struct mgmt_verb mgmt_stream_verbs[] = {
	{ MV_STREAM_READ, false, sizeof(struct mv_stream_read), stream_read },
	{ MV_STREAM_WATCH, false, sizeof(struct mv_stream_watch), stream_watch },
	{ MV_CONSOLE_WRITE, true, sizeof(struct mv_console_write), console_write },
	{ .fn = NULL },
};
