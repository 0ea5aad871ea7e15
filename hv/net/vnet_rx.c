/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames to the guest of a virtio network device: copied into the buffers that it
 * posted.
 *
 * Locking: as netback's. deliver() leaves rx_lock held in the batch for the frames
 * that follow; flush() publishes what was put into the ring and drops the lock.
 */
#include "net/vnet.h"

#include <arch/cpu.h>

#include "lib/bytes.h"
#include "net/eth.h"
#include "net/frame_copy.h"
#include "net/offload.h"

static enum net_verdict count_drop(struct vnet *n, enum net_counter why)
{
	n->counts[why]++;
	return NET_DROPPED;
}

/* --- buffers ---------------------------------------------------------------------- */

/*
 * A wire that is open must always take frames. If its guest posts no buffer from one
 * that found none to the timer's end, or leaves a device that failed as it is, it has hung
 * (docs/driver-domain.md).
 */
void vnet_hang_watch_locked(struct vnet *n)
{
	if (n->vif->hang_s != 0 && !timer_is_set(&n->hang_timer)) {
		n->hang_seen = n->rx.avail_seen;
		timer_set(&n->hang_timer, arch_now() + n->vif->hang_s * VIF_HANG_NS);
	}
}

void vnet_hang_timer(struct timer *t)
{
	struct vnet *n = container_of(t, struct vnet, hang_timer);
	uint16_t count;
	bool hung;

	spin_lock(&n->rx_lock);
	hung = n->rx_up && (virtio_failed(&n->dev) ||
			    (vring_avail(&n->rx, &count) == 0 &&
			     n->rx.avail_seen == n->hang_seen));
	spin_unlock(&n->rx_lock);
	if (hung) {
		vif_hung(n->vif);
	}
}

static NOINLINE int buffers_look(struct vnet *n)
{
	uint16_t count;
	int err = vring_avail(&n->rx, &count);

	if (err != 0 || count == 0) {
		return err != 0 ? err : -ENOSPC;
	}
	n->rx_posted = true;
	return 0;
}

/* Is there a buffer? -EINVAL: the ring is broken; -ENOSPC. */
static inline int buffer_there(struct vnet *n)
{
	return likely(n->rx.avail_next != n->rx.avail_seen) ? 0 : buffers_look(n);
}

/* buffer_take() of any chain. */
static NOINLINE int chain_take(struct vnet *n, uint32_t *want)
{
	struct vring_chain c;
	uint32_t got = 0;
	int err = vring_take(&n->rx, &c);

	while (err == 0 && got < *want) {
		struct vnet_piece *p = &n->piece[n->pieces];

		if (n->pieces == VNET_PIECES) {
			return -E2BIG;
		}
		err = vring_piece(&n->rx, &c, true, *want - got, &p->data, &p->len);
		if (p->len == 0) {
			break;
		}
		got += p->len;
		n->pieces++;
	}
	if (err != 0) {
		return err;
	}
	vring_give(&n->rx, c.head, got);
	*want -= got;
	return got == 0 ? -EINVAL : 0;
}

/*
 * One more buffer for what is left of `want` bytes: its pieces, and its entry in the
 * used ring, which isn't published. -EINVAL: the ring is broken; -EFAULT; -E2BIG: too
 * many pieces; -ENOSPC: there is none.
 */
static int buffer_take(struct vnet *n, uint32_t *want)
{
	int err = buffer_there(n);
	struct vnet_piece *p = &n->piece[n->pieces];
	struct vring_part part;
	uint16_t index;

	if (unlikely(err != 0)) {
		return err;
	}
	index = vring_peek(&n->rx);
	if (unlikely(n->pieces == VNET_PIECES || !vring_read(&n->rx, index, true, &part) ||
		     part.len == 0 || (part.more && part.len < *want))) {
		return chain_take(n, want);
	}
	vring_taken(&n->rx);
	p->data = part.data;
	p->len = MIN(part.len, *want);
	n->pieces++;
	vring_give(&n->rx, index, p->len);
	*want -= p->len;
	return 0;
}

/* Buffers for `len` bytes; how many, or an error of buffer_take(). */
static int buffers_take(struct vnet *n, uint32_t len)
{
	unsigned int most = (n->rx_features & VNET_F_MRG_RXBUF) != 0 ? VNET_PIECES : 1;
	unsigned int count = 0;

	n->pieces = 0;
	while (len > 0) {
		int err = count < most ? buffer_take(n, &len) : -E2BIG;

		if (unlikely(err != 0)) {
			return err;
		}
		count++;
	}
	return (int)count;
}

