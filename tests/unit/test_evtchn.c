/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen/evtchn.
 */
#include "unit/unit.h"

#include <pthread.h>

#include "lib/bits.h"
#include "mem/frame.h"
#include "unit/xen_guest.h"
#include "xen/evtchn.h"

static unsigned int calls;
static void *last_ctx;

static void on_event(void *ctx)
{
	calls++;
	last_ctx = ctx;
}

static struct domain *guest_make(unsigned int vcpus)
{
	struct domain *d = host_domain_create(16, vcpus);

	calls = 0;
	last_ctx = NULL;
	xg_start(d);
	return d;
}

static bool pending(struct domain *d, unsigned int port)
{
	return bitmap_test(xg_shared(d)->evtchn_pending, port);
}

static void register_info(struct vcpu *v, uint64_t gfn)
{
	struct vcpu_register_info op = { .gfn = gfn };

	host_write(v->domain, XG_ARG, &op, sizeof(op));
	assert_int_equal(host_hypercall(v->domain->vcpus[0], HC_VCPU_OP,
					VCPUOP_REGISTER_VCPU_INFO, v->id, XG_ARG), 0);
}

/* What the guest's handler does with its vcpu_info. */
static uint64_t take_sel(struct vcpu_info *vi)
{
	uint64_t sel = vi->pending_sel;

	vi->upcall_pending = 0;
	vi->pending_sel = 0;
	return sel;
}

static void test_alloc_all_ports(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];

	unsigned int first = (unsigned int)xg_alloc_unbound(v, DOMID_HV);

	/* The console and XenStore have theirs from the start. */
	assert_in_range(first, 1, 3);
	for (unsigned int n = first + 1; n < EVTCHN_MAX; n++) {
		assert_int_equal(xg_alloc_unbound(v, DOMID_HV), n);
	}
	assert_int_equal(xg_alloc_unbound(v, DOMID_HV), -ENOSPC);
	assert_int_equal(evtchn_count(d), EVTCHN_MAX - 1);
	assert_int_equal(xg_port_op(v, EVTCHNOP_CLOSE, 777), 0);
	assert_int_equal(evtchn_count(d), EVTCHN_MAX - 2);
	assert_int_equal(xg_alloc_unbound(v, DOMID_HV), 777);
}

static void test_limit(void **state)
{
	struct domain *d = guest_make(1);

	evtchn_set_limit(d, 5);
	while (xg_alloc_unbound(d->vcpus[0], DOMID_HV) < 4) {
	}
	assert_int_equal(xg_alloc_unbound(d->vcpus[0], DOMID_HV), -ENOSPC);
}

static void test_alloc_arguments(void **state)
{
	struct domain *d = guest_make(1);
	struct evtchn_alloc_unbound op = { .dom = (uint16_t)d->id, .remote_dom = 0 };

	assert_int_equal(xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_ALLOC_UNBOUND, &op,
			       sizeof(op)), 0);
	op.dom = (uint16_t)(d->id + 1);
	assert_int_equal(xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_ALLOC_UNBOUND, &op,
			       sizeof(op)), -EPERM);
}

static void test_send(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	unsigned int port;
	int ctx;

	assert_int_equal(evtchn_alloc_hv(d, on_event, &ctx, &port), 0);
	assert_int_not_equal(port, 0);
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, port), 0);
	assert_int_equal(calls, 1);
	assert_ptr_equal(last_ctx, &ctx);
	assert_int_equal(d->stats.events_sent, 1);
	assert_false(pending(d, port));

	/* Nobody at the other end: silently nothing. */
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, (unsigned int)xg_alloc_unbound(v, 0)), 0);
	assert_int_equal(calls, 1);
}

static void test_wrong_ports(void **state)
{
	static const unsigned int wrong[] = { 0, 5, 300, EVTCHN_MAX, UINT32_MAX };
	static const uint64_t ops[] = { EVTCHNOP_SEND, EVTCHNOP_CLOSE, EVTCHNOP_UNMASK };
	struct domain *d = guest_make(1);
	unsigned int count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		for (size_t n = 0; n < ARRAY_SIZE(ops); n++) {
			assert_int_equal(xg_port_op(d->vcpus[0], ops[n], wrong[i]), -EINVAL);
			assert_int_equal(d->stats.misuse, ++count);
		}
		evtchn_notify(d, wrong[i]);
		assert_int_equal(evtchn_bind_hv(d, wrong[i], on_event, NULL), -EINVAL);
		evtchn_unbind_hv(d, wrong[i], NULL);
	}
	for (unsigned int w = 0; w < EVTCHN_WORDS; w++) {
		assert_int_equal(xg_shared(d)->evtchn_pending[w], 0);
	}
}

