/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl list` and `mvctl vcpu-list`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/list.h"
#include "globals.h"
#include "out/utf8.h"
#include "verb/kinds.h"
#include "verb/target.h"
#include "verb/vm.h"
#include "verbs.h"

#define LOOK_MS		600

static int show_vms(const struct session *s, const struct list *vms)
{
	struct json j;

	if (globals.json) {
		json_begin(&j, &s->node);
		records_json(&j, "vms", &kind_vm, vms->entry, vms->count);
		json_finish(&j);
	} else {
		records_table(&kind_vm, vms->entry, vms->count);
	}
	return EXIT_OK;
}

static int list_one(void)
{
	struct target t;
	struct list vms;
	int status = target_open(&t);
	int err;

	if (status != 0) {
		return status;
	}
	err = list_fetch(&t.s, MV_VM_LIST, 0, sizeof(struct mv_vm), &vms);
	status = err == 0 ? show_vms(&t.s, &vms) :
		tell_failure(&t.s, "list", err);
	list_free(&vms);
	target_close(&t);
	return status;
}

/* One node of many: a failure is told, and the others still get their turn. */
static int list_of(struct transport *wire, const struct node *n,
		   struct json *j)
{
	static struct session s;
	struct list vms;
	int status = target_session(&s, wire, n);
	int err;

	if (status != 0) {
		return status;
	}
	err = list_fetch(&s, MV_VM_LIST, 0, sizeof(struct mv_vm), &vms);
	session_close(&s);
	if (err != 0) {
		return tell_failure(&s, "list", err);
	}
	if (globals.json) {
		json_open(j, NULL, '{');
		json_node(j, n);
		records_json(j, "vms", &kind_vm, vms.entry, vms.count);
		json_close(j, '}');
	} else {
		fputs("Node ", stdout);
		print_safe(stdout, n->name, strlen(n->name));
		puts(":");
		records_table(&kind_vm, vms.entry, vms.count);
	}
	list_free(&vms);
	return 0;
}

static int list_all(void)
{
	struct transport wire;
	struct node_list nodes;
	struct json j;
	int status = wire_open(&wire);

	if (status != 0) {
		return status;
	}
	if (nodes_discover(&wire, "", LOOK_MS, &nodes) != 0 ||
	    nodes.count == 0) {
		tell_error(globals.transport, 0, "no node answers");
		status = EXIT_NO_ANSWER;
	}
	if (globals.json) {
		json_begin(&j, NULL);
		json_open(&j, "nodes", '[');
	}
	for (size_t i = 0; i < nodes.count; i++) {
		int one = list_of(&wire, &nodes.node[i], &j);

		status = one != 0 ? one : status;
	}
	if (globals.json) {
		json_close(&j, ']');
		json_finish(&j);
	}
	nodes_free(&nodes);
	transport_close(&wire);
	return status;
}

int verb_list(const struct verb *verb, int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--all") == 0 ||
			  strcmp(argv[1], "-a") == 0)) {
		return list_all();
	}
	if (argc > 1) {
		return usage_error(verb, "it takes --all only, not %s", argv[1]);
	}
	return list_one();
}

/* --- vCPUs --------------------------------------------------------------- */

static int show_vcpus(struct session *s, const struct mv_vm *vm, struct json *j)
{
	struct list v;
	int err = list_fetch(s, MV_VCPU_LIST, mv_get32(vm->id),
			     sizeof(struct mv_vcpu), &v);

	if (err == MV_NOT_FOUND) {	/* it went meanwhile */
		return 0;
	}
	if (err != 0) {
		return tell_failure(s, "vcpu-list", err);
	}
	if (globals.json) {
		json_open(j, NULL, '{');
		json_str(j, "name", vm_name(vm));
		json_u64(j, "id", mv_get32(vm->id));
		records_json(j, "vcpus", &kind_vcpu, v.entry, v.count);
		json_close(j, '}');
	} else {
		print_safe(stdout, vm_name(vm), strlen(vm_name(vm)));
		puts(":");
		records_table(&kind_vcpu, v.entry, v.count);
	}
	list_free(&v);
	return 0;
}

static int vcpus_of_named(struct session *s, int argc, char **argv,
			  struct json *j)
{
	struct mv_vm_info info;
	int status = 0;

	for (int i = 1; i < argc; i++) {
		int one = vm_find(s, argv[i], &info);

		one = one == 0 ? show_vcpus(s, &info.vm, j) : one;
		status = one != 0 ? one : status;
	}
	return status;
}

static int vcpus_of_all(struct session *s, struct json *j)
{
	struct list vms;
	int status = 0;
	int err = list_fetch(s, MV_VM_LIST, 0, sizeof(struct mv_vm), &vms);

	if (err != 0) {
		return tell_failure(s, "list", err);
	}
	for (size_t i = 0; i < vms.count && status == 0; i++) {
		status = show_vcpus(s, &((struct mv_vm *)vms.entry)[i], j);
	}
	list_free(&vms);
	return status;
}

int verb_vcpu_list(const struct verb *verb, int argc, char **argv)
{
	struct target t;
	struct json j;
	int status;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	if (globals.json) {
		json_begin(&j, &t.s.node);
		json_open(&j, "vms", '[');
	}
	status = argc > 1 ? vcpus_of_named(&t.s, argc, argv, &j) :
		vcpus_of_all(&t.s, &j);
	if (globals.json) {
		json_close(&j, ']');
		json_finish(&j);
	}
	target_close(&t);
	return status;
}
