/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AoE targets: how they are found, asked what they are, lost and found again.
 *
 * A target that isn't up is asked for by broadcast, each second at the longest.
 * Who answers becomes a path. Then it is identified, entered and reserved
 * if that is configured, and the size of its frames is probed. What it was asked is in
 * one slot of tags that requests don't use.
 *
 * Locking: see blk/aoe.h.
 */
#include "blk/aoe.h"

#include <arch/cpu.h>

#include "blk/volume.h"
#include "kern/log.h"
#include "kern/random.h"
#include "lib/bits.h"
#include "lib/bytes.h"
#include "lib/fmt.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mem/heap.h"

struct aoe_port *aoe_port;

static _Atomic(struct aoe_target *) targets[AOE_TARGETS];

static unsigned int table_start(uint16_t shelf, uint8_t slot)
{
	return (shelf * 16U + slot) % AOE_TARGETS;
}

struct aoe_target *aoe_find(uint16_t shelf, uint8_t slot)
{
	unsigned int start = table_start(shelf, slot);

	for (unsigned int i = 0; i < AOE_TARGETS; i++) {
		/* Acquire: pairs with the release in table_add(). */
		struct aoe_target *t = atomic_load_explicit(&targets[(start + i) % AOE_TARGETS],
							    memory_order_acquire);

		if (t != NULL && t->shelf == shelf && t->slot == slot) {
			return t;
		}
	}
	return NULL;
}

/* --- states ---------------------------------------------------------------------- */

/* The next own command begins: answers to older ones don't count any more. */
static void own_clear(struct aoe_target *t)
{
	t->own_waits = false;
	t->own_tries = 0;
	t->own_first = (t->own_gen + 1) & AOE_GEN_MASK;
}

/* True for tags from `first` to `last`, and none if first is last + 1. */
static bool tag_within(uint32_t tag, uint32_t first, uint32_t last)
{
	uint32_t n = ((tag >> AOE_SLOT_BITS) - first) & AOE_GEN_MASK;

	return (tag & (AOE_SLOTS - 1)) == AOE_FRAMES && n < ((last + 1 - first) & AOE_GEN_MASK);
}

static void go_down(struct aoe_target *t, uint64_t now)
{
	t->state = AOE_DOWN;
	own_clear(t);
	t->query_first = t->own_first;
	t->query_gen = t->own_gen;
	t->query_ns = AOE_QUERY_FIRST;
	t->own_when = now;
	aoe_timer_by(t, now);
}

void aoe_down(struct aoe_target *t)
{
	uint64_t now = arch_now();

	t->counts[AOE_OUTAGES]++;
	t->down_since = now;
	if (now >= t->log_when) {
		t->log_when = now + AOE_LOG_NS;
		log_warn("blk", "%s doesn't answer, %u requests wait", t->base.name, t->requests);
	}
	aoe_io_stop(t);
	/* Who is there is found anew. */
	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		t->path[i].used = false;
	}
	aoe_paths_changed(t);
	go_down(t, now);
}

static void own_ask(struct aoe_target *t, enum aoe_state state, unsigned int sectors)
{
	t->state = state;
	t->own_waits = true;
	t->own_sectors = sectors;
	t->own_when = arch_now() + AOE_OWN_NS;
	aoe_timer_by(t, t->own_when);
	switch (state) {
	case AOE_IDENTIFYING:
		aoe_send_own(t, t->own_path, ATA_IDENTIFY, 1);
		break;
	case AOE_MASKING:
		aoe_send_mask(t, t->own_path, true);
		break;
	case AOE_RESERVING:
		aoe_send_reserve(t, t->own_path, true);
		break;
	default:
		aoe_send_own(t, t->own_path, ATA_READ, sectors);
		break;
	}
}

static void next_step(struct aoe_target *t, enum aoe_state state, unsigned int sectors)
{
	own_clear(t);
	own_ask(t, state, sectors);
}

static void go_up(struct aoe_target *t)
{
	uint64_t now = arch_now();
	unsigned int paths = 0;

	own_clear(t);
	t->state = AOE_UP;
	t->heard = now;
	t->read_sectors = t->own_sectors;
	t->write_sectors = MIN(t->write_sectors, t->own_sectors);
	t->own_when = now + AOE_QUERY_UP;
	aoe_timer_by(t, t->own_when);
	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		paths += t->path[i].used;
	}
	if (t->down_since != 0) {
		t->counts[AOE_OUTAGE_MS] += (now - t->down_since) / 1000000;
		if (now >= t->log_when || now - t->down_since >= AOE_LOG_NS) {
			log_notice("blk", "%s is back after %llu ms", t->base.name,
				   (unsigned long long)((now - t->down_since) / 1000000));
		}
		t->down_since = 0;
	} else {
		log_notice("blk", "%s: %llu MiB, %u paths, %u buffers, %u sectors a frame",
			   t->base.name, (unsigned long long)(t->base.info.sectors >> 11), paths,
			   t->buffers, t->own_sectors);
	}
	aoe_io_resume(t);
}

