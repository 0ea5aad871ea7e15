/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prompt's line editor. See the header.
 */
#include "mgmt/prompt_line.h"

#include "lib/fmt.h"
#include "lib/string.h"

#define CTRL(c)	((c) - '@')
#define DEL	0x7f
#define ESC	0x1b

static void erase(struct prompt_line *l, size_t n, void (*echo)(const char *, size_t))
{
	for (n = MIN(n, l->len); n > 0; n--) {
		l->text[--l->len] = '\0';
		echo("\b \b", 3);
	}
}

static void replace(struct prompt_line *l, const char *text, void (*echo)(const char *, size_t))
{
	erase(l, l->len, echo);
	l->len = MIN(str_copy(l->text, text, sizeof(l->text)), sizeof(l->text) - 1);
	echo(l->text, l->len);
}

/* Show the line `back` lines before the newest one; 0: an empty one. */
static void recall(struct prompt_line *l, unsigned int back, void (*echo)(const char *, size_t))
{
	if (back > MIN(l->history_count, PROMPT_HISTORY)) {
		return;
	}
	l->back = back;
	replace(l, back == 0 ? "" : l->history[(l->history_count - back) % PROMPT_HISTORY], echo);
}

static void older(struct prompt_line *l, void (*echo)(const char *, size_t))
{
	recall(l, l->back + 1, echo);
}

static void newer(struct prompt_line *l, void (*echo)(const char *, size_t))
{
	if (l->back > 0) {
		recall(l, l->back - 1, echo);
	}
}

static void erase_word(struct prompt_line *l, void (*echo)(const char *, size_t))
{
	size_t keep = l->len;

	while (keep > 0 && l->text[keep - 1] == ' ') {
		keep--;
	}
	while (keep > 0 && l->text[keep - 1] != ' ') {
		keep--;
	}
	erase(l, l->len - keep, echo);
}

/* The bytes of an arrow key after ESC. */
static void arrow(struct prompt_line *l, char c, void (*echo)(const char *, size_t))
{
	if (l->escape == 1 && (c == '[' || c == 'O')) {
		l->escape = 2;
		return;
	}
	if (l->escape == 2 && ((c >= '0' && c <= '9') || c == ';')) {
		return;
	}
	if (l->escape == 2 && c == 'A') {
		older(l, echo);
	} else if (l->escape == 2 && c == 'B') {
		newer(l, echo);
	}
	l->escape = 0;
}

static void control(struct prompt_line *l, char c, void (*echo)(const char *, size_t))
{
	switch (c) {
	case '\b':
	case DEL:
		erase(l, 1, echo);
		break;
	case CTRL('U'):
		erase(l, l->len, echo);
		break;
	case CTRL('W'):
		erase_word(l, echo);
		break;
	case CTRL('P'):
		older(l, echo);
		break;
	case CTRL('N'):
		newer(l, echo);
		break;
	case ESC:
		l->escape = 1;
		break;
	default:
		break;
	}
}

bool prompt_line_feed(struct prompt_line *l, char c, void (*echo)(const char *, size_t))
{
	bool after_return = l->return_seen;

	l->return_seen = c == '\r';
	if (l->escape != 0) {
		arrow(l, c, echo);
		return false;
	}
	if (c == '\n' && after_return) {
		return false;
	}
	if (c == '\r' || c == '\n') {
		echo("\n", 1);
		return true;
	}
	if (c == CTRL('C')) {
		l->len = 0;
		l->text[0] = '\0';
		echo("^C\n", 3);
		return true;
	}
	if (c < ' ' || c > '~') {
		control(l, c, echo);
	} else if (l->len + 1 < sizeof(l->text)) {
		l->text[l->len++] = c;
		l->text[l->len] = '\0';
		echo(&c, 1);
	}
	return false;
}

void prompt_line_reset(struct prompt_line *l)
{
	unsigned int newest = (l->history_count - 1) % PROMPT_HISTORY;

	if (l->len > 0 &&
	    (l->history_count == 0 || strcmp(l->history[newest], l->text) != 0)) {
		str_copy(l->history[l->history_count % PROMPT_HISTORY], l->text,
			 PROMPT_LINE_MAX);
		l->history_count++;
	}
	l->len = 0;
	l->text[0] = '\0';
	l->back = 0;
}
