/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator changes of VMs at run time. See vm/vm.h.
 */
#include "kern/cpu.h"
#include "kern/log.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "vm/console.h"
#include "vm/vm.h"
#include "vm/vmdesc_diag.h"
#include "vm/vmdesc_vbd.h"

static struct vm_storage_config storage;

void vm_storage_is(const struct vm_storage_config *s)
{
	storage = *s;
}

static bool mac_is_taken(const struct vm_config *c, const struct vm_vif_config *vif)
{
	for (unsigned int i = 0; i < c->vif_count; i++) {
		if (&c->vif[i] != vif && !c->vif[i].absent && memcmp(c->vif[i].mac, vif->mac, sizeof(vif->mac)) == 0) {
			return true;
		}
	}
	return false;
}

static bool mac_is_taken_by_any(const struct vm_config *new, const struct vm_vif_config *vif)
{
	if (mac_is_taken(new, vif)) {
		return true;
	}
	for (unsigned int id = 1; id < VM_MAX; id++) {
		const struct vm *vm = vm_by_id(id);

		if (vm != NULL && mac_is_taken(&vm->config, vif)) {
			return true;
		}
	}
	return false;
}

/* A MAC that was made from a name yields to whoever has it. */
static void settle_macs(struct vm_config *config)
{
	for (unsigned int i = 0; i < config->vif_count; i++) {
		struct vm_vif_config *vif = &config->vif[i];

		for (unsigned int salt = 1; !vif->has_mac && salt < VM_MAX * VM_VIF_MAX &&
		     mac_is_taken_by_any(config, vif); salt++) {
			vmdesc_make_mac(config, i, salt, vif->mac);
		}
	}
}

static bool is_driver(const char *name, const void *ctx)
{
	const struct vm *vm = vm_find_name(name);

	(void)ctx;
	return vm != NULL && vm->config.driver_domain;
}

int vm_add_new(struct vm_config *config, struct vmdesc_diag *diag, struct vm **out)
{
	int err;

	if (!vmdesc_check_alone(config, diag)) {
		return -EINVAL;
	}
	if (config->assign_count > 0 || config->direct_map) {
		vmdesc_tell(diag, VMDESC_ERROR, config->name,
			    "devices and RAM of its own are given at boot only");
		return -EINVAL;
	}
	if (!vmdesc_check_vbds(config, &storage, diag) ||
	    !vmdesc_check_drivers(config, is_driver, NULL, diag)) {
		return -EINVAL;
	}
	for (unsigned int id = 1; id < VM_MAX; id++) {
		const struct vm *vm = vm_by_id(id);

		if (vm != NULL && !vmdesc_check_pair(config, &vm->config, diag)) {
			return -EEXIST;
		}
	}
	settle_macs(config);
	err = vm_add(config, out);
	if (err == 0) {
		(*out)->transient = true;
		vm_tell(*out, VM_EVENT_CREATED);
	}
	return err;
}

static int pause_set(struct vm *vm, bool pause)
{
	struct domain *d = domain_find(vm->id);
	int err;

	if (d == NULL) {
		return -ENOENT;
	}
	if (vm->state != VM_RUNNING) {
		return -EBUSY;
	}
	err = pause ? domain_pause(d) : domain_unpause(d);
	if (err == 0) {
		log_notice("vm", "%s (d%u) is %s", d->name, d->id, pause ? "paused" : "unpaused");
		vm_tell(vm, pause ? VM_EVENT_PAUSED : VM_EVENT_UNPAUSED);
	}
	return err;
}

int vm_pause(struct vm *vm)
{
	return pause_set(vm, true);
}

int vm_unpause(struct vm *vm)
{
	return pause_set(vm, false);
}

bool vm_is_paused(const struct vm *vm)
{
	const struct domain *d = domain_find(vm->id);

	return d != NULL && atomic_load_explicit(&d->state, memory_order_relaxed) == DOMAIN_PAUSED;
}

