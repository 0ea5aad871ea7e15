/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore/xenbus: the directories of a device, and the backend's answers to
 * all that a frontend may do with its state.
 */
#include "unit/xs_client.h"

#include "kern/lock.h"
#include "xenstore/xenbus.h"

#define FRONT "/local/domain/1/device/vif/0"
#define BACK  "/local/domain/0/backend/vif/1/0"

static struct driver_log {
	unsigned int init;
	unsigned int connect;
	unsigned int disconnect;
	unsigned int refresh;
	unsigned int closed;
	int init_error;
	int connect_error;
	uint32_t ring;
	bool inside;
	enum xenbus_state back_at_disconnect;
} calls;

static void enter(void)
{
	assert_false(calls.inside);
	assert_false(spin_is_locked(&xs_lock));
	calls.inside = true;
}

static int on_init(struct xenbus_device *dev)
{
	enter();
	calls.init++;
	if (calls.init_error == 0) {
		assert_int_equal(xenbus_printf(dev, "feature-sg", "%u", 1U), 0);
	}
	calls.inside = false;
	return calls.init_error;
}

static int on_connect(struct xenbus_device *dev)
{
	int err;

	enter();
	assert_ptr_equal(dev->priv, &calls);
	assert_false(dev->connected);
	calls.connect++;
	err = xenbus_read_u32(dev, "tx-ring-ref", &calls.ring);
	calls.inside = false;
	return err ? err : calls.connect_error;
}

static void on_disconnect(struct xenbus_device *dev)
{
	enter();
	calls.disconnect++;
	calls.back_at_disconnect = dev->state;
	calls.inside = false;
}

static bool on_refresh(struct xenbus_device *d)
{
	enter();
	assert_true(d->connected);
	calls.refresh++;
	calls.inside = false;
	return calls.refresh > 1;
}

static void on_closed(struct xenbus_device *d)
{
	enter();
	assert_false(d->connected);
	calls.closed++;
	calls.inside = false;
}

static struct xenbus_driver driver = {
	.type = "vif",
	.connect_at = XENBUS_CONNECTED,
	.init = on_init,
	.connect = on_connect,
	.disconnect = on_disconnect,
	.refresh = on_refresh,
	.closed = on_closed,
};

static const struct xenbus_key front_keys[] = {
	{ "mac", "00:16:3e:00:00:01" }, { "handle", "0" }, { NULL, NULL },
};
static const struct xenbus_key back_keys[] = {
	{ "script", "none" }, { NULL, NULL },
};

static struct xenbus_device *dev;

static int bus_setup(void **state)
{
	xs_setup(state);
	memset(&calls, 0, sizeof(calls));
	driver.connect_at = XENBUS_CONNECTED;
	assert_int_equal(xenbus_device_create(&driver, 1, 0, front_keys,
					      back_keys, &calls, &dev), 0);
	host_run();
	return 0;
}

static int bus_teardown(void **state)
{
	xenbus_device_destroy(dev);
	assert_int_equal(calls.disconnect <= calls.connect, 1);
	expect_missing(FRONT);
	expect_missing(BACK);
	assert_int_equal(xs_rm(NULL, "/local/domain/0/backend/vif/1"), 0);
	assert_int_equal(xs_rm(NULL, "/local/domain/0/backend/vif/77"), 0);
	return xs_teardown(state);
}

/* The guest's driver changes its state and the backend gets its turn. */
static void front(const char *state)
{
	client_write(&guest[1], 0, "device/vif/0/state", state);
	host_run();
}

static void expect_back(const char *state, unsigned int connects,
			unsigned int disconnects)
{
	expect_node(BACK "/state", state);
	assert_int_equal(calls.connect, connects);
	assert_int_equal(calls.disconnect, disconnects);
	assert_int_equal(dev->connected, connects - disconnects > 0 &&
			 strcmp(state, "5") != 0 && strcmp(state, "6") != 0);
}

static void connect_it(void)
{
	client_write(&guest[1], 0, "device/vif/0/tx-ring-ref", "9");
	front("4");
	expect_back("4", 1, 0);
}

