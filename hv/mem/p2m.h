/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest physical memory of a domain: the stage-2 tables and their walker.
 *
 * Look-ups take no lock: tables are freed only after quiescence
 * (kern/quiesce.h), and so are frames taken out of a running domain; a
 * machine address is good until the caller's CPU next passes its exit path.
 * Changes take LOCK_P2M.
 */
#ifndef MEM_P2M_H
#define MEM_P2M_H

#include "kern/lock.h"
#include <arch/s2.h>

struct p2m {
	struct spinlock lock;
	uint64_t *root;
	struct arch_domain *arch;
	uint64_t table_count;		/* pages of tables, all levels */
	uint64_t page_count;		/* 4 KiB pages mapped that p2m owns */
	bool live;			/* vCPUs may be running: flush */
	bool kept;			/* owned frames are the VM's and are never freed */
};

/*
 * RAM of the guest: an owned page goes back to the frame allocator with the
 * p2m, or, if `kept`, to who keeps it.
 */
#define P2M_OWNED	0x100U
/* Somebody else's page, on loan: see p2m_lend(). Nothing else replaces it. */
#define P2M_FOREIGN	0x200U

/* A page that is shown to the domain for a while. */
struct p2m_loan {
	gfn_t gfn;
	hpa_t pa;
	bool write;
	int err;			/* not 0: it is passed over */
};

/* 0 or -ENOMEM. */
MUST_CHECK int p2m_init(struct p2m *p, struct arch_domain *arch);

/*
 * Map 2^order pages (order 0, 9 or 18; aligned) at gfn; what was there is
 * replaced (freed if owned). attr: S2_*, P2M_OWNED. 0, -ENOMEM, -EINVAL.
 */
MUST_CHECK int p2m_map(struct p2m *p, gfn_t gfn, hpa_t pa, unsigned int order,
		       unsigned int attr);

/* Unmap one page. -ENOENT if there is none. Owned frames are freed. */
MUST_CHECK int p2m_unmap(struct p2m *p, gfn_t gfn);

/*
 * Look up one page: machine address of its start and S2_* attributes
 * (P2M_OWNED too). -ENOENT if there is none.
 */
MUST_CHECK int p2m_lookup(struct p2m *p, gfn_t gfn, hpa_t *pa, unsigned int *attr);

/*
 * The same, and how many pages from this one on, at least 1, follow each other in the
 * machine with the same attributes.
 */
MUST_CHECK int p2m_lookup_run(struct p2m *p, gfn_t gfn, hpa_t *pa, unsigned int *attr,
			      uint64_t *pages);

/*
 * Map loans, each where there is nothing: err is 0, -EEXIST (something is there),
 * -EINVAL (no such frame), -ENOMEM.
 */
void p2m_lend(struct p2m *p, struct p2m_loan *loan, unsigned int n);

/*
 * Take loans back: when it returns no CPU reaches the pages by them any more. err
 * is 0, or -ENOENT (this page isn't there).
 */
void p2m_take_back(struct p2m *p, struct p2m_loan *loan, unsigned int n);

/* Wait for a change that another CPU may be making. */
void p2m_settle(struct p2m *p);

/*
 * Free a dead domain's memory and tables a piece at a time: true if there is
 * more to do. After the last call only p2m_init makes it usable.
 */
bool p2m_free_step(struct p2m *p);

#endif
