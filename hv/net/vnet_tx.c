/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames from the guest of a virtio network device: the walk of its TX ring.
 *
 * As netback's: what is looked at is read once into private memory, and delivered
 * from there.
 *
 * Locking: the walk holds tx_lock.
 */
#include "net/vnet.h"

#include "lib/bytes.h"
#include "lib/string.h"
#include "net/eth.h"
#include "net/offload.h"

/* --- making a frame ------------------------------------------------------------- */

/*
 * How many bytes of a frame are private at most, of which the first ETH_HLEN are at `frame`: the
 * guest's memory, which may say something else when they are copied.
 */
static inline uint32_t head_most(const uint8_t *frame)
{
	return get_be16(frame + ETH_TYPE_AT) == ETH_AOE ? NET_HEAD_AOE : NET_HEAD_MAX;
}

/* Take up to `want` bytes off the front of a piece. */
static inline uint32_t take(uint8_t *to, uint32_t want, uint8_t **data, uint32_t *len)
{
	uint32_t n = MIN(want, *len);

	memcpy(to, *data, n);
	*data += n;
	*len -= n;
	return n;
}

/*
 * Read the chain that begins with the descriptor `index`: the header, then the frame, its first
 * bytes into n->head, the rest by reference. How many descriptors; 0: it isn't usual.
 */
static unsigned int frame_read(struct vnet *n, uint16_t index, struct vnet_header *h,
			       struct net_frame *f)
{
	uint8_t *head = (uint8_t *)n->head + 2 + NET_HEAD_ROOM;
	unsigned int parts = 1;
	unsigned int count = 0;
	struct vring_part p;
	uint32_t head_len;
	uint32_t most;
	uint32_t len;

	if (unlikely(!vring_read(&n->tx, index, false, &p) || p.len < sizeof(*h) + ETH_HLEN ||
		     p.len > sizeof(*h) + NET_FRAME_MAX)) {
		return 0;
	}
	memcpy(h, p.data, sizeof(*h));
	p.data += sizeof(*h);
	p.len -= (uint32_t)sizeof(*h);
	most = head_most(p.data);
	len = p.len;
	head_len = take(head, most, &p.data, &p.len);
	for (;;) {
		if (p.len > 0) {
			n->frag[count++] = (struct net_frag){ .data = p.data, .len = p.len };
		}
		if (!p.more) {
			break;
		}
		if (unlikely(++parts > VNET_FRAGS || !vring_read(&n->tx, p.next, false, &p) ||
			     p.len > NET_FRAME_MAX)) {
			return 0;
		}
		len += p.len;
		if (head_len < most) {
			head_len += take(head + head_len, most - head_len, &p.data, &p.len);
		}
	}
	f->head = head;
	f->head_len = head_len;
	f->len = len;
	f->frag = n->frag;
	f->frag_count = count;
	return len <= NET_FRAME_MAX ? parts : 0;
}

/*
 * Take a chain that isn't usual: the descriptor that it begins with, how many there are, and
 * the frame as frame_read() has it. Errors of vring_take() and vring_piece(), or -E2BIG: more
 * bytes or pieces than a frame has.
 */
static NOINLINE int frame_gather(struct vnet *n, uint16_t *index, unsigned int *parts,
				 struct vnet_header *h, struct net_frame *f)
{
	uint8_t *head = (uint8_t *)n->head + 2 + NET_HEAD_ROOM;
	uint32_t room = sizeof(*h) + NET_FRAME_MAX;
	uint32_t got = 0;		/* of the header */
	uint32_t head_len = 0;
	uint32_t most = NET_HEAD_MAX;
	uint32_t count = 0;
	struct vring_chain c;
	uint8_t *data;
	uint32_t len;
	int err = vring_take(&n->tx, &c);

