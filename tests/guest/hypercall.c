/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls of any number with any argument (XSA-98, -145, -213, -296): the
 * guest may harm itself only. Two CPUs.
 */
#include "lib/guest.h"
#include "lib/xen.h"

const char guest_name[] = "hypercall";

static uint8_t arena[8 * PAGE_SIZE] PAGE;

static void case_numbers(void)
{
	static const uint32_t known[] = { 12, 13, 17, 18, 20, 21, 24, 29, 32, 33, 34 };

	for (uint64_t nr = 0; nr < 300; nr++) {
		bool is_known = false;

		for (unsigned int i = 0; i < COUNT(known); i++) {
			is_known |= known[i] == nr;
		}
		if (!is_known) {
			CHECK_EQ(hypercall(nr, 0, 0, 0, 0, 0), -XEN_ENOSYS);
		}
	}
	CHECK_EQ(hypercall(UINT64_MAX, 0, 0, 0, 0, 0), -XEN_ENOSYS);
	CHECK_EQ(hypercall(1UL << 63, 0, 0, 0, 0, 0), -XEN_ENOSYS);
	CHECK_EQ(hypercall((1UL << 32) + HC_XEN_VERSION, 0, 0, 0, 0, 0), -XEN_ENOSYS);
}

/* Output buffers are whole and without leftovers of the hypervisor (XSA-122). */
static void case_version(void)
{
	uint32_t features[2] = { 0, 0 };

	CHECK(hypercall(HC_XEN_VERSION, 0, 0, 0, 0, 0) >= 0x40000);
	CHECK_EQ(hypercall(HC_XEN_VERSION, 6, (uint64_t)features, 0, 0, 0), 0);
	CHECK((features[1] & BIT(2)) != 0);		/* auto-translated */
	CHECK_EQ(features[1] & BIT(11), 0);		/* not dom0 */
	memset(arena, 0xee, PAGE_SIZE);
	CHECK(hypercall(HC_XEN_VERSION, 1, (uint64_t)arena, 0, 0, 0) >= 0);
	for (unsigned int i = 0; i < 16; i++) {
		CHECK(arena[i] != 0xee);
	}
	CHECK_EQ(arena[16], 0xee);
	for (uint32_t sub = 0; sub < 16; sub++) {
		CHECK(hypercall(HC_XEN_VERSION, sub, 0xfff0, 0, 0, 0) < 0 || sub == 0 ||
		      sub == 7);
	}
	features[0] = UINT32_MAX;
	(void)hypercall(HC_XEN_VERSION, 6, (uint64_t)features, 0, 0, 0);
}

static void case_console(void)
{
	static const char text[] = "text over a page end\n";
	char *p = (char *)arena + PAGE_SIZE - 8;

	memcpy(p, text, sizeof(text));
	CHECK(hypercall(HC_CONSOLE_IO, 0, sizeof(text) - 1, (uint64_t)p, 0, 0) >= 0);
	CHECK(hypercall(HC_CONSOLE_IO, 0, UINT64_MAX, (uint64_t)p, 0, 0) <= (int64_t)sizeof(arena));
	CHECK(hypercall(HC_CONSOLE_IO, 0, 4, 0xfffffffffffffffe, 0, 0) < 0);
	CHECK(hypercall(HC_CONSOLE_IO, 0, 4, 0x10000000, 0, 0) < 0);
	CHECK(hypercall(HC_CONSOLE_IO, 99, 4, (uint64_t)p, 0, 0) < 0);
}

struct multicall {
	uint64_t op, result, args[6];
};

/* Nested, endless, in a page that it changes itself. */
static void case_multicall(void)
{
	struct multicall *m = (struct multicall *)(void *)arena;

	for (unsigned int i = 0; i < 64; i++) {
		m[i] = (struct multicall){ .op = HC_MULTICALL,
					   .args = { (uint64_t)m, 64 } };
	}
	(void)hypercall(HC_MULTICALL, (uint64_t)m, 64, 0, 0, 0);
	(void)hypercall(HC_MULTICALL, (uint64_t)m, UINT32_MAX, 0, 0, 0);
	(void)hypercall(HC_MULTICALL, (uint64_t)m, UINT64_MAX, 0, 0, 0);
	(void)hypercall(HC_MULTICALL, 0x30000000, 3, 0, 0, 0);
	for (unsigned int i = 0; i < 64; i++) {
		m[i] = (struct multicall){ .op = HC_XEN_VERSION,
					   .args = { 1, (uint64_t)&m[(i + 1) % 64] } };
	}
	(void)hypercall(HC_MULTICALL, (uint64_t)m, 64, 0, 0, 0);
}