static void test_directories(void **state)
{
	struct client *c = &guest[1];

	assert_int_equal(calls.init, 1);
	expect_node(FRONT "/backend", BACK);
	expect_node(FRONT "/backend-id", "0");
	expect_node(FRONT "/state", "1");
	expect_node(FRONT "/mac", "00:16:3e:00:00:01");
	expect_node(BACK "/frontend", FRONT);
	expect_node(BACK "/frontend-id", "1");
	expect_node(BACK "/online", "1");
	expect_node(BACK "/state", "2");
	expect_node(BACK "/script", "none");
	expect_node(BACK "/feature-sg", "1");
	/* What the guest may do. */
	expect_data(c, XS_GET_PERMS, 0, STR("device/vif/0"), RAW("n1\0r0\0"));
	expect_data(c, XS_GET_PERMS, 0, STR("device/vif/0/state"),
		    RAW("n1\0r0\0"));
	expect_read(c, 0, BACK "/state", "2");
	expect_data(c, XS_DIRECTORY, 0, STR(BACK),
		    RAW("frontend\0frontend-id\0online\0script\0feature-sg\0"
			"state\0"));
	client_write_as(c, 0, BACK "/state", "4", "EACCES");
	client_write_as(c, 0, BACK "/new", "4", "EACCES");
	expect_error(c, "EACCES", XS_RM, 0, STR(BACK));
	client_write(c, 0, "device/vif/0/request-rx-copy", "1");
	/* And others. */
	expect_error(&guest[2], "EACCES", XS_READ, 0, STR(BACK "/state"));
	expect_error(&guest[2], "EACCES", XS_READ, 0, STR(FRONT "/mac"));
	check_books();
}

static void test_connect(void **state)
{
	struct client *c = &guest[1];

	expect_back("2", 0, 0);
	client_watch(c, BACK "/state", "s");
	client_forget_events(c);
	connect_it();
	assert_int_equal(calls.ring, 9);
	EXPECT_EVENTS(c, BACK "/state|s");
	/* The same once more is nothing new. */
	front("4");
	expect_back("4", 1, 0);
	EXPECT_NO_EVENTS(c);
	/* Reboot or rmmod: 5, 6, and the module's new start. */
	front("5");
	expect_back("5", 1, 1);
	assert_int_equal(calls.back_at_disconnect, XENBUS_CONNECTED);
	front("6");
	expect_back("6", 1, 1);
	front("1");
	expect_back("2", 1, 1);
	front("4");
	expect_back("4", 2, 1);
}

/* Jumps that a crashed, hasty or hostile guest makes. */
static void test_jumps(void **state)
{
	unsigned int n = 1;

	connect_it();
	front("6");
	expect_back("6", n, n);
	front("4");
	expect_back("6", n, n);
	front("1");
	front("4");
	n++;
	expect_back("4", n, n - 1);
	/* kexec: from Connected straight to the start. */
	front("1");
	expect_back("2", n, n);
	front("4");
	n++;
	expect_back("4", n, n - 1);
	/* No state, no number, no known number. */
	front("");
	expect_back("6", n, n);
	front("1");
	front("4");
	n++;
	expect_back("4", n, n - 1);
	front("99");
	expect_back("6", n, n);
	front("1");
	front("4");
	n++;
	expect_back("4", n, n - 1);
	front("-1");
	expect_back("6", n, n);
	front("1");
	front("4");
	n++;
	expect_back("4", n, n - 1);
	front("0");
	expect_back("6", n, n);
	front("1");
	front("7");
	front("8");
	front("2");
	expect_back("2", n, n);
	/* Its directory goes. */
	front("4");
	n++;
	expect_back("4", n, n - 1);
	expect_ok(&guest[1], XS_RM, 0, STR("device/vif/0"));
	host_run();
	expect_back("6", n, n);
}

/* XSA-350: any number of changes before the backend gets its turn. */
static void test_toggle(void **state)
{
	static const char *const states[] = {
		"1", "4", "1", "4", "5", "6", "3", "0", "",
	};
	struct unit_random r = { 5 };

	client_write(&guest[1], 0, "device/vif/0/tx-ring-ref", "9");
	for (unsigned int i = 0; i < 5000; i++) {
		unsigned int n = unit_random_below(&r, 4);

		while (n-- > 0) {
			client_write(&guest[1], 0, "device/vif/0/state",
				     states[unit_random_below(
					     &r, ARRAY_SIZE(states))]);
		}
		host_run();
		assert_int_equal(calls.connect - calls.disconnect,
				 dev->connected);
		assert_int_equal(dev->connected, dev->state == XENBUS_CONNECTED);
	}
	assert_true(calls.connect > 100);
}

