/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs by id or name.
 */
#include "verb/vm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/call.h"
#include "client/clock.h"
#include "lib/parse.h"
#include "verb/target.h"

#define LOOK_EVERY_US	50000

bool vm_reference(const char *s, struct mv_vm_ref *ref)
{
	size_t len = strlen(s);
	uint64_t id;

	memset(ref, 0, sizeof(*ref));
	if (parse_u64(s, len, UINT32_MAX, &id) == 0 && id != 0) {
		ref->id = mv_put32((uint32_t)id);
		return true;
	}
	if (len == 0 || len >= sizeof(ref->name)) {
		tell_error("mvctl", 0, "'%s' can't be a VM's name", s);
		return false;
	}
	memcpy(ref->name, s, len);
	return true;
}

int vm_find(struct session *s, const char *name, struct mv_vm_info *out)
{
	struct mv_vm_ref ref;
	int err;

	if (!vm_reference(name, &ref)) {
		return EXIT_FAILED;
	}
	err = session_ask(s, MV_VM_INFO, &ref, sizeof(ref), out, sizeof(*out));
	if (err != 0) {
		char what[MV_NAME_MAX + 8];

		snprintf(what, sizeof(what), "VM %s", name);
		return tell_failure(s, what, err);
	}
	return 0;
}

void vm_exactly(const struct mv_vm *vm, struct mv_vm_ref *ref)
{
	memset(ref, 0, sizeof(*ref));
	ref->id = vm->id;
	memcpy(ref->name, vm->name, sizeof(ref->name) - 1);
}

const char *vm_name(const struct mv_vm *vm)
{
	static char name[MV_NAME_MAX + 1];

	memcpy(name, vm->name, sizeof(vm->name));
	return name;
}

int vm_await(struct session *s, const struct mv_vm_ref *ref,
	     unsigned int states, unsigned int seconds, int *state)
{
	uint64_t end = clock_ms() + 1000ULL * seconds;
	struct mv_vm_info info;

	for (;;) {
		int err = session_ask(s, MV_VM_INFO, ref, sizeof(*ref), &info,
				      sizeof(info));

		if (err == MV_NOT_FOUND) {
			*state = -1;
			return 0;
		}
		if (err != 0) {
			return err;
		}
		*state = info.vm.state;
		if (info.vm.state < 32 && (states >> info.vm.state & 1) != 0) {
			return 0;
		}
		if (clock_ms() >= end) {
			return SESSION_NO_ANSWER;
		}
		usleep(LOOK_EVERY_US);
	}
}
