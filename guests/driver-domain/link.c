/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network interfaces: which there are, their settings, and the redirection
 * from one to the other (rtnetlink: an ingress qdisc with one filter that
 * matches all frames, whose action sends them out of the other interface).
 * VLAN tags travel with the frame, also those that the card took off it.
 */
#include "dd.h"

#include <dirent.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLASS "/sys/class/net"

/* --- what is there ------------------------------------------------------- */

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

	snprintf(nic->name, sizeof(nic->name), "%s", name);
	snprintf(path, sizeof(path), CLASS "/%s/device/driver", name);
	return pci_address(name, nic->device) &&
	       link_name(path, nic->driver, sizeof(nic->driver));
}

/* The number of a vif that is a virtio device, from the guest's device tree. */
static bool virtio_vif(const char *name, unsigned int *vif)
{
	char path[PATH_LEN];
	uint8_t cell[4];

	snprintf(path, sizeof(path), CLASS "/%s/device/../of_node/mv,vif", name);
	if (!file_bytes(path, cell, sizeof(cell))) {
		return false;
	}
	*vif = cell[3];
	return true;
}

static bool vif_read(const char *name, struct nic *nic)
{
	char path[PATH_LEN];
	char device[NAME_LEN];

	snprintf(nic->name, sizeof(nic->name), "%s", name);
	snprintf(path, sizeof(path), CLASS "/%s/device", name);
	if (!link_name(path, device, sizeof(device)) ||
	    (sscanf(device, "vif-%u", &nic->vif) != 1 && !virtio_vif(name, &nic->vif))) {
		return false;
	}
	snprintf(nic->device, sizeof(nic->device), "vif-%u", nic->vif);
	snprintf(path, sizeof(path), CLASS "/%s/device/driver", name);
	return link_name(path, nic->driver, sizeof(nic->driver));
}

static int by_device(const void *a, const void *b)
{
	return strcmp(((const struct nic *)a)->device, ((const struct nic *)b)->device);
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
	qsort(nics, count, sizeof(*nics), by_device);
	return count;
}

unsigned int nics_find(struct nic *nics, unsigned int max)
{
	return find(nic_read, nics, max);
}

static bool any_device(const char *folder, const char *part)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool any = false;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		any |= strstr(entry->d_name, part) != NULL;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return any;
}

bool vifs_expected(void)
{
	return any_device("/sys/bus/xen/devices", "vif-") ||
	       any_device("/sys/bus/platform/devices", ".virtio_mmio");
}

unsigned int vifs_find(struct nic *vifs, unsigned int max)
{
	return find(vif_read, vifs, max);
}

/* --- rtnetlink --------------------------------------------------------------- */

/* A request under construction. */
struct request {
	struct nlmsghdr h;
	char body[512];
};

static void *end_of(struct request *r)
{
	return (char *)r + NLMSG_ALIGN(r->h.nlmsg_len);
}

static void begin(struct request *r, uint16_t type, uint16_t flags, const void *body,
		  size_t len)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_type = type;
	r->h.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
	memcpy(NLMSG_DATA(&r->h), body, len);
}

static struct rtattr *put(struct request *r, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = end_of(r);

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len > 0) {
		memcpy(RTA_DATA(a), data, len);
	}
	r->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
	return a;
}

/* What was put since is within it. */
static void close_nested(struct request *r, struct rtattr *a)
{
	a->rta_len = (uint16_t)((char *)end_of(r) - (char *)a);
}

/* Send it; 0 or the kernel's error. */
static int transact(struct request *r)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[1024];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int err = EIO;

	if (fd < 0) {
		return errno;
	}
	if (send(fd, r, r->h.nlmsg_len, 0) < 0) {
		err = errno;
	} else if (recv(fd, &answer, sizeof(answer), 0) >=
		   (ssize_t)(sizeof(answer.h) + sizeof(answer.e)) &&
		   answer.h.nlmsg_type == NLMSG_ERROR) {
		err = -answer.e.error;
	}
	close(fd);
	return err;
}

static bool done(int err, const char *what, const char *name)
{
	if (err != 0) {
		say("%s: %s: %s", name, what, strerror(err));
	}
	return err == 0;
}

bool link_up(const char *name, unsigned int mtu)
{
	struct ifinfomsg link = { .ifi_index = (int)if_nametoindex(name) };
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &link, sizeof(link));
	put(&r, IFLA_MTU, &mtu, sizeof(mtu));
	/* A card that can't is used with what it has. */
	(void)done(transact(&r), "can't set the MTU", name);
	link.ifi_flags = IFF_UP | IFF_PROMISC;
	link.ifi_change = IFF_UP | IFF_PROMISC;
	begin(&r, RTM_NEWLINK, 0, &link, sizeof(link));
	return done(transact(&r), "can't bring it up", name);
}

bool link_down(const char *name)
{
	struct ifinfomsg link = {
		.ifi_index = (int)if_nametoindex(name), .ifi_change = IFF_UP,
	};
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &link, sizeof(link));
	return done(transact(&r), "can't take it down", name);
}

/* The filter's action: out of interface `to`. */
static void put_redirect(struct request *r, unsigned int to)
{
	struct tc_mirred parms = {
		.action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = to,
	};
	struct rtattr *options = put(r, TCA_OPTIONS, NULL, 0);
	struct rtattr *actions = put(r, TCA_MATCHALL_ACT, NULL, 0);
	struct rtattr *first = put(r, 1, NULL, 0);
	struct rtattr *own;

	put(r, TCA_ACT_KIND, "mirred", sizeof("mirred"));
	own = put(r, TCA_ACT_OPTIONS, NULL, 0);
	put(r, TCA_MIRRED_PARMS, &parms, sizeof(parms));
	close_nested(r, own);
	close_nested(r, first);
	close_nested(r, actions);
	close_nested(r, options);
}

bool link_redirect(const char *from, const char *to)
{
	struct tcmsg tc = {
		.tcm_ifindex = (int)if_nametoindex(from), .tcm_parent = TC_H_INGRESS,
		.tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0),
	};
	struct request r;

	begin(&r, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &tc, sizeof(tc));
	put(&r, TCA_KIND, "ingress", sizeof("ingress"));
	if (!done(transact(&r), "no ingress qdisc", from)) {
		return false;
	}
	tc.tcm_parent = TC_H_MAKE(TC_H_INGRESS, 0);
	tc.tcm_handle = 0;
	tc.tcm_info = TC_H_MAKE(1U << 16, __builtin_bswap16(ETH_P_ALL));
	begin(&r, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, &tc, sizeof(tc));
	put(&r, TCA_KIND, "matchall", sizeof("matchall"));
	put_redirect(&r, if_nametoindex(to));
	return done(transact(&r), "no redirection", from);
}

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
