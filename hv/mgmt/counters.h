/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's counters by name, for the prompt and for clients.
 *
 * Locking: none; counters are read while they are counted.
 */
#ifndef MGMT_COUNTERS_H
#define MGMT_COUNTERS_H

#include "lib/types.h"

#define COUNTERS_MAX	64U		/* of one group */

struct counter {
	const char *name;
	uint64_t value;
};

/*
 * The counters of group 0, 1, .. to `out` (COUNTERS_MAX of them); how many they are.
 * False if there is no such group.
 */
bool counters_read(unsigned int group, struct counter *out, unsigned int *count);

#endif
