/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver domain with a block back end for tests: what Linux's xen-blkback does,
 * in this process, against the real XenStore, channels and grant maps. It is
 * direct-mapped: what it maps, it maps at frames of RAM of its own. It can hold
 * requests back, fail, and break the rules. Its disk outlives it.
 */
#ifndef TESTS_SIM_DDBACK_H
#define TESTS_SIM_DDBACK_H

#include <stdio.h>
#include <string.h>

#include "blk/dd.h"
#include "unit/xen_guest.h"
#include "vm/ram.h"
#include "vm/vm.h"
#include "xenstore/xenbus.h"
#include "xenstore/xenstore.h"

#define DB_NAME		"driver"
#define DB_PAGES	256U
#define DB_RAM		MIB(4)			/* frames that it gave back; at first .. */
#define DB_RING_GFN	(db_ram.bank[0].base.v >> PAGE_SHIFT)
#define DB_INDIRECT_GFN	(DB_RING_GFN + DD_RING_PAGES)
#define DB_DATA_GFN	(DB_INDIRECT_GFN + 1)	/* two for each request that is held */
#define DB_KEEP_GFN	(DB_DATA_GFN + 256)	/* .. and one for each reference that is kept */
#define DB_SECTORS	4096U
#define DB_HELD		64U

struct db_held {
	uint64_t w[BLKIF_ENTRY_WORDS];
	uint32_t handle;		/* its first page, mapped */
};

struct ddback {
	struct domain *d;
	struct vcpu *v;
	unsigned int devid;
	unsigned int state;
	unsigned int order;		/* of rings that it can */
	unsigned int port;
	unsigned int pages;
	uint32_t ring_handle[DD_RING_PAGES];
	uint32_t cons, rsp;
	bool hold;			/* requests are mapped and not done */
	bool keep;			/* data stays mapped, once it is */
	bool kept[HV_GRANTS_MAX];
	uint32_t kept_handle[HV_GRANTS_MAX];
	struct db_held held[DB_HELD];
	unsigned int held_count;
	int status;			/* of answers; not 0: nothing is done */
	unsigned int requests, writes, indirect, flushes, discards;
	unsigned int events;		/* that it raised */
	uint64_t sectors;		/* what it says that it has */
	bool read_only;
	uint8_t disk[DB_SECTORS * BLK_SECTOR];
};

static struct ddback db;
static struct vm_ram db_ram;		/* its holes */

/* --- XenStore ------------------------------------------------------------------- */

static inline void db_back(const char *key, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/backend/vbd/0/%u/%s", db.d->id, db.devid,
		 key);
	if (xs_printf(NULL, path, "%s", value) != 0) {
		host_fatal("can't write %s", path);
	}
}

static inline void db_back_number(const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	db_back(key, text);
}

static inline void db_state(unsigned int state)
{
	db.state = state;
	db_back_number("state", state);
}


static inline long db_front(const char *key)
{
	char path[128], value[32];

	snprintf(path, sizeof(path), "/local/domain/0/device/vbd/%u/%s", db.devid, key);
	return xs_read(NULL, path, value, sizeof(value), NULL) == 0 ? atol(value) : -1;
}

/* What its program says of a disk. */
static inline void db_report(const char *disk, const char *device)
{
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/data/disk/%s/device", db.d->id, disk);
	if (xs_printf(NULL, path, "%s", device) != 0) {
		host_fatal("can't report a disk");
	}
	host_run();
}

/* --- maps -------------------------------------------------------------------------- */

static inline int db_map(uint64_t gfn, uint32_t ref, bool write, uint32_t *handle)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = gfn << PAGE_SHIFT, .ref = ref, .dom = DOMID_HV,
		.flags = GNTMAP_HOST_MAP | (write ? 0 : GNTMAP_READONLY),
	};

	if (xg_op(db.v, HC_GRANT_TABLE_OP, GNTTABOP_MAP_GRANT_REF, &op, sizeof(op)) != 0) {
		host_fatal("a driver domain can't map");
	}
	*handle = op.handle;
	return op.status;
}

static inline int db_unmap(uint64_t gfn, uint32_t handle)
{
	struct gnttab_unmap_grant_ref op = { .host_addr = gfn << PAGE_SHIFT, .handle = handle };

	if (xg_op(db.v, HC_GRANT_TABLE_OP, GNTTABOP_UNMAP_GRANT_REF, &op, sizeof(op)) != 0) {
		host_fatal("a driver domain can't unmap");
	}
	return op.status;
}

