/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach, detach and list. See verb/device.h.
 */
#include "verb/device.h"

#include <stdlib.h>

#include "client/call.h"
#include "globals.h"
#include "util.h"
#include "verb/target.h"
#include "verb/vm.h"

static void show_made(const struct device_kind *k, const struct session *s,
		      const void *made)
{
	struct json j;

	if (!globals.json) {
		k->show(made);
		return;
	}
	json_begin(&j, &s->node);
	json_open(&j, k->one, '{');
	record_json(&j, k->record, made);
	json_close(&j, '}');
	json_finish(&j);
}

int device_attach(const struct device_kind *k, const char *name, const void *body,
		  size_t len)
{
	struct target t;
	int status = target_open(&t);
	void *made;
	int err;

	if (status != 0) {
		return status;
	}
	made = xalloc(k->size);
	err = session_ask(&t.s, k->attach, body, len, made, k->size);
	if (err != 0) {
		status = tell_failure(&t.s, name, err);
	} else {
		show_made(k, &t.s, made);
	}
	free(made);
	target_close(&t);
	return status;
}

int device_detach(const struct device_kind *k, struct session *s,
		  const struct verb *verb, const char *name, const void *body,
		  size_t len)
{
	int err = session_ask(s, k->detach, body, len, NULL, 0);

	if (err != 0) {
		return tell_failure(s, name, err);
	}
	tell_done(s, verb->name, name);
	return 0;
}

int device_fetch(const struct device_kind *k, struct session *s, const char *name,
		 struct list *l)
{
	struct mv_vm_info info;
	int status = vm_find(s, name, &info);
	int err;

	if (status != 0) {
		return status;
	}
	err = list_fetch(s, k->list, mv_get32(info.vm.id), k->size, l);
	return err == 0 ? 0 : tell_failure(s, name, err);
}

static int show_all(const struct device_kind *k, struct session *s, const char *name)
{
	struct list l;
	struct json j;
	int status = device_fetch(k, s, name, &l);

	if (status != 0) {
		return status;
	}
	if (globals.json) {
		json_begin(&j, &s->node);
		records_json(&j, k->many, k->record, l.entry, l.count);
		json_finish(&j);
	} else {
		records_table(k->record, l.entry, l.count);
	}
	list_free(&l);
	return 0;
}

int device_list(const struct device_kind *k, const struct verb *verb, int argc,
		char **argv)
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
		status = show_all(k, &t.s, argv[1]);
		target_close(&t);
	}
	return status;
}
