/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and layouts of the guest ABI (public headers of Xen), 64-bit Arm guests.
 *
 * Structures here are read from or written to guest memory; each field is
 * the guest's at any time, so work on private copies. The host port uses the
 * Arm layouts too.
 */
#ifndef XEN_ABI_H
#define XEN_ABI_H

#include "lib/types.h"

/* Hypercall numbers (xen/xen.h). */
#define HC_MEMORY_OP		12U
#define HC_MULTICALL		13U
#define HC_XEN_VERSION		17U
#define HC_CONSOLE_IO		18U
#define HC_GRANT_TABLE_OP	20U
#define HC_VM_ASSIST		21U
#define HC_VCPU_OP		24U
#define HC_SCHED_OP		29U
#define HC_EVENT_CHANNEL_OP	32U
#define HC_HVM_OP		34U

/* xen/xen.h: struct vcpu_info; time is not used on Arm and stays zero. */
struct vcpu_info {
	uint8_t upcall_pending;
	uint8_t upcall_mask;
	uint8_t pad[6];
	uint64_t pending_sel;
	uint64_t time[4];
};

#define EVTCHN_WORDS	64U

/* xen/xen.h: struct shared_info */
struct shared_info {
	struct vcpu_info vcpu_info[1];
	uint64_t evtchn_pending[EVTCHN_WORDS];
	uint64_t evtchn_mask[EVTCHN_WORDS];
	uint32_t wc_version;
	uint32_t wc_sec;
	uint32_t wc_nsec;
	uint32_t wc_sec_hi;
};

static_assert(sizeof(struct vcpu_info) == 48, "vcpu_info");
static_assert(offsetof(struct vcpu_info, pending_sel) == 8, "pending_sel");
static_assert(offsetof(struct shared_info, evtchn_pending) == 48, "pending");
static_assert(offsetof(struct shared_info, evtchn_mask) == 560, "mask");
static_assert(offsetof(struct shared_info, wc_version) == 1072, "wc_version");
static_assert(offsetof(struct shared_info, wc_sec_hi) == 1084, "wc_sec_hi");
static_assert(sizeof(struct shared_info) == 1088, "shared_info");

/* --- event_channel_op (xen/event_channel.h) --- */
#define EVTCHNOP_BIND_INTERDOMAIN	0U
#define EVTCHNOP_BIND_VIRQ		1U
#define EVTCHNOP_CLOSE			3U
#define EVTCHNOP_SEND			4U
#define EVTCHNOP_STATUS			5U
#define EVTCHNOP_ALLOC_UNBOUND		6U
#define EVTCHNOP_BIND_IPI		7U
#define EVTCHNOP_BIND_VCPU		8U
#define EVTCHNOP_UNMASK			9U

struct evtchn_bind_interdomain {
	uint16_t remote_dom;
	uint16_t pad;
	uint32_t remote_port;
	uint32_t local_port;		/* out */
};

struct evtchn_bind_virq {
	uint32_t virq;
	uint32_t vcpu;
	uint32_t port;			/* out */
};

struct evtchn_bind_ipi {
	uint32_t vcpu;
	uint32_t port;			/* out */
};

struct evtchn_bind_vcpu {
	uint32_t port;
	uint32_t vcpu;
};

struct evtchn_alloc_unbound {
	uint16_t dom;
	uint16_t remote_dom;
	uint32_t port;			/* out */
};

#define EVTCHNSTAT_CLOSED	0U
#define EVTCHNSTAT_UNBOUND	1U
#define EVTCHNSTAT_INTERDOMAIN	2U
#define EVTCHNSTAT_VIRQ		4U
#define EVTCHNSTAT_IPI		5U

struct evtchn_status {
	uint16_t dom;
	uint16_t pad;
	uint32_t port;
	uint32_t status;		/* out from here */
	uint32_t vcpu;
	union {
		struct {
			uint16_t dom;
		} unbound;
		struct {
			uint16_t dom;
			uint16_t pad;
			uint32_t port;
		} interdomain;
		uint32_t virq;
	} u;
};

