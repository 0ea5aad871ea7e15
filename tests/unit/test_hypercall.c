/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xen/hypercall and the small hypercalls.
 */
#include "unit/unit.h"

#include "lib/bits.h"
#include "unit/xen_guest.h"
#include "xen/evtchn.h"
#include "xen/hypercall.h"
#include "xen/ops.h"

#define OUT	(HOST_GUEST_GPA + 2 * PAGE_SIZE - 40)	/* over a page's end */

static struct domain *guest_make(void)
{
	return host_domain_create(16, 1);
}

static void test_unknown_numbers(void **state)
{
	static const uint64_t known[] = {
		HC_MEMORY_OP, HC_MULTICALL, HC_XEN_VERSION, HC_CONSOLE_IO, HC_GRANT_TABLE_OP,
		HC_VM_ASSIST, HC_VCPU_OP, HC_SCHED_OP, HC_EVENT_CHANNEL_OP, HC_HVM_OP,
	};
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	unsigned int found = 0;

	for (uint64_t nr = 0; nr < 200; nr++) {
		bool is = false;

		for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
			is |= nr == known[i];
		}
		if (!is) {
			assert_int_equal(host_hypercall(v, nr, 0, 0), -ENOSYS);
			assert_null(hypercall_name((unsigned int)nr));
		} else {
			/* A command that nobody has. */
			assert_true(host_hypercall(v, nr, 999, 999) < 0);
			assert_non_null(hypercall_name((unsigned int)nr));
			found++;
		}
	}
	assert_int_equal(found, ARRAY_SIZE(known));
	assert_int_equal(host_hypercall(v, UINT64_MAX, 0), -ENOSYS);
	assert_int_equal(host_hypercall(v, 1ULL << 32 | HC_XEN_VERSION, 0), -ENOSYS);
}

static void test_counters(void **state)
{
	struct domain *d = guest_make();

	host_hypercall(d->vcpus[0], HC_XEN_VERSION, XENVER_VERSION);
	host_hypercall(d->vcpus[0], HC_XEN_VERSION, 999);
	host_hypercall(d->vcpus[0], 63, 0);
	assert_int_equal(hypercall_count(HC_XEN_VERSION), 2);
	assert_int_equal(hypercall_count(HC_SCHED_OP), 0);
	assert_int_equal(hypercall_count(HC_MAX), 0);
	assert_int_equal(d->stats.hypercalls, 3);
}

/* The call fills exactly `size` bytes; the text is `text` and then zeroes. */
static void check_text(struct domain *d, uint64_t cmd, const char *text, size_t size)
{
	uint8_t buf[1200];

	memset(buf, 0xaa, sizeof(buf));
	host_write(d, OUT - 8, buf, sizeof(buf));
	assert_int_equal(host_hypercall(d->vcpus[0], HC_XEN_VERSION, cmd, OUT), 0);
	host_read(d, OUT - 8, buf, sizeof(buf));
	assert_int_equal(buf[7], 0xaa);
	assert_int_equal(buf[8 + size], 0xaa);
	assert_memory_equal(buf + 8, text, strlen(text));
	for (size_t i = strlen(text); i < size; i++) {
		assert_int_equal(buf[8 + i], 0);
	}
}

static void test_version(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	uint8_t uuid[16];

	assert_int_equal(host_hypercall(v, HC_XEN_VERSION, XENVER_VERSION), 4 << 16 | 17);
	assert_int_equal(host_hypercall(v, HC_XEN_VERSION, XENVER_PAGESIZE), 4096);
	check_text(d, XENVER_EXTRAVERSION, ".0-microvisor", 16);
	check_text(d, XENVER_COMPILE_INFO, "", 144);
	check_text(d, XENVER_CAPABILITIES, "xen-3.0-aarch64 ", 1024);
	check_text(d, XENVER_CHANGESET, "", 64);
	check_text(d, XENVER_PLATFORM_PARAMETERS, "", 8);
	for (unsigned int i = 0; i < 16; i++) {
		d->uuid[i] = (uint8_t)(i + 1);
	}
	assert_int_equal(host_hypercall(v, HC_XEN_VERSION, XENVER_GUEST_HANDLE, OUT), 0);
	host_read(d, OUT, uuid, sizeof(uuid));
	assert_memory_equal(uuid, d->uuid, 16);
	for (uint64_t cmd = 9; cmd < 20; cmd++) {
		assert_int_equal(host_hypercall(v, HC_XEN_VERSION, cmd, OUT), -ENOSYS);
	}
	for (uint64_t cmd = 1; cmd < 9; cmd++) {
		if (cmd != XENVER_PAGESIZE) {
			assert_int_equal(host_hypercall(v, HC_XEN_VERSION, cmd, 0x1000), -EFAULT);
		}
	}
}

