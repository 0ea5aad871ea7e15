/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arch interface: physical CPUs.
 *
 * <asm/cpu.h> of each port gives, as inline functions:
 *   struct cpu *this_cpu(void)	the running CPU's structure (kern/cpu.h)
 *   void arch_relax(void)	a hint in every spin loop (must let another CPU
 *				run where CPUs share an emulator thread)
 *   void arch_prefetch(const void *)
 *   bool arch_word_try(_Atomic uint64_t *word, uint64_t *seen, uint64_t new)
 *				one attempt at a compare and exchange, sequentially
 *				consistent; also fails for no reason, and has no
 *				loop in it: a guest may write the word
 *   void *hpa_to_va(hpa_t), hpa_t va_to_hpa(const void *)
 *				RAM through the hypervisor's own map of it
 *
 * The hypervisor runs with interrupts masked; it takes them only from a guest
 * or in arch_cpu_idle(). So nothing here or above needs interrupt-safe locks.
 */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "lib/types.h"
#include <asm/cpu.h>

/* Start CPU `id`, which then runs cpu_main(). 0 or -EIO. Boot CPU only. */
MUST_CHECK int arch_cpu_start(unsigned int id);

/*
 * Sleep until an interrupt comes and take it; may return without one. A kick
 * sent after the caller last looked at its reasons to sleep ends the sleep.
 */
void arch_cpu_idle(void);

/* Take an interrupt that waits, if one does. As arch_cpu_idle() without sleep. */
void arch_cpu_poll(void);

/* Make CPU `id` leave its guest or its sleep. Any CPU, any lock held. */
void arch_cpu_kick(unsigned int id);

/* Time since boot in ns; the same on all CPUs; never goes back. */
uint64_t arch_now(void);

/*
 * Have this CPU leave its guest or its sleep at `ns` (arch_now() time);
 * UINT64_MAX means never. Replaces the last setting.
 */
void arch_alarm_set(uint64_t ns);

/*
 * Bytes for the seed of kern/random.h. True if the machine has a source of
 * entropy and gave some; otherwise they only differ from boot to boot.
 */
#define ARCH_SEED_SIZE 64U
bool arch_seed(uint8_t seed[ARCH_SEED_SIZE]);

/*
 * Around calls of libraries that may have been compiled with SIMD registers,
 * which hold a guest's values. Not nested.
 */
void arch_simd_begin(void);
void arch_simd_end(void);

/*
 * RAM that a guest gets was written through the caches; a guest starts with
 * its caches off and must not see what was there before.
 */
void arch_ram_clean(const void *va, size_t n);
/* Zero RAM, or copy to it, and clean what was written, in one pass. */
void arch_ram_zero(void *va, size_t n);
void arch_ram_copy(void *dst, const void *src, size_t n);
/* Code was written to RAM that a guest runs next. */
void arch_icache_flush(void);

/* Write one byte to the boot console, waiting for room. */
void arch_console_putc(char c);

/* The end of a panic: registers and backtrace, then halts for good. */
NORETURN void arch_panic_halt(void);
void arch_backtrace(void (*line)(const char *text));

NORETURN void arch_reset(void);
NORETURN void arch_poweroff(void);

#endif
