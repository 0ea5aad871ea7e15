/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a domain has besides memory and vCPUs: its console, its XenStore ring
 * and nodes, its network and block devices.
 */
#include "init/init.h"

#include "blk/blk.h"
#include "dev/fdt_boot.h"
#include "dev/pl031.h"
#include "kern/log.h"
#include "lib/fmt.h"
#include "mem/frame.h"
#include "mgmt/mgmt.h"
#include "net/net.h"
#include "vm/assign.h"
#include "vm/console.h"
#include "vm/vm.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/grant_map.h"
#include "xen/shared.h"
#include "xenstore/xenstore.h"
#include <arch/boot.h>

static void *rtc;			/* registers, or NULL */

static void console_port_fn(void *ctx)
{
	console_notified(ctx);
}

static void console_raise(struct domain *d)
{
	evtchn_notify(d, d->console_port);
}

static void xenstore_raise(void *ctx)
{
	struct domain *d = ctx;

	evtchn_notify(d, d->xenstore_port);
}

static bool xenstore_destroy(struct domain *d)
{
	char path[48];

	if (d->xs != NULL) {
		evtchn_unbind_hv(d, d->xenstore_port, d->xs);
		xs_ring_destroy(d->xs);
		d->xs = NULL;
	}
	/* First, so that nothing but its home names the domain any more. */
	fmt_buf(path, sizeof(path), "/vm/%u", d->id);
	if (xs_rm(NULL, path) == -ENOMEM) {
		return true;		/* try again */
	}
	xs_domain_remove(d->id);
	if (d->xenstore_page != NULL) {
		frame_free(d->xenstore_page, 0);
		d->xenstore_page = NULL;
	}
	return false;
}

static int xenstore_create(struct domain *d)
{
	int err = xs_domain_add(d->id);

	if (err != 0) {
		return err;
	}
	d->xenstore_page = frame_alloc(0, FRAME_ZERO);
	err = d->xenstore_page == NULL ? -ENOMEM :
	      xs_ring_create(d->id, d->xenstore_page, xenstore_raise, d, &d->xs);
	if (err == 0) {
		err = evtchn_alloc_hv(d, xs_ring_kick, d->xs, &d->xenstore_port);
	}
	if (err == 0) {
		err = evtchn_alloc_hv(d, console_port_fn, d, &d->console_port);
	}
	if (err != 0) {
		while (xenstore_destroy(d)) {
		}
	}
	return err;
}

static const struct domain_ops xenstore_ops = {
	.name = "xenstore", .create = xenstore_create, .destroy = xenstore_destroy,
};

static int map_magic_pages(struct domain *d)
{
	const struct arch_guest_map map = arch_guest_map(&d->arch);
	int err = p2m_map(&d->p2m, gpa_to_gfn(map.console_page), va_to_hpa(d->console_page), 0,
			  S2_READ | S2_WRITE);

	if (err == 0) {
		err = p2m_map(&d->p2m, gpa_to_gfn(map.xenstore_page),
			      va_to_hpa(d->xenstore_page), 0, S2_READ | S2_WRITE);
	}
	return err;
}

/* A node of the domain's directory. */
struct node {
	const char *path;		/* below /local/domain/<id> */
	const char *value;
	bool own;			/* the guest's, else it may read it */
};

static void uuid_text(char out[37], const uint8_t u[16])
{
	size_t n = 0;

	for (unsigned int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) {
			out[n++] = '-';
		}
		n += fmt_buf(out + n, 37 - n, "%02x", u[i]);
	}
}

static int node_make(const struct domain *d, const struct node *n)
{
	struct xs_perm own = XS_PERM(d->id, XSP_NONE);
	char path[96];
	int err;

	fmt_buf(path, sizeof(path), "/local/domain/%u/%s", d->id, n->path);
	err = xs_printf(NULL, path, "%s", n->value);
	if (err == 0 && n->own) {
		err = xs_set_perms(NULL, path, &own, 1);
	}
	return err;
}

static int nodes_make(const struct domain *d, const struct node *nodes, size_t count)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < count; i++) {
		err = node_make(d, &nodes[i]);
	}
	return err;
}

static int vcpu_nodes_make(const struct domain *d)
{
	int err = 0;

	for (unsigned int i = 0; err == 0 && i < d->vcpu_count; i++) {
		char path[32];
		struct node n = { .path = path, .value = "online" };

		fmt_buf(path, sizeof(path), "cpu/%u/availability", i);
		err = node_make(d, &n);
	}
	return err;
}

