/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UART multiplexer. See the header.
 *
 * Text reaches the UART in two steps, both under the lock: producing makes
 * one line (or piece) from the log or a port into `tx`; draining takes `tx` in
 * small pieces, which are written to the UART outside the lock. `draining`
 * names the role of the one CPU that does so.
 *
 * Locking: LOCK_UART guards everything below.
 * Invariants: `owner` is the port whose line is the unfinished last line of
 * the screen, and then `mid_line` is true; produce() is only called when `tx`
 * is empty, and one call makes at most TX_SIZE bytes.
 */
#include "vm/mux.h"

#include "kern/cpu.h"
#include "kern/lock.h"
#include "kern/log.h"
#include "kern/timer.h"
#include "kern/work.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "vm/domain.h"

#define LOG_QUEUE	8192U		/* a power of two */
#define STEP		1024U		/* bytes of a port in one go */
#define PIECE		64U		/* bytes for the UART at once */
#define CALL_BUDGET	256U		/* of the CPU that wrote something */
#define WORK_BUDGET	1024U		/* of deferred work */
#define LAST_WORDS	4096U		/* of a port that ends */
#define INPUT_MAX	64U		/* bytes read by one interrupt */
#define TX_SIZE		(MUX_LINE_SHOW_MAX + 2 * MUX_NAME_MAX + 64U)

static struct spinlock lock = SPINLOCK_INIT(LOCK_UART);
static const struct uart_ops *uart;
static struct mux_port *ports[DOMAIN_MAX];
static struct list port_list = LIST_INIT(port_list);	/* next in turn first */
static unsigned int focus;
static bool focus_chosen;		/* by the operator */
static enum mux_mode mode;
static bool escape_seen;
static enum log_level level_shown = LOG_INFO;
static struct mux_stats stats;

static char log_queue[LOG_QUEUE];
static uint64_t log_head;
static uint64_t log_tail;
static uint64_t log_lost_told;

static char tx[TX_SIZE];
static size_t tx_start;
static size_t tx_end;
static bool mid_line;			/* the screen's last line has text */
static struct mux_port *owner;
static bool draining;
static bool uart_full;			/* the last attempt found no room */
static bool text_left;			/* the last attempt didn't show all */

static struct work work;
static struct work input_work;		/* there is more than one call takes */
static struct timer retry_timer;	/* the UART had no room */
static bool retry_armed;
static struct timer flush_timer;	/* an unfinished line waits */
static bool flush_armed;
static uint64_t flush_due;		/* 0: nothing waits */
static bool flush_redraw;		/* only to show a line again */
static bool flush_raw;			/* a raw port's line, too */

/* --- making text for the screen ------------------------------------------ */

static void emit(const char *text, size_t n)
{
	n = MIN(n, TX_SIZE - tx_end);
	if (n == 0) {
		return;
	}
	memcpy(tx + tx_end, text, n);
	tx_end += n;
	mid_line = tx[tx_end - 1] != '\n';
}

static void emit_string(const char *text)
{
	emit(text, strlen(text));
}

static void flush_at(uint64_t when, bool redraw)
{
	if (flush_due == 0 || when < flush_due) {
		flush_due = when;
		flush_redraw = redraw;
	}
}

/* The operator turned to another port or mode: show where it stands. */
static void flush_now(void)
{
	flush_due = MAX(arch_now(), 1ULL);
	flush_redraw = false;
	flush_raw = true;
}

/* Whether the port's text is shown now. */
static bool is_shown(const struct mux_port *p)
{
	return p->id != 0 ? mode == MUX_ALL || p->id == focus : p->id == focus;
}

static bool is_raw(const struct mux_port *p)
{
	return mode == MUX_RAW && p->id != 0 && p->id == focus;
}

/* End the unfinished line on the screen, whoever's it is. */
static void break_line(void)
{
	struct mux_port *p = owner;

	if (mid_line) {
		emit_string("\r\n");
	}
	owner = NULL;
	if (p != NULL) {
		mux_line_hide(&p->line);
		if (p->id == focus && p->line.len != 0 && !is_raw(p)) {
			flush_at(arch_now() + MUX_REDRAW_NS, true);
		}
	} else if (flush_due != 0 && flush_redraw) {
		/* Not while others go on printing. */
		flush_due = arch_now() + MUX_REDRAW_NS;
	}
}

static void emit_prefix(const struct mux_port *p)
{
	if (p->id != 0) {
		emit_string("(");
		emit_string(p->name);
		emit_string(") ");
	}
}

