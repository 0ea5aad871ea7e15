/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor's log: a ring in memory, echoed to the boot console.
 *
 * ERROR  the hypervisor itself is wrong or lost something
 * WARN   something an operator should look at
 * NOTICE a normal event of note: a VM started or ended
 * INFO   what a curious operator wants to see
 * DEBUG  for developers
 *
 * `area` is a short lower-case word ("net", "vm"). A line has no line feed.
 * Any context; takes LOCK_LOG.
 */
#ifndef KERN_LOG_H
#define KERN_LOG_H

#include "lib/fmt.h"
#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

void log_write(enum log_level level, const char *area, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#define log_error(...)	log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)	log_write(LOG_WARN, __VA_ARGS__)
#define log_notice(...)	log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	log_write(LOG_DEBUG, __VA_ARGS__)

/*
 * A line about what a guest did, at most LOG_GUEST_BURST at once and
 * LOG_GUEST_RATE a second for each domain; the rest is counted and the count
 * is told with the next line that passes.
 */
#define LOG_GUEST_BURST	10U
#define LOG_GUEST_RATE	5U
void log_guest(unsigned int domid, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Lines up to this level go to the console (all go to the ring). */
void log_set_console_level(enum log_level level);

/* Where lines for the console go; NULL: arch_console_putc(). */
void log_set_sink(void (*sink)(const char *text, size_t len));

/* Copy out the ring's text from its oldest byte on; returns the bytes. */
size_t log_read(char *buf, size_t size);

/*
 * Copy out text from the *offset'th byte ever written on, or from the oldest that
 * is kept; *offset becomes that of the first byte copied. Returns the bytes.
 */
size_t log_read_at(uint64_t *offset, char *buf, size_t size, uint64_t *oldest, uint64_t *end);

/* Print registers, backtrace and build id, stop all CPUs for good. */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A condition only the hypervisor can break; debug and host builds check. */
#ifdef DEBUG
#define ASSERT(x) \
	do { if (!(x)) { panic("%s:%d: %s", __FILE__, __LINE__, #x); } } while (0)
#else
#define ASSERT(x) ((void)sizeof(!(x)))
#endif

#endif
