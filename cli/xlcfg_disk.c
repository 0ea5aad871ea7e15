/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks in xl's syntax, and the storage network. See xlcfg_disk.h.
 */
#include "xlcfg_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/parse.h"
#include "util.h"

struct reader {
	const char *path;
	unsigned int line;
	bool failed;
};

#define FAIL(r, ...) \
	((r)->failed = true, tell_error((r)->path, (r)->line, __VA_ARGS__))

static bool number(struct reader *r, const char *key, const char *val, uint64_t min, uint64_t max,
		   uint64_t *out)
{
	if (parse_u64(val, strlen(val), max, out) == 0 && *out >= min) {
		return true;
	}
	FAIL(r, "%s=%s: it must be %llu to %llu", key, val, (unsigned long long)min,
	     (unsigned long long)max);
	return false;
}

static void small_number(struct reader *r, const char *key, const char *val, uint64_t min,
			 uint64_t max, uint32_t *out)
{
	uint64_t v;

	if (number(r, key, val, min, max, &v)) {
		*out = (uint32_t)v;
	}
}

/* The next part up to a comma without the blanks around it, or NULL. */
static char *next_part(char **save)
{
	char *part = strsep(save, ",");
	char *end;

	if (part == NULL) {
		return NULL;
	}
	part += strspn(part, " \t");
	end = part + strlen(part);
	while (end > part && (end[-1] == ' ' || end[-1] == '\t')) {
		*--end = '\0';
	}
	return part;
}

/* --- disks -------------------------------------------------------------------- */

static void disk_target(struct reader *r, struct vm_vbd_config *v, const char *val)
{
	if (!vmdesc_target_ok(val)) {
		FAIL(r, "disk: target '%s' isn't supported: it must be " VM_TARGET_SYNTAX, val);
		return;
	}
	snprintf(v->target, sizeof(v->target), "%s", val);
}

static void disk_vdev(struct reader *r, struct vm_vbd_config *v, const char *val)
{
	if (vmdesc_vdev_number(val, &v->device) != 0) {
		FAIL(r, "disk: vdev '%s' isn't supported: use xvda, xvdb ..., or a partition as "
		     "xvda1", val);
		return;
	}
	snprintf(v->name, sizeof(v->name), "%s", val);
}

static void disk_access(struct reader *r, struct vm_vbd_config *v, const char *val)
{
	if (strcmp(val, "r") == 0 || strcmp(val, "ro") == 0) {
		v->read_only = true;
	} else if (strcmp(val, "w") != 0 && strcmp(val, "rw") != 0) {
		FAIL(r, "disk: access '%s' isn't supported: use rw or ro", val);
	}
}

static void disk_format(struct reader *r, const char *val)
{
	if (strcmp(val, "raw") != 0) {
		FAIL(r, "disk: format '%s' isn't supported: use raw", val);
	}
}

static void disk_setting(struct reader *r, struct vm_vbd_config *v, const char *key,
			 const char *val)
{
	if (strcmp(key, "target") == 0) {
		disk_target(r, v, val);
	} else if (strcmp(key, "vdev") == 0) {
		disk_vdev(r, v, val);
	} else if (strcmp(key, "access") == 0) {
		disk_access(r, v, val);
	} else if (strcmp(key, "format") == 0) {
		disk_format(r, val);
	} else if (strcmp(key, "queues") == 0) {
		small_number(r, key, val, 1, VM_VCPU_MAX, &v->queues);
	} else if (strcmp(key, "iops") == 0) {
		small_number(r, key, val, 1, VM_VBD_IOPS_MAX, &v->iops);
	} else if (strcmp(key, "kib_per_s") == 0) {
		small_number(r, key, val, VM_VBD_KIB_MIN, UINT32_MAX, &v->kib_per_s);
	} else if (strcmp(key, "outage") == 0) {
		small_number(r, key, val, 1, VM_VBD_OUTAGE_MAX, &v->outage_s);
	} else if (strcmp(key, "devtype") == 0 && strcmp(val, "disk") != 0) {
		FAIL(r, "disk: devtype '%s' isn't supported: use disk", val);
	} else if (strcmp(key, "backend") == 0 || strcmp(key, "script") == 0 ||
		   strcmp(key, "backendtype") == 0) {
		tell_warning(r->path, r->line, "disk: %s= is ignored: the hypervisor is the "
			     "backend", key);
	} else if (strcmp(key, "devtype") != 0) {
		FAIL(r, "disk: %s= isn't supported", key);
	}
}

