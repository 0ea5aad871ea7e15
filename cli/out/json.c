/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON, written as it comes.
 */
#include "out/json.h"

#include <inttypes.h>
#include <string.h>

#include "out/utf8.h"

static void put_string(FILE *to, const char *s, size_t len)
{
	fputc('"', to);
	while (len > 0) {
		size_t n = utf8_length(s, len);
		unsigned char c = (unsigned char)*s;

		if (n == 0) {
			fputs("\\ufffd", to);
			n = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(to, "\\%c", c);
		} else if (c == '\n') {
			fputs("\\n", to);
		} else if (c < 0x20 || c == 0x7f) {
			fprintf(to, "\\u%04x", c);
		} else {
			fwrite(s, 1, n, to);
		}
		s += n;
		len -= n;
	}
	fputc('"', to);
}

static void lead(struct json *j, const char *key)
{
	if (j->filled[j->depth]) {
		fputc(',', j->to);
	}
	j->filled[j->depth] = true;
	if (key != NULL) {
		put_string(j->to, key, strlen(key));
		fputc(':', j->to);
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	lead(j, key);
	fputc(bracket, j->to);
	j->depth++;
	j->filled[j->depth] = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	fputc(bracket, j->to);
}

void json_bytes(struct json *j, const char *key, const void *p, size_t len)
{
	lead(j, key);
	put_string(j->to, p, len);
}

void json_str(struct json *j, const char *key, const char *s)
{
	json_bytes(j, key, s, strlen(s));
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
	lead(j, key);
	fprintf(j->to, "%" PRIu64, v);
}

void json_fixed(struct json *j, const char *key, uint64_t v,
		unsigned int digits)
{
	uint64_t scale = 1;

	for (unsigned int i = 0; i < digits; i++) {
		scale *= 10;
	}
	lead(j, key);
	fprintf(j->to, "%" PRIu64 ".%0*" PRIu64, v / scale, (int)digits,
		v % scale);
}

void json_bool(struct json *j, const char *key, bool v)
{
	lead(j, key);
	fputs(v ? "true" : "false", j->to);
}

void json_null(struct json *j, const char *key)
{
	lead(j, key);
	fputs("null", j->to);
}

void json_end(struct json *j)
{
	fputc('\n', j->to);
	fflush(j->to);
	j->filled[0] = false;
}
