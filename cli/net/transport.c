/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the transports share: headers, and which frames are ours.
 */
#include "net/transport.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mv/proto.h"
#include "net/frame.h"
#include "util.h"

/* Frames passed over in one call, so that a flood can't hold it. */
#define PASS_OVER_MAX	256

static void choose_mac(struct transport *t)
{
	if (getrandom(t->mac, sizeof(t->mac), 0) != sizeof(t->mac)) {
		memset(t->mac, 0x5a, sizeof(t->mac));
	}
	t->mac[0] = (uint8_t)((t->mac[0] & 0xfc) | 2);	/* local, unicast */
}

int transport_open(struct transport *t, const struct transport_options *o)
{
	memset(t, 0, sizeof(*t));
	t->fd = -1;
	t->vlan = o->vlan;
	choose_mac(t);
	if (strncmp(o->name, "eth:", 4) == 0) {
		if (o->vlan != 0) {
			tell_error(o->name, 0, "for a VLAN name its own "
				   "interface (ip link add ... type vlan)");
			return -1;
		}
		if (eth_open(t, o->name + 4) != 0) {
			return -1;
		}
	} else if (strncmp(o->name, "unix:", 5) == 0) {
		if (unix_open(t, o->name + 5) != 0) {
			return -1;
		}
	} else {
		tell_error(o->name, 0, "a transport is eth:IFNAME, unix:PATH "
			   "or unix:LOCAL,PEER");
		return -1;
	}
	if (o->mac != NULL) {
		memcpy(t->mac, o->mac, sizeof(t->mac));
	}
	return 0;
}

void transport_close(struct transport *t)
{
	if (t->fd >= 0) {
		close(t->fd);
	}
	if (t->local != NULL) {
		unlink(t->local);
	}
	free(t->local);
	free(t->peer);
	t->fd = -1;
	t->local = t->peer = NULL;
}

int transport_send(struct transport *t, const uint8_t *to, const void *payload,
		   size_t len)
{
	uint8_t frame[FRAME_MAX] = { 0 };
	struct frame_header h = { .vlan = t->vlan, .type = MV_ETHERTYPE };
	size_t n;
	int err;

	memcpy(h.to, to, sizeof(h.to));
	memcpy(h.from, t->mac, sizeof(h.from));
	n = frame_header_write(frame, &h);
	if (len > sizeof(frame) - n) {
		return -EMSGSIZE;
	}
	memcpy(frame + n, payload, len);
	n += len;
	err = t->send(t, frame, n < 60 ? 60 : n);	/* IEEE 802.3, 3.2.8 */
	if (err == 0) {
		t->sent++;
	}
	return err;
}

static bool is_ours(const struct transport *t, const struct frame_header *h)
{
	return h->type == MV_ETHERTYPE && h->vlan == t->vlan &&
	       ((h->to[0] & 1) != 0 || memcmp(h->to, t->mac, 6) == 0) &&
	       memcmp(h->from, t->mac, 6) != 0;
}

long transport_receive(struct transport *t, void *payload, size_t size,
		       uint8_t *from)
{
	uint8_t frame[FRAME_MAX + 1];
	struct frame_header h;

	for (unsigned int i = 0; i < PASS_OVER_MAX; i++) {
		ssize_t n = recv(t->fd, frame, sizeof(frame), MSG_DONTWAIT);
		size_t head;

		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			return 0;
		}
		if (n < 0) {
			return -errno;
		}
		head = frame_header_read(frame, (size_t)n, &h);
		if (head == 0 || n > FRAME_MAX || !is_ours(t, &h)) {
			t->ignored++;
			continue;
		}
		n -= (ssize_t)head;
		n = (size_t)n > size ? (ssize_t)size : n;
		memcpy(payload, frame + head, (size_t)n);
		memcpy(from, h.from, 6);
		t->received++;
		return n;
	}
	return 0;
}

bool transport_wait(const struct transport *t, int ms)
{
	struct pollfd p = { .fd = t->fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}
