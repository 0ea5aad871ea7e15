/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl exporter`: the nodes' metrics for a Prometheus that scrapes.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "globals.h"
#include "net/http.h"
#include "stop.h"
#include "util.h"
#include "verb/metrics.h"
#include "verb/target.h"
#include "verbs.h"

#define LOOK_MS		400

static void collect_from(struct prom *p, struct transport *wire,
			 const struct node *n)
{
	static struct session s;
	int status = target_session(&s, wire, n);

	if (status == 0) {
		metrics_collect(p, &s);
		session_close(&s);
	}
	metrics_up(p, n, status == 0);
}

static void scrape(void *ctx, const char *path, struct http_reply *r)
{
	struct transport *wire = ctx;
	struct node_list nodes;
	struct prom p;

	if (strcmp(path, "/metrics") != 0) {
		r->status = 404;
		r->text = xstrdup("the metrics are at /metrics\n");
		r->len = strlen(r->text);
		return;
	}
	(void)nodes_discover(wire, "", LOOK_MS, &nodes);
	metrics_begin(&p);
	for (size_t i = 0; i < nodes.count; i++) {
		if (globals.node == NULL ||
		    node_is(&nodes.node[i], globals.node)) {
			collect_from(&p, wire, &nodes.node[i]);
		}
	}
	nodes_free(&nodes);
	r->text = prom_end(&p, &r->len);
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	r->status = r->len > 0 ? 200 : 503;
}

int verb_exporter(const struct verb *verb, int argc, char **argv)
{
	struct transport wire;
	unsigned int port;
	int status, fd;

	if (has_options(verb, argc, argv)) {
		return EXIT_USAGE;
	}
	if (argc != 2) {
		return usage_error(verb, "it takes an address to listen at");
	}
	status = wire_open(&wire);
	if (status != 0) {
		return status;
	}
	fd = http_listen(argv[1], &port);
	if (fd < 0) {
		transport_close(&wire);
		return EXIT_FAILED;
	}
	stop_on_signals();
	printf("listening on port %u\n", port);
	fflush(stdout);
	http_serve(fd, scrape, &wire);
	close(fd);
	transport_close(&wire);
	return EXIT_OK;
}
