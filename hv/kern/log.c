/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log and the panic.
 *
 * Locking: LOCK_LOG guards the ring; the sink is called without it.
 */
#include "kern/log.h"

#include "kern/cpu.h"
#include "kern/lock.h"
#include "lib/string.h"

#define RING_SIZE	32768U
#define LINE_MAX	240U
#define DOMAINS		256U

static struct spinlock lock = SPINLOCK_INIT(LOCK_LOG);
static char ring[RING_SIZE];
static uint64_t ring_end;		/* bytes ever written */
static enum log_level console_level = LOG_INFO;
static void (*console_sink)(const char *text, size_t len);
static _Atomic uint32_t panicking;

/* Token buckets of the rate limit, by domain. */
static struct {
	bool used;
	uint64_t refilled;		/* time up to which tokens were given */
	uint32_t tokens;
	uint32_t suppressed;
} guest_rate[DOMAINS];

static void console_out(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n') {
			arch_console_putc('\r');
		}
		arch_console_putc(text[i]);
	}
}

static void emit(enum log_level level, const char *line, size_t len)
{
	void (*sink)(const char *, size_t) = console_sink;

	spin_lock(&lock);
	for (size_t i = 0; i < len; i++) {
		ring[ring_end++ % RING_SIZE] = line[i];
	}
	spin_unlock(&lock);
	if (level <= console_level) {
		(sink != NULL ? sink : console_out)(line, len);
	}
}

static void log_vwrite(enum log_level level, const char *area, const char *fmt, va_list ap)
{
	static const char *const names[] = {
		[LOG_ERROR] = "ERROR ", [LOG_WARN] = "WARN  ", [LOG_NOTICE] = "NOTICE",
		[LOG_INFO] = "INFO  ", [LOG_DEBUG] = "DEBUG ",
	};
	char line[LINE_MAX];
	uint64_t us = arch_now() / 1000;
	size_t n;

	n = fmt_buf(line, sizeof(line), "[%5llu.%06llu] %s %s: ",
		    (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000),
		    names[level], area);
	n += fmt_vbuf(line + n, sizeof(line) - n - 1, fmt, ap);
	if (n > sizeof(line) - 2) {
		n = sizeof(line) - 2;
	}
	line[n++] = '\n';
	line[n] = '\0';
	emit(level, line, n);
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(level, area, fmt, ap);
	va_end(ap);
}

static void guest_refill_locked(unsigned int i, uint64_t now)
{
	const uint64_t interval = 1000000000ULL / LOG_GUEST_RATE;
	uint64_t fresh = (now - guest_rate[i].refilled) / interval;

	if (!guest_rate[i].used) {
		guest_rate[i].used = true;
		guest_rate[i].tokens = LOG_GUEST_BURST;
		guest_rate[i].refilled = now;
	} else {
		guest_rate[i].tokens = (uint32_t)MIN(guest_rate[i].tokens + fresh,
						     (uint64_t)LOG_GUEST_BURST);
		guest_rate[i].refilled += fresh * interval;
	}
}

/* True if the line may pass; *lost is the number of lines held back before. */
static bool guest_may_log(unsigned int domid, uint32_t *lost)
{
	unsigned int i = domid % DOMAINS;
	bool pass = false;

	spin_lock(&lock);
	guest_refill_locked(i, arch_now());
	*lost = guest_rate[i].suppressed;
	if (guest_rate[i].tokens > 0) {
		guest_rate[i].tokens--;
		guest_rate[i].suppressed = 0;
		pass = true;
	} else {
		guest_rate[i].suppressed++;
	}
	spin_unlock(&lock);
	return pass;
}

void log_guest(unsigned int domid, const char *fmt, ...)
{
	char text[LINE_MAX - 60];
	uint32_t lost;
	va_list ap;

	if (!guest_may_log(domid, &lost)) {
		return;
	}
	va_start(ap, fmt);
	fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (lost != 0) {
		log_write(LOG_INFO, "guest", "d%u: %s (%u lines before it left out)", domid, text, lost);
	} else {
		log_write(LOG_INFO, "guest", "d%u: %s", domid, text);
	}
}

void log_set_console_level(enum log_level level)
{
	console_level = level;
}

void log_set_sink(void (*sink)(const char *text, size_t len))
{
	console_sink = sink;
}

size_t log_read(char *buf, size_t size)
{
	uint64_t start;
	size_t n;

	spin_lock(&lock);
	start = ring_end > RING_SIZE ? ring_end - RING_SIZE : 0;
	n = (size_t)MIN(ring_end - start, (uint64_t)size);
	for (size_t i = 0; i < n; i++) {
		buf[i] = ring[(start + i) % RING_SIZE];
	}
	spin_unlock(&lock);
	return n;
}

size_t log_read_at(uint64_t *offset, char *buf, size_t size, uint64_t *oldest, uint64_t *end)
{
	size_t n;

	spin_lock(&lock);
	*end = ring_end;
	*oldest = ring_end > RING_SIZE ? ring_end - RING_SIZE : 0;
	*offset = MIN(MAX(*offset, *oldest), *end);
	n = (size_t)MIN(*end - *offset, (uint64_t)size);
	for (size_t i = 0; i < n; i++) {
		buf[i] = ring[(*offset + i) % RING_SIZE];
	}
	spin_unlock(&lock);
	return n;
}

static void panic_line(const char *text)
{
	console_out(text, strlen(text));
	console_out("\n", 1);
}

void panic(const char *fmt, ...)
{
	char text[LINE_MAX];
	va_list ap;

	/* The first CPU to panic reports; others stop. No locks: state unknown. */
	if (atomic_exchange_explicit(&panicking, 1, memory_order_seq_cst) == 0) {
		va_start(ap, fmt);
		fmt_vbuf(text, sizeof(text), fmt, ap);
		va_end(ap);
		panic_line("");
		console_out("PANIC: ", 7);
		panic_line(text);
		arch_backtrace(panic_line);
	}
	arch_panic_halt();
}
