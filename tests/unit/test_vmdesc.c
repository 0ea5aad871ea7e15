/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions: nodes, trees, bundles, and VMs against each other.
 */
#include <stdio.h>
#include <string.h>

#include "unit.h"
#include "cpio_make.h"
#include "fdt_make.h"
#include "image_make.h"
#include "vm/vmdesc.h"

#define VMS	4

static struct vm_config vms[VMS];
static struct vmdesc_set set;
static char text[8192];		/* all lines told, each with "E " or "W " */
static uint8_t kernel[4096], ramdisk[4096];
static uint8_t partial[4096];	/* a partial device tree, not aligned */
static size_t partial_size;

/* --- what the parser talks to -------------------------------------------- */

static void take_line(void *ctx, enum vmdesc_severity severity,
		      const char *line)
{
	size_t at = strlen(text);

	assert_ptr_equal(ctx, text);
	assert_null(strchr(line, '\n'));
	snprintf(text + at, sizeof(text) - at, "%s %s\n",
		 severity == VMDESC_ERROR ? "E" : "W", line);
}

static struct vmdesc_diag diag;

static int file(void *ctx, const char *name, const void **data, size_t *size)
{
	if (strcmp(name, "kernel") == 0) {
		*data = kernel;
		*size = sizeof(kernel);
		return 0;
	}
	if (strcmp(name, "ramdisk") == 0) {
		*data = ramdisk;
		*size = sizeof(ramdisk);
		return 0;
	}
	if (strcmp(name, "partial") == 0) {
		*data = partial + 4;
		*size = partial_size;
		return 0;
	}
	if (strcmp(name, "empty") == 0) {
		*data = ramdisk;
		*size = 0;
		return 0;
	}
	return strcmp(name, "cut") == 0 ? -EIO : -ENOENT;
}

/* RAM at 0x1000: the kernel's first bytes; all else isn't RAM. */
static int memory(void *ctx, hpa_t base, uint64_t size, const void **data)
{
	if (base.v == 0x9000) {
		return -EBUSY;
	}
	if (base.v < 0x1000 || base.v + size > 0x2000) {
		return -EFAULT;
	}
	*data = kernel + (base.v - 0x1000);
	return 0;
}

static const struct vmdesc_source both = { .file = file, .memory = memory };

static void begin(void)
{
	memset(&diag, 0, sizeof(diag));
	diag.line = take_line;
	diag.ctx = text;
	text[0] = '\0';
	set = (struct vmdesc_set){ .vms = vms, .capacity = VMS };
	im_header(kernel, 0, sizeof(kernel), 0xa);
	fm_start();
	fm_root();
	fm_begin("chosen");
}

static void end(void)
{
	size_t size;

	fm_end();
	size = fm_finish();
	vmdesc_add_tree(&set, fm_buf, size, "device tree", &both, &diag);
}

static void told(const char *line)
{
	if (strstr(text, line) == NULL) {
		print_message("not told: %s\ntold:\n%s", line, text);
	}
	assert_non_null(strstr(text, line));
}

static void module(const char *kind, const char *name)
{
	char compatible[32];

	snprintf(compatible, sizeof(compatible), "multiboot,%s", kind);
	fm_begin(kind);
	fm_str2("compatible", compatible, "multiboot,module");
	fm_str("file", name);
	fm_end();
}

/* An open domain node with what every VM needs. */
static void domain(const char *name)
{
	fm_begin(name);
	fm_str("compatible", "xen,domain");
	fm_cells("memory", 2, 0, 131072);
}

static void plain(const char *name)
{
	domain(name);
	module("kernel", "kernel");
	fm_end();
}

static void vif_mac(const char *node, const char *mac)
{
	fm_begin(node);
	fm_str("compatible", "mv,vif");
	if (mac != NULL) {
		fm_bytes("local-mac-address", mac, 6);
	}
	fm_end();
}

/* --- one VM ---------------------------------------------------------------- */

