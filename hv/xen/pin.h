/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a guest that the hypervisor uses for long (rings, vcpu_info,
 * runstate), and changes of the guest's memory map that must leave them
 * alone. There are no reference counts per page: docs/decisions.
 *
 * Locking: LOCK_GRANT of the domain (struct grant_table).
 */
#ifndef XEN_PIN_H
#define XEN_PIN_H

#include "lib/types.h"

struct domain;
struct p2m_loan;
struct vcpu;

/*
 * Enough for 8 vCPUs' areas (3 each) and the rings of 10 devices with 8
 * queues of two pages.
 */
#define PIN_MAX		192U
#define PIN_NO_REF	UINT32_MAX

struct page_pin {
	void *page;
	uint32_t ref;			/* the grant, or PIN_NO_REF */
};

struct pin_set {
	unsigned int count;
	struct page_pin pin[PIN_MAX];
};

/*
 * Pin a page of the domain's RAM by frame number. -EFAULT not such a page,
 * -ENOSPC too many pins, -EINVAL the domain is going away.
 */
MUST_CHECK int page_pin(struct domain *d, gfn_t gfn, void **page);

/*
 * The same by virtual address of the running vCPU, as its kernel could write
 * it. `*page` is the start of the page. Any of its pages, also those of the
 * hypervisor that it sees, but not those that it maps by grants (-EFAULT).
 */
MUST_CHECK int page_pin_va(struct vcpu *v, uint64_t va, void **page);

/* Undo one page_pin or page_pin_va that gave `page`. */
void page_unpin(struct domain *d, const void *page);

bool page_is_pinned(struct domain *d, const void *page);

/*
 * Map a page of the hypervisor at `gfn` of the guest's map, in the place of
 * what is there. -EBUSY that is pinned, or a device, -EINVAL no such frame, -ENOMEM (the
 * tables' limit, too).
 */
MUST_CHECK int physmap_set(struct domain *d, gfn_t gfn, void *page);

/* Give the guest a new zeroed page at `gfn`. -EEXIST, -EINVAL, -ENOMEM. */
MUST_CHECK int physmap_populate(struct domain *d, gfn_t gfn);

/*
 * Take a page of the guest's own RAM away. -EBUSY it is pinned, -EINVAL not
 * such a page, -ENOMEM.
 */
MUST_CHECK int physmap_clear(struct domain *d, gfn_t gfn);

/*
 * For hv/xen/grant_map.c, which holds the lock: p2m_lend() within the limit of
 * the tables.
 */
void physmap_lend_locked(struct domain *d, struct p2m_loan *loan, unsigned int n);

/* For hv/xen/grant.c: caller holds the lock. 0 or -ENOSPC. */
MUST_CHECK int pin_add_locked(struct pin_set *s, void *page, uint32_t ref);
/* Remove one; `page` NULL: any. True if it was there. */
bool pin_remove_locked(struct pin_set *s, const void *page, uint32_t ref);
/* The page that is pinned for a grant, or NULL. */
void *pin_page_of_ref_locked(const struct pin_set *s, uint32_t ref);

#endif
