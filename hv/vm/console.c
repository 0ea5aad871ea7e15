/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's PV console. See the header.
 *
 * The page's layout is that of xen/io/console.h: free-running indices, the
 * producer of each direction writes `prod` after the bytes.
 */
#include "vm/console.h"

#include "kern/log.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "vm/mux.h"

#define RING_IN		1024U		/* to the guest */
#define RING_OUT	2048U		/* from the guest */

struct console_ring {
	char in[RING_IN];
	char out[RING_OUT];
	_Atomic uint32_t in_cons;	/* guest */
	_Atomic uint32_t in_prod;	/* hypervisor */
	_Atomic uint32_t out_cons;	/* hypervisor */
	_Atomic uint32_t out_prod;	/* guest */
};
_Static_assert(offsetof(struct console_ring, in_cons) == 3072, "xen/io/console.h");
_Static_assert(sizeof(struct console_ring) == 3088, "xen/io/console.h");

struct console {
	struct mux_port port;
	struct domain *domain;
	struct console_ring *ring;	/* shared with the guest */

	/* The rest under `lock`. */
	struct spinlock lock;
	uint32_t out_cons;
	uint32_t in_prod;
	struct console_stats stats;
	char pending[CONSOLE_PENDING];
	uint32_t pending_head;		/* free running */
	uint32_t pending_tail;

	struct quiesce quiesce;
};

void (*console_event)(struct domain *d);

/* The guest's indices make no sense: don't use the ring any more. */
static void ring_broken_locked(struct console *c, const char *what)
{
	struct domain *d = c->domain;

	c->stats.broken = true;
	atomic_fetch_add_explicit(&d->stats.misuse, 1, memory_order_relaxed);
	log_guest(d->id, "console: %s indices are wrong, ring is closed", what);
}

/* True if output was taken. */
static bool take_output_locked(struct console *c)
{
	/* Acquire: the bytes that the guest wrote before it. */
	uint32_t prod = atomic_load_explicit(&c->ring->out_prod, memory_order_acquire);
	uint32_t n = prod - c->out_cons;

	if (n > RING_OUT) {
		ring_broken_locked(c, "output");
		return false;
	}
	if (n == 0) {
		return false;
	}
	while (c->out_cons != prod) {
		uint32_t at = c->out_cons % RING_OUT;
		uint32_t part = MIN(prod - c->out_cons, RING_OUT - at);

		mux_write(&c->port, c->ring->out + at, part);
		c->out_cons += part;
	}
	c->stats.out_bytes += n;
	/* Release: the guest may overwrite what was taken. */
	atomic_store_explicit(&c->ring->out_cons, prod, memory_order_release);
	return true;
}

/* True if input was added. */
static bool give_input_locked(struct console *c)
{
	/* Acquire: the guest has read what we are going to overwrite. */
	uint32_t cons = atomic_load_explicit(&c->ring->in_cons, memory_order_acquire);
	uint32_t used = c->in_prod - cons;
	uint32_t start = c->in_prod;

	if (used > RING_IN) {
		ring_broken_locked(c, "input");
		return false;
	}
	while (c->pending_tail != c->pending_head && used < RING_IN) {
		c->ring->in[c->in_prod % RING_IN] =
			c->pending[c->pending_tail % CONSOLE_PENDING];
		c->in_prod++;
		c->pending_tail++;
		used++;
	}
	if (c->in_prod == start) {
		return false;
	}
	c->stats.in_bytes += c->in_prod - start;
	/* Release: after the bytes. */
	atomic_store_explicit(&c->ring->in_prod, c->in_prod, memory_order_release);
	return true;
}

static void tell_guest(struct domain *d)
{
	if (console_event != NULL) {
		console_event(d);
	}
}

void console_notified(struct domain *d)
{
	struct console *c = d->console;
	bool tell = false;

	if (c == NULL) {
		return;
	}
	spin_lock(&c->lock);
	if (!c->stats.broken) {
		tell = take_output_locked(c);
	}
	if (!c->stats.broken && c->pending_tail != c->pending_head) {
		tell = give_input_locked(c) || tell;
	}
	spin_unlock(&c->lock);
	if (tell) {
		tell_guest(d);
	}
}

void console_guest_raw(struct domain *d, const char *text, size_t n)
{
	struct console *c = d->console;

	if (c == NULL) {
		return;
	}
	spin_lock(&c->lock);
	n = MIN(n, (size_t)CONSOLE_RAW_MAX);
	mux_write(&c->port, text, n);
	c->stats.out_bytes += n;
	spin_unlock(&c->lock);
}

void console_input(struct domain *d, const char *text, size_t n)
{
	struct console *c = d->console;
	bool tell = false;

	if (c == NULL) {
		return;
	}
	spin_lock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		if (c->pending_head - c->pending_tail == CONSOLE_PENDING) {
			c->stats.in_lost += n - i;
			break;
		}
		c->pending[c->pending_head++ % CONSOLE_PENDING] = text[i];
	}
	if (!c->stats.broken) {
		tell = give_input_locked(c);
	}
	spin_unlock(&c->lock);
	if (tell) {
		tell_guest(d);
	}
}

size_t console_history_read(struct domain *d, char *buf, size_t size)
{
	return d->console != NULL ? mux_history(&d->console->port, buf, size) : 0;
}

size_t console_read_at(struct domain *d, uint64_t *offset, char *buf, size_t size,
		       uint64_t *oldest, uint64_t *end)
{
	return mux_read_at(&d->console->port, offset, buf, size, oldest, end);
}

void console_rename(struct domain *d)
{
	if (d->console != NULL) {
		mux_rename(&d->console->port, d->name);
	}
}

void console_get_stats(struct domain *d, struct console_stats *out)
{
	struct console *c = d->console;

	if (c == NULL) {
		*out = (struct console_stats){ .broken = false };
		return;
	}
	spin_lock(&c->lock);
	*out = c->stats;
	spin_unlock(&c->lock);
	out->out_lost = mux_port_lost(&c->port);
}

static void port_input(struct mux_port *port, const char *text, size_t n)
{
	console_input(container_of(port, struct console, port)->domain, text, n);
}

int console_create(struct domain *d)
{
	struct console *c = heap_alloc(sizeof(*c));
	int r = -ENOMEM;

	if (c == NULL) {
		return -ENOMEM;
	}
	c->ring = frame_alloc(0, FRAME_ZERO);
	if (c->ring == NULL) {
		goto free_console;
	}
	c->domain = d;
	spin_init(&c->lock, LOCK_CONSOLE);
	r = mux_attach(&c->port, d->id, d->name, port_input);
	if (r != 0) {
		goto free_ring;
	}
	d->console_page = c->ring;
	d->console = c;
	return 0;
free_ring:
	frame_free(c->ring, 0);
free_console:
	heap_free(c);
	return r;
}

/* No CPU uses the console any more. */
static void console_free(struct quiesce *q)
{
	struct console *c = container_of(q, struct console, quiesce);

	frame_free(c->ring, 0);
	heap_free(c);
}

bool console_destroy(struct domain *d)
{
	struct console *c = d->console;

	if (c == NULL) {
		return false;
	}
	spin_lock(&c->lock);
	if (!c->stats.broken) {
		(void)take_output_locked(c);
	}
	spin_unlock(&c->lock);
	mux_detach(&c->port);
	d->console = NULL;
	d->console_page = NULL;
	quiesce_call(&c->quiesce, console_free);
	return false;
}

static const struct domain_ops console_ops = {
	.name = "console",
	.create = console_create,
	.destroy = console_destroy,
};

void console_init(void)
{
	domain_register_ops(&console_ops);
}
