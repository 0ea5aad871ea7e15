/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grant tables and the hypervisor's use of grants.
 *
 * The guest writes entries at any time: an entry is read once, as one 64-bit
 * word, so that flags, domain and frame belong together.
 *
 * Locking: the table's lock for growth, marks and pins; grant_frame() reads
 * without it. Table and frames are freed by quiesce_call().
 * Invariants: an entry is marked by the hypervisor if and only if its `uses`
 * is not 0, which counts pins and pieces; all pins of a reference have the same
 * page.
 */
#include "xen/grant.h"

#include "kern/log.h"
#include "mem/frame.h"
#include "mem/guest.h"
#include "mem/heap.h"
#include "xen/abi.h"
#include "xen/grant_map.h"
#include "xen/guest_word.h"

#define GRANT_MAX	(GRANT_MAX_FRAMES * GRANT_ENTRIES_PER_FRAME)

/* An entry as a word: flags in bits 15:0, domain in 31:16, frame in 63:32. */
#define ENTRY_DOMID_SHIFT	16
#define ENTRY_FRAME_SHIFT	32
#define ENTRY_TYPE_MASK		((uint64_t)GTF_TYPE_MASK)
/* What must be as ENTRY_GOOD: granted to the hypervisor, nothing unusual. */
#define ENTRY_CHECK_MASK	(0xffffULL << ENTRY_DOMID_SHIFT | GTF_TYPE_MASK | \
				 GTF_CACHE_MASK | GTF_SUB_PAGE)
#define ENTRY_GOOD		((uint64_t)DOMID_HV << ENTRY_DOMID_SHIFT | GTF_PERMIT_ACCESS)

#define ENTRY_IN_USE		((uint64_t)(GTF_READING | GTF_WRITING))

static uint64_t *entry_find(const struct grant_table *t, uint32_t ref)
{
	uint64_t *frame;

	if (unlikely(t == NULL || ref >= t->frame_limit * GRANT_ENTRIES_PER_FRAME)) {
		return NULL;
	}
	/* Within the table also when that branch was mispredicted. */
	ref &= GRANT_MAX - 1;
	/* Acquire: pairs with the release in grow_locked(). */
	frame = atomic_load_explicit(&t->frame[ref / GRANT_ENTRIES_PER_FRAME],
				     memory_order_acquire);
	return frame != NULL ? &frame[ref % GRANT_ENTRIES_PER_FRAME] : NULL;
}

static inline bool entry_is_good(uint64_t e, bool write)
{
	return (e & ENTRY_CHECK_MASK) == ENTRY_GOOD && (!write || (e & GTF_READONLY) == 0);
}

/* Why the entry is not good. */
static int entry_error(uint64_t e)
{
	return (e & ENTRY_TYPE_MASK) == GTF_PERMIT_ACCESS ? -EACCES : -ENOENT;
}

/* The page behind a good entry. */
static inline int entry_page(struct domain *d, uint64_t e, bool write, void **page)
{
	return p2m_page(&d->p2m, GFN(e >> ENTRY_FRAME_SHIFT),
			P2M_OWNED | S2_READ | (write ? S2_WRITE : 0), page);
}

int grant_frame(struct domain *d, uint32_t ref, bool write, void **page)
{
	const uint64_t *entry = entry_find(READ_ONCE(d->grant), ref);
	uint64_t e;

	if (unlikely(entry == NULL)) {
		return -ENOENT;
	}
	e = READ_ONCE(*entry);
	if (unlikely(!entry_is_good(e, write))) {
		return entry_error(e);
	}
	return entry_page(d, e, write, page);
}

/* Where the uses of a reference are counted that has an entry. */
static inline uint16_t *uses_find_locked(struct grant_table *t, uint32_t ref)
{
	return t->uses[ref / GRANT_ENTRIES_PER_FRAME] + ref % GRANT_ENTRIES_PER_FRAME;
}

/* Mark a good entry in use once more; *out is what it was then. */
static inline int entry_mark_locked(struct grant_table *t, uint64_t *entry, uint32_t ref,
				    bool write, uint64_t *out)
{
	uint64_t mark = write ? ENTRY_IN_USE : GTF_READING;
	uint16_t *uses = uses_find_locked(t, ref);
	uint64_t e = READ_ONCE(*entry);

	if (unlikely(*uses == UINT16_MAX)) {
		return -ENOSPC;
	}
	for (unsigned int i = 0; i < GUEST_WORD_TRIES; i++) {
		if (!entry_is_good(e, write)) {
			return entry_error(e);
		}
		if (arch_word_try((_Atomic uint64_t *)entry, &e, e | mark)) {
			++*uses;
			*out = e;
			return 0;
		}
	}
	return -EBUSY;
}

/* One use of an entry ended; all our accesses of its page come before. */
static inline void entry_unmark_locked(struct domain *d, struct grant_table *t,
				       uint64_t *entry, uint32_t ref)
{
	uint64_t old;

	if (--*uses_find_locked(t, ref) == 0) {
		(void)guest_word_change(d, entry, ENTRY_IN_USE, 0, &old);
	}
}

