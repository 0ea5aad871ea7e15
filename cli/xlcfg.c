/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of xl.cfg(5) that we know. One table says for each key what reads
 * it; a key that asks for something we can't give is an error, one that makes
 * no difference here a warning.
 */
#include "xlcfg.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/parse.h"
#include "util.h"
#include "xlcfg_disk.h"

struct ctx {
	struct vm_spec *spec;
	const char *path;
	bool failed;
	bool has_on_watchdog;
	int64_t memory, maxmem, vcpus, maxvcpus;	/* 0: not given */
	unsigned int memory_line, vcpus_line;
	const char *root, *extra, *cmdline;
	const struct cfg_setting *cpus;
};

#define FAIL(c, line, ...) \
	((c)->failed = true, tell_error((c)->path, (line), __VA_ARGS__))
#define WARN(c, line, ...) tell_warning((c)->path, (line), __VA_ARGS__)

struct key {
	const char *name;
	void (*read)(struct ctx *c, const struct cfg_setting *s);
};

/* --- values ------------------------------------------------------------- */

static const char *want_str(struct ctx *c, const struct cfg_setting *s)
{
	if (s->value.kind != CFG_STRING) {
		FAIL(c, s->line, "'%s' must be a string", s->key);
		return NULL;
	}
	return s->value.str;
}

static bool want_number(struct ctx *c, const struct cfg_setting *s,
			int64_t min, int64_t max, int64_t *out)
{
	const char *text = s->value.str;
	int64_t v = s->value.number;

	if (s->value.kind == CFG_STRING) {	/* xl takes "512", too */
		uint64_t u;

		if (parse_u64(text, strlen(text), INT64_MAX, &u) != 0) {
			FAIL(c, s->line, "'%s' must be a number", s->key);
			return false;
		}
		v = (int64_t)u;
	} else if (s->value.kind != CFG_NUMBER) {
		FAIL(c, s->line, "'%s' must be a number", s->key);
		return false;
	}
	if (v < min || v > max) {
		FAIL(c, s->line, "'%s' is %lld; it must be %lld to %lld",
		     s->key, (long long)v, (long long)min, (long long)max);
		return false;
	}
	*out = v;
	return true;
}

/* A path beside the configuration file, unless it is absolute. */
static char *path_beside(const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (path[0] == '/' || slash == NULL) {
		return xstrdup(path);
	}
	return xformat("%.*s%s", (int)(slash - file + 1), file, path);
}

/* --- keys --------------------------------------------------------------- */

static void read_name(struct ctx *c, const struct cfg_setting *s)
{
	const char *v = want_str(c, s);

	if (v == NULL) {
		return;
	}
	if (v[0] == '\0' || strlen(v) >= VM_NAME_MAX) {
		FAIL(c, s->line, "name '%s': it takes 1 to %u bytes", v,
		     VM_NAME_MAX - 1);
		return;
	}
	strcpy(c->spec->vm.name, v);
}

static int hex_digit(char ch)
{
	const char *digits = "0123456789abcdef";
	const char *p = ch != '\0' ? strchr(digits, ch | 0x20) : NULL;

	return p != NULL ? (int)(p - digits) : -1;
}

static void read_uuid(struct ctx *c, const struct cfg_setting *s)
{
	const char *v = want_str(c, s);
	unsigned int n = 0;

	for (; v != NULL && *v != '\0' && n < 32; v++) {
		int d = hex_digit(*v);

		if (*v == '-') {
			continue;
		}
		if (d < 0) {
			break;
		}
		c->spec->vm.uuid[n / 2] = (uint8_t)
			(n % 2 == 0 ? d << 4 : c->spec->vm.uuid[n / 2] | d);
		n++;
	}
	if (v != NULL && (n != 32 || *v != '\0')) {
		FAIL(c, s->line, "'%s' isn't a UUID", s->value.str);
	}
	c->spec->has_uuid = true;
}

static void read_type(struct ctx *c, const struct cfg_setting *s)
{
	const char *v = want_str(c, s);

	if (v != NULL && strcasecmp(v, "pvh") != 0 &&
	    strcasecmp(v, "pv") != 0 && strcasecmp(v, "generic") != 0) {
		FAIL(c, s->line, "%s '%s' isn't supported: every VM is PVH",
		     s->key, v);
	}
}

