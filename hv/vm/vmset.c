/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The VMs of a whole tree or bundle, and the checks of one against another.
 * See vmdesc.h.
 */
#include "dev/fdt_lib.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "mem/heap.h"
#include "vm/image.h"
#include "vm/vmdesc.h"
#include "vm/vmdesc_diag.h"
#include "vm/vmdesc_vbd.h"

#define LINE_MAX	256U
#define DTB_SIZE_MAX	KIB(256)
#define WARNINGS_SHOWN	64U

/* --- messages ----------------------------------------------------------- */

static void emit(struct vmdesc_diag *diag, enum vmdesc_severity severity,
		 char *line)
{
	for (char *c = line; *c != '\0'; c++) {
		if (*c < 0x20 || *c > 0x7e) {
			*c = '?';
		}
	}
	if (severity == VMDESC_ERROR) {
		diag->errors++;
	} else {
		diag->warnings++;
	}
	/* A tree of nonsense mustn't flood the log. */
	if (diag->line != NULL &&
	    (severity == VMDESC_ERROR || diag->warnings <= WARNINGS_SHOWN)) {
		diag->line(diag->ctx, severity, line);
	}
}

void vmdesc_vtell(struct vmdesc_diag *diag, enum vmdesc_severity severity,
		  const char *name, const char *fmt, va_list ap)
{
	char line[LINE_MAX];
	size_t at = fmt_buf(line, sizeof(line), "vm '%s': ", name);

	if (at < sizeof(line)) {
		fmt_vbuf(line + at, sizeof(line) - at, fmt, ap);
	}
	emit(diag, severity, line);
}

void vmdesc_tell(struct vmdesc_diag *diag, enum vmdesc_severity severity,
		 const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmdesc_vtell(diag, severity, name, fmt, ap);
	va_end(ap);
}

void vmdesc_tell_file(struct vmdesc_diag *diag, enum vmdesc_severity severity,
		      const char *origin, const char *fmt, ...)
{
	char line[LINE_MAX];
	size_t at = fmt_buf(line, sizeof(line), "%s: ", origin);
	va_list ap;

	va_start(ap, fmt);
	if (at < sizeof(line)) {
		fmt_vbuf(line + at, sizeof(line) - at, fmt, ap);
	}
	va_end(ap);
	emit(diag, severity, line);
}

/* --- trees and bundles -------------------------------------------------- */

static void add_node(struct vmdesc_set *set, const void *fdt, int node,
		     const char *origin, const struct vmdesc_source *source,
		     struct vmdesc_diag *diag)
{
	if (set->count == set->capacity) {
		const char *name = fdt_get_name(fdt, node, NULL);

		vmdesc_tell_file(diag, VMDESC_ERROR, origin,
				 "more than %u VMs; '%s' is left out",
				 set->capacity, name != NULL ? name : "?");
		return;
	}
	if (vmdesc_parse(fdt, node, source, &set->vms[set->count], diag) == 0) {
		set->count++;
	}
}

/* Returns the number of nodes that say something, good or bad; -EINVAL: malformed tree. */
static int add_tree(struct vmdesc_set *set, const void *fdt, size_t size,
		    const char *origin, const struct vmdesc_source *source,
		    struct vmdesc_diag *diag)
{
	static const char *const parents[] = { "/chosen", "/vms" };
	int seen = 0;

	if (fdt_tree_check(fdt, size) != 0) {
		vmdesc_tell_file(diag, VMDESC_ERROR, origin,
				 "malformed device tree; its VMs are left out");
		return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(parents); i++) {
		int parent = fdt_path_offset(fdt, parents[i]);
		int node;

		if (parent < 0) {
			continue;
		}
		fdt_for_each_subnode(node, fdt, parent) {
			if (fdt_is_compatible(fdt, node, "xen,domain") &&
			    fdt_is_enabled(fdt, node)) {
				add_node(set, fdt, node, origin, source, diag);
				seen++;
			} else if (fdt_is_compatible(fdt, node, "mv,storage") &&
				   fdt_is_enabled(fdt, node)) {
				vmdesc_read_storage(fdt, node, origin, &set->storage, diag);
				seen++;
			} else if (set->other_compatible != NULL &&
				   fdt_is_compatible(fdt, node, set->other_compatible) &&
				   fdt_is_enabled(fdt, node)) {
				set->other(set->other_ctx, fdt, node, diag);
				seen++;
			}
		}
	}
	return seen;
}

void vmdesc_add_tree(struct vmdesc_set *set, const void *fdt, size_t size,
		     const char *origin, const struct vmdesc_source *source,
		     struct vmdesc_diag *diag)
{
	(void)add_tree(set, fdt, size, origin, source, diag);
}

static int bundle_file(void *ctx, const char *name, const void **data,
		       size_t *size)
{
	const struct bundle *b = ctx;
	int err = bundle_find(b, name, data, size);

	/* What a cut archive doesn't show may have been in it. */
	return err == -ENOENT && b->truncated ? -EIO : err;
}

