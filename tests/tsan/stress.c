/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of the core that several CPUs use at once, under ThreadSanitizer: four
 * threads act as CPUs and run their exit path; in between the guest that is
 * loaded makes hypercalls, waits and takes events, changes its memory; the
 * hypervisor uses its grants; a domain comes and goes; RAM is zeroed in advance.
 */
#include "tsan/cpus.h"
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "kern/log.h"
#include "kern/quiesce.h"
#include "kern/work.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "unit/xen_guest.h"
#include "vm/console.h"
#include "vm/domain.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xenstore/xenstore.h"

#define GUESTS	3U
#define TURNS	20000U
#define PAGES	16U
#define REF	9U

static struct domain *guest[GUESTS];
static unsigned int port[GUESTS];
static _Atomic(struct domain *) visitor;	/* the one that comes and goes */
static _Atomic bool visitor_busy;
static _Atomic unsigned int events, visits, freed, units;

/* A guest's event becomes one for its neighbour, as a packet would. */
static void on_event(void *ctx)
{
	unsigned int i = (unsigned int)(uintptr_t)ctx;

	atomic_fetch_add(&events, 1);
	evtchn_notify(guest[(i + 1) % GUESTS], port[(i + 1) % GUESTS]);
}

static long call(struct vcpu *v, uint64_t nr, uint64_t a, uint64_t b)
{
	const uint64_t args[5] = { a, b, 1 };

	return (long)upcall_hypercall(&v->arch, nr, args);
}

/* Each vCPU has a page for its arguments. */
static uint64_t arg_gpa(const struct vcpu *v)
{
	return HOST_GUEST_GPA + (4 + v->id) * PAGE_SIZE;
}

static void reserve(struct vcpu *v, uint64_t cmd)
{
	uint64_t gfn = HOST_GUEST_GFN + 8 + v->id;
	struct mem_reservation op = {
		.extents = arg_gpa(v) + 256, .count = 1, .domid = DOMID_SELF,
	};

	host_write(v->domain, op.extents, &gfn, sizeof(gfn));
	host_write(v->domain, arg_gpa(v), &op, sizeof(op));
	(void)call(v, HC_MEMORY_OP, cmd, arg_gpa(v));
}

/* Both vCPUs of a guest say where the runstate of either is to be. */
static void runstate_place(struct vcpu *v, struct unit_random *r)
{
	uint64_t va = HOST_GUEST_GPA + (10 + unit_random_below(r, 2)) * PAGE_SIZE +
		      (unit_random_below(r, 2) != 0 ? PAGE_SIZE - 8 : 0);
	const uint64_t args[5] = {
		VCPUOP_REGISTER_RUNSTATE, unit_random_below(r, v->domain->vcpu_count), arg_gpa(v),
	};

	host_write(v->domain, arg_gpa(v), &va, sizeof(va));
	(void)upcall_hypercall(&v->arch, HC_VCPU_OP, args);
}

static void use_grant(unsigned int i)
{
	void *page;

	if (grant_frame(guest[i], REF, false, &page) == 0) {
		(void)__atomic_load_n((uint64_t *)page, __ATOMIC_RELAXED);
	}
}

struct garbage {
	struct quiesce q;
};

static void free_garbage(struct quiesce *q)
{
	atomic_fetch_add(&freed, 1);
	heap_free(container_of(q, struct garbage, q));
}

static void throw_away(void)
{
	struct garbage *g = heap_alloc(sizeof(*g));

	if (g != NULL) {
		quiesce_call(&g->q, free_garbage);
	}
}

/* What a guest does between two exits. */
static void guest_turn(struct vcpu *v, struct unit_random *r)
{
	unsigned int self = v->domain->id - 1;
	uint32_t own = self < GUESTS ? port[self] : 1;

	switch (unit_random_below(r, 13)) {
	case 0:
	case 1:
		host_write(v->domain, arg_gpa(v), &own, sizeof(own));
		(void)call(v, HC_EVENT_CHANNEL_OP, EVTCHNOP_SEND, arg_gpa(v));
		break;
	case 2:
		upcall_wait(&v->arch);
		break;
	case 3:
		(void)host_take_upcall(v);
		break;
	case 4:
		(void)call(v, HC_SCHED_OP, 0, 0);
		break;
	case 5:
		reserve(v, XENMEM_DECREASE_RESERVATION);
		break;
	case 6:
		reserve(v, XENMEM_POPULATE_PHYSMAP);
		break;
	case 7:
		use_grant(unit_random_below(r, GUESTS));
		break;
	case 8:
		throw_away();
		break;
	case 9:
		console_guest_raw(v->domain, "a line\n", 7);
		break;
	case 10:
		assert_int_equal(xs_printf(NULL, "/test/stress", "%u", v->domain->id), 0);
		break;
	case 11:
		runstate_place(v, r);
		break;
	default:
		log_guest(v->domain->id, "hello");
		break;
	}
}

