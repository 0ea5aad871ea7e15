/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies from and to guest memory, page by page.
 */
#include "mem/guest.h"

#include "lib/string.h"
#include <arch/upcall.h>
#include <arch/vcpu.h>

static size_t page_rest(uint64_t addr, size_t n)
{
	return MIN(n, PAGE_SIZE - (addr & PAGE_MASK));
}

static int guest_page(struct arch_vcpu *v, uint64_t va, bool write, hpa_t *pa)
{
	int err = arch_guest_va(v, va, write, pa);

	/* A change in progress makes entries invalid for a moment: wait for it. */
	if (err != 0) {
		upcall_map_settle(v);
		err = arch_guest_va(v, va, write, pa);
	}
	return err;
}

int guest_copy_from(struct arch_vcpu *v, void *dst, uint64_t src, size_t n)
{
	uint8_t *to = dst;

	while (n > 0) {
		size_t part = page_rest(src, n);
		hpa_t pa;
		int err = guest_page(v, src, false, &pa);

		if (err != 0) {
			return err;
		}
		memcpy(to, hpa_to_va(pa), part);
		to += part;
		src += part;
		n -= part;
	}
	return 0;
}

int guest_copy_to(struct arch_vcpu *v, uint64_t dst, const void *src, size_t n)
{
	const uint8_t *from = src;

	while (n > 0) {
		size_t part = page_rest(dst, n);
		hpa_t pa;
		int err = guest_page(v, dst, true, &pa);

		if (err != 0) {
			return err;
		}
		memcpy(hpa_to_va(pa), from, part);
		from += part;
		dst += part;
		n -= part;
	}
	return 0;
}

static int gpa_page(struct p2m *p, gpa_t gpa, unsigned int want, void **va)
{
	unsigned int attr;
	hpa_t pa;

	if (p2m_lookup(p, gpa_to_gfn(gpa), &pa, &attr) != 0 || (attr & S2_DEVICE) ||
	    (attr & want) != want) {
		return -EFAULT;
	}
	*va = (uint8_t *)hpa_to_va(pa) + (gpa.v & PAGE_MASK);
	return 0;
}

int gpa_copy_from(struct p2m *p, void *dst, gpa_t src, size_t n)
{
	uint8_t *to = dst;

	while (n > 0) {
		size_t part = page_rest(src.v, n);
		void *va;
		int err = gpa_page(p, src, S2_READ, &va);

		if (err != 0) {
			return err;
		}
		memcpy(to, va, part);
		to += part;
		src.v += part;
		n -= part;
	}
	return 0;
}

int gpa_copy_to(struct p2m *p, gpa_t dst, const void *src, size_t n)
{
	const uint8_t *from = src;

	while (n > 0) {
		size_t part = page_rest(dst.v, n);
		void *va;
		int err = gpa_page(p, dst, S2_WRITE, &va);

		if (err != 0) {
			return err;
		}
		memcpy(va, from, part);
		from += part;
		dst.v += part;
		n -= part;
	}
	return 0;
}
