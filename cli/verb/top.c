/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl top`: what VMs use, from the differences of two looks.
 */
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/call.h"
#include "client/list.h"
#include "globals.h"
#include "lib/parse.h"
#include "out/human.h"
#include "out/term.h"
#include "out/utf8.h"
#include "stop.h"
#include "verb/kinds.h"
#include "verb/target.h"
#include "verbs.h"

#define DELAY_S		2
#define DELAY_MAX_S	3600

/* One look. */
struct look {
	struct mv_node_info node;
	struct list vms;	/* struct mv_top */
	struct list cpus;	/* struct mv_cpu */
};

/* What became of a VM since the look before. */
struct row {
	const struct mv_top *vm;
	unsigned int cpu;	/* tenths of a per cent of one CPU */
	uint64_t from, to;	/* bytes a second */
};

static int take_look(struct session *s, struct look *l)
{
	int err = session_ask(s, MV_NODE_INFO, NULL, 0, &l->node,
			      sizeof(l->node));

	if (err == 0) {
		err = list_fetch(s, MV_TOP, 0, sizeof(struct mv_top), &l->vms);
	}
	if (err == 0) {
		err = list_fetch(s, MV_CPU_LIST, 0, sizeof(struct mv_cpu),
				 &l->cpus);
	}
	return err;
}

static void drop_look(struct look *l)
{
	list_free(&l->vms);
	list_free(&l->cpus);
}

static const struct mv_top *find_vm(const struct look *l,
				    const struct mv_top *vm)
{
	const struct mv_top *p = l->vms.entry;

	for (size_t i = 0; i < l->vms.count; i++) {
		if (mv_get32(p[i].id) == mv_get32(vm->id) &&
		    memcmp(p[i].name, vm->name, sizeof(vm->name)) == 0) {
			return &p[i];
		}
	}
	return NULL;
}

/* Counters begin anew when a VM does. */
static uint64_t grown(struct mv_be64 now, struct mv_be64 before)
{
	uint64_t a = mv_get64(now), b = mv_get64(before);

	return a > b ? a - b : 0;
}

static uint64_t per_second(uint64_t v, uint64_t ns)
{
	return ns == 0 ? 0 : (uint64_t)((double)v * 1e9 / (double)ns);
}

static int by_use(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->cpu != y->cpu) {
		return x->cpu < y->cpu ? 1 : -1;
	}
	return strncmp(x->vm->name, y->vm->name, sizeof(x->vm->name));
}

static struct row *make_rows(const struct look *now, const struct look *before)
{
	uint64_t ns = now->vms.now_ns - before->vms.now_ns;
	struct row *row = xalloc((now->vms.count + 1) * sizeof(*row));

	for (size_t i = 0; i < now->vms.count; i++) {
		const struct mv_top *vm = (const struct mv_top *)now->vms.entry + i;
		const struct mv_top *old = find_vm(before, vm);

		row[i].vm = vm;
		if (old != NULL) {
			row[i].cpu = (unsigned int)
				(per_second(grown(vm->cpu_ns, old->cpu_ns), ns) /
				 1000000);
			row[i].from = per_second(grown(vm->tx_bytes,
						       old->tx_bytes), ns);
			row[i].to = per_second(grown(vm->rx_bytes,
						     old->rx_bytes), ns);
		}
	}
	qsort(row, now->vms.count, sizeof(*row), by_use);
	return row;
}

/* Tenths of a per cent of all CPUs that did nothing. */
static unsigned int idle_share(const struct look *now, const struct look *before)
{
	const struct mv_cpu *a = now->cpus.entry, *b = before->cpus.entry;
	uint64_t ns = now->cpus.now_ns - before->cpus.now_ns, idle = 0;
	size_t count = now->cpus.count;

	if (count == 0 || count != before->cpus.count || ns == 0) {
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		idle += grown(a[i].idle_ns, b[i].idle_ns);
	}
	idle = per_second(idle, ns) / 1000000 / count;
	return idle > 1000 ? 1000 : (unsigned int)idle;
}

static void print_head(const struct session *s, const struct look *now,
		       unsigned int idle)
{
	char all[16], free_now[16];

	format_size(all, sizeof(all), mv_get64(now->node.memory));
	format_size(free_now, sizeof(free_now), mv_get64(now->node.memory_free));
	print_safe(stdout, s->node.name, strlen(s->node.name));
	printf(": up %llu s, %zu VMs, %u CPUs %u.%u%% idle, memory %s, %s free\n",
	       (unsigned long long)(mv_get64(now->node.uptime_ns) / 1000000000),
	       now->vms.count, mv_get32(now->node.cpus), idle / 10, idle % 10,
	       all, free_now);
	printf("%-20s %5s %-8s %7s %5s %8s %12s %12s\n", "Name", "ID", "State",
	       "CPU(%)", "VCPUs", "Mem(MiB)", "From(B/s)", "To(B/s)");
}

static void print_row(const struct row *r)
{
	char name[sizeof(r->vm->name) + 1] = "";

	memcpy(name, r->vm->name, sizeof(r->vm->name));
	print_safe(stdout, name, strlen(name));
	printf("%*s %5u %-8s %5u.%u %5u %8llu %12llu %12llu\n",
	       strlen(name) < 20 ? (int)(20 - strlen(name)) : 0, "",
	       mv_get32(r->vm->id), vm_state_name(r->vm->state), r->cpu / 10,
	       r->cpu % 10, r->vm->vcpus,
	       (unsigned long long)(mv_get64(r->vm->memory_now_kib) >> 10),
	       (unsigned long long)r->from, (unsigned long long)r->to);
}

static void print_text(const struct session *s, const struct look *now,
		       const struct row *row, unsigned int idle, bool live)
{
	unsigned int lines, columns;
	size_t count = now->vms.count;

	if (live) {
		term_size(&lines, &columns);
		count = lines > 3 && count > lines - 3 ? lines - 3 : count;
		fputs("\033[H\033[J", stdout);
	}
	print_head(s, now, idle);
	for (size_t i = 0; i < count; i++) {
		print_row(&row[i]);
	}
	fflush(stdout);
}

static void print_json(const struct session *s, const struct look *now,
		       const struct row *row, unsigned int idle)
{
	struct json j;

	json_begin(&j, &s->node);
	json_fixed(&j, "up_seconds", mv_get64(now->node.uptime_ns), 9);
	json_fixed(&j, "idle_percent", idle, 1);
	json_u64(&j, "memory_bytes", mv_get64(now->node.memory));
	json_u64(&j, "memory_free_bytes", mv_get64(now->node.memory_free));
	json_open(&j, "vms", '[');
	for (size_t i = 0; i < now->vms.count; i++) {
		const struct row *r = &row[i];

		json_open(&j, NULL, '{');
		json_bytes(&j, "name", r->vm->name,
			   strnlen(r->vm->name, sizeof(r->vm->name)));
		json_u64(&j, "id", mv_get32(r->vm->id));
		json_str(&j, "state", vm_state_name(r->vm->state));
		json_fixed(&j, "cpu_percent", r->cpu, 1);
		json_fixed(&j, "cpu_seconds", mv_get64(r->vm->cpu_ns), 9);
		json_u64(&j, "vcpus", r->vm->vcpus);
		json_u64(&j, "memory_kib", mv_get64(r->vm->memory_now_kib));
		json_u64(&j, "from_guest_bytes_per_second", r->from);
		json_u64(&j, "to_guest_bytes_per_second", r->to);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_finish(&j);
}

/* Until the next look. False: the user has seen enough. */
static bool pause_for(unsigned int seconds, bool keys)
{
	struct pollfd p = { .fd = keys ? STDIN_FILENO : -1, .events = POLLIN };
	char c;

	if (poll(&p, 1, (int)seconds * 1000) > 0 &&
	    read(STDIN_FILENO, &c, 1) == 1) {
		return c != 'q' && c != 'Q' && c != 3;
	}
	return !stop_wanted();
}

static int top(struct session *s, unsigned int delay, uint64_t turns)
{
	bool live = turns == UINT64_MAX && !globals.json &&
		isatty(STDOUT_FILENO);
	bool keys = live && term_enter(TERM_KEYS);
	struct look before = { .vms.count = 0 }, now = { .vms.count = 0 };
	int err = take_look(s, &before);

	while (err == 0 && turns-- > 0 && pause_for(delay, keys)) {
		err = take_look(s, &now);
		if (err == 0) {
			struct row *row = make_rows(&now, &before);
			unsigned int idle = idle_share(&now, &before);

			if (globals.json) {
				print_json(s, &now, row, idle);
			} else {
				print_text(s, &now, row, idle, live);
			}
			free(row);
		}
		drop_look(&before);
		before = now;
		now = (struct look){ .vms.count = 0 };
	}
	drop_look(&before);
	drop_look(&now);
	term_restore();
	return err == 0 ? 0 : tell_failure(s, "top", err);
}

int verb_top(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "iterations", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t delay = DELAY_S, turns = UINT64_MAX;
	struct target t;
	int status, c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "d:n:", options, NULL)) != -1) {
		uint64_t *v = c == 'd' ? &delay : &turns;

		if (c == '?' || parse_u64(optarg, strlen(optarg), DELAY_MAX_S,
					  v) != 0 || *v == 0) {
			return usage_error(verb, "%s: not an option, or not its "
					   "range", argv[optind - 1]);
		}
	}
	if (optind != argc) {
		return usage_error(verb, "it takes no argument");
	}
	status = target_open(&t);
	if (status != 0) {
		return status;
	}
	stop_on_signals();
	status = top(&t.s, (unsigned int)delay, turns);
	target_close(&t);
	return status;
}