static void test_close(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	unsigned int port;

	/* The guest may close a port of the hypervisor's. */
	assert_int_equal(evtchn_alloc_hv(d, on_event, d, &port), 0);
	evtchn_notify(d, port);
	assert_true(pending(d, port));
	assert_int_equal(xg_port_op(v, EVTCHNOP_CLOSE, port), 0);
	assert_false(pending(d, port));
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, port), -EINVAL);
	assert_int_equal(calls, 0);

	/* The hypervisor does not know yet; the next owner hears nothing. */
	evtchn_notify(d, port);
	assert_false(pending(d, port));
	xg_shared(d)->evtchn_pending[0] |= BIT(port);
	assert_int_equal(xg_alloc_unbound(v, DOMID_HV), port);
	assert_false(pending(d, port));
	evtchn_notify(d, port);
	evtchn_unbind_hv(d, port, d);
	assert_false(pending(d, port));
	assert_int_equal(evtchn_bind_hv(d, port, on_event, d), 0);
}

static void test_deliver(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	struct shared_info *si = xg_shared(d);
	struct vcpu_info *vi = &si->vcpu_info[0];
	unsigned int port[130];

	for (unsigned int i = 0; i < ARRAY_SIZE(port); i++) {
		assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port[i]), 0);
	}
	(void)host_take_upcall(v);
	evtchn_notify(d, port[0]);
	assert_true(pending(d, port[0]));
	assert_int_equal(vi->pending_sel, 1);
	assert_int_equal(vi->upcall_pending, 1);
	assert_true(host_take_upcall(v));

	/* The same again, and another while the guest has not looked. */
	evtchn_notify(d, port[0]);
	evtchn_notify(d, port[129]);
	assert_int_equal(vi->pending_sel, BIT(0) | BIT(2));
	assert_false(host_take_upcall(v));

	/* The guest looked, but left a bit: not told again. */
	assert_int_equal(take_sel(vi), 5);
	evtchn_notify(d, port[0]);
	assert_int_equal(vi->pending_sel, 0);
	assert_false(host_take_upcall(v));
	bitmap_clear(si->evtchn_pending, port[0]);
	evtchn_notify(d, port[0]);
	assert_true(host_take_upcall(v));
}

static void test_mask(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	struct shared_info *si = xg_shared(d);
	unsigned int port;

	assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port), 0);
	memset(si->evtchn_mask, 0xff, sizeof(si->evtchn_mask));
	evtchn_notify(d, port);
	assert_true(pending(d, port));
	assert_int_equal(si->vcpu_info[0].pending_sel, 0);
	assert_false(host_take_upcall(v));

	assert_int_equal(xg_port_op(v, EVTCHNOP_UNMASK, port), 0);
	assert_false(bitmap_test(si->evtchn_mask, port));
	assert_true(bitmap_test(si->evtchn_mask, port + 1));
	assert_int_equal(take_sel(&si->vcpu_info[0]), 1);
	assert_true(host_take_upcall(v));

	/* The mask was clear already: nothing, though the bit is pending. */
	assert_int_equal(xg_port_op(v, EVTCHNOP_UNMASK, port), 0);
	assert_false(host_take_upcall(v));

	/* Masked, but not pending. */
	bitmap_clear(si->evtchn_pending, port);
	bitmap_set(si->evtchn_mask, port);
	assert_int_equal(xg_port_op(v, EVTCHNOP_UNMASK, port), 0);
	assert_false(host_take_upcall(v));
	assert_int_equal(si->vcpu_info[0].pending_sel, 0);
}

