/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the VM description: disks and the storage network. See vmdesc.h.
 *
 * Locking: none; the caller serialises.
 */
#ifndef VM_VMDESC_VBD_H
#define VM_VMDESC_VBD_H

#include "vm/vmdesc.h"

/* Add the "mv,vbd" node's disk to `vm`; false: something is wrong, told. */
bool vmdesc_read_vbd(const void *fdt, int node, struct vm_config *vm, struct vmdesc_diag *diag);

/* Read an "mv,storage" node of the tree `origin`. */
void vmdesc_read_storage(const void *fdt, int node, const char *origin,
			 struct vm_storage_config *out, struct vmdesc_diag *diag);

/* A VM's disks among themselves; false: it must be left out. */
bool vmdesc_check_vbds(const struct vm_config *vm, const struct vm_storage_config *storage,
		       struct vmdesc_diag *diag);

/* .. and against those of an earlier VM. */
bool vmdesc_check_vbd_pair(const struct vm_config *vm, const struct vm_config *other,
			   struct vmdesc_diag *diag);

/* Whether there is a driver domain for each of its disks in one. */
bool vmdesc_check_drivers(const struct vm_config *vm,
			  bool (*is_driver)(const char *name, const void *ctx), const void *ctx,
			  struct vmdesc_diag *diag);

#endif
