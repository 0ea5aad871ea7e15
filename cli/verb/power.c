/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verbs that stop and start VMs, and the node.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "globals.h"
#include "lib/parse.h"
#include "verb/target.h"
#include "verb/vm.h"
#include "verbs.h"

#define WAIT_S		60
#define WAIT_MAX_S	86400

static const struct power_verb {
	const char *name;
	enum mv_verb code;
	unsigned int states;	/* that --wait waits for, beside "gone" */
} power_verbs[] = {
	{ "destroy", MV_VM_DESTROY, 0 },
	{ "shutdown", MV_VM_SHUTDOWN, 1U << MV_VM_OFF | 1U << MV_VM_KEPT },
	{ "reboot", MV_VM_REBOOT, 0 },
	{ "restart", MV_VM_RESTART, 0 },
	{ "start", MV_VM_START, 1U << MV_VM_RUNNING | 1U << MV_VM_FAILED },
	{ "pause", MV_VM_PAUSE, 0 },
	{ "unpause", MV_VM_UNPAUSE, 0 },
};

static const struct power_verb *find(const char *name)
{
	for (size_t i = 0; i < sizeof(power_verbs) / sizeof(power_verbs[0]);
	     i++) {
		if (strcmp(power_verbs[i].name, name) == 0) {
			return &power_verbs[i];
		}
	}
	return NULL;
}

/* What to wait for must be that VM, also if its name is given away. */
static int settle_reference(struct session *s, const char *name, bool wait,
			    struct mv_vm_ref *ref)
{
	struct mv_vm_info info;
	int status;

	if (!wait) {
		return vm_reference(name, ref) ? 0 : EXIT_FAILED;
	}
	status = vm_find(s, name, &info);
	if (status == 0) {
		vm_exactly(&info.vm, ref);
	}
	return status;
}

static int do_one(struct session *s, const struct power_verb *p,
		  const char *name, unsigned int wait_s)
{
	struct mv_vm_ref ref;
	char what[MV_NAME_MAX + 16];
	int status = settle_reference(s, name, wait_s != 0, &ref);
	int err, state;

	if (status != 0) {
		return status;
	}
	snprintf(what, sizeof(what), "%s %s", p->name, name);
	err = session_ask(s, (uint16_t)p->code, &ref, sizeof(ref), NULL, 0);
	if (err == 0 && wait_s != 0) {
		err = vm_await(s, &ref, p->states, wait_s, &state);
		if (err == SESSION_NO_ANSWER) {
			tell_error(s->node.name, 0, "%s: still %s after %u s",
				   what, state < 0 ? "gone" : "not done", wait_s);
			return EXIT_FAILED;
		}
	}
	if (err != 0) {
		return tell_failure(s, what, err);
	}
	tell_done(s, p->name, name);
	return 0;
}

/* 0, or 2 after telling; the words that are left begin at optind. */
static int read_wait(const struct verb *verb, bool may_wait, int argc,
		     char **argv, unsigned int *wait_s)
{
	static const struct option options[] = {
		{ "wait", optional_argument, NULL, 'w' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t v = WAIT_S;
	int c;

	*wait_s = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "w", options, NULL)) != -1) {
		if (c != 'w' || !may_wait) {
			return usage_error(verb, "unknown option %s",
					   argv[optind - 1]);
		}
		if (optarg != NULL &&
		    (parse_u64(optarg, strlen(optarg), WAIT_MAX_S, &v) != 0 ||
		     v == 0)) {
			return usage_error(verb, "--wait=%s: 1 to %u seconds",
					   optarg, WAIT_MAX_S);
		}
		*wait_s = (unsigned int)v;
	}
	return 0;
}

int verb_power(const struct verb *verb, int argc, char **argv)
{
	const struct power_verb *p = find(verb->name);
	bool may_wait = p->states != 0 || p->code == MV_VM_DESTROY;
	unsigned int wait_s;
	struct target t;
	int status = read_wait(verb, may_wait, argc, argv, &wait_s);

	if (status != 0) {
		return status;
	}
	if (optind == argc) {
		return usage_error(verb, "which VM?");
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	for (int i = optind; i < argc; i++) {
		int one = do_one(&t.s, p, argv[i], wait_s);

		status = one != 0 ? one : status;
	}
	target_close(&t);
	return status;
}

int verb_node(const struct verb *verb, int argc, char **argv)
{
	struct mv_node_power power = { .what = MV_POWER_OFF };
	struct target t;
	int status, err;

	if (argc != 2 || (strcmp(argv[1], "poweroff") != 0 &&
			  strcmp(argv[1], "reset") != 0)) {
		return usage_error(verb, "poweroff or reset?");
	}
	if (globals.node == NULL) {
		return usage_error(verb, "name the node with -N, even if there "
				   "is only one");
	}
	if (strcmp(argv[1], "reset") == 0) {
		power.what = MV_POWER_RESET;
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	err = session_ask(&t.s, MV_NODE_POWER, &power, sizeof(power), NULL, 0);
	if (err != 0) {
		status = tell_failure(&t.s, argv[1], err);
	} else {
		tell_done(&t.s, argv[1], t.s.node.name);
	}
	target_close(&t);
	return status;
}
