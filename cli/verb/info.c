/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl info`: a node, or a VM.
 */
#include <stdio.h>

#include "client/call.h"
#include "globals.h"
#include "verb/kinds.h"
#include "verb/target.h"
#include "verb/vm.h"
#include "verbs.h"

static void show(const struct session *s, const char *key,
		 const struct record_kind *kind, const void *record)
{
	struct json j;

	if (!globals.json) {
		record_lines(kind, record);
		return;
	}
	json_begin(&j, &s->node);
	json_open(&j, key, '{');
	record_json(&j, kind, record);
	json_close(&j, '}');
	json_finish(&j);
}

static int info_node(struct session *s)
{
	struct mv_node_info info;
	int err = session_ask(s, MV_NODE_INFO, NULL, 0, &info, sizeof(info));

	if (err != 0) {
		return tell_failure(s, "info", err);
	}
	show(s, "info", &kind_node, &info);
	return EXIT_OK;
}

static int info_vm(struct session *s, const char *name)
{
	struct mv_vm_info info;
	int status = vm_find(s, name, &info);

	if (status == 0) {
		show(s, "vm", &kind_vm_info, &info);
	}
	return status;
}

int verb_info(const struct verb *verb, int argc, char **argv)
{
	struct target t;
	int status;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc > 2) {
		return usage_error(verb, "one VM at most");
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	status = argc > 1 ? info_vm(&t.s, argv[1]) : info_node(&t.s);
	target_close(&t);
	return status;
}
