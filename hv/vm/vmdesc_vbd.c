/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The descriptions of disks and of the machine's storage network: nodes that
 * are compatible with "mv,vbd" and "mv,storage" (docs/vm-description.md).
 */
#include "vm/vmdesc_vbd.h"

#include "dev/fdt_lib.h"
#include "lib/fmt.h"
#include "lib/parse.h"
#include "vm/vmdesc_diag.h"

#define XVD_MAJOR	202U
#define XVD_DISKS	16U		/* in the major's own numbers; then extended ones */
#define XVD_LETTERS	26U

/* What is being read, and who is told of problems. */
struct reader {
	const void *fdt;
	int node;
	const char *owner;		/* the VM's name, or the tree's */
	bool is_vm;
	struct vmdesc_diag *diag;
	struct vm_vbd_config *vbd;
	struct vm_storage_config *storage;
	bool failed;
};

struct prop {
	const char *name;
	void (*read)(struct reader *r, const char *name);
};

static void tell(struct reader *r, enum vmdesc_severity severity, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void tell(struct reader *r, enum vmdesc_severity severity, const char *fmt, ...)
{
	char text[192];
	va_list ap;

	va_start(ap, fmt);
	fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->failed |= severity == VMDESC_ERROR;
	if (r->is_vm) {
		vmdesc_tell(r->diag, severity, r->owner, "%s", text);
	} else {
		vmdesc_tell_file(r->diag, severity, r->owner, "%s", text);
	}
}

static bool read_number(struct reader *r, const char *name, uint32_t min, uint32_t max,
			uint32_t *out)
{
	uint32_t v;

	if (fdt_prop_u32(r->fdt, r->node, name, &v) != 0) {
		tell(r, VMDESC_ERROR, "property '%s' must be one cell", name);
		return false;
	}
	if (v < min || v > max) {
		tell(r, VMDESC_ERROR, "%s is %u; it must be %u to %u", name, v, min, max);
		return false;
	}
	*out = v;
	return true;
}

static void read_props(struct reader *r, const struct prop *table, size_t count,
		       const char *where)
{
	int off;

	fdt_for_each_property_offset(off, r->fdt, r->node) {
		const char *name;
		size_t i = 0;

		if (fdt_getprop_by_offset(r->fdt, off, &name, NULL) == NULL) {
			tell(r, VMDESC_ERROR, "%s: malformed property", where);
			return;
		}
		while (i < count && strcmp(table[i].name, name) != 0) {
			i++;
		}
		if (i < count) {
			table[i].read(r, name);
		} else if (strcmp(name, "compatible") != 0 && strcmp(name, "phandle") != 0 &&
			   strcmp(name, "status") != 0) {
			tell(r, VMDESC_WARNING, "unknown property '%s' of %s (ignored)", name,
			     where);
		}
	}
}

/* --- names ------------------------------------------------------------------- */

/* The letters of "xvda", "xvdaa" as a number from 0 on; SIZE_MAX if there are none. */
static size_t disk_index(const char **s)
{
	size_t n = 0;
	unsigned int letters = 0;

	for (; **s >= 'a' && **s <= 'z' && letters < 2; (*s)++, letters++) {
		n = (letters == 0 ? 0 : n + 1) * XVD_LETTERS + (size_t)(**s - 'a');
	}
	return letters > 0 ? n : SIZE_MAX;
}

int vmdesc_vdev_number(const char *name, uint32_t *number)
{
	uint64_t part = 0;
	size_t disk;

	if (strncmp(name, "xvd", 3) != 0 || strlen(name) >= VM_VBD_NAME_MAX) {
		return -EINVAL;
	}
	name += 3;
	disk = disk_index(&name);
	if (disk == SIZE_MAX) {
		return -EINVAL;
	}
	if (*name != '\0' && (*name == '0' || parse_u64(name, strlen(name), 15, &part) != 0)) {
		return -EINVAL;
	}
	/* xen-vbd-interface: 16 numbers a disk, 256 in the extended scheme. */
	*number = disk < XVD_DISKS ? XVD_MAJOR << 8 | (uint32_t)disk << 4 | (uint32_t)part :
				     1U << 28 | (uint32_t)disk << 8 | (uint32_t)part;
	return 0;
}

/* "1.2" */
static bool aoe_ok(const char *address)
{
	const char *dot = strchr(address, '.');
	uint64_t v;

	return dot != NULL && parse_u64(address, (size_t)(dot - address), 65534, &v) == 0 &&
	       parse_u64(dot + 1, strlen(dot + 1), 254, &v) == 0;
}

/* "uplink/vda1": the disk's name is one of XenStore's. */
static bool dd_ok(const char *where)
{
	const char *slash = strchr(where, '/');
	char vm[VM_TARGET_MAX];

	if (slash == NULL || slash[1] == '\0') {
		return false;
	}
	str_copy(vm, where, (size_t)(slash - where) + 1);
	for (const char *s = slash + 1; *s != '\0'; s++) {
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= '0' && *s <= '9') && *s != '-' && *s != '_') {
			return false;
		}
	}
	return vmdesc_name_ok(vm);
}

