/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI devices are made quiet: against a model of configuration space, in plain
 * memory, that is looked at between the steps.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "dev/pci.h"

#define BUSES		3U
#define COMMAND(f)	((f)[1] & 0xffff)
#define MASTER		0x4U
#define NO_INTX		0x400U
#define FLR		0x8000U
#define BRIDGE_RESET	0x400000U

static uint8_t *ecam;

static int setup(void **state)
{
	ecam = malloc(BUSES << 20);
	memset(ecam, 0xff, BUSES << 20);
	return 0;
}

static int teardown(void **state)
{
	free(ecam);
	return 0;
}

/* A function's configuration space, by words. */
static uint32_t *function(unsigned int bus, unsigned int dev, unsigned int fn)
{
	return (uint32_t *)(void *)(ecam + (bus << 20) + (dev << 15) + (fn << 12));
}

/* A device at work. `cap`: where its PCI Express capability is; 0: none. */
static uint32_t *add(unsigned int bus, unsigned int dev, unsigned int fn, uint32_t header,
		     unsigned int cap)
{
	uint32_t *f = function(bus, dev, fn);

	memset(f, 0, 4096);
	f[0] = 0x11e81234;
	f[1] = 0x0007 | (cap != 0 ? 0x100000U : 0);
	f[3] = header;
	if (cap != 0) {
		f[0x34 / 4] = 0x50;
		f[0x50 / 4] = 0x01 | cap << 8;		/* power management first */
		f[cap / 4] = 0x10;
		f[cap / 4 + 1] = 1U << 28;
		f[cap / 4 + 2] = 0xffff2810;
	}
	return f;
}

static unsigned int run(struct pci_quiet *q, unsigned int limit)
{
	unsigned int steps = 1;
	uint64_t pause;

	while (pci_quiet_step(q, &pause)) {
		assert_true(steps++ < limit);
	}
	return steps;
}

static void test_stopped(void **state)
{
	struct pci_quiet q;
	uint32_t *plain = add(0, 1, 0, 0, 0);
	uint32_t *multi = add(2, 31, 0, 0x800000, 0);
	uint32_t *last = add(2, 31, 7, 0, 0);

	function(2, 31, 1)[0] = 0xffffffff;
	pci_quiet_begin(&q, ecam, 0, BUSES - 1, true);
	assert_int_equal(run(&q, 100), BUSES);	/* nothing to reset: no waiting */
	assert_int_equal(COMMAND(plain), 0x3 | NO_INTX);
	assert_int_equal(COMMAND(multi), 0x3 | NO_INTX);
	assert_int_equal(COMMAND(last), 0x3 | NO_INTX);
	assert_int_equal(function(2, 31, 1)[1], 0xffffffff);
	assert_int_equal(function(0, 0, 0)[1], 0xffffffff);
}

static void test_reset(void **state)
{
	struct pci_quiet q;
	uint32_t *f = add(0, 2, 0, 0, 0x70);
	uint64_t pause;

	pci_quiet_begin(&q, ecam, 0, 0, true);
	assert_true(pci_quiet_step(&q, &pause));
	assert_true(pause > 0);
	assert_int_equal(COMMAND(f) & MASTER, 0);
	/* The status half beside it is not written. */
	assert_int_equal(f[0x78 / 4], 0xffff2810 | FLR);
	assert_true(pci_quiet_step(&q, &pause));
	assert_true(pause >= 100000000);
	assert_false(pci_quiet_step(&q, &pause));
	assert_false(pci_quiet_step(&q, &pause));
}

/* At boot, what never was at work is left as it is. */
static void test_reset_if_at_work(void **state)
{
	struct pci_quiet q;
	uint32_t *works = add(0, 2, 0, 0, 0x70);
	uint32_t *rests = add(0, 3, 0, 0, 0x70);

	rests[1] &= ~MASTER;
	pci_quiet_begin(&q, ecam, 0, 0, false);
	run(&q, 100);
	assert_int_equal(works[0x78 / 4] & FLR, FLR);
	assert_int_equal(rests[0x78 / 4] & FLR, 0);
	assert_int_equal(COMMAND(rests), 0x3 | NO_INTX);
}

static void test_bridge(void **state)
{
	struct pci_quiet q;
	uint32_t *bridge = add(0, 1, 0, 0x010000, 0x70);
	uint32_t *behind = add(1, 0, 0, 0, 0);
	uint64_t pause;

	bridge[0x3c / 4] = 0x00020100;
	pci_quiet_begin(&q, ecam, 0, 1, true);
	assert_true(pci_quiet_step(&q, &pause));
	/* First what is behind it: in reset it would not answer. */
	assert_int_equal(COMMAND(behind) & MASTER, 0);
	assert_int_equal(bridge[0x3c / 4], 0x00020100);
	assert_true(pci_quiet_step(&q, &pause));
	assert_int_equal(bridge[0x3c / 4], 0x00020100 | BRIDGE_RESET);
	assert_int_equal(COMMAND(bridge) & MASTER, 0);
	assert_true(pause >= 1000000);
	assert_true(pci_quiet_step(&q, &pause));
	assert_int_equal(bridge[0x3c / 4], 0x00020100);
	assert_false(pci_quiet_step(&q, &pause));
}

/* A list of capabilities that runs in a circle or nowhere ends all the same. */
static void test_bad_capabilities(void **state)
{
	struct pci_quiet q;
	uint32_t *f = add(0, 1, 0, 0, 0x70);

	f[0x70 / 4] = 0x05 | 0x50 << 8;
	pci_quiet_begin(&q, ecam, 0, 0, true);
	assert_int_equal(run(&q, 100), 1);
	f[0x34 / 4] = 0xffffffff;
	f[0xfc / 4] = 0xffffffff;
	pci_quiet_begin(&q, ecam, 0, 0, true);
	assert_int_equal(run(&q, 100), 1);
}

/* Buses that begin elsewhere: the space given is that of the first. */
static void test_first_bus(void **state)
{
	struct pci_quiet q;
	uint32_t *f = add(1, 4, 0, 0, 0);

	pci_quiet_begin(&q, ecam, 0x40, 0x41, true);
	assert_int_equal(run(&q, 100), 2);
	assert_int_equal(COMMAND(f), 0x3 | NO_INTX);
}

#define PCI_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PCI_TEST(test_stopped), PCI_TEST(test_reset), PCI_TEST(test_reset_if_at_work),
		PCI_TEST(test_bridge), PCI_TEST(test_bad_capabilities), PCI_TEST(test_first_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
