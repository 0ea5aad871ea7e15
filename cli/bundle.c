/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `mvctl bundle`: make a boot bundle, or show what is in one.
 *
 * The bundle is read back with the hypervisor's own parser before it is
 * written, so that what would keep a VM from starting is told here already.
 */
#include "vm/bundle.h"

#include <getopt.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cpio.h"
#include "describe.h"
#include "mgmt/mgmt.h"
#include "nodecfg.h"
#include "util.h"
#include "verbs.h"
#include "xlcfg.h"
#include "xlcfg_disk.h"

#define FILE_DIR	"boot"
#define DATA_ALIGN	4096	/* the loader can then map what it copies */
#define TREE_ALIGN	8	/* as device trees want it */
#define VM_LIMIT	256
#define NODE_FILE	"@node.dtb"	/* no VM can be called so */

/* A file of the bundle: a kernel or RAM disk that some VMs name. */
struct file {
	char *path;		/* where it was found first */
	char *name;		/* in the bundle */
	struct filemap map;
};

struct maker {
	const struct node_spec *node;	/* NULL: no management */
	struct vm_spec *spec;
	size_t spec_count;
	struct file *file;
	size_t file_count;
	struct vm_storage_config storage;
};

/* --- listing and checking ----------------------------------------------- */

struct check {
	const char *path;	/* the bundle's */
	unsigned int errors;
	char *node_name;	/* NULL: it has no management */
	bool keyed;
};

static void print_line(void *ctx, enum vmdesc_severity severity,
		       const char *text)
{
	struct check *c = ctx;

	if (severity == VMDESC_ERROR) {
		c->errors++;
		tell_error(c->path, 0, "%s", text);
	} else {
		tell_warning(c->path, 0, "%s", text);
	}
}

/* Read all VMs as the hypervisor does. The caller frees set->vms. */
static void read_vms(const struct bundle *b, struct vmdesc_set *set,
		     struct check *check)
{
	struct vmdesc_diag diag = { .line = print_line, .ctx = check };
	struct mgmt_config node = { .given = false };

	memset(set, 0, sizeof(*set));
	set->capacity = VM_LIMIT;
	set->vms = xalloc(VM_LIMIT * sizeof(*set->vms));
	set->other_compatible = "mv,management";
	set->other = mgmt_config_read;
	set->other_ctx = &node;
	vmdesc_add_bundle(set, b, &diag);
	vmdesc_check_all(set, &diag);
	check->node_name = node.given && !node.failed ? xstrdup(node.name) : NULL;
	check->keyed = node.has_key;
	explicit_bzero(&node, sizeof(node));
}

static void print_size(size_t size)
{
	if (size < 1024) {
		printf("%zu B", size);
	} else if (size < 1024 * 1024) {
		printf("%.1f KiB", (double)size / 1024);
	} else {
		printf("%.1f MiB", (double)size / (1024 * 1024));
	}
}

static void print_module(const char *what, const struct vm_module *m)
{
	if (m->data != NULL) {
		printf("    %-9s %s (", what, m->name);
		print_size(m->size);
		printf(")\n");
	}
}

static void print_vif(const struct vm_vif_config *v, unsigned int index)
{
	printf("    vif %-5u mac %02x:%02x:%02x:%02x:%02x:%02x%s, mtu %u",
	       index, v->mac[0], v->mac[1], v->mac[2], v->mac[3], v->mac[4],
	       v->mac[5], v->has_mac ? "" : " (made from the name)", v->mtu);
	if (v->vlan != 0) {
		printf(", vlan %u", v->vlan);
	}
	for (unsigned int i = 0; i < v->trunk_count; i++) {
		printf("%s%u", i == 0 ? ", trunk " : ":", v->trunk[i]);
	}
	if (v->queues != 0) {
		printf(", %u queues", v->queues);
	}
	printf("%s%s\n", v->uplink ? ", uplink" : v->spoof_check ? "" : ", no spoof check",
	       v->virtio ? ", virtio-net" : "");
}

