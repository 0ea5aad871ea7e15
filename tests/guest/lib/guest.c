/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test guests: start, results, text, exceptions, time, other CPUs.
 */
#include "guest.h"
#include "xen.h"

#define LINE_MAX	200U
#define SERROR_LINE	"SError"

struct text {
	char buf[LINE_MAX];
	size_t len;
};

static const char *guest_dtb;
static bool failed;
static char fail_text[LINE_MAX];
static uint64_t rnd_state = 0x9e3779b97f4a7c15UL;
static volatile bool fault_ok[CPU_MAX];
static volatile unsigned int fault_count[CPU_MAX];
static void (*secondary_fn[CPU_MAX])(void);
uint64_t fault_esr;

uint8_t guest_stacks[CPU_MAX][1 << 14] PAGE;
uint64_t mmu_level1[512] PAGE;
static uint64_t mmu_level2[512] PAGE;

void mmu_build(void);
void guest_start(uint64_t dtb);
void guest_secondary(unsigned int id);
void guest_sync(struct guest_regs *regs);
void guest_serror(struct guest_regs *regs);
void guest_unexpected(struct guest_regs *regs);
void secondary_start(void);

/*
 * All as it is: below 0x38000000 devices, from there on memory. Blocks of 2 MiB
 * in the first GiB and of 1 GiB after it.
 */
void mmu_build(void)
{
	const uint64_t normal = 0x701;		/* AF, inner shareable, block */
	const uint64_t device = 0x60000000000405UL;	/* never executed */

	mmu_level1[0] = (uint64_t)mmu_level2 | 3;
	for (uint64_t i = 0; i < 512; i++) {
		mmu_level2[i] = i << 21 | (i < 0x38000000 >> 21 ? device : normal);
	}
	for (uint64_t i = 1; i < 64; i++) {
		mmu_level1[i] = i << 30 | normal;
	}
	__asm__ volatile("dsb sy" : : : "memory");
}

/* --- text ------------------------------------------------------------------ */

static void put(struct text *t, char c)
{
	if (t->len < LINE_MAX - 1) {
		t->buf[t->len++] = c;
	}
}

static void put_number(struct text *t, uint64_t val, unsigned int base)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[val % base];
		val /= base;
	} while (val != 0);
	while (n > 0) {
		put(t, digits[--n]);
	}
}

static void put_signed(struct text *t, int64_t val)
{
	if (val < 0) {
		put(t, '-');
	}
	put_number(t, val < 0 ? 0 - (uint64_t)val : (uint64_t)val, 10);
}

static void put_format(struct text *t, const char *fmt, va_list ap)
{
	for (; *fmt != '\0'; fmt++) {
		bool is_long = false;

		if (*fmt != '%') {
			put(t, *fmt);
			continue;
		}
		fmt++;
		while (*fmt == 'l') {
			is_long = true;
			fmt++;
		}
		switch (*fmt) {
		case 's':
			for (const char *s = va_arg(ap, const char *); *s != '\0'; s++) {
				put(t, *s);
			}
			break;
		case 'c':
			put(t, (char)va_arg(ap, int));
			break;
		case 'd':
			put_signed(t, is_long ? va_arg(ap, long) : va_arg(ap, int));
			break;
		case 'u':
		case 'x':
			put_number(t, is_long ? va_arg(ap, unsigned long)
					      : va_arg(ap, unsigned int),
				   *fmt == 'u' ? 10 : 16);
			break;
		default:
			put(t, *fmt);
			break;
		}
	}
	t->buf[t->len] = '\0';
}

void print(const char *fmt, ...)
{
	struct text t = { .len = 0 };
	va_list ap;

	va_start(ap, fmt);
	put_format(&t, fmt, ap);
	va_end(ap);
	t.buf[t.len++] = '\n';
	(void)hypercall(HC_CONSOLE_IO, 0, t.len, (uint64_t)t.buf, 0, 0);
}

void fail(const char *fmt, ...)
{
	struct text t = { .len = 0 };
	va_list ap;

	if (failed) {
		return;
	}
	va_start(ap, fmt);
	put_format(&t, fmt, ap);
	va_end(ap);
	memcpy(fail_text, t.buf, t.len + 1);
	failed = true;
}

bool has_failed(void)
{
	return failed;
}

void check_eq(int line, const char *what, int64_t is, int64_t want)
{
	if (is != want) {
		fail("line %d: %s is %ld, not %ld", line, what, (long)is, (long)want);
	}
}

/* --- small library --------------------------------------------------------- */

