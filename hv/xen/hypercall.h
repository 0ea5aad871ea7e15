/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of hypercalls.
 *
 * Locking: none of its own.
 */
#ifndef XEN_HYPERCALL_H
#define XEN_HYPERCALL_H

#include "vm/domain.h"

#define HC_MAX	64U			/* numbers are below */

/* Result for the guest; unknown numbers give -ENOSYS. */
long hypercall(struct vcpu *v, uint64_t nr, const uint64_t args[5]);

/* Calls so far by number, over all domains; nr below HC_MAX. */
uint64_t hypercall_count(unsigned int nr);

/* The number's name, or NULL if there is no such hypercall. */
const char *hypercall_name(unsigned int nr);

#endif
