/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl discover`: the nodes of the segment.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "globals.h"
#include "lib/parse.h"
#include "out/human.h"
#include "out/utf8.h"
#include "verb/target.h"
#include "verbs.h"

#define LOOK_MS		600
#define LOOK_MAX_S	3600

static void print_text(const struct node_list *list)
{
	char id[2 * MV_NODE_ID_LEN + 1], mac[18];

	printf("%-32s  %-17s  Key  Name\n", "ID", "MAC");
	for (size_t i = 0; i < list->count; i++) {
		const struct node *n = &list->node[i];

		format_hex(id, n->id, MV_NODE_ID_LEN);
		format_mac(mac, n->mac);
		printf("%s  %s  %-3s  ", id, mac, n->keyed ? "yes" : "no");
		print_safe(stdout, n->name, strlen(n->name));
		putchar('\n');
	}
}

static void print_json(const struct node_list *list)
{
	char mac[18], boot[17];
	struct json j;

	json_begin(&j, NULL);
	json_open(&j, "nodes", '[');
	for (size_t i = 0; i < list->count; i++) {
		const struct node *n = &list->node[i];

		format_mac(mac, n->mac);
		snprintf(boot, sizeof(boot), "%016llx",
			 (unsigned long long)n->boot_id);
		json_open(&j, NULL, '{');
		json_node(&j, n);
		json_str(&j, "mac", mac);
		json_str(&j, "boot_id", boot);
		json_bool(&j, "keyed", n->keyed);
		json_u64(&j, "version_min", n->version_min);
		json_u64(&j, "version_max", n->version_max);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_finish(&j);
}

static int discover(unsigned int ms)
{
	struct transport wire;
	struct node_list list;
	int status = wire_open(&wire);
	int err;

	if (status != 0) {
		return status;
	}
	err = nodes_discover(&wire, "", ms, &list);
	if (globals.json) {
		print_json(&list);
	} else if (list.count > 0) {
		print_text(&list);
	}
	if (list.count == 0) {
		tell_error(globals.transport, 0, "%s",
			   err != 0 ? strerror(-err) : "no node answers");
		status = EXIT_NO_ANSWER;
	}
	nodes_free(&list);
	transport_close(&wire);
	return status;
}

int verb_discover(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "wait", required_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned int ms = LOOK_MS;
	uint64_t v;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "w:", options, NULL)) != -1) {
		if (c != 'w' ||
		    parse_u64(optarg, strlen(optarg), LOOK_MAX_S, &v) != 0 ||
		    v == 0) {
			return usage_error(verb, "%s: not an option, or not a "
					   "number of seconds",
					   argv[optind - 1]);
		}
		ms = (unsigned int)v * 1000;
	}
	return optind == argc ? discover(ms) :
		usage_error(verb, "it takes no argument");
}