static void read_memory(struct ctx *c, const struct cfg_setting *s)
{
	bool is_max = strcmp(s->key, "maxmem") == 0;

	want_number(c, s, 4, (int64_t)(VM_MEMORY_MAX_KIB >> 10),
		    is_max ? &c->maxmem : &c->memory);
	c->memory_line = s->line;
}

static void read_vcpus(struct ctx *c, const struct cfg_setting *s)
{
	bool is_max = strcmp(s->key, "maxvcpus") == 0;

	want_number(c, s, 1, VM_VCPU_MAX, is_max ? &c->maxvcpus : &c->vcpus);
	c->vcpus_line = s->line;
}

static void read_kernel(struct ctx *c, const struct cfg_setting *s)
{
	const char *v = want_str(c, s);

	if (v != NULL) {
		free(c->spec->kernel);
		c->spec->kernel = path_beside(c->path, v);
		c->spec->kernel_line = s->line;
	}
}

static void read_ramdisk(struct ctx *c, const struct cfg_setting *s)
{
	const char *v = want_str(c, s);

	if (v != NULL) {
		free(c->spec->ramdisk);
		c->spec->ramdisk = path_beside(c->path, v);
		c->spec->ramdisk_line = s->line;
	}
}

static void read_root(struct ctx *c, const struct cfg_setting *s)
{
	c->root = want_str(c, s);
}

static void read_extra(struct ctx *c, const struct cfg_setting *s)
{
	c->extra = want_str(c, s);
}

static void read_cmdline(struct ctx *c, const struct cfg_setting *s)
{
	c->cmdline = want_str(c, s);
}

static void read_action(struct ctx *c, const struct cfg_setting *s)
{
	const char *v = want_str(c, s);
	struct vm_config *vm = &c->spec->vm;
	enum vm_action *out = strcmp(s->key, "on_poweroff") == 0 ?
		&vm->on_poweroff : strcmp(s->key, "on_reboot") == 0 ?
		&vm->on_reboot : strcmp(s->key, "on_watchdog") == 0 ?
		&vm->on_watchdog : &vm->on_crash;

	c->has_on_watchdog |= out == &vm->on_watchdog;
	if (v == NULL) {
		return;
	}
	for (int a = VM_ACTION_DESTROY; a <= VM_ACTION_PRESERVE; a++) {
		if (strcmp(v, vm_action_name((enum vm_action)a)) == 0) {
			*out = (enum vm_action)a;
			return;
		}
	}
	FAIL(c, s->line, "%s '%s' isn't supported: use destroy, restart or "
	     "preserve", s->key, v);
}

static void read_watchdog(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, 0, VM_WATCHDOG_MAX_S, &v)) {
		c->spec->vm.watchdog_s = (uint32_t)v;
	}
}

static void read_weight(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, VM_WEIGHT_MIN, VM_WEIGHT_MAX, &v)) {
		c->spec->vm.weight = (unsigned int)v;
	}
}

static void read_cap(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, 0, 100 * VM_VCPU_MAX, &v)) {
		c->spec->vm.cap = (unsigned int)v;
	}
}

static void read_grant_frames(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, VM_GRANT_FRAMES_MIN, VM_GRANT_FRAMES_MAX, &v)) {
		c->spec->vm.max_grant_frames = (unsigned int)v;
	}
}

static void read_event_channels(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, 64, INT64_MAX, &v)) {
		c->spec->vm.max_evtchn = v > (int64_t)VM_EVTCHN_MAX ?
			VM_EVTCHN_MAX : (unsigned int)v;
	}
}

static void read_kaslr(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, 0, 1, &v)) {
		c->spec->vm.kaslr_seed = v != 0;
	}
}

static void read_direct_map(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, 0, 1, &v)) {
		c->spec->vm.direct_map = v != 0;
	}
}

static void read_driver_domain(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, 0, 1, &v)) {
		c->spec->vm.driver_domain = v != 0;
	}
}

