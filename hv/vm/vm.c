/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs: start, end, policy. See vm/vm.h.
 */
#include "vm/vm.h"

#include "kern/cpu.h"
#include "kern/log.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "vm/store.h"

int (*vm_devices_hook)(struct vm *vm, struct domain *d);
void (*vm_event_hook)(const struct vm *vm, enum vm_event event);

static struct spinlock vm_lock = SPINLOCK_INIT(LOCK_DOMAIN_LIST);
static _Atomic(struct vm *) vms[VM_MAX];	/* by domain id */

static void vm_work_fn(struct work *w);

void vm_tell(const struct vm *vm, enum vm_event event)
{
	if (vm_event_hook != NULL) {
		vm_event_hook(vm, event);
	}
}

static void restart_timer_fn(struct timer *t)
{
	struct vm *vm = container_of(t, struct vm, restart_timer);

	if (vm_start(vm) != 0) {
		log_warn("vm", "%s: could not be started again", vm->config.name);
	}
}

/* The builder goes on. */
static void step_timer_fn(struct timer *t)
{
	work_queue(&container_of(t, struct vm, step_timer)->work);
}

int vm_add(const struct vm_config *config, struct vm **out)
{
	struct vm *vm = heap_alloc(sizeof(*vm));
	unsigned int id;
	int err;

	if (vm == NULL) {
		return -ENOMEM;
	}
	vm->config = *config;
	err = assign_claim(vm);
	if (err != 0) {
		heap_free(vm);
		return err;
	}
	work_init(&vm->work, vm_work_fn);
	timer_init(&vm->restart_timer, restart_timer_fn);
	timer_init(&vm->step_timer, step_timer_fn);
	spin_lock(&vm_lock);
	for (id = 1; id < VM_MAX && vms[id] != NULL; id++) {
	}
	if (id < VM_MAX) {
		vm->id = id;
		atomic_store_explicit(&vms[id], vm, memory_order_release);
	}
	spin_unlock(&vm_lock);
	if (id == VM_MAX) {
		assign_release(vm);
		heap_free(vm);
		return -ENOSPC;
	}
	*out = vm;
	return 0;
}

struct vm *vm_by_id(unsigned int id)
{
	/* Acquire: pairs with the release in vm_add(). */
	return id < VM_MAX ? atomic_load_explicit(&vms[id], memory_order_acquire) : NULL;
}

struct vm *vm_find_name(const char *name)
{
	for (unsigned int i = 1; i < VM_MAX; i++) {
		struct vm *vm = vm_by_id(i);

		if (vm != NULL && strcmp(vm->config.name, name) == 0) {
			return vm;
		}
	}
	return NULL;
}

struct vm *vm_find(const char *name)
{
	struct vm *vm = vm_find_name(name);
	uint64_t id;

	if (vm != NULL) {
		return vm;
	}
	if (parse_u64(name, strlen(name), VM_MAX - 1, &id) == 0) {
		return vm_by_id((unsigned int)id);
	}
	return NULL;
}

void vm_for_each(void (*fn)(struct vm *vm, void *ctx), void *ctx)
{
	for (unsigned int i = 1; i < VM_MAX; i++) {
		struct vm *vm = vm_by_id(i);

		if (vm != NULL) {
			fn(vm, ctx);
		}
	}
}

const char *vm_state_name(enum vm_state s)
{
	static const char *const names[] = {
		[VM_OFF] = "off", [VM_BUILDING] = "building", [VM_RUNNING] = "running",
		[VM_ENDING] = "ending", [VM_KEPT] = "preserved", [VM_FAILED] = "failed",
	};

	return names[s];
}

static void vm_free(struct quiesce *q)
{
	struct vm *vm = container_of(q, struct vm, quiesce);

	vm_module_put(&vm->config.kernel);
	vm_module_put(&vm->config.ramdisk);
	heap_free(vm);
}

