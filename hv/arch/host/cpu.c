/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: CPUs, time, the boot console and the ends of the machine.
 *
 * Locking: none. What several threads use (host_threads()) is atomic or one
 * CPU's own.
 */
#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"
#include "lib/fmt.h"
#include "port.h"

#define CONSOLE_SIZE	(256 * 1024)
#define TIME_AT_BOOT	1000000000ULL
/* Turns of one spin loop that a hook may take to end it. */
#define RELAX_MAX	1000000U

_Thread_local struct cpu *host_this_cpu;

void (*host_relax_hook)(void);
bool host_words_lost;
enum host_end host_ended;
HOST_KEEP jmp_buf host_end_jump;

static bool end_expected;
static _Atomic bool threads;
static unsigned int relax_count;
static _Atomic uint64_t now;
static uint64_t alarms[CPU_MAX];
static _Atomic unsigned int kicks[CPU_MAX];
static uint64_t entropy = 1;
static char console[CONSOLE_SIZE];
static _Atomic size_t console_len;

void host_fatal(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)fprintf(stderr, "%s\nhost port: %s\n", console, text);
	abort();
}

void host_threads(bool on)
{
	threads = on;
}

bool host_has_threads(void)
{
	return threads;
}

void host_relax(void)
{
	if (threads) {
		nanosleep(&(struct timespec){ .tv_nsec = 1000 }, NULL);
		return;
	}
	if (host_relax_hook == NULL || ++relax_count > RELAX_MAX) {
		host_fatal("CPU %u spins for something that can't happen", this_cpu()->id);
	}
	host_relax_hook();
}

void host_clock_reset(void)
{
	now = TIME_AT_BOOT;
	for (unsigned int i = 0; i < CPU_MAX; i++) {
		alarms[i] = UINT64_MAX;
	}
}

int arch_cpu_start(unsigned int id)
{
	/* A test starts what it needs with host_reset_cpus(). */
	return id < cpu_count ? 0 : -EIO;
}

void arch_cpu_idle(void)
{
	struct cpu *c = this_cpu();

	/* Nobody else moves in the meantime, so only the alarm can wake. */
	if (alarms[c->id] == UINT64_MAX) {
		host_fatal("CPU %u sleeps for ever", c->id);
	}
	if (alarms[c->id] > now) {
		now = alarms[c->id];
	}
	if (host_take_alarm(c->id)) {
		cpu_notify(c, CPU_TIMER);
	}
}

void arch_cpu_kick(unsigned int id)
{
	atomic_fetch_add_explicit(&kicks[id], 1, memory_order_relaxed);
}

unsigned int host_kicks(unsigned int id)
{
	return atomic_load_explicit(&kicks[id], memory_order_relaxed);
}

uint64_t arch_now(void)
{
	return now;
}

void host_time_skip(uint64_t ns)
{
	now += ns;
}

void arch_alarm_set(uint64_t ns)
{
	alarms[this_cpu()->id] = ns;
}

uint64_t host_alarm(unsigned int id)
{
	return alarms[id];
}

uint64_t host_next_alarm(unsigned int *id)
{
	uint64_t first = UINT64_MAX;

	for (unsigned int i = 0; i < cpu_count; i++) {
		if (alarms[i] < first) {
			first = alarms[i];
			*id = i;
		}
	}
	return first;
}

bool host_take_alarm(unsigned int id)
{
	if (alarms[id] > now) {
		return false;
	}
	alarms[id] = UINT64_MAX;
	return true;
}

void arch_cpu_poll(void)
{
}

static uint64_t entropy_next(void)
{
	/* xorshift64: repeatable, which tests and fuzzing want. */
	entropy ^= entropy << 13;
	entropy ^= entropy >> 7;
	entropy ^= entropy << 17;
	return entropy;
}

bool arch_seed(uint8_t seed[ARCH_SEED_SIZE])
{
	for (size_t i = 0; i < ARCH_SEED_SIZE; i++) {
		seed[i] = (uint8_t)entropy_next();
	}
	return true;
}

void arch_ram_clean(const void *va, size_t n)
{
	(void)va;
	(void)n;
}

void arch_ram_zero(void *va, size_t n)
{
	memset(va, 0, n);
}

void arch_ram_copy(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
}

void arch_icache_flush(void)
{
}

void arch_simd_begin(void)
{
}

void arch_simd_end(void)
{
}

void host_entropy_seed(uint64_t seed)
{
	entropy = seed == 0 ? 1 : seed;
}

void arch_console_putc(char c)
{
	size_t at = atomic_fetch_add_explicit(&console_len, 1, memory_order_relaxed);

	if (at < sizeof(console) - 1) {
		console[at] = c;
	}
}

const char *host_console(void)
{
	return console;
}

void host_end_expect(bool expect)
{
	end_expected = expect;
	if (expect) {
		host_ended = HOST_RUNNING;
	}
}

static NORETURN void machine_end(enum host_end how, const char *name)
{
	if (!end_expected) {
		host_fatal("the hypervisor ended the machine: %s", name);
	}
	host_ended = how;
	longjmp(host_end_jump, 1);
}

void arch_panic_halt(void)
{
	machine_end(HOST_PANIC, "panic");
}

void arch_reset(void)
{
	machine_end(HOST_RESET, "reset");
}

void arch_poweroff(void)
{
	machine_end(HOST_POWEROFF, "power off");
}

void arch_backtrace(void (*line)(const char *text))
{
	void *frames[24];
	int count = backtrace(frames, (int)ARRAY_SIZE(frames));
	char **names = backtrace_symbols(frames, count);

	for (int i = 0; names != NULL && i < count; i++) {
		line(names[i]);
	}
	free(names);
}