/* Buffers that were taken for a frame that doesn't go are taken again later. */
static enum net_verdict buffers_lack(struct vnet *n, uint16_t avail, uint16_t used, int err)
{
	bool none = n->rx.avail_next == avail;

	n->rx.avail_next = avail;
	n->rx.used_next = used;
	switch (err) {
	case -ENOSPC:
		/*
		 * All there are may be too few for a large frame; others fill them up. A
		 * driver that never posted one has a device that isn't open yet.
		 */
		if (none && n->rx_posted) {
			vnet_hang_watch_locked(n);
		}
		return count_drop(n, NET_DROP_RX_FULL);
	case -E2BIG:
		return count_drop(n, NET_DROP_RX_SIZE);
	default:
		/* The frame behind would meet it again. */
		virtio_fail(&n->dev, err == -EFAULT ? "RX buffer isn't in its RAM" : "RX ring");
		return count_drop(n, NET_DROP_RX_GRANT);
	}
}

/* --- copying ---------------------------------------------------------------------- */

/* What is known of the frame. False: its checksum isn't where it can be told of. */
static bool header_make(const struct vnet *n, const struct net_frame *f, struct vnet_header *h)
{
	struct offload_headers o;
	uint32_t header_len = 0;

	*h = (struct vnet_header){ .gso_type = VNET_HDR_GSO_NONE };
	if (f->csum == NET_CSUM_VALID && (n->rx_features & VNET_F_GUEST_CSUM) != 0) {
		h->flags = VNET_HDR_VALID;
	}
	if (f->csum != NET_CSUM_BLANK) {
		return true;
	}
	if ((f->gso == NET_GSO_NONE ? offload_parse(f, &o) :
	     offload_parse_gso(f, &o, &header_len)) != 0) {
		return false;
	}
	h->flags = VNET_HDR_CSUM;
	h->csum_start = (uint16_t)o.l4;
	h->csum_offset = (uint16_t)(o.csum_at - o.l4);
	if (f->gso != NET_GSO_NONE) {
		h->gso_type = f->gso == NET_GSO_TCPV4 ? VNET_HDR_GSO_TCPV4 : VNET_HDR_GSO_TCPV6;
		h->gso_size = f->mss;
		h->header_len = (uint16_t)header_len;
	}
	return true;
}

/* The usual frame: into a buffer of one piece with room for all of it. False: that isn't it. */
static inline bool put_whole(struct vnet *n, struct vnet_header *h, const struct net_frame *f)
{
	struct frame_cursor c = { .data = f->head, .left = f->head_len, .next = f->frag };
	uint32_t len = (uint32_t)sizeof(*h) + f->len;
	struct vring_part p;
	uint16_t index;

	if (unlikely(buffer_there(n) != 0)) {
		return false;
	}
	index = vring_peek(&n->rx);
	if (unlikely(!vring_read(&n->rx, index, true, &p)) || p.len < len) {
		return false;
	}
	vring_taken(&n->rx);
	h->buffers = 1;
	memcpy(p.data, h, sizeof(*h));
	frame_copy(&c, p.data + sizeof(*h), f->len);
	vring_give(&n->rx, index, len);
	return true;
}

static void pieces_fill(const struct vnet *n, const struct vnet_header *h,
			const struct net_frame *f)
{
	struct frame_cursor c = { .data = f->head, .left = f->head_len, .next = f->frag };
	const uint8_t *text = (const uint8_t *)h;
	uint32_t left = sizeof(*h);

	for (unsigned int i = 0; i < n->pieces; i++) {
		uint32_t part = MIN(left, n->piece[i].len);

		memcpy(n->piece[i].data, text, part);
		text += part;
		left -= part;
		frame_copy(&c, n->piece[i].data + part, n->piece[i].len - part);
	}
}

/* Any other. */
static NOINLINE enum net_verdict put_pieces(struct vnet *n, struct vnet_header *h,
					    const struct net_frame *f)
{
	uint16_t avail = n->rx.avail_next;
	uint16_t used = n->rx.used_next;
	int count = buffers_take(n, (uint32_t)sizeof(*h) + f->len);

	if (unlikely(count < 0)) {
		return buffers_lack(n, avail, used, count);
	}
	h->buffers = (uint16_t)count;
	pieces_fill(n, h, f);
	return NET_SENT;
}

