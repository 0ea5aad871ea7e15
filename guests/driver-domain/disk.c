/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: reported to the hypervisor, which makes them VMs' through xen-blkback.
 *
 *   data/disk			how many there are, once that is known
 *   data/disk/NAME/device	major:minor in hexadecimal
 *   .../sectors		of 512 bytes
 *   .../sector-size		bytes
 *   .../read-only		0 or 1
 *   .../driver			of the whole disk's device, for people
 */
#include "dd.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLASS		"/sys/class/block"
#define DISKS_MAX	64

/* Names of what was reported already. */
static char known[DISKS_MAX][NAME_LEN];
static unsigned int known_count;

bool disks_prepare(void)
{
	static const char *const drivers[] = { "virtio_blk", "nvme", "ahci" };
	bool any = false;

	for (unsigned int i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		char path[PATH_LEN];

		snprintf(path, sizeof(path), "/sys/module/%s", drivers[i]);
		any |= access(path, F_OK) == 0;
	}
	/* Disks behind a SATA controller are found by and by. */
	if (access("/sys/module/ahci", F_OK) == 0) {
		(void)module_load("sd_mod");
	}
	volumes_prepare();
	return any && module_load("xen_blkback");
}

/* A block device's own name, or that of the device mapper's volume that it is. */
static bool disk_name(const char *entry, char *name)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), CLASS "/%s/dm/name", entry);
	if (!file_text(path, name, NAME_LEN) &&
	    snprintf(name, NAME_LEN, "%s", entry) >= NAME_LEN) {
		return false;
	}
	return name[0] != '\0' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789-_")] == '\0';
}

static uint64_t number(const char *entry, const char *file)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), CLASS "/%s/%s", entry, file);
	return file_number(path, 0);
}

static void put(const char *name, const char *key, const char *text)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "data/disk/%s/%s", name, key);
	store_write(path, "%s", text);
}

static void put_number(const char *name, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	put(name, key, text);
}

static void put_driver(const char *entry, const char *name)
{
	static const char *const ways[] = { "device/driver", "device/device/driver",
					    "../device/driver", "../device/device/driver" };
	char path[PATH_LEN];
	char target[PATH_LEN];

	for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		ssize_t n;

		snprintf(path, sizeof(path), CLASS "/%s/%s", entry, ways[i]);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = '\0';
			put(name, "driver", strrchr(target, '/') + 1);
			return;
		}
	}
}

/*
 * Guests have their own order of requests and their own statistics: here each is
 * passed on as it comes.
 */
static void make_plain(const char *entry)
{
	static const char *const settings[][2] = {
		{ "scheduler", "none" }, { "iostats", "0" }, { "add_random", "0" },
		{ "nomerges", "2" }, { "wbt_lat_usec", "0" },
	};
	char path[PATH_LEN];

	for (unsigned int i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		snprintf(path, sizeof(path), CLASS "/%s/queue/%s", entry, settings[i][0]);
		(void)file_write(path, settings[i][1]);
	}
}

static void report(const char *entry, const char *name)
{
	char path[PATH_LEN];
	char text[NAME_LEN];
	unsigned int major, minor;
	uint64_t size = number(entry, "queue/logical_block_size");

	snprintf(path, sizeof(path), CLASS "/%s/dev", entry);
	if (!file_text(path, text, sizeof(text)) ||
	    sscanf(text, "%u:%u", &major, &minor) != 2) {
		return;
	}
	make_plain(entry);
	put_number(name, "sectors", number(entry, "size"));
	put_number(name, "sector-size", size != 0 ? size :
		   number(entry, "../queue/logical_block_size"));
	put_number(name, "read-only", number(entry, "ro"));
	put_driver(entry, name);
	/* The last one: with it the disk is there. */
	snprintf(text, sizeof(text), "%x:%x", major, minor);
	put(name, "device", text);
	say("disk %s, %llu MiB", name, (unsigned long long)(number(entry, "size") >> 11));
}

static bool is_new(const char *name)
{
	for (unsigned int i = 0; i < known_count; i++) {
		if (strcmp(known[i], name) == 0) {
			return false;
		}
	}
	if (known_count == DISKS_MAX) {
		return false;
	}
	strcpy(known[known_count++], name);
	return true;
}

void disks_report(bool all)
{
	static unsigned int told = ~0U;
	DIR *dir = opendir(CLASS);
	struct dirent *entry;
	char name[NAME_LEN];

	/* First: what is active now is found below. */
	all &= volumes_look(all);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && strncmp(entry->d_name, "loop", 4) != 0 &&
		    strncmp(entry->d_name, "ram", 3) != 0 && number(entry->d_name, "size") > 0 &&
		    !volumes_own(entry->d_name) && disk_name(entry->d_name, name) &&
		    is_new(name)) {
			report(entry->d_name, name);
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	if (all && told != known_count) {
		told = known_count;
		store_write("data/disk", "%u", known_count);
	}
}
