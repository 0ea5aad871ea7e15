/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a struct vm_spec to a tree after docs/vm-description.md, with libfdt's
 * sequential functions. What has its default value isn't written.
 */
#include "describe.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

/* The writer; the first error stays and makes the rest do nothing. */
struct tree {
	void *fdt;
	int err;
};

static void begin(struct tree *t, const char *name)
{
	if (t->err == 0) {
		t->err = fdt_begin_node(t->fdt, name);
	}
}

static void end(struct tree *t)
{
	if (t->err == 0) {
		t->err = fdt_end_node(t->fdt);
	}
}

static void bytes(struct tree *t, const char *name, const void *p, size_t len)
{
	if (t->err == 0) {
		t->err = fdt_property(t->fdt, name, p, (int)len);
	}
}

static void str(struct tree *t, const char *name, const char *s)
{
	bytes(t, name, s, strlen(s) + 1);
}

static void u32(struct tree *t, const char *name, uint32_t v)
{
	fdt32_t be = cpu_to_fdt32(v);

	bytes(t, name, &be, sizeof(be));
}

static void u64(struct tree *t, const char *name, uint64_t v)
{
	fdt64_t be = cpu_to_fdt64(v);

	bytes(t, name, &be, sizeof(be));
}

static void write_uuid(struct tree *t, const uint8_t *u)
{
	char s[37];
	int at = 0;

	for (int i = 0; i < 16; i++) {
		at += sprintf(s + at, "%s%02x",
			      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      u[i]);
	}
	str(t, "mv,uuid", s);
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
	begin(t, node);
	bytes(t, "compatible", compatible, (size_t)len + 1);
	if (digest != NULL) {
		bytes(t, "mv,sha256", digest, MV_SHA256_LEN);
	} else {
		str(t, "file", m->name);
	}
	if (bootargs != NULL) {
		str(t, "bootargs", bootargs);
	}
	end(t);
}

static void write_vif(struct tree *t, const struct vm_vif_config *v,
		      unsigned int index)
{
	fdt32_t trunk[VM_VLAN_TRUNK_MAX];
	char node[16];

	snprintf(node, sizeof(node), "vif%u", index);
	begin(t, node);
	str(t, "compatible", "mv,vif");
	if (v->name[0] != '\0') {
		str(t, "label", v->name);
	}
	if (v->has_mac) {
		bytes(t, "local-mac-address", v->mac, 6);
	}
	if (v->mtu != VM_MTU_DEFAULT) {
		u32(t, "mtu", v->mtu);
	}
	if (v->vlan != 0) {
		u32(t, "vlan", v->vlan);
	}
	if (v->trunk_count != 0) {
		for (unsigned int i = 0; i < v->trunk_count; i++) {
			trunk[i] = cpu_to_fdt32(v->trunk[i]);
		}
		bytes(t, "vlan-trunk", trunk, v->trunk_count * 4);
	}
	if (v->queues != 0) {
		u32(t, "queues", v->queues);
	}
	if (!v->spoof_check) {
		bytes(t, "no-spoof-check", NULL, 0);
	}
	if (v->uplink) {
		bytes(t, "uplink", NULL, 0);
	}
	if (v->virtio) {
		str(t, "model", "virtio-net");
	}
	if (v->hang_s != VM_HANG_DEFAULT_S) {
		u32(t, "uplink-timeout", v->hang_s);
	}
	end(t);
}

static void write_vbd(struct tree *t, const struct vm_vbd_config *v, unsigned int index)
{
	char node[16];

	snprintf(node, sizeof(node), "vbd%u", index);
	begin(t, node);
	str(t, "compatible", "mv,vbd");
	str(t, "vdev", v->name);
	str(t, "target", v->target);
	if (v->read_only) {
		bytes(t, "read-only", NULL, 0);
	}
	if (v->queues != 0) {
		u32(t, "queues", v->queues);
	}
	if (v->iops != 0) {
		u32(t, "iops", v->iops);
	}
	if (v->kib_per_s != 0) {
		u32(t, "kib-per-s", v->kib_per_s);
	}
	if (v->outage_s != 0) {
		u32(t, "outage", v->outage_s);
	}
	end(t);
}

static void write_sched(struct tree *t, const struct vm_config *vm)
{
	fdt32_t mask[VM_VCPU_MAX];

	if (vm->weight == VM_WEIGHT_DEFAULT && vm->cap == 0 &&
	    vm->pin[0] == 0) {
		return;
	}
	begin(t, "sched");
	str(t, "compatible", "mv,sched");
	if (vm->weight != VM_WEIGHT_DEFAULT) {
		u32(t, "weight", vm->weight);
	}
	if (vm->cap != 0) {
		u32(t, "cap", vm->cap);
	}
	if (vm->pin[0] != 0) {
		for (unsigned int i = 0; i < vm->vcpu_count; i++) {
			mask[i] = cpu_to_fdt32((uint32_t)vm->pin[i]);
		}
		bytes(t, "cpu-mask", mask, vm->vcpu_count * 4);
	}
	end(t);
}

