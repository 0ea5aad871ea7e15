/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vGIC's core: from pending bits to list registers and back. The registers
 * that a guest accesses in memory are in vgic_mmio.c.
 *
 * A pass of delivery (vgic_flush) takes everything that is merely pending out
 * of the list registers and chooses anew, so priority, disabling and
 * withdrawing need no cases of their own. In the common case the registers are
 * empty and one interrupt waits.
 *
 * Locking, Invariants: see asm/vgic.h.
 */
#include <arch/upcall.h>
#include <arch/vcpu.h>
#include <asm/gic.h>
#include <asm/gic_regs.h>
#include <asm/guest_map.h>
#include <asm/vgic.h>

#define VGIC_PRIO_MASK	0xf8U		/* five bits are implemented */

/* What all CPUs' virtual interfaces have. Written at boot only. */
static unsigned int lr_count = ICH_LR_MAX;
static unsigned int apr_count = 4;

/* An interrupt that is to be put into a list register. */
struct vgic_pick {
	unsigned int key;		/* lower goes first */
	unsigned int irq;
};

struct vgic_picks {
	struct vgic_pick pick[ICH_LR_MAX];
	unsigned int count;
	unsigned int limit;
	bool more;			/* some did not fit */
};

/* Out of line: each is a switch over sixteen instructions. */
static NOINLINE uint64_t lr_get(unsigned int i)
{
	return ich_lr_read(i);
}

static NOINLINE void lr_set(unsigned int i, uint64_t lr)
{
	ich_lr_write(i, lr);
}

void vgic_cpu_init(void)
{
	uint64_t vtr = ich_vtr_read();
	unsigned int pre_bits = ICH_VTR_PRE_BITS(vtr);

	lr_count = MIN(lr_count, ICH_VTR_LR_COUNT(vtr));
	/* 5, 6 or 7 preemption bits: one active bit for each level. */
	apr_count = pre_bits <= 5 ? 1 : pre_bits == 6 ? 2 : 4;
	ich_hcr_write(0);
	for (unsigned int i = 0; i < lr_count; i++) {
		lr_set(i, 0);
	}
}

static struct vgic_bank *bank_of(struct arch_vcpu *v, unsigned int irq)
{
	if (irq < VGIC_BANK_SIZE) {
		return &v->vgic.bank;
	}
	return &v->domain->vgic.spi[irq / VGIC_BANK_SIZE - 1];
}

static uint32_t bit_of(unsigned int irq)
{
	return 1U << (irq % VGIC_BANK_SIZE);
}

