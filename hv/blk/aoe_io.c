/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AoE: requests cut into frames, and the frames' way to their answers.
 *
 * Loss is found in two ways: copies sent later on the same path were answered, or
 * time ran out. Each path has a window of frames in flight that grows with
 * answers and is halved by losses, and an estimate of the round trip (Jacobson's).
 *
 * Locking: all under the target's lock.
 */
#include "blk/aoe.h"

#include "blk/volume.h"
#include "lib/bits.h"
#include "lib/list.h"
#include "lib/string.h"

#define CUT_LOOKS	8U	/* requests that wait for a lock and are passed over */

static struct aoe_target *aoe_of(struct blk_target *t)
{
	return container_of(t, struct aoe_target, base);
}

void aoe_io_init(struct aoe_target *t)
{
	list_init(&t->cutting);
	list_init(&t->waiting);
	list_init(&t->free);
	list_init(&t->retry);
	list_init(&t->drain);
	list_init(&t->writes);
	for (unsigned int i = 0; i < AOE_FRAMES; i++) {
		t->frame[i].slot = (uint16_t)i;
		list_init(&t->frame[i].write_node);
		list_push_back(&t->free, &t->frame[i].node);
	}
}

static uint32_t tag_of(const struct aoe_frame *f)
{
	return f->gen << AOE_SLOT_BITS | f->slot;
}

/* --- frames ---------------------------------------------------------------------- */

/* `f` is in no list of frames. */
static void frame_rest(struct aoe_target *t, struct aoe_frame *f)
{
	f->state = AOE_FREE;
	f->r = NULL;
	/* The slot that rested longest is used next. */
	list_push_back(&t->free, &f->node);
}

static void frame_free(struct aoe_target *t, struct aoe_frame *f)
{
	list_remove(&f->node);
	list_remove(&f->write_node);
	frame_rest(t, f);
}

/* Out of its list; it's nowhere then. */
static void frame_take_back(struct aoe_target *t, struct aoe_frame *f)
{
	if (f->state == AOE_IN_FLIGHT) {
		f->path->inflight--;
		t->inflight--;
	}
	list_remove(&f->node);
}

/* Copies of a write may be alive, or the network makes some itself. */
static NOINLINE void frame_drain(struct aoe_target *t, struct aoe_frame *f)
{
	f->state = AOE_DRAINING;
	f->until = f->answers == f->copies ? arch_now() + AOE_DUP_NS : f->sent + AOE_DRAIN_NS;
	list_push_back(&t->drain, &f->node);
	aoe_timer_by(t, f->until);
}

/*
 * Nobody waits for the frame any more. Its range stays locked while copies of
 * a write may be alive, and a little if the network makes copies itself.
 */
static void frame_end(struct aoe_target *t, struct aoe_frame *f, uint64_t now)
{
	frame_take_back(t, f);
	f->r = NULL;
	if (!list_empty(&f->write_node)) {
		if (f->answers != f->copies || now < t->dup_until) {
			frame_drain(t, f);
			return;
		}
		list_remove(&f->write_node);
	}
	frame_rest(t, f);
}

static void frame_retry(struct aoe_target *t, struct aoe_frame *f)
{
	frame_take_back(t, f);
	f->state = AOE_RETRY;
	list_push_back(&t->retry, &f->node);
}

static bool overlaps(const struct aoe_frame *f, uint64_t lba, uint64_t sectors)
{
	return f->lba < lba + sectors && lba < f->lba + f->sectors;
}

static bool is_locked(const struct aoe_target *t, uint64_t lba, uint64_t sectors)
{
	const struct aoe_frame *f;

	list_for_each(f, &t->writes, write_node) {
		if (overlaps(f, lba, sectors)) {
			return true;
		}
	}
	return false;
}

/* --- requests ------------------------------------------------------------------------ */

int aoe_submit(struct blk_target *target, struct blk_request *r)
{
	struct aoe_target *t = aoe_of(target);

	if (t->requests == AOE_REQUESTS) {
		return -EAGAIN;
	}
	t->requests++;
	if (t->clear == r) {
		t->clear = NULL;
	}
	list_push_back(&t->cutting, &r->node);
	return 0;
}

static void request_finish(struct aoe_target *t, struct blk_request *r, int status)
{
	list_remove(&r->node);
	t->requests--;
	blk_target_finish(&t->base, r, status);
}

/* A part was answered, or failed; the last one ends the request. */
static void request_part_done(struct aoe_target *t, struct blk_request *r, int error)
{
	if (error != 0 && r->at.error == 0) {
		r->at.error = error;
		/* What was not cut is not sent. */
		if (r->at.sectors < r->sectors) {
			r->at.sectors = r->sectors;
			list_remove(&r->node);
			list_push_back(&t->waiting, &r->node);
		}
	}
	r->at.parts--;
	if (r->at.parts == 0 && r->at.sectors == r->sectors) {
		request_finish(t, r, r->at.error);
	}
}

void aoe_cancel(struct blk_target *target, struct blk_request *r, int status)
{
	struct aoe_target *t = aoe_of(target);
	uint64_t now = arch_now();

	for (unsigned int i = 0; r->at.parts > 0 && i < AOE_FRAMES; i++) {
		if (t->frame[i].r == r) {
			r->at.parts--;
			frame_end(t, &t->frame[i], now);
		}
	}
	request_finish(t, r, status);
}

/* A place in a request's pieces. */
struct place {
	unsigned int piece;
	unsigned int offset;
};

/* Move `at` on by `bytes`, over so many pieces at most; the bytes that it was moved. */
static uint32_t advance(const struct blk_request *r, struct place *at, uint32_t bytes,
			unsigned int pieces)
{
	uint32_t left = bytes;

	while (left > 0 && pieces > 0 && at->piece < r->piece_count) {
		uint32_t room = r->piece[at->piece].len - at->offset;

		if (left < room) {
			at->offset += left;
			return bytes;
		}
		left -= room;
		at->piece++;
		at->offset = 0;
		pieces--;
	}
	return bytes - left;
}

/* What the next frame of `r` takes at `at`, in sectors: limited by size and by pieces. */
static unsigned int cut_size(const struct aoe_target *t, const struct blk_request *r,
			     struct place *at)
{
	unsigned int limit = r->op == BLK_WRITE ? t->write_sectors : t->read_sectors;
	uint64_t left = r->sectors - r->at.sectors;

	if (r->op == BLK_FLUSH) {
		return 0;
	}
	return advance(r, at, (uint32_t)MIN(left, (uint64_t)limit) << BLK_SECTOR_SHIFT,
		       AOE_PIECES) >> BLK_SECTOR_SHIFT;
}

static struct aoe_frame *frame_new(struct aoe_target *t, struct blk_request *r,
				   unsigned int sectors)
{
	struct aoe_frame *f = list_entry(list_pop_front(&t->free), struct aoe_frame, node);

	f->r = r;
	f->state = AOE_RETRY;
	f->command = r->op == BLK_READ ? ATA_READ : r->op == BLK_WRITE ? ATA_WRITE : ATA_FLUSH;
	f->lba = r->op == BLK_FLUSH ? 0 : r->sector + r->at.sectors;
	f->sectors = sectors;
	f->chunk = sectors;
	f->piece = r->at.piece;
	f->offset = r->at.offset;
	f->first = (f->gen + 1) & AOE_GEN_MASK;
	f->done = 0;
	f->chunk_copy = 0;
	f->copies = 0;
	f->answers = 0;
	f->answered = 0;
	f->tries = 0;
	f->alone = 0;
	if (r->op == BLK_WRITE) {
		list_push_back(&t->writes, &f->write_node);
	}
	return f;
}

/*
 * May the next `sectors` of `r` be written? If all that is left of it may, that holds until
 * another request's frames lock theirs.
 */
static bool may_write(struct aoe_target *t, const struct blk_request *r, unsigned int sectors)
{
	uint64_t lba = r->sector + r->at.sectors;

	if (t->clear == r) {
		return true;
	}
	t->clear = is_locked(t, lba, r->sectors - r->at.sectors) ? NULL : r;
	return t->clear == r || !is_locked(t, lba, sectors);
}

/* Cut the next frame of `r`; NULL if its sectors are locked. */
static struct aoe_frame *cut_one(struct aoe_target *t, struct blk_request *r)
{
	struct place at = { r->at.piece, r->at.offset };
	unsigned int sectors = cut_size(t, r, &at);
	struct aoe_frame *f;

	if (r->op == BLK_WRITE && !may_write(t, r, sectors)) {
		t->counts[AOE_OVERLAPS]++;
		return NULL;
	}
	f = frame_new(t, r, sectors);
	r->at.sectors += sectors;
	r->at.parts++;
	r->at.piece = at.piece;
	r->at.offset = at.offset;
	if (r->at.sectors == r->sectors) {
		list_remove(&r->node);
		list_push_back(&t->waiting, &r->node);
	}
	return f;
}

/* The next frame to send for the first time, or NULL. */
static struct aoe_frame *cut(struct aoe_target *t)
{
	struct blk_request *r, *next;
	unsigned int looks = 0;

	if (list_empty(&t->free)) {
		return NULL;
	}
	list_for_each_safe(r, next, &t->cutting, node) {
		struct aoe_frame *f = cut_one(t, r);

		if (f != NULL) {
			return f;
		}
		if (++looks == CUT_LOOKS) {
			break;
		}
	}
	return NULL;
}

/* --- windows and times --------------------------------------------------------------- */

/* Who takes longer is late. */
static uint64_t path_usual(const struct aoe_path *p)
{
	if (p->srtt == 0) {
		return AOE_RTO_FIRST;
	}
	return p->srtt + MIN(MAX(4 * p->rttvar, p->srtt / 2), p->srtt * AOE_SLACK / 4);
}

static uint64_t path_rto(const struct aoe_path *p)
{
	uint64_t late = MAX(p->late[0], p->late[1]);

	return MIN(MAX(MAX(path_usual(p), late + late / 4), AOE_RTO_MIN), AOE_RTO_MAX);
}

/* `rto` is that of its path. */
static uint64_t frame_deadline(const struct aoe_frame *f, uint64_t rto)
{
	return f->sent + (likely(f->tries == 0) ? rto :
			  MIN(rto << MIN(f->tries, 12U), AOE_RTO_MAX));
}

static void path_measure(struct aoe_path *p, uint64_t rtt)
{
	rtt = MAX(rtt, 1ULL);
	if (p->srtt == 0) {
		p->srtt = rtt;
		p->rttvar = rtt / 2;
	} else {
		uint64_t error = rtt > p->srtt ? rtt - p->srtt : p->srtt - rtt;

		p->rttvar += error / 4;
		p->rttvar -= p->rttvar / 4;
		p->srtt += rtt / 8;
		p->srtt -= p->srtt / 8;
	}
}

static void path_grow(struct aoe_target *t, struct aoe_path *p)
{
	if (p->window >= t->buffers) {
		return;
	}
	if (p->window < p->threshold) {
		p->window++;
	} else if (++p->acks >= p->window) {
		p->acks = 0;
		p->window++;
	}
}

/* A frame was lost on `p`: once for all that were in flight with it. */
static void path_lost(struct aoe_path *p, const struct aoe_frame *f)
{
	if ((int32_t)(f->seq - p->recover) < 0) {
		return;
	}
	p->recover = p->seq;
	p->threshold = MAX(p->window / 2, 2U);
	p->window = f->tries > 1 ? 1 : p->threshold;
	p->acks = 0;
}

static void path_late(struct aoe_path *p, uint64_t ns)
{
	p->late[0] = MAX(p->late[0], MIN(ns, p->srtt * AOE_LONGEST));
}

/* A copy was sent in vain, an answer took `ns`: be slower to think that one is lost. */
static void path_too_fast(struct aoe_target *t, struct aoe_path *p, uint64_t ns)
{
	t->counts[AOE_SPURIOUS]++;
	path_late(p, ns);
	p->reorder = MIN(p->reorder * 2, AOE_REORDER_MAX);
	p->clean = 0;
}

/*
 * The answer to the only copy, or to the latest. While late ones come again and again
 * they are waited for; when they stay away they are forgotten.
 */
static void path_clean(struct aoe_path *p, uint64_t rtt)
{
	if (rtt > path_usual(p)) {
		path_late(p, rtt);
	}
	if (++p->late_age >= AOE_LATE_ANSWERS) {
		p->late_age = 0;
		p->late[1] = p->late[0];
		p->late[0] = 0;
	}
	if (++p->clean < 256) {
		return;
	}
	p->clean = 0;
	p->reorder = MAX(p->reorder - 1, AOE_REORDER_MIN);
}

static bool path_is_alive(const struct aoe_path *p)
{
	return p->used && p->failures < AOE_PATH_DEAD;
}

/*
 * A path with room for a frame, in turn: not `avoid` if there is another, and a
 * dead one only if all are.
 */
static struct aoe_path *path_choose(struct aoe_target *t, const struct aoe_path *avoid)
{
	struct aoe_path *second = NULL;		/* alive, and to be avoided */
	struct aoe_path *dead = NULL;
	bool alive = false;

	if (t->inflight >= t->buffers) {
		return NULL;
	}
	if (likely(t->only_path != NULL)) {
		return t->only_path->inflight < t->only_path->window || t->only_path->ask ?
		       t->only_path : NULL;
	}
	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		struct aoe_path *p = &t->path[(t->path_next + i) % AOE_PATHS];
		bool has_room = p->inflight < p->window || p->ask;

		if (!p->used) {
			continue;
		}
		if (!path_is_alive(p)) {
			if (has_room && (dead == NULL || dead == avoid)) {
				dead = p;
			}
			continue;
		}
		alive = true;
		if (has_room && p != avoid) {
			return p;
		}
		second = has_room ? p : second;
	}
	return alive ? second : dead;
}

