/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs that look at VMs.
 */
#include "kern/cpu.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mgmt/server.h"
#include "mgmt/vm_data.h"
#include "net/net.h"
#include "net/port.h"
#include "vm/console.h"
#include "vm/store.h"
#include "xenstore/xenstore.h"

static uint64_t count(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static uint64_t vcpu_ns(struct vcpu *v)
{
	uint64_t times[RUN_STATES];

	sched_times(&v->sched, times);
	return times[RUN_RUNNING];
}

static uint8_t state_of(const struct vm *vm)
{
	static const uint8_t states[] = {
		[VM_OFF] = MV_VM_OFF, [VM_BUILDING] = MV_VM_BUILDING, [VM_RUNNING] = MV_VM_RUNNING,
		[VM_ENDING] = MV_VM_ENDING, [VM_KEPT] = MV_VM_KEPT, [VM_FAILED] = MV_VM_FAILED,
	};

	return vm->state == VM_RUNNING && vm_is_paused(vm) ? MV_VM_PAUSED : states[vm->state];
}

static uint64_t pages_kib(uint64_t pages)
{
	return pages << (PAGE_SHIFT - 10);
}

void vm_data_fill(struct mv_vm *e, const struct vm *vm)
{
	struct domain *d = domain_find(vm->id);
	uint64_t ns = 0;

	e->id = mv_put32(vm->id);
	e->state = state_of(vm);
	e->reason = (uint8_t)vm->reason;
	e->vcpus = (uint8_t)vm->config.vcpu_count;
	for (unsigned int i = 0; d != NULL && i < d->vcpu_count; i++) {
		ns += vcpu_ns(d->vcpus[i]);
		e->vcpus_online += atomic_load_explicit(&d->vcpus[i]->online, memory_order_relaxed);
	}
	e->memory_kib = mv_put64(vm->config.memory_kib);
	e->cpu_ns = mv_put64(ns);
	if (d != NULL) {
		e->memory_now_kib = mv_put64(pages_kib(d->p2m.page_count));
		e->up_ns = mv_put64(d->started_ns != 0 ? arch_now() - d->started_ns : 0);
	}
	memcpy(e->uuid, vm->config.uuid, sizeof(e->uuid));
	e->restarts = mv_put32(vm->restarts);
	e->vifs = mv_put32(vm->config.vif_count);
	mgmt_name_put(e->name, sizeof(e->name), vm->config.name);
}

/*
 * Add an entry for each VM from the cursor on, which is the VM's id.
 */
static enum mv_status list_vms(struct mgmt_call *c, size_t size,
			       void (*fill)(void *entry, struct vm *vm))
{
	uint32_t at, arg, next = 0;
	struct mv_list *l = mgmt_list_begin(c, &at, &arg);

	for (; at < VM_MAX; at++) {
		struct vm *vm = vm_by_id(at);
		void *e;

		if (vm == NULL) {
			continue;
		}
		e = mgmt_list_add(c, l, size);
		if (e == NULL) {
			next = at;
			break;
		}
		fill(e, vm);
	}
	mgmt_list_end(l, next);
	return MV_OK;
}

static void fill_vm(void *entry, struct vm *vm)
{
	vm_data_fill(entry, vm);
}

static enum mv_status vm_list(struct mgmt_call *c)
{
	return list_vms(c, sizeof(struct mv_vm), fill_vm);
}

static void fill_top(void *entry, struct vm *vm)
{
	struct domain *d = domain_find(vm->id);
	struct mv_top *e = entry;
	uint64_t all = 0, rx = 0, tx = 0;

	e->id = mv_put32(vm->id);
	e->state = state_of(vm);
	e->vcpus = (uint8_t)vm->config.vcpu_count;
	for (unsigned int i = 0; d != NULL && i < d->vcpu_count; i++) {
		uint64_t ns = vcpu_ns(d->vcpus[i]);

		e->vcpu_ns[i] = mv_put64(ns);
		all += ns;
	}
	e->cpu_ns = mv_put64(all);
	if (d != NULL) {
		net_domain_bytes(d, &rx, &tx);
		e->memory_now_kib = mv_put64(pages_kib(d->p2m.page_count));
	}
	e->rx_bytes = mv_put64(rx);
	e->tx_bytes = mv_put64(tx);
	mgmt_name_put(e->name, sizeof(e->name), vm->config.name);
}

static enum mv_status top(struct mgmt_call *c)
{
	return list_vms(c, sizeof(struct mv_top), fill_top);
}

static uint64_t memory_target_kib(const struct vm *vm, const struct domain *d)
{
	char path[48], text[24];
	uint64_t kib;
	size_t n;

	fmt_buf(path, sizeof(path), "/local/domain/%u/memory/target", d->id);
	if (xs_read(NULL, path, text, sizeof(text), &n) != 0 ||
	    parse_u64(text, n, UINT64_MAX, &kib) != 0) {
		return vm->config.memory_kib;
	}
	return kib;
}

static void fill_domain(struct mv_vm_info *i, const struct vm *vm, struct domain *d)
{
	struct console_stats con;

	console_get_stats(d, &con);
	i->table_pages = mv_put32((uint32_t)d->p2m.table_count);
	i->memory_target_kib = mv_put64(memory_target_kib(vm, d));
	i->hypercalls = mv_put64(count(&d->stats.hypercalls));
	i->events_sent = mv_put64(count(&d->stats.events_sent));
	i->upcalls = mv_put64(count(&d->stats.upcalls));
	i->misuse = mv_put64(count(&d->stats.misuse));
	i->console_out = mv_put64(con.out_bytes);
	i->console_in = mv_put64(con.in_bytes);
}

static enum mv_status vm_info(struct mgmt_call *c)
{
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, (const void *)c->body, &status);
	struct mv_vm_info *i;
	struct domain *d;

	if (vm == NULL) {
		return status;
	}
	d = domain_find(vm->id);
	i = mgmt_out(c, sizeof(*i));
	vm_data_fill(&i->vm, vm);
	i->on_poweroff = (uint8_t)vm->config.on_poweroff;
	i->on_reboot = (uint8_t)vm->config.on_reboot;
	i->on_crash = (uint8_t)vm->config.on_crash;
	i->console = vm->config.console;
	i->weight = mv_put32(vm->config.weight);
	i->cap = mv_put32(vm->config.cap);
	if (d != NULL) {
		fill_domain(i, vm, d);
	}
	if (vm->config.kernel.image != NULL) {
		memcpy(i->kernel_sha256, vm->config.kernel.image->sha256, MV_SHA256_LEN);
	}
	if (vm->config.ramdisk.image != NULL) {
		memcpy(i->ramdisk_sha256, vm->config.ramdisk.image->sha256, MV_SHA256_LEN);
	}
	return MV_OK;
}

