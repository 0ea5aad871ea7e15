/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a terminal. See the header. Escape sequences as in ECMA-48
 * (section 5.4 for control sequences, 5.6 for strings).
 */
#include "vm/mux_line.h"

#include "lib/string.h"

#define ESC		0x1b
#define BEL		0x07
#define TAB_WIDTH	8U
#define ARG_MAX		9999U

/* The text from the cursor on is no longer what the screen shows. */
static void touch(struct mux_line *l)
{
	l->same = MIN(l->same, l->cursor);
}

static void put(struct mux_line *l, char c)
{
	touch(l);
	l->text[l->cursor++] = c;
	l->len = MAX(l->len, l->cursor);
}

static void cut(struct mux_line *l)
{
	touch(l);
	l->len = l->cursor;
}

/* The control sequences that move and erase within a line. */
static void csi(struct mux_line *l, char final)
{
	size_t n = l->arg != 0 ? l->arg : 1;

	switch (final) {
	case 'C':			/* cursor right */
		l->cursor = MIN(l->cursor + n, l->len);
		break;
	case 'D':			/* cursor left */
		l->cursor -= MIN(n, l->cursor);
		break;
	case 'G':			/* cursor to column n */
		l->cursor = MIN(n - 1, l->len);
		break;
	case 'J':			/* erase to the end of the screen */
	case 'K':			/* erase to the end of the line */
		if (l->arg == 0) {
			cut(l);
		}
		break;
	default:
		break;
	}
}

/* True if `c` was part of an escape sequence. */
static bool escape(struct mux_line *l, char c)
{
	switch (l->state) {
	case MUX_LINE_ESC:
		l->arg = 0;
		if (c == '[') {
			l->state = MUX_LINE_CSI;
		} else if (c != '\0' && strchr("]PX^_", c) != NULL) {
			l->state = MUX_LINE_STRING;
		} else if (c >= ' ' && c <= '/') {
			l->state = MUX_LINE_SKIP;
		} else {
			l->state = MUX_LINE_TEXT;
		}
		return true;
	case MUX_LINE_CSI:
		if (c >= '0' && c <= '9' && l->arg <= ARG_MAX) {
			l->arg = l->arg * 10 + (unsigned int)(c - '0');
		} else if (c >= '@' && c <= '~') {
			l->state = MUX_LINE_TEXT;
			csi(l, c);
		}
		return true;
	case MUX_LINE_STRING:
		if (c == ESC) {
			l->state = MUX_LINE_STRING_ESC;
		} else if (c == BEL) {
			l->state = MUX_LINE_TEXT;
		}
		return true;
	case MUX_LINE_STRING_ESC:
		l->state = c == '\\' ? MUX_LINE_TEXT : MUX_LINE_STRING;
		return true;
	case MUX_LINE_SKIP:
		l->state = MUX_LINE_TEXT;
		return true;
	case MUX_LINE_TEXT:
		break;
	}
	return false;
}

bool mux_line_is_full(const struct mux_line *l, char c)
{
	/* A tab needs the most room. */
	return c != '\n' && l->cursor + TAB_WIDTH > MUX_LINE_MAX;
}

bool mux_line_feed(struct mux_line *l, char c)
{
	/* The end of a line ends all: a guest can't lose more than its line. */
	if (c == '\n') {
		l->state = MUX_LINE_TEXT;
		return true;
	}
	if (c == '\r' && l->state == MUX_LINE_TEXT) {
		l->cursor = 0;
	} else if (escape(l, c)) {
		return false;
	} else if (c == ESC) {
		l->state = MUX_LINE_ESC;
	} else if (c == '\b') {
		l->cursor -= l->cursor > 0 ? 1 : 0;
	} else if (c == '\t') {
		do {
			put(l, ' ');
		} while (l->cursor % TAB_WIDTH != 0);
	} else if (c >= ' ' && c <= '~') {
		put(l, c);
	} else if ((uint8_t)c >= 0x80) {
		put(l, '?');
	}
	return false;
}

void mux_line_reset(struct mux_line *l)
{
	l->len = 0;
	l->cursor = 0;
	mux_line_hide(l);
}

void mux_line_hide(struct mux_line *l)
{
	l->on_screen = false;
	l->same = 0;
	l->screen_len = 0;
	l->screen_cursor = 0;
}

bool mux_line_is_stale(const struct mux_line *l)
{
	return l->same < MAX(l->len, l->screen_len) || l->cursor != l->screen_cursor;
}

static void emit_run(void (*emit)(const char *text, size_t n), char c, size_t n)
{
	char run[32];

	memset(run, c, sizeof(run));
	for (; n > sizeof(run); n -= sizeof(run)) {
		emit(run, sizeof(run));
	}
	emit(run, n);
}

/* Move the screen's cursor to `to`, where the text is the same up to there. */
static void move(struct mux_line *l, size_t to, void (*emit)(const char *text, size_t n))
{
	if (to < l->screen_cursor) {
		emit_run(emit, '\b', l->screen_cursor - to);
	} else {
		emit(l->text + l->screen_cursor, to - l->screen_cursor);
	}
	l->screen_cursor = to;
}

void mux_line_show(struct mux_line *l, void (*emit)(const char *text, size_t n))
{
	if (l->same < MAX(l->len, l->screen_len)) {
		move(l, l->same, emit);
		emit(l->text + l->same, l->len - l->same);
		l->screen_cursor = l->len;
		if (l->screen_len > l->len) {
			emit_run(emit, ' ', l->screen_len - l->len);
			l->screen_cursor = l->screen_len;
			emit_run(emit, '\b', l->screen_len - l->len);
			l->screen_cursor = l->len;
		}
		l->screen_len = l->len;
		l->same = l->len;
	}
	move(l, l->cursor, emit);
	l->on_screen = true;
}
