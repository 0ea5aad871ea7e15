/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes that are meant, and failures that are told.
 */
#include "verb/target.h"

#include <stdio.h>
#include <string.h>

#include "client/keyfile.h"
#include "globals.h"
#include "out/human.h"
#include "out/utf8.h"

#define LOOK_MS		400	/* for nodes, when it isn't known how many */

int wire_open(struct transport *t)
{
	struct transport_options o = {
		.name = globals.transport,
		.mac = globals.has_mac ? globals.mac : NULL,
		.vlan = globals.vlan,
	};

	if (o.name == NULL) {
		tell_error("mvctl", 0, "no transport is given (-t eth:IFNAME "
			   "or unix:PATH, or MVCTL_TRANSPORT)");
		return EXIT_USAGE;
	}
	return transport_open(t, &o) == 0 ? 0 : EXIT_FAILED;
}

static int no_such_node(const char *name)
{
	if (name != NULL) {
		tell_error(name, 0, "no node of this name or id answers");
	} else {
		tell_error(globals.transport, 0, "no node answers");
	}
	return EXIT_NO_ANSWER;
}

static int ambiguous(const struct node_list *list)
{
	char id[2 * MV_NODE_ID_LEN + 1];

	tell_error("mvctl", 0, "%zu nodes answer; name one with -N:",
		   list->count);
	for (size_t i = 0; i < list->count; i++) {
		format_hex(id, list->node[i].id, MV_NODE_ID_LEN);
		fprintf(stderr, "  %.12s  ", id);
		print_safe(stderr, list->node[i].name,
			   strlen(list->node[i].name));
		fputc('\n', stderr);
	}
	return EXIT_USAGE;
}

static void keep_matching(struct node_list *list, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (node_is(&list->node[i], name)) {
			list->node[kept++] = list->node[i];
		}
	}
	list->count = kept;
}

/*
 * One question to the nodes of that name; when none answers, the name may be
 * the start of an id.
 */
static int find_node(struct transport *t, struct node *out)
{
	const char *name = globals.node;
	struct node_list list = { NULL, 0 };
	int err = 0, status = 0;

	if (name != NULL) {
		err = nodes_discover(t, name, LOOK_MS, &list);
	}
	if (err == 0 && list.count == 0) {
		err = nodes_discover(t, "", LOOK_MS, &list);
		if (name != NULL) {
			keep_matching(&list, name);
		}
	}
	if (err == 0 && list.count == 0) {	/* maybe it is just starting */
		nodes_free(&list);
		err = nodes_discover(t, name != NULL ? name : "",
				     globals.timeout_ms, &list);
	}
	if (list.count == 1) {
		*out = list.node[0];
	} else if (list.count > 1) {
		status = ambiguous(&list);
	} else if (err != 0) {
		tell_error(globals.transport, 0, "%s", strerror(-err));
		status = EXIT_NO_ANSWER;
	} else {
		status = no_such_node(name);
	}
	nodes_free(&list);
	return status;
}

static int find_key(const struct node *n, uint8_t *key)
{
	if (globals.key_file == NULL) {
		tell_error(n->name, 0, "this node needs a key (-k FILE, or "
			   "MVCTL_KEY)");
		return EXIT_KEY;
	}
	return keyfile_find(globals.key_file, n, key) == 0 ? 0 : EXIT_KEY;
}

int target_session(struct session *s, struct transport *wire,
		   const struct node *n)
{
	uint8_t key[MV_KEY_LEN];
	int status, err;

	if (n->version_min > MV_VERSION_1 || n->version_max < MV_VERSION_1) {
		tell_error(n->name, 0, "it speaks versions %u to %u of the "
			   "protocol, this mvctl %u", n->version_min,
			   n->version_max, MV_VERSION_1);
		return EXIT_UNSUPPORTED;
	}
	status = n->keyed ? find_key(n, key) : 0;
	if (status != 0) {
		return status;
	}
	session_set_node(s, wire, n, n->keyed ? key : NULL, globals.timeout_ms);
	explicit_bzero(key, sizeof(key));
	err = session_open(s);
	return err == 0 ? 0 : tell_failure(s, "open a session", err);
}

int target_open(struct target *t)
{
	struct node n;
	int status = wire_open(&t->wire);

	if (status != 0) {
		return status;
	}
	status = find_node(&t->wire, &n);
	if (status == 0) {
		status = target_session(&t->s, &t->wire, &n);
	}
	if (status != 0) {
		transport_close(&t->wire);
	}
	return status;
}

void target_close(struct target *t)
{
	session_close(&t->s);
	transport_close(&t->wire);
}

static int tell_own_failure(const char *node, const char *what, int err)
{
	switch (err) {
	case SESSION_TOLD:
		return EXIT_FAILED;
	case SESSION_NO_ANSWER:
		tell_error(node, 0, "%s: no answer", what);
		return EXIT_NO_ANSWER;
	case SESSION_GONE:
		tell_error(node, 0, "%s: the node ended the session; it isn't "
			   "known whether this was done", what);
		return EXIT_NO_ANSWER;
	case SESSION_KEY:
		tell_error(node, 0, "%s: no answer; is the key right, and this "
			   "machine's address allowed there?", what);
		return EXIT_KEY;
	case SESSION_WIRE:
		tell_error(node, 0, "%s: the transport is gone", what);
		return EXIT_NO_ANSWER;
	default:
		tell_error(node, 0, "%s: the node's answer makes no sense",
			   what);
		return EXIT_FAILED;
	}
}

int tell_failure(const struct session *s, const char *what, int err)
{
	char text[sizeof(s->text)];

	if (err < 0) {
		return tell_own_failure(s->node.name, what, err);
	}
	for (size_t i = 0; i < sizeof(text); i++) {
		unsigned char c = (unsigned char)s->text[i];

		text[i] = c != 0 && (c < 0x20 || c == 0x7f) ? '?' : (char)c;
	}
	text[sizeof(text) - 1] = '\0';
	tell_error(s->node.name, 0, "%s: %s%s%s", what,
		   status_text((unsigned int)err),
		   text[0] != '\0' ? ": " : "", text);
	return err == MV_UNSUPPORTED ? EXIT_UNSUPPORTED : EXIT_FAILED;
}

void json_node(struct json *j, const struct node *n)
{
	char id[2 * MV_NODE_ID_LEN + 1];

	format_hex(id, n->id, MV_NODE_ID_LEN);
	json_str(j, "node", n->name);
	json_str(j, "node_id", id);
}

void json_begin(struct json *j, const struct node *n)
{
	memset(j, 0, sizeof(*j));
	j->to = stdout;
	json_open(j, NULL, '{');
	json_u64(j, "schema", 1);
	if (n != NULL) {
		json_node(j, n);
	}
}

void json_finish(struct json *j)
{
	json_close(j, '}');
	json_end(j);
}

void tell_done(const struct session *s, const char *what, const char *object)
{
	struct json j;

	if (globals.json) {
		json_begin(&j, &s->node);
		json_str(&j, "done", what);
		json_str(&j, "object", object);
		json_finish(&j);
	}
}

bool has_options(const struct verb *verb, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (argv[i][0] == '-' && argv[i][1] != '\0') {
			usage_error(verb, "unknown option %s", argv[i]);
			return true;
		}
	}
	return false;
}
