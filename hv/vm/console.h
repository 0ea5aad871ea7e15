/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain's PV console (xen/io/console.h): the ring page that its hvc0
 * uses, served by the hypervisor, and text by the console_io hypercall.
 *
 * Output goes to the domain's port of the UART multiplexer (vm/mux.h), input
 * comes from there. Nothing here waits for the guest or for the UART.
 *
 * Locking: LOCK_CONSOLE of the console, inside.
 * Invariants: the hypervisor's own ring indices are kept here and only written
 * to the shared page, never read back.
 */
#ifndef VM_CONSOLE_H
#define VM_CONSOLE_H

#include "vm/domain.h"

#define CONSOLE_PENDING		4096U	/* input that waits for the guest */

/* Register with domain creation and teardown. Boot only, after mux_init(). */
void console_init(void);

/*
 * The domain_ops of the console. console_create() allocates the ring page
 * (d->console_page, zeroed; the domain builder maps it) and attaches the port
 * with the domain's id and name. 0, -ENOMEM, -EEXIST.
 */
MUST_CHECK int console_create(struct domain *d);
bool console_destroy(struct domain *d);

/*
 * The guest notified its console port: take its output, give it input that
 * waits. Bounded by the ring's size. No lock held.
 */
void console_notified(struct domain *d);

/*
 * Set by hv/init: raise the event on the guest's console port. Called with no
 * lock held, and only if output was taken or input was added.
 */
extern void (*console_event)(struct domain *d);

/* Output by hypercall (CONSOLEIO_write). `n` is at most CONSOLE_RAW_MAX. */
#define CONSOLE_RAW_MAX		4096U
void console_guest_raw(struct domain *d, const char *text, size_t n);

/*
 * Input for the guest; waits in a queue while the ring is full, and is
 * dropped and counted when that is full, too.
 */
void console_input(struct domain *d, const char *text, size_t n);

/* The newest output, oldest byte first; returns the number of bytes. */
size_t console_history_read(struct domain *d, char *buf, size_t size);

/* From an offset on, as mux_read_at(). */
size_t console_read_at(struct domain *d, uint64_t *offset, char *buf, size_t size,
		       uint64_t *oldest, uint64_t *end);

/* The domain has another name. */
void console_rename(struct domain *d);

struct console_stats {
	uint64_t out_bytes;		/* taken from the ring or by hypercall */
	uint64_t in_bytes;		/* put into the ring */
	uint64_t in_lost;		/* dropped: the queue was full */
	uint64_t out_lost;		/* never shown: the UART is too slow */
	bool broken;			/* the guest's indices were wrong */
};

/* Zeroed if the domain has no console. */
void console_get_stats(struct domain *d, struct console_stats *out);

#endif
