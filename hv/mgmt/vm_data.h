/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM as the wire shows it.
 */
#ifndef MGMT_VM_DATA_H
#define MGMT_VM_DATA_H

#include "mv/proto.h"
#include "vm/vm.h"

void vm_data_fill(struct mv_vm *e, const struct vm *vm);

#endif
