/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs about VMs' network interfaces.
 */
#include "lib/string.h"
#include "mgmt/server.h"
#include "net/eth.h"
#include "net/net.h"
#include "vm/vm.h"

#define FLAGS	(MV_VIF_HAS_MAC | MV_VIF_NO_SPOOF_CHECK | MV_VIF_UPLINK)

static_assert(VM_VLAN_TRUNK_MAX == MV_TRUNK_MAX, "mv/proto.h");
static_assert(VM_VIF_NAME_MAX == sizeof(((struct mv_vif *)0)->label), "mv/proto.h");

static void fill(struct mv_vif *e, const struct vm *vm, unsigned int index)
{
	const struct vm_vif_config *v = &vm->config.vif[index];
	const struct domain *d = domain_find(vm->id);
	uint32_t flags = (v->has_mac ? MV_VIF_HAS_MAC : 0) |
			 (v->spoof_check ? 0 : MV_VIF_NO_SPOOF_CHECK) |
			 (v->uplink ? MV_VIF_UPLINK : 0);

	if (d != NULL && net_vif_is_connected(d, index)) {
		flags |= MV_VIF_CONNECTED;
	}
	e->devid = mv_put32(index);
	e->flags = mv_put32(flags);
	e->mtu = mv_put32(v->mtu);
	e->vlan = mv_put16(v->vlan);
	e->queues = mv_put16((uint16_t)v->queues);
	memcpy(e->mac, v->mac, sizeof(e->mac));
	e->trunk_count = mv_put16((uint16_t)v->trunk_count);
	for (unsigned int i = 0; i < v->trunk_count; i++) {
		e->trunk[i] = mv_put16(v->trunk[i]);
	}
	mgmt_name_put(e->label, sizeof(e->label), v->name);
}

static enum mv_status vif_list(struct mgmt_call *c)
{
	uint32_t at, id;
	struct mv_list *l = mgmt_list_begin(c, &at, &id);
	struct vm *vm = vm_by_id(id);
	struct mv_vif *e;

	if (vm == NULL) {
		return mgmt_refuse(c, MV_NOT_FOUND, "no VM %u", id);
	}
	for (; at < vm->config.vif_count; at++) {
		if (vm->config.vif[at].absent) {
			continue;
		}
		e = mgmt_list_add(c, l, sizeof(*e));
		if (e == NULL) {
			mgmt_list_end(l, at);
			return MV_OK;
		}
		fill(e, vm, at);
	}
	mgmt_list_end(l, 0);
	return MV_OK;
}

/* What is wrong with it, in words; NULL: nothing. */
static const char *read_vif(const struct mv_vif *e, struct vm_vif_config *v)
{
	uint32_t flags = mv_get32(e->flags);
	char label[sizeof(e->label) + 1] = { 0 };

	*v = (struct vm_vif_config){
		.has_mac = (flags & MV_VIF_HAS_MAC) != 0,
		.spoof_check = (flags & (MV_VIF_NO_SPOOF_CHECK | MV_VIF_UPLINK)) == 0,
		.uplink = (flags & MV_VIF_UPLINK) != 0,
		.hang_s = flags & MV_VIF_UPLINK ? VM_HANG_DEFAULT_S : 0,
		.mtu = mv_get32(e->mtu) != 0 ? mv_get32(e->mtu) : VM_MTU_DEFAULT,
		.vlan = mv_get16(e->vlan),
		.queues = mv_get16(e->queues),
		.trunk_count = mv_get16(e->trunk_count),
	};
	if ((flags & ~FLAGS) != 0) {
		return "unknown flags";
	}
	if (v->has_mac && (mac_is_multicast(mac_from_bytes(e->mac)) ||
			   mac_from_bytes(e->mac) == 0)) {
		return "the MAC isn't one of a single interface";
	}
	memcpy(v->mac, e->mac, sizeof(v->mac));
	if (v->mtu < VM_MTU_MIN || v->mtu > VM_MTU_MAX) {
		return "mtu must be 68 to 65535";
	}
	if (v->vlan > VLAN_VID_MAX || v->trunk_count > VM_VLAN_TRUNK_MAX) {
		return "VLANs must be 1 to 4094, and at most 16 in a trunk";
	}
	for (unsigned int i = 0; i < v->trunk_count; i++) {
		v->trunk[i] = mv_get16(e->trunk[i]);
		if (v->trunk[i] == 0 || v->trunk[i] > VLAN_VID_MAX) {
			return "VLANs in a trunk must be 1 to 4094";
		}
	}
	memcpy(label, e->label, sizeof(e->label));
	if (label[0] != '\0' && (strlen(label) >= VM_VIF_NAME_MAX || !vmdesc_name_ok(label))) {
		return "the label takes 1 to 31 letters, digits and . _ + -";
	}
	str_copy(v->name, label, sizeof(v->name));
	return v->queues > VM_VCPU_MAX ? "queues must be 0 to 8" : NULL;
}

