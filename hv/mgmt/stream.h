/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: rings of bytes that clients read by offset.
 *
 * Locking: belongs to the server's work; the rings have their own locks.
 */
#ifndef MGMT_STREAM_H
#define MGMT_STREAM_H

#include "mgmt/session.h"

/*
 * Whether a watched stream grew beyond what the session was told of; *out is
 * what to tell it then.
 */
bool stream_grew(struct session_watch *w, struct mv_notify *out);

#endif