/* After identification: what is configured, then the probe if it's needed. */
static void after_reserve(struct aoe_target *t)
{
	/* The probe reads from the start of the disk. */
	unsigned int sectors = (unsigned int)MIN((uint64_t)t->max_sectors,
						 MAX(t->base.info.sectors, 1ULL));

	if (sectors > AOE_SMALL) {
		next_step(t, AOE_PROBING, sectors);
		return;
	}
	t->own_sectors = sectors;
	go_up(t);
}

static void after_mask(struct aoe_target *t)
{
	if (aoe_port->reserve) {
		next_step(t, AOE_RESERVING, 0);
	} else {
		after_reserve(t);
	}
}

static void after_identify(struct aoe_target *t)
{
	if (aoe_port->mask) {
		next_step(t, AOE_MASKING, 0);
	} else {
		after_mask(t);
	}
}

/* An own command was not answered in time. */
static void own_time_out(struct aoe_target *t, uint64_t now)
{
	t->own_tries++;
	if (t->state == AOE_PROBING && t->own_tries >= AOE_PROBE_TRIES) {
		t->counts[AOE_SHRUNK]++;
		t->max_sectors = MAX(t->own_sectors / 2, AOE_SMALL);
		after_reserve(t);
	} else if (t->own_tries >= AOE_OWN_TRIES) {
		go_down(t, now);
	} else {
		own_ask(t, t->state, t->own_sectors);
	}
}

static void query(struct aoe_target *t, uint64_t now)
{
	if (t->state == AOE_UP) {
		own_clear(t);
		t->query_first = t->own_first;
	}
	aoe_send_query(t);
	t->query_gen = t->own_gen;
	if (t->state == AOE_UP) {
		t->own_when = now + AOE_QUERY_UP;
		return;
	}
	t->own_when = now + t->query_ns;
	t->query_ns = MIN(t->query_ns * 2, AOE_QUERY_MAX);
}

/* --- time -------------------------------------------------------------------------- */

static void timer_locked(struct aoe_target *t)
{
	uint64_t now = arch_now();
	uint64_t next;

	if (t->gone) {
		return;
	}
	t->timer_when = UINT64_MAX;
	next = aoe_io_timer(t, now);
	if (t->state == AOE_UP && aoe_io_waits(t)) {
		uint64_t silent = MAX(t->heard, t->silent_since);

		if (now >= silent + AOE_DOWN_NS) {
			aoe_down(t);
		} else {
			next = MIN(next, silent + AOE_DOWN_NS);
		}
	}
	if (!t->closing && now >= t->own_when) {
		if (t->own_waits) {
			own_time_out(t, now);
		} else {
			query(t, now);
		}
	}
	if (t->state != AOE_UP && aoe_io_expire(t, now)) {
		next = MIN(next, now + AOE_QUERY_MAX);
	}
	if (!t->closing) {
		next = MIN(next, t->own_when);
	}
	if (next != UINT64_MAX) {
		aoe_timer_by(t, next);
	}
}

static void target_freed(struct blk_target *b)
{
	heap_free(container_of(b, struct aoe_target, base));
}

/* The last user left: gone as soon as no copy of a write is alive. */
static void close_if_idle_locked(struct aoe_target *t)
{
	unsigned int start = table_start(t->shelf, t->slot);

	if (!t->closing || t->gone || !aoe_io_idle(t)) {
		return;
	}
	t->gone = true;
	for (unsigned int i = 0; i < AOE_TARGETS; i++) {
		_Atomic(struct aoe_target *) *at = &targets[(start + i) % AOE_TARGETS];

		if (atomic_load_explicit(at, memory_order_relaxed) == t) {
			atomic_store_explicit(at, NULL, memory_order_release);
			timer_cancel(&t->timer);
			blk_target_retire(&t->base, target_freed);
			return;
		}
	}
}

