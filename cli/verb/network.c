/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl network-attach`, `network-detach` and `network-list`.
 */
#include <stdio.h>
#include <string.h>

#include "lib/parse.h"
#include "out/human.h"
#include "verb/device.h"
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

static void show_vif(const void *made)
{
	const struct mv_vif *v = made;
	char mac[18];

	format_mac(mac, v->mac);
	printf("vif %u, mac %s\n", mv_get32(v->devid), mac);
}

static const struct device_kind vifs = {
	.attach = MV_VIF_ATTACH, .detach = MV_VIF_DETACH, .list = MV_VIF_LIST,
	.size = sizeof(struct mv_vif), .record = &kind_vif,
	.one = "vif", .many = "vifs", .show = show_vif,
};

int verb_network_attach(const struct verb *verb, int argc, char **argv)
{
	struct vm_vif_config config;
	struct mv_vif_attach a;

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
	return device_attach(&vifs, argv[1], &a, sizeof(a));
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
	status = device_fetch(&vifs, s, name, &l);
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
	int status;

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
		status = device_detach(&vifs, &t.s, verb, argv[1], &d, sizeof(d));
	}
	target_close(&t);
	return status;
}

int verb_network_list(const struct verb *verb, int argc, char **argv)
{
	return device_list(&vifs, verb, argc, argv);
}
