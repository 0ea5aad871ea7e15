/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's home in the store and its ring.
 *
 * Locking: none of its own.
 */
#include "xenstore/xs_home.h"

#include "kern/log.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "vm/domain.h"
#include "xen/evtchn.h"
#include "xenstore/xenstore.h"

#define HOME_PATH_MAX	96U
#define TRIES_MAX	16U

/* A transaction in which the first error stays. */
struct maker {
	struct xs_txn *txn;
	unsigned int domid;
	int err;
};

/* A node below the home, or the home itself ("") or an absolute path. */
static void full_path(const struct maker *m, const char *key, char *buf)
{
	if (key[0] == '/') {
		str_copy(buf, key, HOME_PATH_MAX);
	} else {
		fmt_buf(buf, HOME_PATH_MAX, "/local/domain/%u%s%s", m->domid,
			key[0] == '\0' ? "" : "/", key);
	}
}

PRINTF_LIKE(3, 4)
static void put(struct maker *m, const char *key, const char *fmt, ...)
{
	char path[HOME_PATH_MAX];
	char text[128];
	va_list ap;

	va_start(ap, fmt);
	fmt_vbuf(text, sizeof(text), fmt, ap);
	va_end(ap);
	full_path(m, key, path);
	if (!m->err) {
		m->err = xs_write(m->txn, path, text, strlen(text));
	}
}

/* A node that the guest can only read, with all that is made below later. */
static void dir_readable(struct maker *m, const char *key)
{
	const struct xs_perm perms[] = {
		XS_PERM(0, XSP_NONE),
		XS_PERM(m->domid, XSP_READ),
	};
	char path[HOME_PATH_MAX];

	full_path(m, key, path);
	if (!m->err) {
		m->err = xs_mkdir(m->txn, path);
	}
	if (!m->err) {
		m->err = xs_set_perms(m->txn, path, perms, ARRAY_SIZE(perms));
	}
}

/* An empty node that is the guest's. */
static void dir_owned(struct maker *m, const char *key)
{
	const struct xs_perm perm = XS_PERM(m->domid, XSP_NONE);
	char path[HOME_PATH_MAX];

	full_path(m, key, path);
	if (!m->err) {
		m->err = xs_mkdir(m->txn, path);
	}
	if (!m->err) {
		m->err = xs_set_perms(m->txn, path, &perm, 1);
	}
}

static void put_machine(struct maker *m, const struct xs_home *h)
{
	char key[32];

	put(m, "memory/static-max", "%llu", (unsigned long long)h->memory_kib);
	put(m, "memory/target", "%llu", (unsigned long long)h->memory_kib);
	for (unsigned int i = 0; i < h->vcpu_max; i++) {
		fmt_buf(key, sizeof(key), "cpu/%u/availability", i);
		put(m, key, "%s", i < h->vcpu_online ? "online" : "offline");
	}
	put(m, "store/port", "%u", h->store_port);
	put(m, "store/ring-ref", "%llu", (unsigned long long)h->store_gfn);
	if (h->has_console) {
		put(m, "console/port", "%u", h->console_port);
		put(m, "console/ring-ref", "%llu",
		    (unsigned long long)h->console_gfn);
		put(m, "console/type", "xenconsoled");
		put(m, "console/output", "pty");
		put(m, "console/limit", "1048576");
		put(m, "console/backend-id", "0");
	}
}

static void put_vm(struct maker *m, const struct xs_home *h)
{
	char vm[HOME_PATH_MAX];
	char path[HOME_PATH_MAX];

	fmt_buf(vm, sizeof(vm), "/vm/%s", h->uuid);
	dir_readable(m, vm);
	fmt_buf(path, sizeof(path), "%s/uuid", vm);
	put(m, path, "%s", h->uuid);
	fmt_buf(path, sizeof(path), "%s/name", vm);
	put(m, path, "%s", h->name);
	put(m, "vm", "%s", vm);
}

static void put_all(struct maker *m, const struct xs_home *h)
{
	static const char *const owned[] = {
		"control/shutdown", "control/feature-poweroff",
		"control/feature-reboot", "control/feature-suspend",
		"control/sysrq", "data", "drivers", "feature", "attr", "error",
		"device/suspend/event-channel",
	};

	dir_readable(m, "");
	put_vm(m, h);
	put(m, "name", "%s", h->name);
	put(m, "domid", "%u", h->domid);
	put_machine(m, h);
	dir_readable(m, "device");
	put(m, "control/platform-feature-xs_reset_watches", "1");
	put(m, "control/platform-feature-multiprocessor-suspend", "1");
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
		dir_owned(m, owned[i]);
	}
}

int xs_home_create(const struct xs_home *h)
{
	struct maker m = { .domid = h->domid, .err = -EAGAIN };

	for (unsigned int i = 0; m.err == -EAGAIN && i < TRIES_MAX; i++) {
		m.err = xs_txn_start(&m.txn);
		if (m.err) {
			break;
		}
		put_all(&m, h);
		if (m.err) {
			xs_txn_abort(m.txn);
		} else {
			m.err = xs_txn_commit(m.txn);
		}
	}
	return m.err;
}

void xs_home_remove(unsigned int domid)
{
	struct maker m = { .domid = domid };
	char path[HOME_PATH_MAX];
	char vm[HOME_PATH_MAX];
	int err;

	full_path(&m, "vm", path);
	err = xs_read(NULL, path, vm, sizeof(vm), NULL);
	if (!err && strncmp(vm, "/vm/", 4) == 0) {
		err = xs_rm(NULL, vm);
	}
	if (err && err != -ENOENT) {
		log_error("xenstore", "%s of domain %u not removed: error %d",
			  path, domid, -err);
	}
}

/* --- The ring of a struct domain ------------------------------------------ */

static void notify(void *ctx)
{
	struct domain *d = ctx;

	evtchn_notify(d, d->xenstore_port);
}

int xenstore_attach(struct domain *d)
{
	int err = xs_domain_add(d->id);

	if (err) {
		return err;
	}
	err = xs_ring_create(d->id, d->xenstore_page, notify, d, &d->xs);
	if (err) {
		goto fail_domain;
	}
	err = evtchn_alloc_hv(d, xs_ring_kick, d->xs, &d->xenstore_port);
	if (err) {
		goto fail_ring;
	}
	return 0;
fail_ring:
	xs_ring_destroy(d->xs);
	d->xs = NULL;
fail_domain:
	xs_domain_remove(d->id);
	return err;
}

void xenstore_detach(struct domain *d)
{
	if (!d->xs) {
		return;
	}
	evtchn_unbind_hv(d, d->xenstore_port, d->xs);
	xs_ring_destroy(d->xs);
	d->xs = NULL;
	xs_home_remove(d->id);
	xs_domain_remove(d->id);
}
