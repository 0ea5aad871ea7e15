/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event channels: they work, and wrong ports, pointers, CPUs and orders are
 * refused (XSA-47, -107, -221, -327, -338, -344, -496). Two CPUs.
 */
#include "lib/guest.h"
#include "lib/xen.h"

const char guest_name[] = "evtchn";

static volatile unsigned int upcalls;

static void on_event(unsigned int intid)
{
	(void)intid;
	shared_info->upcall_pending = 0;
	shared_info->pending_sel = 0;
	upcalls++;
}

struct bind_vcpu {
	uint32_t port, vcpu;
};

static int64_t bind_ipi(uint32_t vcpu)
{
	struct bind_vcpu a = { .port = vcpu };	/* vcpu first, then the port */
	int64_t err = evtchn_op(EVTCHNOP_BIND_IPI, &a);

	return err != 0 ? err : (int64_t)a.vcpu;
}

static void unmask(uint32_t port)
{
	CHECK_EQ(evtchn_op(EVTCHNOP_UNMASK, &port), 0);
}

/* An event to itself comes as the interrupt. */
static void case_deliver(void)
{
	int64_t port;

	xen_init();
	irq_set(IRQ_EVENT, on_event);
	irq_enable();
	port = bind_ipi(0);
	CHECK(port > 0);
	if (port <= 0) {
		return;
	}
	CHECK_EQ(evtchn_send((uint32_t)port), 0);
	CHECK(evtchn_pending((uint32_t)port));
	delay_us(1000);
	upcalls = 0;
	unmask((uint32_t)port);			/* pending: comes now */
	CHECK(WAIT_FOR(upcalls == 1, 100000));
	for (unsigned int i = 2; i < 50; i++) {
		evtchn_clear((uint32_t)port);
		CHECK_EQ(evtchn_send((uint32_t)port), 0);
		CHECK(WAIT_FOR(upcalls == i, 100000));
	}
	CHECK_EQ(evtchn_close((uint32_t)port), 0);
	CHECK(evtchn_send((uint32_t)port) < 0);
	irq_disable();
}

static void case_wrong_ports(void)
{
	static const uint32_t ports[] = {
		0, 1000, EVTCHN_LIMIT - 1, EVTCHN_LIMIT, EVTCHN_LIMIT + 1, 0x20000,
		0x7fffffff, 0x80000000, UINT32_MAX,
	};

	for (unsigned int i = 0; i < COUNT(ports); i++) {
		uint32_t status[6] = { DOMID_SELF, ports[i] };
		struct bind_vcpu b = { .port = ports[i], .vcpu = 1 };

		CHECK(evtchn_send(ports[i]) < 0);
		CHECK(evtchn_close(ports[i]) < 0);
		CHECK(evtchn_op(EVTCHNOP_BIND_VCPU, &b) < 0);
		if (ports[i] >= EVTCHN_LIMIT) {
			uint32_t port = ports[i];

			CHECK(evtchn_op(EVTCHNOP_UNMASK, &port) < 0);
			CHECK(evtchn_op(EVTCHNOP_STATUS, status) < 0);
		}
	}
}

static void case_wrong_binds(void)
{
	struct {
		uint16_t remote, pad;
		uint32_t remote_port, port;
	} inter = { .remote = DOMID_BACKEND };
	struct {
		uint32_t virq, vcpu, port;
	} virq;

	for (uint32_t i = 0; i < 64; i++) {
		inter.remote_port = i;
		CHECK(evtchn_op(EVTCHNOP_BIND_INTERDOMAIN, &inter) < 0);
	}
	inter.remote_port = UINT32_MAX;
	for (uint32_t dom = 1; dom < 0x8000; dom = dom * 3 + 1) {
		inter.remote = (uint16_t)dom;
		CHECK(evtchn_op(EVTCHNOP_BIND_INTERDOMAIN, &inter) < 0);
	}
	for (uint32_t v = 24; v != 0; v <<= 1) {
		virq.virq = v;
		virq.vcpu = 0;
		CHECK(evtchn_op(EVTCHNOP_BIND_VIRQ, &virq) < 0);
	}
	virq.virq = 0;
	virq.vcpu = 1000;
	CHECK(evtchn_op(EVTCHNOP_BIND_VIRQ, &virq) < 0);
	CHECK(bind_ipi(2) < 0);
	CHECK(bind_ipi(UINT32_MAX) < 0);
}

/* All ports taken, then given back; a failed bind must not cost one. */
static void case_exhaust(void)
{
	static uint32_t ports[EVTCHN_LIMIT];
	unsigned int counts[2];

	for (unsigned int round = 0; round < 2; round++) {
		struct {
			uint32_t virq, vcpu, port;
		} virq = { .virq = 1 };
		unsigned int n = 0;
		int64_t port;

		while (n < EVTCHN_LIMIT && (port = evtchn_alloc(DOMID_BACKEND)) > 0) {
			ports[n++] = (uint32_t)port;
		}
		counts[round] = n;
		CHECK(n > 16 && n < EVTCHN_LIMIT);
		CHECK(bind_ipi(0) < 0);
		CHECK(evtchn_op(EVTCHNOP_BIND_VIRQ, &virq) < 0);
		while (n > 0) {
			CHECK_EQ(evtchn_close(ports[--n]), 0);
		}
	}
	CHECK_EQ(counts[0], counts[1]);
}

