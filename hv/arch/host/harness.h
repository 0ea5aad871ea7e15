/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port's only hook header: how unit tests, the simulation and fuzz
 * targets drive the core in a process.
 *
 * A test resets the machine, acts as one of its CPUs or as a guest, lets the
 * core do what is pending, and advances time. Nothing happens by itself:
 * time stands still and no CPU runs unless a function here is called. Bugs
 * that the model notices (host_fatal()) and panics that weren't expected
 * abort the process.
 *
 * All global variables of the core and the port lie in their own sections
 * (Makefile: HOST_SECTIONS). host_reset() puts them back to their values at
 * the start of the process, so no module needs a way to start over.
 *
 * The machine has all modules that every guest needs (event channels, grants,
 * console, XenStore, the switch), and a UART that writes to host_console().
 *
 * Locking: one thread, except after host_threads(true).
 */
#ifndef HOST_HARNESS_H
#define HOST_HARNESS_H

#include <setjmp.h>

#include "kern/cpu.h"
#include "lib/types.h"
#include <arch/boot.h>

struct domain;
struct vcpu;

/* --- the machine ---------------------------------------------------------- */

/* Boot a machine with one CPU, or `count` (1..CPU_MAX), acting as CPU 0. */
void host_reset(void);
void host_reset_cpus(unsigned int count);

/*
 * End of a test: destroys the domains that are left, runs what is pending and
 * checks that frames and heap are back at what they were after the reset,
 * that no lock is held and no use of a stale translation was seen. Aborts
 * with a message if not. Needless, and does nothing, after a caught panic.
 */
void host_finish(void);

/* Act as CPU `id` from now on. */
void host_cpu(unsigned int id);

/*
 * Several threads will act as CPUs: spinning is not a deadlock any more, and
 * there is no TLB. A thread does its CPU's exits itself (cpu_service()) and
 * acts as the guest that is loaded then; host_run(), host_advance() and
 * host_domain_create() are not for threads.
 */
void host_threads(bool on);

/* In a thread: the alarm of the CPU that it acts as, if due. */
void host_poll_alarm(void);

/*
 * Called in each turn of a spin loop: the test may act as another CPU. It
 * must come back as the same one. NULL: spinning is fatal.
 */
extern void (*host_relax_hook)(void);

/*
 * Run the exit path of every CPU until nothing is pending, as if each guest
 * left and re-entered as often as needed. Comes back as the same CPU. Fatal
 * if it does not end (work that queues itself for ever).
 */
void host_run(void);

/* One round of this CPU's exit path (an exit of its guest and the re-entry). */
void host_exit(void);

/*
 * Let `ns` pass. Alarms go off at their time, with host_run() each time;
 * loaded vCPUs use the time.
 */
void host_advance(uint64_t ns);

/* Change the time only; nothing runs. */
void host_time_skip(uint64_t ns);

/* The alarm that CPU `id` set, UINT64_MAX: none. */
uint64_t host_alarm(unsigned int id);

/* How often CPU `id` was kicked since the reset. */
unsigned int host_kicks(unsigned int id);

/* Everything written to the boot console since the reset. */
const char *host_console(void);

/* What arch_seed() will give follows from `seed`. */
void host_entropy_seed(uint64_t seed);

/* --- ends of the machine --------------------------------------------------- */

enum host_end { HOST_RUNNING, HOST_PANIC, HOST_RESET, HOST_POWEROFF };

/* How the machine ended, in a statement that HOST_END_OF() watched. */
extern enum host_end host_ended;
extern jmp_buf host_end_jump;
void host_end_expect(bool expect);

/*
 * Run a statement and tell how it ended the machine: HOST_RUNNING if it did
 * not. Locks may stay held; reset before going on.
 */
#define HOST_END_OF(statement)						\
	(__extension__({						\
		host_end_expect(true);					\
		if (setjmp(host_end_jump) == 0) {			\
			statement;					\
		}							\
		host_end_expect(false);					\
		host_ended;						\
	}))

/* --- domains ---------------------------------------------------------------- */

/* RAM of host_domain_create() begins here. */
#define HOST_GUEST_GFN	0x40000ULL
#define HOST_GUEST_GPA	(HOST_GUEST_GFN << PAGE_SHIFT)

/*
 * A started domain with `pages` of zeroed RAM from HOST_GUEST_GFN on and
 * `vcpus` vCPUs, of which 0 is on. Neighbouring guest pages are never
 * neighbours in the machine, so a copy over a page's end that forgot to
 * translate again is seen. Fatal if it can't be made.
 */
struct domain *host_domain_create(unsigned int pages, unsigned int vcpus);

/* Destroy and let everything happen until it is gone. */
void host_domain_destroy(struct domain *d);

/* The guest's page, as the guest sees it; fatal if none is mapped. */
void *host_page(struct domain *d, uint64_t gfn);

/* The guest's memory, over page ends. Fatal where none is mapped. */
void host_read(struct domain *d, uint64_t gpa, void *dst, size_t n);
void host_write(struct domain *d, uint64_t gpa, const void *src, size_t n);

/*
 * Have `v` loaded on some CPU and act as that CPU from now on. A vCPU that
 * waits is woken first. Time may pass.
 */
void host_load(struct vcpu *v);

/*
 * A hypercall by `v`, which is loaded first, and the exit path behind it
 * (neither in a thread).
 * Guest virtual addresses equal guest physical ones.
 */
long host_hypercall_args(struct vcpu *v, uint64_t nr, const uint64_t args[5]);
#define host_hypercall(v, nr, ...) \
	host_hypercall_args(v, nr, (const uint64_t[5]){ __VA_ARGS__ })

/* What arch_guest_tables() writes here instead of a device tree. */
#define HOST_GUEST_TABLES_MAGIC	0x7461626c6573ULL
struct host_guest_tables {
	uint64_t magic;
	struct arch_guest_boot boot;	/* but bootargs, which is NULL */
	char bootargs[2048];
};

/* Interrupts of the machine that a domain may be given. */
#define HOST_IRQS	288U
struct host_irq {
	struct arch_domain *owner;	/* NULL: nobody's, off */
	bool edge;
};
extern struct host_irq host_irq[HOST_IRQS];

/* The machine's device tree from now on; NULL: there is none. */
void host_machine_fdt(const void *fdt, size_t size);

/* What arch_map_device() gives for any address from now on. */
void host_machine_registers(void *registers);

/* True once for each time the upcall was raised and not taken yet. */
bool host_take_upcall(struct vcpu *v);

#endif
