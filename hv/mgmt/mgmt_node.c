/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs about the node itself.
 */
#include "dev/fdt_boot.h"
#include "kern/cpu.h"
#include "kern/log.h"
#include "lib/string.h"
#include "lib/version.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mgmt/counters.h"
#include "mgmt/server.h"
#include "net/port.h"
#include "vm/store.h"
#include "vm/vm.h"
#include <arch/boot.h>

#define POWER_DELAY_NS	200000000ULL	/* so that the reply gets out */

uint64_t (*mgmt_wallclock)(void);

static enum mv_status ping(struct mgmt_call *c)
{
	size_t n = MIN(c->size, c->room);

	memcpy(mgmt_out(c, n), c->body, n);
	return MV_OK;
}

static void count_vm(struct vm *vm, void *ctx)
{
	uint32_t *n = ctx;

	(*n)++;
}

static enum mv_status node_info(struct mgmt_call *c)
{
	struct mv_node_info *i = mgmt_out(c, sizeof(*i));
	const struct mgmt_config *node = mgmt_node();
	uint32_t vms = 0;

	vm_for_each(count_vm, &vms);
	memcpy(i->node_id, node->node_id, sizeof(i->node_id));
	i->boot_id = mv_put64(mgmt_boot_id());
	i->uptime_ns = mv_put64(arch_now());
	mgmt_name_put(i->name, sizeof(i->name), node->name);
	mgmt_name_put(i->version, sizeof(i->version), MV_VERSION);
	mgmt_name_put(i->machine, sizeof(i->machine), arch_boot_info()->model);
	i->flags = mv_put32(node->has_key ? MV_NODE_KEYED : 0);
	i->cpus = mv_put32(cpu_count);
	i->vms = mv_put32(vms);
	i->sessions = mv_put32(session_count());
	i->memory = mv_put64(frame_total_count() << PAGE_SHIFT);
	i->memory_free = mv_put64(frame_free_count() << PAGE_SHIFT);
	i->heap = mv_put64(heap_size());
	i->image_quota = mv_put64(store_quota());
	i->image_used = mv_put64(store_used());
	i->wallclock = mv_put64(mgmt_wallclock != NULL ? mgmt_wallclock() : 0);
	return MV_OK;
}

/* The server ends the session when the reply is out. */
static enum mv_status close_session(struct mgmt_call *c)
{
	return MV_OK;
}

static void off_fn(struct timer *t)
{
	arch_poweroff();
}

static void reset_fn(struct timer *t)
{
	arch_reset();
}

static enum mv_status node_power(struct mgmt_call *c)
{
	const struct mv_node_power *p = (const void *)c->body;
	static struct timer timer;

	if (p->what != MV_POWER_OFF && p->what != MV_POWER_RESET) {
		return mgmt_refuse(c, MV_INVALID, "power state %u", p->what);
	}
	if (timer_is_set(&timer)) {
		return mgmt_refuse(c, MV_BUSY, "the node goes down already");
	}
	log_notice("mgmt", "%s by an operator", p->what == MV_POWER_OFF ? "power off" : "reset");
	timer_init(&timer, p->what == MV_POWER_OFF ? off_fn : reset_fn);
	timer_set(&timer, arch_now() + POWER_DELAY_NS);
	return MV_OK;
}

static enum mv_status cpu_list(struct mgmt_call *c)
{
	uint32_t at, arg;
	struct mv_list *l = mgmt_list_begin(c, &at, &arg);
	struct mv_cpu *e;

	for (; at < cpu_count && (e = mgmt_list_add(c, l, sizeof(*e))) != NULL; at++) {
		e->id = mv_put32(at);
		e->idle_ns = mv_put64(cpus[at].idle_ns);
	}
	mgmt_list_end(l, at < cpu_count ? at : 0);
	return MV_OK;
}

/* --- counters ------------------------------------------------------------------ */

/* False if there is no room for it. */
static bool add_counter(struct mgmt_call *c, struct mv_list *l, const char *name, uint64_t value)
{
	struct mv_counter *e = mgmt_list_add(c, l, sizeof(*e));

	if (e != NULL) {
		mgmt_name_put(e->name, sizeof(e->name), name);
		e->value = mv_put64(value);
	}
	return e != NULL;
}

/* The cursor is the group in the upper half, the counter in it in the lower one. */
static void node_counters(struct mgmt_call *c, struct mv_list *l, uint32_t cursor)
{
	struct counter list[COUNTERS_MAX];
	uint32_t at = cursor & 0xffff;
	unsigned int count;

	for (uint32_t group = cursor >> 16; counters_read(group, list, &count); group++) {
		for (; at < count; at++) {
			if (!add_counter(c, l, list[at].name, list[at].value)) {
				mgmt_list_end(l, group << 16 | at);
				return;
			}
		}
		at = 0;
	}
	mgmt_list_end(l, 0);
}

static enum mv_status counters(struct mgmt_call *c)
{
	uint32_t at, arg;
	struct mv_list *l = mgmt_list_begin(c, &at, &arg);
	const struct net_port *p;

	if (arg == 0) {
		node_counters(c, l, at);
		return MV_OK;
	}
	p = port_get(arg - 1);
	if (p == NULL) {
		return mgmt_refuse(c, MV_NOT_FOUND, "no port %u", arg - 1);
	}
	while (at < NET_COUNTERS &&
	       add_counter(c, l, net_counter_name((enum net_counter)at),
			   port_count(p, (enum net_counter)at))) {
		at++;
	}
	mgmt_list_end(l, at < NET_COUNTERS ? at : 0);
	return MV_OK;
}

const struct mgmt_verb mgmt_node_verbs[] = {
	{ MV_PING, false, 0, ping },
	{ MV_NODE_INFO, false, 0, node_info },
	{ MV_CLOSE, false, 0, close_session },
	{ MV_NODE_POWER, true, sizeof(struct mv_node_power), node_power },
	{ MV_CPU_LIST, false, sizeof(struct mv_cursor), cpu_list },
	{ MV_COUNTERS, false, sizeof(struct mv_cursor), counters },
	{ .fn = NULL },
};
