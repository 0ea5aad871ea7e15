/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's description: an mv,management node (docs/vm-description.md).
 */
#include "dev/fdt_lib.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/hash.h"
#include "mem/frame.h"
#include "mgmt/mgmt.h"
#include "vm/vmdesc_diag.h"

struct reading {
	const void *fdt;
	int node;
	struct mgmt_config *config;
	struct vmdesc_diag *diag;
};

static void fail(struct reading *r, const char *what)
{
	r->config->failed = true;
	vmdesc_tell_file(r->diag, VMDESC_ERROR, "management", "%s; it is off", what);
}

static bool has(const struct reading *r, const char *name)
{
	return fdt_prop(r->fdt, r->node, name, 0, NULL) != NULL;
}

/* A property of exactly `n` bytes. False if there is none, or a wrong one. */
static bool read_bytes(struct reading *r, const char *name, void *out, size_t n, const char *wrong)
{
	size_t len;
	const void *p = fdt_prop(r->fdt, r->node, name, n, &len);

	if (!has(r, name)) {
		return false;
	}
	if (p == NULL || len != n) {
		fail(r, wrong);
		return false;
	}
	memcpy(out, p, n);
	return true;
}

static bool mac_is_good(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, sizeof(zero)) != 0;
}

static void read_name(struct reading *r)
{
	const char *name = fdt_prop_str(r->fdt, r->node, "node-name");

	if (name == NULL || !vmdesc_name_ok(name)) {
		fail(r, "property 'node-name' must be 1 to 63 letters, digits and . _ + -");
		return;
	}
	str_copy(r->config->name, name, sizeof(r->config->name));
}

static void read_mac(struct reading *r)
{
	struct mgmt_config *c = r->config;
	uint64_t h = hash_bytes(c->name, strlen(c->name), 3);

	if (read_bytes(r, "local-mac-address", c->mac, sizeof(c->mac),
		       "property 'local-mac-address' must be 6 bytes")) {
		if (!mac_is_good(c->mac)) {
			fail(r, "'local-mac-address' isn't the address of a single interface");
		}
		return;
	}
	/* Locally administered. */
	memcpy(c->mac, "\x02MV", 3);
	c->mac[3] = (uint8_t)(h >> 16);
	c->mac[4] = (uint8_t)(h >> 8);
	c->mac[5] = (uint8_t)h;
}

static void read_id(struct reading *r)
{
	struct mgmt_config *c = r->config;
	uint64_t seed = hash_bytes(c->mac, sizeof(c->mac), 4);

	if (!read_bytes(r, "node-id", c->node_id, sizeof(c->node_id),
			"property 'node-id' must be 16 bytes")) {
		put_be64(c->node_id, hash_bytes(c->name, strlen(c->name), seed));
		put_be64(c->node_id + 8, hash_bytes(c->name, strlen(c->name), seed + 1));
	}
}

static void read_vlan(struct reading *r)
{
	uint32_t v;

	if (!has(r, "vlan")) {
		return;
	}
	if (fdt_prop_u32(r->fdt, r->node, "vlan", &v) != 0 || v < 1 || v > 4094) {
		fail(r, "property 'vlan' must be a cell, 1 to 4094");
		return;
	}
	r->config->vlan = (uint16_t)v;
}

static void read_allow(struct reading *r)
{
	struct mgmt_config *c = r->config;
	size_t len;
	const uint8_t *p = fdt_prop(r->fdt, r->node, "allow-mac", 6, &len);

	if (!has(r, "allow-mac")) {
		return;
	}
	if (p == NULL || len % 6 != 0 || len / 6 > MGMT_ALLOW_MAX) {
		fail(r, "property 'allow-mac' must be 1 to 16 times 6 bytes");
		return;
	}
	for (size_t i = 0; i < len / 6; i++) {
		if (!mac_is_good(p + 6 * i)) {
			fail(r, "a MAC in 'allow-mac' isn't that of a single interface");
		}
		memcpy(c->allow[i], p + 6 * i, 6);
	}
	c->allow_count = (unsigned int)(len / 6);
}

static void read_quota(struct reading *r)
{
	uint64_t kib;

	r->config->image_quota = (frame_total_count() << PAGE_SHIFT) / 4;
	if (!has(r, "image-quota")) {
		return;
	}
	if (fdt_prop_number(r->fdt, r->node, "image-quota", &kib) != 0 || kib > UINT64_MAX >> 10) {
		fail(r, "property 'image-quota' must be one or two cells");
		return;
	}
	r->config->image_quota = kib << 10;
}

static bool is_known(const char *name)
{
	static const char *const names[] = {
		"compatible", "phandle", "linux,phandle", "name", "status", "node-name",
		"local-mac-address", "node-id", "vlan", "allow-mac", "key", "image-quota",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void warn_unknown(struct reading *r)
{
	int off;

	fdt_for_each_property_offset(off, r->fdt, r->node) {
		const char *name;

		if (fdt_getprop_by_offset(r->fdt, off, &name, NULL) != NULL && !is_known(name)) {
			vmdesc_tell_file(r->diag, VMDESC_WARNING, "management",
					 "unknown property '%s' (ignored)", name);
		}
	}
}

void mgmt_config_read(void *ctx, const void *fdt, int node, struct vmdesc_diag *diag)
{
	struct mgmt_config *c = ctx;
	struct reading r = { .fdt = fdt, .node = node, .config = c, .diag = diag };

	if (c->given) {
		vmdesc_tell_file(diag, VMDESC_ERROR, "management",
				 "described twice; the first one counts");
		return;
	}
	*c = (struct mgmt_config){ .given = true };
	read_name(&r);
	read_mac(&r);
	read_id(&r);
	read_vlan(&r);
	read_allow(&r);
	read_quota(&r);
	c->has_key = read_bytes(&r, "key", c->key, sizeof(c->key),
				"property 'key' must be 32 bytes");
	warn_unknown(&r);
}
