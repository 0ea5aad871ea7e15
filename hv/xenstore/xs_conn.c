/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's connection: assembles requests from bytes, hands out replies and
 * events as bytes. A request is handled only when the message before it has
 * been fetched, so one buffer each way is all that a guest can make the store
 * hold for it. Requests and events take turns, so neither can starve.
 *
 * Locking: xs_lock.
 * Invariants: rx holds at most one message; tx_pos <= tx_len.
 */
#include "kern/log.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "xenstore/xs_internal.h"

static bool request_complete(const struct xs_conn *c)
{
	return c->rx_len >= WIRE_HEADER &&
	       c->rx_len == WIRE_HEADER + wire_len(c->rx);
}

/* With the message before gone, make the next one. False: there is none. */
static bool conn_next(struct xs_conn *c)
{
	bool request = request_complete(c);
	struct xs_event *e;

	if (!list_empty(&c->dom->events) && (c->event_turn || !request)) {
		e = list_entry(c->dom->events.next, struct xs_event, queue);
		wire_event(c, e);
		xs_event_done(e);
		c->event_turn = false;
		return true;
	}
	if (request) {
		wire_request(c);
		c->rx_len = 0;
		c->event_turn = true;
	}
	return request;
}

void conn_wake(struct xs_conn *c)
{
	if (!c->bad) {
		c->wake(c->ctx);
	}
}

/* Keep the domain's nodes (XSA-325), but nothing of the connection. */
void conn_fail(struct xs_conn *c, const char *why)
{
	if (c->bad) {
		return;
	}
	c->bad = true;
	c->rx_len = 0;
	c->tx_len = 0;
	c->tx_pos = 0;
	xs_stats.bad_conns++;
	txn_free_all(c->dom);
	watch_free_all(c->dom);
	log_guest(c->dom->id, "xenstore connection ended: %s", why);
}

size_t conn_input(struct xs_conn *c, const uint8_t *bytes, size_t len)
{
	size_t used = 0;

	while (used < len && !c->bad) {
		size_t want = WIRE_HEADER;
		size_t n;

		if (request_complete(c)) {
			if (c->tx_len > 0 || !conn_next(c)) {
				break;
			}
			continue;
		}
		if (c->rx_len >= WIRE_HEADER) {
			want += wire_len(c->rx);
		}
		n = MIN(want - c->rx_len, len - used);
		memcpy(c->rx + c->rx_len, bytes + used, n);
		c->rx_len += (uint32_t)n;
		used += n;
		if (c->rx_len >= WIRE_HEADER &&
		    wire_len(c->rx) > XS_PAYLOAD_MAX) {
			conn_fail(c, "message too long");
		}
	}
	if (request_complete(c) && c->tx_len == 0) {
		conn_next(c);
	}
	return used;
}

size_t conn_output(struct xs_conn *c, uint8_t *buf, size_t max)
{
	size_t done = 0;

	while (done < max && !c->bad) {
		size_t n;

		if (c->tx_len == 0 && !conn_next(c)) {
			break;
		}
		n = MIN((size_t)(c->tx_len - c->tx_pos), max - done);
		memcpy(buf + done, c->tx + c->tx_pos, n);
		done += n;
		c->tx_pos += (uint32_t)n;
		if (c->tx_pos == c->tx_len) {
			c->tx_pos = 0;
			c->tx_len = 0;
		}
	}
	return done;
}

/* --- Public --------------------------------------------------------------- */

static void no_wake(void *ctx)
{
}

int xs_conn_create(unsigned int domid, void (*wake)(void *ctx), void *ctx,
		   struct xs_conn **out)
{
	struct xs_conn *c = heap_alloc(sizeof(*c));
	struct xs_domain *d;
	int err = 0;

	if (!c) {
		return -ENOMEM;
	}
	spin_lock(&xs_lock);
	d = xs_dom_find(domid);
	if (!d || xs_dom_priv(d)) {
		err = -ENOENT;
	} else if (d->conn) {
		err = -EEXIST;
	} else {
		c->dom = d;
		c->wake = wake ? wake : no_wake;
		c->ctx = ctx;
		d->conn = c;
		*out = c;
	}
	spin_unlock(&xs_lock);
	if (err) {
		heap_free(c);
	}
	return err;
}

void conn_close(struct xs_conn *c)
{
	txn_free_all(c->dom);
	watch_free_all(c->dom);
	c->dom->conn = NULL;
}

void xs_conn_destroy(struct xs_conn *c)
{
	if (!c) {
		return;
	}
	spin_lock(&xs_lock);
	conn_close(c);
	spin_unlock(&xs_lock);
	heap_free(c);
}

size_t xs_conn_input(struct xs_conn *c, const void *bytes, size_t len)
{
	size_t used;

	spin_lock(&xs_lock);
	used = conn_input(c, bytes, len);
	spin_unlock(&xs_lock);
	return used;
}

size_t xs_conn_output(struct xs_conn *c, void *buf, size_t max)
{
	size_t done;

	spin_lock(&xs_lock);
	done = conn_output(c, buf, max);
	spin_unlock(&xs_lock);
	return done;
}

bool xs_conn_bad(const struct xs_conn *c)
{
	return READ_ONCE(c->bad);
}