static_assert(sizeof(struct evtchn_bind_interdomain) == 12, "bind_interdomain");
static_assert(sizeof(struct evtchn_bind_virq) == 12, "bind_virq");
static_assert(sizeof(struct evtchn_alloc_unbound) == 8, "alloc_unbound");
static_assert(sizeof(struct evtchn_status) == 24, "status");

#define VIRQ_TIMER	0U
#define VIRQ_DEBUG	1U
#define VIRQ_COUNT	2U		/* the ones that are per vCPU and known */

/* --- grant_table_op (xen/grant_table.h) --- */
#define GNTTABOP_MAP_GRANT_REF	0U
#define GNTTABOP_UNMAP_GRANT_REF 1U
#define GNTTABOP_QUERY_SIZE	6U
#define GNTTABOP_SET_VERSION	8U
#define GNTTABOP_GET_VERSION	10U

#define GNTST_OKAY		0
#define GNTST_GENERAL_ERROR	(-1)
#define GNTST_BAD_DOMAIN	(-2)
#define GNTST_BAD_GNTREF	(-3)
#define GNTST_BAD_HANDLE	(-4)
#define GNTST_BAD_VIRT_ADDR	(-5)
#define GNTST_PERMISSION_DENIED	(-8)
#define GNTST_NO_SPACE		(-13)

/* Flags of a map. */
#define GNTMAP_HOST_MAP		0x02U
#define GNTMAP_READONLY		0x04U
#define GNTMAP_KNOWN		(GNTMAP_HOST_MAP | GNTMAP_READONLY)

/* Flags of an entry, version 1. */
#define GTF_TYPE_MASK		0x0003U
#define GTF_PERMIT_ACCESS	0x0001U
#define GTF_READONLY		0x0004U
#define GTF_READING		0x0008U
#define GTF_WRITING		0x0010U
#define GTF_CACHE_MASK		0x00e0U	/* PWT, PCD, PAT */
#define GTF_SUB_PAGE		0x0100U

/* An entry as one little-endian word: flags, domid, frame. */
struct grant_entry {
	uint16_t flags;
	uint16_t domid;
	uint32_t frame;
};

#define GRANT_ENTRIES_PER_FRAME	512U

struct gnttab_map_grant_ref {
	uint64_t host_addr;		/* guest physical */
	uint32_t flags;
	uint32_t ref;
	uint16_t dom;
	int16_t status;			/* out from here */
	uint32_t handle;
	uint64_t dev_bus_addr;
};

struct gnttab_unmap_grant_ref {
	uint64_t host_addr;
	uint64_t dev_bus_addr;
	uint32_t handle;
	int16_t status;			/* out */
	uint16_t pad;
};

struct gnttab_query_size {
	uint16_t dom;
	uint16_t pad;
	uint32_t frames;		/* out from here */
	uint32_t max_frames;
	int16_t status;
	uint16_t pad2;
};

struct gnttab_get_version {
	uint16_t dom;
	uint16_t pad;
	uint32_t version;		/* out */
};

static_assert(sizeof(struct grant_entry) == 8, "grant_entry");
static_assert(sizeof(struct gnttab_map_grant_ref) == 32, "map_grant_ref");
static_assert(sizeof(struct gnttab_unmap_grant_ref) == 24, "unmap_grant_ref");
static_assert(sizeof(struct gnttab_query_size) == 16, "query_size");

/* --- memory_op (xen/memory.h) --- */
#define XENMEM_DECREASE_RESERVATION	1U
#define XENMEM_CURRENT_RESERVATION	3U
#define XENMEM_MAXIMUM_RESERVATION	4U
#define XENMEM_POPULATE_PHYSMAP		6U
#define XENMEM_ADD_TO_PHYSMAP		7U

struct mem_reservation {
	uint64_t extents;		/* guest address of gfns, 64 bits each */
	uint64_t count;
	uint32_t order;
	uint32_t flags;
	uint16_t domid;
	uint16_t pad[3];
};

