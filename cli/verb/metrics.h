/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node says about itself, as metrics.
 */
#ifndef CLI_VERB_METRICS_H
#define CLI_VERB_METRICS_H

#include "client/session.h"
#include "out/prom.h"

void metrics_begin(struct prom *p);

/* Ask one node; what it doesn't tell is left out. */
void metrics_collect(struct prom *p, struct session *s);

/* Whether the node answered. */
void metrics_up(struct prom *p, const struct node *n, bool up);

#endif
