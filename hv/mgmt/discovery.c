/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery. See mgmt/discovery.h.
 */
#include "mgmt/discovery.h"

#include "kern/random.h"
#include "lib/string.h"
#include "mgmt/mgmt_port.h"
#include "mgmt/opening.h"
#include "mgmt/server.h"
#include <arch/cpu.h>

struct waiting {
	uint64_t mac;			/* 0: free */
	uint64_t due;
	struct mv_be64 nonce;
};

static struct waiting waiting[DISCOVERY_WAITING];

/* The place of this very question, so that a repeated one is answered once. */
static struct waiting *place_for(uint64_t mac, struct mv_be64 nonce)
{
	struct waiting *free = NULL;

	for (unsigned int i = 0; i < DISCOVERY_WAITING; i++) {
		struct waiting *w = &waiting[i];

		if (w->mac == mac && memcmp(&w->nonce, &nonce, sizeof(nonce)) == 0) {
			return w;
		}
		if (w->mac == 0) {
			free = w;
		}
	}
	return free;
}

void discovery_ask(const struct mgmt_packet *p)
{
	const struct mv_discover *d = (const void *)p->payload;
	char name[MV_NAME_MAX];
	struct waiting *w;

	mgmt_name_get(name, d->name);
	if (name[0] != '\0' && strcmp(name, mgmt_node()->name) != 0) {
		return;
	}
	w = place_for(p->src, d->nonce);
	if (w == NULL) {
		mgmt_count(MGMT_DROP_FULL);
	} else if (w->mac == 0) {
		w->mac = p->src;
		w->nonce = d->nonce;
		w->due = arch_now() + (p->to_all ? random_u64() % DISCOVERY_DELAY_NS : 0);
	}
}

static void announce(const struct waiting *w, uint8_t *packet)
{
	struct mv_announce *a = (void *)(packet + sizeof(struct mv_header));
	const struct mgmt_config *node = mgmt_node();

	*a = (struct mv_announce){
		.nonce = w->nonce,
		.boot_id = mv_put64(mgmt_boot_id()),
		.flags = mv_put32(node->has_key ? MV_NODE_KEYED : 0),
		.version_min = MV_VERSION_1,
		.version_max = MV_VERSION_1,
		.packet_max = mv_put16(MV_PACKET_MAX),
	};
	memcpy(a->node_id, node->node_id, sizeof(a->node_id));
	opening_challenge(a->challenge);
	mgmt_name_put(a->name, sizeof(a->name), node->name);
	mgmt_packet_header(packet, MV_ANNOUNCE, 0, 0, sizeof(*a));
	mgmt_port_send(w->mac, packet, sizeof(struct mv_header) + sizeof(*a));
}

uint64_t discovery_answer(uint8_t *packet)
{
	uint64_t next = UINT64_MAX;

	for (unsigned int i = 0; i < DISCOVERY_WAITING; i++) {
		struct waiting *w = &waiting[i];

		if (w->mac == 0) {
			continue;
		}
		if (w->due <= arch_now()) {
			announce(w, packet);
			w->mac = 0;
		} else {
			next = MIN(next, w->due);
		}
	}
	return next;
}
