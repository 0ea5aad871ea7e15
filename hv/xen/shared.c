/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Areas in guest memory that the hypervisor writes by itself. See shared.h.
 */
#include "xen/shared.h"

#include "kern/cpu.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/guest.h"
#include "xen/abi.h"
#include "xen/evtchn.h"
#include "xen/pin.h"

#define RUNSTATE_SIZE	sizeof(struct runstate_info)
#define RUNSTATE_WORDS	(RUNSTATE_SIZE / sizeof(uint64_t))
#define NS_PER_S	1000000000ULL

int vcpu_info_register(struct vcpu *v, gfn_t gfn, uint32_t offset)
{
	struct domain *d = v->domain;
	struct vcpu_info *vi;
	void *none = NULL;
	void *page;
	int err;

	if (offset > PAGE_SIZE - sizeof(*vi) || !IS_ALIGNED(offset, sizeof(uint64_t)) ||
	    atomic_load(&v->vcpu_info) != NULL) {
		return -EINVAL;
	}
	err = page_pin(d, gfn, &page);
	if (err != 0) {
		return err;
	}
	vi = (struct vcpu_info *)(void *)((uint8_t *)page + offset);
	memset(vi, 0, sizeof(*vi));
	v->vcpu_info_gfn = gfn;
	/*
	 * A sender that still marks the old place has set the pending bit
	 * before; all bits are looked at after the upcall below.
	 */
	if (!atomic_compare_exchange_strong(&v->vcpu_info, &none, vi)) {
		page_unpin(d, page);
		return -EINVAL;
	}
	evtchn_vcpu_ready(v);
	return 0;
}

/* --- runstate --------------------------------------------------------------- */

static size_t runstate_len_load(const struct vcpu *v)
{
	/* Acquire: pairs with the release in runstate_set(). */
	return atomic_load_explicit((const _Atomic size_t *)&v->runstate_len[0],
				    memory_order_acquire);
}

static void runstate_set(struct vcpu *v, void *const part[2], size_t first)
{
	v->runstate[0] = part[0];
	v->runstate[1] = part[1];
	v->runstate_len[1] = RUNSTATE_SIZE - first;
	atomic_store_explicit((_Atomic size_t *)&v->runstate_len[0], first,
			      memory_order_release);
}

static void *page_of(const void *p)
{
	return (void *)((uintptr_t)p & ~PAGE_MASK);
}

static void runstate_unpin(struct vcpu *v, void *const part[2])
{
	for (unsigned int i = 0; i < 2; i++) {
		if (part[i] != NULL) {
			page_unpin(v->domain, page_of(part[i]));
		}
	}
}

/* Pin the one or two pages of the record at `va`. */
static int runstate_pin(struct vcpu *caller, uint64_t va, size_t first, void *part[2])
{
	void *page;
	int err = page_pin_va(caller, va, &page);

	part[0] = NULL;
	part[1] = NULL;
	if (err != 0) {
		return err;
	}
	part[0] = (uint8_t *)page + (va & PAGE_MASK);
	if (first < RUNSTATE_SIZE) {
		err = page_pin_va(caller, va + first, &part[1]);
		if (err != 0) {
			page_unpin(caller->domain, page);
		}
	}
	return err;
}

static int runstate_register_locked(struct vcpu *caller, struct vcpu *v, uint64_t va)
{
	size_t first = MIN(RUNSTATE_SIZE, PAGE_SIZE - (va & PAGE_MASK));
	void *old[2] = { v->runstate[0], v->runstate[1] };
	void *part[2];
	int err = runstate_pin(caller, va, first, part);

	if (err != 0) {
		return err;
	}
	if (runstate_len_load(v) == 0) {
		runstate_set(v, part, first);
	} else if (old[0] == part[0] && old[1] == part[1]) {
		runstate_unpin(v, part);
	} else if (v == caller) {
		runstate_set(v, part, first);
		runstate_unpin(v, old);
	} else {
		runstate_unpin(v, part);
		return -EBUSY;
	}
	return 0;
}

int runstate_register(struct vcpu *caller, struct vcpu *v, uint64_t va)
{
	struct domain *d = v->domain;
	int err;

	if (!IS_ALIGNED(va, sizeof(uint64_t))) {
		return -EINVAL;
	}
	spin_lock(&d->lock);
	err = runstate_register_locked(caller, v, va);
	spin_unlock(&d->lock);
	if (err == 0 && v == caller) {
		runstate_update(v);
	}
	return err;
}

static int32_t runstate_of(enum sched_state state)
{
	switch (state) {
	case SCHED_RUNNING:
		return RUNSTATE_RUNNING;
	case SCHED_QUEUED:
	case SCHED_THROTTLED:
		return RUNSTATE_RUNNABLE;
	case SCHED_BLOCKED:
		return RUNSTATE_BLOCKED;
	case SCHED_OFF:
	case SCHED_PAUSED:
		break;
	}
	return RUNSTATE_OFFLINE;
}