static void print_vbd(const struct vm_vbd_config *v)
{
	printf("    %-9s %s%s", v->name, v->target, v->read_only ? ", read-only" : "");
	if (v->queues != 0) {
		printf(", %u queues", v->queues);
	}
	if (v->iops != 0) {
		printf(", %u IOPS", v->iops);
	}
	if (v->kib_per_s != 0) {
		printf(", %u KiB/s", v->kib_per_s);
	}
	if (v->outage_s != 0) {
		printf(", waits %u s", v->outage_s);
	}
	printf("\n");
}

static void print_vm(const struct vm_config *vm)
{
	printf("%s: %llu MiB, %u vCPU%s\n", vm->name,
	       (unsigned long long)(vm->memory_kib >> 10), vm->vcpu_count,
	       vm->vcpu_count == 1 ? "" : "s");
	print_module("kernel", &vm->kernel);
	print_module("ramdisk", &vm->ramdisk);
	if (vm->bootargs[0] != '\0') {
		printf("    %-9s %s\n", "args", vm->bootargs);
	}
	for (unsigned int i = 0; i < vm->vif_count; i++) {
		print_vif(&vm->vif[i], i);
	}
	for (unsigned int i = 0; i < vm->vbd_count; i++) {
		print_vbd(&vm->vbd[i]);
	}
	if (vm->direct_map) {
		printf("    %-9s direct-mapped\n", "memory");
	}
	if (vm->driver_domain) {
		printf("    %-9s a driver domain\n", "disks");
	}
	for (unsigned int i = 0; i < vm->assign_count; i++) {
		printf("    %-9s %s\n", "device", vm->assign[i]);
	}
	printf("    %-9s poweroff %s, reboot %s, crash %s, watchdog %s\n", "on",
	       vm_action_name(vm->on_poweroff), vm_action_name(vm->on_reboot),
	       vm_action_name(vm->on_crash), vm_action_name(vm->on_watchdog));
	if (vm->watchdog_s != 0) {
		printf("    %-9s within %u s\n", "watchdog", vm->watchdog_s);
	}
}

static int list(const char *path)
{
	struct check check = { .path = path };
	struct vmdesc_set set;
	struct filemap map;
	struct bundle b;
	int err = filemap_open(&map, path);

	if (err != 0) {
		tell_error(path, 0, "%s", strerror(-err));
		return EXIT_FAILED;
	}
	if (bundle_open(&b, map.data, map.size) != 0) {
		tell_error(path, 0, "not a bundle: %s", b.problem);
		filemap_close(&map);
		return EXIT_FAILED;
	}
	read_vms(&b, &set, &check);
	if (set.storage.present) {
		printf("storage network: VLAN %u, MTU %u%s%s\n", set.storage.vlan,
		       set.storage.mtu, set.storage.reserve ? ", reserves its targets" : "",
		       set.storage.mask ? ", enters itself in MAC masks" : "");
	}
	if (check.node_name != NULL) {
		printf("node %s, %s key\n", check.node_name,
		       check.keyed ? "with a" : "without a");
	}
	for (unsigned int i = 0; i < set.count; i++) {
		print_vm(&set.vms[i]);
	}
	free(check.node_name);
	free(set.vms);
	filemap_close(&map);
	return check.errors == 0 ? EXIT_OK : EXIT_FAILED;
}

/* --- making --------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool name_in_use(const struct maker *m, const char *name)
{
	for (size_t i = 0; i < m->file_count; i++) {
		if (strcmp(m->file[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* "boot/NAME", "boot/2-NAME", ... whichever is free and fits. */
static char *choose_name(const struct maker *m, const char *path)
{
	char *name = xformat(FILE_DIR "/%.48s", base_name(path));

	for (unsigned int n = 2; name_in_use(m, name); n++) {
		free(name);
		name = xformat(FILE_DIR "/%u-%.40s", n, base_name(path));
	}
	return name;
}

