/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What drivers of network interfaces do by themselves (ethtool): offloads,
 * interrupts, and statistics of their own.
 */
#include "dd.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLASS "/sys/class/net"
#define STATISTICS_MAX 256

/* False, with errno: the card doesn't know of it. */
static bool ethtool(const char *name, void *data)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_data = data;
	good = fd >= 0 && ioctl(fd, SIOCETHTOOL, &request) == 0;
	if (fd >= 0) {
		close(fd);
	}
	return good;
}

void link_no_lro(const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GFLAGS };

	if (ethtool(name, &value) && (value.data & ETH_FLAG_LRO)) {
		value.cmd = ETHTOOL_SFLAGS;
		value.data &= ~(uint32_t)ETH_FLAG_LRO;
		if (!ethtool(name, &value)) {
			say("%s: large receive offload stays on: %m", name);
		}
	}
}

static unsigned long pci_id(const char *name, const char *which)
{
	char path[PATH_LEN];
	char text[16];

	snprintf(path, sizeof(path), CLASS "/%s/device/%s", name, which);
	return file_text(path, text, sizeof(text)) ? strtoul(text, NULL, 16) : 0;
}

/*
 * QEMU's e1000e (7.2), asked for segments, sends IP fragments of the large frame,
 * whose checksum is wrong. Cards that are sold have a subsystem's number.
 */
static bool segments_wrongly(const char *name)
{
	return pci_id(name, "vendor") == 0x8086 && pci_id(name, "device") == 0x10d3 &&
	       pci_id(name, "subsystem_vendor") == 0x8086 &&
	       pci_id(name, "subsystem_device") == 0;
}

void link_no_wrong_segments(const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STSO };

	if (segments_wrongly(name) && !ethtool(name, &value)) {
		say("%s: TCP segmentation stays on, and is wrong: %m", name);
	}
}

void link_no_gro(const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_SGRO };

	if (!ethtool(name, &value)) {
		say("%s: generic receive offload stays on: %m", name);
	}
}

void link_no_sent_irqs(const char *name)
{
	struct ethtool_coalesce value = {
		.cmd = ETHTOOL_SCOALESCE, .rx_max_coalesced_frames = 1,
	};

	if (!ethtool(name, &value)) {
		say("%s: interrupts for each frame sent: %m", name);
	}
}

/* How many statistics the driver has of its own. */
static uint32_t statistics_count(const char *name)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} request = {
		.info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_STATS },
	};

	return ethtool(name, &request) && request.info.sset_mask != 0 ? request.count : 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strnlen(text, ETH_GSTRING_LEN);
	size_t tail = strlen(end);

	return length >= tail && strncmp(text + length - tail, end, tail) == 0;
}

uint64_t link_xdp_drops(const char *name)
{
	static struct {
		struct ethtool_gstrings header;
		char name[STATISTICS_MAX][ETH_GSTRING_LEN];
	} names;
	static struct {
		struct ethtool_stats header;
		uint64_t value[STATISTICS_MAX];
	} values;
	uint32_t count = statistics_count(name);
	uint64_t drops = 0;

	names.header = (struct ethtool_gstrings){
		.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = count,
	};
	values.header = (struct ethtool_stats){ .cmd = ETHTOOL_GSTATS, .n_stats = count };
	if (count > STATISTICS_MAX || !ethtool(name, &names) || !ethtool(name, &values)) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (ends_with(names.name[i], "xdp_tx_drops")) {
			drops += values.value[i];
		}
	}
	return drops;
}
