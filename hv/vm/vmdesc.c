/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One VM's description: from a device-tree node to a struct vm_config.
 *
 * Each kind of node has a table of the properties that it may have. A handler
 * reads one property; what it doesn't like it tells to the diagnostics, and
 * reading goes on, so that a person sees all that is wrong at once.
 */
#include "vm/vmdesc.h"

#include "dev/fdt_lib.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/hash.h"
#include "lib/parse.h"
#include "vm/vmdesc_diag.h"
#include "vm/vmdesc_passthrough.h"
#include "vm/vmdesc_vbd.h"

struct parse {
	const void *fdt;
	const struct vmdesc_source *source;
	struct vm_config *vm;
	struct vmdesc_diag *diag;
	struct vm_vif_config *vif;	/* the one being read */
	bool failed;
	bool has_kernel_args;		/* from the kernel's node: they win */
	bool has_uuid;
	bool has_on_watchdog;
};

struct prop {
	const char *name;
	void (*read)(struct parse *p, int node, const char *name);
};

static void vm_warn(struct parse *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void vm_fail(struct parse *p, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void vm_warn(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vmdesc_vtell(p->diag, VMDESC_WARNING, p->vm->name, fmt, ap);
	va_end(ap);
}

static void vm_fail(struct parse *p, const char *fmt, ...)
{
	va_list ap;

	p->failed = true;
	va_start(ap, fmt);
	vmdesc_vtell(p->diag, VMDESC_ERROR, p->vm->name, fmt, ap);
	va_end(ap);
}

/* --- values ------------------------------------------------------------- */

/* A one-cell property within [min, max]; the VM fails otherwise. */
static bool read_u32(struct parse *p, int node, const char *name, uint32_t min,
		     uint32_t max, uint32_t *out)
{
	uint32_t v;

	if (fdt_prop_u32(p->fdt, node, name, &v) != 0) {
		vm_fail(p, "property '%s' must be one cell", name);
		return false;
	}
	if (v < min || v > max) {
		vm_fail(p, "%s is %u; it must be %u to %u", name, v, min, max);
		return false;
	}
	*out = v;
	return true;
}

static const char *read_str(struct parse *p, int node, const char *name)
{
	const char *s = fdt_prop_str(p->fdt, node, name);

	if (s == NULL) {
		vm_fail(p, "property '%s' must be a string", name);
	}
	return s;
}

bool vmdesc_name_ok(const char *s)
{
	size_t len = strnlen(s, VM_NAME_MAX);

	if (len == 0 || len >= VM_NAME_MAX || s[0] == '.' || s[0] == '-') {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		char c = s[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '.' || c == '_' ||
			  c == '-' || c == '+';

		if (!ok) {
			return false;
		}
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "01234567-89ab-cdef-0123-456789abcdef" */
static bool parse_uuid(const char *s, uint8_t uuid[16])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < 36; i++) {
		int d;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (s[i] != '-') {
				return false;
			}
			continue;
		}
		d = hex_digit(s[i]);
		if (d < 0) {
			return false;
		}
		uuid[n / 2] = (uint8_t)(n % 2 == 0 ? d << 4 : uuid[n / 2] | d);
		n++;
	}
	return s[36] == '\0';
}

static void make_uuid(struct vm_config *vm)
{
	size_t len = strlen(vm->name);

	put_be64(vm->uuid, hash_bytes(vm->name, len, 1));
	put_be64(vm->uuid + 8, hash_bytes(vm->name, len, 2));
	/* RFC 9562: version 8 (custom), variant 10. */
	vm->uuid[6] = (uint8_t)((vm->uuid[6] & 0x0f) | 0x80);
	vm->uuid[8] = (uint8_t)((vm->uuid[8] & 0x3f) | 0x80);
}

void vmdesc_make_mac(const struct vm_config *vm, unsigned int index,
		     unsigned int salt, uint8_t mac[6])
{
	uint64_t seed = (uint64_t)salt << 32 | index;
	uint64_t h = hash_bytes(vm->name, strlen(vm->name), seed);

	/* Xen's own prefix, as everybody's tools give it. */
	mac[0] = 0x00;
	mac[1] = 0x16;
	mac[2] = 0x3e;
	mac[3] = (uint8_t)(h >> 16);
	mac[4] = (uint8_t)(h >> 8);
	mac[5] = (uint8_t)h;
}

/* --- walking a node ----------------------------------------------------- */

static bool is_bookkeeping(const char *name)
{
	static const char *const names[] = {
		"compatible", "phandle", "linux,phandle", "name", "status",
		"#address-cells", "#size-cells",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* Hand each property of `node` to its reader; warn of those without one. */
static void read_props(struct parse *p, int node, const struct prop *table,
		       size_t count, const char *where)
{
	int off;

	fdt_for_each_property_offset(off, p->fdt, node) {
		const char *name;
		size_t i = 0;

		if (fdt_getprop_by_offset(p->fdt, off, &name, NULL) == NULL) {
			vm_fail(p, "%s: malformed property", where);
			return;
		}
		while (i < count && strcmp(table[i].name, name) != 0) {
			i++;
		}
		if (i < count) {
			table[i].read(p, node, name);
		} else if (!is_bookkeeping(name)) {
			vm_warn(p, "unknown property '%s' of %s (ignored)",
				name, where);
		}
	}
}

static void no_children(struct parse *p, int node, const char *where)
{
	if (fdt_first_subnode(p->fdt, node) >= 0) {
		vm_warn(p, "nodes below %s are ignored", where);
	}
}

/* --- modules ------------------------------------------------------------ */

static void read_args(struct parse *p, int node, const char *name)
{
	const char *s = read_str(p, node, name);

	if (s == NULL) {
		return;
	}
	if (str_copy(p->vm->bootargs, s, VM_BOOTARGS_MAX) >= VM_BOOTARGS_MAX) {
		vm_fail(p, "bootargs are longer than %u bytes",
			VM_BOOTARGS_MAX - 1);
	}
}

static void read_kernel_args(struct parse *p, int node, const char *name)
{
	read_args(p, node, name);
	p->has_kernel_args = true;
}

static void read_domain_args(struct parse *p, int node, const char *name)
{
	if (!p->has_kernel_args) {
		read_args(p, node, name);
	}
}

static void read_nothing(struct parse *p, int node, const char *name)
{
}

static void read_ramdisk_args(struct parse *p, int node, const char *name)
{
	vm_warn(p, "a RAM disk takes no bootargs (ignored)");
}

static void find_file(struct parse *p, const char *name, const char *kind,
		      struct vm_module *m)
{
	int err = -ENOENT;

	str_copy(m->name, name, sizeof(m->name));
	if (p->source->file == NULL) {
		vm_fail(p, "%s '%s': files can be named in a bundle only",
			kind, name);
		return;
	}
	err = p->source->file(p->source->ctx, name, &m->data, &m->size);
	if (err == -EIO) {
		vm_fail(p, "%s '%s' is cut off: the bundle is truncated", kind,
			name);
	} else if (err != 0) {
		vm_fail(p, "%s '%s' isn't there", kind, name);
	} else if (m->size == 0) {
		vm_fail(p, "%s '%s' is empty", kind, name);
	}
}

static void find_image(struct parse *p, int node, const char *kind, struct vm_module *m)
{
	static const char digits[] = "0123456789abcdef";
	size_t len;
	const uint8_t *sum = fdt_prop(p->fdt, node, "mv,sha256", 32, &len);
	int err;

	str_copy(m->name, "(image)", sizeof(m->name));
	if (sum == NULL || len != 32) {
		vm_fail(p, "%s: property 'mv,sha256' must be 32 bytes", kind);
		return;
	}
	for (size_t i = 0; i < 16; i++) {
		m->name[i] = digits[sum[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
	}
	m->name[16] = '\0';
	if (p->source->image == NULL) {
		vm_fail(p, "%s: 'mv,sha256' is for VMs that are created at run time", kind);
		return;
	}
	err = p->source->image(p->source->ctx, sum, m);
	if (err == -EAGAIN) {
		vm_fail(p, "%s: the image %s... isn't complete", kind, m->name);
	} else if (err != 0) {
		vm_fail(p, "%s: there is no image %s...", kind, m->name);
	}
}

static void find_memory(struct parse *p, int node, const char *kind,
			struct vm_module *m)
{
	uint64_t base, size;
	int err;

	if (fdt_reg_raw(p->fdt, node, 0, &base, &size) != 0) {
		vm_fail(p, "%s: no or malformed reg", kind);
		return;
	}
	fmt_buf(m->name, sizeof(m->name), "0x%llx", (unsigned long long)base);
	if (p->source->memory == NULL) {
		vm_fail(p, "%s %s: memory can be named in the machine's tree "
			"only", kind, m->name);
	} else if (size == 0) {
		vm_fail(p, "%s %s is empty", kind, m->name);
	} else {
		err = p->source->memory(p->source->ctx, HPA(base), size,
					&m->data);
		m->size = err == 0 ? (size_t)size : 0;
		if (err != 0) {
			vm_fail(p, "%s %s with 0x%llx bytes %s", kind, m->name,
				(unsigned long long)size, err == -EBUSY ?
				"overlaps memory that is in use" :
				"isn't in RAM");
		}
	}
}

static void read_module(struct parse *p, int node, const char *kind,
			struct vm_module *m, const struct prop *table,
			size_t count)
{
	const void *file = fdt_prop(p->fdt, node, "file", 0, NULL);

	if (m->name[0] != '\0') {
		vm_fail(p, "more than one %s", kind);
		return;
	}
	read_props(p, node, table, count, kind);
	no_children(p, node, kind);
	if (fdt_prop(p->fdt, node, "mv,sha256", 0, NULL) != NULL) {
		find_image(p, node, kind, m);
	} else if (file != NULL) {
		const char *name = read_str(p, node, "file");

		if (name != NULL) {
			find_file(p, name, kind, m);
		}
	} else {
		find_memory(p, node, kind, m);
	}
}

static void read_kernel(struct parse *p, int node)
{
	static const struct prop table[] = {
		{ "reg", read_nothing },
		{ "file", read_nothing },
		{ "mv,sha256", read_nothing },
		{ "bootargs", read_kernel_args },
	};

	read_module(p, node, "kernel", &p->vm->kernel, table,
		    ARRAY_SIZE(table));
}

static void read_ramdisk(struct parse *p, int node)
{
	static const struct prop table[] = {
		{ "reg", read_nothing },
		{ "file", read_nothing },
		{ "mv,sha256", read_nothing },
		{ "bootargs", read_ramdisk_args },
	};

	read_module(p, node, "RAM disk", &p->vm->ramdisk, table,
		    ARRAY_SIZE(table));
}

/* --- network interfaces ------------------------------------------------- */

static void read_mac(struct parse *p, int node, const char *name)
{
	static const uint8_t zero[6];
	size_t len;
	const uint8_t *mac = fdt_prop(p->fdt, node, name, 6, &len);

	if (mac == NULL || len != 6) {
		vm_fail(p, "property '%s' must be 6 bytes", name);
		return;
	}
	if ((mac[0] & 1) != 0 || memcmp(mac, zero, 6) == 0) {
		vm_fail(p, "MAC %02x:%02x:%02x:%02x:%02x:%02x isn't one of a "
			"single interface", mac[0], mac[1], mac[2], mac[3],
			mac[4], mac[5]);
		return;
	}
	memcpy(p->vif->mac, mac, 6);
	p->vif->has_mac = true;
}

static void read_vlan(struct parse *p, int node, const char *name)
{
	uint32_t v;

	if (read_u32(p, node, name, 1, 4094, &v)) {
		p->vif->vlan = (uint16_t)v;
	}
}

static void read_trunk(struct parse *p, int node, const char *name)
{
	size_t len;
	const uint8_t *v = fdt_prop(p->fdt, node, name, 4, &len);

	if (v == NULL || len % 4 != 0 || len / 4 > VM_VLAN_TRUNK_MAX) {
		vm_fail(p, "'%s' must be 1 to %u cells", name,
			VM_VLAN_TRUNK_MAX);
		return;
	}
	for (size_t i = 0; i < len / 4; i++) {
		uint32_t id = get_be32(v + i * 4);

		if (id < 1 || id > 4094) {
			vm_fail(p, "VLAN %u in '%s': it must be 1 to 4094", id,
				name);
			return;
		}
		p->vif->trunk[i] = (uint16_t)id;
	}
	p->vif->trunk_count = (unsigned int)(len / 4);
}

static void read_mtu(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, VM_MTU_MIN, VM_MTU_MAX, &p->vif->mtu);
}

static void read_queues(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, 1, VM_VCPU_MAX, &p->vif->queues);
}

static void read_no_spoof_check(struct parse *p, int node, const char *name)
{
	p->vif->spoof_check = false;
}

static void read_uplink(struct parse *p, int node, const char *name)
{
	p->vif->uplink = true;
}

static void read_model(struct parse *p, int node, const char *name)
{
	const char *s = read_str(p, node, name);

	if (s == NULL) {
		return;
	}
	p->vif->virtio = strcmp(s, "virtio-net") == 0;
	if (!p->vif->virtio && strcmp(s, "netfront") != 0) {
		vm_fail(p, "vif model '%s': it must be netfront or virtio-net", s);
	}
}

static void read_hang(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, 0, VM_HANG_MAX_S, &p->vif->hang_s);
}

static void read_label(struct parse *p, int node, const char *name)
{
	const char *s = read_str(p, node, name);

	if (s == NULL) {
		return;
	}
	if (strlen(s) >= VM_VIF_NAME_MAX || !vmdesc_name_ok(s)) {
		vm_fail(p, "vif label '%s': it takes 1 to %u letters, digits "
			"and . _ + -", s, VM_VIF_NAME_MAX - 1);
		return;
	}
	str_copy(p->vif->name, s, VM_VIF_NAME_MAX);
}

static void read_vif(struct parse *p, int node)
{
	static const struct prop table[] = {
		{ "local-mac-address", read_mac },
		{ "vlan", read_vlan },
		{ "vlan-trunk", read_trunk },
		{ "mtu", read_mtu },
		{ "queues", read_queues },
		{ "no-spoof-check", read_no_spoof_check },
		{ "uplink", read_uplink },
		{ "model", read_model },
		{ "uplink-timeout", read_hang },
		{ "label", read_label },
		{ "reg", read_nothing },
	};
	unsigned int index = p->vm->vif_count;

	if (index == VM_VIF_MAX) {
		vm_fail(p, "more than %u vifs", VM_VIF_MAX);
		return;
	}
	p->vm->vif_count++;
	p->vif = &p->vm->vif[index];
	p->vif->mtu = VM_MTU_DEFAULT;
	p->vif->spoof_check = true;
	p->vif->hang_s = VM_HANG_DEFAULT_S;
	read_props(p, node, table, ARRAY_SIZE(table), "vif");
	no_children(p, node, "vif");
	if (p->vif->uplink) {
		p->vif->spoof_check = false;
	} else if (p->vif->virtio) {
		vm_fail(p, "vif model 'virtio-net' is for uplinks only");
	}
	if (!p->vif->has_mac) {
		vmdesc_make_mac(p->vm, index, 0, p->vif->mac);
	}
	p->vif = NULL;
}

static void read_vbd(struct parse *p, int node)
{
	p->failed |= !vmdesc_read_vbd(p->fdt, node, p->vm, p->diag);
	no_children(p, node, "disk");
}

/* --- scheduling and console --------------------------------------------- */

static void read_weight(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, VM_WEIGHT_MIN, VM_WEIGHT_MAX, &p->vm->weight);
}

static void read_cap(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, 0, 100 * VM_VCPU_MAX, &p->vm->cap);
}

/* One mask for all vCPUs, or one for each; checked against vcpu_count last. */
static void read_pin(struct parse *p, int node, const char *name)
{
	size_t len;
	const uint8_t *v = fdt_prop(p->fdt, node, name, 4, &len);

	if (v == NULL || len % 4 != 0 || len / 4 > VM_VCPU_MAX) {
		vm_fail(p, "'%s' must be 1 to %u cells", name, VM_VCPU_MAX);
		return;
	}
	for (size_t i = 0; i < VM_VCPU_MAX; i++) {
		size_t at = len == 4 ? 0 : i;

		if (at * 4 < len) {
			p->vm->pin[i] = get_be32(v + at * 4);
			if (p->vm->pin[i] == 0) {
				vm_fail(p, "'%s' leaves vCPU %u no CPU", name,
					(unsigned int)i);
			}
		}
	}
}

static void read_sched(struct parse *p, int node)
{
	static const struct prop table[] = {
		{ "weight", read_weight },
		{ "cap", read_cap },
		{ "cpu-mask", read_pin },
	};

	read_props(p, node, table, ARRAY_SIZE(table), "scheduling");
	no_children(p, node, "scheduling");
}

static void read_console(struct parse *p, int node)
{
	p->vm->console = fdt_is_enabled(p->fdt, node);
	read_props(p, node, NULL, 0, "console");
	no_children(p, node, "console");
}

/* --- the domain's own node ---------------------------------------------- */

static void read_memory(struct parse *p, int node, const char *name)
{
	uint64_t kib;

	if (fdt_prop_number(p->fdt, node, name, &kib) != 0) {
		vm_fail(p, "property 'memory' must be one or two cells");
		return;
	}
	if (kib < VM_MEMORY_MIN_KIB || kib > VM_MEMORY_MAX_KIB) {
		vm_fail(p, "memory is %llu KiB; it must be %u KiB to %llu KiB",
			(unsigned long long)kib, VM_MEMORY_MIN_KIB,
			(unsigned long long)VM_MEMORY_MAX_KIB);
		return;
	}
	p->vm->memory_kib = ALIGN_UP(kib, 4);
}

static void read_cpus(struct parse *p, int node, const char *name)
{
	uint32_t v;

	if (fdt_prop_u32(p->fdt, node, name, &v) != 0) {
		vm_fail(p, "property 'cpus' must be one cell");
	} else if (v == 0) {
		vm_fail(p, "0 vCPUs: a VM needs at least one");
	} else if (v > VM_VCPU_MAX) {
		vm_fail(p, "%u vCPUs: at most %u are possible", v, VM_VCPU_MAX);
	} else {
		p->vm->vcpu_count = v;
	}
}

static void read_uuid(struct parse *p, int node, const char *name)
{
	const char *s = read_str(p, node, name);

	if (s != NULL && !parse_uuid(s, p->vm->uuid)) {
		vm_fail(p, "'%s' isn't a UUID", s);
	}
	p->has_uuid = true;
}

static void read_action(struct parse *p, int node, const char *name,
			enum vm_action *out)
{
	const char *s = read_str(p, node, name);

	if (s == NULL) {
		return;
	}
	for (int a = VM_ACTION_DESTROY; a <= VM_ACTION_PRESERVE; a++) {
		if (strcmp(s, vm_action_name((enum vm_action)a)) == 0) {
			*out = (enum vm_action)a;
			return;
		}
	}
	vm_fail(p, "%s is '%s'; it must be destroy, restart or preserve", name,
		s);
}

static void read_on_poweroff(struct parse *p, int node, const char *name)
{
	read_action(p, node, name, &p->vm->on_poweroff);
}

static void read_on_reboot(struct parse *p, int node, const char *name)
{
	read_action(p, node, name, &p->vm->on_reboot);
}

static void read_on_crash(struct parse *p, int node, const char *name)
{
	read_action(p, node, name, &p->vm->on_crash);
}

static void read_on_watchdog(struct parse *p, int node, const char *name)
{
	read_action(p, node, name, &p->vm->on_watchdog);
	p->has_on_watchdog = true;
}

static void read_watchdog(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, 0, VM_WATCHDOG_MAX_S, &p->vm->watchdog_s);
}

