/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: the ports of a domain and the delivery of events.
 *
 * A port's other end is a `struct evtchn_peer`, replaced as a whole, so that
 * a sender without a lock sees a function and its context that belong
 * together, or another domain and its port.
 *
 * Locking: `lock` for changes of ports, peers and tables. Senders read tables,
 * buckets and peers without it; those are freed by quiesce_call().
 * Invariants: a port has a peer if and only if it is EVTCHN_HV or
 * EVTCHN_INTERDOMAIN; two interdomain ports have each other as peers; a port
 * is in `used` if and only if it is not EVTCHN_FREE; a new port is not pending.
 */
#include "xen/evtchn.h"

#include "kern/log.h"
#include "lib/bits.h"
#include "mem/frame.h"
#include "mem/guest.h"
#include "mem/heap.h"
#include "xen/abi.h"
#include "xen/guest_word.h"

#define BUCKET_PORTS	256U
#define BUCKETS		(EVTCHN_MAX / BUCKET_PORTS)

enum evtchn_kind {
	EVTCHN_FREE,
	EVTCHN_UNBOUND,
	EVTCHN_HV,
	EVTCHN_INTERDOMAIN,
	EVTCHN_VIRQ,
	EVTCHN_IPI,
};

struct evtchn_peer {
	struct quiesce quiesce;
	evtchn_fn fn;			/* EVTCHN_HV */
	void *ctx;
	unsigned int offer;		/* .. that the guest bound to; 0: none */
	struct domain *domain;		/* EVTCHN_INTERDOMAIN */
	unsigned int port;
};

/* An end that the hypervisor offers. */
struct evtchn_offer {
	evtchn_fn fn;			/* NULL: free */
	void *ctx;
	_Atomic unsigned int port;	/* of the domain, bound to it; 0: none */
};

struct evtchn {
	_Atomic(struct evtchn_peer *) peer;
	_Atomic uint8_t kind;		/* enum evtchn_kind */
	_Atomic uint8_t vcpu;		/* whom to notify */
	uint16_t remote;		/* UNBOUND: domain; VIRQ: its number */
};

struct evtchn_table {
	struct quiesce quiesce;
	struct shared_info *shared;
	_Atomic(struct evtchn *) bucket[BUCKETS];
	uint64_t used[EVTCHN_WORDS];
	unsigned int limit;		/* ports are below */
	uint16_t virq_port[VIRQ_COUNT][VCPU_MAX];	/* 0: not bound */
	struct evtchn_offer *offers;	/* EVTCHN_OFFERS; NULL: none was made */
};

static struct spinlock lock = SPINLOCK_INIT(LOCK_EVTCHN);

/* --- shared words ----------------------------------------------------------- */

/*
 * The guest changes these words at the same time, with its own atomic
 * instructions; all accesses are sequentially consistent since each side
 * sets one word and then looks at another (guest-side partner: the handler's
 * exchange of pending_sel, and clearing of the mask bit).
 */
static bool shared_test_and_set(struct domain *d, uint64_t *word, uint64_t bit)
{
	uint64_t old;

	/* What can't be set counts as set already: nobody is told. */
	return !guest_word_change(d, word, 0, bit, &old) || (old & bit) != 0;
}

static bool shared_test_and_clear(struct domain *d, uint64_t *word, uint64_t bit)
{
	uint64_t old;

	return guest_word_change(d, word, bit, 0, &old) && (old & bit) != 0;
}

static bool shared_test(uint64_t *word, uint64_t bit)
{
	return atomic_load((_Atomic uint64_t *)word) & bit;
}

/* --- look-up ---------------------------------------------------------------- */

/* NULL once the domain's teardown took it. */
static struct evtchn_table *table_of(const struct domain *d)
{
	return READ_ONCE(d->evtchn);
}

/* The channel of a port, NULL if it never was in use. */
static struct evtchn *evtchn_find(struct evtchn_table *t, unsigned int port)
{
	struct evtchn *bucket;

