/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: domains, vCPUs, and a model of the TLB.
 *
 * The TLB keeps every translation that a guest access used until it is
 * flushed, as hardware may. An access compares it with the tables: a
 * difference is a flush that the core forgot, and is counted.
 */
#include "harness.h"
#include "kern/cpu.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "port.h"
#include <arch/s2.h>
#include <arch/upcall.h>
#include <arch/vcpu.h>

struct host_s2_stats host_s2_stats;
struct host_irq host_irq[HOST_IRQS];

static void tlb_clear(struct arch_domain *d)
{
	for (size_t i = 0; i < HOST_TLB_SIZE; i++) {
		d->tlb[i].gfn = UINT64_MAX;
	}
}

int arch_domain_init(struct arch_domain *d, hpa_t root, unsigned int vcpu_count)
{
	if (!IS_ALIGNED(root.v, PAGE_SIZE << S2_ROOT_ORDER)) {
		host_fatal("root table at 0x%llx", (unsigned long long)root.v);
	}
	memset(d, 0, sizeof(*d));
	d->root = root;
	d->vcpu_count = vcpu_count;
	d->active = true;
	tlb_clear(d);
	return 0;
}

void arch_domain_fini(struct arch_domain *d)
{
	d->active = false;
	tlb_clear(d);
}

int arch_vcpu_init(struct arch_vcpu *v, struct arch_domain *d, unsigned int id)
{
	memset(v, 0, sizeof(*v));
	v->domain = d;
	v->id = id;
	v->guest_timer = UINT64_MAX;
	return 0;
}

void arch_vcpu_fini(struct arch_vcpu *v)
{
	if (v->loaded) {
		host_fatal("a vCPU ends while it is loaded");
	}
}

void arch_vcpu_reset(struct arch_vcpu *v, gpa_t entry, uint64_t arg)
{
	if (v->loaded) {
		host_fatal("a vCPU is reset while it is loaded");
	}
	v->entry = entry;
	v->arg = arg;
	v->resets++;
}

void arch_vcpu_upcall(struct arch_vcpu *v)
{
	atomic_store_explicit(&v->upcall_pending, true, memory_order_seq_cst);
	atomic_fetch_add_explicit(&v->upcalls, 1, memory_order_relaxed);
	upcall_irq(v);
}

bool arch_vcpu_wake_pending(struct arch_vcpu *v, uint64_t *wake)
{
	*wake = v->guest_timer;
	return v->irq_pending || v->guest_timer <= arch_now() ||
	       atomic_load_explicit(&v->upcall_pending, memory_order_seq_cst);
}

void arch_vcpu_switch(struct arch_vcpu *prev, struct arch_vcpu *next)
{
	struct cpu *c = this_cpu();

	if (c->frame != prev) {
		host_fatal("switch from a vCPU that is not loaded on CPU %u", c->id);
	}
	if (prev != NULL) {
		if (prev->parked) {
			host_fatal("switch from a vCPU that is parked");
		}
		prev->loaded = false;
	}
	if (next != NULL) {
		if (next->loaded) {
			host_fatal("a vCPU is loaded on two CPUs");
		}
		if (!next->domain->active) {
			host_fatal("a vCPU of a dead domain is loaded");
		}
		next->loaded = true;
	}
	c->frame = next;
}

void arch_vcpu_park(struct arch_vcpu *v)
{
	if (this_cpu()->frame != v || v->parked) {
		host_fatal("a vCPU is parked that is not loaded, or twice");
	}
	v->parked = true;
}

void arch_vcpu_unpark(struct arch_vcpu *v)
{
	if (this_cpu()->frame != v || !v->parked) {
		host_fatal("a vCPU is unparked that is not parked");
	}
	v->parked = false;
}

/* What the tables say; false: nothing is mapped. */
static bool tables_walk(hpa_t root, uint64_t gfn, hpa_t *pa, unsigned int *attr)
{
	hpa_t table = root;

	if (gfn >> (9 * (S2_LEAF_LEVEL - 1) + S2_ROOT_BITS) != 0) {
		return false;
	}
	for (unsigned int level = 1; level <= S2_LEAF_LEVEL; level++) {
		unsigned int shift = 9 * (S2_LEAF_LEVEL - level);
		uint64_t index = level == 1 ? gfn >> shift : (gfn >> shift) & 511;
		const uint64_t *entries = hpa_to_va(table);
		uint64_t pte = __atomic_load_n(&entries[index], __ATOMIC_ACQUIRE);

		switch (arch_s2_kind(pte, level)) {
		case S2_NONE:
			return false;
		case S2_LEAF:
			pa->v = arch_s2_addr(pte, level).v +
				((gfn & (BIT(shift) - 1)) << PAGE_SHIFT);
			*attr = arch_s2_attr(pte);
			return true;
		case S2_TABLE:
			table = arch_s2_addr(pte, level);
			break;
		}
	}
	return false;
}

