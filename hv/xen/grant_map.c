/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps of the hypervisor's grants by driver domains. See grant_map.h.
 *
 * Operations are done in batches: one lock, and for unmaps one invalidation of the
 * domain's translations, for each.
 *
 * Locking: see grant_map.h.
 */
#include "xen/grant_map.h"

#include "kern/log.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/guest.h"
#include "mem/heap.h"
#include "vm/ram.h"
#include "xen/abi.h"

#define BATCH		32U		/* operations */
#define CHUNK		512U		/* handles */
#define CHUNKS		64U
#define NO_REF		UINT32_MAX
#define NO_HANDLE	UINT32_MAX

struct hv_grant {
	uint8_t *page;			/* NULL: not given */
	uint8_t *data;			/* where it is now; NULL: given as it is */
	bool write;
	uint16_t maps;
};

struct hv_grants {
	struct grant_table *table;	/* of the domain */
	struct spinlock lock;		/* guards where data is */
	unsigned int index;		/* of the range */
	unsigned int count;
	void (*gone)(void *ctx);
	void *ctx;
	struct hv_grant grant[];
};

struct grant_handle {
	uint32_t ref;			/* NO_REF: free */
	uint32_t next;			/* free: the next one */
	gfn_t gfn;
};

/* All that a driver domain maps. */
struct grant_maps {
	struct hv_grants *range[HV_GRANT_RANGES];
	struct grant_handle *handle[CHUNKS];
	uint32_t handle_count;
	uint32_t free;			/* or NO_HANDLE */
};

int grant_maps_enable(struct domain *d)
{
	struct grant_maps *m = heap_alloc(sizeof(*m));

	if (m == NULL) {
		return -ENOMEM;
	}
	m->free = NO_HANDLE;
	d->grant->maps = m;
	d->driver = true;
	return 0;
}

/* --- the hypervisor's side ----------------------------------------------------- */

static int range_add_locked(struct grant_maps *m, struct hv_grants *g)
{
	for (unsigned int i = 0; i < HV_GRANT_RANGES; i++) {
		if (m->range[i] == NULL) {
			g->index = i;
			m->range[i] = g;
			return 0;
		}
	}
	return -ENOSPC;
}

int hv_grants_open(struct domain *d, unsigned int n, void (*gone)(void *ctx), void *ctx,
		   struct hv_grants **out)
{
	struct grant_table *t = READ_ONCE(d->grant);
	struct hv_grants *g;
	int err;

	if (t == NULL || n > HV_GRANTS_MAX) {
		return -EINVAL;
	}
	if (t->maps == NULL) {
		return -EPERM;
	}
	g = heap_alloc(sizeof(*g) + n * sizeof(g->grant[0]));
	if (g == NULL) {
		return -ENOMEM;
	}
	g->table = t;
	spin_init(&g->lock, LOCK_GRANT_DATA);
	g->count = n;
	g->gone = gone;
	g->ctx = ctx;
	spin_lock(&t->lock);
	err = range_add_locked(t->maps, g);
	spin_unlock(&t->lock);
	if (err != 0) {
		heap_free(g);
		return err;
	}
	*out = g;
	return 0;
}

static bool is_mapped(const struct hv_grants *g)
{
	for (unsigned int i = 0; i < g->count; i++) {
		if (g->grant[i].maps != 0) {
			return true;
		}
	}
	return false;
}

bool hv_grants_close(struct hv_grants *g)
{
	struct grant_table *t = g->table;
	bool mapped;

	spin_lock(&t->lock);
	mapped = is_mapped(g);
	if (!mapped) {
		t->maps->range[g->index] = NULL;
	}
	spin_unlock(&t->lock);
	if (!mapped) {
		heap_free(g);
	}
	return !mapped;
}

uint32_t hv_grants_ref(const struct hv_grants *g, unsigned int i)
{
	return g->index * HV_GRANTS_MAX + i;
}

static void give(struct hv_grants *g, unsigned int i, struct hv_grant grant)
{
	spin_lock(&g->table->lock);
	g->grant[i] = grant;
	spin_unlock(&g->table->lock);
}

void hv_grants_give(struct hv_grants *g, unsigned int i, void *page, bool write)
{
	give(g, i, (struct hv_grant){ .page = page, .write = write });
}

void hv_grants_give_data(struct hv_grants *g, unsigned int i, void *page)
{
	give(g, i, (struct hv_grant){ .page = page, .data = page, .write = true });
}

