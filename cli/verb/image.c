/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl image`: push, list and remove kernels and RAM disks of a node.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "client/call.h"
#include "client/list.h"
#include "globals.h"
#include "out/human.h"
#include "verb/kinds.h"
#include "verb/push.h"
#include "verb/target.h"
#include "verbs.h"

#define HEX_LEN		(2 * MV_SHA256_LEN)
#define PREFIX_MIN	4

static void json_pushed(struct json *j, const char *path,
			const struct image_push *p)
{
	char hex[HEX_LEN + 1];

	format_hex(hex, p->sha256, MV_SHA256_LEN);
	json_open(j, NULL, '{');
	json_str(j, "file", path);
	json_str(j, "sha256", hex);
	json_u64(j, "size_bytes", p->size);
	json_bool(j, "was_there", p->was_there);
	json_u64(j, "packets", p->sent);
	json_u64(j, "packets_again", p->resent);
	json_close(j, '}');
}

static void print_pushed(const char *path, const struct image_push *p)
{
	char hex[HEX_LEN + 1], size[16];

	format_hex(hex, p->sha256, MV_SHA256_LEN);
	format_size(size, sizeof(size), p->size);
	printf("%s  %s  %s%s\n", hex, size, path,
	       p->was_there ? " (was there)" : "");
}

static int push(struct session *s, int count, char **paths)
{
	struct image_push p;
	struct json j;
	int status = 0;

	if (globals.json) {
		json_begin(&j, &s->node);
		json_open(&j, "pushed", '[');
	}
	for (int i = 0; i < count && status == 0; i++) {
		status = push_file(s, paths[i], &p);
		if (status == 0 && globals.json) {
			json_pushed(&j, paths[i], &p);
		} else if (status == 0) {
			print_pushed(paths[i], &p);
		}
	}
	if (globals.json) {
		json_close(&j, ']');
		json_finish(&j);
	}
	return status;
}

static int show_images(struct session *s)
{
	struct list l;
	struct json j;
	int err = list_fetch(s, MV_IMAGE_LIST, 0, sizeof(struct mv_image), &l);

	if (err != 0) {
		return tell_failure(s, "image list", err);
	}
	if (globals.json) {
		json_begin(&j, &s->node);
		records_json(&j, "images", &kind_image, l.entry, l.count);
		json_finish(&j);
	} else {
		records_table(&kind_image, l.entry, l.count);
	}
	list_free(&l);
	return 0;
}

static bool is_meant(const struct mv_image *i, const char *word)
{
	char hex[HEX_LEN + 1];
	size_t len = strlen(word);

	format_hex(hex, i->sha256, MV_SHA256_LEN);
	return (len >= PREFIX_MIN && len <= HEX_LEN &&
		strncasecmp(hex, word, len) == 0) ||
	       (len > 0 && len < sizeof(i->name) &&
		strncmp(i->name, word, sizeof(i->name)) == 0);
}

/* The one image that a word means. 0, or an exit status after telling. */
static int find_image(struct session *s, const char *word,
		      struct mv_image_remove *out)
{
	unsigned int found = 0;
	struct list l;
	int err = list_fetch(s, MV_IMAGE_LIST, 0, sizeof(struct mv_image), &l);

	if (err != 0) {
		return tell_failure(s, "image list", err);
	}
	for (size_t i = 0; i < l.count; i++) {
		const struct mv_image *image = (const struct mv_image *)l.entry + i;

		if (is_meant(image, word)) {
			memcpy(out->sha256, image->sha256, sizeof(out->sha256));
			found++;
		}
	}
	list_free(&l);
	if (found != 1) {
		tell_error(s->node.name, 0, "%s: %s", word, found == 0 ?
			   "no image has this name or digest" :
			   "more than one image is meant");
		return EXIT_FAILED;
	}
	return 0;
}

static int remove_images(struct session *s, int count, char **words)
{
	struct mv_image_remove r;
	int status = 0;

	for (int i = 0; i < count; i++) {
		int one = find_image(s, words[i], &r);
		int err = one != 0 ? 0 : session_ask(s, MV_IMAGE_REMOVE, &r,
						     sizeof(r), NULL, 0);

		if (err != 0) {
			one = tell_failure(s, words[i], err);
		}
		if (one == 0) {
			tell_done(s, "image remove", words[i]);
		}
		status = one != 0 ? one : status;
	}
	return status;
}

int verb_image(const struct verb *verb, int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool is_list = strcmp(what, "list") == 0;
	bool is_push = strcmp(what, "push") == 0;
	struct target t;
	int status;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (!is_list && !is_push && strcmp(what, "remove") != 0) {
		return usage_error(verb, "push, list or remove?");
	}
	if (is_list != (argc == 2)) {
		return usage_error(verb, is_list ? "list takes no argument" :
				   "%s what?", what);
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	status = is_list ? show_images(&t.s) :
		is_push ? push(&t.s, argc - 2, argv + 2) :
		remove_images(&t.s, argc - 2, argv + 2);
	target_close(&t);
	return status;
}
