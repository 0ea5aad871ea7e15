/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage-2 walker. See mem/p2m.h.
 *
 * Changing a valid entry follows break-before-make: clear, flush, set.
 * Frames and tables that a running guest could reach are freed after
 * quiescence, since look-ups take no lock; while no vCPU ever ran, at once.
 */
#include "mem/p2m.h"

#include "kern/log.h"
#include "kern/quiesce.h"
#include "mem/frame.h"
#include "mem/heap.h"

#define TABLE_ENTRIES	512U
#define LEVEL_BITS	9U
#define ROOT_PAGES	(1U << S2_ROOT_ORDER)
#define GFN_LIMIT	(1ULL << ((S2_LEAF_LEVEL - 1) * LEVEL_BITS + S2_ROOT_BITS))
#define FREE_STEP	512U		/* entries looked at in one p2m_free_step */

struct deferred_free {
	struct quiesce q;
	void *va;
	unsigned int order;
};

static void deferred_free_fn(struct quiesce *q)
{
	struct deferred_free *f = container_of(q, struct deferred_free, q);

	frame_free(f->va, f->order);
	heap_free(f);
}

static unsigned int level_order(unsigned int level)
{
	return (S2_LEAF_LEVEL - level) * LEVEL_BITS;
}

static size_t index_at(gfn_t gfn, unsigned int level)
{
	uint64_t i = gfn.v >> level_order(level);

	return level == 1 ? i & ((1U << S2_ROOT_BITS) - 1) : i & (TABLE_ENTRIES - 1);
}

static uint64_t *table_va(uint64_t pte, unsigned int level)
{
	return hpa_to_va(arch_s2_addr(pte, level));
}

int p2m_init(struct p2m *p, struct arch_domain *arch)
{
	spin_init(&p->lock, LOCK_P2M);
	p->root = frame_alloc(S2_ROOT_ORDER, FRAME_ZERO);
	p->arch = arch;
	p->table_count = ROOT_PAGES;
	p->page_count = 0;
	p->live = false;
	p->kept = false;
	return p->root != NULL ? 0 : -ENOMEM;
}

static inline int walk_run(const struct p2m *p, gfn_t gfn, hpa_t *pa, unsigned int *attr,
			   uint64_t *pages)
{
	const uint64_t *table = p->root;

	if (unlikely(gfn.v >= GFN_LIMIT)) {
		return -ENOENT;
	}
#pragma GCC unroll 3
	for (unsigned int level = 1; level <= S2_LEAF_LEVEL; level++) {
		uint64_t pte = READ_ONCE(table[index_at(gfn, level)]);
		uint64_t within;

		switch (arch_s2_kind(pte, level)) {
		case S2_TABLE:
			table = table_va(pte, level);
			continue;
		case S2_LEAF:
			within = gfn.v & ((1ULL << level_order(level)) - 1);
			*pa = HPA(arch_s2_addr(pte, level).v + (within << PAGE_SHIFT));
			*attr = arch_s2_attr(pte);
			*pages = (1ULL << level_order(level)) - within;
			return 0;
		case S2_NONE:
			return -ENOENT;
		}
	}
	return -ENOENT;
}

static int walk(const struct p2m *p, gfn_t gfn, hpa_t *pa, unsigned int *attr)
{
	uint64_t pages;

	return walk_run(p, gfn, pa, attr, &pages);
}

int p2m_lookup(struct p2m *p, gfn_t gfn, hpa_t *pa, unsigned int *attr)
{
	int err = walk(p, gfn, pa, attr);

	/* A change in progress makes entries invalid for a moment: wait for it. */
	if (err != 0 && p->live) {
		spin_lock(&p->lock);
		err = walk(p, gfn, pa, attr);
		spin_unlock(&p->lock);
	}
	return err;
}

int p2m_lookup_run(struct p2m *p, gfn_t gfn, hpa_t *pa, unsigned int *attr, uint64_t *pages)
{
	int err = walk_run(p, gfn, pa, attr, pages);

	if (err != 0 && p->live) {
		spin_lock(&p->lock);
		err = walk_run(p, gfn, pa, attr, pages);
		spin_unlock(&p->lock);
	}
	return err;
}

void p2m_settle(struct p2m *p)
{
	if (p->live) {
		spin_lock(&p->lock);
		spin_unlock(&p->lock);
	}
}

/*
 * Free a frame that was taken out of the tables. The record is allocated
 * before the entry changes, so this can't fail.
 */
static void free_frame_locked(struct p2m *p, struct deferred_free *f, hpa_t pa, unsigned int order)
{
	p->page_count -= 1ULL << order;
	if (p->kept) {
		return;
	}
	if (f == NULL) {
		frame_free(hpa_to_va(pa), order);
		return;
	}
	f->va = hpa_to_va(pa);
	f->order = order;
	quiesce_call(&f->q, deferred_free_fn);
}

