/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that a VM's description asks for, and partial device trees that name
 * them as Xen's users write them (Xen, docs/misc/arm/passthrough.txt).
 *
 * Locking: none; see vmdesc.h.
 */
#ifndef VM_VMDESC_PASSTHROUGH_H
#define VM_VMDESC_PASSTHROUGH_H

#include "vm/vmdesc.h"

/*
 * Add a device, by path or alias; the VM is direct-mapped then. -EINVAL (no such
 * name can be), -EEXIST (it has it), -ENOSPC (too many); *why says it.
 */
MUST_CHECK int vmdesc_assign(struct vm_config *vm, const char *path, const char **why);

/*
 * Add what the nodes below /passthrough of a partial tree name by xen,path.
 * What the nodes say beyond that isn't used: the guest gets the machine's
 * nodes. Registers that xen,reg maps elsewhere than at their own address are
 * refused. 0, -EINVAL, -EEXIST, -ENOSPC, -ENOMEM; *why says it, buf names the
 * device that it is about, or is "".
 */
MUST_CHECK int vmdesc_passthrough(struct vm_config *vm, const void *data, size_t size,
				  char buf[VM_ASSIGN_PATH_MAX], const char **why);

#endif
