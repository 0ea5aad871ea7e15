/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arm64 port's vGIC under a guest with four vCPUs that does anything: all
 * registers in all sizes, SGIs, timers, device lines, switches between vCPUs.
 * The input is a list of four-byte orders. At the end everything is enabled,
 * and whatever is pending must reach the guest.
 */
#include "vgic/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(x)	do { if (!(x)) { __builtin_trap(); } } while (0)
#define TURNS_MAX	1000U

/* SPIs that are devices' of the machine. */
static const unsigned int assigned[] = { 33, 36, 37, 38, 63, 64, 95 };

/* List registers and in_lr bits tell the same; nothing undefined was done. */
static void check_state(void)
{
	uint32_t held[1 + MACHINE_SPIS / 32] = { 0 };

	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		struct vgic_vcpu *g = &machine_vcpu[n].vgic;

		CHECK(machine_cpu[n].bad == 0);
		held[0] = 0;
		for (uint32_t used = g->lr_used; used != 0; used &= used - 1) {
			unsigned int irq = g->lr_irq[bit_lowest(used)];

			CHECK(irq < 32 + MACHINE_SPIS);
			CHECK((held[irq / 32] & 1U << irq % 32) == 0);
			held[irq / 32] |= 1U << irq % 32;
		}
		CHECK(held[0] == g->bank.in_lr);
		for (unsigned int i = 0; i < MODEL_LRS; i++) {
			CHECK(!g->loaded || (g->lr_used >> i & 1) != 0 ||
			      machine_cpu[n].lr[i] == 0 ||
			      (machine_cpu[n].lr[i] & ICH_LR_STATE) == 0);
		}
	}
	for (unsigned int b = 0; b < MACHINE_SPIS / 32; b++) {
		CHECK(held[1 + b] == machine_domain.vgic.spi[b].in_lr);
	}
	CHECK(machine_spis_good());
}

static void fuzz_mmio(struct arch_vcpu *v, uint8_t where, uint8_t a, uint8_t b)
{
	static const uint16_t bases[] = {
		0, 0x80, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380,
		0x400, 0x800, 0xc00, 0xd00, 0x6100, 0x6200, 0x7fd0, 0xffd0,
	};
	uint64_t frame = (where & 7) == 0 ? GUEST_GICD_BASE :
			 GICR((where & 7) % MACHINE_CPUS, (where & 8) != 0 ? GICR_FRAME : 0);
	unsigned int size = 1U << (where >> 4 & 3);
	uint64_t val = b * 0x0101010101010101ULL;
	/* Like `b` all over, one bit, or its complement. */
	uint64_t vals[] = { val, BIT(b % 64), ~BIT(b % 64), b };
	uint64_t offset = bases[a & 15] + (a >> 4) * (size < 4 ? size : 4U);
	bool write = (where & 0x40) != 0;

	val = vals[where >> 7 | (b & 1) << 1];
	CHECK(vgic_mmio(v, frame + (offset & 0xffff), size, write, &val));
	CHECK(write || size == 8 || val >> size * 8 == 0);
}

static void fuzz_switch(struct arch_vcpu *v)
{
	vgic_leave(v);
	vgic_save(v);
	CHECK(ich->ppi_active == 0);
	(void)vgic_pending(v);
	vgic_load(v);
}

static void fuzz_timer(struct arch_vcpu *v)
{
	if ((ich->ppi_active & BIT(27)) == 0) {
		ich->ppi_active |= BIT(27);
		vgic_inject_hw(v, 27, 27);
	}
}

