/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercall memory_op. See memory_op.h.
 */
#include "xen/memory_op.h"

#include "mem/guest.h"
#include "xen/abi.h"
#include "xen/grant.h"

/* Largest extent: a page of a guest with 64 KiB pages. */
#define EXTENT_ORDER_MAX	4U
#define GFN_CHUNK		64U	/* frame numbers copied in at once */

static bool dom_is_self(const struct domain *d, uint16_t dom)
{
	return dom == DOMID_SELF || dom == d->id;
}

static long op_add_to_physmap(struct vcpu *v, uint64_t arg)
{
	struct domain *d = v->domain;
	struct mem_add_to_physmap op;
	void *page;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (!dom_is_self(d, op.domid)) {
		return -EPERM;
	}
	switch (op.space) {
	case XENMAPSPACE_SHARED_INFO:
		if (op.idx != 0) {
			return -EINVAL;
		}
		page = atomic_load(&d->shared_info);
		break;
	case XENMAPSPACE_GRANT_TABLE:
		if (op.idx >= d->grant->frame_limit) {
			return -EINVAL;
		}
		page = grant_table_frame(d, (unsigned int)op.idx);
		break;
	default:
		return -ENOSYS;
	}
	return page != NULL ? physmap_set(d, GFN(op.gfn), page) : -ENOMEM;
}

/* One extent of 2^order pages; what went before an error stays gone. */
static int extent_decrease(struct domain *d, uint64_t gfn, unsigned int order)
{
	int err = 0;

	for (uint64_t i = 0; i < 1ULL << order && err == 0; i++) {
		err = physmap_clear(d, GFN(gfn + i));
	}
	return err;
}

static int extent_populate(struct domain *d, uint64_t gfn, unsigned int order)
{
	for (uint64_t i = 0; i < 1ULL << order; i++) {
		int err = physmap_populate(d, GFN(gfn + i));

		if (err != 0) {
			/* The guest keeps what can't be taken back. */
			while (i-- > 0 && physmap_clear(d, GFN(gfn + i)) == 0) {
			}
			return err;
		}
	}
	return 0;
}

typedef int extent_fn(struct domain *d, uint64_t gfn, unsigned int order);

/* Call `fn` for the extents; how many it did. */
static uint64_t extents_do(struct vcpu *v, const struct mem_reservation *op, extent_fn *fn)
{
	uint64_t count = MIN(op->count, MEMORY_OP_PAGES >> op->order);
	uint64_t gfns[GFN_CHUNK];
	uint64_t done = 0;

	while (done < count) {
		uint64_t n = MIN(count - done, GFN_CHUNK);

		if (guest_copy_from(&v->arch, gfns, op->extents + done * sizeof(gfns[0]),
				    n * sizeof(gfns[0])) != 0) {
			return done;
		}
		for (uint64_t i = 0; i < n; i++, done++) {
			if (fn(v->domain, gfns[i], op->order) != 0) {
				return done;
			}
		}
	}
	return done;
}

static long op_reservation(struct vcpu *v, uint64_t arg, extent_fn *fn)
{
	struct mem_reservation op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (!dom_is_self(v->domain, op.domid)) {
		return -EPERM;
	}
	if (op.order > EXTENT_ORDER_MAX) {
		return -EPERM;
	}
	return (long)extents_do(v, &op, fn);
}

static long op_count(struct vcpu *v, uint64_t arg, uint64_t pages)
{
	uint16_t domid;

	if (guest_copy_from(&v->arch, &domid, arg, sizeof(domid)) != 0) {
		return -EFAULT;
	}
	return dom_is_self(v->domain, domid) ? (long)pages : -EPERM;
}

long memory_op(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
	struct domain *d = v->domain;

	switch (cmd) {
	case XENMEM_ADD_TO_PHYSMAP:
		return op_add_to_physmap(v, arg);
	case XENMEM_DECREASE_RESERVATION:
		return op_reservation(v, arg, extent_decrease);
	case XENMEM_POPULATE_PHYSMAP:
		return op_reservation(v, arg, extent_populate);
	case XENMEM_CURRENT_RESERVATION:
		return op_count(v, arg, READ_ONCE(d->p2m.page_count));
	case XENMEM_MAXIMUM_RESERVATION:
		return op_count(v, arg, d->max_pages);
	default:
		return -ENOSYS;
	}
}
