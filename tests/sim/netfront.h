/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network frontend for tests: what a guest's driver does, in this process,
 * against the real XenStore, event channels, grants, netback and switch.
 *
 * Like Linux's driver it collects completions after each notification, posts
 * 256 buffers, and notifies only if the ring's event index asks. Everything
 * that it sees is checked as a picky frontend would.
 *
 * Includes unit/unit.h, or with NETFRONT_PLAIN (fuzz targets, which have no
 * cmocka) only its own checks. All functions are for one thread.
 */
#ifndef TESTS_SIM_NETFRONT_H
#define TESTS_SIM_NETFRONT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef NETFRONT_PLAIN
#include "harness.h"
#define assert_true(x) \
	do { if (!(x)) { host_fatal("%s:%d: %s", __FILE__, __LINE__, #x); } } while (0)
#define assert_false(x)			assert_true(!(x))
#define assert_int_equal(a, b)		assert_true((a) == (b))
#define assert_int_not_equal(a, b)	assert_true((a) != (b))
#else
#include "unit/unit.h"
#endif

#include "net/net.h"
#include "net/netif.h"
#include "unit/xen_guest.h"
#include "vm/domain.h"
#include "vm/vmdesc.h"
#include "xen/evtchn.h"
#include "xenstore/xenstore.h"

#define NF_QUEUES	4U
#define NF_FRAMES	4096U	/* received and not taken yet */
#define NF_TX_PAGES	256U	/* a page for each TX id */
#define NF_FIRST_GFN	(HOST_GUEST_GFN + 8)
#define NF_QUEUE_PAGES	(2U + NF_TX_PAGES + NETIF_RING_SIZE)
#define NF_QUEUE_REFS	(2U + NF_TX_PAGES + NETIF_RING_SIZE)
#define NF_PAGES(queues) (16U + (queues) * NF_QUEUE_PAGES)

/* How the driver is set up; the defaults are those of Linux. */
struct nf_options {
	unsigned int queues;		/* 0: one, without multi-queue keys */
	bool one_port;			/* for both directions */
	bool no_sg, no_gso, no_csum, no_csum6, no_rx_notify;
	unsigned int post;		/* buffers posted at the start; 0: all */
	bool no_post;
};

struct nf_frame {
	uint8_t *data;
	uint32_t len;
	unsigned int flags;		/* of the first response */
	unsigned int slots;
	uint16_t mss;
	uint8_t gso;
};

struct nf_queue {
	struct netif_tx_ring *tx;
	struct netif_rx_ring *rx;
	unsigned int tx_port, rx_port;
	uint32_t tx_prod, tx_cons;	/* own producer; responses taken */
	uint32_t rx_prod, rx_cons;
	bool tx_used[NF_TX_PAGES];	/* id sent and not answered */
	bool tx_extra[NETIF_RING_SIZE];	/* slot was an extra one */
	uint64_t first_gfn;
	unsigned int first_ref;
	int last_status;		/* of the last answered data slot */
	unsigned int tx_errors;
	unsigned int rx_errors;
};

struct netfront {
	struct domain *d;
	struct vcpu *v;
	unsigned int index;		/* of the vif */
	unsigned int queue_count;
	struct nf_options options;
	struct nf_queue queue[NF_QUEUES];
	struct nf_frame frames[NF_FRAMES];
	unsigned int frame_first, frame_end;
	unsigned int kicks;		/* notifications sent */
	uint8_t mac[6];
};

/* --- XenStore -------------------------------------------------------------- */

static inline void nf_write(const struct netfront *f, const char *key, unsigned int value)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/device/vif/%u/%s", f->d->id, f->index, key);
	assert_int_equal(xs_printf(NULL, path, "%u", value), 0);
}

static inline int nf_read_back(const struct netfront *f, const char *key)
{
	char path[128];
	char value[32];

	snprintf(path, sizeof(path), "/local/domain/0/backend/vif/%u/%u/%s", f->d->id, f->index,
		 key);
	return xs_read(NULL, path, value, sizeof(value), NULL) == 0 ? atoi(value) : -1;
}

static inline void nf_write_queue(const struct netfront *f, unsigned int n, const char *key,
				  unsigned int value)
{
	char name[64];

	if (f->options.queues > 1) {
		snprintf(name, sizeof(name), "queue-%u/%s", n, key);
		nf_write(f, name, value);
	} else {
		nf_write(f, key, value);
	}
}

/* --- guest memory ------------------------------------------------------------ */

static inline uint64_t nf_tx_gfn(const struct nf_queue *q, unsigned int id)
{
	return q->first_gfn + 2 + id;
}

static inline uint64_t nf_rx_gfn(const struct nf_queue *q, unsigned int id)
{
	return q->first_gfn + 2 + NF_TX_PAGES + id;
}

static inline unsigned int nf_tx_ref(const struct nf_queue *q, unsigned int id)
{
	return q->first_ref + 2 + id;
}

static inline unsigned int nf_rx_ref(const struct nf_queue *q, unsigned int id)
{
	return q->first_ref + 2 + NF_TX_PAGES + id;
}

static inline void nf_notify(struct netfront *f, unsigned int port)
{
	f->kicks++;
	assert_int_equal(xg_port_op(f->v, EVTCHNOP_SEND, port), 0);
}

/* An event on the port since the last call. */
static inline bool nf_take_event(struct netfront *f, unsigned int port)
{
	uint64_t *word = &xg_shared(f->d)->evtchn_pending[port / 64];
	bool was = (*word >> (port % 64)) & 1;

	*word &= ~(1ULL << (port % 64));
	return was;
}

/* --- buffers for frames to the guest --------------------------------------------- */

static inline void nf_rx_write(struct nf_queue *q, uint32_t at, uint16_t id, uint32_t gref)
{
	q->rx->slot[at % NETIF_RING_SIZE] = id | (uint64_t)gref << 32;
}

/* True if the backend asked to be told. */
static inline bool nf_push(_Atomic uint32_t *prod, const _Atomic uint32_t *event, uint32_t new)
{
	uint32_t old = atomic_load(prod);

	atomic_store(prod, new);
	return new - atomic_load(event) < new - old;
}

/* Post `n` more buffers (or as many as the ring holds). */
static inline void nf_post(struct netfront *f, unsigned int n, unsigned int count)
{
	struct nf_queue *q = &f->queue[n];

	while (count-- > 0 && q->rx_prod - q->rx_cons < NETIF_RING_SIZE) {
		uint16_t id = (uint16_t)(q->rx_prod % NETIF_RING_SIZE);

		/* The grants stay; pages are marked so that stale data shows. */
		memset(host_page(f->d, nf_rx_gfn(q, id)), 0xdb, PAGE_SIZE);
		nf_rx_write(q, q->rx_prod++, id, nf_rx_ref(q, id));
	}
	if (nf_push(&q->rx->i.req_prod, &q->rx->i.req_event, q->rx_prod)) {
		nf_notify(f, q->rx_port);
	}
}

/* Take one response chain apart. */
static inline void nf_receive(struct netfront *f, struct nf_queue *q)
{
	struct nf_frame r = { 0 };
	uint8_t *data = malloc(80000);
	bool more = true;
	bool first = true;

	while (more) {
		uint32_t at = q->rx_cons++ % NETIF_RING_SIZE;
		uint64_t rsp = q->rx->slot[at];
		unsigned int flags = (unsigned int)(rsp >> 32) & 0xffff;
		unsigned int offset = (unsigned int)(rsp >> 16) & 0xffff;
		int status = (int16_t)(rsp >> 48);

		assert_int_equal((uint16_t)rsp, at);
		r.slots++;
		if (status < 0) {
			assert_true(first);
			assert_int_equal(flags, 0);
			q->rx_errors++;
			free(data);
			return;
		}
		assert_true(offset + (unsigned int)status <= PAGE_SIZE);
		assert_true(r.len + (unsigned int)status <= 65535 + 4);
		memcpy(data + r.len, (uint8_t *)host_page(f->d, nf_rx_gfn(q, at)) + offset,
		       (size_t)status);
		r.len += (uint32_t)status;
		if (first) {
			r.flags = flags;
		}
		if (flags & NETIF_RXF_EXTRA) {
			uint64_t e = q->rx->slot[q->rx_cons++ % NETIF_RING_SIZE];

			assert_true(first);
			assert_int_equal(e & 0xffff, NETIF_EXTRA_GSO);
			r.mss = (uint16_t)(e >> 16);
			r.gso = (uint8_t)(e >> 32);
			assert_int_equal(e >> 40, 0);
			r.slots++;
		}
		more = (flags & NETIF_RXF_MORE) != 0;
		first = false;
	}
	assert_true(r.slots <= 18);
	/* A chain is published as a whole. */
	assert_true(atomic_load(&q->rx->i.rsp_prod) - q->rx_cons <= NETIF_RING_SIZE);
	r.data = data;
	assert_true(f->frame_end - f->frame_first < NF_FRAMES);
	f->frames[f->frame_end++ % NF_FRAMES] = r;
}

/* Take the frames that came; tells how many responses were there. */
static inline unsigned int nf_poll_queue(struct netfront *f, unsigned int n, unsigned int budget)
{
	struct nf_queue *q = &f->queue[n];
	uint32_t start = q->rx_cons;

	/* No more answers than buffers. */
	assert_true(q->rx_prod - atomic_load(&q->rx->i.rsp_prod) <= NETIF_RING_SIZE);
	/* Others may send all the time: no more than there is room for. */
	while (q->rx_cons != atomic_load(&q->rx->i.rsp_prod) && budget-- > 0 &&
	       f->frame_end - f->frame_first < NF_FRAMES) {
		assert_true(atomic_load(&q->rx->i.rsp_prod) - q->rx_cons <= NETIF_RING_SIZE);
		nf_receive(f, q);
	}
	atomic_store(&q->rx->i.rsp_event, q->rx_cons + 1);
	return q->rx_cons - start;
}

/* What the driver does on an event: take frames, post buffers again. */
static inline unsigned int nf_poll(struct netfront *f)
{
	unsigned int frames = f->frame_end - f->frame_first;

	for (unsigned int n = 0; n < f->queue_count; n++) {
		while (nf_poll_queue(f, n, 64) > 0) {
			nf_post(f, n, NETIF_RING_SIZE);
		}
	}
	return f->frame_end - f->frame_first - frames;
}

/* The oldest frame; its data must be freed. */
static inline struct nf_frame nf_take(struct netfront *f)
{
	assert_int_not_equal(f->frame_first, f->frame_end);
	return f->frames[f->frame_first++ % NF_FRAMES];
}

static inline void nf_forget(struct netfront *f)
{
	while (f->frame_first != f->frame_end) {
		free(nf_take(f).data);
	}
}

/* --- frames from the guest ---------------------------------------------------------- */

/* Collect completions, as the driver does after it notified. */
static inline void nf_collect(struct netfront *f, unsigned int n)
{
	struct nf_queue *q = &f->queue[n];
	uint32_t prod = atomic_load(&q->tx->i.rsp_prod);

	assert_true(prod - q->tx_cons <= NETIF_RING_SIZE);
	for (; q->tx_cons != prod; q->tx_cons++) {
		uint32_t at = q->tx_cons % NETIF_RING_SIZE;
		uint32_t rsp = q->tx->slot[at][0];
		unsigned int id = rsp & 0xffff;
		int status = (int16_t)(rsp >> 16);

		if (q->tx_extra[at]) {
			assert_int_equal(status, NETIF_NULL);
			continue;
		}
		assert_true(id < NF_TX_PAGES && q->tx_used[id]);
		assert_int_not_equal(status, NETIF_NULL);
		q->tx_used[id] = false;
		q->last_status = status;
		q->tx_errors += status != NETIF_OKAY;
		*xg_entry(f->d, nf_tx_ref(q, id)) = (struct grant_entry){ 0 };
	}
	atomic_store(&q->tx->i.rsp_event, q->tx_cons + 1);
	(void)f;
}

static inline unsigned int nf_tx_room(const struct netfront *f, unsigned int n)
{
	return NETIF_RING_SIZE - (f->queue[n].tx_prod - f->queue[n].tx_cons);
}

/* A raw slot of the TX ring. */
static inline void nf_tx_slot(struct nf_queue *q, uint32_t w0, uint32_t w1, uint32_t w2)
{
	uint32_t *slot = q->tx->slot[q->tx_prod % NETIF_RING_SIZE];

	slot[0] = w0;
	slot[1] = w1;
	slot[2] = w2;
	q->tx_extra[q->tx_prod % NETIF_RING_SIZE] = false;
	q->tx_prod++;
}

static inline unsigned int nf_free_id(struct nf_queue *q)
{
	for (unsigned int id = 0; id < NF_TX_PAGES; id++) {
		if (!q->tx_used[id]) {
			q->tx_used[id] = true;
			return id;
		}
	}
	host_fatal("no TX id left");
}

/* A slot with `size` bytes of data in it, or telling `told` instead. */
static inline void nf_tx_data(struct netfront *f, struct nf_queue *q, const uint8_t *data,
			      unsigned int size, unsigned int offset, unsigned int flags,
			      unsigned int told)
{
	unsigned int id = nf_free_id(q);

	memcpy((uint8_t *)host_page(f->d, nf_tx_gfn(q, id)) + offset, data, size);
	xg_grant(f->d, nf_tx_ref(q, id), nf_tx_gfn(q, id), GTF_PERMIT_ACCESS | GTF_READONLY);
	nf_tx_slot(q, nf_tx_ref(q, id), offset | flags << 16, id | told << 16);
}

static inline void nf_tx_gso(struct nf_queue *q, uint16_t mss, unsigned int type,
			     unsigned int flags)
{
	nf_tx_slot(q, NETIF_EXTRA_GSO | flags << 8 | (uint32_t)mss << 16, type, 0);
	q->tx_extra[(q->tx_prod - 1) % NETIF_RING_SIZE] = true;
}

struct nf_send {
	unsigned int queue;
	unsigned int flags;		/* NETIF_TXF_CSUM_BLANK .. */
	uint16_t mss;			/* GSO if not 0 */
	uint8_t gso;
	unsigned int first;		/* bytes in the first slot; 0: up to a page */
	unsigned int piece;		/* bytes in each further slot; 0: a page */
	unsigned int offset;
};

/* Put a frame into the ring, without telling anybody. */
static inline void nf_queue_frame(struct netfront *f, const uint8_t *data, uint32_t len,
				  const struct nf_send *s)
{
	struct nf_queue *q = &f->queue[s->queue];
	uint32_t done = MIN(len, s->first != 0 ? s->first : (uint32_t)PAGE_SIZE - s->offset);
	unsigned int extra = s->mss != 0 ? NETIF_TXF_EXTRA : 0;

	nf_tx_data(f, q, data, done, s->offset,
		   s->flags | extra | (done < len ? NETIF_TXF_MORE : 0), len);
	if (extra) {
		nf_tx_gso(q, s->mss, s->gso, 0);
	}
	while (done < len) {
		uint32_t n = MIN(len - done, s->piece != 0 ? s->piece : (uint32_t)PAGE_SIZE);

		nf_tx_data(f, q, data + done, n, 0, done + n < len ? NETIF_TXF_MORE : 0, n);
		done += n;
	}
}

/* Publish what is in the ring, tell if asked, collect completions. */
static inline void nf_kick(struct netfront *f, unsigned int n)
{
	struct nf_queue *q = &f->queue[n];

	if (nf_push(&q->tx->i.req_prod, &q->tx->i.req_event, q->tx_prod)) {
		nf_notify(f, q->tx_port);
	} else {
		/* The backend looks by itself when a guest leaves its CPU. */
		host_load(f->v);
		host_exit();
		host_exit();
	}
	nf_collect(f, n);
}

static inline void nf_send_frame(struct netfront *f, const uint8_t *data, uint32_t len,
				 const struct nf_send *s)
{
	nf_queue_frame(f, data, len, s);
	nf_kick(f, s->queue);
}

/* --- life ------------------------------------------------------------------------------ */

static inline void nf_queue_start(struct netfront *f, unsigned int n)
{
	struct nf_queue *q = &f->queue[n];
	uint64_t gfn = NF_FIRST_GFN + n * NF_QUEUE_PAGES;

	memset(q, 0, sizeof(*q));
	q->first_gfn = gfn;
	q->first_ref = 8 + n * NF_QUEUE_REFS;
	q->tx = host_page(f->d, gfn);
	q->rx = host_page(f->d, gfn + 1);
	memset(q->tx, 0, PAGE_SIZE);
	memset(q->rx, 0, PAGE_SIZE);
	atomic_store(&q->tx->i.req_event, 1);
	atomic_store(&q->tx->i.rsp_event, 1);
	atomic_store(&q->rx->i.req_event, 1);
	atomic_store(&q->rx->i.rsp_event, 1);
	xg_grant(f->d, q->first_ref, gfn, GTF_PERMIT_ACCESS);
	xg_grant(f->d, q->first_ref + 1, gfn + 1, GTF_PERMIT_ACCESS);
	for (unsigned int i = 0; i < NETIF_RING_SIZE; i++) {
		xg_grant(f->d, nf_rx_ref(q, i), nf_rx_gfn(q, i), GTF_PERMIT_ACCESS);
	}
	q->tx_port = (unsigned int)xg_alloc_unbound(f->v, DOMID_HV);
	q->rx_port = f->options.one_port ? q->tx_port :
		     (unsigned int)xg_alloc_unbound(f->v, DOMID_HV);
}

static inline void nf_write_keys(const struct netfront *f)
{
	const struct nf_options *o = &f->options;

	if (o->queues != 0) {
		nf_write(f, "multi-queue-num-queues", o->queues);
	}
	for (unsigned int n = 0; n < f->queue_count; n++) {
		const struct nf_queue *q = &f->queue[n];

		nf_write_queue(f, n, "tx-ring-ref", q->first_ref);
		nf_write_queue(f, n, "rx-ring-ref", q->first_ref + 1);
		if (o->one_port) {
			nf_write_queue(f, n, "event-channel", q->tx_port);
		} else {
			nf_write_queue(f, n, "event-channel-tx", q->tx_port);
			nf_write_queue(f, n, "event-channel-rx", q->rx_port);
		}
	}
	nf_write(f, "request-rx-copy", 1);
	nf_write(f, "feature-rx-notify", !o->no_rx_notify);
	nf_write(f, "feature-sg", !o->no_sg);
	nf_write(f, "feature-gso-tcpv4", !o->no_gso);
	nf_write(f, "feature-gso-tcpv6", !o->no_gso);
	nf_write(f, "feature-ipv6-csum-offload", !o->no_csum && !o->no_csum6);
	nf_write(f, "feature-no-csum-offload", o->no_csum);
}

/* Up to the frontend's state 4; the backend must have followed. */
static inline void nf_try_connect(struct netfront *f)
{
	assert_int_equal(nf_read_back(f, "state"), 2);
	assert_int_equal(nf_read_back(f, "feature-rx-copy"), 1);
	for (unsigned int n = 0; n < f->queue_count; n++) {
		nf_queue_start(f, n);
	}
	nf_write_keys(f);
	/* Buffers are posted, possibly before the backend looks. */
	for (unsigned int n = 0; n < f->queue_count && !f->options.no_post; n++) {
		nf_post(f, n, f->options.post != 0 ? f->options.post : NETIF_RING_SIZE);
	}
	nf_write(f, "state", 4);
	host_run();
}

static inline void nf_connect(struct netfront *f)
{
	nf_try_connect(f);
	assert_int_equal(nf_read_back(f, "state"), 4);
	for (unsigned int n = 0; n < f->queue_count; n++) {
		(void)nf_take_event(f, f->queue[n].tx_port);
		(void)nf_take_event(f, f->queue[n].rx_port);
	}
}

/* What module removal does; everything must have been given back then. */
static inline void nf_close(struct netfront *f)
{
	nf_write(f, "state", 5);
	host_run();
	assert_int_equal(nf_read_back(f, "state"), 5);
	nf_write(f, "state", 6);
	host_run();
	assert_int_equal(nf_read_back(f, "state"), 6);
	for (unsigned int n = 0; n < f->queue_count; n++) {
		struct nf_queue *q = &f->queue[n];

		assert_int_equal(xg_entry(f->d, q->first_ref)->flags, GTF_PERMIT_ACCESS);
		assert_int_equal(xg_entry(f->d, q->first_ref + 1)->flags, GTF_PERMIT_ACCESS);
		assert_int_equal(xg_port_op(f->v, EVTCHNOP_CLOSE, q->tx_port), 0);
		if (!f->options.one_port) {
			assert_int_equal(xg_port_op(f->v, EVTCHNOP_CLOSE, q->rx_port), 0);
		}
	}
}

static inline void nf_reload(struct netfront *f)
{
	nf_close(f);
	nf_write(f, "state", 1);
	host_run();
	nf_connect(f);
}

static inline struct vm_vif_config nf_vif_config(unsigned int n)
{
	return (struct vm_vif_config){
		.mac = { 0, 0x16, 0x3e, 0, 0, (uint8_t)n }, .has_mac = true, .mtu = 1500,
		.spoof_check = true,
	};
}

/* A domain with a vif that is ready to be connected. */
static inline struct netfront *nf_create(const struct vm_vif_config *config,
					 const struct nf_options *options)
{
	struct netfront *f = calloc(1, sizeof(*f));
	unsigned int queues = MAX(options->queues, 1U);

	f->options = *options;
	f->queue_count = queues;
	f->d = host_domain_create(NF_PAGES(queues), queues);
	f->v = f->d->vcpus[0];
	xg_start(f->d);
	for (unsigned int i = 1; i * GRANT_ENTRIES_PER_FRAME < 8 + queues * NF_QUEUE_REFS; i++) {
		assert_int_equal(xg_physmap(f->v, XENMAPSPACE_GRANT_TABLE, i, XG_GRANT_GFN + i), 0);
	}
	memcpy(f->mac, config->mac, 6);
	assert_int_equal(net_vif_create(f->d, 0, config), 0);
	host_run();
	return f;
}

/* The usual one: connected, with address 00:16:3e:00:00:n. */
static inline struct netfront *nf_start(unsigned int n, const struct nf_options *options)
{
	struct vm_vif_config config = nf_vif_config(n);
	struct netfront *f = nf_create(&config, options);

	nf_connect(f);
	return f;
}

/* Forget the frontend; its domain goes with host_finish(). */
static inline void nf_free(struct netfront *f)
{
	nf_forget(f);
	free(f);
}

static inline uint64_t nf_total(enum net_counter c)
{
	return net_count(c);
}

#endif