	if (t == NULL || port >= EVTCHN_MAX) {
		return NULL;
	}
	/* Acquire: pairs with the release in bucket_make(). */
	bucket = atomic_load_explicit(&t->bucket[port / BUCKET_PORTS],
				      memory_order_acquire);
	return bucket != NULL ? &bucket[port % BUCKET_PORTS] : NULL;
}

static enum evtchn_kind kind_of(const struct evtchn *ch)
{
	return (enum evtchn_kind)atomic_load_explicit(&ch->kind, memory_order_acquire);
}

static void kind_set(struct evtchn *ch, enum evtchn_kind kind)
{
	atomic_store_explicit(&ch->kind, (uint8_t)kind, memory_order_release);
}

static unsigned int vcpu_id_of(const struct evtchn *ch)
{
	return atomic_load_explicit(&ch->vcpu, memory_order_relaxed);
}

/* As evtchn_find(), but only ports in use; a wrong one is counted. */
static struct evtchn *evtchn_get(struct domain *d, unsigned int port)
{
	struct evtchn *ch = evtchn_find(table_of(d), port);

	if (ch != NULL && kind_of(ch) != EVTCHN_FREE) {
		return ch;
	}
	atomic_fetch_add_explicit(&d->stats.misuse, 1, memory_order_relaxed);
	log_guest(d->id, "event channel %u is not open", port);
	return NULL;
}

/* --- delivery --------------------------------------------------------------- */

static struct vcpu_info *vcpu_info_of(struct vcpu *v, struct shared_info *shared)
{
	struct vcpu_info *vi = atomic_load(&v->vcpu_info);

	/* Before it registers its own, vCPU 0 uses the one in shared_info. */
	return vi == NULL && v->id == 0 ? &shared->vcpu_info[0] : vi;
}

/* A bit in this word of the pending map waits, unmasked, for `v`. */
static void vcpu_mark(struct vcpu *v, struct shared_info *shared, unsigned int word)
{
	struct vcpu_info *vi = vcpu_info_of(v, shared);
	uint64_t old;

	/* None yet: evtchn_vcpu_ready() will have it look at everything. */
	if (vi == NULL || shared_test_and_set(v->domain, &vi->pending_sel, BIT(word))) {
		return;
	}
	/* As the whole word that begins with it. */
	if (guest_word_change(v->domain, (uint64_t *)(void *)vi, 0, 1, &old) &&
	    (uint8_t)old == 0) {
		atomic_fetch_add_explicit(&v->domain->stats.upcalls, 1,
					  memory_order_relaxed);
		arch_vcpu_upcall(&v->arch);
	}
}

static void deliver(struct domain *d, struct evtchn_table *t, const struct evtchn *ch,
		    unsigned int port)
{
	unsigned int word = port / 64;
	uint64_t bit = BIT(port % 64);

	if (!shared_test_and_set(d, &t->shared->evtchn_pending[word], bit) &&
	    !shared_test(&t->shared->evtchn_mask[word], bit)) {
		vcpu_mark(d->vcpus[vcpu_id_of(ch)], t->shared, word);
	}
}

void evtchn_notify(struct domain *d, unsigned int port)
{
	struct evtchn_table *t = table_of(d);
	struct evtchn *ch = evtchn_find(t, port);

	if (ch != NULL && kind_of(ch) >= EVTCHN_HV) {
		deliver(d, t, ch, port);
	}
}

void evtchn_vcpu_ready(struct vcpu *v)
{
	struct vcpu_info *vi = atomic_load(&v->vcpu_info);

	atomic_store((_Atomic uint64_t *)&vi->pending_sel, UINT64_MAX);
	atomic_store((_Atomic uint8_t *)&vi->upcall_pending, 1);
	atomic_fetch_add_explicit(&v->domain->stats.upcalls, 1, memory_order_relaxed);
	arch_vcpu_upcall(&v->arch);
}