/* --- sending ---------------------------------------------------------------------------- */

/* Frames that are sent together. */
struct burst {
	struct net_batch batch;
	uint64_t now;
	const struct aoe_path *path;	/* whose .. */
	uint64_t rto;			/* .. time-out this is */
};

static void transmit(struct aoe_target *t, struct burst *u, struct aoe_frame *f,
		     struct aoe_path *p)
{
	if (u->path != p) {
		u->path = p;
		u->rto = path_rto(p);
	}
	if (f->copies == 0 && t->inflight == 0 && list_empty(&t->retry)) {
		t->silent_since = u->now;
	}
	f->gen = (f->gen + 1) & AOE_GEN_MASK;
	t->counts[AOE_RESENT] += f->copies > 0;
	f->copies++;
	f->path = p;
	if (t->only_path == NULL) {
		t->path_next = (unsigned int)(p - t->path) + 1;
	}
	p->ask = false;
	f->seq = p->seq++;
	f->sent = u->now;
	if (f->copies == f->chunk_copy + 1) {
		f->sent_first = u->now;
	}
	f->state = AOE_IN_FLIGHT;
	list_remove(&f->node);
	list_push_back(&p->sent, &f->node);
	p->inflight++;
	t->inflight++;
	aoe_send_frame(t, &u->batch, f, p, tag_of(f));
	aoe_timer_by(t, frame_deadline(f, u->rto));
}

