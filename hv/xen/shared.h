/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hypervisor keeps up to date in a guest's memory: vcpu_info,
 * runstate, wall clock (xen/vcpu.h, xen/xen.h).
 *
 * Locking: areas are registered once and their pages pinned; a runstate's place
 * changes under LOCK_DOMAIN, since any vCPU may name it. A vCPU's runstate is
 * written by the CPU that switches to or from it.
 */
#ifndef XEN_SHARED_H
#define XEN_SHARED_H

#include "vm/domain.h"

/*
 * Where vCPU `v` has its vcpu_info from now on. The upcall is raised with all
 * selector bits set, so no event that came before is lost. -EINVAL (not aligned, over a page's end, has one already),
 * -EFAULT (not in RAM), -ENOSPC.
 */
MUST_CHECK int vcpu_info_register(struct vcpu *v, gfn_t gfn, uint32_t offset);

/*
 * Where vCPU `v` has its runstate record, by virtual address of `caller`,
 * which runs. The same place again is fine; `v` itself may change it. -EINVAL
 * (not aligned to 8), -EFAULT, -ENOSPC, -EBUSY (another vCPU's, set already).
 */
MUST_CHECK int runstate_register(struct vcpu *caller, struct vcpu *v, uint64_t va);

/*
 * Write v's runstate record, if it has one: when it was switched in or out, by
 * the CPU that does it. That of a domain's only vCPU is left as it is while that is
 * off its CPU, since nobody could read it.
 */
void runstate_update(struct vcpu *v);

/* The wall clock: Unix time at the guest's time 0, in ns. */
void shared_info_set_wallclock(struct domain *d, uint64_t unix_ns);

/* The hypercall (24). */
long vcpu_op(struct vcpu *v, uint64_t cmd, uint64_t id, uint64_t arg);

#endif
