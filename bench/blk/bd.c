/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bd: the traffic tool of the disk benchmark, one static program.
 *
 *   bd DEVICE read|write random|sequence SIZE DEPTH COUNT
 *
 * DEPTH requests of SIZE bytes are in flight by Linux AIO, past the page cache
 * (O_DIRECT), until COUNT were done: each round submits all that are free by one
 * call, and collects all that are done by another. An eighth as many, and DEPTH,
 * go before, unmeasured. Only the device's first GiB is used, and overwritten.
 * The random places are the same in each run.
 *
 * The result is a line "key=value ...". The no-ops "movz xzr, #0xa011" and
 * "#0xa012" are around the measured part, for bench/insn-split.c.
 *
 * Workload and numbers equal those with which the systems named in
 * docs/performance.md were measured.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef __aarch64__
#define MARK(nn) __asm__ volatile("movz xzr, #0xa0" #nn : : : "memory")
#else
#define MARK(nn) do { } while (0)
#endif

enum {
	DEPTH_MAX = 64,
	SIZE_MAX_BYTES = 1 << 20,
	COUNT_MAX = 1 << 24,
	AREA = 1 << 30,
};

static aio_context_t context;
static struct iocb slots[DEPTH_MAX];
static struct iocb *idle[DEPTH_MAX];	/* the first idle_count may be submitted */
static size_t idle_count;
static bool is_random;
static uint64_t places, size, next_place;
static unsigned long failed;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "bd: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t number(const char *text, uint64_t limit)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*end || end == text || value == 0 || value > limit) {
		fprintf(stderr, "bd: '%s' is no number from 1 to %llu\n", text,
			(unsigned long long)limit);
		exit(2);
	}
	return value;
}

/* A linear congruential generator; its upper bits are the good ones. */
static uint64_t place(void)
{
	static uint64_t state = 1;

	if (!is_random) {
		return next_place++ % places;
	}
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (state >> 33) % places;
}

static void open_device(const char *path, bool write, size_t depth)
{
	int fd = open(path, (write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	uint64_t bytes = 0;
	unsigned char *data;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes) != 0) {
		fail(path);
	}
	places = (bytes < AREA ? bytes : AREA) / size;
	if (places == 0) {
		fprintf(stderr, "bd: %s has %llu bytes only\n", path, (unsigned long long)bytes);
		exit(1);
	}
	data = mmap(NULL, size * depth, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	if (data == MAP_FAILED || syscall(SYS_io_setup, DEPTH_MAX, &context) != 0) {
		fail("set-up");
	}
	/* Pages of its own for each request, not the kernel's page of zeroes. */
	memset(data, 0xb5, size * depth);
	for (size_t i = 0; i < depth; i++) {
		slots[i] = (struct iocb){
			.aio_data = i, .aio_fildes = (uint32_t)fd,
			.aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_buf = (uintptr_t)(data + size * i), .aio_nbytes = size,
		};
		idle[idle_count++] = &slots[i];
	}
}

/* Start `n` requests that are idle. */
static void start(size_t n)
{
	struct iocb **first = &idle[idle_count - n];

	for (size_t i = 0; i < n; i++) {
		first[i]->aio_offset = (int64_t)(place() * size);
	}
	if (n > 0 && syscall(SYS_io_submit, context, (long)n, first) != (long)n) {
		fail("io_submit");
	}
	idle_count -= n;
}

/* Wait for at least one request; how many were done. */
static size_t finish(void)
{
	struct io_event events[DEPTH_MAX];
	long n = syscall(SYS_io_getevents, context, 1L, (long)DEPTH_MAX, events, NULL);

	if (n <= 0) {
		fail("io_getevents");
	}
	for (long i = 0; i < n; i++) {
		failed += events[i].res != (int64_t)size;
		idle[idle_count++] = &slots[events[i].data];
	}
	return (size_t)n;
}

static void transfer(uint64_t count)
{
	uint64_t started = 0;
	uint64_t done = 0;

	while (done < count) {
		size_t n = idle_count < count - started ? idle_count : count - started;

		start(n);
		started += n;
		done += finish();
	}
}

static bool choice(const char *text, const char *yes, const char *no)
{
	if (strcmp(text, yes) != 0 && strcmp(text, no) != 0) {
		fprintf(stderr, "bd: '%s' is neither %s nor %s\n", text, yes, no);
		exit(2);
	}
	return strcmp(text, yes) == 0;
}

int main(int argc, char **argv)
{
	uint64_t count, depth, begin, ns;
	bool write;

	if (argc != 7) {
		fputs("usage: bd DEVICE read|write random|sequence SIZE DEPTH COUNT\n", stderr);
		return 2;
	}
	write = choice(argv[2], "write", "read");
	is_random = choice(argv[3], "random", "sequence");
	size = number(argv[4], SIZE_MAX_BYTES);
	depth = number(argv[5], DEPTH_MAX);
	count = number(argv[6], COUNT_MAX);
	open_device(argv[1], write, depth);
	transfer(count / 8 + depth);
	MARK(11);
	begin = clock_ns();
	transfer(count);
	ns = clock_ns() - begin;
	MARK(12);
	printf("n=%llu warm=%llu errors=%lu ns=%llu\n", (unsigned long long)count,
	       (unsigned long long)(count / 8 + depth), failed, (unsigned long long)ns);
	return failed != 0;
}