static void read_grant_frames(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, VM_GRANT_FRAMES_MIN, VM_GRANT_FRAMES_MAX,
		 &p->vm->max_grant_frames);
}

static void read_max_evtchn(struct parse *p, int node, const char *name)
{
	read_u32(p, node, name, 64, VM_EVTCHN_MAX, &p->vm->max_evtchn);
}

static void read_kaslr(struct parse *p, int node, const char *name)
{
	p->vm->kaslr_seed = true;
}

static void read_direct_map(struct parse *p, int node, const char *name)
{
	p->vm->direct_map = true;
}

static void read_driver_domain(struct parse *p, int node, const char *name)
{
	p->vm->driver_domain = true;
}

/* A partial device tree: only what it says of the machine's devices. */
static void read_device_tree(struct parse *p, int node)
{
	static const struct prop table[] = {
		{ "reg", read_nothing },
		{ "file", read_nothing },
	};
	struct vm_module m = { .data = NULL };
	char device[VM_ASSIGN_PATH_MAX];
	const char *why;

	read_module(p, node, "device tree", &m, table, ARRAY_SIZE(table));
	if (m.data != NULL && !p->failed &&
	    vmdesc_passthrough(p->vm, m.data, m.size, device, &why) != 0) {
		vm_fail(p, "device tree '%s'%s%s: %s", m.name, device[0] != '\0' ? ", " : "",
			device, why);
	}
}

