/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding nodes.
 */
#ifndef CLI_CLIENT_NODE_H
#define CLI_CLIENT_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mv/proto.h"
#include "net/transport.h"

struct node {
	uint8_t mac[6];
	uint8_t id[MV_NODE_ID_LEN];
	uint64_t boot_id;
	bool keyed;
	uint8_t version_min, version_max;
	unsigned int packet_max;
	uint8_t challenge[MV_NONCE_LEN];
	uint64_t seen_ms;	/* when it was heard */
	char name[MV_NAME_MAX];
};

struct node_list {
	struct node *node;	/* by name, then id */
	size_t count;
};

#define NODES_MAX	1024

/*
 * Ask who is there, several times within `ms`. `name` ("" for all) restricts
 * it to one name; then the wait ends soon after the first answer, since two
 * nodes may have one name, but rarely do. 0, or -errno of the transport.
 */
int nodes_discover(struct transport *t, const char *name, unsigned int ms,
		   struct node_list *out);
void nodes_free(struct node_list *list);

/*
 * Read an announcement that answers `nonce` from a packet's bytes. False: it
 * is something else.
 */
bool node_read(const void *data, size_t len, uint64_t nonce, struct node *n);

/* True if `s` is the node's name or the first digits (4 or more) of its id. */
bool node_is(const struct node *n, const char *s);

#endif
