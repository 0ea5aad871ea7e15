/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records as the wire has them (include/mv/proto.h), shown as a table or as
 * JSON from one description of their fields.
 */
#ifndef CLI_OUT_RECORD_H
#define CLI_OUT_RECORD_H

#include <stddef.h>

#include "out/json.h"

enum field_kind {
	FIELD_U8,		/* numbers are big-endian */
	FIELD_U16,
	FIELD_U32,
	FIELD_U64,
	FIELD_BOOL,		/* one byte */
	FIELD_FLAG,		/* u32; `extra` is the bit */
	FIELD_TEXT,		/* `extra` bytes at most, fewer with a NUL */
	FIELD_MAC,		/* 6 bytes */
	FIELD_HEX,		/* `extra` bytes; a table shows 6; zeros: none */
	FIELD_UUID,		/* 16 bytes */
	FIELD_NAME,		/* u8, by names[0..extra) */
	FIELD_SECONDS,		/* u64 of ns; JSON has a number with 9 decimals */
	FIELD_KIB,		/* u64; a table shows MiB */
	FIELD_BYTES,		/* u64; a table shows it rounded, with the unit */
	FIELD_CPUS,		/* u64, a mask of CPUs; 0 is "any" */
	FIELD_CPU,		/* u8; 255 is "-", in JSON null */
	FIELD_AGE,		/* u32; all ones are "static", in JSON null */
	FIELD_VLANS,		/* u16 count and up to `extra` u16; a JSON array */
};

struct field {
	const char *key;	/* in JSON */
	const char *head;	/* of the table's column; NULL: not in the table */
	enum field_kind kind;
	size_t offset;
	unsigned int extra;
	const char *const *names;
};

#define FIELD(type, member, key_, head_, kind_, ...) \
	{ .key = (key_), .head = (head_), .kind = (kind_), \
	  .offset = offsetof(struct type, member), __VA_ARGS__ }

struct record_kind {
	const struct field *field;
	size_t count;
	size_t size;		/* of one record */
};

#define RECORD_KIND(type, fields) \
	{ (fields), sizeof(fields) / sizeof((fields)[0]), sizeof(struct type) }

/* A table with one line of heads. */
void records_table(const struct record_kind *kind, const void *records,
		   size_t count);

/* One line for each field, as `info` shows them. */
void record_lines(const struct record_kind *kind, const void *record);

/* The members of one record, into an object that is open. */
void record_json(struct json *j, const struct record_kind *kind,
		 const void *record);

/* An array of objects under `key`. */
void records_json(struct json *j, const char *key,
		  const struct record_kind *kind, const void *records,
		  size_t count);

#endif
