/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs for a node share: the session with the node that is meant,
 * and the telling of what went wrong.
 */
#ifndef CLI_VERB_TARGET_H
#define CLI_VERB_TARGET_H

#include "client/node.h"
#include "client/session.h"
#include "net/transport.h"
#include "out/json.h"
#include "util.h"
#include "verbs.h"

struct target {
	struct transport wire;
	struct session s;
};

/* Open the transport that was given. 0, or an exit status after telling. */
int wire_open(struct transport *t);

/*
 * Find the node that is meant and open a session with it; or, on a wire that
 * is open, a session with a node that was found. 0, or an exit status.
 */
int target_open(struct target *t);
int target_session(struct session *s, struct transport *wire,
		   const struct node *n);
void target_close(struct target *t);

/*
 * Say that `what` (like "destroy web") failed with `err` of the client
 * library; the exit status.
 */
int tell_failure(const struct session *s, const char *what, int err);

/* {"schema":1,"node":NAME,"node_id":ID and nothing more yet. */
void json_begin(struct json *j, const struct node *n);
void json_node(struct json *j, const struct node *n);

/* The end of it. */
void json_finish(struct json *j);

/* `what` was done to `object`: nothing in text, an object in JSON. */
void tell_done(const struct session *s, const char *what, const char *object);

/* True (after telling) if there are options that `verb` doesn't know. */
bool has_options(const struct verb *verb, int argc, char **argv);

#endif