bool evtchn_is_pending(const struct domain *d, unsigned int port)
{
	struct evtchn_table *t = table_of(d);

	return t != NULL && port < EVTCHN_MAX &&
	       shared_test(&t->shared->evtchn_pending[port / 64], BIT(port % 64));
}

unsigned int evtchn_count(const struct domain *d)
{
	struct evtchn_table *t = table_of(d);
	unsigned int n = 0;

	for (unsigned int word = 0; t != NULL && word < EVTCHN_WORDS; word++) {
		n += bit_count(READ_ONCE(t->used[word]));
	}
	/* Port 0 is none. */
	return n != 0 ? n - 1 : 0;
}

/* --- ports: making, binding, closing ---------------------------------------- */

static int bucket_make(struct evtchn_table *t, unsigned int n)
{
	struct evtchn *bucket;

	if (atomic_load_explicit(&t->bucket[n], memory_order_relaxed) != NULL) {
		return 0;
	}
	bucket = heap_alloc(BUCKET_PORTS * sizeof(*bucket));
	if (bucket == NULL) {
		return -ENOMEM;
	}
	atomic_store_explicit(&t->bucket[n], bucket, memory_order_release);
	return 0;
}

static void pending_clear(struct domain *d, unsigned int port)
{
	(void)shared_test_and_clear(d, &d->evtchn->shared->evtchn_pending[port / 64],
				    BIT(port % 64));
}

/* Take a free port as `kind`; it has no peer. The port or an error. */
static int port_alloc_locked(struct domain *d, enum evtchn_kind kind, unsigned int vcpu,
			     unsigned int remote)
{
	struct evtchn_table *t = d->evtchn;
	struct evtchn *ch;
	size_t port;
	int err;

	if (t == NULL) {
		return -EINVAL;
	}
	port = bitmap_find_clear(t->used, t->limit);
	if (port == t->limit) {
		return -ENOSPC;
	}
	err = bucket_make(t, (unsigned int)port / BUCKET_PORTS);
	if (err != 0) {
		return err;
	}
	ch = evtchn_find(t, (unsigned int)port);
	ch->remote = (uint16_t)remote;
	atomic_store_explicit(&ch->vcpu, (uint8_t)vcpu, memory_order_relaxed);
	/* A notifier of the last owner may have come too late. */
	pending_clear(d, (unsigned int)port);
	kind_set(ch, kind);
	bitmap_set(t->used, port);
	return (int)port;
}

static void peer_free(struct quiesce *q)
{
	heap_free(container_of(q, struct evtchn_peer, quiesce));
}

static void peer_set_locked(struct evtchn *ch, struct evtchn_peer *peer,
			    enum evtchn_kind kind)
{
	/* Release: pairs with the acquire in op_send(). */
	atomic_store_explicit(&ch->peer, peer, memory_order_release);
	kind_set(ch, kind);
}

/* Take the peer away; the port becomes unbound for `remote`. */
static void peer_drop_locked(struct evtchn *ch, unsigned int remote)
{
	struct evtchn_peer *peer = atomic_load_explicit(&ch->peer, memory_order_relaxed);

	ch->remote = (uint16_t)remote;
	kind_set(ch, EVTCHN_UNBOUND);
	atomic_store_explicit(&ch->peer, NULL, memory_order_release);
	if (peer != NULL) {
		quiesce_call(&peer->quiesce, peer_free);
	}
}

static void offer_port_set(struct evtchn_table *t, unsigned int offer, unsigned int port)
{
	atomic_store_explicit(&t->offers[offer].port, port, memory_order_relaxed);
}

