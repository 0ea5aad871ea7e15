/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store. See vm/store.h.
 */
#include "vm/store.h"

#include <bearssl.h>

#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include <arch/cpu.h>

struct store_hash {
	br_sha256_context sha256;
};

void (*store_event)(const struct store_image *s, bool ready);

static struct store_image *images[STORE_MAX];
static uint64_t quota;
static uint64_t used;			/* bytes of frames */
static uint32_t next_id;

/* --- memory -------------------------------------------------------------------- */

static uint64_t frame_bytes(uint64_t size)
{
	return ALIGN_UP(size, PAGE_SIZE);
}

/* The smallest block that holds so many pages. */
static unsigned int order_for(uint64_t pages)
{
	unsigned int order = bit_highest(pages);

	return BIT(order) < pages ? order + 1 : order;
}

/*
 * Give the frames from page `from` to page `to` of an aligned block back, in
 * the largest pieces that are aligned within it.
 */
static void free_pages(uint8_t *block, uint64_t from, uint64_t to)
{
	while (from < to) {
		unsigned int order = from == 0 ? FRAME_ORDER_MAX : bit_lowest(from);

		while (from + BIT(order) > to) {
			order--;
		}
		frame_free(block + (from << PAGE_SHIFT), order);
		from += BIT(order);
	}
}

static uint8_t *pages_get(uint64_t size)
{
	uint64_t pages = frame_bytes(size) >> PAGE_SHIFT;
	unsigned int order = order_for(pages);
	uint8_t *block = frame_alloc(order, 0);

	if (block != NULL) {
		free_pages(block, pages, BIT(order));
		used += frame_bytes(size);
	}
	return block;
}

static void data_free(struct store_image *s)
{
	if (s->data != NULL) {
		free_pages(s->data, 0, frame_bytes(s->size) >> PAGE_SHIFT);
		used -= frame_bytes(s->size);
		s->data = NULL;
	}
	heap_free(s->chunks);
	s->chunks = NULL;
	heap_free(s->hash);
	s->hash = NULL;
}

static void image_free(struct store_image *s)
{
	for (unsigned int i = 0; i < STORE_MAX; i++) {
		if (images[i] == s) {
			images[i] = NULL;
		}
	}
	data_free(s);
	heap_free(s);
}

/* --- look-up --------------------------------------------------------------------- */

struct store_image *store_at(unsigned int place)
{
	return place < STORE_MAX ? images[place] : NULL;
}

struct store_image *store_find(const uint8_t sha256[32])
{
	for (unsigned int i = 0; i < STORE_MAX; i++) {
		if (images[i] != NULL && memcmp(images[i]->sha256, sha256, 32) == 0) {
			return images[i];
		}
	}
	return NULL;
}

struct store_image *store_by_id(uint32_t id)
{
	for (unsigned int i = 0; i < STORE_MAX; i++) {
		if (images[i] != NULL && images[i]->id == id) {
			return images[i];
		}
	}
	return NULL;
}

uint64_t store_quota(void)
{
	return quota;
}

uint64_t store_used(void)
{
	return used;
}

static uint64_t idle_ns(const struct store_image *s)
{
	return arch_now() - atomic_load_explicit(&s->used_ns, memory_order_relaxed);
}

/* --- room -------------------------------------------------------------------------- */

static bool may_go(const struct store_image *s)
{
	if (atomic_load_explicit(&s->users, memory_order_acquire) != 0) {
		return false;
	}
	return s->state == STORE_READY || s->state == STORE_BAD || idle_ns(s) >= STORE_PUSH_NS;
}

/* Drive out the image that was unused the longest. False if none may go. */
static bool drive_out(void)
{
	struct store_image *oldest = NULL;

	for (unsigned int i = 0; i < STORE_MAX; i++) {
		struct store_image *s = images[i];

		if (s != NULL && may_go(s) && (oldest == NULL || idle_ns(s) > idle_ns(oldest))) {
			oldest = s;
		}
	}
	if (oldest == NULL) {
		return false;
	}
	if (store_event != NULL && oldest->state == STORE_READY) {
		store_event(oldest, false);
	}
	image_free(oldest);
	return true;
}