	if (err != 0) {
		return err;
	}
	*index = c.head;
	do {
		err = vring_piece(&n->tx, &c, false, room, &data, &len);
		*parts = n->tx.size - c.left;
		if (err != 0) {
			return err;
		}
		if (len == 0) {
			break;
		}
		room -= len;
		got += take((uint8_t *)h + got, sizeof(*h) - got, &data, &len);
		if (head_len == 0 && len >= ETH_HLEN) {
			most = head_most(data);
		}
		head_len += take(head + head_len, most - head_len, &data, &len);
		if (len > 0) {
			if (count == VNET_FRAGS) {
				return -E2BIG;
			}
			n->frag[count++] = (struct net_frag){ .data = data, .len = len };
		}
	} while (c.len != 0 || c.more);
	f->head = head;
	f->head_len = head_len;
	f->len = NET_FRAME_MAX - room;
	f->frag = n->frag;
	f->frag_count = count;
	return got == sizeof(*h) && (c.len == 0 || c.writable) ? 0 : -E2BIG;
}

/* Whether the header's checksum is where the switch expects it. */
static bool csum_is_usual(const struct vnet_header *h, struct net_frame *f)
{
	struct offload_headers o;
	bool good;

	f->tagged = get_be16(f->head + ETH_TYPE_AT) == ETH_VLAN;
	good = offload_parse(f, &o) == 0 && o.l4 == h->csum_start &&
	       o.csum_at - o.l4 == h->csum_offset;
	f->tagged = false;
	return good;
}

/* What is to be done to the frame, by its header. False: it makes no sense. */
static bool frame_offload(const struct vnet_header *h, struct net_frame *f)
{
	unsigned int gso = h->gso_type & ~VNET_HDR_GSO_ECN;

	f->csum = h->flags & VNET_HDR_VALID ? NET_CSUM_VALID : NET_CSUM_NONE;
	f->gso = NET_GSO_NONE;
	f->mss = 0;
	f->tagged = false;
	if ((h->flags & VNET_HDR_CSUM) == 0) {
		return gso == VNET_HDR_GSO_NONE;
	}
	f->csum = NET_CSUM_BLANK;
	if (!csum_is_usual(h, f)) {
		return gso == VNET_HDR_GSO_NONE &&
		       offload_checksum_at(f, h->csum_start,
					   (uint32_t)h->csum_start + h->csum_offset) == 0;
	}
	if (gso == VNET_HDR_GSO_NONE) {
		return true;
	}
	f->gso = gso == VNET_HDR_GSO_TCPV4 ? NET_GSO_TCPV4 : NET_GSO_TCPV6;
	f->mss = h->gso_size;
	return (gso == VNET_HDR_GSO_TCPV4 || gso == VNET_HDR_GSO_TCPV6) && offload_gso_check(f);
}

/* --- answers ---------------------------------------------------------------------- */

static void completion_check(struct vnet *n)
{
	if (n->tx.used_told == n->tx.used_next) {
		return;
	}
	if (vring_wants_irq(&n->tx)) {
		n->counts[NET_TX_EVENTS]++;
		virtio_raise(&n->dev, VMMIO_IRQ_RING);
	} else {
		n->counts[NET_TX_EVENTS_SAVED]++;
	}
}

/* Completions only free the driver's buffers, so that can wait for more of them. */
static void complete(struct vnet *n)
{
	vring_publish(&n->tx);
	if ((uint16_t)(n->tx.used_next - n->tx.used_told) > VNET_PENDING) {
		completion_check(n);
	} else if (!timer_is_set(&n->tx_timer)) {
		timer_set(&n->tx_timer, arch_now() + VNET_TX_NS);
	}
}

void vnet_tx_timer(struct timer *t)
{
	struct vnet *n = container_of(t, struct vnet, tx_timer);

	spin_lock(&n->tx_lock);
	if (n->tx_up) {
		completion_check(n);
	}
	spin_unlock(&n->tx_lock);
}

/* --- the walk ----------------------------------------------------------------------- */

/* A frame that goes nowhere: what is wrong with it, as gathering it went. */
static enum net_counter refusal(struct vnet *n, const struct net_frame *f, int err)
{
	if (err == -EFAULT) {
		atomic_fetch_add_explicit(&n->dev.domain->stats.misuse, 1, memory_order_relaxed);
		return NET_DROP_TX_GRANT;
	}
	return err == 0 && f->len < ETH_HLEN ? NET_DROP_RUNT : NET_DROP_MALFORMED;
}

