/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver of a virtio network device for tests: what a guest's kernel does with
 * registers and rings, in this process, against the real device and switch.
 *
 * Its rings and buffers lie over page ends, where the harness never has neighbours.
 * Everything that it sees is checked as a picky driver would.
 *
 * Includes sim/netfront.h, and is as that for one thread.
 */
#ifndef TESTS_SIM_VIRTIO_H
#define TESTS_SIM_VIRTIO_H

#include "sim/netfront.h"

#include "net/virtio.h"
#include "net/vnet.h"
#include "vm/mmio.h"
#include <arch/upcall.h>

#define VD_SIZE		64U		/* entries of a queue */
#define VD_BUF		1600U		/* bytes of a buffer for frames to the guest */
#define VD_FRAMES	512U
#define VD_TX_PAGES	17U		/* for one frame from the guest at a time */

/* Pages of the guest: rings of three queues (three each), then buffers. */
#define VD_RINGS_GFN	(HOST_GUEST_GFN + 8)
#define VD_RX_GPA	((VD_RINGS_GFN + 9) << PAGE_SHIFT)
#define VD_TX_GPA	(VD_RX_GPA + 32 * PAGE_SIZE)
#define VD_PAGES	(8 + 9 + 32 + VD_SIZE * VD_TX_PAGES)

#define VD_ALL		(VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VNET_F_CSUM | \
			 VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6 | VNET_OFFLOADS | \
			 VNET_F_GUEST_OFFLOADS | VNET_F_CTRL_VQ | VNET_F_MTU | VNET_F_MAC | \
			 VNET_F_MRG_RXBUF | VNET_F_STATUS)

struct vd_frame {
	uint8_t *data;
	uint32_t len;
	unsigned int buffers;
	struct vnet_header header;
};

struct vd_queue {
	uint64_t desc, avail, used;	/* guest addresses */
	uint16_t prod;			/* avail index */
	uint16_t cons;			/* used index taken */
	uint16_t next_desc;
};

struct vdriver {
	struct domain *d;
	struct vcpu *v;
	uint64_t features;
	struct vd_queue queue[VIRTIO_QUEUES];
	struct vd_frame frames[VD_FRAMES];
	unsigned int frame_first, frame_end;
	unsigned int kicks;
	bool loaded;			/* in a thread: it acts as the guest, whose vCPU is loaded */
	uint8_t mac[6];
};

/* --- registers ---------------------------------------------------------------- */

static inline bool vd_access(struct vdriver *f, unsigned int at, unsigned int size, bool write,
			     uint64_t *value)
{
	gpa_t gpa = GPA(mmio_base(f->d, 0).v + at);
	bool taken;

	if (f->loaded) {
		return upcall_mmio(&f->v->arch, gpa, size, write, value);
	}
	host_load(f->v);
	taken = upcall_mmio(&f->v->arch, gpa, size, write, value);
	host_exit();
	return taken;
}

static inline uint32_t vd_read(struct vdriver *f, unsigned int reg)
{
	uint64_t value = UINT64_MAX;

	assert_true(vd_access(f, reg, 4, false, &value));
	return (uint32_t)value;
}

static inline void vd_write(struct vdriver *f, unsigned int reg, uint32_t value)
{
	uint64_t v = value;

	assert_true(vd_access(f, reg, 4, true, &v));
}

static inline void vd_status(struct vdriver *f, uint32_t bits)
{
	vd_write(f, VMMIO_STATUS, vd_read(f, VMMIO_STATUS) | bits);
}

static inline uint64_t vd_offered(struct vdriver *f)
{
	uint64_t low;

	vd_write(f, VMMIO_DEVICE_SEL, 0);
	low = vd_read(f, VMMIO_DEVICE_FEATURES);
	vd_write(f, VMMIO_DEVICE_SEL, 1);
	return low | (uint64_t)vd_read(f, VMMIO_DEVICE_FEATURES) << 32;
}

