/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs that run until they are told to stop.
 */
#ifndef CLI_STOP_H
#define CLI_STOP_H

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP only set a flag; no SIGPIPE. */
void stop_on_signals(void);
bool stop_wanted(void);

#endif
