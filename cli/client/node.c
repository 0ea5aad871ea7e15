/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discovery: the same question some times, and every node's first answer.
 */
#include "client/node.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/clock.h"
#include "client/packet.h"
#include "out/human.h"
#include "util.h"

#define ASK_EVERY_MS	150
#define LINGER_MS	40	/* longer than a node takes to answer all */
#define PREFIX_MIN	4

static int ask(struct transport *t, const char *name, uint64_t nonce)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	struct { struct mv_header h; struct mv_discover d; } p;

	memset(&p, 0, sizeof(p));
	packet_write(&p, MV_DISCOVER, sizeof(p), 0, 0);
	p.d.nonce = mv_put64(nonce);
	memcpy(p.d.name, name, strnlen(name, sizeof(p.d.name) - 1));
	return transport_send(t, all, &p, sizeof(p));
}

bool node_read(const void *data, size_t len, uint64_t nonce, struct node *n)
{
	struct packet p;
	struct mv_announce a;

	if (!packet_read(data, len, &p) || p.kind != MV_ANNOUNCE ||
	    p.size < sizeof(struct mv_header) + sizeof(a)) {
		return false;
	}
	memcpy(&a, p.start + sizeof(struct mv_header), sizeof(a));
	if (mv_get64(a.nonce) != nonce) {
		return false;
	}
	memset(n, 0, sizeof(*n));
	memcpy(n->id, a.node_id, sizeof(n->id));
	memcpy(n->challenge, a.challenge, sizeof(n->challenge));
	memcpy(n->name, a.name, sizeof(n->name) - 1);
	n->boot_id = mv_get64(a.boot_id);
	n->keyed = (mv_get32(a.flags) & MV_NODE_KEYED) != 0;
	n->version_min = a.version_min;
	n->version_max = a.version_max;
	n->packet_max = mv_get16(a.packet_max);
	n->seen_ms = clock_ms();
	return true;
}

static void add(struct node_list *list, const struct node *n)
{
	for (size_t i = 0; i < list->count; i++) {
		if (memcmp(list->node[i].id, n->id, sizeof(n->id)) == 0) {
			list->node[i] = *n;
			return;
		}
	}
	if (list->count < NODES_MAX) {
		list->node = xgrow(list->node,
				   (list->count + 1) * sizeof(*list->node));
		list->node[list->count++] = *n;
	}
}

static int by_name(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c != 0 ? c : memcmp(x->id, y->id, sizeof(x->id));
}

/* Take all answers that are there. 0, or -errno. */
static int take_answers(struct transport *t, uint64_t nonce,
			struct node_list *out)
{
	uint8_t buf[MV_PACKET_MAX], from[6];
	struct node n;
	long len;

	while ((len = transport_receive(t, buf, sizeof(buf), from)) > 0) {
		if (node_read(buf, (size_t)len, nonce, &n)) {
			memcpy(n.mac, from, sizeof(n.mac));
			add(out, &n);
		}
	}
	return (int)len;
}

int nodes_discover(struct transport *t, const char *name, unsigned int ms,
		   struct node_list *out)
{
	uint64_t end = clock_ms() + ms, next = 0, now, nonce;
	int lost = 0;

	*out = (struct node_list){ NULL, 0 };
	random_bytes(&nonce, sizeof(nonce));
	for (now = clock_ms(); now < end; now = clock_ms()) {
		bool first = out->count == 0;
		int err;

		if (now >= next) {
			lost = ask(t, name, nonce);
			next = now + ASK_EVERY_MS;
		}
		transport_wait(t, (int)((next < end ? next : end) - now));
		err = take_answers(t, nonce, out);
		if (err < 0) {
			return err;
		}
		if (first && out->count > 0 && name[0] != '\0' &&
		    clock_ms() + LINGER_MS < end) {
			end = clock_ms() + LINGER_MS;
		}
	}
	if (out->count > 0) {
		qsort(out->node, out->count, sizeof(*out->node), by_name);
	}
	return out->count > 0 ? 0 : lost;
}

void nodes_free(struct node_list *list)
{
	free(list->node);
	*list = (struct node_list){ NULL, 0 };
}

bool node_is(const struct node *n, const char *s)
{
	char id[2 * MV_NODE_ID_LEN + 1];
	size_t len = strlen(s);

	format_hex(id, n->id, sizeof(n->id));
	return strcmp(n->name, s) == 0 ||
	       (len >= PREFIX_MIN && len < sizeof(id) &&
		strncasecmp(id, s, len) == 0);
}
