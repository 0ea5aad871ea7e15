/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio uplink against a driver that does anything to its registers, rings and
 * buffers, while another guest sends to it. Two others must be able to talk all the
 * time, and after a reset the device works again.
 *
 * Input: operations of one byte and their arguments.
 */
#define NETFRONT_PLAIN
#include "sim/virtio.h"

#include "unit/frame_make.h"
#include "fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vdriver *bad;
static struct netfront *good, *other;

/* A frame from one guest to another, or to the wire. */
static uint32_t send(struct netfront *from, const uint8_t *to, unsigned int payload)
{
	static uint8_t text[5000];
	struct frame_make m = { .vlan = -1, .udp = true, .payload = payload };
	uint32_t len;

	memcpy(m.dst, to, 6);
	memcpy(m.src, from->mac, 6);
	len = (uint32_t)frame_write(text, &m);
	nf_send_frame(from, text, len, &(struct nf_send){ 0 });
	return len;
}

static void exchange(struct netfront *from, struct netfront *to)
{
	uint32_t last = 0;
	uint32_t len;

	nf_poll(to);
	nf_forget(to);
	len = send(from, to->mac, 100);
	nf_poll(to);
	while (to->frame_first != to->frame_end) {
		struct nf_frame r = nf_take(to);

		last = r.len;
		free(r.data);
	}
	assert_true(last == len);
}

/* An address that is often good. */
static uint64_t address(struct input *in)
{
	uint32_t kind = take32(in, 1);

	return kind & 0x80 ? take(in, 8) : HOST_GUEST_GPA + kind * 0x1000ULL + take32(in, 2);
}

static void step(struct input *in)
{
	unsigned int n = take32(in, 1);
	struct vd_queue *q = &bad->queue[n / 16 % VIRTIO_QUEUES];
	unsigned int queue = n / 16 % VIRTIO_QUEUES;
	uint64_t value;

	switch (n % 8) {
	case 0:
		value = take(in, 4);
		(void)vd_access(bad, take32(in, 1) * 4, 4, n & 0x80, &value);
		break;
	case 1:
		value = take(in, 8);
		(void)vd_access(bad, take32(in, 2), 1U << n / 16 % 4, n & 0x80, &value);
		break;
	case 2:
		vd_desc(bad, queue, take32(in, 1) % VD_SIZE, address(in), take32(in, 2),
			(uint16_t)take32(in, 1), (uint16_t)take32(in, 1));
		break;
	case 3:
		vd_avail(bad, queue, (uint16_t)take32(in, 1));
		vd_kick(bad, queue, 1);
		break;
	case 4:
		vd_put16(bad, q->avail + take32(in, 1) * 2ULL, (uint16_t)take32(in, 2));
		break;
	case 5:
		send(good, bad->mac, 18 + take32(in, 2) % 4000);
		break;
	case 6:
		/* A header that is often sensible. */
		vd_queue_frame(bad, (const uint8_t[64]){ 0, 0x16, 0x3e, 0, 0, 2, 2, 0, 0, 0, 0, 1,
							8, 0, 0x45 }, take32(in, 1) % 64,
			      &(struct vd_send){ .header = {
				.flags = (uint8_t)take32(in, 1), .gso_type = (uint8_t)take32(in, 1),
				.gso_size = (uint16_t)take32(in, 2),
				.csum_start = (uint16_t)take32(in, 1),
				.csum_offset = (uint16_t)take32(in, 1) } });
		break;
	default:
		host_advance(take32(in, 1) * 1000000ULL);
		break;
	}
}

static void machine_make(void)
{
	struct vm_vif_config config = nf_vif_config(1);

	host_reset_cpus(4);
	config.hang_s = 0;
	bad = vd_create(&config);
	good = nf_start(2, &(struct nf_options){ 0 });
	other = nf_start(3, &(struct nf_options){ 0 });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t features[] = {
		VD_ALL, VIRTIO_F_VERSION_1, VD_ALL & ~VIRTIO_F_EVENT_IDX, VD_ALL & ~VNET_F_MRG_RXBUF,
		VD_ALL & ~VNET_OFFLOADS,
	};
	struct input in = { data, size };

	if (bad == NULL) {
		machine_make();
	}
	vd_start(bad, features[take32(&in, 1) % ARRAY_SIZE(features)]);
	vd_post(bad, take32(&in, 1) % VD_SIZE);
	for (unsigned int i = 0; i < 200 && in.left > 0; i++) {
		step(&in);
	}
	exchange(good, other);
	exchange(other, good);
	vd_start(bad, VD_ALL);
	vd_post(bad, VD_SIZE);
	send(good, bad->mac, 100);
	assert_true(vd_poll(bad) == 1);
	vd_forget(bad);
	return 0;
}