static void flush_locked(struct p2m *p, gfn_t gfn, uint64_t count)
{
	if (p->live) {
		arch_s2_flush(p->arch, gfn, count);
	}
}

/* Put a table with the same meaning in the place of a large leaf. */
static int split_locked(struct p2m *p, uint64_t *slot, gfn_t gfn, unsigned int level)
{
	uint64_t pte = *slot;
	uint64_t *table = frame_alloc(0, FRAME_ZERO);
	uint64_t step = PAGE_SIZE << level_order(level + 1);
	hpa_t pa = arch_s2_addr(pte, level);
	uint64_t size = 1ULL << level_order(level);

	if (table == NULL) {
		return -ENOMEM;
	}
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		table[i] = arch_s2_leaf(HPA(pa.v + i * step), level + 1, arch_s2_attr(pte));
	}
	p->table_count++;
	arch_s2_set(slot, 0);
	flush_locked(p, GFN(gfn.v & ~(size - 1)), size);
	arch_s2_set(slot, arch_s2_table(va_to_hpa(table)));
	return 0;
}

/* The slot for `gfn` at `target` level, making or splitting on the way. */
static int slot_get_locked(struct p2m *p, gfn_t gfn, unsigned int target, uint64_t **out)
{
	uint64_t *table = p->root;

	for (unsigned int level = 1; level < target; level++) {
		uint64_t *slot = &table[index_at(gfn, level)];
		enum s2_kind kind = arch_s2_kind(*slot, level);

		if (kind == S2_LEAF) {
			int err = split_locked(p, slot, gfn, level);

			if (err != 0) {
				return err;
			}
		} else if (kind == S2_NONE) {
			uint64_t *t = frame_alloc(0, FRAME_ZERO);

			if (t == NULL) {
				return -ENOMEM;
			}
			p->table_count++;
			arch_s2_set(slot, arch_s2_table(va_to_hpa(t)));
		}
		table = table_va(*slot, level);
	}
	*out = &table[index_at(gfn, target)];
	return 0;
}

/* Take out the leaf in `slot`, if any, and free its frame if owned. */
static int slot_clear_locked(struct p2m *p, uint64_t *slot, gfn_t gfn, unsigned int level)
{
	uint64_t pte = *slot;
	struct deferred_free *f = NULL;

	if (arch_s2_kind(pte, level) != S2_LEAF) {
		return 0;
	}
	if (p->live && !p->kept && (arch_s2_attr(pte) & P2M_OWNED)) {
		f = heap_alloc(sizeof(*f));
		if (f == NULL) {
			return -ENOMEM;
		}
	}
	arch_s2_set(slot, 0);
	flush_locked(p, gfn, 1ULL << level_order(level));
	if (arch_s2_attr(pte) & P2M_OWNED) {
		free_frame_locked(p, f, arch_s2_addr(pte, level), level_order(level));
	}
	return 0;
}

int p2m_map(struct p2m *p, gfn_t gfn, hpa_t pa, unsigned int order, unsigned int attr)
{
	unsigned int level = 1;
	uint64_t *slot;
	uint64_t size;
	int err;

	while (level_order(level) != order) {
		if (level == S2_LEAF_LEVEL) {
			return -EINVAL;
		}
		level++;
	}
	size = 1ULL << order;
	if (gfn.v >= GFN_LIMIT || (gfn.v & (size - 1)) != 0 ||
	    (pa.v & ((size << PAGE_SHIFT) - 1)) != 0) {
		return -EINVAL;
	}
	spin_lock(&p->lock);
	err = slot_get_locked(p, gfn, level, &slot);
	if (err == 0 && arch_s2_kind(*slot, level) == S2_TABLE) {
		err = -EINVAL;
	}
	if (err == 0) {
		err = slot_clear_locked(p, slot, gfn, level);
	}
	if (err == 0) {
		arch_s2_set(slot, arch_s2_leaf(pa, level, attr));
		if (attr & P2M_OWNED) {
			p->page_count += size;
		}
	}
	spin_unlock(&p->lock);
	return err;
}

int p2m_unmap(struct p2m *p, gfn_t gfn)
{
	unsigned int attr;
	uint64_t *slot;
	hpa_t pa;
	int err;

	spin_lock(&p->lock);
	err = walk(p, gfn, &pa, &attr);
	if (err == 0) {
		err = slot_get_locked(p, gfn, S2_LEAF_LEVEL, &slot);
	}
	if (err == 0) {
		err = slot_clear_locked(p, slot, gfn, S2_LEAF_LEVEL);
	}
	spin_unlock(&p->lock);
	return err;
}

