/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server. See mgmt/server.h.
 *
 * Locking: `calls` makes the work single; everything else belongs to it, but
 * the port's ring (mgmt_port.c).
 */
#include "mgmt/server.h"

#include <stdatomic.h>

#include "kern/log.h"
#include "kern/random.h"
#include "kern/sched.h"
#include "kern/timer.h"
#include "kern/work.h"
#include "lib/string.h"
#include "mgmt/discovery.h"
#include "mgmt/event.h"
#include "mgmt/mgmt_port.h"
#include "mgmt/opening.h"
#include "mgmt/stream.h"
#include "net/capture.h"
#include "vm/store.h"
#include "vm/vm.h"

#define TICK_NS		1000000000ULL	/* look for what is idle */
#define WATCH_NS	20000000ULL	/* look whether watched streams grew */
/*
 * While all CPUs are busy the server takes at most 1 / SHARE of one CPU's time, but
 * for a burst; then it rests.
 */
#define SHARE		20U
#define BURST_NS	10000000LL
#define DEBT_NS		100000000LL
#define REST_NS		2000000ULL

static struct mgmt_config node;
static uint64_t boot_id;
static bool running;

/*
 * Calls for attention since the work last came to rest. Whoever raises it
 * from 0 queues the work; the work requeues itself until it's 0 again.
 */
static _Atomic uint32_t calls;
static struct work work;
static struct timer timer;
static struct timer rest_timer;
static int64_t allowance;		/* ns that it may still work; below 0: a debt .. */
static uint64_t allowance_time;		/* .. as of this time */

/* The packet being read, and the one being written; headers 2-byte aligned. */
static uint16_t rx[MGMT_FRAME_MAX / 2];
static uint16_t tx[MV_PACKET_MAX / 2];

const struct mgmt_config *mgmt_node(void)
{
	return &node;
}

uint64_t mgmt_boot_id(void)
{
	return boot_id;
}

/* --- replies ------------------------------------------------------------------ */

void *mgmt_out(struct mgmt_call *c, size_t size)
{
	void *p = c->out + c->used;

	if (size > c->room - c->used) {
		return NULL;
	}
	memset(p, 0, size);
	c->used += size;
	return p;
}

static enum mv_status refuse(struct mgmt_call *c, enum mv_status status, const char *fmt,
			     va_list ap)
{
	size_t n = fmt_vbuf((char *)c->out, MIN(c->room, SESSION_KEPT_BODY), fmt, ap);

	c->used = MIN(n, MIN(c->room, SESSION_KEPT_BODY) - 1);
	return status;
}

enum mv_status mgmt_refuse(struct mgmt_call *c, enum mv_status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	status = refuse(c, status, fmt, ap);
	va_end(ap);
	return status;
}

enum mv_status mgmt_refuse_err(struct mgmt_call *c, int err, const char *what)
{
	static const struct {
		int err;
		enum mv_status status;
		const char *text;
	} known[] = {
		{ ENOENT, MV_NOT_FOUND, "not there" },
		{ EEXIST, MV_EXISTS, "there is one already" },
		{ EBUSY, MV_BUSY, "in use, or in the wrong state" },
		{ ENOMEM, MV_NO_MEMORY, "no memory" },
		{ ENOSPC, MV_NO_SPACE, "a limit is reached" },
		{ EINVAL, MV_INVALID, "a value is out of range" },
		{ EAGAIN, MV_INCOMPLETE, "parts are missing" },
		{ ENOSYS, MV_UNSUPPORTED, "not supported" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].err == -err) {
			return mgmt_refuse(c, known[i].status, "%s: %s", what, known[i].text);
		}
	}
	return mgmt_refuse(c, MV_FAILED, "%s: error %d", what, -err);
}

struct mv_list *mgmt_list_begin(struct mgmt_call *c, uint32_t *cursor, uint32_t *arg)
{
	const struct mv_cursor *in = (const void *)c->body;
	struct mv_list *l = mgmt_out(c, sizeof(*l));