static void timer_fn(struct timer *timer)
{
	struct aoe_target *t = container_of(timer, struct aoe_target, timer);
	bool closing;

	spin_lock(&t->base.lock);
	timer_locked(t);
	closing = t->closing;
	spin_unlock(&t->base.lock);
	if (closing) {
		spin_lock(&blk_config_lock);
		spin_lock(&t->base.lock);
		close_if_idle_locked(t);
		spin_unlock(&t->base.lock);
		spin_unlock(&blk_config_lock);
	}
}

/* --- answers ------------------------------------------------------------------------- */

void aoe_paths_changed(struct aoe_target *t)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		if (t->path[i].used) {
			t->only_path = &t->path[i];
			count++;
		}
	}
	if (count != 1) {
		t->only_path = NULL;
	}
}

static struct aoe_path *path_add(struct aoe_target *t, const uint8_t *mac)
{
	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		struct aoe_path *p = &t->path[i];

		if (!p->used) {
			memset(p, 0, sizeof(*p));
			p->used = true;
			memcpy(p->mac, mac, sizeof(p->mac));
			list_init(&p->sent);
			p->reorder = AOE_REORDER_MIN;
			p->window = AOE_WINDOW_FIRST;
			p->threshold = AOE_BUFFERS_MAX;
			aoe_path_prepare(t, p);
			aoe_paths_changed(t);
			return p;
		}
	}
	return NULL;
}

/* A path that failed makes room for a new one, which asks again. */
static void path_forget_dead(struct aoe_target *t)
{
	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		struct aoe_path *p = &t->path[i];

		if (p->used && list_empty(&p->sent) && p->failures >= AOE_PATH_DEAD) {
			p->used = false;
			aoe_paths_changed(t);
			return;
		}
	}
}

void aoe_config_answer(struct aoe_target *t, const struct aoe_answer *a)
{
	const uint8_t *h = a->head;
	struct aoe_path *p = a->path;
	unsigned int sectors = h[AOE_AT_MAXSECT];

	/* Answers to queries of this machine only. */
	if (a->error || !tag_within(a->tag, t->query_first, t->query_gen)) {
		t->counts[AOE_STALE]++;
		return;
	}
	if (p == NULL) {
		p = path_add(t, h + 6);
		if (p == NULL) {
			path_forget_dead(t);
			return;
		}
		log_info("blk", "%s is at %02x:%02x:%02x:%02x:%02x:%02x", t->base.name, h[6], h[7],
			 h[8], h[9], h[10], h[11]);
	}
	aoe_heard(t, p, arch_now());
	if (t->state == AOE_UP) {
		/* Its size may have changed. */
		t->own_sectors = 1;
		aoe_send_own(t, p, ATA_IDENTIFY, 1);
	}
	if (t->state != AOE_DOWN) {
		return;
	}
	t->buffers = MIN(MAX((unsigned int)get_be16(h + AOE_AT_BUFFERS), 1U), AOE_BUFFERS_MAX);
	sectors = sectors == 0 ? AOE_SMALL : sectors;
	t->max_sectors = MIN(sectors, aoe_port->mtu_sectors);
	t->own_path = p;
	next_step(t, AOE_IDENTIFYING, 1);
}

/* A word of the answer to IDENTIFY DEVICE. */
static uint64_t word(const struct aoe_target *t, unsigned int n)
{
	return t->own_data[2 * n] | (uint64_t)t->own_data[2 * n + 1] << 8;
}

static bool info_same(const struct blk_info *a, const struct blk_info *b)
{
	return a->known == b->known && a->sectors == b->sectors && a->flush == b->flush &&
	       a->physical_size == b->physical_size;
}

static void identity_copy(struct aoe_target *t, const struct aoe_answer *a)
{
	struct frame_cursor data = aoe_data(a);

	frame_copy(&data, t->own_data, sizeof(t->own_data));
}

/* What the ATA device says that it is (ATA8-ACS, 7.16). */
static void identify_take(struct aoe_target *t)
{
	struct blk_info i = { .known = true, .sector_size = BLK_SECTOR };
	uint64_t w106 = word(t, 106);

	if ((word(t, 83) & 1U << 10) != 0) {
		i.sectors = word(t, 100) | word(t, 101) << 16 | word(t, 102) << 32 |
			    word(t, 103) << 48;
	} else {
		i.sectors = word(t, 60) | word(t, 61) << 16;
	}
	/* LBA48, and nothing that a guest's arithmetic could overflow by. */
	i.sectors = MIN(i.sectors, 1ULL << 48);
	i.flush = (word(t, 83) & 3U << 12) != 0;
	i.physical_size = BLK_SECTOR;
	if ((w106 & 0xe000) == 0x6000 && (w106 & 0xf) <= 3) {
		i.physical_size <<= w106 & 0xf;
	}
	if (info_same(&i, &t->base.info)) {
		return;
	}
	if (t->base.info.known && i.sectors != t->base.info.sectors) {
		log_notice("blk", "%s has %llu sectors now, it had %llu", t->base.name,
			   (unsigned long long)i.sectors,
			   (unsigned long long)t->base.info.sectors);
	}
	t->base.info = i;
	blk_target_changed(&t->base);
}

