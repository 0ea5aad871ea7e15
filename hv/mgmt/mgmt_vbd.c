/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs about VMs' disks.
 */
#include "blk/blk.h"
#include "lib/string.h"
#include "mgmt/server.h"
#include "vm/vm.h"
#include "vm/vmdesc_diag.h"
#include "xenstore/xenbus.h"

#define NAME_MAX	sizeof(((struct mv_vbd *)0)->name)

static_assert(NAME_MAX >= VM_VBD_NAME_MAX, "mv/proto.h");
static_assert(sizeof(((struct mv_vbd *)0)->target) == VM_TARGET_MAX, "mv/proto.h");

/* --- lists --------------------------------------------------------------------------- */

/* A look at one disk of a VM's domain. */
struct look {
	const struct domain *domain;
	const char *name;
	uint32_t flags;
	uint64_t sectors;
};

static void look_fn(const struct vbd *v, void *ctx)
{
	struct look *l = ctx;
	const struct xenbus_device *dev = atomic_load_explicit(&v->dev, memory_order_acquire);
	struct blk_info info;

	if (v->domain != l->domain || strcmp(v->config.name, l->name) != 0) {
		return;
	}
	blk_volume_info(v->volume, &info);
	l->sectors = info.known ? info.sectors : 0;
	if (dev != NULL && dev->connected) {
		l->flags |= MV_VBD_CONNECTED;
	}
	if (dev == NULL || atomic_load_explicit(&dev->unplug, memory_order_relaxed)) {
		l->flags |= MV_VBD_UNPLUGGING;
	}
}

static void fill(struct mv_vbd *e, const struct vm *vm, const struct vm_vbd_config *v)
{
	struct look l = { .domain = domain_find(vm->id), .name = v->name };

	if (l.domain != NULL) {
		blk_for_each_vbd(look_fn, &l);
	}
	mgmt_name_put(e->name, sizeof(e->name), v->name);
	mgmt_name_put(e->target, sizeof(e->target), v->target);
	e->flags = mv_put32(l.flags | (v->read_only ? MV_VBD_READ_ONLY : 0));
	e->queues = mv_put32(v->queues);
	e->iops = mv_put32(v->iops);
	e->kib_per_s = mv_put32(v->kib_per_s);
	e->outage_s = mv_put32(v->outage_s);
	e->sectors = mv_put64(l.sectors);
}

static enum mv_status vbd_list(struct mgmt_call *c)
{
	uint32_t at, id;
	struct mv_list *l = mgmt_list_begin(c, &at, &id);
	struct vm *vm = vm_by_id(id);
	struct mv_vbd *e;

	if (vm == NULL) {
		return mgmt_refuse(c, MV_NOT_FOUND, "no VM %u", id);
	}
	for (; at < vm->config.vbd_count; at++) {
		e = mgmt_list_add(c, l, sizeof(*e));
		if (e == NULL) {
			mgmt_list_end(l, at);
			return MV_OK;
		}
		fill(e, vm, &vm->config.vbd[at]);
	}
	mgmt_list_end(l, 0);
	return MV_OK;
}

/* --- changes ------------------------------------------------------------------------- */

/* A text field of the wire, ended by a NUL for sure. */
static void get_text(char *out, const char *in, size_t size)
{
	memcpy(out, in, size);
	out[size - 1] = '\0';
}