/* Up to FEATURES_OK; false: the device doesn't take them. */
static inline bool vd_negotiate(struct vdriver *f, uint64_t features)
{
	vd_write(f, VMMIO_STATUS, 0);
	vd_status(f, VIRTIO_ACKNOWLEDGE);
	vd_status(f, VIRTIO_DRIVER);
	for (unsigned int i = 0; i < 2; i++) {
		vd_write(f, VMMIO_DRIVER_SEL, i);
		vd_write(f, VMMIO_DRIVER_FEATURES, (uint32_t)(features >> 32 * i));
	}
	vd_status(f, VIRTIO_FEATURES_OK);
	f->features = features;
	return (vd_read(f, VMMIO_STATUS) & VIRTIO_FEATURES_OK) != 0;
}

static inline void vd_address(struct vdriver *f, unsigned int reg, uint64_t gpa)
{
	vd_write(f, reg, (uint32_t)gpa);
	vd_write(f, reg + 4, (uint32_t)(gpa >> 32));
}

static inline void vd_queue_place(struct vdriver *f, unsigned int n)
{
	uint64_t gpa = (VD_RINGS_GFN + 3 * n) << PAGE_SHIFT;
	struct vd_queue *q = &f->queue[n];

	/* Descriptors and both rings go over page ends; a used element, too. */
	*q = (struct vd_queue){
		.desc = gpa + 0xe10, .avail = gpa + PAGE_SIZE + 0x800,
		.used = gpa + PAGE_SIZE + 0xff0,
	};
	vd_write(f, VMMIO_QUEUE_SEL, n);
	vd_write(f, VMMIO_QUEUE_NUM, n == VNET_CTRL ? VNET_CTRL_ENTRIES : VD_SIZE);
	vd_address(f, VMMIO_DESC_LOW, q->desc);
	vd_address(f, VMMIO_DRIVER_LOW, q->avail);
	vd_address(f, VMMIO_DEVICE_LOW, q->used);
	for (unsigned int i = 0; i < 3; i++) {
		memset(host_page(f->d, VD_RINGS_GFN + 3 * n + i), 0, PAGE_SIZE);
	}
}

static inline void vd_queue_open(struct vdriver *f, unsigned int n)
{
	vd_queue_place(f, n);
	vd_write(f, VMMIO_QUEUE_READY, 1);
	assert_int_equal(vd_read(f, VMMIO_QUEUE_READY), 1);
}

/* --- rings --------------------------------------------------------------------- */

/* Words of rings, which the device reads and writes at the same time. */
static inline _Atomic uint16_t *vd_word(struct vdriver *f, uint64_t gpa)
{
	return (void *)((uint8_t *)host_page(f->d, gpa >> PAGE_SHIFT) + (gpa & PAGE_MASK));
}

static inline uint16_t vd_get16(struct vdriver *f, uint64_t gpa)
{
	return atomic_load(vd_word(f, gpa));
}

static inline void vd_put16(struct vdriver *f, uint64_t gpa, uint16_t v)
{
	atomic_store(vd_word(f, gpa), v);
}

static inline unsigned int vd_size(unsigned int n)
{
	return n == VNET_CTRL ? VNET_CTRL_ENTRIES : VD_SIZE;
}

static inline void vd_desc(struct vdriver *f, unsigned int n, unsigned int i, uint64_t addr,
			   uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc d = { .addr = addr, .len = len, .flags = flags, .next = next };

	host_write(f->d, f->queue[n].desc + i * sizeof(d), &d, sizeof(d));
}

/* Make a chain available; the device sees it at once. */
static inline void vd_avail(struct vdriver *f, unsigned int n, uint16_t head)
{
	struct vd_queue *q = &f->queue[n];

	vd_put16(f, q->avail + 4 + 2 * (q->prod++ % vd_size(n)), head);
	vd_put16(f, q->avail + 2, q->prod);
}