bool aoe_pump(struct blk_target *target)
{
	struct aoe_target *t = aoe_of(target);
	struct burst u;
	unsigned int n;

	if (t->state != AOE_UP || (list_empty(&t->cutting) && list_empty(&t->retry))) {
		return false;
	}
	u.now = arch_now();
	u.path = NULL;
	aoe_batch_begin(&u.batch, t);
	for (n = 0; n < AOE_BUDGET; n++) {
		struct aoe_frame *f = NULL;
		struct aoe_path *p;

		if (!list_empty(&t->retry)) {
			f = list_entry(t->retry.next, struct aoe_frame, node);
		}
		p = path_choose(t, f != NULL ? f->path : NULL);
		if (p == NULL) {
			break;
		}
		if (f == NULL) {
			f = cut(t);
		}
		if (f == NULL) {
			break;
		}
		transmit(t, &u, f, p);
	}
	switch_flush(&u.batch);
	return n == AOE_BUDGET;
}

/* --- answers ------------------------------------------------------------------------------ */

/* Copies sent before on the same path, of which later ones were answered. */
static void find_overtaken(struct aoe_target *t, struct aoe_path *p)
{
	while (!list_empty(&p->sent)) {
		struct aoe_frame *f = list_entry(p->sent.next, struct aoe_frame, node);

		if ((int32_t)(p->answered - f->seq) < (int32_t)p->reorder) {
			break;
		}
		path_lost(p, f);
		t->counts[AOE_FAST]++;
		frame_retry(t, f);
	}
}