/* Put a frame into the ring that the driver takes as it is. vnet_flush() counts the rest. */
static enum net_verdict put_frame(struct vnet *n, const struct net_frame *f)
{
	uint64_t *counts = n->counts;
	struct vnet_header h;

	if (unlikely(!header_make(n, f, &h))) {
		return count_drop(n, NET_DROP_RX_OFFLOAD);
	}
	if (unlikely(!put_whole(n, &h, f)) && put_pieces(n, &h, f) != NET_SENT) {
		return NET_DROPPED;
	}
	counts[NET_RX_FRAMES]++;
	counts[NET_RX_BYTES] += f->len;
	counts[NET_RX_GSO] += f->gso != NET_GSO_NONE;
	return NET_SENT;
}

/* --- what the driver doesn't take ---------------------------------------------------- */

static bool takes_blank(const struct vnet *n, const struct net_frame *f)
{
	return !f->tagged && (n->rx_features & VNET_F_GUEST_CSUM) != 0;
}

static bool takes_gso(const struct vnet *n, const struct net_frame *f)
{
	uint64_t need = VNET_F_GUEST_CSUM | VNET_F_MRG_RXBUF |
			(f->gso == NET_GSO_TCPV4 ? VNET_F_GUEST_TSO4 : VNET_F_GUEST_TSO6);

	return !f->tagged && (n->rx_features & need) == need;
}

/* The frame without GSO: as segments, as many as there is room for. */
static NOINLINE enum net_verdict put_segments(struct vnet *n, const struct net_frame *f)
{
	struct offload_segments s;
	struct net_frame segment;
	enum net_verdict verdict = NET_SENT;

	if (offload_segments_init(&s, f) != 0) {
		return count_drop(n, NET_DROP_RX_OFFLOAD);
	}
	while (verdict == NET_SENT && offload_segments_next(&s, &segment)) {
		if (!takes_blank(n, &segment) && offload_checksum(&segment) != 0) {
			return count_drop(n, NET_DROP_RX_OFFLOAD);
		}
		n->counts[NET_RX_SEGMENTS]++;
		verdict = put_frame(n, &segment);
	}
	return verdict;
}

/* --- the port's operations ------------------------------------------------------------ */

/* Have the ring open in the batch; false: it isn't in use. */
static bool ring_open(struct vnet *n, struct net_batch *b)
{
	switch_flush(b);
	if (virtio_failed(&n->dev)) {
		return false;
	}
	spin_lock(&n->rx_lock);
	if (!n->rx_up) {
		spin_unlock(&n->rx_lock);
		return false;
	}
	vring_begin(&n->rx);
	b->out = &n->vif->port;
	b->out_queue = n;
	return true;
}

enum net_verdict vnet_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
			      bool may_wait)
{
	struct vnet *n = port_vif(p)->vnet;

	(void)may_wait;
	if (unlikely(b->out != p) && !ring_open(n, b)) {
		b->counts[NET_DROP_DOWN]++;
		return NET_DROPPED;
	}
	if (unlikely(!offload_fits(f, n->vif->mtu))) {
		return count_drop(n, NET_DROP_RX_SIZE);
	}
	if (f->gso != NET_GSO_NONE && !takes_gso(n, f)) {
		return put_segments(n, f);
	}
	if (f->csum == NET_CSUM_BLANK && !takes_blank(n, f)) {
		if (offload_checksum(f) != 0) {
			return count_drop(n, NET_DROP_RX_OFFLOAD);
		}
		n->counts[NET_RX_CSUM]++;
	}
	return put_frame(n, f);
}

void vnet_flush(struct net_batch *b)
{
	struct vnet *n = b->out_queue;
	uint64_t *counts = n->counts;

	b->out = NULL;
	b->out_queue = NULL;
	if (n->rx.used_next != n->rx.used_told) {
		counts[NET_RX_SLOTS] += (uint16_t)(n->rx.used_next - n->rx.used_told);
		/* Each frame is copied, once. */
		counts[NET_RX_COPIES] = counts[NET_RX_FRAMES];
		counts[NET_RX_COPIED_BYTES] = counts[NET_RX_BYTES];
		vring_publish(&n->rx);
		if (vring_wants_irq(&n->rx)) {
			counts[NET_RX_EVENTS]++;
			virtio_raise(&n->dev, VMMIO_IRQ_RING);
		} else {
			counts[NET_RX_EVENTS_SAVED]++;
		}
	}
	spin_unlock(&n->rx_lock);
}
