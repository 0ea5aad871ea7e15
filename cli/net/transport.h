/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire that mvctl is on: whole Ethernet frames, out and in.
 *
 *	eth:IFNAME         a network interface (AF_PACKET; CAP_NET_RAW)
 *	unix:PATH          a datagram socket at which a hub listens (mvctl hub)
 *	unix:LOCAL,PEER    the two ends of one QEMU "-netdev dgram"; LOCAL is
 *	                   QEMU's remote.path, PEER its local.path
 *
 * Only frames of the management protocol pass, without their Ethernet
 * header and VLAN tag.
 */
#ifndef CLI_NET_TRANSPORT_H
#define CLI_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX	1518	/* header, VLAN tag and 1500 bytes */

struct transport {
	int fd;
	int (*send)(struct transport *t, const void *frame, size_t len);
	char *local;		/* a socket file of our own, removed at the end */
	char *peer;
	uint8_t mac[6];		/* our own address */
	uint16_t vlan;		/* tag of our frames; 0: none */
	uint64_t sent, received, ignored;
};

struct transport_options {
	const char *name;
	const uint8_t *mac;	/* NULL: the interface's, or a random one */
	uint16_t vlan;		/* 0: none */
};

/* 0, or -1 after telling what is wrong. */
int transport_open(struct transport *t, const struct transport_options *o);
void transport_close(struct transport *t);

/* Send one frame to `to`. What the wire doesn't take is lost: 0, or -errno. */
int transport_send(struct transport *t, const uint8_t *to, const void *payload,
		   size_t len);

/*
 * Take one frame that is there: its payload's length (cut off at `size`) and
 * the sender's address, 0 when there is none, or -errno when the transport
 * is gone. Frames for others and of other protocols are passed over.
 */
long transport_receive(struct transport *t, void *payload, size_t size,
		       uint8_t *from);

/* Wait for a frame for at most `ms`; true: one may be there. */
bool transport_wait(const struct transport *t, int ms);

/* The kinds. Each sets fd, send, mac. 0, or -1 after telling. */
int eth_open(struct transport *t, const char *ifname);
int unix_open(struct transport *t, const char *path);

#endif