/* What they name is in the machine's tree, which isn't known here. */
static void read_assign(struct ctx *c, const struct cfg_setting *s)
{
	struct vm_config *vm = &c->spec->vm;

	if (s->value.kind != CFG_LIST) {
		FAIL(c, s->line, "'%s' must be a list", s->key);
		return;
	}
	for (size_t i = 0; i < s->value.count; i++) {
		const struct cfg_value *v = &s->value.item[i];

		if (v->kind != CFG_STRING || v->str[0] == '\0' ||
		    strlen(v->str) >= VM_ASSIGN_PATH_MAX) {
			FAIL(c, v->line, "'%s' takes paths or aliases in the machine's device tree",
			     s->key);
		} else if (vm->assign_count == VM_ASSIGN_MAX) {
			FAIL(c, v->line, "more than %u devices", VM_ASSIGN_MAX);
			return;
		} else {
			strcpy(vm->assign[vm->assign_count++], v->str);
		}
	}
}

static void read_console(struct ctx *c, const struct cfg_setting *s)
{
	int64_t v;

	if (want_number(c, s, 0, 1, &v)) {
		c->spec->vm.console = v != 0;
	}
}

/* --- CPU pinning -------------------------------------------------------- */

/* "all", "3", "0-2", "0-3,^2" to a mask of CPUs below 32; 0 if malformed. */
static uint64_t cpu_mask(const char *s)
{
	uint64_t mask = 0;

	if (strcmp(s, "all") == 0) {
		return UINT32_MAX;
	}
	while (*s != '\0') {
		bool without = *s == '^';
		unsigned long first, last;
		char *end;

		s += without;
		if (*s < '0' || *s > '9') {
			return 0;
		}
		first = last = strtoul(s, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9') {
			last = strtoul(end + 1, &end, 10);
		}
		if (last < first || last > 31 || (*end != '\0' && *end != ',')) {
			return 0;
		}
		for (unsigned long cpu = first; cpu <= last; cpu++) {
			mask = without ? mask & ~(1ULL << cpu) :
				mask | 1ULL << cpu;
		}
		s = *end == ',' ? end + 1 : end;
	}
	return mask;
}

static void read_cpus(struct ctx *c, const struct cfg_setting *s)
{
	c->cpus = s;
}

/* After all keys, since a list needs the number of vCPUs. */
static void settle_cpus(struct ctx *c)
{
	struct vm_config *vm = &c->spec->vm;
	const struct cfg_setting *s = c->cpus;

	if (s == NULL) {
		return;
	}
	if (s->value.kind == CFG_LIST && s->value.count < vm->vcpu_count) {
		FAIL(c, s->line, "'cpus' lists fewer CPUs than the VM has vCPUs");
		return;
	}
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		const struct cfg_value *v = s->value.kind == CFG_LIST ?
			&s->value.item[i] : &s->value;

		vm->pin[i] = v->str != NULL ? cpu_mask(v->str) : 0;
		if (vm->pin[i] == 0) {
			FAIL(c, v->line, "'cpus' takes \"all\", or CPUs 0 to 31 "
			     "as in \"0-3,^2\"");
			return;
		}
	}
}

/* --- vif ---------------------------------------------------------------- */

struct vif_ctx {
	struct ctx *c;
	struct vm_vif_config *vif;
	unsigned int line;
};

static void vif_number(struct vif_ctx *x, const char *key, const char *val,
		       uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (parse_u64(val, strlen(val), max, &v) != 0 || v < min) {
		FAIL(x->c, x->line, "vif: %s=%s: it must be %llu to %llu", key,
		     val, (unsigned long long)min, (unsigned long long)max);
		return;
	}
	*out = v;
}

static void vif_trunk(struct vif_ctx *x, const char *val)
{
	char *copy = xstrdup(val);
	char *save = NULL;

	for (char *id = strtok_r(copy, ":", &save); id != NULL;
	     id = strtok_r(NULL, ":", &save)) {
		uint64_t v = 0;

		vif_number(x, "trunk", id, 1, 4094, &v);
		if (x->vif->trunk_count == VM_VLAN_TRUNK_MAX) {
			FAIL(x->c, x->line, "vif: trunk= has more than %u VLANs",
			     VM_VLAN_TRUNK_MAX);
			break;
		}
		x->vif->trunk[x->vif->trunk_count++] = (uint16_t)v;
	}
	free(copy);
}

