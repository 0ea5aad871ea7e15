/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arm64 port's vGIC on a model of the hardware: see tests/vgic/machine.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vgic/machine.h"

#define SPI_BASE	32U

static int setup(void **state)
{
	(void)state;
	machine_init(MACHINE_SPIS);
	machine_boot();
	return 0;
}

/* No use of the hardware that the architecture doesn't define. */
static int teardown(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		assert_int_equal(machine_cpu[n].bad, 0);
	}
	return 0;
}

static void test_id_registers(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	uint64_t typer = mmio_read(v, GICD(GICD_TYPER), 4);

	(void)state;
	assert_int_equal(typer & 0x1f, MACHINE_SPIS / 32);
	assert_int_equal(typer >> 19 & 0x1f, 9);
	assert_int_equal(typer & BIT(17), 0);		/* no LPIs */
	assert_int_equal(typer & BIT(10), 0);		/* one security state */
	assert_int_equal(mmio_read(v, GICD(GIC_PIDR2), 4) >> 4 & 0xf, 3);
	assert_int_equal(mmio_read(v, GICD(GICD_CTLR), 4), 0x53);
	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		uint64_t t = mmio_read(v, GICR(n, GICR_TYPER), 8);

		assert_int_equal(t >> 32, n);
		assert_int_equal((t & GICR_TYPER_LAST) != 0, n == MACHINE_CPUS - 1);
		assert_int_equal(t & 1, 0);
		assert_int_equal(mmio_read(v, GICR(n, GICR_TYPER), 4), t & 0xffffffff);
		assert_int_equal(mmio_read(v, GICR(n, GICR_TYPER + 4), 4), t >> 32);
		assert_int_equal(mmio_read(v, GICR(n, GIC_PIDR2), 4) >> 4 & 0xf, 3);
	}
}

static void test_outside(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	uint64_t val = 1;

	(void)state;
	assert_false(vgic_mmio(v, GUEST_GICD_BASE - 4, 4, false, &val));
	assert_false(vgic_mmio(v, GUEST_GICD_BASE + GUEST_GICD_SIZE, 4, false, &val));
	assert_false(vgic_mmio(v, GICR(0, 0) - 4, 4, false, &val));
	assert_false(vgic_mmio(v, GICR(MACHINE_CPUS, 0), 4, false, &val));
	assert_false(vgic_mmio(v, 0, 8, true, &val));
	assert_false(vgic_mmio(v, UINT64_MAX - 7, 8, true, &val));
	assert_int_equal(val, 1);
}

static void test_domain_limits(void **state)
{
	(void)state;
	assert_int_equal(vgic_domain_init(&machine_domain, VGIC_SPI_MAX + 32), -EINVAL);
	assert_int_equal(vgic_domain_init(&machine_domain, 31), -EINVAL);
	assert_int_equal(vgic_domain_init(&machine_domain, VGIC_SPI_MAX), 0);
	assert_int_equal(vgic_domain_init(&machine_domain, 0), 0);
}

static void test_waker(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assert_int_equal(mmio_read(v, GICR(1, GICR_WAKER), 4), 6);
	mmio_write(v, GICR(1, GICR_WAKER), 4, 4);
	assert_int_equal(mmio_read(v, GICR(1, GICR_WAKER), 4), 0);
	mmio_write(v, GICR(1, GICR_WAKER), 4, 2);
	assert_int_equal(mmio_read(v, GICR(1, GICR_WAKER), 4), 6);
}

/* Writes of wrong width or place change nothing and are told of. */
static void test_bad_access(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	struct vgic_bank before = v->vgic.bank;

	(void)state;
	machine_logs = 0;
	mmio_write(v, GICR_SGI(0, GICD_ICENABLER), 1, 0xff);
	mmio_write(v, GICR_SGI(0, GICD_ICENABLER), 2, 0xffff);
	mmio_write(v, GICR_SGI(0, GICD_ICENABLER), 8, UINT64_MAX);
	mmio_write(v, GICR_SGI(0, GICD_ICENABLER + 1), 4, UINT32_MAX);
	mmio_write(v, GICR_SGI(0, GICD_IPRIORITYR), 8, 0);
	mmio_write(v, GICR_SGI(0, GICD_IPRIORITYR), 2, 0);
	mmio_write(v, GICR_SGI(0, GICD_ICFGR), 1, 0);
	mmio_write(v, GICR(0, GICR_WAKER), 8, 0);
	mmio_write(v, GICD(GICD_CTLR), 1, 0);
	mmio_write(v, GICD(GICD_IROUTER + 8 * 32), 2, 3);
	assert_int_equal(machine_logs, 10);
	assert_int_equal(machine_domain.vgic.bad_accesses, 10);
	assert_memory_equal(&before, &v->vgic.bank, sizeof(before));
	assert_int_equal(mmio_read(v, GICD(GICD_CTLR), 4), 0x53);
	assert_int_equal(mmio_read(v, GICD(GICD_CTLR), 2), 0);
	assert_int_equal(mmio_read(v, GICD(0xf000), 4), 0);
}

