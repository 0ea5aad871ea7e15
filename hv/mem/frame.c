/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame allocator: binary buddies over the span of all RAM.
 *
 * A bitmap for each order has a bit for each aligned block: set while that
 * block is free as a whole. Free blocks are linked through their own first
 * bytes.
 *
 * Under AddressSanitizer free blocks are poisoned but for their links.
 *
 * A unit (2 MiB) that is zeroed in advance has a bit in `scrubbed`. It is a
 * free block then, or part of one; but for the links at its start it is zero.
 * Any other allocation of it, or in it, takes the bit away.
 *
 * Locking: `lock`. Zeroing happens outside it; a unit that is being zeroed
 * belongs to the CPU that does it, but counts as free.
 */
#include "mem/frame.h"

#include <stdatomic.h>

#include "kern/lock.h"
#include "kern/log.h"
#include "lib/asan.h"
#include "lib/bits.h"
#include "lib/list.h"
#include "lib/string.h"
#include <arch/cpu.h>

#define ORDERS (FRAME_ORDER_MAX + 1)
#define UNIT_SIZE (PAGE_SIZE << FRAME_UNIT_ORDER)
#define SCRUB_PIECE KIB(64)
#define SCRUB_LOOK 64U			/* units looked at in one piece */
/* So much is kept ready: a share of the RAM, but no more than this. */
#define SCRUB_SHARE 8U
#define SCRUB_MAX (GIB(1) / UNIT_SIZE)

static struct spinlock lock = SPINLOCK_INIT(LOCK_FRAME);
static struct list free_list[ORDERS];
static uint64_t *free_map[ORDERS];
static uint64_t base_frame;		/* aligned to the largest block */
static uint64_t span;			/* frames from base_frame on */
static uint64_t free_count;
static uint64_t total_count;

static uint64_t *scrubbed;		/* a bit for each unit of the span */
static uint64_t scrubbed_count;
static uint64_t scrub_total;
/* Of the CPU that set `scrubbing`. */
static _Atomic bool scrubbing;
static uint64_t scrub_next;		/* the unit to look at next */
static uint64_t scrub_looked;		/* in vain, since units were freed; under lock */
static uint8_t *scrub_unit;		/* being zeroed, or NULL .. */
static uint64_t scrub_done;		/* .. and how much of it is */

static uint64_t span_of(hpa_t lowest, hpa_t highest)
{
	uint64_t big = BIT(FRAME_ORDER_MAX + PAGE_SHIFT);

	return (ALIGN_UP(highest.v, big) - ALIGN_DOWN(lowest.v, big)) >> PAGE_SHIFT;
}

size_t frame_bitmap_size(hpa_t lowest, hpa_t highest)
{
	uint64_t frames = span_of(lowest, highest);
	size_t words = 0;

	for (unsigned int order = 0; order < ORDERS; order++) {
		words += BITMAP_WORDS(frames >> order);
	}
	words += BITMAP_WORDS(frames >> FRAME_UNIT_ORDER);
	return words * sizeof(uint64_t);
}

int frame_init(hpa_t lowest, hpa_t highest, void *bitmap_mem, size_t bitmap_size)
{
	uint64_t *map = bitmap_mem;

	if (highest.v <= lowest.v || bitmap_size < frame_bitmap_size(lowest, highest)) {
		return -EINVAL;
	}
	memset(bitmap_mem, 0, bitmap_size);
	span = span_of(lowest, highest);
	base_frame = ALIGN_DOWN(lowest.v, BIT(FRAME_ORDER_MAX + PAGE_SHIFT)) >> PAGE_SHIFT;
	for (unsigned int order = 0; order < ORDERS; order++) {
		list_init(&free_list[order]);
		free_map[order] = map;
		map += BITMAP_WORDS(span >> order);
	}
	scrubbed = map;
	scrubbed_count = 0;
	scrub_next = 0;
	scrub_looked = 0;
	scrub_unit = NULL;
	free_count = 0;
	total_count = 0;
	return 0;
}

static struct list *block_va(uint64_t frame)
{
	return hpa_to_va(HPA((frame + base_frame) << PAGE_SHIFT));
}

static void insert_locked(uint64_t frame, unsigned int order)
{
	asan_unpoison(block_va(frame), sizeof(struct list));
	bitmap_set(free_map[order], frame >> order);
	list_push_front(&free_list[order], block_va(frame));
}