static void test_before_shared_info(void **state)
{
	struct domain *d = host_domain_create(16, 1);
	unsigned int port;

	assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port), 0);
	calls = 0;
	assert_int_equal(xg_port_op(d->vcpus[0], EVTCHNOP_SEND, port), 0);
	assert_int_equal(calls, 1);
	evtchn_notify(d, port);
	assert_true(evtchn_is_pending(d, port));

	/* What was pending shows when the page is mapped. */
	xg_start(d);
	assert_true(pending(d, port));
	assert_int_equal(xg_shared(d)->vcpu_info[0].upcall_pending, 1);
}

static void test_vcpu_info(void **state)
{
	struct domain *d = guest_make(2);
	struct evtchn_bind_vcpu bind = { .vcpu = 1 };
	struct vcpu_info *vi;
	unsigned int port;

	assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port), 0);
	bind.port = port;
	assert_int_equal(xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind,
			       sizeof(bind)), 0);
	/* vCPU 1 has no place for the news yet. */
	evtchn_notify(d, port);
	assert_true(pending(d, port));
	assert_false(host_take_upcall(d->vcpus[1]));
	register_info(d->vcpus[1], HOST_GUEST_GFN + 4);
	vi = host_page(d, HOST_GUEST_GFN + 4);
	assert_int_equal(vi->upcall_pending, 1);
	assert_true(take_sel(vi) == UINT64_MAX);
	assert_true(host_take_upcall(d->vcpus[1]));

	/* From now on in its own, and vCPU 0's does not change. */
	bitmap_clear(xg_shared(d)->evtchn_pending, port);
	evtchn_notify(d, port);
	assert_int_equal(take_sel(vi), 1);
	assert_true(host_take_upcall(d->vcpus[1]));
	assert_int_equal(xg_shared(d)->vcpu_info[0].pending_sel, 0);
	assert_false(host_take_upcall(d->vcpus[0]));

	/* vCPU 0 leaves the one in shared_info. */
	register_info(d->vcpus[0], HOST_GUEST_GFN + 5);
	vi = host_page(d, HOST_GUEST_GFN + 5);
	assert_true(take_sel(vi) == UINT64_MAX);
	assert_true(host_take_upcall(d->vcpus[0]));
	bind.vcpu = 0;
	assert_int_equal(xg_op(d->vcpus[0], HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind,
			       sizeof(bind)), 0);
	bitmap_clear(xg_shared(d)->evtchn_pending, port);
	evtchn_notify(d, port);
	assert_int_equal(take_sel(vi), 1);
	assert_int_equal(xg_shared(d)->vcpu_info[0].pending_sel, 0);
}

static void test_bind_vcpu(void **state)
{
	struct domain *d = guest_make(2);
	struct vcpu *v = d->vcpus[0];
	struct evtchn_bind_ipi ipi = { .vcpu = 1 };
	struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG, .vcpu = 1 };
	struct evtchn_bind_vcpu bind = { .vcpu = 2 };

	bind.port = (uint32_t)xg_alloc_unbound(v, DOMID_HV);
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind, sizeof(bind)),
			 -ENOENT);
	bind.vcpu = UINT32_MAX;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind, sizeof(bind)),
			 -ENOENT);
	bind.vcpu = 0;
	bind.port = 99;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind, sizeof(bind)),
			 -EINVAL);

	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_IPI, &ipi, sizeof(ipi)), 0);
	bind.port = ipi.port;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind, sizeof(bind)),
			 -EINVAL);
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 0);
	bind.port = virq.port;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind, sizeof(bind)),
			 -EINVAL);
}

static void test_reused_port_is_of_vcpu_0(void **state)
{
	struct domain *d = guest_make(2);
	struct vcpu *v = d->vcpus[0];
	struct evtchn_bind_vcpu bind = { .vcpu = 1 };
	struct evtchn_status st = { .dom = DOMID_SELF };

	bind.port = (uint32_t)xg_alloc_unbound(v, DOMID_HV);
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VCPU, &bind, sizeof(bind)),
			 0);
	st.port = bind.port;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &st, sizeof(st)), 0);
	assert_int_equal(st.vcpu, 1);
	assert_int_equal(xg_port_op(v, EVTCHNOP_CLOSE, bind.port), 0);
	assert_int_equal(xg_alloc_unbound(v, DOMID_HV), bind.port);
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &st, sizeof(st)), 0);
	assert_int_equal(st.vcpu, 0);
}