/* A *.dtb at the archive's top; deeper ones may be anybody's. */
static bool is_description(const struct bundle_file *f)
{
	size_t len = strlen(f->name);

	return f->regular && len > 4 && strchr(f->name, '/') == NULL &&
	       strcmp(f->name + len - 4, ".dtb") == 0;
}

static void add_dtb(struct vmdesc_set *set, const struct bundle_file *f,
		    const struct vmdesc_source *source,
		    struct vmdesc_diag *diag)
{
	void *copy;
	int seen;

	if (f->truncated) {
		vmdesc_tell_file(diag, VMDESC_ERROR, f->name,
				 "cut off: the bundle is truncated");
		return;
	}
	if (f->size == 0 || f->size > DTB_SIZE_MAX) {
		vmdesc_tell_file(diag, VMDESC_ERROR, f->name,
				 "malformed device tree (%zu bytes)", f->size);
		return;
	}
	/* cpio aligns to 4 bytes, libfdt insists on 8. */
	copy = heap_alloc(f->size);
	if (copy == NULL) {
		vmdesc_tell_file(diag, VMDESC_ERROR, f->name,
				 "no memory to read it");
		return;
	}
	memcpy(copy, f->data, f->size);
	seen = add_tree(set, copy, f->size, f->name, source, diag);
	if (seen == 0) {
		vmdesc_tell_file(diag, VMDESC_WARNING, f->name,
				 "describes no VM");
	}
	heap_free(copy);
}

void vmdesc_add_bundle(struct vmdesc_set *set, const struct bundle *bundle,
		       struct vmdesc_diag *diag)
{
	struct vmdesc_source source = {
		.file = bundle_file, .ctx = (void *)(uintptr_t)bundle,
	};
	struct bundle_file f = { .next = 0 };
	unsigned int found = 0;

	if (bundle->problem != NULL) {
		vmdesc_tell_file(diag, VMDESC_ERROR, "bundle", "%s",
				 bundle->problem);
	}
	while (bundle_next(bundle, &f)) {
		if (is_description(&f)) {
			add_dtb(set, &f, &source, diag);
			found++;
		}
	}
	if (found == 0) {
		vmdesc_tell_file(diag, VMDESC_ERROR, "bundle",
				 "no VM description (*.dtb) in it");
	}
}

/* --- one VM against the others ------------------------------------------ */

/* Whether two modules share bytes without being the same bytes. */
static bool clash(const struct vm_module *a, const struct vm_module *b)
{
	uintptr_t as = (uintptr_t)a->data, bs = (uintptr_t)b->data;

	if (a->data == NULL || b->data == NULL ||
	    (as == bs && a->size == b->size)) {
		return false;
	}
	return as < bs + b->size && bs < as + a->size;
}

static bool check_kernel(const struct vm_config *vm, struct vmdesc_diag *diag)
{
	struct image_info image;

	if (image_check(vm->kernel.data, vm->kernel.size, &image) == 0) {
		return true;
	}
	vmdesc_tell(diag, VMDESC_ERROR, vm->name, "kernel '%s': %s",
		    vm->kernel.name, image.error);
	return false;
}

static bool same_given_mac(const struct vm_vif_config *a,
			   const struct vm_vif_config *b)
{
	return a != b && a->has_mac && b->has_mac &&
	       memcmp(a->mac, b->mac, 6) == 0;
}

/* MACs of `vm` among themselves and against an earlier VM (maybe itself). */
static bool check_macs(const struct vm_config *vm, const struct vm_config *other,
		       struct vmdesc_diag *diag)
{
	for (unsigned int i = 0; i < vm->vif_count; i++) {
		const uint8_t *m = vm->vif[i].mac;

		for (unsigned int j = 0; j < other->vif_count; j++) {
			if (!same_given_mac(&vm->vif[i], &other->vif[j])) {
				continue;
			}
			vmdesc_tell(diag, VMDESC_ERROR, vm->name,
				    "MAC %02x:%02x:%02x:%02x:%02x:%02x of vif "
				    "%u is that of vif %u of vm '%s'", m[0],
				    m[1], m[2], m[3], m[4], m[5], i, j,
				    other->name);
			return false;
		}
	}
	return true;
}

static bool check_own(const struct vm_config *vm, struct vmdesc_diag *diag)
{
	const struct vm_module *k = &vm->kernel, *r = &vm->ramdisk;

	if (clash(k, r)) {
		vmdesc_tell(diag, VMDESC_ERROR, vm->name,
			    "kernel '%s' and RAM disk '%s' overlap", k->name,
			    r->name);
		return false;
	}
	return check_macs(vm, vm, diag);
}

bool vmdesc_check_alone(const struct vm_config *vm, struct vmdesc_diag *diag)
{
	return check_own(vm, diag) && check_kernel(vm, diag);
}

