/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor grants to driver domains, and their maps of it
 * (xen/grant_table.h: map_grant_ref, unmap_grant_ref).
 *
 * A front end of the hypervisor opens a range of references for one domain and
 * gives pages by them, which the domain maps at frames that it gave back before. There
 * are two kinds. A page that is given as it is, a ring, is shown to the domain. A page of
 * data is only where the data is while the domain maps it nowhere: a direct-mapped
 * domain's devices know a frame by its address, so what it maps is its own frame that
 * was there, and the data moves to it (docs/decisions/0020-data-in-the-drivers-frames.md).
 * Its devices may work with that frame until it unmaps it or until the domain has
 * ended, its devices were stopped, and `gone` was called.
 *
 * Locking: LOCK_GRANT of the mapping domain (struct grant_table), and under it
 * LOCK_GRANT_DATA of the range for where its data is; both inside.
 * Invariants: a page is reachable for the domain only while its grant's `maps`
 * isn't 0, and a range isn't closed before. Each handle in use stands for one map.
 * Data is in the frame where it was mapped last, or, if that was unmapped, in its page.
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

/* Let a domain that is being built map what the hypervisor grants. -ENOMEM. */
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

/*
 * The same for data, for writing: from now on it is reached by the functions below
 * only. What `page` holds is lost when the range is closed.
 */
void hv_grants_give_data(struct hv_grants *g, unsigned int i, void *page);

/*
 * Copy pieces of pages to data, or, if `back`, data to them. It begins at grant `i` and
 * goes on in those that follow. The caller keeps the range from being closed.
 */
void hv_grants_copy(struct hv_grants *g, unsigned int i, const struct grant_piece *piece,
		    unsigned int n, bool back);

/* The operations of hypercall 20. */
long grant_map(struct vcpu *v, uint64_t arg, uint64_t count);
long grant_unmap(struct vcpu *v, uint64_t arg, uint64_t count);

/* For hv/xen/pin.c, which holds the lock: the domain, whose table it is, maps that page. */
bool grant_is_mapped_locked(const struct domain *d, const struct grant_table *t, const void *page);

/* For hv/xen/grant.c: the domain has ended; later, nobody finds the table. */
void grant_maps_end(struct domain *d, struct grant_table *t);
void grant_maps_free(struct grant_table *t);

#endif
