/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of cpio archives in the "newc" format. See bundle.h.
 *
 * A member is a header of 110 characters, its name with a NUL, its data; name
 * and data are padded so that the next part starts at a multiple of four.
 */
#include "vm/bundle.h"

#include "lib/bits.h"
#include "lib/string.h"

#define NEWC_HEADER	110U
#define NEWC_MODE	14U	/* offsets of the fields, 8 hex digits each */
#define NEWC_FILESIZE	54U
#define NEWC_NAMESIZE	94U

#define MODE_TYPE	0170000U
#define MODE_REGULAR	0100000U

/* A name may be padded with NULs, to bring the data to a page's start. */
#define NAME_FIELD_MAX	(BUNDLE_NAME_MAX + 1U + 4096U)

enum member { MEMBER_OK, MEMBER_END, MEMBER_CUT, MEMBER_BAD };

static bool hex8(const uint8_t *p, uint32_t *out)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < 8; i++) {
		uint8_t c = p[i];

		v <<= 4;
		if (c >= '0' && c <= '9') {
			v |= (uint32_t)(c - '0');
		} else if (c >= 'a' && c <= 'f') {
			v |= (uint32_t)(c - 'a' + 10);
		} else if (c >= 'A' && c <= 'F') {
			v |= (uint32_t)(c - 'A' + 10);
		} else {
			return false;
		}
	}
	*out = v;
	return true;
}

static const char *clean_name(const char *name)
{
	for (;;) {
		if (name[0] == '/') {
			name++;
		} else if (name[0] == '.' && name[1] == '/') {
			name += 2;
		} else {
			return name;
		}
	}
}

/* The member whose header is at `at`; *f is set only for MEMBER_OK. */
static enum member member_at(const struct bundle *b, size_t at,
			     struct bundle_file *f)
{
	const uint8_t *h;
	uint32_t mode, size, name_size;
	size_t left, data_at;
	const char *name;

	if (at >= b->size || b->size - at < NEWC_HEADER) {
		return MEMBER_CUT;
	}
	h = b->data + at;
	if (memcmp(h, "070701", 6) != 0 && memcmp(h, "070702", 6) != 0) {
		return MEMBER_BAD;
	}
	if (!hex8(h + NEWC_MODE, &mode) || !hex8(h + NEWC_FILESIZE, &size) ||
	    !hex8(h + NEWC_NAMESIZE, &name_size) ||
	    name_size == 0 || name_size > NAME_FIELD_MAX) {
		return MEMBER_BAD;
	}
	left = b->size - at - NEWC_HEADER;
	if (name_size > left) {
		return MEMBER_CUT;
	}
	name = (const char *)h + NEWC_HEADER;
	if (strnlen(name, name_size) > BUNDLE_NAME_MAX ||
	    name[name_size - 1] != '\0') {
		return MEMBER_BAD;
	}
	if (strcmp(name, "TRAILER!!!") == 0) {
		return MEMBER_END;
	}
	data_at = MIN(ALIGN_UP(at + NEWC_HEADER + name_size, 4), b->size);
	left = b->size - data_at;
	f->name = clean_name(name);
	f->data = b->data + data_at;
	f->size = size;
	f->regular = (mode & MODE_TYPE) == MODE_REGULAR;
	f->truncated = size > left;
	f->next = f->truncated ? b->size :
		MIN(ALIGN_UP(data_at + size, 4), b->size);
	return MEMBER_OK;
}

static const char *not_newc(const uint8_t *p, size_t size)
{
	if (size == 0) {
		return "it is empty";
	}
	if (size >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		return "it is compressed; give the plain archive";
	}
	if (size >= 6 && memcmp(p, "070707", 6) == 0) {
		return "it is a cpio archive of the old format; use newc";
	}
	return "it isn't a cpio archive (newc)";
}

int bundle_open(struct bundle *b, const void *data, size_t size)
{
	struct bundle_file f = { .next = 0 };
	enum member m;

	*b = (struct bundle){ .data = data, .size = size };
	if (data == NULL || size < 6 ||
	    (memcmp(data, "070701", 6) != 0 &&
	     memcmp(data, "070702", 6) != 0)) {
		b->problem = not_newc(data, data == NULL ? 0 : size);
		return -EINVAL;
	}
	while ((m = member_at(b, f.next, &f)) == MEMBER_OK) {
		b->count++;
		if (f.truncated) {
			m = MEMBER_CUT;
			break;
		}
	}
	if (m == MEMBER_CUT) {
		b->truncated = true;
		b->problem = "it is truncated";
	} else if (m == MEMBER_BAD) {
		b->truncated = true;
		b->problem = "a member's header is damaged; "
			     "what follows can't be read";
	}
	return 0;
}

bool bundle_next(const struct bundle *b, struct bundle_file *f)
{
	return member_at(b, f->next, f) == MEMBER_OK;
}

int bundle_find(const struct bundle *b, const char *name, const void **data,
		size_t *size)
{
	struct bundle_file f = { .next = 0 };

	name = clean_name(name);
	while (bundle_next(b, &f)) {
		if (!f.regular || strcmp(f.name, name) != 0) {
			continue;
		}
		if (f.truncated) {
			return -EIO;
		}
		*data = f.data;
		*size = f.size;
		return 0;
	}
	return -ENOENT;
}