/* The domain's port becomes free; the other end unbound. */
static void port_close_locked(struct domain *d, unsigned int port)
{
	struct evtchn_table *t = d->evtchn;
	struct evtchn *ch = evtchn_find(t, port);
	struct evtchn_peer *peer = atomic_load_explicit(&ch->peer, memory_order_relaxed);

	if (kind_of(ch) == EVTCHN_INTERDOMAIN) {
		peer_drop_locked(evtchn_find(peer->domain->evtchn, peer->port), d->id);
	} else if (kind_of(ch) == EVTCHN_HV && peer->offer != 0) {
		offer_port_set(t, peer->offer, 0);
	} else if (kind_of(ch) == EVTCHN_VIRQ) {
		t->virq_port[ch->remote][vcpu_id_of(ch)] = 0;
	}
	peer_drop_locked(ch, 0);
	kind_set(ch, EVTCHN_FREE);
	bitmap_clear(t->used, port);
	pending_clear(d, port);
}

static struct evtchn_peer *peer_new(evtchn_fn fn, void *ctx, struct domain *d,
				    unsigned int port)
{
	struct evtchn_peer *peer = heap_alloc(sizeof(*peer));

	if (peer != NULL) {
		peer->fn = fn;
		peer->ctx = ctx;
		peer->domain = d;
		peer->port = port;
	}
	return peer;
}

int evtchn_alloc_hv(struct domain *d, evtchn_fn fn, void *ctx, unsigned int *port)
{
	struct evtchn_peer *peer = peer_new(fn, ctx, NULL, 0);
	int ret;

	if (peer == NULL) {
		return -ENOMEM;
	}
	spin_lock(&lock);
	ret = port_alloc_locked(d, EVTCHN_UNBOUND, 0, DOMID_HV);
	if (ret >= 0) {
		*port = (unsigned int)ret;
		peer_set_locked(evtchn_find(d->evtchn, *port), peer, EVTCHN_HV);
	}
	spin_unlock(&lock);
	if (ret < 0) {
		heap_free(peer);
		return ret;
	}
	return 0;
}

int evtchn_bind_hv(struct domain *d, unsigned int port, evtchn_fn fn, void *ctx)
{
	struct evtchn_peer *peer = peer_new(fn, ctx, NULL, 0);
	struct evtchn *ch;
	int err = -EINVAL;

	if (peer == NULL) {
		return -ENOMEM;
	}
	spin_lock(&lock);
	ch = evtchn_find(d->evtchn, port);
	if (ch != NULL && kind_of(ch) == EVTCHN_UNBOUND && ch->remote == DOMID_HV) {
		peer_set_locked(ch, peer, EVTCHN_HV);
		err = 0;
	}
	spin_unlock(&lock);
	if (err != 0) {
		heap_free(peer);
	}
	return err;
}

void evtchn_unbind_hv(struct domain *d, unsigned int port, const void *ctx)
{
	struct evtchn *ch;

	spin_lock(&lock);
	ch = evtchn_find(d->evtchn, port);
	if (ch != NULL && kind_of(ch) == EVTCHN_HV &&
	    atomic_load_explicit(&ch->peer, memory_order_relaxed)->ctx == ctx) {
		peer_drop_locked(ch, DOMID_HV);
	}
	spin_unlock(&lock);
}

/* --- offers ----------------------------------------------------------------- */

/* Offer 0 is none, as port 0. */
static int offer_add_locked(struct evtchn_table *t, evtchn_fn fn, void *ctx)
{
	if (t == NULL) {
		return -EINVAL;
	}
	if (t->offers == NULL) {
		t->offers = heap_alloc(EVTCHN_OFFERS * sizeof(*t->offers));
		if (t->offers == NULL) {
			return -ENOMEM;
		}
	}
	for (unsigned int i = 1; i < EVTCHN_OFFERS; i++) {
		if (t->offers[i].fn == NULL) {
			t->offers[i].fn = fn;
			t->offers[i].ctx = ctx;
			return (int)i;
		}
	}
	return -ENOSPC;
}