/* A list of strings; what they name is looked up when the VM is made. */
static void read_assign(struct parse *p, int node, const char *name)
{
	int count = fdt_stringlist_count(p->fdt, node, name);

	if (count < 1 || count > VM_ASSIGN_MAX) {
		vm_fail(p, "'%s' must be 1 to %u strings", name, VM_ASSIGN_MAX);
		return;
	}
	for (int i = 0; i < count; i++) {
		const char *s = fdt_stringlist_get(p->fdt, node, name, i, NULL);
		const char *why = "it is no string";

		if (s == NULL || vmdesc_assign(p->vm, s, &why) != 0) {
			vm_fail(p, "device '%s': %s", s != NULL ? s : "?", why);
			return;
		}
	}
}

static void read_vpl011(struct parse *p, int node, const char *name)
{
	vm_warn(p, "vpl011 (an emulated UART) isn't offered; "
		"the console is hvc0");
}

static void read_enhanced(struct parse *p, int node, const char *name)
{
	const char *s = fdt_prop_str(p->fdt, node, name);

	if (s != NULL && s[0] != '\0' && strcmp(s, "enabled") != 0) {
		vm_warn(p, "xen,enhanced '%s': PV interfaces are always on", s);
	}
}

static void read_grant_version(struct parse *p, int node, const char *name)
{
	uint32_t v;

	if (fdt_prop_u32(p->fdt, node, name, &v) != 0 || v != 1) {
		vm_warn(p, "only grant tables of version 1 are offered");
	}
}

