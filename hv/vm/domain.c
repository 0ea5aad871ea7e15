/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains: creation, look-up, the way to the end. See vm/domain.h.
 *
 * An id is reserved before a domain is made and until it is gone; it can be
 * found in the table only while it is whole. So whoever found a domain may
 * use it until his CPU's next exit path.
 *
 * Locking: `list_lock` guards the reservations and the table's changes;
 * look-ups take no lock. Teardown is deferred work of one CPU, one bounded
 * step a call: wait for the vCPUs, leave the table, quiescence, the modules
 * in reverse order, quiescence, memory.
 */
#include "vm/domain.h"

#include "kern/log.h"
#include "kern/timer.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "vm/vm.h"

#define OPS_MAX 12U

static struct spinlock list_lock = SPINLOCK_INIT(LOCK_DOMAIN_LIST);
static uint64_t reserved[BITMAP_WORDS(DOMAIN_MAX)];
static _Atomic(struct domain *) table[DOMAIN_MAX];
static const struct domain_ops *ops[OPS_MAX];
static unsigned int ops_count;

void domain_register_ops(const struct domain_ops *o)
{
	if (ops_count == OPS_MAX) {
		panic("too many domain_ops");
	}
	ops[ops_count++] = o;
}

static void vcpu_wake_timer_fn(struct timer *t)
{
	struct vcpu *v = container_of(t, struct vcpu, wake_timer);

	sched_wake(&v->sched);
}

static int vcpu_create(struct domain *d, unsigned int id)
{
	struct vcpu *v = heap_alloc(sizeof(*v));
	int err;

	if (v == NULL) {
		return -ENOMEM;
	}
	err = arch_vcpu_init(&v->arch, &d->arch, id);
	if (err != 0) {
		heap_free(v);
		return err;
	}
	v->domain = d;
	v->id = id;
	sched_unit_init(&v->sched);
	timer_init(&v->wake_timer, vcpu_wake_timer_fn);
	d->vcpus[id] = v;
	return 0;
}

static struct domain_totals gone;	/* of ended domains; under list_lock */

static void add_counts(struct domain *d, void *ctx)
{
	struct domain_totals *t = ctx;

	t->hypercalls += atomic_load_explicit(&d->stats.hypercalls, memory_order_relaxed);
	t->events_sent += atomic_load_explicit(&d->stats.events_sent, memory_order_relaxed);
	t->upcalls += atomic_load_explicit(&d->stats.upcalls, memory_order_relaxed);
	t->misuse += atomic_load_explicit(&d->stats.misuse, memory_order_relaxed);
	for (unsigned int i = 0; i < d->vcpu_count; i++) {
		for (unsigned int k = 0; k < EXIT_KINDS && d->vcpus[i] != NULL; k++) {
			t->exits[k] += d->vcpus[i]->exits[k];
		}
	}
}

void domain_totals(struct domain_totals *out)
{
	spin_lock(&list_lock);
	*out = gone;
	spin_unlock(&list_lock);
	domain_for_each(add_counts, out);
}

static void vcpus_free(struct domain *d)
{
	spin_lock(&list_lock);
	add_counts(d, &gone);
	spin_unlock(&list_lock);
	for (unsigned int i = 0; i < d->vcpu_count; i++) {
		struct vcpu *v = d->vcpus[i];

		if (v != NULL) {
			arch_vcpu_fini(&v->arch);
			heap_free(v);
			d->vcpus[i] = NULL;
		}
	}
}

static void teardown_fn(struct work *w);
static void crash_fn(struct work *w);

static void teardown_timer_fn(struct timer *t)
{
	struct domain *d = container_of(t, struct domain, teardown_timer);

	work_queue(&d->teardown);
}

static int id_reserve(struct domain *d, unsigned int id)
{
	int err = 0;

	spin_lock(&list_lock);
	if (id == 0) {
		for (id = 1; id < DOMAIN_MAX && bitmap_test(reserved, id); id++) {
		}
	}
	if (id >= DOMAIN_MAX) {
		err = -ENOSPC;
	} else if (bitmap_test(reserved, id)) {
		err = -EEXIST;
	} else {
		d->id = id;
		bitmap_set(reserved, id);
	}
	spin_unlock(&list_lock);
	return err;
}

static void id_release(struct domain *d)
{
	spin_lock(&list_lock);
	bitmap_clear(reserved, d->id);
	spin_unlock(&list_lock);
}

static void table_set(unsigned int id, struct domain *d)
{
	/* Release: whoever finds it sees it complete. */
	atomic_store_explicit(&table[id], d, memory_order_release);
}