static void test_bit_registers(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	mmio_write(v, GICD(GICD_ISENABLER + 4), 4, 0x80000001);
	mmio_write(v, GICD(GICD_ISENABLER + 8), 4, 0x10);
	mmio_write(v, GICD(GICD_ISENABLER + 12), 4, UINT32_MAX);	/* not there */
	mmio_write(v, GICD(GICD_ISENABLER), 4, UINT32_MAX);		/* GICR has it */
	assert_int_equal(mmio_read(v, GICD(GICD_ISENABLER), 4), 0);
	assert_int_equal(mmio_read(v, GICD(GICD_ICENABLER + 4), 4), 0x80000001);
	assert_int_equal(mmio_read(v, GICD(GICD_ISENABLER + 8), 4), 0x10);
	assert_int_equal(mmio_read(v, GICD(GICD_ISENABLER + 12), 4), 0);
	mmio_write(v, GICD(GICD_ICENABLER + 4), 4, 1);
	assert_int_equal(mmio_read(v, GICD(GICD_ISENABLER + 4), 4), 0x80000000);
	mmio_write(v, GICR_SGI(2, GICD_ICENABLER), 4, 0xf0000000);
	assert_int_equal(mmio_read(v, GICR_SGI(2, GICD_ISENABLER), 4), 0x0fffffff);
	assert_int_equal(mmio_read(v, GICR_SGI(1, GICD_ISENABLER), 4), 0xffffffff);
	mmio_write(v, GICR_SGI(0, GICD_IGROUPR), 4, 0x1234);
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_IGROUPR), 4), 0x1234);
}

static void test_priority_bytes(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	mmio_write(v, GICD(GICD_IPRIORITYR + 32), 4, 0xff804020);
	assert_int_equal(mmio_read(v, GICD(GICD_IPRIORITYR + 32), 4), 0xf8804020);
	assert_int_equal(mmio_read(v, GICD(GICD_IPRIORITYR + 34), 1), 0x80);
	mmio_write(v, GICD(GICD_IPRIORITYR + 33), 1, 0x47);
	assert_int_equal(mmio_read(v, GICD(GICD_IPRIORITYR + 32), 4), 0xf8804020);
	mmio_write(v, GICD(GICD_IPRIORITYR + 33), 1, 0x50);
	assert_int_equal(mmio_read(v, GICD(GICD_IPRIORITYR + 32), 4), 0xf8805020);
	assert_int_equal(mmio_read(v, GICD(GICD_IPRIORITYR), 4), 0);
	assert_int_equal(mmio_read(v, GICD(GICD_IPRIORITYR + 96), 4), 0);
}

static void test_config(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	mmio_write(v, GICR_SGI(0, GICD_ICFGR), 4, 0);
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_ICFGR), 4), 0xaaaaaaaa);
	mmio_write(v, GICR_SGI(0, GICD_ICFGR + 4), 4, 0x80000003);
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_ICFGR + 4), 4), 0x80000002);
	mmio_write(v, GICD(GICD_ICFGR + 8), 4, 0xffffffff);
	mmio_write(v, GICD(GICD_ICFGR + 12), 4, 0x8);
	assert_int_equal(mmio_read(v, GICD(GICD_ICFGR + 8), 4), 0xaaaaaaaa);
	assert_int_equal(mmio_read(v, GICD(GICD_ICFGR + 12), 4), 0x8);
	/* Past the last interrupt (XSA-94's neighbourhood). */
	mmio_write(v, GICD(GICD_ICFGR + 0xfc), 4, 0xffffffff);
	assert_int_equal(mmio_read(v, GICD(GICD_ICFGR + 0xfc), 4), 0);
}

static void test_router(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	uint64_t reg = GICD(GICD_IROUTER + 8 * 40);

	(void)state;
	mmio_write(v, reg, 8, UINT64_MAX);
	assert_int_equal(mmio_read(v, reg, 8), 0xff80ffffffULL);
	mmio_write(v, reg + 4, 4, 0);
	assert_int_equal(mmio_read(v, reg, 8), 0x80ffffffULL);
	mmio_write(v, reg, 4, 3);
	assert_int_equal(mmio_read(v, reg, 8), 3);
	assert_int_equal(mmio_read(v, reg + 4, 4), 0);
	assert_int_equal(mmio_read(v, GICD(GICD_IROUTER + 8 * 31), 8), 0);
	mmio_write(v, GICD(GICD_IROUTER + 8 * (32 + MACHINE_SPIS)), 8, 1);
	assert_int_equal(mmio_read(v, GICD(GICD_IROUTER + 8 * (32 + MACHINE_SPIS)), 8), 0);
}

static void test_event(void **state)
{
	struct arch_vcpu *v = machine_on(1);

	(void)state;
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	vgic_inject(v, 31);
	assert_int_equal(v->kicks, 1);
	vgic_inject(v, 31);
	assert_int_equal(v->kicks, 1);
	assert_true(vgic_pending(v));
	assert_int_equal(machine_turn(v), 31);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	/* Raised again while it is handled. */
	vgic_inject(v, 31);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(model_eoi(31));
	assert_int_equal(model_ack(), 31);
	assert_true(model_eoi(31));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_false(vgic_pending(v));
	assert_int_equal(v->vgic.lr_used, 0);
	assert_int_equal(v->vgic.bank.in_lr, 0);
}