static void read_unsupported(struct parse *p, int node, const char *name)
{
	vm_warn(p, "property '%s' isn't supported (ignored)", name);
}

static void read_domain(struct parse *p, int node)
{
	static const struct prop table[] = {
		{ "memory", read_memory },
		{ "cpus", read_cpus },
		{ "bootargs", read_domain_args },
		{ "max_grant_frames", read_grant_frames },
		{ "max_grant_version", read_grant_version },
		{ "vpl011", read_vpl011 },
		{ "xen,enhanced", read_enhanced },
		{ "nr_spis", read_unsupported },
		{ "direct-map", read_direct_map },
		{ "xen,static-mem", read_unsupported },
		{ "domain-cpupool", read_unsupported },
		{ "max_maptrack_frames", read_unsupported },
		{ "mv,name", read_nothing },
		{ "mv,uuid", read_uuid },
		{ "mv,on-poweroff", read_on_poweroff },
		{ "mv,on-reboot", read_on_reboot },
		{ "mv,on-crash", read_on_crash },
		{ "mv,on-watchdog", read_on_watchdog },
		{ "mv,watchdog", read_watchdog },
		{ "mv,max-event-channels", read_max_evtchn },
		{ "mv,kaslr-seed", read_kaslr },
		{ "mv,assign", read_assign },
		{ "mv,driver-domain", read_driver_domain },
	};

	read_props(p, node, table, ARRAY_SIZE(table), "the VM");
}

