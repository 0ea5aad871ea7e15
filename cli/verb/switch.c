/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs that show the switch: ports, forwarding table, counters; and CPUs.
 */
#include <stdio.h>
#include <string.h>

#include "client/list.h"
#include "globals.h"
#include "lib/parse.h"
#include "verb/kinds.h"
#include "verb/target.h"
#include "verbs.h"

static void show(const struct session *s, const char *key,
		 const struct record_kind *kind, const struct list *l)
{
	struct json j;

	if (!globals.json) {
		records_table(kind, l->entry, l->count);
		return;
	}
	json_begin(&j, &s->node);
	records_json(&j, key, kind, l->entry, l->count);
	json_finish(&j);
}

static int show_list(const struct verb *verb, enum mv_verb code, uint32_t arg,
		     const char *key, const struct record_kind *kind)
{
	struct target t;
	struct list l;
	int status = target_open(&t);
	int err;

	if (status != 0) {
		return status;
	}
	err = list_fetch(&t.s, (uint16_t)code, arg, kind->size, &l);
	if (err != 0) {
		status = tell_failure(&t.s, verb->name, err);
	} else {
		show(&t.s, key, kind, &l);
	}
	list_free(&l);
	target_close(&t);
	return status;
}

static bool takes_nothing(const struct verb *verb, int argc)
{
	if (argc > 1) {
		usage_error(verb, "it takes no argument");
	}
	return argc == 1;
}

int verb_ports(const struct verb *verb, int argc, char **argv)
{
	(void)argv;
	return takes_nothing(verb, argc) ?
		show_list(verb, MV_PORT_LIST, 0, "ports", &kind_port) :
		EXIT_USAGE;
}

int verb_fdb(const struct verb *verb, int argc, char **argv)
{
	(void)argv;
	return takes_nothing(verb, argc) ?
		show_list(verb, MV_FDB_LIST, 0, "fdb", &kind_fdb) : EXIT_USAGE;
}

int verb_cpus(const struct verb *verb, int argc, char **argv)
{
	(void)argv;
	return takes_nothing(verb, argc) ?
		show_list(verb, MV_CPU_LIST, 0, "cpus", &kind_cpu) : EXIT_USAGE;
}

int verb_counters(const struct verb *verb, int argc, char **argv)
{
	uint64_t port;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc > 2) {
		return usage_error(verb, "one port at most");
	}
	if (argc == 1) {
		return show_list(verb, MV_COUNTERS, 0, "counters",
				 &kind_counter);
	}
	if (parse_u64(argv[1], strlen(argv[1]), UINT32_MAX - 1, &port) != 0) {
		return usage_error(verb, "%s isn't a port's number", argv[1]);
	}
	return show_list(verb, MV_COUNTERS, (uint32_t)port + 1, "counters",
			 &kind_counter);
}