static void test_bind_hv(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	unsigned int port = (unsigned int)xg_alloc_unbound(v, DOMID_HV);
	unsigned int other = (unsigned int)xg_alloc_unbound(v, d->id);
	int a, b;

	evtchn_notify(d, port);			/* not bound: nothing */
	assert_false(pending(d, port));
	assert_int_equal(evtchn_bind_hv(d, other, on_event, &a), -EINVAL);
	assert_int_equal(evtchn_bind_hv(d, port, on_event, &a), 0);
	assert_false(pending(d, port));
	assert_int_equal(evtchn_bind_hv(d, port, on_event, &b), -EINVAL);
	evtchn_unbind_hv(d, port, &b);		/* not its own */
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, port), 0);
	assert_ptr_equal(last_ctx, &a);

	evtchn_unbind_hv(d, port, &a);
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, port), 0);
	assert_int_equal(calls, 1);
	assert_int_equal(evtchn_bind_hv(d, port, on_event, &b), 0);
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, port), 0);
	assert_ptr_equal(last_ctx, &b);
}

struct self_unbind {
	struct domain *d;
	unsigned int port;
};

static void unbind_self(void *ctx)
{
	struct self_unbind *s = ctx;

	evtchn_unbind_hv(s->d, s->port, s);
	calls++;
}

static void test_unbind_in_the_call(void **state)
{
	struct domain *d = guest_make(1);
	struct self_unbind s = { .d = d };

	assert_int_equal(evtchn_alloc_hv(d, unbind_self, &s, &s.port), 0);
	assert_int_equal(xg_port_op(d->vcpus[0], EVTCHNOP_SEND, s.port), 0);
	assert_int_equal(xg_port_op(d->vcpus[0], EVTCHNOP_SEND, s.port), 0);
	assert_int_equal(calls, 1);
}

static long bind_inter(struct vcpu *v, unsigned int rdom, unsigned int rport)
{
	struct evtchn_bind_interdomain op = {
		.remote_dom = (uint16_t)rdom, .remote_port = rport,
	};
	long ret = xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_INTERDOMAIN, &op, sizeof(op));

	return ret == 0 ? (long)op.local_port : ret;
}

static void test_interdomain(void **state)
{
	struct domain *a = guest_make(1);
	struct domain *b = guest_make(1);
	unsigned int pa, pb, p;

	/* Different numbers at the two ends. */
	p = (unsigned int)xg_alloc_unbound(a->vcpus[0], DOMID_HV);
	pa = (unsigned int)xg_alloc_unbound(a->vcpus[0], b->id);
	assert_int_equal(pa, p + 1);
	assert_int_equal(bind_inter(b->vcpus[0], a->id, p), -EINVAL);
	assert_int_equal(bind_inter(b->vcpus[0], a->id, 50), -EINVAL);
	assert_int_equal(bind_inter(b->vcpus[0], a->id, a->console_port), -EINVAL);
	assert_int_equal(bind_inter(b->vcpus[0], 200, pa), -EINVAL);
	assert_int_equal(bind_inter(b->vcpus[0], DOMID_HV, pa), -EINVAL);
	assert_int_equal(bind_inter(a->vcpus[0], a->id, pa), -EINVAL);
	pb = (unsigned int)bind_inter(b->vcpus[0], a->id, pa);
	assert_int_equal(pb, p);
	assert_true(pending(b, pb));		/* once, for what was lost */
	assert_false(pending(a, pa));
	assert_int_equal(bind_inter(b->vcpus[0], a->id, pa), -EINVAL);

	bitmap_clear(xg_shared(b)->evtchn_pending, pb);
	assert_int_equal(xg_port_op(b->vcpus[0], EVTCHNOP_SEND, pb), 0);
	assert_true(pending(a, pa));
	assert_false(pending(b, pb));
	assert_int_equal(xg_port_op(a->vcpus[0], EVTCHNOP_SEND, pa), 0);
	assert_true(pending(b, pb));

	/* One end closes: the other is unbound for it again. */
	assert_int_equal(xg_port_op(b->vcpus[0], EVTCHNOP_CLOSE, pb), 0);
	assert_int_equal(xg_port_op(a->vcpus[0], EVTCHNOP_SEND, pa), 0);
	assert_false(pending(b, pb));
	pb = (unsigned int)bind_inter(b->vcpus[0], a->id, pa);
	assert_int_equal(pb, p);

	/* And so it does when the other domain dies. */
	host_domain_destroy(b);
	assert_int_equal(xg_port_op(a->vcpus[0], EVTCHNOP_SEND, pa), 0);
	assert_int_equal(xg_port_op(a->vcpus[0], EVTCHNOP_CLOSE, pa), 0);
}