static void write_assign(struct tree *t, const struct vm_config *vm)
{
	char list[VM_ASSIGN_MAX * VM_ASSIGN_PATH_MAX];
	size_t len = 0;

	for (unsigned int i = 0; i < vm->assign_count; i++) {
		strcpy(list + len, vm->assign[i]);
		len += strlen(vm->assign[i]) + 1;
	}
	if (len != 0) {
		bytes(t, "mv,assign", list, len);
	}
}

static void write_props(struct tree *t, const struct vm_spec *spec)
{
	const struct vm_config *vm = &spec->vm;

	str(t, "compatible", "xen,domain");
	str(t, "mv,name", vm->name);
	if (spec->has_uuid) {
		write_uuid(t, vm->uuid);
	}
	u64(t, "memory", vm->memory_kib);
	u32(t, "cpus", vm->vcpu_count);
	str(t, "mv,on-poweroff", vm_action_name(vm->on_poweroff));
	str(t, "mv,on-reboot", vm_action_name(vm->on_reboot));
	str(t, "mv,on-crash", vm_action_name(vm->on_crash));
	str(t, "mv,on-watchdog", vm_action_name(vm->on_watchdog));
	if (vm->watchdog_s != 0) {
		u32(t, "mv,watchdog", vm->watchdog_s);
	}
	if (vm->max_grant_frames != VM_GRANT_FRAMES_DEFAULT) {
		u32(t, "max_grant_frames", vm->max_grant_frames);
	}
	if (vm->max_evtchn != VM_EVTCHN_DEFAULT) {
		u32(t, "mv,max-event-channels", vm->max_evtchn);
	}
	if (vm->kaslr_seed) {
		bytes(t, "mv,kaslr-seed", NULL, 0);
	}
	if (vm->direct_map) {
		bytes(t, "direct-map", NULL, 0);
	}
	if (vm->driver_domain) {
		bytes(t, "mv,driver-domain", NULL, 0);
	}
	write_assign(t, vm);
}

static void write_vm(struct tree *t, const void *p)
{
	const struct vm_spec *spec = p;
	const struct vm_config *vm = &spec->vm;

	begin(t, "vm");
	write_props(t, spec);
	write_module(t, "kernel", &vm->kernel, spec->kernel_digest,
		     vm->bootargs);
	write_module(t, "ramdisk", &vm->ramdisk, spec->ramdisk_digest, NULL);
	for (unsigned int i = 0; i < vm->vif_count; i++) {
		write_vif(t, &vm->vif[i], i);
	}
	for (unsigned int i = 0; i < vm->vbd_count; i++) {
		write_vbd(t, &vm->vbd[i], i);
	}
	write_sched(t, vm);
	if (!vm->console) {
		begin(t, "console");
		str(t, "compatible", "mv,console");
		str(t, "status", "disabled");
		end(t);
	}
	end(t);
}

static void write_storage(struct tree *t, const void *p)
{
	const struct vm_storage_config *c = p;

	begin(t, "storage");
	str(t, "compatible", "mv,storage");
	u32(t, "vlan", c->vlan);
	if (c->mtu != VM_MTU_DEFAULT) {
		u32(t, "mtu", c->mtu);
	}
	if (c->has_mac) {
		bytes(t, "local-mac-address", c->mac, 6);
	}
	if (c->reserve) {
		bytes(t, "reserve", NULL, 0);
	}
	if (c->mask) {
		bytes(t, "mac-mask", NULL, 0);
	}
	end(t);
}

static void write_node(struct tree *t, const void *p)
{
	const struct node_spec *n = p;

	begin(t, "management");
	str(t, "compatible", "mv,management");
	str(t, "node-name", n->name);
	if (n->has_mac) {
		bytes(t, "local-mac-address", n->mac, sizeof(n->mac));
	}
	if (n->has_id) {
		bytes(t, "node-id", n->id, sizeof(n->id));
	}
	if (n->vlan != 0) {
		u32(t, "vlan", n->vlan);
	}
	if (n->allow_count != 0) {
		bytes(t, "allow-mac", n->allow, n->allow_count * 6);
	}
	if (n->has_key) {
		bytes(t, "key", n->key, sizeof(n->key));
	}
	if (n->image_quota_kib != 0) {
		u64(t, "image-quota", n->image_quota_kib);
	}
	end(t);
}

/* The tree with what `write` puts below /vms. */
static size_t describe(void (*write)(struct tree *t, const void *spec),
		       const void *spec, void *buf, size_t size)
{
	struct tree t = { .fdt = buf };

	t.err = fdt_create(buf, (int)size);
	if (t.err == 0) {
		t.err = fdt_finish_reservemap(buf);
	}
	begin(&t, "");
	begin(&t, "vms");
	write(&t, spec);
	end(&t);
	end(&t);
	if (t.err == 0) {
		t.err = fdt_finish(buf);
	}
	return t.err == 0 ? fdt_totalsize(buf) : 0;
}

size_t describe_vm(const struct vm_spec *spec, void *buf, size_t size)
{
	return describe(write_vm, spec, buf, size);
}

size_t describe_node(const struct node_spec *spec, void *buf, size_t size)
{
	return describe(write_node, spec, buf, size);
}

size_t describe_storage(const struct vm_storage_config *c, void *buf, size_t size)
{
	return describe(write_storage, c, buf, size);
}
