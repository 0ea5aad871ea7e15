/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables and JSON from descriptions of fields.
 */
#include "out/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mv/proto.h"
#include "out/human.h"
#include "out/utf8.h"
#include "util.h"

#define CELL_MAX	512
#define SHORT_HEX	6
#define NONE		"-"

static uint64_t number(const struct field *f, const void *record)
{
	const uint8_t *p = (const uint8_t *)record + f->offset;
	struct mv_be16 u16;
	struct mv_be32 u32;
	struct mv_be64 u64;

	switch (f->kind) {
	case FIELD_U8:
	case FIELD_BOOL:
	case FIELD_NAME:
	case FIELD_CPU:
		return *p;
	case FIELD_U16:
		memcpy(&u16, p, sizeof(u16));
		return mv_get16(u16);
	case FIELD_U32:
	case FIELD_FLAG:
	case FIELD_AGE:
		memcpy(&u32, p, sizeof(u32));
		return f->kind == FIELD_FLAG ? mv_get32(u32) & f->extra :
			mv_get32(u32);
	default:
		memcpy(&u64, p, sizeof(u64));
		return mv_get64(u64);
	}
}

static unsigned int vlan_count(const struct field *f, const uint8_t *p)
{
	unsigned int count = (unsigned int)(p[0] << 8 | p[1]);

	return count < f->extra ? count : f->extra;
}

static unsigned int vlan(const uint8_t *p, unsigned int index)
{
	return (unsigned int)(p[2 + 2 * index] << 8 | p[3 + 2 * index]);
}

static void vlans_cell(const struct field *f, const uint8_t *p, char *buf)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < vlan_count(f, p); i++) {
		at += (size_t)snprintf(buf + at, CELL_MAX - at, "%s%u",
				       i == 0 ? "" : ":", vlan(p, i));
	}
}

static void vlans_json(struct json *j, const struct field *f, const uint8_t *p)
{
	json_open(j, f->key, '[');
	for (unsigned int i = 0; i < vlan_count(f, p); i++) {
		json_u64(j, NULL, vlan(p, i));
	}
	json_close(j, ']');
}

/* Fields that aren't numbers. False: it is one. */
static bool text_cell(const struct field *f, const uint8_t *p, char *buf)
{
	switch (f->kind) {
	case FIELD_TEXT:
		snprintf(buf, CELL_MAX, "%.*s", (int)f->extra, (const char *)p);
		return true;
	case FIELD_MAC:
		format_mac(buf, p);
		return true;
	case FIELD_HEX:
		format_hex(buf, p, f->extra);
		if (strspn(buf, "0") == 2 * (size_t)f->extra) {
			strcpy(buf, NONE);
		}
		return true;
	case FIELD_UUID:
		format_uuid(buf, p);
		return true;
	case FIELD_VLANS:
		vlans_cell(f, p, buf);
		return true;
	default:
		return false;
	}
}

static void number_cell(const struct field *f, uint64_t v, char *buf)
{
	switch (f->kind) {
	case FIELD_BOOL:
	case FIELD_FLAG:
		strcpy(buf, v != 0 ? "yes" : "no");
		return;
	case FIELD_NAME:
		snprintf(buf, CELL_MAX, "%s", v < f->extra ? f->names[v] : "?");
		return;
	case FIELD_SECONDS:
		snprintf(buf, CELL_MAX, "%" PRIu64 ".%" PRIu64, v / 1000000000,
			 v / 100000000 % 10);
		return;
	case FIELD_KIB:
		snprintf(buf, CELL_MAX, "%" PRIu64, v >> 10);
		return;
	case FIELD_BYTES:
		format_size(buf, CELL_MAX, v);
		return;
	case FIELD_CPUS:
		format_cpus(buf, CELL_MAX, v);
		return;
	default:
		break;
	}
	if (f->kind == FIELD_CPU && v == 255) {
		strcpy(buf, NONE);
	} else if (f->kind == FIELD_AGE && v == UINT32_MAX) {
		strcpy(buf, "static");
	} else {
		snprintf(buf, CELL_MAX, "%" PRIu64, v);
	}
}

static void cell(const struct field *f, const void *record, char *buf)
{
	if (!text_cell(f, (const uint8_t *)record + f->offset, buf)) {
		number_cell(f, number(f, record), buf);
	}
}

static void table_cell(const struct field *f, const void *record, char *buf)
{
	cell(f, record, buf);
	if (f->kind == FIELD_HEX && strlen(buf) > 2 * SHORT_HEX) {
		buf[2 * SHORT_HEX] = '\0';
	}
}