static bool tlb_translate(struct arch_domain *d, uint64_t gfn, hpa_t *pa, unsigned int *attr)
{
	struct host_tlb_entry *e = &d->tlb[gfn % HOST_TLB_SIZE];
	hpa_t real_pa = HPA(0);
	unsigned int real_attr = 0;
	bool mapped = tables_walk(d->root, gfn, &real_pa, &real_attr);

	if (host_has_threads()) {
		/* The model of the TLB is one thread's. */
		*pa = real_pa;
		*attr = real_attr;
		return mapped;
	}
	if (e->gfn == gfn) {
		if (!mapped || real_pa.v != e->pa.v || real_attr != e->attr) {
			host_s2_stats.stale_hits++;
		}
	} else if (mapped) {
		*e = (struct host_tlb_entry){ .gfn = gfn, .pa = real_pa, .attr = real_attr };
	} else {
		return false;
	}
	*pa = e->pa;
	*attr = e->attr;
	return true;
}

int arch_guest_va(struct arch_vcpu *v, uint64_t va, bool write, hpa_t *out)
{
	unsigned int attr;
	hpa_t pa;

	if (!v->loaded || v->parked) {
		host_fatal("guest addresses of a vCPU that is not loaded");
	}
	if (!tlb_translate(v->domain, va >> PAGE_SHIFT, &pa, &attr)) {
		return -EFAULT;
	}
	if ((attr & S2_READ) == 0 || (attr & S2_DEVICE) != 0 ||
	    (write && (attr & S2_WRITE) == 0)) {
		return -EFAULT;
	}
	*out = HPA(pa.v | (va & PAGE_MASK));
	return 0;
}

void arch_s2_flush(struct arch_domain *d, gfn_t gfn, uint64_t count)
{
	d->flushes++;
	if (host_has_threads()) {
		return;
	}
	for (size_t i = 0; i < HOST_TLB_SIZE; i++) {
		if (d->tlb[i].gfn - gfn.v < count) {
			d->tlb[i].gfn = UINT64_MAX;
		}
	}
}

void arch_s2_flush_all(struct arch_domain *d)
{
	d->full_flushes++;
	tlb_clear(d);
}

void arch_vcpu_dump(struct arch_vcpu *v, void (*line)(const char *text))
{
	char text[96];

	fmt_buf(text, sizeof(text), "vcpu %u entry 0x%llx arg 0x%llx upcall %s", v->id,
		(unsigned long long)v->entry.v, (unsigned long long)v->arg,
		v->upcall_pending ? "pending" : "idle");
	line(text);
}

#define AREAS_BASE	0x38000000ULL
#define AREAS_SIZE	MIB(32)		/* grant table, then pages */

const struct arch_guest_ram *arch_guest_ram(void)
{
	static const struct arch_guest_ram ram = {
		.base = { { 0x40000000 }, { 0x200000000 } },
		.size = { GIB(3), GIB(64) },
	};

	return &ram;
}

struct arch_guest_map arch_guest_map(const struct arch_domain *d)
{
	uint64_t base = d->areas != 0 ? d->areas : AREAS_BASE;

	return (struct arch_guest_map){
		.grant_base = { base },
		.console_page = { base + MIB(16) },
		.xenstore_page = { base + MIB(16) + PAGE_SIZE },
		.device_base = { base + MIB(17) },
	};
}

int arch_guest_place(struct arch_domain *d, bool (*is_free)(void *ctx, gpa_t base, uint64_t size),
		     void *ctx)
{
	for (uint64_t base = AREAS_BASE; base < GIB(4); base += AREAS_SIZE) {
		if (is_free(ctx, GPA(base), AREAS_SIZE)) {
			d->areas = base;
			return 0;
		}
	}
	return -ENOSPC;
}

int arch_guest_irq_alloc(struct arch_domain *d, unsigned int *irq)
{
	for (unsigned int i = 0; i < HOST_GUEST_IRQS; i++) {
		if (!d->guest_irq[i].taken) {
			d->guest_irq[i].taken = true;
			*irq = HOST_GUEST_IRQ_FIRST + i;
			return 0;
		}
	}
	return -ENOSPC;
}

void arch_guest_irq_raise(struct arch_domain *d, unsigned int irq)
{
	unsigned int i = irq - HOST_GUEST_IRQ_FIRST;

	if (i >= HOST_GUEST_IRQS || !d->guest_irq[i].taken || !d->active) {
		host_fatal("interrupt %u of a guest is nobody's", irq);
	}
	atomic_fetch_add_explicit(&d->guest_irq[i].raised, 1, memory_order_seq_cst);
	upcall_irq(upcall_vcpu(d, 0));
}

int arch_irq_assign(struct arch_domain *d, unsigned int irq, bool edge)
{
	if (irq >= HOST_IRQS) {
		return -EINVAL;
	}
	if (host_irq[irq].owner != NULL && host_irq[irq].owner != d) {
		host_fatal("interrupt %u is assigned twice", irq);
	}
	host_irq[irq] = (struct host_irq){ .owner = d, .edge = edge };
	return 0;
}

void arch_irq_revoke(struct arch_domain *d, unsigned int irq)
{
	if (irq >= HOST_IRQS) {
		return;
	}
	if (host_irq[irq].owner != NULL && host_irq[irq].owner != d) {
		host_fatal("interrupt %u is revoked from who hasn't got it", irq);
	}
	host_irq[irq].owner = NULL;
}
