/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchdogs of a domain: it is ended when one expires.
 *
 * A guest has WATCHDOG_COUNT of its own, as under Xen (xen/sched.h,
 * SCHEDOP_watchdog). Its description may say that it must use them
 * (vm_config.watchdog_s): then a further one runs while none of them does,
 * from the domain's start on.
 *
 * Locking: the domain's lock. The timers are cancelled by the teardown, when
 * no vCPU runs any more, before a quiescence.
 */
#ifndef VM_WATCHDOG_H
#define VM_WATCHDOG_H

#include "kern/timer.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define WATCHDOG_COUNT	2U

struct domain;

struct watchdog_timer {
	struct timer timer;
	struct domain *domain;
	bool used;			/* the guest set it */
};

struct watchdog {
	struct watchdog_timer own[WATCHDOG_COUNT];
	struct watchdog_timer must;	/* runs while no own one is used .. */
	uint32_t must_s;		/* .. if this is not 0; set before the start */
};

void watchdog_init(struct domain *d);

/* The domain starts. */
void watchdog_start(struct domain *d);

/*
 * The guest sets one up (id 0), pokes it (id 1 .. WATCHDOG_COUNT) or ends it
 * (seconds 0). The new one's id, 0, -EINVAL (no such one, or none for no
 * time), -ENOSPC (all are used).
 */
MUST_CHECK int watchdog_op(struct domain *d, uint32_t id, uint32_t seconds);

/* No vCPU runs any more. */
void watchdog_stop(struct domain *d);

#endif
