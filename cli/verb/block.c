/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl block-attach`, `block-detach` and `block-list`.
 */
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "client/list.h"
#include "globals.h"
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

static void show_disk(const struct session *s, const struct mv_vbd *v)
{
	struct json j;

	if (globals.json) {
		json_begin(&j, &s->node);
		json_open(&j, "disk", '{');
		record_json(&j, &kind_vbd, v);
		json_close(&j, '}');
		json_finish(&j);
		return;
	}
	records_table(&kind_vbd, v, 1);
}

int verb_block_attach(const struct verb *verb, int argc, char **argv)
{
	struct mv_vbd_attach a;
	struct mv_vbd made;
	struct target t;
	int status, err;

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
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	err = session_ask(&t.s, MV_VBD_ATTACH, &a, sizeof(a), &made,
			  sizeof(made));
	if (err != 0) {
		status = tell_failure(&t.s, argv[1], err);
	} else {
		show_disk(&t.s, &made);
	}
	target_close(&t);
	return status;
}

int verb_block_detach(const struct verb *verb, int argc, char **argv)
{
	struct mv_vbd_detach d;
	struct target t;
	int status, err;

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
	if (status != 0) {
		return status;
	}
	err = session_ask(&t.s, MV_VBD_DETACH, &d, sizeof(d), NULL, 0);
	if (err != 0) {
		status = tell_failure(&t.s, argv[1], err);
	} else {
		tell_done(&t.s, verb->name, argv[1]);
	}
	target_close(&t);
	return status;
}

static int show_disks(struct session *s, const char *name)
{
	struct mv_vm_info info;
	struct list l;
	struct json j;
	int status = vm_find(s, name, &info);
	int err;

	if (status != 0) {
		return status;
	}
	err = list_fetch(s, MV_VBD_LIST, mv_get32(info.vm.id),
			 sizeof(struct mv_vbd), &l);
	if (err != 0) {
		return tell_failure(s, name, err);
	}
	if (globals.json) {
		json_begin(&j, &s->node);
		records_json(&j, "disks", &kind_vbd, l.entry, l.count);
		json_finish(&j);
	} else {
		records_table(&kind_vbd, l.entry, l.count);
	}
	list_free(&l);
	return 0;
}

int verb_block_list(const struct verb *verb, int argc, char **argv)
{
	struct target t;
	int status;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 2) {
		return usage_error(verb, "it takes one VM");
	}
	status = target_open(&t);
	if (status == 0) {
		status = show_disks(&t.s, argv[1]);
		target_close(&t);
	}
	return status;
}
