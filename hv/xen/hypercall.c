/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of hypercalls and the calls that are too small for a file.
 *
 * Locking: none; a CPU's counters are written by that CPU only.
 */
#include "xen/hypercall.h"

#include "kern/cpu.h"
#include "mem/guest.h"
#include "vm/console.h"
#include "xen/abi.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/memory_op.h"
#include "xen/ops.h"
#include "xen/shared.h"

#define MULTICALL_MAX	32U
#define CONSOLE_PART	128U

struct hypercall {
	const char *name;
	long (*fn)(struct vcpu *v, const uint64_t *a);
	bool batch;			/* short enough for a multicall */
};

static uint64_t counts[CPU_MAX][HC_MAX];

/*
 * Commands, counts and ids are 32 bits wide for guests: the upper half of
 * such a register means nothing (AAPCS64 6.4.2).
 */
static uint32_t low(uint64_t a)
{
	return (uint32_t)a;
}

static long hc_memory_op(struct vcpu *v, const uint64_t *a)
{
	return memory_op(v, low(a[0]), a[1]);
}

static long hc_xen_version(struct vcpu *v, const uint64_t *a)
{
	return version_op(v, low(a[0]), a[1]);
}

/* Arguments: command, length, text. */
static long hc_console_io(struct vcpu *v, const uint64_t *a)
{
	char part[CONSOLE_PART];
	uint32_t size = low(a[1]);

	if (low(a[0]) != CONSOLEIO_WRITE) {
		return -ENOSYS;
	}
	if (size > CONSOLE_RAW_MAX) {
		return -E2BIG;
	}
	for (size_t at = 0; at < size; at += sizeof(part)) {
		size_t n = MIN(sizeof(part), size - at);

		if (guest_copy_from(&v->arch, part, a[2] + at, n) != 0) {
			return -EFAULT;
		}
		console_guest_raw(v->domain, part, n);
	}
	return 0;
}

static long hc_grant_table_op(struct vcpu *v, const uint64_t *a)
{
	return grant_op(v, low(a[0]), a[1], low(a[2]));
}

static long hc_vm_assist(struct vcpu *v, const uint64_t *a)
{
	if (low(a[1]) != VMASST_RUNSTATE_UPDATE_FLAG || low(a[0]) > VMASST_DISABLE) {
		return -ENOSYS;
	}
	WRITE_ONCE(v->domain->runstate_flag, low(a[0]) == VMASST_ENABLE);
	return 0;
}

static long hc_vcpu_op(struct vcpu *v, const uint64_t *a)
{
	return vcpu_op(v, low(a[0]), low(a[1]), a[2]);
}

static long hc_sched_op(struct vcpu *v, const uint64_t *a)
{
	return sched_op(v, low(a[0]), a[1]);
}

static long hc_event_channel_op(struct vcpu *v, const uint64_t *a)
{
	return evtchn_op(v, low(a[0]), a[1]);
}

static long hc_hvm_op(struct vcpu *v, const uint64_t *a)
{
	return hvm_op(v, low(a[0]), a[1]);
}

static long hc_multicall(struct vcpu *v, const uint64_t *a);

static const struct hypercall table[HC_MAX] = {
	[HC_MEMORY_OP] = { "memory_op", hc_memory_op, false },
	[HC_MULTICALL] = { "multicall", hc_multicall, false },
	[HC_XEN_VERSION] = { "xen_version", hc_xen_version, true },
	[HC_CONSOLE_IO] = { "console_io", hc_console_io, false },
	[HC_GRANT_TABLE_OP] = { "grant_table_op", hc_grant_table_op, true },
	[HC_VM_ASSIST] = { "vm_assist", hc_vm_assist, true },
	[HC_VCPU_OP] = { "vcpu_op", hc_vcpu_op, true },
	[HC_SCHED_OP] = { "sched_op", hc_sched_op, false },
	[HC_EVENT_CHANNEL_OP] = { "event_channel_op", hc_event_channel_op, true },
	[HC_HVM_OP] = { "hvm_op", hc_hvm_op, true },
};

/* Calls in a row, without those that can take long. Arguments: list, count. */
static long hc_multicall(struct vcpu *v, const uint64_t *a)
{
	uint32_t count = low(a[1]);

	if (count > MULTICALL_MAX) {
		return -E2BIG;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = a[0] + i * sizeof(struct multicall_entry);
		struct multicall_entry e;
		const struct hypercall *h;

		if (guest_copy_from(&v->arch, &e, at, sizeof(e)) != 0) {
			return -EFAULT;
		}
		h = e.op < HC_MAX ? &table[e.op] : NULL;
		e.result = (uint64_t)(h != NULL && h->batch ? h->fn(v, e.args) : -ENOSYS);
		if (guest_copy_to(&v->arch, at + offsetof(struct multicall_entry, result),
				  &e.result, sizeof(e.result)) != 0) {
			return -EFAULT;
		}
	}
	return 0;
}

long hypercall(struct vcpu *v, uint64_t nr, const uint64_t args[5])
{
	atomic_fetch_add_explicit(&v->domain->stats.hypercalls, 1, memory_order_relaxed);
	if (unlikely(nr >= HC_MAX || table[nr].fn == NULL)) {
		return -ENOSYS;
	}
	counts[this_cpu()->id][nr]++;
	return table[nr].fn(v, args);
}

uint64_t upcall_hypercall(struct arch_vcpu *v, uint64_t nr, const uint64_t args[5])
{
	return (uint64_t)hypercall(vcpu_of(v), nr, args);
}

uint64_t hypercall_count(unsigned int nr)
{
	uint64_t sum = 0;

	for (unsigned int c = 0; c < CPU_MAX && nr < HC_MAX; c++) {
		sum += READ_ONCE(counts[c][nr]);
	}
	return sum;
}

const char *hypercall_name(unsigned int nr)
{
	return nr < HC_MAX ? table[nr].name : NULL;
}
