/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insn-split: a QEMU plugin that counts the instructions of the hypervisor,
 * of the guests' kernels and of the guests' programs.
 *
 * QEMU 7.2 tells a plugin no registers, so the address tells who executes:
 * the hypervisor runs at HYPERVISOR_VA, kernels in the upper half, programs
 * elsewhere. At each marker of the traffic tool (the no-op "movz xzr,
 * #0xa0NN", see bench/nt/nt.c) one line of JSON is written with what was
 * counted since the marker before:
 *
 *   {"mark": 2, "hypervisor": 123, "kernel": 456, "user": 78, "entries": 9,
 *    "places": {"1152": 534}, "code": {"4096": [120, 3]}}
 *
 * "entries" is how often the hypervisor was entered from a guest. "places" are
 * the instructions of kernels and programs by where they are in the machine's
 * memory, in MiB: that tells one guest from another. "code" is there if it is
 * asked for: for each block of the hypervisor, by its offset in the image, the
 * instructions executed and how often it was entered. A block of
 * instructions that a trap cuts short is counted as a whole (below 1 %).
 *
 * Use: qemu-system-aarch64 ... -plugin insn-split.so,out=FILE[,code=on]
 *
 * Locking: none; for one emulated CPU, or -icount, which uses one thread.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The part of QEMU's plugin interface, version 1, that is used: Debian has no
 * package with its header. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void plugin_tb_fn(uint64_t id, struct qemu_plugin_tb *tb);
typedef void plugin_exec_fn(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, plugin_tb_fn *fn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  plugin_exec_fn *fn, int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    plugin_exec_fn *fn, int flags,
					    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);

#define PUBLIC __attribute__((visibility("default")))

PUBLIC extern int qemu_plugin_version;
PUBLIC int qemu_plugin_version = 1;
PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc,
			       char **argv);

#define HYPERVISOR_VA	UINT64_C(0x800000000000)
#define HYPERVISOR_SIZE	UINT64_C(0x40000000)
#define RAM_BASE	UINT64_C(0x40000000)	/* of QEMU's virt machine */
#define PLACE_SHIFT	20			/* 1 MiB */
#define PLACES		(UINT64_C(8) << 30 >> PLACE_SHIFT)
#define CODE_WORDS	(UINT64_C(1) << 18)	/* instructions that an image may have */

enum who { HYPERVISOR, KERNEL, USER, WHO_COUNT };

static FILE *out;
static uint64_t counted[WHO_COUNT];
static uint64_t places[PLACES];
static uint64_t entries;
static uint64_t code[CODE_WORDS][2];	/* instructions, runs */
static bool want_code;
static uintptr_t ram;		/* where RAM_BASE is in QEMU */
static enum who last = USER;

static enum who who_runs(uint64_t va)
{
	if (va >> 63) {
		return KERNEL;
	}
	return va - HYPERVISOR_VA < HYPERVISOR_SIZE ? HYPERVISOR : USER;
}

/*
 * The place of an instruction. The first ones of all run before there is any
 * translation, so they tell where the memory is in QEMU.
 */
static uintptr_t place_of(const struct qemu_plugin_insn *insn, uint64_t va)
{
	uintptr_t at = (uintptr_t)qemu_plugin_insn_haddr(insn);

	if (ram == 0 && va >= RAM_BASE && va >> 32 == 0) {
		ram = at - (uintptr_t)(va - RAM_BASE);
	}
	return ((at - ram) >> PLACE_SHIFT) % PLACES;
}

/*
 * What a block's callback must know fits its pointer: length, class, and the place
 * or, of the hypervisor, which word of the image it is.
 */
static void block_runs(unsigned int cpu, void *data)
{
	uintptr_t packed = (uintptr_t)data;
	enum who who = (enum who)(packed % WHO_COUNT);
	uintptr_t place = packed / WHO_COUNT % CODE_WORDS;
	uintptr_t count = packed / WHO_COUNT / CODE_WORDS;

	(void)cpu;
	counted[who] += count;
	if (who == HYPERVISOR) {
		entries += last != HYPERVISOR;
		code[place][0] += count;
		code[place][1]++;
	} else {
		places[place] += count;
	}
	last = who;
}

static void print_places(void)
{
	const char *comma = "";

	for (size_t i = 0; i < PLACES; i++) {
		if (places[i] > 0) {
			fprintf(out, "%s\"%zu\": %" PRIu64, comma,
				i + (size_t)(RAM_BASE >> PLACE_SHIFT), places[i]);
			comma = ", ";
		}
	}
}

static void print_code(void)
{
	const char *comma = "";

	fprintf(out, ", \"code\": {");
	for (size_t i = 0; i < CODE_WORDS; i++) {
		if (code[i][1] > 0) {
			fprintf(out, "%s\"%zu\": [%" PRIu64 ", %" PRIu64 "]", comma, i * 4,
				code[i][0], code[i][1]);
			comma = ", ";
		}
	}
	fprintf(out, "}");
}

static void marker_runs(unsigned int cpu, void *data)
{
	(void)cpu;
	fprintf(out, "{\"mark\": %u, \"hypervisor\": %" PRIu64 ", \"kernel\": %"
		PRIu64 ", \"user\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"places\": {",
		(unsigned int)(uintptr_t)data, counted[HYPERVISOR],
		counted[KERNEL], counted[USER], entries);
	print_places();
	fprintf(out, "}");
	if (want_code) {
		print_code();
	}
	fprintf(out, "}\n");
	fflush(out);
	memset(counted, 0, sizeof(counted));
	memset(code, 0, sizeof(code));
	memset(places, 0, sizeof(places));
	entries = 0;
}

/* NN of "movz xzr, #0xa0NN", 0 for every other instruction. */
static unsigned int marker_of(const struct qemu_plugin_insn *insn)
{
	uint32_t word;

	memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
	return (word & 0xffffe01f) == (0xd280001f | 0xa000 << 5) ?
		(word >> 5) & 0xff : 0;
}

static void block_made(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);
	uint64_t va = qemu_plugin_tb_vaddr(tb);
	enum who who = who_runs(va);
	uintptr_t place = who == HYPERVISOR ? (va - HYPERVISOR_VA) / 4 % CODE_WORDS :
			  place_of(qemu_plugin_tb_get_insn(tb, 0), va);
	uintptr_t packed = (count * CODE_WORDS + place) * WHO_COUNT + who;

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, 0, (void *)packed);
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uintptr_t marker = marker_of(insn);

		if (marker) {
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marker_runs,
							       0, (void *)marker);
		}
	}
}

PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc,
			       char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			out = fopen(argv[i] + 4, "w");
		}
		want_code |= !strcmp(argv[i], "code=on");
	}
	if (!out) {
		fprintf(stderr, "insn-split: needs out=FILE, to be written\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_made);
	return 0;
}
