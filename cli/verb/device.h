/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs for the devices of a VM, vifs and disks, have in common.
 */
#ifndef CLI_VERB_DEVICE_H
#define CLI_VERB_DEVICE_H

#include "client/list.h"
#include "client/session.h"
#include "out/record.h"
#include "verbs.h"

struct device_kind {
	uint16_t attach, detach, list;	/* verbs of the protocol */
	size_t size;			/* of an entry of the list */
	const struct record_kind *record;
	const char *one, *many;		/* in JSON */
	/* Tell what an attach made, in text. */
	void (*show)(const void *made);
};

/*
 * Request the attach with the verb's body, for the VM called `name`, and show
 * what was made. An exit status.
 */
int device_attach(const struct device_kind *k, const char *name, const void *body,
		  size_t len);

/* Request the detach in an open session. An exit status. */
int device_detach(const struct device_kind *k, struct session *s,
		  const struct verb *verb, const char *name, const void *body,
		  size_t len);

/* All devices of a VM. 0, or an exit status after telling. */
int device_fetch(const struct device_kind *k, struct session *s, const char *name,
		 struct list *l);

/* The whole of a verb that lists them. */
int device_list(const struct device_kind *k, const struct verb *verb, int argc,
		char **argv);

#endif