static enum mv_status attach(struct mgmt_call *c, struct vm *vm, struct domain *d,
			     const struct mv_vif *e, const struct vm_vif_config *v)
{
	unsigned int index = mv_get32(e->devid);
	int err;

	/* The number of one that is being unplugged isn't free yet. */
	if (index == MV_VIF_ANY) {
		for (index = 0; index < VM_VIF_MAX && net_vif_exists(d, index); index++) {
		}
	}
	err = net_vif_exists(d, index) ? -EEXIST : vm_vif_add(vm, index, v);

	if (err != 0) {
		return err == -ENOSPC ?
			mgmt_refuse(c, MV_NO_SPACE, "a VM has at most %u interfaces", VM_VIF_MAX) :
			mgmt_refuse(c, MV_EXISTS, "the MAC or the number is in use");
	}
	err = net_vif_create(d, index, &vm->config.vif[index]);
	if (err != 0) {
		vm_vif_drop(vm, index);
		return mgmt_refuse_err(c, err, "the interface can't be made");
	}
	fill(mgmt_out(c, sizeof(struct mv_vif)), vm, index);
	return MV_OK;
}

static enum mv_status vif_attach(struct mgmt_call *c)
{
	const struct mv_vif_attach *r = (const void *)c->body;
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	struct domain *d = vm != NULL ? mgmt_running(c, vm, &status) : NULL;
	struct vm_vif_config v;
	const char *wrong;

	if (d == NULL) {
		return status;
	}
	wrong = read_vif(&r->vif, &v);
	return wrong != NULL ? mgmt_refuse(c, MV_INVALID, "%s", wrong) :
	       attach(c, vm, d, &r->vif, &v);
}

static enum mv_status vif_detach(struct mgmt_call *c)
{
	const struct mv_vif_detach *r = (const void *)c->body;
	uint32_t devid = mv_get32(r->devid);
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	struct domain *d = vm != NULL ? mgmt_running(c, vm, &status) : NULL;
	int err;

	if (d == NULL) {
		return status;
	}
	err = net_vif_unplug(d, devid);
	if (err == 0) {
		vm_vif_drop(vm, devid);
		return MV_OK;
	}
	if (err == -EINVAL) {
		return mgmt_refuse(c, MV_INVALID, "interface %u is a virtio device, which stays "
				   "while the VM runs", devid);
	}
	return err == -ENOENT ?
		mgmt_refuse(c, MV_NOT_FOUND, "%s has no interface %u", vm->config.name, devid) :
		mgmt_refuse(c, MV_BUSY, "the guest has been asked already");
}

const struct mgmt_verb mgmt_vif_verbs[] = {
	{ MV_VIF_LIST, false, sizeof(struct mv_cursor), vif_list },
	{ MV_VIF_ATTACH, true, sizeof(struct mv_vif_attach), vif_attach },
	{ MV_VIF_DETACH, true, sizeof(struct mv_vif_detach), vif_detach },
	{ .fn = NULL },
};