static bool own_answer_good(const struct aoe_target *t, const struct aoe_answer *a,
			    enum aoe_command command)
{
	if (command == AOE_RESERVE) {
		return t->state == AOE_RESERVING && !a->error;
	}
	if (command == AOE_MASK) {
		return t->state == AOE_MASKING && !a->error &&
		       a->head[AOE_AT_MASK_ERROR] == 0;
	}
	return command == AOE_ATA && !a->error && a->f->head_len >= AOE_DATA &&
	       (a->head[AOE_AT_ATA] & (ATA_STATUS_ERR | ATA_STATUS_DF | ATA_STATUS_BSY)) == 0 &&
	       a->data_len >= t->own_sectors << BLK_SECTOR_SHIFT;
}

void aoe_own_answer(struct aoe_target *t, const struct aoe_answer *a, enum aoe_command command)
{
	if ((!t->own_waits && t->state != AOE_UP) ||
	    !tag_within(a->tag, t->own_first, t->own_gen)) {
		t->counts[AOE_STALE]++;
		return;
	}
	aoe_heard(t, a->path, arch_now());
	if (!own_answer_good(t, a, command)) {
		t->counts[AOE_TARGET_ERRORS]++;
		if ((t->state == AOE_RESERVING || t->state == AOE_MASKING) &&
		    arch_now() >= t->log_when) {
			t->log_when = arch_now() + AOE_LOG_NS;
			log_warn("blk", t->state == AOE_RESERVING ?
				 "%s can't be reserved, another machine has it" :
				 "%s doesn't take this machine into its MAC mask",
				 t->base.name);
		}
		/* Tried again when its time is out. */
		return;
	}
	switch (t->state) {
	case AOE_IDENTIFYING:
		identity_copy(t, a);
		t->read_sectors = t->max_sectors;
		t->write_sectors = t->max_sectors;
		identify_take(t);
		after_identify(t);
		break;
	case AOE_MASKING:
		after_mask(t);
		break;
	case AOE_RESERVING:
		after_reserve(t);
		break;
	case AOE_PROBING:
		go_up(t);
		break;
	case AOE_UP:
		identity_copy(t, a);
		identify_take(t);
		break;
	case AOE_DOWN:
		break;
	}
}

/* --- life ----------------------------------------------------------------------------- */

static void aoe_release(struct blk_target *b)
{
	struct aoe_target *t = container_of(b, struct aoe_target, base);

	spin_lock(&b->lock);
	if (aoe_port->reserve && t->state == AOE_UP) {
		aoe_send_reserve(t, t->own_path, false);
	}
	if (aoe_port->mask && t->state == AOE_UP) {
		aoe_send_mask(t, t->own_path, false);
	}
	t->closing = true;
	t->state = AOE_DOWN;
	close_if_idle_locked(t);
	spin_unlock(&b->lock);
}

static bool aoe_counter(struct blk_target *b, unsigned int n, const char **name, uint64_t *value)
{
	static const char *const names[AOE_COUNTERS] = {
		[AOE_SENT] = "sent", [AOE_RESENT] = "resent", [AOE_FAST] = "resent_fast",
		[AOE_TIMEOUTS] = "timeouts", [AOE_SPURIOUS] = "resent_in_vain",
		[AOE_ANSWERS] = "answers", [AOE_DUPLICATES] = "duplicates", [AOE_LATE] = "late",
		[AOE_STALE] = "stale", [AOE_MALFORMED] = "malformed",
		[AOE_TARGET_ERRORS] = "target_errors", [AOE_UNSENT] = "unsent",
		[AOE_OVERLAPS] = "overlaps", [AOE_DRAINED] = "drained", [AOE_SHRUNK] = "shrunk",
		[AOE_OUTAGES] = "outages", [AOE_OUTAGE_MS] = "outage_ms",
	};
	struct aoe_target *t = container_of(b, struct aoe_target, base);

	if (n >= AOE_COUNTERS) {
		return false;
	}
	*name = names[n];
	*value = READ_ONCE(t->counts[n]);
	return true;
}

