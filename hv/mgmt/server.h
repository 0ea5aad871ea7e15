/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server: packets become requests, requests are handed to the
 * function of their verb, and what that writes becomes the reply.
 *
 * Everything runs as deferred work, of which one instance exists at a time, with no lock
 * held. A verb's function does a bounded piece (about 50 microseconds) and
 * keeps nothing of the call. VMs, domains and ports that it looks up are
 * good until it returns.
 */
#ifndef MGMT_SERVER_H
#define MGMT_SERVER_H

#include "lib/fmt.h"
#include "mgmt/mgmt.h"
#include "mgmt/session.h"

#define MGMT_BATCH	16U		/* packets in one piece of work */

struct vm;
struct domain;

/* One request. */
struct mgmt_call {
	struct session *session;
	uint32_t id;
	uint16_t verb;
	const uint8_t *body;		/* of the request; private, at least verb->least bytes */
	size_t size;
	uint8_t *out;			/* the reply's body .. */
	size_t room;
	size_t used;			/* .. so far */
	bool silent;			/* no reply is wanted */
};

struct mgmt_verb {
	uint16_t verb;
	bool changes;			/* done once for each request id */
	uint16_t least;			/* bytes of the request's body */
	enum mv_status (*fn)(struct mgmt_call *c);
};

/* The tables of verbs, one for each file; each ends with a NULL fn. */
extern const struct mgmt_verb mgmt_node_verbs[];
extern const struct mgmt_verb mgmt_vm_verbs[];
extern const struct mgmt_verb mgmt_net_verbs[];
extern const struct mgmt_verb mgmt_stream_verbs[];
extern const struct mgmt_verb mgmt_create_verbs[];
extern const struct mgmt_verb mgmt_life_verbs[];
extern const struct mgmt_verb mgmt_image_verbs[];
extern const struct mgmt_verb mgmt_vif_verbs[];
extern const struct mgmt_verb mgmt_vbd_verbs[];

/* The node's own data, constant after mgmt_init(). */
const struct mgmt_config *mgmt_node(void);
uint64_t mgmt_boot_id(void);

/* --- for the functions of verbs -------------------------------------------- */

/* `size` zeroed bytes of the reply's body, or NULL if they don't fit. */
void *mgmt_out(struct mgmt_call *c, size_t size);

/* Answer with an error and a line of text in place of a body. */
enum mv_status mgmt_refuse(struct mgmt_call *c, enum mv_status status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The same for an error number. */
enum mv_status mgmt_refuse_err(struct mgmt_call *c, int err, const char *what);

/*
 * A list: begin with the request's cursor, add entries (NULL: no more fit), and
 * say where the next request begins (0: that was all).
 */
struct mv_list *mgmt_list_begin(struct mgmt_call *c, uint32_t *cursor, uint32_t *arg);
void *mgmt_list_add(struct mgmt_call *c, struct mv_list *l, size_t size);
void mgmt_list_end(struct mv_list *l, uint32_t next);

/* The VM that a request names; NULL: answer *status. */
struct vm *mgmt_vm(struct mgmt_call *c, const struct mv_vm_ref *ref, enum mv_status *status);

/* The domain of a VM that runs or is paused; NULL: answer *status. */
struct domain *mgmt_running(struct mgmt_call *c, const struct vm *vm, enum mv_status *status);

/* Send the reply as it is now as part `part` of `parts`, and begin the next one. */
void mgmt_reply_part(struct mgmt_call *c, unsigned int part, unsigned int parts);

#endif
