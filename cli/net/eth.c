/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network interface of this machine, by a packet socket that sees one
 * EtherType only (packet(7)).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mv/proto.h"
#include "net/transport.h"
#include "util.h"

static int eth_send(struct transport *t, const void *frame, size_t len)
{
	return send(t->fd, frame, len, MSG_DONTWAIT) == (ssize_t)len ? 0 :
		-errno;
}

static void explain(const char *ifname, int err)
{
	if (err == EPERM || err == EACCES) {
		tell_error(ifname, 0, "raw frames need CAP_NET_RAW (run as "
			   "root, or setcap cap_net_raw+ep on mvctl)");
	} else {
		tell_error(ifname, 0, "%s", strerror(err));
	}
}

static int interface_mac(int fd, const char *ifname, uint8_t *mac)
{
	struct ifreq r = { .ifr_ifindex = 0 };

	strcpy(r.ifr_name, ifname);
	if (ioctl(fd, SIOCGIFHWADDR, &r) != 0) {
		return -errno;
	}
	if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		return -EPFNOSUPPORT;
	}
	memcpy(mac, r.ifr_hwaddr.sa_data, 6);
	return 0;
}

int eth_open(struct transport *t, const char *ifname)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(MV_ETHERTYPE),
	};
	int err;

	if (ifname[0] == '\0' || strlen(ifname) >= IFNAMSIZ) {
		tell_error("eth", 0, "'%s' isn't an interface's name", ifname);
		return -1;
	}
	a.sll_ifindex = (int)if_nametoindex(ifname);
	if (a.sll_ifindex == 0) {
		explain(ifname, errno);
		return -1;
	}
	/* Protocol 0: nothing arrives before it is bound to the interface. */
	t->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (t->fd < 0) {
		explain(ifname, errno);
		return -1;
	}
	err = interface_mac(t->fd, ifname, t->mac);
	if (err == 0 && bind(t->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		err = -errno;
	}
	if (err != 0) {
		explain(ifname, -err);
		close(t->fd);
		t->fd = -1;
		return -1;
	}
	t->send = eth_send;
	return 0;
}