/* --- data ------------------------------------------------------------------------ */

void hv_grants_copy(struct hv_grants *g, unsigned int i, const struct grant_piece *piece,
		    unsigned int n, bool back)
{
	const struct hv_grant *grant = &g->grant[i];
	size_t at = 0;

	spin_lock(&g->lock);
	for (const struct grant_piece *p = piece; p < piece + n; p++) {
		uint8_t *page = (uint8_t *)p->page + p->offset;

		for (size_t left = p->len; left > 0;) {
			uint8_t *data = grant->data + at;
			size_t part = MIN(left, PAGE_SIZE - at);

			memcpy(back ? page : data, back ? data : page, part);
			page += part;
			left -= part;
			at += part;
			if (at == PAGE_SIZE) {
				grant++;
				at = 0;
			}
		}
	}
	spin_unlock(&g->lock);
}

/* From now on the data is at `to`. */
static void data_move(struct hv_grants *g, struct hv_grant *grant, uint8_t *to)
{
	spin_lock(&g->lock);
	if (to != grant->data) {
		memcpy(to, grant->data, PAGE_SIZE);
		grant->data = to;
	}
	spin_unlock(&g->lock);
}

/* --- handles -------------------------------------------------------------------- */

/* The range that has a reference, or NULL. */
static struct hv_grants *range_find(const struct grant_maps *m, uint32_t ref)
{
	struct hv_grants *g = NULL;

	if (ref < HV_GRANT_RANGES * HV_GRANTS_MAX) {
		g = m->range[ref / HV_GRANTS_MAX];
	}
	return g != NULL && ref % HV_GRANTS_MAX < g->count ? g : NULL;
}

/* The grant that a reference names, given or not; NULL if there is none. */
static struct hv_grant *grant_find(const struct grant_maps *m, uint32_t ref)
{
	struct hv_grants *g = range_find(m, ref);

	return g != NULL ? &g->grant[ref % HV_GRANTS_MAX] : NULL;
}

/*
 * The page that the domain has at `gfn` if it maps the grant there. False: its devices
 * would take it for another one.
 */
static bool grant_place(const struct domain *d, const struct hv_grant *g, gfn_t gfn, hpa_t *pa)
{
	if (g->data == NULL || d->ram == NULL) {
		*pa = va_to_hpa(g->page);
		return true;
	}
	*pa = HPA(gfn_to_gpa(gfn).v);
	return vm_ram_holds(d->ram, *pa, PAGE_SIZE);
}

static struct grant_handle *handle_get(const struct grant_maps *m, uint32_t n)
{
	return &m->handle[n / CHUNK][n % CHUNK];
}

static bool handles_make_locked(struct grant_maps *m)
{
	uint32_t first = m->handle_count;
	struct grant_handle *chunk;

	if (first == CHUNKS * CHUNK) {
		return false;
	}
	chunk = heap_alloc(CHUNK * sizeof(*chunk));
	if (chunk == NULL) {
		return false;
	}
	m->handle[first / CHUNK] = chunk;
	m->handle_count += CHUNK;
	for (uint32_t i = 0; i < CHUNK; i++) {
		chunk[i].ref = NO_REF;
		chunk[i].next = i + 1 < CHUNK ? first + i + 1 : m->free;
	}
	m->free = first;
	return true;
}

/* A free handle, or NO_HANDLE. */
static uint32_t handle_alloc_locked(struct grant_maps *m, uint32_t ref, gfn_t gfn)
{
	uint32_t n = m->free;
	struct grant_handle *h;

	if (unlikely(n == NO_HANDLE)) {
		if (!handles_make_locked(m)) {
			return NO_HANDLE;
		}
		n = m->free;
	}
	h = handle_get(m, n);
	m->free = h->next;
	h->ref = ref;
	h->gfn = gfn;
	return n;
}

static void handle_free_locked(struct grant_maps *m, uint32_t n)
{
	struct grant_handle *h = handle_get(m, n);

	h->ref = NO_REF;
	h->next = m->free;
	m->free = n;
}

bool grant_is_mapped_locked(const struct domain *d, const struct grant_table *t, const void *page)
{
	const struct grant_maps *m = t->maps;

	for (uint32_t n = 0; m != NULL && n < m->handle_count; n++) {
		const struct grant_handle *h = handle_get(m, n);
		hpa_t pa;

		if (h->ref != NO_REF && grant_place(d, grant_find(m, h->ref), h->gfn, &pa) &&
		    hpa_to_va(pa) == page) {
			return true;
		}
	}
	return false;
}