/* Latched while active, ended by the guest, and then not taken at once. */
static void test_event_ended_before_flush(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	vgic_inject(v, 31);
	assert_int_equal(machine_turn(v), 31);
	vgic_inject(v, 31);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(model_eoi(31));
	/* An exit in between, with something new to deliver. */
	vgic_inject(v, 30);
	vgic_leave(v);
	vgic_enter(v);
	assert_int_equal(machine_turn(v), 30);
	assert_true(model_eoi(30));
	assert_int_equal(machine_turn(v), 31);
	assert_true(model_eoi(31));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_int_equal(v->vgic.bank.active, 0);
}

static void test_latch_while_disabled(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	mmio_write(v, GICR_SGI(0, GICD_ICENABLER), 4, BIT(31));
	vgic_inject(v, 31);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_false(vgic_pending(v));
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_ISPENDR), 4), BIT(31));
	mmio_write(v, GICR_SGI(0, GICD_ISENABLER), 4, BIT(31));
	assert_int_equal(machine_turn(v), 31);
	assert_true(model_eoi(31));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
}

/* Disabled or cleared while it waits in a list register. */
static void test_withdraw(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	vgic_inject(v, 31);
	vgic_inject(v, 5);
	vgic_enter(v);
	assert_int_equal(__builtin_popcount(v->vgic.lr_used), 2);
	mmio_write(v, GICR_SGI(0, GICD_ICENABLER), 4, BIT(31));
	mmio_write(v, GICR_SGI(0, GICD_ICPENDR), 4, BIT(5));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	mmio_write(v, GICR_SGI(0, GICD_ISENABLER), 4, BIT(31));
	assert_int_equal(machine_turn(v), 31);
	/* The distributor's switch. */
	vgic_inject(v, 5);
	mmio_write(v, GICR_SGI(0, GICD_IPRIORITYR + 5), 1, 0x10);
	mmio_write(v, GICD(GICD_CTLR), 4, 0);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	mmio_write(v, GICD(GICD_CTLR), 4, 2);
	assert_int_equal(machine_turn(v), 5);
}

static void test_priority_order(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		/* 15 is the most urgent. */
		mmio_write(v, GICR_SGI(0, GICD_IPRIORITYR + i), 1, 0xf0 - 8 - i * 8);
	}
	for (unsigned int i = 0; i < 16; i++) {
		vgic_inject(v, i);
	}
	for (unsigned int i = 16; i-- > 0;) {
		assert_int_equal(machine_turn(v), i);
		assert_true(model_eoi(i));
	}
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
}

/* More than the list registers hold, and the guest does not exit by itself. */
static void test_maintenance(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	uint32_t seen = 0;

	(void)state;
	for (unsigned int i = 0; i < 16; i++) {
		vgic_inject(v, i);
	}
	vgic_enter(v);
	for (unsigned int i = 0; i < 16; i++) {
		unsigned int irq;

		if (model_maintenance()) {
			irq = machine_turn(v);
		} else {
			irq = model_ack();
		}
		assert_true(irq < 16);
		seen |= 1U << irq;
		assert_true(model_eoi(irq));
	}
	assert_int_equal(seen, 0xffff);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_false(model_maintenance());
	assert_int_equal(v->vgic.hcr, ICH_HCR_EN);
}

/* All list registers active (nested), more waits: no storm, none is lost. */
static void test_nesting(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	unsigned int stack[8];
	unsigned int depth = 0;
	uint32_t seen = 0;

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		mmio_write(v, GICR_SGI(0, GICD_IPRIORITYR + i), 1, 0xe0 - i * 0x10);
	}
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int irq;

		vgic_inject(v, i);
		irq = machine_turn(v);
		if (irq != MODEL_SPURIOUS) {
			stack[depth++] = irq;
			seen |= 1U << irq;
		}
	}
	assert_true(depth >= MODEL_LRS);
	while (depth > 0) {
		unsigned int irq;

		assert_true(model_eoi(stack[--depth]));
		irq = machine_turn(v);
		if (irq != MODEL_SPURIOUS) {
			stack[depth++] = irq;
			seen |= 1U << irq;
		}
	}
	assert_int_equal(seen, 0xff);
}

static void test_sgi(void **state)
{
	(void)state;
	/* From 1 to 0, 1 and 3. */
	vgic_sgi1r(machine_on(1), 0x0bULL | 7ULL << 24);
	assert_int_equal(machine_vcpu[0].kicks, 1);
	assert_int_equal(machine_vcpu[1].kicks, 0);	/* runs anyway */
	assert_int_equal(machine_vcpu[3].kicks, 1);
	assert_int_equal(machine_turn(machine_on(0)), 7);
	assert_int_equal(machine_turn(machine_on(1)), 7);
	assert_int_equal(machine_turn(machine_on(2)), MODEL_SPURIOUS);
	assert_int_equal(machine_turn(machine_on(3)), 7);
	/* All but self, whatever the list is. */
	vgic_sgi1r(machine_on(1), SGIR_IRM | 0xffff | 9ULL << 24 | 5ULL << 16);
	mmio_write(machine_on(0), GICR_SGI(0, GICD_IPRIORITYR + 9), 1, 0);
	assert_int_equal(machine_turn(machine_on(0)), 9);
	assert_int_equal(machine_vcpu[1].vgic.bank.pending, 0);
	assert_int_equal(machine_vcpu[2].vgic.bank.pending, BIT(9));
	/* Affinities that nobody has (XSA-117's neighbourhood). */
	vgic_sgi1r(machine_on(1), 1ULL << 16 | 0xffff);
	vgic_sgi1r(machine_on(1), 1ULL << 32 | 0xffff);
	vgic_sgi1r(machine_on(1), 1ULL << 48 | 0xffff);
	vgic_sgi1r(machine_on(1), 1ULL << 44 | 0xffff);
	vgic_sgi1r(machine_on(1), 0xfff0);
	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		assert_int_equal(machine_vcpu[n].vgic.bank.pending & 1, 0);
	}
	/* A group 0 request reaches group 0 interrupts only. */
	mmio_write(machine_on(2), GICR_SGI(2, GICD_IGROUPR), 4, ~BIT(3));
	vgic_sgi0r(machine_on(1), 0x0d | 3ULL << 24);
	assert_int_equal(machine_vcpu[2].vgic.bank.pending & BIT(3), BIT(3));
	assert_int_equal(machine_vcpu[0].vgic.bank.pending & BIT(3), 0);
}

