/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network interfaces (rtnetlink): MTU, up and down, and the redirection from one to
 * the other: by the drivers' XDP programs, or by an ingress qdisc with one filter that
 * matches all frames, whose action sends them out of the other interface. VLAN tags
 * travel with the frame, also those that the card took off it.
 */
#include "dd.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

void link_mtu(const char *name, unsigned int mtu)
{
	struct ifinfomsg link = { .ifi_index = (int)if_nametoindex(name) };
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &link, sizeof(link));
	put(&r, IFLA_MTU, &mtu, sizeof(mtu));
	(void)done(transact(&r), "can't set the MTU", name);
}

bool link_up(const char *name)
{
	struct ifinfomsg link = {
		.ifi_index = (int)if_nametoindex(name),
		.ifi_flags = IFF_UP | IFF_PROMISC, .ifi_change = IFF_UP | IFF_PROMISC,
	};
	struct request r;

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

int link_set_xdp(const char *name, int program)
{
	struct ifinfomsg link = { .ifi_index = (int)if_nametoindex(name) };
	uint32_t flags = XDP_FLAGS_DRV_MODE;
	struct rtattr *xdp;
	struct request r;

	begin(&r, RTM_NEWLINK, 0, &link, sizeof(link));
	xdp = put(&r, NLA_F_NESTED | IFLA_XDP, NULL, 0);
	put(&r, IFLA_XDP_FD, &program, sizeof(program));
	put(&r, IFLA_XDP_FLAGS, &flags, sizeof(flags));
	close_nested(&r, xdp);
	return transact(&r);
}
