/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies longer than a packet: a VM's description on its way to the node.
 */
#ifndef CLI_CLIENT_BLOB_H
#define CLI_CLIENT_BLOB_H

#include "client/session.h"

/* Put data there; *id names it then. 0, an enum mv_status, or SESSION_*. */
int blob_put(struct session *s, const void *data, size_t size, uint32_t *id);

#endif