static void test_interdomain_with_itself(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	unsigned int pa = (unsigned int)xg_alloc_unbound(v, DOMID_SELF);
	unsigned int pb = (unsigned int)bind_inter(v, DOMID_SELF, pa);

	assert_int_equal(pb, pa + 1);
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, pb), 0);
	assert_true(pending(d, pa));
	assert_int_equal(xg_port_op(v, EVTCHNOP_CLOSE, pa), 0);
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, pb), 0);
	assert_false(pending(d, pa));
	/* Its end finds one port bound to another in the same table. */
	assert_int_equal(bind_inter(v, DOMID_SELF, pb), pa);
}

static void test_ipi_and_virq(void **state)
{
	struct domain *d = guest_make(2);
	struct vcpu *v = d->vcpus[0];
	struct evtchn_bind_ipi ipi = { .vcpu = 1 };
	struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER, .vcpu = 1 };
	uint32_t first;

	register_info(d->vcpus[1], HOST_GUEST_GFN + 4);
	(void)take_sel(host_page(d, HOST_GUEST_GFN + 4));
	(void)host_take_upcall(d->vcpus[1]);
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_IPI, &ipi, sizeof(ipi)), 0);
	assert_int_equal(xg_port_op(v, EVTCHNOP_SEND, ipi.port), 0);
	assert_true(pending(d, ipi.port));
	assert_true(host_take_upcall(d->vcpus[1]));
	assert_false(host_take_upcall(v));

	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 0);
	first = virq.port;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 -EEXIST);
	virq.vcpu = 0;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 0);
	virq.vcpu = 1;
	assert_int_equal(xg_port_op(v, EVTCHNOP_CLOSE, first), 0);
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 0);

	virq.virq = VIRQ_COUNT;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 -EINVAL);
	virq.virq = VIRQ_DEBUG;
	virq.vcpu = 2;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 -ENOENT);
	ipi.vcpu = 2;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_IPI, &ipi, sizeof(ipi)),
			 -ENOENT);
}

static void status_is(struct vcpu *v, uint32_t port, uint32_t status)
{
	struct evtchn_status st = { .dom = DOMID_SELF, .port = port, .status = 77 };

	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &st, sizeof(st)), 0);
	assert_int_equal(st.status, status);
}

static void test_status(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	struct evtchn_bind_virq virq = { .virq = VIRQ_DEBUG };
	struct evtchn_status st = { .dom = DOMID_SELF };
	unsigned int port, far;

	assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port), 0);
	status_is(v, port, EVTCHNSTAT_INTERDOMAIN);
	status_is(v, (uint32_t)xg_alloc_unbound(v, DOMID_HV), EVTCHNSTAT_UNBOUND);
	status_is(v, 50, EVTCHNSTAT_CLOSED);
	status_is(v, EVTCHN_MAX - 1, EVTCHNSTAT_CLOSED);	/* no bucket */
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_VIRQ, &virq, sizeof(virq)),
			 0);
	status_is(v, virq.port, EVTCHNSTAT_VIRQ);

	port = (unsigned int)xg_alloc_unbound(v, DOMID_SELF);
	far = (unsigned int)bind_inter(v, DOMID_SELF, port);
	st.port = far;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &st, sizeof(st)), 0);
	assert_int_equal(st.u.interdomain.dom, d->id);
	assert_int_equal(st.u.interdomain.port, port);

	st.port = EVTCHN_MAX;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &st, sizeof(st)),
			 -EINVAL);
	st.port = 1;
	st.dom = 200;
	assert_int_equal(xg_op(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_STATUS, &st, sizeof(st)), -EPERM);
}

