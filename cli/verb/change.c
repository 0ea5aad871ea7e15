/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs that change a VM that runs: name, memory, vCPUs, share of the CPUs.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "client/list.h"
#include "globals.h"
#include "lib/parse.h"
#include "out/human.h"
#include "verb/kinds.h"
#include "verb/target.h"
#include "verb/vm.h"
#include "verbs.h"
#include "vm/vmdesc.h"

#define CAP_MAX		(100 * MV_VCPU_MAX)

/* One request that changes the VM `name`. An exit status. */
static int change(const struct verb *verb, enum mv_verb code, const void *body,
		  size_t len, const char *name)
{
	char what[MV_NAME_MAX + 16];
	struct target t;
	int status = target_open(&t);
	int err;

	if (status != 0) {
		return status;
	}
	err = session_ask(&t.s, (uint16_t)code, body, len, NULL, 0);
	if (err != 0) {
		snprintf(what, sizeof(what), "%s %s", verb->name, name);
		status = tell_failure(&t.s, what, err);
	} else {
		tell_done(&t.s, verb->name, name);
	}
	target_close(&t);
	return status;
}

static bool number(const char *s, uint64_t max, uint64_t *out)
{
	return parse_u64(s, strlen(s), max, out) == 0;
}

int verb_rename(const struct verb *verb, int argc, char **argv)
{
	struct mv_vm_rename r;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 3) {
		return usage_error(verb, "it takes a VM and its new name");
	}
	memset(&r, 0, sizeof(r));
	if (!vm_reference(argv[1], &r.vm)) {
		return EXIT_FAILED;
	}
	if (argv[2][0] == '\0' || strlen(argv[2]) >= sizeof(r.name)) {
		tell_error("mvctl", 0, "a name has 1 to %zu bytes",
			   sizeof(r.name) - 1);
		return EXIT_FAILED;
	}
	memcpy(r.name, argv[2], strlen(argv[2]));
	return change(verb, MV_VM_RENAME, &r, sizeof(r), argv[1]);
}

/* "512" and "512m" are MiB, "4g" GiB, "65536k" KiB. */
static bool memory_size(const char *s, uint64_t *kib)
{
	size_t len = strlen(s);
	unsigned int shift = 10;

	if (len > 1) {
		switch (s[len - 1] | 0x20) {
		case 'k':
			shift = 0;
			len--;
			break;
		case 'm':
			len--;
			break;
		case 'g':
			shift = 20;
			len--;
			break;
		default:
			break;
		}
	}
	if (parse_u64(s, len, VM_MEMORY_MAX_KIB >> shift, kib) != 0) {
		return false;
	}
	*kib <<= shift;
	return *kib >= VM_MEMORY_MIN_KIB;
}

int verb_mem_set(const struct verb *verb, int argc, char **argv)
{
	struct mv_vm_memory m;
	uint64_t kib;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 3) {
		return usage_error(verb, "it takes a VM and a size");
	}
	memset(&m, 0, sizeof(m));
	if (!memory_size(argv[2], &kib)) {
		return usage_error(verb, "%s isn't a size from 4 MiB to 64 GiB",
				   argv[2]);
	}
	m.target_kib = mv_put64(kib);
	return vm_reference(argv[1], &m.vm) ?
		change(verb, MV_VM_MEMORY, &m, sizeof(m), argv[1]) : EXIT_FAILED;
}

int verb_vcpu_set(const struct verb *verb, int argc, char **argv)
{
	struct mv_vcpu_online o;
	uint64_t count;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 3) {
		return usage_error(verb, "it takes a VM and a number of vCPUs");
	}
	memset(&o, 0, sizeof(o));
	if (!number(argv[2], MV_VCPU_MAX, &count) || count == 0) {
		return usage_error(verb, "%s isn't 1 to %u", argv[2],
				   MV_VCPU_MAX);
	}
	o.count = mv_put32((uint32_t)count);
	return vm_reference(argv[1], &o.vm) ?
		change(verb, MV_VCPU_ONLINE, &o, sizeof(o), argv[1]) :
		EXIT_FAILED;
}

int verb_vcpu_pin(const struct verb *verb, int argc, char **argv)
{
	struct mv_vcpu_set v;
	uint64_t vcpu = MV_VCPU_ALL, mask;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 4) {
		return usage_error(verb, "it takes a VM, a vCPU and CPUs");
	}
	memset(&v, 0, sizeof(v));
	if (strcmp(argv[2], "all") != 0 &&
	    !number(argv[2], MV_VCPU_MAX - 1, &vcpu)) {
		return usage_error(verb, "%s isn't a vCPU, nor all", argv[2]);
	}
	if (parse_cpus(argv[3], &mask) != 0) {
		return usage_error(verb, "%s doesn't name CPUs, as 0-2 or all do",
				   argv[3]);
	}
	v.vcpu = (uint8_t)vcpu;
	v.set = MV_VCPU_SET_MASK;
	v.cpu_mask = mv_put64(mask);
	return vm_reference(argv[1], &v.vm) ?
		change(verb, MV_VCPU_SET, &v, sizeof(v), argv[1]) : EXIT_FAILED;
}

/* --- sched --------------------------------------------------------------- */

static void show_sched(const struct session *s, const struct mv_vm_info *info)
{
	struct json j;

	if (!globals.json) {
		printf("weight %u, cap %u\n", mv_get32(info->weight),
		       mv_get32(info->cap));
		return;
	}
	json_begin(&j, &s->node);
	json_str(&j, "vm", vm_name(&info->vm));
	json_u64(&j, "weight", mv_get32(info->weight));
	json_u64(&j, "cap", mv_get32(info->cap));
	json_finish(&j);
}

static int sched_of(const char *name)
{
	struct mv_vm_info info;
	struct target t;
	int status = target_open(&t);

	if (status != 0) {
		return status;
	}
	status = vm_find(&t.s, name, &info);
	if (status == 0) {
		show_sched(&t.s, &info);
	}
	target_close(&t);
	return status;
}

int verb_sched(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "weight", required_argument, NULL, 'w' },
		{ "cap", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	struct mv_vcpu_set v;
	uint64_t n;
	int c;

	memset(&v, 0, sizeof(v));
	v.vcpu = MV_VCPU_ALL;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "w:c:", options, NULL)) != -1) {
		if (c == 'w' && number(optarg, VM_WEIGHT_MAX, &n) && n > 0) {
			v.set |= MV_VCPU_SET_WEIGHT;
			v.weight = mv_put32((uint32_t)n);
		} else if (c == 'c' && number(optarg, CAP_MAX, &n)) {
			v.set |= MV_VCPU_SET_CAP;
			v.cap = mv_put32((uint32_t)n);
		} else {
			return usage_error(verb, "%s: not an option, or not its "
					   "range", argv[optind - 1]);
		}
	}
	if (argc - optind != 1) {
		return usage_error(verb, "it takes one VM");
	}
	if (v.set == 0) {
		return sched_of(argv[optind]);
	}
	return vm_reference(argv[optind], &v.vm) ?
		change(verb, MV_VCPU_SET, &v, sizeof(v), argv[optind]) :
		EXIT_FAILED;
}
