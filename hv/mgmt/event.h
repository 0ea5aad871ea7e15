/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens on the node, as a stream of struct mv_event.
 *
 * Locking: a lock of rank LOCK_LOG; any context.
 */
#ifndef MGMT_EVENT_H
#define MGMT_EVENT_H

#include "lib/types.h"
#include "mv/proto.h"

#define EVENT_KEPT	256U

void event_add(enum mv_event_kind kind, unsigned int arg, uint32_t object, const char *name);

/* From an offset on, whole events only; otherwise as log_read_at(). */
size_t event_read_at(uint64_t *offset, void *buf, size_t size, uint64_t *oldest, uint64_t *end);

/* Hear of VMs and images. Boot only. -ENOMEM. */
MUST_CHECK int event_init(void);
void event_stop(void);

#endif