int evtchn_offer_hv(struct domain *d, evtchn_fn fn, void *ctx, unsigned int *offer)
{
	int ret;

	spin_lock(&lock);
	ret = offer_add_locked(d->evtchn, fn, ctx);
	spin_unlock(&lock);
	if (ret < 0) {
		return ret;
	}
	*offer = (unsigned int)ret;
	return 0;
}

void evtchn_withdraw_hv(struct domain *d, unsigned int offer)
{
	struct evtchn_offer *o;
	unsigned int port;

	spin_lock(&lock);
	o = &d->evtchn->offers[offer];
	port = atomic_load_explicit(&o->port, memory_order_relaxed);
	if (port != 0) {
		peer_drop_locked(evtchn_find(d->evtchn, port), DOMID_HV);
		offer_port_set(d->evtchn, offer, 0);
	}
	o->fn = NULL;
	spin_unlock(&lock);
}

void evtchn_notify_offer(struct domain *d, unsigned int offer)
{
	const struct evtchn_table *t = table_of(d);
	unsigned int port = t == NULL ? 0 : atomic_load_explicit(&t->offers[offer].port,
								  memory_order_relaxed);

	/* Bound to something else by now, it is told once too often. */
	if (port != 0) {
		evtchn_notify(d, port);
	}
}

static int offer_bind_locked(struct domain *d, unsigned int offer, struct evtchn_peer *peer)
{
	struct evtchn_table *t = d->evtchn;
	struct evtchn_offer *o;
	struct evtchn *ch;
	int port;

	if (t == NULL || t->offers == NULL || offer >= EVTCHN_OFFERS) {
		return -EINVAL;
	}
	o = &t->offers[offer];
	if (o->fn == NULL || atomic_load_explicit(&o->port, memory_order_relaxed) != 0) {
		return -EINVAL;
	}
	port = port_alloc_locked(d, EVTCHN_UNBOUND, 0, DOMID_HV);
	if (port < 0) {
		return port;
	}
	peer->fn = o->fn;
	peer->ctx = o->ctx;
	peer->offer = offer;
	ch = evtchn_find(d->evtchn, (unsigned int)port);
	peer_set_locked(ch, peer, EVTCHN_HV);
	offer_port_set(t, offer, (unsigned int)port);
	/* What was told before is lost, so look once. */
	deliver(d, t, ch, (unsigned int)port);
	return port;
}

/* bind_interdomain to the hypervisor: the new port, or an error. */
static long offer_bind(struct domain *d, unsigned int offer)
{
	struct evtchn_peer *peer = peer_new(NULL, NULL, NULL, 0);
	long ret;

	if (peer == NULL) {
		return -ENOMEM;
	}
	spin_lock(&lock);
	ret = offer_bind_locked(d, offer, peer);
	spin_unlock(&lock);
	if (ret < 0) {
		heap_free(peer);
	}
	return ret;
}

/* --- the hypercall ---------------------------------------------------------- */

static long op_send(struct vcpu *v, uint64_t arg)
{
	struct domain *d = v->domain;
	struct evtchn_peer *peer;
	struct evtchn *ch;
	uint32_t port;

	if (guest_copy_from(&v->arch, &port, arg, sizeof(port)) != 0) {
		return -EFAULT;
	}
	ch = evtchn_get(d, port);
	if (ch == NULL) {
		return -EINVAL;
	}
	atomic_fetch_add_explicit(&d->stats.events_sent, 1, memory_order_relaxed);
	peer = atomic_load_explicit(&ch->peer, memory_order_acquire);
	if (peer == NULL) {
		if (kind_of(ch) == EVTCHN_IPI) {
			deliver(d, table_of(d), ch, port);
		}
	} else if (peer->fn != NULL) {
		peer->fn(peer->ctx);
	} else {
		evtchn_notify(peer->domain, peer->port);
	}
	return 0;
}

