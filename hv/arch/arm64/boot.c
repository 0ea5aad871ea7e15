/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From boot.S to the core: the machine's device tree, the map of RAM, the
 * frame allocator, the CPUs.
 */
#include <arch/boot.h>

#include "dev/pl011.h"
#include "kern/cpu.h"
#include "kern/log.h"
#include "lib/bits.h"
#include "lib/bytes.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mem/frame.h"
#include <arch/upcall.h>
#include <asm/cpu.h>
#include <asm/gic.h>
#include <asm/layout.h>
#include <asm/machine.h>
#include <asm/mmu.h>
#include <asm/trap.h>

struct boot_info machine;

/* gcc's stack protector compares with this. */
uintptr_t __stack_chk_guard = 0x595e9fbd94fda766;

static _Atomic uint32_t cpu_online[CPU_MAX];
static const void *fdt;
static size_t fdt_limit;

NORETURN void boot_main(uint64_t fdt_pa, uint64_t image_pa);
NORETURN void secondary_main(uint64_t id);
NORETURN void __stack_chk_fail(void);
void secondary_start(void);

extern char vectors[], image_start[];

void __stack_chk_fail(void)
{
	panic("stack smashed, detected in %p", __builtin_return_address(0));
}

const struct boot_info *arch_boot_info(void)
{
	return &machine;
}

const void *arch_boot_fdt(size_t *limit)
{
	*limit = fdt_limit;
	return fdt;
}

void *arch_map_device(hpa_t pa, uint64_t size)
{
	return mmu_map_device(pa, size);
}

void arch_irq_enable(unsigned int irq)
{
	gic_route_spi(irq, machine.cpu_mpidr[0]);
	gic_enable_irq(irq);
}

/* Before the device tree is read there is no console: stop silently. */
static void read_machine(uint64_t fdt_pa)
{
	uint64_t base = ALIGN_DOWN(fdt_pa, MIB(2));
	int err;

	mmu_map(FDT_VA, HPA(base), FDT_MAP_SIZE, MMU_RO);
	fdt = (const void *)(FDT_VA + (fdt_pa - base));
	fdt_limit = FDT_MAP_SIZE - (size_t)(fdt_pa - base);
	err = fdt_boot_parse(fdt, fdt_limit, &machine);
	if (machine.has_uart) {
		pl011_init(mmu_map_device(machine.uart.base, machine.uart.size));
	}
	if (err == 0) {
		err = fdt_boot_reserve(&machine, mmu_image_base(), mmu_image_size(),
				       BOOT_RESERVE_IMAGE);
	}
	if (err == 0) {
		err = fdt_boot_reserve(&machine, HPA(fdt_pa), get_be32((const char *)fdt + 4),
				       BOOT_RESERVE_FDT);
	}
	if (err != 0) {
		panic("this machine can't be used: %s (error %d)", machine.error, err);
	}
}

static void map_ram(const struct boot_range *usable, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		mmu_map(usable[i].base.v, usable[i].base, usable[i].size, MMU_RAM);
	}
	for (unsigned int i = 0; i < machine.reserved_count; i++) {
		const struct boot_reserved *r = &machine.reserved[i];

		if (r->kind == BOOT_RESERVE_FDT || r->kind == BOOT_RESERVE_INITRD ||
		    r->kind == BOOT_RESERVE_MODULE) {
			mmu_map(r->range.base.v, r->range.base, r->range.size, MMU_RAM);
		}
	}
}

/* All usable RAM to the frame allocator, but for its own bitmaps. */
static void ram_init(void)
{
	static struct boot_range usable[BOOT_USABLE_MAX];
	unsigned int n = fdt_boot_usable(&machine, usable, BOOT_USABLE_MAX);
	size_t bitmap = 0;
	hpa_t low, high;

	if (n == 0) {
		panic("no usable RAM");
	}
	map_ram(usable, n);
	low = usable[0].base;
	high = HPA(usable[n - 1].base.v + usable[n - 1].size);
	bitmap = ALIGN_UP(frame_bitmap_size(low, high), PAGE_SIZE);
	for (unsigned int i = 0; i < n; i++) {
		if (usable[i].size < bitmap) {
			continue;
		}
		usable[i].size -= bitmap;
		if (frame_init(low, high, hpa_to_va(HPA(usable[i].base.v + usable[i].size)),
			       bitmap) != 0) {
			break;
		}
		for (unsigned int k = 0; k < n; k++) {
			if (usable[k].size != 0) {
				frame_add(usable[k].base, usable[k].size);
			}
		}
		return;
	}
	panic("no room for the frame allocator's bitmaps (%zu bytes)", bitmap);
}

