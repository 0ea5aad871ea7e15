/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcapng blocks.
 */
#include "out/pcapng.h"

#include <string.h>

#define BLOCK_SECTION	0x0a0d0d0aU
#define BLOCK_INTERFACE	1U
#define BLOCK_STATS	5U
#define BLOCK_FRAME	6U
#define LINK_ETHERNET	1
#define BLOCK_MAX	512	/* of blocks that are put together in memory */

/* A block of a few options. */
struct block {
	uint8_t data[BLOCK_MAX];
	size_t len;
};

static void put(struct block *b, const void *p, size_t len)
{
	memcpy(b->data + b->len, p, len);
	b->len += len;
}

static void put16(struct block *b, uint16_t v)
{
	put(b, &v, sizeof(v));
}

static void put32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void put64(struct block *b, uint64_t v)
{
	put(b, &v, sizeof(v));
}

static void put_option(struct block *b, uint16_t code, const void *p,
		       size_t len)
{
	put16(b, code);
	put16(b, (uint16_t)len);
	put(b, p, len);
	while (b->len % 4 != 0) {
		b->data[b->len++] = 0;
	}
}

static void put_text(struct block *b, uint16_t code, const char *text)
{
	put_option(b, code, text, strnlen(text, BLOCK_MAX / 4));
}

static void begin(struct block *b, uint32_t type)
{
	memset(b, 0, sizeof(*b));
	put32(b, type);
	put32(b, 0);			/* the length, in finish() */
}

static void finish(struct block *b, FILE *to)
{
	uint32_t len;

	put32(b, 0);			/* the end of the options */
	len = (uint32_t)b->len + 4;
	put32(b, len);
	memcpy(b->data + 4, &len, sizeof(len));
	fwrite(b->data, 1, b->len, to);
}

void pcapng_begin(FILE *to, const char *application, const char *interface,
		  uint32_t snap)
{
	const uint8_t nanoseconds = 9;
	struct block b;

	begin(&b, BLOCK_SECTION);
	put32(&b, 0x1a2b3c4dU);
	put16(&b, 1);
	put16(&b, 0);
	put64(&b, UINT64_MAX);		/* the section's length: unknown */
	put_text(&b, 4, application);
	finish(&b, to);

	begin(&b, BLOCK_INTERFACE);
	put16(&b, LINK_ETHERNET);
	put16(&b, 0);
	put32(&b, snap);
	put_text(&b, 2, interface);
	put_option(&b, 9, &nanoseconds, 1);
	finish(&b, to);
}

void pcapng_frame(FILE *to, const struct pcapng_frame *f)
{
	static const uint8_t zero[4];
	uint32_t pad = (4 - f->captured % 4) % 4;
	/* Head of 28 bytes, data, option "flags" of 8, end of options, length. */
	uint32_t len = 28 + f->captured + pad + 8 + 4 + 4;
	struct block head = { .len = 0 }, tail = { .len = 0 };

	put32(&head, BLOCK_FRAME);
	put32(&head, len);
	put32(&head, 0);
	put32(&head, (uint32_t)(f->time_ns >> 32));
	put32(&head, (uint32_t)f->time_ns);
	put32(&head, f->captured);
	put32(&head, f->length);
	fwrite(head.data, 1, head.len, to);
	fwrite(f->data, 1, f->captured, to);
	fwrite(zero, 1, pad, to);
	put16(&tail, 2);
	put16(&tail, 4);
	put32(&tail, f->inbound ? 1 : 2);
	put32(&tail, 0);
	put32(&tail, len);
	fwrite(tail.data, 1, tail.len, to);
}

void pcapng_end(FILE *to, uint64_t time_ns, uint64_t received,
		uint64_t dropped)
{
	struct block b;

	begin(&b, BLOCK_STATS);
	put32(&b, 0);
	put32(&b, (uint32_t)(time_ns >> 32));
	put32(&b, (uint32_t)time_ns);
	put_option(&b, 4, &received, sizeof(received));
	put_option(&b, 5, &dropped, sizeof(dropped));
	finish(&b, to);
}
