/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl's verbs. Each gets its own arguments (argv[0] is the verb) and
 * returns the program's exit status.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include <stdbool.h>

struct verb {
	const char *name;
	const char *summary;	/* one line, for `mvctl help` */
	const char *usage;	/* for `mvctl VERB --help`, ends with a newline */
	int (*run)(const struct verb *verb, int argc, char **argv);
	bool common;		/* it takes the common options (globals.h) */
};

/* All verbs; the last one has no name. */
extern const struct verb verbs[];

/* NULL: there is none. */
const struct verb *find_verb(const char *name);

int verb_bundle(const struct verb *verb, int argc, char **argv);
int verb_keygen(const struct verb *verb, int argc, char **argv);
int verb_hub(const struct verb *verb, int argc, char **argv);
int verb_discover(const struct verb *verb, int argc, char **argv);
int verb_info(const struct verb *verb, int argc, char **argv);
int verb_list(const struct verb *verb, int argc, char **argv);
int verb_create(const struct verb *verb, int argc, char **argv);
int verb_power(const struct verb *verb, int argc, char **argv);
int verb_rename(const struct verb *verb, int argc, char **argv);
int verb_mem_set(const struct verb *verb, int argc, char **argv);
int verb_vcpu_list(const struct verb *verb, int argc, char **argv);
int verb_vcpu_pin(const struct verb *verb, int argc, char **argv);
int verb_vcpu_set(const struct verb *verb, int argc, char **argv);
int verb_sched(const struct verb *verb, int argc, char **argv);
int verb_network_attach(const struct verb *verb, int argc, char **argv);
int verb_network_detach(const struct verb *verb, int argc, char **argv);
int verb_network_list(const struct verb *verb, int argc, char **argv);
int verb_block_attach(const struct verb *verb, int argc, char **argv);
int verb_block_detach(const struct verb *verb, int argc, char **argv);
int verb_block_list(const struct verb *verb, int argc, char **argv);
int verb_console(const struct verb *verb, int argc, char **argv);
int verb_top(const struct verb *verb, int argc, char **argv);
int verb_dmesg(const struct verb *verb, int argc, char **argv);
int verb_events(const struct verb *verb, int argc, char **argv);
int verb_image(const struct verb *verb, int argc, char **argv);
int verb_ports(const struct verb *verb, int argc, char **argv);
int verb_fdb(const struct verb *verb, int argc, char **argv);
int verb_counters(const struct verb *verb, int argc, char **argv);
int verb_cpus(const struct verb *verb, int argc, char **argv);
int verb_capture(const struct verb *verb, int argc, char **argv);
int verb_exporter(const struct verb *verb, int argc, char **argv);
int verb_node(const struct verb *verb, int argc, char **argv);
int verb_help(const struct verb *verb, int argc, char **argv);
int verb_version(const struct verb *verb, int argc, char **argv);

/* Say that the arguments are wrong (fmt may tell how) and return 2. */
int usage_error(const struct verb *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
