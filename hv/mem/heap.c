/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap: slabs of one page for each size class, whole frames above.
 *
 * Every slab page and every large block starts with a header, so that the
 * address of an object tells where it belongs.
 *
 * Under AddressSanitizer only the bytes that were asked for are accessible.
 *
 * Locking: `lock`. Invariants: a slab page is in its class's list if and only
 * if it has a free object; an empty one goes back to the frame allocator.
 */
#include "mem/heap.h"

#include "kern/lock.h"
#include "kern/log.h"
#include "lib/asan.h"
#include "lib/bits.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mem/frame.h"

#define MAGIC_SLAB	0x51ab51abU
#define MAGIC_LARGE	0x1a46e000U
#define LARGE_MAX	MIB(4)

struct header {
	struct list node;
	uint32_t magic;
	uint16_t class;			/* slab: index; large: order */
	uint16_t used;			/* slab: objects given out */
	void *free;			/* slab: chain of free objects */
	uint8_t pad[32];
};

static_assert(sizeof(struct header) == 64, "objects stay aligned");

static const uint16_t class_size[] = { 16, 32, 64, 96, 128, 192, 256, 384, 576, 1008, 2016 };

#define CLASSES ARRAY_SIZE(class_size)

static struct spinlock lock = SPINLOCK_INIT(LOCK_HEAP);
static struct list slabs[CLASSES];
static size_t held;			/* bytes of frames */
static size_t objects;			/* in use */
static bool ready;

static void init_locked(void)
{
	for (size_t i = 0; i < CLASSES; i++) {
		list_init(&slabs[i]);
	}
	ready = true;
}

static struct header *slab_new_locked(unsigned int class)
{
	struct header *h = frame_alloc(0, 0);
	size_t size = class_size[class];

	if (h == NULL) {
		return NULL;
	}
	memset(h, 0, sizeof(*h));
	h->magic = MAGIC_SLAB;
	h->class = (uint16_t)class;
	for (size_t off = sizeof(*h); off + size <= PAGE_SIZE; off += size) {
		void **obj = (void **)(void *)((char *)h + off);

		*obj = h->free;
		h->free = obj;
		asan_poison(obj, size);
	}
	list_push_front(&slabs[class], &h->node);
	held += PAGE_SIZE;
	return h;
}

static void *alloc_small(unsigned int class)
{
	struct header *h = NULL;
	void **obj = NULL;

	spin_lock(&lock);
	if (!ready) {
		init_locked();
	}
	if (!list_empty(&slabs[class])) {
		h = list_entry(slabs[class].next, struct header, node);
	} else {
		h = slab_new_locked(class);
	}
	if (h != NULL) {
		obj = h->free;
		asan_unpoison(obj, sizeof(*obj));
		h->free = *obj;
		asan_poison(obj, sizeof(*obj));
		h->used++;
		objects++;
		if (h->free == NULL) {
			list_remove(&h->node);
		}
	}
	spin_unlock(&lock);
	return obj;
}

static void *alloc_large(size_t size)
{
	unsigned int order = bit_highest(size + sizeof(struct header) - 1) + 1U;
	struct header *h;

	order = order > PAGE_SHIFT ? order - PAGE_SHIFT : 0;
	h = frame_alloc(order, 0);
	if (h == NULL) {
		return NULL;
	}
	memset(h, 0, sizeof(*h));
	h->magic = MAGIC_LARGE;
	h->class = (uint16_t)order;
	spin_lock(&lock);
	held += PAGE_SIZE << order;
	objects++;
	spin_unlock(&lock);
	asan_poison(h + 1, (PAGE_SIZE << order) - sizeof(*h));
	return h + 1;
}

void *heap_alloc(size_t size)
{
	void *p;
	unsigned int class = 0;

	if (size == 0 || size > LARGE_MAX) {
		return NULL;
	}
	while (class < CLASSES && class_size[class] < size) {
		class++;
	}
	p = class < CLASSES ? alloc_small(class) : alloc_large(size);
	if (p != NULL) {
		asan_unpoison(p, size);
		memset(p, 0, size);
	}
	return p;
}

static void free_small(struct header *h, void *p)
{
	spin_lock(&lock);
	if (h->free == NULL) {
		list_push_front(&slabs[h->class], &h->node);
	}
	asan_unpoison(p, sizeof(void *));
	*(void **)p = h->free;
	h->free = p;
	asan_poison(p, class_size[h->class]);
	h->used--;
	objects--;
	if (h->used == 0) {
		list_remove(&h->node);
		held -= PAGE_SIZE;
		h->magic = 0;
	} else {
		h = NULL;
	}
	spin_unlock(&lock);
	if (h != NULL) {
		frame_free(h, 0);
	}
}

void heap_free(void *p)
{
	struct header *h;

	if (p == NULL) {
		return;
	}
	ASSERT(!asan_is_poisoned(p));
	h = (struct header *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);
	if (h->magic == MAGIC_SLAB) {
		free_small(h, p);
	} else if (h->magic == MAGIC_LARGE && p == h + 1) {
		unsigned int order = h->class;

		h->magic = 0;
		spin_lock(&lock);
		held -= PAGE_SIZE << order;
		objects--;
		spin_unlock(&lock);
		frame_free(h, order);
	} else {
		panic("heap_free(%p): not an object of the heap", p);
	}
}

size_t heap_size(void)
{
	return READ_ONCE(held);
}

size_t heap_object_count(void)
{
	return READ_ONCE(objects);
}