static unsigned int free_place(void)
{
	unsigned int i = 0;

	while (i < STORE_MAX && images[i] != NULL) {
		i++;
	}
	return i;
}

/* Make room in the quota and a place; -ENOSPC. */
static int make_room(uint64_t size, unsigned int *place)
{
	if (frame_bytes(size) > quota) {
		return -ENOSPC;
	}
	while (used + frame_bytes(size) > quota || free_place() == STORE_MAX) {
		if (!drive_out()) {
			return -ENOSPC;
		}
	}
	*place = free_place();
	return 0;
}

/* --- filling ------------------------------------------------------------------------- */

static uint64_t chunk_count(const struct store_image *s)
{
	return (s->size + STORE_CHUNK - 1) / STORE_CHUNK;
}

static int image_new(const uint8_t sha256[32], uint64_t size, const char *name,
		     struct store_image **out)
{
	struct store_image *s = heap_alloc(sizeof(*s));

	if (s == NULL) {
		return -ENOMEM;
	}
	s->size = size;
	memcpy(s->sha256, sha256, sizeof(s->sha256));
	str_copy(s->name, name, sizeof(s->name));
	s->data = pages_get(size);
	s->chunks = heap_alloc(BITMAP_WORDS(chunk_count(s)) * sizeof(uint64_t));
	s->hash = heap_alloc(sizeof(*s->hash));
	if (s->data == NULL || s->chunks == NULL || s->hash == NULL) {
		data_free(s);
		heap_free(s);
		return -ENOMEM;
	}
	br_sha256_init(&s->hash->sha256);
	next_id = next_id == UINT32_MAX ? 1 : next_id + 1;
	s->id = next_id;
	*out = s;
	return 0;
}

int store_begin(const uint8_t sha256[32], uint64_t size, const char *name,
		struct store_image **out)
{
	struct store_image *s = store_find(sha256);
	unsigned int place;
	int err;

	if (size == 0 || size > STORE_SIZE_MAX) {
		return -EINVAL;
	}
	if (s != NULL && s->state == STORE_BAD) {
		image_free(s);
		s = NULL;
	}
	if (s != NULL) {
		*out = s;
		atomic_store_explicit(&s->used_ns, arch_now(), memory_order_relaxed);
		return s->size == size ? 0 : -EINVAL;
	}
	err = make_room(size, &place);
	if (err == 0) {
		err = image_new(sha256, size, name, &s);
	}
	if (err != 0) {
		return err;
	}
	atomic_store_explicit(&s->used_ns, arch_now(), memory_order_relaxed);
	images[place] = s;
	*out = s;
	return 0;
}

uint8_t store_chunk_byte(const struct store_image *s, uint64_t n)
{
	uint64_t words = BITMAP_WORDS(chunk_count(s));
	uint64_t at = n / 64;
	unsigned int shift = n % 64;
	uint64_t bits;

	if (s->state != STORE_PARTIAL || at >= words) {
		return 0;
	}
	bits = s->chunks[at] >> shift;
	if (shift > 56 && at + 1 < words) {
		bits |= s->chunks[at + 1] << (64 - shift);
	}
	return (uint8_t)bits;
}

/* Move `have` over what is there now. */
static void have_update(struct store_image *s)
{
	uint64_t count = chunk_count(s);
	uint64_t n = s->have / STORE_CHUNK;

	while (n < count && bitmap_test(s->chunks, n)) {
		if (n % 64 == 0 && s->chunks[n / 64] == UINT64_MAX) {
			n += 64;
		} else {
			n++;
		}
	}
	s->have = MIN(n * STORE_CHUNK, s->size);
	if (s->have == s->size) {
		heap_free(s->chunks);
		s->chunks = NULL;
		s->state = STORE_CHECKING;
	}
}

