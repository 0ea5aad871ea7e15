/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of configuration files in the syntax of xl.cfg(5): assignments of
 * strings, numbers and lists. What the keys mean isn't known here.
 */
#ifndef CLI_CFG_H
#define CLI_CFG_H

#include <stddef.h>
#include <stdint.h>

enum cfg_kind {
	CFG_STRING,
	CFG_NUMBER,
	CFG_LIST,
};

struct cfg_value {
	enum cfg_kind kind;
	unsigned int line;
	char *str;		/* CFG_STRING; for a number, its text */
	int64_t number;		/* CFG_NUMBER */
	struct cfg_value *item;	/* CFG_LIST */
	size_t count;
};

struct cfg_setting {
	char *key;
	unsigned int line;
	struct cfg_value value;
};

struct cfg {
	char *path;
	struct cfg_setting *setting;	/* in the file's order */
	size_t count;
};

/*
 * Read the file. A key that is given twice keeps its last value (as xl does);
 * `+=` appends to a string or list. 0, or -1 after telling what is wrong.
 */
int cfg_read(struct cfg *cfg, const char *path);
void cfg_free(struct cfg *cfg);

#endif