static void vif_mac(struct vif_ctx *x, const char *val)
{
	if (parse_mac(val, strlen(val), x->vif->mac) != 0) {
		FAIL(x->c, x->line, "vif: mac=%s isn't a MAC address", val);
		return;
	}
	if (x->vif->mac[0] & 1) {
		FAIL(x->c, x->line, "vif: mac=%s is a group address", val);
	}
	x->vif->has_mac = true;
}

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(s, *list) == 0) {
			return true;
		}
	}
	return false;
}

/* Only uplinks have a choice, which the hypervisor's parser sees to. */
static void vif_model(struct vif_ctx *x, const char *val)
{
	x->vif->virtio = strcmp(val, "virtio-net") == 0;
	if (!x->vif->virtio && strcmp(val, "netfront") != 0) {
		WARN(x->c, x->line, "vif: model=%s is ignored", val);
	}
}

static void vif_setting(struct vif_ctx *x, const char *key, const char *val)
{
	static const char *const harmless[] = {
		"bridge", "script", "type", "ip", "gatewaydev",
		"devid", "trusted", "netdev", NULL,
	};
	uint64_t v = 0;

	if (strcmp(key, "mac") == 0) {
		vif_mac(x, val);
	} else if (strcmp(key, "mtu") == 0) {
		vif_number(x, key, val, VM_MTU_MIN, VM_MTU_MAX, &v);
		x->vif->mtu = (uint32_t)v;
	} else if (strcmp(key, "vlan") == 0) {
		vif_number(x, key, val, 1, 4094, &v);
		x->vif->vlan = (uint16_t)v;
	} else if (strcmp(key, "trunk") == 0) {
		vif_trunk(x, val);
	} else if (strcmp(key, "queues") == 0) {
		vif_number(x, key, val, 1, VM_VCPU_MAX, &v);
		x->vif->queues = (unsigned int)v;
	} else if (strcmp(key, "spoof_check") == 0) {
		vif_number(x, key, val, 0, 1, &v);
		x->vif->spoof_check = v != 0;
	} else if (strcmp(key, "uplink") == 0) {
		vif_number(x, key, val, 0, 1, &v);
		x->vif->uplink = v != 0;
	} else if (strcmp(key, "model") == 0) {
		vif_model(x, val);
	} else if (strcmp(key, "uplink_timeout") == 0) {
		vif_number(x, key, val, 0, VM_HANG_MAX_S, &v);
		x->vif->hang_s = (uint32_t)v;
	} else if (strcmp(key, "vifname") == 0) {
		if (strlen(val) >= VM_VIF_NAME_MAX) {
			FAIL(x->c, x->line, "vif: vifname=%s is too long", val);
			return;
		}
		strcpy(x->vif->name, val);
	} else if (is_one_of(key, harmless)) {
		WARN(x->c, x->line, "vif: %s= is ignored%s", key,
		     strcmp(key, "bridge") == 0 ?
		     ": every vif is on the hypervisor's own switch" : "");
	} else {
		FAIL(x->c, x->line, "vif: %s= isn't supported", key);
	}
}

static void vif_text(struct vif_ctx *x, const char *text)
{
	char *copy = xstrdup(text), *save = NULL;

	x->vif->mtu = VM_MTU_DEFAULT;
	x->vif->spoof_check = true;
	x->vif->hang_s = VM_HANG_DEFAULT_S;
	for (char *part = strtok_r(copy, ",", &save); part != NULL;
	     part = strtok_r(NULL, ",", &save)) {
		char *eq, *end;

		part += strspn(part, " \t");
		end = part + strlen(part);
		while (end > part && (end[-1] == ' ' || end[-1] == '\t')) {
			*--end = '\0';
		}
		eq = strchr(part, '=');
		if (eq == NULL) {
			FAIL(x->c, x->line, "vif: '%s' isn't key=value", part);
			continue;
		}
		*eq = '\0';
		vif_setting(x, part, eq + 1);
	}
	free(copy);
}

