/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blocks: writes numbered blocks to a disk or a file and says which of them
 * were flushed, for tests that cut the power.
 *
 *   blocks write PATH SLOTS FIRST   write rounds of blocks from number FIRST on, for ever
 *   blocks check PATH SLOTS         what is there: "slot SLOT NUMBER", or "slot SLOT torn"
 *
 * Block n is in slot n % SLOTS, 4096 bytes: a magic word, n, and words that both
 * determine. A round is up to ROUND blocks, written out of order, and one
 * fsync(); then "flushed N": all blocks up to N were.
 *
 * Locking: none, one thread.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	BLOCK = 4096,
	WORDS = BLOCK / 8,
	ROUND = 32,
};

static const uint64_t magic = 0x6b636f6c6276634dULL;
static uint64_t block[WORDS] __attribute__((aligned(BLOCK)));

static uint64_t word(uint64_t n, size_t i)
{
	uint64_t x = n * 0x9e3779b97f4a7c15ULL + i;

	x ^= x >> 29;
	return x * 0xbf58476d1ce4e5b9ULL;
}

static void block_fill(uint64_t n)
{
	block[0] = magic;
	block[1] = n;
	for (size_t i = 2; i < WORDS; i++) {
		block[i] = word(n, i);
	}
}

/* Is all of the block what belongs to its number? */
static int block_whole(void)
{
	for (size_t i = 2; i < WORDS; i++) {
		if (block[i] != word(block[1], i)) {
			return 0;
		}
	}
	return block[0] == magic;
}

static int block_empty(void)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (block[i] != 0) {
			return 0;
		}
	}
	return 1;
}

static int write_rounds(int fd, uint64_t slots, uint64_t next)
{
	for (uint64_t round = 1;; round++) {
		uint64_t count = word(round, next) % ROUND + 1;

		for (uint64_t i = 0; i < count; i++) {
			/* The last one first: the disk sees no order. */
			uint64_t n = next + count - 1 - i;

			block_fill(n);
			if (pwrite(fd, block, BLOCK, (off_t)(n % slots * BLOCK)) != BLOCK) {
				perror("blocks: write");
				return 1;
			}
		}
		next += count;
		if (fsync(fd)) {
			perror("blocks: fsync");
			return 1;
		}
		printf("flushed %" PRIu64 "\n", next - 1);
		fflush(stdout);
	}
}

static int check(int fd, uint64_t slots)
{
	for (uint64_t slot = 0; slot < slots; slot++) {
		if (pread(fd, block, BLOCK, (off_t)(slot * BLOCK)) != BLOCK) {
			break;		/* a file that didn't grow so far */
		}
		if (block_whole()) {
			printf("slot %" PRIu64 " %" PRIu64 "\n", slot, block[1]);
		} else if (!block_empty()) {
			printf("slot %" PRIu64 " torn\n", slot);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int writes = argc == 5 && !strcmp(argv[1], "write");
	int fd;

	if (!writes && (argc != 4 || strcmp(argv[1], "check"))) {
		fprintf(stderr, "usage: blocks write PATH SLOTS FIRST | check PATH SLOTS\n");
		return 2;
	}
	fd = open(argv[2], writes ? O_RDWR | O_CREAT : O_RDONLY, 0644);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	if (writes) {
		return write_rounds(fd, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	}
	return check(fd, strtoull(argv[3], NULL, 10));
}
