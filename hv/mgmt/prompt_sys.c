/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the prompt about the hypervisor itself.
 */
#include "kern/cpu.h"
#include "kern/log.h"
#include "lib/string.h"
#include "lib/version.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mgmt/counters.h"
#include "mgmt/prompt.h"
#include "vm/domain.h"

#define LOG_SIZE	32768U
#define LOG_STEP	512U

static unsigned long long mib(uint64_t pages)
{
	return pages * PAGE_SIZE >> 20;
}

static bool cmd_help(struct prompt_call *c)
{
	const struct prompt_command *cmd = prompt_command(c->step);

	if (cmd == NULL) {
		prompt_print("Ctrl-] ? lists the keys of the console.\n");
		return false;
	}
	prompt_print("  %-12s %-8s %s\n", cmd->name, cmd->args, cmd->help);
	return true;
}

static bool cmd_version(struct prompt_call *c)
{
	unsigned long long s = arch_now() / 1000000000;

	prompt_print("Microvisor %s, up %llu:%02llu:%02llu, %u CPUs\n", MV_VERSION, s / 3600,
		     s / 60 % 60, s % 60, cpu_count);
	return false;
}

static void add_memory(struct domain *d, void *ctx)
{
	uint64_t *pages = ctx;

	pages[0] += d->memory_pages;
	pages[1] += d->p2m.table_count;
}

static bool cmd_memory(struct prompt_call *c)
{
	uint64_t pages[2] = { 0, 0 };
	uint64_t total = frame_total_count();
	uint64_t free = frame_free_count();

	domain_for_each(add_memory, pages);
	prompt_print("  all      %8llu MiB\n  free     %8llu MiB\n  VMs      %8llu MiB\n",
		     mib(total), mib(free), mib(pages[0]));
	prompt_print("  tables   %8llu KiB\n  heap     %8llu KiB\n",
		     (unsigned long long)(pages[1] * PAGE_SIZE >> 10),
		     (unsigned long long)(heap_size() >> 10));
	return false;
}

/* A group in each step; those that are 0 are left out. */
static bool cmd_counters(struct prompt_call *c)
{
	struct counter list[COUNTERS_MAX];
	unsigned int count;

	if (!counters_read(c->step, list, &count)) {
		return false;
	}
	for (unsigned int i = 0; i < count; i++) {
		if (list[i].value != 0) {
			prompt_print("  %-22s %llu\n", list[i].name,
				     (unsigned long long)list[i].value);
		}
	}
	return true;
}

static bool cmd_dmesg(struct prompt_call *c)
{
	char *text = c->data;
	size_t n;

	if (c->step == 0) {
		text = heap_alloc(LOG_SIZE + 1);
		if (text == NULL) {
			prompt_print("no memory\n");
			return false;
		}
		log_read(text, LOG_SIZE);
		c->data = text;
	}
	n = strnlen(text + c->cursor, LOG_STEP);
	prompt_print_text(text + c->cursor, n);
	c->cursor += n;
	return n == LOG_STEP;
}

static bool cmd_cpus(struct prompt_call *c)
{
	unsigned long long now = arch_now() / 1000;
	unsigned long long idle;

	if (c->step >= cpu_count) {
		return false;
	}
	idle = cpus[c->step].idle_ns / 1000;
	prompt_print("  cpu %u: idle %llu.%06llu s of %llu.%06llu s\n", c->step, idle / 1000000,
		     idle % 1000000, now / 1000000, now % 1000000);
	return true;
}

static bool cmd_reset(struct prompt_call *c)
{
	log_notice("mgmt", "reset by the operator");
	arch_reset();
}

static bool cmd_poweroff(struct prompt_call *c)
{
	log_notice("mgmt", "power off by the operator");
	arch_poweroff();
}

const struct prompt_command prompt_sys_commands[] = {
	{ "counters", "", "exits, hypercalls, events, copies and more, in total", 0, 0,
	  cmd_counters },
	{ "memory", "", "the machine's memory", 0, 0, cmd_memory },
	{ "cpus", "", "idle time of the CPUs", 0, 0, cmd_cpus },
	{ "dmesg", "", "the hypervisor's log", 0, 0, cmd_dmesg },
	{ "version", "", "version and time since boot", 0, 0, cmd_version },
	{ "reset", "", "restart the machine at once", 0, 0, cmd_reset },
	{ "poweroff", "", "switch the machine off at once", 0, 0, cmd_poweroff },
	{ "help", "", "this list", 0, 0, cmd_help },
	{ .name = NULL },
};
