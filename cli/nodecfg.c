/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a node's file.
 */
#include "nodecfg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cfg.h"
#include "client/keyfile.h"
#include "lib/parse.h"
#include "out/human.h"
#include "util.h"

#define QUOTA_MAX_MIB	(64 << 10)

struct ctx {
	struct node_spec *spec;
	const char *path;
	const struct cfg_setting *key_file;
	bool failed;
};

#define FAIL(c, s, ...) \
	((c)->failed = true, tell_error((c)->path, (s)->line, __VA_ARGS__))

static const char *want_str(struct ctx *c, const struct cfg_setting *s)
{
	if (s->value.kind != CFG_STRING) {
		FAIL(c, s, "'%s' must be a string", s->key);
		return "";
	}
	return s->value.str;
}

static uint64_t want_number(struct ctx *c, const struct cfg_setting *s,
			    int64_t max)
{
	if (s->value.kind != CFG_NUMBER || s->value.number < 1 ||
	    s->value.number > max) {
		FAIL(c, s, "'%s' must be a number from 1 to %lld", s->key,
		     (long long)max);
		return 0;
	}
	return (uint64_t)s->value.number;
}

static void want_hex(struct ctx *c, const struct cfg_setting *s, uint8_t *out,
		     size_t len)
{
	if (parse_hex(want_str(c, s), out, len) != 0 && !c->failed) {
		FAIL(c, s, "'%s' must be %zu hexadecimal digits", s->key,
		     2 * len);
	}
}

static void want_mac(struct ctx *c, const struct cfg_setting *s,
		     const struct cfg_value *v, uint8_t *out)
{
	if (v->kind != CFG_STRING ||
	    parse_mac(v->str, strlen(v->str), out) != 0 || (out[0] & 1) != 0) {
		FAIL(c, s, "'%s' takes MAC addresses as \"02:00:00:00:00:01\"",
		     s->key);
	}
}

static void read_name(struct ctx *c, const struct cfg_setting *s)
{
	const char *v = want_str(c, s);

	if (v[0] == '\0' || strlen(v) >= sizeof(c->spec->name)) {
		FAIL(c, s, "'%s' takes 1 to %zu bytes", s->key,
		     sizeof(c->spec->name) - 1);
		return;
	}
	strcpy(c->spec->name, v);
}

static void read_mac(struct ctx *c, const struct cfg_setting *s)
{
	want_mac(c, s, &s->value, c->spec->mac);
	c->spec->has_mac = true;
}

static void read_id(struct ctx *c, const struct cfg_setting *s)
{
	want_hex(c, s, c->spec->id, sizeof(c->spec->id));
	c->spec->has_id = true;
}

static void read_key(struct ctx *c, const struct cfg_setting *s)
{
	want_hex(c, s, c->spec->key, sizeof(c->spec->key));
	c->spec->has_key = true;
}

static void read_key_file(struct ctx *c, const struct cfg_setting *s)
{
	c->key_file = s;
}

static void read_vlan(struct ctx *c, const struct cfg_setting *s)
{
	c->spec->vlan = (uint32_t)want_number(c, s, 4094);
}

static void read_quota(struct ctx *c, const struct cfg_setting *s)
{
	c->spec->image_quota_kib = want_number(c, s, QUOTA_MAX_MIB) << 10;
}

static void read_allow(struct ctx *c, const struct cfg_setting *s)
{
	struct node_spec *spec = c->spec;

	if (s->value.kind != CFG_LIST || s->value.count > NODE_ALLOW_MAX) {
		FAIL(c, s, "'%s' must be a list of at most %u MAC addresses",
		     s->key, NODE_ALLOW_MAX);
		return;
	}
	for (size_t i = 0; i < s->value.count; i++) {
		want_mac(c, s, &s->value.item[i],
			 spec->allow[spec->allow_count++]);
	}
}

static const struct key {
	const char *name;
	void (*read)(struct ctx *c, const struct cfg_setting *s);
} keys[] = {
	{ "name", read_name },
	{ "mac", read_mac },
	{ "id", read_id },
	{ "vlan", read_vlan },
	{ "allow", read_allow },
	{ "key", read_key },
	{ "key_file", read_key_file },
	{ "image_quota", read_quota },
};

/* Unlike a VM's file, every word here is ours: what isn't known is wrong. */
static void read_setting(struct ctx *c, const struct cfg_setting *s)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, s->key) == 0) {
			keys[i].read(c, s);
			return;
		}
	}
	FAIL(c, s, "a node has no key '%s'", s->key);
}

/* The key that mvctl will use for this node. */
static void settle_key(struct ctx *c)
{
	struct node_spec *spec = c->spec;
	const char *slash = strrchr(c->path, '/'), *name;
	struct node n;
	char *path;

	if (c->key_file == NULL) {
		return;
	}
	name = want_str(c, c->key_file);
	if (spec->has_key) {
		FAIL(c, c->key_file, "both 'key' and 'key_file'");
		return;
	}
	memset(&n, 0, sizeof(n));
	memcpy(n.name, spec->name, sizeof(n.name));
	memcpy(n.id, spec->id, sizeof(n.id));
	path = name[0] == '/' || slash == NULL ? xstrdup(name) :
		xformat("%.*s%s", (int)(slash - c->path + 1), c->path, name);
	spec->has_key = true;
	if (keyfile_find(path, &n, spec->key) != 0) {
		c->failed = true;
	}
	free(path);
}

int nodecfg_read(struct node_spec *spec, const char *path)
{
	struct ctx c = { .spec = spec, .path = path };
	struct cfg cfg;

	memset(spec, 0, sizeof(*spec));
	c.failed = cfg_read(&cfg, path) != 0;
	for (size_t i = 0; !c.failed && i < cfg.count; i++) {
		read_setting(&c, &cfg.setting[i]);
	}
	if (!c.failed && spec->name[0] == '\0') {
		tell_error(path, 0, "'name' is missing");
		c.failed = true;
	}
	if (!c.failed) {
		settle_key(&c);
	}
	cfg_free(&cfg);
	return c.failed ? -1 : 0;
}