/* Which copy an answer is for, counted; false if it's for none that counts. */
static bool note_copy(struct aoe_target *t, struct aoe_frame *f, const struct aoe_answer *a,
		      unsigned int *copy)
{
	unsigned int n = ((a->tag >> AOE_SLOT_BITS) - f->first) & AOE_GEN_MASK;
	bool is_write = (a->head[AOE_AT_AFLAGS] & AOE_AF_WRITE) != 0;

	if (f->state == AOE_FREE || n >= f->copies) {
		t->counts[AOE_STALE]++;
	} else if (n < 64 && (f->answered >> n & 1) != 0) {
		t->counts[AOE_DUPLICATES]++;
	} else {
		if (n < 64) {
			f->answered |= 1ULL << n;
			f->answers++;
		}
		*copy = n;
		return true;
	}
	if (is_write) {
		/* The network makes copies: expect them of writes, too. */
		t->dup_until = arch_now() + AOE_DUP_MEMORY;
	}
	return false;
}

/* The answer's data into the guest's pages. */
static void take_data(struct aoe_frame *f, const struct aoe_answer *a)
{
	const struct grant_piece *p = &f->r->piece[f->piece];
	uint32_t left = f->chunk << BLK_SECTOR_SHIFT;
	uint32_t skip = f->offset;
	struct frame_cursor data = aoe_data(a);

	for (; left > 0; p++) {
		uint32_t len = MIN(left, (uint32_t)p->len - skip);

		frame_copy(&data, (uint8_t *)p->page + p->offset + skip, len);
		left -= len;
		skip = 0;
	}
}