	*cursor = mv_get32(in->cursor);
	*arg = mv_get32(in->arg);
	l->now_ns = mv_put64(arch_now());
	return l;
}

void *mgmt_list_add(struct mgmt_call *c, struct mv_list *l, size_t size)
{
	void *entry = mgmt_out(c, size);

	if (entry != NULL) {
		l->count = mv_put16((uint16_t)(mv_get16(l->count) + 1));
		l->entry_size = mv_put16((uint16_t)size);
	}
	return entry;
}

void mgmt_list_end(struct mv_list *l, uint32_t next)
{
	l->next = mv_put32(next);
}

struct vm *mgmt_vm(struct mgmt_call *c, const struct mv_vm_ref *ref, enum mv_status *status)
{
	uint32_t id = mv_get32(ref->id);
	char name[MV_NAME_MAX];
	struct vm *vm;

	mgmt_name_get(name, ref->name);
	vm = id != 0 ? vm_by_id(id) : vm_find_name(name);
	if (vm != NULL && name[0] != '\0' && strcmp(vm->config.name, name) != 0) {
		vm = NULL;
	}
	if (vm == NULL) {
		*status = id != 0 && name[0] == '\0' ?
			mgmt_refuse(c, MV_NOT_FOUND, "no VM %u", id) :
			mgmt_refuse(c, MV_NOT_FOUND, "no VM '%s'", name);
	}
	return vm;
}

struct domain *mgmt_running(struct mgmt_call *c, const struct vm *vm, enum mv_status *status)
{
	struct domain *d = vm->state == VM_RUNNING ? domain_find(vm->id) : NULL;

	if (d == NULL) {
		*status = mgmt_refuse(c, MV_BUSY, "%s is %s", vm->config.name,
				      vm_state_name(vm->state));
	}
	return d;
}

/* --- packets out --------------------------------------------------------------- */

/* Send the packet in `tx`, with `size` bytes of payload, to a session's client. */
static void send_in_session(struct session *s, enum mv_kind kind, size_t size)
{
	uint8_t *packet = (uint8_t *)tx;

	s->sent++;
	if (node.has_key) {
		size += MV_TAG_LEN;
	}
	mgmt_packet_header(packet, kind, s->id, s->sent, size);
	if (node.has_key) {
		arch_simd_begin();
		session_seal(&s->keys, packet, sizeof(struct mv_header) + size);
		arch_simd_end();
	}
	mgmt_port_send(s->mac, packet, sizeof(struct mv_header) + size);
}

static void send_reply(struct mgmt_call *c, enum mv_status status, unsigned int part,
		       unsigned int parts)
{
	struct mv_reply *r = (void *)((uint8_t *)tx + sizeof(struct mv_header));

	*r = (struct mv_reply){
		.id = mv_put32(c->id),
		.verb = mv_put16(c->verb),
		.status = mv_put16((uint16_t)status),
		.part = mv_put16((uint16_t)part),
		.parts = mv_put16((uint16_t)parts),
	};
	send_in_session(c->session, MV_REPLY, sizeof(*r) + c->used);
}

void mgmt_reply_part(struct mgmt_call *c, unsigned int part, unsigned int parts)
{
	send_reply(c, MV_OK, part, parts);
	c->used = 0;
}

static void send_notify(struct session *s, const struct mv_notify *n)
{
	memcpy((uint8_t *)tx + sizeof(struct mv_header), n, sizeof(*n));
	send_in_session(s, MV_NOTIFY, sizeof(*n));
}

/* A client in a session that isn't there; with a key it gets no answer. */
static void send_gone(const struct mgmt_packet *p)
{
	if (!node.has_key) {
		mgmt_packet_header((uint8_t *)tx, MV_GONE, p->session, 0, 0);
		mgmt_port_send(p->src, (uint8_t *)tx, sizeof(struct mv_header));
	}
}

/* --- requests ------------------------------------------------------------------ */

