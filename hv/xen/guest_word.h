/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that the hypervisor and a guest change at the same time: event bits,
 * flags of grants.
 *
 * On CPUs that change memory by exclusive loads and stores, a guest that writes
 * the same place without end could keep an atomic operation from ending
 * (XSA-295). So attempts are counted, and a guest that is faster each time ends.
 *
 * Locking: none.
 */
#ifndef XEN_GUEST_WORD_H
#define XEN_GUEST_WORD_H

#include "vm/domain.h"
#include <arch/cpu.h>

/* Far more than other vCPUs that use the word as they should can cause. */
#define GUEST_WORD_TRIES 1000U

/*
 * Clear and set bits of a word that `d` shares; *old is what it was before.
 * Sequentially consistent. False: it couldn't be done, and `d` ends soon. Locks
 * may be held.
 */
static inline bool guest_word_change(struct domain *d, uint64_t *word, uint64_t clear,
				     uint64_t set, uint64_t *old)
{
	_Atomic uint64_t *w = (_Atomic uint64_t *)word;

	*old = atomic_load_explicit(w, memory_order_relaxed);
	for (unsigned int i = 0; i < GUEST_WORD_TRIES; i++) {
		if (likely(arch_word_try(w, old, (*old & ~clear) | set))) {
			return true;
		}
	}
	domain_crash_soon(d, "it keeps a shared word from being changed");
	return false;
}

#endif