/* The parts that need no id; undone by domain_free(). */
static int domain_init(struct domain *d, const char *name, unsigned int vcpu_count)
{
	int err;

	spin_init(&d->lock, LOCK_DOMAIN);
	atomic_store_explicit(&d->refs, 1, memory_order_relaxed);
	atomic_store_explicit(&d->state, DOMAIN_BUILDING, memory_order_relaxed);
	work_init(&d->teardown, teardown_fn);
	work_init(&d->crash, crash_fn);
	watchdog_init(d);
	timer_init(&d->teardown_timer, teardown_timer_fn);
	str_copy(d->name, name, sizeof(d->name));
	d->vcpu_count = vcpu_count;
	err = p2m_init(&d->p2m, &d->arch);
	if (err != 0) {
		return err;
	}
	err = arch_domain_init(&d->arch, va_to_hpa(d->p2m.root), vcpu_count);
	for (unsigned int i = 0; err == 0 && i < vcpu_count; i++) {
		err = vcpu_create(d, i);
	}
	return err;
}

/* Everything but the modules' parts, memory in steps; true if there is more. */
static bool domain_fini_step(struct domain *d)
{
	if (p2m_free_step(&d->p2m)) {
		return true;
	}
	vcpus_free(d);
	arch_domain_fini(&d->arch);
	return false;
}

int domain_create(unsigned int id, const char *name, unsigned int vcpu_count,
		  struct domain **out)
{
	struct domain *d;
	unsigned int done = 0;
	int err;

	if (vcpu_count == 0 || vcpu_count > VCPU_MAX || id >= DOMAIN_MAX) {
		return -EINVAL;
	}
	d = heap_alloc(sizeof(*d));
	if (d == NULL) {
		return -ENOMEM;
	}
	err = domain_init(d, name, vcpu_count);
	if (err == 0) {
		err = id_reserve(d, id);
	}
	if (err != 0) {
		goto fail;
	}
	while (done < ops_count) {
		err = ops[done]->create != NULL ? ops[done]->create(d) : 0;
		if (err != 0) {
			goto fail_ops;
		}
		done++;
	}
	d->teardown_next = ops_count;
	table_set(d->id, d);
	*out = d;
	return 0;

fail_ops:
	while (done-- > 0) {
		while (ops[done]->destroy != NULL && ops[done]->destroy(d)) {
		}
	}
	id_release(d);
fail:
	while (domain_fini_step(d)) {
	}
	heap_free(d);
	return err;
}

struct domain *domain_find(unsigned int id)
{
	/* Acquire: pairs with the release in table_set(). */
	return id < DOMAIN_MAX ? atomic_load_explicit(&table[id], memory_order_acquire) : NULL;
}

struct domain *domain_get(struct domain *d)
{
	atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
	return d;
}

void domain_put(struct domain *d)
{
	if (atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) == 1) {
		heap_free(d);
	}
}

void domain_for_each(void (*fn)(struct domain *d, void *ctx), void *ctx)
{
	for (unsigned int id = 1; id < DOMAIN_MAX; id++) {
		struct domain *d = domain_find(id);

		if (d != NULL) {
			fn(d, ctx);
		}
	}
}

void domain_start(struct domain *d, gpa_t entry, uint64_t arg)
{
	struct vcpu *v = d->vcpus[0];

	d->p2m.live = true;
	d->started_ns = arch_now();
	watchdog_start(d);
	arch_vcpu_reset(&v->arch, entry, arg);
	atomic_store_explicit(&v->online, true, memory_order_relaxed);
	atomic_store_explicit(&d->state, d->paused ? DOMAIN_PAUSED : DOMAIN_RUNNING,
			      memory_order_release);
	sched_start(&v->sched);
}

static bool may_pause(const struct domain *d, bool pause)
{
	enum domain_state s = atomic_load_explicit(&d->state, memory_order_relaxed);

	return s != DOMAIN_DYING && s != DOMAIN_DEAD && d->paused != pause;
}

static int pause_set(struct domain *d, bool pause)
{
	int err = -EBUSY;

	spin_lock(&d->lock);
	if (may_pause(d, pause)) {
		d->paused = pause;
		if (d->state != DOMAIN_BUILDING) {
			atomic_store_explicit(&d->state, pause ? DOMAIN_PAUSED : DOMAIN_RUNNING,
					      memory_order_release);
		}
		for (unsigned int i = 0; i < d->vcpu_count; i++) {
			if (pause) {
				sched_pause(&d->vcpus[i]->sched);
			} else {
				sched_unpause(&d->vcpus[i]->sched);
			}
		}
		err = 0;
	}
	spin_unlock(&d->lock);
	return err;
}

