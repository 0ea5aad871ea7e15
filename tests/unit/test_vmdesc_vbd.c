/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions of disks and of the storage network.
 */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "fdt_make.h"
#include "image_make.h"
#include "vm/vmdesc.h"

#define VMS	8

static struct vm_config vms[VMS];
static struct vmdesc_set set;
static struct vmdesc_diag diag;
static char text[8192];		/* all lines told, each with "E " or "W " */
static uint8_t kernel[4096];

static void take_line(void *ctx, enum vmdesc_severity severity, const char *line)
{
	size_t at = strlen(text);

	(void)ctx;
	snprintf(text + at, sizeof(text) - at, "%s %s\n", severity == VMDESC_ERROR ? "E" : "W",
		 line);
}

static int file(void *ctx, const char *name, const void **data, size_t *size)
{
	(void)ctx;
	(void)name;
	*data = kernel;
	*size = sizeof(kernel);
	return 0;
}

static void begin(void)
{
	diag = (struct vmdesc_diag){ .line = take_line };
	text[0] = '\0';
	set = (struct vmdesc_set){ .vms = vms, .capacity = VMS };
	im_header(kernel, 0, sizeof(kernel), 0xa);
	fm_start();
	fm_root();
	fm_begin("chosen");
}

static void end(void)
{
	const struct vmdesc_source source = { .file = file };
	size_t size;

	fm_end();
	size = fm_finish();
	vmdesc_add_tree(&set, fm_buf, size, "tree", &source, &diag);
	vmdesc_check_all(&set, &diag);
}

static void storage(void)
{
	fm_begin("storage");
	fm_str("compatible", "mv,storage");
	fm_cells("vlan", 1, 100);
	fm_end();
}

static void domain_begin(const char *name)
{
	fm_begin(name);
	fm_str("compatible", "xen,domain");
	fm_cells("memory", 2, 0, 131072);
}

static void domain_kernel(void)
{
	fm_begin("kernel");
	fm_str("compatible", "multiboot,kernel");
	fm_str("file", "kernel");
	fm_end();
}

static void domain(const char *name)
{
	domain_begin(name);
	domain_kernel();
}

static void disk(const char *vdev, const char *target, bool read_only)
{
	static unsigned int n;
	char name[16];

	snprintf(name, sizeof(name), "vbd%u", n++);
	fm_begin(name);
	fm_str("compatible", "mv,vbd");
	if (vdev != NULL) {
		fm_str("vdev", vdev);
	}
	if (target != NULL) {
		fm_str("target", target);
	}
	if (read_only) {
		fm_flag("read-only");
	}
	fm_end();
}

static void told(const char *line)
{
	if (strstr(text, line) == NULL) {
		print_message("not told: %s\ntold:\n%s", line, text);
	}
	assert_non_null(strstr(text, line));
}

static void test_disks(void **state)
{
	begin();
	storage();
	domain("a");
	disk("xvda", "aoe:1.2", false);
	fm_begin("b");
	fm_str("compatible", "mv,vbd");
	fm_str("vdev", "xvdb3");
	fm_str("target", "aoe:65534.254");
	fm_flag("read-only");
	fm_cells("queues", 1, 2);
	fm_cells("iops", 1, 500);
	fm_cells("kib-per-s", 1, 2048);
	fm_cells("outage", 1, 60);
	fm_end();
	fm_end();
	end();
	assert_string_equal(text, "");
	assert_int_equal(set.count, 1);
	assert_int_equal(vms[0].vbd_count, 2);
	assert_string_equal(vms[0].vbd[0].name, "xvda");
	assert_string_equal(vms[0].vbd[0].target, "aoe:1.2");
	assert_int_equal(vms[0].vbd[0].device, 51712);
	assert_false(vms[0].vbd[0].read_only);
	assert_int_equal(vms[0].vbd[0].outage_s, 0);
	assert_int_equal(vms[0].vbd[1].device, 51712 + 16 + 3);
	assert_true(vms[0].vbd[1].read_only);
	assert_int_equal(vms[0].vbd[1].queues, 2);
	assert_int_equal(vms[0].vbd[1].iops, 500);
	assert_int_equal(vms[0].vbd[1].kib_per_s, 2048);
	assert_int_equal(vms[0].vbd[1].outage_s, 60);
	assert_int_equal(set.storage.vlan, 100);
	assert_int_equal(set.storage.mtu, 1500);
	assert_false(set.storage.has_mac);
	(void)state;
}