static void test_defaults(void **state)
{
	const struct vm_config *vm = &vms[0];

	begin();
	plain("web");
	end();
	assert_string_equal(text, "");
	assert_int_equal(set.count, 1);
	assert_string_equal(vm->name, "web");
	assert_true(vm->memory_kib == 131072);
	assert_int_equal(vm->vcpu_count, 1);
	assert_int_equal(vm->weight, 256);
	assert_int_equal(vm->cap, 0);
	assert_true(vm->pin[0] == 0);
	assert_true(vm->console);
	assert_false(vm->kaslr_seed);
	assert_false(vm->direct_map);
	assert_int_equal(vm->assign_count, 0);
	assert_int_equal(vm->on_poweroff, VM_ACTION_DESTROY);
	assert_int_equal(vm->on_reboot, VM_ACTION_RESTART);
	assert_int_equal(vm->on_crash, VM_ACTION_DESTROY);
	assert_ptr_equal(vm->kernel.data, kernel);
	assert_null(vm->ramdisk.data);
	assert_int_equal(vm->vif_count, 0);
	assert_int_equal(vm->uuid[6] >> 4, 8);
	assert_int_equal(vm->uuid[8] >> 6, 2);
}

/* As ImageBuilder writes it for Xen. */
static void test_dom0less(void **state)
{
	begin();
	fm_begin("domU1");
	fm_str("compatible", "xen,domain");
	fm_cells("#address-cells", 1, 2);
	fm_cells("#size-cells", 1, 2);
	fm_cells("memory", 2, 0, 65537);
	fm_str("bootargs", "the kernel's own win");
	fm_cells("cpus", 1, 2);
	fm_flag("vpl011");
	fm_str("xen,enhanced", "enabled");
	fm_begin("module@1000");
	fm_str2("compatible", "multiboot,kernel", "multiboot,module");
	fm_cells("reg", 4, 0, 0x1000, 0, 0x800);
	fm_str("bootargs", "console=hvc0 root=/dev/ram0");
	fm_end();
	fm_begin("module@1800");
	fm_str2("compatible", "multiboot,ramdisk", "multiboot,module");
	fm_cells("reg", 4, 0, 0x1800, 0, 0x800);
	fm_end();
	fm_end();
	end();
	assert_int_equal(set.count, 1);
	assert_string_equal(vms[0].name, "domU1");
	assert_int_equal(vms[0].vcpu_count, 2);
	assert_true(vms[0].memory_kib == 65540);
	assert_string_equal(vms[0].bootargs, "console=hvc0 root=/dev/ram0");
	assert_ptr_equal(vms[0].kernel.data, kernel);
	assert_int_equal(vms[0].kernel.size, 0x800);
	assert_string_equal(vms[0].kernel.name, "0x1000");
	assert_ptr_equal(vms[0].ramdisk.data, kernel + 0x800);
	assert_int_equal(diag.errors, 0);
	assert_int_equal(diag.warnings, 1);
	told("W vm 'domU1': vpl011");
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 1);
}

static void vif_full(void)
{
	fm_begin("vif0");
	fm_str("compatible", "mv,vif");
	fm_str("label", "uplink");
	fm_bytes("local-mac-address", "\x00\x16\x3e\x01\x02\x03", 6);
	fm_cells("vlan", 1, 7);
	fm_cells("vlan-trunk", 2, 10, 4094);
	fm_cells("mtu", 1, 9000);
	fm_cells("queues", 1, 2);
	fm_flag("no-spoof-check");
	fm_end();
}

