/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a file to an image.
 */
#include "verb/push.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out/progress.h"
#include "verb/target.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static void show(void *ctx, uint64_t have, uint64_t checked)
{
	struct progress *p = ctx;

	progress_set(p, have, have >= p->total && checked < have ?
		     " checking" : "");
}

int push_file(struct session *s, const char *path, struct image_push *p)
{
	struct progress bar;
	struct filemap map;
	int err = filemap_open(&map, path);

	if (err == 0 && map.size == 0) {
		err = -EINVAL;
	}
	if (err != 0) {
		tell_error(path, 0, "%s", err == -EINVAL ?
			   "an image is a file that isn't empty" :
			   strerror(-err));
		return EXIT_FAILED;
	}
	*p = (struct image_push){
		.data = map.data, .size = map.size, .name = base_name(path),
		.progress = show, .ctx = &bar,
	};
	image_digest(p);
	progress_begin(&bar, p->name, p->size);
	err = image_push(s, p);
	progress_end(&bar);
	filemap_close(&map);
	p->data = NULL;
	if (err != 0) {
		char *what = xformat("push %s", path);
		int status = tell_failure(s, what, err);

		free(what);
		return status;
	}
	return 0;
}