static void test_device_numbers(void **state)
{
	static const struct {
		const char *name;
		uint32_t number;	/* 0: refused */
	} names[] = {
		{ "xvda", 51712 }, { "xvda1", 51713 }, { "xvdp15", 51712 + 255 },
		{ "xvdq", 1U << 28 | 16 << 8 }, { "xvdz2", 1U << 28 | 25 << 8 | 2 },
		{ "xvdaa", 1U << 28 | 26 << 8 }, { "xvdzz", 1U << 28 | 701 << 8 },
		{ "xvd", 0 }, { "xvd1", 0 }, { "xvdA", 0 }, { "xvda0", 0 }, { "xvda16", 0 },
		{ "xvda1x", 0 }, { "xvdaaa", 0 }, { "sda", 0 }, { "hda", 0 }, { "", 0 },
		{ "xvda01", 0 }, { "xvda999999999999999999999", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint32_t number = 0;

		assert_int_equal(vmdesc_vdev_number(names[i].name, &number),
				 names[i].number != 0 ? 0 : -EINVAL);
		assert_int_equal(number, names[i].number);
	}
	(void)state;
}

static void refused(const char *vdev, const char *target, const char *line)
{
	begin();
	storage();
	domain("a");
	disk(vdev, target, false);
	fm_end();
	end();
	told(line);
	assert_int_equal(set.count, 0);
}

static void test_refused_disks(void **state)
{
	refused("sda", "aoe:1.2", "E vm 'a': vdev 'sda': it must be xvda");
	refused("xvda", "phy:/dev/x", "E vm 'a': disk target 'phy:/dev/x': it must be aoe:");
	refused("xvda", "aoe:1", "E vm 'a': disk target 'aoe:1'");
	refused("xvda", "aoe:70000.1", "E vm 'a': disk target");
	refused("xvda", NULL, "E vm 'a': disk 'xvda' has no 'target'");
	refused(NULL, "aoe:1.2", "E vm 'a': a disk without 'vdev'");
	begin();
	storage();
	domain("a");
	for (unsigned int i = 0; i <= VM_VBD_MAX; i++) {
		char vdev[8], target[16];

		snprintf(vdev, sizeof(vdev), "xvd%c", 'a' + (char)i);
		snprintf(target, sizeof(target), "aoe:1.%u", i);
		disk(vdev, target, false);
	}
	fm_end();
	end();
	told("E vm 'a': more than 8 disks");
	(void)state;
}

static void test_refused_values(void **state)
{
	static const struct {
		const char *name;
		unsigned int value;
	} bad[] = {
		{ "queues", 0 }, { "queues", 9 }, { "iops", 0 }, { "kib-per-s", 63 },
		{ "outage", 0 }, { "outage", 86401 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char line[64];

		begin();
		storage();
		domain("a");
		fm_begin("b");
		fm_str("compatible", "mv,vbd");
		fm_str("vdev", "xvda");
		fm_str("target", "aoe:1.2");
		fm_cells(bad[i].name, 1, bad[i].value);
		fm_end();
		fm_end();
		end();
		snprintf(line, sizeof(line), "E vm 'a': %s is %u; it must be", bad[i].name,
			 bad[i].value);
		told(line);
		assert_int_equal(set.count, 0);
	}
	(void)state;
}

static void test_no_storage(void **state)
{
	begin();
	domain("a");
	disk("xvda", "aoe:1.2", false);
	fm_end();
	domain("b");
	fm_end();
	end();
	told("E vm 'a': disk 'xvda' with target 'aoe:1.2' needs a storage network");
	assert_int_equal(set.count, 1);
	assert_string_equal(vms[0].name, "b");
	(void)state;
}

static void test_shared_targets(void **state)
{
	begin();
	storage();
	domain("a");
	disk("xvda", "aoe:1.2", false);
	fm_end();
	domain("b");
	disk("xvdb", "aoe:1.2", true);
	fm_end();
	domain("c");
	disk("xvda", "aoe:1.3", true);
	disk("xvda", "aoe:1.4", true);
	fm_end();
	domain("d");
	disk("xvda", "aoe:1.5", true);
	disk("xvdb", "aoe:1.5", true);
	fm_end();
	end();
	told("E vm 'b': target 'aoe:1.2' of disk 'xvdb' is also that of disk 'xvda' of vm 'a'");
	told("E vm 'c': two disks 'xvda'");
	assert_int_equal(set.count, 2);
	assert_string_equal(vms[1].name, "d");
	(void)state;
}

static void driver_domain(const char *name)
{
	char device[16];

	snprintf(device, sizeof(device), "/pcie@%s", name);
	domain_begin(name);
	fm_str("mv,assign", device);
	fm_flag("mv,driver-domain");
	domain_kernel();
	fm_end();
}

/* In a driver domain: no storage network is needed; names of disks and partitions. */
static void test_driver_domain_targets(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} pairs[] = {
		{ "dd:u/vda", "dd:u/vda", true }, { "dd:u/vda", "dd:u/vda1", true },
		{ "dd:u/vda12", "dd:u/vda", true }, { "dd:u/vda1", "dd:u/vda2", false },
		{ "dd:u/vda1", "dd:u/vda12", false }, { "dd:u/vda", "dd:w/vda", false },
		{ "dd:u/vda", "dd:u/vdaa", false }, { "dd:u/nvme0n1", "dd:u/nvme0n1p2", true },
		{ "dd:u/nvme0n1", "dd:u/nvme0n12", false }, { "dd:u/vg-lv", "dd:u/vg-lv2", false },
	};

	refused("xvda", "dd:uplink", "E vm 'a': disk target 'dd:uplink': it must be aoe:");
	refused("xvda", "dd:uplink/", "E vm 'a': disk target");
	refused("xvda", "dd:/vda", "E vm 'a': disk target");
	refused("xvda", "dd:-x/vda", "E vm 'a': disk target");
	refused("xvda", "dd:u/v/a", "E vm 'a': disk target");
	refused("xvda", "dd:u/v.a", "E vm 'a': disk target");
	refused("xvda", "dd:u/0123456789012345678901234567890123456789012345678901234567890",
		"E vm 'a': disk target");
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		begin();
		driver_domain("u");
		driver_domain("w");
		domain("a");
		disk("xvda", pairs[i].a, false);
		fm_end();
		domain("b");
		disk("xvda", pairs[i].b, true);
		fm_end();
		end();
		assert_int_equal(set.count, pairs[i].overlap ? 3 : 4);
		if (pairs[i].overlap) {
			told(i == 0 ? "is also that of" : "is also in part that of");
		}
	}
	(void)state;
}

