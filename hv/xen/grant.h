/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables, version 1 (xen/grant_table.h), and the hypervisor's own use
 * of a guest's grants.
 *
 * Locking: LOCK_GRANT of the granting domain for growth and pins (see
 * xen/pin.h); grant_frame() takes no lock.
 */
#ifndef XEN_GRANT_H
#define XEN_GRANT_H

#include "vm/domain.h"
#include "xen/page_count.h"
#include "xen/pin.h"

#define GRANT_MAX_FRAMES	256U	/* 512 entries each */
#define GRANT_DEFAULT_FRAMES	64U

struct grant_table {
	struct quiesce quiesce;
	struct spinlock lock;
	unsigned int frame_count;	/* under lock; frames 0 .. count - 1 exist */
	unsigned int frame_limit;	/* set before the domain runs */
	/* Entries as words, see abi.h; a frame never goes away or moves. */
	_Atomic(uint64_t *) frame[GRANT_MAX_FRAMES];
	/* Under lock: how often each reference is in use or pinned. */
	uint16_t *uses[GRANT_MAX_FRAMES];
	struct page_counts pages;	/* under lock: in use by pieces */
	struct pin_set pins;		/* under lock */
	struct grant_maps *maps;	/* of a driver domain: xen/grant_map.h */
};

/* A part of a granted page, for I/O that outlives the guest's call. */
struct grant_piece {
	void *page;			/* set by grant_pieces_use() */
	uint32_t ref;
	uint16_t offset;
	uint16_t len;			/* offset + len <= PAGE_SIZE */
};

/*
 * The page that `d` grants to the hypervisor by `ref`, for use at once: the
 * address is good until this CPU's next exit path. Nothing is marked in the
 * entry (a copy that ends within the call needs no mark). `write` asks for a
 * writable grant. Only the domain's own RAM can be granted.
 * -ENOENT no such or no active grant, -EACCES wrong domain or read-only or
 * flags that the hypervisor does not serve, -EFAULT no RAM behind it.
 */
MUST_CHECK int grant_frame(struct domain *d, uint32_t ref, bool write, void **page);

/*
 * The same for longer (rings), writable: marks the entry in use
 * (reading|writing) and pins the page, so that the guest can neither end the
 * grant nor give the page back. Undone by grant_unpin(), once for each pin.
 * Pinned again, a reference gives the same page whatever its entry says then.
 * Errors as above and -ENOSPC too many pins, -EBUSY the guest changes the
 * entry without end.
 */
MUST_CHECK int grant_pin(struct domain *d, uint32_t ref, void **page);
void grant_unpin(struct domain *d, uint32_t ref);

/*
 * Room for `n` more pieces in use at a time, for a device; released when none
 * of them is in use any more. -ENOMEM, -ENOSPC, -EINVAL (the domain is going
 * away).
 */
MUST_CHECK int grant_pieces_reserve(struct domain *d, uint32_t n);
void grant_pieces_release(struct domain *d, uint32_t n);

/*
 * Take the pages of `n` pieces into use, for writing if `write`: the entries are
 * marked and the guest can neither end the grants nor give the pages back
 * until grant_pieces_unuse(). All or none. A page or a reference may be in use
 * any number of times. Errors of grant_pin().
 */
MUST_CHECK int grant_pieces_use(struct domain *d, struct grant_piece *piece, unsigned int n,
				bool write);
/* Nobody touches the pages any more. */
void grant_pieces_unuse(struct domain *d, const struct grant_piece *piece, unsigned int n);

/* What the hypervisor holds of a domain's memory; may be off while that changes. */
struct grant_held {
	unsigned int pins;		/* rings, and pages that it registered */
	unsigned int pieces;		/* grants of requests under way */
};

/* No lock. */
void grant_held(const struct domain *d, struct grant_held *out);

/*
 * At most so many frames for this domain (no more than GRANT_MAX_FRAMES), before
 * it runs.
 */
void grant_set_limit(struct domain *d, unsigned int frames);

/*
 * The hypervisor page that holds frame `idx` of the table, growing the table;
 * NULL if beyond the limit or no memory.
 */
void *grant_table_frame(struct domain *d, unsigned int idx);

/* The hypercall (20). */
long grant_op(struct vcpu *v, uint64_t cmd, uint64_t arg, uint64_t count);

void grant_init(void);			/* registers its domain_ops */

#endif
