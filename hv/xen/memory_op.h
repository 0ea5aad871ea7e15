/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the guest's memory map by the guest (xen/memory.h).
 *
 * Locking: xen/pin.h.
 */
#ifndef XEN_MEMORY_OP_H
#define XEN_MEMORY_OP_H

#include "vm/domain.h"

/*
 * Pages that one decrease_reservation or populate_physmap does; the rest is
 * not done and the result tells. A guest with 64 KiB pages gives back at most
 * as many at a time.
 */
#define MEMORY_OP_PAGES	8192U

/* The hypercall (12). */
long memory_op(struct vcpu *v, uint64_t cmd, uint64_t arg);

#endif
