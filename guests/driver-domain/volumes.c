/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logical volumes. The disks and partitions that the word mv.lvm names are physical
 * volumes: LVM's own tool activates the groups on them, and each of their volumes is
 * a disk like others (disk.c). The tool is shown these devices only: what a guest
 * writes to a disk of its own never becomes a part of a group.
 *
 * The tool runs beside the rest. When it has seen all of them its files are removed,
 * which gives their memory back.
 */
#include "dd.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOOL		"/sbin/lvm"
#define LIBRARIES	"/lib/aarch64-linux-gnu"
#define CLASS		"/sys/class/block"

enum {
	PVS_MAX = 16,
	WORD_LEN = 2048,	/* the longest that there is */
	LIST_LEN = PVS_MAX * (NAME_LEN + 6),
};

static char pvs[PVS_MAX][NAME_LEN];
static unsigned int pv_count;
static bool has_tool;
static unsigned int looked;	/* how many were there when the tool ran last */
static pid_t tool;		/* 0: it doesn't run */

static void read_names(char *list)
{
	for (char *save, *word = strtok_r(list, ",", &save); word != NULL;
	     word = strtok_r(NULL, ",", &save)) {
		if (strlen(word) >= NAME_LEN ||
		    word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789")] != '\0') {
			say("mv.lvm: '%s' is no name of a disk or a partition", word);
		} else if (pv_count == PVS_MAX) {
			say("mv.lvm: '%s' is one too many, it takes %u", word, PVS_MAX);
		} else {
			strcpy(pvs[pv_count++], word);
		}
	}
}

static void forget_tool(void)
{
	files_remove(LIBRARIES);
	unlink(TOOL);
	has_tool = false;
}

void volumes_prepare(void)
{
	char list[WORD_LEN];

	if (cmdline_word("mv.lvm", list, sizeof(list))) {
		read_names(list);
	}
	has_tool = access(TOOL, X_OK) == 0;
	if (pv_count == 0) {
		forget_tool();
	} else if (!has_tool) {
		say("mv.lvm: there is no LVM in this RAM disk, but in driver-domain-lvm.cpio.gz");
	} else if (!module_load("dm_mod")) {
		forget_tool();
	}
}

static bool is_part_of(const char *part, const char *disk)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), CLASS "/%s/%s/partition", disk, part);
	return access(path, F_OK) == 0;
}

bool volumes_own(const char *entry)
{
	for (unsigned int i = 0; i < pv_count; i++) {
		if (strcmp(entry, pvs[i]) == 0 || is_part_of(entry, pvs[i]) ||
		    is_part_of(pvs[i], entry)) {
			return true;
		}
	}
	return false;
}

static bool is_there(const char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), CLASS "/%s/size", name);
	return file_number(path, 0) > 0;
}

/* The devices that are there, as the tool wants them. How many. */
static unsigned int find(char *list)
{
	unsigned int count = 0;
	size_t at = 0;

	list[0] = '\0';
	for (unsigned int i = 0; i < pv_count; i++) {
		if (is_there(pvs[i])) {
			at += (size_t)sprintf(list + at, "%s/dev/%s", count > 0 ? "," : "", pvs[i]);
			count++;
		}
	}
	return count;
}

/*
 * There is no udev: the tool makes its nodes itself. It needs no place for copies of
 * what it reads.
 */
static void start(char *devices)
{
	char *const argv[] = {
		TOOL, "vgchange", "-ay", "--devices", devices, "--config",
		"activation { udev_sync=0 udev_rules=0 monitoring=0 reserved_memory=512 } "
		"devices { obtain_device_list_from_udev=0 hints=\"none\" } "
		"backup { backup=0 archive=0 }",
		NULL,
	};
	char *const env[] = { "LVM_SUPPRESS_FD_WARNINGS=1", NULL };

	tool = fork();
	if (tool == 0) {
		execve(TOOL, argv, env);
		_exit(127);
	}
	if (tool < 0) {
		say("can't run " TOOL ": %m");
		tool = 0;
	}
}

static void tell_missing(void)
{
	for (unsigned int i = 0; i < pv_count; i++) {
		if (!is_there(pvs[i])) {
			say("mv.lvm: there is no disk %s", pvs[i]);
		}
	}
}

/* True when the tool doesn't run. */
static bool wait_tool(void)
{
	int status;

	if (tool == 0) {
		return true;
	}
	if (waitpid(tool, &status, WNOHANG) == 0) {
		return false;
	}
	tool = 0;
	if (status != 0) {
		say("not all volumes are active");
	}
	if (looked == pv_count) {
		forget_tool();
	}
	return true;
}

bool volumes_look(bool all)
{
	static bool told;
	char devices[LIST_LEN];
	unsigned int count;

	if (!has_tool) {
		return true;
	}
	if (!wait_tool()) {
		return false;
	}
	count = find(devices);
	if (count < pv_count && all && !told) {
		told = true;
		tell_missing();
	}
	if (count > looked && (count == pv_count || all)) {
		looked = count;
		start(devices);
		return false;
	}
	return true;
}
