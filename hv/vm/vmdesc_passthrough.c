/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of a VM's description. See vmdesc_passthrough.h.
 */
#include "vm/vmdesc_passthrough.h"

#include "dev/fdt_lib.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "mem/heap.h"

#define TREE_SIZE_MAX	KIB(64)
#define REG_ENTRY	(6U * 4)	/* address, size, guest address: 2 cells each */

int vmdesc_assign(struct vm_config *vm, const char *path, const char **why)
{
	size_t len = strnlen(path, VM_ASSIGN_PATH_MAX);

	if (len == 0 || len == VM_ASSIGN_PATH_MAX) {
		*why = "a path in the machine's device tree has 1 to 63 characters";
		return -EINVAL;
	}
	for (unsigned int i = 0; i < vm->assign_count; i++) {
		if (strcmp(path, vm->assign[i]) == 0) {
			*why = "it is named twice";
			return -EEXIST;
		}
	}
	if (vm->assign_count == VM_ASSIGN_MAX) {
		*why = "a VM can have 4 devices";
		return -ENOSPC;
	}
	static_assert(VM_ASSIGN_MAX == 4 && VM_ASSIGN_PATH_MAX == 64, "in words above");
	str_copy(vm->assign[vm->assign_count++], path, VM_ASSIGN_PATH_MAX);
	vm->direct_map = true;
	return 0;
}

/* Each region is to be at its own address in the guest. */
static bool is_identity(const void *fdt, int node)
{
	size_t len;
	const uint8_t *p = fdt_prop(fdt, node, "xen,reg", 0, &len);

	if (p == NULL) {
		return true;
	}
	for (; len >= REG_ENTRY; len -= REG_ENTRY, p += REG_ENTRY) {
		if (get_be64(p) != get_be64(p + 16)) {
			return false;
		}
	}
	return len == 0;
}

static int read_tree(struct vm_config *vm, const void *fdt, char buf[VM_ASSIGN_PATH_MAX],
		     const char **why)
{
	int parent = fdt_subnode_offset(fdt, 0, "passthrough");
	int node;

	fdt_for_each_subnode(node, fdt, parent) {
		const char *path = fdt_prop_str(fdt, node, "xen,path");
		int err;

		if (path == NULL) {
			continue;
		}
		str_copy(buf, path, VM_ASSIGN_PATH_MAX);
		if (!is_identity(fdt, node)) {
			*why = "xen,reg: registers are possible at the machine's addresses only";
			return -EINVAL;
		}
		err = vmdesc_assign(vm, path, why);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

int vmdesc_passthrough(struct vm_config *vm, const void *data, size_t size,
		       char buf[VM_ASSIGN_PATH_MAX], const char **why)
{
	void *copy;
	int err;

	buf[0] = '\0';
	*why = "it is no device tree";
	if (size == 0 || size > TREE_SIZE_MAX) {
		return -EINVAL;
	}
	/* libfdt insists on an alignment to 8. */
	copy = heap_alloc(size);
	if (copy == NULL) {
		*why = "no memory to read it";
		return -ENOMEM;
	}
	memcpy(copy, data, size);
	err = fdt_tree_check(copy, size) == 0 ? read_tree(vm, copy, buf, why) : -EINVAL;
	heap_free(copy);
	return err;
}
