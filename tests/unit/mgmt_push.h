/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: pushing images and creating VMs by the management protocol, with a
 * window and selective repetition.
 */
#ifndef TESTS_MGMT_PUSH_H
#define TESTS_MGMT_PUSH_H

#include "mgmt_client.h"

#include <bearssl.h>

#include "fdt_make.h"
#include "image_make.h"

#define MP_WINDOW	32U

struct mp_image {
	uint8_t *data;
	size_t size;
	uint8_t sha256[32];
};

static inline struct mp_image mp_image(uint8_t *data, size_t size)
{
	struct mp_image i = { .data = data, .size = size };
	br_sha256_context h;

	br_sha256_init(&h);
	br_sha256_update(&h, data, size);
	br_sha256_out(&h, i.sha256);
	return i;
}

/* A kernel of any size from 64 bytes on, other bytes for each `seed`. */
static inline struct mp_image mp_kernel(uint8_t *data, size_t size, unsigned int seed)
{
	for (size_t i = 0; i < size; i++) {
		data[i] = (uint8_t)(i * 13 + (i >> 9) + seed);
	}
	im_header(data, 0, MIB(1), 0xa);
	return mp_image(data, size);
}

static inline const struct mv_image_ack *mp_ack(const struct mc *c)
{
	return (const void *)c->body;
}

static inline uint16_t mp_begin(struct mc *c, const struct mp_image *i)
{
	struct mv_image_begin b = { .size = mv_put64(i->size), .name = "image" };

	memcpy(b.sha256, i->sha256, 32);
	return mc_call(c, MV_IMAGE_BEGIN, &b, sizeof(b));
}

static inline void mp_send(struct mc *c, const struct mp_image *i, uint32_t image, uint64_t chunk,
			   bool ack)
{
	uint8_t p[sizeof(struct mv_image_data) + MV_CHUNK];
	uint64_t at = chunk * MV_CHUNK;
	size_t n = MIN((size_t)MV_CHUNK, i->size - at);
	struct mv_image_data d = {
		.image = mv_put32(image), .flags = mv_put32(ack ? MV_DATA_ACK : 0),
		.offset = mv_put64(at),
	};

	memcpy(p, &d, sizeof(d));
	memcpy(p + sizeof(d), i->data + at, n);
	mc_send_request(c, c->next_id++, MV_IMAGE_DATA, p, sizeof(d) + n);
}

static inline uint16_t mp_status(struct mc *c, const struct mp_image *i)
{
	return mc_call(c, MV_IMAGE_STATUS, i->sha256, 32);
}

/*
 * Push until at least `until` bytes are there without a gap; the reply that is left
 * in `c` is the last one. False: it went nowhere.
 */
static inline bool mp_push(struct mc *c, const struct mp_image *i, uint64_t until)
{
	assert_int_equal(mp_begin(c, i), MV_OK);
	for (unsigned int round = 0; round < 5000; round++) {
		uint64_t first = mv_get64(mp_ack(c)->have) / MV_CHUNK;
		uint64_t count = (i->size + MV_CHUNK - 1) / MV_CHUNK;
		uint32_t image = mv_get32(mp_ack(c)->image);
		uint8_t more[MV_ACK_CHUNKS / 8];

		if (mv_get64(mp_ack(c)->have) >= until || mp_ack(c)->state != MV_IMAGE_PARTIAL) {
			return true;
		}
		memcpy(more, mp_ack(c)->more, sizeof(more));
		for (uint64_t n = 0; n < MP_WINDOW && first + n < count; n++) {
			if ((more[n / 8] >> n % 8 & 1) == 0) {
				mp_send(c, i, image, first + n, false);
			}
		}
		host_run();
		assert_int_equal(mp_status(c, i), MV_OK);
	}
	return false;
}

/* All of it, and its SHA-256 made. */
static inline void mp_push_all(struct mc *c, const struct mp_image *i)
{
	assert_true(mp_push(c, i, i->size));
	host_run();
	assert_int_equal(mp_status(c, i), MV_OK);
}

/* --- descriptions ------------------------------------------------------------------ */

struct mp_vm {
	const char *name;
	unsigned int memory_kib;
	unsigned int vcpus;
	const struct mp_image *kernel;
	const struct mp_image *ramdisk;	/* NULL: none */
	unsigned int vifs;
	const char *on_poweroff;
	uint8_t mac[6];			/* of the first vif; zero: none given */
	const char *target;		/* of its disk; NULL: it has none */
};

static inline size_t mp_describe(const struct mp_vm *v)
{
	static const uint8_t zero[6];

	fm_start();
	fm_root();
	fm_begin("vms");
	fm_begin(v->name);
	fm_str("compatible", "xen,domain");
	fm_cells("memory", 2, 0, v->memory_kib);
	fm_cells("cpus", 1, v->vcpus);
	if (v->on_poweroff != NULL) {
		fm_str("mv,on-poweroff", v->on_poweroff);
	}
	fm_begin("kernel");
	fm_str("compatible", "multiboot,kernel");
	fm_bytes("mv,sha256", v->kernel->sha256, 32);
	fm_str("bootargs", "console=hvc0");
	fm_end();
	if (v->ramdisk != NULL) {
		fm_begin("ramdisk");
		fm_str("compatible", "multiboot,ramdisk");
		fm_bytes("mv,sha256", v->ramdisk->sha256, 32);
		fm_end();
	}
	if (v->target != NULL) {
		fm_begin("disk");
		fm_str("compatible", "mv,vbd");
		fm_str("vdev", "xvda");
		fm_str("target", v->target);
		fm_end();
	}
	for (unsigned int i = 0; i < v->vifs; i++) {
		char name[8] = "vif0";

		name[3] = (char)('0' + i);
		fm_begin(name);
		fm_str("compatible", "mv,vif");
		if (i == 0 && memcmp(v->mac, zero, 6) != 0) {
			fm_bytes("local-mac-address", v->mac, 6);
		}
		fm_end();
	}
	fm_end();
	fm_end();
	return fm_finish();
}

static inline void mp_put_blob(struct mc *c, uint32_t blob, const void *data, size_t size)
{
	for (size_t at = 0; at < size; at += MV_CHUNK) {
		uint8_t p[sizeof(struct mv_blob_put) + MV_CHUNK];
		size_t n = MIN(size - at, (size_t)MV_CHUNK);
		struct mv_blob_put b = {
			.blob = mv_put32(blob), .size = mv_put32((uint32_t)size),
			.offset = mv_put32((uint32_t)at),
		};

		memcpy(p, &b, sizeof(b));
		memcpy(p + sizeof(b), (const uint8_t *)data + at, n);
		assert_int_equal(mc_call(c, MV_BLOB_PUT, p, sizeof(b) + n), MV_OK);
	}
}

/* Returns the status; the reply is in `c`. */
static inline uint16_t mp_create(struct mc *c, const struct mp_vm *v, uint32_t flags)
{
	uint32_t blob = c->next_id;
	struct mv_vm_create r = { .blob = mv_put32(blob), .flags = mv_put32(flags) };

	mp_put_blob(c, blob, fm_buf, mp_describe(v));
	return mc_call(c, MV_VM_CREATE, &r, sizeof(r));
}

#endif