static void test_refused_and_faults(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];

	for (uint64_t cmd = 0; cmd < 20; cmd++) {
		bool known = cmd != 2 && cmd < 10;

		/* No memory there. */
		assert_int_equal(host_hypercall(v, HC_EVENT_CHANNEL_OP, cmd, 0x1000),
				 known ? -EFAULT : -ENOSYS);
	}
	assert_int_equal(host_hypercall(v, HC_EVENT_CHANNEL_OP, UINT64_MAX, 0), -ENOSYS);
	assert_int_equal(d->stats.misuse, 0);
}

static void test_no_memory(void **state)
{
	struct domain *d = guest_make(1);
	struct vcpu *v = d->vcpus[0];
	static void *hog[32768];
	unsigned int hogs = 0, ports = 0;
	long ret;

	while ((hog[hogs] = frame_alloc(0, 0)) != NULL) {
		hogs++;
	}
	while ((ret = xg_alloc_unbound(v, DOMID_HV)) > 0) {
		ports++;
	}
	assert_int_equal(ret, -ENOMEM);
	assert_in_range(ports, 250, 511);
	while (hogs > 0) {
		frame_free(hog[--hogs], 0);
	}
	assert_true(xg_alloc_unbound(v, DOMID_HV) > 0);
}

/* A guest that never lets go of the words of its events ends; others go on (XSA-295). */
static void test_words_lost(void **state)
{
	struct domain *d = guest_make(1);
	struct domain *other = guest_make(1);
	unsigned int port, other_port;

	assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port), 0);
	assert_int_equal(evtchn_alloc_hv(other, on_event, NULL, &other_port), 0);
	domain_get(d);
	host_words_lost = true;
	for (unsigned int i = 0; i < 3; i++) {
		evtchn_notify(d, port);
	}
	host_words_lost = false;
	assert_false(pending(d, port));
	/* Not from here, where locks may be held. */
	assert_int_equal(d->state, DOMAIN_RUNNING);
	host_run();
	assert_int_equal(d->state, DOMAIN_DEAD);
	assert_int_equal(d->reason, SHUTDOWN_CRASH);
	assert_int_equal(d->stats.misuse, 1);
	domain_put(d);
	evtchn_notify(other, other_port);
	assert_true(pending(other, other_port));
	assert_int_equal(other->state, DOMAIN_RUNNING);
}

static void test_after_the_end(void **state)
{
	struct domain *d = guest_make(1);
	unsigned int port;

	assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port), 0);
	domain_get(d);
	host_domain_destroy(d);
	evtchn_notify(d, port);
	assert_false(evtchn_is_pending(d, port));
	evtchn_unbind_hv(d, port, NULL);
	assert_int_equal(evtchn_bind_hv(d, port, on_event, NULL), -EINVAL);
	assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &port), -EINVAL);
	assert_int_equal(evtchn_count(d), 0);
	domain_put(d);
}

/* --- several CPUs raise events while the guest handles them ------------------ */

#define NOTIFIERS	3U
#define NOTIFY_ROUNDS	20000U

struct notifier {
	struct domain *d;
	unsigned int cpu;
	unsigned int port[4];
};

static atomic_uint notifiers_left;

static void *notifier_main(void *arg)
{
	struct notifier *n = arg;

	host_cpu(n->cpu);
	for (unsigned int i = 0; i < NOTIFY_ROUNDS; i++) {
		evtchn_notify(n->d, n->port[i % ARRAY_SIZE(n->port)]);
	}
	atomic_fetch_sub(&notifiers_left, 1);
	return NULL;
}

/* As Linux: mask, clear, handle, then unmask by hypercall. */
static void handle_port(struct vcpu *v, struct shared_info *si, unsigned int port)
{
	uint64_t bit = BIT(port % 64);
	uint32_t arg = port;

	atomic_fetch_or((_Atomic uint64_t *)&si->evtchn_mask[port / 64], bit);
	atomic_fetch_and((_Atomic uint64_t *)&si->evtchn_pending[port / 64], ~bit);
	calls++;
	host_write(v->domain, XG_ARG, &arg, sizeof(arg));
	(void)upcall_hypercall(&v->arch, HC_EVENT_CHANNEL_OP,
			       (const uint64_t[5]){ EVTCHNOP_UNMASK, XG_ARG });
}