/* The nodes that toolstacks make (docs/guest-abi.md). */
static int xenstore_populate(struct domain *d)
{
	const struct xs_perm readable[] = { XS_PERM(DOMID_HV, XSP_NONE), XS_PERM(d->id, XSP_READ) };
	char home[32], vm_path[32], uuid[37], id[8], kib[24], store_port[12], store_pfn[24];
	char console_port[12], console_pfn[24], path[64];
	const struct arch_guest_map map = arch_guest_map(&d->arch);
	const struct node nodes[] = {
		{ "vm", vm_path }, { "name", d->name }, { "domid", id },
		{ "memory/static-max", kib }, { "memory/target", kib },
		{ "device", "" }, { "control", "" },
		{ "control/platform-feature-xs_reset_watches", "1" },
		{ "control/platform-feature-multiprocessor-suspend", "1" },
		{ "control/shutdown", "", true }, { "control/sysrq", "", true },
		{ "control/feature-poweroff", "", true }, { "control/feature-reboot", "", true },
		{ "control/feature-suspend", "", true },
		{ "store/port", store_port }, { "store/ring-ref", store_pfn },
		{ "console/port", console_port }, { "console/ring-ref", console_pfn },
		{ "console/type", "xenconsoled" }, { "console/output", "pty" },
		{ "console/limit", "1048576" },
		{ "data", "", true }, { "drivers", "", true }, { "feature", "", true },
		{ "attr", "", true }, { "error", "", true },
		{ "device/suspend/event-channel", "", true },
	};
	int err;

	fmt_buf(home, sizeof(home), "/local/domain/%u", d->id);
	fmt_buf(vm_path, sizeof(vm_path), "/vm/%u", d->id);
	uuid_text(uuid, d->uuid);
	fmt_buf(id, sizeof(id), "%u", d->id);
	fmt_buf(kib, sizeof(kib), "%llu", (unsigned long long)(d->memory_pages << 2));
	fmt_buf(store_port, sizeof(store_port), "%u", d->xenstore_port);
	fmt_buf(store_pfn, sizeof(store_pfn), "%llu",
		(unsigned long long)gpa_to_gfn(map.xenstore_page).v);
	fmt_buf(console_port, sizeof(console_port), "%u", d->console_port);
	fmt_buf(console_pfn, sizeof(console_pfn), "%llu",
		(unsigned long long)gpa_to_gfn(map.console_page).v);

	err = xs_mkdir(NULL, home);
	if (err == 0) {
		err = xs_set_perms(NULL, home, readable, ARRAY_SIZE(readable));
	}
	if (err == 0) {
		err = xs_mkdir(NULL, vm_path);
	}
	if (err == 0) {
		err = xs_set_perms(NULL, vm_path, readable, ARRAY_SIZE(readable));
	}
	fmt_buf(path, sizeof(path), "%s/uuid", vm_path);
	if (err == 0) {
		err = xs_printf(NULL, path, "%s", uuid);
	}
	fmt_buf(path, sizeof(path), "%s/name", vm_path);
	if (err == 0) {
		err = xs_printf(NULL, path, "%s", d->name);
	}
	if (err == 0) {
		err = nodes_make(d, nodes, ARRAY_SIZE(nodes));
	}
	return err == 0 ? vcpu_nodes_make(d) : err;
}

static int vm_devices(struct vm *vm, struct domain *d)
{
	int err = map_magic_pages(d);

	evtchn_set_limit(d, vm->config.max_evtchn);
	grant_set_limit(d, vm->config.max_grant_frames);
	if (err == 0) {
		err = xenstore_populate(d);
	}
	if (err == 0 && vm->config.driver_domain) {
		err = grant_maps_enable(d);
	}
	for (unsigned int i = 0; err == 0 && i < vm->config.vif_count; i++) {
		if (vm->config.vif[i].absent) {
			continue;
		}
		err = net_vif_create(d, i, &vm->config.vif[i]);
		if (err != 0) {
			log_error("vm", "%s: network interface %u can't be made (error %d)",
				  d->name, i, -err);
		}
	}
	for (unsigned int i = 0; err == 0 && i < vm->config.vbd_count; i++) {
		err = blk_vbd_create(d, i, &vm->config.vbd[i]);
		if (err != 0) {
			log_error("vm", "%s: disk '%s' with target '%s' can't be made (error %d)",
				  d->name, vm->config.vbd[i].name, vm->config.vbd[i].target,
				  -err);
		}
	}
	if (err == 0 && rtc != NULL) {
		shared_info_set_wallclock(d, pl031_read(rtc) * 1000000000ULL);
	}
	return err;
}

static uint64_t wallclock(void)
{
	return pl031_read(rtc);
}

void devices_init(void)
{
	const struct boot_info *m = arch_boot_info();

	if (m->has_rtc) {
		rtc = arch_map_device(m->rtc.base, m->rtc.size);
		mgmt_wallclock = wallclock;
	}
	console_event = console_raise;
	vm_devices_hook = vm_devices;
	domain_register_ops(&xenstore_ops);
	assign_init();
}
