/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels, 2-level ABI (xen/event_channel.h). FIFO is refused, see
 * docs/decisions.
 *
 * Locking: LOCK_EVTCHN, one for all domains since a channel may join two of
 * them, for every change of what a port is; sending takes no lock.
 */
#ifndef XEN_EVTCHN_H
#define XEN_EVTCHN_H

#include "vm/domain.h"

#define EVTCHN_MAX 4096U		/* 2-level, 64-bit guest; port 0 is none */

/*
 * The guest notified `port`: called on the guest's CPU, in its hypercall,
 * with no lock held.
 */
typedef void (*evtchn_fn)(void *ctx);

/* At most so many ports for this domain, before it runs. */
void evtchn_set_limit(struct domain *d, unsigned int ports);

/* A new port of `d` whose other end is the hypervisor. -ENOSPC, -ENOMEM. */
MUST_CHECK int evtchn_alloc_hv(struct domain *d, evtchn_fn fn, void *ctx, unsigned int *port);

/*
 * Bind the hypervisor to a port that the guest allocated unbound for
 * DOMID_HV. Nothing becomes pending. -EINVAL (not such a port), -ENOMEM.
 */
MUST_CHECK int evtchn_bind_hv(struct domain *d, unsigned int port, evtchn_fn fn, void *ctx);

/*
 * The hypervisor leaves the port: it becomes unbound for DOMID_HV again. fn
 * may still be running on another CPU: free ctx by quiesce_call(). A port
 * that is not bound to `ctx` any more (the guest may close it at any time) is
 * left alone.
 */
void evtchn_unbind_hv(struct domain *d, unsigned int port, const void *ctx);

/*
 * Offer a driver domain an end of a channel to the hypervisor: it finds it as
 * port *offer of domain DOMID_HV, and binds a port of its own to it
 * (bind_interdomain). -ENOSPC, -ENOMEM, -EINVAL (it is going away).
 */
#define EVTCHN_OFFERS	32U
MUST_CHECK int evtchn_offer_hv(struct domain *d, evtchn_fn fn, void *ctx, unsigned int *offer);
/*
 * Take the offer back; a port that is bound to it becomes unbound. fn may still be
 * running on another CPU. Not after the domain's teardown took its ports.
 */
void evtchn_withdraw_hv(struct domain *d, unsigned int offer);
/* As evtchn_notify() for the port that is bound to an offer, if one is. */
void evtchn_notify_offer(struct domain *d, unsigned int offer);

/*
 * Raise an event on the guest's port; nothing happens if the port is not
 * bound. Any CPU; cheap; locks may be held.
 */
void evtchn_notify(struct domain *d, unsigned int port);

/*
 * A vCPU has a vcpu_info now: tell it about all events that wait. The guest
 * finds out itself which.
 */
void evtchn_vcpu_ready(struct vcpu *v);

/* True if `port` is pending; the mask does not matter. */
bool evtchn_is_pending(const struct domain *d, unsigned int port);

/* How many ports are in use; may be off while they change. No lock. */
unsigned int evtchn_count(const struct domain *d);

/* The hypercall (32). */
long evtchn_op(struct vcpu *v, uint64_t cmd, uint64_t arg);

/*
 * Registers its domain_ops. A domain's creation makes the table and the
 * shared_info page, too.
 */
void evtchn_init(void);

#endif
