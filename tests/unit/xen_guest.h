/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helpers for tests of hv/xen: a guest that makes hypercalls.
 *
 * Guest virtual addresses equal physical ones. The first page of RAM holds
 * arguments, the second gives way to shared_info.
 */
#ifndef TESTS_XEN_GUEST_H
#define TESTS_XEN_GUEST_H

#include <string.h>

#include "harness.h"
#include "vm/domain.h"
#include "xen/abi.h"

#define XG_ARG		HOST_GUEST_GPA
#define XG_SHARED_GFN	(HOST_GUEST_GFN + 1)
#define XG_GRANT_GFN	0x38000ULL

/* A hypercall (nr, cmd) whose structure goes in and comes back. */
static inline long xg_op(struct vcpu *v, uint64_t nr, uint64_t cmd, void *op, size_t size)
{
	long ret;

	host_write(v->domain, XG_ARG, op, size);
	ret = host_hypercall(v, nr, cmd, XG_ARG, 1);
	host_read(v->domain, XG_ARG, op, size);
	return ret;
}

static inline long xg_physmap(struct vcpu *v, uint32_t space, uint64_t idx, uint64_t gfn)
{
	struct mem_add_to_physmap op = {
		.domid = DOMID_SELF, .size = 0xdead, .space = space, .idx = idx, .gfn = gfn,
	};

	return xg_op(v, HC_MEMORY_OP, XENMEM_ADD_TO_PHYSMAP, &op, sizeof(op));
}

static inline struct shared_info *xg_shared(struct domain *d)
{
	return host_page(d, XG_SHARED_GFN);
}

/* Map shared_info and grant frame 0 as a guest does at its start. */
static inline void xg_start(struct domain *d)
{
	if (xg_physmap(d->vcpus[0], XENMAPSPACE_SHARED_INFO, 0, XG_SHARED_GFN) != 0 ||
	    xg_physmap(d->vcpus[0], XENMAPSPACE_GRANT_TABLE, 0, XG_GRANT_GFN) != 0) {
		host_fatal("a guest can't map its shared pages");
	}
}

static inline long xg_alloc_unbound(struct vcpu *v, unsigned int remote)
{
	struct evtchn_alloc_unbound op = {
		.dom = DOMID_SELF, .remote_dom = (uint16_t)remote,
	};
	long ret = xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_ALLOC_UNBOUND, &op, sizeof(op));

	return ret == 0 ? (long)op.port : ret;
}

/* An operation on a port without results: close, send, unmask. */
static inline long xg_port_op(struct vcpu *v, uint64_t cmd, unsigned int port)
{
	uint32_t op = port;

	return xg_op(v, HC_EVENT_CHANNEL_OP, cmd, &op, sizeof(op));
}

static inline struct grant_entry *xg_entry(struct domain *d, unsigned int ref)
{
	struct grant_entry *frame = host_page(d, XG_GRANT_GFN + ref / GRANT_ENTRIES_PER_FRAME);

	return &frame[ref % GRANT_ENTRIES_PER_FRAME];
}

static inline void xg_grant(struct domain *d, unsigned int ref, uint64_t gfn, unsigned int flags)
{
	*xg_entry(d, ref) = (struct grant_entry){
		.flags = (uint16_t)flags, .domid = DOMID_HV, .frame = (uint32_t)gfn,
	};
}

/* decrease_reservation or populate_physmap of `count` frames from `gfn` on. */
static inline long xg_reserve(struct vcpu *v, uint64_t cmd, uint64_t gfn, uint64_t count,
			      unsigned int order)
{
	struct mem_reservation op = {
		.extents = XG_ARG + 256, .count = count, .order = order, .domid = DOMID_SELF,
	};

	for (uint64_t i = 0; i < count; i++) {
		uint64_t g = gfn + (i << order);

		host_write(v->domain, op.extents + i * sizeof(g), &g, sizeof(g));
	}
	return xg_op(v, HC_MEMORY_OP, cmd, &op, sizeof(op));
}

#endif