static bool same_bytes(const struct filemap *a, const struct filemap *b)
{
	return a->size == b->size &&
	       (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* The file's name in the bundle, or NULL after telling why not. */
static const char *add_file(struct maker *m, const struct vm_spec *spec,
			    unsigned int line, const char *path)
{
	struct filemap map;
	int err = filemap_open(&map, path);

	if (err != 0) {
		tell_error(spec->origin, line, "%s: %s", path, strerror(-err));
		return NULL;
	}
	for (size_t i = 0; i < m->file_count; i++) {
		if (same_bytes(&m->file[i].map, &map)) {
			filemap_close(&map);
			return m->file[i].name;
		}
	}
	m->file = xgrow(m->file, (m->file_count + 1) * sizeof(*m->file));
	m->file[m->file_count] = (struct file){
		xstrdup(path), choose_name(m, path), map,
	};
	return m->file[m->file_count++].name;
}

static bool add_module(struct maker *m, const struct vm_spec *spec,
		       unsigned int line, const char *path, struct vm_module *to)
{
	const char *name;

	if (path == NULL) {
		return true;
	}
	name = add_file(m, spec, line, path);
	if (name == NULL) {
		return false;
	}
	snprintf(to->name, sizeof(to->name), "%s", name);
	return true;
}

static bool add_cfg(struct maker *m, const char *path)
{
	struct vm_spec *spec;

	m->spec = xgrow(m->spec, (m->spec_count + 1) * sizeof(*m->spec));
	spec = &m->spec[m->spec_count++];
	return xlcfg_read(spec, path) == 0 &&
	       add_module(m, spec, spec->kernel_line, spec->kernel,
			  &spec->vm.kernel) &&
	       add_module(m, spec, spec->ramdisk_line, spec->ramdisk,
			  &spec->vm.ramdisk);
}

static bool add_description(struct cpio *c, const struct maker *m, size_t index)
{
	static uint64_t buf[DESCRIBE_SIZE / 8];
	const struct vm_spec *spec = &m->spec[index];
	size_t size = describe_vm(spec, buf, sizeof(buf));
	char *name = xformat("%s.dtb", spec->vm.name);

	for (size_t i = 0; i < index; i++) {
		if (strcmp(m->spec[i].vm.name, spec->vm.name) == 0) {
			free(name);
			name = xformat("%s.%zu.dtb", spec->vm.name, index);
			break;
		}
	}
	if (size == 0 || strchr(name, '/') != NULL) {
		tell_error(spec->origin, 0, size == 0 ?
			   "the description is too large" :
			   "a VM's name can't have a / in it");
		free(name);
		return false;
	}
	cpio_add_file(c, name, buf, size, TREE_ALIGN);
	free(name);
	return true;
}

/* No VM's name has an @ in it. */
static void add_storage(struct cpio *c, const struct vm_storage_config *storage)
{
	static uint64_t buf[DESCRIBE_SIZE / 8];

	cpio_add_file(c, "@storage.dtb", buf, describe_storage(storage, buf, sizeof(buf)),
		      TREE_ALIGN);
}

static bool add_node(struct cpio *c, const struct node_spec *node)
{
	static uint64_t buf[DESCRIBE_SIZE / 8];
	size_t size = describe_node(node, buf, sizeof(buf));

	if (size == 0) {
		tell_error(node->name, 0, "the description is too large");
		return false;
	}
	cpio_add_file(c, NODE_FILE, buf, size, TREE_ALIGN);
	explicit_bzero(buf, sizeof(buf));
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name,
		      ((const struct file *)b)->name);
}

/*
 * The descriptions come first, in the order of the command line (the VMs
 * start in it), then the files by name.
 */
static bool pack(struct cpio *c, struct maker *m)
{
	if (m->storage.present) {
		add_storage(c, &m->storage);
	}
	if (m->node != NULL && !add_node(c, m->node)) {
		return false;
	}
	for (size_t i = 0; i < m->spec_count; i++) {
		if (!add_description(c, m, i)) {
			return false;
		}
	}
	if (m->file_count > 0) {
		cpio_add_dir(c, FILE_DIR);
		qsort(m->file, m->file_count, sizeof(*m->file), by_name);
	}
	for (size_t i = 0; i < m->file_count; i++) {
		const struct file *f = &m->file[i];

		if (cpio_add_file(c, f->name, f->map.data, f->map.size,
				  DATA_ALIGN) != 0) {
			tell_error(f->path, 0, "4 GiB or more: too large");
			return false;
		}
	}
	cpio_finish(c);
	return true;
}

static int write_bundle(const struct maker *m, const struct cpio *c,
			const char *output, bool no_check)
{
	struct check check = { .path = output };
	struct vmdesc_set set;
	struct bundle b;
	int err;

	if (bundle_open(&b, c->data, c->size) != 0) {
		tell_error(output, 0, "%s", b.problem);
		return EXIT_FAILED;
	}
	read_vms(&b, &set, &check);
	free(check.node_name);
	free(set.vms);
	if (check.errors != 0 && !no_check) {
		return EXIT_FAILED;
	}
	err = file_write(output, c->data, c->size);
	if (err != 0) {
		tell_error(output, 0, "%s", strerror(-err));
		return EXIT_FAILED;
	}
	printf("%s: %zu VM%s, ", output, m->spec_count,
	       m->spec_count == 1 ? "" : "s");
	print_size(c->size);
	printf("\n");
	return EXIT_OK;
}

static int make(const char *output, const char *node, bool no_check, const char *storage,
		char **paths, int count)
{
	struct node_spec node_spec;
	struct maker m = { .node = node != NULL ? &node_spec : NULL };
	struct cpio c = { .data = NULL };
	bool ok = (node == NULL || nodecfg_read(&node_spec, node) == 0) &&
		  (storage == NULL || storage_read(&m.storage, storage));
	int status = EXIT_FAILED;

	if (ok && node != NULL && node_spec.has_key) {
		umask(077);		/* the bundle has the key in it */
	}
	for (int i = 0; i < count; i++) {
		ok = add_cfg(&m, paths[i]) && ok;
	}
	if (ok && pack(&c, &m)) {
		status = write_bundle(&m, &c, output, no_check);
	}
	for (size_t i = 0; i < m.spec_count; i++) {
		xlcfg_free(&m.spec[i]);
	}
	for (size_t i = 0; i < m.file_count; i++) {
		free(m.file[i].path);
		free(m.file[i].name);
		filemap_close(&m.file[i].map);
	}
	free(m.spec);
	free(m.file);
	cpio_free(&c);
	return status;
}

int verb_bundle(const struct verb *verb, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "list", no_argument, NULL, 'l' },
		{ "node", required_argument, NULL, 'N' },
		{ "no-check", no_argument, NULL, 'n' },
		{ "storage", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const char *output = NULL, *node = NULL, *storage = NULL;
	bool do_list = false, no_check = false;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:l", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			output = optarg;
			break;
		case 'l':
			do_list = true;
			break;
		case 'N':
			node = optarg;
			break;
		case 'n':
			no_check = true;
			break;
		case 's':
			storage = optarg;
			break;
		default:
			return usage_error(verb, "unknown option, or one "
					   "without its argument: %s",
					   argv[optind - 1]);
		}
	}
	if (do_list) {
		if (argc - optind != 1 || output != NULL) {
			return usage_error(verb, "--list takes one bundle");
		}
		return list(argv[optind]);
	}
	if (output == NULL) {
		return usage_error(verb, "-o FILE is missing");
	}
	if (argc == optind && node == NULL) {
		return usage_error(verb, "no configuration file is given");
	}
	return make(output, node, no_check, storage, argv + optind, argc - optind);
}
