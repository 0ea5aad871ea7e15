/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs: start, end, policy. See vm/vm.h.
 */
#include "vm/vm.h"

#include "kern/log.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mem/heap.h"

int (*vm_devices_hook)(struct vm *vm, struct domain *d);

static struct spinlock vm_lock = SPINLOCK_INIT(LOCK_DOMAIN_LIST);
static struct vm *vms[VM_MAX];		/* by domain id */

static void vm_work_fn(struct work *w);

static void restart_timer_fn(struct timer *t)
{
	struct vm *vm = container_of(t, struct vm, restart_timer);

	if (vm_start(vm) != 0) {
		log_warn("vm", "%s: could not be started again", vm->config.name);
	}
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
	spin_lock(&vm_lock);
	for (id = 1; id < VM_MAX && vms[id] != NULL; id++) {
	}
	if (id < VM_MAX) {
		vm->id = id;
		vms[id] = vm;
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
	return id < VM_MAX ? vms[id] : NULL;
}

struct vm *vm_find(const char *name)
{
	uint64_t id;

	for (unsigned int i = 1; i < VM_MAX; i++) {
		if (vms[i] != NULL && strcmp(vms[i]->config.name, name) == 0) {
			return vms[i];
		}
	}
	if (parse_u64(name, strlen(name), VM_MAX - 1, &id) == 0) {
		return vms[id];
	}
	return NULL;
}

void vm_for_each(void (*fn)(struct vm *vm, void *ctx), void *ctx)
{
	for (unsigned int i = 1; i < VM_MAX; i++) {
		if (vms[i] != NULL) {
			fn(vms[i], ctx);
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

static void build_failed(struct vm *vm)
{
	vm->failed = true;
	if (vm->domain == NULL) {
		vm->state = VM_FAILED;
	} else {
		vm_build_abort(vm);
	}
}

int vm_start(struct vm *vm)
{
	int err = -EBUSY;

	spin_lock(&vm_lock);
	if (vm->state == VM_OFF || vm->state == VM_FAILED) {
		vm->state = VM_BUILDING;
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

/* The builder runs here, a step at a time. */
static void vm_work_fn(struct work *w)
{
	struct vm *vm = container_of(w, struct vm, work);
	int ret;

	if (vm->destroy || vm->reboot) {
		vm_build_abort(vm);
		return;
	}
	ret = vm_build_step(vm);
	if (ret == 0) {
		work_queue(w);
	} else if (ret < 0) {
		log_error("vm", "%s: could not be built (error %d)", vm->config.name, -ret);
		build_failed(vm);
	} else {
		vm->state = VM_RUNNING;
		log_notice("vm", "%s (d%u) started: %llu MiB, %u vCPUs", vm->config.name, vm->id,
			   (unsigned long long)(vm->config.memory_kib >> 10),
			   vm->config.vcpu_count);
	}
}

static int end(struct vm *vm, bool again)
{
	struct domain *d;

	spin_lock(&vm_lock);
	d = vm->domain;
	if (d != NULL) {
		vm->destroy = !again;
		vm->reboot = again;
	}
	spin_unlock(&vm_lock);
	timer_cancel(&vm->restart_timer);
	if (d == NULL) {
		return -ENOENT;
	}
	if (vm->state == VM_KEPT) {
		vm->state = VM_ENDING;
		work_queue(&d->teardown);
	} else if (vm->state == VM_RUNNING) {
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
	if (vm->failed || action_for(vm, vm->reason) != VM_ACTION_RESTART) {
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
