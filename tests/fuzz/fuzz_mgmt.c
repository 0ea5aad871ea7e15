/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management server: any frames from a wire, and any bodies for every verb in
 * a session. Nothing may be left when the node is gone: memory, VMs, ports.
 *
 * Input: records of a byte for the kind, one for the verb, two for the length, then
 * the body. Kind 0: a frame as it is; 1: a request; 2: a request whose body begins with
 * a reference to the VM that is there; 3: time passes.
 */
#include <stdlib.h>
#include <string.h>

#include "blk/aoe.h"
#include "harness.h"
#include "lib/bytes.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mgmt/mgmt.h"
#include "mgmt/session.h"
#include "net/switch.h"
#include "unit/image_make.h"
#include "vm/store.h"
#include "vm/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRAME	1600U

static const uint8_t node_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t my_mac[6] = { 2, 0, 0, 0, 0, 2 };
static struct net_port wire;
static struct net_cache cache;
static uint8_t kernel[4096];

static void require(bool what)
{
	if (!what) {
		abort();
	}
}

/* What comes from the node is a whole packet of at most 1500 bytes. */
static enum net_verdict wire_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
				     bool may_wait)
{
	/* The storage network's have a tag. */
	if (f->tagged) {
		return NET_SENT;
	}
	require(f->len >= 60 && f->len <= 1514 && f->head[14] == MV_VERSION_1);
	require(get_be16(f->head + 16) + 14U <= f->len);
	return NET_SENT;
}

static void wire_flush(struct net_batch *b)
{
	b->out = NULL;
}

static const struct net_port_ops wire_ops = { .deliver = wire_deliver, .flush = wire_flush };

static void send_frame(const uint8_t *bytes, size_t n)
{
	uint16_t head[(NET_HEAD_ROOM + NET_HEAD_MAX) / 2];
	size_t first = MIN(n, (size_t)NET_HEAD_MAX);
	struct net_frag frag = { bytes + first, (uint32_t)(n - first) };
	struct net_batch b = { .in = &wire, .counts = wire.counts[0].n, .cache = &cache };
	struct net_frame f = {
		.head = (uint8_t *)head + NET_HEAD_ROOM, .head_len = (uint32_t)first,
		.len = (uint32_t)n, .frag = &frag, .frag_count = n > first,
	};

	memcpy(f.head, bytes, first);
	(void)switch_input(&b, &f);
	switch_flush(&b);
	host_run();
}

static size_t packet(uint8_t *f, unsigned int kind, uint32_t session, size_t payload)
{
	struct mv_header h = {
		.version = MV_VERSION_1, .kind = (uint8_t)kind, .session = mv_put32(session),
		.length = mv_put16((uint16_t)(sizeof(h) + payload)),
	};

	memcpy(f, node_mac, 6);
	memcpy(f + 6, my_mac, 6);
	put_be16(f + 12, MV_ETHERTYPE);
	memcpy(f + 14, &h, sizeof(h));
	return 14 + sizeof(h) + payload;
}

static void request(unsigned int kind, unsigned int verb, const uint8_t *body, size_t n)
{
	static uint32_t id;
	struct mv_request r = { .id = mv_put32(++id), .verb = mv_put16((uint16_t)verb) };
	struct mv_vm_ref ref = { .name = "web" };
	uint8_t f[FRAME] = { 0 };
	uint8_t *p = f + 30;
	uint32_t session = session_at(SESSION_MAX - 1) != NULL ? session_at(SESSION_MAX - 1)->id : 1;

	memcpy(p, &r, sizeof(r));
	p += sizeof(r);
	if (kind == 2) {
		memcpy(p, &ref, sizeof(ref));
		p += sizeof(ref);
	}
	n = MIN(n, (size_t)(f + 14 + MV_PACKET_MAX - p));
	memcpy(p, body, n);
	send_frame(f, packet(f, MV_REQUEST, session, (size_t)(p + n - f) - 30));
}

static void open_session(void)
{
	uint8_t f[FRAME] = { 0 };
	struct mv_open o = { .packet_max = mv_put16(MV_PACKET_MAX) };

	memcpy(f + 30, &o, sizeof(o));
	send_frame(f, packet(f, MV_OPEN, 0, sizeof(o)));
	require(session_count() == 1);
}

static void vm_make(void)
{
	struct vm_config config = {
		.name = "web", .memory_kib = 4096, .vcpu_count = 2, .weight = 256, .console = true,
		.kernel = { .data = kernel, .size = sizeof(kernel) }, .max_evtchn = 1024,
		.max_grant_frames = 64, .on_reboot = VM_ACTION_RESTART,
	};
	struct vm *vm;

	im_header(kernel, 0, MIB(1), 0xa);
	require(vm_add(&config, &vm) == 0 && vm_start(vm) == 0);
	host_run();
}

static void node_start(void)
{
	struct net_port_config pc = { .mac = { 2, 0, 0, 0, 9, 9 }, .uplink = true };
	struct mgmt_config c = { .name = "node", .image_quota = MIB(1) };

	memcpy(c.mac, node_mac, 6);
	cache = (struct net_cache){ 0 };
	require(port_init(&wire, "wire", &pc, &wire_ops) == 0 && switch_attach(&wire) == 0);
	require(mgmt_init(&c) == 0);
	open_session();
}

static void remove_vm(struct vm *vm, void *ctx)
{
	vm_remove(vm);
}

static void record(const uint8_t *data, size_t n)
{
	uint8_t f[FRAME];

	/* It would end the process. */
	if (data[1] == MV_NODE_POWER) {
		return;
	}
	switch (data[0] % 4) {
	case 0:
		memcpy(f, data + 4, MIN(n, sizeof(f)));
		n = MIN(n, sizeof(f));
		if (n >= 36 && get_be16(f + 34) != MV_NODE_POWER) {
			send_frame(f, n);
		}
		break;
	case 3:
		host_advance((uint64_t)data[1] << 24);
		break;
	default:
		request(data[0] % 4, data[1], data + 4, n);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vm_storage_config storage = { .present = true, .vlan = 9, .mtu = 1500 };
	static bool ready;
	static uint64_t frames;
	static size_t objects;

	/* Once: a reset for each input would take most of the time. */
	if (!ready) {
		host_reset();
		require(aoe_init(&storage) == 0);
		vm_storage_is(&storage);
		ready = true;
	}
	node_start();
	vm_make();
	while (size > 4) {
		size_t n = MIN((size_t)get_be16(data + 2) % FRAME, size - 4);

		record(data, n);
		data += 4 + n;
		size -= 4 + n;
	}
	vm_for_each(remove_vm, NULL);
	host_advance(100000000);
	mgmt_stop();
	switch_detach(&wire);
	host_run();
	if (frames == 0) {
		frames = frame_free_count();
		objects = heap_object_count();
	}
	require(heap_object_count() == objects);
	require(frame_free_count() == frames);
	return 0;
}