static void case_runstate(void)
{
	uint64_t places[] = { 0, 0x30000000, 0xfffffffffffffff8, GICD_BASE, 0x38000000,
			      (uint64_t)arena + 1, UINT64_MAX };

	for (unsigned int i = 0; i < COUNT(places); i++) {
		uint64_t va = places[i];

		(void)hypercall(HC_VCPU_OP, VCPUOP_REGISTER_RUNSTATE, 0, (uint64_t)&va, 0, 0);
		sched_yield();
	}
	/* Over a page end, then that memory is used otherwise. */
	places[0] = (uint64_t)arena + PAGE_SIZE - 24;
	CHECK_EQ(hypercall(HC_VCPU_OP, VCPUOP_REGISTER_RUNSTATE, 0, (uint64_t)places, 0, 0), 0);
	sched_yield();
	for (uint32_t op = 0; op < 40; op++) {
		for (uint32_t vcpu = 0; vcpu < 4; vcpu++) {
			if (op != VCPUOP_REGISTER_VCPU_INFO) {
				(void)hypercall(HC_VCPU_OP, op, vcpu, 0, 0, 0);
				(void)hypercall(HC_VCPU_OP, op, UINT64_MAX - vcpu,
						(uint64_t)arena, 0, 0);
			}
		}
	}
}

static uint64_t any_argument(void)
{
	uint64_t r = rnd();

	switch (r & 7) {
	case 0: return 0;
	case 1: return r >> 60;
	case 2: return UINT64_MAX;
	case 3: return rnd();
	case 4: return DOMID_SELF;
	case 5: return rnd() >> (r >> 8 & 63);
	default: return (uint64_t)arena + (r >> 8) % (sizeof(arena) + 16);
	}
}

static bool is_last_call(uint64_t nr, uint64_t sub)
{
	/* Shutdown and the loss of own memory are allowed, and end the test. */
	return (nr == HC_SCHED_OP && sub != 0) || nr == HC_MEMORY_OP || nr == HC_CONSOLE_IO;
}

static void fuzz_calls(void)
{
	static const uint32_t numbers[] = {
		HC_XEN_VERSION, HC_GRANT_TABLE, HC_VCPU_OP, HC_SCHED_OP, HC_EVTCHN,
		HC_HVM_OP, 21, 33, HC_MEMORY_OP,
	};

	for (unsigned int i = 0; i < 20000; i++) {
		uint64_t nr = numbers[rnd() % COUNT(numbers)];
		uint64_t sub = rnd() % 30;

		*(uint64_t *)(void *)(arena + (rnd() % sizeof(arena) & ~7UL)) = any_argument();
		if (!is_last_call(nr, sub)) {
			(void)hypercall(nr, sub, any_argument(), any_argument(),
					any_argument(), any_argument());
		}
	}
}

/* Two CPUs at once, on arguments that both change. */
static void case_fuzz(void)
{
	CHECK_EQ(cpu_start(1, fuzz_calls), 0);
	fuzz_calls();
	CHECK(cpu_wait_off(1));
	CHECK(hypercall(HC_XEN_VERSION, 0, 0, 0, 0, 0) >= 0x40000);
}

/* A debug line through a CPU that starts at a bad address: it faults alone. */
static void case_bad_entry(void)
{
	CHECK_EQ(smccc(PSCI_CPU_ON, 1, 0x30000000, 0), 0);
	delay_us(20000);
	CHECK(hypercall(HC_XEN_VERSION, 0, 0, 0, 0, 0) >= 0x40000);
}

const struct guest_case guest_cases[] = {
	{ "numbers", case_numbers }, { "version", case_version },
	{ "console", case_console }, { "multicall", case_multicall },
	{ "runstate", case_runstate }, { "fuzz", case_fuzz },
	{ "bad-entry", case_bad_entry }, { NULL, NULL },
};