static void fuzz_order(const uint8_t *o)
{
	unsigned int cpu = o[0] >> 4 & 3;
	struct arch_vcpu *v = machine_on(cpu);
	struct arch_vcpu *any = &machine_vcpu[o[0] >> 6];

	vgic_leave(v);
	switch (o[0] & 15) {
	case 0: case 1: case 2: case 3:
		fuzz_mmio(v, o[1], o[2], o[3]);
		break;
	case 4:
		vgic_sgi1r(v, (uint64_t)(o[1] & 15) << 24 | o[2] | (o[3] & 1ULL) << 40 |
			      (o[3] & 2ULL) << 15);
		break;
	case 5:
		vgic_sgi0r(v, (uint64_t)(o[1] & 15) << 24 | o[2]);
		break;
	case 6:
		vgic_inject(any, o[1] % 100U);
		break;
	case 7:
		vgic_set_level(any, o[1] % 100U, (o[2] & 1) != 0);
		break;
	case 8:
		fuzz_timer(v);
		break;
	case 9:
		vgic_enter(v);
		(void)model_ack();
		break;
	case 10:
		(void)model_eoi(o[1]);
		break;
	case 11:
		fuzz_switch(v);
		break;
	case 12:
		ich->vmcr = (o[1] & 3U) | (uint64_t)o[2] << 24;
		break;
	case 13:
		vgic_save(v);
		vgic_vcpu_reset(v);
		ich->nesting = 0;
		vgic_load(v);
		break;
	case 14:
		(void)machine_line(assigned[o[1] % ARRAY_SIZE(assigned)], (o[2] & 1) != 0);
		break;
	default:
		(void)vgic_pending(v);
		break;
	}
	(void)machine_take_spis();
	vgic_enter(v);
	check_state();
}

static void drain_registers(void)
{
	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		struct arch_vcpu *v = machine_on(n);

		vgic_leave(v);
		mmio_write(v, GICD(GICD_CTLR), 4, 3);
		mmio_write(v, GICR_SGI(n, GICD_ISENABLER), 4, UINT32_MAX);
		mmio_write(v, GICR_SGI(n, GICD_ICACTIVER), 4, UINT32_MAX);
		for (unsigned int b = 4; b <= MACHINE_SPIS / 8; b += 4) {
			mmio_write(v, GICD(GICD_ISENABLER + b), 4, UINT32_MAX);
			mmio_write(v, GICD(GICD_ICACTIVER + b), 4, UINT32_MAX);
		}
		vgic_enter(v);
		ich->nesting = 0;
		ich->vmcr = ICH_VMCR_ENG0 | ICH_VMCR_ENG1 | 0xffULL << 24;
	}
	for (unsigned int i = 32; i < 32 + MACHINE_SPIS; i++) {
		vgic_set_level(&machine_vcpu[0], i, false);
		mmio_write(machine_on(i % MACHINE_CPUS), GICD(GICD_IROUTER + 8 * i), 8, i % 2);
	}
	for (unsigned int i = 0; i < 32 * MACHINE_CPUS; i++) {
		vgic_set_level(&machine_vcpu[i / 32], i % 32, false);
	}
}

/* Every interrupt that is pending is delivered, in a bounded number of turns. */
static void drain(void)
{
	unsigned int idle = 0;

	drain_registers();
	for (unsigned int i = 0; i < ARRAY_SIZE(assigned); i++) {
		(void)machine_line(assigned[i], false);
	}
	for (unsigned int turn = 0; idle < 2 * MACHINE_CPUS; turn++) {
		struct arch_vcpu *v = machine_on(turn % MACHINE_CPUS);
		unsigned int irq = machine_turn(v);

		CHECK(turn < TURNS_MAX);
		idle = irq == MODEL_SPURIOUS ? idle + 1 : 0;
		CHECK(irq == MODEL_SPURIOUS || model_eoi(irq));
		check_state();
	}
	for (unsigned int n = 0; n < MACHINE_CPUS; n++) {
		CHECK(machine_vcpu[n].vgic.bank.pending == 0);
		CHECK(machine_vcpu[n].vgic.lr_used == 0);
		CHECK(machine_vcpu[n].vgic.hw == 0);
		CHECK(machine_cpu[n].ppi_active == 0);
		CHECK(!vgic_pending(machine_on(n)));
	}
	for (unsigned int b = 0; b < MACHINE_SPIS / 32; b++) {
		CHECK(machine_domain.vgic.spi[b].pending == 0);
		CHECK(machine_domain.vgic.spi[b].hw_pending == 0);
		CHECK(machine_spis.active[b] == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	machine_init(MACHINE_SPIS);
	for (unsigned int i = 0; i < ARRAY_SIZE(assigned); i++) {
		machine_assign(assigned[i]);
	}
	if (size > 0 && (data[0] & 1) != 0) {
		machine_boot();
	}
	for (size_t i = 0; i + 4 <= size; i += 4) {
		fuzz_order(data + i);
	}
	drain();
	return 0;
}
