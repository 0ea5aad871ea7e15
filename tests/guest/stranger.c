/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest without devices looks where the machine has some: another guest's or
 * nobody's, they are not there for it, and can't be had by a grant of them.
 */
#include "lib/guest.h"
#include "lib/xen.h"

const char guest_name[] = "stranger";

static void case_look(void)
{
	static const uint64_t places[] = {
		0x08000000,		/* interrupt controller */
		0x09000000, 0x09010000,	/* UART, clock */
		0x0a000000,		/* a virtio transport */
		0x10000000, 0x3eff0000,	/* PCI: memory and I/O */
		0x4010000000, 0x4010008000, 0x401ff00000,	/* configuration */
	};

	mmu_level1[256] = MMU_DEVICE(256);
	__asm__ volatile("dsb sy\n\tisb" : : : "memory");
	for (unsigned int i = 0; i < COUNT(places); i++) {
		fault_begin();
		(void)read32(places[i]);
		if (fault_end() != 1) {
			fail("something is at 0x%lx", places[i]);
		}
		fault_begin();
		write32(places[i], 0);
		if (fault_end() != 1) {
			fail("something takes a write at 0x%lx", places[i]);
		}
	}
}

static void case_no_spis(void)
{
	CHECK_EQ(read32(GICD_BASE + 4) & 0x1f, 0);
	write32(GICD_BASE + 0x104, UINT32_MAX);
	CHECK_EQ(read32(GICD_BASE + 0x104), 0);
}

const struct guest_case guest_cases[] = {
	{ "look", case_look }, { "no-spis", case_no_spis }, { NULL, NULL },
};
