/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of an arm64 Linux Image (booting.rst, section 4):
 *
 *	 0  two instructions
 *	 8  text_offset, 64 bits, little endian, as all that follows
 *	16  image_size, 64 bits: memory needed from the load address on
 *	24  flags: bit 0 big endian, bits 1-2 page size, bit 3 anywhere
 *	56  magic
 */
#include "vm/image.h"

#include "lib/string.h"

#define IMAGE_MAGIC	0x644d5241U	/* "ARM\x64" */
#define IMAGE_MAGIC_AT	56U
#define LOAD_ALIGN	MIB(2)
#define MEM_SIZE_MAX	GIB(1)

#define FLAG_BIG_ENDIAN	0x1U
#define FLAG_PAGE_SHIFT	1U
#define FLAG_ANYWHERE	0x8U

/* Kernels before 3.17 have image_size 0 and their text offset is this. */
#define OLD_TEXT_OFFSET	0x80000ULL

static uint64_t get_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0) {
		v = v << 8 | p[bytes];
	}
	return v;
}

static int refuse(struct image_info *out, int err, const char *why)
{
	out->error = why;
	return err;
}

/* Tell a file that people give by mistake from one that means nothing. */
static const char *other_kind(const uint8_t *p, size_t size)
{
	if (size >= 2 && p[0] == 0x1f && p[1] == 0x8b) {
		return "not an arm64 Image: compressed with gzip; unpack it first";
	}
	if (size >= 4 && memcmp(p, "\x7f" "ELF", 4) == 0) {
		return "not an arm64 Image: an ELF file; give arch/arm64/boot/Image";
	}
	if (size >= 8 && memcmp(p, "MZ", 2) == 0 &&
	    memcmp(p + 4, "zimg", 4) == 0) {
		return "not an arm64 Image: an EFI zboot file; unpack it first";
	}
	return "not an arm64 Image (no magic in its header)";
}

/*
 * Where the last section of the PE file ends that a kernel with an EFI stub
 * is, too; 0 if it isn't one. (Microsoft PE/COFF specification, 2 to 4.)
 */
static uint64_t pe_end(const uint8_t *p, size_t size)
{
	uint64_t pe = get_le(p + 60, 4);
	uint64_t table, count, end = 0;

	if (p[0] != 'M' || p[1] != 'Z' || pe > size || size - pe < 24 ||
	    memcmp(p + pe, "PE\0\0", 4) != 0) {
		return 0;
	}
	count = get_le(p + pe + 6, 2);
	table = pe + 24 + get_le(p + pe + 20, 2);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = table + i * 40;

		if (at > size || size - at < 40) {
			return UINT64_MAX;
		}
		end = MAX(end, get_le(p + at + 16, 4) + get_le(p + at + 20, 4));
	}
	return end;
}

int image_check(const void *data, size_t size, struct image_info *out)
{
	const uint8_t *p = data;
	uint64_t flags;

	*out = (struct image_info){ .error = NULL };
	if (data == NULL || size == 0) {
		return refuse(out, -ENOENT, "no kernel");
	}
	if (size < IMAGE_HEADER_SIZE) {
		return refuse(out, -EIO, "the kernel is truncated: "
			      "shorter than an Image header");
	}
	if (get_le(p + IMAGE_MAGIC_AT, 4) != IMAGE_MAGIC) {
		return refuse(out, -EINVAL, other_kind(p, size));
	}
	out->text_offset = get_le(p + 8, 8);
	out->mem_size = get_le(p + 16, 8);
	flags = get_le(p + 24, 8);
	if (flags & FLAG_BIG_ENDIAN) {
		return refuse(out, -EINVAL, "a big-endian kernel can't run here");
	}
	out->anywhere = (flags & FLAG_ANYWHERE) != 0;
	switch ((flags >> FLAG_PAGE_SHIFT) & 3) {
	case 1:
		out->page_size = 4096;
		break;
	case 2:
		out->page_size = 16384;
		break;
	case 3:
		out->page_size = 65536;
		break;
	default:
		break;
	}
	if (out->mem_size == 0) {
		out->text_offset = OLD_TEXT_OFFSET;
		out->mem_size = size;
	}
	if (out->text_offset >= LOAD_ALIGN || out->mem_size > MEM_SIZE_MAX) {
		return refuse(out, -EINVAL, "not an arm64 Image "
			      "(nonsense in its header)");
	}
	if (pe_end(p, size) > size) {
		return refuse(out, -EIO, "the kernel is truncated");
	}
	if (out->mem_size < size) {
		out->mem_size = size;
	}
	return 0;
}