/* --- life ---------------------------------------------------------------------------- */

/* Its description; once a test, before all other domains. */
static inline void db_describe(void)
{
	static struct vm_config config = { .name = DB_NAME, .vcpu_count = 1,
					   .driver_domain = true };
	struct vm *vm;

	memset(&db, 0, sizeof(db));
	db.order = 1;
	db.sectors = DB_SECTORS;
	if (vm_add(&config, &vm) != 0 || vm_ram_reserve(&db_ram, DB_RAM) != 0) {
		host_fatal("no driver domain");
	}
}

/* The test's end. */
static inline void db_forget(void)
{
	vm_remove(vm_find_name(DB_NAME));
	vm_ram_release(&db_ram);
}

/* Its domain has the VM's number, which no other took. */
static inline void db_boot(void)
{
	db.d = host_domain_create(DB_PAGES, 1);
	if (db.d->id != vm_find_name(DB_NAME)->id) {
		host_fatal("the driver domain's number is taken");
	}
	db.v = db.d->vcpus[0];
	db.state = XENBUS_UNKNOWN;
	db.held_count = 0;
	memset(db.kept, 0, sizeof(db.kept));
	xg_start(db.d);
	db.d->ram = &db_ram;
	if (grant_maps_enable(db.d) != 0) {
		host_fatal("no driver domain");
	}
}

static inline void db_die(void)
{
	host_domain_destroy(db.d);
	db.d = NULL;
}

/* --- requests ------------------------------------------------------------------------- */

static inline uint64_t *db_word(uint32_t at, unsigned int w)
{
	uint32_t mask = blkif_ring_size(db.pages > 1) - 1;
	uint32_t byte = BLKIF_ENTRIES_AT + ((at & mask) * BLKIF_ENTRY_WORDS + w) * 8;
	uint8_t *page = host_page(db.d, DB_RING_GFN + byte / PAGE_SIZE);

	return (uint64_t *)(void *)(page + byte % PAGE_SIZE);
}

static inline struct blkif_indices *db_ring(void)
{
	return host_page(db.d, DB_RING_GFN);
}

/* A raw answer. */
static inline void db_put(uint64_t id, unsigned int op, int status)
{
	*db_word(db.rsp, 0) = id;
	*db_word(db.rsp, 1) = blkif_response(op, (int16_t)status);
	db.rsp++;
}

static inline void db_event(void)
{
	db.events++;
	if (xg_port_op(db.v, EVTCHNOP_SEND, db.port) != 0) {
		host_fatal("the back end's channel is closed");
	}
}

/* Publish the answers, with an event if one is asked for; true if it is. */
static inline bool db_push(void)
{
	uint32_t old = atomic_exchange(&db_ring()->rsp_prod, db.rsp);
	bool asked = db.rsp - atomic_load(&db_ring()->rsp_event) < db.rsp - old;

	if (asked) {
		db_event();
	}
	return asked;
}

static inline void db_tell(void)
{
	(void)db_push();
	host_run();
}

/*
 * The frame where a reference stays mapped: side by side in threes, from the last to the
 * first.
 */
static inline uint64_t db_keep_gfn(uint32_t ref)
{
	ref %= HV_GRANTS_MAX;
	return DB_KEEP_GFN + (DD_REFS / 3 - ref / 3) * 3 + ref % 3;
}

static inline void db_unkeep(uint32_t ref)
{
	db.kept[ref % HV_GRANTS_MAX] = false;
	if (db_unmap(db_keep_gfn(ref), db.kept_handle[ref % HV_GRANTS_MAX]) != GNTST_OKAY) {
		host_fatal("what was kept can't be unmapped");
	}
}

/* Let go of all that stayed mapped. */
static inline void db_purge(void)
{
	for (uint32_t i = 0; i < HV_GRANTS_MAX; i++) {
		if (db.kept[i]) {
			db_unkeep(i);
		}
	}
}

