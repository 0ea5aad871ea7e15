/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The description of a VM: from a device-tree node to a plain structure.
 *
 * A VM is described by a node that follows Xen's dom0less binding, extended
 * by child nodes for network interfaces, console and scheduling;
 * docs/vm-description.md has the whole list. The same parser serves the
 * machine's own tree (modules in RAM), a boot bundle (modules are files in
 * it) and the management tools.
 *
 * Whatever is wrong with one VM is told as a line of text that names the VM,
 * and never keeps another VM from being read. Trees may come from anyone.
 * The caller owns all memory; nothing stays allocated.
 *
 * Locking: none; the caller serialises.
 * Invariants: a struct vm_config that was parsed without an error has a
 * kernel, a valid name, 1..VM_VCPU_MAX vCPUs and a MAC for every vif.
 */
#ifndef VM_VMDESC_H
#define VM_VMDESC_H

#include "lib/types.h"
#include "vm/bundle.h"

#define VM_NAME_MAX		64U	/* with the NUL */
#define VM_BOOTARGS_MAX		2048	/* with the NUL */
#define VM_VCPU_MAX		8
#define VM_VIF_MAX		8
#define VM_VIF_NAME_MAX		32	/* with the NUL */
#define VM_VLAN_TRUNK_MAX	16
#define VM_VBD_MAX		8
#define VM_VBD_NAME_MAX		12	/* with the NUL */
#define VM_TARGET_MAX		64	/* with the NUL */
#define VM_VBD_IOPS_MAX		10000000U
#define VM_VBD_KIB_MIN		64U
#define VM_VBD_OUTAGE_MAX	86400U
#define VM_STORAGE_MTU_MIN	1500U
#define VM_MODULE_NAME_MAX	64	/* with the NUL */
#define VM_ASSIGN_MAX		4
#define VM_ASSIGN_PATH_MAX	64U	/* with the NUL */

#define VM_MEMORY_MIN_KIB	4096U
#define VM_MEMORY_MAX_KIB	(64ULL << 20)	/* 64 GiB */
#define VM_WEIGHT_MIN		1U
#define VM_WEIGHT_MAX		65535U
#define VM_WEIGHT_DEFAULT	256U
#define VM_GRANT_FRAMES_MIN	4U
#define VM_GRANT_FRAMES_MAX	4096U	/* what the guest's region can show */
#define VM_GRANT_FRAMES_DEFAULT	64U
#define VM_EVTCHN_MAX		4096U	/* 2-level ABI on a 64-bit guest */
#define VM_EVTCHN_DEFAULT	1024U
#define VM_MTU_MIN		68U
#define VM_MTU_MAX		65535U
#define VM_MTU_DEFAULT		1500U
#define VM_WATCHDOG_MAX_S	3600U
#define VM_HANG_MAX_S		3600U
#define VM_HANG_DEFAULT_S	5U

struct store_image;

/* A kernel or RAM disk: bytes that stay where the loader put them. */
struct vm_module {
	const void *data;	/* NULL: the VM has none */
	size_t size;
	char name[VM_MODULE_NAME_MAX];	/* file name, or "0x48000000" */
	struct store_image *image;	/* pushed at run time; NULL: from boot */
};

struct vm_vif_config {
	char name[VM_VIF_NAME_MAX];	/* "" when not given */
	uint8_t mac[6];
	bool has_mac;		/* given, as opposed to made from the name */
	uint16_t vlan;		/* access VLAN 1..4094; 0: no VLAN */
	uint16_t trunk[VM_VLAN_TRUNK_MAX];	/* VLANs that pass tagged */
	unsigned int trunk_count;
	uint32_t mtu;		/* VM_MTU_MIN..VM_MTU_MAX */
	unsigned int queues;	/* limit, 1..VM_VCPU_MAX; 0: as many as vCPUs */
	bool spoof_check;	/* drop frames with another source MAC */
	bool absent;		/* unplugged: only its number is kept */
	bool uplink;		/* a wire is behind it; then no spoof_check */
	bool virtio;		/* an uplink whose guest drives it as a virtio-net device */
	uint32_t hang_s;	/* of an uplink that takes no frames; 0: may hang */
};

struct vm_vbd_config {
	char name[VM_VBD_NAME_MAX];	/* "xvda" */
	uint32_t device;	/* the same as the frontend's number */
	char target[VM_TARGET_MAX];	/* "aoe:1.2", "dd:uplink/vda" */
	bool read_only;
	uint32_t queues;	/* limit, 1..VM_VCPU_MAX; 0: as many as vCPUs */
	uint32_t iops;		/* limits; 0: none */
	uint32_t kib_per_s;
	uint32_t outage_s;	/* requests wait so long for the target; 0: for ever */
};

/* The machine's own end of the storage network; one for all VMs. */
struct vm_storage_config {
	bool present;
	uint16_t vlan;		/* 1..4094 */
	uint32_t mtu;		/* 1500..VM_MTU_MAX */
	uint8_t mac[6];
	bool has_mac;
	bool reserve;		/* AoE: take targets for this machine alone */
	bool mask;		/* AoE: enter this machine in targets' MAC masks */
};

enum vm_action {
	VM_ACTION_DESTROY,
	VM_ACTION_RESTART,
	VM_ACTION_PRESERVE,
};

struct vm_config {
	char name[VM_NAME_MAX];
	uint8_t uuid[16];	/* as printed, first byte first */
	uint64_t memory_kib;
	unsigned int vcpu_count;
	uint64_t pin[VM_VCPU_MAX];	/* CPUs allowed, bit n = CPU n; 0: any */
	unsigned int weight;	/* share of the CPU when it is scarce */
	unsigned int cap;	/* per cent of one CPU; 0: none */

