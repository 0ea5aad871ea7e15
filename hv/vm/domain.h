/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains (VMs) and their vCPUs.
 *
 * Life: domain_create -> (builder fills it) -> domain_start -> running ->
 * dying (shutdown, crash or destroy; vCPUs stop) -> teardown in steps -> freed,
 * or built again under the same id when its policy says restart.
 *
 * Locking: the list under LOCK_DOMAIN_LIST; a domain's state under its lock.
 * A struct domain stays valid while a reference is held or, found without
 * one, until the CPU's next exit path (kern/quiesce.h).
 */
#ifndef VM_DOMAIN_H
#define VM_DOMAIN_H

#include <stdatomic.h>

#include "kern/lock.h"
#include "kern/quiesce.h"
#include "kern/sched.h"
#include "kern/timer.h"
#include "kern/work.h"
#include "mem/p2m.h"
#include "vm/mmio.h"
#include "vm/vmdesc.h"
#include "vm/watchdog.h"
#include <arch/upcall.h>
#include <arch/vcpu.h>

#define DOMID_HV	0U		/* the hypervisor as backend and XenStore owner */
#define DOMID_SELF	0x7ff0U
#define DOMAIN_MAX	256U		/* ids 1 .. DOMAIN_MAX - 1 */
#define VCPU_MAX	8U
#define VM_NAME_MAX	64U

struct evtchn_table;
struct grant_table;
struct console;
struct xs_ring;
struct vm;

/* What a domain did, for its operator. Relaxed counters. */
struct domain_stats {
	_Atomic uint64_t hypercalls;
	_Atomic uint64_t events_sent;	/* EVTCHNOP_send by the guest */
	_Atomic uint64_t upcalls;	/* raised to the guest */
	_Atomic uint64_t misuse;	/* wrong use of an interface */
};

/* Sums of the above, for domains that are gone; see domain_totals(). */
struct domain_totals {
	uint64_t hypercalls;
	uint64_t events_sent;
	uint64_t upcalls;
	uint64_t misuse;
	uint64_t exits[8];		/* by enum exit_kind */
};

struct vcpu {
	struct arch_vcpu arch;		/* first: see arch/vcpu.h */
	struct sched_unit sched;
	struct domain *domain;
	unsigned int id;
	_Atomic bool online;		/* powered on by PSCI or at start */

	/* Registered areas, set once, pages pinned; NULL or 0 if not. */
	_Atomic(void *) vcpu_info;	/* struct vcpu_info in guest memory */
	gfn_t vcpu_info_gfn;
	void *runstate[2];		/* parts before and after a page end */
	size_t runstate_len[2];

	struct timer wake_timer;	/* its own timer while it is blocked */

	uint64_t exits[8];		/* by enum exit_kind; by its own CPU */
};

/* Why a vCPU left its guest. */
enum exit_kind {
	EXIT_HYPERCALL, EXIT_IRQ, EXIT_WAIT, EXIT_MMIO, EXIT_SYSREG,
	EXIT_FIRMWARE, EXIT_OTHER, EXIT_KINDS,
};

enum domain_state {
	DOMAIN_BUILDING,
	DOMAIN_RUNNING,
	DOMAIN_PAUSED,
	DOMAIN_DYING,			/* vCPUs are being stopped */
	DOMAIN_DEAD,			/* being torn down or gone */
};

struct domain {
	struct arch_domain arch;	/* first: see arch/vcpu.h */
	struct list node;		/* in the list of domains */
	struct spinlock lock;
	_Atomic uint32_t refs;
	unsigned int id;		/* 1 .. DOMAIN_MAX - 1 */
	_Atomic enum domain_state state;
	enum shutdown_reason reason;
	bool paused;			/* its vCPUs are */
	char name[VM_NAME_MAX];
	uint8_t uuid[16];

	struct p2m p2m;
	uint64_t memory_pages;		/* RAM that it was given */
	uint64_t max_pages;

	bool driver;			/* may map what it is granted: grant_maps_enable() */
	unsigned int vcpu_count;
	struct vcpu *vcpus[VCPU_MAX];