/* --- map -------------------------------------------------------------------------- */

static void misused(struct domain *d, const char *what, uint32_t number, int status)
{
	atomic_fetch_add_explicit(&d->stats.misuse, 1, memory_order_relaxed);
	log_guest(d->id, "%s %u refused (status %d)", what, number, status);
}

/* What a map asks for, into a loan and a handle; the operation's status. */
static int map_begin_locked(const struct domain *d, struct grant_maps *m,
			    struct gnttab_map_grant_ref *op, struct p2m_loan *loan)
{
	struct hv_grant *g = grant_find(m, op->ref);
	bool write = (op->flags & GNTMAP_READONLY) == 0;

	if (op->dom != DOMID_HV) {
		return GNTST_BAD_DOMAIN;
	}
	if ((op->flags & ~GNTMAP_KNOWN) != 0 || (op->flags & GNTMAP_HOST_MAP) == 0) {
		return GNTST_GENERAL_ERROR;
	}
	if (g == NULL || g->page == NULL) {
		return GNTST_BAD_GNTREF;
	}
	if (write && !g->write) {
		return GNTST_PERMISSION_DENIED;
	}
	loan->gfn = gpa_to_gfn(GPA(op->host_addr));
	if ((op->host_addr & PAGE_MASK) != 0 || !grant_place(d, g, loan->gfn, &loan->pa)) {
		return GNTST_BAD_VIRT_ADDR;
	}
	if (g->maps == UINT16_MAX) {
		return GNTST_NO_SPACE;
	}
	loan->write = write;
	op->handle = handle_alloc_locked(m, op->ref, loan->gfn);
	if (op->handle == NO_HANDLE) {
		return GNTST_NO_SPACE;
	}
	g->maps++;
	op->dev_bus_addr = loan->pa.v;
	return GNTST_OKAY;
}

/* The loan is made, or there was an error. */
static void map_end_locked(struct grant_maps *m, struct gnttab_map_grant_ref *op,
			   const struct p2m_loan *loan)
{
	struct hv_grants *range = range_find(m, op->ref);
	struct hv_grant *g = grant_find(m, op->ref);

	if (unlikely(loan->err != 0)) {
		g->maps--;
		handle_free_locked(m, op->handle);
		op->status = loan->err == -ENOMEM ? GNTST_NO_SPACE : GNTST_BAD_VIRT_ADDR;
	} else if (g->data != NULL) {
		data_move(range, g, hpa_to_va(loan->pa));
	}
}

static void map_batch(struct domain *d, struct grant_table *t, struct gnttab_map_grant_ref *op,
		      unsigned int n)
{
	struct p2m_loan loan[BATCH];

	spin_lock(&t->lock);
	for (unsigned int i = 0; i < n; i++) {
		op[i].status = (int16_t)map_begin_locked(d, t->maps, &op[i], &loan[i]);
		loan[i].err = op[i].status;
	}
	physmap_lend_locked(d, loan, n);
	for (unsigned int i = 0; i < n; i++) {
		if (likely(op[i].status == GNTST_OKAY)) {
			map_end_locked(t->maps, &op[i], &loan[i]);
		}
	}
	spin_unlock(&t->lock);
	for (unsigned int i = 0; i < n; i++) {
		if (unlikely(op[i].status != GNTST_OKAY)) {
			misused(d, "map of grant", op[i].ref, op[i].status);
		}
	}
}

/* The table of a domain that may map, or NULL. */
static struct grant_table *maps_table(const struct domain *d)
{
	struct grant_table *t = READ_ONCE(d->grant);

	return t != NULL && t->maps != NULL ? t : NULL;
}

long grant_map(struct vcpu *v, uint64_t arg, uint64_t count)
{
	struct grant_table *t = maps_table(v->domain);
	struct gnttab_map_grant_ref op[BATCH];

	if (t == NULL) {
		return -ENOSYS;
	}
	if (count > GRANT_OPS_MAX) {
		return -E2BIG;
	}
	for (uint64_t done = 0; done < count;) {
		unsigned int n = (unsigned int)MIN(count - done, (uint64_t)BATCH);
		uint64_t at = arg + done * sizeof(op[0]);

		if (guest_copy_from(&v->arch, op, at, n * sizeof(op[0])) != 0) {
			return -EFAULT;
		}
		map_batch(v->domain, t, op, n);
		if (guest_copy_to(&v->arch, at, op, n * sizeof(op[0])) != 0) {
			return -EFAULT;
		}
		done += n;
	}
	return 0;
}