static void show_line(struct mux_port *p)
{
	if (!p->line.on_screen) {
		break_line();
		emit_prefix(p);
		owner = p;
	}
	mux_line_show(&p->line, emit);
}

static void end_line(struct mux_port *p)
{
	if (is_shown(p) && !is_raw(p)) {
		p->line.cursor = p->line.len;
		show_line(p);
		emit_string("\r\n");
	}
	if (owner == p && !is_raw(p)) {
		owner = NULL;
	}
	mux_line_reset(&p->line);
}

/* --- producing ------------------------------------------------------------- */

static void emit_lost(struct mux_port *p, uint64_t n)
{
	char text[48];

	break_line();
	if (p != NULL) {
		emit_prefix(p);
	}
	fmt_buf(text, sizeof(text), "[%llu bytes lost]\r\n", (unsigned long long)n);
	emit_string(text);
}

/* The oldest line of the log queue. False if there is none. */
static bool produce_log(void)
{
	if (stats.log_lost != log_lost_told) {
		emit_lost(NULL, stats.log_lost - log_lost_told);
		log_lost_told = stats.log_lost;
		return true;
	}
	if (log_head == log_tail) {
		return false;
	}
	break_line();
	while (log_tail != log_head) {
		char c = log_queue[log_tail++ % LOG_QUEUE];

		if (c == '\n') {
			break;
		}
		emit(&c, 1);
	}
	emit_string("\r\n");
	return true;
}

/* The writer went round: what it overwrote is lost. */
static void skip_lost(struct mux_port *p)
{
	uint64_t oldest = p->head > MUX_HISTORY ? p->head - MUX_HISTORY : 0;

	if (p->tail < oldest) {
		if (is_shown(p)) {
			p->lost += oldest - p->tail;
			stats.lost += oldest - p->tail;
		}
		p->tail = oldest;
		mux_line_reset(&p->line);
	}
}

/* One line or STEP bytes of a port. False if it has none. */
static bool produce_port(struct mux_port *p)
{
	uint64_t end;

	skip_lost(p);
	if (p->lost != p->lost_told) {
		emit_lost(p, p->lost - p->lost_told);
		p->lost_told = p->lost;
		return true;
	}
	if (p->head == p->tail) {
		return false;
	}
	end = MIN(p->head, p->tail + STEP);
	if (is_raw(p) && owner != p) {
		break_line();
		owner = p;
	}
	while (p->tail != end) {
		char c = p->history[p->tail % MUX_HISTORY];

		if (mux_line_is_full(&p->line, c)) {
			end_line(p);
			break;
		}
		p->tail++;
		if (is_raw(p)) {
			emit(&c, 1);
		}
		if (mux_line_feed(&p->line, c)) {
			end_line(p);
			break;
		}
	}
	if (p->id == 0 && p->id == focus && p->head == p->tail &&
	    mux_line_is_stale(&p->line)) {
		show_line(p);		/* an echo: at once */
	} else if (p->id == focus && !is_raw(p) && mux_line_is_stale(&p->line)) {
		flush_at(arch_now() + MUX_FLUSH_NS, false);
	}
	return true;
}

/* Show the focused port's unfinished line when it waited long enough. */
static bool produce_flush(void)
{
	struct mux_port *p = ports[focus];
	bool raw_too = flush_raw;

	if (flush_due == 0 || arch_now() < flush_due) {
		return false;
	}
	flush_due = 0;
	flush_raw = false;
	if (p == NULL || !mux_line_is_stale(&p->line)) {
		return false;
	}
	if (!is_raw(p)) {
		show_line(p);
		return true;
	}
	if (raw_too) {
		break_line();
		emit(p->line.text, p->line.len);
		owner = p;
	}
	return raw_too;
}

/* Fill the empty `tx`. False if there is nothing to show. */
static bool produce(void)
{
	struct mux_port *p;

	tx_start = 0;
	tx_end = 0;
	if (produce_log()) {
		return true;
	}
	list_for_each(p, &port_list, node) {
		if (produce_port(p)) {
			list_remove(&p->node);
			list_push_back(&port_list, &p->node);
			return true;
		}
	}
	return produce_flush();
}

/* There is room. A name or path that a guest chose may be in the text. */
static void queue_text(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool ok = text[i] >= ' ' && text[i] <= '~';

		log_queue[log_head++ % LOG_QUEUE] = ok ? text[i] : '?';
	}
}