static void test_everything(void **state)
{
	const struct vm_config *vm = &vms[0];
	const struct vm_vif_config *v = &vm->vif[0];

	begin();
	domain("node");
	fm_str("mv,name", "db-1.example");
	fm_str("mv,uuid", "01234567-89ab-cdef-0123-456789abcdeF");
	fm_cells("cpus", 1, 2);
	fm_str("bootargs", "from the domain");
	fm_str("mv,on-poweroff", "preserve");
	fm_str("mv,on-reboot", "destroy");
	fm_str("mv,on-crash", "restart");
	fm_str("mv,on-watchdog", "preserve");
	fm_cells("mv,watchdog", 1, 30);
	fm_cells("max_grant_frames", 1, 32);
	fm_cells("mv,max-event-channels", 1, 512);
	fm_flag("mv,kaslr-seed");
	module("kernel", "kernel");
	module("ramdisk", "ramdisk");
	vif_full();
	vif_mac("vif1", NULL);
	fm_begin("sched");
	fm_str("compatible", "mv,sched");
	fm_cells("weight", 1, 512);
	fm_cells("cap", 1, 50);
	fm_cells("cpu-mask", 2, 1, 6);
	fm_end();
	fm_begin("console");
	fm_str("compatible", "mv,console");
	fm_str("status", "disabled");
	fm_end();
	fm_end();
	end();
	assert_string_equal(text, "");
	assert_int_equal(set.count, 1);
	assert_string_equal(vm->name, "db-1.example");
	assert_memory_equal(vm->uuid, "\x01\x23\x45\x67\x89\xab\xcd\xef"
			    "\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
	assert_string_equal(vm->bootargs, "from the domain");
	assert_int_equal(vm->on_poweroff, VM_ACTION_PRESERVE);
	assert_int_equal(vm->on_reboot, VM_ACTION_DESTROY);
	assert_int_equal(vm->on_crash, VM_ACTION_RESTART);
	assert_int_equal(vm->on_watchdog, VM_ACTION_PRESERVE);
	assert_int_equal(vm->watchdog_s, 30);
	assert_int_equal(vm->max_grant_frames, 32);
	assert_int_equal(vm->max_evtchn, 512);
	assert_true(vm->kaslr_seed);
	assert_false(vm->console);
	assert_int_equal(vm->weight, 512);
	assert_int_equal(vm->cap, 50);
	assert_true(vm->pin[0] == 1 && vm->pin[1] == 6 && vm->pin[2] == 0);
	assert_ptr_equal(vm->ramdisk.data, ramdisk);

	assert_int_equal(vm->vif_count, 2);
	assert_string_equal(v->name, "uplink");
	assert_true(v->has_mac);
	assert_memory_equal(v->mac, "\x00\x16\x3e\x01\x02\x03", 6);
	assert_int_equal(v->vlan, 7);
	assert_int_equal(v->trunk_count, 2);
	assert_int_equal(v->trunk[0], 10);
	assert_int_equal(v->trunk[1], 4094);
	assert_int_equal(v->mtu, 9000);
	assert_int_equal(v->queues, 2);
	assert_false(v->spoof_check);
	assert_false(vm->vif[1].has_mac);
	assert_memory_equal(vm->vif[1].mac, "\x00\x16\x3e", 3);
	assert_int_equal(vm->vif[1].mtu, 1500);
	assert_true(vm->vif[1].spoof_check);
}

static void test_uplink(void **state)
{
	const struct vm_vif_config *v = vms[0].vif;

	begin();
	domain("node");
	module("kernel", "kernel");
	vif_mac("vif0", NULL);
	fm_begin("vif1");
	fm_str("compatible", "mv,vif");
	fm_flag("uplink");
	fm_cells("uplink-timeout", 1, 60);
	fm_end();
	fm_end();
	end();
	assert_string_equal(text, "");
	assert_false(v[0].uplink);
	assert_int_equal(v[0].hang_s, VM_HANG_DEFAULT_S);
	assert_true(v[1].uplink);
	assert_false(v[1].spoof_check);
	assert_int_equal(v[1].hang_s, 60);
	assert_false(v[1].virtio);
}

/* An uplink with that model, alone, or a vif with another one. */
static void model(const char *name, bool uplink)
{
	begin();
	domain("node");
	module("kernel", "kernel");
	fm_begin("vif0");
	fm_str("compatible", "mv,vif");
	fm_str("model", name);
	if (uplink) {
		fm_flag("uplink");
	}
	fm_end();
	fm_end();
	end();
}

static void test_model(void **state)
{
	model("virtio-net", true);
	assert_string_equal(text, "");
	assert_true(vms[0].vif[0].virtio);
	model("netfront", true);
	assert_string_equal(text, "");
	assert_false(vms[0].vif[0].virtio);
	model("virtio-net", false);
	assert_non_null(strstr(text, "vif model 'virtio-net' is for uplinks only"));
	model("e1000", true);
	assert_non_null(strstr(text, "vif model 'e1000': it must be netfront or virtio-net"));
	(void)state;
}

static void test_devices(void **state)
{
	begin();
	domain("driver");
	fm_str2("mv,assign", "/pcie@10000000", "gpio0");
	module("kernel", "kernel");
	fm_end();
	domain("direct");
	fm_flag("direct-map");
	module("kernel", "kernel");
	fm_end();
	end();
	assert_string_equal(text, "");
	assert_int_equal(set.count, 2);
	assert_int_equal(vms[0].assign_count, 2);
	assert_string_equal(vms[0].assign[0], "/pcie@10000000");
	assert_string_equal(vms[0].assign[1], "gpio0");
	/* A device's DMA knows only the machine's addresses. */
	assert_true(vms[0].direct_map);
	assert_true(vms[1].direct_map);
	assert_int_equal(vms[1].assign_count, 0);
}

/* Nodes below /passthrough: as Xen's users write them. */
static void make_partial(unsigned int second_at, const char *second)
{
	fm_start();
	fm_root();
	fm_begin("passthrough");
	fm_str("compatible", "simple-bus");
	fm_flag("ranges");
	fm_begin("pcie");
	fm_str("xen,path", "/pcie@10000000");
	fm_cells("xen,reg", 6, 0x40, 0x10000000, 0, 0x10000000, 0x40, 0x10000000);
	fm_flag("xen,force-assign-without-iommu");
	fm_end();
	fm_begin("clock");
	fm_end();
	fm_begin("second");
	fm_str("xen,path", second);
	fm_cells("xen,reg", 12, 0, 0x9030000, 0, 0x1000, 0, 0x9030000,
		 0, 0x9040000, 0, 0x1000, 0, second_at);
	fm_end();
	fm_end();
	partial_size = fm_finish();
	memcpy(partial + 4, fm_buf, partial_size);
}

static void with_partial(void)
{
	begin();
	domain("driver");
	module("device-tree", "partial");
	module("kernel", "kernel");
	fm_end();
	plain("last");
	end();
}

static void test_partial_tree(void **state)
{
	make_partial(0x9040000, "/gpio@9030000");
	with_partial();
	assert_string_equal(text, "");
	assert_int_equal(set.count, 2);
	assert_int_equal(vms[0].assign_count, 2);
	assert_string_equal(vms[0].assign[0], "/pcie@10000000");
	assert_string_equal(vms[0].assign[1], "/gpio@9030000");
	assert_true(vms[0].direct_map);

	make_partial(0x9050000, "/gpio@9030000");
	with_partial();
	assert_int_equal(set.count, 1);
	told("E vm 'driver': device tree 'partial', /gpio@9030000: xen,reg");

	make_partial(0x9040000, "/pcie@10000000");
	with_partial();
	assert_int_equal(set.count, 1);
	told("E vm 'driver': device tree 'partial', /pcie@10000000: it is named twice");

	partial_size -= 40;
	with_partial();
	assert_int_equal(set.count, 1);
	told("E vm 'driver': device tree 'partial': it is no device tree");
}

static void test_unknown(void **state)
{
	begin();
	domain("a");
	fm_cells("frobnicate", 1, 1);
	fm_flag("nr_spis");
	module("kernel", "kernel");
	fm_begin("gadget");
	fm_end();
	fm_begin("vif0");
	fm_str("compatible", "mv,vif");
	fm_cells("speed", 1, 10);
	fm_end();
	fm_end();
	end();
	assert_int_equal(set.count, 1);
	assert_int_equal(diag.errors, 0);
	assert_int_equal(diag.warnings, 4);
	told("W vm 'a': unknown property 'frobnicate' of the VM");
	told("W vm 'a': property 'nr_spis' isn't supported");
	told("W vm 'a': unknown node 'gadget'");
	told("W vm 'a': unknown property 'speed' of vif");
}

/* --- what is wrong with one VM leaves the others alone --------------------- */

/* One bad VM between two good ones. `add` writes into its node. */
static void one_bad(void (*add)(void), const char *line)
{
	begin();
	plain("first");
	domain("bad");
	add();
	fm_end();
	plain("last");
	end();
	assert_int_equal(set.count, 2);
	assert_string_equal(vms[0].name, "first");
	assert_string_equal(vms[1].name, "last");
	assert_true(diag.errors >= 1);
	told(line);
}

static void nothing(void)
{
}

static void no_vcpus(void)
{
	module("kernel", "kernel");
}

#define BAD_PROP(fn, ...)			\
	static void fn(void)			\
	{					\
		__VA_ARGS__;			\
		module("kernel", "kernel");	\
	}

BAD_PROP(zero_cpus, fm_cells("cpus", 1, 0))
BAD_PROP(nine_cpus, fm_cells("cpus", 1, 9))
BAD_PROP(wide_cpus, fm_cells("cpus", 2, 0, 1))
BAD_PROP(bad_action, fm_str("mv,on-crash", "explode"))
BAD_PROP(bad_uuid, fm_str("mv,uuid", "0123"))
BAD_PROP(bad_name, fm_str("mv,name", "a b"))
BAD_PROP(no_nul, fm_bytes("bootargs", "abc", 3))
BAD_PROP(frames, fm_cells("max_grant_frames", 1, 5000))
BAD_PROP(no_device, fm_flag("mv,assign"))
BAD_PROP(empty_device, fm_str("mv,assign", ""))
BAD_PROP(cut_device, fm_bytes("mv,assign", "/a\0/b", 5))
BAD_PROP(twice, fm_str2("mv,assign", "/a", "/a"))
BAD_PROP(five_devices, fm_bytes("mv,assign", "/a\0/b\0/c\0/d\0/e", 15))
BAD_PROP(long_device, fm_str("mv,assign",
	"/0123456789012345678901234567890123456789012345678901234567890123"))

static void file_missing(void)
{
	module("kernel", "nowhere");
}

static void file_cut(void)
{
	module("kernel", "kernel");
	module("ramdisk", "cut");
}

static void file_empty(void)
{
	module("kernel", "empty");
}

static void not_ram(void)
{
	fm_cells("#address-cells", 1, 1);
	fm_begin("kernel");
	fm_str("compatible", "multiboot,kernel");
	fm_cells("reg", 2, 0x1800, 0x801);
	fm_end();
}

static void in_use(void)
{
	fm_cells("#address-cells", 1, 1);
	fm_begin("kernel");
	fm_str("compatible", "multiboot,kernel");
	fm_cells("reg", 2, 0x9000, 0x100);
	fm_end();
}

static void two_kernels(void)
{
	module("kernel", "kernel");
	fm_begin("again");
	fm_str("compatible", "multiboot,kernel");
	fm_str("file", "kernel");
	fm_end();
}

static void group_mac(void)
{
	module("kernel", "kernel");
	vif_mac("vif0", "\x01\x16\x3e\x01\x02\x03");
}

static void short_mac(void)
{
	module("kernel", "kernel");
	fm_begin("vif0");
	fm_str("compatible", "mv,vif");
	fm_bytes("local-mac-address", "\x00\x16", 2);
	fm_end();
}

static void nine_vifs(void)
{
	char name[16];

	module("kernel", "kernel");
	for (int i = 0; i < 9; i++) {
		snprintf(name, sizeof(name), "vif%d", i);
		vif_mac(name, NULL);
	}
}

static void few_masks(void)
{
	fm_cells("cpus", 1, 3);
	module("kernel", "kernel");
	fm_begin("sched");
	fm_str("compatible", "mv,sched");
	fm_cells("cpu-mask", 2, 1, 1);
	fm_end();
}

static void long_args(void)
{
	static char args[VM_BOOTARGS_MAX + 1];

	memset(args, 'a', VM_BOOTARGS_MAX);
	fm_str("bootargs", args);
	module("kernel", "kernel");
}

static void bad_vlan(void)
{
	module("kernel", "kernel");
	fm_begin("vif0");
	fm_str("compatible", "mv,vif");
	fm_cells("vlan", 1, 4095);
	fm_end();
}

static void test_refused(void **state)
{
	one_bad(nothing, "E vm 'bad': no kernel");
	one_bad(zero_cpus, "E vm 'bad': 0 vCPUs");
	one_bad(nine_cpus, "E vm 'bad': 9 vCPUs");
	one_bad(wide_cpus, "E vm 'bad': property 'cpus' must be one cell");
	one_bad(bad_action, "E vm 'bad': mv,on-crash is 'explode'");
	one_bad(bad_uuid, "E vm 'bad': '0123' isn't a UUID");
	one_bad(bad_name, "E vm 'a b': bad name");
	one_bad(no_nul, "E vm 'bad': property 'bootargs' must be a string");
	one_bad(frames, "E vm 'bad': max_grant_frames is 5000");
	one_bad(no_device, "E vm 'bad': 'mv,assign' must be 1 to 4 strings");
	one_bad(empty_device, "E vm 'bad': device '': a path");
	one_bad(cut_device, "E vm 'bad': 'mv,assign' must be 1 to 4 strings");
	one_bad(twice, "E vm 'bad': device '/a': it is named twice");
	one_bad(five_devices, "E vm 'bad': 'mv,assign' must be 1 to 4 strings");
	one_bad(long_device, "E vm 'bad': device '/01234567890123");
	one_bad(file_missing, "E vm 'bad': kernel 'nowhere' isn't there");
	one_bad(file_cut, "E vm 'bad': RAM disk 'cut' is cut off");
	one_bad(file_empty, "E vm 'bad': kernel 'empty' is empty");
	one_bad(not_ram, "E vm 'bad': kernel 0x1800 with 0x801 bytes isn't in");
	one_bad(in_use, "E vm 'bad': kernel 0x9000 with 0x100 bytes overlaps");
	one_bad(two_kernels, "E vm 'bad': more than one kernel");
	one_bad(group_mac, "E vm 'bad': MAC 01:16:3e:01:02:03 isn't");
	one_bad(short_mac, "E vm 'bad': property 'local-mac-address' must be");
	one_bad(nine_vifs, "E vm 'bad': more than 8 vifs");
	one_bad(few_masks, "E vm 'bad': cpu-mask has fewer");
	one_bad(long_args, "E vm 'bad': bootargs are longer than 2047");
	one_bad(bad_vlan, "E vm 'bad': vlan is 4095");
	/* The same node without its fault is accepted. */
	begin();
	domain("bad");
	no_vcpus();
	fm_end();
	end();
	assert_int_equal(set.count, 1);
}

static void memory_is(unsigned int high, unsigned int low, const char *line)
{
	begin();
	fm_begin("vm");
	fm_str("compatible", "xen,domain");
	fm_cells("memory", 2, high, low);
	module("kernel", "kernel");
	fm_end();
	end();
	if (line != NULL) {
		told(line);
	}
	assert_int_equal(set.count, line == NULL);
}

static void test_memory(void **state)
{
	memory_is(0, 4096, NULL);
	memory_is(0, 64U << 20, NULL);
	memory_is(0, 4095, "memory is 4095 KiB");
	memory_is(0, 0, "memory is 0 KiB");
	memory_is(0, (64U << 20) + 1, "memory is");
	memory_is(UINT32_MAX, UINT32_MAX, "memory is");
	begin();
	fm_begin("vm");
	fm_str("compatible", "xen,domain");
	module("kernel", "kernel");
	fm_end();
	end();
	assert_int_equal(set.count, 0);
	told("'memory' is missing");
}

/* --- trees ----------------------------------------------------------------- */

static void test_malformed_tree(void **state)
{
	begin();
	plain("a");
	fm_end();
	fm_finish();
	vmdesc_add_tree(&set, fm_buf, 64, "x.dtb", &both, &diag);
	assert_int_equal(set.count, 0);
	told("E x.dtb: malformed device tree");
}

static void test_too_many(void **state)
{
	char name[16];

	begin();
	for (int i = 0; i < VMS + 1; i++) {
		snprintf(name, sizeof(name), "vm%d", i);
		plain(name);
	}
	end();
	assert_int_equal(set.count, VMS);
	told("E device tree: more than 4 VMs; 'vm4' is left out");
}

static void test_disabled_and_foreign(void **state)
{
	begin();
	domain("off");
	fm_str("status", "disabled");
	fm_end();
	fm_begin("other");
	fm_str("compatible", "xen,evtchn-v1");
	fm_end();
	end();
	assert_int_equal(set.count, 0);
	assert_string_equal(text, "");
}

/* Bytes of an outsider never reach the log as control characters. */
static void test_clean_lines(void **state)
{
	begin();
	domain("vm");
	fm_str("mv,on-crash", "\x1b[2J\nfake line");
	module("kernel", "kernel");
	fm_end();
	end();
	told("E vm 'vm': mv,on-crash is '?[2J?fake line'");
}

/* --- VMs against each other ------------------------------------------------- */

static void test_duplicates(void **state)
{
	begin();
	domain("a");
	module("kernel", "kernel");
	vif_mac("vif0", "\x00\x16\x3e\x00\x00\x01");
	fm_end();
	domain("same-name");
	fm_str("mv,name", "a");
	module("kernel", "kernel");
	fm_end();
	domain("same-mac");
	module("kernel", "kernel");
	vif_mac("vif0", NULL);
	vif_mac("vif1", "\x00\x16\x3e\x00\x00\x01");
	fm_end();
	domain("own-mac");
	module("kernel", "kernel");
	vif_mac("vif0", "\x00\x16\x3e\x00\x00\x02");
	vif_mac("vif1", "\x00\x16\x3e\x00\x00\x02");
	fm_end();
	end();
	assert_int_equal(set.count, 4);
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 1);
	assert_string_equal(vms[0].name, "a");
	told("E vm 'a': there is another VM of this name");
	told("E vm 'same-mac': MAC 00:16:3e:00:00:01 of vif 1 is that of vif 0 "
	     "of vm 'a'");
	told("E vm 'own-mac': MAC 00:16:3e:00:00:02 of vif 0 is that of vif 1");
}

