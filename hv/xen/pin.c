/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins, and the only place that changes a running guest's memory map.
 *
 * A pin names the machine page, so that it holds whatever address the guest
 * gave for it. There are few; searching them all is cheap beside a change of
 * the map, which is the only thing that has to. Pages of requests, of which
 * there may be thousands, are counted in a table instead (xen/page_count.h).
 *
 * Locking: the lock of struct grant_table, over the check and the change.
 */
#include "xen/pin.h"

#include "kern/log.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "vm/domain.h"
#include "vm/ram.h"
#include "xen/grant.h"
#include "xen/grant_map.h"

/*
 * Tables for a guest's map beyond those that its RAM needs when each page is
 * mapped alone. A guest chooses where things are mapped, so it could have a
 * table made for each of them.
 */
#define TABLES_EXTRA	64U

#define RAM_RW		(P2M_OWNED | S2_READ | S2_WRITE)

int pin_add_locked(struct pin_set *s, void *page, uint32_t ref)
{
	if (s->count == PIN_MAX) {
		return -ENOSPC;
	}
	s->pin[s->count++] = (struct page_pin){ .page = page, .ref = ref };
	return 0;
}

bool pin_remove_locked(struct pin_set *s, const void *page, uint32_t ref)
{
	for (unsigned int i = 0; i < s->count; i++) {
		if (s->pin[i].ref == ref && (page == NULL || s->pin[i].page == page)) {
			s->pin[i] = s->pin[--s->count];
			return true;
		}
	}
	return false;
}

void *pin_page_of_ref_locked(const struct pin_set *s, uint32_t ref)
{
	for (unsigned int i = 0; i < s->count; i++) {
		if (s->pin[i].ref == ref) {
			return s->pin[i].page;
		}
	}
	return NULL;
}

/* Pinned, or in use by a piece. */
static bool is_pinned_locked(const struct grant_table *t, const void *page)
{
	const struct pin_set *s = &t->pins;

	for (unsigned int i = 0; i < s->count; i++) {
		if (s->pin[i].page == page) {
			return true;
		}
	}
	return page_count_has(&t->pages, page);
}

/* The domain's table with its lock taken, or NULL when it is gone. */
static struct grant_table *table_lock(struct domain *d)
{
	struct grant_table *t = READ_ONCE(d->grant);

	if (t != NULL) {
		spin_lock(&t->lock);
	}
	return t;
}

int page_pin(struct domain *d, gfn_t gfn, void **page)
{
	struct grant_table *t = table_lock(d);
	int err = -EFAULT;
	unsigned int attr;
	hpa_t pa;

	if (t == NULL) {
		return -EINVAL;
	}
	if (p2m_lookup(&d->p2m, gfn, &pa, &attr) == 0 && (attr & RAM_RW) == RAM_RW) {
		*page = hpa_to_va(pa);
		err = pin_add_locked(&t->pins, *page, PIN_NO_REF);
	}
	spin_unlock(&t->lock);
	return err;
}

int page_pin_va(struct vcpu *v, uint64_t va, void **page)
{
	struct grant_table *t = table_lock(v->domain);
	hpa_t pa;
	int err;

	if (t == NULL) {
		return -EINVAL;
	}
	/* Translated under the lock: the map can't change before the pin. */
	err = arch_guest_va(&v->arch, va, true, &pa);
	if (err == 0) {
		*page = hpa_to_va(HPA(pa.v & ~PAGE_MASK));
		/* A page on loan goes when it is unmapped, pinned or not. */
		err = grant_is_mapped_locked(v->domain, t, *page) ? -EFAULT :
		      pin_add_locked(&t->pins, *page, PIN_NO_REF);
	}
	spin_unlock(&t->lock);
	return err;
}

void page_unpin(struct domain *d, const void *page)
{
	struct grant_table *t = table_lock(d);

	if (t != NULL) {
		(void)pin_remove_locked(&t->pins, page, PIN_NO_REF);
		spin_unlock(&t->lock);
	}
}

bool page_is_pinned(struct domain *d, const void *page)
{
	struct grant_table *t = table_lock(d);
	bool pinned = false;

	if (t != NULL) {
		pinned = is_pinned_locked(t, page);
		spin_unlock(&t->lock);
	}
	return pinned;
}