static const struct mgmt_verb *verb_find(unsigned int verb)
{
	static const struct mgmt_verb *const tables[] = {
		mgmt_image_verbs, mgmt_stream_verbs, mgmt_vm_verbs, mgmt_node_verbs,
		mgmt_net_verbs, mgmt_create_verbs, mgmt_life_verbs, mgmt_vif_verbs,
		mgmt_vbd_verbs,
	};

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct mgmt_verb *v = tables[t]; v->fn != NULL; v++) {
			if (v->verb == verb) {
				return v;
			}
		}
	}
	return NULL;
}

/* Do a request that changes something, or tell what became of it. */
static enum mv_status change_once(struct mgmt_call *c, const struct mgmt_verb *v)
{
	const struct session_reply *r;
	enum mv_status status;
	bool stale;

	r = session_kept(c->session, c->id, &stale);
	if (stale) {
		return mgmt_refuse(c, MV_STALE, "request %u is too old", c->id);
	}
	if (r != NULL) {
		mgmt_count(MGMT_REPEATED);
		if (r->verb != c->verb) {
			return mgmt_refuse(c, MV_MALFORMED, "request id %u was another verb's",
					   c->id);
		}
		memcpy(c->out, r->body, r->size);
		c->used = r->size;
		return (enum mv_status)r->status;
	}
	status = v->fn(c);
	session_keep(c->session, c->id, c->verb, (uint16_t)status, c->out, c->used);
	return status;
}

static enum mv_status perform(struct mgmt_call *c)
{
	const struct mgmt_verb *v = verb_find(c->verb);

	if (v == NULL) {
		return mgmt_refuse(c, MV_UNSUPPORTED, "verb 0x%02x is not supported", c->verb);
	}
	if (c->size < v->least || c->id == 0) {
		return mgmt_refuse(c, MV_MALFORMED, "malformed request");
	}
	return v->changes ? change_once(c, v) : v->fn(c);
}

/* The session that an in-session packet belongs to, with its payload in the clear. */
static struct session *session_of(struct mgmt_packet *p)
{
	struct session *s = session_find(p->session, p->src);
	int err = 0;

	if (s == NULL) {
		mgmt_count(MGMT_DROP_SESSION);
		send_gone(p);
		return NULL;
	}
	if (node.has_key) {
		arch_simd_begin();
		err = session_unseal(&s->keys, p->bytes, p->length);
		arch_simd_end();
		if (err != 0) {
			mgmt_count(err == -EEXIST ? MGMT_DROP_REPLAY : MGMT_DROP_TAG);
			return NULL;
		}
		p->size -= MV_TAG_LEN;
		s->confirmed = true;
	}
	s->used_ns = arch_now();
	return s;
}

static void request(struct mgmt_packet *p)
{
	const struct mv_request *r = (const void *)p->payload;
	struct session *s = session_of(p);
	struct mgmt_call c;
	enum mv_status status;

	if (s == NULL) {
		return;
	}
	if (p->size < sizeof(*r)) {
		mgmt_count(MGMT_DROP_PACKET);
		return;
	}
	mgmt_count(MGMT_REQUESTS);
	c = (struct mgmt_call){
		.session = s,
		.id = mv_get32(r->id),
		.verb = mv_get16(r->verb),
		.body = p->payload + sizeof(*r),
		.size = p->size - sizeof(*r),
		.out = (uint8_t *)tx + sizeof(struct mv_header) + sizeof(struct mv_reply),
		.room = MV_BODY_MAX,
	};
	status = mv_get16(r->flags) != 0 ?
		mgmt_refuse(&c, MV_UNSUPPORTED, "unknown flags") : perform(&c);
	if (status != MV_OK) {
		mgmt_count(MGMT_ERRORS);
	} else if (c.silent) {
		return;
	}
	send_reply(&c, status, 0, 1);
	if (c.verb == MV_CLOSE) {
		session_end(s);
	}
}

static void packet_in(size_t n)
{
	struct mgmt_packet p;

	if (mgmt_packet_parse((uint8_t *)rx, n, &p) != 0) {
		mgmt_count(MGMT_DROP_PACKET);
		return;
	}
	switch (p.kind) {
	case MV_DISCOVER:
		discovery_ask(&p);
		break;
	case MV_OPEN:
		opening_open(&p, (uint8_t *)tx);
		break;
	default:
		request(&p);
		break;
	}
}