static void test_same_device(void **state)
{
	begin();
	domain("a");
	fm_str2("mv,assign", "/x", "/pcie@10000000");
	module("kernel", "kernel");
	fm_end();
	domain("b");
	fm_str("mv,assign", "/pcie@10000000");
	module("kernel", "kernel");
	fm_end();
	domain("c");
	fm_str("mv,assign", "/y");
	module("kernel", "kernel");
	fm_end();
	end();
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 2);
	assert_string_equal(vms[1].name, "c");
	told("E vm 'b': device '/pcie@10000000' belongs to vm 'a'");
}

static void test_same_uuid(void **state)
{
	begin();
	domain("a");
	fm_str("mv,uuid", "01234567-89ab-cdef-0123-456789abcdef");
	module("kernel", "kernel");
	fm_end();
	domain("b");
	fm_str("mv,uuid", "01234567-89ab-cdef-0123-456789abcdef");
	module("kernel", "kernel");
	fm_end();
	end();
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 1);
	told("E vm 'b': it has the UUID of vm 'a'");
}

static void reg_module(const char *kind, unsigned int base, unsigned int size)
{
	char compatible[32];

	snprintf(compatible, sizeof(compatible), "multiboot,%s", kind);
	fm_begin(kind);
	fm_str("compatible", compatible);
	fm_cells("reg", 2, base, size);
	fm_end();
}

