/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The xl.cfg syntax:
 *
 *	file:    { [ KEY ("=" | "+=") value ] (newline | ";") }
 *	value:   string | number | "[" [ value { "," value } [ "," ] ] "]"
 *	string:  '...' or "...", with backslash escapes
 *	comment: from # to the end of the line
 *
 * Lists may span lines.
 */
#include "cfg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define LIST_DEPTH_MAX 4

struct reader {
	const char *path;
	const char *at;
	const char *end;
	unsigned int line;
	bool failed;
};

static int peek(const struct reader *r)
{
	return r->at < r->end ? (unsigned char)*r->at : -1;
}

static int take(struct reader *r)
{
	int c = peek(r);

	if (c >= 0) {
		r->at++;
		if (c == '\n') {
			r->line++;
		}
	}
	return c;
}

static bool complain(struct reader *r, const char *what)
{
	if (!r->failed) {
		tell_error(r->path, r->line, "%s", what);
	}
	r->failed = true;
	return false;
}

static bool is_word(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Skip blanks and comments, and newlines too if `lines`. */
static void skip(struct reader *r, bool lines)
{
	for (;;) {
		int c = peek(r);

		if (c == '#') {
			while (peek(r) >= 0 && peek(r) != '\n') {
				take(r);
			}
		} else if (c == ' ' || c == '\t' || c == '\r' ||
			   (lines && c == '\n')) {
			take(r);
		} else if (c == '\\' && r->at + 1 < r->end &&
			   r->at[1] == '\n') {
			take(r);
			take(r);
		} else {
			return;
		}
	}
}

static char *take_word(struct reader *r)
{
	const char *start = r->at;
	size_t len;
	char *s;

	while (is_word(peek(r))) {
		take(r);
	}
	len = (size_t)(r->at - start);
	s = xalloc(len + 1);
	memcpy(s, start, len);
	return s;
}

static int hex_value(int c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows a backslash; -1: not an escape that there is. */
static int take_escape(struct reader *r)
{
	static const char names[] = "abfnrtv\\'\"";
	static const char codes[] = "\a\b\f\n\r\t\v\\'\"";
	int c = take(r);
	const char *p = c > 0 ? strchr(names, c) : NULL;

	if (p != NULL) {
		return codes[p - names];
	}
	if (c == 'x') {
		int high = hex_value(take(r));
		int low = hex_value(take(r));

		return high < 0 || low < 0 ? -1 : high << 4 | low;
	}
	return -1;
}

static bool read_string(struct reader *r, struct cfg_value *v)
{
	int quote = take(r);
	size_t len = 0, room = 32;

	v->kind = CFG_STRING;
	v->str = xalloc(room);
	for (;;) {
		int c = peek(r);

		if (c < 0 || c == '\n') {
			return complain(r, "the string isn't closed");
		}
		take(r);
		if (c == quote) {
			v->str[len] = '\0';
			return true;
		}
		if (c == '\\') {
			c = take_escape(r);
		}
		if (c <= 0) {
			return complain(r, "unknown escape in a string");
		}
		if (len + 1 == room) {
			room *= 2;
			v->str = xgrow(v->str, room);
		}
		v->str[len++] = (char)c;
	}
}

static bool read_number(struct reader *r, struct cfg_value *v)
{
	bool minus = peek(r) == '-';
	char *end;

	v->kind = CFG_NUMBER;
	v->str = take_word(r);
	errno = 0;
	v->number = strtoll(v->str, &end, 0);
	if (*end != '\0' || errno != 0 || end == v->str + (minus ? 1 : 0)) {
		return complain(r, "not a number");
	}
	return true;
}

static bool read_value(struct reader *r, struct cfg_value *v,
		       unsigned int depth);

static bool read_list(struct reader *r, struct cfg_value *v,
		      unsigned int depth)
{
	v->kind = CFG_LIST;
	take(r);
	if (depth == LIST_DEPTH_MAX) {
		return complain(r, "lists are nested too deeply");
	}
	for (;;) {
		skip(r, true);
		if (peek(r) == ']') {
			take(r);
			return true;
		}
		v->item = xgrow(v->item, (v->count + 1) * sizeof(*v->item));
		memset(&v->item[v->count], 0, sizeof(*v->item));
		v->count++;
		if (!read_value(r, &v->item[v->count - 1], depth + 1)) {
			return false;
		}
		skip(r, true);
		if (peek(r) == ',') {
			take(r);
		} else if (peek(r) != ']') {
			return complain(r, "expected , or ] in a list");
		}
	}
}

static bool read_value(struct reader *r, struct cfg_value *v,
		       unsigned int depth)
{
	int c = peek(r);

	v->line = r->line;
	if (c == '\'' || c == '"') {
		return read_string(r, v);
	}
	if (c == '[') {
		return read_list(r, v, depth);
	}
	if ((c >= '0' && c <= '9') || c == '-') {
		return read_number(r, v);
	}
	return complain(r, "expected a string in quotes, a number or a [list]");
}

static void free_value(struct cfg_value *v)
{
	free(v->str);
	for (size_t i = 0; i < v->count; i++) {
		free_value(&v->item[i]);
	}
	free(v->item);
	memset(v, 0, sizeof(*v));
}

static struct cfg_setting *find(struct cfg *cfg, const char *key)
{
	for (size_t i = 0; i < cfg->count; i++) {
		if (strcmp(cfg->setting[i].key, key) == 0) {
			return &cfg->setting[i];
		}
	}
	return NULL;
}

/* `+=`: false if the kinds don't fit. *v is used up. */
static bool append(struct cfg_value *to, struct cfg_value *v)
{
	if (to->kind == CFG_STRING && v->kind == CFG_STRING) {
		char *s = xformat("%s%s", to->str, v->str);

		free(to->str);
		to->str = s;
		free_value(v);
		return true;
	}
	if (to->kind == CFG_LIST && v->kind == CFG_LIST) {
		to->item = xgrow(to->item, (to->count + v->count + 1) *
				 sizeof(*to->item));
		for (size_t i = 0; i < v->count; i++) {
			to->item[to->count++] = v->item[i];
		}
		v->count = 0;
		free_value(v);
		return true;
	}
	return false;
}

/* Takes key and *v over. */
static bool store(struct reader *r, struct cfg *cfg, char *key,
		  unsigned int line, struct cfg_value *v, bool add)
{
	struct cfg_setting *s = find(cfg, key);
	bool ok = true;

	if (s != NULL && add) {
		ok = append(&s->value, v) ||
			complain(r, "+= of another kind than the value");
		if (!ok) {
			free_value(v);
		}
	} else if (s != NULL) {
		tell_warning(r->path, line, "'%s' is given twice; "
			     "the last one counts", key);
		free_value(&s->value);
		s->value = *v;
		s->line = line;
	} else {
		cfg->setting = xgrow(cfg->setting, (cfg->count + 1) *
				     sizeof(*cfg->setting));
		cfg->setting[cfg->count++] =
			(struct cfg_setting){ xstrdup(key), line, *v };
	}
	free(key);
	return ok;
}

static bool read_setting(struct reader *r, struct cfg *cfg)
{
	unsigned int line = r->line;
	struct cfg_value v = { .kind = CFG_STRING };
	bool add = false;
	char *key = take_word(r);

	if (key[0] == '\0') {
		free(key);
		return complain(r, "expected a key");
	}
	skip(r, false);
	if (peek(r) == '+') {
		take(r);
		add = true;
	}
	if (peek(r) != '=') {
		free(key);
		return complain(r, "expected = after the key");
	}
	take(r);
	skip(r, false);
	if (!read_value(r, &v, 0)) {
		free(key);
		free_value(&v);
		return false;
	}
	skip(r, false);
	if (peek(r) >= 0 && peek(r) != '\n' && peek(r) != ';') {
		free(key);
		free_value(&v);
		return complain(r, "more text after the value");
	}
	return store(r, cfg, key, line, &v, add);
}

int cfg_read(struct cfg *cfg, const char *path)
{
	struct filemap m;
	int err = filemap_open(&m, path);
	struct reader r = { .path = path, .line = 1 };

	*cfg = (struct cfg){ .path = xstrdup(path) };
	if (err != 0) {
		tell_error(path, 0, "%s", strerror(-err));
		return -1;
	}
	r.at = m.data;
	r.end = m.size == 0 ? r.at : r.at + m.size;
	while (!r.failed) {
		skip(&r, true);
		if (peek(&r) == ';') {
			take(&r);
		} else if (peek(&r) < 0) {
			break;
		} else {
			read_setting(&r, cfg);
		}
	}
	filemap_close(&m);
	return r.failed ? -1 : 0;
}

void cfg_free(struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->count; i++) {
		free(cfg->setting[i].key);
		free_value(&cfg->setting[i].value);
	}
	free(cfg->setting);
	free(cfg->path);
	memset(cfg, 0, sizeof(*cfg));
}