static const struct blk_target_ops aoe_ops = {
	.submit = aoe_submit,
	.cancel = aoe_cancel,
	.pump = aoe_pump,
	.release = aoe_release,
	.counter = aoe_counter,
};

/* "1.2" */
static int parse_address(const char *s, uint16_t *shelf, uint8_t *slot)
{
	const char *dot = strchr(s, '.');
	uint64_t a, b;

	if (dot == NULL || parse_u64(s, (size_t)(dot - s), AOE_ALL_SHELVES - 1, &a) != 0 ||
	    parse_u64(dot + 1, strlen(dot + 1), AOE_ALL_SLOTS - 1, &b) != 0) {
		return -EINVAL;
	}
	*shelf = (uint16_t)a;
	*slot = (uint8_t)b;
	return 0;
}

static int table_add(struct aoe_target *t)
{
	unsigned int start = table_start(t->shelf, t->slot);

	for (unsigned int i = 0; i < AOE_TARGETS; i++) {
		_Atomic(struct aoe_target *) *at = &targets[(start + i) % AOE_TARGETS];

		if (atomic_load_explicit(at, memory_order_relaxed) == NULL) {
			/* Release: who finds it finds it complete. */
			atomic_store_explicit(at, t, memory_order_release);
			return 0;
		}
	}
	return -ENOSPC;
}

static int target_create(uint16_t shelf, uint8_t slot, struct aoe_target **out)
{
	struct aoe_target *t = heap_alloc(sizeof(*t));
	char name[BLK_NAME_MAX];
	int err;

	if (t == NULL) {
		return -ENOMEM;
	}
	fmt_buf(name, sizeof(name), "aoe:%u.%u", shelf, slot);
	blk_target_init(&t->base, &aoe_ops, name);
	t->shelf = shelf;
	t->slot = slot;
	t->timer_when = UINT64_MAX;
	timer_init(&t->timer, timer_fn);
	aoe_io_init(t);
	/* Tags of an earlier boot are not expected by chance. */
	t->own_gen = (uint32_t)random_u64() & AOE_GEN_MASK;
	for (unsigned int i = 0; i < AOE_FRAMES; i++) {
		t->frame[i].gen = (t->own_gen + i * 8191) & AOE_GEN_MASK;
	}
	err = table_add(t);
	if (err != 0) {
		heap_free(t);
		return err;
	}
	*out = t;
	return 0;
}

/* Under blk_config_lock. */
static int aoe_open(const char *rest, struct blk_target **out)
{
	struct aoe_target *t;
	uint16_t shelf;
	uint8_t slot;
	int err = parse_address(rest, &shelf, &slot);

	if (err == 0 && aoe_port == NULL) {
		err = -ENODEV;
	}
	if (err != 0) {
		return err;
	}
	t = aoe_find(shelf, slot);
	if (t == NULL) {
		err = target_create(shelf, slot, &t);
		if (err != 0) {
			return err;
		}
	}
	if (t->base.refs == 0) {
		spin_lock(&t->base.lock);
		t->closing = false;
		go_down(t, arch_now());
		spin_unlock(&t->base.lock);
	}
	*out = &t->base;
	return 0;
}

static struct blk_target_kind aoe_kind = {
	.prefix = "aoe:",
	.open = aoe_open,
};

/* A locally administered address that no other machine has by chance. */
static void make_mac(uint8_t mac[6])
{
	uint64_t r = random_u64();

	for (unsigned int i = 0; i < 6; i++) {
		mac[i] = (uint8_t)(r >> (8 * i));
	}
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

int aoe_init(const struct vm_storage_config *config)
{
	static struct aoe_port port;
	struct net_port_config pc = { .vlan = config->vlan, .spoof_check = true };
	int err;

	memcpy(pc.mac, config->mac, sizeof(pc.mac));
	if (!config->has_mac) {
		make_mac(pc.mac);
	}
	err = port_init(&port.port, "storage", &pc, &aoe_port_ops);
	if (err != 0) {
		return err;
	}
	port.port.queue_count = NET_QUEUE_MAX;
	port.mtu_sectors = MIN((config->mtu - AOE_OVERHEAD) >> BLK_SECTOR_SHIFT, 127U);
	port.reserve = config->reserve;
	port.mask = config->mask;
	aoe_port = &port;
	err = switch_attach(&port.port);
	if (err != 0) {
		aoe_port = NULL;
		return err;
	}
	blk_kind_register(&aoe_kind);
	log_notice("blk", "storage network: VLAN %u, MTU %u", config->vlan, config->mtu);
	return 0;
}
