/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a struct vm_spec to a tree after docs/vm-description.md. What has its
 * default value isn't written.
 */
#include "describe.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#include "tree.h"

#define DIGEST_LEN	32

static void write_uuid(struct tree *t, const uint8_t *u)
{
	char s[37];
	int at = 0;

	for (int i = 0; i < 16; i++) {
		at += sprintf(s + at, "%s%02x",
			      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      u[i]);
	}
	tree_str(t, "mv,uuid", s);
}

static void write_module(struct tree *t, const char *node,
			 const struct vm_module *m, const uint8_t *digest,
			 const char *bootargs)
{
	char compatible[64];
	int len = snprintf(compatible, sizeof(compatible),
			   "multiboot,%s%cmultiboot,module", node, 0);

	if (m->name[0] == '\0' && digest == NULL) {
		return;
	}
	tree_begin(t, node);
	tree_bytes(t, "compatible", compatible, (size_t)len + 1);
	if (digest != NULL) {
		tree_bytes(t, "mv,sha256", digest, DIGEST_LEN);
	} else {
		tree_str(t, "file", m->name);
	}
	if (bootargs != NULL) {
		tree_str(t, "bootargs", bootargs);
	}
	tree_end(t);
}

static void write_vif(struct tree *t, const struct vm_vif_config *v,
		      unsigned int index)
{
	fdt32_t trunk[VM_VLAN_TRUNK_MAX];
	char node[16];

	snprintf(node, sizeof(node), "vif%u", index);
	tree_begin(t, node);
	tree_str(t, "compatible", "mv,vif");
	if (v->name[0] != '\0') {
		tree_str(t, "label", v->name);
	}
	if (v->has_mac) {
		tree_bytes(t, "local-mac-address", v->mac, 6);
	}
	if (v->mtu != VM_MTU_DEFAULT) {
		tree_u32(t, "mtu", v->mtu);
	}
	if (v->vlan != 0) {
		tree_u32(t, "vlan", v->vlan);
	}
	if (v->trunk_count != 0) {
		for (unsigned int i = 0; i < v->trunk_count; i++) {
			trunk[i] = cpu_to_fdt32(v->trunk[i]);
		}
		tree_bytes(t, "vlan-trunk", trunk, v->trunk_count * 4);
	}
	if (v->queues != 0) {
		tree_u32(t, "queues", v->queues);
	}
	if (!v->spoof_check) {
		tree_bytes(t, "no-spoof-check", NULL, 0);
	}
	tree_end(t);
}

static void write_sched(struct tree *t, const struct vm_config *vm)
{
	fdt32_t mask[VM_VCPU_MAX];

	if (vm->weight == VM_WEIGHT_DEFAULT && vm->cap == 0 &&
	    vm->pin[0] == 0) {
		return;
	}
	tree_begin(t, "sched");
	tree_str(t, "compatible", "mv,sched");
	if (vm->weight != VM_WEIGHT_DEFAULT) {
		tree_u32(t, "weight", vm->weight);
	}
	if (vm->cap != 0) {
		tree_u32(t, "cap", vm->cap);
	}
	if (vm->pin[0] != 0) {
		for (unsigned int i = 0; i < vm->vcpu_count; i++) {
			mask[i] = cpu_to_fdt32((uint32_t)vm->pin[i]);
		}
		tree_bytes(t, "cpu-mask", mask, vm->vcpu_count * 4);
	}
	tree_end(t);
}

static void write_props(struct tree *t, const struct vm_spec *spec)
{
	const struct vm_config *vm = &spec->vm;

	tree_str(t, "compatible", "xen,domain");
	tree_str(t, "mv,name", vm->name);
	if (spec->has_uuid) {
		write_uuid(t, vm->uuid);
	}
	tree_u64(t, "memory", vm->memory_kib);
	tree_u32(t, "cpus", vm->vcpu_count);
	tree_str(t, "mv,on-poweroff", vm_action_name(vm->on_poweroff));
	tree_str(t, "mv,on-reboot", vm_action_name(vm->on_reboot));
	tree_str(t, "mv,on-crash", vm_action_name(vm->on_crash));
	if (vm->max_grant_frames != VM_GRANT_FRAMES_DEFAULT) {
		tree_u32(t, "max_grant_frames", vm->max_grant_frames);
	}
	if (vm->max_evtchn != VM_EVTCHN_DEFAULT) {
		tree_u32(t, "mv,max-event-channels", vm->max_evtchn);
	}
	if (vm->kaslr_seed) {
		tree_bytes(t, "mv,kaslr-seed", NULL, 0);
	}
}

static void write_vm(struct tree *t, const struct vm_spec *spec)
{
	const struct vm_config *vm = &spec->vm;

	tree_begin(t, "vm");
	write_props(t, spec);
	write_module(t, "kernel", &vm->kernel, spec->kernel_digest,
		     vm->bootargs);
	write_module(t, "ramdisk", &vm->ramdisk, spec->ramdisk_digest, NULL);
	for (unsigned int i = 0; i < vm->vif_count; i++) {
		write_vif(t, &vm->vif[i], i);
	}
	write_sched(t, vm);
	if (!vm->console) {
		tree_begin(t, "console");
		tree_str(t, "compatible", "mv,console");
		tree_str(t, "status", "disabled");
		tree_end(t);
	}
	tree_end(t);
}

size_t describe_vm(const struct vm_spec *spec, void *buf, size_t size)
{
	struct tree t;

	tree_create(&t, buf, size);
	tree_begin(&t, "vms");
	write_vm(&t, spec);
	tree_end(&t);
	return tree_finish(&t);
}