int vm_rename(struct vm *vm, const char *name)
{
	struct domain *d = domain_find(vm->id);
	const struct vm *other = vm_find_name(name);

	if (!vmdesc_name_ok(name)) {
		return -EINVAL;
	}
	if (other != NULL) {
		return other == vm ? 0 : -EEXIST;
	}
	log_notice("vm", "%s (d%u) is now called %s", vm->config.name, vm->id, name);
	str_copy(vm->config.name, name, sizeof(vm->config.name));
	if (d != NULL) {
		str_copy(d->name, name, sizeof(d->name));
		console_rename(d);
	}
	vm_tell(vm, VM_EVENT_RENAMED);
	return 0;
}

int vm_set_sched(struct vm *vm, unsigned int index, uint64_t mask, uint32_t weight, uint32_t cap)
{
	struct domain *d = domain_find(vm->id);
	int err = 0;

	if (index >= vm->config.vcpu_count || weight < VM_WEIGHT_MIN || weight > VM_WEIGHT_MAX ||
	    cap > 100 || (mask != 0 && (mask & (BIT(cpu_count) - 1)) == 0)) {
		return -EINVAL;
	}
	if (d != NULL) {
		err = sched_set(&d->vcpus[index]->sched, weight, cap,
				mask != 0 ? mask : UINT64_MAX);
	}
	if (err == 0) {
		vm->config.pin[index] = mask;
		vm->config.weight = weight;
		vm->config.cap = cap;
	}
	return err;
}

int vm_vif_add(struct vm *vm, unsigned int n, const struct vm_vif_config *vif)
{
	struct vm_config *c = &vm->config;
	struct vm_vif_config new = *vif;

	if (n >= VM_VIF_MAX) {
		return -ENOSPC;
	}
	if (n < c->vif_count && !c->vif[n].absent) {
		return -EEXIST;
	}
	for (unsigned int salt = 0; !new.has_mac && salt < VM_MAX * VM_VIF_MAX; salt++) {
		vmdesc_make_mac(c, n, salt, new.mac);
		if (!mac_is_taken_by_any(c, &new)) {
			break;
		}
	}
	if (mac_is_taken_by_any(c, &new)) {
		return -EEXIST;
	}
	while (c->vif_count <= n) {
		c->vif[c->vif_count++] = (struct vm_vif_config){ .absent = true };
	}
	c->vif[n] = new;
	return 0;
}

void vm_vif_drop(struct vm *vm, unsigned int index)
{
	vm->config.vif[index] = (struct vm_vif_config){ .absent = true };
}

/* Whether a VM with no other disk than this could have it. */
static bool vbd_is_free(struct vm_config *only, struct vmdesc_diag *diag)
{
	if (!vmdesc_check_vbds(only, &storage, diag)) {
		return false;
	}
	for (unsigned int id = 1; id < VM_MAX; id++) {
		const struct vm *other = vm_by_id(id);

		if (other != NULL && !vmdesc_check_vbd_pair(only, &other->config, diag)) {
			return false;
		}
	}
	return true;
}

int vm_vbd_add(struct vm *vm, const struct vm_vbd_config *vbd, struct vmdesc_diag *diag)
{
	struct vm_config *c = &vm->config;
	struct vm_config *only;
	bool ok;

	if (c->vbd_count == VM_VBD_MAX) {
		return -ENOSPC;
	}
	for (unsigned int i = 0; i < c->vbd_count; i++) {
		if (c->vbd[i].device == vbd->device) {
			vmdesc_tell(diag, VMDESC_ERROR, c->name, "there is a disk '%s'",
				    vbd->name);
			return -EEXIST;
		}
	}
	/* A description is too large for the stack. */
	only = heap_alloc(sizeof(*only));
	if (only == NULL) {
		return -ENOMEM;
	}
	str_copy(only->name, c->name, sizeof(only->name));
	only->vbd[0] = *vbd;
	only->vbd_count = 1;
	ok = vbd_is_free(only, diag);
	heap_free(only);
	if (!ok) {
		return -EEXIST;
	}
	c->vbd[c->vbd_count++] = *vbd;
	return 0;
}

void vm_vbd_drop(struct vm *vm, const char *name)
{
	struct vm_config *c = &vm->config;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < c->vbd_count; i++) {
		if (strcmp(c->vbd[i].name, name) != 0) {
			c->vbd[kept++] = c->vbd[i];
		}
	}
	c->vbd_count = kept;
}