/* What is wrong with it, in words; NULL: nothing. */
static const char *read_vbd(const struct mv_vbd *e, struct vm_vbd_config *v)
{
	uint32_t flags = mv_get32(e->flags);
	char name[NAME_MAX];

	*v = (struct vm_vbd_config){
		.read_only = (flags & MV_VBD_READ_ONLY) != 0,
		.queues = mv_get32(e->queues),
		.iops = mv_get32(e->iops),
		.kib_per_s = mv_get32(e->kib_per_s),
		.outage_s = mv_get32(e->outage_s),
	};
	get_text(name, e->name, sizeof(name));
	get_text(v->target, e->target, sizeof(v->target));
	if ((flags & ~MV_VBD_READ_ONLY) != 0) {
		return "unknown flags";
	}
	if (vmdesc_vdev_number(name, &v->device) != 0) {
		return "the name must be xvda, xvdb ..., or a partition as xvda1 to xvda15";
	}
	str_copy(v->name, name, sizeof(v->name));
	if (!vmdesc_target_ok(v->target)) {
		return "there are no targets of that kind";
	}
	if (v->queues > VM_VCPU_MAX || v->iops > VM_VBD_IOPS_MAX ||
	    v->outage_s > VM_VBD_OUTAGE_MAX ||
	    (v->kib_per_s != 0 && v->kib_per_s < VM_VBD_KIB_MIN)) {
		return "a limit is out of range";
	}
	return NULL;
}

/* The error becomes the answer's text. */
static void tell(void *ctx, enum vmdesc_severity severity, const char *text)
{
	(void)mgmt_refuse(ctx, MV_EXISTS, "%s", text);
}

static enum mv_status refuse_made(struct mgmt_call *c, int err, const struct vm_vbd_config *v)
{
	switch (err) {
	case -EEXIST:
		return mgmt_refuse(c, MV_EXISTS, "a disk '%s' is still being unplugged", v->name);
	case -ENOENT:
		return mgmt_refuse(c, MV_NOT_FOUND, "there is no driver domain for target '%s'",
				   v->target);
	default:
		return mgmt_refuse_err(c, err, "the disk can't be made");
	}
}

static enum mv_status attach(struct mgmt_call *c, struct vm *vm, struct domain *d,
			     const struct vm_vbd_config *v)
{
	struct vmdesc_diag diag = { .line = tell, .ctx = c };
	int err = vm_vbd_add(vm, v, &diag);

	if (err == -EEXIST) {
		return MV_EXISTS;
	}
	if (err != 0) {
		return mgmt_refuse_err(c, err, "the disk can't be added");
	}
	err = blk_vbd_create(d, vm->config.vbd_count - 1, v);
	if (err != 0) {
		vm_vbd_drop(vm, v->name);
		return refuse_made(c, err, v);
	}
	fill(mgmt_out(c, sizeof(struct mv_vbd)), vm, v);
	return MV_OK;
}

static enum mv_status vbd_attach(struct mgmt_call *c)
{
	const struct mv_vbd_attach *r = (const void *)c->body;
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	struct domain *d = vm != NULL ? mgmt_running(c, vm, &status) : NULL;
	struct vm_vbd_config v;
	const char *wrong;

	if (d == NULL) {
		return status;
	}
	wrong = read_vbd(&r->vbd, &v);
	return wrong != NULL ? mgmt_refuse(c, MV_INVALID, "%s", wrong) : attach(c, vm, d, &v);
}

static enum mv_status vbd_detach(struct mgmt_call *c)
{
	const struct mv_vbd_detach *r = (const void *)c->body;
	enum mv_status status;
	struct vm *vm = mgmt_vm(c, &r->vm, &status);
	struct domain *d = vm != NULL ? mgmt_running(c, vm, &status) : NULL;
	char name[NAME_MAX];
	int err;

	if (d == NULL) {
		return status;
	}
	get_text(name, r->name, sizeof(name));
	err = blk_vbd_unplug(d, name);
	if (err == 0) {
		vm_vbd_drop(vm, name);
		return MV_OK;
	}
	return err == -ENOENT ?
		mgmt_refuse(c, MV_NOT_FOUND, "%s has no disk '%s'", vm->config.name, name) :
		mgmt_refuse(c, MV_BUSY, "the guest has been asked already");
}

const struct mgmt_verb mgmt_vbd_verbs[] = {
	{ MV_VBD_LIST, false, sizeof(struct mv_cursor), vbd_list },
	{ MV_VBD_ATTACH, true, sizeof(struct mv_vbd_attach), vbd_attach },
	{ MV_VBD_DETACH, true, sizeof(struct mv_vbd_detach), vbd_detach },
	{ .fn = NULL },
};
