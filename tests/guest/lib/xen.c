/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test guests: hypercalls and a polling XenStore client.
 */
#include "xen.h"

#define GRANT_BASE	0x38000000UL	/* /hypervisor reg[0] */
#define XS_WAIT_US	2000000U

static uint8_t shared_info_page[PAGE_SIZE] PAGE;
struct shared_info *shared_info = (struct shared_info *)shared_info_page;
volatile struct grant_entry *grant_table = (volatile struct grant_entry *)GRANT_BASE;
struct xs_ring *xs_ring;
static uint32_t xs_port;
static uint32_t xs_id;

void shutdown(uint32_t reason)
{
	for (;;) {
		(void)hypercall(HC_SCHED_OP, SCHEDOP_SHUTDOWN, (uint64_t)&reason, 0, 0, 0);
	}
}

void sched_yield(void)
{
	(void)hypercall(HC_SCHED_OP, SCHEDOP_YIELD, 0, 0, 0, 0);
}

uint64_t hvm_param(uint32_t index)
{
	struct {
		uint16_t domid;
		uint16_t pad;
		uint32_t index;
		uint64_t value;
	} a = { .domid = DOMID_SELF, .index = index };

	return hypercall(HC_HVM_OP, 1, (uint64_t)&a, 0, 0, 0) == 0 ? a.value : UINT64_MAX;
}

int64_t add_to_physmap(uint32_t space, uint64_t idx, uint64_t gpfn)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = gpfn,
	};

	return hypercall(HC_MEMORY_OP, XENMEM_ADD, (uint64_t)&a, 0, 0, 0);
}

void xen_init(void)
{
	static bool done;

	if (done) {
		return;
	}
	CHECK_EQ(add_to_physmap(SPACE_SHARED_INFO, 0, gfn_of(shared_info)), 0);
	for (unsigned int i = 0; i < COUNT(shared_info->mask); i++) {
		shared_info->mask[i] = UINT64_MAX;
	}
	done = true;
}

/* --- events ---------------------------------------------------------------- */

int64_t evtchn_op(uint32_t op, void *arg)
{
	return hypercall(HC_EVTCHN, op, (uint64_t)arg, 0, 0, 0);
}

int64_t evtchn_send(uint32_t port)
{
	return evtchn_op(EVTCHNOP_SEND, &port);
}

int64_t evtchn_close(uint32_t port)
{
	return evtchn_op(EVTCHNOP_CLOSE, &port);
}

int64_t evtchn_alloc(uint32_t remote)
{
	struct {
		uint16_t dom, remote;
		uint32_t port;
	} a = { .dom = DOMID_SELF, .remote = (uint16_t)remote };
	int64_t err = evtchn_op(EVTCHNOP_ALLOC_UNBOUND, &a);

	return err != 0 ? err : (int64_t)a.port;
}

bool evtchn_pending(uint32_t port)
{
	return (shared_info->pending[port / 64] >> port % 64 & 1) != 0;
}

void evtchn_clear(uint32_t port)
{
	__atomic_fetch_and(&shared_info->pending[port / 64], ~BIT(port % 64), __ATOMIC_SEQ_CST);
}

/* --- grants ---------------------------------------------------------------- */

void grant_init(void)
{
	/* The highest first, as Linux does: it grows the table. */
	for (unsigned int idx = 4; idx-- > 0;) {
		CHECK_EQ(add_to_physmap(SPACE_GRANT_TABLE, idx, (GRANT_BASE >> 12) + idx), 0);
	}
}

void grant_set(unsigned int ref, uint64_t frame, uint16_t flags)
{
	grant_table[ref].flags = 0;
	barrier();
	grant_table[ref].domid = DOMID_BACKEND;
	grant_table[ref].frame = (uint32_t)frame;
	barrier();
	grant_table[ref].flags = flags;
	barrier();
}

/* --- XenStore -------------------------------------------------------------- */

void xs_init(void)
{
	xs_port = (uint32_t)hvm_param(PARAM_STORE_EVTCHN);
	xs_ring = (struct xs_ring *)(hvm_param(PARAM_STORE_PFN) << 12);
}

bool xs_write_bytes(const void *data, size_t len)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < len; i++) {
		uint32_t prod = xs_ring->req_prod;

		if (prod - xs_ring->req_cons == sizeof(xs_ring->req)) {
			(void)evtchn_send(xs_port);
			if (!WAIT_FOR(prod - xs_ring->req_cons < sizeof(xs_ring->req),
				      XS_WAIT_US)) {
				return false;
			}
		}
		xs_ring->req[prod % sizeof(xs_ring->req)] = b[i];
		barrier();
		xs_ring->req_prod = prod + 1;
	}
	(void)evtchn_send(xs_port);
	return true;
}

bool xs_read_bytes(void *data, size_t len)
{
	uint8_t *b = data;

	for (size_t i = 0; i < len; i++) {
		uint32_t cons = xs_ring->rsp_cons;

		if (xs_ring->rsp_prod == cons) {
			(void)evtchn_send(xs_port);
			if (!WAIT_FOR(xs_ring->rsp_prod != cons, XS_WAIT_US)) {
				return false;
			}
		}
		barrier();
		b[i] = xs_ring->rsp[cons % sizeof(xs_ring->rsp)];
		barrier();
		xs_ring->rsp_cons = cons + 1;
	}
	return true;
}

static bool xs_skip(size_t len)
{
	uint8_t byte;

	while (len-- > 0) {
		if (!xs_read_bytes(&byte, 1)) {
			return false;
		}
	}
	return true;
}

int xs_request(uint32_t type, uint32_t tx, const void *payload, size_t len,
	       char *reply, size_t size)
{
	struct xs_header h = { .type = type, .req_id = ++xs_id, .tx_id = tx,
			       .len = (uint32_t)len };
	size_t keep;

	if (!xs_write_bytes(&h, sizeof(h)) || !xs_write_bytes(payload, len)) {
		return -1;
	}
	do {
		if (!xs_read_bytes(&h, sizeof(h)) || h.len > XS_PAYLOAD_MAX) {
			return -1;
		}
		keep = h.type == XS_WATCH_EVENT ? 0 : h.len < size ? h.len : size - 1;
		if (!xs_read_bytes(reply, keep) || !xs_skip(h.len - keep)) {
			return -1;
		}
		reply[keep] = '\0';
	} while (h.type == XS_WATCH_EVENT || h.req_id != xs_id);
	return (int)h.type;
}

const char *xs_read(const char *path)
{
	static char value[256];

	if (xs_request(XS_READ, 0, path, strlen(path) + 1, value, sizeof(value)) != XS_READ) {
		value[0] = '\0';
	}
	return value;
}

bool xs_write(const char *path, const char *value)
{
	char buf[512];
	char reply[32];
	size_t n = strlen(path) + 1;

	memcpy(buf, path, n);
	memcpy(buf + n, value, strlen(value));
	return xs_request(XS_WRITE, 0, buf, n + strlen(value), reply, sizeof(reply)) == XS_WRITE;
}

unsigned int text_number(const char *s)
{
	unsigned int n = 0;

	while (*s >= '0' && *s <= '9') {
		n = n * 10 + (unsigned int)(*s++ - '0');
	}
	return n;
}

bool xs_wait(const char *path, unsigned int want)
{
	return WAIT_FOR(text_number(xs_read(path)) == want, XS_WAIT_US);
}