static void reg_domain(const char *name)
{
	domain(name);
	fm_cells("#address-cells", 1, 1);
	fm_cells("#size-cells", 1, 1);
}

static void test_overlaps(void **state)
{
	begin();
	reg_domain("a");
	reg_module("kernel", 0x1000, 0x800);
	fm_end();
	reg_domain("shares");	/* the very same kernel: fine */
	reg_module("kernel", 0x1000, 0x800);
	fm_end();
	reg_domain("inside");
	reg_module("kernel", 0x1000, 0x400);
	fm_end();
	reg_domain("shifted");	/* not an Image either; this is why */
	reg_module("kernel", 0x1100, 0x800);
	fm_end();
	end();
	assert_int_equal(set.count, 4);
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 2);
	assert_int_equal(diag.errors, 2);
	assert_string_equal(vms[1].name, "shares");
	told("E vm 'inside': module '0x1000' overlaps module '0x1000' of vm 'a'");
	told("E vm 'shifted': module '0x1100' overlaps module '0x1000' of vm 'a'");
}

static void test_own_overlap(void **state)
{
	begin();
	reg_domain("own");
	reg_module("kernel", 0x1000, 0x800);
	reg_module("ramdisk", 0x17ff, 0x10);
	fm_end();
	reg_domain("beside");
	reg_module("kernel", 0x1000, 0x800);
	reg_module("ramdisk", 0x1800, 0x10);
	fm_end();
	reg_domain("before");
	reg_module("kernel", 0x1c00, 0x400);
	reg_module("ramdisk", 0x1b00, 0x100);
	fm_end();
	end();
	im_header(kernel + 0xc00, 0, 4096, 0xa);
	assert_int_equal(set.count, 3);
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 2);
	assert_string_equal(vms[0].name, "beside");
	assert_string_equal(vms[1].name, "before");
	told("E vm 'own': kernel '0x1000' and RAM disk '0x17ff' overlap");
}