static void read_child(struct parse *p, int node)
{
	static const struct {
		const char *compatible;
		void (*read)(struct parse *p, int node);
	} kinds[] = {
		{ "multiboot,kernel", read_kernel },
		{ "xen,linux-zimage", read_kernel },
		{ "multiboot,ramdisk", read_ramdisk },
		{ "xen,linux-initrd", read_ramdisk },
		{ "multiboot,device-tree", read_device_tree },
		{ "mv,vif", read_vif },
		{ "mv,vbd", read_vbd },
		{ "mv,sched", read_sched },
		{ "mv,console", read_console },
	};
	const char *name;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (fdt_is_compatible(p->fdt, node, kinds[i].compatible)) {
			kinds[i].read(p, node);
			return;
		}
	}
	name = fdt_get_name(p->fdt, node, NULL);
	vm_warn(p, "unknown node '%s' (ignored)", name != NULL ? name : "?");
}

/* mv,name, or else the node's name without its unit address. */
static void read_name(struct parse *p, int node)
{
	const char *name = fdt_prop_str(p->fdt, node, "mv,name");
	size_t len;

	if (name == NULL) {
		name = fdt_get_name(p->fdt, node, NULL);
	}
	if (name == NULL) {
		name = "";
	}
	len = str_copy(p->vm->name, name, VM_NAME_MAX);
	if (fdt_prop(p->fdt, node, "mv,name", 0, NULL) == NULL) {
		char *at = strchr(p->vm->name, '@');

		if (at != NULL) {
			*at = '\0';
			len = 0;
		}
	}
	if (len >= VM_NAME_MAX || !vmdesc_name_ok(p->vm->name)) {
		vm_fail(p, "bad name: it takes 1 to %u letters, digits and "
			". _ + -, not with . or - first", VM_NAME_MAX - 1);
	}
}

