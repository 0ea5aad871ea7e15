/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl keygen`: a new pre-shared key.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/clock.h"
#include "globals.h"
#include "mv/proto.h"
#include "out/human.h"
#include "verb/target.h"
#include "verbs.h"

/* A new file that only its owner may read; an old one stays as it is. */
static int write_private(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t len = strlen(line);
	bool ok;

	if (fd < 0) {
		tell_error(path, 0, "%s", strerror(errno));
		return EXIT_FAILED;
	}
	ok = write(fd, line, len) == (ssize_t)len && fsync(fd) == 0;
	if (close(fd) != 0 || !ok) {
		tell_error(path, 0, "%s", strerror(errno));
		unlink(path);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

int verb_keygen(const struct verb *verb, int argc, char **argv)
{
	uint8_t key[MV_KEY_LEN];
	char line[MV_NAME_MAX + 2 * MV_KEY_LEN + 4];
	char hex[2 * MV_KEY_LEN + 1];
	int status = EXIT_OK;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc > 2) {
		return usage_error(verb, "one file at most");
	}
	if (globals.node != NULL && strlen(globals.node) >= MV_NAME_MAX) {
		return usage_error(verb, "the node's name is too long");
	}
	random_bytes(key, sizeof(key));
	format_hex(hex, key, sizeof(key));
	snprintf(line, sizeof(line), "%s%s%s\n",
		 globals.node != NULL ? globals.node : "",
		 globals.node != NULL ? " " : "", hex);
	if (argc == 2) {
		status = write_private(argv[1], line);
	} else {
		fputs(line, stdout);
	}
	explicit_bzero(key, sizeof(key));
	explicit_bzero(hex, sizeof(hex));
	explicit_bzero(line, sizeof(line));
	return status;
}