void *memset(void *p, int c, size_t n)
{
	volatile uint8_t *b = p;

	while (n-- > 0) {
		*b++ = (uint8_t)c;
	}
	return p;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	volatile uint8_t *d = dst;
	const uint8_t *s = src;

	while (n-- > 0) {
		*d++ = *s++;
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a;
	const uint8_t *y = b;

	for (; n > 0; n--, x++, y++) {
		if (*x != *y) {
			return *x < *y ? -1 : 1;
		}
	}
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0') {
		n++;
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (uint8_t)*a - (uint8_t)*b;
}

uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

/*
 * The device tree's header tells its size (big-endian, at offset 4); the only
 * text in it with a key and '=' is the command line.
 */
const char *guest_arg(const char *key)
{
	static char word[64];
	size_t n = strlen(key);
	const uint8_t *b = (const uint8_t *)guest_dtb;
	size_t size = (size_t)b[4] << 24 | (size_t)b[5] << 16 | (size_t)b[6] << 8 | b[7];

	for (size_t i = 0; i + n + 1 < size; i++) {
		size_t len = 0;

		if (memcmp(guest_dtb + i, key, n) != 0 || guest_dtb[i + n] != '=') {
			continue;
		}
		for (const char *s = guest_dtb + i + n + 1;
		     *s > ' ' && len + 1 < sizeof(word); s++) {
			word[len++] = *s;
		}
		word[len] = '\0';
		return word;
	}
	return NULL;
}

uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

/* Tokens of the structure block (Devicetree Specification 5.4.1). */
const uint8_t *guest_prop(const char *node, const char *name, size_t *len)
{
	const uint8_t *dtb = (const uint8_t *)guest_dtb;
	const uint8_t *p = dtb + get_be32(dtb + 8);
	const char *strings = guest_dtb + get_be32(dtb + 12);
	bool inside = false;

	for (;;) {
		uint32_t token = get_be32(p);

		p += 4;
		if (token == 1) {			/* node begins */
			inside = memcmp(p, node, strlen(node)) == 0;
			p += (strlen((const char *)p) + 4) & ~3UL;
		} else if (token == 3) {		/* property */
			size_t size = get_be32(p);

			if (inside && strcmp(strings + get_be32(p + 4), name) == 0) {
				if (len != NULL) {
					*len = size;
				}
				return p + 8;
			}
			p += 8 + ((size + 3) & ~3UL);
		} else if (token == 2) {		/* node ends */
			inside = false;
		} else if (token != 4) {
			return NULL;
		}
	}
}

/* --- exceptions ------------------------------------------------------------ */

static void die(const char *what, const struct guest_regs *regs)
{
	print("FAIL %s %s: ESR 0x%lx PC 0x%lx FAR 0x%lx", guest_name, what,
	      (unsigned long)sysreg_read("esr_el1"), (unsigned long)regs->pc,
	      (unsigned long)sysreg_read("far_el1"));
	shutdown(SHUTDOWN_CRASH);
}

void fault_begin(void)
{
	fault_count[cpu_id()] = 0;
	fault_ok[cpu_id()] = true;
}

unsigned int fault_end(void)
{
	isb();
	fault_ok[cpu_id()] = false;
	return fault_count[cpu_id()];
}

void guest_sync(struct guest_regs *regs)
{
	if (!fault_ok[cpu_id()]) {
		die("exception", regs);
	}
	fault_esr = sysreg_read("esr_el1");
	fault_count[cpu_id()]++;
	regs->pc += 4;
}

void guest_serror(struct guest_regs *regs)
{
	die(SERROR_LINE, regs);
}

void guest_unexpected(struct guest_regs *regs)
{
	die("vector", regs);
}

/* --- time ------------------------------------------------------------------ */

static uint64_t ticks(void)
{
	isb();
	return sysreg_read("cntvct_el0");
}

uint64_t now_us(void)
{
	return ticks() / (sysreg_read("cntfrq_el0") / 1000000);
}

void delay_us(uint64_t us)
{
	uint64_t end = now_us() + us;

	while (now_us() < end) {
		cpu_relax();
	}
}

void timer_set_us(uint64_t us)
{
	sysreg_write("cntv_cval_el0", ticks() + us * (sysreg_read("cntfrq_el0") / 1000000));
	sysreg_write("cntv_ctl_el0", 1);
	isb();
}

void timer_stop(void)
{
	sysreg_write("cntv_ctl_el0", 0);
	isb();
}

/* --- other CPUs ------------------------------------------------------------ */

int64_t smccc(uint32_t fn, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = fn;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return (int32_t)x0;
}

void guest_secondary(unsigned int id)
{
	gic_cpu_init();
	secondary_fn[id]();
	irq_disable();
	(void)smccc(PSCI_CPU_OFF, 0, 0, 0);
}

int cpu_start(unsigned int id, void (*fn)(void))
{
	secondary_fn[id] = fn;
	barrier();
	return (int)smccc(PSCI_CPU_ON, id, (uint64_t)secondary_start, id);
}

bool cpu_wait_off(unsigned int id)
{
	return WAIT_FOR(smccc(PSCI_AFFINITY_INFO, id, 0, 0) == 1, 20000000);
}

/* --- start ----------------------------------------------------------------- */

static bool case_chosen(const char *name)
{
	const char *only = guest_arg("case");

	return only == NULL || strcmp(only, name) == 0;
}

void guest_start(uint64_t dtb)
{
	unsigned int passed = 0;
	unsigned int bad = 0;
	const uint8_t *gic;

	guest_dtb = (const char *)dtb;
	gic = guest_prop("interrupt-controller@", "reg", NULL);
	gicd_base = get_be64(gic);
	gicr_base = get_be64(gic + 16);
	gic_init();
	for (const struct guest_case *c = guest_cases; c->name != NULL; c++) {
		if (!case_chosen(c->name)) {
			continue;
		}
		failed = false;
		c->run();
		if (failed) {
			print("FAIL %s.%s %s", guest_name, c->name, fail_text);
			bad++;
		} else {
			print("PASS %s.%s", guest_name, c->name);
			passed++;
		}
	}
	print("END %s %u passed, %u failed", guest_name, passed, bad);
	shutdown(SHUTDOWN_POWEROFF);
}
