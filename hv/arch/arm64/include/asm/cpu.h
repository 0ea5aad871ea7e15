/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: the running CPU, RAM addresses, system registers.
 *
 * All RAM but the hypervisor's own image is mapped at the virtual address that
 * equals its physical address (docs/decisions).
 */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include <stdatomic.h>

#include "lib/types.h"

struct cpu;

#define sysreg_read(reg)						\
	({								\
		uint64_t val_;						\
		__asm__ volatile("mrs %0, " #reg : "=r"(val_));		\
		val_;							\
	})

#define sysreg_write(reg, val)						\
	do {								\
		uint64_t val_ = (uint64_t)(val);			\
		__asm__ volatile("msr " #reg ", %x0" ::"rZ"(val_) : "memory"); \
	} while (0)

#define isb()	__asm__ volatile("isb" ::: "memory")
#define dsb(opt) __asm__ volatile("dsb " #opt ::: "memory")

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	/* Not volatile: the same CPU for the whole time in the hypervisor. */
	__asm__("mrs %0, tpidr_el2" : "=r"(c));
	return c;
}

static inline void arch_relax(void)
{
	__asm__ volatile("yield" ::: "memory");
}

static inline void arch_prefetch(const void *p)
{
	__builtin_prefetch(p);
}

static inline bool arch_word_try(_Atomic uint64_t *word, uint64_t *seen, uint64_t new)
{
	/* Weak: a single pair of exclusive load and store. */
	return atomic_compare_exchange_weak(word, seen, new);
}

static inline void *hpa_to_va(hpa_t pa)
{
	return (void *)pa.v;
}

static inline hpa_t va_to_hpa(const void *va)
{
	return HPA((uint64_t)va);
}

/* mem.S: zero or copy, and clean to the point of coherency; see there. */
void ram_zero_lines(uint64_t from, uint64_t to);
void ram_copy_lines(void *dst, const void *src, size_t n);

#endif
