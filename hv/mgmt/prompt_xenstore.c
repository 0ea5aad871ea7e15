/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xenstore-ls for the prompt: one node a step, in the order of the tree,
 * without recursion. What changes meanwhile may be missed or shown.
 */
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "mgmt/prompt.h"
#include "xenstore/xenstore.h"

#define NAMES_SIZE	65536U	/* names of the children of one node */
#define VALUE_SHOWN	200U

struct walk {
	char path[XS_PATH_MAX + 1];	/* where it stands */
	size_t top;			/* length of the path asked for */
	char value[XS_QUOTA_VALUE * 2 + 1];
	char last[XS_PATH_MAX + 1];	/* name of the child that was left */
	char names[NAMES_SIZE];
};

static void print_node(struct walk *w)
{
	const char *name = strrchr(w->path, '/');
	int depth = w->top > 1 ? -1 : 0;
	size_t len = 0;
	int r = xs_read(NULL, w->path, w->value, sizeof(w->value), &len);

	for (const char *p = w->path + w->top; *p != '\0'; p++) {
		depth += *p == '/';
	}
	prompt_print("%*s", depth, "");
	prompt_print_text(name + 1, strlen(name + 1));
	if (r != 0) {
		prompt_print(" (error %d)\n", r);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		w->value[i] = w->value[i] != '\n' ? w->value[i] : '?';
	}
	prompt_print(" = \"");
	prompt_print_text(w->value, MIN(len, (size_t)VALUE_SHOWN));
	prompt_print(len > VALUE_SHOWN ? "...\"\n" : "\"\n");
}

/*
 * The child of `path` behind `after` (NULL: the first), or NULL. Points into
 * w->names.
 */
static const char *next_child(struct walk *w, const char *path, const char *after)
{
	bool take = after == NULL;
	size_t len;

	if (xs_directory(NULL, path, w->names, sizeof(w->names), &len) != 0) {
		return NULL;
	}
	for (size_t at = 0; at < len; at += strlen(w->names + at) + 1) {
		if (take) {
			return w->names + at;
		}
		take = strcmp(w->names + at, after) == 0;
	}
	return NULL;
}

static bool go_down(struct walk *w, const char *name)
{
	size_t len = strlen(w->path);
	size_t slash = len > 1 ? 1 : 0;		/* "/" ends with one */

	if (len + slash + strlen(name) > XS_PATH_MAX) {
		return false;
	}
	fmt_buf(w->path + len, sizeof(w->path) - len, "%s%s", slash != 0 ? "/" : "", name);
	return true;
}

/* To the next node of the tree. False at its end. */
static bool advance(struct walk *w)
{
	const char *name = next_child(w, w->path, NULL);
	char *slash;

	while (name == NULL && strlen(w->path) > w->top) {
		slash = strrchr(w->path, '/');
		str_copy(w->last, slash + 1, sizeof(w->last));
		/* The parent of "/a" is "/". */
		slash[slash == w->path ? 1 : 0] = '\0';
		name = next_child(w, w->path, w->last);
	}
	return name != NULL && go_down(w, name);
}

static bool cmd_xenstore_ls(struct prompt_call *c)
{
	struct walk *w = c->data;

	if (c->step == 0) {
		const char *path = c->argc > 0 ? c->argv[0] : "/";
		size_t len;

		w = heap_alloc(sizeof(*w));
		if (w == NULL) {
			prompt_print("no memory\n");
			return false;
		}
		c->data = w;
		str_copy(w->path, path, sizeof(w->path));
		w->top = strlen(w->path);
		if (xs_directory(NULL, w->path, w->names, sizeof(w->names), &len) != 0) {
			prompt_print("no node '%s'\n", w->path);
			return false;
		}
	} else {
		print_node(w);
	}
	return advance(w);
}

const struct prompt_command prompt_xenstore_commands[] = {
	{ "xenstore-ls", "[path]", "the nodes of XenStore", 0, 1, cmd_xenstore_ls },
	{ .name = NULL },
};
