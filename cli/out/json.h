/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of JSON (RFC 8259), straight to a stream, on one line. Bytes of a
 * string that aren't UTF-8 become U+FFFD, so what a node sends can't break
 * the document.
 */
#ifndef CLI_OUT_JSON_H
#define CLI_OUT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX	16

struct json {
	FILE *to;
	unsigned int depth;
	bool filled[JSON_DEPTH_MAX];	/* a value was written at this depth */
};

/*
 * `key` names the value in an object; NULL in an array and at the top.
 * json_open() takes '{' or '['; json_close() ends what was opened last.
 */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_str(struct json *j, const char *key, const char *s);
void json_bytes(struct json *j, const char *key, const void *p, size_t len);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);

/* Scaled by 10^-digits: 1234 with 3 digits is 1.234. */
void json_fixed(struct json *j, const char *key, uint64_t v,
		unsigned int digits);

/* The document is complete: a newline, and out it goes. */
void json_end(struct json *j);

#endif