static long op_close(struct vcpu *v, uint64_t arg)
{
	struct domain *d = v->domain;
	long ret = -EINVAL;
	uint32_t port;

	if (guest_copy_from(&v->arch, &port, arg, sizeof(port)) != 0) {
		return -EFAULT;
	}
	spin_lock(&lock);
	if (evtchn_get(d, port) != NULL) {
		port_close_locked(d, port);
		ret = 0;
	}
	spin_unlock(&lock);
	return ret;
}

static long op_unmask(struct vcpu *v, uint64_t arg)
{
	struct domain *d = v->domain;
	struct evtchn_table *t = table_of(d);
	struct evtchn *ch;
	unsigned int word;
	uint32_t port;
	uint64_t bit;

	if (guest_copy_from(&v->arch, &port, arg, sizeof(port)) != 0) {
		return -EFAULT;
	}
	ch = evtchn_get(d, port);
	if (ch == NULL) {
		return -EINVAL;
	}
	word = port / 64;
	bit = BIT(port % 64);
	if (shared_test_and_clear(d, &t->shared->evtchn_mask[word], bit) &&
	    shared_test(&t->shared->evtchn_pending[word], bit)) {
		vcpu_mark(d->vcpus[vcpu_id_of(ch)], t->shared, word);
	}
	return 0;
}

/* A domain id as an operation on the caller's own ports may name it. */
static bool dom_is_self(const struct domain *d, uint16_t dom)
{
	return dom == DOMID_SELF || dom == d->id;
}