static void check_whole(struct parse *p, int node)
{
	struct vm_config *vm = p->vm;

	if (fdt_prop(p->fdt, node, "memory", 0, NULL) == NULL) {
		vm_fail(p, "property 'memory' is missing");
	}
	if (vm->kernel.name[0] == '\0') {
		vm_fail(p, "no kernel");
	}
	if (vm->driver_domain && !vm->direct_map) {
		vm_fail(p, "a driver domain (mv,driver-domain) needs devices (mv,assign)");
	}
	for (unsigned int v = 1; v < vm->vcpu_count; v++) {
		if (vm->pin[0] != 0 && vm->pin[v] == 0) {
			vm_fail(p, "cpu-mask has fewer cells than vCPUs");
			break;
		}
	}
	for (unsigned int v = vm->vcpu_count; v < VM_VCPU_MAX; v++) {
		vm->pin[v] = 0;
	}
}

int vmdesc_parse(const void *fdt, int node, const struct vmdesc_source *source,
		 struct vm_config *out, struct vmdesc_diag *diag)
{
	struct parse p = {
		.fdt = fdt, .source = source, .vm = out, .diag = diag,
	};
	int child;

	memset(out, 0, sizeof(*out));
	out->vcpu_count = 1;
	out->weight = VM_WEIGHT_DEFAULT;
	out->console = true;
	out->on_poweroff = VM_ACTION_DESTROY;
	out->on_reboot = VM_ACTION_RESTART;
	out->on_crash = VM_ACTION_DESTROY;
	out->max_grant_frames = VM_GRANT_FRAMES_DEFAULT;
	out->max_evtchn = VM_EVTCHN_DEFAULT;

	read_name(&p, node);
	fdt_for_each_subnode(child, fdt, node) {
		read_child(&p, child);
	}
	read_domain(&p, node);
	if (!p.has_uuid) {
		make_uuid(out);
	}
	if (!p.has_on_watchdog) {
		out->on_watchdog = out->on_crash;
	}
	check_whole(&p, node);
	return p.failed ? -EINVAL : 0;
}

const char *vm_action_name(enum vm_action action)
{
	switch (action) {
	case VM_ACTION_DESTROY:
		return "destroy";
	case VM_ACTION_RESTART:
		return "restart";
	case VM_ACTION_PRESERVE:
		return "preserve";
	default:
		return "?";
	}
}