static void free_locked(uint64_t frame, unsigned int order)
{
	free_count += BIT(order);
	asan_poison(block_va(frame), PAGE_SIZE << order);
	while (order < FRAME_ORDER_MAX) {
		uint64_t buddy = frame ^ BIT(order);

		if (!bitmap_test(free_map[order], buddy >> order)) {
			break;
		}
		bitmap_clear(free_map[order], buddy >> order);
		list_remove(block_va(buddy));
		asan_poison(block_va(buddy), sizeof(struct list));
		frame &= ~BIT(order);
		order++;
	}
	insert_locked(frame, order);
	if (order >= FRAME_UNIT_ORDER) {
		scrub_looked = 0;
	}
}

void frame_add(hpa_t start, uint64_t size)
{
	uint64_t frame = (start.v >> PAGE_SHIFT) - base_frame;
	uint64_t end = frame + (size >> PAGE_SHIFT);

	spin_lock(&lock);
	total_count += end - frame;
	while (frame < end) {
		unsigned int order = frame == 0 ? FRAME_ORDER_MAX :
				     MIN(bit_lowest(frame), FRAME_ORDER_MAX);

		while (frame + BIT(order) > end) {
			order--;
		}
		free_locked(frame, order);
		frame += BIT(order);
	}
	spin_unlock(&lock);
}

static uint64_t unit_of(uint64_t frame)
{
	return frame >> FRAME_UNIT_ORDER;
}

/* Take `frame`, a block of order `have`, out of its list, but for a part of it. */
static void carve_locked(uint64_t frame, unsigned int have, uint64_t part, unsigned int order)
{
	bitmap_clear(free_map[have], frame >> have);
	list_remove(block_va(frame));
	while (have > order) {
		have--;
		if (part & BIT(have)) {
			insert_locked(frame, have);
			frame += BIT(have);
		} else {
			insert_locked(frame + BIT(have), have);
		}
	}
	asan_unpoison(block_va(part), PAGE_SIZE << order);
}

/* The order of the free block that has all of a unit; ORDERS: none has. */
static unsigned int unit_order_locked(uint64_t unit)
{
	unsigned int order = FRAME_UNIT_ORDER;
	uint64_t frame = unit << FRAME_UNIT_ORDER;

	while (order < ORDERS && !bitmap_test(free_map[order], frame >> order)) {
		order++;
	}
	return order;
}

/* Take a free unit out. */
static void unit_take_locked(uint64_t unit, unsigned int order)
{
	uint64_t frame = unit << FRAME_UNIT_ORDER;

	carve_locked(frame & ~(BIT(order) - 1), order, frame, FRAME_UNIT_ORDER);
}

/* What is zeroed in advance of a block that is allocated is no more. */
static void scrubbed_forget_locked(uint64_t frame, unsigned int order)
{
	uint64_t last = unit_of(frame + BIT(order) - 1);

	for (uint64_t unit = unit_of(frame); unit <= last && scrubbed_count > 0; unit++) {
		if (bitmap_test(scrubbed, unit)) {
			bitmap_clear(scrubbed, unit);
			scrubbed_count--;
		}
	}
}

/* Give the unit that is being zeroed back; it was never counted as taken. */
static uint64_t scrub_return_locked(void)
{
	uint64_t frame = (va_to_hpa(scrub_unit).v >> PAGE_SHIFT) - base_frame;

	free_count -= BIT(FRAME_UNIT_ORDER);
	free_locked(frame, FRAME_UNIT_ORDER);
	scrub_unit = NULL;
	return frame;
}

/*
 * The same before it is zero, for who finds no memory: a CPU that became busy would
 * keep it for long. False: there is none.
 */
static bool scrub_give_up(void)
{
	bool any;

	/* Who has it now zeroes a piece, holds no lock, and isn't interrupted. */
	while (atomic_exchange_explicit(&scrubbing, true, memory_order_acquire)) {
		arch_relax();
	}
	any = scrub_unit != NULL;
	if (any) {
		spin_lock(&lock);
		scrub_return_locked();
		spin_unlock(&lock);
	}
	atomic_store_explicit(&scrubbing, false, memory_order_release);
	return any;
}

static struct list *block_alloc(unsigned int order)
{
	unsigned int have = order;
	struct list *block = NULL;
	uint64_t frame;