static void timer_fires(struct arch_vcpu *v)
{
	assert_int_equal(ich->ppi_active & BIT(27), 0);
	ich->ppi_active |= BIT(27);
	vgic_leave(v);
	vgic_inject_hw(v, 27, 27);
	vgic_enter(v);
}

static void test_timer(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	timer_fires(v);
	assert_true(vgic_pending(v));
	assert_int_equal(model_ack(), 27);
	assert_int_equal(ich->ppi_active, BIT(27));
	assert_true(model_eoi(27));
	assert_int_equal(ich->ppi_active, 0);
	timer_fires(v);
	assert_int_equal(machine_turn(v), 27);
	assert_true(model_eoi(27));
	vgic_leave(v);
	assert_int_equal(v->vgic.hw, 0);
	assert_int_equal(v->vgic.lr_used, 0);
}

/* Cleared, or ended behind its back: the physical one must come again. */
static void test_timer_cleared(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	timer_fires(v);
	vgic_leave(v);
	mmio_write(v, GICR_SGI(0, GICD_ICPENDR), 4, BIT(27));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_int_equal(ich->ppi_active, 0);
	timer_fires(v);
	assert_int_equal(machine_turn(v), 27);
	vgic_leave(v);
	mmio_write(v, GICR_SGI(0, GICD_ICACTIVER), 4, BIT(27));
	vgic_enter(v);
	assert_int_equal(ich->ppi_active, 0);
	assert_int_equal(v->vgic.hw, 0);
	ich->nesting = 0;
	timer_fires(v);
	assert_int_equal(machine_turn(v), 27);
	assert_true(model_eoi(27));
	/* By another vCPU, on this one's redistributor. */
	timer_fires(v);
	machine_on(1);
	mmio_write(machine_on(1), GICR_SGI(0, GICD_ICENABLER), 4, BIT(27));
	assert_true(v->kicks > 0);
	machine_on(0);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	mmio_write(machine_on(1), GICR_SGI(0, GICD_ICPENDR), 4, BIT(27));
	machine_on(0);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_int_equal(ich->ppi_active, 0);
}

/* The guest made the PPI active or pending by itself, then the timer fires. */
static void test_timer_forced(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	mmio_write(v, GICR_SGI(0, GICD_ISPENDR), 4, BIT(27));
	assert_int_equal(machine_turn(v), 27);		/* by software */
	timer_fires(v);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(model_eoi(27));
	assert_true(model_maintenance());
	assert_int_equal(machine_turn(v), 27);
	assert_int_equal(ich->ppi_active, BIT(27));
	/* Once more by software while the hardware's is active. */
	vgic_leave(v);
	mmio_write(v, GICR_SGI(0, GICD_ISPENDR), 4, BIT(27));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(model_eoi(27));
	assert_int_equal(ich->ppi_active, 0);
	assert_int_equal(machine_turn(v), 27);
	assert_true(model_eoi(27));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_int_equal(v->vgic.hw, 0);
}

static void test_timer_switch(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	struct arch_vcpu *other = &machine_vcpu[1];

	(void)state;
	vgic_save(machine_on(1));
	machine_on(0);
	timer_fires(v);
	assert_int_equal(model_ack(), 27);		/* in the handler */
	vgic_leave(v);
	vgic_save(v);
	assert_int_equal(ich->ppi_active, 0);
	assert_int_equal(ich->hcr, 0);
	ich->nesting = 0;
	vgic_load(other);
	/* The other guest's timer is its own. */
	timer_fires(other);
	assert_int_equal(machine_turn(other), 27);
	assert_true(model_eoi(27));
	assert_int_equal(machine_turn(other), MODEL_SPURIOUS);
	vgic_save(other);
	/* Back, on another CPU. */
	machine_on(1);
	vgic_load(v);
	assert_int_equal(ich->ppi_active, BIT(27));
	vgic_enter(v);
	assert_true(model_eoi(27));
	assert_int_equal(ich->ppi_active, 0);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
}

