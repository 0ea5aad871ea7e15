/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs that change VMs there are.
 */
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/server.h"
#include "vm/vm.h"
#include "xenstore/xenstore.h"

static enum mv_status wrong_state(struct mgmt_call *c, const struct vm *vm)
{
	return mgmt_refuse(c, MV_BUSY, "%s is %s", vm->config.name,
			   vm_is_paused(vm) ? "paused" : vm_state_name(vm->state));
}

/* The domain of a VM that runs (or is paused), or NULL. */
static struct domain *running(const struct vm *vm)
{
	return vm->state == VM_RUNNING ? domain_find(vm->id) : NULL;
}

static enum mv_status vm_destroy_verb(struct mgmt_call *c)
{
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, (const void *)c->body, &status);

	if (vm == NULL) {
		return status;
	}
	vm_remove(vm);
	return MV_OK;
}

/* A verb that is one function of hv/vm. */
static enum mv_status simple(struct mgmt_call *c, int (*fn)(struct vm *vm))
{
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, (const void *)c->body, &status);
	int err;

	if (vm == NULL) {
		return status;
	}
	err = fn(vm);
	if (err == -EBUSY || err == -ENOENT) {
		return wrong_state(c, vm);
	}
	return err == 0 ? MV_OK : mgmt_refuse_err(c, err, "it can't be done");
}

static enum mv_status vm_restart_verb(struct mgmt_call *c)
{
	return simple(c, vm_reset);
}

static enum mv_status vm_start_verb(struct mgmt_call *c)
{
	return simple(c, vm_start);
}

static enum mv_status vm_pause_verb(struct mgmt_call *c)
{
	return simple(c, vm_pause);
}

static enum mv_status vm_unpause_verb(struct mgmt_call *c)
{
	return simple(c, vm_unpause);
}

/* --- by XenStore -------------------------------------------------------------------- */

/* Write a key below the domain's home. */
static int write_key(const struct domain *d, const char *key, const char *value)
{
	char path[64];

	fmt_buf(path, sizeof(path), "/local/domain/%u/%s", d->id, key);
	return xs_printf(NULL, path, "%s", value);
}

/* As Xen's tools ask a guest: by control/shutdown. */
static enum mv_status ask_guest(struct mgmt_call *c, const char *what)
{
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, (const void *)c->body, &status);
	struct domain *d = vm != NULL ? running(vm) : NULL;
	int err;

	if (vm == NULL) {
		return status;
	}
	if (d == NULL || vm_is_paused(vm)) {
		return wrong_state(c, vm);
	}
	err = write_key(d, "control/shutdown", what);
	return err == 0 ? MV_OK : mgmt_refuse_err(c, err, "it can't be asked");
}

static enum mv_status vm_shutdown_verb(struct mgmt_call *c)
{
	return ask_guest(c, "poweroff");
}

static enum mv_status vm_reboot_verb(struct mgmt_call *c)
{
	return ask_guest(c, "reboot");
}

static enum mv_status vm_rename_verb(struct mgmt_call *c)
{
	const struct mv_vm_rename *r = (const void *)c->body;
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	char name[MV_NAME_MAX], path[32];
	struct domain *d;
	int err;

	if (vm == NULL) {
		return status;
	}
	mgmt_name_get(name, r->name);
	err = vm_rename(vm, name);
	if (err == -EEXIST) {
		return mgmt_refuse(c, MV_EXISTS, "there is another VM '%s'", name);
	}
	if (err != 0) {
		return mgmt_refuse(c, MV_INVALID, "bad name: it takes 1 to %u letters, digits and "
				   ". _ + -, not with . or - first", VM_NAME_MAX - 1);
	}
	d = domain_find(vm->id);
	if (d != NULL) {
		fmt_buf(path, sizeof(path), "/vm/%u/name", d->id);
		err = write_key(d, "name", name);
		err = err == 0 ? xs_printf(NULL, path, "%s", name) : err;
	}
	return err == 0 ? MV_OK : mgmt_refuse_err(c, err, "XenStore keeps the old name");
}

static enum mv_status vm_memory_verb(struct mgmt_call *c)
{
	const struct mv_vm_memory *r = (const void *)c->body;
	uint64_t kib = mv_get64(r->target_kib);
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	struct domain *d = vm != NULL ? running(vm) : NULL;
	char text[24];
	int err;

