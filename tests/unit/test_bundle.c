/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot bundle's reader, whole, cut and damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cpio_make.h"
#include "vm/bundle.h"

static struct bundle b;
static const void *data;
static size_t size;

static void make(void)
{
	cm_start();
	cm_add("a.dtb", CM_FILE, "tree", 4);
	cm_add("./boot", CM_DIR, NULL, 0);
	cm_add("./boot/kernel", CM_FILE, "0123456789", 10);
	cm_add("/empty", CM_FILE, NULL, 0);
	cm_finish();
}

static void test_whole(void **state)
{
	static const char *const names[] = {
		"a.dtb", "boot", "boot/kernel", "empty",
	};
	struct bundle_file f = { .next = 0 };

	make();
	assert_int_equal(bundle_open(&b, cm_buf, cm_size), 0);
	assert_int_equal(b.count, 4);
	assert_false(b.truncated);
	assert_null(b.problem);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(bundle_next(&b, &f));
		assert_string_equal(f.name, names[i]);
		assert_true(f.regular == (i != 1));
	}
	assert_false(bundle_next(&b, &f));

	assert_int_equal(bundle_find(&b, "boot/kernel", &data, &size), 0);
	assert_int_equal(size, 10);
	assert_memory_equal(data, "0123456789", 10);
	/* In place, and asked for in any spelling. */
	assert_true((const uint8_t *)data > cm_buf &&
		    (const uint8_t *)data < cm_buf + cm_size);
	assert_int_equal(bundle_find(&b, "./boot/kernel", &data, &size), 0);
	assert_int_equal(bundle_find(&b, "/empty", &data, &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(bundle_find(&b, "boot", &data, &size), -ENOENT);
	assert_int_equal(bundle_find(&b, "kernel", &data, &size), -ENOENT);
	assert_int_equal(bundle_find(&b, "", &data, &size), -ENOENT);
}

/* Boot loaders round the size up. */
static void test_trailing_bytes(void **state)
{
	make();
	memset(cm_buf + cm_size, 0xa5, 1000);
	assert_int_equal(bundle_open(&b, cm_buf, cm_size + 1000), 0);
	assert_int_equal(b.count, 4);
	assert_false(b.truncated);
}

/* At each length: what is whole is found, what is cut is said to be. */
static void test_cut(void **state)
{
	make();
	for (size_t cut = 0; cut < cm_size; cut++) {
		uint8_t *copy = test_malloc(cut + 1);
		int err;

		memcpy(copy, cm_buf, cut);
		err = bundle_open(&b, copy, cut);
		if (cut < 6) {
			assert_int_equal(err, -EINVAL);
			assert_non_null(b.problem);
			test_free(copy);
			continue;
		}
		assert_int_equal(err, 0);
		/* The trailer's padding may be missing. */
		assert_true(b.truncated == (cut < cm_size - 3));
		assert_true(b.truncated == (b.problem != NULL));
		err = bundle_find(&b, "boot/kernel", &data, &size);
		if (cut < 116 + 4 + 120 + 124) {
			assert_int_equal(err, -ENOENT);
		} else if (cut < 116 + 4 + 120 + 124 + 10) {
			assert_int_equal(err, -EIO);
		} else {
			assert_int_equal(err, 0);
		}
		test_free(copy);
	}
}

static void damage(size_t at, const char *text, bool usable)
{
	make();
	memcpy(cm_buf + at, text, strlen(text));
	assert_int_equal(bundle_open(&b, cm_buf, cm_size),
			 usable ? 0 : -EINVAL);
	assert_non_null(b.problem);
	if (usable) {
		assert_true(b.truncated);
	}
}

static void test_damaged(void **state)
{
	damage(0, "070707", false);
	assert_non_null(strstr(b.problem, "newc"));
	damage(0, "\x1f\x8b\x08", false);
	assert_non_null(strstr(b.problem, "compressed"));
	damage(0, "hello", false);
	damage(120, "x", true);			/* the second header's magic */
	assert_int_equal(b.count, 1);
	damage(120 + 94, "00000000", true);	/* no name */
	damage(120 + 94, "ffffffff", true);	/* longer than anything */
	damage(120 + 94, "00000003", true);	/* no NUL at its end */
	damage(120 + 54, "fffffff0", true);	/* larger than the archive */
	assert_int_equal(b.count, 2);
	damage(120 + 54, "0000000g", true);
	assert_int_equal(b.count, 1);
}

static void test_long_names(void **state)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	cm_start();
	name[BUNDLE_NAME_MAX] = '\0';
	cm_add(name, CM_FILE, "x", 1);
	cm_finish();
	assert_int_equal(bundle_open(&b, cm_buf, cm_size), 0);
	assert_int_equal(bundle_find(&b, name, &data, &size), 0);

	cm_start();
	name[BUNDLE_NAME_MAX] = 'n';
	name[BUNDLE_NAME_MAX + 1] = '\0';
	cm_add(name, CM_FILE, "x", 1);
	cm_finish();
	assert_int_equal(bundle_open(&b, cm_buf, cm_size), 0);
	assert_non_null(b.problem);
	assert_int_equal(bundle_find(&b, name, &data, &size), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_trailing_bytes),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