	spin_lock(&lock);
	while (have < ORDERS && list_empty(&free_list[have])) {
		have++;
	}
	if (have < ORDERS) {
		block = list_pop_front(&free_list[have]);
		frame = (va_to_hpa(block).v >> PAGE_SHIFT) - base_frame;
		bitmap_clear(free_map[have], frame >> have);
		while (have > order) {
			have--;
			insert_locked(frame + BIT(have), have);
		}
		free_count -= BIT(order);
		scrubbed_forget_locked(frame, order);
		asan_unpoison(block, PAGE_SIZE << order);
	}
	spin_unlock(&lock);
	return block;
}

void *frame_alloc(unsigned int order, unsigned int flags)
{
	struct list *block;

	if (order > FRAME_ORDER_MAX) {
		return NULL;
	}
	block = block_alloc(order);
	if (block == NULL && scrub_give_up()) {
		block = block_alloc(order);
	}
	if (block != NULL && (flags & FRAME_ZERO)) {
		memset(block, 0, PAGE_SIZE << order);
	}
	return block;
}

void frame_free(void *va, unsigned int order)
{
	uint64_t frame = (va_to_hpa(va).v >> PAGE_SHIFT) - base_frame;

	ASSERT(frame < span && IS_ALIGNED(frame, BIT(order)));
	spin_lock(&lock);
	for (unsigned int o = order; o < ORDERS; o++) {
		ASSERT(!bitmap_test(free_map[o], frame >> o));
	}
	free_locked(frame, order);
	spin_unlock(&lock);
}

void *frame_alloc_unit(void)
{
	uint64_t words = BITMAP_WORDS(unit_of(span));
	void *block = NULL;

	spin_lock(&lock);
	for (uint64_t w = 0; w < words && scrubbed_count > 0; w++) {
		uint64_t unit;

		if (scrubbed[w] == 0) {
			continue;
		}
		unit = w * 64 + bit_lowest(scrubbed[w]);
		bitmap_clear(scrubbed, unit);
		scrubbed_count--;
		unit_take_locked(unit, unit_order_locked(unit));
		free_count -= BIT(FRAME_UNIT_ORDER);
		block = block_va(unit << FRAME_UNIT_ORDER);
		break;
	}
	spin_unlock(&lock);
	if (block != NULL) {
		arch_ram_zero(block, sizeof(struct list));
	}
	return block;
}

/* The next unit to zero, taken out of its list; NULL: there is none hereabouts. */
static void *scrub_find_locked(void)
{
	uint64_t units = unit_of(span);

	for (unsigned int i = 0; i < SCRUB_LOOK; i++) {
		uint64_t unit = scrub_next < units ? scrub_next : 0;
		unsigned int order = unit_order_locked(unit);

		scrub_next = unit + 1;
		scrub_looked++;
		if (order < ORDERS && !bitmap_test(scrubbed, unit)) {
			unit_take_locked(unit, order);
			return block_va(unit << FRAME_UNIT_ORDER);
		}
	}
	return NULL;
}

/* There is enough, or nothing is left to zero. */
static bool scrub_is_done_locked(void)
{
	return scrubbed_count >= SCRUB_MAX || scrub_looked >= unit_of(span) ||
	       scrubbed_count << FRAME_UNIT_ORDER >= total_count / SCRUB_SHARE;
}

static void scrub_finish_locked(void)
{
	bitmap_set(scrubbed, unit_of(scrub_return_locked()));
	scrubbed_count++;
	scrub_total++;
}

bool frame_scrub(void)
{
	bool more;

	/* Acquire and release: what belongs to the CPU that has set it. */
	if (atomic_exchange_explicit(&scrubbing, true, memory_order_acquire)) {
		return false;
	}
	spin_lock(&lock);
	more = scrub_unit != NULL || !scrub_is_done_locked();
	if (scrub_unit == NULL && more) {
		scrub_unit = scrub_find_locked();
		scrub_done = 0;
	}
	spin_unlock(&lock);
	if (scrub_unit != NULL) {
		arch_ram_zero(scrub_unit + scrub_done, SCRUB_PIECE);
		scrub_done += SCRUB_PIECE;
		if (scrub_done == UNIT_SIZE) {
			spin_lock(&lock);
			scrub_finish_locked();
			spin_unlock(&lock);
		}
	}
	atomic_store_explicit(&scrubbing, false, memory_order_release);
	return more;
}

uint64_t frame_scrubbed_count(void)
{
	return READ_ONCE(scrubbed_count);
}

uint64_t frame_scrubbed_total(void)
{
	return READ_ONCE(scrub_total);
}

uint64_t frame_free_count(void)
{
	return READ_ONCE(free_count);
}

uint64_t frame_total_count(void)
{
	return READ_ONCE(total_count);
}
