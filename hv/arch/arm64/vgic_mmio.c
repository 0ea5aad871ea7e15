/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vGIC's registers in memory: GICD and one GICR a vCPU.
 *
 * Accesses are 32 bits wide, but for bytes in the priority (and the unused
 * target) registers and 64 bits in GICD_IROUTER and GICR_TYPER, whose halves
 * can be accessed, too. Everything else reads as zero and ignores writes;
 * wrong offsets and sizes are counted and logged.
 *
 * Locking: none; see asm/vgic.h. A state of an interrupt in another vCPU's
 * list register is changed when that vCPU comes by; it is kicked for that.
 */
#include "kern/log.h"
#include <arch/upcall.h>
#include <arch/vcpu.h>
#include <asm/gic.h>
#include <asm/guest_map.h>
#include <asm/vgic.h>

#define VGIC_IIDR	0x4d00043bU	/* product 'M', JEP106 code of Arm */
#define VGIC_PIDR2	0x3bU		/* architecture revision 3 */
#define VGIC_ID_BITS	10U
#define BITS_REG_SIZE	0x80U		/* bytes of a one-bit register array */

struct vgic_access {
	struct arch_vcpu *v;		/* who accesses */
	struct arch_vcpu *owner;	/* of the redistributor; NULL: GICD */
	unsigned int offset;		/* in the 64 KiB frame */
	unsigned int size;
	bool write;
	uint64_t *value;
};