bool vmdesc_target_is_aoe(const char *target)
{
	return strncmp(target, "aoe:", 4) == 0;
}

static bool target_is_dd(const char *target)
{
	return strncmp(target, "dd:", 3) == 0;
}

bool vmdesc_target_ok(const char *target)
{
	if (strlen(target) >= VM_TARGET_MAX) {
		return false;
	}
	return vmdesc_target_is_aoe(target) ? aoe_ok(target + 4) :
	       target_is_dd(target) && dd_ok(target + 3);
}

/* --- disks -------------------------------------------------------------------- */

static void read_vdev(struct reader *r, const char *name)
{
	const char *s = fdt_prop_str(r->fdt, r->node, name);

	if (s == NULL || vmdesc_vdev_number(s, &r->vbd->device) != 0) {
		tell(r, VMDESC_ERROR, "vdev '%s': it must be xvda, xvdb ..., or a partition as "
		     "xvda1 to xvda15", s != NULL ? s : "?");
		return;
	}
	str_copy(r->vbd->name, s, sizeof(r->vbd->name));
}

static void read_target(struct reader *r, const char *name)
{
	const char *s = fdt_prop_str(r->fdt, r->node, name);

	if (s == NULL || !vmdesc_target_ok(s)) {
		tell(r, VMDESC_ERROR, "disk target '%s': it must be " VM_TARGET_SYNTAX,
		     s != NULL ? s : "?");
		return;
	}
	str_copy(r->vbd->target, s, sizeof(r->vbd->target));
}

static void read_read_only(struct reader *r, const char *name)
{
	r->vbd->read_only = true;
}

static void read_queues(struct reader *r, const char *name)
{
	read_number(r, name, 1, VM_VCPU_MAX, &r->vbd->queues);
}

static void read_iops(struct reader *r, const char *name)
{
	read_number(r, name, 1, VM_VBD_IOPS_MAX, &r->vbd->iops);
}

static void read_rate(struct reader *r, const char *name)
{
	read_number(r, name, VM_VBD_KIB_MIN, UINT32_MAX, &r->vbd->kib_per_s);
}

static void read_outage(struct reader *r, const char *name)
{
	read_number(r, name, 1, VM_VBD_OUTAGE_MAX, &r->vbd->outage_s);
}

bool vmdesc_read_vbd(const void *fdt, int node, struct vm_config *vm, struct vmdesc_diag *diag)
{
	static const struct prop table[] = {
		{ "vdev", read_vdev },
		{ "target", read_target },
		{ "read-only", read_read_only },
		{ "queues", read_queues },
		{ "iops", read_iops },
		{ "kib-per-s", read_rate },
		{ "outage", read_outage },
	};
	struct reader r = {
		.fdt = fdt, .node = node, .owner = vm->name, .is_vm = true, .diag = diag,
	};

	if (vm->vbd_count == VM_VBD_MAX) {
		tell(&r, VMDESC_ERROR, "more than %u disks", VM_VBD_MAX);
		return false;
	}
	r.vbd = &vm->vbd[vm->vbd_count++];
	read_props(&r, table, ARRAY_SIZE(table), "disk");
	if (!r.failed && r.vbd->name[0] == '\0') {
		tell(&r, VMDESC_ERROR, "a disk without 'vdev'");
	}
	if (!r.failed && r.vbd->target[0] == '\0') {
		tell(&r, VMDESC_ERROR, "disk '%s' has no 'target'", r.vbd->name);
	}
	return !r.failed;
}

/* --- the storage network --------------------------------------------------------- */

static void read_vlan(struct reader *r, const char *name)
{
	uint32_t v;

	if (read_number(r, name, 1, 4094, &v)) {
		r->storage->vlan = (uint16_t)v;
	}
}

static void read_mtu(struct reader *r, const char *name)
{
	read_number(r, name, VM_STORAGE_MTU_MIN, VM_MTU_MAX, &r->storage->mtu);
}

static void read_mac(struct reader *r, const char *name)
{
	static const uint8_t zero[6];
	size_t len;
	const uint8_t *mac = fdt_prop(r->fdt, r->node, name, 6, &len);

	if (mac == NULL || len != 6 || (mac[0] & 1) != 0 || memcmp(mac, zero, 6) == 0) {
		tell(r, VMDESC_ERROR, "storage: '%s' must be the address of a single interface",
		     name);
		return;
	}
	memcpy(r->storage->mac, mac, 6);
	r->storage->has_mac = true;
}

static void read_reserve(struct reader *r, const char *name)
{
	r->storage->reserve = true;
}