/* The upper half of a register that holds a 32-bit value is anything. */
static void test_upper_halves(void **state)
{
	const uint64_t junk = 0xdeadbeef00000000;
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	uint32_t version = 1;
	uint16_t domid = DOMID_SELF;
	struct multicall_entry e = { .op = HC_XEN_VERSION, .args = { junk | XENVER_PAGESIZE } };

	assert_int_equal(host_hypercall(v, HC_XEN_VERSION, junk | XENVER_PAGESIZE), 4096);
	assert_int_equal(host_hypercall(v, HC_SCHED_OP, junk | SCHEDOP_YIELD), 0);
	host_write(d, OUT, &version, sizeof(version));
	assert_int_equal(host_hypercall(v, HC_GRANT_TABLE_OP, junk | GNTTABOP_SET_VERSION, OUT,
					junk | 1), 0);
	assert_int_equal(host_hypercall(v, HC_VM_ASSIST, junk | VMASST_ENABLE,
					junk | VMASST_RUNSTATE_UPDATE_FLAG), 0);
	assert_int_equal(host_hypercall(v, HC_CONSOLE_IO, junk | CONSOLEIO_WRITE, junk | 4, OUT),
			 0);
	host_write(d, OUT, &domid, sizeof(domid));
	assert_int_equal(host_hypercall(v, HC_MEMORY_OP, junk | XENMEM_MAXIMUM_RESERVATION, OUT),
			 16);
	assert_int_equal(host_hypercall(v, HC_VCPU_OP, junk | VCPUOP_REGISTER_RUNSTATE, junk | 9,
					OUT), -ENOENT);
	host_write(d, OUT, &e, sizeof(e));
	assert_int_equal(host_hypercall(v, HC_MULTICALL, OUT, junk | 1), 0);
	host_read(d, OUT, &e, sizeof(e));
	assert_int_equal(e.result, 4096);
}

static void test_features(void **state)
{
	struct domain *d = guest_make();
	struct xenver_features f = { .submap = 0xffffffff };

	assert_int_equal(xg_op(d->vcpus[0], HC_XEN_VERSION, XENVER_GET_FEATURES, &f, sizeof(f)),
			 0);
	/* Auto-translated, not direct-mapped; neither PIRQs nor dom0. */
	assert_int_equal(f.submap & (BIT(2) | BIT(10) | BIT(11) | BIT(16) | BIT(17)),
			 BIT(2) | BIT(16));
	f.submap_idx = 1;
	assert_int_equal(xg_op(d->vcpus[0], HC_XEN_VERSION, XENVER_GET_FEATURES, &f, sizeof(f)),
			 -EINVAL);
}

static long param(struct vcpu *v, uint64_t cmd, unsigned int domid, unsigned int index,
		  uint64_t *value)
{
	struct hvm_param op = { .domid = (uint16_t)domid, .index = index, .value = 0x5555 };
	long ret = xg_op(v, HC_HVM_OP, cmd, &op, sizeof(op));

	*value = op.value;
	return ret;
}

