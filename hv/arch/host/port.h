/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the host port share among themselves.
 */
#ifndef HOST_PORT_H
#define HOST_PORT_H

#include "lib/types.h"

/* A variable that host_reset() leaves alone. */
#define HOST_KEEP SECTION("host_keep")

/* Map RAM if that wasn't done yet, else make it all zero. */
void host_ram_reset(void);

/* Start the core's modules; the only file that knows them all. */
void host_machine_boot(unsigned int cpu_total);

/* Set the alarm of every CPU to never, and the time to its start. */
void host_clock_reset(void);

/* Whether several threads act as CPUs. */
bool host_has_threads(void);

/* The earliest alarm of all CPUs and whose it is. */
uint64_t host_next_alarm(unsigned int *id);

/* True if an alarm of CPU `id` is due; it is off then. */
bool host_take_alarm(unsigned int id);

#endif
