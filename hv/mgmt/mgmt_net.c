/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs about the switch.
 */
#include "lib/string.h"
#include "mgmt/server.h"
#include "net/capture.h"
#include "net/net.h"
#include "net/switch.h"
#include <arch/cpu.h>

static uint64_t drops(const struct net_port *p)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < NET_COUNTERS; i++) {
		/* A frame that was only not learned went on its way. */
		if (i != NET_DROP_LEARN &&
		    strncmp(net_counter_name((enum net_counter)i), "drop", 4) == 0) {
			n += port_count(p, (enum net_counter)i);
		}
	}
	return n;
}

static void fill_port(struct mv_port *e, const struct net_port *p)
{
	uint32_t flags = (p->config.uplink ? MV_PORT_UPLINK : 0) |
			 (p->config.spoof_check ? MV_PORT_SPOOF_CHECK : 0) |
			 (p->config.mgmt ? MV_PORT_MGMT : 0);

	e->id = mv_put32(p->id);
	e->flags = mv_put32(flags);
	e->vm = mv_put32(net_port_domain(p));
	e->vlan = mv_put16(p->config.vlan);
	e->trunk_count = mv_put16((uint16_t)p->config.trunk_count);
	memcpy(e->mac, p->config.mac, sizeof(e->mac));
	e->learned = mv_put16((uint16_t)MIN(p->mac_count, 0xffffU));
	e->tx_frames = mv_put64(port_count(p, NET_TX_FRAMES));
	e->tx_bytes = mv_put64(port_count(p, NET_TX_BYTES));
	e->rx_frames = mv_put64(port_count(p, NET_RX_FRAMES));
	e->rx_bytes = mv_put64(port_count(p, NET_RX_BYTES));
	e->drops = mv_put64(drops(p));
	mgmt_name_put(e->name, sizeof(e->name), p->name);
}

static enum mv_status port_list(struct mgmt_call *c)
{
	uint32_t at, arg, next = 0;
	struct mv_list *l = mgmt_list_begin(c, &at, &arg);

	for (; at < port_limit(); at++) {
		const struct net_port *p = port_get(at);
		struct mv_port *e;

		if (p == NULL) {
			continue;
		}
		e = mgmt_list_add(c, l, sizeof(*e));
		if (e == NULL) {
			next = at;
			break;
		}
		fill_port(e, p);
	}
	mgmt_list_end(l, next);
	return MV_OK;
}

static enum mv_status fdb_list(struct mgmt_call *c)
{
	uint32_t start, arg, next = 0;
	struct mv_list *l = mgmt_list_begin(c, &start, &arg);
	unsigned int at = start;
	struct fdb_row row;

	while (switch_fdb_next(&at, &row)) {
		struct mv_fdb *e = mgmt_list_add(c, l, sizeof(*e));

		if (e == NULL) {
			next = start;
			break;
		}
		for (unsigned int i = 0; i < sizeof(e->mac); i++) {
			e->mac[i] = (uint8_t)(row.key >> (8 * i));
		}
		e->vlan = mv_put16((uint16_t)(row.key >> 48));
		e->port = mv_put32(row.port);
		e->age_s = mv_put32(row.is_static ? UINT32_MAX : row.age);
		/* The row that doesn't fit is looked for again from here. */
		start = at;
	}
	mgmt_list_end(l, next);
	return MV_OK;
}

/* --- captures ---------------------------------------------------------------------- */

static void fill_capture(struct mv_capture *e, const struct capture_info *i)
{
	uint64_t unix_s = mgmt_wallclock != NULL ? mgmt_wallclock() : 0;

	e->capture = mv_put32(i->id);
	e->port = mv_put32(i->port);
	e->snap = mv_put32(i->snap);
	e->ring_kib = mv_put32(i->ring_kib);
	e->frames = mv_put64(i->frames);
	e->lost = mv_put64(i->lost);
	e->wallclock_ns = mv_put64(unix_s != 0 ? unix_s * 1000000000U - arch_now() : 0);
}

static enum mv_status capture_start_verb(struct mgmt_call *c)
{
	const struct mv_capture_start *r = (const void *)c->body;
	struct capture_info i;
	int err;

	if (mv_get32(r->flags) != 0) {
		return mgmt_refuse(c, MV_UNSUPPORTED, "unknown flags");
	}
	err = capture_start(mv_get32(r->port), mv_get32(r->snap), mv_get32(r->ring_kib), &i);
	if (err == -ENOSPC) {
		return mgmt_refuse(c, MV_NO_SPACE, "there are %u captures already", CAPTURE_MAX);
	}
	if (err != 0) {
		return mgmt_refuse_err(c, err, "the port can't be captured");
	}
	fill_capture(mgmt_out(c, sizeof(struct mv_capture)), &i);
	return MV_OK;
}

static enum mv_status capture_stop_verb(struct mgmt_call *c)
{
	const struct mv_capture_stop *r = (const void *)c->body;
	uint32_t id = mv_get32(r->capture);

	return capture_stop(id) == 0 ? MV_OK : mgmt_refuse(c, MV_NOT_FOUND, "no capture %u", id);
}

static enum mv_status capture_list(struct mgmt_call *c)
{
	uint32_t at, arg;
	struct mv_list *l = mgmt_list_begin(c, &at, &arg);
	struct capture_info i;

	/* All fit into one packet. */
	for (unsigned int n = 0; n < CAPTURE_MAX; n++) {
		if (capture_at(n, &i)) {
			fill_capture(mgmt_list_add(c, l, sizeof(struct mv_capture)), &i);
		}
	}
	return MV_OK;
}

static_assert(CAPTURE_MAX == MV_CAPTURE_MAX && NET_FRAME_MAX == MV_CAPTURE_SNAP_MAX, "mv/proto.h");
static_assert(sizeof(struct mv_list) + CAPTURE_MAX * sizeof(struct mv_capture) < MV_BODY_MAX,
	      "one packet");

const struct mgmt_verb mgmt_net_verbs[] = {
	{ MV_CAPTURE_START, true, sizeof(struct mv_capture_start), capture_start_verb },
	{ MV_CAPTURE_STOP, true, sizeof(struct mv_capture_stop), capture_stop_verb },
	{ MV_CAPTURE_LIST, false, sizeof(struct mv_cursor), capture_list },
	{ MV_PORT_LIST, false, sizeof(struct mv_cursor), port_list },
	{ MV_FDB_LIST, false, sizeof(struct mv_cursor), fdb_list },
	{ .fn = NULL },
};