static void read_one_vif(struct ctx *c, const struct cfg_value *v)
{
	struct vm_config *vm = &c->spec->vm;
	struct vif_ctx x = { .c = c, .line = v->line };

	if (v->kind != CFG_STRING) {
		FAIL(c, v->line, "a vif must be a string");
		return;
	}
	if (vm->vif_count == VM_VIF_MAX) {
		FAIL(c, v->line, "more than %u vifs", VM_VIF_MAX);
		return;
	}
	x.vif = &vm->vif[vm->vif_count++];
	vif_text(&x, v->str);
}

int xlcfg_vif(struct vm_vif_config *vif, const char *text)
{
	struct ctx c = { .path = "mvctl" };
	struct vif_ctx x = { .c = &c, .vif = vif };

	memset(vif, 0, sizeof(*vif));
	vif_text(&x, text);
	return c.failed ? -1 : 0;
}

static void read_vif(struct ctx *c, const struct cfg_setting *s)
{
	if (s->value.kind != CFG_LIST) {
		FAIL(c, s->line, "'vif' must be a list");
		return;
	}
	for (size_t i = 0; i < s->value.count; i++) {
		read_one_vif(c, &s->value.item[i]);
	}
}

static void read_disk(struct ctx *c, const struct cfg_setting *s)
{
	if (s->value.kind != CFG_LIST) {
		FAIL(c, s->line, "'disk' must be a list");
		return;
	}
	for (size_t i = 0; i < s->value.count; i++) {
		const struct cfg_value *v = &s->value.item[i];

		if (v->kind != CFG_STRING) {
			FAIL(c, v->line, "a disk must be a string");
		} else if (!xlcfg_read_disk(&c->spec->vm, c->path, v->line, v->str)) {
			c->failed = true;
		}
	}
}

/* --- keys that we refuse or ignore --------------------------------------- */

static void read_not_yet(struct ctx *c, const struct cfg_setting *s)
{
	if (s->value.kind == CFG_LIST && s->value.count == 0) {
		return;
	}
	FAIL(c, s->line, "'%s' isn't supported yet", s->key);
}

static void read_harmless(struct ctx *c, const struct cfg_setting *s)
{
	WARN(c, s->line, "'%s' makes no difference here (ignored)", s->key);
}

static const struct key keys[] = {
	{ "name", read_name },
	{ "uuid", read_uuid },
	{ "type", read_type },
	{ "builder", read_type },
	{ "memory", read_memory },
	{ "maxmem", read_memory },
	{ "vcpus", read_vcpus },
	{ "maxvcpus", read_vcpus },
	{ "cpus", read_cpus },
	{ "cpu_weight", read_weight },
	{ "cap", read_cap },
	{ "kernel", read_kernel },
	{ "ramdisk", read_ramdisk },
	{ "root", read_root },
	{ "extra", read_extra },
	{ "cmdline", read_cmdline },
	{ "vif", read_vif },
	{ "on_poweroff", read_action },
	{ "on_reboot", read_action },
	{ "on_crash", read_action },
	{ "on_watchdog", read_action },
	{ "mv_watchdog", read_watchdog },
	{ "max_grant_frames", read_grant_frames },
	{ "event_channels", read_event_channels },
	{ "mv_kaslr_seed", read_kaslr },
	{ "mv_console", read_console },
	{ "mv_direct_map", read_direct_map },
	{ "mv_assign", read_assign },
	{ "driver_domain", read_driver_domain },
	{ "disk", read_disk },
	{ "pci", read_not_yet },
	{ "usbdev", read_not_yet },
	{ "usbctrl", read_not_yet },
	{ "dtdev", read_not_yet },
	{ "device_tree", read_not_yet },
	{ "iomem", read_not_yet },
	{ "irqs", read_not_yet },
	{ "vtpm", read_not_yet },
	{ "p9", read_not_yet },
	{ "virtio", read_not_yet },
	{ "bootloader", read_not_yet },
	{ "firmware", read_not_yet },
	{ "pool", read_not_yet },
	{ "cpus_soft", read_not_yet },
	{ "channel", read_not_yet },
	{ "vuart", read_not_yet },
	{ "acpi", read_harmless },
	{ "apic", read_harmless },
	{ "pae", read_harmless },
	{ "hap", read_harmless },
	{ "nx", read_harmless },
	{ "localtime", read_harmless },
	{ "serial", read_harmless },
	{ "vfb", read_harmless },
	{ "vkb", read_harmless },
	{ "vnc", read_harmless },
	{ "sdl", read_harmless },
	{ "nographic", read_harmless },
	{ "boot", read_harmless },
	{ "on_soft_reset", read_harmless },
	{ "gic_version", read_harmless },
	{ "max_maptrack_frames", read_harmless },
	{ "xen_platform_pci", read_harmless },
	{ "viridian", read_harmless },
};