static void test_bad_kernel(void **state)
{
	begin();
	plain("good");
	domain("bad");
	module("kernel", "ramdisk");
	fm_end();
	end();
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 1);
	assert_string_equal(vms[0].name, "good");
	told("E vm 'bad': kernel 'ramdisk': not an arm64 Image");
}

/* A made MAC is the same each time, and gives way to a given one. */
static void test_made_macs(void **state)
{
	uint8_t mac[6];

	begin();
	domain("a");
	module("kernel", "kernel");
	vif_mac("vif0", NULL);
	fm_end();
	end();
	vmdesc_check_all(&set, &diag);
	memcpy(mac, vms[0].vif[0].mac, 6);

	begin();
	domain("a");
	module("kernel", "kernel");
	vif_mac("vif0", NULL);
	fm_end();
	domain("b");
	module("kernel", "kernel");
	vif_mac("vif0", (const char *)mac);
	fm_end();
	end();
	assert_memory_equal(vms[0].vif[0].mac, mac, 6);
	vmdesc_check_all(&set, &diag);
	assert_int_equal(set.count, 2);
	assert_memory_not_equal(vms[0].vif[0].mac, mac, 6);
	assert_memory_equal(vms[1].vif[0].mac, mac, 6);
}

/* --- bundles ---------------------------------------------------------------- */

