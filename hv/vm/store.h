/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store: kernels and RAM disks that were pushed at run time, kept by
 * their SHA-256, each once however many VMs are made from it.
 *
 * An image comes in chunks in any order; its SHA-256 is made while it comes, in
 * small steps. Only one that is complete and has the right one is ever used. It lies in
 * contiguous frames, so the builder copies it as any other module. What no
 * VM uses is driven out, the longest unused first, when another needs the room.
 *
 * Locking: the caller serialises (it is hv/mgmt's work), but for
 * vm_module_put(), which any context may call.
 * Invariants: the frames of all images together are at most the quota. `data` is
 * constant once the state is STORE_READY.
 */
#ifndef VM_STORE_H
#define VM_STORE_H

#include <stdatomic.h>

#include "lib/types.h"
#include "vm/vmdesc.h"

#define STORE_MAX		64U
#define STORE_CHUNK		1024U
#define STORE_SIZE_MAX		GIB(1)
#define STORE_STEP		KIB(8)		/* hashed in one step */
#define STORE_PUSH_NS		10000000000ULL	/* a push that pauses for less goes on */
#define STORE_PARTIAL_NS	600000000000ULL	/* a partial image is given up after this */

enum store_state { STORE_PARTIAL, STORE_CHECKING, STORE_READY, STORE_BAD };

struct store_hash;

struct store_image {
	uint32_t id;			/* another one for each push; not 0 */
	enum store_state state;
	uint8_t sha256[32];
	char name[VM_MODULE_NAME_MAX];
	uint64_t size;
	uint8_t *data;			/* NULL: bad */
	uint64_t have;			/* bytes from 0 on without a gap */
	uint64_t *chunks;		/* bit n: chunk n is there; while PARTIAL */
	struct store_hash *hash;	/* until it is complete */
	uint64_t hashed;		/* bytes */
	_Atomic uint32_t users;
	_Atomic uint64_t used_ns;	/* its last use */
};

/* Start with a quota in bytes. */
void store_init(uint64_t quota);

/* Free all; for tests, which look for leaks. Nobody uses an image. */
void store_stop(void);

/*
 * The image of that SHA-256 to be filled, or that is there already. -EINVAL: size
 * 0 or above STORE_SIZE_MAX, or the one there has another size; -ENOSPC: the
 * quota, or STORE_MAX; -ENOMEM.
 */
MUST_CHECK int store_begin(const uint8_t sha256[32], uint64_t size, const char *name,
			   struct store_image **out);

/*
 * Put bytes at an offset: a whole chunk, or the last one. What is there already
 * is left as it is. -EINVAL.
 */
MUST_CHECK int store_write(struct store_image *s, uint64_t offset, const void *data, size_t n);

/* By SHA-256, by id, by place (0 .. STORE_MAX - 1); or NULL. */
struct store_image *store_find(const uint8_t sha256[32]);
struct store_image *store_by_id(uint32_t id);
struct store_image *store_at(unsigned int place);

/* Which of chunks n to n + 7 of an image that isn't whole are there: bits 0 to 7. */
uint8_t store_chunk_byte(const struct store_image *s, uint64_t n);

/* Forget an image. -EBUSY: VMs use it. */
MUST_CHECK int store_remove(struct store_image *s);

/*
 * Go on with SHA-256s by one step; true if there is more to do. Calls
 * store_event for an image that becomes READY or BAD.
 */
bool store_step(void);

/* Give up partial images that nobody goes on with. True if partial ones are left. */
bool store_expire(void);

uint64_t store_quota(void);
uint64_t store_used(void);

/* Set by hv/mgmt: an image became READY, or goes (BAD or driven out). */
extern void (*store_event)(const struct store_image *s, bool ready);

/* Have a module refer to a complete image. -ENOENT, -EAGAIN (not complete). */
MUST_CHECK int store_get(const uint8_t sha256[32], struct vm_module *m);

/* Give it back; harmless for a module that isn't from the store. Any context. */
void vm_module_put(struct vm_module *m);

#endif