static uint32_t bits_get(const _Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static void bits_set(_Atomic uint32_t *word, uint32_t bits)
{
	atomic_fetch_or_explicit(word, bits, memory_order_acq_rel);
}

static void bits_clear(_Atomic uint32_t *word, uint32_t bits)
{
	atomic_fetch_and_explicit(word, ~bits, memory_order_acq_rel);
}

/* No such register or not in this width: read as zero. */
static void access_bad(const struct vgic_access *a)
{
	struct arch_domain *d = a->v->domain;

	atomic_fetch_add_explicit(&d->vgic.bad_accesses, 1, memory_order_relaxed);
	log_guest(upcall_domid(d), "vCPU %u: %s of %u bytes at %s offset 0x%x", a->v->id,
		  a->write ? "write" : "read", a->size,
		  a->owner == NULL ? "GICD" : "GICR", a->offset);
}

/* A register without a function of its own: fixed value, writes ignored. */
static void access_fixed(const struct vgic_access *a, uint32_t value)
{
	if (a->size != 4) {
		access_bad(a);
	} else if (!a->write) {
		*a->value = value;
	}
}

/* A 64-bit register with a fixed value, whole or by halves. */
static void access_fixed64(const struct vgic_access *a, uint64_t value)
{
	if (a->size < 4) {
		access_bad(a);
	} else if (!a->write) {
		*a->value = a->size == 8 ? value : (uint32_t)(value >> (a->offset & 4) * 8);
	}
}

/*
 * The bank of the access's `n`-th group of 32 interrupts, or NULL: a
 * redistributor has number 0, the distributor those after it.
 */
static struct vgic_bank *access_bank(const struct vgic_access *a, unsigned int n)
{
	struct vgic_domain *d = &a->v->domain->vgic;

	if (a->owner != NULL) {
		return n == 0 ? &a->owner->vgic.bank : NULL;
	}
	if (n == 0 || n > d->spi_count / VGIC_BANK_SIZE) {
		return NULL;
	}
	return &d->spi[n - 1];
}

/* Vcpus that SPIs `bits` of bank `n` are routed to or held by, as a bit set. */
static uint64_t spi_vcpus(struct arch_domain *d, unsigned int n, uint32_t bits)
{
	struct vgic_bank *b = &d->vgic.spi[n - 1];
	uint64_t vcpus = 0;

	for (; bits != 0; bits &= bits - 1) {
		unsigned int bit = bit_lowest(bits);
		unsigned int spi = (n - 1) * VGIC_BANK_SIZE + bit;
		struct arch_vcpu *target = vgic_spi_target(d, spi);

		if (target != NULL) {
			vcpus |= BIT(target->id % 64);
		}
		if ((bits_get(&b->in_lr) >> bit & 1) != 0) {
			vcpus |= BIT(atomic_load_explicit(&d->vgic.holder[spi],
							  memory_order_relaxed) % 64U);
		}
	}
	return vcpus;
}

static void notify_vcpus(const struct vgic_access *a, uint64_t vcpus)
{
	for (; vcpus != 0; vcpus &= vcpus - 1) {
		struct arch_vcpu *t = upcall_vcpu(a->v->domain, bit_lowest(vcpus));

		if (t != NULL) {
			vgic_notify(t, a->v);
		}
	}
}

/* Interrupts `bits` of bank `n` changed: have who may deliver them look. */
static void access_changed(const struct vgic_access *a, unsigned int n, uint32_t bits)
{
	if (a->owner != NULL) {
		vgic_notify(a->owner, a->v);
	} else {
		notify_vcpus(a, spi_vcpus(a->v->domain, n, bits));
	}
}

static uint32_t bits_reg_read(struct vgic_bank *b, unsigned int reg)
{
	switch (reg) {
	case GICD_IGROUPR:
		return bits_get(&b->group1);
	case GICD_ISENABLER:
	case GICD_ICENABLER:
		return bits_get(&b->enabled);
	case GICD_ISPENDR:
	case GICD_ICPENDR:
		return bits_get(&b->pending) | bits_get(&b->hw_pending) |
		       (bits_get(&b->line) & ~bits_get(&b->edge));
	default:
		return bits_get(&b->active);
	}
}

static void bits_reg_write(struct vgic_bank *b, unsigned int reg, uint32_t bits)
{
	switch (reg) {
	case GICD_IGROUPR:
		atomic_store_explicit(&b->group1, bits, memory_order_relaxed);
		break;
	case GICD_ISENABLER:
		bits_set(&b->enabled, bits);
		break;
	case GICD_ICENABLER:
		bits_clear(&b->enabled, bits);
		break;
	case GICD_ISPENDR:
		bits_set(&b->pending, bits);
		break;
	case GICD_ICPENDR:
		bits_clear(&b->pending, bits);
		break;
	case GICD_ISACTIVER:
		bits_set(&b->active, bits & ~bits_get(&b->in_lr));
		break;
	default:
		bits_clear(&b->active, bits);
		/* After `active`: see lr_fill(), which does the two in turn. Either sees the other. */
		atomic_thread_fence(memory_order_seq_cst);
		bits_set(&b->drop_active, bits & bits_get(&b->in_lr));
		break;
	}
}

/*
 * The machine's interrupt is on when the guest's is. Another vCPU may change it
 * at the same time: who finds that it did follows once more. The tries are
 * bounded; a guest that fights itself over it may be left with the other state.
 */
static void machine_enable(struct vgic_bank *b, unsigned int intid)
{
	uint32_t bit = 1U << intid % VGIC_BANK_SIZE;

	for (unsigned int n = 0; n < 2; n++) {
		bool on = (bits_get(&b->enabled) & bit) != 0;

		if (on) {
			gic_route_spi_here(intid);
			gic_enable_irq(intid);
		} else {
			gic_disable_irq(intid);
		}
		if (on == ((bits_get(&b->enabled) & bit) != 0)) {
			return;
		}
	}
}

/* What a write to a bit of register `reg` means for the machine's SPIs. */
static void machine_follow(struct vgic_bank *b, unsigned int base, unsigned int reg,
			   uint32_t bits)
{
	uint32_t taken = 0;

	if (reg == GICD_ICPENDR) {
		taken = atomic_fetch_and_explicit(&b->hw_pending, ~bits, memory_order_acq_rel);
	}
	for (; bits != 0; bits &= bits - 1) {
		unsigned int n = bit_lowest(bits);

		if (reg == GICD_ISENABLER || reg == GICD_ICENABLER) {
			machine_enable(b, base + n);
		} else if ((taken >> n & 1) != 0) {
			/* If its line is still up it comes again. */
			gic_deactivate_spi(base + n);
		}
	}
}

/* GICD_IGROUPR to GICD_ICACTIVER and their GICR twins. */
static void access_bits(const struct vgic_access *a)
{
	unsigned int reg = ALIGN_DOWN(a->offset, BITS_REG_SIZE);
	unsigned int n = (a->offset - reg) / 4;
	struct vgic_bank *b = access_bank(a, n);

	if (a->size != 4) {
		access_bad(a);
	} else if (b == NULL) {
		return;
	} else if (!a->write) {
		*a->value = bits_reg_read(b, reg);
	} else {
		bits_reg_write(b, reg, (uint32_t)*a->value);
		machine_follow(b, n * VGIC_BANK_SIZE, reg, (uint32_t)*a->value & b->assigned);
		access_changed(a, n, reg == GICD_IGROUPR ? UINT32_MAX : (uint32_t)*a->value);
	}
}

static void access_priority(const struct vgic_access *a)
{
	unsigned int irq = a->offset - GICD_IPRIORITYR;
	unsigned int n = irq / VGIC_BANK_SIZE;
	struct vgic_bank *b = access_bank(a, n);

	if (a->size != 1 && a->size != 4) {
		access_bad(a);
		return;
	}
	if (b == NULL) {
		return;
	}
	irq %= VGIC_BANK_SIZE;
	for (unsigned int i = 0; i < a->size; i++) {
		_Atomic uint8_t *prio = &b->prio[irq + i];

		if (a->write) {
			atomic_store_explicit(prio, (uint8_t)(*a->value >> i * 8) & 0xf8U,
					      memory_order_relaxed);
		} else {
			*a->value |= (uint64_t)atomic_load_explicit(prio, memory_order_relaxed)
				     << i * 8;
		}
	}
	if (a->write) {
		access_changed(a, n, (uint32_t)(BIT(a->size) - 1) << irq);
	}
}

/* Two bits an interrupt, the upper one tells edge; SGIs always are. */
static void access_config(const struct vgic_access *a)
{
	unsigned int reg = (a->offset - GICD_ICFGR) / 4;
	unsigned int shift = reg % 2 * 16;
	struct vgic_bank *b = access_bank(a, reg / 2);
	uint32_t edge = 0;

	if (a->size != 4) {
		access_bad(a);
		return;
	}
	if (b == NULL) {
		return;
	}
	if (!a->write) {
		uint32_t half = bits_get(&b->edge) >> shift & 0xffff;

		for (unsigned int i = 0; i < 16; i++) {
			edge |= (half >> i & 1) << (2 * i + 1);
		}
		*a->value = edge;
		return;
	}
	if (a->owner != NULL && reg == 0) {
		return;
	}
	for (unsigned int i = 0; i < 16; i++) {
		edge |= (uint32_t)(*a->value >> (2 * i + 1) & 1) << (shift + i);
	}
	bits_set(&b->edge, edge);
	bits_clear(&b->edge, ~edge & 0xffffU << shift);
	access_changed(a, reg / 2, 0xffffU << shift);
}

static void access_router(const struct vgic_access *a)
{
	struct arch_domain *d = a->v->domain;
	unsigned int irq = (a->offset - GICD_IROUTER) / 8;
	unsigned int shift = (a->offset & 4) * 8;
	uint64_t mask = GICD_IROUTER_AFF | GICD_IROUTER_IRM;
	uint64_t old;
	uint64_t vcpus;

	if (a->size < 4) {
		access_bad(a);
		return;
	}
	if (irq < VGIC_BANK_SIZE || irq - VGIC_BANK_SIZE >= d->vgic.spi_count) {
		return;
	}
	irq -= VGIC_BANK_SIZE;
	old = atomic_load_explicit(&d->vgic.router[irq], memory_order_relaxed);
	if (!a->write) {
		*a->value = a->size == 8 ? old : (uint32_t)(old >> shift);
		return;
	}
	if (a->size == 4) {
		mask &= 0xffffffffULL << shift;
	}
	vcpus = spi_vcpus(d, irq / VGIC_BANK_SIZE + 1, 1U << irq % VGIC_BANK_SIZE);
	atomic_store_explicit(&d->vgic.router[irq],
			      (old & ~mask) | (*a->value << shift & mask),
			      memory_order_release);
	vcpus |= spi_vcpus(d, irq / VGIC_BANK_SIZE + 1, 1U << irq % VGIC_BANK_SIZE);
	notify_vcpus(a, vcpus);
}

static void access_gicd_ctlr(const struct vgic_access *a)
{
	struct arch_domain *d = a->v->domain;

	if (a->size != 4) {
		access_bad(a);
	} else if (!a->write) {
		*a->value = bits_get(&d->vgic.ctlr) | GICD_CTLR_ARE | GICD_CTLR_DS;
	} else {
		atomic_store_explicit(&d->vgic.ctlr,
				      (uint32_t)*a->value & (GICD_CTLR_GRP0 | GICD_CTLR_GRP1),
				      memory_order_relaxed);
		notify_vcpus(a, BIT(d->vcpu_count % 64) - 1);
	}
}

/* What GICD and the SGI frame of GICR have in common. False: nothing there. */
static bool access_irq_regs(const struct vgic_access *a)
{
	if (a->offset >= GICD_IGROUPR && a->offset < GICD_IPRIORITYR) {
		access_bits(a);
	} else if (a->offset >= GICD_IPRIORITYR && a->offset < GICD_ITARGETSR) {
		access_priority(a);
	} else if (a->offset >= GICD_ICFGR && a->offset < GICD_IGRPMODR) {
		access_config(a);
	} else if (a->offset >= GICD_IGRPMODR && a->offset < GICD_IGRPMODR_END) {
		access_fixed(a, 0);
	} else {
		return false;
	}
	return true;
}

static void access_gicd(const struct vgic_access *a)
{
	struct vgic_domain *d = &a->v->domain->vgic;

	switch (a->offset) {
	case GICD_CTLR:
		access_gicd_ctlr(a);
		return;
	case GICD_TYPER:
		access_fixed(a, d->spi_count / VGIC_BANK_SIZE | GICD_TYPER_NO1N |
				(VGIC_ID_BITS - 1) << GICD_TYPER_IDBITS_SHIFT);
		return;
	case GICD_IIDR:
		access_fixed(a, VGIC_IIDR);
		return;
	case GIC_PIDR2:
		access_fixed(a, VGIC_PIDR2);
		return;
	case GICD_TYPER2:
	case GICD_STATUSR:
		access_fixed(a, 0);
		return;
	default:
		break;
	}
	if (a->offset >= GICD_ITARGETSR && a->offset < GICD_ICFGR) {
		if (a->size != 1 && a->size != 4) {
			access_bad(a);
		}
	} else if (a->offset >= GICD_IROUTER && a->offset < GICD_IROUTER_END) {
		access_router(a);
	} else if (!access_irq_regs(a)) {
		access_bad(a);
	}
}

static uint64_t gicr_typer(struct arch_vcpu *owner)
{
	uint64_t typer = guest_mpidr(owner->id) << GICR_TYPER_AFF_SHIFT |
			 (uint64_t)owner->id << GICR_TYPER_NUMBER_SHIFT;

	if (owner->id + 1 == owner->domain->vcpu_count) {
		typer |= GICR_TYPER_LAST;
	}
	return typer;
}

static void access_waker(const struct vgic_access *a)
{
	_Atomic bool *asleep = &a->owner->vgic.asleep;

	if (a->size != 4) {
		access_bad(a);
	} else if (a->write) {
		atomic_store_explicit(asleep, (*a->value & GICR_WAKER_SLEEP) != 0,
				      memory_order_relaxed);
	} else if (atomic_load_explicit(asleep, memory_order_relaxed)) {
		*a->value = GICR_WAKER_SLEEP | GICR_WAKER_ASLEEP;
	}
}

static void access_gicr(const struct vgic_access *a)
{
	switch (a->offset) {
	case GICR_CTLR:
	case GICR_STATUSR:
		access_fixed(a, 0);
		break;
	case GICR_IIDR:
		access_fixed(a, VGIC_IIDR);
		break;
	case GICR_TYPER:
	case GICR_TYPER + 4:
		access_fixed64(a, gicr_typer(a->owner));
		break;
	case GICR_WAKER:
		access_waker(a);
		break;
	case GIC_PIDR2:
		access_fixed(a, VGIC_PIDR2);
		break;
	default:
		access_bad(a);
		break;
	}
}

bool vgic_mmio(struct arch_vcpu *v, uint64_t gpa, unsigned int size, bool write,
	       uint64_t *value)
{
	struct vgic_access a = { .v = v, .size = size, .write = write, .value = value };
	uint64_t in_gicd = gpa - v->domain->vgic.gicd_base;
	uint64_t in_gicr = gpa - v->domain->vgic.gicr_base;
	bool sgi_frame = false;

	if (in_gicd < GUEST_GICD_SIZE) {
		a.offset = (unsigned int)in_gicd;
	} else if (in_gicr < v->domain->vcpu_count * GUEST_GICR_STRIDE) {
		a.owner = upcall_vcpu(v->domain, (unsigned int)(in_gicr / GUEST_GICR_STRIDE));
		if (a.owner == NULL) {
			return false;
		}
		a.offset = (unsigned int)(in_gicr % GICR_FRAME);
		sgi_frame = (in_gicr & GICR_FRAME) != 0;
	} else {
		return false;
	}
	if (!write) {
		*value = 0;
	}
	if ((size != 1 && size != 2 && size != 4 && size != 8) ||
	    !IS_ALIGNED(a.offset, size)) {
		access_bad(&a);
		return true;
	}
	vgic_pull(v);
	if (a.owner == NULL) {
		access_gicd(&a);
	} else if (!sgi_frame) {
		access_gicr(&a);
	} else if (!access_irq_regs(&a)) {
		access_bad(&a);
	}
	return true;
}
