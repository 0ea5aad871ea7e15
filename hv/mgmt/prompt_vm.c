/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the prompt about VMs. Each step looks its VM and domain up anew,
 * so one that ends between two steps is just not there any more.
 */
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "mgmt/prompt.h"
#include "vm/console.h"
#include "vm/mux.h"
#include "vm/vm.h"
#include "xenstore/xenstore.h"

#define CONSOLE_STEP	512U

static uint64_t cpu_time_ns(struct domain *d)
{
	uint64_t times[RUN_STATES];
	uint64_t ns = 0;

	for (unsigned int i = 0; i < d->vcpu_count; i++) {
		if (d->vcpus[i] != NULL) {
			sched_times(&d->vcpus[i]->sched, times);
			ns += times[RUN_RUNNING];
		}
	}
	return ns;
}

static unsigned long long count(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* By name or number; tells the user if there is none. */
static struct vm *find_vm(const char *word)
{
	struct vm *vm = vm_find(word);

	if (vm == NULL) {
		prompt_print("no VM '%s'; 'list' shows all\n", word);
	}
	return vm;
}

/* The domain of a VM that is on; tells the user otherwise. */
static struct domain *find_domain(const char *word)
{
	struct vm *vm = find_vm(word);
	struct domain *d = vm != NULL ? domain_find(vm->id) : NULL;

	if (vm != NULL && d == NULL) {
		prompt_print("%s is %s\n", vm->config.name, vm_state_name(vm->state));
	}
	return d;
}

static void print_vm(struct vm *vm)
{
	struct domain *d = domain_find(vm->id);
	unsigned long long ms = d != NULL ? cpu_time_ns(d) / 1000000 : 0;

	prompt_print("%4u%c %-9s %6llu MiB  %5u %6llu.%03llu  %s\n", vm->id,
		     vm->id == mux_focused() ? '*' : ' ', vm_state_name(vm->state),
		     (unsigned long long)(vm->config.memory_kib >> 10), vm->config.vcpu_count,
		     ms / 1000, ms % 1000, vm->config.name);
}

static bool cmd_list(struct prompt_call *c)
{
	struct vm *vm = NULL;

	if (c->step == 0) {
		prompt_print("  id  state         memory  vcpus   cpu time  name\n");
		c->cursor = 1;
	}
	while (c->cursor < VM_MAX && vm == NULL) {
		vm = vm_by_id((unsigned int)c->cursor++);
	}
	if (vm != NULL) {
		print_vm(vm);
	}
	return vm != NULL;
}

static const char *vcpu_state(const struct vcpu *v)
{
	static const char *const names[] = {
		[SCHED_BLOCKED] = "waiting", [SCHED_QUEUED] = "ready",
		[SCHED_RUNNING] = "running", [SCHED_THROTTLED] = "capped",
		[SCHED_OFF] = "off", [SCHED_PAUSED] = "paused",
	};

	return v->sched.state < ARRAY_SIZE(names) ? names[v->sched.state] : "?";
}

static void print_vcpu(struct vcpu *v)
{
	static const char *const kinds[EXIT_KINDS] = {
		"hypercall", "irq", "wait", "mmio", "sysreg", "firmware", "other",
	};
	uint64_t times[RUN_STATES];
	unsigned long long us;

	sched_times(&v->sched, times);
	us = times[RUN_RUNNING] / 1000;
	prompt_print("  vcpu %u: %s, weight %u, cap %u, cpu %llu.%06llu s, exits:", v->id,
		     vcpu_state(v), v->sched.weight, v->sched.cap, us / 1000000, us % 1000000);
	for (unsigned int k = 0; k < EXIT_KINDS; k++) {
		prompt_print(" %s %llu", kinds[k], (unsigned long long)v->exits[k]);
	}
	prompt_print("\n");
}

static void print_domain(struct domain *d)
{
	struct console_stats con;

	console_get_stats(d, &con);
	prompt_print("  hypercalls %llu, events sent %llu, upcalls %llu, misuse %llu\n",
		     count(&d->stats.hypercalls), count(&d->stats.events_sent),
		     count(&d->stats.upcalls), count(&d->stats.misuse));
	prompt_print("  console: %llu bytes out, %llu in; lost %llu out, %llu in%s\n",
		     (unsigned long long)con.out_bytes, (unsigned long long)con.in_bytes,
		     (unsigned long long)con.out_lost, (unsigned long long)con.in_lost,
		     con.broken ? "; ring closed" : "");
	prompt_print("  stage-2 tables: %llu pages\n", (unsigned long long)d->p2m.table_count);
}

/* What stays with it over restarts. */
static void print_own(const struct vm *vm)
{
	for (unsigned int i = 0; i < vm->ram.count; i++) {
		prompt_print("  RAM of its own: %llu MiB at 0x%llx\n",
			     (unsigned long long)(vm->ram.bank[i].size >> 20),
			     (unsigned long long)vm->ram.bank[i].base.v);
	}
	for (unsigned int i = 0; vm->assign != NULL && i < vm->assign->count; i++) {
		prompt_print("  device: %s\n", vm->assign->device[i].path);
	}
}

static bool cmd_info(struct prompt_call *c)
{
	struct vm *vm = find_vm(c->argv[0]);
	struct domain *d = vm != NULL ? domain_find(vm->id) : NULL;

	if (vm == NULL) {
		return false;
	}
	if (c->step == 0) {
		prompt_print("%u %s: %s, restarts %u, on_poweroff %s, on_reboot %s, on_crash %s\n",
			     vm->id, vm->config.name, vm_state_name(vm->state), vm->restarts,
			     vm_action_name(vm->config.on_poweroff),
			     vm_action_name(vm->config.on_reboot),
			     vm_action_name(vm->config.on_crash));
		print_own(vm);
		if (d != NULL) {
			print_domain(d);
		}
		return d != NULL;
	}
	if (d == NULL || c->step > d->vcpu_count) {
		return false;
	}
	if (d->vcpus[c->step - 1] != NULL) {
		print_vcpu(d->vcpus[c->step - 1]);
	}
	return true;
}

static bool cmd_focus(struct prompt_call *c)
{
	struct vm *vm = find_vm(c->argv[0]);

	if (vm != NULL && mux_focus(vm->id) != 0) {
		prompt_print("%s is %s\n", vm->config.name, vm_state_name(vm->state));
	}
	return false;
}

/* The newest output: the history is copied in the first step, then shown. */
static bool cmd_console(struct prompt_call *c)
{
	struct domain *d;
	char *text = c->data;
	size_t n;

	if (c->step == 0) {
		d = find_domain(c->argv[0]);
		if (d == NULL) {
			return false;
		}
		text = heap_alloc(MUX_HISTORY + 1);
		if (text == NULL) {
			prompt_print("no memory\n");
			return false;
		}
		console_history_read(d, text, MUX_HISTORY);
		c->data = text;
	}
	n = strnlen(text + c->cursor, CONSOLE_STEP);
	prompt_print_text(text + c->cursor, n);
	c->cursor += n;
	if (n < CONSOLE_STEP) {
		prompt_print("\n");
	}
	return n == CONSOLE_STEP;
}

/* As Xen's tools ask a guest: by control/shutdown in XenStore. */
static bool ask_guest(struct prompt_call *c, const char *what)
{
	struct domain *d = find_domain(c->argv[0]);
	char path[64];
	int r;

	if (d == NULL) {
		return false;
	}
	fmt_buf(path, sizeof(path), "/local/domain/%u/control/shutdown", d->id);
	r = xs_printf(NULL, path, "%s", what);
	if (r != 0) {
		prompt_print("%s can't be asked (error %d)\n", d->name, r);
	} else {
		prompt_print("%s is asked: %s\n", d->name, what);
	}
	return false;
}

static bool cmd_shutdown(struct prompt_call *c)
{
	return ask_guest(c, "poweroff");
}

static bool cmd_reboot(struct prompt_call *c)
{
	return ask_guest(c, "reboot");
}

static bool now(struct prompt_call *c, int (*fn)(struct vm *vm), const char *done)
{
	struct vm *vm = find_vm(c->argv[0]);

	if (vm == NULL) {
		return false;
	}
	if (fn(vm) == 0) {
		prompt_print("%s %s\n", vm->config.name, done);
	} else {
		prompt_print("%s is %s\n", vm->config.name, vm_state_name(vm->state));
	}
	return false;
}

static bool cmd_start(struct prompt_call *c)
{
	return now(c, vm_start, "is being started");
}

static bool cmd_destroy(struct prompt_call *c)
{
	return now(c, vm_destroy, "is ended");
}

static bool cmd_restart(struct prompt_call *c)
{
	return now(c, vm_reset, "is ended and starts again");
}

const struct prompt_command prompt_vm_commands[] = {
	{ "list", "", "all VMs; * has the console's input", 0, 0, cmd_list },
	{ "info", "<vm>", "policy, counters and vCPUs of a VM (name or number)", 1, 1, cmd_info },
	{ "focus", "<vm>", "give it the console's input, as Ctrl-] <digit>", 1, 1, cmd_focus },
	{ "console", "<vm>", "its newest console output", 1, 1, cmd_console },
	{ "start", "<vm>", "start a VM that is off", 1, 1, cmd_start },
	{ "shutdown", "<vm>", "ask the guest to power off", 1, 1, cmd_shutdown },
	{ "reboot", "<vm>", "ask the guest to reboot", 1, 1, cmd_reboot },
	{ "restart", "<vm>", "end it at once and start it again", 1, 1, cmd_restart },
	{ "destroy", "<vm>", "end it at once, whatever its policy says", 1, 1, cmd_destroy },
	{ .name = NULL },
};
