/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel images: accepted, refused, and the reason that a person is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "image_make.h"
#include "vm/image.h"

static uint8_t img[512];
static struct image_info info;

static void refused(const void *p, size_t size, int err, const char *word)
{
	assert_int_equal(image_check(p, size, &info), err);
	assert_non_null(info.error);
	assert_non_null(strstr(info.error, word));
}

static void test_good(void **state)
{
	im_header(img, 0, 0x2000000, 0xa);
	assert_int_equal(image_check(img, sizeof(img), &info), 0);
	assert_null(info.error);
	assert_true(info.text_offset == 0);
	assert_true(info.mem_size == 0x2000000);
	assert_true(info.anywhere);
	assert_int_equal(info.page_size, 4096);

	im_header(img, 0x80000, 100, 0x6);
	assert_int_equal(image_check(img, sizeof(img), &info), 0);
	assert_true(info.text_offset == 0x80000);
	/* Never less than what is to be copied. */
	assert_true(info.mem_size == sizeof(img));
	assert_false(info.anywhere);
	assert_int_equal(info.page_size, 65536);
}

static void test_before_3_17(void **state)
{
	im_header(img, 0x1234567890, 0, 0);
	assert_int_equal(image_check(img, sizeof(img), &info), 0);
	assert_true(info.text_offset == 0x80000);
	assert_true(info.mem_size == sizeof(img));
}

static void test_refused(void **state)
{
	refused(NULL, 0, -ENOENT, "no kernel");
	refused(img, 0, -ENOENT, "no kernel");
	im_header(img, 0, 4096, 0);
	refused(img, 63, -EIO, "truncated");
	im_header(img, 0, 4096, 1);
	refused(img, sizeof(img), -EINVAL, "big-endian");
	im_header(img, 0x200000, 4096, 0);
	refused(img, sizeof(img), -EINVAL, "nonsense");
	im_header(img, 0, UINT64_MAX, 0);
	refused(img, sizeof(img), -EINVAL, "nonsense");
	im_header(img, 0, 4096, 0);
	img[56] ^= 1;
	refused(img, sizeof(img), -EINVAL, "not an arm64 Image");
}

static void test_other_kinds(void **state)
{
	memset(img, 0, sizeof(img));
	memcpy(img, "\x1f\x8b", 2);
	refused(img, sizeof(img), -EINVAL, "gzip");
	memcpy(img, "\x7f" "ELF", 4);
	refused(img, sizeof(img), -EINVAL, "ELF");
	memcpy(img, "MZ\0\0zimg", 8);
	refused(img, sizeof(img), -EINVAL, "zboot");
}

/* An EFI stub's section table tells how long the file must be. */
static void test_truncated(void **state)
{
	im_header(img, 0, 0x100000, 0xa);
	memcpy(img, "MZ", 2);
	im_le(img + 60, 64, 4);
	memcpy(img + 64, "PE\0\0", 4);
	im_le(img + 64 + 6, 1, 2);	/* one section */
	im_le(img + 64 + 20, 16, 2);	/* optional header's size */
	im_le(img + 64 + 24 + 16 + 16, 256, 4);	/* SizeOfRawData */
	im_le(img + 64 + 24 + 16 + 20, 256, 4);	/* PointerToRawData */
	assert_int_equal(image_check(img, 512, &info), 0);
	refused(img, 511, -EIO, "truncated");
	im_le(img + 64 + 6, 65535, 2);
	refused(img, 512, -EIO, "truncated");
	/* A PE header that isn't there says nothing. */
	im_le(img + 60, 0xfffffff0, 4);
	assert_int_equal(image_check(img, 512, &info), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_before_3_17),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
