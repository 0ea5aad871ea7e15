/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs as their operator knows them: a description, and the domain that is
 * made from it again and again.
 *
 * A VM keeps its domain id over reboots. Building is deferred work in small
 * steps; so is the policy after an end (on_poweroff, on_reboot, on_crash).
 *
 * VMs from boot stay in the list when they end, so that they can be started
 * again; one that was made at run time leaves it, unless its policy says
 * otherwise. vm_remove() has any VM leave.
 *
 * Locking: a struct vm's changing fields under `vm_lock` inside. One that leaves is
 * freed by quiesce_call(): whoever found it may use it until his CPU's next exit
 * path. Its name changes while others read it: they see the old, the new, or a mix.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include "kern/timer.h"
#include "kern/work.h"
#include "vm/assign.h"
#include "vm/domain.h"
#include "vm/image.h"
#include "vm/ram.h"
#include "vm/vmdesc.h"

#define VM_MAX			DOMAIN_MAX
#define VM_RESTART_MIN_NS	2000000000ULL	/* a shorter life delays the restart */
#define VM_RESTART_OLD_NS	60000000000ULL	/* so does this, if it happens again .. */
#define VM_RESTART_FORGIVEN	2U		/* .. more often than this */
#define VM_RESTART_DELAY_MAX_NS	32000000000ULL

enum vm_state {
	VM_OFF,			/* no domain */
	VM_BUILDING,
	VM_RUNNING,
	VM_ENDING,		/* being torn down */
	VM_KEPT,		/* ended and preserved for a look */
	VM_FAILED,		/* could not be built; off */
};

/* Where the builder is. */
struct vm_build {
	struct image_info image;
	gpa_t ram_base[ARCH_GUEST_BANKS];
	uint64_t ram[ARCH_GUEST_BANKS];	/* bytes in each bank */
	unsigned int bank;		/* being filled */
	uint64_t done;			/* bytes of the bank */
	void *block;			/* being filled before it is mapped */
	bool block_zeroed;		/* it came zeroed */
	unsigned int block_order;
	uint64_t block_done;
	gpa_t kernel;
	gpa_t initrd;
	gpa_t tables;
	unsigned int step;
};

struct vm {
	struct vm_config config;	/* constant, but name, scheduling and vifs */
	unsigned int id;		/* of its domains; constant */
	enum vm_state state;
	struct domain *domain;		/* not OFF or FAILED */
	enum shutdown_reason reason;	/* of the last end */
	bool destroy;			/* whatever the policy says */
	bool reboot;			/* start again whatever it says */
	bool failed;			/* the last attempt to build it */
	bool transient;			/* leaves the list when it ends */
	bool removed;			/* leaves it whatever it is; under vm_lock */
	bool start_paused;		/* the next time */
	unsigned int starts;
	unsigned int restarts;
	unsigned int young_ends;	/* ends before VM_RESTART_OLD_NS, in a row */
	uint64_t restart_delay_ns;
	struct timer restart_timer;
	struct work work;
	struct vm_build build;
	struct quiesce quiesce;
	struct vm_ram ram;		/* its own, if it is direct-mapped */
	struct vm_assign *assign;	/* and its devices; NULL: it isn't */
};

/*
 * Set by hv/init: make what a VM needs beyond memory and vCPUs (XenStore,
 * devices) before its first instruction. An error ends the attempt.
 */
extern int (*vm_devices_hook)(struct vm *vm, struct domain *d);

/* What happens to VMs, for whoever wants to know. */
enum vm_event {
	VM_EVENT_CREATED, VM_EVENT_STARTED, VM_EVENT_ENDED, VM_EVENT_FAILED,
	VM_EVENT_GONE, VM_EVENT_PAUSED, VM_EVENT_UNPAUSED, VM_EVENT_RENAMED,
};

/* Set by hv/mgmt. Called with no lock held; the VM is good for the call. */
extern void (*vm_event_hook)(const struct vm *vm, enum vm_event event);

/*
 * Take over a checked description, with the devices and the RAM of its own
 * that it asks for (vm/assign.h); starts nothing. At boot. -ENOMEM, -ENOSPC, or
 * the errors of assign_claim().
 */
MUST_CHECK int vm_add(const struct vm_config *config, struct vm **out);

/* Begin to build and start it. -EBUSY: it has a domain. */
MUST_CHECK int vm_start(struct vm *vm);

/* By name or decimal id; NULL if there is none. */
struct vm *vm_find(const char *name);
struct vm *vm_find_name(const char *name);
struct vm *vm_by_id(unsigned int id);
void vm_for_each(void (*fn)(struct vm *vm, void *ctx), void *ctx);
const char *vm_state_name(enum vm_state s);

/* End it at once, for good, or to start anew. -ENOENT: it is off. */
MUST_CHECK int vm_destroy(struct vm *vm);
MUST_CHECK int vm_reset(struct vm *vm);

/*
 * End it at once and have it leave the list. One with devices of the machine only ends:
 * they are its for good.
 */
void vm_remove(struct vm *vm);

/* --- vm/vm_change.c: what an operator changes at run time ------------------- */

/*
 * Take over a description that came at run time, after a check against all VMs
 * there are: -EEXIST (told to `diag`), -ENOMEM, -ENOSPC. It is transient; nothing
 * is started. MACs that weren't given may be changed.
 */
MUST_CHECK int vm_add_new(struct vm_config *config, struct vmdesc_diag *diag, struct vm **out);

/* Stop its vCPUs, or have them go on. -ENOENT: it is off; -EBUSY. */
MUST_CHECK int vm_pause(struct vm *vm);
MUST_CHECK int vm_unpause(struct vm *vm);
bool vm_is_paused(const struct vm *vm);

/* -EINVAL: not a name; -EEXIST: another one's. */
MUST_CHECK int vm_rename(struct vm *vm, const char *name);

/*
 * Scheduling of vCPU `index`, now and after restarts; `mask` 0: any CPU. -EINVAL:
 * out of range, or no CPU left.
 */
MUST_CHECK int vm_set_sched(struct vm *vm, unsigned int index, uint64_t mask, uint32_t weight,
			    uint32_t cap);

/*
 * Take a vif into the description, as number `index`. A MAC that isn't given is
 * made. -EEXIST: the number or the MAC is in use; -ENOSPC: no such number.
 */
MUST_CHECK int vm_vif_add(struct vm *vm, unsigned int index, const struct vm_vif_config *vif);
/* Take it out. */
void vm_vif_drop(struct vm *vm, unsigned int index);

/* Boot only: what VMs that are made at run time may have disks on. */
void vm_storage_is(const struct vm_storage_config *storage);

/*
 * Take a disk into the description, after a check against all VMs' (told to `diag`).
 * -EEXIST: the name or the target is in use; -ENOSPC; -EINVAL: no storage network.
 */
MUST_CHECK int vm_vbd_add(struct vm *vm, const struct vm_vbd_config *vbd,
			  struct vmdesc_diag *diag);
/* Take it out. */
void vm_vbd_drop(struct vm *vm, const char *name);

void vm_tell(const struct vm *vm, enum vm_event event);

/* From vm/domain.c: policy. True if the ended domain is to be preserved. */
bool vm_keeps(struct domain *d, enum shutdown_reason reason);
/* The domain's memory is free; it leaves the table next. */
void vm_domain_gone(struct domain *d);

/* From vm/vm.c to vm/build.c: one step; 0 more to do, 1 done, or an error. */
MUST_CHECK int vm_build_begin(struct vm *vm);
MUST_CHECK int vm_build_step(struct vm *vm);
void vm_build_abort(struct vm *vm);

#endif