/* True if there was an upcall. */
static bool handle_events(struct vcpu *v, struct shared_info *si)
{
	struct vcpu_info *vi = &si->vcpu_info[0];
	uint64_t sel;

	if (atomic_exchange((_Atomic uint8_t *)&vi->upcall_pending, 0) == 0) {
		return false;
	}
	sel = atomic_exchange((_Atomic uint64_t *)&vi->pending_sel, 0);
	for (; sel != 0; sel &= sel - 1) {
		unsigned int word = bit_lowest(sel);
		uint64_t bits = atomic_load((_Atomic uint64_t *)&si->evtchn_pending[word]) &
				~atomic_load((_Atomic uint64_t *)&si->evtchn_mask[word]);

		for (; bits != 0; bits &= bits - 1) {
			handle_port(v, si, word * 64 + bit_lowest(bits));
		}
	}
	return true;
}

/* No event may be left over without an upcall that tells of it. */
static void test_no_event_is_lost(void **state)
{
	struct notifier n[NOTIFIERS];
	pthread_t t[NOTIFIERS];
	struct domain *d;
	struct shared_info *si;

	host_reset_cpus(NOTIFIERS + 1);
	d = guest_make(1);
	host_load(d->vcpus[0]);
	si = xg_shared(d);
	for (unsigned int i = 0; i < NOTIFIERS; i++) {
		n[i] = (struct notifier){ .d = d };
		for (unsigned int k = 0; k < ARRAY_SIZE(n[i].port); k++) {
			assert_int_equal(evtchn_alloc_hv(d, on_event, NULL, &n[i].port[k]), 0);
			/* Some far apart, in words of their own. */
			for (unsigned int skip = 0; skip < 30; skip++) {
				xg_alloc_unbound(d->vcpus[0], DOMID_HV);
			}
		}
	}
	host_load(d->vcpus[0]);
	host_threads(true);
	atomic_store(&notifiers_left, NOTIFIERS);
	for (unsigned int i = 0, cpu = 0; i < NOTIFIERS; i++, cpu++) {
		cpu += cpu == this_cpu()->id;
		n[i].cpu = cpu;
		assert_int_equal(pthread_create(&t[i], NULL, notifier_main, &n[i]), 0);
	}
	while (atomic_load(&notifiers_left) > 0) {
		handle_events(d->vcpus[0], si);
	}
	for (unsigned int i = 0; i < NOTIFIERS; i++) {
		pthread_join(t[i], NULL);
	}
	host_threads(false);
	while (handle_events(d->vcpus[0], si)) {
	}
	assert_true(calls >= NOTIFIERS * ARRAY_SIZE(n[0].port));
	for (unsigned int w = 0; w < EVTCHN_WORDS; w++) {
		assert_int_equal(si->evtchn_pending[w], 0);
	}
	assert_int_equal(si->vcpu_info[0].pending_sel, 0);
}

UNIT_MAIN(UNIT_TEST(test_alloc_all_ports), UNIT_TEST(test_limit),
	  UNIT_TEST(test_alloc_arguments),
	  UNIT_TEST(test_send), UNIT_TEST(test_wrong_ports), UNIT_TEST(test_close),
	  UNIT_TEST(test_deliver), UNIT_TEST(test_mask), UNIT_TEST(test_before_shared_info),
	  UNIT_TEST(test_vcpu_info), UNIT_TEST(test_bind_vcpu),
	  UNIT_TEST(test_reused_port_is_of_vcpu_0), UNIT_TEST(test_bind_hv),
	  UNIT_TEST(test_unbind_in_the_call), UNIT_TEST(test_interdomain),
	  UNIT_TEST(test_interdomain_with_itself), UNIT_TEST(test_ipi_and_virq),
	  UNIT_TEST(test_status), UNIT_TEST(test_refused_and_faults),
	  UNIT_TEST(test_no_memory), UNIT_TEST(test_words_lost), UNIT_TEST(test_after_the_end),
	  UNIT_TEST(test_no_event_is_lost))
