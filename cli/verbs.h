/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl's verbs. Each gets its own arguments (argv[0] is the verb) and
 * returns the program's exit status.
 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

struct verb {
	const char *name;
	const char *summary;	/* one line, for `mvctl help` */
	const char *usage;	/* for `mvctl VERB --help`, ends with a newline */
	int (*run)(const struct verb *verb, int argc, char **argv);
};

int verb_bundle(const struct verb *verb, int argc, char **argv);

/* Say that the arguments are wrong (fmt may tell how) and return 2. */
int usage_error(const struct verb *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
