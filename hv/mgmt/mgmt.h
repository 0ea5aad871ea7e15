/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Management by raw Ethernet frames, as hv/init sees it
 * (docs/management-protocol.md).
 */
#ifndef MGMT_MGMT_H
#define MGMT_MGMT_H

#include "lib/types.h"
#include "mv/proto.h"
#include "vm/vmdesc.h"

#define MGMT_ALLOW_MAX	16U

/* What the boot description says of the node. */
struct mgmt_config {
	bool given;			/* there was a node; else management is off */
	bool failed;			/* something is wrong with it: off, too */
	char name[MV_NAME_MAX];
	uint8_t node_id[MV_NODE_ID_LEN];
	uint8_t mac[6];
	uint16_t vlan;
	uint8_t allow[MGMT_ALLOW_MAX][6];
	unsigned int allow_count;	/* 0: any */
	bool has_key;
	uint8_t key[MV_KEY_LEN];
	uint64_t image_quota;		/* bytes */
};

/*
 * Read the mv,management node at offset `node`; for vmdesc_set's `other`, with
 * the struct mgmt_config as `ctx`. What is wrong is told to `diag`.
 */
void mgmt_config_read(void *ctx, const void *fdt, int node, struct vmdesc_diag *diag);

/* Set by hv/init: Unix time in s. NULL: the machine has no clock. */
extern uint64_t (*mgmt_wallclock)(void);

/*
 * Start to answer, with a port of the switch. Once; boot only, before there are
 * other ports. -ENOMEM, -ENOSPC, -EINVAL.
 */
MUST_CHECK int mgmt_init(const struct mgmt_config *config);

/* Leave the switch and free all; for tests, which look for leaks. */
void mgmt_stop(void);

#endif
