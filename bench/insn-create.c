/* SPDX-License-Identifier: Apache-2.0 */
/*
 * insn-create: a QEMU plugin that counts the instructions of the making and
 * the end of VMs, by function of the hypervisor.
 *
 * A count begins with the frame that brings the request to the node's port of
 * the switch. It ends with the first instruction at the address where guests
 * start (their MMU is off then, so it is what it is in their memory), or when
 * an ended VM's memory is free. For each one line of JSON is written:
 *
 *   {"what": "create", "description": 321, "guests": 45, "entries": 6,
 *    "functions": {"vm_create": 78, "memset<step_ram": 90, ...}}
 *
 * "description" is what the hypervisor executed between the first frame with
 * the VM's description and the frame with the request itself; it is a part of
 * "functions". "guests" is what guests executed meanwhile, "entries" how often
 * the hypervisor was entered from one. What the functions that everybody calls
 * (LEAVES) executed is given by caller.
 *
 * Use: qemu-system-aarch64 ... -plugin insn-create.so,out=FILE,symbols=FILE,
 * start=ADDRESS with symbols as `nm -n` lists them.
 *
 * Locking: none; for one emulated CPU, or -icount, which uses one thread.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The part of QEMU's plugin interface, version 1, that is used: Debian has no
 * package with its header. */
struct qemu_plugin_tb;
typedef void plugin_tb_fn(uint64_t id, struct qemu_plugin_tb *tb);
typedef void plugin_exec_fn(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, plugin_tb_fn *fn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  plugin_exec_fn *fn, int flags,
					  void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

#define PUBLIC __attribute__((visibility("default")))

PUBLIC extern int qemu_plugin_version;
PUBLIC int qemu_plugin_version = 1;
PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc,
			       char **argv);

#define HYPERVISOR_VA	UINT64_C(0x800000000000)
#define HYPERVISOR_SIZE	UINT64_C(0x40000000)
#define FUNCTIONS_MAX	8192U
#define GUEST		FUNCTIONS_MAX	/* in place of a function's index */

/* Functions whose work is their caller's. */
static const char *const LEAVES[] = { "memset", "memcpy", "memcmp", "arch_ram_clean",
				      "arch_ram_zero", "ram_zero_lines",
				      "arch_ram_copy", "ram_copy_lines" };
#define LEAF_COUNT	(sizeof(LEAVES) / sizeof(LEAVES[0]))

enum role { NONE, FRAME, DESCRIPTION, CREATE, DESTROY, GONE };
static const struct {
	const char *name;
	enum role role;
} ROLES[] = {
	{ "mgmt_deliver", FRAME }, { "blob_put", DESCRIPTION }, { "vm_create", CREATE },
	{ "vm_destroy_verb", DESTROY }, { "vm_domain_gone", GONE },
};
#define ROLE_COUNT	(sizeof(ROLES) / sizeof(ROLES[0]))

struct function {
	uint64_t start;
	char name[64];
	enum role role;
	unsigned int leaf;		/* 1 + index in LEAVES; 0: none */
	uint64_t executed;
	uint64_t by_leaf[LEAF_COUNT];	/* for this one, by those it called */
};

/* What a block's callback is told. */
struct block {
	uint64_t count;
	unsigned int function;
	bool first;			/* at the function's (or a guest's) start */
};

static FILE *out;
static struct function functions[FUNCTIONS_MAX + 1];	/* the last: guests */
static unsigned int function_count;
static uint64_t guest_start;

static enum role under_way;		/* DESCRIPTION, CREATE, DESTROY or NONE */
static uint64_t hypervisor, guests, entries, description;
static unsigned int caller;		/* the last function that is no leaf */
static bool in_guest = true;

static void reset(void)
{
	for (unsigned int i = 0; i < function_count; i++) {
		functions[i].executed = 0;
		memset(functions[i].by_leaf, 0, sizeof(functions[i].by_leaf));
	}
	hypervisor = guests = entries = description = 0;
}

static void emit_one(const char **before, const char *leaf, const struct function *f,
		     uint64_t count)
{
	if (count != 0) {
		fprintf(out, "%s\"%s%s%s\": %" PRIu64, *before, leaf, *leaf ? "<" : "",
			f->name, count);
		*before = ", ";
	}
}