/* Take a VM that is off and is to leave out of the list. */
static void leave_if_done(struct vm *vm)
{
	bool leaves;

	spin_lock(&vm_lock);
	leaves = vm->removed && vm->domain == NULL &&
		 (vm->state == VM_OFF || vm->state == VM_FAILED);
	if (leaves) {
		vm->state = VM_ENDING;
		atomic_store_explicit(&vms[vm->id], NULL, memory_order_release);
	}
	spin_unlock(&vm_lock);
	if (leaves) {
		timer_cancel(&vm->restart_timer);
		vm_tell(vm, VM_EVENT_GONE);
		quiesce_call(&vm->quiesce, vm_free);
	}
}

static void build_failed(struct vm *vm)
{
	vm->failed = true;
	vm_tell(vm, VM_EVENT_FAILED);
	if (vm->domain == NULL) {
		vm->state = VM_FAILED;
		leave_if_done(vm);
	} else {
		vm_build_abort(vm);
	}
}

int vm_start(struct vm *vm)
{
	int err = -EBUSY;

	spin_lock(&vm_lock);
	if ((vm->state == VM_OFF || vm->state == VM_FAILED) && !vm->removed) {
		vm->state = VM_BUILDING;
		vm->starts++;
		vm->destroy = false;
		vm->reboot = false;
		vm->failed = false;
		err = 0;
	}
	spin_unlock(&vm_lock);
	if (err == 0) {
		timer_cancel(&vm->restart_timer);
		err = vm_build_begin(vm);
		if (err != 0) {
			build_failed(vm);
			return err;
		}
		work_queue(&vm->work);
	}
	return err;
}

/*
 * After a step. A guest that was running here gets as long as the step took:
 * deferred work alone would keep it off the CPU until the VM is built.
 */
static void next_step(struct vm *vm, uint64_t began)
{
	uint64_t now = arch_now();

	if (this_cpu()->current == NULL) {
		work_queue(&vm->work);
	} else {
		timer_set(&vm->step_timer, now + (now - began));
	}
}

/* The builder runs here, a step at a time. */
static void vm_work_fn(struct work *w)
{
	struct vm *vm = container_of(w, struct vm, work);
	uint64_t began = arch_now();
	int ret;

	if (vm->destroy || vm->reboot || vm->removed) {
		vm_build_abort(vm);
		return;
	}
	ret = vm_build_step(vm);
	if (ret == 0) {
		next_step(vm, began);
	} else if (ret < 0) {
		log_error("vm", "%s: could not be built (error %d)", vm->config.name, -ret);
		build_failed(vm);
	} else {
		bool ends;

		spin_lock(&vm_lock);
		vm->state = VM_RUNNING;
		/* Told while the last step ran, when it was not running yet. */
		ends = vm->destroy || vm->reboot;
		spin_unlock(&vm_lock);
		vm_tell(vm, VM_EVENT_STARTED);
		log_notice("vm", "%s (d%u) started: %llu MiB, %u vCPUs", vm->config.name, vm->id,
			   (unsigned long long)(vm->config.memory_kib >> 10),
			   vm->config.vcpu_count);
		if (ends) {
			domain_shutdown(vm->domain, SHUTDOWN_POWEROFF);
		}
	}
}

static int end(struct vm *vm, bool again)
{
	enum vm_state state;
	struct domain *d;

	spin_lock(&vm_lock);
	d = vm->domain;
	state = vm->state;
	if (d != NULL) {
		vm->destroy = !again;
		vm->reboot = again;
		if (state == VM_KEPT) {
			vm->state = VM_ENDING;
		}
	}
	spin_unlock(&vm_lock);
	timer_cancel(&vm->restart_timer);
	if (d == NULL) {
		return -ENOENT;
	}
	if (state == VM_KEPT) {
		work_queue(&d->teardown);
	} else if (state == VM_RUNNING) {
		domain_shutdown(d, again ? SHUTDOWN_REBOOT : SHUTDOWN_POWEROFF);
	}
	return 0;
}