/* Tell the device of `count` new chains if it wants to know. */
static inline void vd_kick(struct vdriver *f, unsigned int n, uint16_t count)
{
	struct vd_queue *q = &f->queue[n];
	uint16_t event = vd_get16(f, q->used + 4 + 8 * vd_size(n));

	if ((f->features & VIRTIO_F_EVENT_IDX) == 0 || (uint16_t)(q->prod - event - 1) < count) {
		f->kicks++;
		vd_write(f, VMMIO_QUEUE_NOTIFY, n);
	} else if (!f->loaded) {
		/* The device looks by itself when a guest leaves its CPU. */
		host_load(f->v);
		host_exit();
		host_exit();
	}
}

/* The next used element; false: there is none. */
static inline bool vd_used(struct vdriver *f, unsigned int n, uint32_t *id, uint32_t *len)
{
	struct vd_queue *q = &f->queue[n];
	uint16_t index = vd_get16(f, q->used + 2);
	uint64_t at = q->used + 4 + 8 * (q->cons % vd_size(n));

	assert_true((uint16_t)(index - q->cons) <= vd_size(n));
	if (index == q->cons) {
		return false;
	}
	host_read(f->d, at, id, 4);
	host_read(f->d, at + 4, len, 4);
	assert_true(*id < vd_size(n));
	q->cons++;
	/* An interrupt for the next one. */
	vd_put16(f, q->avail + 4 + 2 * vd_size(n), q->cons);
	return true;
}

/* Interrupts raised since the last call; acknowledged as a driver does. */
static inline uint32_t vd_irq(struct vdriver *f)
{
	struct host_guest_irq *irq = &f->d->arch.guest_irq[f->d->mmio.slot[0].irq -
							   HOST_GUEST_IRQ_FIRST];
	uint32_t status = 0;

	if (atomic_exchange(&irq->raised, 0) != 0) {
		status = vd_read(f, VMMIO_IRQ_STATUS);
		vd_write(f, VMMIO_IRQ_ACK, status);
	}
	return status;
}

/* --- frames ---------------------------------------------------------------------- */

/* Post buffer `id`, of so many bytes. */
static inline void vd_post_one(struct vdriver *f, unsigned int id, uint32_t len)
{
	vd_desc(f, VNET_RX, id, VD_RX_GPA + id * VD_BUF, len, VRING_DESC_WRITE, 0);
	vd_avail(f, VNET_RX, (uint16_t)id);
}

static inline void vd_post(struct vdriver *f, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		vd_post_one(f, i, VD_BUF);
	}
}

struct vd_send {
	struct vnet_header header;
	uint32_t first;			/* bytes in the first descriptor, 0: all up to 4000 */
};

/* A frame, as a chain of descriptors; tells the device if it wants to know. */
static inline void vd_queue_frame(struct vdriver *f, const uint8_t *data, uint32_t len,
				 const struct vd_send *s)
{
	struct vd_queue *q = &f->queue[VNET_TX];
	uint16_t head = q->next_desc;
	uint64_t gpa = VD_TX_GPA + head * VD_TX_PAGES * PAGE_SIZE;
	uint32_t total = len + (uint32_t)sizeof(s->header);

	host_write(f->d, gpa, &s->header, sizeof(s->header));
	host_write(f->d, gpa + sizeof(s->header), data, len);
	for (uint32_t done = 0; done < total;) {
		uint32_t n = MIN(total - done, done == 0 && s->first != 0 ? s->first : 4000);
		uint16_t i = q->next_desc;

		q->next_desc = (uint16_t)((i + 1) % VD_SIZE);
		vd_desc(f, VNET_TX, i, gpa + done, n, done + n < total ? VRING_DESC_NEXT : 0,
			q->next_desc);
		done += n;
	}
	vd_avail(f, VNET_TX, head);
	vd_kick(f, VNET_TX, 1);
}

/* The same, and collect what is done. */
static inline void vd_send_frame(struct vdriver *f, const uint8_t *data, uint32_t len,
				 const struct vd_send *s)
{
	uint32_t id;

	vd_queue_frame(f, data, len, s);
	while (vd_used(f, VNET_TX, &id, &len)) {
		assert_int_equal(len, 0);
	}
}