/*
 * 0, -EIO: the target reports an error, or -EINVAL: the answer isn't what it
 * should be, as if it had not come.
 */
static int check_answer(struct aoe_target *t, const struct aoe_frame *f,
			const struct aoe_answer *a)
{
	uint8_t status = a->head[AOE_AT_ATA];

	if (a->error || (status & (ATA_STATUS_ERR | ATA_STATUS_DF)) != 0) {
		t->counts[AOE_TARGET_ERRORS]++;
		return -EIO;
	}
	if ((status & ATA_STATUS_BSY) != 0 ||
	    (f->command == ATA_READ && a->data_len < f->chunk << BLK_SECTOR_SHIFT)) {
		t->counts[AOE_MALFORMED]++;
		return -EINVAL;
	}
	return 0;
}

/* A chunk is there: the next one, or the frame is done. */
static void chunk_done(struct aoe_target *t, struct aoe_frame *f, int error, uint64_t now)
{
	struct blk_request *r = f->r;

	f->done += f->chunk;
	if (error == 0 && f->done < f->sectors) {
		struct place at = { f->piece, f->offset };

		(void)advance(r, &at, f->chunk << BLK_SECTOR_SHIFT, AOE_PIECES);
		f->piece = at.piece;
		f->offset = at.offset;
		f->chunk = MIN(f->chunk, f->sectors - f->done);
		f->chunk_copy = f->copies;
		f->tries = 0;
		frame_retry(t, f);
		return;
	}
	frame_end(t, f, now);
	request_part_done(t, r, error);
}

/* What the answer says about its path. */
static void learn(struct aoe_target *t, struct aoe_frame *f, unsigned int copy, uint64_t now)
{
	struct aoe_path *p = f->path;

	if (copy != f->copies - 1) {
		/* None that is sent again would tell that the way has become that long. */
		if (copy == f->chunk_copy && now - f->sent_first > p->srtt * AOE_LONGEST) {
			path_measure(p, now - f->sent_first);
		}
		path_too_fast(t, p, now - f->sent_first);
		return;
	}
	path_clean(p, now - f->sent);
	path_measure(p, now - f->sent);
	path_grow(t, p);
	if ((int32_t)(f->seq - p->answered) > 0) {
		p->answered = f->seq;
	}
}

void aoe_ata_answer(struct aoe_target *t, struct aoe_frame *f, const struct aoe_answer *a)
{
	struct aoe_path *p = f->path;
	/* Another CPU may have sent it after the batch began. */
	uint64_t now = MAX(a->now, f->sent);
	unsigned int copy;
	int error;

	t->counts[AOE_ANSWERS]++;
	if (a->f->head_len < AOE_DATA) {
		t->counts[AOE_MALFORMED]++;
		return;
	}
	aoe_heard(t, a->path, now);
	if (!note_copy(t, f, a, &copy)) {
		return;
	}
	if (f->state == AOE_DRAINING) {
		t->counts[AOE_LATE]++;
		if (f->answers == f->copies && now >= t->dup_until) {
			frame_free(t, f);
		}
		return;
	}
	learn(t, f, copy, now);
	if (copy < f->chunk_copy) {
		return;
	}
	error = check_answer(t, f, a);
	if (error == -EINVAL) {
		return;
	}
	if (error == 0 && f->command == ATA_READ) {
		take_data(f, a);
	}
	chunk_done(t, f, error, now);
	find_overtaken(t, p);
}

/* --- time --------------------------------------------------------------------------------- */