/* Take one frame off the ring. -EINVAL: the ring is broken. */
static int walk_one(struct vnet *n, struct net_batch *b)
{
	uint64_t *counts = n->counts;
	uint16_t index = vring_peek(&n->tx);
	struct vnet_header h;
	struct net_frame f;
	unsigned int parts = frame_read(n, index, &h, &f);
	int err = 0;

	if (likely(parts != 0)) {
		vring_taken(&n->tx);
	} else {
		err = frame_gather(n, &index, &parts, &h, &f);
		if (err == -EINVAL) {
			return err;
		}
	}
	if (unlikely(err != 0 || f.len < ETH_HLEN || !frame_offload(&h, &f))) {
		counts[refusal(n, &f, err)]++;
	} else {
		counts[NET_TX_FRAMES]++;
		counts[NET_TX_BYTES] += f.len;
		counts[NET_TX_GSO] += f.gso != NET_GSO_NONE;
		/* An uplink's frames wait for nobody. */
		(void)switch_input(b, &f);
	}
	counts[NET_TX_SLOTS] += parts;
	vring_give(&n->tx, index, 0);
	return 0;
}

/*
 * Walk until the ring is empty, or the budget is used up (more than 0 is returned
 * then). -EINVAL: the ring is broken.
 */
static int walk(struct vnet *n, struct net_batch *b, unsigned int *frames)
{
	uint16_t count;
	int err = vring_avail(&n->tx, &count);

	while (err == 0) {
		for (; count != 0; count--) {
			if (b->deliveries >= VNET_BUDGET || *frames >= VNET_BUDGET) {
				return 1;
			}
			++*frames;
			err = walk_one(n, b);
			if (unlikely(err != 0)) {
				return err;
			}
		}
		/* Before it stops: ask for a notification, look once more. */
		vring_ask(&n->tx, n->tx_poll.on ? VNET_POLL_ENTRIES : 1);
		err = vring_avail(&n->tx, &count);
		if (count == 0) {
			break;
		}
	}
	return err;
}

static void walk_locked(struct vnet *n)
{
	struct net_batch b = {
		.in = &n->vif->port, .counts = n->counts, .cache = &n->cache,
	};
	unsigned int frames = 0;
	int end;

	vring_begin(&n->tx);
	end = walk(n, &b, &frames);

	if (end > 0) {
		work_queue(&n->tx_work);
	} else if (unlikely(end < 0)) {
		virtio_fail(&n->dev, "TX ring");
	}
	switch_flush(&b);
	if (frames > 0) {
		complete(n);
		tx_count_walk(n->counts, frames);
	}
}

static inline bool walk_allowed(const struct vnet *n)
{
	return n->tx_up && !virtio_failed(&n->dev);
}

void vnet_tx_kick(struct vnet *n)
{
	spin_lock(&n->tx_lock);
	if (n->tx_up) {
		n->counts[NET_TX_KICKS]++;
		tx_poll_start(&n->tx_poll);
	}
	if (walk_allowed(n)) {
		walk_locked(n);
	}
	spin_unlock(&n->tx_lock);
}

void vnet_tx_poll(struct work *w)
{
	struct vnet *n = container_of(w, struct vnet, tx_poll.work);

	spin_lock(&n->tx_lock);
	if (walk_allowed(n)) {
		if (tx_poll_looked(&n->tx_poll, vring_has_more(&n->tx),
				   tx_poll_looks(&n->tx_poll, VNET_POLL_EMPTY))) {
			if (!n->tx_poll.on) {
				vring_ask(&n->tx, 1);
			}
			if (vring_has_more(&n->tx)) {
				walk_locked(n);
			}
		}
		tx_poll_again(&n->tx_poll);
	}
	spin_unlock(&n->tx_lock);
}

void vnet_tx_work(struct work *w)
{
	struct vnet *n = container_of(w, struct vnet, tx_work);

	spin_lock(&n->tx_lock);
	if (walk_allowed(n)) {
		walk_locked(n);
	}
	spin_unlock(&n->tx_lock);
}
