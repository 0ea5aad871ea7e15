/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a node for its management (docs/vm-description.md), from
 * a file in the syntax of xl.cfg.
 */
#ifndef CLI_NODECFG_H
#define CLI_NODECFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mv/proto.h"

#define NODE_ALLOW_MAX	16

struct node_spec {
	char name[MV_NAME_MAX];
	bool has_mac, has_id, has_key;
	uint8_t mac[6];
	uint8_t id[MV_NODE_ID_LEN];
	uint8_t key[MV_KEY_LEN];
	uint8_t allow[NODE_ALLOW_MAX][6];
	unsigned int allow_count;	/* 0: any */
	uint32_t vlan;			/* 0: none */
	uint64_t image_quota_kib;	/* 0: the node's default */
};

/*
 * Read the file `path`; a key file that it names counts from its directory.
 * 0, or -1 after telling all that is wrong.
 */
int nodecfg_read(struct node_spec *spec, const char *path);

#endif
