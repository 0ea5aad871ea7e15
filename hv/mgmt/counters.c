/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters by name. See mgmt/counters.h.
 */
#include "mgmt/counters.h"

#include "mem/frame.h"
#include "mgmt/mgmt_port.h"
#include "net/port.h"
#include "vm/domain.h"
#include "vm/mux.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/hypercall.h"
#include "xenstore/xenstore.h"

static_assert(NET_COUNTERS <= COUNTERS_MAX, "counters of ports");
static_assert(HC_MAX <= COUNTERS_MAX, "counters of hypercalls");

static unsigned int guests(struct counter *out)
{
	static const char *const kinds[EXIT_KINDS] = {
		"exits_hypercall", "exits_irq", "exits_wait", "exits_mmio",
		"exits_sysreg", "exits_firmware", "exits_other",
	};
	struct domain_totals s;
	unsigned int n = 0;

	domain_totals(&s);
	for (unsigned int k = 0; k < EXIT_KINDS; k++) {
		out[n++] = (struct counter){ kinds[k], s.exits[k] };
	}
	out[n++] = (struct counter){ "events_from_guests", s.events_sent };
	out[n++] = (struct counter){ "upcalls", s.upcalls };
	out[n++] = (struct counter){ "misuse", s.misuse };
	return n;
}

struct held {
	uint64_t domains;
	uint64_t ports;
	uint64_t pins;
	uint64_t pieces;
};

static void add_held(struct domain *d, void *ctx)
{
	struct held *h = ctx;
	struct grant_held grants;

	grant_held(d, &grants);
	h->domains++;
	h->ports += evtchn_count(d);
	h->pins += grants.pins;
	h->pieces += grants.pieces;
}

/* What is held for guests now, and what is left: these go down, too. */
static unsigned int held(struct counter *out)
{
	struct held h = { 0 };

	domain_for_each(add_held, &h);
	out[0] = (struct counter){ "domains", h.domains };
	out[1] = (struct counter){ "event_channels", h.ports };
	out[2] = (struct counter){ "pinned_pages", h.pins };
	out[3] = (struct counter){ "grants_in_use", h.pieces };
	out[4] = (struct counter){ "free_pages", frame_free_count() };
	return 5;
}

static unsigned int hypercalls(struct counter *out)
{
	unsigned int n = 0;

	for (unsigned int nr = 0; nr < HC_MAX; nr++) {
		if (hypercall_name(nr) != NULL) {
			out[n++] = (struct counter){ hypercall_name(nr), hypercall_count(nr) };
		}
	}
	return n;
}

static unsigned int stores(struct counter *out)
{
	struct xs_stats xs;
	struct mux_stats mux;
	unsigned int n = 0;

	xenstore_stats(&xs);
	out[n++] = (struct counter){ "xenstore_requests", xs.requests };
	out[n++] = (struct counter){ "xenstore_errors", xs.errors };
	out[n++] = (struct counter){ "xenstore_events", xs.events };
	out[n++] = (struct counter){ "xenstore_events_lost", xs.events_lost };
	out[n++] = (struct counter){ "xenstore_conflicts", xs.conflicts };
	out[n++] = (struct counter){ "xenstore_bad_conns", xs.bad_conns };
	out[n++] = (struct counter){ "xenstore_nodes", xs.node_count };
	out[n++] = (struct counter){ "xenstore_watches", xs.watch_count };
	out[n++] = (struct counter){ "ram_zeroed_in_advance", frame_scrubbed_total() };
	mux_get_stats(&mux);
	out[n++] = (struct counter){ "console_sent", mux.sent };
	out[n++] = (struct counter){ "console_lost", mux.lost };
	out[n++] = (struct counter){ "console_log_lost", mux.log_lost };
	out[n++] = (struct counter){ "console_input", mux.input };
	out[n++] = (struct counter){ "console_input_lost", mux.input_lost };
	return n;
}

static unsigned int management(struct counter *out)
{
	for (unsigned int i = 0; i < MGMT_COUNTERS; i++) {
		enum mgmt_counter c = (enum mgmt_counter)i;

		out[i] = (struct counter){ mgmt_counter_name(c), mgmt_counter(c) };
	}
	return MGMT_COUNTERS;
}

static unsigned int ports(struct counter *out)
{
	for (unsigned int i = 0; i < NET_COUNTERS; i++) {
		enum net_counter c = (enum net_counter)i;

		out[i] = (struct counter){ net_counter_name(c), net_count(c) };
	}
	return NET_COUNTERS;
}

bool counters_read(unsigned int group, struct counter *out, unsigned int *count)
{
	static unsigned int (*const groups[])(struct counter *out) = {
		guests, held, hypercalls, stores, management, ports,
	};

	if (group >= ARRAY_SIZE(groups)) {
		return false;
	}
	*count = groups[group](out);
	return true;
}