static void bundle_with(const char *dtb_name, size_t dtb_size)
{
	cm_start();
	cm_add(dtb_name, CM_FILE, fm_buf, dtb_size);
	cm_add("kernel", CM_FILE, kernel, 512);
	cm_add("ramdisk", CM_FILE, ramdisk, 512);
	cm_finish();
}

static size_t bundle_tree(void)
{
	begin();
	fm_end();
	fm_begin("vms");
	domain("a");
	module("kernel", "kernel");
	fm_end();
	domain("b");
	module("kernel", "kernel");
	module("ramdisk", "ramdisk");
	fm_end();
	fm_end();
	return fm_finish();
}

static void read_bundle(size_t size)
{
	struct bundle b;

	assert_int_equal(bundle_open(&b, cm_buf, size), 0);
	vmdesc_add_bundle(&set, &b, &diag);
}

static void test_bundle(void **state)
{
	/* Names of all lengths: the tree lies at all alignments. */
	static const char *const names[] = {
		"a.dtb", "ab.dtb", "abcde.dtb", "abcdefghi.dtb",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bundle_with(names[i], bundle_tree());
		read_bundle(cm_size);
		assert_string_equal(text, "");
		assert_int_equal(set.count, 2);
		assert_true((const uint8_t *)vms[1].kernel.data > cm_buf);
		assert_int_equal(vms[1].ramdisk.size, 512);
	}
}

