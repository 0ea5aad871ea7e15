/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot bundle: one cpio archive (newc) in memory, read in place.
 *
 * The archive may come from anyone: every field is checked, nothing is
 * copied, names and data are handed out as pointers into it. An archive that
 * ends too early still gives all its whole members.
 *
 * Locking: none; a struct bundle is read-only once open.
 * Source: the "newc" format of cpio(5).
 */
#ifndef VM_BUNDLE_H
#define VM_BUNDLE_H

#include "lib/types.h"

#define BUNDLE_NAME_MAX	255	/* bytes in a member's name, without NUL */

struct bundle {
	const uint8_t *data;
	size_t size;		/* bytes that may be read */
	unsigned int count;	/* members, the incomplete one included */
	bool truncated;		/* the archive ends before its trailer */
	const char *problem;	/* what is wrong, in words; NULL when sound */
};

struct bundle_file {
	const char *name;	/* NUL-terminated, without a leading "./" or "/" */
	const void *data;
	size_t size;		/* as the member's header says */
	bool regular;		/* a regular file */
	bool truncated;		/* not all of `size` bytes are there */
	size_t next;		/* private: where the next header is */
};

/*
 * Check the archive in [data, data + size) and set *b up. 0: usable, though
 * maybe b->truncated; -EINVAL: not a newc archive. b->problem tells why.
 */
MUST_CHECK int bundle_open(struct bundle *b, const void *data, size_t size);

/*
 * Step through the members: start with f->next = 0 (a zeroed *f). true: *f is
 * the next member; false: there are no more.
 */
bool bundle_next(const struct bundle *b, struct bundle_file *f);

/*
 * The first regular file of that name. 0, -ENOENT, or -EIO when the archive
 * was cut in the middle of it.
 */
MUST_CHECK int bundle_find(const struct bundle *b, const char *name,
			   const void **data, size_t *size);

#endif
