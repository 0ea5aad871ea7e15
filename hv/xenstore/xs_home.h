/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every guest finds in XenStore: its home /local/domain/<domid> with the
 * customary nodes and permissions, and /vm/<uuid>. And the tie between a
 * struct domain and its ring.
 *
 * Locking: takes the store's lock.
 */
#ifndef XENSTORE_XS_HOME_H
#define XENSTORE_XS_HOME_H

#include "lib/types.h"

struct xs_home {
	unsigned int domid;
	const char *name;
	const char *uuid;		/* text, 36 characters */
	uint64_t memory_kib;		/* static-max and target */
	unsigned int vcpu_max;		/* cpu/<n>/availability */
	unsigned int vcpu_online;	/* the first so many are online */
	unsigned int store_port;
	uint64_t store_gfn;
	bool has_console;
	unsigned int console_port;
	uint64_t console_gfn;
};

/*
 * Make the nodes, all at once. The domain must have been added. Not for a
 * domain that runs. -ENOMEM, -EINVAL.
 */
MUST_CHECK int xs_home_create(const struct xs_home *h);

/* Remove /vm/<uuid>. The home goes in xs_domain_remove(). */
void xs_home_remove(unsigned int domid);

struct domain;

/*
 * Add `d` to the store and serve its ring: needs d->xenstore_page, sets
 * d->xs and d->xenstore_port. Before the domain is started. -ENOMEM, -ENOSPC,
 * -EEXIST.
 */
MUST_CHECK int xenstore_attach(struct domain *d);

/*
 * The opposite, with all that the store holds of the domain. Its vCPUs don't
 * run any more. Harmless if it was not attached.
 */
void xenstore_detach(struct domain *d);

#endif