static void stacks_init(void)
{
	for (unsigned int i = 0; i < machine.cpu_count; i++) {
		void *stack = frame_alloc(2, FRAME_ZERO);

		static_assert(STACK_SIZE == 4 * PAGE_SIZE, "frame order");
		if (stack == NULL) {
			panic("no memory for the stack of CPU %u", i);
		}
		mmu_map(STACK_VA + (uint64_t)i * STACK_STRIDE + STACK_STRIDE - STACK_SIZE,
			va_to_hpa(stack), STACK_SIZE, MMU_RAM);
	}
}

static void gic_setup(void)
{
	struct gic_config config = {
		.gicd = mmu_map_device(machine.gicd.base, machine.gicd.size),
		.gicr_count = machine.gicr_count,
	};

	for (unsigned int i = 0; i < machine.gicr_count; i++) {
		config.gicr[i].base = mmu_map_device(machine.gicr[i].base, machine.gicr[i].size);
		config.gicr[i].size = machine.gicr[i].size;
	}
	if (gic_init(&config) != 0) {
		panic("the interrupt controller is no GICv3");
	}
}

static void cpu_own_registers(unsigned int id)
{
	sysreg_write(tpidr_el2, (uint64_t)&cpus[id]);
	sysreg_write(vbar_el2, (uint64_t)vectors);
	isb();
}

void cpu_hw_init(void)
{
	sysreg_cpu_init();
	vcpu_cpu_init();
	if (gic_cpu_init() != 0) {
		panic("CPU %u has no GIC redistributor", this_cpu()->id);
	}
	vgic_cpu_init();
	time_cpu_init();
	gic_enable_irq(GIC_PPI_MAINTENANCE);
}

/* The rest of the boot, on a stack with a guard page. */
static void boot_continue(void)
{
	gic_setup();
	cpu_hw_init();
	psci_init();
	upcall_boot();
}

/* The boot CPU must be number 0 whatever the order in the tree. */
static void boot_cpu_first(void)
{
	uint64_t self = sysreg_read(mpidr_el1) & 0xff00ffffffULL;

	for (unsigned int i = 1; i < machine.cpu_count; i++) {
		if (machine.cpu_mpidr[i] == self) {
			machine.cpu_mpidr[i] = machine.cpu_mpidr[0];
			machine.cpu_mpidr[0] = self;
		}
	}
}

NORETURN void boot_main(uint64_t fdt_pa, uint64_t image_pa)
{
	mmu_init(HPA(image_pa));
	cpu_init(0);
	cpu_own_registers(0);
	time_init();
	__stack_chk_guard = hash_u64(sysreg_read(cntpct_el0), 0x6d6963726f766973ULL) & ~0xffULL;
	read_machine(fdt_pa);
	boot_cpu_first();
	ram_init();
	stacks_init();
	stack_switch(STACK_VA + STACK_STRIDE, boot_continue);
}

NORETURN void secondary_main(uint64_t id)
{
	cpu_own_registers((unsigned int)id);
	cpu_hw_init();
	atomic_store_explicit(&cpu_online[id], 1, memory_order_release);
	upcall_cpu_main();
}

#define PSCI_CPU_ON_64		0xc4000003U
#define START_TIMEOUT_NS	1000000000ULL

int arch_cpu_start(unsigned int id)
{
	uint64_t entry = mmu_image_base().v + (uint64_t)((char *)secondary_start - image_start);
	uint64_t end = arch_now() + START_TIMEOUT_NS;

	if (machine.psci == BOOT_PSCI_NONE ||
	    firmware_call(PSCI_CPU_ON_64, machine.cpu_mpidr[id], entry, id) != 0) {
		return -EIO;
	}
	/* Pairs with the release in secondary_main(). */
	while (!atomic_load_explicit(&cpu_online[id], memory_order_acquire)) {
		if (arch_now() > end) {
			return -EIO;
		}
		arch_relax();
	}
	return 0;
}