static void guest_wake(struct unit_random *r)
{
	struct domain *d = guest[unit_random_below(r, GUESTS)];

	arch_vcpu_upcall(&d->vcpus[unit_random_below(r, d->vcpu_count)]->arch);
}

static void visitor_arrive(void)
{
	struct domain *d;

	if (domain_create(0, "visitor", 2, &d) != 0) {
		return;
	}
	for (unsigned int i = 0; i < PAGES; i++) {
		void *frame = frame_alloc(0, FRAME_ZERO);

		if (frame == NULL || p2m_map(&d->p2m, GFN(HOST_GUEST_GFN + i), va_to_hpa(frame), 0,
					     S2_READ | S2_WRITE | P2M_OWNED) != 0) {
			host_fatal("no memory");
		}
	}
	domain_start(d, GPA(HOST_GUEST_GPA), 0);
	atomic_fetch_add(&visits, 1);
	atomic_store(&visitor, domain_get(d));
}

static void visitor_leave(struct domain *d)
{
	atomic_store(&visitor, NULL);
	domain_shutdown(d, SHUTDOWN_POWEROFF);
	domain_put(d);
}

/* One thread at a time changes the visitor. */
static void visitor_turn(void)
{
	struct domain *d;

	if (atomic_exchange(&visitor_busy, true)) {
		return;
	}
	d = atomic_load(&visitor);
	if (d == NULL) {
		visitor_arrive();
	} else {
		visitor_leave(d);
	}
	atomic_store(&visitor_busy, false);
}

/* RAM is zeroed in advance, and taken and given back by others. */
static void ram_turn(struct unit_random *r)
{
	uint64_t *unit;

	for (unsigned int n = 0; n < 8 && frame_scrub(); n++) {
	}
	if (unit_random_below(r, 4) == 0 && (unit = frame_alloc_unit()) != NULL) {
		for (size_t i = 0; i < (PAGE_SIZE << FRAME_UNIT_ORDER) / sizeof(*unit); i += 97) {
			assert_int_equal(unit[i], 0);
			unit[i] = ~0ULL;
		}
		frame_free(unit, FRAME_UNIT_ORDER);
		atomic_fetch_add(&units, 1);
	}
}

static void *cpu_thread(void *arg)
{
	unsigned int id = (unsigned int)(uintptr_t)arg;
	struct unit_random r = { id };

	host_cpu(id);
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		if (id == 0) {
			host_time_skip(3000);
		}
		host_poll_alarm();
		if (unit_random_below(&r, 200) == 0) {
			visitor_turn();
		}
		if (cpu_service()) {
			guest_turn(sched_vcpu(this_cpu()->current), &r);
		} else if (this_cpu()->current == NULL) {
			work_run_idle();
			ram_turn(&r);
			guest_wake(&r);
		}
	}
	return NULL;
}

static void guests_make(void)
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		guest[i] = host_domain_create(PAGES, 2);
		xg_start(guest[i]);
		xg_grant(guest[i], REF, HOST_GUEST_GFN + 12, 1);
		assert_int_equal(evtchn_alloc_hv(guest[i], on_event, (void *)(uintptr_t)i, &port[i]), 0);
		assert_int_equal(upcall_vcpu_on(&guest[i]->vcpus[0]->arch, 1,
						GPA(HOST_GUEST_GPA), 0), 0);
	}
	host_run();
}

static void test_all_at_once(void **state)
{
	host_reset_cpus(CPUS);
	guests_make();
	cpus_run(cpu_thread);
	if (visitor != NULL) {
		visitor_leave(visitor);
	}
	assert_int_equal(xs_rm(NULL, "/test"), 0);
	host_run();
	/* It did happen. */
	assert_true(events > 1000);
	assert_true(visits > 20);
	assert_true(freed > 1000);
	assert_in_range(units, 10, 1000000);
}

UNIT_MAIN(UNIT_TEST(test_all_at_once))
