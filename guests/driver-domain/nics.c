/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which network interfaces there are: cards, and vifs, which are ports of the
 * hypervisor's switch.
 */
#include "dd.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLASS "/sys/class/net"

/* The last part of the path that a link in sysfs leads to. */
static bool link_name(const char *path, char *name, size_t size)
{
	char target[PATH_LEN];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char *slash;

	if (n < 0) {
		return false;
	}
	target[n] = '\0';
	slash = strrchr(target, '/');
	return snprintf(name, size, "%s", slash != NULL ? slash + 1 : target) < (int)size;
}

/* A device's address on the PCI bus; its own or that of what it is part of. */
static bool pci_address(const char *name, char *address)
{
	char path[PATH_LEN];
	char *full;
	bool found = false;

	snprintf(path, sizeof(path), CLASS "/%s/device", name);
	full = realpath(path, NULL);
	for (char *save, *part = full != NULL ? strtok_r(full, "/", &save) : NULL;
	     part != NULL; part = strtok_r(NULL, "/", &save)) {
		unsigned int d, b, s, f;

		if (sscanf(part, "%4x:%2x:%2x.%1x", &d, &b, &s, &f) == 4) {
			snprintf(address, NAME_LEN, "%s", part);
			found = true;
		}
	}
	free(full);
	return found;
}

static bool nic_read(const char *name, struct nic *nic)
{
	char path[PATH_LEN];

	nic->vif = 0;
	snprintf(nic->name, sizeof(nic->name), "%s", name);
	snprintf(path, sizeof(path), CLASS "/%s/device/driver", name);
	return pci_address(name, nic->device) &&
	       link_name(path, nic->driver, sizeof(nic->driver));
}

/*
 * A platform's device that is one of the hypervisor's by virtio: its node of the device
 * tree has the vif's number. False if it has none.
 */
static bool virtio_vif(const char *device, unsigned int *vif)
{
	char path[PATH_LEN + sizeof("/of_node/mv,vif")];
	uint32_t number;

	snprintf(path, sizeof(path), "%s/of_node/mv,vif", device);
	if (!file_bytes(path, &number, sizeof(number))) {
		return false;
	}
	*vif = __builtin_bswap32(number);
	return true;
}

/* A virtio device that is on no PCI bus. */
static bool virtio_port_read(const char *name, struct nic *nic)
{
	char path[PATH_LEN];
	char bus[NAME_LEN];

	snprintf(path, sizeof(path), CLASS "/%s/device/../subsystem", name);
	if (strcmp(nic->driver, "virtio_net") != 0 || !link_name(path, bus, sizeof(bus)) ||
	    strcmp(bus, "platform") != 0) {
		return false;
	}
	/* Without the hypervisor it has no number: the first one. */
	nic->vif = 0;
	snprintf(path, sizeof(path), CLASS "/%s/device/..", name);
	(void)virtio_vif(path, &nic->vif);
	nic->netfront = false;
	return true;
}

static bool vif_read(const char *name, struct nic *nic)
{
	char path[PATH_LEN];

	snprintf(nic->name, sizeof(nic->name), "%s", name);
	snprintf(path, sizeof(path), CLASS "/%s/device/driver", name);
	if (!link_name(path, nic->driver, sizeof(nic->driver))) {
		return false;
	}
	snprintf(path, sizeof(path), CLASS "/%s/device", name);
	if (!link_name(path, nic->device, sizeof(nic->device))) {
		return false;
	}
	nic->netfront = true;
	return virtio_port_read(name, nic) || sscanf(nic->device, "vif-%u", &nic->vif) == 1;
}

/* Cards: vif is 0 for all. */
static int by_vif_and_device(const void *one, const void *other)
{
	const struct nic *a = one;
	const struct nic *b = other;

	return a->vif != b->vif ? (a->vif > b->vif) - (a->vif < b->vif) :
				  strcmp(a->device, b->device);
}

static unsigned int find(bool (*take)(const char *name, struct nic *nic), struct nic *nics,
			 unsigned int max)
{
	DIR *dir = opendir(CLASS);
	struct dirent *entry;
	unsigned int count = 0;

	while (dir != NULL && count < max && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' && take(entry->d_name, &nics[count])) {
			count++;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	qsort(nics, count, sizeof(*nics), by_vif_and_device);
	return count;
}

unsigned int nics_find(struct nic *nics, unsigned int max)
{
	return find(nic_read, nics, max);
}

static bool is_netfront(const char *device)
{
	return strncmp(strrchr(device, '/') + 1, "vif-", 4) == 0;
}

static bool is_virtio_vif(const char *device)
{
	return virtio_vif(device, &(unsigned int){ 0 });
}

static unsigned int devices_count(const char *folder, bool (*counts)(const char *device))
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned int count = 0;
	char path[PATH_LEN];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		count += counts(path);
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return count;
}

unsigned int vifs_expected(void)
{
	return devices_count("/sys/bus/xen/devices", is_netfront) +
	       devices_count("/sys/bus/platform/devices", is_virtio_vif);
}

unsigned int vifs_find(struct nic *vifs, unsigned int max)
{
	return find(vif_read, vifs, max);
}