static void test_bundle_cut(void **state)
{
	bundle_with("a.dtb", bundle_tree());
	read_bundle(cm_size - 300);
	assert_int_equal(set.count, 1);
	assert_string_equal(vms[0].name, "a");
	told("E bundle: it is truncated");
	told("E vm 'b': RAM disk 'ramdisk' is cut off: the bundle is truncated");

	bundle_with("a.dtb", bundle_tree());
	read_bundle(300);
	assert_int_equal(set.count, 0);
	told("E a.dtb: cut off");
}

static void test_bundle_bad_tree(void **state)
{
	size_t size = bundle_tree();

	cm_start();
	cm_add("bad.dtb", CM_FILE, "not a tree", 10);
	cm_add("none.dtb", CM_FILE, NULL, 0);
	cm_add("sub/ignored.dtb", CM_FILE, "not a tree", 10);
	cm_add("good.dtb", CM_FILE, fm_buf, size);
	cm_add("kernel", CM_FILE, kernel, 512);
	cm_add("ramdisk", CM_FILE, ramdisk, 512);
	cm_finish();
	read_bundle(cm_size);
	assert_int_equal(set.count, 2);
	assert_int_equal(diag.errors, 2);
	told("E bad.dtb: malformed device tree");
	told("E none.dtb: malformed device tree");
}

static void test_bundle_without(void **state)
{
	begin();
	cm_start();
	cm_add("kernel", CM_FILE, kernel, 512);
	cm_finish();
	read_bundle(cm_size);
	told("E bundle: no VM description");
}

/* A bundle's tree can't reach machine memory. */
static void test_bundle_no_memory(void **state)
{
	size_t size;

	begin();
	reg_domain("a");
	reg_module("kernel", 0x1000, 0x800);
	fm_end();
	fm_end();
	size = fm_finish();
	bundle_with("a.dtb", size);
	read_bundle(cm_size);
	assert_int_equal(set.count, 0);
	told("E vm 'a': kernel 0x1000: memory can be named in the machine's");
}

UNIT_MAIN(
	UNIT_TEST(test_defaults),
	UNIT_TEST(test_dom0less),
	UNIT_TEST(test_everything),
	UNIT_TEST(test_uplink), UNIT_TEST(test_model),
	UNIT_TEST(test_devices),
	UNIT_TEST(test_partial_tree),
	UNIT_TEST(test_unknown),
	UNIT_TEST(test_refused),
	UNIT_TEST(test_memory),
	UNIT_TEST(test_malformed_tree),
	UNIT_TEST(test_too_many),
	UNIT_TEST(test_disabled_and_foreign),
	UNIT_TEST(test_clean_lines),
	UNIT_TEST(test_duplicates),
	UNIT_TEST(test_same_device),
	UNIT_TEST(test_same_uuid),
	UNIT_TEST(test_overlaps),
	UNIT_TEST(test_own_overlap),
	UNIT_TEST(test_bad_kernel),
	UNIT_TEST(test_made_macs),
	UNIT_TEST(test_bundle),
	UNIT_TEST(test_bundle_cut),
	UNIT_TEST(test_bundle_bad_tree),
	UNIT_TEST(test_bundle_without),
	UNIT_TEST(test_bundle_no_memory),
)