/* Put one line in the log queue, with the port's prefix if there is one. */
static void queue_line(const struct mux_port *p, const char *text, size_t n)
{
	size_t prefix = p != NULL ? strlen(p->name) + 3 : 0;

	if (prefix + n + 1 > LOG_QUEUE - (log_head - log_tail)) {
		stats.log_lost += n + 1;
		return;
	}
	if (p != NULL) {
		queue_text("(", 1);
		queue_text(p->name, strlen(p->name));
		queue_text(") ", 2);
	}
	queue_text(text, n);
	log_queue[log_head++ % LOG_QUEUE] = '\n';
}

static void queue_port_line(struct mux_port *p)
{
	if (is_shown(p)) {
		queue_line(p, p->line.text, p->line.len);
	}
	mux_line_reset(&p->line);
}

/* What the terminal hasn't taken of a port that ends joins the log. */
static void queue_last_words(struct mux_port *p)
{
	if (p->head - p->tail > LAST_WORDS) {
		p->lost += p->head - LAST_WORDS - p->tail;
		stats.lost += p->head - LAST_WORDS - p->tail;
		p->tail = p->head - LAST_WORDS;
		mux_line_reset(&p->line);
	}
	while (p->tail != p->head) {
		char c = p->history[p->tail % MUX_HISTORY];

		if (mux_line_is_full(&p->line, c)) {
			queue_port_line(p);
			continue;
		}
		p->tail++;
		if (mux_line_feed(&p->line, c)) {
			queue_port_line(p);
		}
	}
	/* An unfinished line that is on the screen needn't come again. */
	if (p->line.len > 0 && (!p->line.on_screen || mux_line_is_stale(&p->line))) {
		queue_port_line(p);
	}
}

/* --- draining -------------------------------------------------------------- */

/* Write to the UART while it has room; returns how many bytes it took. */
static size_t uart_write(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n && uart->can_put(); i++) {
		uart->putc(text[i]);
	}
	return i;
}

/* Give the UART what it takes. True if deferred work is needed. */
static bool drain(size_t budget)
{
	bool need_work;

	spin_lock(&lock);
	if (draining || uart == NULL) {
		/* That CPU looks again before it stops. */
		spin_unlock(&lock);
		return false;
	}
	draining = true;
	uart_full = false;
	text_left = true;
	while (budget > 0) {
		char piece[PIECE];
		size_t n;
		size_t sent;

		if (tx_start == tx_end && !produce()) {
			text_left = false;
			break;
		}
		n = MIN(tx_end - tx_start, (size_t)PIECE);
		memcpy(piece, tx + tx_start, n);
		spin_unlock(&lock);
		sent = uart_write(piece, n);
		spin_lock(&lock);
		tx_start += sent;
		stats.sent += sent;
		/* Producing costs, even when the text isn't shown. */
		budget -= MIN(budget, (size_t)PIECE);
		if (sent < n) {
			uart_full = true;
			break;
		}
	}
	draining = false;
	need_work = (text_left && !(uart_full && retry_armed)) ||
		    (flush_due != 0 && !flush_armed);
	spin_unlock(&lock);
	return need_work;
}

/* Any locks up to LOCK_LOG may be held: no timers here. */
static void kick(void)
{
	if (drain(CALL_BUDGET)) {
		work_queue(&work);
	}
}

static void work_fn(struct work *w)
{
	bool set_retry = false;
	bool set_flush = false;
	bool again;
	uint64_t due = 0;

	(void)drain(WORK_BUDGET);
	spin_lock(&lock);
	if (text_left && uart_full && !retry_armed) {
		retry_armed = true;
		set_retry = true;
	}
	if (flush_due != 0 && !flush_armed) {
		/* Once armed it isn't moved: so not later than a new due time. */
		due = MIN(flush_due, arch_now() + MUX_FLUSH_NS);
		flush_armed = true;
		set_flush = true;
	}
	again = text_left && !uart_full && !draining;
	spin_unlock(&lock);
	if (set_retry) {
		timer_set(&retry_timer, arch_now() + MUX_RETRY_NS);
	}
	if (set_flush) {
		timer_set(&flush_timer, due);
	}
	if (again) {
		work_queue(w);
	}
}

static void input_fn(struct work *w);

static void retry_fn(struct timer *t)
{
	spin_lock(&lock);
	retry_armed = false;
	spin_unlock(&lock);
	work_queue(&work);
}

static void flush_fn(struct timer *t)
{
	spin_lock(&lock);
	flush_armed = false;
	spin_unlock(&lock);
	work_queue(&work);
}

/* --- ports ----------------------------------------------------------------- */