static void test_hvm_params(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	void *console = d->console_page, *store = d->xenstore_page;
	uint64_t value;

	assert_non_null(console);
	assert_non_null(store);
	assert_int_equal(param(v, HVMOP_GET_PARAM, DOMID_SELF, HVM_PARAM_CONSOLE_PFN, &value), 0);
	assert_int_equal(value, 0x39000);
	assert_int_equal(param(v, HVMOP_GET_PARAM, d->id, HVM_PARAM_CONSOLE_EVTCHN, &value), 0);
	assert_int_equal(value, d->console_port);
	assert_int_equal(param(v, HVMOP_GET_PARAM, DOMID_SELF, HVM_PARAM_STORE_PFN, &value), 0);
	assert_int_equal(value, 0x39001);
	assert_int_equal(param(v, HVMOP_GET_PARAM, DOMID_SELF, HVM_PARAM_STORE_EVTCHN, &value),
			 0);
	assert_int_equal(value, d->xenstore_port);

	/* Not there. */
	d->console_page = NULL;
	d->xenstore_page = NULL;
	assert_int_equal(param(v, HVMOP_GET_PARAM, DOMID_SELF, HVM_PARAM_CONSOLE_PFN, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(param(v, HVMOP_GET_PARAM, DOMID_SELF, HVM_PARAM_STORE_PFN, &value), 0);
	assert_int_equal(value, 0);
	d->console_page = console;
	d->xenstore_page = store;

	assert_int_equal(param(v, HVMOP_GET_PARAM, DOMID_SELF, 0, &value), -EINVAL);
	assert_int_equal(param(v, HVMOP_GET_PARAM, DOMID_SELF, 5000, &value), -EINVAL);
	assert_int_equal(param(v, HVMOP_GET_PARAM, 200, HVM_PARAM_STORE_PFN, &value), -EPERM);
	assert_int_equal(param(v, HVMOP_SET_PARAM, DOMID_SELF, HVM_PARAM_STORE_PFN, &value),
			 -EPERM);
	assert_int_equal(param(v, 9, DOMID_SELF, 0, &value), -ENOSYS);
	assert_int_equal(host_hypercall(v, HC_HVM_OP, HVMOP_GET_PARAM, 0x1000), -EFAULT);
}

static void test_console_io(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	char text[300];

	memset(text, 'x', sizeof(text));
	host_write(d, OUT, text, sizeof(text));
	assert_int_equal(host_hypercall(v, HC_CONSOLE_IO, CONSOLEIO_WRITE, 300, OUT), 0);
	assert_int_equal(host_hypercall(v, HC_CONSOLE_IO, CONSOLEIO_WRITE, 0, 0), 0);
	assert_int_equal(host_hypercall(v, HC_CONSOLE_IO, CONSOLEIO_WRITE, 10, 0x1000), -EFAULT);
	assert_int_equal(host_hypercall(v, HC_CONSOLE_IO, CONSOLEIO_WRITE, UINT64_MAX, OUT),
			 -E2BIG);
	assert_int_equal(host_hypercall(v, HC_CONSOLE_IO, 1, 10, OUT), -ENOSYS);
}

static void test_shutdown(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	uint32_t reason = SHUTDOWN_SUSPEND;

	/* Suspend is cancelled, the guest goes on. */
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_SHUTDOWN, &reason, 4), 1);
	reason = 5;
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_SHUTDOWN, &reason, 4), -EINVAL);
	reason = 0x10000;
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_SHUTDOWN, &reason, 4), -EINVAL);
	assert_int_equal(d->state, DOMAIN_RUNNING);

	reason = SHUTDOWN_REBOOT;
	host_write(d, XG_ARG, &reason, sizeof(reason));
	domain_get(d);
	host_load(v);
	(void)upcall_hypercall(&v->arch, HC_SCHED_OP,
			       (const uint64_t[5]){ SCHEDOP_SHUTDOWN, XG_ARG });
	assert_int_not_equal(d->state, DOMAIN_RUNNING);
	assert_int_equal(d->reason, SHUTDOWN_REBOOT);
	host_run();
	domain_put(d);
}