/*
 * Lost again and again while others are answered: it's too large for
 * something on the way. It goes on in smaller parts, and so do new frames.
 */
static void shrink(struct aoe_target *t, struct aoe_frame *f)
{
	unsigned int *limit = f->command == ATA_WRITE ? &t->write_sectors : &t->read_sectors;

	t->counts[AOE_SHRUNK]++;
	f->alone = 0;
	f->chunk = MAX(f->chunk / 2, AOE_SMALL);
	f->chunk_copy = f->copies;
	*limit = MIN(*limit, f->chunk);
}

static void time_out(struct aoe_target *t, struct aoe_frame *f)
{
	t->counts[AOE_TIMEOUTS]++;
	f->tries++;
	f->path->failures++;
	if (t->heard > f->sent) {
		f->alone++;
	}
	path_lost(f->path, f);
	if (f->alone >= AOE_ALONE_MAX && f->chunk > AOE_SMALL) {
		shrink(t, f);
	}
	frame_retry(t, f);
}

static uint64_t time_outs(struct aoe_target *t, struct aoe_path *p, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	uint64_t rto = path_rto(p);
	struct aoe_frame *f, *after;

	list_for_each_safe(f, after, &p->sent, node) {
		uint64_t deadline = MAX(frame_deadline(f, rto), p->hold);

		if (deadline > now) {
			next = MIN(next, deadline);
			if (f->tries == 0) {
				/* All behind it were sent later. */
				break;
			}
			continue;
		}
		time_out(t, f);
		work_queue(&t->base.work);
		if (now - t->heard >= p->srtt) {
			/*
			 * Nothing is answered at all: it's busy rather than that all are
			 * lost. This one asks; if it's answered the others are overtaken.
			 */
			p->hold = now + MIN(rto << MIN(p->failures - 1, 12U),
					    AOE_RTO_MAX);
			p->ask = true;
		}
	}
	return next;
}

static uint64_t drain(struct aoe_target *t, uint64_t now)
{
	uint64_t next = UINT64_MAX;
	struct aoe_frame *f, *after;

	list_for_each_safe(f, after, &t->drain, node) {
		/* A target that was only stopped may still have it. */
		uint64_t until = f->until + (t->heard > f->sent ? 0 : AOE_STOPPED_NS);

		if (until > now) {
			next = MIN(next, until);
			continue;
		}
		t->counts[AOE_DRAINED] += f->copies - f->answers;
		frame_free(t, f);
		work_queue(&t->base.work);
	}
	return next;
}

uint64_t aoe_io_timer(struct aoe_target *t, uint64_t now)
{
	uint64_t next = drain(t, now);

	for (unsigned int i = 0; i < AOE_PATHS && t->state == AOE_UP; i++) {
		if (t->path[i].used) {
			next = MIN(next, time_outs(t, &t->path[i], now));
		}
	}
	return next;
}

void aoe_io_stop(struct aoe_target *t)
{
	for (unsigned int i = 0; i < AOE_PATHS; i++) {
		struct aoe_path *p = &t->path[i];

		while (p->used && !list_empty(&p->sent)) {
			frame_retry(t, list_entry(p->sent.next, struct aoe_frame, node));
		}
	}
}

void aoe_io_resume(struct aoe_target *t)
{
	struct aoe_frame *f;

	list_for_each(f, &t->retry, node) {
		f->tries = 0;
		/* It answers, and yet did not answer these. */
		f->alone += AOE_ALONE_MAX / 3;
		if (f->alone >= AOE_ALONE_MAX && f->chunk > AOE_SMALL) {
			shrink(t, f);
		}
	}
	t->silent_since = arch_now();
	work_queue(&t->base.work);
}

static bool expire_list(struct aoe_target *t, struct list *list, uint64_t now)
{
	struct blk_request *r, *next;
	bool left = false;

	list_for_each_safe(r, next, list, node) {
		uint64_t limit = r->volume->config.outage_ns;

		if (limit == 0) {
			continue;
		}
		if (now - r->start >= limit) {
			r->volume->stats.expired++;
			aoe_cancel(&t->base, r, -EIO);
		} else {
			left = true;
		}
	}
	return left;
}

bool aoe_io_expire(struct aoe_target *t, uint64_t now)
{
	bool left = expire_list(t, &t->cutting, now);

	left |= expire_list(t, &t->waiting, now);
	return blk_target_expire(&t->base) || left;
}