static void test_switch_keeps_state(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	vgic_inject(v, 4);
	assert_int_equal(machine_turn(v), 4);
	vgic_inject(v, 31);
	vgic_leave(v);
	vgic_enter(v);
	vgic_leave(v);
	ich->apr[1][0] = 0x100;
	vgic_save(v);
	for (unsigned int i = 0; i < MODEL_LRS; i++) {
		assert_int_equal(ich->lr[i], 0);
	}
	assert_true(vgic_pending(v));
	ich->vmcr = 0;
	ich->apr[1][0] = 0;
	ich->sre = 0;			/* left so by another guest */
	vgic_inject(v, 6);
	vgic_load(v);
	assert_int_equal(ich->apr[1][0], 0x100);
	assert_int_equal(ich->sre & 1, 1);
	assert_true(model_eoi(4));
	assert_int_equal(machine_turn(v), 6);
	assert_true(model_eoi(6));
	assert_int_equal(machine_turn(v), 31);
	assert_true(model_eoi(31));
}

static void test_reset(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	timer_fires(v);
	vgic_inject(v, 4);
	assert_int_equal(machine_turn(v), 4);
	vgic_inject(v, 31);
	vgic_enter(v);
	vgic_leave(v);
	vgic_save(v);
	vgic_vcpu_reset(v);
	assert_false(vgic_pending(v));		/* the interface is off */
	ich->nesting = 0;
	vgic_load(v);
	assert_int_equal(ich->vmcr, 0);
	ich->vmcr = ICH_VMCR_ENG1 | 0xf0ULL << 24;
	assert_int_equal(machine_turn(v), 31);	/* the event's latch stays */
	assert_true(model_eoi(31));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_int_equal(ich->ppi_active, 0);
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_ISACTIVER), 4), 0);
}

static void test_pending_masks(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assert_false(vgic_pending(v));
	vgic_inject(v, 31);
	ich->vmcr = ICH_VMCR_ENG1 | 0xa0ULL << 24;	/* masks 0xa0 */
	assert_false(vgic_pending(v));
	vgic_enter(v);
	vgic_leave(v);
	assert_false(vgic_pending(v));
	ich->vmcr = ICH_VMCR_ENG1 | 0xa8ULL << 24;
	assert_true(vgic_pending(v));
	ich->vmcr = 0xf0ULL << 24;
	assert_false(vgic_pending(v));
}

static void test_active_registers(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	vgic_inject(v, 31);
	assert_int_equal(machine_turn(v), 31);
	vgic_leave(v);
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_ISACTIVER), 4), BIT(31));
	/* Active and pending, then only the latter. */
	vgic_inject(v, 31);
	vgic_enter(v);
	vgic_leave(v);
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_ISPENDR), 4), BIT(31));
	mmio_write(v, GICR_SGI(0, GICD_ICACTIVER), 4, BIT(31));
	ich->nesting = 0;
	assert_int_equal(machine_turn(v), 31);
	assert_true(model_eoi(31));
	/* Made active by software: not delivered before it is ended. */
	mmio_write(v, GICR_SGI(0, GICD_ISACTIVER), 4, BIT(3));
	vgic_inject(v, 3);
	vgic_enter(v);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(model_eoi(3));
	assert_int_equal(machine_turn(v), 3);
	assert_true(model_eoi(3));
	/* A request to end, too late, must not hit the next one. */
	mmio_write(v, GICR_SGI(0, GICD_ICACTIVER), 4, BIT(3));
	vgic_inject(v, 3);
	assert_int_equal(machine_turn(v), 3);
	vgic_leave(v);
	vgic_enter(v);
	assert_int_equal(mmio_read(v, GICR_SGI(0, GICD_ISACTIVER), 4), BIT(3));
}

/* vCPU 1 ends vCPU 0's interrupt, which is active there. */
static void test_active_other(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	vgic_inject(v, 31);
	assert_int_equal(machine_turn(v), 31);
	v->kicks = 0;
	mmio_write(machine_on(1), GICR_SGI(0, GICD_ICACTIVER), 4, BIT(31));
	assert_int_equal(v->kicks, 1);
	machine_on(0);
	vgic_leave(v);
	vgic_enter(v);
	assert_int_equal(v->vgic.lr_used, 0);
	ich->nesting = 0;
	/* While it is only pending there is nothing to end. */
	vgic_inject(v, 31);
	vgic_enter(v);
	mmio_write(machine_on(1), GICR_SGI(0, GICD_ICACTIVER), 4, BIT(31));
	machine_on(0);
	assert_int_equal(machine_turn(v), 31);
	vgic_leave(v);
	mmio_write(v, GICR_SGI(0, GICD_ISENABLER), 4, 0);
	vgic_enter(v);
	assert_true(model_eoi(31));
}

static void spi_setup(unsigned int intid, uint64_t vcpu)
{
	unsigned int n = intid / 32;

	mmio_write(machine_on(0), GICD(GICD_IROUTER + 8 * intid), 8, vcpu);
	mmio_write(machine_on(0), GICD(GICD_IPRIORITYR + intid), 1, 0xa0);
	mmio_write(machine_on(0), GICD(GICD_ISENABLER + 4 * n), 4, BIT(intid % 32));
	for (unsigned int i = 0; i < MACHINE_CPUS; i++) {
		vgic_enter(machine_on(i));
		machine_vcpu[i].kicks = 0;
	}
}