static void test_poll_yield_block(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	uint32_t ports[2] = { 2, 1 };
	struct sched_poll op = { .ports = XG_ARG + 512, .count = 2 };

	xg_start(d);
	assert_int_equal(host_hypercall(v, HC_SCHED_OP, SCHEDOP_YIELD), 0);
	host_write(d, op.ports, ports, sizeof(ports));
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_POLL, &op, sizeof(op)), 0);
	xg_shared(d)->evtchn_pending[0] = BIT(1);
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_POLL, &op, sizeof(op)), 0);
	ports[0] = EVTCHN_MAX;
	host_write(d, op.ports, ports, sizeof(ports));
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_POLL, &op, sizeof(op)), -EINVAL);
	op.ports = 0x1000;
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_POLL, &op, sizeof(op)), -EFAULT);
	op.count = 129;
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_POLL, &op, sizeof(op)), -EINVAL);

	/* An event ends the block. */
	host_load(v);
	host_hypercall(v, HC_SCHED_OP, SCHEDOP_BLOCK);
	assert_int_equal(v->sched.state, SCHED_BLOCKED);
	arch_vcpu_upcall(&v->arch);
	host_run();
	assert_int_equal(v->sched.state, SCHED_RUNNING);
	assert_int_equal(host_hypercall(v, HC_SCHED_OP, 5, XG_ARG), -ENOSYS);
}

static void test_watchdog(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	/* What Linux's driver asks to find out whether there are any. */
	struct sched_watchdog op = { .id = UINT32_MAX };

	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_WATCHDOG, &op, sizeof(op)), -EINVAL);
	op = (struct sched_watchdog){ .timeout = 60 };
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_WATCHDOG, &op, sizeof(op)), 1);
	op.id = 1;
	assert_int_equal(xg_op(v, HC_SCHED_OP, SCHEDOP_WATCHDOG, &op, sizeof(op)), 0);
	assert_int_equal(host_hypercall(v, HC_SCHED_OP, SCHEDOP_WATCHDOG, 0x1000), -EFAULT);
	domain_get(d);
	host_advance(61000000000ULL);
	assert_int_not_equal(d->state, DOMAIN_RUNNING);
	assert_int_equal(d->reason, SHUTDOWN_WATCHDOG);
	domain_put(d);
}

static void test_multicall(void **state)
{
	struct domain *d = guest_make();
	struct vcpu *v = d->vcpus[0];
	struct multicall_entry e[5] = {
		{ .op = HC_XEN_VERSION, .result = 77, .args = { XENVER_VERSION } },
		{ .op = HC_MULTICALL, .args = { OUT, 1 } },
		{ .op = 63 },
		{ .op = UINT64_MAX },
		{ .op = HC_XEN_VERSION, .args = { XENVER_PAGESIZE } },
	};

	host_write(d, OUT, e, sizeof(e));
	assert_int_equal(host_hypercall(v, HC_MULTICALL, OUT, 5), 0);
	host_read(d, OUT, e, sizeof(e));
	assert_int_equal(e[0].result, 4 << 16 | 17);
	assert_int_equal((int64_t)e[1].result, -ENOSYS);
	assert_int_equal((int64_t)e[2].result, -ENOSYS);
	assert_int_equal((int64_t)e[3].result, -ENOSYS);
	assert_int_equal(e[4].result, 4096);
	assert_int_equal(e[0].op, HC_XEN_VERSION);

	/* Long ones can't hide in a list, and lists are short. */
	e[0] = (struct multicall_entry){
		.op = HC_MEMORY_OP, .args = { XENMEM_MAXIMUM_RESERVATION, OUT },
	};
	host_write(d, OUT, e, sizeof(e));
	assert_int_equal(host_hypercall(v, HC_MULTICALL, OUT, 1), 0);
	host_read(d, OUT, e, sizeof(e));
	assert_int_equal((int64_t)e[0].result, -ENOSYS);
	assert_int_equal(host_hypercall(v, HC_MULTICALL, OUT, 33), -E2BIG);
	assert_int_equal(host_hypercall(v, HC_MULTICALL, OUT, UINT64_MAX), -E2BIG);
	assert_int_equal(host_hypercall(v, HC_MULTICALL, 0x1000, 1), -EFAULT);
	assert_int_equal(host_hypercall(v, HC_MULTICALL, 0x1000, 0), 0);
}

UNIT_MAIN(UNIT_TEST(test_unknown_numbers), UNIT_TEST(test_counters), UNIT_TEST(test_version),
	  UNIT_TEST(test_upper_halves), UNIT_TEST(test_features),
	  UNIT_TEST(test_hvm_params), UNIT_TEST(test_console_io), UNIT_TEST(test_shutdown),
	  UNIT_TEST(test_poll_yield_block),
	UNIT_TEST(test_watchdog), UNIT_TEST(test_multicall))
