/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A network front end. See nic.h.
 */
#include "nic.h"

#include "xen.h"

static uint8_t pages[2][3 + BUFFERS][PAGE_SIZE] PAGE;
struct nic nics[2];

/* --- connecting ------------------------------------------------------------ */

char *path_of(const char *dir, unsigned int id, const char *leaf)
{
	static char path[128];
	size_t n = strlen(dir);

	memcpy(path, dir, n);
	if (id != UINT32_MAX) {
		path[n++] = (char)('0' + id);
	}
	path[n++] = '/';
	memcpy(path + n, leaf, strlen(leaf) + 1);
	return path;
}

void put_key(struct nic *n, const char *leaf, uint32_t value)
{
	char digits[12];
	unsigned int at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	CHECK(xs_write(FRONT(n, leaf), digits + at));
}

void remove_key(struct nic *n, const char *leaf)
{
	char reply[16];
	const char *path = FRONT(n, leaf);

	(void)xs_request(XS_RM, 0, path, strlen(path) + 1, reply, sizeof(reply));
}

unsigned int gref(struct nic *n, unsigned int i)
{
	return GREF_BASE + n->id * GREFS + i;
}

void rings_reset(struct nic *n)
{
	memset(n->tx, 0, PAGE_SIZE);
	memset(n->rx, 0, PAGE_SIZE);
	n->tx->h.req_event = n->tx->h.rsp_event = 1;
	n->rx->h.req_event = n->rx->h.rsp_event = 1;
	n->tx_prod = 0;
	n->rx_seen = 0;
	grant_set(gref(n, 0), gfn_of(n->tx), GTF_PERMIT);
	grant_set(gref(n, 1), gfn_of(n->rx), GTF_PERMIT);
	grant_set(gref(n, 2), gfn_of(n->frame), GTF_PERMIT | GTF_READONLY);
	for (unsigned int i = 0; i < BUFFERS; i++) {
		grant_set(gref(n, 3 + i), gfn_of(n->buffers + i * PAGE_SIZE), GTF_PERMIT);
		n->rx->slot[i].req.id = (uint16_t)i;
		n->rx->slot[i].req.gref = gref(n, 3 + i);
	}
	barrier();
	n->rx->h.req_prod = n->no_buffers ? 0 : BUFFERS;
}

bool back_is(struct nic *n, unsigned int state)
{
	return text_number(xs_read(BACK(n, "state"))) == state;
}

bool nic_connect(struct nic *n)
{
	if (text_number(xs_read(FRONT(n, "state"))) != 1) {
		put_key(n, "state", 1);
	}
	if (!xs_wait(BACK(n, "state"), 2)) {
		fail("vif %u: the backend does not wait for us, state %s", n->id,
		     xs_read(BACK(n, "state")));
		return false;
	}
	rings_reset(n);
	put_key(n, "tx-ring-ref", gref(n, 0));
	put_key(n, "rx-ring-ref", gref(n, 1));
	put_key(n, "event-channel", n->port);
	put_key(n, "request-rx-copy", 1);
	put_key(n, "feature-rx-notify", 1);
	put_key(n, "feature-sg", 1);
	put_key(n, "feature-gso-tcpv4", 1);
	put_key(n, "feature-gso-tcpv6", 1);
	put_key(n, "feature-ipv6-csum-offload", 1);
	put_key(n, "state", 4);
	if (!xs_wait(BACK(n, "state"), 4)) {
		fail("vif %u: the backend does not connect, state %s", n->id,
		     xs_read(BACK(n, "state")));
		return false;
	}
	(void)evtchn_send(n->port);
	return true;
}

void nic_close(struct nic *n)
{
	put_key(n, "state", 5);
	if (!WAIT_FOR(back_is(n, 5) || back_is(n, 6), 1000000)) {
		fail("vif %u: the backend does not close", n->id);
	}
	put_key(n, "state", 6);
	if (!xs_wait(BACK(n, "state"), 6)) {
		fail("vif %u: the backend is not closed", n->id);
	}
}

