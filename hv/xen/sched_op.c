/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercall sched_op (xen/sched.h).
 */
#include "kern/sched.h"
#include "mem/guest.h"
#include "xen/abi.h"
#include "xen/evtchn.h"
#include "xen/ops.h"

#define POLL_PORTS	128U

static long op_shutdown(struct vcpu *v, uint64_t arg)
{
	uint32_t reason;

	if (guest_copy_from(&v->arch, &reason, arg, sizeof(reason)) != 0) {
		return -EFAULT;
	}
	switch (reason) {
	case SHUTDOWN_POWEROFF:
	case SHUTDOWN_REBOOT:
	case SHUTDOWN_CRASH:
	case SHUTDOWN_WATCHDOG:
		upcall_shutdown(&v->arch, (enum shutdown_reason)reason);
		return 0;
	case SHUTDOWN_SUSPEND:
		/* Cancelled: the guest goes on as it was. */
		return 1;
	default:
		return -EINVAL;
	}
}

/*
 * Wait for one of some ports. Guests expect to be woken for no reason, so it
 * is enough to let others run once and have the guest look again.
 */
static long op_poll(struct vcpu *v, uint64_t arg)
{
	struct sched_poll op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (op.count > POLL_PORTS) {
		return -EINVAL;
	}
	for (uint32_t i = 0; i < op.count; i++) {
		uint32_t port;

		if (guest_copy_from(&v->arch, &port, op.ports + i * sizeof(port),
				    sizeof(port)) != 0) {
			return -EFAULT;
		}
		if (port >= EVTCHN_MAX) {
			return -EINVAL;
		}
		if (evtchn_is_pending(v->domain, port)) {
			return 0;
		}
	}
	sched_give_way(&v->sched);
	return 0;
}

static long op_watchdog(struct vcpu *v, uint64_t arg)
{
	struct sched_watchdog op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	return watchdog_op(v->domain, op.id, op.timeout);
}

long sched_op(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
	switch (cmd) {
	case SCHEDOP_YIELD:
		sched_give_way(&v->sched);
		return 0;
	case SCHEDOP_BLOCK:
		upcall_wait(&v->arch);
		return 0;
	case SCHEDOP_SHUTDOWN:
		return op_shutdown(v, arg);
	case SCHEDOP_POLL:
		return op_poll(v, arg);
	case SCHEDOP_WATCHDOG:
		return op_watchdog(v, arg);
	default:
		return -ENOSYS;
	}
}
