/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: two guests and the hypervisor open, bind, send and close in
 * any order and with any argument. Then the tables must be whole: both ends
 * of a channel name each other, and everything is freed at the end.
 */
#include <stdlib.h>

#include "harness.h"
#include "lib/bits.h"
#include "unit/xen_guest.h"
#include "xen/evtchn.h"

#define SMALL_PORTS	8U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(void *ctx)
{
	struct domain *d = ctx;

	evtchn_notify(d, 1);
}

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

static void check_ends(struct domain *d, struct domain *other)
{
	struct evtchn_status st = { .dom = DOMID_SELF };

	for (st.port = 1; st.port < 2 * SMALL_PORTS; st.port++) {
		struct evtchn_status far = { .dom = DOMID_SELF };
		unsigned int dom;

		require(xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &st,
			      sizeof(st)) == 0);
		dom = st.u.interdomain.dom;
		if (st.status != EVTCHNSTAT_INTERDOMAIN || dom == DOMID_HV) {
			continue;
		}
		far.port = st.u.interdomain.port;
		require(dom == d->id || dom == other->id);
		require(xg_op(dom == d->id ? d->vcpus[0] : other->vcpus[0], HC_EVENT_CHANNEL_OP,
			      EVTCHNOP_STATUS, &far, sizeof(far)) == 0);
		require(far.status == EVTCHNSTAT_INTERDOMAIN && far.u.interdomain.dom == d->id &&
			far.u.interdomain.port == st.port);
	}
}

/* One step of five bytes: who and what, then words of the argument. */
static void step(struct domain *d, struct domain *other, const uint8_t *s)
{
	unsigned int port = s[1] % (2 * SMALL_PORTS);
	uint32_t arg[6] = { s[1], s[2], s[3], s[4] };

	switch (s[0] >> 1 & 15) {
	case 10:
		(void)!evtchn_alloc_hv(d, on_event, d, &port);
		break;
	case 11:
		(void)!evtchn_bind_hv(d, port, on_event, d);
		break;
	case 12:
		evtchn_unbind_hv(d, port, d);
		break;
	case 13:
		evtchn_notify(d, s[1] | (uint32_t)s[2] << 8);
		break;
	case 14:
		bitmap_set(xg_shared(d)->evtchn_mask, port);
		bitmap_clear(xg_shared(d)->evtchn_pending, port);
		break;
	case EVTCHNOP_BIND_INTERDOMAIN:
		arg[0] = s[2] & 1 ? d->id : other->id;
		arg[1] = port;
		xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_INTERDOMAIN, arg, 12);
		break;
	case EVTCHNOP_ALLOC_UNBOUND:
		arg[0] = DOMID_SELF | (s[2] & 3 ? d->id + other->id - d->id * (s[2] & 1) : 0) << 16;
		xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_ALLOC_UNBOUND, arg, 8);
		break;
	default:
		xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, s[0] >> 1 & 15, arg, sizeof(arg));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool booted;
	struct domain *d[2];

	/* One machine for all: host_finish() checks that nothing is left. */
	if (!booted) {
		host_reset();
		booted = true;
	}
	d[0] = host_domain_create(8, 2);
	d[1] = host_domain_create(8, 1);
	xg_start(d[0]);
	xg_start(d[1]);
	for (size_t i = 0; i + 5 <= size && i < 5 * 200; i += 5) {
		step(d[data[i] & 1], d[~data[i] & 1], data + i);
	}
	check_ends(d[0], d[1]);
	check_ends(d[1], d[0]);
	/* The order of their ends must not matter either. */
	host_domain_destroy(d[size & 1]);
	check_ends(d[~size & 1], d[~size & 1]);
	host_finish();
	return 0;
}
