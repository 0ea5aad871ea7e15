/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl: the operator's program.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "globals.h"
#include "util.h"
#include "verbs.h"

#ifndef MVCTL_VERSION
#define MVCTL_VERSION "unknown"
#endif

static void print_help(FILE *to)
{
	fputs("usage: mvctl [OPTION...] VERB [ARGUMENT...]\n\nverbs:\n", to);
	for (const struct verb *v = verbs; v->name != NULL; v++) {
		fprintf(to, "  %-15s %s\n", v->name, v->summary);
	}
	fprintf(to, "\noptions, before the verb or after it:\n%s\n"
		"`mvctl VERB --help` tells more. Exit status: 0 done, 1 failed "
		"or refused,\n2 wrong usage, 3 no answer, 4 a key is needed or "
		"wrong, 5 the node can't do it.\n", globals_help);
}

int usage_error(const struct verb *verb, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "mvctl %s: ", verb->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n%s", verb->usage);
	return EXIT_USAGE;
}

static int unknown_verb(const char *name)
{
	fprintf(stderr, "mvctl: there is no verb '%s'\n", name);
	print_help(stderr);
	return EXIT_USAGE;
}

static void print_usage(const struct verb *v)
{
	fputs(v->usage, stdout);
	if (v->common) {
		printf("\ncommon options:\n%s", globals_help);
	}
}

int verb_help(const struct verb *verb, int argc, char **argv)
{
	const struct verb *v;

	if (argc > 2) {
		return usage_error(verb, "one verb at most");
	}
	if (argc < 2) {
		print_help(stdout);
		return EXIT_OK;
	}
	v = find_verb(argv[1]);
	if (v == NULL) {
		return unknown_verb(argv[1]);
	}
	print_usage(v);
	return EXIT_OK;
}

int verb_version(const struct verb *verb, int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		return usage_error(verb, "it takes no argument");
	}
	puts("mvctl " MVCTL_VERSION);
	return EXIT_OK;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			return true;
		}
	}
	return false;
}

/* The verb's arguments without the common options; -1 after telling. */
static int take_common(const struct verb *verb, int argc, char **argv)
{
	return verb->common ? globals_take(argc, argv, 1, true) : argc;
}

static int run(const struct verb *verb, int argc, char **argv)
{
	if (wants_help(argc, argv)) {
		print_usage(verb);
		return EXIT_OK;
	}
	argc = take_common(verb, argc, argv);
	return argc < 0 ? EXIT_USAGE : verb->run(verb, argc, argv);
}

int main(int argc, char **argv)
{
	const struct verb *verb;
	const char *name;
	int status;

	globals_from_environment();
	argc = globals_take(argc, argv, 1, false);
	if (argc < 2) {
		if (argc == 1) {
			print_help(stderr);
		}
		return EXIT_USAGE;
	}
	name = argv[1];
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		name = "help";
	} else if (strcmp(name, "--version") == 0) {
		name = "version";
	}
	verb = find_verb(name);
	if (verb == NULL) {
		return unknown_verb(name);
	}
	status = run(verb, argc - 1, argv + 1);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("mvctl: standard output");
		return EXIT_FAILED;
	}
	return status;
}