void mux_init(const struct uart_ops *ops)
{
	work_init(&work, work_fn);
	work_init(&input_work, input_fn);
	timer_init(&retry_timer, retry_fn);
	timer_init(&flush_timer, flush_fn);
	spin_lock(&lock);
	uart = ops;
	spin_unlock(&lock);
}

int mux_attach(struct mux_port *port, unsigned int id, const char *name,
	       void (*input)(struct mux_port *port, const char *text, size_t n))
{
	int r = 0;

	port->id = id;
	port->input = input;
	str_copy(port->name, name, sizeof(port->name));
	spin_lock(&lock);
	if (id >= DOMAIN_MAX || ports[id] != NULL) {
		r = -EEXIST;
	} else {
		ports[id] = port;
		list_push_back(&port_list, &port->node);
		if (!focus_chosen && focus == 0 && id != 0) {
			focus = id;
		}
	}
	spin_unlock(&lock);
	return r;
}

void mux_detach(struct mux_port *port)
{
	spin_lock(&lock);
	if (ports[port->id] == port) {
		queue_last_words(port);
		/* `mid_line` stays: the next line ends this port's. */
		if (owner == port) {
			owner = NULL;
		}
		ports[port->id] = NULL;
		list_remove(&port->node);
	}
	spin_unlock(&lock);
	kick();
}

void mux_write(struct mux_port *port, const char *text, size_t n)
{
	while (n > 0) {
		size_t at;
		size_t part;

		spin_lock(&lock);
		at = port->head % MUX_HISTORY;
		part = MIN(n, MIN(MUX_HISTORY - at, (size_t)STEP));
		memcpy(port->history + at, text, part);
		port->head += part;
		spin_unlock(&lock);
		text += part;
		n -= part;
	}
	kick();
}

size_t mux_room(struct mux_port *port)
{
	uint64_t used;

	spin_lock(&lock);
	used = MIN(port->head - port->tail, (uint64_t)MUX_HISTORY);
	spin_unlock(&lock);
	return (size_t)(MUX_HISTORY - used);
}

size_t mux_history(struct mux_port *port, char *buf, size_t size)
{
	uint64_t n;

	spin_lock(&lock);
	n = MIN(port->head, (uint64_t)MIN(size, (size_t)MUX_HISTORY));
	for (uint64_t i = 0; i < n; i++) {
		buf[i] = port->history[(port->head - n + i) % MUX_HISTORY];
	}
	spin_unlock(&lock);
	return (size_t)n;
}

size_t mux_read_at(struct mux_port *port, uint64_t *offset, char *buf, size_t size,
		   uint64_t *oldest, uint64_t *end)
{
	size_t n;

	spin_lock(&lock);
	*end = port->head;
	*oldest = port->head > MUX_HISTORY ? port->head - MUX_HISTORY : 0;
	*offset = MIN(MAX(*offset, *oldest), *end);
	n = (size_t)MIN(*end - *offset, (uint64_t)size);
	for (size_t i = 0; i < n; i++) {
		buf[i] = port->history[(*offset + i) % MUX_HISTORY];
	}
	spin_unlock(&lock);
	return n;
}

void mux_rename(struct mux_port *port, const char *name)
{
	spin_lock(&lock);
	str_copy(port->name, name, sizeof(port->name));
	spin_unlock(&lock);
}

uint64_t mux_port_lost(struct mux_port *port)
{
	uint64_t lost;

	spin_lock(&lock);
	lost = port->lost;
	spin_unlock(&lock);
	return lost;
}

void mux_log(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n') {
		len--;
	}
	spin_lock(&lock);
	queue_line(NULL, text, len);
	spin_unlock(&lock);
	kick();
}

void mux_get_stats(struct mux_stats *out)
{
	spin_lock(&lock);
	*out = stats;
	spin_unlock(&lock);
}

/* --- focus, mode and input -------------------------------------------------- */

