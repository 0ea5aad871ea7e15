/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem/guest: copies from and to guests.
 */
#include "unit/unit.h"

#include <string.h>

#include "mem/guest.h"
#include "vm/domain.h"

#define PAGES	4U
#define BASE	HOST_GUEST_GPA

static struct domain *d;
static struct arch_vcpu *v;

static int setup(void **state)
{
	unit_setup(state);
	d = host_domain_create(PAGES, 1);
	v = &d->vcpus[0]->arch;
	host_load(d->vcpus[0]);
	return 0;
}

static void fill(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++) {
		p[i] = (uint8_t)(i * 7 + (i >> 8) + seed);
	}
}

/* Every start near a page's end and several lengths, through both ways. */
static void test_copies_across_pages(void **state)
{
	static const size_t lengths[] = { 0, 1, 2, 7, 8, 4096, 4097, 8192, 9000 };
	static const size_t starts[] = { 0, 1, 4088, 4095, 4096, 5000 };
	uint8_t in[9000], out[9000];

	for (size_t s = 0; s < ARRAY_SIZE(starts); s++) {
		for (size_t l = 0; l < ARRAY_SIZE(lengths); l++) {
			uint64_t at = BASE + starts[s];
			size_t n = lengths[l];

			fill(in, n, (unsigned int)(s * 16 + l));
			assert_int_equal(guest_copy_to(v, at, in, n), 0);
			host_read(d, at, out, n);
			assert_memory_equal(out, in, n);
			memset(out, 0, n);
			assert_int_equal(guest_copy_from(v, out, at, n), 0);
			assert_memory_equal(out, in, n);

			fill(in, n, (unsigned int)(s * 16 + l + 100));
			assert_int_equal(gpa_copy_to(&d->p2m, GPA(at), in, n), 0);
			host_read(d, at, out, n);
			assert_memory_equal(out, in, n);
			memset(out, 0, n);
			assert_int_equal(gpa_copy_from(&d->p2m, out, GPA(at), n), 0);
			assert_memory_equal(out, in, n);
		}
	}
}

static void check_fault(uint64_t at, size_t n, bool read, bool write)
{
	uint8_t buf[8192] = { 0 };

	assert_int_equal(guest_copy_from(v, buf, at, n), read ? 0 : -EFAULT);
	assert_int_equal(gpa_copy_from(&d->p2m, buf, GPA(at), n), read ? 0 : -EFAULT);
	assert_int_equal(guest_copy_to(v, at, buf, n), write ? 0 : -EFAULT);
	assert_int_equal(gpa_copy_to(&d->p2m, GPA(at), buf, n), write ? 0 : -EFAULT);
}

static void test_holes(void **state)
{
	uint64_t end = BASE + PAGES * PAGE_SIZE;

	check_fault(end - 8, 8, true, true);
	check_fault(end - 8, 9, false, false);
	check_fault(end, 1, false, false);
	check_fault(BASE - 1, 2, false, false);
	check_fault(0, 1, false, false);
	/* Nothing to copy is no fault, wherever. */
	check_fault(end, 0, true, true);
}

static void test_addresses_that_wrap(void **state)
{
	check_fault(UINT64_MAX, 1, false, false);
	check_fault(UINT64_MAX - 3, 8, false, false);
	check_fault(1ULL << 52, 1, false, false);
	check_fault((1ULL << 40) + BASE, 1, false, false);
}

static void test_read_only_memory(void **state)
{
	hpa_t pa = va_to_hpa(host_page(d, HOST_GUEST_GFN));

	assert_int_equal(p2m_map(&d->p2m, GFN(0x100), pa, 0, S2_READ), 0);
	check_fault(0x100000, 16, true, false);
}

static void test_device_memory(void **state)
{
	assert_int_equal(p2m_map(&d->p2m, GFN(0x100), HPA(0x9000000), 0,
				 S2_READ | S2_WRITE | S2_DEVICE), 0);
	check_fault(0x100000, 16, false, false);
}

/* CPU 1 ends the change of the map that CPU 0 waits for. */
static void change_hook(void)
{
	host_relax_hook = NULL;
	host_cpu(1);
	spin_unlock(&d->p2m.lock);
	assert_int_equal(p2m_map(&d->p2m, GFN(0x100), va_to_hpa(host_page(d, HOST_GUEST_GFN)), 0,
				 S2_READ | S2_WRITE), 0);
	host_cpu(0);
}

/* While a large block is split, what it maps is not there for a moment. */
static void test_map_being_changed(void **state)
{
	uint64_t word = 5;

	host_reset_cpus(2);
	d = host_domain_create(PAGES, 1);
	v = &d->vcpus[0]->arch;
	for (unsigned int i = 0; i < 2; i++) {
		host_load(d->vcpus[0]);
		assert_int_equal(this_cpu()->id, 0);
		host_cpu(1);
		spin_lock(&d->p2m.lock);
		host_cpu(0);
		host_relax_hook = change_hook;
		if (i == 0) {
			assert_int_equal(guest_copy_to(v, 0x100000, &word, sizeof(word)), 0);
		} else {
			word = 0;
			assert_int_equal(guest_copy_from(v, &word, 0x100000, sizeof(word)), 0);
		}
		assert_null(host_relax_hook);
		assert_int_equal(word, 5);
		assert_int_equal(p2m_unmap(&d->p2m, GFN(0x100)), 0);
	}
}

#define GUEST_TEST(f) cmocka_unit_test_setup_teardown(f, setup, unit_teardown)

UNIT_MAIN(
	GUEST_TEST(test_copies_across_pages),
	GUEST_TEST(test_holes),
	GUEST_TEST(test_addresses_that_wrap),
	GUEST_TEST(test_read_only_memory),
	GUEST_TEST(test_device_memory),
	GUEST_TEST(test_map_being_changed),
)
