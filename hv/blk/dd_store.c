/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices of driver domains' disks in XenStore: the part of a toolstack and of a
 * front end (io/xenbus.h, io/blkif.h).
 *
 *   /local/domain/<domid>/data/disk		how many disks it reported
 *   /local/domain/<domid>/data/disk/<name>	what it says of one
 *   /local/domain/<domid>/backend/vbd/0/<devid>	owned by the domain
 *   /local/domain/0/device/vbd/<devid>		readable for it
 *
 * What the domain writes is taken as any guest's: read once, checked, used.
 *
 * Locking: the store's, inside. Called by a target's step.
 */
#include "blk/dd.h"

#include "kern/log.h"
#include "lib/fmt.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "xenstore/xenbus.h"
#include "xenstore/xenstore.h"

#define PATH_LEN	160U
#define TRIES		16U
#define SECTORS_MAX	(1ULL << 48)	/* nothing that a guest's arithmetic overflows by */

static void front_path(const struct dd_target *t, char *path, const char *key)
{
	fmt_buf(path, PATH_LEN, "/local/domain/0/device/vbd/%u/%s", t->devid, key);
}

static void back_path(const struct dd_target *t, char *path, const char *key)
{
	fmt_buf(path, PATH_LEN, "/local/domain/%u/backend/vbd/0/%u/%s", t->domid, t->devid, key);
}

static void disk_path(const struct dd_target *t, char *path, const char *key)
{
	fmt_buf(path, PATH_LEN, "/local/domain/%u/data/disk/%s/%s", t->domid, t->disk, key);
}

static int read_number(const char *path, uint64_t max, uint64_t *out)
{
	char text[24];
	int err = xs_read(NULL, path, text, sizeof(text), NULL);

	return err != 0 ? err : parse_u64(text, strlen(text), max, out);
}

/* The back end's key as a number; `otherwise` if it isn't there or none. */
static uint64_t back_number(const struct dd_target *t, const char *key, uint64_t max,
			    uint64_t otherwise)
{
	char path[PATH_LEN];
	uint64_t v;

	back_path(t, path, key);
	return read_number(path, max, &v) == 0 ? v : otherwise;
}

/* --- what the driver domain reports ------------------------------------------------ */

/* "fe:0": two hexadecimal numbers. */
static bool is_device_number(const char *s)
{
	unsigned int colons = 0;

	for (size_t i = 0; s[i] != '\0'; i++) {
		bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

		colons += s[i] == ':';
		if (!hex && (s[i] != ':' || i == 0 || s[i + 1] == '\0')) {
			return false;
		}
	}
	return colons == 1;
}

int dd_store_disk(const struct dd_target *t, struct dd_device *out)
{
	char path[PATH_LEN];
	uint64_t read_only;
	int err;

	disk_path(t, path, "device");
	err = xs_read(NULL, path, out->number, sizeof(out->number), NULL);
	if (err == 0 && !is_device_number(out->number)) {
		err = -EINVAL;
	}
	disk_path(t, path, "read-only");
	out->read_only = read_number(path, 1, &read_only) == 0 && read_only != 0;
	return err;
}

bool dd_store_complete(const struct dd_target *t)
{
	char path[PATH_LEN];
	uint64_t v;

	fmt_buf(path, sizeof(path), "/local/domain/%u/data/disk", t->domid);
	return read_number(path, UINT32_MAX, &v) == 0;
}

/* One watch's function at a time does it all: the other watch only has it called. */
static void disks_changed(void *ctx)
{
	struct dd_target *t = ctx;

	xs_watch_trigger(t->state_watch);
}

int dd_store_watch(struct dd_target *t, void (*step)(void *ctx))
{
	char path[PATH_LEN];
	int err = 0;

	if (t->state_watch == NULL) {
		back_path(t, path, "state");
		err = xs_watch_add(path, step, t, &t->state_watch);
	}
	if (err == 0 && t->disk_watch == NULL) {
		fmt_buf(path, sizeof(path), "/local/domain/%u/data/disk", t->domid);
		err = xs_watch_add(path, disks_changed, t, &t->disk_watch);
	}
	return err;
}

/* --- the directories ----------------------------------------------------------------- */

static int dir_make(struct xs_txn *x, const char *path, unsigned int owner, unsigned int reader)
{
	const struct xs_perm perms[] = {
		XS_PERM(owner, XSP_NONE), XS_PERM(reader, XSP_READ),
	};
	int err = xs_rm(x, path);

	if (err == 0 || err == -ENOENT) {
		err = xs_mkdir(x, path);
	}
	return err != 0 ? err : xs_set_perms(x, path, perms, ARRAY_SIZE(perms));
}

/* Write keys below `dir`; the list ends with a NULL key. */
static int keys_write(struct xs_txn *x, const char *dir, const struct xenbus_key *keys)
{
	int err = 0;

	for (; err == 0 && keys->key != NULL; keys++) {
		char path[PATH_LEN];

		fmt_buf(path, sizeof(path), "%s/%s", dir, keys->key);
		err = xs_write(x, path, keys->value, strlen(keys->value));
	}
	return err;
}