/* Who has a disk in a driver domain that isn't there, or is left out, is left out. */
static void test_no_driver_domain(void **state)
{
	begin();
	domain("a");
	disk("xvda", "dd:u/vda", false);
	fm_end();
	domain("b");
	disk("xvda", "dd:w/sda", false);
	fm_end();
	domain("c");
	disk("xvda", "dd:a/sda", false);
	fm_end();
	domain_begin("w");
	fm_str("mv,assign", "/pcie@w");
	fm_flag("mv,driver-domain");
	domain_kernel();
	disk("xvda", "dd:x/sda", false);
	fm_end();
	driver_domain("u");
	end();
	assert_int_equal(set.count, 2);
	assert_string_equal(vms[0].name, "a");
	assert_string_equal(vms[1].name, "u");
	told("E vm 'b': there is no driver domain 'w' for target 'dd:w/sda' of disk 'xvda'");
	told("E vm 'c': there is no driver domain 'a' for target 'dd:a/sda' of disk 'xvda'");
	told("E vm 'w': there is no driver domain 'x' for target 'dd:x/sda' of disk 'xvda'");
	(void)state;
}

static void test_driver_domain(void **state)
{
	begin();
	domain_begin("a");
	fm_str("mv,assign", "/pcie@1");
	fm_flag("mv,driver-domain");
	domain_kernel();
	fm_end();
	domain_begin("b");
	fm_flag("mv,driver-domain");
	domain_kernel();
	fm_end();
	end();
	told("E vm 'b': a driver domain (mv,driver-domain) needs devices (mv,assign)");
	assert_int_equal(set.count, 1);
	assert_true(vms[0].driver_domain);
	(void)state;
}

static void test_storage(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };

	begin();
	fm_begin("one");
	fm_str("compatible", "mv,storage");
	fm_cells("vlan", 1, 7);
	fm_cells("mtu", 1, 9000);
	fm_bytes("local-mac-address", mac, 6);
	fm_flag("reserve");
	fm_flag("mac-mask");
	fm_cells("what", 1, 1);
	fm_end();
	fm_begin("two");
	fm_str("compatible", "mv,storage");
	fm_cells("vlan", 1, 8);
	fm_end();
	end();
	told("W tree: unknown property 'what' of storage");
	told("E tree: a second storage network; the first one is used");
	assert_true(set.storage.present);
	assert_int_equal(set.storage.vlan, 7);
	assert_int_equal(set.storage.mtu, 9000);
	assert_true(set.storage.reserve);
	assert_true(set.storage.mask);
	assert_memory_equal(set.storage.mac, mac, 6);
	(void)state;
}

static void test_bad_storage(void **state)
{
	static const uint8_t group[6] = { 1, 0, 0, 0, 0, 9 };

	for (unsigned int i = 0; i < 4; i++) {
		begin();
		fm_begin("one");
		fm_str("compatible", "mv,storage");
		if (i != 0) {
			fm_cells("vlan", 1, i == 1 ? 4095 : 5);
		}
		if (i == 2) {
			fm_cells("mtu", 1, 1499);
		}
		if (i == 3) {
			fm_bytes("local-mac-address", group, 6);
		}
		fm_end();
		end();
		told(i == 0 ? "E tree: storage: 'vlan' is missing" :
		     i == 1 ? "E tree: vlan is 4095; it must be 1 to 4094" :
		     i == 2 ? "E tree: mtu is 1499; it must be 1500 to 65535" :
			      "E tree: storage: 'local-mac-address' must be the address");
		assert_false(set.storage.present);
	}
	(void)state;
}

UNIT_MAIN(UNIT_TEST(test_disks), UNIT_TEST(test_device_numbers), UNIT_TEST(test_refused_disks),
	  UNIT_TEST(test_refused_values), UNIT_TEST(test_no_storage),
	  UNIT_TEST(test_shared_targets), UNIT_TEST(test_driver_domain_targets),
	  UNIT_TEST(test_driver_domain), UNIT_TEST(test_no_driver_domain),
	  UNIT_TEST(test_storage), UNIT_TEST(test_bad_storage))
