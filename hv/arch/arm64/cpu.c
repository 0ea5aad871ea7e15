/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Physical CPUs: interrupts, idling, kicks, firmware, the end.
 */
#include <arch/cpu.h>

#include "dev/pl011.h"
#include "kern/cpu.h"
#include "kern/log.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/hash.h"
#include "lib/string.h"
#include <arch/upcall.h>
#include <asm/cpu.h>
#include <asm/fp.h>
#include <asm/gic.h>
#include <asm/layout.h>
#include <asm/machine.h>
#include <asm/mmu.h>
#include <asm/trap.h>

#define SGI_KICK	0U
#define SGI_STOP	1U		/* after a panic */
#define RAM_LINE	64U		/* of ram_zero_lines() and ram_copy_lines() .. */
#define RAM_COPY_UNIT	128U		/* .. in mem.S */
#define IRQ_BATCH	16U		/* then what they are about is seen to */

#define PSCI_SYSTEM_OFF	  0x84000008U
#define PSCI_SYSTEM_RESET 0x84000009U

extern char image_start[], text_end[], image_end[];
extern const uint8_t build_id_start[], build_id_end[];

int64_t smc_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
int64_t hvc_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);

static const uint64_t *panic_regs;

int64_t firmware_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	return machine.psci == BOOT_PSCI_HVC ? hvc_call(fn, a, b, c) : smc_call(fn, a, b, c);
}

static void irq_one(uint32_t irq, struct arch_vcpu *v)
{
	switch (irq) {
	case SGI_KICK:
	case GIC_PPI_MAINTENANCE:
		break;
	case SGI_STOP:
		arch_panic_halt();
	case GIC_PPI_HYP_TIMER:
		arch_alarm_set(UINT64_MAX);
		cpu_notify(this_cpu(), CPU_TIMER);
		break;
	case GIC_PPI_VIRT_TIMER:
		gic_eoi(irq);
		if (v == NULL) {
			gic_deactivate(irq);	/* a leftover of one that is gone */
		} else {
			vgic_inject_hw(v, irq, irq);
		}
		return;
	default:
		if (irq_assigned(irq)) {
			return;
		}
		upcall_device_irq(irq);
		break;
	}
	gic_eoi(irq);
	gic_deactivate(irq);
}

void irq_handle(struct arch_vcpu *v)
{
	for (unsigned int i = 0; i < IRQ_BATCH; i++) {
		uint32_t irq = gic_ack();

		if (irq >= GIC_SPURIOUS) {
			break;
		}
		irq_one(irq, v);
	}
}

void arch_cpu_idle(void)
{
	/* Masked interrupts end WFI all the same. */
	dsb(sy);
	__asm__ volatile("wfi" ::: "memory");
	irq_handle(NULL);
}

void arch_cpu_poll(void)
{
	irq_handle(NULL);
}

void arch_cpu_kick(unsigned int id)
{
	/* What the kick is about is visible before it arrives. */
	dsb(ishst);
	gic_send_sgi(machine.cpu_mpidr[id], SGI_KICK);
}

/* FEAT_RNG: a number from the CPU's own generator; false if it has none now. */
static bool rndr(uint64_t *val)
{
	uint64_t ok;

	if (((sysreg_read(id_aa64isar0_el1) >> 60) & 0xf) == 0) {
		return false;
	}
	__asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, ne" : "=r"(*val), "=r"(ok) : : "cc");
	return ok;
}

bool arch_seed(uint8_t seed[ARCH_SEED_SIZE])
{
	size_t given = MIN(machine.rng_seed_size, ARCH_SEED_SIZE);
	bool good = given >= 32;
	uint64_t word;

	/* The boot loader's seed, with what the CPU and the time add. */
	memset(seed, 0, ARCH_SEED_SIZE);
	memcpy(seed, machine.rng_seed, given);
	for (size_t i = 0; i < ARCH_SEED_SIZE; i += sizeof(word)) {
		uint64_t old;

		if (rndr(&word)) {
			good = true;
		} else {
			word = hash_u64(sysreg_read(cntpct_el0), i);
		}
		memcpy(&old, seed + i, sizeof(old));
		word ^= old;
		memcpy(seed + i, &word, sizeof(word));
	}
	return good;
}

void arch_ram_clean(const void *va, size_t n)
{
	size_t line = 4U << ((sysreg_read(ctr_el0) >> 16) & 0xf);
	uint64_t end = (uint64_t)va + n;

	for (uint64_t a = (uint64_t)va & ~(line - 1); a < end; a += line) {
		__asm__ volatile("dc civac, %0" ::"r"(a) : "memory");
	}
	dsb(sy);
}

/*
 * Whether zeroing and cleaning go by blocks of RAM_LINE bytes: DC ZVA has this
 * size, and no line of a cache is shorter (CTR_EL0.DminLine).
 */
static bool lines_fit(void)
{
	return sysreg_read(dczid_el0) == 4 && ((sysreg_read(ctr_el0) >> 16) & 0xf) >= 4;
}

