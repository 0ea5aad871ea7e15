/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys from a text file.
 */
#include "client/keyfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "out/human.h"
#include "util.h"

enum match { MATCH_NONE, MATCH_OTHERS, MATCH_NODE };

/* One line; MATCH_NONE with *bad set: malformed. */
static enum match read_line(char *line, const struct node *n, uint8_t *key,
			    bool *bad)
{
	char *save = NULL, *first, *second, *rest;

	line[strcspn(line, "#")] = '\0';
	first = strtok_r(line, " \t\r\n", &save);
	second = strtok_r(NULL, " \t\r\n", &save);
	rest = strtok_r(NULL, " \t\r\n", &save);
	*bad = false;
	if (first == NULL) {
		return MATCH_NONE;
	}
	if (rest != NULL ||
	    parse_hex(second != NULL ? second : first, key, MV_KEY_LEN) != 0) {
		*bad = true;
		return MATCH_NONE;
	}
	if (second == NULL) {
		return MATCH_OTHERS;
	}
	return node_is(n, first) ? MATCH_NODE : MATCH_NONE;
}

static FILE *open_private(const char *path)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		tell_error(path, 0, "%s", strerror(errno));
	} else if ((st.st_mode & 077) != 0) {
		tell_error(path, 0, "others may read this file of keys "
			   "(chmod 600 it)");
	} else {
		return f;
	}
	if (f != NULL) {
		fclose(f);
	}
	return NULL;
}

int keyfile_find(const char *path, const struct node *n, uint8_t *key)
{
	FILE *f = open_private(path);
	enum match best = MATCH_NONE;
	unsigned int number = 0;
	uint8_t k[MV_KEY_LEN];
	bool bad = false;
	char line[512];

	if (f == NULL) {
		return -1;
	}
	while (!bad && fgets(line, sizeof(line), f) != NULL) {
		enum match m = read_line(line, n, k, &bad);

		number++;
		if (m > best) {
			best = m;
			memcpy(key, k, sizeof(k));
		}
	}
	fclose(f);
	explicit_bzero(line, sizeof(line));
	explicit_bzero(k, sizeof(k));
	if (bad) {
		tell_error(path, number, "expected [NODE] and a key of %u "
			   "hexadecimal digits", 2 * MV_KEY_LEN);
		return -1;
	}
	if (best == MATCH_NONE) {
		tell_error(path, 0, "it has no key for node '%s'", n->name);
		return -1;
	}
	return 0;
}