/* --- changes of the map ------------------------------------------------------ */

static bool table_room(const struct domain *d)
{
	return READ_ONCE(d->p2m.table_count) < d->max_pages / 512 + TABLES_EXTRA;
}

/* What is at `gfn` may not go while it is pinned. */
static int check_replace_locked(struct domain *d, const struct grant_table *t, gfn_t gfn)
{
	unsigned int attr;
	hpa_t pa;

	if (p2m_lookup(&d->p2m, gfn, &pa, &attr) != 0) {
		return 0;
	}
	/*
	 * Registers of an assigned device stay, too; they are no RAM to look up. So
	 * do pages of others, until they are unmapped as such.
	 */
	if ((attr & (S2_DEVICE | P2M_FOREIGN)) == 0 && !is_pinned_locked(t, hpa_to_va(pa))) {
		return 0;
	}
	atomic_fetch_add_explicit(&d->stats.misuse, 1, memory_order_relaxed);
	log_guest(d->id, "frame 0x%llx is in use and stays", (unsigned long long)gfn.v);
	return -EBUSY;
}

void physmap_lend_locked(struct domain *d, struct p2m_loan *loan, unsigned int n)
{
	bool room = table_room(d);

	for (unsigned int i = 0; !room && i < n; i++) {
		loan[i].err = loan[i].err != 0 ? loan[i].err : -ENOMEM;
	}
	p2m_lend(&d->p2m, loan, n);
}

int physmap_set(struct domain *d, gfn_t gfn, void *page)
{
	struct grant_table *t = table_lock(d);
	int err;

	if (t == NULL) {
		return -EINVAL;
	}
	err = check_replace_locked(d, t, gfn);
	if (err == 0) {
		err = table_room(d) ? p2m_map(&d->p2m, gfn, va_to_hpa(page), 0,
					      S2_READ | S2_WRITE) : -ENOMEM;
	}
	spin_unlock(&t->lock);
	return err;
}

/*
 * A zeroed page to be mapped at `gfn`. In a direct-mapped domain, whose devices
 * know pages by their addresses, it can only be the one that was there.
 */
static void *page_for(struct domain *d, gfn_t gfn)
{
	hpa_t own = HPA(gfn_to_gpa(gfn).v);

	if (d->ram == NULL) {
		return frame_alloc(0, FRAME_ZERO);
	}
	if (!vm_ram_holds(d->ram, own, PAGE_SIZE)) {
		return NULL;
	}
	return memset(hpa_to_va(own), 0, PAGE_SIZE);
}

static int populate_locked(struct domain *d, gfn_t gfn)
{
	unsigned int attr;
	void *page;
	hpa_t pa;
	int err;

	if (p2m_lookup(&d->p2m, gfn, &pa, &attr) == 0) {
		return -EEXIST;
	}
	if (READ_ONCE(d->p2m.page_count) >= d->max_pages || !table_room(d)) {
		return -ENOMEM;
	}
	page = page_for(d, gfn);
	if (page == NULL) {
		return -ENOMEM;
	}
	arch_ram_clean(page, PAGE_SIZE);
	err = p2m_map(&d->p2m, gfn, va_to_hpa(page), 0, RAM_RW | S2_EXEC);
	if (err != 0 && d->ram == NULL) {
		frame_free(page, 0);
	}
	return err;
}

int physmap_populate(struct domain *d, gfn_t gfn)
{
	struct grant_table *t = table_lock(d);
	int err;

	if (t == NULL) {
		return -EINVAL;
	}
	err = populate_locked(d, gfn);
	spin_unlock(&t->lock);
	return err;
}

int physmap_clear(struct domain *d, gfn_t gfn)
{
	struct grant_table *t = table_lock(d);
	int err = -EINVAL;
	unsigned int attr;
	hpa_t pa;

	if (t == NULL) {
		return -EINVAL;
	}
	if (p2m_lookup(&d->p2m, gfn, &pa, &attr) == 0 && (attr & P2M_OWNED) != 0) {
		err = check_replace_locked(d, t, gfn);
		if (err == 0) {
			err = p2m_unmap(&d->p2m, gfn);
		}
	}
	spin_unlock(&t->lock);
	return err;
}
