/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the options say that all verbs for a node have in common. They are
 * set before a verb runs, from the environment and then the command line.
 */
#ifndef CLI_GLOBALS_H
#define CLI_GLOBALS_H

#include <stdbool.h>
#include <stdint.h>

struct globals {
	const char *node;	/* NULL: the only one that there is */
	const char *transport;	/* NULL: none was given */
	const char *key_file;	/* NULL: no key */
	bool json;
	bool has_mac;
	uint8_t mac[6];
	uint16_t vlan;
	unsigned int timeout_ms;	/* to wait for a node's answer */
};

extern struct globals globals;

/* MVCTL_NODE, MVCTL_TRANSPORT, MVCTL_KEY. */
void globals_from_environment(void);

/*
 * Take the common options out of argv[first..argc), up to "--" if `anywhere`
 * or else up to the first other word. Returns the new argc, or -1 after
 * telling what is wrong; a word that isn't a common option stays.
 */
int globals_take(int argc, char **argv, int first, bool anywhere);

/* The common options' help. */
extern const char globals_help[];

#endif