/* A part without a key, by its place: target, format, vdev, access. */
static void disk_position(struct reader *r, struct vm_vbd_config *v, unsigned int n,
			  const char *val)
{
	if (val[0] == '\0') {
		return;
	}
	switch (n) {
	case 0:
		disk_target(r, v, val);
		break;
	case 1:
		disk_format(r, val);
		break;
	case 2:
		disk_vdev(r, v, val);
		break;
	case 3:
		disk_access(r, v, val);
		break;
	default:
		FAIL(r, "disk: '%s' isn't key=value", val);
		break;
	}
}

bool xlcfg_read_disk(struct vm_config *vm, const char *path, unsigned int line, const char *text)
{
	struct reader r = { .path = path, .line = line };
	struct vm_vbd_config *v;
	char *copy, *save, *part;
	unsigned int place = 0;

	if (vm->vbd_count == VM_VBD_MAX) {
		FAIL(&r, "more than %u disks", VM_VBD_MAX);
		return false;
	}
	v = &vm->vbd[vm->vbd_count++];
	copy = save = xstrdup(text);
	while ((part = next_part(&save)) != NULL) {
		char *eq = strchr(part, '=');

		if (eq == NULL) {
			disk_position(&r, v, place++, part);
			continue;
		}
		*eq = '\0';
		disk_setting(&r, v, part, eq + 1);
	}
	free(copy);
	if (!r.failed && (v->name[0] == '\0' || v->target[0] == '\0')) {
		FAIL(&r, "disk: '%s' has no %s", text, v->target[0] == '\0' ? "target" : "vdev");
	}
	return !r.failed;
}

/* --- the storage network --------------------------------------------------------- */

static void storage_setting(struct reader *r, struct vm_storage_config *c, const char *key,
			    const char *val)
{
	uint32_t v = 0;

	if (strcmp(key, "vlan") == 0) {
		small_number(r, key, val, 1, 4094, &v);
		c->vlan = (uint16_t)v;
	} else if (strcmp(key, "mtu") == 0) {
		small_number(r, key, val, VM_STORAGE_MTU_MIN, VM_MTU_MAX, &c->mtu);
	} else if (strcmp(key, "reserve") == 0) {
		small_number(r, key, val, 0, 1, &v);
		c->reserve = v != 0;
	} else if (strcmp(key, "mask") == 0) {
		small_number(r, key, val, 0, 1, &v);
		c->mask = v != 0;
	} else if (strcmp(key, "mac") == 0) {
		c->has_mac = true;
		if (parse_mac(val, strlen(val), c->mac) != 0 || (c->mac[0] & 1) != 0) {
			FAIL(r, "mac=%s isn't the address of a single interface", val);
		}
	} else {
		FAIL(r, "%s= isn't supported: use vlan, mtu, mac, reserve, mask", key);
	}
}

bool storage_read(struct vm_storage_config *c, const char *text)
{
	struct reader r = { .path = "--storage" };
	char *copy, *save, *part;

	*c = (struct vm_storage_config){ .present = true, .mtu = VM_MTU_DEFAULT };
	copy = save = xstrdup(text);
	while ((part = next_part(&save)) != NULL) {
		char *eq = strchr(part, '=');

		if (eq == NULL) {
			FAIL(&r, "'%s' isn't key=value", part);
			continue;
		}
		*eq = '\0';
		storage_setting(&r, c, part, eq + 1);
	}
	free(copy);
	if (!r.failed && c->vlan == 0) {
		FAIL(&r, "vlan= is missing");
	}
	return !r.failed;
}
