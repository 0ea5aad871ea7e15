/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netback against a frontend that does anything to its rings, grants and
 * keys. Two other frontends must be able to talk all the time.
 *
 * Input: operations of one byte and their arguments.
 */
#define NETFRONT_PLAIN
#include "sim/netfront.h"

#include "unit/frame_make.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct netfront *bad, *good, *other;

static void exchange(struct netfront *a, struct netfront *b)
{
	static uint8_t text[256];
	struct frame_make m = { .vlan = -1, .udp = true, .payload = 100 };
	struct nf_frame r;
	uint32_t len;

	memcpy(m.dst, b->mac, 6);
	memcpy(m.src, a->mac, 6);
	len = (uint32_t)frame_write(text, &m);
	nf_poll(b);
	nf_forget(b);
	nf_send_frame(a, text, len, &(struct nf_send){ 0 });
	/* It may be behind one for the bad guest. */
	host_advance(30000000);
	nf_collect(a, 0);
	nf_poll(b);
	do {
		r = nf_take(b);
		free(r.data);
	} while (b->frame_first != b->frame_end);
	assert_true(r.len == len);
}

/* A data or extra slot, half of the time a sensible one. */
static void put_slot(struct netfront *f, struct input *in)
{
	struct nf_queue *q = &f->queue[0];
	unsigned int id = take32(in, 1);
	unsigned int flags = take32(in, 1);
	unsigned int size = take32(in, 2);
	uint8_t *page = host_page(f->d, nf_tx_gfn(q, id));

	xg_grant(f->d, nf_tx_ref(q, id), nf_tx_gfn(q, id), flags & 0x80 ? 0 : GTF_PERMIT_ACCESS);
	memcpy(page, (const uint8_t[]){ 0, 0x16, 0x3e, 0, 0, flags & 0x40 ? 2 : 3, 0, 0x16, 0x3e,
					0, 0, 1, 8, 0, 0x45 }, 15);
	for (unsigned int i = 12; i < 60 && in->left > 0; i++) {
		page[i] = (uint8_t)take32(in, 1);
	}
	nf_tx_slot(q, nf_tx_ref(q, id), (flags & 0x20 ? 4000U : 0) | (flags & 0xf) << 16,
		   id | size << 16);
}

static void step(struct input *in)
{
	struct nf_queue *q = &bad->queue[0];
	static uint8_t text[5000];

	switch (take32(in, 1) % 12) {
	case 0:
		put_slot(bad, in);
		break;
	case 1:
		nf_tx_slot(q, take32(in, 4), take32(in, 4), take32(in, 4));
		break;
	case 2:
		atomic_store(&q->tx->i.req_prod, q->tx_prod);
		nf_notify(bad, q->tx_port);
		break;
	case 3:
		atomic_store(&q->tx->i.req_prod, take32(in, 4));
		nf_notify(bad, q->tx_port);
		break;
	case 4:
		q->rx->slot[take32(in, 1)] = (uint64_t)take32(in, 4) << 32 | take32(in, 2);
		break;
	case 5:
		atomic_store(&q->rx->i.req_prod, take32(in, 1) & 1 ? take32(in, 4) : take32(in, 1));
		nf_notify(bad, q->rx_port);
		break;
	case 6:
		host_advance(take32(in, 1) * 1000000ULL);
		break;
	case 7: {
		uint32_t len = 64 + take32(in, 2) % 4900;

		memcpy(text, bad->mac, 6);
		memcpy(text + 6, good->mac, 6);
		if (nf_tx_room(good, 0) >= 3) {
			nf_send_frame(good, text, len, &(struct nf_send){ 0 });
		}
		break;
	}
	case 8:
		nf_write(bad, "state", take32(in, 1) % 8);
		host_run();
		break;
	case 9: {
		static const char *const keys[] = {
			"tx-ring-ref", "rx-ring-ref", "event-channel-tx", "event-channel-rx",
			"event-channel", "multi-queue-num-queues", "feature-sg", "request-rx-copy",
			"feature-gso-tcpv4", "feature-no-csum-offload",
		};
		unsigned int k = take32(in, 1) % ARRAY_SIZE(keys);

		nf_write(bad, keys[k], take32(in, 2));
		break;
	}
	case 10:
		*xg_entry(bad->d, take32(in, 2) % 1024) = (struct grant_entry){
			.flags = (uint16_t)take32(in, 1), .frame = HOST_GUEST_GFN + take32(in, 2) % 600,
		};
		break;
	default:
		q->tx->i.rsp_event = take32(in, 4);
		q->rx->i.rsp_event = take32(in, 4);
		break;
	}
}

/* The machine is made once; a reset for each input would take most of the time. */
static void machine_make(void)
{
	host_reset();
	bad = nf_start(1, &(struct nf_options){ 0 });
	good = nf_start(2, &(struct nf_options){ 0 });
	other = nf_start(3, &(struct nf_options){ 0 });
}

/* Back to a fresh driver, whatever the last input left. */
static void bad_reset(void)
{
	static const char *const keys[] = { "event-channel", "multi-queue-num-queues" };
	struct nf_queue *q = &bad->queue[0];

	nf_write(bad, "state", 6);
	host_advance(30000000);
	assert_true(nf_read_back(bad, "state") == 6);
	(void)xg_port_op(bad->v, EVTCHNOP_CLOSE, q->tx_port);
	(void)xg_port_op(bad->v, EVTCHNOP_CLOSE, q->rx_port);
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		char path[128];
		int err;

		snprintf(path, sizeof(path), "/local/domain/%u/device/vif/0/%s", bad->d->id,
			 keys[i]);
		err = xs_rm(NULL, path);
		assert_true(err == 0 || err == -ENOENT);
	}
	nf_write(bad, "state", 1);
	host_run();
	nf_connect(bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	bool less;

	if (bad == NULL) {
		machine_make();
	}
	less = take32(&in, 1) & 1;
	bad->options = (struct nf_options){ .post = 8, .no_gso = less, .no_csum = less };
	bad_reset();
	for (unsigned int i = 0; i < 300 && in.left > 0; i++) {
		step(&in);
	}
	host_run();
	exchange(good, other);
	exchange(other, good);
	nf_forget(bad);
	return 0;
}