int vm_destroy(struct vm *vm)
{
	return end(vm, false);
}

int vm_reset(struct vm *vm)
{
	return end(vm, true);
}

void vm_remove(struct vm *vm)
{
	spin_lock(&vm_lock);
	vm->removed = vm->assign == NULL;
	spin_unlock(&vm_lock);
	/* If it is off already nobody else will. */
	if (end(vm, false) == -ENOENT) {
		leave_if_done(vm);
	}
}

static enum vm_action action_for(const struct vm *vm, enum shutdown_reason reason)
{
	if (vm->destroy) {
		return VM_ACTION_DESTROY;
	}
	if (vm->reboot) {
		return VM_ACTION_RESTART;
	}
	switch (reason) {
	case SHUTDOWN_POWEROFF:
	case SHUTDOWN_SUSPEND:
		return vm->config.on_poweroff;
	case SHUTDOWN_REBOOT:
	case SHUTDOWN_SOFT_RESET:
		return vm->config.on_reboot;
	case SHUTDOWN_WATCHDOG:
		return vm->config.on_watchdog;
	case SHUTDOWN_CRASH:
		break;
	}
	return vm->config.on_crash;
}

bool vm_keeps(struct domain *d, enum shutdown_reason reason)
{
	struct vm *vm = d->vm;

	if (vm == NULL) {
		return false;
	}
	vm->reason = reason;
	vm_tell(vm, VM_EVENT_ENDED);
	if (vm->state == VM_RUNNING && action_for(vm, reason) == VM_ACTION_PRESERVE) {
		vm->state = VM_KEPT;
		return true;
	}
	vm->state = VM_ENDING;
	return false;
}

/*
 * A VM that dies young waits longer each time before it starts again. One
 * that got somewhere is forgiven a few times: it may have been asked to
 * reboot, or what killed it may be over.
 */
static uint64_t restart_delay(struct vm *vm, const struct domain *d)
{
	uint64_t life = d->started_ns != 0 ? arch_now() - d->started_ns : 0;

	if (life >= VM_RESTART_OLD_NS) {
		vm->young_ends = 0;
		vm->restart_delay_ns = 0;
		return 0;
	}
	vm->young_ends++;
	if (life >= VM_RESTART_MIN_NS && vm->young_ends <= VM_RESTART_FORGIVEN) {
		return 0;
	}
	if (vm->restart_delay_ns == 0) {
		vm->restart_delay_ns = VM_RESTART_MIN_NS / 4;
	} else if (vm->restart_delay_ns < VM_RESTART_DELAY_MAX_NS) {
		vm->restart_delay_ns *= 2;
	}
	return vm->restart_delay_ns;
}

/* It has ended and doesn't start again. */
static void leave(struct vm *vm)
{
	spin_lock(&vm_lock);
	/* One that could not be built stays to be seen. */
	vm->removed = vm->removed || (vm->transient && !vm->failed);
	spin_unlock(&vm_lock);
	leave_if_done(vm);
}

void vm_domain_gone(struct domain *d)
{
	struct vm *vm = d->vm;
	uint64_t delay;

	if (vm == NULL) {
		return;
	}
	spin_lock(&vm_lock);
	vm->domain = NULL;
	vm->state = vm->failed ? VM_FAILED : VM_OFF;
	spin_unlock(&vm_lock);
	if (vm->removed || vm->failed || action_for(vm, vm->reason) != VM_ACTION_RESTART) {
		leave(vm);
		return;
	}
	vm->restarts++;
	delay = vm->reboot ? 0 : restart_delay(vm, d);
	if (delay > 0) {
		log_notice("vm", "%s: starts again in %llu ms, it did not live long",
			   vm->config.name, (unsigned long long)(delay / 1000000));
	}
	timer_set(&vm->restart_timer, arch_now() + delay);
}