/* --- unmap ------------------------------------------------------------------------ */

/* The handle is free then; `*ref` is what it mapped. */
static int unmap_begin_locked(const struct domain *d, struct grant_maps *m,
			      const struct gnttab_unmap_grant_ref *op, struct p2m_loan *loan,
			      uint32_t *ref)
{
	const struct grant_handle *h;

	if (op->handle >= m->handle_count) {
		return GNTST_BAD_HANDLE;
	}
	h = handle_get(m, op->handle);
	if (h->ref == NO_REF) {
		return GNTST_BAD_HANDLE;
	}
	if (gfn_to_gpa(h->gfn).v != op->host_addr) {
		return GNTST_BAD_VIRT_ADDR;
	}
	*ref = h->ref;
	loan->gfn = h->gfn;
	/* As when it was mapped. */
	(void)grant_place(d, grant_find(m, h->ref), h->gfn, &loan->pa);
	handle_free_locked(m, op->handle);
	return GNTST_OKAY;
}

/* The domain doesn't reach it there any more. */
static void unmap_end_locked(struct grant_maps *m, uint32_t ref, const struct p2m_loan *loan)
{
	struct hv_grant *g = grant_find(m, ref);

	if (g->data == hpa_to_va(loan->pa)) {
		data_move(range_find(m, ref), g, g->page);
	}
	g->maps--;
}

static void unmap_batch(struct domain *d, struct grant_table *t,
			struct gnttab_unmap_grant_ref *op, unsigned int n)
{
	struct p2m_loan loan[BATCH];
	uint32_t ref[BATCH];

	spin_lock(&t->lock);
	for (unsigned int i = 0; i < n; i++) {
		op[i].status = (int16_t)unmap_begin_locked(d, t->maps, &op[i], &loan[i], &ref[i]);
		loan[i].err = op[i].status;
	}
	p2m_take_back(&d->p2m, loan, n);
	/* Only now may somebody else have the pages. */
	for (unsigned int i = 0; i < n; i++) {
		if (likely(op[i].status == GNTST_OKAY)) {
			unmap_end_locked(t->maps, ref[i], &loan[i]);
		}
	}
	spin_unlock(&t->lock);
	for (unsigned int i = 0; i < n; i++) {
		if (unlikely(op[i].status != GNTST_OKAY)) {
			misused(d, "unmap of handle", op[i].handle, op[i].status);
		}
	}
}

long grant_unmap(struct vcpu *v, uint64_t arg, uint64_t count)
{
	struct grant_table *t = maps_table(v->domain);
	struct gnttab_unmap_grant_ref op[BATCH];

	if (t == NULL) {
		return -ENOSYS;
	}
	if (count > GRANT_OPS_MAX) {
		return -E2BIG;
	}
	for (uint64_t done = 0; done < count;) {
		unsigned int n = (unsigned int)MIN(count - done, (uint64_t)BATCH);
		uint64_t at = arg + done * sizeof(op[0]);

		if (guest_copy_from(&v->arch, op, at, n * sizeof(op[0])) != 0) {
			return -EFAULT;
		}
		unmap_batch(v->domain, t, op, n);
		if (guest_copy_to(&v->arch, at, op, n * sizeof(op[0])) != 0) {
			return -EFAULT;
		}
		done += n;
	}
	return 0;
}

/* --- the domain's end ----------------------------------------------------------------- */

/*
 * Its vCPUs run no more and its devices were stopped (vm/assign.c comes before in
 * a teardown), so maps end without a look at each; its tables are freed later.
 */
void grant_maps_end(struct domain *d, struct grant_table *t)
{
	struct grant_maps *m = t->maps;

	for (unsigned int i = 0; m != NULL && i < HV_GRANT_RANGES; i++) {
		struct hv_grants *g = m->range[i];

		if (g != NULL) {
			spin_lock(&t->lock);
			m->range[i] = NULL;
			spin_unlock(&t->lock);
			g->gone(g->ctx);
			heap_free(g);
		}
	}
}

void grant_maps_free(struct grant_table *t)
{
	struct grant_maps *m = t->maps;

	for (unsigned int i = 0; m != NULL && i < CHUNKS; i++) {
		heap_free(m->handle[i]);
	}
	heap_free(m);
}
