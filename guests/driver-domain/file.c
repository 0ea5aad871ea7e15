/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files, and the kernel's command line.
 */
#include "dd.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool file_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0) {
		return false;
	}
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0) {
		return false;
	}
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

bool file_bytes(const char *path, void *data, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good;

	if (fd < 0) {
		return false;
	}
	good = read(fd, data, size) == (ssize_t)size;
	close(fd);
	return good;
}

uint64_t file_number(const char *path, uint64_t otherwise)
{
	char text[32];
	char *end;
	uint64_t number;

	if (!file_text(path, text, sizeof(text))) {
		return otherwise;
	}
	number = strtoull(text, &end, 10);
	return end == text ? otherwise : number;
}

bool file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good;

	if (fd < 0) {
		return false;
	}
	good = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return good;
}

void files_remove(const char *folder)
{
	char path[PATH_LEN];
	struct dirent *entry;
	DIR *dir = opendir(folder);

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		unlink(path);
	}
	if (dir != NULL) {
		closedir(dir);
	}
}

bool cmdline_word(const char *key, char *value, size_t size)
{
	static char line[2048];
	size_t len = strlen(key);

	if (!file_text("/proc/cmdline", line, sizeof(line))) {
		return false;
	}
	for (char *save, *word = strtok_r(line, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		if (strncmp(word, key, len) == 0 && word[len] == '=' &&
		    strlen(word + len + 1) < size) {
			strcpy(value, word + len + 1);
			return true;
		}
	}
	return false;
}
