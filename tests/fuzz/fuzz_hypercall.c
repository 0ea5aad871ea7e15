/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of hypercalls with any arguments and structures. What is
 * pinned must stay mapped; all memory must be there again at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "unit/xen_guest.h"
#include "xen/grant.h"

/* A call: number, command, where its structure lies, then the structure. */
#define STEP	24U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The structure's place: one page, over a page's end, the last bytes of RAM. */
static uint64_t place(uint8_t how)
{
	static const uint64_t at[] = {
		0, PAGE_SIZE - 12, 4 * PAGE_SIZE, 8 * PAGE_SIZE - STEP, 100 * PAGE_SIZE,
	};

	return HOST_GUEST_GPA + at[how % ARRAY_SIZE(at)];
}

static void step(struct domain *d, const uint8_t *s)
{
	static const uint8_t nrs[] = {
		HC_MEMORY_OP, HC_MEMORY_OP, HC_MULTICALL, HC_XEN_VERSION, HC_CONSOLE_IO,
		HC_GRANT_TABLE_OP, HC_VM_ASSIST, HC_VCPU_OP, HC_VCPU_OP, HC_SCHED_OP,
		HC_EVENT_CHANNEL_OP, HC_HVM_OP,
	};
	uint64_t nr = s[0] < 128 ? nrs[s[0] % ARRAY_SIZE(nrs)] : s[0] & 63;
	uint64_t at = place(s[2]);
	uint64_t value = at + 64;
	uint8_t op[32] = { 0 };
	unsigned int attr;
	hpa_t pa;

	memcpy(op, s + 4, STEP - 4);
	if (s[3] & 1) {
		memcpy(op, &value, sizeof(value));	/* begins with a pointer */
	}
	for (size_t i = 0; i < sizeof(op); i++) {
		uint64_t gpa = at + i;

		/* As much of it as lies in RAM that is still the guest's. */
		if (p2m_lookup(&d->p2m, gpa_to_gfn(GPA(gpa)), &pa, &attr) == 0) {
			host_write(d, gpa, &op[i], 1);
		}
	}
	switch (nr) {
	case HC_SCHED_OP:
		/* The end of the guest is the end of the test, too early. */
		if (s[1] == SCHEDOP_SHUTDOWN || s[1] == SCHEDOP_BLOCK) {
			return;
		}
		break;
	case HC_VCPU_OP:
		host_hypercall(d->vcpus[0], nr, s[1], s[3] >> 1 & 3, at);
		return;
	case HC_CONSOLE_IO:
	case HC_MULTICALL:
	case HC_VM_ASSIST:
		host_hypercall(d->vcpus[0], nr, s[3] & 4 ? at : s[1], s[4], at);
		return;
	default:
		break;
	}
	host_hypercall(d->vcpus[0], nr, s[1], at, s[3] & 8 ? s[4] : 1);
}

static void check_areas(struct domain *d)
{
	for (unsigned int i = 0; i < d->vcpu_count; i++) {
		void *vi = atomic_load(&d->vcpus[i]->vcpu_info);
		void *page;

		if (vi != NULL) {
			page = host_page(d, d->vcpus[i]->vcpu_info_gfn.v);
			if ((uintptr_t)vi - (uintptr_t)page >= PAGE_SIZE ||
			    !page_is_pinned(d, page)) {
				abort();
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool booted;
	struct domain *d;

	/* One machine for all: host_finish() checks that nothing is left. */
	if (!booted) {
		host_reset();
		booted = true;
	}
	d = host_domain_create(8, 2);
	for (size_t i = 0; i + STEP <= size && i < 100 * STEP; i += STEP) {
		step(d, data + i);
	}
	check_areas(d);
	host_finish();
	return 0;
}
