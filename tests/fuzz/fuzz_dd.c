/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver domain that does and says anything: answers in its disk's ring, maps and
 * unmaps, keys and states in XenStore, its death; while requests come and are
 * cancelled. Each request must end once, pages must never be reused while they are
 * mapped (host_finish() and the grant maps' own checks), nothing may be left.
 */
#include <stdlib.h>

#include "harness.h"
#include "sim/ddback.h"

#include "blk/volume.h"

#define REQUESTS	16U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct blk_request request[REQUESTS];
static struct grant_piece piece[REQUESTS];
static bool waits[REQUESTS];
static uint8_t page[REQUESTS][PAGE_SIZE];
static struct blk_volume *volume;
static uint32_t handle[16];

static void done(struct blk_request *r, bool more)
{
	(void)more;
	if (!waits[r - request]) {
		abort();
	}
	waits[r - request] = false;
}

static void submit(const uint8_t *s)
{
	unsigned int n = s[1] % REQUESTS;
	struct blk_request *r = &request[n];

	if (waits[n]) {
		blk_cancel(r);
		return;
	}
	piece[n] = (struct grant_piece){ .page = page[n], .len = PAGE_SIZE };
	*r = (struct blk_request){
		.volume = volume, .op = s[2] % BLK_OPS, .sector = s[3] * 8ULL, .piece = &piece[n],
		.piece_count = s[2] % BLK_OPS <= BLK_WRITE, .done = done,
		.sectors = s[2] % BLK_OPS == BLK_FLUSH ? 0 : 8,
	};
	waits[n] = true;
	blk_submit(r);
}

static void ring(const uint8_t *s)
{
	if (db.state != XENBUS_CONNECTED || db.pages == 0) {
		return;
	}
	if (s[1] & 1) {
		db_put((s[2] & (DD_SLOTS - 1)) | (uint64_t)s[3] << 16, s[4], (int8_t)s[5]);
	}
	atomic_store(&db_ring()->rsp_prod, s[1] & 2 ? db.rsp : s[4] * 0x01010101U);
	(void)xg_port_op(db.v, EVTCHNOP_SEND, db.port);
	host_run();
}

static void store(const uint8_t *s)
{
	static const char *const keys[] = {
		"state", "sectors", "sector-size", "info", "max-ring-page-order",
		"feature-max-indirect-segments", "feature-flush-cache", "physical-sector-size",
	};

	db_back_number(keys[s[1] % ARRAY_SIZE(keys)], s[2] & 0x80 ? s[3] * 0x0101010101ULL : s[3]);
	host_run();
}

static void again(void)
{
	host_advance(2 * DD_RETRY_NS);
	if (domain_find(vm_find_name(DB_NAME)->id) == NULL) {
		db_start();
	}
}

static void step(const uint8_t *s)
{
	if (domain_find(vm_find_name(DB_NAME)->id) != db.d || db.d->state != DOMAIN_RUNNING) {
		again();
		return;
	}
	switch (s[0] % 10) {
	case 0:
	case 1:
		submit(s);
		break;
	case 2:
	case 3:
		ring(s);
		break;
	case 4:
		(void)db_map(DB_DATA_GFN + 100 + s[1] % 8, s[2] * 8U + (s[3] & 7) +
			     (s[4] & 1) * HV_GRANTS_MAX, s[5] & 1, &handle[s[1] % 16]);
		break;
	case 5:
		(void)db_unmap(DB_DATA_GFN + 100 + s[2] % 8, s[3] & 1 ? handle[s[1] % 16] : s[1]);
		break;
	case 6:
		store(s);
		break;
	case 7:
		host_advance(s[1] * 100000000ULL);
		break;
	case 8:
		domain_shutdown(db.d, SHUTDOWN_REBOOT);
		again();
		break;
	default:
		db.hold = s[1] & 1;
		db.keep = s[1] & 2;
		for (unsigned int i = 0; i < 20 && db.held_count < DB_HELD - 20; i++) {
			host_run();
			if (db.d->state != DOMAIN_RUNNING || !db_step()) {
				break;
			}
		}
		break;
	}
}

static void begin(void)
{
	static const struct blk_volume_config config = { .outage_ns = 0 };
	struct blk_target *t;

	memset(waits, 0, sizeof(waits));
	db_describe();
	db.order = 1;
	db_boot();
	if (blk_target_open("dd:" DB_NAME "/vda", &t) != 0 ||
	    blk_volume_create("fuzz", t, &config, NULL, NULL, &volume) != 0) {
		abort();
	}
	db_report("vda", "fe:0");
	db_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* The table of VMs can't be emptied, so each time anew. */
	host_reset();
	begin();
	for (size_t i = 0; i + 6 <= size && i < 6 * 200; i += 6) {
		step(data + i);
	}
	for (unsigned int i = 0; i < REQUESTS; i++) {
		if (waits[i]) {
			blk_cancel(&request[i]);
		}
	}
	host_run();
	for (unsigned int i = 0; i < REQUESTS; i++) {
		if (waits[i]) {
			abort();
		}
	}
	if (domain_find(vm_find_name(DB_NAME)->id) != NULL) {
		domain_shutdown(db.d, SHUTDOWN_REBOOT);
	}
	blk_volume_destroy(volume);
	db_forget();
	host_advance(1000000000ULL);
	host_finish();
	return 0;
}
