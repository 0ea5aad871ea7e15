/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test guests: the guest ABI as Xen's public headers define it (arch-arm.h,
 * xen.h, event_channel.h, grant_table.h, memory.h, io/xs_wire.h, io/netif.h),
 * written down again here.
 */
#ifndef GUEST_XEN_H
#define GUEST_XEN_H

#include "guest.h"

#define HC_MEMORY_OP	12U
#define HC_MULTICALL	13U
#define HC_XEN_VERSION	17U
#define HC_CONSOLE_IO	18U
#define HC_GRANT_TABLE	20U
#define HC_VCPU_OP	24U
#define HC_SCHED_OP	29U
#define HC_EVTCHN	32U
#define HC_HVM_OP	34U

#define XEN_EPERM	1
#define XEN_ENOENT	2
#define XEN_EFAULT	14
#define XEN_EINVAL	22
#define XEN_ENOSYS	38

#define DOMID_SELF	0x7ff0U
#define DOMID_BACKEND	0U

static inline int64_t hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2,
				uint64_t a3, uint64_t a4)
{
	register uint64_t x0 __asm__("x0") = a0;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;
	register uint64_t x4 __asm__("x4") = a4;
	register uint64_t x16 __asm__("x16") = nr;

	__asm__ volatile("hvc #0xea1"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x16)
			 : : "memory");
	return (int64_t)x0;
}

/* --- sched_op, vcpu_op, hvm_op --- */
#define SCHEDOP_YIELD		0U
#define SCHEDOP_SHUTDOWN	2U
#define SHUTDOWN_POWEROFF	0U
#define SHUTDOWN_REBOOT		1U
#define SHUTDOWN_CRASH		3U
void shutdown(uint32_t reason) __attribute__((noreturn));
void sched_yield(void);

#define VCPUOP_REGISTER_RUNSTATE	5U
#define VCPUOP_REGISTER_VCPU_INFO	10U
struct vcpu_register_info {
	uint64_t mfn;
	uint32_t offset;
	uint32_t rsvd;
};

#define PARAM_STORE_PFN		1U
#define PARAM_STORE_EVTCHN	2U
#define PARAM_CONSOLE_PFN	17U
#define PARAM_CONSOLE_EVTCHN	18U
uint64_t hvm_param(uint32_t index);	/* UINT64_MAX: error */

/* --- memory_op --- */
#define XENMEM_DECREASE		1U
#define XENMEM_POPULATE		6U
#define XENMEM_ADD		7U
#define XENMEM_REMOVE		15U
#define SPACE_SHARED_INFO	0U
#define SPACE_GRANT_TABLE	1U
struct xen_add_to_physmap {
	uint16_t domid;
	uint16_t size;
	uint32_t space;
	uint64_t idx;
	uint64_t gpfn;
};
struct xen_reservation {
	uint64_t extent_start;
	uint64_t nr_extents;
	uint32_t order;
	uint32_t flags;
	uint16_t domid;
};
int64_t add_to_physmap(uint32_t space, uint64_t idx, uint64_t gpfn);

static inline uint64_t gfn_of(const void *p)
{
	return (uint64_t)p >> 12;
}

/* --- events --- */
#define EVTCHNOP_BIND_INTERDOMAIN	0U
#define EVTCHNOP_BIND_VIRQ		1U
#define EVTCHNOP_CLOSE			3U
#define EVTCHNOP_SEND			4U
#define EVTCHNOP_STATUS			5U
#define EVTCHNOP_ALLOC_UNBOUND		6U
#define EVTCHNOP_BIND_IPI		7U
#define EVTCHNOP_BIND_VCPU		8U
#define EVTCHNOP_UNMASK			9U
#define EVTCHNOP_RESET			10U
#define EVTCHNOP_INIT_CONTROL		11U
#define EVTCHNOP_EXPAND_ARRAY		12U

#define EVTCHN_LIMIT	4096U		/* ports of the two-level ABI */

struct shared_info {
	uint8_t upcall_pending;
	uint8_t upcall_mask;
	uint8_t pad[6];
	volatile uint64_t pending_sel;
	uint8_t rest[32];
	volatile uint64_t pending[64];
	volatile uint64_t mask[64];
};

extern struct shared_info *shared_info;

/* Map shared_info (once). All ports are masked. */
void xen_init(void);
int64_t evtchn_op(uint32_t op, void *arg);
int64_t evtchn_send(uint32_t port);
int64_t evtchn_close(uint32_t port);
/* A port for domain `remote` to bind, or a negative number. */
int64_t evtchn_alloc(uint32_t remote);
bool evtchn_pending(uint32_t port);
void evtchn_clear(uint32_t port);

/* --- grants --- */
#define GNTTABOP_SET_VERSION	8U
#define GNTTABOP_QUERY_SIZE	6U
#define GTF_PERMIT		1U
#define GTF_READONLY		4U

struct grant_entry {
	uint16_t flags;
	uint16_t domid;
	uint32_t frame;
};

extern volatile struct grant_entry *grant_table;

/* Map the table's first frames at the usual place. */
void grant_init(void);
void grant_set(unsigned int ref, uint64_t frame, uint16_t flags);

/* --- XenStore --- */
enum xs_type {
	XS_DIRECTORY = 1, XS_READ = 2, XS_WATCH = 4, XS_TRANSACTION_START = 6,
	XS_TRANSACTION_END = 7, XS_WRITE = 11, XS_MKDIR = 12, XS_RM = 13,
	XS_WATCH_EVENT = 15, XS_ERROR = 16,
};

struct xs_header {
	uint32_t type;
	uint32_t req_id;
	uint32_t tx_id;
	uint32_t len;
};

struct xs_ring {
	uint8_t req[1024];
	uint8_t rsp[1024];
	volatile uint32_t req_cons, req_prod;
	volatile uint32_t rsp_cons, rsp_prod;
	volatile uint32_t features, connection, error;
};

#define XS_PAYLOAD_MAX	4096U

extern struct xs_ring *xs_ring;

void xs_init(void);
/* Raw bytes; false after two seconds. */
bool xs_write_bytes(const void *data, size_t len);
bool xs_read_bytes(void *data, size_t len);
/*
 * One request, payload of `len` bytes; the reply's payload (cut to size - 1,
 * with a NUL) in `reply`. Returns the reply's type, or -1 if none came.
 * Watch events that come first are dropped.
 */
int xs_request(uint32_t type, uint32_t tx, const void *payload, size_t len,
	       char *reply, size_t size);
/* Text of a node; "" if there is none. */
const char *xs_read(const char *path);
bool xs_write(const char *path, const char *value);
/* Wait until the number in the node is `want`. */
bool xs_wait(const char *path, unsigned int want);
unsigned int text_number(const char *s);

#endif