/* Map data, at `gfn` if it isn't to be kept; its frame. */
static inline uint64_t db_data_map(uint64_t gfn, uint32_t ref, bool write, uint32_t *handle)
{
	uint32_t i = ref % HV_GRANTS_MAX;

	gfn = db.keep ? db_keep_gfn(ref) : gfn;
	if (db.keep && db.kept[i]) {
		return gfn;
	}
	if (db_map(gfn, ref, write || db.keep, handle) != GNTST_OKAY) {
		host_fatal("data can't be mapped");
	}
	if (db.keep) {
		db.kept[i] = true;
		db.kept_handle[i] = *handle;
	}
	return gfn;
}

static inline void db_data_unmap(uint64_t gfn, uint32_t handle)
{
	if (!db.keep && db_unmap(gfn, handle) != GNTST_OKAY) {
		host_fatal("data can't be unmapped");
	}
}

static inline void db_segment(uint64_t seg, uint64_t *sector, bool write)
{
	unsigned int first = blkif_seg_first(seg), last = blkif_seg_last(seg);
	size_t len = (last - first + 1) * BLK_SECTOR;
	uint32_t handle;
	uint64_t gpa;

	if (first > last || last > 7 || *sector + len / BLK_SECTOR > DB_SECTORS) {
		host_fatal("a segment can't be used");
	}
	gpa = (db_data_map(DB_DATA_GFN, blkif_seg_ref(seg), !write, &handle) << PAGE_SHIFT) +
	      first * BLK_SECTOR;
	if (write) {
		host_read(db.d, gpa, db.disk + *sector * BLK_SECTOR, len);
	} else {
		host_write(db.d, gpa, db.disk + *sector * BLK_SECTOR, len);
	}
	*sector += len / BLK_SECTOR;
	db_data_unmap(DB_DATA_GFN, handle);
}

static inline void db_data(const uint64_t *w, unsigned int op)
{
	uint64_t sector = w[2];

	db.writes += op == BLKIF_OP_WRITE;
	for (unsigned int i = 0; i < blkif_segments(w[0]); i++) {
		db_segment(w[BLKIF_SEG_AT + i], &sector, op == BLKIF_OP_WRITE);
	}
}

static inline void db_indirect(const uint64_t *w)
{
	unsigned int op = blkif_indirect_op(w[0]);
	uint64_t sector = w[2];
	uint32_t handle;
	uint64_t gfn;

	db.writes += op == BLKIF_OP_WRITE;
	db.indirect++;
	gfn = db_data_map(DB_INDIRECT_GFN, (uint32_t)(w[3] >> 32), false, &handle);
	for (unsigned int i = 0; i < blkif_indirect_segments(w[0]); i++) {
		const uint64_t *list = host_page(db.d, gfn);

		db_segment(list[i], &sector, op == BLKIF_OP_WRITE);
	}
	db_data_unmap(DB_INDIRECT_GFN, handle);
}

static inline unsigned int db_answer_op(const uint64_t *w)
{
	return blkif_op(w[0]) == BLKIF_OP_INDIRECT ? blkif_indirect_op(w[0]) : blkif_op(w[0]);
}

static inline void db_do(const uint64_t *w)
{
	switch (db.status == 0 ? blkif_op(w[0]) : UINT32_MAX) {
	case BLKIF_OP_READ:
	case BLKIF_OP_WRITE:
		db_data(w, blkif_op(w[0]));
		break;
	case BLKIF_OP_INDIRECT:
		db_indirect(w);
		break;
	case BLKIF_OP_FLUSH:
		db.flushes++;
		break;
	case BLKIF_OP_DISCARD:
		memset(db.disk + w[2] * BLK_SECTOR, 0, w[3] * BLK_SECTOR);
		db.discards++;
		break;
	default:
		break;
	}
	db_put(w[1], db_answer_op(w), db.status);
}

/* Map the first page of a read or write, and keep it. */
static inline void db_hold(const uint64_t *w)
{
	struct db_held *h = &db.held[db.held_count];

	memcpy(h->w, w, sizeof(h->w));
	h->handle = UINT32_MAX;
	if (blkif_op(w[0]) <= BLKIF_OP_WRITE &&
	    db_map(DB_DATA_GFN + 1 + db.held_count, blkif_seg_ref(w[BLKIF_SEG_AT]),
		   blkif_op(w[0]) == BLKIF_OP_READ, &h->handle) != GNTST_OKAY) {
		host_fatal("a held segment can't be mapped");
	}
	db.held_count++;
}