static void emit(const char *what)
{
	const char *before = "";

	fprintf(out, "{\"what\": \"%s\", \"description\": %" PRIu64 ", \"guests\": %" PRIu64
		", \"entries\": %" PRIu64 ", \"functions\": {", what, description, guests, entries);
	for (unsigned int i = 0; i < function_count; i++) {
		const struct function *f = &functions[i];

		emit_one(&before, "", f, f->executed);
		for (unsigned int k = 0; k < LEAF_COUNT; k++) {
			emit_one(&before, LEAVES[k], f, f->by_leaf[k]);
		}
	}
	fprintf(out, "}}\n");
	fflush(out);
	under_way = NONE;
}

static void role_plays(enum role role)
{
	if (role == FRAME && under_way == NONE) {
		reset();
	} else if (role == FRAME && under_way == DESCRIPTION) {
		description = hypervisor;
	} else if (role == GONE && under_way == DESTROY) {
		emit("destroy");
	} else if ((role == DESCRIPTION && under_way == NONE) || role == CREATE ||
		   role == DESTROY) {
		under_way = role;
	}
}

static void block_runs(unsigned int cpu, void *data)
{
	const struct block *b = data;
	struct function *f = &functions[b->function];

	(void)cpu;
	if (b->function == GUEST) {
		if (b->first && under_way == CREATE) {
			emit("create");
		}
		guests += b->count;
		in_guest = true;
		return;
	}
	if (b->first && f->role != NONE) {
		role_plays(f->role);
	}
	hypervisor += b->count;
	entries += in_guest;
	in_guest = false;
	if (f->leaf != 0) {
		functions[caller].by_leaf[f->leaf - 1] += b->count;
	} else {
		caller = b->function;
		f->executed += b->count;
	}
}

static unsigned int function_at(uint64_t va)
{
	unsigned int low = 0, high = function_count;

	if (va - HYPERVISOR_VA >= HYPERVISOR_SIZE || function_count == 0 ||
	    va < functions[0].start) {
		return GUEST;
	}
	while (high - low > 1) {
		unsigned int middle = (low + high) / 2;

		if (functions[middle].start <= va) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

static void block_made(uint64_t id, struct qemu_plugin_tb *tb)
{
	struct block *b = malloc(sizeof(*b));
	uint64_t va = qemu_plugin_tb_vaddr(tb);

	(void)id;
	if (b == NULL) {
		abort();
	}
	b->count = qemu_plugin_tb_n_insns(tb);
	b->function = function_at(va);
	b->first = va == (b->function == GUEST ? guest_start : functions[b->function].start);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, 0, b);
}

static void function_add(uint64_t start, const char *name)
{
	struct function *f = &functions[function_count];

	/* Names of the same place. */
	if (function_count == FUNCTIONS_MAX ||
	    (function_count > 0 && f[-1].start == start)) {
		return;
	}
	f->start = start;
	snprintf(f->name, sizeof(f->name), "%s", name);
	for (unsigned int i = 0; i < ROLE_COUNT; i++) {
		f->role = strcmp(name, ROLES[i].name) == 0 ? ROLES[i].role : f->role;
	}
	for (unsigned int i = 0; i < LEAF_COUNT; i++) {
		f->leaf = strcmp(name, LEAVES[i]) == 0 ? i + 1 : f->leaf;
	}
	function_count++;
}

static bool symbols_read(const char *path)
{
	FILE *in = fopen(path, "r");
	uint64_t start;
	char kind, name[64];

	while (in != NULL && fscanf(in, "%" SCNx64 " %c %63s\n", &start, &kind, name) == 3) {
		if ((kind == 't' || kind == 'T') && name[0] != '$') {
			function_add(start, name);
		}
	}
	if (in != NULL) {
		fclose(in);
	}
	return function_count > 0;
}

PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc,
			       char **argv)
{
	bool known = false;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4)) {
			out = fopen(argv[i] + 4, "w");
		} else if (!strncmp(argv[i], "symbols=", 8)) {
			known = symbols_read(argv[i] + 8);
		} else if (!strncmp(argv[i], "start=", 6)) {
			guest_start = strtoull(argv[i] + 6, NULL, 0);
		}
	}
	if (!out || !known || !guest_start) {
		fprintf(stderr, "insn-create: needs out=FILE, symbols=FILE, "
			"start=ADDRESS\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_made);
	return 0;
}
