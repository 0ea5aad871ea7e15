/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check of XenStore's books for unit tests and fuzz targets: counts anew all
 * that the store counts, and looks every node up.
 */
#ifndef TESTS_XS_BOOKS_H
#define TESTS_XS_BOOKS_H

#include "xenstore/xs_internal.h"

static inline bool txns_wrong(const struct xs_domain *d)
{
	const struct xs_txn *t;
	uint32_t txns = 0;

	list_for_each(t, &d->txns, by_dom) {
		uint32_t shadows = 0;
		uint32_t created = 0;

		for (struct xs_shadow *sh = t->root; sh;
		     sh = shadow_next(sh, t->root)) {
			shadows++;
			created += (sh->flags & SH_NEW) != 0;
			if ((sh->flags & SH_NEW) && !sh->copy) {
				return true;
			}
		}
		if (t->shadow_count != shadows || t->created != created) {
			return true;
		}
		txns++;
	}
	return d->txn_count != txns;
}

static inline bool events_wrong(const struct xs_domain *d)
{
	const struct xs_event *e;
	const struct xs_watch *w;
	uint32_t events = 0;
	uint32_t watches = 0;

	list_for_each(e, &d->events, queue) {
		if (e->watch->dom != d) {
			return true;
		}
		events++;
	}
	list_for_each(w, &d->watches, by_dom) {
		watches++;
	}
	return d->event_count != events || d->watch_count != watches;
}

/* Committed nodes of each domain; false if one can't be found or is no one's. */
static inline bool count_nodes(uint32_t owned[XS_DOMAIN_MAX], uint32_t *total)
{
	for (struct xs_node *n = xs_root; n; n = node_next(n, xs_root)) {
		if (!n->owner || n->owner != xs_dom_find(n->perms[0].domid)) {
			return false;
		}
		if (n->parent && node_child(n->parent, n->name, n->name_len,
					    n->hash) != n) {
			return false;
		}
		owned[n->owner->id]++;
		*total += 1;
	}
	return true;
}

/* Memory may pass the quota by what others' commits leave to an owner. */
#define BOOKS_SLACK (64U * 1024U)

/* What is wrong, or NULL. */
static inline const char *books_wrong(void)
{
	uint32_t owned[XS_DOMAIN_MAX] = { 0 };
	uint32_t total = 0;

	if (!count_nodes(owned, &total)) {
		return "a node's owner or place";
	}
	if (total != xs_stats.node_count) {
		return "count of all nodes";
	}
	for (unsigned int i = 0; i < XS_DOMAIN_MAX; i++) {
		const struct xs_domain *d = xs_domains[i];

		if (!d) {
			continue;
		}
		if (d->node_count != owned[i]) {
			return "count of a domain's nodes";
		}
		if (txns_wrong(d)) {
			return "transactions";
		}
		if (events_wrong(d)) {
			return "watches or events";
		}
		if (i > 0 && d->mem > XS_QUOTA_MEMORY + BOOKS_SLACK) {
			return "memory quota";
		}
	}
	return NULL;
}

#endif