/* Let go of what is held, and do it. */
static inline void db_release(void)
{
	for (unsigned int i = 0; i < db.held_count; i++) {
		if (db.held[i].handle != UINT32_MAX &&
		    db_unmap(DB_DATA_GFN + 1 + i, db.held[i].handle) != GNTST_OKAY) {
			host_fatal("a held segment can't be unmapped");
		}
		db_do(db.held[i].w);
	}
	db.held_count = 0;
	db_tell();
}

/* Take what is in the ring; how much. */
static inline unsigned int db_walk(void)
{
	struct blkif_indices *r = db_ring();
	uint32_t prod = atomic_load(&r->req_prod);
	unsigned int n = 0;

	for (; db.cons != prod; db.cons++, n++) {
		uint64_t w[BLKIF_ENTRY_WORDS];

		for (unsigned int i = 0; i < BLKIF_ENTRY_WORDS; i++) {
			w[i] = *db_word(db.cons, i);
		}
		db.requests++;
		if (db.hold) {
			db_hold(w);
		} else {
			db_do(w);
		}
	}
	atomic_store(&r->req_event, db.cons + 1);
	if (n > 0 && !db.hold) {
		db_tell();
	}
	return n;
}

/* --- the device's states ------------------------------------------------------------------ */

static inline void db_offer(void)
{
	db_back_number("max-ring-page-order", db.order);
	db_back_number("feature-max-indirect-segments", 256);
	db_state(XENBUS_INIT_WAIT);
}

static inline void db_connect(void)
{
	struct evtchn_bind_interdomain bind = {
		.remote_dom = DOMID_HV, .remote_port = (uint32_t)db_front("event-channel"),
	};

	db.pages = db_front("ring-page-order") > 0 ? DD_RING_PAGES : 1;
	for (unsigned int i = 0; i < db.pages; i++) {
		char key[24];

		snprintf(key, sizeof(key), "ring-ref%u", i);
		if (db_map(DB_RING_GFN + i,
			   (uint32_t)db_front(db.pages > 1 ? key : "ring-ref"), true,
			   &db.ring_handle[i]) != GNTST_OKAY) {
			host_fatal("the ring can't be mapped");
		}
	}
	if (xg_op(db.v, HC_EVENT_CHANNEL_OP, EVTCHNOP_BIND_INTERDOMAIN, &bind, sizeof(bind)) != 0) {
		host_fatal("the channel can't be bound");
	}
	db.port = bind.local_port;
	db.cons = 0;
	db.rsp = 0;
	db_back_number("sectors", db.sectors);
	db_back_number("sector-size", 512);
	db_back_number("physical-sector-size", 4096);
	db_back_number("info", db.read_only ? BLKIF_INFO_READONLY : 0);
	db_back_number("feature-flush-cache", 1);
	db_back_number("feature-discard", 1);
	db_state(XENBUS_CONNECTED);
}

static inline void db_disconnect(void)
{
	db_purge();
	for (unsigned int i = 0; i < db.pages; i++) {
		(void)db_unmap(DB_RING_GFN + i, db.ring_handle[i]);
	}
	(void)xg_port_op(db.v, EVTCHNOP_CLOSE, db.port);
	db.pages = 0;
}

/* A step of the back end; false if there was nothing to do. */
static inline bool db_step(void)
{
	long front = db_front("state");

	if (db.state != XENBUS_UNKNOWN && front < 0) {
		db.state = XENBUS_UNKNOWN;
	} else if (db.state == XENBUS_UNKNOWN && front == XENBUS_INITIALISING) {
		db_offer();
	} else if (db.state == XENBUS_INIT_WAIT && front == XENBUS_INITIALISED) {
		db_connect();
	} else if (front == XENBUS_CLOSING && db.state < XENBUS_CLOSING) {
		db_state(XENBUS_CLOSING);
	} else if (front == XENBUS_CLOSED && db.state != XENBUS_CLOSED &&
		   db.state != XENBUS_UNKNOWN) {
		db_disconnect();
		db_state(XENBUS_CLOSED);
	} else if (db.state != XENBUS_CONNECTED || db_walk() == 0) {
		return false;
	}
	return true;
}

/* Until nothing is to be done any more. */
static inline void db_run(void)
{
	do {
		host_run();
	} while (db.d != NULL && db_step());
}

/* Booted, its disk reported and connected, if somebody wants it. */
static inline void db_start(void)
{
	db_boot();
	db_report("vda", "fe:0");
	db_run();
}

#endif
