/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UART multiplexer: one terminal for the hypervisor's log, its prompt
 * and every guest's console.
 *
 * Each source of text is a port with an id: 0 is the hypervisor's prompt, the
 * others are domain ids. A port's text goes into its history ring first; the
 * terminal is served from there, the log before the ports and the ports in
 * turn, a line each. So a slow UART delays nobody: a port that writes faster
 * than its share loses its own oldest bytes, and a mark tells how many.
 *
 * Mode "all" (the default): each line of a guest is shown as "(name) line";
 * its control characters and escape sequences are taken out, so that it can't
 * forge lines of others or of the log. An unfinished line of the focused port
 * is shown after MUX_FLUSH_NS; should others print before it is finished it is
 * shown again, so every finished line is somewhere in one piece.
 * Mode "raw": the focused guest's bytes go through as they are, other guests'
 * stay in their histories; log lines are still shown.
 *
 * Input goes to the focused port. Ctrl-] is the escape key; docs/console.md
 * lists the keys.
 *
 * Locking: one lock (LOCK_UART) inside. The UART itself is written without
 * it, by one CPU at a time; nobody waits for that CPU.
 */
#ifndef VM_MUX_H
#define VM_MUX_H

#include "lib/list.h"
#include "lib/types.h"
#include "vm/mux_line.h"

#define MUX_ESCAPE	0x1d		/* Ctrl-] */
#define MUX_NAME_MAX	64U
#define MUX_HISTORY	16384U		/* bytes; a power of two */
#define MUX_FLUSH_NS	50000000ULL	/* an unfinished line waits so long */
#define MUX_REDRAW_NS	250000000ULL	/* and so long after the last disturbance */
#define MUX_RETRY_NS	1000000ULL	/* look again for room in the FIFO */

/* The UART; none of these waits. */
struct uart_ops {
	void (*putc)(char c);		/* only called when can_put() */
	int (*getc)(void);		/* -1: no input */
	bool (*can_put)(void);
};

enum mux_mode { MUX_ALL, MUX_RAW };

/* Members belong to mux.c, under LOCK_UART, except those that are constant. */
struct mux_port {
	struct list node;
	unsigned int id;		/* constant while attached */
	void (*input)(struct mux_port *port, const char *text, size_t n);
	char name[MUX_NAME_MAX];
	struct mux_line line;		/* the line being made */
	uint64_t head;			/* bytes written so far */
	uint64_t tail;			/* bytes taken for the terminal */
	uint64_t lost;			/* bytes the terminal never saw */
	uint64_t lost_told;
	char history[MUX_HISTORY];
};

/*
 * Start. Text goes out at once as far as the UART takes it, and otherwise by
 * deferred work and a timer of the CPU that wrote it.
 */
void mux_init(const struct uart_ops *uart);

/*
 * Attach a port, zeroed by the caller. `input` is called with no lock held,
 * on the CPU that got the UART's interrupt, and must not block. The first
 * guest attached gets the focus unless the operator chose before. A name is
 * cut to MUX_NAME_MAX - 1 bytes. -EEXIST: the id is taken.
 */
MUST_CHECK int mux_attach(struct mux_port *port, unsigned int id, const char *name,
			  void (*input)(struct mux_port *port, const char *text, size_t n));

/*
 * Detach; the last text that the terminal hasn't taken joins the log. The
 * focus stays with the id, for a domain that comes back. `input` may still be
 * running on another CPU: free the port by quiesce_call().
 */
void mux_detach(struct mux_port *port);


/* Append text. Any context with no lock above LOCK_LOG held. */
void mux_write(struct mux_port *port, const char *text, size_t n);

/* Bytes that mux_write() can take now without losing older ones. */
size_t mux_room(struct mux_port *port);

/* Copy out the newest bytes of the history, oldest first; returns how many. */
size_t mux_history(struct mux_port *port, char *buf, size_t size);

/*
 * Copy out text from the *offset'th byte that was written to the port on, or from
 * the oldest that is kept; *offset becomes that of the first byte copied. Returns
 * the bytes.
 */
size_t mux_read_at(struct mux_port *port, uint64_t *offset, char *buf, size_t size,
		   uint64_t *oldest, uint64_t *end);

/* Another name from now on. */
void mux_rename(struct mux_port *port, const char *name);

/* Bytes of the port that the terminal never saw. */
uint64_t mux_port_lost(struct mux_port *port);

/* A line for log_set_sink(); a line feed at its end is optional. */
void mux_log(const char *text, size_t len);

/* Input may have come: the UART's interrupt, or a poll. */
void mux_uart_irq(void);

/* Give port `id` the focus. -ENOENT: there is none with that id. */
MUST_CHECK int mux_focus(unsigned int id);
unsigned int mux_focused(void);
void mux_set_mode(enum mux_mode mode);
enum mux_mode mux_get_mode(void);

struct mux_stats {
	uint64_t sent;			/* bytes given to the UART */
	uint64_t lost;			/* bytes of guests that nobody saw */
	uint64_t log_lost;		/* bytes of log lines likewise */
	uint64_t input;			/* bytes received */
	uint64_t input_lost;		/* for a port that isn't there */
};

void mux_get_stats(struct mux_stats *out);

#endif