static void test_level_spi(void **state)
{
	struct arch_vcpu *v = machine_on(2);

	(void)state;
	spi_setup(35, 2);
	machine_on(2);
	vgic_set_level(&machine_vcpu[0], 35, true);
	assert_int_equal(v->kicks, 1);
	assert_int_equal(machine_vcpu[0].kicks, 0);
	assert_int_equal(mmio_read(&machine_vcpu[0], GICD(GICD_ISPENDR + 4), 4), BIT(3));
	machine_on(2);
	assert_int_equal(machine_turn(v), 35);
	/* Still raised at the end: comes again, and the guest has to exit. */
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(model_eoi(35));
	assert_true(model_maintenance());
	assert_int_equal(machine_turn(v), 35);
	vgic_set_level(v, 35, false);
	assert_true(model_eoi(35));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	/* Raised and lowered before the guest saw it. */
	vgic_set_level(v, 35, true);
	vgic_enter(v);
	vgic_set_level(v, 35, false);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	/* Edge: a pulse is kept. */
	mmio_write(v, GICD(GICD_ICFGR + 8), 4, BIT(7));
	vgic_set_level(v, 35, true);
	vgic_set_level(v, 35, false);
	assert_int_equal(machine_turn(v), 35);
	assert_true(model_eoi(35));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	/* Numbers that don't exist. */
	vgic_set_level(v, SPI_BASE + MACHINE_SPIS, true);
	vgic_inject(v, SPI_BASE + MACHINE_SPIS);
	vgic_inject(v, UINT32_MAX);
}

static void test_spi_moves(void **state)
{
	struct arch_vcpu *v0 = &machine_vcpu[0];
	struct arch_vcpu *v3 = &machine_vcpu[3];

	(void)state;
	spi_setup(70, 0);
	machine_on(0);
	vgic_inject(v3, 70);
	assert_int_equal(v0->kicks, 1);
	vgic_enter(v0);
	assert_int_equal(v0->vgic.lr_used, 1);
	/* Waits in vCPU 0's list register when vCPU 1 moves it to 3. */
	mmio_write(machine_on(1), GICD(GICD_IROUTER + 8 * 70), 8, 3);
	assert_int_equal(v0->kicks, 2);
	machine_on(3);
	assert_int_equal(machine_turn(v3), MODEL_SPURIOUS);
	machine_on(0);
	v3->kicks = 0;
	assert_int_equal(machine_turn(v0), MODEL_SPURIOUS);
	assert_int_equal(v3->kicks, 1);
	machine_on(3);
	assert_int_equal(machine_turn(v3), 70);
	/* Active there, raised again, moved back: ends at 3 first. */
	mmio_write(machine_on(1), GICD(GICD_IROUTER + 8 * 70), 8, 0);
	vgic_inject(v0, 70);
	machine_on(0);
	assert_int_equal(machine_turn(v0), MODEL_SPURIOUS);
	machine_on(3);
	assert_true(model_eoi(70));
	v0->kicks = 0;
	assert_int_equal(machine_turn(v3), MODEL_SPURIOUS);
	assert_int_equal(v0->kicks, 1);
	machine_on(0);
	assert_int_equal(machine_turn(v0), 70);
	assert_true(model_eoi(70));
	/* To nobody: waits for a target; any target is vCPU 0. */
	mmio_write(v0, GICD(GICD_IROUTER + 8 * 70), 8, 0x0100000000ULL);
	vgic_inject(v0, 70);
	assert_int_equal(machine_turn(v0), MODEL_SPURIOUS);
	mmio_write(v0, GICD(GICD_IROUTER + 8 * 70), 8, GICD_IROUTER_IRM | 7);
	assert_int_equal(machine_turn(v0), 70);
}

/* --- SPIs of the machine ----------------------------------------------------- */

static void assigned_setup(unsigned int intid, uint64_t vcpu)
{
	machine_assign(intid);
	spi_setup(intid, vcpu);
	assert_true(machine_spis_good());
}

static bool is_active(unsigned int intid)
{
	return (machine_spis.active[intid / 32 - 1] >> intid % 32 & 1) != 0;
}

static void test_assigned_spi(void **state)
{
	struct arch_vcpu *v = machine_on(2);

	(void)state;
	/* The line is up before the guest wants to know. */
	machine_assign(37);
	assert_int_equal(machine_line(37, true), 0);
	spi_setup(37, 2);
	machine_on(2);
	assert_int_equal(machine_take_spis(), 1);
	assert_int_equal(v->kicks, 1);
	assert_int_equal(machine_take_spis(), 0);	/* active: not again */
	assert_int_equal(mmio_read(v, GICD(GICD_ISPENDR + 4), 4), BIT(5));
	assert_int_equal(machine_turn(v), 37);
	assert_true(is_active(37));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	/* The guest's end is the machine's; no maintenance interrupt for it. */
	assert_true(model_eoi(37));
	assert_false(is_active(37));
	assert_false(model_maintenance());
	/* The line is still up: it comes again, before the vGIC had a look. */
	assert_int_equal(machine_take_spis(), 1);
	assert_int_equal(machine_turn(v), 37);
	machine_line(37, false);
	assert_true(model_eoi(37));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_false(is_active(37));
	assert_true(machine_spis_good());
}