	struct vm_module kernel;
	struct vm_module ramdisk;
	char bootargs[VM_BOOTARGS_MAX];

	struct vm_vif_config vif[VM_VIF_MAX];
	unsigned int vif_count;
	struct vm_vbd_config vbd[VM_VBD_MAX];
	unsigned int vbd_count;
	bool console;		/* has a PV console */

	enum vm_action on_poweroff;	/* default VM_ACTION_DESTROY */
	enum vm_action on_reboot;	/* default VM_ACTION_RESTART */
	enum vm_action on_crash;	/* default VM_ACTION_DESTROY */
	enum vm_action on_watchdog;	/* default: on_crash */
	uint32_t watchdog_s;	/* it must run a watchdog within; 0: need not */

	unsigned int max_grant_frames;
	unsigned int max_evtchn;
	bool kaslr_seed;	/* give the kernel a seed; default: no */

	/* RAM at guest addresses that are the machine's; devices imply it. */
	bool direct_map;
	bool driver_domain;	/* others' disks may be in it: it may map their pages */
	/* Devices of the machine: paths or aliases in its device tree. */
	char assign[VM_ASSIGN_MAX][VM_ASSIGN_PATH_MAX];
	unsigned int assign_count;
};

enum vmdesc_severity {
	VMDESC_WARNING,		/* the VM is used all the same */
	VMDESC_ERROR,		/* the VM (or file) is left out */
};

/*
 * Where the lines go. `text` is one line without a newline. Warnings beyond
 * the 64th are only counted.
 */
struct vmdesc_diag {
	void (*line)(void *ctx, enum vmdesc_severity severity,
		     const char *text);
	void *ctx;
	unsigned int errors;	/* counted by the parser */
	unsigned int warnings;
};

/* How a tree's modules are reached; a NULL member refuses that kind. */
struct vmdesc_source {
	/* The bytes of the file `name`. 0, -ENOENT, or -EIO (cut off). */
	int (*file)(void *ctx, const char *name, const void **data,
		    size_t *size);
	/* Map machine memory. 0, -EFAULT (not RAM), or -EBUSY (in use). */
	int (*memory)(void *ctx, hpa_t base, uint64_t size,
		      const void **data);
	/*
	 * The pushed image with that SHA-256: *m's data, size and image, which the
	 * caller gives back. 0, -ENOENT, or -EAGAIN (not complete).
	 */
	int (*image)(void *ctx, const uint8_t sha256[32], struct vm_module *m);
	void *ctx;
};

/* VMs read so far; the caller provides the array and zeroes `count`. */
struct vmdesc_set {
	struct vm_config *vms;
	unsigned int count;
	unsigned int capacity;
	struct vm_storage_config storage;	/* of the machine */
	/*
	 * Called for each child of /vms and /chosen that is compatible with
	 * `other_compatible`, if that isn't NULL.
	 */
	const char *other_compatible;
	void (*other)(void *ctx, const void *fdt, int node, struct vmdesc_diag *diag);
	void *other_ctx;
};

/*
 * Read the xen,domain node at offset `node` of `fdt` (already checked by
 * fdt_tree_check()). 0: *out is complete; -EINVAL: something is wrong, told
 * to `diag`.
 */
MUST_CHECK int vmdesc_parse(const void *fdt, int node,
			    const struct vmdesc_source *source,
			    struct vm_config *out, struct vmdesc_diag *diag);

/*
 * Add every VM of a tree, i.e. each child of /chosen and of /vms that is
 * compatible with "xen,domain", and the storage network ("mv,storage"). `origin` names the tree in messages
 * ("device tree", or a file's name). `size` bytes may be read.
 */
void vmdesc_add_tree(struct vmdesc_set *set, const void *fdt, size_t size,
		     const char *origin, const struct vmdesc_source *source,
		     struct vmdesc_diag *diag);

/*
 * Add the VMs of every *.dtb at the top of a bundle; their modules are files
 * in it, whose bytes the VMs then point to.
 */
void vmdesc_add_bundle(struct vmdesc_set *set, const struct bundle *bundle,
		       struct vmdesc_diag *diag);

/*
 * Check the VMs against each other once all are in: duplicate names and
 * MACs, modules that overlap in part. Of two that collide the later one is
 * taken out of the set. MACs that weren't given are made unique. VMs with
 * a kernel that image_check() refuses are taken out, too.
 */
void vmdesc_check_all(struct vmdesc_set *set, struct vmdesc_diag *diag);

/*
 * The same for one VM that comes later: by itself, and against one of those that
 * are there. False: it can't be, which is told.
 */
MUST_CHECK bool vmdesc_check_alone(const struct vm_config *vm, struct vmdesc_diag *diag);
MUST_CHECK bool vmdesc_check_pair(const struct vm_config *vm, const struct vm_config *other,
				  struct vmdesc_diag *diag);

/*
 * A disk's name in the guest ("xvda", "xvdb2") as the number that its frontend
 * is told. -EINVAL.
 */
MUST_CHECK int vmdesc_vdev_number(const char *name, uint32_t *number);

/* Whether a disk's target is of a kind that there is, and what is asked for. */
bool vmdesc_target_ok(const char *target);
#define VM_TARGET_SYNTAX "aoe:SHELF.SLOT or dd:DRIVER-DOMAIN/DISK"
/* Whether it is in the machine's storage network. */
bool vmdesc_target_is_aoe(const char *target);

/* Whether a VM may be called so. */
bool vmdesc_name_ok(const char *name);

/* "destroy", "restart" or "preserve". */
const char *vm_action_name(enum vm_action action);

#endif
