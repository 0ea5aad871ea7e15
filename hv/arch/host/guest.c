/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port's harness: domains as tests make and drive them.
 */
#include <stdlib.h>

#include "harness.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "port.h"
#include "vm/domain.h"
#include <arch/upcall.h>

#define RAM_ATTR	(S2_READ | S2_WRITE | S2_EXEC | P2M_OWNED)
#define LOAD_ROUNDS	1000U
#define LOAD_STEP_NS	1000000ULL
#define DESTROY_ROUNDS	1000U

static int descending(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)*(void *const *)a;
	uintptr_t y = (uintptr_t)*(void *const *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static void ram_add(struct domain *d, unsigned int pages)
{
	void **frames = calloc(pages, sizeof(*frames));

	for (unsigned int i = 0; i < pages; i++) {
		frames[i] = frame_alloc(0, FRAME_ZERO);
		if (frames[i] == NULL) {
			host_fatal("no RAM for a domain");
		}
	}
	qsort(frames, pages, sizeof(*frames), descending);
	for (unsigned int i = 0; i < pages; i++) {
		if (p2m_map(&d->p2m, GFN(HOST_GUEST_GFN + i), va_to_hpa(frames[i]), 0,
			    RAM_ATTR) != 0) {
			host_fatal("p2m_map failed");
		}
	}
	free(frames);
	d->memory_pages = pages;
	d->max_pages = pages;
}

struct domain *host_domain_create(unsigned int pages, unsigned int vcpus)
{
	struct domain *d;

	if (domain_create(0, "test", vcpus, &d) != 0) {
		host_fatal("domain_create failed");
	}
	ram_add(d, pages);
	domain_start(d, GPA(HOST_GUEST_GPA), 0);
	host_run();
	return d;
}

void host_domain_destroy(struct domain *d)
{
	unsigned int id = d->id;

	domain_shutdown(d, SHUTDOWN_POWEROFF);
	for (unsigned int i = 0; i < DESTROY_ROUNDS && domain_find(id) == d; i++) {
		host_advance(LOAD_STEP_NS);
	}
	if (domain_find(id) == d) {
		host_fatal("domain %u is not going away", id);
	}
}

void *host_page(struct domain *d, uint64_t gfn)
{
	unsigned int attr;
	hpa_t pa;

	if (p2m_lookup(&d->p2m, GFN(gfn), &pa, &attr) != 0) {
		host_fatal("domain %u has no page at gfn 0x%llx", d->id, (unsigned long long)gfn);
	}
	return hpa_to_va(pa);
}

void host_read(struct domain *d, uint64_t gpa, void *dst, size_t n)
{
	for (size_t done = 0; done < n;) {
		uint64_t at = gpa + done;
		size_t part = MIN(n - done, PAGE_SIZE - (at & PAGE_MASK));

		memcpy((char *)dst + done,
		       (char *)host_page(d, at >> PAGE_SHIFT) + (at & PAGE_MASK), part);
		done += part;
	}
}

void host_write(struct domain *d, uint64_t gpa, const void *src, size_t n)
{
	for (size_t done = 0; done < n;) {
		uint64_t at = gpa + done;
		size_t part = MIN(n - done, PAGE_SIZE - (at & PAGE_MASK));

		memcpy((char *)host_page(d, at >> PAGE_SHIFT) + (at & PAGE_MASK),
		       (const char *)src + done, part);
		done += part;
	}
}

/* Act as the CPU that has `v` loaded, if one has. */
static bool become(struct vcpu *v)
{
	for (unsigned int i = 0; i < cpu_count; i++) {
		if (cpus[i].current == &v->sched) {
			host_cpu(i);
			return true;
		}
	}
	return false;
}

void host_load(struct vcpu *v)
{
	if (host_has_threads()) {
		if (this_cpu()->current != &v->sched) {
			host_fatal("a thread acts as a vCPU that its CPU has not loaded");
		}
		return;
	}
	for (unsigned int round = 0; round < LOAD_ROUNDS; round++) {
		if (become(v)) {
			return;
		}
		if (v->sched.state == SCHED_OFF) {
			break;
		}
		sched_wake(&v->sched);
		for (unsigned int i = 0; i < cpu_count; i++) {
			if (cpus[i].current != NULL) {
				host_cpu(i);
				sched_give_way(cpus[i].current);
			}
		}
		host_run();
		if (round % 16 == 15) {
			host_advance(LOAD_STEP_NS);
		}
	}
	host_fatal("vCPU %u of domain %u can't be loaded", v->id, v->domain->id);
}

long host_hypercall_args(struct vcpu *v, uint64_t nr, const uint64_t args[5])
{
	uint64_t result;

	host_load(v);
	result = upcall_hypercall(&v->arch, nr, args);
	if (!host_has_threads()) {
		host_exit();
	}
	return (long)result;
}

bool host_take_upcall(struct vcpu *v)
{
	return atomic_exchange_explicit(&v->arch.upcall_pending, false, memory_order_seq_cst);
}
