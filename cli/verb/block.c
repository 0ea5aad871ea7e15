/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl block-attach`, `block-detach` and `block-list`.
 */
#include <stdio.h>
#include <string.h>

#include "verb/device.h"
#include "verb/kinds.h"
#include "verb/target.h"
#include "verb/vm.h"
#include "verbs.h"
#include "xlcfg_disk.h"

/* Read one disk as it stands in the list `disk` of an xl.cfg file. */
static bool read_disk(const char *text, struct mv_vbd *out)
{
	static struct vm_config vm;
	const struct vm_vbd_config *v = &vm.vbd[0];

	memset(&vm, 0, sizeof(vm));
	if (!xlcfg_read_disk(&vm, "mvctl", 0, text)) {
		return false;
	}
	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", v->name);
	snprintf(out->target, sizeof(out->target), "%s", v->target);
	out->flags = mv_put32(v->read_only ? MV_VBD_READ_ONLY : 0);
	out->queues = mv_put32(v->queues);
	out->iops = mv_put32(v->iops);
	out->kib_per_s = mv_put32(v->kib_per_s);
	out->outage_s = mv_put32(v->outage_s);
	return true;
}

static void show_disk(const void *made)
{
	records_table(&kind_vbd, made, 1);
}

static const struct device_kind disks = {
	.attach = MV_VBD_ATTACH, .detach = MV_VBD_DETACH, .list = MV_VBD_LIST,
	.size = sizeof(struct mv_vbd), .record = &kind_vbd,
	.one = "disk", .many = "disks", .show = show_disk,
};

int verb_block_attach(const struct verb *verb, int argc, char **argv)
{
	struct mv_vbd_attach a;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 3) {
		return usage_error(verb, "it takes a VM and one disk");
	}
	memset(&a, 0, sizeof(a));
	if (!read_disk(argv[2], &a.vbd) || !vm_reference(argv[1], &a.vm)) {
		return EXIT_FAILED;
	}
	return device_attach(&disks, argv[1], &a, sizeof(a));
}

int verb_block_detach(const struct verb *verb, int argc, char **argv)
{
	struct mv_vbd_detach d;
	struct target t;
	int status;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 3 || strlen(argv[2]) >= sizeof(d.name)) {
		return usage_error(verb, "it takes a VM and the disk's name there");
	}
	memset(&d, 0, sizeof(d));
	memcpy(d.name, argv[2], strlen(argv[2]));
	if (!vm_reference(argv[1], &d.vm)) {
		return EXIT_FAILED;
	}
	status = target_open(&t);
	if (status == 0) {
		status = device_detach(&disks, &t.s, verb, argv[1], &d, sizeof(d));
		target_close(&t);
	}
	return status;
}

int verb_block_list(const struct verb *verb, int argc, char **argv)
{
	return device_list(&disks, verb, argc, argv);
}