/* Taken on another CPU between the guest's end and its vCPU's next exit. */
static void test_assigned_again_elsewhere(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assigned_setup(37, 0);
	machine_on(0);
	machine_line(37, true);
	for (unsigned int i = 0; i < 10; i++) {
		assert_int_equal(machine_turn(v), 37);
		assert_true(model_eoi(37));
		machine_on(1);
		assert_int_equal(machine_take_spis(), 1);
		vgic_enter(&machine_vcpu[1]);
		machine_on(0);
		assert_true(machine_spis_good());
	}
}

static void test_assigned_off_and_on(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assigned_setup(70, 0);
	assert_int_equal(machine_spis.enabled[1], BIT(6));
	machine_on(0);
	machine_line(70, true);
	mmio_write(v, GICD(GICD_ICENABLER + 8), 4, UINT32_MAX);
	assert_int_equal(machine_spis.enabled[1], 0);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(is_active(70));			/* kept */
	mmio_write(v, GICD(GICD_ISENABLER + 8), 4, BIT(6));
	assert_int_equal(machine_turn(v), 70);
	machine_line(70, false);
	assert_true(model_eoi(70));
	/* Bits of others mean nothing to the machine. */
	mmio_write(v, GICD(GICD_ISENABLER + 8), 4, UINT32_MAX);
	mmio_write(v, GICD(GICD_ISENABLER + 4), 4, UINT32_MAX);
	assert_int_equal(machine_spis.enabled[1], BIT(6));
	assert_int_equal(machine_spis.enabled[0], 0);
	assert_true(machine_spis_good());
}

static void test_assigned_withdrawn(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assigned_setup(37, 0);
	machine_on(0);
	machine_line(37, true);
	vgic_enter(v);					/* waits in a list register */
	mmio_write(v, GICD(GICD_ICPENDR + 4), 4, BIT(5));
	assert_false(is_active(37));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	/* The line brings it back. */
	assert_int_equal(machine_take_spis(), 1);
	assert_int_equal(machine_turn(v), 37);
	/* Made inactive by hand instead of by an end. */
	mmio_write(v, GICD(GICD_ICACTIVER + 4), 4, BIT(5));
	ich->nesting = 0;
	vgic_enter(v);
	assert_false(is_active(37));
	assert_int_equal(machine_take_spis(), 1);
	assert_int_equal(machine_turn(v), 37);
	machine_line(37, false);
	assert_true(model_eoi(37));
	vgic_leave(v);
	assert_true(machine_spis_good());
}

/* Latched by software as well: comes twice, and only one end is the machine's. */
static void test_assigned_and_latched(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assigned_setup(37, 0);
	machine_on(0);
	machine_line(37, true);
	mmio_write(v, GICD(GICD_ISPENDR + 4), 4, BIT(5));
	assert_int_equal(machine_turn(v), 37);
	machine_line(37, false);
	assert_true(is_active(37));
	assert_true(model_eoi(37));
	assert_false(is_active(37));
	assert_int_equal(machine_turn(v), 37);
	assert_true(model_eoi(37));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	/* Active by software when the machine's comes: after its end. */
	mmio_write(v, GICD(GICD_ISACTIVER + 4), 4, BIT(5));
	machine_line(37, true);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_true(model_eoi(37));
	assert_true(model_maintenance());
	assert_int_equal(machine_turn(v), 37);
	assert_true(machine_spis_good());
	machine_line(37, false);
	assert_true(model_eoi(37));
	assert_false(is_active(37));
}

static void test_assigned_while_off_the_cpu(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assigned_setup(37, 0);
	machine_on(0);
	machine_line(37, true);
	assert_int_equal(machine_turn(v), 37);
	vgic_leave(v);
	vgic_save(v);
	assert_true(is_active(37));			/* the line is up, nobody runs */
	assert_int_equal(machine_take_spis(), 0);
	assert_true(machine_spis_good());
	vgic_load(v);
	vgic_enter(v);
	machine_line(37, false);
	assert_true(model_eoi(37));
	assert_false(is_active(37));
	vgic_leave(v);
	vgic_save(v);
	/* It ends a wait of a vCPU that is not there. */
	machine_line(37, true);
	assert_true(vgic_pending(v));
	vgic_load(v);
	assert_int_equal(machine_turn(v), 37);
}

/* A vCPU that is started anew has forgotten it; the machine must not wait. */
static void test_assigned_reset(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	assigned_setup(37, 0);
	machine_on(0);
	machine_line(37, true);
	assert_int_equal(machine_turn(v), 37);
	vgic_leave(v);
	vgic_save(v);
	vgic_vcpu_reset(v);
	assert_false(is_active(37));
	assert_int_equal(machine_take_spis(), 1);
	ich->nesting = 0;
	vgic_load(v);
	ich->vmcr = ICH_VMCR_ENG1 | 0xf0ULL << 24;
	vgic_enter(v);					/* pending in a list register */
	vgic_leave(v);
	vgic_save(v);
	vgic_vcpu_reset(v);
	assert_true(machine_spis_good());
	vgic_load(v);
	ich->vmcr = ICH_VMCR_ENG1 | 0xf0ULL << 24;
	assert_int_equal(machine_turn(v), 37);
	machine_line(37, false);
	assert_true(model_eoi(37));
	assert_false(is_active(37));
}