int store_write(struct store_image *s, uint64_t offset, const void *data, size_t n)
{
	uint64_t chunk = offset / STORE_CHUNK;

	if (offset % STORE_CHUNK != 0 || offset >= s->size ||
	    n != MIN((uint64_t)STORE_CHUNK, s->size - offset)) {
		return -EINVAL;
	}
	atomic_store_explicit(&s->used_ns, arch_now(), memory_order_relaxed);
	if (s->state != STORE_PARTIAL || bitmap_test(s->chunks, chunk)) {
		return 0;
	}
	memcpy(s->data + offset, data, n);
	bitmap_set(s->chunks, chunk);
	if (offset == s->have) {
		have_update(s);
	}
	return 0;
}

/* All is hashed: is it what it should be? */
static void settle(struct store_image *s)
{
	uint8_t sum[32];
	bool good;

	arch_simd_begin();
	br_sha256_out(&s->hash->sha256, sum);
	arch_simd_end();
	good = memcmp(sum, s->sha256, sizeof(sum)) == 0;
	s->state = good ? STORE_READY : STORE_BAD;
	if (good) {
		heap_free(s->hash);
		s->hash = NULL;
	} else {
		data_free(s);
		s->have = 0;
		s->hashed = 0;
	}
	if (store_event != NULL) {
		store_event(s, good);
	}
}

bool store_step(void)
{
	bool more = false;
	bool done = false;

	for (unsigned int i = 0; i < STORE_MAX; i++) {
		struct store_image *s = images[i];
		size_t n;

		if (s == NULL || s->hash == NULL ||
		    (s->hashed == s->have && s->state == STORE_PARTIAL)) {
			continue;
		}
		if (done) {
			return true;
		}
		n = (size_t)MIN(s->have - s->hashed, (uint64_t)STORE_STEP);
		arch_simd_begin();
		br_sha256_update(&s->hash->sha256, s->data + s->hashed, n);
		arch_simd_end();
		s->hashed += n;
		more = s->hashed < s->have;
		done = true;
		if (!more && s->state == STORE_CHECKING) {
			settle(s);
		}
	}
	return more;
}

/* --- the end of images ------------------------------------------------------------- */

int store_remove(struct store_image *s)
{
	if (atomic_load_explicit(&s->users, memory_order_acquire) != 0) {
		return -EBUSY;
	}
	if (store_event != NULL && s->state == STORE_READY) {
		store_event(s, false);
	}
	image_free(s);
	return 0;
}

bool store_expire(void)
{
	bool any = false;

	for (unsigned int i = 0; i < STORE_MAX; i++) {
		struct store_image *s = images[i];

		if (s == NULL || (s->state != STORE_PARTIAL && s->state != STORE_BAD)) {
			continue;
		}
		if (idle_ns(s) >= STORE_PARTIAL_NS) {
			image_free(s);
		} else {
			any = true;
		}
	}
	return any;
}

int store_get(const uint8_t sha256[32], struct vm_module *m)
{
	struct store_image *s = store_find(sha256);

	if (s == NULL || s->state == STORE_BAD) {
		return -ENOENT;
	}
	if (s->state != STORE_READY) {
		return -EAGAIN;
	}
	atomic_fetch_add_explicit(&s->users, 1, memory_order_relaxed);
	atomic_store_explicit(&s->used_ns, arch_now(), memory_order_relaxed);
	m->data = s->data;
	m->size = s->size;
	m->image = s;
	return 0;
}

void vm_module_put(struct vm_module *m)
{
	if (m->image != NULL) {
		atomic_store_explicit(&m->image->used_ns, arch_now(), memory_order_relaxed);
		/* Release: the last use comes before the memory goes. */
		atomic_fetch_sub_explicit(&m->image->users, 1, memory_order_release);
		m->image = NULL;
	}
}

void store_init(uint64_t bytes)
{
	quota = bytes;
}

void store_stop(void)
{
	for (unsigned int i = 0; i < STORE_MAX; i++) {
		if (images[i] != NULL) {
			image_free(images[i]);
		}
	}
	next_id = 0;
}