static void read_key(struct ctx *c, const struct cfg_setting *s)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, s->key) == 0) {
			keys[i].read(c, s);
			return;
		}
	}
	WARN(c, s->line, "unknown key '%s' (ignored)", s->key);
}

/* --- the whole ----------------------------------------------------------- */

static void settle_args(struct ctx *c)
{
	char *args;

	if (c->cmdline != NULL) {
		if (c->root != NULL || c->extra != NULL) {
			WARN(c, 0, "'cmdline' replaces 'root' and 'extra'");
		}
		args = xstrdup(c->cmdline);
	} else if (c->root != NULL) {
		args = xformat("root=%s%s%s", c->root,
			       c->extra != NULL ? " " : "",
			       c->extra != NULL ? c->extra : "");
	} else {
		args = xstrdup(c->extra != NULL ? c->extra : "");
	}
	if (strlen(args) >= VM_BOOTARGS_MAX) {
		FAIL(c, 0, "the kernel's command line is longer than %u bytes",
		     VM_BOOTARGS_MAX - 1);
	} else {
		strcpy(c->spec->vm.bootargs, args);
	}
	free(args);
}

static void settle(struct ctx *c)
{
	struct vm_config *vm = &c->spec->vm;

	if (c->failed) {
		return;
	}
	if (vm->name[0] == '\0') {
		FAIL(c, 0, "'name' is missing");
	}
	if (c->spec->kernel == NULL) {
		FAIL(c, 0, "'kernel' is missing");
	}
	if (c->memory == 0 && c->maxmem == 0) {
		FAIL(c, 0, "'memory' is missing");
	} else if (c->memory != 0 && c->maxmem != 0 && c->memory != c->maxmem) {
		FAIL(c, c->memory_line, "'maxmem' other than 'memory' isn't "
		     "supported: memory can't change while a VM runs");
	}
	vm->memory_kib = (uint64_t)(c->memory != 0 ? c->memory : c->maxmem) << 10;
	if (c->vcpus != 0 && c->maxvcpus != 0 && c->vcpus != c->maxvcpus) {
		FAIL(c, c->vcpus_line, "'maxvcpus' other than 'vcpus' isn't "
		     "supported: vCPUs can't be added while a VM runs");
	}
	if (c->vcpus != 0 || c->maxvcpus != 0) {
		vm->vcpu_count = (unsigned int)
			(c->vcpus != 0 ? c->vcpus : c->maxvcpus);
	}
	if (!c->has_on_watchdog) {
		vm->on_watchdog = vm->on_crash;
	}
	settle_args(c);
	settle_cpus(c);
}

int xlcfg_read(struct vm_spec *spec, const char *path)
{
	struct ctx c = { .spec = spec, .path = path };
	struct cfg cfg;

	memset(spec, 0, sizeof(*spec));
	spec->origin = xstrdup(path);
	spec->vm.vcpu_count = 1;
	spec->vm.weight = VM_WEIGHT_DEFAULT;
	spec->vm.console = true;
	spec->vm.on_reboot = VM_ACTION_RESTART;
	spec->vm.max_grant_frames = VM_GRANT_FRAMES_DEFAULT;
	spec->vm.max_evtchn = VM_EVTCHN_DEFAULT;
	if (cfg_read(&cfg, path) != 0) {
		c.failed = true;
	} else {
		for (size_t i = 0; i < cfg.count; i++) {
			read_key(&c, &cfg.setting[i]);
		}
		settle(&c);
	}
	cfg_free(&cfg);
	return c.failed ? -1 : 0;
}

void xlcfg_free(struct vm_spec *spec)
{
	free(spec->origin);
	free(spec->kernel);
	free(spec->ramdisk);
	memset(spec, 0, sizeof(*spec));
}