static void read_mask(struct reader *r, const char *name)
{
	r->storage->mask = true;
}

void vmdesc_read_storage(const void *fdt, int node, const char *origin,
			 struct vm_storage_config *out, struct vmdesc_diag *diag)
{
	static const struct prop table[] = {
		{ "vlan", read_vlan },
		{ "mtu", read_mtu },
		{ "local-mac-address", read_mac },
		{ "reserve", read_reserve },
		{ "mac-mask", read_mask },
	};
	struct vm_storage_config storage = { .mtu = VM_MTU_DEFAULT };
	struct reader r = {
		.fdt = fdt, .node = node, .owner = origin, .diag = diag, .storage = &storage,
	};

	if (out->present) {
		tell(&r, VMDESC_ERROR, "a second storage network; the first one is used");
		return;
	}
	read_props(&r, table, ARRAY_SIZE(table), "storage");
	if (!r.failed && storage.vlan == 0) {
		tell(&r, VMDESC_ERROR, "storage: 'vlan' is missing");
	}
	if (!r.failed) {
		storage.present = true;
		*out = storage;
	}
}

/* --- checks of all against all ----------------------------------------------------- */

bool vmdesc_check_vbds(const struct vm_config *vm, const struct vm_storage_config *storage,
		       struct vmdesc_diag *diag)
{
	for (unsigned int i = 0; i < vm->vbd_count; i++) {
		if (!storage->present && vmdesc_target_is_aoe(vm->vbd[i].target)) {
			vmdesc_tell(diag, VMDESC_ERROR, vm->name, "disk '%s' with target '%s' needs "
				    "a storage network (node mv,storage)", vm->vbd[i].name,
				    vm->vbd[i].target);
			return false;
		}
		for (unsigned int j = 0; j < i; j++) {
			if (vm->vbd[i].device == vm->vbd[j].device) {
				vmdesc_tell(diag, VMDESC_ERROR, vm->name, "two disks '%s'",
					    vm->vbd[i].name);
				return false;
			}
		}
	}
	return vmdesc_check_vbd_pair(vm, vm, diag);
}

/* A disk of its own, as opposed to a volume with a name that somebody chose. */
static bool is_disk_name(const char *name)
{
	static const char *const kinds[] = { "sd", "vd", "nvme", "mmcblk" };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strncmp(name, kinds[i], strlen(kinds[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* Linux's names: "sda2" is a part of "sda", "nvme0n1p2" of "nvme0n1". */
static bool is_part_of(const char *part, const char *disk)
{
	size_t len = strlen(disk);
	uint64_t number;

	if (!target_is_dd(disk) || !is_disk_name(strchr(disk, '/') + 1) ||
	    strncmp(part, disk, len) != 0) {
		return false;
	}
	part += len;
	if (disk[len - 1] >= '0' && disk[len - 1] <= '9' && *part++ != 'p') {
		return false;
	}
	return parse_u64(part, strlen(part), UINT32_MAX, &number) == 0;
}

static bool targets_overlap(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || is_part_of(a, b) || is_part_of(b, a);
}

bool vmdesc_check_vbd_pair(const struct vm_config *vm, const struct vm_config *other,
			   struct vmdesc_diag *diag)
{
	for (unsigned int i = 0; i < vm->vbd_count; i++) {
		const struct vm_vbd_config *a = &vm->vbd[i];

		for (unsigned int j = 0; j < other->vbd_count; j++) {
			const struct vm_vbd_config *b = &other->vbd[j];

			if (a == b || !targets_overlap(a->target, b->target) ||
			    (a->read_only && b->read_only)) {
				continue;
			}
			vmdesc_tell(diag, VMDESC_ERROR, vm->name, "target '%s' of disk '%s' is also "
				    "%s disk '%s' of vm '%s', and not both are read-only",
				    a->target, a->name, strcmp(a->target, b->target) == 0 ?
				    "that of" : "in part that of", b->name, other->name);
			return false;
		}
	}
	return true;
}

bool vmdesc_check_drivers(const struct vm_config *vm,
			  bool (*is_driver)(const char *name, const void *ctx), const void *ctx,
			  struct vmdesc_diag *diag)
{
	for (unsigned int i = 0; i < vm->vbd_count; i++) {
		const struct vm_vbd_config *vbd = &vm->vbd[i];
		char name[VM_TARGET_MAX];

		if (!target_is_dd(vbd->target)) {
			continue;
		}
		str_copy(name, vbd->target + 3, sizeof(name));
		*strchr(name, '/') = '\0';
		if (!is_driver(name, ctx)) {
			vmdesc_tell(diag, VMDESC_ERROR, vm->name, "there is no driver domain '%s' for "
				    "target '%s' of disk '%s'", name, vbd->target, vbd->name);
			return false;
		}
	}
	return true;
}
