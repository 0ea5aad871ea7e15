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
 * Locking: `lock`. Zeroing happens outside it.
 */
#include "mem/frame.h"

#include "kern/lock.h"
#include "kern/log.h"
#include "lib/asan.h"
#include "lib/bits.h"
#include "lib/list.h"
#include "lib/string.h"
#include <arch/cpu.h>

#define ORDERS (FRAME_ORDER_MAX + 1)

static struct spinlock lock = SPINLOCK_INIT(LOCK_FRAME);
static struct list free_list[ORDERS];
static uint64_t *free_map[ORDERS];
static uint64_t base_frame;		/* aligned to the largest block */
static uint64_t span;			/* frames from base_frame on */
static uint64_t free_count;
static uint64_t total_count;

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

void *frame_alloc(unsigned int order, unsigned int flags)
{
	unsigned int have = order;
	struct list *block = NULL;
	uint64_t frame;

	if (order > FRAME_ORDER_MAX) {
		return NULL;
	}
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
		asan_unpoison(block, PAGE_SIZE << order);
	}
	spin_unlock(&lock);
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

uint64_t frame_free_count(void)
{
	return READ_ONCE(free_count);
}

uint64_t frame_total_count(void)
{
	return READ_ONCE(total_count);
}