/* netfront must not be connected at 3, blkfront must. */
static void test_initialised(void **state)
{
	client_write(&guest[1], 0, "device/vif/0/tx-ring-ref", "9");
	front("3");
	expect_back("2", 0, 0);
	driver.connect_at = XENBUS_INITIALISED;
	front("3");
	expect_back("4", 1, 0);
	front("4");
	expect_back("4", 1, 0);
}

static void test_bad_keys(void **state)
{
	uint32_t value = 7;
	char text[8];

	/* No ring: the device fails but can be tried again. */
	front("4");
	expect_node(BACK "/state", "5");
	assert_false(dev->connected);
	assert_int_equal(dev->failures, 1);
	assert_int_equal(calls.disconnect, 0);
	front("4");
	assert_int_equal(calls.connect, 1);
	front("6");
	front("1");
	calls.connect_error = -EINVAL;
	client_write(&guest[1], 0, "device/vif/0/tx-ring-ref", "9");
	front("4");
	expect_node(BACK "/state", "5");
	assert_int_equal(dev->failures, 2);
	assert_int_equal(calls.disconnect, 0);
	/* Reading numbers. */
	assert_int_equal(xenbus_read_u32(dev, "none", &value), -ENOENT);
	assert_int_equal(xenbus_read_u32_or(dev, "none", 3, &value), 0);
	assert_int_equal(value, 3);
	client_write(&guest[1], 0, "device/vif/0/n", "12a");
	assert_int_equal(xenbus_read_u32(dev, "n", &value), -EINVAL);
	assert_int_equal(xenbus_read_u32_or(dev, "n", 3, &value), -EINVAL);
	client_write(&guest[1], 0, "device/vif/0/n", "");
	assert_int_equal(xenbus_read_u32(dev, "n", &value), -EINVAL);
	client_write(&guest[1], 0, "device/vif/0/n", "4294967296");
	assert_int_equal(xenbus_read_u32(dev, "n", &value), -ERANGE);
	client_write(&guest[1], 0, "device/vif/0/n", "11111111111111111111111");
	assert_int_equal(xenbus_read_u32(dev, "n", &value), -EINVAL);
	expect_ok(&guest[1], XS_WRITE, 0, RAW("device/vif/0/n\0" "1\0"));
	assert_int_equal(xenbus_read_u32_or(dev, "n", 3, &value), 0);
	client_write(&guest[1], 0, "device/vif/0/n", "4294967295");
	assert_int_equal(xenbus_read_u32(dev, "n", &value), 0);
	assert_int_equal(value, UINT32_MAX);
	assert_int_equal(xenbus_read(dev, "mac", text, sizeof(text)), -E2BIG);
	assert_int_equal(xenbus_read(dev, "state", text, sizeof(text)), 0);
	assert_string_equal(text, "4");
	assert_int_equal(xenbus_printf(dev, "x", "%300d", 1), -E2BIG);
}

/* The driver finds the guest out, while it holds locks of its own. */
static void test_fail(void **state)
{
	struct spinlock high = SPINLOCK_INIT(LOCK_NET_RX);

	connect_it();
	spin_lock(&high);
	xenbus_fail(dev, "insane ring index");
	xenbus_fail(dev, "insane ring index");
	spin_unlock(&high);
	assert_int_equal(calls.disconnect, 0);
	host_run();
	expect_back("5", 1, 1);
	assert_int_equal(dev->failures, 1);
	/* Nothing more comes of it until the guest starts over. */
	xenbus_fail(dev, "late");
	front("4");
	expect_back("5", 1, 1);
	assert_int_equal(dev->failures, 1);
	front("6");
	expect_back("6", 1, 1);
	front("1");
	front("4");
	expect_back("4", 2, 1);
}

