/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the prompt about the network switch.
 */
#include "lib/fmt.h"
#include "lib/parse.h"
#include "lib/string.h"
#include "mgmt/prompt.h"
#include "net/net.h"
#include "net/port.h"
#include "net/switch.h"
#include "xenstore/xenstore.h"

#define SPEED_MAX	10000000U	/* Mbit/s that are believed */

static unsigned long long drops(const struct net_port *p)
{
	unsigned long long n = 0;

	for (unsigned int i = 0; i < NET_COUNTERS; i++) {
		/* A frame that was only not learned went on its way. */
		if (i != NET_DROP_LEARN &&
		    strncmp(net_counter_name((enum net_counter)i), "drop", 4) == 0) {
			n += port_count(p, (enum net_counter)i);
		}
	}
	return n;
}

/* What the driver domain says of the card behind an uplink; false: nothing. */
static bool uplink_report(const struct net_port *p, const char *key, char *text, size_t size)
{
	const char *vif = strrchr(p->name, '.');
	char path[64];

	fmt_buf(path, sizeof(path), "/local/domain/%u/data/uplink/%s/%s", net_port_domain(p),
		vif != NULL ? vif + 1 : "", key);
	return xs_read(NULL, path, text, size, NULL) == 0;
}

static void print_link(const struct net_port *p)
{
	char text[16];
	uint64_t speed;

	if (!uplink_report(p, "link", text, sizeof(text))) {
		prompt_print("  link unknown");
	} else if (strcmp(text, "up") != 0) {
		prompt_print("  link down");
	} else if (uplink_report(p, "speed", text, sizeof(text)) &&
		   parse_u64(text, strlen(text), SPEED_MAX, &speed) == 0 && speed != 0) {
		prompt_print("  link up, %llu Mbit/s", (unsigned long long)speed);
	} else {
		prompt_print("  link up");
	}
}

static void print_port(const struct net_port *p)
{
	const uint8_t *m = p->config.mac;

	prompt_print("%-12s %02x:%02x:%02x:%02x:%02x:%02x %4u %11llu %11llu %9llu", p->name,
		     m[0], m[1], m[2], m[3], m[4], m[5], p->config.vlan,
		     (unsigned long long)port_count(p, NET_TX_FRAMES),
		     (unsigned long long)port_count(p, NET_RX_FRAMES), drops(p));
	if (p->config.uplink) {
		print_link(p);
	}
	prompt_print("\n");
}

/* All counters of one port that aren't 0. */
static void print_counters(const struct net_port *p)
{
	for (unsigned int i = 0; i < NET_COUNTERS; i++) {
		uint64_t n = port_count(p, (enum net_counter)i);

		if (n != 0) {
			prompt_print("  %-22s %llu\n", net_counter_name((enum net_counter)i),
				     (unsigned long long)n);
		}
	}
}

static bool one_port(const char *name)
{
	for (unsigned int id = 0; id < port_limit(); id++) {
		const struct net_port *p = port_get(id);

		if (p != NULL && strcmp(p->name, name) == 0) {
			print_counters(p);
			return false;
		}
	}
	prompt_print("no port '%s'; 'ports' shows all\n", name);
	return false;
}

static bool cmd_ports(struct prompt_call *c)
{
	const struct net_port *p = NULL;

	if (c->argc == 1) {
		return one_port(c->argv[0]);
	}
	if (c->step == 0) {
		prompt_print("%-12s %-17s %4s %11s %11s %9s\n", "port", "mac", "vlan",
			     "from guest", "to guest", "dropped");
	}
	while (c->cursor < port_limit() && p == NULL) {
		p = port_get((unsigned int)c->cursor++);
	}
	if (p == NULL) {
		return false;
	}
	print_port(p);
	return true;
}

static bool cmd_fdb(struct prompt_call *c)
{
	unsigned int at = (unsigned int)c->cursor;
	const struct net_port *p;
	struct fdb_row row;

	if (c->step == 0) {
		prompt_print("%-17s  vlan  %-12s  age\n", "mac", "port");
	}
	if (!switch_fdb_next(&at, &row)) {
		return false;
	}
	c->cursor = at;
	for (unsigned int i = 0; i < 6; i++) {
		prompt_print("%s%02x", i > 0 ? ":" : "",
			     (unsigned int)(row.key >> (8 * i) & 0xff));
	}
	p = port_get(row.port);
	prompt_print("  %4u  %-12s  ", (unsigned int)(row.key >> 48),
		     p != NULL ? p->name : "?");
	if (row.is_static) {
		prompt_print("fixed\n");
	} else {
		prompt_print("%u s\n", row.age);
	}
	return true;
}

const struct prompt_command prompt_net_commands[] = {
	{ "ports", "[port]", "the switch's ports, or one port's counters", 0, 1, cmd_ports },
	{ "fdb", "", "the switch's forwarding database", 0, 0, cmd_fdb },
	{ .name = NULL },
};
