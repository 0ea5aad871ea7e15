/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The common options.
 */
#include "globals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"

#define TIMEOUT_MS	5000
#define TIMEOUT_MAX_S	3600

struct globals globals = { .timeout_ms = TIMEOUT_MS };

const char globals_help[] =
	"  -N, --node NODE        the node's name, or its id's first digits\n"
	"                         (default: MVCTL_NODE; else the only node there is)\n"
	"  -t, --transport WIRE   eth:IFNAME, unix:PATH (a hub's) or unix:LOCAL,PEER\n"
	"                         (default: MVCTL_TRANSPORT)\n"
	"  -k, --key FILE         the nodes' keys, see mvctl help keygen\n"
	"                         (default: MVCTL_KEY)\n"
	"  -o, --output json      print JSON instead of text\n"
	"      --timeout SECONDS  how long to wait for an answer (default 5)\n"
	"      --mac MAC          send from this address\n"
	"      --vlan ID          be on this VLAN (unix transports)\n";

static int set_node(const char *s)
{
	globals.node = s;
	return 0;
}

static int set_transport(const char *s)
{
	globals.transport = s;
	return 0;
}

static int set_key(const char *s)
{
	globals.key_file = s;
	return 0;
}

static int set_output(const char *s)
{
	globals.json = strcmp(s, "json") == 0;
	return globals.json || strcmp(s, "text") == 0 ? 0 : -1;
}

static int set_timeout(const char *s)
{
	uint64_t v;

	if (parse_u64(s, strlen(s), TIMEOUT_MAX_S, &v) != 0 || v == 0) {
		return -1;
	}
	globals.timeout_ms = (unsigned int)v * 1000;
	return 0;
}

static int set_mac(const char *s)
{
	globals.has_mac = parse_mac(s, strlen(s), globals.mac) == 0 &&
			  (globals.mac[0] & 1) == 0;
	return globals.has_mac ? 0 : -1;
}

static int set_vlan(const char *s)
{
	uint64_t v;

	if (parse_u64(s, strlen(s), 4094, &v) != 0 || v == 0) {
		return -1;
	}
	globals.vlan = (uint16_t)v;
	return 0;
}

static const struct common {
	char letter;		/* 0: none */
	const char *name;
	int (*set)(const char *s);
} commons[] = {
	{ 'N', "node", set_node },
	{ 't', "transport", set_transport },
	{ 'k', "key", set_key },
	{ 'o', "output", set_output },
	{ 0, "timeout", set_timeout },
	{ 0, "mac", set_mac },
	{ 0, "vlan", set_vlan },
};

#define COMMON_COUNT (sizeof(commons) / sizeof(commons[0]))

void globals_from_environment(void)
{
	globals.node = getenv("MVCTL_NODE");
	globals.transport = getenv("MVCTL_TRANSPORT");
	globals.key_file = getenv("MVCTL_KEY");
}

/*
 * Which common option `word` is, and in *value what follows "=" or the
 * letter; NULL: the value is the next word.
 */
static const struct common *recognise(const char *word, const char **value)
{
	*value = NULL;
	for (size_t i = 0; i < COMMON_COUNT; i++) {
		const struct common *c = &commons[i];
		size_t len = strlen(c->name);

		if (word[0] != '-') {
			return NULL;
		}
		if (c->letter != 0 && word[1] == c->letter) {
			*value = word[2] != '\0' ? word + 2 : NULL;
			return c;
		}
		if (word[1] == '-' && strncmp(word + 2, c->name, len) == 0 &&
		    (word[2 + len] == '\0' || word[2 + len] == '=')) {
			*value = word[2 + len] == '=' ? word + 3 + len : NULL;
			return c;
		}
	}
	return NULL;
}

int globals_take(int argc, char **argv, int first, bool anywhere)
{
	int out = first, i = first;

	while (i < argc && strcmp(argv[i], "--") != 0) {
		const char *word = argv[i], *value;
		const struct common *c = recognise(word, &value);

		if (c == NULL && !anywhere) {
			break;
		}
		i++;
		if (c == NULL) {
			argv[out++] = argv[i - 1];
			continue;
		}
		if (value == NULL && i == argc) {
			fprintf(stderr, "mvctl: %s needs a value\n", word);
			return -1;
		}
		value = value != NULL ? value : argv[i++];
		if (c->set(value) != 0) {
			fprintf(stderr, "mvctl: --%s can't be '%s'\n", c->name,
				value);
			return -1;
		}
	}
	while (i < argc) {
		argv[out++] = argv[i++];
	}
	argv[out] = NULL;
	return out;
}
