/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs as people name them, and waiting for what becomes of them.
 */
#ifndef CLI_VERB_VM_H
#define CLI_VERB_VM_H

#include "client/session.h"

/* `s` is an id if it is a number, else a name. False (after telling): neither. */
bool vm_reference(const char *s, struct mv_vm_ref *ref);

/* Ask the node about it. 0, or an exit status after telling. */
int vm_find(struct session *s, const char *name, struct mv_vm_info *out);

/* As a reference that can't mean another VM later. */
void vm_exactly(const struct mv_vm *vm, struct mv_vm_ref *ref);

/* The name, NUL-terminated in any case, in a static buffer. */
const char *vm_name(const struct mv_vm *vm);

/*
 * Wait until the VM is in a state of `states` (a bit for each enum
 * mv_vm_state) or gone, for at most `seconds`. 0 with *state (-1: gone), or
 * SESSION_NO_ANSWER or what a call returned.
 */
int vm_await(struct session *s, const struct mv_vm_ref *ref,
	     unsigned int states, unsigned int seconds, int *state);

#endif