static int make_locked(const struct dd_target *t, const struct dd_device *dev, struct xs_txn *x)
{
	char front[PATH_LEN], back[PATH_LEN], domid[12], devid[12];
	const struct xenbus_key front_keys[] = {
		{ "backend", back }, { "backend-id", domid }, { "virtual-device", devid },
		{ "device-type", "disk" }, { "protocol", "arm-abi" },
		{ "feature-persistent", "1" }, { "state", "1" }, { NULL, NULL },
	};
	const struct xenbus_key back_keys[] = {
		{ "frontend", front }, { "frontend-id", "0" }, { "online", "1" },
		{ "physical-device", dev->number }, { "dev", t->disk }, { "type", "phy" },
		{ "mode", dev->read_only ? "r" : "w" }, { "state", "1" }, { NULL, NULL },
	};
	int err;

	front_path(t, front, "");
	front[strlen(front) - 1] = '\0';
	back_path(t, back, "");
	back[strlen(back) - 1] = '\0';
	fmt_buf(domid, sizeof(domid), "%u", t->domid);
	fmt_buf(devid, sizeof(devid), "%u", t->devid);
	err = dir_make(x, front, 0, t->domid);
	if (err == 0) {
		err = keys_write(x, front, front_keys);
	}
	if (err == 0) {
		err = dir_make(x, back, t->domid, 0);
	}
	return err != 0 ? err : keys_write(x, back, back_keys);
}

int dd_store_make(const struct dd_target *t, const struct dd_device *dev)
{
	int err = -EAGAIN;

	for (unsigned int i = 0; err == -EAGAIN && i < TRIES; i++) {
		struct xs_txn *x;

		err = xs_txn_start(&x);
		if (err != 0) {
			break;
		}
		err = make_locked(t, dev, x);
		if (err == 0) {
			err = xs_txn_commit(x);
		} else {
			xs_txn_abort(x);
		}
	}
	return err;
}

/* A directory; what is gone with the domain already is fine. */
static void dir_remove(char *path)
{
	path[strlen(path) - 1] = '\0';
	if (xs_rm(NULL, path) == -ENOMEM) {
		log_error("blk", "%s can't be removed: no memory", path);
	}
}

void dd_store_remove(const struct dd_target *t)
{
	char path[PATH_LEN];

	front_path(t, path, "");
	dir_remove(path);
	back_path(t, path, "");
	dir_remove(path);
}

/* --- states and keys ------------------------------------------------------------------- */

unsigned int dd_store_state(const struct dd_target *t)
{
	return (unsigned int)back_number(t, "state", XENBUS_RECONFIGURED, XENBUS_UNKNOWN);
}

static int front_number(const struct dd_target *t, const char *key, uint32_t value)
{
	char path[PATH_LEN];

	front_path(t, path, key);
	return xs_printf(NULL, path, "%u", value);
}

int dd_store_set_state(const struct dd_target *t, unsigned int state)
{
	return front_number(t, "state", state);
}

int dd_store_offline(const struct dd_target *t)
{
	char path[PATH_LEN];

	back_path(t, path, "online");
	return xs_printf(NULL, path, "0");
}

int dd_store_offer(struct dd_target *t)
{
	char key[16];
	int err;

	/* Requests of up to BLK_PIECES_MAX pieces go as one. */
	if (back_number(t, "feature-max-indirect-segments", UINT32_MAX, 0) < BLK_PIECES_MAX) {
		return -ENOSYS;
	}
	t->order = back_number(t, "max-ring-page-order", UINT32_MAX, 0) > 0 ? 1 : 0;
	err = front_number(t, "event-channel", t->offer);
	if (err == 0 && t->order == 0) {
		return front_number(t, "ring-ref", hv_grants_ref(t->grants, 0));
	}
	if (err == 0) {
		err = front_number(t, "ring-page-order", t->order);
	}
	for (unsigned int i = 0; err == 0 && i < 1U << t->order; i++) {
		fmt_buf(key, sizeof(key), "ring-ref%u", i);
		err = front_number(t, key, hv_grants_ref(t->grants, i));
	}
	return err;
}

static uint32_t back_size(const struct dd_target *t, const char *key, uint32_t otherwise)
{
	return (uint32_t)back_number(t, key, UINT32_MAX, otherwise);
}

int dd_store_info(const struct dd_target *t, struct blk_info *out)
{
	struct blk_info i = { .known = true };

	i.sectors = back_number(t, "sectors", SECTORS_MAX, 0);
	i.sector_size = back_size(t, "sector-size", 0);
	i.physical_size = back_size(t, "physical-sector-size", i.sector_size);
	i.read_only = (back_number(t, "info", UINT32_MAX, 0) & BLKIF_INFO_READONLY) != 0;
	i.flush = back_number(t, "feature-flush-cache", 1, 0) != 0;
	i.discard = back_number(t, "feature-discard", 1, 0) != 0;
	i.discard_granularity = back_size(t, "discard-granularity", i.sector_size);
	if (i.sectors == 0 || i.sector_size < BLK_SECTOR || i.sector_size > PAGE_SIZE ||
	    (i.sector_size & (i.sector_size - 1)) != 0 || i.physical_size < i.sector_size) {
		return -EINVAL;
	}
	*out = i;
	return 0;
}
