/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small hypercalls.
 *
 * Locking: none of their own; called on the vCPU's CPU.
 */
#ifndef XEN_OPS_H
#define XEN_OPS_H

#include "vm/domain.h"

/* What guests are told that this is: an ABI level, not a product. */
#define XEN_ABI_MAJOR	4U
#define XEN_ABI_MINOR	17U

/* 17. All output is filled to its end. */
long version_op(struct vcpu *v, uint64_t cmd, uint64_t arg);

/* 29 */
long sched_op(struct vcpu *v, uint64_t cmd, uint64_t arg);

/* 34 */
long hvm_op(struct vcpu *v, uint64_t cmd, uint64_t arg);

#endif