	/* hv/xen */
	struct evtchn_table *evtchn;
	struct grant_table *grant;
	_Atomic(void *) shared_info;	/* hypervisor page, or NULL until made */
	uint64_t runstate_flag;
	unsigned int console_port;
	unsigned int xenstore_port;
	void *console_page;		/* hypervisor pages mapped in the guest */
	void *xenstore_page;
	uint64_t boot_wallclock_ns;	/* Unix time at the guest's time 0 */

	/* hv/vm, hv/xenstore: owned by their modules */
	struct domain_mmio mmio;
	struct console *console;
	struct xs_ring *xs;
	struct vm *vm;			/* what it was made from */
	struct watchdog watchdog;

	struct domain_stats stats;
	struct work crash;		/* domain_crash_soon() */
	_Atomic(const char *) crash_why;
	struct work teardown;
	unsigned int teardown_next;	/* ops still to do, from the last */
	uint64_t teardown_pause_ns;	/* before the next step; set by an op */
	struct timer teardown_timer;
	bool devices_ending;		/* hv/vm/assign.c: they are being made quiet */
	uint64_t started_ns;		/* arch_now() of domain_start() */
	struct quiesce quiesce;
};

static inline struct vcpu *vcpu_of(struct arch_vcpu *a)
{
	return container_of(a, struct vcpu, arch);
}

static inline struct vcpu *sched_vcpu(struct sched_unit *u)
{
	return container_of(u, struct vcpu, sched);
}

/*
 * A new domain in BUILDING with its own p2m, event channels, grant table and
 * vCPUs (off). id 0 takes the lowest free one. -ENOMEM, -ENOSPC (ids, hardware
 * tags), -EEXIST (id in use), -EINVAL (vcpu_count).
 */
MUST_CHECK int domain_create(unsigned int id, const char *name, unsigned int vcpu_count,
			     struct domain **out);

/* Find without taking a reference (see Locking), or NULL. */
struct domain *domain_find(unsigned int id);

struct domain *domain_get(struct domain *d);
void domain_put(struct domain *d);

/* Run vCPU 0 at `entry` with `arg`; BUILDING to RUNNING. */
void domain_start(struct domain *d, gpa_t entry, uint64_t arg);

/*
 * Keep all vCPUs from running until it is unpaused; a domain that is being built
 * starts paused then. -EBUSY: it is dying, or is (not) paused already.
 */
MUST_CHECK int domain_pause(struct domain *d);
MUST_CHECK int domain_unpause(struct domain *d);

/*
 * Begin the end: all vCPUs stop, then the modules' teardown and the policy.
 * Idempotent; any context with no lock above LOCK_DOMAIN_LIST held.
 */
void domain_shutdown(struct domain *d, enum shutdown_reason reason);

/* As domain_shutdown(SHUTDOWN_CRASH) for misuse; logs the reason. */
void domain_crash(struct domain *d, const char *why);

/*
 * The same as deferred work of this CPU, for where locks are held or that happen
 * often: only the first counts. `why` is a constant text.
 */
void domain_crash_soon(struct domain *d, const char *why);

/* Call `fn` for each domain; it must not block or change the list. */
void domain_for_each(void (*fn)(struct domain *d, void *ctx), void *ctx);

/*
 * Modules that keep something for a domain register here at boot. `create`
 * runs in domain_create() in order, `destroy` in teardown in reverse order,
 * after all vCPUs stopped; it returns true while it has more to do, and may
 * set d->teardown_pause_ns to be called again only after that time.
 */
struct domain_ops {
	const char *name;
	int (*create)(struct domain *d);
	bool (*destroy)(struct domain *d);
};
void domain_register_ops(const struct domain_ops *ops);

/*
 * Set by hv/xen: the vCPU comes onto a CPU or leaves it, for its runstate.
 * No lock held.
 */
extern void (*vcpu_switch_hook)(struct vcpu *v);

/* Sums over all domains since the boot, ended ones too. */
void domain_totals(struct domain_totals *out);

/* No vCPU of `d` runs or will run again. */
bool domain_is_stopped(struct domain *d);

#endif
