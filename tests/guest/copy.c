/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's own memcpy and memset (hv/arch/arm64/mem.S), run where they can be
 * compared byte by byte: every length up to some rounds of the long loop, at odd
 * addresses. A guest's SIMD registers are as they were.
 */
#include "lib/guest.h"

const char guest_name[] = "copy";

#define ROOM		16384UL
#define LONG		1100UL		/* every length up to it */
#define EDGE		80UL		/* looked at on both sides */

void *hv_memcpy(void *dst, const void *src, size_t n);
void *hv_memset(void *dst, int c, size_t n);

static uint8_t from[ROOM], to[ROOM];

static void fill(void)
{
	for (size_t i = 0; i < ROOM; i++) {
		from[i] = (uint8_t)rnd();
	}
}

static void copy_one(size_t at, size_t src, size_t n)
{
	for (size_t i = at - EDGE; i < at + n + EDGE; i++) {
		to[i] = 0x5a;
	}
	CHECK(hv_memcpy(to + at, from + src, n) == to + at);
	for (size_t i = at - EDGE; i < at + n + EDGE; i++) {
		bool inside = i >= at && i < at + n;

		if (to[i] != (inside ? from[src + i - at] : 0x5a)) {
			fail("%lu bytes to %lu: byte %lu", n, at, i - at);
			return;
		}
	}
}

static void case_copy(void)
{
	fill();
	for (size_t n = 0; n <= LONG && !has_failed(); n++) {
		copy_one(EDGE + n % 64, n % 37, n);
		copy_one(EDGE + 64, 64, n);
	}
	for (unsigned int i = 0; i < 200 && !has_failed(); i++) {
		copy_one(EDGE + rnd() % 64, rnd() % 64, rnd() % (ROOM - 2 * EDGE - 64));
	}
}

/* memmove() copies down with it. */
static void case_down(void)
{
	for (size_t gap = 1; gap < 300 && !has_failed(); gap++) {
		size_t n = rnd() % 2000;

		fill();
		for (size_t i = 0; i < n + gap; i++) {
			to[i] = from[i];
		}
		(void)hv_memcpy(to, to + gap, n);
		for (size_t i = 0; i < n; i++) {
			if (to[i] != from[i + gap]) {
				fail("%lu bytes down by %lu: byte %lu", n, gap, i);
				break;
			}
		}
	}
}

static void set_one(size_t at, int c, size_t n)
{
	for (size_t i = at - EDGE; i < at + n + EDGE; i++) {
		to[i] = 0x5a;
	}
	CHECK(hv_memset(to + at, c, n) == to + at);
	for (size_t i = at - EDGE; i < at + n + EDGE; i++) {
		bool inside = i >= at && i < at + n;

		if (to[i] != (inside ? (uint8_t)c : 0x5a)) {
			fail("%lu bytes at %lu: byte %lu", n, at, i - at);
			return;
		}
	}
}

static void case_set(void)
{
	for (size_t n = 0; n <= LONG && !has_failed(); n++) {
		set_one(EDGE + n % 64, 0, n);
		set_one(EDGE + n % 64, 0x1c3, n);
	}
}

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define SIMD_LOAD(n)	"ldr q" #n ", [%0, #" #n " * 16]\n"
#define SIMD_STORE(n)	"str q" #n ", [%0, #" #n " * 16]\n"

static void case_registers(void)
{
	static uint64_t before[16], after[16];

	__asm__ volatile("msr cpacr_el1, %0; isb" : : "r"(3UL << 20));
	for (size_t n = 0; n < LONG && !has_failed(); n += 61) {
		for (unsigned int i = 0; i < COUNT(before); i++) {
			before[i] = rnd();
		}
		__asm__ volatile(".arch_extension fp\n" EACH(SIMD_LOAD) : : "r"(before) : "memory");
		(void)hv_memcpy(to, from, n);
		__asm__ volatile(".arch_extension fp\n" EACH(SIMD_STORE) : : "r"(after) : "memory");
		CHECK_EQ(memcmp(before, after, sizeof(before)), 0);
	}
}

const struct guest_case guest_cases[] = {
	/* First: it lets SIMD instructions pass. */
	{ "registers", case_registers }, { "copy", case_copy }, { "down", case_down },
	{ "set", case_set }, { NULL, NULL },
};
