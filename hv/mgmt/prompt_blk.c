/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of the prompt about volumes.
 */
#include "blk/blk.h"
#include "lib/string.h"
#include "mgmt/prompt.h"
#include "vm/vm.h"

static void print_volume(struct blk_volume *v)
{
	struct blk_stats s;
	struct blk_info info;
	unsigned int queued, inflight;

	blk_volume_stats(v, &s, &queued, &inflight);
	blk_volume_info(v, &info);
	prompt_print("%-20s %-14s %9llu %-3s %9llu %9llu %7llu %5u\n", v->name, v->target->name,
		     (unsigned long long)(info.sectors >> 11),
		     !info.known ? "?" : info.read_only ? "ro" : "rw",
		     (unsigned long long)s.ios[BLK_READ], (unsigned long long)s.ios[BLK_WRITE],
		     (unsigned long long)s.errors, inflight);
}

static void print_number(const char *name, uint64_t n)
{
	if (n != 0) {
		prompt_print("  %-22s %llu\n", name, (unsigned long long)n);
	}
}

static void print_stats(const struct blk_stats *s)
{
	static const char *const ios[BLK_OPS] = { "reads", "writes", "flushes", "discards" };

	for (unsigned int i = 0; i < BLK_OPS; i++) {
		print_number(ios[i], s->ios[i]);
	}
	print_number("read_bytes", s->bytes[BLK_READ]);
	print_number("written_bytes", s->bytes[BLK_WRITE]);
	print_number("errors", s->errors);
	print_number("refused", s->refused);
	print_number("throttled", s->throttled);
	print_number("cancelled", s->cancelled);
	print_number("expired", s->expired);
	for (unsigned int i = 0; i < BLK_LATENCY_MAX; i++) {
		if (s->latency[i] != 0) {
			prompt_print("  below %10llu us     %llu\n", 1ULL << i,
				     (unsigned long long)s->latency[i]);
		}
	}
}

static void print_vbd(const struct vbd *v, void *ctx)
{
	if (v->volume != ctx) {
		return;
	}
	for (unsigned int c = 0; c < VBD_COUNTERS; c++) {
		uint64_t n = 0;

		for (unsigned int q = 0; q < BLKBACK_QUEUES; q++) {
			n += READ_ONCE(v->counts[q][c]);
		}
		print_number(vbd_counter_name((enum vbd_counter)c), n);
	}
}

static struct blk_volume *find(const char *name)
{
	for (unsigned int i = 0; i < BLK_VOLUME_MAX; i++) {
		struct blk_volume *v = blk_volume_get(i);

		if (v != NULL && strcmp(v->name, name) == 0) {
			return v;
		}
	}
	return NULL;
}

/* In steps: the volume, its device in the guest, its target. */
static bool one_volume(struct prompt_call *c)
{
	struct blk_volume *v = find(c->argv[0]);
	struct blk_stats s;
	unsigned int queued, inflight;
	const char *name;
	uint64_t value;

	if (v == NULL) {
		prompt_print("no volume '%s'; 'volumes' shows all\n", c->argv[0]);
		return false;
	}
	switch (c->step) {
	case 0:
		blk_volume_stats(v, &s, &queued, &inflight);
		print_number("queued", queued);
		print_number("in_flight", inflight);
		print_stats(&s);
		return true;
	case 1:
		prompt_print("ring:\n");
		blk_for_each_vbd(print_vbd, v);
		return true;
	default:
		prompt_print("target %s:\n", v->target->name);
		for (unsigned int n = 0; v->target->ops->counter(v->target, n, &name, &value);
		     n++) {
			print_number(name, value);
		}
		return false;
	}
}

static bool cmd_volumes(struct prompt_call *c)
{
	struct blk_volume *v = NULL;

	if (c->argc == 1) {
		return one_volume(c);
	}
	if (c->step == 0) {
		prompt_print("%-20s %-14s %9s %-3s %9s %9s %7s %5s\n", "volume", "target", "MiB",
			     "", "reads", "writes", "errors", "busy");
	}
	while (c->cursor < BLK_VOLUME_MAX && v == NULL) {
		v = blk_volume_get((unsigned int)c->cursor++);
	}
	if (v == NULL) {
		return false;
	}
	print_volume(v);
	return true;
}

static bool cmd_unplug(struct prompt_call *c)
{
	const struct vm *vm = vm_find(c->argv[0]);
	struct domain *d = vm != NULL ? domain_find(vm->id) : NULL;
	int err;

	if (d == NULL) {
		prompt_print("no running VM '%s'\n", c->argv[0]);
		return false;
	}
	err = blk_vbd_unplug(d, c->argv[1]);
	if (err == -ENOENT) {
		prompt_print("%s has no disk '%s'\n", d->name, c->argv[1]);
	} else if (err != 0) {
		prompt_print("%s of %s is being unplugged already\n", c->argv[1], d->name);
	}
	return false;
}

const struct prompt_command prompt_blk_commands[] = {
	{ "volumes", "[volume]", "disks and their targets, or all counters of one", 0, 1,
	  cmd_volumes },
	{ "unplug", "<vm> <disk>", "have a VM let go of a disk", 2, 2, cmd_unplug },
	{ .name = NULL },
};
