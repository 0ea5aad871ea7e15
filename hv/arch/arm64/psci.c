/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI and SMCCC for guests (Arm DEN 0022, DEN 0028). Unknown functions give
 * "not supported", never an undefined instruction.
 */
#include <asm/trap.h>

#include "vm/domain.h"
#include <arch/upcall.h>
#include <asm/guest_map.h>
#include <asm/machine.h>

#define PSCI_VERSION		0x84000000U
#define PSCI_CPU_SUSPEND	0x84000001U
#define PSCI_CPU_OFF		0x84000002U
#define PSCI_CPU_ON		0x84000003U
#define PSCI_AFFINITY_INFO	0x84000004U
#define PSCI_MIGRATE_INFO_TYPE	0x84000006U
#define PSCI_SYSTEM_OFF		0x84000008U
#define PSCI_SYSTEM_RESET	0x84000009U
#define PSCI_FEATURES		0x8400000aU
#define SMCCC_VERSION		0x80000000U
#define SMCCC_ARCH_FEATURES	0x80000001U
#define SMCCC_WORKAROUND_1	0x80008000U
#define SMCCC_WORKAROUND_2	0x80007fffU
#define SMCCC_WORKAROUND_3	0x80003fffU
#define CONVENTION_64		0x40000000U	/* same function, 64-bit arguments */

#define RET_SUCCESS		0
#define RET_NOT_SUPPORTED	(-1)
#define RET_INVALID		(-2)
#define RET_ALREADY_ON		(-4)

#define VERSION_1_1		0x10001
#define AFFINITY_MASK		0xff00ffffffULL

/* The vCPU whose affinity is `mpidr`, or VCPU_MAX. */
static unsigned int vcpu_by_mpidr(uint64_t mpidr)
{
	for (unsigned int id = 0; id < VCPU_MAX; id++) {
		if (guest_mpidr(id) == (mpidr & AFFINITY_MASK)) {
			return id;
		}
	}
	return VCPU_MAX;
}

static int64_t cpu_on(struct arch_vcpu *v, bool wide)
{
	uint64_t mask = wide ? UINT64_MAX : UINT32_MAX;
	int err = upcall_vcpu_on(v, vcpu_by_mpidr(v->x[1] & mask), GPA(v->x[2] & mask),
				 v->x[3] & mask);

	switch (err) {
	case 0:
		return RET_SUCCESS;
	case -EEXIST:
		return RET_ALREADY_ON;
	default:
		return RET_INVALID;
	}
}

static int64_t affinity_info(struct arch_vcpu *v, bool wide)
{
	uint64_t mask = wide ? UINT64_MAX : UINT32_MAX;
	int on;

	if ((v->x[2] & mask) != 0) {
		return RET_INVALID;	/* groups of CPUs: not offered since PSCI 1.0 */
	}
	on = upcall_vcpu_is_on(v, vcpu_by_mpidr(v->x[1] & mask));
	return on < 0 ? RET_INVALID : !on;
}

static int64_t features(uint32_t fn)
{
	switch (fn & ~CONVENTION_64) {
	case PSCI_VERSION:
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_OFF:
	case PSCI_CPU_ON:
	case PSCI_AFFINITY_INFO:
	case PSCI_MIGRATE_INFO_TYPE:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_FEATURES:
	case SMCCC_VERSION:
		return RET_SUCCESS;
	default:
		return RET_NOT_SUPPORTED;
	}
}

/* Mitigation calls that the machine's firmware has, with its answer. */
static int64_t workaround_answer[2] = { RET_NOT_SUPPORTED, RET_NOT_SUPPORTED };

void psci_init(void)
{
	/* Answers of the 32-bit convention are in the lower half. */
	if (machine.psci == BOOT_PSCI_NONE ||
	    (int32_t)firmware_call(PSCI_FEATURES, SMCCC_VERSION, 0, 0) < 0) {
		return;
	}
	workaround_answer[0] =
		(int32_t)firmware_call(SMCCC_ARCH_FEATURES, SMCCC_WORKAROUND_1, 0, 0);
	workaround_answer[1] =
		(int32_t)firmware_call(SMCCC_ARCH_FEATURES, SMCCC_WORKAROUND_3, 0, 0);
}

static int64_t arch_features(uint32_t fn)
{
	switch (fn) {
	case SMCCC_VERSION:
	case SMCCC_ARCH_FEATURES:
		return RET_SUCCESS;
	case SMCCC_WORKAROUND_1:
		return workaround_answer[0];
	case SMCCC_WORKAROUND_3:
		return workaround_answer[1];
	default:
		return RET_NOT_SUPPORTED;
	}
}

static int64_t workaround(unsigned int which, uint32_t fn)
{
	if (workaround_answer[which] < 0) {
		return RET_NOT_SUPPORTED;
	}
	firmware_call(fn, 0, 0, 0);
	return RET_SUCCESS;
}

void psci_call(struct arch_vcpu *v)
{
	uint32_t fn = (uint32_t)v->x[0];
	bool wide = fn & CONVENTION_64;
	int64_t ret = RET_NOT_SUPPORTED;

	switch (fn & ~CONVENTION_64) {
	case PSCI_VERSION:
	case SMCCC_VERSION:
		ret = VERSION_1_1;
		break;
	case PSCI_CPU_SUSPEND:
		upcall_wait(v);
		ret = RET_SUCCESS;
		break;
	case PSCI_CPU_OFF:
		/* An SPI that waited for it may be routed to another vCPU. */
		vgic_pull(v);
		upcall_vcpu_off(v);
		return;
	case PSCI_CPU_ON:
		ret = cpu_on(v, wide);
		break;
	case PSCI_AFFINITY_INFO:
		ret = affinity_info(v, wide);
		break;
	case PSCI_MIGRATE_INFO_TYPE:
		ret = 2;		/* no Trusted OS to migrate */
		break;
	case PSCI_SYSTEM_OFF:
		upcall_shutdown(v, SHUTDOWN_POWEROFF);
		return;
	case PSCI_SYSTEM_RESET:
		upcall_shutdown(v, SHUTDOWN_REBOOT);
		return;
	case PSCI_FEATURES:
		ret = features((uint32_t)v->x[1]);
		break;
	case SMCCC_ARCH_FEATURES:
		ret = arch_features((uint32_t)v->x[1]);
		break;
	case SMCCC_WORKAROUND_1:
		ret = workaround(0, fn);
		break;
	case SMCCC_WORKAROUND_3:
		ret = workaround(1, fn);
		break;
	default:
		break;
	}
	v->x[0] = (uint64_t)ret;
}