	if (vm == NULL) {
		return status;
	}
	if (d == NULL) {
		return wrong_state(c, vm);
	}
	if (kib < VM_MEMORY_MIN_KIB || kib > vm->config.memory_kib) {
		return mgmt_refuse(c, MV_INVALID, "%llu KiB: it must be %u to %llu KiB",
				   (unsigned long long)kib, VM_MEMORY_MIN_KIB,
				   (unsigned long long)vm->config.memory_kib);
	}
	fmt_buf(text, sizeof(text), "%llu", (unsigned long long)kib);
	err = write_key(d, "memory/target", text);
	return err == 0 ? MV_OK : mgmt_refuse_err(c, err, "the target can't be set");
}

static enum mv_status vcpu_online_verb(struct mgmt_call *c)
{
	const struct mv_vcpu_online *r = (const void *)c->body;
	uint32_t count = mv_get32(r->count);
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	struct domain *d = vm != NULL ? running(vm) : NULL;
	char key[32];
	int err = 0;

	if (vm == NULL) {
		return status;
	}
	if (d == NULL) {
		return wrong_state(c, vm);
	}
	if (count == 0 || count > d->vcpu_count) {
		return mgmt_refuse(c, MV_INVALID, "%u vCPUs: it has %u", count, d->vcpu_count);
	}
	for (unsigned int i = 1; i < d->vcpu_count && err == 0; i++) {
		fmt_buf(key, sizeof(key), "cpu/%u/availability", i);
		err = write_key(d, key, i < count ? "online" : "offline");
	}
	return err == 0 ? MV_OK : mgmt_refuse_err(c, err, "it can't be asked");
}

/* --- scheduling ---------------------------------------------------------------------- */

static int set_one(struct vm *vm, unsigned int i, const struct mv_vcpu_set *r)
{
	uint64_t mask = r->set & MV_VCPU_SET_MASK ? mv_get64(r->cpu_mask) : vm->config.pin[i];
	uint32_t weight = r->set & MV_VCPU_SET_WEIGHT ? mv_get32(r->weight) : vm->config.weight;
	uint32_t cap = r->set & MV_VCPU_SET_CAP ? mv_get32(r->cap) : vm->config.cap;

	return vm_set_sched(vm, i, mask, weight, cap);
}

static enum mv_status vcpu_set_verb(struct mgmt_call *c)
{
	const struct mv_vcpu_set *r = (const void *)c->body;
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	unsigned int first, last;
	int err = 0;

	if (vm == NULL) {
		return status;
	}
	if (r->vcpu != MV_VCPU_ALL && r->vcpu >= vm->config.vcpu_count) {
		return mgmt_refuse(c, MV_NOT_FOUND, "%s has no vCPU %u", vm->config.name, r->vcpu);
	}
	first = r->vcpu == MV_VCPU_ALL ? 0 : r->vcpu;
	last = r->vcpu == MV_VCPU_ALL ? vm->config.vcpu_count - 1 : r->vcpu;
	for (unsigned int i = first; i <= last && err == 0; i++) {
		err = set_one(vm, i, r);
	}
	return err == 0 ? MV_OK : mgmt_refuse(c, MV_INVALID, "weight must be 1 to %u, cap 0 to 100, "
					      "and one CPU must be left", VM_WEIGHT_MAX);
}

const struct mgmt_verb mgmt_life_verbs[] = {
	{ MV_VM_DESTROY, true, sizeof(struct mv_vm_ref), vm_destroy_verb },
	{ MV_VM_SHUTDOWN, true, sizeof(struct mv_vm_ref), vm_shutdown_verb },
	{ MV_VM_REBOOT, true, sizeof(struct mv_vm_ref), vm_reboot_verb },
	{ MV_VM_RESTART, true, sizeof(struct mv_vm_ref), vm_restart_verb },
	{ MV_VM_START, true, sizeof(struct mv_vm_ref), vm_start_verb },
	{ MV_VM_PAUSE, true, sizeof(struct mv_vm_ref), vm_pause_verb },
	{ MV_VM_UNPAUSE, true, sizeof(struct mv_vm_ref), vm_unpause_verb },
	{ MV_VM_RENAME, true, sizeof(struct mv_vm_rename), vm_rename_verb },
	{ MV_VM_MEMORY, true, sizeof(struct mv_vm_memory), vm_memory_verb },
	{ MV_VCPU_SET, true, sizeof(struct mv_vcpu_set), vcpu_set_verb },
	{ MV_VCPU_ONLINE, true, sizeof(struct mv_vcpu_online), vcpu_online_verb },
	{ .fn = NULL },
};
