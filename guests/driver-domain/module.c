/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules. mkinitrd has put two tables beside them:
 *
 *   /lib/modules/depends   MODULE NEEDED...     in the order to load them
 *   /lib/modules/aliases   PATTERN MODULE       of devices' modaliases
 */
#include "dd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER		"/lib/modules"
#define LINE_LEN	1024

/* Insert one file. Being there already is fine; `*fresh` tells. */
static bool insert(const char *name, bool *fresh)
{
	char path[PATH_LEN];
	int fd;
	long err;

	snprintf(path, sizeof(path), FOLDER "/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		say("no module %s", name);
		return false;
	}
	err = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	if (err != 0 && errno != EEXIST) {
		say("module %s: %m", name);
		return false;
	}
	*fresh = err == 0;
	return true;
}

/* The line of a table that begins with `word`. */
static bool find_line(const char *table, const char *word, char *line)
{
	FILE *file = fopen(table, "re");
	size_t len = strlen(word);
	bool found = false;

	while (file != NULL && !found && fgets(line, LINE_LEN, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, word, len) == 0 &&
			(line[len] == ' ' || line[len] == '\0');
	}
	if (file != NULL) {
		fclose(file);
	}
	return found;
}

/* `*fresh`: it wasn't there before. */
static bool load(const char *name, bool *fresh)
{
	char line[LINE_LEN];
	char *save;
	char *self;

	if (!find_line(FOLDER "/depends", name, line)) {
		say("no module %s", name);
		return false;
	}
	self = strtok_r(line, " ", &save);
	for (char *word; (word = strtok_r(NULL, " ", &save)) != NULL;) {
		if (!insert(word, fresh)) {
			return false;
		}
	}
	return insert(self, fresh);
}

bool module_load(const char *name)
{
	bool fresh;

	return load(name, &fresh);
}

/* Load what has a pattern for a device. True if something was loaded. */
static bool load_for(const char *modalias)
{
	FILE *file = fopen(FOLDER "/aliases", "re");
	char line[LINE_LEN];
	bool any = false;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *save;
		char *pattern = strtok_r(line, " \n", &save);
		char *name = strtok_r(NULL, " \n", &save);
		bool fresh = false;

		if (name != NULL && fnmatch(pattern, modalias, 0) == 0) {
			(void)load(name, &fresh);
			any |= fresh;
		}
	}
	if (file != NULL) {
		fclose(file);
	}
	return any;
}

bool modules_for_bus(const char *bus)
{
	char path[PATH_LEN];
	char modalias[256];
	struct dirent *entry;
	DIR *dir;
	bool any = false;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices", bus);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.') {
			continue;
		}
		snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/modalias", bus,
			 entry->d_name);
		if (file_text(path, modalias, sizeof(modalias))) {
			any |= load_for(modalias);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return any;
}

void modules_forget(void)
{
	files_remove(FOLDER);
}
