/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a terminal, made from bytes that can't be trusted.
 *
 * It understands what line editors send (backspace, carriage return, tab,
 * moving and erasing within the line) and leaves all other control characters
 * and escape sequences out; bytes above 0x7e become '?'. So its text is
 * printable ASCII only.
 *
 * It also remembers what of the line a real terminal shows, to bring that up
 * to date with printable characters and backspaces alone.
 *
 * Locking: the caller's. Invariants: cursor <= len <= MUX_LINE_MAX;
 * text[0..same) is on the screen as it is here, if on_screen.
 */
#ifndef VM_MUX_LINE_H
#define VM_MUX_LINE_H

#include "lib/types.h"

#define MUX_LINE_MAX	1024U

/* Most bytes that one mux_line_show() emits. */
#define MUX_LINE_SHOW_MAX (4U * MUX_LINE_MAX)

enum mux_line_state {
	MUX_LINE_TEXT,
	MUX_LINE_ESC,			/* after ESC */
	MUX_LINE_CSI,			/* after ESC [ */
	MUX_LINE_STRING,		/* in a string that BEL or ESC \ ends */
	MUX_LINE_STRING_ESC,
	MUX_LINE_SKIP,			/* one more byte belongs to it */
};

struct mux_line {
	char text[MUX_LINE_MAX];
	size_t len;
	size_t cursor;
	enum mux_line_state state;
	unsigned int arg;		/* of a CSI sequence */

	bool on_screen;			/* the screen's last line is this one */
	size_t same;			/* see Invariants */
	size_t screen_len;
	size_t screen_cursor;
};

/* Feed one byte. True: it ended the line (or the line is full: see below). */
bool mux_line_feed(struct mux_line *l, char c);

/*
 * Whether `c` has to wait because the line is full: end the line, then feed
 * it again.
 */
bool mux_line_is_full(const struct mux_line *l, char c);

/* Begin a new, empty line; escape state is kept. */
void mux_line_reset(struct mux_line *l);

/* The line is not on the screen any more. */
void mux_line_hide(struct mux_line *l);

/* Whether mux_line_show() would emit anything. */
bool mux_line_is_stale(const struct mux_line *l);

/* Bring the screen up to date; its cursor stands behind prefix and text. */
void mux_line_show(struct mux_line *l, void (*emit)(const char *text, size_t n));

#endif