/* Take what has come, at most VD_SIZE frames, and post the buffers again. How many. */
static inline unsigned int vd_poll(struct vdriver *f)
{
	unsigned int frames = 0;
	uint32_t id, len;

	(void)vd_irq(f);
	while (frames < VD_SIZE && vd_used(f, VNET_RX, &id, &len)) {
		struct vd_frame *r = &f->frames[f->frame_end++ % VD_FRAMES];

		*r = (struct vd_frame){ .data = malloc(70000) };
		assert_true(len >= sizeof(r->header));
		host_read(f->d, VD_RX_GPA + id * VD_BUF, &r->header, sizeof(r->header));
		r->len = len - (uint32_t)sizeof(r->header);
		host_read(f->d, VD_RX_GPA + id * VD_BUF + sizeof(r->header), r->data, r->len);
		vd_post_one(f, id, VD_BUF);
		for (r->buffers = 1; r->buffers < r->header.buffers; r->buffers++) {
			assert_true(vd_used(f, VNET_RX, &id, &len));
			assert_true(r->len + len < 70000);
			host_read(f->d, VD_RX_GPA + id * VD_BUF, r->data + r->len, len);
			r->len += len;
			vd_post_one(f, id, VD_BUF);
		}
		frames++;
	}
	return frames;
}

static inline struct vd_frame vd_take(struct vdriver *f)
{
	assert_true(f->frame_first != f->frame_end);
	return f->frames[f->frame_first++ % VD_FRAMES];
}

static inline void vd_forget(struct vdriver *f)
{
	while (f->frame_first != f->frame_end) {
		free(vd_take(f).data);
	}
}

/* A command on the control queue; the device's answer. */
static inline uint8_t vd_command(struct vdriver *f, uint8_t class, uint8_t command,
				 const void *data, uint32_t len)
{
	uint64_t gpa = VD_TX_GPA;
	uint8_t answer = 0xdb;
	uint32_t id;

	host_write(f->d, gpa, (const uint8_t[]){ class, command }, 2);
	host_write(f->d, gpa + 16, data, len);
	host_write(f->d, gpa + 64, &answer, 1);
	vd_desc(f, VNET_CTRL, 0, gpa, 2, VRING_DESC_NEXT, 1);
	vd_desc(f, VNET_CTRL, 1, gpa + 16, len, VRING_DESC_NEXT, 2);
	vd_desc(f, VNET_CTRL, 2, gpa + 64, 1, VRING_DESC_WRITE, 0);
	vd_avail(f, VNET_CTRL, 0);
	vd_kick(f, VNET_CTRL, 1);
	assert_true(vd_used(f, VNET_CTRL, &id, &len));
	host_read(f->d, gpa + 64, &answer, 1);
	return answer;
}

/* --- life ------------------------------------------------------------------------- */

static inline void vd_start(struct vdriver *f, uint64_t features)
{
	assert_true(vd_negotiate(f, features));
	for (unsigned int n = 0; n < VIRTIO_QUEUES; n++) {
		vd_queue_open(f, n);
	}
	vd_status(f, VIRTIO_DRIVER_OK);
	assert_int_equal(vd_read(f, VMMIO_STATUS), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER |
			 VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

/* A domain with an uplink as its vif 0 that is such a device; no driver yet. */
static inline struct vdriver *vd_create(struct vm_vif_config *config)
{
	struct vdriver *f = calloc(1, sizeof(*f));

	config->uplink = true;
	config->virtio = true;
	config->spoof_check = false;
	f->d = host_domain_create(VD_PAGES, 1);
	f->v = f->d->vcpus[0];
	xg_start(f->d);
	assert_int_equal(mmio_place(f->d, 0), 0);
	assert_int_equal(net_vif_create(f->d, 0, config), 0);
	memcpy(f->mac, config->mac, 6);
	return f;
}

/* Forget the driver; its domain goes with host_finish(). */
static inline void vd_free(struct vdriver *f)
{
	vd_forget(f);
	free(f);
}

#endif