static void notice(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void notice(const char *fmt, ...)
{
	char text[160];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mux_log(text, MIN(n, sizeof(text) - 1));
}

static void notice_focus(void)
{
	char name[MUX_NAME_MAX] = "the hypervisor's prompt";
	const char *how;
	unsigned int id;
	bool there;

	spin_lock(&lock);
	id = focus;
	how = mode == MUX_ALL ? "all consoles are shown" : "only this one is shown";
	there = ports[id] != NULL;
	if (id != 0 && there) {
		str_copy(name, ports[id]->name, sizeof(name));
	}
	spin_unlock(&lock);
	if (id != 0 && !there) {
		notice("-- input goes to VM %u, which is not there now; %s --", id, how);
	} else {
		notice("-- input goes to %u, %s; %s --", id, name, how);
	}
}

int mux_focus(unsigned int id)
{
	int r = 0;

	spin_lock(&lock);
	if (id >= DOMAIN_MAX || ports[id] == NULL) {
		r = -ENOENT;
	} else {
		focus = id;
		focus_chosen = true;
		flush_now();
	}
	spin_unlock(&lock);
	if (r == 0) {
		notice_focus();
	}
	return r;
}

unsigned int mux_focused(void)
{
	return READ_ONCE(focus);
}

void mux_set_mode(enum mux_mode m)
{
	spin_lock(&lock);
	mode = m;
	/* What is on the screen was made by the other mode's rules. */
	if (owner != NULL) {
		mux_line_hide(&owner->line);
		owner = NULL;
	}
	flush_now();
	spin_unlock(&lock);
	notice_focus();
}

enum mux_mode mux_get_mode(void)
{
	return READ_ONCE(mode);
}

static void focus_next(void)
{
	unsigned int id;

	spin_lock(&lock);
	id = focus;
	for (unsigned int i = 0; i < DOMAIN_MAX; i++) {
		id = (id + 1) % DOMAIN_MAX;
		if (ports[id] != NULL) {
			break;
		}
	}
	spin_unlock(&lock);
	if (mux_focus(id) != 0) {
		notice("-- there is no console --");
	}
}

static void next_log_level(void)
{
	static const char *const names[] = {
		[LOG_ERROR] = "errors", [LOG_WARN] = "warnings", [LOG_NOTICE] = "notices",
		[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
	};
	enum log_level level = level_shown == LOG_DEBUG ? LOG_ERROR : level_shown + 1;

	level_shown = level;
	log_set_console_level(level);
	notice("-- log shown up to: %s --", names[level]);
}

static void key_help(void)
{
	static const char *const lines[] = {
		"-- Ctrl-] and then: --",
		"--   0..9    input goes to that VM (0: the hypervisor's prompt)",
		"--   n       to the next one",
		"--   a       show all consoles, or only the chosen one, unchanged",
		"--   l       how much of the log is shown",
		"--   Ctrl-]  send a Ctrl-]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		notice("%s", lines[i]);
	}
	notice_focus();
}

/* The key after the escape key. */
static void key_command(char c)
{
	if (c >= '0' && c <= '9') {
		if (mux_focus((unsigned int)(c - '0')) != 0) {
			notice("-- there is no VM %c --", c);
		}
	} else if (c == 'n') {
		focus_next();
	} else if (c == 'a') {
		mux_set_mode(mux_get_mode() == MUX_ALL ? MUX_RAW : MUX_ALL);
	} else if (c == 'l') {
		next_log_level();
	} else if (c == '?' || c == 'h') {
		key_help();
	} else {
		notice("-- Ctrl-] ? tells the keys --");
	}
}

static void input_fn(struct work *w)
{
	mux_uart_irq();
}

/*
 * Take bytes up to the first key command: what is before goes to *out and the
 * command to *command ('\0': none). Returns the bytes taken.
 */
static size_t scan_locked(const char *text, size_t n, char *out, size_t *out_len, char *command)
{
	size_t i = 0;

	*out_len = 0;
	*command = '\0';
	while (i < n) {
		char c = text[i++];

		if (escape_seen && c != MUX_ESCAPE) {
			escape_seen = false;
			*command = c != '\0' ? c : ' ';
			break;
		}
		if (!escape_seen && c == MUX_ESCAPE) {
			escape_seen = true;
			continue;
		}
		escape_seen = false;
		out[(*out_len)++] = c;
	}
	return i;
}

void mux_uart_irq(void)
{
	char text[INPUT_MAX];
	size_t n = 0;
	size_t done = 0;
	int c;

	if (uart == NULL) {
		return;
	}
	while (n < sizeof(text) && (c = uart->getc()) >= 0) {
		text[n++] = (char)c;
	}
	if (n == sizeof(text)) {
		/* The UART may not raise its interrupt again for the rest. */
		work_queue(&input_work);
	}
	while (done < n) {
		char out[INPUT_MAX];
		struct mux_port *port;
		size_t out_len;
		char command;

		spin_lock(&lock);
		port = ports[focus];
		done += scan_locked(text + done, n - done, out, &out_len, &command);
		stats.input += out_len;
		if (port == NULL || port->input == NULL) {
			stats.input_lost += out_len;
			out_len = 0;
		}
		spin_unlock(&lock);
		if (out_len > 0) {
			port->input(port, out, out_len);
		}
		if (command != '\0') {
			key_command(command);
		}
	}
}
