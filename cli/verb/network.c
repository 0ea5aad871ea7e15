/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl network-attach`, `network-detach` and `network-list`.
 */
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
#include "xlcfg.h"

static void fill(struct mv_vif *out, const struct vm_vif_config *v)
{
	uint32_t flags = (v->has_mac ? MV_VIF_HAS_MAC : 0) |
			 (v->spoof_check ? 0 : MV_VIF_NO_SPOOF_CHECK) |
			 (v->uplink ? MV_VIF_UPLINK : 0);

	memset(out, 0, sizeof(*out));
	out->devid = mv_put32(MV_VIF_ANY);
	out->flags = mv_put32(flags);
	out->mtu = mv_put32(v->mtu);
	out->vlan = mv_put16(v->vlan);
	out->queues = mv_put16((uint16_t)v->queues);
	memcpy(out->mac, v->mac, sizeof(out->mac));
	out->trunk_count = mv_put16((uint16_t)v->trunk_count);
	for (unsigned int i = 0; i < v->trunk_count; i++) {
		out->trunk[i] = mv_put16(v->trunk[i]);
	}
	memcpy(out->label, v->name, strnlen(v->name, sizeof(out->label) - 1));
}

static void show_vif(const struct session *s, const struct mv_vif *v)
{
	char mac[18];
	struct json j;

	if (globals.json) {
		json_begin(&j, &s->node);
		json_open(&j, "vif", '{');
		record_json(&j, &kind_vif, v);
		json_close(&j, '}');
		json_finish(&j);
		return;
	}
	format_mac(mac, v->mac);
	printf("vif %u, mac %s\n", mv_get32(v->devid), mac);
}

int verb_network_attach(const struct verb *verb, int argc, char **argv)
{
	struct vm_vif_config config;
	struct mv_vif_attach a;
	struct mv_vif made;
	struct target t;
	int status, err;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 2 && argc != 3) {
		return usage_error(verb, "it takes a VM and one vif");
	}
	memset(&a, 0, sizeof(a));
	if (xlcfg_vif(&config, argc == 3 ? argv[2] : "") != 0 ||
	    !vm_reference(argv[1], &a.vm)) {
		return EXIT_FAILED;
	}
	fill(&a.vif, &config);
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	err = session_ask(&t.s, MV_VIF_ATTACH, &a, sizeof(a), &made,
			  sizeof(made));
	if (err != 0) {
		status = tell_failure(&t.s, argv[1], err);
	} else {
		show_vif(&t.s, &made);
	}
	target_close(&t);
	return status;
}

/* All vifs of a VM. 0, or an exit status after telling. */
static int fetch_vifs(struct session *s, const char *name, struct list *l)
{
	struct mv_vm_info info;
	int status = vm_find(s, name, &info);
	int err;

	if (status != 0) {
		return status;
	}
	err = list_fetch(s, MV_VIF_LIST, mv_get32(info.vm.id),
			 sizeof(struct mv_vif), l);
	return err == 0 ? 0 : tell_failure(s, name, err);
}

/* A vif by its number, or by its MAC. */
static int find_vif(struct session *s, const char *name, const char *word,
		    struct mv_be32 *devid)
{
	uint8_t mac[6];
	uint64_t number;
	struct list l;
	int status;

	if (parse_u64(word, strlen(word), UINT32_MAX - 1, &number) == 0) {
		*devid = mv_put32((uint32_t)number);
		return 0;
	}
	if (parse_mac(word, strlen(word), mac) != 0) {
		tell_error("mvctl", 0, "%s is neither a vif's number nor a MAC",
			   word);
		return EXIT_FAILED;
	}
	status = fetch_vifs(s, name, &l);
	if (status != 0) {
		return status;
	}
	status = EXIT_FAILED;
	for (size_t i = 0; i < l.count; i++) {
		const struct mv_vif *v = (const struct mv_vif *)l.entry + i;

		if (memcmp(v->mac, mac, sizeof(mac)) == 0) {
			*devid = v->devid;
			status = 0;
		}
	}
	list_free(&l);
	if (status != 0) {
		tell_error(s->node.name, 0, "%s has no vif %s", name, word);
	}
	return status;
}

int verb_network_detach(const struct verb *verb, int argc, char **argv)
{
	struct mv_vif_detach d;
	struct target t;
	int status, err;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 3) {
		return usage_error(verb, "it takes a VM and a vif");
	}
	memset(&d, 0, sizeof(d));
	if (!vm_reference(argv[1], &d.vm)) {
		return EXIT_FAILED;
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	status = find_vif(&t.s, argv[1], argv[2], &d.devid);
	if (status == 0) {
		err = session_ask(&t.s, MV_VIF_DETACH, &d, sizeof(d), NULL, 0);
		if (err != 0) {
			status = tell_failure(&t.s, argv[1], err);
		} else {
			tell_done(&t.s, verb->name, argv[1]);
		}
	}
	target_close(&t);
	return status;
}

int verb_network_list(const struct verb *verb, int argc, char **argv)
{
	struct target t;
	struct list l;
	struct json j;
	int status;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 2) {
		return usage_error(verb, "it takes one VM");
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	status = fetch_vifs(&t.s, argv[1], &l);
	if (status == 0 && globals.json) {
		json_begin(&j, &t.s.node);
		records_json(&j, "vifs", &kind_vif, l.entry, l.count);
		json_finish(&j);
	} else if (status == 0) {
		records_table(&kind_vif, l.entry, l.count);
	}
	if (status == 0) {
		list_free(&l);
	}
	target_close(&t);
	return status;
}
