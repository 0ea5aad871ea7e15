/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spin locks with ranks.
 *
 * A CPU takes locks in rising rank only; debug and host builds check it.
 * Interrupts are masked in the hypervisor, so there is one kind of lock.
 * A lock is never held into a guest, while waiting, or over a call into
 * another module's callback. docs/locking.md explains the order.
 */
#ifndef KERN_LOCK_H
#define KERN_LOCK_H

#include <stdatomic.h>

#include "lib/types.h"
#include <arch/cpu.h>

enum lock_rank {
	LOCK_NONE,
	LOCK_DOMAIN_LIST,	/* the list of domains */
	LOCK_DOMAIN,		/* a domain's life cycle */
	LOCK_XENBUS,		/* a PV device's state machine */
	LOCK_XENSTORE,		/* the whole store */
	LOCK_NET_CONFIG,	/* ports, VLANs */
	LOCK_NET_DEVICE,	/* registers of a virtio device */
	LOCK_NET_TX,		/* a vif queue, frames from the guest */
	LOCK_BLK_CONFIG,	/* volumes and targets */
	LOCK_BLK_QUEUE,		/* a vbd queue's ring */
	LOCK_BLK_TARGET,	/* a block target and its volumes' queues */
	LOCK_NET_FDB,
	LOCK_NET_RX,		/* a vif queue, frames to the guest */
	LOCK_NET_CAPTURE,	/* a capture's ring */
	LOCK_CONSOLE,		/* a PV console's rings */
	LOCK_EVTCHN,		/* all event channels' bindings */
	LOCK_GRANT,		/* a domain's grant table */
	LOCK_P2M,		/* a domain's stage-2 tables */
	LOCK_VIRQ,		/* hardware tags of domains */
	LOCK_RANDOM,
	LOCK_HEAP,
	LOCK_FRAME,
	LOCK_SCHED,
	LOCK_TIMER,		/* a CPU's timers */
	LOCK_QUIESCE,
	LOCK_LOG,
	LOCK_UART,
};

struct spinlock {
	_Atomic uint32_t held;
	enum lock_rank rank;
};

#define SPINLOCK_INIT(r) { .rank = (r) }

static inline void spin_init(struct spinlock *l, enum lock_rank rank)
{
	atomic_init(&l->held, 0);
	l->rank = rank;
}

#ifdef LOCK_CHECK
void lock_check_take(const struct spinlock *l, bool try);
void lock_check_drop(const struct spinlock *l);
#else
static inline void lock_check_take(const struct spinlock *l, bool try)
{
	(void)l;
	(void)try;
}

static inline void lock_check_drop(const struct spinlock *l)
{
	(void)l;
}
#endif

static inline bool spin_try(struct spinlock *l)
{
	uint32_t free = 0;

	/* Acquire: pairs with the release in spin_unlock(). */
	return atomic_compare_exchange_weak_explicit(&l->held, &free, 1, memory_order_acquire,
						     memory_order_relaxed);
}

/*
 * No tickets: where the machine's CPUs are an emulator's threads, the one
 * whose turn it is may not be running, and all others would wait for it.
 */
static inline void spin_lock(struct spinlock *l)
{
	lock_check_take(l, false);
	while (!spin_try(l)) {
		while (atomic_load_explicit(&l->held, memory_order_relaxed) != 0) {
			arch_relax();
		}
	}
}

static inline bool spin_trylock(struct spinlock *l)
{
	if (!spin_try(l)) {
		return false;
	}
	lock_check_take(l, true);
	return true;
}

static inline void spin_unlock(struct spinlock *l)
{
	lock_check_drop(l);
	atomic_store_explicit(&l->held, 0, memory_order_release);
}

static inline bool spin_is_locked(struct spinlock *l)
{
	return atomic_load_explicit(&l->held, memory_order_relaxed) != 0;
}

#endif
