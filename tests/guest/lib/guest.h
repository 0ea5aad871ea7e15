/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bare-metal test guests: a program has a name and a table of cases. Each case
 * prints "PASS name.case" or "FAIL name.case reason"; after the last one comes
 * "END name N passed, N failed" and the guest powers itself off.
 *
 * A guest runs at EL1 with the MMU on (all addresses as they are), caches on,
 * interrupts masked. Nothing of the hypervisor's source is used, so that a
 * wrong layout there does not go unnoticed here.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_MAX		8U
#define PAGE_SIZE	4096UL
#define PAGE		__attribute__((aligned(4096)))
#define BIT(n)		(1UL << (n))
#define COUNT(a)	(sizeof(a) / sizeof((a)[0]))

struct guest_case {
	const char *name;
	void (*run)(void);
};

/* Each program defines these; the table ends with a NULL name. */
extern const char guest_name[];
extern const struct guest_case guest_cases[];

/* --- results and text ------------------------------------------------------ */

/* %s %c %d %u %x, with l; no widths. One line at a time, whole. */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The first call of a case counts; a case goes on after it. */
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool has_failed(void);

#define CHECK(x) \
	do { if (!(x)) { fail("line %d: %s", __LINE__, #x); } } while (0)

/* As CHECK(a == b) for integers, telling both. */
#define CHECK_EQ(a, b) check_eq(__LINE__, #a, (int64_t)(a), (int64_t)(b))
void check_eq(int line, const char *what, int64_t is, int64_t want);

/* The rest of the word in the kernel command line after "KEY=", or NULL. */
const char *guest_arg(const char *key);

/*
 * The bytes of a property in the device tree, of the first node whose name
 * begins with `node`; NULL: none. Numbers there are big-endian.
 */
const uint8_t *guest_prop(const char *node, const char *name, size_t *len);
uint32_t get_be32(const uint8_t *p);
uint64_t get_be64(const uint8_t *p);

/* Level 1 of the translation tables: entry n is GiB n. */
extern uint64_t mmu_level1[512];
#define MMU_DEVICE(gib)	((uint64_t)(gib) << 30 | 0x60000000000405UL)

void *memset(void *p, int c, size_t n);
void *memcpy(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

/* Pseudo-random, the same in each run. */
uint64_t rnd(void);

/* --- CPU ------------------------------------------------------------------- */

#define sysreg_read(reg)						\
({									\
	uint64_t val_;							\
	__asm__ volatile("mrs %0, " reg : "=r"(val_) : : "memory");	\
	val_;								\
})
#define sysreg_write(reg, val)						\
	__asm__ volatile("msr " reg ", %x0" : : "rZ"((uint64_t)(val)) : "memory")

#define isb()		__asm__ volatile("isb" : : : "memory")
#define barrier()	__asm__ volatile("dmb ish" : : : "memory")
#define wfi()		__asm__ volatile("dsb sy\n\twfi" : : : "memory")
#define cpu_relax()	__asm__ volatile("yield" : : : "memory")

static inline void irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

static inline void irq_disable(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

static inline unsigned int cpu_id(void)
{
	return (unsigned int)sysreg_read("tpidr_el1");
}

/*
 * Device registers. In assembly: the hypervisor can emulate only the loads and
 * stores without write-back, and the compiler likes the others in loops.
 */
#define MMIO(type, name, suffix, width)					\
static inline type read##name(uint64_t addr)				\
{									\
	type val_;							\
	__asm__ volatile("ldr" suffix " %" width "0, [%1]"		\
			 : "=r"(val_) : "r"(addr) : "memory");		\
	return val_;							\
}									\
static inline void write##name(uint64_t addr, type val)			\
{									\
	__asm__ volatile("str" suffix " %" width "0, [%1]"		\
			 : : "rZ"(val), "r"(addr) : "memory");		\
}
MMIO(uint8_t, 8, "b", "w")
MMIO(uint16_t, 16, "h", "w")
MMIO(uint32_t, 32, "", "w")
MMIO(uint64_t, 64, "", "x")

struct guest_regs {
	uint64_t x[31];
	uint64_t pc;
	uint64_t pstate;
	uint64_t pad;
};

/*
 * Between these, a synchronous exception skips its instruction and is counted;
 * elsewhere it ends the guest. fault_end() returns how many there were.
 */
void fault_begin(void);
unsigned int fault_end(void);
extern uint64_t fault_esr;		/* of the last one */

#define ESR_EC(esr)	((esr) >> 26 & 0x3f)

/* --- time ------------------------------------------------------------------ */

uint64_t now_us(void);
void delay_us(uint64_t us);

/* Wait (spinning) until `cond` or for `us`; whether it became true. */
#define WAIT_FOR(cond, us)						\
({									\
	uint64_t end_ = now_us() + (us);				\
	while (!(cond) && now_us() < end_) {				\
		cpu_relax();						\
	}								\
	(cond);								\
})

void timer_set_us(uint64_t us);		/* CNTV, from now */
void timer_stop(void);

/* --- PSCI ------------------------------------------------------------------ */

#define PSCI_VERSION		0x84000000U
#define PSCI_CPU_OFF		0x84000002U
#define PSCI_CPU_ON		0xc4000003U
#define PSCI_AFFINITY_INFO	0xc4000004U
#define PSCI_MIGRATE_INFO_TYPE	0x84000006U
#define PSCI_FEATURES		0x8400000aU
#define SMCCC_VERSION		0x80000000U

int64_t smccc(uint32_t fn, uint64_t a, uint64_t b, uint64_t c);

/* Run `fn` on CPU `id`, which is off; it powers off when `fn` returns. */
int cpu_start(unsigned int id, void (*fn)(void));
/* Wait until it is off. */
bool cpu_wait_off(unsigned int id);

/* --- interrupts ------------------------------------------------------------ */

#define IRQ_TIMER	27U
#define IRQ_EVENT	31U
/* From the device tree: a guest with devices has them elsewhere. */
extern uint64_t gicd_base, gicr_base;
#define GICD_BASE	gicd_base
#define GICR_BASE	gicr_base
#define GICR_STRIDE	0x20000UL
#define GICR_SGI(cpu)	(GICR_BASE + (cpu) * GICR_STRIDE + 0x10000)

typedef void irq_handler(unsigned int intid);

/* Distributor and own CPU; then each other CPU for itself. */
void gic_init(void);
void gic_cpu_init(void);
/* SGI or PPI of the own CPU, or an SPI. A NULL handler disables it. */
void irq_set(unsigned int intid, irq_handler *handler);
void sgi_send(unsigned int cpu, unsigned int sgi);
void sgi_send_others(unsigned int sgi);

#endif