static void test_assigned_moves(void **state)
{
	struct arch_vcpu *v0 = &machine_vcpu[0];
	struct arch_vcpu *v3 = &machine_vcpu[3];

	(void)state;
	assigned_setup(37, 0);
	machine_on(0);
	machine_line(37, true);
	vgic_enter(v0);
	mmio_write(machine_on(3), GICD(GICD_IROUTER + 8 * 37), 8, 3);
	machine_on(0);
	assert_int_equal(machine_turn(v0), MODEL_SPURIOUS);
	machine_on(3);
	assert_int_equal(machine_turn(v3), 37);
	assert_true(machine_spis_good());
	machine_line(37, false);
	assert_true(model_eoi(37));
	assert_false(is_active(37));
}

static void test_assign_limits(void **state)
{
	(void)state;
	assert_int_equal(vgic_spi_assign(&machine_domain, 31), -EINVAL);
	assert_int_equal(vgic_spi_assign(&machine_domain, 32 + VGIC_SPI_MAX), -EINVAL);
	assert_int_equal(vgic_spi_assign(&machine_domain, UINT32_MAX), -EINVAL);
	assert_int_equal(mmio_read(machine_on(0), GICD(GICD_TYPER), 4) & 0x1f, 2);
	/* As many lines as it takes. */
	assert_int_equal(vgic_spi_assign(&machine_domain, 97), 0);
	assert_int_equal(mmio_read(machine_on(0), GICD(GICD_TYPER), 4) & 0x1f, 3);
	/* Nobody's number. */
	vgic_inject_spi(&machine_domain, 0);
	vgic_inject_spi(&machine_domain, 128);
}

/* Interrupts for devices of the hypervisor: those that nobody has. */
static void test_alloc(void **state)
{
	struct arch_vcpu *v;
	unsigned int intid;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(vgic_spi_assign(&machine_domain, i == 2 ? 35 : 32 + i), 0);
	}
	assert_int_equal(vgic_spi_alloc(&machine_domain, &intid), 0);
	assert_int_equal(intid, 34);
	assert_int_equal(vgic_spi_alloc(&machine_domain, &intid), 0);
	assert_int_equal(intid, 36);
	spi_setup(36, 0);
	v = machine_on(0);
	vgic_inject(v, 36);
	assert_int_equal(machine_turn(v), 36);
	assert_true(model_eoi(36));
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	for (unsigned int i = 0; i < VGIC_SPI_MAX - 5; i++) {
		assert_int_equal(vgic_spi_alloc(&machine_domain, &intid), 0);
	}
	assert_int_equal(vgic_spi_alloc(&machine_domain, &intid), -ENOSPC);
}

static void test_frames_elsewhere(void **state)
{
	struct arch_vcpu *v = machine_on(0);
	uint64_t val;

	(void)state;
	vgic_domain_place(&machine_domain, 0x4000000, 0x4020000);
	assert_int_equal(mmio_read(v, 0x4000000 + GICD_CTLR, 4), 0x53);
	assert_int_equal(mmio_read(v, 0x4020000 + GUEST_GICR_STRIDE + GICR_TYPER, 8) >> 32, 1);
	assert_false(vgic_mmio(v, GUEST_GICD_BASE, 4, false, &val));
	assert_false(vgic_mmio(v, GUEST_GICR_BASE, 4, false, &val));
}

static void test_group0(void **state)
{
	struct arch_vcpu *v = machine_on(0);

	(void)state;
	mmio_write(v, GICR_SGI(0, GICD_IGROUPR), 4, ~BIT(8));
	mmio_write(v, GICD(GICD_CTLR), 4, GICD_CTLR_GRP1);
	vgic_inject(v, 8);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	assert_int_equal(v->vgic.lr_used, 0);
	mmio_write(v, GICD(GICD_CTLR), 4, GICD_CTLR_GRP1 | GICD_CTLR_GRP0);
	assert_int_equal(machine_turn(v), MODEL_SPURIOUS);
	ich->vmcr |= ICH_VMCR_ENG0;
	assert_int_equal(machine_turn(v), 8);
	assert_int_equal(ich->lr[bit_lowest(v->vgic.lr_used)] & ICH_LR_GROUP1, 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_id_registers), TEST(test_outside), TEST(test_domain_limits),
		TEST(test_waker), TEST(test_bad_access), TEST(test_bit_registers),
		TEST(test_priority_bytes), TEST(test_config), TEST(test_router),
		TEST(test_event),
		TEST(test_event_ended_before_flush), TEST(test_latch_while_disabled), TEST(test_withdraw),
		TEST(test_priority_order), TEST(test_maintenance), TEST(test_nesting),
		TEST(test_sgi), TEST(test_timer), TEST(test_timer_cleared),
		TEST(test_timer_forced), TEST(test_timer_switch),
		TEST(test_switch_keeps_state), TEST(test_reset), TEST(test_pending_masks),
		TEST(test_active_registers), TEST(test_active_other), TEST(test_level_spi),
		TEST(test_spi_moves), TEST(test_group0), TEST(test_assigned_spi),
		TEST(test_assigned_again_elsewhere), TEST(test_assigned_off_and_on),
		TEST(test_assigned_withdrawn), TEST(test_assigned_and_latched),
		TEST(test_assigned_while_off_the_cpu), TEST(test_assigned_reset),
		TEST(test_assigned_moves), TEST(test_assign_limits), TEST(test_alloc), TEST(test_frames_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
