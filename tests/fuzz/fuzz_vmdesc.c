/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions from any bytes at all: what the parser accepts must be
 * within its promises, and all it says must be printable lines.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "mgmt/mgmt.h"
#include "vm/vmdesc.h"

#define VMS	8

static uint8_t module[256];

static const uint8_t *input;
static size_t input_size;

static int any_file(void *ctx, const char *name, const void **data, size_t *size)
{
	size_t n = strlen(name);

	*data = module + n % 4 * 64;
	*size = 64 + n % 64;
	if (name[0] == 't') {			/* a device tree: this one */
		*data = input;
		*size = input_size;
		return 0;
	}
	return n % 8 == 7 ? -ENOENT : 0;
}

static int any_memory(void *ctx, hpa_t base, uint64_t size, const void **data)
{
	if (base.v >= sizeof(module) || size > sizeof(module) - base.v) {
		return -EFAULT;
	}
	*data = module + base.v;
	return 0;
}

static void check_line(void *ctx, enum vmdesc_severity severity, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~') {
			abort();
		}
	}
}

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

static void check_vm(const struct vm_config *vm)
{
	require(vm->name[0] != '\0' && strnlen(vm->name, VM_NAME_MAX) < VM_NAME_MAX);
	require(vm->vcpu_count >= 1 && vm->vcpu_count <= VM_VCPU_MAX);
	require(vm->memory_kib >= VM_MEMORY_MIN_KIB && vm->memory_kib <= VM_MEMORY_MAX_KIB);
	require(vm->memory_kib % 4 == 0);
	require(vm->kernel.data != NULL && vm->kernel.size != 0);
	require(strnlen(vm->bootargs, VM_BOOTARGS_MAX) < VM_BOOTARGS_MAX);
	require(vm->vif_count <= VM_VIF_MAX);
	require(vm->assign_count <= VM_ASSIGN_MAX && (vm->direct_map || vm->assign_count == 0));
	for (unsigned int i = 0; i < vm->assign_count; i++) {
		size_t len = strnlen(vm->assign[i], VM_ASSIGN_PATH_MAX);

		require(len > 0 && len < VM_ASSIGN_PATH_MAX);
	}
	for (unsigned int i = 0; i < vm->vif_count; i++) {
		const struct vm_vif_config *v = &vm->vif[i];

		require((v->mac[0] & 1) == 0 && v->vlan <= 4094);
		require(v->mtu >= VM_MTU_MIN && v->mtu <= VM_MTU_MAX);
		require(v->trunk_count <= VM_VLAN_TRUNK_MAX && v->queues <= VM_VCPU_MAX);
	}
	require(vm->vbd_count <= VM_VBD_MAX);
	for (unsigned int i = 0; i < vm->vbd_count; i++) {
		const struct vm_vbd_config *v = &vm->vbd[i];
		uint32_t number;

		require(vmdesc_target_ok(v->target) && v->queues <= VM_VCPU_MAX);
		require(vmdesc_vdev_number(v->name, &number) == 0 && number == v->device);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_config vms[VMS];
	static const uint8_t magic[] = { 'A', 'R', 'M', 0x64 };
	struct vmdesc_source source = { .file = any_file, .memory = any_memory };
	struct mgmt_config node = { .given = false };
	struct vmdesc_set set = {
		.vms = vms, .capacity = VMS, .other_compatible = "mv,management",
		.other = mgmt_config_read, .other_ctx = &node,
	};
	struct vmdesc_diag diag = { .line = check_line };
	static bool is_ready;
	void *copy;

	memcpy(module + 56, magic, sizeof(magic));
	if (!is_ready) {
		host_reset();
		is_ready = true;
	}
	input = data;
	input_size = size;
	copy = malloc(size + 1);	/* aligned, and its end watched */
	require(copy != NULL);
	memcpy(copy, data, size);
	vmdesc_add_tree(&set, copy, size, "fuzz", &source, &diag);
	free(copy);
	vmdesc_check_all(&set, &diag);
	for (unsigned int i = 0; i < set.count; i++) {
		check_vm(&vms[i]);
	}
	return 0;
}
