/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four CPUs: PSCI with right and wrong arguments, SGIs to and fro, waiting.
 */
#include "lib/guest.h"
#include "lib/xen.h"

#define CPUS		4U
#define ROUNDS		100U

const char guest_name[] = "smp";

static volatile unsigned int up[CPUS];
static volatile unsigned int pings[CPUS];
static volatile bool stop;

static void case_psci(void)
{
	CHECK(smccc(PSCI_VERSION, 0, 0, 0) >= 0x2);
	CHECK_EQ(smccc(PSCI_MIGRATE_INFO_TYPE, 0, 0, 0), 2);
	CHECK(smccc(SMCCC_VERSION, 0, 0, 0) >= 0x10000);
	CHECK_EQ(smccc(PSCI_FEATURES, SMCCC_VERSION, 0, 0), 0);
	CHECK_EQ(smccc(PSCI_FEATURES, 0x84001234, 0, 0), -1);
	CHECK_EQ(smccc(PSCI_AFFINITY_INFO, 0, 0, 0), 0);
	CHECK_EQ(smccc(PSCI_AFFINITY_INFO, 1, 0, 0), 1);
	CHECK(smccc(PSCI_AFFINITY_INFO, CPUS, 0, 0) < 0);
	CHECK(smccc(PSCI_AFFINITY_INFO, UINT64_MAX, 0, 0) < 0);
	CHECK_EQ(smccc(PSCI_CPU_ON, 0, 0x40000000, 0), -4);	/* is on */
	CHECK_EQ(smccc(PSCI_CPU_ON, CPUS, 0x40000000, 0), -2);
	CHECK_EQ(smccc(PSCI_CPU_ON, 1UL << 32, 0x40000000, 0), -2);
	CHECK_EQ(smccc(PSCI_CPU_ON, UINT64_MAX, 0x40000000, 0), -2);
	/* Unknown functions, from SMC too: not supported, no more. */
	CHECK_EQ(smccc(0x8600ff00, 0, 0, 0), -1);
	CHECK_EQ(smccc(UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX), -1);
	CHECK_EQ(smccc(0xc5000020, 0, 0, 0), -1);
}

static void note_up(void)
{
	up[cpu_id()]++;
}

/* Each CPU on and off, many times. */
static void case_on_off(void)
{
	for (unsigned int round = 1; round <= 20; round++) {
		for (unsigned int i = 1; i < CPUS; i++) {
			CHECK_EQ(cpu_start(i, note_up), 0);
		}
		for (unsigned int i = 1; i < CPUS; i++) {
			CHECK(cpu_wait_off(i));
			CHECK_EQ(up[i], round);
		}
	}
}

static void pong(unsigned int intid)
{
	pings[cpu_id()]++;
	if (cpu_id() != 0) {
		sgi_send(0, intid);
	}
}

/* Sleeps by WFI with interrupts masked, then takes them. */
static void ponger(void)
{
	irq_set(1, pong);
	irq_set(2, pong);
	up[cpu_id()] = 1000;
	while (!stop) {
		wfi();
		irq_enable();
		isb();
		irq_disable();
	}
	irq_set(1, NULL);
	irq_set(2, NULL);
}

static bool pongers_start(unsigned int n)
{
	stop = false;
	for (unsigned int i = 1; i <= n; i++) {
		up[i] = 0;
		pings[i] = 0;
		CHECK_EQ(cpu_start(i, ponger), 0);
	}
	for (unsigned int i = 1; i <= n; i++) {
		if (!WAIT_FOR(up[i] == 1000, 2000000)) {
			fail("CPU %u does not come up", i);
			return false;
		}
	}
	pings[0] = 0;
	irq_set(1, pong);
	irq_set(2, pong);
	return true;
}

static void pongers_stop(unsigned int n)
{
	stop = true;
	barrier();
	for (unsigned int i = 1; i <= n; i++) {
		while (smccc(PSCI_AFFINITY_INFO, i, 0, 0) == 0) {
			sgi_send(i, 1);
			irq_enable();
			delay_us(200);
			irq_disable();
		}
	}
}

/* One interrupt under way at any time. */
static void case_ping_pong(void)
{
	if (!pongers_start(1)) {
		return;
	}
	for (unsigned int i = 1; i <= ROUNDS; i++) {
		uint64_t end = now_us() + 2000000;

		sgi_send(1, 1);
		while (pings[0] < i && now_us() < end) {
			wfi();
			irq_enable();
			isb();
			irq_disable();
		}
		if (pings[0] != i) {
			fail("round %u of %u is lost", i, ROUNDS);
			break;
		}
	}
	CHECK_EQ(pings[1], ROUNDS);
	pongers_stop(1);
}

/* To all others at once; each answers. */
static void case_broadcast(void)
{
	if (!pongers_start(CPUS - 1)) {
		return;
	}
	irq_enable();
	for (unsigned int i = 1; i <= ROUNDS && !has_failed(); i++) {
		sgi_send_others(2);
		for (unsigned int c = 1; c < CPUS; c++) {
			if (!WAIT_FOR(pings[c] == i, 2000000)) {
				fail("CPU %u missed round %u", c, i);
			}
		}
	}
	irq_disable();
	CHECK(pings[0] > 0);
	pongers_stop(CPUS - 1);
}

const struct guest_case guest_cases[] = {
	{ "psci", case_psci }, { "on-off", case_on_off }, { "ping-pong", case_ping_pong },
	{ "broadcast", case_broadcast }, { NULL, NULL },
};
