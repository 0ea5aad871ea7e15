/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to a guest's memory. Guests write their memory at any time: copy
 * once, check the copy, use the copy.
 */
#ifndef MEM_GUEST_H
#define MEM_GUEST_H

#include "mem/p2m.h"

struct arch_vcpu;

/*
 * The guest's virtual addresses (hypercall arguments) of the running vCPU.
 * 0 or -EFAULT; a failed copy may be partial. Sizes of any length.
 */
MUST_CHECK int guest_copy_from(struct arch_vcpu *v, void *dst, uint64_t src, size_t n);
MUST_CHECK int guest_copy_to(struct arch_vcpu *v, uint64_t dst, const void *src, size_t n);

/* Guest physical addresses; normal memory only, writable for _to. */
MUST_CHECK int gpa_copy_from(struct p2m *p, void *dst, gpa_t src, size_t n);
MUST_CHECK int gpa_copy_to(struct p2m *p, gpa_t dst, const void *src, size_t n);

#endif
