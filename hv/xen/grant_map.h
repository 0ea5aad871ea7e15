/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor grants to driver domains, and their maps of it
 * (xen/grant_table.h: map_grant_ref, unmap_grant_ref).
 *
 * A front end of the hypervisor opens a range of references for one domain and
 * gives pages by them. The domain maps them at frames that it gave back before; from
 * then on its devices may work with the page, until it unmaps it or until the domain
 * has ended, its devices were stopped, and `gone` was called.
 *
 * Locking: LOCK_GRANT of the mapping domain (struct grant_table), inside.
 * Invariants: a page is reachable for the domain only while its grant's `maps`
 * isn't 0, and a range isn't closed before. Each handle in use stands for one map.
 */
#ifndef XEN_GRANT_MAP_H
#define XEN_GRANT_MAP_H

#include "vm/domain.h"
#include "xen/grant.h"

#define HV_GRANT_RANGES	16U
#define HV_GRANTS_MAX	4096U		/* references of a range */
#define GRANT_OPS_MAX	1024U		/* operations of one hypercall */

/* A range of references. */
struct hv_grants;

/*
 * Let a domain that is being built map what the hypervisor grants. It is
 * direct-mapped: its devices reach pages by their machine addresses. -ENOMEM.
 */
MUST_CHECK int grant_maps_enable(struct domain *d);

/*
 * Open a range of `n` references for `d`. `gone(ctx)` is called, with no lock held,
 * when the domain ended and nothing of it works with the pages any more; the range
 * is closed then. -EPERM (it may not map), -ENOSPC, -ENOMEM, -EINVAL (it is going
 * away).
 */
MUST_CHECK int hv_grants_open(struct domain *d, unsigned int n, void (*gone)(void *ctx),
			      void *ctx, struct hv_grants **out);

/* Close it. False: some page is still mapped, and nothing was done. */
MUST_CHECK bool hv_grants_close(struct hv_grants *g);

/* The reference by which the domain knows grant `i` of the range. */
uint32_t hv_grants_ref(const struct hv_grants *g, unsigned int i);

/* Grant `page` by reference `i` of the range, once and for all; for writing if `write`. */
void hv_grants_give(struct hv_grants *g, unsigned int i, void *page, bool write);

/* The operations of hypercall 20. */
long grant_map(struct vcpu *v, uint64_t arg, uint64_t count);
long grant_unmap(struct vcpu *v, uint64_t arg, uint64_t count);

/* For hv/xen/pin.c, which holds the lock: the table's domain maps that page. */
bool grant_is_mapped_locked(const struct grant_table *t, const void *page);

/* For hv/xen/grant.c: the domain has ended; later, nobody finds the table. */
void grant_maps_end(struct domain *d, struct grant_table *t);
void grant_maps_free(struct grant_table *t);

#endif