/* The FIFO interface is not offered, unknown operations don't exist. */
static void case_not_offered(void)
{
	uint64_t arg[4] = { gfn_of(shared_info), 0, 0, 0 };

	CHECK_EQ(evtchn_op(EVTCHNOP_INIT_CONTROL, arg), -XEN_ENOSYS);
	CHECK(evtchn_op(EVTCHNOP_EXPAND_ARRAY, arg) < 0);
	for (uint32_t op = 14; op < 100; op++) {
		CHECK(evtchn_op(op, arg) < 0);
	}
	CHECK(evtchn_op(UINT32_MAX, arg) < 0);
}

/* Arguments where no memory is, or half of one. */
static void case_bad_pointers(void)
{
	const uint64_t places[] = {
		0, 8, 0x30000000, 0x39fffffc, GICD_BASE, 0x7ffffffffc, 1UL << 39,
		0xffff000000000000, 0xfffffffffffffffc, UINT64_MAX,
	};

	for (uint32_t op = 0; op < 14; op++) {
		for (unsigned int i = 0; i < COUNT(places); i++) {
			int64_t err = evtchn_op(op, (void *)places[i]);

			if (err >= 0) {
				fail("op %u with a pointer to 0x%lx gives %ld", op, places[i],
				     (long)err);
			}
		}
	}
}

/* shared_info in places where it must not go. */
static void case_shared_info(void)
{
	CHECK(add_to_physmap(SPACE_SHARED_INFO, 1, gfn_of(shared_info)) < 0);
	CHECK(add_to_physmap(SPACE_SHARED_INFO, UINT64_MAX, gfn_of(shared_info)) < 0);
	CHECK(add_to_physmap(SPACE_SHARED_INFO, 0, UINT64_MAX) < 0);
	CHECK(add_to_physmap(SPACE_SHARED_INFO, 0, 1UL << 40) < 0);
	CHECK(add_to_physmap(7, 0, gfn_of(shared_info)) < 0);
	/* Still at its place. */
	CHECK_EQ(shared_info->mask[63], UINT64_MAX);
}

static int64_t register_info(uint32_t vcpu, uint64_t mfn, uint32_t offset)
{
	struct vcpu_register_info a = { .mfn = mfn, .offset = offset };

	return hypercall(HC_VCPU_OP, VCPUOP_REGISTER_VCPU_INFO, vcpu, (uint64_t)&a, 0, 0);
}

static void case_vcpu_info(void)
{
	static uint8_t area[PAGE_SIZE] PAGE;

	CHECK(register_info(0, gfn_of(area), 4) < 0);
	CHECK(register_info(0, gfn_of(area), PAGE_SIZE - 32) < 0);
	CHECK(register_info(0, gfn_of(area), PAGE_SIZE) < 0);
	CHECK(register_info(0, gfn_of(area), UINT32_MAX) < 0);
	CHECK(register_info(0, UINT64_MAX, 0) < 0);
	CHECK(register_info(0, GICD_BASE >> 12, 0) < 0);
	CHECK(register_info(0, 0, 0) < 0);
	CHECK(register_info(2, gfn_of(area), 0) < 0);
	CHECK(register_info(UINT32_MAX, gfn_of(area), 0) < 0);
	CHECK_EQ(register_info(1, gfn_of(area), 64), 0);
	CHECK_EQ(register_info(1, gfn_of(area), 128), -XEN_EINVAL);
}

static int64_t storm_port;
static volatile bool storm_end;

static void storm(void)
{
	while (!storm_end) {
		(void)evtchn_send((uint32_t)storm_port);
	}
}

/* A flood of events from one CPU while the other closes and binds. */
static void case_storm(void)
{
	storm_port = bind_ipi(0);
	CHECK(storm_port > 0);
	CHECK_EQ(cpu_start(1, storm), 0);
	for (unsigned int i = 0; i < 500; i++) {
		struct bind_vcpu b = { .port = (uint32_t)storm_port, .vcpu = i & 1 };

		CHECK_EQ(evtchn_op(EVTCHNOP_BIND_VCPU, &b) <= 0, true);
		CHECK_EQ(evtchn_close((uint32_t)storm_port), 0);
		storm_port = bind_ipi(0);
		CHECK(storm_port > 0);
	}
	storm_end = true;
	CHECK(cpu_wait_off(1));
	CHECK_EQ(evtchn_close((uint32_t)storm_port), 0);
}

/* The console's and the store's ports are closed: only this guest loses. */
static void case_close_own(void)
{
	CHECK_EQ(evtchn_close((uint32_t)hvm_param(PARAM_STORE_EVTCHN)), 0);
	CHECK_EQ(evtchn_close((uint32_t)hvm_param(PARAM_CONSOLE_EVTCHN)), 0);
	for (uint32_t port = 0; port < EVTCHN_LIMIT; port++) {
		(void)evtchn_close(port);
	}
	CHECK(bind_ipi(0) > 0);
}

const struct guest_case guest_cases[] = {
	{ "deliver", case_deliver }, { "wrong-ports", case_wrong_ports },
	{ "wrong-binds", case_wrong_binds }, { "exhaust", case_exhaust },
	{ "not-offered", case_not_offered }, { "bad-pointers", case_bad_pointers },
	{ "shared-info", case_shared_info }, { "vcpu-info", case_vcpu_info },
	{ "storm", case_storm }, { "close-own", case_close_own }, { NULL, NULL },
};
