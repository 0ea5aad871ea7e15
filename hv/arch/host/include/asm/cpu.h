/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: CPUs and RAM as a process sees them.
 *
 * A test acts as one CPU at a time (host_cpu() in harness.h), or runs several
 * in threads. RAM is a mapping of HOST_RAM_SIZE bytes at HOST_RAM_BASE.
 */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include <stdatomic.h>

#include "lib/types.h"

#define HOST_RAM_BASE	0x40000000ULL
#define HOST_RAM_SIZE	MIB(64)

struct cpu;

extern _Thread_local struct cpu *host_this_cpu;
extern uint8_t *host_ram;

/* A bug that the model of the machine noticed: says it and aborts. */
NORETURN void host_fatal(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* One turn of a spin loop; fatal if nobody else could ever end the loop. */
void host_relax(void);

static inline struct cpu *this_cpu(void)
{
	return host_this_cpu;
}

static inline void arch_relax(void)
{
	host_relax();
}

static inline void arch_prefetch(const void *p)
{
	__builtin_prefetch(p);
}

/* While set, a guest is faster at every attempt to change a word. */
extern bool host_words_lost;

static inline bool arch_word_try(_Atomic uint64_t *word, uint64_t *seen, uint64_t new)
{
	return !host_words_lost && atomic_compare_exchange_weak(word, seen, new);
}

static inline void *hpa_to_va(hpa_t pa)
{
	if (pa.v - HOST_RAM_BASE >= HOST_RAM_SIZE) {
		host_fatal("no RAM at machine address 0x%llx", (unsigned long long)pa.v);
	}
	return host_ram + (pa.v - HOST_RAM_BASE);
}

static inline hpa_t va_to_hpa(const void *va)
{
	uint64_t offset = (uint64_t)((uintptr_t)va - (uintptr_t)host_ram);

	if (offset >= HOST_RAM_SIZE) {
		host_fatal("%p is not in the machine's RAM", va);
	}
	return HPA(HOST_RAM_BASE + offset);
}

#endif