#define XENMAPSPACE_SHARED_INFO	0U
#define XENMAPSPACE_GRANT_TABLE	1U
#define XENMAPIDX_GRANT_STATUS	0x8000000000000000ULL

struct mem_add_to_physmap {
	uint16_t domid;
	uint16_t size;			/* only for a space that is refused */
	uint32_t space;
	uint64_t idx;
	uint64_t gfn;
};

static_assert(sizeof(struct mem_reservation) == 32, "reservation");
static_assert(sizeof(struct mem_add_to_physmap) == 24, "add_to_physmap");

/* --- vcpu_op (xen/vcpu.h), vm_assist --- */
#define VCPUOP_REGISTER_RUNSTATE	5U
#define VCPUOP_REGISTER_VCPU_INFO	10U

struct vcpu_register_info {
	uint64_t gfn;
	uint32_t offset;
	uint32_t pad;
};

#define RUNSTATE_RUNNING	0
#define RUNSTATE_RUNNABLE	1
#define RUNSTATE_BLOCKED	2
#define RUNSTATE_OFFLINE	3
#define RUNSTATE_UPDATE		0x8000000000000000ULL	/* in entry_time */

struct runstate_info {
	int32_t state;
	uint32_t pad;
	uint64_t entry_time;
	uint64_t time[4];
};

static_assert(sizeof(struct vcpu_register_info) == 16, "register_vcpu_info");
static_assert(sizeof(struct runstate_info) == 48, "runstate_info");

#define VMASST_ENABLE			0U
#define VMASST_DISABLE			1U
#define VMASST_RUNSTATE_UPDATE_FLAG	5U

/* --- sched_op (xen/sched.h) --- */
#define SCHEDOP_YIELD		0U
#define SCHEDOP_BLOCK		1U
#define SCHEDOP_SHUTDOWN	2U
#define SCHEDOP_POLL		3U
#define SCHEDOP_WATCHDOG	6U

struct sched_watchdog {
	uint32_t id;		/* 0: a new one */
	uint32_t timeout;	/* s; 0: end it */
};

struct sched_poll {
	uint64_t ports;			/* guest address of 32-bit ports */
	uint32_t count;
	uint32_t pad;
	uint64_t timeout;
};

/* --- hvm_op (xen/hvm/hvm_op.h, params.h) --- */
#define HVMOP_SET_PARAM		0U
#define HVMOP_GET_PARAM		1U

#define HVM_PARAM_STORE_PFN		1U
#define HVM_PARAM_STORE_EVTCHN		2U
#define HVM_PARAM_CONSOLE_PFN		17U
#define HVM_PARAM_CONSOLE_EVTCHN	18U

struct hvm_param {
	uint16_t domid;
	uint16_t pad;
	uint32_t index;
	uint64_t value;
};

static_assert(sizeof(struct hvm_param) == 16, "hvm_param");

/* --- xen_version (xen/version.h, xen/features.h) --- */
#define XENVER_VERSION			0U
#define XENVER_EXTRAVERSION		1U
#define XENVER_COMPILE_INFO		2U
#define XENVER_CAPABILITIES		3U
#define XENVER_CHANGESET		4U
#define XENVER_PLATFORM_PARAMETERS	5U
#define XENVER_GET_FEATURES		6U
#define XENVER_PAGESIZE			7U
#define XENVER_GUEST_HANDLE		8U

#define XENFEAT_WRITABLE_PAGE_TABLES	0U
#define XENFEAT_AUTO_TRANSLATED_PHYSMAP	2U
#define XENFEAT_ARM_SMCCC		14U
#define XENFEAT_NOT_DIRECT_MAPPED	16U

struct xenver_features {
	uint32_t submap_idx;
	uint32_t submap;		/* out */
};

/* --- console_io, multicall --- */
#define CONSOLEIO_WRITE	0U

struct multicall_entry {
	uint64_t op;
	uint64_t result;
	uint64_t args[6];
};

static_assert(sizeof(struct multicall_entry) == 64, "multicall_entry");

#endif