static long op_alloc_unbound(struct vcpu *v, uint64_t arg)
{
	struct evtchn_alloc_unbound op;
	struct domain *d = v->domain;
	int ret;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (!dom_is_self(d, op.dom)) {
		return -EPERM;
	}
	if (op.remote_dom == DOMID_SELF) {
		op.remote_dom = (uint16_t)d->id;
	}
	spin_lock(&lock);
	ret = port_alloc_locked(d, EVTCHN_UNBOUND, 0, op.remote_dom);
	spin_unlock(&lock);
	if (ret < 0) {
		return ret;
	}
	op.port = (uint32_t)ret;
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

static long bind_ports_locked(struct domain *d, struct domain *rd, unsigned int rport,
			      struct evtchn_peer *mine, struct evtchn_peer *theirs)
{
	struct evtchn *other = evtchn_find(rd->evtchn, rport);
	struct evtchn *ch;
	int port;

	if (other == NULL || kind_of(other) != EVTCHN_UNBOUND || other->remote != d->id) {
		return -EINVAL;
	}
	port = port_alloc_locked(d, EVTCHN_UNBOUND, 0, rd->id);
	if (port < 0) {
		return port;
	}
	ch = evtchn_find(d->evtchn, (unsigned int)port);
	theirs->port = (unsigned int)port;
	peer_set_locked(ch, mine, EVTCHN_INTERDOMAIN);
	peer_set_locked(other, theirs, EVTCHN_INTERDOMAIN);
	/* What the other end sent before is lost, so look once. */
	deliver(d, d->evtchn, ch, (unsigned int)port);
	return port;
}

/* Bind to a port of `rd`: the new port, or an error. */
static long bind_interdomain(struct domain *d, struct domain *rd, unsigned int rport)
{
	struct evtchn_peer *mine, *theirs;
	long ret = -ENOMEM;

	if (rd == NULL) {
		return -EINVAL;
	}
	mine = peer_new(NULL, NULL, rd, rport);
	theirs = peer_new(NULL, NULL, d, 0);
	if (mine != NULL && theirs != NULL) {
		spin_lock(&lock);
		ret = bind_ports_locked(d, rd, rport, mine, theirs);
		spin_unlock(&lock);
	}
	if (ret < 0) {
		heap_free(mine);
		heap_free(theirs);
	}
	return ret;
}

static long op_bind_interdomain(struct vcpu *v, uint64_t arg)
{
	struct evtchn_bind_interdomain op;
	struct domain *d = v->domain;
	long ret;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (op.remote_dom == DOMID_HV) {
		ret = offer_bind(d, op.remote_port);
	} else {
		ret = bind_interdomain(d, dom_is_self(d, op.remote_dom) ? d :
				       domain_find(op.remote_dom), op.remote_port);
	}
	if (ret < 0) {
		return ret;
	}
	op.local_port = (uint32_t)ret;
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

/* The port for one VIRQ of a vCPU, at most one at a time. */
static int virq_bind_locked(struct domain *d, unsigned int vcpu, unsigned int virq)
{
	struct evtchn_table *t = d->evtchn;
	int port;

	if (t == NULL) {
		return -EINVAL;
	}
	if (t->virq_port[virq][vcpu] != 0) {
		return -EEXIST;
	}
	port = port_alloc_locked(d, EVTCHN_VIRQ, vcpu, virq);
	if (port >= 0) {
		t->virq_port[virq][vcpu] = (uint16_t)port;
	}
	return port;
}

static long op_bind_virq(struct vcpu *v, uint64_t arg)
{
	struct evtchn_bind_virq op;
	int ret;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (op.virq >= VIRQ_COUNT) {
		return -EINVAL;
	}
	if (op.vcpu >= v->domain->vcpu_count) {
		return -ENOENT;
	}
	spin_lock(&lock);
	ret = virq_bind_locked(v->domain, op.vcpu, op.virq);
	spin_unlock(&lock);
	if (ret < 0) {
		return ret;
	}
	op.port = (uint32_t)ret;
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

static long op_bind_ipi(struct vcpu *v, uint64_t arg)
{
	struct evtchn_bind_ipi op;
	int ret;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (op.vcpu >= v->domain->vcpu_count) {
		return -ENOENT;
	}
	spin_lock(&lock);
	ret = port_alloc_locked(v->domain, EVTCHN_IPI, op.vcpu, 0);
	spin_unlock(&lock);
	if (ret < 0) {
		return ret;
	}
	op.port = (uint32_t)ret;
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

static long op_bind_vcpu(struct vcpu *v, uint64_t arg)
{
	struct evtchn_bind_vcpu op;
	struct evtchn *ch;
	long ret = -EINVAL;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (op.vcpu >= v->domain->vcpu_count) {
		return -ENOENT;
	}
	spin_lock(&lock);
	ch = evtchn_get(v->domain, op.port);
	if (ch != NULL && kind_of(ch) <= EVTCHN_INTERDOMAIN) {
		atomic_store_explicit(&ch->vcpu, (uint8_t)op.vcpu, memory_order_relaxed);
		ret = 0;
	}
	spin_unlock(&lock);
	return ret;
}

static void status_fill_locked(const struct evtchn *ch, struct evtchn_status *op)
{
	const struct evtchn_peer *peer;

	op->vcpu = vcpu_id_of(ch);
	switch (kind_of(ch)) {
	case EVTCHN_FREE:
		op->status = EVTCHNSTAT_CLOSED;
		break;
	case EVTCHN_UNBOUND:
		op->status = EVTCHNSTAT_UNBOUND;
		op->u.unbound.dom = ch->remote;
		break;
	case EVTCHN_HV:
		op->status = EVTCHNSTAT_INTERDOMAIN;
		op->u.interdomain.dom = DOMID_HV;
		break;
	case EVTCHN_INTERDOMAIN:
		peer = atomic_load_explicit(&ch->peer, memory_order_relaxed);
		op->status = EVTCHNSTAT_INTERDOMAIN;
		op->u.interdomain.dom = (uint16_t)peer->domain->id;
		op->u.interdomain.port = peer->port;
		break;
	case EVTCHN_VIRQ:
		op->status = EVTCHNSTAT_VIRQ;
		op->u.virq = ch->remote;
		break;
	case EVTCHN_IPI:
		op->status = EVTCHNSTAT_IPI;
		break;
	}
}

static long op_status(struct vcpu *v, uint64_t arg)
{
	struct evtchn_status op, out = { .status = EVTCHNSTAT_CLOSED };
	struct domain *d = v->domain;
	struct evtchn *ch;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (!dom_is_self(d, op.dom)) {
		return -EPERM;
	}
	if (op.port == 0 || op.port >= EVTCHN_MAX) {
		return -EINVAL;
	}
	out.dom = op.dom;
	out.port = op.port;
	spin_lock(&lock);
	ch = evtchn_find(table_of(d), op.port);
	if (ch != NULL) {
		status_fill_locked(ch, &out);
	}
	spin_unlock(&lock);
	return guest_copy_to(&v->arch, arg, &out, sizeof(out));
}

long evtchn_op(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
	switch (cmd) {
	case EVTCHNOP_SEND:
		return op_send(v, arg);
	case EVTCHNOP_UNMASK:
		return op_unmask(v, arg);
	case EVTCHNOP_CLOSE:
		return op_close(v, arg);
	case EVTCHNOP_ALLOC_UNBOUND:
		return op_alloc_unbound(v, arg);
	case EVTCHNOP_BIND_INTERDOMAIN:
		return op_bind_interdomain(v, arg);
	case EVTCHNOP_BIND_VIRQ:
		return op_bind_virq(v, arg);
	case EVTCHNOP_BIND_IPI:
		return op_bind_ipi(v, arg);
	case EVTCHNOP_BIND_VCPU:
		return op_bind_vcpu(v, arg);
	case EVTCHNOP_STATUS:
		return op_status(v, arg);
	default:
		/* FIFO and reset: see docs/decisions. */
		return -ENOSYS;
	}
}

/* --- life with the domain --------------------------------------------------- */

static int evtchn_create(struct domain *d)
{
	struct evtchn_table *t = heap_alloc(sizeof(*t));

	if (t == NULL) {
		return -ENOMEM;
	}
	t->shared = frame_alloc(0, FRAME_ZERO);
	if (t->shared == NULL) {
		heap_free(t);
		return -ENOMEM;
	}
	bitmap_set(t->used, 0);
	t->limit = EVTCHN_MAX;
	d->evtchn = t;
	atomic_store(&d->shared_info, t->shared);
	return 0;
}

void evtchn_set_limit(struct domain *d, unsigned int ports)
{
	d->evtchn->limit = MIN(ports, EVTCHN_MAX);
}

static void table_free(struct quiesce *q)
{
	struct evtchn_table *t = container_of(q, struct evtchn_table, quiesce);

	for (unsigned int n = 0; n < BUCKETS; n++) {
		heap_free(t->bucket[n]);
	}
	frame_free(t->shared, 0);
	heap_free(t->offers);
	heap_free(t);
}

/* Close the ports of the first word that has any; false if none has. */
static bool ports_close_locked(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;

	for (unsigned int word = 0; word < EVTCHN_WORDS; word++) {
		uint64_t used = word == 0 ? t->used[0] & ~BIT(0) : t->used[word];

		if (used != 0) {
			for (; used != 0; used &= used - 1) {
				port_close_locked(d, word * 64 + bit_lowest(used));
			}
			return true;
		}
	}
	return false;
}

/* Closes a word of ports a call. */
static bool evtchn_destroy(struct domain *d)
{
	struct evtchn_table *t = d->evtchn;
	bool more;

	if (t == NULL) {
		return false;
	}
	spin_lock(&lock);
	more = ports_close_locked(d);
	if (!more) {
		WRITE_ONCE(d->evtchn, NULL);
		atomic_store(&d->shared_info, NULL);
	}
	spin_unlock(&lock);
	if (!more) {
		quiesce_call(&t->quiesce, table_free);
	}
	return more;
}

void evtchn_init(void)
{
	static const struct domain_ops ops = {
		.name = "evtchn",
		.create = evtchn_create,
		.destroy = evtchn_destroy,
	};

	domain_register_ops(&ops);
}
