/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM as a guest finds it: its files are there to the last byte, and all else is
 * zero. Its RAM disk is its own image once more. In the end it leaves something
 * in all of its RAM for whoever gets that next.
 */
#include "lib/guest.h"

const char guest_name[] = "ram";

#define HEADER		64UL		/* of an Image */
#define TABLES_ROOM	65536UL		/* with the device tree, at the end of RAM */

extern char _start[], _rela_start[], _bss_end[];

static uint64_t ram, ram_end;
static uint64_t disk, disk_end;

static void find(void)
{
	const uint8_t *reg = guest_prop("memory@", "reg", NULL);
	const uint8_t *from = guest_prop("chosen", "linux,initrd-start", NULL);
	const uint8_t *to = guest_prop("chosen", "linux,initrd-end", NULL);

	ram = get_be64(reg);
	ram_end = ram + get_be64(reg + 8);
	disk = get_be64(from);
	disk_end = get_be64(to);
}

/* The first word of a range that isn't zero; `to` if there is none. */
static uint64_t first_used(uint64_t from, uint64_t to)
{
	const uint64_t *p = (const uint64_t *)from;

	while ((uint64_t)p < to && *p == 0) {
		p++;
	}
	return (uint64_t)p;
}

static void case_files(void)
{
	const char *copy;
	uint64_t same = (uint64_t)(_rela_start - _start);

	find();
	CHECK(disk > ram && disk_end < ram_end);
	CHECK(disk_end - disk >= same);
	copy = (const char *)disk;
	CHECK(memcmp(copy + 56, "ARM\x64", 4) == 0);
	/* What the start doesn't change: it relocates data, and place 0 for nothing. */
	for (uint64_t i = HEADER; i < same; i++) {
		if (copy[i] != _start[i]) {
			fail("byte %lu of %lu differs", i, same);
		}
	}
}

static void case_zero(void)
{
	uint64_t tables = (ram_end - TABLES_ROOM) & ~(TABLES_ROOM - 1);
	uint64_t rest = (disk_end + 7) & ~7UL;

	CHECK_EQ(first_used((uint64_t)_bss_end, disk), disk);
	for (uint64_t p = disk_end; p < rest; p++) {
		CHECK_EQ(*(const uint8_t *)p, 0);
	}
	CHECK_EQ(first_used(rest, tables), tables);
	CHECK_EQ(first_used(tables + TABLES_ROOM, ram_end), ram_end);
}

static void case_leave(void)
{
	for (uint64_t p = (uint64_t)_bss_end; p < disk; p += 8) {
		*(volatile uint64_t *)p = ~p;
	}
}

const struct guest_case guest_cases[] = {
	{ "files", case_files },
	{ "zero", case_zero },
	{ "leave", case_leave },
	{ NULL, NULL },
};