static void test_unplug(void **state)
{
	connect_it();
	xenbus_device_unplug(dev);
	host_run();
	expect_node(BACK "/state", "5");
	expect_node(BACK "/online", "0");
	assert_int_equal(calls.disconnect, 0);
	front("5");
	assert_int_equal(calls.disconnect, 1);
	front("6");
	expect_back("6", 1, 1);
	front("1");
	front("4");
	expect_back("6", 1, 1);
}

/* The domain goes while the device is there, or the device first. */
static void test_domain_gone(void **state)
{
	connect_it();
	guest_remove(1);
	expect_missing(FRONT);
	host_run();
	expect_back("6", 1, 1);
	guest_add(1);
	for (unsigned int i = 0; i < 2; i++) {
		xenbus_device_destroy(dev);
		expect_missing(BACK);
		assert_int_equal(calls.connect, calls.disconnect);
		memset(&calls, 0, sizeof(calls));
		assert_int_equal(xenbus_device_create(&driver, 1, 0, front_keys,
						      back_keys, &calls, &dev),
				 0);
		host_run();
		expect_back("2", 0, 0);
		connect_it();
	}
}

static void test_create_errors(void **state)
{
	struct xenbus_device *other;
	size_t before = heap_object_count();

	calls.init_error = -ENOSPC;
	assert_int_equal(xenbus_device_create(&driver, 1, 1, front_keys, NULL,
					      &calls, &other), -ENOSPC);
	expect_missing("/local/domain/0/backend/vif/1/1");
	expect_missing("/local/domain/1/device/vif/1");
	calls.init_error = 0;
	/* No such domain. */
	assert_int_equal(xenbus_device_create(&driver, 77, 1, NULL, NULL,
					      &calls, &other), -EINVAL);
	expect_missing("/local/domain/0/backend/vif/77/1");
	assert_int_equal(heap_object_count(), before);
	xenbus_device_destroy(NULL);
}

/* The driver isn't ready when the frontend is. */
static void test_not_yet(void **state)
{
	calls.connect_error = -EAGAIN;
	client_write(&guest[1], 0, "device/vif/0/tx-ring-ref", "9");
	front("4");
	expect_node(BACK "/state", "2");
	assert_int_equal(calls.connect, 1);
	assert_false(dev->connected);
	host_advance(1000000000);
	assert_int_equal(calls.connect, 1);
	xenbus_poke(dev);
	host_run();
	assert_int_equal(calls.connect, 2);
	expect_node(BACK "/state", "2");
	assert_int_equal(calls.refresh, 0);
	calls.connect_error = 0;
	xenbus_poke(dev);
	host_run();
	expect_node(BACK "/state", "4");
	assert_true(dev->connected);
	(void)state;
}

/* What the driver publishes changed: the state is written again if it says so. */
static void test_poke(void **state)
{
	struct client *c = &guest[1];

	connect_it();
	assert_int_equal(calls.refresh, 0);
	client_watch(c, BACK "/state", "s");
	client_forget_events(c);
	xenbus_poke(dev);
	xenbus_poke(dev);
	host_run();
	assert_int_equal(calls.refresh, 1);
	EXPECT_NO_EVENTS(c);
	xenbus_poke(dev);
	host_run();
	assert_int_equal(calls.refresh, 2);
	EXPECT_EVENTS(c, BACK "/state|s");
	expect_back("4", 1, 0);
	(void)state;
}

/* Told once for each time that it was connected, or when it's unplugged. */
static void test_closed(void **state)
{
	front("6");
	assert_int_equal(calls.closed, 0);
	front("1");
	connect_it();
	front("5");
	assert_int_equal(calls.closed, 0);
	front("6");
	front("6");
	assert_int_equal(calls.closed, 1);
	xenbus_device_unplug(dev);
	host_run();
	assert_int_equal(calls.closed, 2);
	(void)state;
}

#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, bus_setup, bus_teardown)

UNIT_MAIN(
	BUS_TEST(test_directories), BUS_TEST(test_connect),
	BUS_TEST(test_jumps), BUS_TEST(test_toggle),
	BUS_TEST(test_initialised), BUS_TEST(test_bad_keys),
	BUS_TEST(test_fail), BUS_TEST(test_unplug),
	BUS_TEST(test_domain_gone), BUS_TEST(test_create_errors),
	BUS_TEST(test_not_yet), BUS_TEST(test_poke), BUS_TEST(test_closed))