static bool flush_right(enum field_kind kind)
{
	return kind == FIELD_U8 || kind == FIELD_U16 || kind == FIELD_U32 ||
	       kind == FIELD_U64 || kind == FIELD_SECONDS ||
	       kind == FIELD_KIB || kind == FIELD_BYTES || kind == FIELD_CPU ||
	       kind == FIELD_AGE;
}

static void put_cell(const char *text, size_t width, bool right, bool last)
{
	size_t len = strlen(text);
	int pad = width > len ? (int)(width - len) : 0;

	if (right) {
		printf("%*s", pad, "");
	}
	print_safe(stdout, text, len);
	if (!right && !last) {
		printf("%*s", pad, "");
	}
	fputs(last ? "\n" : "  ", stdout);
}

static size_t last_column(const struct record_kind *kind)
{
	size_t last = 0;

	for (size_t i = 0; i < kind->count; i++) {
		last = kind->field[i].head != NULL ? i : last;
	}
	return last;
}

static void table_row(const struct record_kind *kind, const size_t *width,
		      const void *record)
{
	size_t last = last_column(kind);
	char buf[CELL_MAX];

	for (size_t i = 0; i < kind->count; i++) {
		const struct field *f = &kind->field[i];

		if (f->head == NULL) {
			continue;
		}
		if (record != NULL) {
			table_cell(f, record, buf);
		}
		put_cell(record != NULL ? buf : f->head, width[i],
			 flush_right(f->kind), i == last);
	}
}

void records_table(const struct record_kind *kind, const void *records,
		   size_t count)
{
	size_t *width = xalloc(kind->count * sizeof(*width));
	const char *p = records;
	char buf[CELL_MAX];

	for (size_t i = 0; i < kind->count; i++) {
		const struct field *f = &kind->field[i];

		width[i] = f->head != NULL ? strlen(f->head) : 0;
		for (size_t r = 0; r < count && f->head != NULL; r++) {
			table_cell(f, p + r * kind->size, buf);
			width[i] = strlen(buf) > width[i] ? strlen(buf) : width[i];
		}
	}
	table_row(kind, width, NULL);
	for (size_t r = 0; r < count; r++) {
		table_row(kind, width, p + r * kind->size);
	}
	free(width);
}

/* People see the unit behind the value. */
static void print_key(const char *key)
{
	static const char *const units[] = { "_kib", "_bytes", "_seconds" };
	size_t len = strlen(key);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t n = strlen(units[i]);

		if (len > n && strcmp(key + len - n, units[i]) == 0) {
			len -= n;
			break;
		}
	}
	printf("%-18.*s ", (int)len, key);
}

void record_lines(const struct record_kind *kind, const void *record)
{
	char buf[CELL_MAX];

	for (size_t i = 0; i < kind->count; i++) {
		const struct field *f = &kind->field[i];

		cell(f, record, buf);
		print_key(f->key);
		if (f->kind == FIELD_KIB) {
			strcat(buf, " MiB");
		} else if (f->kind == FIELD_SECONDS) {
			strcat(buf, " s");
		}
		print_safe(stdout, buf, strlen(buf));
		putchar('\n');
	}
}

static void json_field(struct json *j, const struct field *f,
		       const void *record)
{
	const uint8_t *p = (const uint8_t *)record + f->offset;
	char buf[CELL_MAX];
	uint64_t v;

	if (f->kind == FIELD_VLANS) {
		vlans_json(j, f, p);
		return;
	}
	if (text_cell(f, p, buf)) {
		if (f->kind == FIELD_HEX && strcmp(buf, NONE) == 0) {
			json_null(j, f->key);
		} else {
			json_str(j, f->key, buf);
		}
		return;
	}
	v = number(f, record);
	switch (f->kind) {
	case FIELD_CPUS:
	case FIELD_NAME:
		number_cell(f, v, buf);
		json_str(j, f->key, buf);
		return;
	case FIELD_BOOL:
	case FIELD_FLAG:
		json_bool(j, f->key, v != 0);
		return;
	case FIELD_SECONDS:
		json_fixed(j, f->key, v, 9);
		return;
	default:
		break;
	}
	if ((f->kind == FIELD_CPU && v == 255) ||
	    (f->kind == FIELD_AGE && v == UINT32_MAX)) {
		json_null(j, f->key);
	} else {
		json_u64(j, f->key, v);
	}
}

void record_json(struct json *j, const struct record_kind *kind,
		 const void *record)
{
	for (size_t i = 0; i < kind->count; i++) {
		json_field(j, &kind->field[i], record);
	}
}

void records_json(struct json *j, const char *key,
		  const struct record_kind *kind, const void *records,
		  size_t count)
{
	json_open(j, key, '[');
	for (size_t r = 0; r < count; r++) {
		json_open(j, NULL, '{');
		record_json(j, kind, (const char *)records + r * kind->size);
		json_close(j, '}');
	}
	json_close(j, ']');
}