static void fill_vcpu(struct mv_vcpu *e, struct vcpu *v)
{
	static const uint8_t states[] = {
		[SCHED_BLOCKED] = MV_VCPU_WAITING, [SCHED_QUEUED] = MV_VCPU_READY,
		[SCHED_RUNNING] = MV_VCPU_RUNNING, [SCHED_THROTTLED] = MV_VCPU_CAPPED,
		[SCHED_OFF] = MV_VCPU_OFF, [SCHED_PAUSED] = MV_VCPU_PAUSED,
	};
	uint64_t times[RUN_STATES];
	const struct cpu *cpu = v->sched.cpu;

	sched_times(&v->sched, times);
	e->id = (uint8_t)v->id;
	e->state = states[v->sched.state];
	e->online = atomic_load_explicit(&v->online, memory_order_relaxed);
	e->cpu = cpu != NULL ? (uint8_t)cpu->id : UINT8_MAX;
	e->weight = mv_put32(v->sched.weight);
	e->cap = mv_put32(v->sched.cap);
	e->cpu_mask = mv_put64(v->sched.cpu_mask);
	e->run_ns = mv_put64(times[RUN_RUNNING]);
	e->ready_ns = mv_put64(times[RUN_RUNNABLE]);
	for (unsigned int k = 0; k < EXIT_KINDS; k++) {
		e->exits[k] = mv_put64(v->exits[k]);
	}
}

static enum mv_status vcpu_list(struct mgmt_call *c)
{
	uint32_t at, id;
	struct mv_list *l = mgmt_list_begin(c, &at, &id);
	struct vm *vm = vm_by_id(id);
	struct domain *d = vm != NULL ? domain_find(id) : NULL;
	struct mv_vcpu *e;

	if (vm == NULL) {
		return mgmt_refuse(c, MV_NOT_FOUND, "no VM %u", id);
	}
	for (; d != NULL && at < d->vcpu_count; at++) {
		e = mgmt_list_add(c, l, sizeof(*e));
		if (e == NULL) {
			mgmt_list_end(l, at);
			return MV_OK;
		}
		fill_vcpu(e, d->vcpus[at]);
	}
	mgmt_list_end(l, 0);
	return MV_OK;
}

static_assert(EXIT_KINDS <= MV_EXIT_KINDS && VCPU_MAX <= MV_VCPU_MAX, "mv/proto.h");

const struct mgmt_verb mgmt_vm_verbs[] = {
	{ MV_VM_LIST, false, sizeof(struct mv_cursor), vm_list },
	{ MV_VM_INFO, false, sizeof(struct mv_vm_ref), vm_info },
	{ MV_VCPU_LIST, false, sizeof(struct mv_cursor), vcpu_list },
	{ MV_TOP, false, sizeof(struct mv_cursor), top },
	{ .fn = NULL },
};