static int pin_locked(struct domain *d, struct grant_table *t, uint64_t *entry,
		      uint32_t ref, void **page)
{
	uint64_t e;
	int err = entry_mark_locked(t, entry, ref, true, &e);

	if (err != 0) {
		return err;
	}
	/* While it is in use, a grant means the page that it meant first. */
	*page = pin_page_of_ref_locked(&t->pins, ref);
	if (*page == NULL) {
		err = entry_page(d, e, true, page);
	}
	if (err == 0) {
		err = pin_add_locked(&t->pins, *page, ref);
	}
	if (err != 0) {
		entry_unmark_locked(d, t, entry, ref);
	}
	return err;
}

int grant_pin(struct domain *d, uint32_t ref, void **page)
{
	struct grant_table *t = READ_ONCE(d->grant);
	uint64_t *entry = entry_find(t, ref);
	int err;

	if (entry == NULL) {
		return -ENOENT;
	}
	spin_lock(&t->lock);
	err = pin_locked(d, t, entry, ref, page);
	spin_unlock(&t->lock);
	return err;
}

void grant_unpin(struct domain *d, uint32_t ref)
{
	struct grant_table *t = READ_ONCE(d->grant);
	uint64_t *entry = entry_find(t, ref);

	if (entry == NULL) {
		return;
	}
	spin_lock(&t->lock);
	if (pin_remove_locked(&t->pins, NULL, ref)) {
		entry_unmark_locked(d, t, entry, ref);
	}
	spin_unlock(&t->lock);
}

/* --- pieces ------------------------------------------------------------------- */

int grant_pieces_reserve(struct domain *d, uint32_t n)
{
	struct grant_table *t = READ_ONCE(d->grant);
	int err;

	if (t == NULL) {
		return -EINVAL;
	}
	spin_lock(&t->lock);
	err = page_counts_reserve(&t->pages, n);
	spin_unlock(&t->lock);
	return err;
}

void grant_pieces_release(struct domain *d, uint32_t n)
{
	struct grant_table *t = READ_ONCE(d->grant);

	if (t != NULL) {
		spin_lock(&t->lock);
		page_counts_release(&t->pages, n);
		spin_unlock(&t->lock);
	}
}

/* The page behind a good entry, often in the block `b` where the last one was. */
static inline int block_page(struct domain *d, uint64_t e, bool write, struct p2m_block *b,
			     void **page)
{
	unsigned int want = P2M_OWNED | S2_READ | (write ? S2_WRITE : 0);
	uint64_t gfn = e >> ENTRY_FRAME_SHIFT;

	if (gfn - b->gfn.v >= b->pages && p2m_lookup_block(&d->p2m, GFN(gfn), b) != 0) {
		b->pages = 0;
		return -EFAULT;
	}
	if ((b->attr & want) != want) {
		return -EFAULT;
	}
	*page = hpa_to_va(HPA(b->pa.v + ((gfn - b->gfn.v) << PAGE_SHIFT)));
	return 0;
}

static int piece_use_locked(struct domain *d, struct grant_table *t, struct grant_piece *p,
			    bool write, struct p2m_block *b)
{
	uint64_t *entry = entry_find(t, p->ref);
	uint64_t e;
	int err;

	if (unlikely(entry == NULL)) {
		return -ENOENT;
	}
	err = entry_mark_locked(t, entry, p->ref, write, &e);
	if (unlikely(err != 0)) {
		return err;
	}
	err = block_page(d, e, write, b, &p->page);
	if (err == 0 && unlikely(!page_count_add(&t->pages, p->page))) {
		err = -ENOSPC;
	}
	if (unlikely(err != 0)) {
		entry_unmark_locked(d, t, entry, p->ref);
	}
	return err;
}

static void pieces_unuse_locked(struct domain *d, struct grant_table *t,
				const struct grant_piece *piece, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		page_count_drop(&t->pages, piece[i].page);
		entry_unmark_locked(d, t, entry_find(t, piece[i].ref), piece[i].ref);
	}
}

int grant_pieces_use(struct domain *d, struct grant_piece *piece, unsigned int n, bool write)
{
	struct grant_table *t = READ_ONCE(d->grant);
	struct p2m_block block = { .pages = 0 };
	int err = 0;

	if (t == NULL) {
		return -EINVAL;
	}
	/* The map of its RAM doesn't change while the lock is held (xen/pin.c). */
	spin_lock(&t->lock);
	for (unsigned int i = 0; i < n; i++) {
		err = piece_use_locked(d, t, &piece[i], write, &block);
		if (err != 0) {
			pieces_unuse_locked(d, t, piece, i);
			break;
		}
	}
	spin_unlock(&t->lock);
	return err;
}

void grant_pieces_unuse(struct domain *d, const struct grant_piece *piece, unsigned int n)
{
	struct grant_table *t = READ_ONCE(d->grant);

	if (t != NULL) {
		spin_lock(&t->lock);
		pieces_unuse_locked(d, t, piece, n);
		spin_unlock(&t->lock);
	}
}

