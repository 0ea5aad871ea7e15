/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text of metrics in the exposition format of Prometheus, version 0.0.4: all
 * samples of a metric together, under its HELP and TYPE lines.
 */
#ifndef CLI_OUT_PROM_H
#define CLI_OUT_PROM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct prom_metric {
	const char *name;
	const char *type;	/* "gauge" or "counter" */
	const char *help;
};

struct prom {
	const struct prom_metric *metric;
	size_t count;
	char **text;		/* of each metric's samples */
	size_t *size;
	FILE **stream;
};

void prom_begin(struct prom *p, const struct prom_metric *metric, size_t count);

/*
 * A sample of metric[index]. Labels come in pairs of name and value, NULL at
 * the end; the value is v / 10^digits.
 */
void prom_add(struct prom *p, size_t index, uint64_t v, unsigned int digits,
	      ...) __attribute__((sentinel));

/* The whole text, to be freed; p is done. */
char *prom_end(struct prom *p, size_t *len);

#endif
