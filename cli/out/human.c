/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for people, both ways.
 */
#include "out/human.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS	64

void format_mac(char *buf, const uint8_t *mac)
{
	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
}

void format_hex(char *buf, const uint8_t *p, size_t len)
{
	buf[0] = '\0';
	for (size_t i = 0; i < len; i++) {
		snprintf(buf + 2 * i, 3, "%02x", p[i]);
	}
}

void format_uuid(char *buf, const uint8_t *uuid)
{
	for (unsigned int i = 0; i < 16; i++) {
		bool dash = i == 4 || i == 6 || i == 8 || i == 10;

		buf += sprintf(buf, "%s%02x", dash ? "-" : "", uuid[i]);
	}
}

void format_cpus(char *buf, size_t size, uint64_t mask)
{
	size_t at = 0;

	snprintf(buf, size, "any");
	if (mask == UINT64_MAX) {
		return;
	}
	for (unsigned int first = 0; first < CPUS && at < size; first++) {
		unsigned int last = first;

		if ((mask >> first & 1) == 0) {
			continue;
		}
		while (last + 1 < CPUS && (mask >> (last + 1) & 1) != 0) {
			last++;
		}
		at += (size_t)snprintf(buf + at, size - at,
				       last > first ? "%s%u-%u" : "%s%u",
				       at > 0 ? "," : "", first, last);
		first = last;
	}
}

void format_size(char *buf, size_t size, uint64_t bytes)
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes / 1024;
	unsigned int i = 0;

	if (bytes < 1024) {
		snprintf(buf, size, "%" PRIu64 " B", bytes);
		return;
	}
	while (v >= 1024 && i < 3) {
		v /= 1024;
		i++;
	}
	snprintf(buf, size, "%.1f %s", v, unit[i]);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int parse_hex(const char *s, uint8_t *out, size_t len)
{
	if (strlen(s) != 2 * len) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);

		if (high < 0 || low < 0) {
			return -1;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int parse_cpus(const char *s, uint64_t *mask)
{
	uint64_t set = 0;

	*mask = 0;
	if (strcmp(s, "all") == 0 || strcmp(s, "any") == 0) {
		return 0;
	}
	while (*s != '\0') {
		bool without = *s == '^';
		unsigned long first, last;
		char *end;

		s += without;
		if (*s < '0' || *s > '9') {
			return -1;
		}
		first = last = strtoul(s, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9') {
			last = strtoul(end + 1, &end, 10);
		}
		if (last < first || last >= CPUS ||
		    (*end != '\0' && (*end != ',' || end[1] == '\0'))) {
			return -1;
		}
		for (unsigned long cpu = first; cpu <= last; cpu++) {
			set = without ? set & ~(1ULL << cpu) : set | 1ULL << cpu;
		}
		s = *end == ',' ? end + 1 : end;
	}
	*mask = set;
	return set != 0 ? 0 : -1;
}