static bool check_modules(const struct vm_config *vm,
			  const struct vm_config *other,
			  struct vmdesc_diag *diag)
{
	const struct vm_module *mine[] = { &vm->kernel, &vm->ramdisk };
	const struct vm_module *its[] = { &other->kernel, &other->ramdisk };

	for (size_t i = 0; i < ARRAY_SIZE(mine); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(its); j++) {
			if (!clash(mine[i], its[j])) {
				continue;
			}
			vmdesc_tell(diag, VMDESC_ERROR, vm->name,
				    "module '%s' overlaps module '%s' of vm "
				    "'%s'", mine[i]->name, its[j]->name,
				    other->name);
			return false;
		}
	}
	return true;
}

/* The hypervisor looks again, for other names of the same device. */
static bool check_devices(const struct vm_config *vm, const struct vm_config *other,
			  struct vmdesc_diag *diag)
{
	for (unsigned int i = 0; i < vm->assign_count; i++) {
		for (unsigned int j = 0; j < other->assign_count; j++) {
			if (strcmp(vm->assign[i], other->assign[j]) != 0) {
				continue;
			}
			vmdesc_tell(diag, VMDESC_ERROR, vm->name,
				    "device '%s' belongs to vm '%s'", vm->assign[i],
				    other->name);
			return false;
		}
	}
	return true;
}

bool vmdesc_check_pair(const struct vm_config *vm, const struct vm_config *other,
		       struct vmdesc_diag *diag)
{
	if (strcmp(vm->name, other->name) == 0) {
		vmdesc_tell(diag, VMDESC_ERROR, vm->name,
			    "there is another VM of this name; "
			    "the later one is left out");
		return false;
	}
	if (memcmp(vm->uuid, other->uuid, 16) == 0) {
		vmdesc_tell(diag, VMDESC_ERROR, vm->name,
			    "it has the UUID of vm '%s'", other->name);
		return false;
	}
	return check_macs(vm, other, diag) && check_modules(vm, other, diag) &&
	       check_devices(vm, other, diag) && vmdesc_check_vbd_pair(vm, other, diag);
}

/* Whether another vif of the set has this vif's MAC. */
static bool mac_taken(const struct vmdesc_set *set,
		      const struct vm_vif_config *vif)
{
	for (unsigned int i = 0; i < set->count; i++) {
		const struct vm_config *vm = &set->vms[i];

		for (unsigned int j = 0; j < vm->vif_count; j++) {
			if (&vm->vif[j] != vif &&
			    memcmp(vm->vif[j].mac, vif->mac, 6) == 0) {
				return true;
			}
		}
	}
	return false;
}

static void settle_macs(struct vmdesc_set *set)
{
	unsigned int limit = set->count * VM_VIF_MAX + 1;

	for (unsigned int i = 0; i < set->count; i++) {
		struct vm_config *vm = &set->vms[i];

		for (unsigned int j = 0; j < vm->vif_count; j++) {
			struct vm_vif_config *vif = &vm->vif[j];

			for (unsigned int salt = 1; !vif->has_mac &&
			     salt < limit && mac_taken(set, vif); salt++) {
				vmdesc_make_mac(vm, j, salt, vif->mac);
			}
		}
	}
}

static bool is_driver(const char *name, const void *ctx)
{
	const struct vmdesc_set *set = ctx;

	for (unsigned int i = 0; i < set->count; i++) {
		if (set->vms[i].driver_domain && strcmp(set->vms[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Leave out who has a disk in a driver domain that there is not; true: some were. */
static bool drop_driverless(struct vmdesc_set *set, struct vmdesc_diag *diag)
{
	unsigned int i = 0, left;

	while (i < set->count && vmdesc_check_drivers(&set->vms[i], is_driver, set, diag)) {
		i++;
	}
	if (i == set->count) {
		return false;
	}
	left = --set->count - i;
	memmove(&set->vms[i], &set->vms[i + 1], left * sizeof(set->vms[0]));
	return true;
}

void vmdesc_check_all(struct vmdesc_set *set, struct vmdesc_diag *diag)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < set->count; i++) {
		const struct vm_config *vm = &set->vms[i];
		bool ok = check_own(vm, diag) && vmdesc_check_vbds(vm, &set->storage, diag);

		for (unsigned int j = 0; ok && j < kept; j++) {
			ok = vmdesc_check_pair(vm, &set->vms[j], diag);
		}
		/* Last: a kernel under another module is damaged by it. */
		if (!ok || !check_kernel(vm, diag)) {
			continue;
		}
		if (kept != i) {
			set->vms[kept] = set->vms[i];
		}
		kept++;
	}
	set->count = kept;
	/* One that is left out may be the driver domain of another. */
	while (drop_driverless(set, diag)) {
	}
	settle_macs(set);
}
