/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl create`: from an xl.cfg file to a VM that runs.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/blob.h"
#include "client/call.h"
#include "describe.h"
#include "globals.h"
#include "verb/console.h"
#include "verb/kinds.h"
#include "verb/push.h"
#include "verb/target.h"
#include "verb/vm.h"
#include "verbs.h"

#define BUILD_S		300
#define SETTLED		(1U << MV_VM_OFF | 1U << MV_VM_RUNNING | 1U << MV_VM_KEPT | \
			 1U << MV_VM_FAILED | 1U << MV_VM_PAUSED)

struct options {
	bool paused, no_wait, console;
};

static int push_modules(struct session *s, struct vm_spec *spec,
			struct image_push *kernel, struct image_push *ramdisk)
{
	int status = push_file(s, spec->kernel, kernel);

	if (status == 0) {
		spec->kernel_digest = kernel->sha256;
	}
	if (status == 0 && spec->ramdisk != NULL) {
		status = push_file(s, spec->ramdisk, ramdisk);
		spec->ramdisk_digest = ramdisk->sha256;
	}
	return status;
}

static int request(struct session *s, const struct vm_spec *spec,
		   const struct options *o, struct mv_vm *vm)
{
	static uint64_t tree[DESCRIBE_SIZE / 8];
	size_t size = describe_vm(spec, tree, sizeof(tree));
	struct mv_vm_create c = {
		.flags = mv_put32(o->paused ? MV_CREATE_PAUSED : 0),
	};
	char what[MV_NAME_MAX + 8];
	uint32_t blob;
	int err;

	if (size == 0) {
		tell_error(spec->origin, 0, "the description is too large");
		return EXIT_FAILED;
	}
	snprintf(what, sizeof(what), "create %s", spec->vm.name);
	err = blob_put(s, tree, size, &blob);
	if (err == 0) {
		c.blob = mv_put32(blob);
		err = session_ask(s, MV_VM_CREATE, &c, sizeof(c), vm,
				  sizeof(*vm));
	}
	return err == 0 ? 0 : tell_failure(s, what, err);
}

/* Wait for the building, and say how it ended. */
static int await_built(struct session *s, struct mv_vm *vm)
{
	struct mv_vm_ref ref;
	char what[MV_NAME_MAX + 8];
	int state, err;

	vm_exactly(vm, &ref);
	snprintf(what, sizeof(what), "create %s", vm_name(vm));
	err = vm_await(s, &ref, SETTLED, BUILD_S, &state);
	if (err != 0) {
		return tell_failure(s, what, err);
	}
	if (state == MV_VM_FAILED || state < 0) {
		tell_error(s->node.name, 0, "%s: %s (mvctl dmesg has more)",
			   what, state < 0 ? "it is gone already" :
			   "it couldn't be built");
		return EXIT_FAILED;
	}
	vm->state = (uint8_t)state;
	return 0;
}

static void show(const struct session *s, const struct mv_vm *vm)
{
	struct json j;

	if (globals.json) {
		json_begin(&j, &s->node);
		json_open(&j, "vm", '{');
		record_json(&j, &kind_vm, vm);
		json_close(&j, '}');
		json_finish(&j);
	} else {
		printf("%s: id %u, %s\n", vm_name(vm), mv_get32(vm->id),
		       vm_state_name(vm->state));
	}
}

static int create(const char *path, const struct options *o)
{
	struct image_push kernel, ramdisk;
	struct vm_spec spec;
	struct mv_vm vm;
	struct target t;
	int status = xlcfg_read(&spec, path) == 0 ? 0 : EXIT_FAILED;

	if (status == 0) {
		status = target_open(&t);
	}
	if (status != 0) {
		xlcfg_free(&spec);
		return status;
	}
	status = push_modules(&t.s, &spec, &kernel, &ramdisk);
	if (status == 0) {
		status = request(&t.s, &spec, o, &vm);
	}
	if (status == 0 && !o->no_wait) {
		status = await_built(&t.s, &vm);
	}
	if (status == 0) {
		show(&t.s, &vm);
	}
	if (status == 0 && o->console) {
		status = console_attach(&t.s, &vm, true, true, false);
	}
	target_close(&t);
	xlcfg_free(&spec);
	return status;
}

int verb_create(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "paused", no_argument, NULL, 'p' },
		{ "console", no_argument, NULL, 'c' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { .paused = false };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "pc", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			o.paused = true;
			break;
		case 'c':
			o.console = true;
			break;
		case 'n':
			o.no_wait = true;
			break;
		default:
			return usage_error(verb, "unknown option %s",
					   argv[optind - 1]);
		}
	}
	if (argc - optind != 1) {
		return usage_error(verb, "it takes one configuration file");
	}
	return create(argv[optind], &o);
}