/* --- loans ------------------------------------------------------------------ */

/* The slot of one page if its table is there, or NULL. */
static uint64_t *page_slot_locked(const struct p2m *p, gfn_t gfn)
{
	uint64_t *table = p->root;

	if (unlikely(gfn.v >= GFN_LIMIT)) {
		return NULL;
	}
#pragma GCC unroll 2
	for (unsigned int level = 1; level < S2_LEAF_LEVEL; level++) {
		uint64_t pte = table[index_at(gfn, level)];

		if (unlikely(arch_s2_kind(pte, level) != S2_TABLE)) {
			return NULL;
		}
		table = table_va(pte, level);
	}
	return &table[index_at(gfn, S2_LEAF_LEVEL)];
}

/* .. and if it isn't, with a new one, unless a larger block is there. */
static int page_slot_make_locked(struct p2m *p, gfn_t gfn, uint64_t **out)
{
	unsigned int attr;
	hpa_t pa;

	if (gfn.v >= GFN_LIMIT) {
		return -EINVAL;
	}
	if (walk(p, gfn, &pa, &attr) == 0) {
		return -EEXIST;
	}
	return slot_get_locked(p, gfn, S2_LEAF_LEVEL, out);
}

static int lend_locked(struct p2m *p, const struct p2m_loan *l)
{
	unsigned int attr = P2M_FOREIGN | S2_READ | (l->write ? S2_WRITE : 0);
	uint64_t *slot = page_slot_locked(p, l->gfn);

	if (unlikely(slot == NULL)) {
		int err = page_slot_make_locked(p, l->gfn, &slot);

		if (err != 0) {
			return err;
		}
	}
	if (arch_s2_kind(*slot, S2_LEAF_LEVEL) != S2_NONE) {
		return -EEXIST;
	}
	arch_s2_set(slot, arch_s2_leaf(l->pa, S2_LEAF_LEVEL, attr));
	return 0;
}

void p2m_lend(struct p2m *p, struct p2m_loan *loan, unsigned int n)
{
	spin_lock(&p->lock);
	for (unsigned int i = 0; i < n; i++) {
		if (loan[i].err == 0) {
			loan[i].err = lend_locked(p, &loan[i]);
		}
	}
	spin_unlock(&p->lock);
}

static int unlend_locked(struct p2m *p, const struct p2m_loan *l)
{
	uint64_t *slot = page_slot_locked(p, l->gfn);

	if (slot == NULL || arch_s2_kind(*slot, S2_LEAF_LEVEL) != S2_LEAF ||
	    (arch_s2_attr(*slot) & P2M_FOREIGN) == 0 ||
	    arch_s2_addr(*slot, S2_LEAF_LEVEL).v != l->pa.v) {
		return -ENOENT;
	}
	arch_s2_set(slot, 0);
	return 0;
}

void p2m_take_back(struct p2m *p, struct p2m_loan *loan, unsigned int n)
{
	bool any = false;

	spin_lock(&p->lock);
	for (unsigned int i = 0; i < n; i++) {
		if (loan[i].err == 0) {
			loan[i].err = unlend_locked(p, &loan[i]);
			any |= loan[i].err == 0;
		}
	}
	/* Once for all: what costs is that the domain's translations are gone. */
	if (any && p->live) {
		arch_s2_flush_all(p->arch);
	}
	spin_unlock(&p->lock);
}

/*
 * Free what `table` holds, tables below it first; the depth is that of the
 * tables, three. True if the budget ran out.
 */
static bool table_free(struct p2m *p, uint64_t *table, unsigned int level, size_t count,
		       unsigned int *budget)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t pte = table[i];
		enum s2_kind kind = arch_s2_kind(pte, level);

		if (kind == S2_NONE) {
			continue;
		}
		if (*budget == 0) {
			return true;
		}
		(*budget)--;
		if (kind == S2_LEAF && (arch_s2_attr(pte) & P2M_OWNED)) {
			free_frame_locked(p, NULL, arch_s2_addr(pte, level), level_order(level));
		}
		if (kind == S2_TABLE) {
			uint64_t *child = table_va(pte, level);

			if (table_free(p, child, level + 1, TABLE_ENTRIES, budget)) {
				return true;
			}
			frame_free(child, 0);
			p->table_count--;
		}
		table[i] = 0;
	}
	return false;
}

bool p2m_free_step(struct p2m *p)
{
	unsigned int budget = FREE_STEP;

	if (p->root == NULL) {
		return false;
	}
	if (table_free(p, p->root, 1, ROOT_PAGES * TABLE_ENTRIES, &budget)) {
		return true;
	}
	ASSERT(p->page_count == 0);
	frame_free(p->root, S2_ROOT_ORDER);
	p->root = NULL;
	return false;
}