void grant_held(const struct domain *d, struct grant_held *out)
{
	const struct grant_table *t = READ_ONCE(d->grant);

	*out = (struct grant_held){ 0 };
	if (t != NULL) {
		out->pins = READ_ONCE(t->pins.count);
		out->pieces = READ_ONCE(t->pages.uses);
	}
}

static int grow_locked(struct grant_table *t, unsigned int count)
{
	while (t->frame_count < count) {
		uint16_t *uses = heap_alloc(GRANT_ENTRIES_PER_FRAME * sizeof(*uses));
		uint64_t *frame = uses != NULL ? frame_alloc(0, FRAME_ZERO) : NULL;

		if (frame == NULL) {
			heap_free(uses);
			return -ENOMEM;
		}
		t->uses[t->frame_count] = uses;
		atomic_store_explicit(&t->frame[t->frame_count], frame,
				      memory_order_release);
		t->frame_count++;
	}
	return 0;
}

void *grant_table_frame(struct domain *d, unsigned int idx)
{
	struct grant_table *t = READ_ONCE(d->grant);
	void *frame = NULL;

	if (t == NULL || idx >= t->frame_limit) {
		return NULL;
	}
	spin_lock(&t->lock);
	if (grow_locked(t, idx + 1) == 0) {
		frame = atomic_load_explicit(&t->frame[idx], memory_order_relaxed);
	}
	spin_unlock(&t->lock);
	return frame;
}

void grant_set_limit(struct domain *d, unsigned int frames)
{
	if (frames > GRANT_MAX_FRAMES) {
		log_warn("grant", "%s: %u grant frames are too many, it gets %u", d->name, frames,
			 GRANT_MAX_FRAMES);
		frames = GRANT_MAX_FRAMES;
	}
	d->grant->frame_limit = frames;
}

/* --- the hypercall ---------------------------------------------------------- */

static bool dom_is_self(const struct domain *d, uint16_t dom)
{
	return dom == DOMID_SELF || dom == d->id;
}

static long op_query_size(struct vcpu *v, uint64_t arg)
{
	const struct grant_table *t = READ_ONCE(v->domain->grant);
	struct gnttab_query_size op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (dom_is_self(v->domain, op.dom) && t != NULL) {
		op.frames = READ_ONCE(t->frame_count);
		op.max_frames = t->frame_limit;
		op.status = GNTST_OKAY;
	} else {
		op.frames = 0;
		op.max_frames = 0;
		op.status = GNTST_BAD_DOMAIN;
	}
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

static long op_set_version(struct vcpu *v, uint64_t arg)
{
	uint32_t version;

	if (guest_copy_from(&v->arch, &version, arg, sizeof(version)) != 0) {
		return -EFAULT;
	}
	switch (version) {
	case 1:
		return 0;
	case 2:
		return -ENOSYS;
	default:
		return -EINVAL;
	}
}

static long op_get_version(struct vcpu *v, uint64_t arg)
{
	struct gnttab_get_version op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (!dom_is_self(v->domain, op.dom)) {
		return -EPERM;
	}
	op.version = 1;
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

long grant_op(struct vcpu *v, uint64_t cmd, uint64_t arg, uint64_t count)
{
	long (*op)(struct vcpu *v, uint64_t arg);

	switch (cmd) {
	case GNTTABOP_QUERY_SIZE:
		op = op_query_size;
		break;
	case GNTTABOP_SET_VERSION:
		op = op_set_version;
		break;
	case GNTTABOP_GET_VERSION:
		op = op_get_version;
		break;
	case GNTTABOP_MAP_GRANT_REF:
		return grant_map(v, arg, count);
	case GNTTABOP_UNMAP_GRANT_REF:
		return grant_unmap(v, arg, count);
	default:
		return -ENOSYS;
	}
	return count == 1 ? op(v, arg) : -EINVAL;
}

/* --- life with the domain --------------------------------------------------- */

static void table_free(struct quiesce *q)
{
	struct grant_table *t = container_of(q, struct grant_table, quiesce);

	for (unsigned int i = 0; i < t->frame_count; i++) {
		frame_free(t->frame[i], 0);
		heap_free(t->uses[i]);
	}
	page_counts_fini(&t->pages);
	grant_maps_free(t);
	heap_free(t);
}

/* The table exists from the start, so that no operation can come before it. */
static int grant_create(struct domain *d)
{
	struct grant_table *t = heap_alloc(sizeof(*t));

	if (t == NULL) {
		return -ENOMEM;
	}
	spin_init(&t->lock, LOCK_GRANT);
	t->frame_limit = GRANT_DEFAULT_FRAMES;
	if (grow_locked(t, 1) != 0) {
		heap_free(t);
		return -ENOMEM;
	}
	d->grant = t;
	return 0;
}

static bool grant_destroy(struct domain *d)
{
	struct grant_table *t = d->grant;

	if (t != NULL) {
		WRITE_ONCE(d->grant, NULL);
		grant_maps_end(d, t);
		quiesce_call(&t->quiesce, table_free);
	}
	return false;
}

void grant_init(void)
{
	static const struct domain_ops ops = {
		.name = "grant",
		.create = grant_create,
		.destroy = grant_destroy,
	};

	domain_register_ops(&ops);
}