int domain_pause(struct domain *d)
{
	return pause_set(d, true);
}

int domain_unpause(struct domain *d)
{
	return pause_set(d, false);
}

bool domain_is_stopped(struct domain *d)
{
	for (unsigned int i = 0; i < d->vcpu_count; i++) {
		if (!sched_is_stopped(&d->vcpus[i]->sched)) {
			return false;
		}
	}
	return true;
}

static void domain_gone(struct work *w)
{
	struct domain *d = container_of(w, struct domain, teardown);

	if (domain_fini_step(d)) {
		work_queue(w);
		return;
	}
	id_release(d);
	vm_domain_gone(d);
	domain_put(d);
}

/* No CPU uses anything that a module gave up any more. */
static void modules_passed(struct quiesce *q)
{
	struct domain *d = container_of(q, struct domain, quiesce);

	work_init(&d->teardown, domain_gone);
	work_queue(&d->teardown);
}

static void modules_end(struct work *w)
{
	struct domain *d = container_of(w, struct domain, teardown);

	if (d->teardown_next > 0) {
		const struct domain_ops *o = ops[d->teardown_next - 1];

		d->teardown_pause_ns = 0;
		if (o->destroy == NULL || !o->destroy(d)) {
			d->teardown_next--;
		}
		if (d->teardown_pause_ns != 0) {
			timer_set(&d->teardown_timer, arch_now() + d->teardown_pause_ns);
		} else {
			work_queue(w);
		}
		return;
	}
	quiesce_call(&d->quiesce, modules_passed);
}

/* No CPU uses what it found by the domain's id, or runs its timers. */
static void table_passed(struct quiesce *q)
{
	struct domain *d = container_of(q, struct domain, quiesce);

	work_init(&d->teardown, modules_end);
	work_queue(&d->teardown);
}

static void teardown_fn(struct work *w)
{
	struct domain *d = container_of(w, struct domain, teardown);

	if (!domain_is_stopped(d)) {
		work_queue(w);
		return;
	}
	for (unsigned int i = 0; i < d->vcpu_count; i++) {
		timer_cancel(&d->vcpus[i]->wake_timer);
		timer_cancel(&d->vcpus[i]->sched.period_timer);
	}
	watchdog_stop(d);
	atomic_store_explicit(&d->state, DOMAIN_DEAD, memory_order_release);
	table_set(d->id, NULL);
	quiesce_call(&d->quiesce, table_passed);
}

static const char *reason_name(enum shutdown_reason reason)
{
	static const char *const names[] = {
		[SHUTDOWN_POWEROFF] = "powered off", [SHUTDOWN_REBOOT] = "reboots",
		[SHUTDOWN_SUSPEND] = "suspended", [SHUTDOWN_CRASH] = "crashed",
		[SHUTDOWN_WATCHDOG] = "ended by its watchdog", [SHUTDOWN_SOFT_RESET] = "resets",
	};

	return (unsigned int)reason < ARRAY_SIZE(names) ? names[reason] : "ended";
}

void domain_shutdown(struct domain *d, enum shutdown_reason reason)
{
	bool first;

	spin_lock(&d->lock);
	first = d->state != DOMAIN_DYING && d->state != DOMAIN_DEAD;
	if (first) {
		d->reason = reason;
		atomic_store_explicit(&d->state, DOMAIN_DYING, memory_order_release);
	}
	spin_unlock(&d->lock);
	if (!first) {
		return;
	}
	log_notice("vm", "%s (d%u) %s", d->name, d->id, reason_name(reason));
	for (unsigned int i = 0; i < d->vcpu_count; i++) {
		sched_stop(&d->vcpus[i]->sched);
	}
	if (!vm_keeps(d, reason)) {
		work_queue(&d->teardown);
	}
}

void domain_crash(struct domain *d, const char *why)
{
	atomic_fetch_add_explicit(&d->stats.misuse, 1, memory_order_relaxed);
	log_warn("vm", "%s (d%u): %s", d->name, d->id, why);
	domain_shutdown(d, SHUTDOWN_CRASH);
}

static void crash_fn(struct work *w)
{
	struct domain *d = container_of(w, struct domain, crash);

	domain_crash(d, atomic_load_explicit(&d->crash_why, memory_order_relaxed));
	domain_put(d);
}

void domain_crash_soon(struct domain *d, const char *why)
{
	const char *none = NULL;

	if (atomic_compare_exchange_strong_explicit(&d->crash_why, &none, why,
						    memory_order_relaxed, memory_order_relaxed)) {
		work_queue(&domain_get(d)->crash);
	}
}