/* The record as 64-bit words; word n may be in either of two parts. */
struct runstate_words {
	_Atomic uint64_t *part[2];
	size_t first;			/* words in the first part */
};

static inline void word_store(const struct runstate_words *r, size_t n, uint64_t value,
			      memory_order order)
{
	_Atomic uint64_t *at = likely(n < r->first) ? &r->part[0][n] : &r->part[1][n - r->first];

	atomic_store_explicit(at, value, order);
}

/*
 * entry_time, word 1, frames the change: the guest reads it before and after the
 * rest and tries again if it differs or, with `flag`, says so.
 */
static ALWAYS_INLINE void record_write(const struct runstate_words *r, enum sched_state state,
				       uint64_t since, const uint64_t state_ns[RUN_STATES],
				       bool flag)
{
	if (flag) {
		word_store(r, 1, since | RUNSTATE_UPDATE, memory_order_relaxed);
		atomic_thread_fence(memory_order_release);
	}
	word_store(r, 0, (uint32_t)runstate_of(state), memory_order_relaxed);
	for (size_t n = 0; n < RUN_STATES; n++) {
		word_store(r, 2 + n, state_ns[n], memory_order_relaxed);
	}
	word_store(r, 1, since, memory_order_release);
}

/* The general case: one that leaves its CPU, which may be woken meanwhile. */
static NOINLINE void runstate_write(struct vcpu *v, size_t first, bool flag)
{
	struct runstate_words r = {
		.part = { (_Atomic uint64_t *)v->runstate[0], (_Atomic uint64_t *)v->runstate[1] },
		.first = first / sizeof(uint64_t),
	};
	struct sched_snapshot now;

	sched_snapshot(&v->sched, &now);
	record_write(&r, now.state, now.since, now.state_ns, flag);
}

void runstate_update(struct vcpu *v)
{
	const struct sched_unit *u = &v->sched;
	size_t first = runstate_len_load(v);
	bool running = this_cpu()->chosen == u;
	bool alone = v->domain->vcpu_count == 1;
	/* Nobody but the vCPU itself reads it, so never during the change. */
	bool flag = !alone && READ_ONCE(v->domain->runstate_flag) != 0;

	if (first == 0 || (alone && !running)) {
		return;
	}
	if (running && likely(first == RUNSTATE_SIZE)) {
		/* Only this CPU, where it runs, changes its state and times. */
		const struct runstate_words r = {
			.part = { (_Atomic uint64_t *)v->runstate[0] }, .first = RUNSTATE_WORDS,
		};

		record_write(&r, SCHED_RUNNING, u->since, u->state_ns, flag);
	} else {
		runstate_write(v, first, flag);
	}
}

/* --- wall clock -------------------------------------------------------------- */

void shared_info_set_wallclock(struct domain *d, uint64_t unix_ns)
{
	struct shared_info *si = atomic_load(&d->shared_info);
	uint64_t sec = unix_ns / NS_PER_S;
	uint32_t version;

	if (si == NULL) {
		return;
	}
	/* An odd version tells the reader to wait. */
	version = READ_ONCE(si->wc_version) | 1;
	WRITE_ONCE(si->wc_version, version);
	atomic_thread_fence(memory_order_release);
	WRITE_ONCE(si->wc_sec, (uint32_t)sec);
	WRITE_ONCE(si->wc_sec_hi, (uint32_t)(sec >> 32));
	WRITE_ONCE(si->wc_nsec, (uint32_t)(unix_ns % NS_PER_S));
	atomic_thread_fence(memory_order_release);
	WRITE_ONCE(si->wc_version, version + 1);
}

/* --- the hypercall ----------------------------------------------------------- */

static long op_register_info(struct vcpu *v, struct vcpu *target, uint64_t arg)
{
	struct vcpu_register_info op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	return vcpu_info_register(target, GFN(op.gfn), op.offset);
}

static long op_register_runstate(struct vcpu *v, struct vcpu *target, uint64_t arg)
{
	uint64_t va;

	if (guest_copy_from(&v->arch, &va, arg, sizeof(va)) != 0) {
		return -EFAULT;
	}
	return runstate_register(v, target, va);
}

long vcpu_op(struct vcpu *v, uint64_t cmd, uint64_t id, uint64_t arg)
{
	struct domain *d = v->domain;

	if (id >= d->vcpu_count) {
		return -ENOENT;
	}
	switch (cmd) {
	case VCPUOP_REGISTER_VCPU_INFO:
		return op_register_info(v, d->vcpus[id], arg);
	case VCPUOP_REGISTER_RUNSTATE:
		return op_register_runstate(v, d->vcpus[id], arg);
	default:
		return -ENOSYS;
	}
}
