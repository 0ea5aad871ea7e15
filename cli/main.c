/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mvctl: the operator's program.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util.h"
#include "verbs.h"

#ifndef MVCTL_VERSION
#define MVCTL_VERSION "unknown"
#endif

static int verb_help(const struct verb *verb, int argc, char **argv);
static int verb_version(const struct verb *verb, int argc, char **argv);

static const struct verb verbs[] = {
	{
		"bundle", "make a boot bundle from xl.cfg files, or show one",
		"usage: mvctl bundle -o FILE [--storage SPEC] CFG...\n"
		"       mvctl bundle --list FILE\n"
		"\n"
		"Make one file from VM configurations and the kernels and RAM\n"
		"disks that they name; a boot loader hands it to Microvisor as\n"
		"the initrd. Paths in a CFG count from its own directory. A file\n"
		"that several VMs use is stored once.\n"
		"\n"
		"  -o, --output FILE   the bundle to write\n"
		"  -l, --list          show what is in a bundle\n"
		"      --storage SPEC  the machine's storage network, for disks:\n"
		"                      vlan=ID[,mtu=N][,mac=MAC][,reserve=1][,mask=1]\n"
		"      --no-check      write the bundle though a VM of it can't start\n"
		"  -h, --help          this text\n",
		verb_bundle,
	},
	{
		"help", "this text, or the help of a verb",
		"usage: mvctl help [VERB]\n",
		verb_help,
	},
	{
		"version", "print the version",
		"usage: mvctl version\n",
		verb_version,
	},
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (strcmp(verbs[i].name, name) == 0) {
			return &verbs[i];
		}
	}
	return NULL;
}

static void print_help(FILE *to)
{
	fputs("usage: mvctl VERB [ARGUMENT...]\n\nverbs:\n", to);
	for (size_t i = 0; i < VERB_COUNT; i++) {
		fprintf(to, "  %-10s %s\n", verbs[i].name, verbs[i].summary);
	}
	fputs("\n`mvctl VERB --help` tells more. Exit status: 0 done, 1 failed, "
	      "2 wrong usage.\n", to);
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

static int verb_help(const struct verb *verb, int argc, char **argv)
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
	fputs(v->usage, stdout);
	return EXIT_OK;
}

static int verb_version(const struct verb *verb, int argc, char **argv)
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

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	const struct verb *verb;
	int status;

	if (name == NULL) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		name = "help";
	} else if (strcmp(name, "--version") == 0) {
		name = "version";
	}
	verb = find_verb(name);
	if (verb == NULL) {
		return unknown_verb(name);
	}
	if (wants_help(argc - 1, argv + 1)) {
		fputs(verb->usage, stdout);
		status = EXIT_OK;
	} else {
		status = verb->run(verb, argc - 1, argv + 1);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("mvctl: standard output");
		return EXIT_FAILED;
	}
	return status;
}