void arch_ram_zero(void *va, size_t n)
{
	uint64_t at = ALIGN_UP((uint64_t)va, RAM_LINE);
	uint64_t end = ALIGN_DOWN((uint64_t)va + n, RAM_LINE);

	if (!lines_fit() || at >= end) {
		memset(va, 0, n);
		arch_ram_clean(va, n);
		return;
	}
	if (at != (uint64_t)va || end != (uint64_t)va + n) {
		memset(va, 0, at - (uint64_t)va);
		arch_ram_clean(va, at - (uint64_t)va);
		memset((void *)end, 0, (uint64_t)va + n - end);
		arch_ram_clean((void *)end, (uint64_t)va + n - end);
	}
	ram_zero_lines(at, end);
	dsb(sy);
}

void arch_ram_copy(void *dst, const void *src, size_t n)
{
	size_t whole = IS_ALIGNED((uint64_t)dst, RAM_LINE) && lines_fit() ?
		ALIGN_DOWN(n, RAM_COPY_UNIT) : 0;

	if (whole > 0) {
		ram_copy_lines(dst, src, whole);
	}
	memcpy((char *)dst + whole, (const char *)src + whole, n - whole);
	arch_ram_clean((char *)dst + whole, n - whole);
}

void arch_icache_flush(void)
{
	__asm__ volatile("ic ialluis" ::: "memory");
	dsb(ish);
	isb();
}

void arch_simd_begin(void)
{
	struct arch_vcpu *v = this_cpu()->frame;

	if (v != NULL) {
		fp_save(&v->fp);
	}
}

void arch_simd_end(void)
{
	struct arch_vcpu *v = this_cpu()->frame;

	if (v != NULL) {
		fp_load(&v->fp);
	}
}

void arch_console_putc(char c)
{
	pl011_putc(c);
}

void machine_panic_regs(const uint64_t *regs)
{
	panic_regs = regs;
}

static void print_registers(void (*line)(const char *text))
{
	char buf[120];

	for (unsigned int i = 0; i < 32; i += 4) {
		const uint64_t *r = &panic_regs[i];

		fmt_buf(buf, sizeof(buf), "%s%-2u %016llx %016llx %016llx %016llx",
			i == 28 ? "x28-30 sp " : "x", i, (unsigned long long)r[0],
			(unsigned long long)r[1], (unsigned long long)r[2],
			(unsigned long long)r[3]);
		line(buf);
	}
}

static void print_build_id(void (*line)(const char *text))
{
	char buf[64] = "build id ";
	size_t n = 9;

	/* An ELF note: three words, the name "GNU", then the id. */
	for (const uint8_t *p = build_id_start + 16; p < build_id_end && n + 3 < sizeof(buf); p++) {
		n += fmt_buf(buf + n, sizeof(buf) - n, "%02x", *p);
	}
	line(buf);
}

/* A frame record that can be read: on a CPU's stack or in the image. */
static bool frame_ok(uint64_t fp)
{
	uint64_t in_stack = (fp - STACK_VA) % STACK_STRIDE;

	if (fp % 16 != 0) {
		return false;
	}
	if (fp >= (uint64_t)image_start && fp < (uint64_t)image_end) {
		return true;
	}
	return fp >= STACK_VA && fp < STACK_VA + (uint64_t)cpu_count * STACK_STRIDE &&
	       in_stack >= STACK_STRIDE - STACK_SIZE && in_stack <= STACK_STRIDE - 16;
}

void arch_backtrace(void (*line)(const char *text))
{
	const struct cpu *c = this_cpu();
	uint64_t fp = (uint64_t)__builtin_frame_address(0);
	char buf[80];

	print_build_id(line);
	fmt_buf(buf, sizeof(buf), "CPU %u, image at 0x%llx, addresses as in microvisor.elf",
		c->id, (unsigned long long)mmu_image_base().v);
	line(buf);
	if (panic_regs != NULL) {
		print_registers(line);
		fmt_buf(buf, sizeof(buf), "  at %llx", (unsigned long long)sysreg_read(elr_el2));
		line(buf);
		fp = panic_regs[29];
	}
	for (unsigned int i = 0; i < 24 && frame_ok(fp); i++) {
		const uint64_t *f = (const uint64_t *)fp;

		fmt_buf(buf, sizeof(buf), "  from %llx", (unsigned long long)f[1]);
		line(buf);
		if (f[0] <= fp) {
			break;
		}
		fp = f[0];
	}
}

NORETURN void arch_panic_halt(void)
{
	static _Atomic uint32_t told;

	/* The first one stops the others. */
	if (atomic_exchange_explicit(&told, 1, memory_order_relaxed) == 0) {
		for (unsigned int i = 0; i < cpu_count; i++) {
			if (i != this_cpu()->id) {
				gic_send_sgi(machine.cpu_mpidr[i], SGI_STOP);
			}
		}
	}
	for (;;) {
		__asm__ volatile("wfi");
	}
}

NORETURN void arch_reset(void)
{
	firmware_call(PSCI_SYSTEM_RESET, 0, 0, 0);
	panic("the firmware did not reset the machine");
}

NORETURN void arch_poweroff(void)
{
	firmware_call(PSCI_SYSTEM_OFF, 0, 0, 0);
	panic("the firmware did not power off the machine");
}
