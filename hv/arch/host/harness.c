/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port's harness: reset, running the core, time, and the leak check.
 *
 * Invariants: between two calls the thread acts as exactly one CPU, and the
 * variables of the core hold what a machine that ran so far would have.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "kern/work.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "port.h"
#include "vm/domain.h"
#include <arch/s2.h>

/* Rounds after which work or alarms at one time are said never to end. */
#define ROUNDS_MAX	100000U
#define SETTLE_NS	20000000ULL

/* The linker's names for the bounds of the sections (see the Makefile). */
extern char __start_hv_data[], __stop_hv_data[];
extern char __start_hv_bss[], __stop_hv_bss[];

/* The variables' first values: data, then bss. */
static char *first_values HOST_KEEP;

/* After boot; host_finish() wants the same. */
static uint64_t boot_frames;
static size_t boot_objects;

/*
 * Copy over the gaps between variables, too, which the sanitizer guards. A
 * loop of our own, since its memcpy() would complain.
 */
__attribute__((no_sanitize("address"))) NOINLINE
static void raw_copy(char *dst, const char *src, size_t n)
{
	for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
		if (n - i < sizeof(uint64_t)) {
			for (; i < n; i++) {
				dst[i] = src[i];
			}
			return;
		}
		*(uint64_t *)(void *)(dst + i) = *(const uint64_t *)(const void *)(src + i);
	}
}

static void variables_reset(void)
{
	size_t data = (size_t)(__stop_hv_data - __start_hv_data);
	size_t bss = (size_t)(__stop_hv_bss - __start_hv_bss);

	if (first_values == NULL) {
		first_values = malloc(data + bss);
		if (first_values == NULL) {
			host_fatal("no memory");
		}
		raw_copy(first_values, __start_hv_data, data);
		raw_copy(first_values + data, __start_hv_bss, bss);
		return;
	}
	raw_copy(__start_hv_data, first_values, data);
	raw_copy(__start_hv_bss, first_values + data, bss);
}

void host_reset_cpus(unsigned int count)
{
	if (count < 1 || count > CPU_MAX) {
		host_fatal("a machine of %u CPUs", count);
	}
	variables_reset();
	host_ram_reset();
	host_clock_reset();
	host_machine_boot(count);
	host_run();
	boot_frames = frame_free_count();
	boot_objects = heap_object_count();
}

void host_reset(void)
{
	host_reset_cpus(1);
}

void host_cpu(unsigned int id)
{
	host_this_cpu = &cpus[id];
}

void host_exit(void)
{
	cpu_exit_begin();
	(void)cpu_service();
}

void host_poll_alarm(void)
{
	struct cpu *c = this_cpu();

	if (host_take_alarm(c->id)) {
		cpu_notify(c, CPU_TIMER);
	}
}

/* True if there was something to do. */
static bool cpu_round(unsigned int id)
{
	struct cpu *c = &cpus[id];

	host_cpu(id);
	host_poll_alarm();
	if (atomic_load_explicit(&c->pending, memory_order_acquire) == 0) {
		return false;
	}
	host_exit();
	if (c->current == NULL) {
		work_run_idle();
	}
	return true;
}

void host_run(void)
{
	unsigned int self = this_cpu()->id;
	unsigned int rounds = 0;
	bool more = true;

	while (more) {
		more = false;
		for (unsigned int i = 0; i < cpu_count; i++) {
			more |= cpu_round(i);
		}
		if (++rounds > ROUNDS_MAX) {
			host_fatal("the machine never comes to rest");
		}
	}
	host_cpu(self);
}

void host_advance(uint64_t ns)
{
	uint64_t target = arch_now() + ns;
	unsigned int rounds = 0;

	for (;;) {
		unsigned int id;
		uint64_t next;

		host_run();
		next = host_next_alarm(&id);
		if (next > target) {
			break;
		}
		if (next > arch_now()) {
			host_time_skip(next - arch_now());
			rounds = 0;
		}
		if (++rounds > ROUNDS_MAX) {
			host_fatal("alarms go off without end at one time");
		}
	}
	host_time_skip(target - arch_now());
}

static void destroy_fn(struct domain *d, void *ctx)
{
	struct domain **found = ctx;

	*found = d;
}

void host_finish(void)
{
	if (host_ended != HOST_RUNNING) {
		return;
	}
	host_run();
	for (unsigned int i = 0; i < DOMAIN_MAX; i++) {
		struct domain *d = NULL;

		domain_for_each(destroy_fn, &d);
		if (d == NULL) {
			break;
		}
		host_domain_destroy(d);
	}
	host_advance(SETTLE_NS);
	for (unsigned int i = 0; i < cpu_count; i++) {
		if (cpus[i].held_count != 0) {
			host_fatal("CPU %u still holds a lock of rank %d", i,
				   (int)cpus[i].held[0]->rank);
		}
	}
	if (heap_object_count() != boot_objects) {
		host_fatal("%zu objects of the heap at the end, %zu after boot",
			   heap_object_count(), boot_objects);
	}
	if (frame_free_count() != boot_frames) {
		host_fatal("%llu free frames at the end, %llu after boot",
			   (unsigned long long)frame_free_count(),
			   (unsigned long long)boot_frames);
	}
	if (host_s2_stats.stale_hits != 0) {
		host_fatal("%u uses of stale translations", host_s2_stats.stale_hits);
	}
}
