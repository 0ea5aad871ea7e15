/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a node: what is taken, and what is wrong with it.
 */
#include "unit.h"

#include <string.h>

#include "fdt_make.h"
#include "lib/fmt.h"
#include "mgmt/mgmt.h"

static struct mgmt_config config;
static char told[1024];
static struct vmdesc_diag diag;

static void line(void *ctx, enum vmdesc_severity severity, const char *text)
{
	size_t n = strlen(told);

	fmt_buf(told + n, sizeof(told) - n, "%s\n", text);
	(void)ctx;
	(void)severity;
}

static void begin(void)
{
	config = (struct mgmt_config){ .given = false };
	told[0] = '\0';
	diag = (struct vmdesc_diag){ .line = line };
	fm_start();
	fm_root();
	fm_begin("vms");
	fm_begin("mgmt");
	fm_str("compatible", "mv,management");
}

static void read_it(void)
{
	static struct vm_config vms[1];
	struct vmdesc_set set = {
		.vms = vms, .capacity = 1, .other_compatible = "mv,management",
		.other = mgmt_config_read, .other_ctx = &config,
	};
	struct vmdesc_source source = { .ctx = NULL };
	size_t size;

	fm_end();
	fm_end();
	size = fm_finish();
	vmdesc_add_tree(&set, fm_buf, size, "tree", &source, &diag);
	assert_int_equal(set.count, 0);
}

static void test_least(void **state)
{
	begin();
	fm_str("node-name", "mv1");
	read_it();
	assert_true(config.given && !config.failed);
	assert_string_equal(config.name, "mv1");
	assert_string_equal(told, "");
	assert_memory_equal(config.mac, "\x02MV", 3);
	assert_int_equal(config.vlan, 0);
	assert_false(config.has_key);
	assert_int_equal(config.allow_count, 0);
	assert_true(config.image_quota > 0);
	(void)state;
}

static void test_all(void **state)
{
	uint8_t key[32] = { 7 }, id[16] = { 8 };

	begin();
	fm_str("node-name", "mv1");
	fm_bytes("local-mac-address", "\x02\0\0\0\0\x05", 6);
	fm_bytes("node-id", id, sizeof(id));
	fm_cells("vlan", 1, 77);
	fm_bytes("allow-mac", "\x02\0\0\0\0\x06\x02\0\0\0\0\x07", 12);
	fm_bytes("key", key, sizeof(key));
	fm_cells("image-quota", 2, 0, 1024);
	read_it();
	assert_true(config.given && !config.failed && config.has_key);
	assert_memory_equal(config.mac, "\x02\0\0\0\0\x05", 6);
	assert_memory_equal(config.node_id, id, 16);
	assert_memory_equal(config.key, key, 32);
	assert_memory_equal(config.allow[1], "\x02\0\0\0\0\x07", 6);
	assert_int_equal(config.allow_count, 2);
	assert_int_equal(config.vlan, 77);
	assert_int_equal(config.image_quota, 1 << 20);
	(void)state;
}

/* A node whose key can't be read must not run without one. */
static void test_wrong(void **state)
{
	static const struct {
		const char *name;
		const char *value;
		size_t len;
		const char *text;
	} wrong[] = {
		{ "key", "short", 5, "'key' must be 32 bytes" },
		{ "node-id", "short", 5, "'node-id' must be 16 bytes" },
		{ "local-mac-address", "\x03\0\0\0\0\x05", 6, "single interface" },
		{ "local-mac-address", "\x02", 1, "6 bytes" },
		{ "allow-mac", "\x02\0\0\0\0\x06\x02", 7, "1 to 16 times 6 bytes" },
		{ "allow-mac", "\xff\xff\xff\xff\xff\xff", 6, "single interface" },
		{ "vlan", "\0\0\x10\0", 4, "1 to 4094" },
		{ "image-quota", "\0", 1, "one or two cells" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		begin();
		fm_str("node-name", "mv1");
		fm_bytes(wrong[i].name, wrong[i].value, wrong[i].len);
		read_it();
		assert_true(config.given && config.failed);
		if (strstr(told, wrong[i].text) == NULL) {
			fail_msg("'%s' does not tell '%s'", told, wrong[i].text);
		}
	}
	begin();
	fm_str("node-name", "a b");
	read_it();
	assert_true(config.failed);
	begin();
	read_it();
	assert_true(config.failed);
	begin();
	fm_str("node-name", "mv1");
	fm_flag("colour");
	read_it();
	assert_false(config.failed);
	assert_non_null(strstr(told, "unknown property 'colour'"));
	(void)state;
}

static void test_twice(void **state)
{
	begin();
	fm_str("node-name", "mv1");
	fm_end();
	fm_begin("again");
	fm_str("compatible", "mv,management");
	fm_str("node-name", "mv2");
	read_it();
	assert_string_equal(config.name, "mv1");
	assert_non_null(strstr(told, "described twice"));
	(void)state;
}

UNIT_MAIN(
	UNIT_TEST(test_least),
	UNIT_TEST(test_all),
	UNIT_TEST(test_wrong),
	UNIT_TEST(test_twice),
)