static uint32_t bits_get(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

/*
 * Acquire and release: what the raiser wrote before is seen by who takes the
 * interrupt, and an in_lr bit is cleared after the state that it guards.
 */
static uint32_t bits_set(_Atomic uint32_t *word, uint32_t bits)
{
	return atomic_fetch_or_explicit(word, bits, memory_order_acq_rel);
}

static uint32_t bits_clear(_Atomic uint32_t *word, uint32_t bits)
{
	return atomic_fetch_and_explicit(word, ~bits, memory_order_acq_rel);
}

/* The same for what is hardly ever set, and may be set again at any time. */
static void bits_drop(_Atomic uint32_t *word, uint32_t bits)
{
	if (unlikely((bits_get(word) & bits) != 0)) {
		bits_clear(word, bits);
	}
}

static void mark_dirty(struct arch_vcpu *v)
{
	/* Pairs with the exchange in vgic_flush(). */
	atomic_store_explicit(&v->vgic.dirty, 1, memory_order_release);
}

void vgic_notify(struct arch_vcpu *target, struct arch_vcpu *self)
{
	mark_dirty(target);
	if (target != self) {
		upcall_irq(target);
	}
}

struct arch_vcpu *vgic_spi_target(struct arch_domain *d, unsigned int n)
{
	uint64_t router = atomic_load_explicit(&d->vgic.router[n], memory_order_relaxed);
	uint64_t id;

	if ((router & GICD_IROUTER_IRM) != 0) {
		return upcall_vcpu(d, 0);	/* any will do: TYPER.No1N */
	}
	if ((router & GICD_IROUTER_AFF & ~0xff0fULL) != 0) {
		return NULL;
	}
	id = (router & 0xf) | (router >> 8 & 0xff) << 4;
	return id < d->vcpu_count ? upcall_vcpu(d, (unsigned int)id) : NULL;
}

/* --- life ------------------------------------------------------------------ */

static void bank_init(struct vgic_bank *b, uint32_t enabled, uint32_t edge)
{
	atomic_init(&b->pending, 0);
	atomic_init(&b->line, 0);
	atomic_init(&b->enabled, enabled);
	atomic_init(&b->active, 0);
	atomic_init(&b->edge, edge);
	atomic_init(&b->group1, UINT32_MAX);
	atomic_init(&b->in_lr, 0);
	atomic_init(&b->drop_active, 0);
	b->assigned = 0;
	b->ours = 0;
	atomic_init(&b->hw_pending, 0);
	for (unsigned int i = 0; i < VGIC_BANK_SIZE; i++) {
		atomic_init(&b->prio[i], 0);
	}
}

int vgic_domain_init(struct arch_domain *d, unsigned int spi_count)
{
	if (spi_count > VGIC_SPI_MAX || spi_count % VGIC_BANK_SIZE != 0) {
		return -EINVAL;
	}
	d->vgic.spi_count = spi_count;
	vgic_domain_place(d, GUEST_GICD_BASE, GUEST_GICR_BASE);
	atomic_init(&d->vgic.ctlr, 0);
	atomic_init(&d->vgic.bad_accesses, 0);
	for (unsigned int i = 0; i < VGIC_SPI_BANKS; i++) {
		bank_init(&d->vgic.spi[i], 0, 0);
	}
	for (unsigned int i = 0; i < VGIC_SPI_MAX; i++) {
		atomic_init(&d->vgic.router[i], 0);
		atomic_init(&d->vgic.holder[i], 0);
	}
	return 0;
}

void vgic_domain_fini(struct arch_domain *d)
{
	d->vgic.spi_count = 0;
}

void vgic_domain_place(struct arch_domain *d, uint64_t gicd, uint64_t gicr)
{
	d->vgic.gicd_base = gicd;
	d->vgic.gicr_base = gicr;
}

int vgic_spi_assign(struct arch_domain *d, unsigned int intid)
{
	unsigned int n = intid - VGIC_BANK_SIZE;

	if (intid < VGIC_BANK_SIZE || n >= VGIC_SPI_MAX) {
		return -EINVAL;
	}
	d->vgic.spi_count = MAX(d->vgic.spi_count, ALIGN_UP(n + 1, VGIC_BANK_SIZE));
	d->vgic.spi[n / VGIC_BANK_SIZE].assigned |= bit_of(intid);
	return 0;
}

int vgic_spi_alloc(struct arch_domain *d, unsigned int *intid)
{
	for (unsigned int n = 0; n < VGIC_SPI_MAX; n++) {
		struct vgic_bank *b = &d->vgic.spi[n / VGIC_BANK_SIZE];

		*intid = n + VGIC_BANK_SIZE;
		if (((b->assigned | b->ours) & bit_of(*intid)) == 0) {
			b->ours |= bit_of(*intid);
			d->vgic.spi_count = MAX(d->vgic.spi_count,
						ALIGN_UP(n + 1, VGIC_BANK_SIZE));
			return 0;
		}
	}
	return -ENOSPC;
}

void vgic_vcpu_init(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;

	*g = (struct vgic_vcpu){ .hcr = ICH_HCR_EN };
	atomic_init(&g->asleep, true);
	bank_init(&g->bank, 0xffff, 0xffff);
}

/* --- list registers -------------------------------------------------------- */

/* List register i is free; its interrupt, in bank b, is not held by it any more. */
static ALWAYS_INLINE void lr_free(struct vgic_vcpu *g, unsigned int i, struct vgic_bank *b)
{
	uint32_t mask = 1U << i;

	g->lr_used &= ~mask;
	g->lr_eoi &= ~mask;
	g->lr_hw &= ~mask;
	g->lr_latched &= ~mask;
	bits_clear(&b->in_lr, bit_of(g->lr_irq[i]));
}

static NOINLINE void irq_pass_on(struct arch_vcpu *v, unsigned int irq)
{
	struct arch_vcpu *target = v;

	if (irq >= VGIC_BANK_SIZE) {
		target = vgic_spi_target(v->domain, irq - VGIC_BANK_SIZE);
	}
	if (target != NULL) {
		vgic_notify(target, v);
	}
}

/* Somebody may have to deliver `irq` (again) after it left a list register. */
static ALWAYS_INLINE void irq_recheck(struct arch_vcpu *v, unsigned int irq, struct vgic_bank *b)
{
	if (((bits_get(&b->pending) | bits_get(&b->hw_pending) | bits_get(&b->line)) &
	     bit_of(irq)) != 0) {
		irq_pass_on(v, irq);
	}
}

/* The interrupt in list register i has ended: neither pending nor active. */
static void lr_ended(struct arch_vcpu *v, unsigned int i)
{
	struct vgic_vcpu *g = &v->vgic;
	unsigned int irq = g->lr_irq[i];
	struct vgic_bank *b = bank_of(v, irq);

	if ((g->lr_hw & 1U << i) != 0 && irq < VGIC_BANK_SIZE) {
		g->hw &= ~bit_of(irq);
	}
	bits_drop(&b->active, bit_of(irq));
	bits_drop(&b->drop_active, bit_of(irq));
	lr_free(g, i, b);
	irq_recheck(v, irq, b);
}

static void hcr_set(struct vgic_vcpu *g, uint64_t hcr)
{
	if (hcr != g->hcr) {
		g->hcr = hcr;
		ich_hcr_write(hcr);
	}
}

/*
 * Withdraw the maintenance interrupt: before it is handled, or it would come
 * for as long as its cause holds. The next entry asks again if need be.
 */
static void maintenance_clear(struct arch_vcpu *v)
{
	if (v->vgic.starved) {
		mark_dirty(v);
		hcr_set(&v->vgic, ICH_HCR_EN);
	}
}

/* Free the list registers that the guest is done with. */
static NOINLINE void vgic_fold(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;
	uint64_t empty = ich_elrsr_read();
	uint32_t done;

	if (g->lr_eoi != 0) {
		/* One that asked for a notice doesn't count as empty. */
		empty |= ich_eisr_read();
	}
	done = g->lr_used & (uint32_t)empty;
	maintenance_clear(v);
	while (done != 0) {
		unsigned int i = bit_lowest(done);

		done &= done - 1;
		if ((g->lr_eoi & 1U << i) != 0) {
			lr_set(i, 0);
		}
		lr_ended(v, i);
	}
}

/* What list register i had pending waits again. */
static void lr_relatch(struct arch_vcpu *v, unsigned int i)
{
	struct vgic_vcpu *g = &v->vgic;
	unsigned int irq = g->lr_irq[i];

	if ((g->lr_hw & 1U << i) != 0 && irq >= VGIC_BANK_SIZE) {
		bits_set(&bank_of(v, irq)->hw_pending, bit_of(irq));
	} else if ((g->lr_latched & 1U << i) != 0) {
		bits_set(&bank_of(v, irq)->pending, bit_of(irq));
	}
}

/* The machine's interrupt behind list register i may come again. */
static void lr_deactivate(struct vgic_vcpu *g, unsigned int i)
{
	unsigned int irq = g->lr_irq[i];

	if (irq >= VGIC_BANK_SIZE) {
		gic_deactivate_spi(irq);
	} else {
		gic_set_active_ppi(g->hw_intid[irq], false);
	}
}

/*
 * Take the pending state out of list register i, whose content is `lr`; what
 * is active stays.
 */
static void lr_pull(struct arch_vcpu *v, unsigned int i, uint64_t lr)
{
	struct vgic_vcpu *g = &v->vgic;
	unsigned int irq = g->lr_irq[i];
	struct vgic_bank *b = bank_of(v, irq);

	if ((lr & ICH_LR_PENDING) != 0) {
		lr_relatch(v, i);
	}
	g->lr_latched &= ~(1U << i);
	if ((lr & ICH_LR_PENDING) != 0) {
		if ((lr & ICH_LR_ACTIVE) == 0) {
			/* The guest may have ended it since it was noted. */
			bits_clear(&b->active, bit_of(irq));
			bits_clear(&b->drop_active, bit_of(irq));
			/* All of it: ICH_LR_EOI alone would look ended. */
			lr_set(i, 0);
			lr_free(g, i, b);
			irq_recheck(v, irq, b);
			return;
		}
		lr_set(i, lr & ~ICH_LR_PENDING);
		mark_dirty(v);
	}
	if ((bits_get(&b->drop_active) & bit_of(irq)) == 0) {
		bits_set(&b->active, bit_of(irq));
		return;
	}
	if ((g->lr_hw & 1U << i) != 0) {
		lr_deactivate(g, i);
	}
	lr_set(i, 0);
	lr_ended(v, i);
}

void vgic_pull(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;
	uint32_t used = g->lr_used;

	maintenance_clear(v);
	while (used != 0) {
		unsigned int i = bit_lowest(used);
		uint64_t lr = lr_get(i);

		used &= used - 1;
		if ((lr & ICH_LR_STATE) == 0) {
			lr_set(i, 0);
			lr_ended(v, i);
		} else {
			lr_pull(v, i, lr);
		}
	}
}

/* --- delivery -------------------------------------------------------------- */

/* Interrupts of a bank that are pending, may be signalled or not, or active. */
static uint32_t bank_any(const struct vgic_bank *b)
{
	return bits_get(&b->pending) | bits_get(&b->hw_pending) | bits_get(&b->line) |
	       bits_get(&b->active);
}

/* Interrupts of a bank that are pending and may be signalled. */
static uint32_t bank_deliverable(struct vgic_domain *d, struct vgic_bank *b)
{
	uint32_t ctlr = bits_get(&d->ctlr);
	uint32_t group1 = bits_get(&b->group1);
	uint32_t groups = 0;

	if ((ctlr & GICD_CTLR_GRP1) != 0) {
		groups |= group1;
	}
	if ((ctlr & GICD_CTLR_GRP0) != 0) {
		groups |= ~group1;
	}
	return bits_get(&b->enabled) & groups &
	       (bits_get(&b->pending) | bits_get(&b->hw_pending) |
		(bits_get(&b->line) & ~bits_get(&b->edge)));
}

static uint8_t irq_prio(struct vgic_bank *b, unsigned int irq)
{
	return atomic_load_explicit(&b->prio[irq % VGIC_BANK_SIZE], memory_order_relaxed) &
	       VGIC_PRIO_MASK;
}

static void picks_add(struct vgic_picks *p, unsigned int key, unsigned int irq)
{
	unsigned int i = p->count;

	if (p->count == p->limit) {
		p->more = true;
		if (p->count == 0 || p->pick[p->count - 1].key <= key) {
			return;
		}
		i--;
	} else {
		p->count++;
	}
	for (; i > 0 && p->pick[i - 1].key > key; i--) {
		p->pick[i] = p->pick[i - 1];
	}
	p->pick[i] = (struct vgic_pick){ .key = key, .irq = irq };
}

/* Choose from the bank whose first interrupt is `base`. */
static void picks_scan(struct vgic_picks *p, struct arch_vcpu *v, unsigned int base)
{
	struct vgic_domain *d = &v->domain->vgic;
	struct vgic_bank *b = bank_of(v, base);
	uint32_t active = bits_get(&b->active);
	uint32_t todo;

	if (likely((bank_any(b) | active) == 0)) {
		return;
	}
	todo = (bank_deliverable(d, b) | active) & ~bits_get(&b->in_lr);
	while (todo != 0) {
		unsigned int n = bit_lowest(todo);
		unsigned int irq = base + n;
		/* Active ones first: the guest's EOI must find them. */
		unsigned int key = (active >> n & 1) != 0 ? 0 : 1U + irq_prio(b, irq);

		todo &= todo - 1;
		if (base == 0 || vgic_spi_target(v->domain, irq - VGIC_BANK_SIZE) == v) {
			picks_add(p, key, irq);
		}
	}
}

static uint64_t lr_make(struct vgic_bank *b, unsigned int irq)
{
	uint64_t lr = irq | (uint64_t)irq_prio(b, irq) << ICH_LR_PRIO_SHIFT;

	if ((bits_get(&b->group1) & bit_of(irq)) != 0) {
		lr |= ICH_LR_GROUP1;
	}
	return lr;
}

/* The guest's end of what list register i holds is that of `pintid`, too. */
static uint64_t lr_link(struct vgic_vcpu *g, unsigned int i, uint64_t lr, unsigned int pintid)
{
	g->lr_hw |= 1U << i;
	g->lr_eoi &= ~(1U << i);
	return (lr & ~ICH_LR_EOI) | ICH_LR_HW | (uint64_t)pintid << ICH_LR_PINTID_SHIFT;
}

/*
 * Whether `bit`, whose in_lr bit was just set, is active. The fence pairs with the one in
 * bits_reg_write(): who ends it now and doesn't find it in_lr is seen here.
 */
static bool still_active(struct vgic_bank *b, uint32_t bit)
{
	if (likely((bits_get(&b->active) & bit) == 0)) {
		return false;
	}
	atomic_thread_fence(memory_order_seq_cst);
	return (bits_get(&b->active) & bit) != 0;
}

/* Put `irq` into the free list register i. False if there was no need. */
static ALWAYS_INLINE bool lr_fill(struct arch_vcpu *v, unsigned int i, unsigned int irq)
{
	struct vgic_vcpu *g = &v->vgic;
	struct vgic_bank *b = bank_of(v, irq);
	uint32_t bit = bit_of(irq);
	uint32_t mask = 1U << i;
	uint64_t lr = lr_make(b, irq);
	bool is_hw = irq < VGIC_BANK_SIZE && (g->hw & bit) != 0;
	bool is_line = (bits_get(&b->line) & ~bits_get(&b->edge) & bit) != 0;

	if ((bits_set(&b->in_lr, bit) & bit) != 0) {
		return false;		/* another vCPU was faster */
	}
	/* A request to end it is for what was held before. */
	bits_drop(&b->drop_active, bit);
	if (irq >= VGIC_BANK_SIZE) {
		atomic_store_explicit(&v->domain->vgic.holder[irq - VGIC_BANK_SIZE],
				      (uint8_t)v->id, memory_order_relaxed);
	}
	g->lr_irq[i] = (uint16_t)irq;
	g->lr_used |= mask;
	if (is_line) {
		/* Look at the line again when the guest is done. */
		g->lr_eoi |= mask;
		lr |= ICH_LR_EOI;
	}
	if (still_active(b, bit)) {
		/* Pending as well: lr_merge() sees to it. */
		lr_set(i, lr | ICH_LR_ACTIVE);
		return true;
	}
	lr |= ICH_LR_PENDING;
	if ((bits_clear(&b->hw_pending, bit) & bit) != 0) {
		lr = lr_link(g, i, lr, irq);
	} else if ((bits_clear(&b->pending, bit) & bit) != 0) {
		g->lr_latched |= mask;
		if (is_hw) {
			lr = lr_link(g, i, lr, g->hw_intid[irq]);
		}
	} else if (!is_line) {
		lr_free(g, i, b);
		return false;
	}
	lr_set(i, lr);
	return true;
}

/* Add the pending state to an active interrupt that was latched anew. */
static void lr_merge(struct arch_vcpu *v, unsigned int i)
{
	struct vgic_vcpu *g = &v->vgic;
	unsigned int irq = g->lr_irq[i];
	struct vgic_bank *b = bank_of(v, irq);
	uint32_t bit = bit_of(irq);
	uint32_t hw_pending = bits_get(&b->hw_pending);
	uint64_t lr;

	if ((bank_deliverable(&v->domain->vgic, b) & (bits_get(&b->pending) | hw_pending) &
	     bit) == 0 || (g->lr_hw & 1U << i) != 0) {
		return;		/* a HW one can't be both: waits for the next exit */
	}
	lr = lr_get(i);
	if ((lr & ICH_LR_ACTIVE) == 0) {
		return;
	}
	if ((hw_pending & bit) != 0 || (irq < VGIC_BANK_SIZE && (g->hw & bit) != 0)) {
		g->lr_eoi |= 1U << i;
		lr |= ICH_LR_EOI;
	} else {
		bits_clear(&b->pending, bit);
		g->lr_latched |= 1U << i;
		lr |= ICH_LR_PENDING;
	}
	lr_set(i, lr);
}

/* Hardware interrupts that the guest made not pending can come again. */
static void hw_release(struct vgic_vcpu *g)
{
	uint32_t gone = g->hw & ~(bits_get(&g->bank.pending) | bits_get(&g->bank.in_lr));

	g->hw &= ~gone;
	while (gone != 0) {
		gic_set_active_ppi(g->hw_intid[bit_lowest(gone)], false);
		gone &= gone - 1;
	}
}

/* Whether a list register is pending and not active too. */
static bool any_only_pending(const struct vgic_vcpu *g)
{
	for (uint32_t used = g->lr_used; used != 0; used &= used - 1) {
		uint64_t lr = lr_get(bit_lowest(used));

		if ((lr & (ICH_LR_PENDING | ICH_LR_ACTIVE)) == ICH_LR_PENDING) {
			return true;
		}
	}
	return false;
}

/* Which maintenance interrupts are needed; `picks` were put in. */
static void maintenance_set(struct vgic_vcpu *g, const struct vgic_picks *picks)
{
	uint64_t hcr = ICH_HCR_EN;

	g->starved = picks->more;
	/* Never ask for what holds already: the guest would get nowhere. */
	if (picks->more && any_only_pending(g)) {
		hcr |= ICH_HCR_NPIE;
	}
	if (picks->more && (g->lr_used & (g->lr_used - 1)) != 0) {
		hcr |= ICH_HCR_UIE;
	}
	hcr_set(g, hcr);
}

/* Choose what goes into the list registers that are free. */
static NOINLINE void deliver_several(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;
	struct vgic_picks picks;
	uint32_t room = ((uint32_t)BIT(lr_count) - 1) & ~g->lr_used;

	picks.count = 0;
	picks.limit = bit_count(room);
	picks.more = false;
	picks_scan(&picks, v, 0);
	for (unsigned int n = 0; n < v->domain->vgic.spi_count; n += VGIC_BANK_SIZE) {
		picks_scan(&picks, v, VGIC_BANK_SIZE + n);
	}
	for (unsigned int n = 0; n < picks.count; n++) {
		unsigned int i = bit_lowest(room);

		if (lr_fill(v, i, picks.pick[n].irq)) {
			room &= room - 1;
		} else if (picks.more) {
			mark_dirty(v);		/* there is room after all */
		}
	}
	for (uint32_t used = g->lr_used; used != 0; used &= used - 1) {
		lr_merge(v, bit_lowest(used));
	}
	maintenance_set(g, &picks);
}

/*
 * The common case: nothing is active, and at most one interrupt waits. False
 * if there may be more to it.
 */
static bool deliver_one(struct arch_vcpu *v)
{
	struct vgic_domain *d = &v->domain->vgic;
	struct vgic_bank *b = NULL;
	unsigned int irq = 0;
	uint32_t todo;

	if (bank_any(&v->vgic.bank) != 0) {
		b = &v->vgic.bank;
	}
	for (unsigned int n = 0; n < d->spi_count; n += VGIC_BANK_SIZE) {
		struct vgic_bank *spis = &d->spi[n / VGIC_BANK_SIZE];

		if (unlikely(bank_any(spis) != 0)) {
			if (b != NULL) {
				return false;
			}
			b = spis;
			irq = VGIC_BANK_SIZE + n;
		}
	}
	if (b == NULL) {
		return true;
	}
	todo = bank_deliverable(d, b) & ~bits_get(&b->in_lr);
	if (bits_get(&b->active) != 0 || (todo & (todo - 1)) != 0) {
		return false;
	}
	if (todo == 0) {
		return true;
	}
	irq += bit_lowest(todo);
	if (irq < VGIC_BANK_SIZE || vgic_spi_target(v->domain, irq - VGIC_BANK_SIZE) == v) {
		(void)lr_fill(v, 0, irq);
	}
	/* Another vCPU may just have made it active, which lr_fill() saw. */
	return (bits_get(&b->active) & todo) == 0;
}

static NOINLINE void vgic_flush(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;

	if (g->lr_used != 0 || g->starved) {
		vgic_pull(v);
	}
	/* Acquire: pairs with mark_dirty(); what is set later marks it again. */
	atomic_exchange_explicit(&g->dirty, 0, memory_order_acquire);
	if (g->hw != 0) {
		hw_release(g);
	}
	if (g->lr_used != 0 || !deliver_one(v)) {
		deliver_several(v);
	} else {
		g->starved = false;
		hcr_set(g, ICH_HCR_EN);
	}
}

void vgic_enter(struct arch_vcpu *v)
{
	if (unlikely(atomic_load_explicit(&v->vgic.dirty, memory_order_relaxed) != 0)) {
		vgic_flush(v);
	}
}

void vgic_leave(struct arch_vcpu *v)
{
	if (v->vgic.lr_used != 0) {
		vgic_fold(v);
	}
}

/* --- switching ------------------------------------------------------------- */

static void hw_set_active(struct vgic_vcpu *g, bool active)
{
	for (uint32_t hw = g->hw; hw != 0; hw &= hw - 1) {
		gic_set_active_ppi(g->hw_intid[bit_lowest(hw)], active);
	}
}

void vgic_load(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;

	if ((icc_sre_el1_read() & ICC_SRE_SRE) == 0) {
		/* A guest on a GIC that can do without may have cleared it. */
		icc_sre_el1_write(ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB);
		gic_isb();
	}
	ich_vmcr_write(g->vmcr);
	for (unsigned int n = 0; n < ARRAY_SIZE(g->apr[0]) && n < apr_count; n++) {
		ich_apr_write(0, n, g->apr[0][n]);
		ich_apr_write(1, n, g->apr[1][n]);
	}
	for (uint32_t used = g->lr_used; used != 0; used &= used - 1) {
		lr_set(bit_lowest(used), g->lr[bit_lowest(used)]);
	}
	hw_set_active(g, true);
	ich_hcr_write(g->hcr);
	g->loaded = true;
}

void vgic_save(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;

	g->loaded = false;
	g->vmcr = ich_vmcr_read();
	for (unsigned int n = 0; n < ARRAY_SIZE(g->apr[0]) && n < apr_count; n++) {
		g->apr[0][n] = ich_apr_read(0, n);
		g->apr[1][n] = ich_apr_read(1, n);
	}
	for (uint32_t used = g->lr_used; used != 0; used &= used - 1) {
		unsigned int i = bit_lowest(used);

		g->lr[i] = lr_get(i);
		lr_set(i, 0);
	}
	hw_set_active(g, false);
	ich_hcr_write(0);
}

void vgic_park(void)
{
	ich_hcr_write(0);
}

void vgic_unpark(struct arch_vcpu *v)
{
	ich_hcr_write(v->vgic.hcr);
}

void vgic_vcpu_reset(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;
	uint32_t hw = g->hw;

	for (uint32_t used = g->lr_used; used != 0; used &= used - 1) {
		unsigned int i = bit_lowest(used);

		if ((g->lr[i] & ICH_LR_PENDING) != 0) {
			lr_relatch(v, i);
		} else if ((g->lr_hw & 1U << i) != 0 && g->lr_irq[i] >= VGIC_BANK_SIZE &&
			   (g->lr[i] & ICH_LR_ACTIVE) != 0) {
			lr_deactivate(g, i);
		}
		lr_ended(v, i);
	}
	bits_clear(&g->bank.active, UINT32_MAX);
	bits_clear(&g->bank.drop_active, UINT32_MAX);
	/* The old guest context's timer has nothing more to say. */
	bits_clear(&g->bank.pending, hw);
	g->hw = 0;
	g->hcr = ICH_HCR_EN;
	g->starved = false;
	g->vmcr = 0;
	for (unsigned int n = 0; n < ARRAY_SIZE(g->apr[0]); n++) {
		g->apr[0][n] = 0;
		g->apr[1][n] = 0;
	}
	mark_dirty(v);
}

/* --- raising --------------------------------------------------------------- */

static bool irq_exists(struct arch_vcpu *v, unsigned int irq)
{
	return irq < VGIC_BANK_SIZE + v->domain->vgic.spi_count;
}

static void irq_latch(struct arch_vcpu *v, unsigned int irq, struct arch_vcpu *self)
{
	struct arch_vcpu *target = v;

	/* Who set it first tells; nobody took it yet. */
	if ((bits_set(&bank_of(v, irq)->pending, bit_of(irq)) & bit_of(irq)) != 0) {
		return;
	}
	if (irq >= VGIC_BANK_SIZE) {
		target = vgic_spi_target(v->domain, irq - VGIC_BANK_SIZE);
	}
	if (target != NULL) {
		vgic_notify(target, self);
	}
}

void vgic_inject(struct arch_vcpu *v, unsigned int intid)
{
	if (irq_exists(v, intid)) {
		irq_latch(v, intid, NULL);
	}
}

void vgic_inject_hw(struct arch_vcpu *v, unsigned int intid, unsigned int pintid)
{
	struct vgic_vcpu *g = &v->vgic;

	if (intid >= VGIC_BANK_SIZE || pintid >= VGIC_BANK_SIZE) {
		return;
	}
	g->hw_intid[intid] = (uint8_t)pintid;
	g->hw |= bit_of(intid);
	bits_set(&g->bank.pending, bit_of(intid));
	mark_dirty(v);
}

void vgic_inject_spi(struct arch_domain *d, unsigned int intid)
{
	unsigned int n = intid - VGIC_BANK_SIZE;
	struct arch_vcpu *target;

	if (intid < VGIC_BANK_SIZE || n >= d->vgic.spi_count) {
		return;
	}
	bits_set(&d->vgic.spi[n / VGIC_BANK_SIZE].hw_pending, bit_of(intid));
	target = vgic_spi_target(d, n);
	if (target != NULL) {
		vgic_notify(target, NULL);
	}
}

void vgic_set_level(struct arch_vcpu *v, unsigned int intid, bool level)
{
	struct arch_vcpu *target = v;
	struct vgic_bank *b;
	uint32_t old;

	if (!irq_exists(v, intid)) {
		return;
	}
	b = bank_of(v, intid);
	old = level ? bits_set(&b->line, bit_of(intid)) : bits_clear(&b->line, bit_of(intid));
	if (((old & bit_of(intid)) != 0) == level) {
		return;
	}
	if (level && (bits_get(&b->edge) & bit_of(intid)) != 0) {
		bits_set(&b->pending, bit_of(intid));
	}
	if (intid >= VGIC_BANK_SIZE) {
		target = vgic_spi_target(v->domain, intid - VGIC_BANK_SIZE);
	}
	if (target != NULL) {
		vgic_notify(target, NULL);
	}
}

/* `groups`: bits 0 and 1 allow interrupts of group 0 and 1. */
static void sgi_send(struct arch_vcpu *v, uint64_t value, unsigned int groups)
{
	unsigned int sgi = (unsigned int)SGIR_INTID(value);
	unsigned int base = (unsigned int)SGIR_AFF1(value) * 16;

	if ((value & SGIR_IRM) == 0 && (SGIR_AFF2(value) | SGIR_AFF3(value) |
					SGIR_RS(value)) != 0) {
		return;			/* nobody has such an affinity */
	}
	for (unsigned int id = 0; id < v->domain->vcpu_count; id++) {
		struct arch_vcpu *target;
		unsigned int group;

		if ((value & SGIR_IRM) != 0) {
			if (id == v->id) {
				continue;
			}
		} else if (id < base || id >= base + 16 ||
			   (SGIR_LIST(value) >> (id - base) & 1) == 0) {
			continue;
		}
		target = upcall_vcpu(v->domain, id);
		if (target == NULL) {
			continue;
		}
		group = bits_get(&target->vgic.bank.group1) >> sgi & 1;
		if ((groups >> group & 1) != 0) {
			irq_latch(target, sgi, v);
		}
	}
}

void vgic_sgi1r(struct arch_vcpu *v, uint64_t value)
{
	sgi_send(v, value, 0x3);
}

void vgic_sgi0r(struct arch_vcpu *v, uint64_t value)
{
	sgi_send(v, value, 0x1);
}

/* --- waiting --------------------------------------------------------------- */

/* Would the CPU interface with this VMCR signal it? */
static bool is_signalled(uint64_t vmcr, bool group1, unsigned int prio)
{
	return (vmcr & (group1 ? ICH_VMCR_ENG1 : ICH_VMCR_ENG0)) != 0 &&
	       prio < ICH_VMCR_PMR(vmcr);
}

static bool bank_pending(struct arch_vcpu *v, unsigned int base, uint64_t vmcr)
{
	struct vgic_bank *b = bank_of(v, base);
	uint32_t todo = bank_deliverable(&v->domain->vgic, b) & ~bits_get(&b->active) &
			~bits_get(&b->in_lr);

	for (; todo != 0; todo &= todo - 1) {
		unsigned int n = bit_lowest(todo);

		if (base != 0 && vgic_spi_target(v->domain, base - VGIC_BANK_SIZE + n) != v) {
			continue;
		}
		if (is_signalled(vmcr, bits_get(&b->group1) >> n & 1, irq_prio(b, n))) {
			return true;
		}
	}
	return false;
}

bool vgic_pending(struct arch_vcpu *v)
{
	struct vgic_vcpu *g = &v->vgic;
	uint64_t vmcr;

	/* Acquire: pairs with mark_dirty(). */
	if (atomic_load_explicit(&g->dirty, memory_order_acquire) == 0 && g->lr_used == 0) {
		return false;
	}
	vmcr = g->loaded ? ich_vmcr_read() : g->vmcr;
	for (uint32_t used = g->lr_used; used != 0; used &= used - 1) {
		unsigned int i = bit_lowest(used);
		uint64_t lr = g->loaded ? lr_get(i) : g->lr[i];

		if ((lr & ICH_LR_STATE) == ICH_LR_PENDING &&
		    is_signalled(vmcr, (lr & ICH_LR_GROUP1) != 0,
				 (unsigned int)(lr >> ICH_LR_PRIO_SHIFT & 0xff))) {
			return true;
		}
	}
	if (bank_pending(v, 0, vmcr)) {
		return true;
	}
	for (unsigned int n = 0; n < v->domain->vgic.spi_count; n += VGIC_BANK_SIZE) {
		if (bank_pending(v, VGIC_BANK_SIZE + n, vmcr)) {
			return true;
		}
	}
	return false;
}