static uint8_t hex_digit(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

bool nic_init(unsigned int id)
{
	struct nic *n = &nics[id];
	const char *text;
	int64_t port = evtchn_alloc(DOMID_BACKEND);

	n->id = id;
	n->tx = (struct tx_ring *)(void *)pages[id][0];
	n->rx = (struct rx_ring *)(void *)pages[id][1];
	n->frame = pages[id][2];
	n->buffers = pages[id][3];
	CHECK(port > 0);
	n->port = (uint32_t)port;
	text = xs_read(FRONT(n, "mac"));
	for (unsigned int i = 0; i < 6 && strlen(text) == 17; i++) {
		n->mac[i] = (uint8_t)(hex_digit(text[3 * i]) << 4 | hex_digit(text[3 * i + 1]));
	}
	text = xs_read(FRONT(n, "backend"));
	CHECK(strlen(text) > 0 && strlen(text) < sizeof(n->back));
	memcpy(n->back, text, strlen(text) + 1);
	return nic_connect(n);
}

/* --- frames ---------------------------------------------------------------- */

struct tx_request *tx_next(struct nic *n)
{
	struct tx_request *r = &n->tx->slot[n->tx_prod % SLOTS].req;

	memset(r, 0, sizeof(*r));
	r->gref = gref(n, 2);
	r->id = (uint16_t)(n->tx_prod % SLOTS);
	n->tx_prod++;
	return r;
}

void tx_slot(struct nic *n, uint16_t offset, uint16_t size, uint16_t flags)
{
	struct tx_request *r = tx_next(n);

	r->offset = offset;
	r->size = size;
	r->flags = flags;
}

void tx_extra(struct nic *n, uint8_t type, uint8_t flags, uint16_t mss, uint8_t gso)
{
	struct tx_extra *e = (struct tx_extra *)(void *)tx_next(n);

	*e = (struct tx_extra){ .type = type, .flags = flags, .mss = mss, .gso_type = gso };
}

void tx_push(struct nic *n)
{
	barrier();
	n->tx->h.req_prod = n->tx_prod;
	barrier();
	(void)evtchn_send(n->port);
}

void frame_make(struct nic *n, const uint8_t *to, uint16_t type, uint32_t number)
{
	memset(n->frame, 0, 256);
	memcpy(n->frame, to, 6);
	memcpy(n->frame + 6, n->mac, 6);
	n->frame[12] = (uint8_t)(type >> 8);
	n->frame[13] = (uint8_t)type;
	memcpy(n->frame + 14, &number, 4);
}

bool rx_take(struct nic *n, uint32_t number)
{
	uint32_t i = n->rx_seen++ % SLOTS;
	union rx_slot s = n->rx->slot[i];
	uint8_t *buf = n->buffers + (i % BUFFERS) * PAGE_SIZE;
	union rx_slot *again = &n->rx->slot[(i + BUFFERS) % SLOTS];
	uint32_t got;

	memcpy(&got, buf + (s.rsp.offset & 0xfff) + 14, 4);
	/* The same buffer again, at the end of the queue. */
	again->req.id = (uint16_t)(i % BUFFERS);
	again->req.gref = gref(n, 3 + i % BUFFERS);
	barrier();
	n->rx->h.req_prod = n->rx_seen + BUFFERS;
	return s.rsp.status > 0 && got == number;
}

bool rx_wait(struct nic *n, uint32_t number)
{
	uint64_t end = now_us() + 100000;

	while (now_us() < end) {
		while (n->rx_seen != n->rx->h.rsp_prod) {
			if (rx_take(n, number)) {
				return true;
			}
		}
		(void)evtchn_send(n->port);
		cpu_relax();
	}
	return false;
}

void rx_drain(struct nic *n)
{
	for (unsigned int i = 0; i < 1000 && n->rx_seen != n->rx->h.rsp_prod; i++) {
		(void)rx_take(n, 0);
	}
	(void)evtchn_send(n->port);
}

bool tx_done(struct nic *n)
{
	return WAIT_FOR(n->tx->h.rsp_prod == n->tx_prod, 100000);
}
