/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Grants: a guest writes anything into its table, gives memory back and takes
 * it, while the hypervisor copies and pins by reference. What it gets must be
 * RAM of that guest, granted to it; what is pinned must stay.
 */
#include <stdlib.h>

#include "harness.h"
#include "unit/xen_guest.h"
#include "xen/grant.h"

#define RAM_PAGES	8U
#define PINS		16U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pinned {
	uint32_t ref;
	void *page;
};

static struct pinned pins[PINS];
static unsigned int pin_count;
static struct grant_piece pieces[PINS];	/* in use */
static unsigned int piece_count;

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

static bool is_ram(struct domain *d, const void *page)
{
	unsigned int attr;
	hpa_t pa;

	for (unsigned int i = 0; i < RAM_PAGES; i++) {
		if (p2m_lookup(&d->p2m, GFN(HOST_GUEST_GFN + i), &pa, &attr) == 0 &&
		    (attr & P2M_OWNED) && hpa_to_va(pa) == page) {
			return true;
		}
	}
	return false;
}

static void use(struct domain *d, uint32_t ref, bool write)
{
	void *page;

	if (grant_frame(d, ref, write, &page) == 0) {
		require(xg_entry(d, ref)->domid == DOMID_HV);
		require((xg_entry(d, ref)->flags & GTF_TYPE_MASK) == GTF_PERMIT_ACCESS);
		require(!write || !(xg_entry(d, ref)->flags & GTF_READONLY));
		require(is_ram(d, page));
	}
}

/* Up to three pieces of a request at once, all or none. */
static void use_pieces(struct domain *d, uint32_t ref, unsigned int count, bool write)
{
	struct grant_piece *p = &pieces[piece_count];

	if (piece_count + count > PINS) {
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		p[i].ref = ref + i;
	}
	if (grant_pieces_use(d, p, count, write) == 0) {
		piece_count += count;
	}
}

static void unuse_piece(struct domain *d)
{
	if (piece_count > 0) {
		piece_count--;
		grant_pieces_unuse(d, &pieces[piece_count], 1);
	}
}

/* One step of six bytes. */
static void step(struct domain *d, const uint8_t *s)
{
	uint32_t ref = s[1] & 0x80 ? s[1] * 0x01010101U : s[1];
	uint64_t gfn = s[2] < 240 ? HOST_GUEST_GFN + s[2] % RAM_PAGES : XG_GRANT_GFN;
	void *page;

	switch (s[0] & 7) {
	case 0:
	case 1:
		xg_grant(d, s[1], gfn, s[3] | (s[0] & 0x80 ? s[4] * 256U : 0));
		xg_entry(d, s[1])->domid = s[5] < 240 ? DOMID_HV : s[5];
		break;
	case 2:
		use(d, ref, s[3] & 1);
		break;
	case 3:
		if (s[4] & 1) {
			use_pieces(d, ref, 1 + s[4] % 3, s[3] & 1);
		} else if (pin_count < PINS && grant_pin(d, ref, &page) == 0) {
			require(is_ram(d, page));
			pins[pin_count++] = (struct pinned){ ref, page };
		}
		break;
	case 4:
		if (s[4] & 1) {
			unuse_piece(d);
		} else if (pin_count > 0) {
			grant_unpin(d, pins[--pin_count].ref);
		}
		break;
	case 5:
		/* Page 0 holds the arguments. */
		xg_reserve(d->vcpus[0], s[3] & 1 ? XENMEM_DECREASE_RESERVATION :
			   XENMEM_POPULATE_PHYSMAP, HOST_GUEST_GFN + 1 + s[2] % (RAM_PAGES - 1),
			   1 + (s[3] >> 1 & 3), 0);
		break;
	case 6:
		xg_physmap(d->vcpus[0], s[3] & 1, s[1], HOST_GUEST_GFN + 1 +
			   s[2] % (RAM_PAGES - 1));
		break;
	default:
		host_hypercall(d->vcpus[0], HC_GRANT_TABLE_OP, s[1], XG_ARG, s[2]);
		break;
	}
	for (unsigned int i = 0; i < pin_count; i++) {
		require(page_is_pinned(d, pins[i].page) && is_ram(d, pins[i].page));
	}
	for (unsigned int i = 0; i < piece_count; i++) {
		require(page_is_pinned(d, pieces[i].page) && is_ram(d, pieces[i].page));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool booted;
	struct domain *d;

	/* One machine for all: host_finish() checks that nothing is left. */
	if (!booted) {
		host_reset();
		booted = true;
	}
	pin_count = 0;
	piece_count = 0;
	d = host_domain_create(RAM_PAGES, 1);
	xg_start(d);
	require(grant_pieces_reserve(d, PINS - 2) == 0);
	for (size_t i = 0; i + 6 <= size && i < 6 * 200; i += 6) {
		step(d, data + i);
	}
	while (piece_count > 0) {
		unuse_piece(d);
	}
	grant_pieces_release(d, PINS - 2);
	host_finish();
	return 0;
}
