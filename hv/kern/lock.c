/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check of the lock order, in debug and host builds.
 */
#include "kern/lock.h"

#ifdef LOCK_CHECK
#include "kern/cpu.h"
#include "kern/log.h"

void lock_check_take(const struct spinlock *l, bool try)
{
	struct cpu *c = this_cpu();
	unsigned int n = c->held_count;

	if (l->rank == LOCK_NONE) {
		panic("lock %p was not initialised", (const void *)l);
	}
	if (!try && n > 0 && c->held[n - 1]->rank >= l->rank) {
		const struct spinlock *top = c->held[n - 1];

		c->held_count = 0;
		panic("lock order: rank %d wanted, rank %d held", (int)l->rank, (int)top->rank);
	}
	if (n == LOCK_HELD_MAX) {
		panic("%u locks held", n);
	}
	c->held[n] = l;
	c->held_count = n + 1;
}

void lock_check_drop(const struct spinlock *l)
{
	struct cpu *c = this_cpu();
	unsigned int n = c->held_count;

	for (unsigned int i = n; i-- > 0;) {
		if (c->held[i] == l) {
			for (; i + 1 < n; i++) {
				c->held[i] = c->held[i + 1];
			}
			c->held_count = n - 1;
			return;
		}
	}
	panic("lock of rank %d dropped but not held", (int)l->rank);
}
#endif