/* --- the work ------------------------------------------------------------------ */

/* Notify whoever watches a stream that grew. True if anybody watches. */
static bool watches_look(void)
{
	struct mv_notify n;
	bool any = false;

	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		struct session *s = session_at(i);

		for (unsigned int k = 0; s != NULL && k < SESSION_WATCHES; k++) {
			any |= s->watch[k].kind != 0;
			if (stream_grew(&s->watch[k], &n)) {
				send_notify(s, &n);
			}
		}
	}
	return any;
}

/* What is due by time, and when to look again. */
static void timed(void)
{
	uint64_t next = discovery_answer((uint8_t *)tx);

	bool any = session_expire();

	any |= store_expire();
	any |= capture_expire();
	if (any) {
		next = MIN(next, arch_now() + TICK_NS);
	}
	if (watches_look()) {
		next = MIN(next, arch_now() + WATCH_NS);
	}
	if (next != UINT64_MAX) {
		timer_set(&timer, next);
	}
}

/* False: it has had its share, and others want the CPUs. */
static bool may_work(uint64_t now)
{
	allowance = MIN(allowance + (int64_t)((now - allowance_time) / SHARE), BURST_NS);
	allowance_time = now;
	return allowance > 0 || !sched_all_busy();
}

static void work_done(uint64_t start)
{
	/* What was taken while nobody wanted it is soon forgotten. */
	allowance = MAX(allowance - (int64_t)(arch_now() - start), -DEBT_NS);
}

static void work_fn(struct work *w)
{
	/* Acquire: pairs with the release in wake(). */
	uint32_t seen = atomic_load_explicit(&calls, memory_order_acquire);
	uint64_t start = arch_now();
	bool more = false;
	size_t n = 1;

	if (running && !may_work(start)) {
		timer_set(&rest_timer, start + REST_NS);
		return;
	}
	for (unsigned int i = 0; i < MGMT_BATCH && n > 0 && running; i++) {
		n = mgmt_port_take((uint8_t *)rx);
		if (n > 0) {
			packet_in(n);
		}
	}
	if (running) {
		more = store_step();
		timed();
	}
	work_done(start);
	if ((n == 0 && !more) || !running) {
		if (atomic_fetch_sub_explicit(&calls, seen, memory_order_acq_rel) == seen) {
			return;
		}
	}
	work_queue(w);
}

static void wake(void)
{
	if (atomic_fetch_add_explicit(&calls, 1, memory_order_acq_rel) == 0) {
		work_queue(&work);
	}
}

static void timer_fn(struct timer *t)
{
	wake();
}

/* `calls` isn't 0, so nobody else queues the work. */
static void rest_fn(struct timer *t)
{
	work_queue(&work);
}

int mgmt_init(const struct mgmt_config *config)
{
	int err;

	node = *config;
	boot_id = random_u64();
	work_init(&work, work_fn);
	timer_init(&timer, timer_fn);
	timer_init(&rest_timer, rest_fn);
	allowance = BURST_NS;
	allowance_time = arch_now();
	opening_init();
	store_init(config->image_quota);
	err = event_init();
	if (err != 0) {
		return err;
	}
	err = mgmt_port_init(config, wake);
	if (err != 0) {
		event_stop();
		return err;
	}
	running = true;
	log_notice("mgmt", "node '%s' answers on uplinks, VLAN %u, %s", node.name, node.vlan,
		   node.has_key ? "with a key" : "without a key");
	return 0;
}

void mgmt_stop(void)
{
	running = false;
	timer_cancel(&timer);
	mgmt_port_stop();
	for (unsigned int i = 0; i < SESSION_MAX; i++) {
		if (session_at(i) != NULL) {
			session_end(session_at(i));
		}
	}
	for (unsigned int i = 0; i < CAPTURE_MAX; i++) {
		struct capture_info c;

		if (capture_at(i, &c)) {
			(void)!capture_stop(c.id);
		}
	}
	event_stop();
	store_stop();
}
