/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management protocol: constants and layouts, shared by the hypervisor
 * and mvctl. docs/management-protocol.md tells what they mean.
 *
 * All numbers are big-endian. The types below are made of bytes, so a
 * structure has no gaps and may lie at any address.
 */
#ifndef MV_PROTO_H
#define MV_PROTO_H

#include <stddef.h>
#include <stdint.h>

#define MV_ETHERTYPE		0x88b5
#define MV_VERSION_1		1

#define MV_PACKET_MAX		1500	/* from `version` on: fits an MTU of 1500 */
#define MV_TAG_LEN		16	/* behind a sealed packet's payload */
#define MV_NAME_MAX		64	/* with a NUL at the end */
#define MV_NODE_ID_LEN		16
#define MV_KEY_LEN		32	/* the pre-shared key */
#define MV_NONCE_LEN		16
#define MV_POINT_LEN		32	/* X25519 */
#define MV_MAC_LEN		32	/* HMAC-SHA-256 */
#define MV_SHA256_LEN		32
#define MV_VCPU_MAX		8
#define MV_TRUNK_MAX		16

struct mv_be16 { uint8_t b[2]; };
struct mv_be32 { uint8_t b[4]; };
struct mv_be64 { uint8_t b[8]; };

static inline uint16_t mv_get16(struct mv_be16 x)
{
	return (uint16_t)(x.b[0] << 8 | x.b[1]);
}

static inline uint32_t mv_get32(struct mv_be32 x)
{
	return (uint32_t)x.b[0] << 24 | (uint32_t)x.b[1] << 16 | (uint32_t)x.b[2] << 8 | x.b[3];
}

static inline uint64_t mv_get64(struct mv_be64 x)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 8; i++) {
		v = v << 8 | x.b[i];
	}
	return v;
}

static inline struct mv_be16 mv_put16(uint16_t v)
{
	return (struct mv_be16){ { (uint8_t)(v >> 8), (uint8_t)v } };
}

static inline struct mv_be32 mv_put32(uint32_t v)
{
	return (struct mv_be32){ { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
				   (uint8_t)v } };
}

static inline struct mv_be64 mv_put64(uint64_t v)
{
	struct mv_be64 x;

	for (unsigned int i = 0; i < 8; i++) {
		x.b[i] = (uint8_t)(v >> (56 - 8 * i));
	}
	return x;
}

/* --- packets ------------------------------------------------------------- */

enum mv_kind {
	MV_DISCOVER = 1,	/* to a node, or all: who is there? */
	MV_ANNOUNCE = 2,	/* from a node: I am */
	MV_OPEN = 3,		/* to a node: begin a session */
	MV_OPENED = 4,		/* from a node: it is there */
	MV_GONE = 5,		/* from a node: it knows no such session */
	MV_REQUEST = 6,		/* to a node, in a session */
	MV_REPLY = 7,		/* from a node, in a session */
	MV_NOTIFY = 8,		/* from a node, in a session: a stream grew */
};

/* The first bytes behind the EtherType. */
struct mv_header {
	uint8_t version;
	uint8_t kind;			/* enum mv_kind */
	struct mv_be16 length;		/* of the packet, this header and a tag included */
	struct mv_be32 session;		/* 0 outside of one */
	struct mv_be64 counter;		/* of the sender's packets in this session */
};

struct mv_discover {
	struct mv_be64 nonce;		/* comes back in the announcement */
	char name[MV_NAME_MAX];		/* only that node answers; empty: all */
};

#define MV_NODE_KEYED	0x1u		/* sessions need the node's key */

struct mv_announce {
	struct mv_be64 nonce;
	uint8_t node_id[MV_NODE_ID_LEN];
	struct mv_be64 boot_id;		/* another one after each start of the node */
	struct mv_be32 flags;		/* MV_NODE_* */
	uint8_t version_min;
	uint8_t version_max;
	struct mv_be16 packet_max;
	uint8_t challenge[MV_NONCE_LEN];
	char name[MV_NAME_MAX];
};

struct mv_open {
	uint8_t node_id[MV_NODE_ID_LEN];
	uint8_t nonce[MV_NONCE_LEN];	/* the client's; names the session for it */
	struct mv_be16 packet_max;	/* that the client takes */
	struct mv_be16 reserved;
	uint8_t challenge[MV_NONCE_LEN];	/* the node's newest; keyed only */
	uint8_t point[MV_POINT_LEN];	/* the client's public value; keyed only */
	uint8_t mac[MV_MAC_LEN];	/* keyed only; else zero */
};

struct mv_opened {
	uint8_t client_nonce[MV_NONCE_LEN];
	uint8_t nonce[MV_NONCE_LEN];	/* the node's */
	struct mv_be32 session;
	struct mv_be16 packet_max;	/* agreed */
	struct mv_be16 status;		/* MV_OK, MV_NO_SPACE, MV_INVALID */
	struct mv_be32 idle_ms;		/* the session ends when idle for this long */
	struct mv_be32 change_window;	/* MV_CHANGE_WINDOW of this node */
	uint8_t point[MV_POINT_LEN];	/* the node's public value; keyed only */
	uint8_t mac[MV_MAC_LEN];	/* keyed only; else zero */
};

/* --- requests and replies ------------------------------------------------ */

#define MV_CHANGE_WINDOW	32	/* replies of changing verbs that are kept */

struct mv_request {
	struct mv_be32 id;		/* rising, never 0 */
	struct mv_be16 verb;		/* enum mv_verb */
	struct mv_be16 flags;		/* 0 */
	/* the verb's body */
};

struct mv_reply {
	struct mv_be32 id;
	struct mv_be16 verb;
	struct mv_be16 status;		/* enum mv_status */
	struct mv_be16 part;		/* of a reply of several packets, from 0 */
	struct mv_be16 parts;		/* how many in all; exact in the last, else at most */
	/* the verb's body if MV_OK; else a line of text, without a NUL */
};

#define MV_BODY_MAX	(MV_PACKET_MAX - 16 - MV_TAG_LEN - 12)	/* of a reply */

/* A verb that changes something is done once for each request id. */
enum mv_verb {
	MV_PING = 0x01,
	MV_NODE_INFO = 0x02,
	MV_CLOSE = 0x03,
	MV_NODE_POWER = 0x04,		/* changes */
	MV_CPU_LIST = 0x05,

	MV_VM_LIST = 0x10,
	MV_VM_INFO = 0x11,
	MV_VCPU_LIST = 0x12,
	MV_VM_CREATE = 0x13,		/* changes */
	MV_VM_DESTROY = 0x14,		/* changes */
	MV_VM_SHUTDOWN = 0x15,		/* changes */
	MV_VM_REBOOT = 0x16,		/* changes */
	MV_VM_RESTART = 0x17,		/* changes */
	MV_VM_START = 0x18,		/* changes */
	MV_VM_PAUSE = 0x19,		/* changes */
	MV_VM_UNPAUSE = 0x1a,		/* changes */
	MV_VM_RENAME = 0x1b,		/* changes */
	MV_VM_MEMORY = 0x1c,		/* changes */
	MV_VCPU_SET = 0x1d,		/* changes */
	MV_VCPU_ONLINE = 0x1e,		/* changes */
	MV_TOP = 0x1f,

	MV_VIF_LIST = 0x20,
	MV_VIF_ATTACH = 0x21,		/* changes */
	MV_VIF_DETACH = 0x22,		/* changes */
	MV_VBD_LIST = 0x28,
	MV_VBD_ATTACH = 0x29,		/* changes */
	MV_VBD_DETACH = 0x2a,		/* changes */

	MV_BLOB_PUT = 0x30,
	MV_IMAGE_LIST = 0x38,
	MV_IMAGE_BEGIN = 0x39,
	MV_IMAGE_DATA = 0x3a,
	MV_IMAGE_STATUS = 0x3b,
	MV_IMAGE_REMOVE = 0x3c,		/* changes */

	MV_STREAM_READ = 0x40,
	MV_STREAM_WATCH = 0x41,
	MV_CONSOLE_WRITE = 0x42,	/* changes */

	MV_PORT_LIST = 0x50,
	MV_FDB_LIST = 0x51,
	MV_COUNTERS = 0x52,
	MV_CAPTURE_START = 0x58,	/* changes */
	MV_CAPTURE_STOP = 0x59,		/* changes */
	MV_CAPTURE_LIST = 0x5a,
};

enum mv_status {
	MV_OK = 0,
	MV_UNSUPPORTED = 1,	/* this node doesn't know the verb, or a flag */
	MV_MALFORMED = 2,	/* too short, or fields that contradict each other */
	MV_INVALID = 3,		/* a value out of range */
	MV_NOT_FOUND = 4,
	MV_EXISTS = 5,
	MV_BUSY = 6,		/* in use, or in a state in which it can't be done */
	MV_NO_MEMORY = 7,
	MV_NO_SPACE = 8,	/* a limit or a quota */
	MV_STALE = 9,		/* a request id older than what is remembered */
	MV_INCOMPLETE = 10,	/* a blob or an image of which parts are missing */
	MV_MISMATCH = 11,	/* not the SHA-256 that was told */
	MV_FAILED = 12,		/* anything else */
};

/* Replies that list things. */
struct mv_cursor {
	struct mv_be32 cursor;		/* 0 to begin; then `next` of the last reply */
	struct mv_be32 arg;		/* the verb's, else 0 */
};

struct mv_list {
	struct mv_be32 next;		/* 0: that was the last */
	struct mv_be16 count;		/* entries behind this */
	struct mv_be16 entry_size;	/* step by this; it may grow */
	struct mv_be64 now_ns;		/* since the node's start */
	/* entries */
};

/* --- the node ------------------------------------------------------------ */

/* MV_PING: body of any content, comes back. */

struct mv_node_info {
	uint8_t node_id[MV_NODE_ID_LEN];
	struct mv_be64 boot_id;
	struct mv_be64 uptime_ns;
	char name[MV_NAME_MAX];
	char version[32];
	char machine[MV_NAME_MAX];
	struct mv_be32 flags;		/* MV_NODE_* */
	struct mv_be32 cpus;
	struct mv_be32 vms;		/* that there are, in any state */
	struct mv_be32 sessions;
	struct mv_be64 memory;		/* bytes */
	struct mv_be64 memory_free;
	struct mv_be64 heap;		/* of it for the hypervisor's objects */
	struct mv_be64 image_quota;	/* bytes for pushed images */
	struct mv_be64 image_used;
	struct mv_be64 wallclock;	/* s, Unix time; 0: not known */
};

enum mv_power { MV_POWER_OFF = 1, MV_POWER_RESET = 2 };

struct mv_node_power {
	uint8_t what;			/* enum mv_power */
	uint8_t reserved[7];
};

/* MV_CPU_LIST: mv_cursor, mv_list */
struct mv_cpu {
	struct mv_be32 id;
	struct mv_be32 reserved;
	struct mv_be64 idle_ns;
};

/* --- VMs ----------------------------------------------------------------- */

enum mv_vm_state {
	MV_VM_OFF = 0,
	MV_VM_BUILDING = 1,
	MV_VM_RUNNING = 2,
	MV_VM_ENDING = 3,
	MV_VM_KEPT = 4,			/* ended and kept for a look */
	MV_VM_FAILED = 5,		/* could not be built */
	MV_VM_PAUSED = 6,
};

enum mv_vm_reason {			/* of the last end */
	MV_END_POWEROFF = 0,
	MV_END_REBOOT = 1,
	MV_END_SUSPEND = 2,
	MV_END_CRASH = 3,
	MV_END_WATCHDOG = 4,
	MV_END_SOFT_RESET = 5,
};

enum mv_action { MV_ACTION_DESTROY = 0, MV_ACTION_RESTART = 1, MV_ACTION_PRESERVE = 2 };

/*
 * Which VM. With both, they must belong together (a VM may have gone and its
 * id been given to another).
 */
struct mv_vm_ref {
	struct mv_be32 id;		/* 0: by name only */
	struct mv_be32 reserved;
	char name[MV_NAME_MAX];		/* empty: by id only */
};

/* MV_VM_LIST: mv_cursor, mv_list */
struct mv_vm {
	struct mv_be32 id;
	uint8_t state;			/* enum mv_vm_state */
	uint8_t reason;			/* enum mv_vm_reason */
	uint8_t vcpus;
	uint8_t vcpus_online;
	struct mv_be64 memory_kib;	/* described */
	struct mv_be64 memory_now_kib;	/* that the guest holds */
	struct mv_be64 cpu_ns;
	struct mv_be64 up_ns;		/* since its (last) start */
	uint8_t uuid[16];
	struct mv_be32 restarts;
	struct mv_be32 vifs;
	char name[MV_NAME_MAX];
};

/* MV_VM_INFO: mv_vm_ref */
struct mv_vm_info {
	struct mv_vm vm;
	uint8_t on_poweroff;		/* enum mv_action */
	uint8_t on_reboot;
	uint8_t on_crash;
	uint8_t console;		/* 1: has one */
	struct mv_be32 weight;
	struct mv_be32 cap;		/* per cent of one CPU; 0: none */
	struct mv_be32 table_pages;	/* stage-2 tables */
	struct mv_be64 memory_target_kib;
	struct mv_be64 hypercalls;
	struct mv_be64 events_sent;
	struct mv_be64 upcalls;
	struct mv_be64 misuse;
	struct mv_be64 console_out;	/* bytes */
	struct mv_be64 console_in;
	uint8_t kernel_sha256[MV_SHA256_LEN];	/* zero: not from a pushed image */
	uint8_t ramdisk_sha256[MV_SHA256_LEN];
};

/* MV_VCPU_LIST: mv_cursor with arg = VM id, mv_list */
enum mv_vcpu_state {
	MV_VCPU_WAITING = 0,
	MV_VCPU_READY = 1,
	MV_VCPU_RUNNING = 2,
	MV_VCPU_CAPPED = 3,
	MV_VCPU_OFF = 4,
	MV_VCPU_PAUSED = 5,
};

#define MV_EXIT_KINDS	8		/* hypercall irq wait mmio sysreg firmware other - */

struct mv_vcpu {
	uint8_t id;
	uint8_t state;			/* enum mv_vcpu_state */
	uint8_t online;
	uint8_t cpu;			/* where it ran last; 255: nowhere yet */
	struct mv_be32 weight;
	struct mv_be32 cap;
	struct mv_be32 reserved;
	struct mv_be64 cpu_mask;
	struct mv_be64 run_ns;
	struct mv_be64 ready_ns;	/* waited for a CPU */
	struct mv_be64 exits[MV_EXIT_KINDS];
};

/* MV_VM_CREATE: a blob that is a device tree; reply mv_vm */
struct mv_vm_create {
	struct mv_be32 blob;		/* its id, see mv_blob_put */
	struct mv_be32 flags;		/* MV_CREATE_* */
};

#define MV_CREATE_PAUSED	0x1u

/*
 * MV_VM_DESTROY, MV_VM_SHUTDOWN, MV_VM_REBOOT, MV_VM_RESTART, MV_VM_START,
 * MV_VM_PAUSE, MV_VM_UNPAUSE: mv_vm_ref; reply without a body.
 */

struct mv_vm_rename {
	struct mv_vm_ref vm;
	char name[MV_NAME_MAX];
};

struct mv_vm_memory {
	struct mv_vm_ref vm;
	struct mv_be64 target_kib;
};

#define MV_VCPU_ALL		0xff
#define MV_VCPU_SET_MASK	0x1u
#define MV_VCPU_SET_WEIGHT	0x2u
#define MV_VCPU_SET_CAP		0x4u

struct mv_vcpu_set {
	struct mv_vm_ref vm;
	uint8_t vcpu;			/* or MV_VCPU_ALL */
	uint8_t set;			/* MV_VCPU_SET_*: which of the following */
	uint8_t reserved[2];
	struct mv_be32 weight;
	struct mv_be32 cap;
	struct mv_be32 reserved2;
	struct mv_be64 cpu_mask;
};

struct mv_vcpu_online {
	struct mv_vm_ref vm;
	struct mv_be32 count;
	struct mv_be32 reserved;
};

/* MV_TOP: mv_cursor, mv_list */
struct mv_top {
	struct mv_be32 id;
	uint8_t state;
	uint8_t vcpus;
	uint8_t reserved[2];
	struct mv_be64 cpu_ns;
	struct mv_be64 vcpu_ns[MV_VCPU_MAX];
	struct mv_be64 memory_now_kib;
	struct mv_be64 rx_bytes;	/* to the guest, all its vifs */
	struct mv_be64 tx_bytes;	/* from the guest */
	char name[MV_NAME_MAX];
};

/* --- network interfaces -------------------------------------------------- */

#define MV_VIF_HAS_MAC		0x1u
#define MV_VIF_NO_SPOOF_CHECK	0x2u
#define MV_VIF_UPLINK		0x4u
#define MV_VIF_CONNECTED	0x8u	/* in replies only */
#define MV_VIF_ANY		0xffffffffu	/* as devid: the lowest free one */

struct mv_vif {
	struct mv_be32 devid;
	struct mv_be32 flags;		/* MV_VIF_* */
	struct mv_be32 mtu;		/* 0: 1500 */
	struct mv_be16 vlan;		/* 0: none */
	struct mv_be16 queues;		/* limit; 0: as many as vCPUs */
	uint8_t mac[6];
	struct mv_be16 trunk_count;
	struct mv_be16 trunk[MV_TRUNK_MAX];
	char label[32];
};

/* MV_VIF_LIST: mv_cursor with arg = VM id, mv_list of mv_vif */

struct mv_vif_attach {			/* reply: mv_vif */
	struct mv_vm_ref vm;
	struct mv_vif vif;
};

struct mv_vif_detach {
	struct mv_vm_ref vm;
	struct mv_be32 devid;
	struct mv_be32 reserved;
};

/* --- disks ---------------------------------------------------------------- */

#define MV_VBD_READ_ONLY	0x1u
#define MV_VBD_CONNECTED	0x2u	/* in replies only: the guest's driver uses it */
#define MV_VBD_UNPLUGGING	0x4u	/* in replies only: the guest was asked to let go */

struct mv_vbd {
	char name[16];			/* in the guest: "xvda" */
	char target[64];		/* "aoe:1.2" */
	struct mv_be32 flags;		/* MV_VBD_* */
	struct mv_be32 queues;		/* limit; 0: as many as vCPUs */
	struct mv_be32 iops;		/* limits; 0: none */
	struct mv_be32 kib_per_s;
	struct mv_be32 outage_s;	/* requests wait so long for the target; 0: for ever */
	struct mv_be32 reserved;
	struct mv_be64 sectors;		/* of 512 bytes; in replies; 0: not known yet */
};

/* MV_VBD_LIST: mv_cursor with arg = VM id, mv_list of mv_vbd */

struct mv_vbd_attach {			/* reply: mv_vbd */
	struct mv_vm_ref vm;
	struct mv_vbd vbd;
};

struct mv_vbd_detach {
	struct mv_vm_ref vm;
	char name[16];
};

/* --- bodies longer than a packet ----------------------------------------- */

#define MV_BLOB_MAX	32768

/* A session has one blob; another id, or another size, begins a new one. */
struct mv_blob_put {			/* reply: mv_blob_state */
	struct mv_be32 blob;		/* chosen by the client, not 0 */
	struct mv_be32 size;		/* of all of it, at most MV_BLOB_MAX */
	struct mv_be32 offset;		/* a multiple of MV_CHUNK */
	struct mv_be32 reserved;
	/* MV_CHUNK bytes, fewer at the end */
};

struct mv_blob_state {
	struct mv_be32 blob;
	struct mv_be32 missing;		/* offset of the first chunk that isn't there */
};

/* --- images -------------------------------------------------------------- */

#define MV_CHUNK	1024
#define MV_IMAGE_MAX	(1ull << 30)
#define MV_ACK_CHUNKS	256		/* that the bitmap of an answer covers */

enum mv_image_state {
	MV_IMAGE_PARTIAL = 0,		/* chunks are missing */
	MV_IMAGE_CHECKING = 1,		/* all there, its SHA-256 is being made */
	MV_IMAGE_READY = 2,
	MV_IMAGE_BAD = 3,		/* had another SHA-256: it is gone */
};

struct mv_image_begin {			/* reply: mv_image_ack */
	uint8_t sha256[MV_SHA256_LEN];
	struct mv_be64 size;
	char name[MV_NAME_MAX];		/* for lists only */
};

/* Answered with mv_image_ack if MV_DATA_ACK is set, else not at all. */
struct mv_image_data {
	struct mv_be32 image;		/* from mv_image_ack */
	struct mv_be32 flags;		/* MV_DATA_* */
	struct mv_be64 offset;		/* a multiple of MV_CHUNK */
	/* MV_CHUNK bytes, fewer at the end */
};

#define MV_DATA_ACK	0x1u

struct mv_image_status {		/* reply: mv_image_ack */
	uint8_t sha256[MV_SHA256_LEN];
};

struct mv_image_ack {
	struct mv_be32 image;		/* handle for mv_image_data, not 0 */
	uint8_t state;			/* enum mv_image_state */
	uint8_t reserved[3];
	struct mv_be64 size;
	struct mv_be64 have;		/* bytes from 0 on without a gap */
	struct mv_be64 checked;		/* bytes that the SHA-256 covers so far */
	/* bit n % 8 of byte n / 8: chunk have / MV_CHUNK + n is there */
	uint8_t more[MV_ACK_CHUNKS / 8];
};

struct mv_image_remove {
	uint8_t sha256[MV_SHA256_LEN];
};

/* MV_IMAGE_LIST: mv_cursor, mv_list */
struct mv_image {
	uint8_t sha256[MV_SHA256_LEN];
	struct mv_be64 size;
	struct mv_be64 have;
	struct mv_be64 used_ns_ago;	/* since its last use */
	struct mv_be32 users;		/* VMs that are made from it */
	uint8_t state;			/* enum mv_image_state */
	uint8_t reserved[3];
	char name[MV_NAME_MAX];
};

/* --- streams: the log, consoles, events, captures ------------------------ */

enum mv_stream_kind {
	MV_STREAM_LOG = 1,		/* object 0: text */
	MV_STREAM_CONSOLE = 2,		/* object: VM id */
	MV_STREAM_EVENTS = 3,		/* object 0: struct mv_event */
	MV_STREAM_CAPTURE = 4,		/* object: capture id; struct mv_capture_record */
};

#define MV_READ_PARTS	16		/* packets that one read may ask for */
#define MV_READ_NEWEST	0xffffffffffffffffull	/* as offset: read nothing, tell the end */

struct mv_stream_read {			/* reply: up to MV_READ_PARTS of mv_stream_data */
	uint8_t kind;			/* enum mv_stream_kind */
	uint8_t parts;			/* 1 .. MV_READ_PARTS */
	uint8_t reserved[2];
	struct mv_be32 object;
	struct mv_be64 offset;
};

struct mv_stream_data {
	uint8_t kind;
	uint8_t reserved[3];
	struct mv_be32 object;
	struct mv_be32 epoch;		/* another one: offsets began at 0 again */
	struct mv_be32 size;		/* bytes behind this */
	struct mv_be64 offset;		/* of the first of them */
	struct mv_be64 oldest;		/* that is still kept */
	struct mv_be64 end;		/* the newest byte's offset + 1 */
	/* bytes */
};

struct mv_stream_watch {		/* reply without a body */
	uint8_t kind;
	uint8_t on;			/* 1: notify; 0: don't */
	uint8_t reserved[2];
	struct mv_be32 object;
};

struct mv_notify {			/* payload of MV_NOTIFY */
	uint8_t kind;
	uint8_t reserved[3];
	struct mv_be32 object;
	struct mv_be32 epoch;
	struct mv_be32 reserved2;
	struct mv_be64 end;
};

#define MV_CONSOLE_WRITE_MAX	1024

struct mv_console_write {		/* reply without a body */
	struct mv_vm_ref vm;
	struct mv_be32 size;		/* 1 .. MV_CONSOLE_WRITE_MAX bytes behind this */
	struct mv_be32 reserved;
};

enum mv_event_kind {
	MV_EVENT_VM_CREATED = 1,
	MV_EVENT_VM_STARTED = 2,
	MV_EVENT_VM_ENDED = 3,		/* arg: enum mv_vm_reason */
	MV_EVENT_VM_FAILED = 4,		/* could not be built */
	MV_EVENT_VM_GONE = 5,		/* destroyed: not in the list any more */
	MV_EVENT_VM_PAUSED = 6,
	MV_EVENT_VM_UNPAUSED = 7,
	MV_EVENT_VM_RENAMED = 8,
	MV_EVENT_UPLINK_UP = 9,		/* object: port id */
	MV_EVENT_UPLINK_DOWN = 10,
	MV_EVENT_IMAGE_READY = 11,	/* name: first digits of its SHA-256 */
	MV_EVENT_IMAGE_GONE = 12,
};

struct mv_event {			/* one element of the stream */
	struct mv_be64 time_ns;		/* since the node's start */
	struct mv_be16 kind;		/* enum mv_event_kind */
	struct mv_be16 arg;
	struct mv_be32 object;		/* VM id, or port id */
	char name[MV_NAME_MAX];
	uint8_t reserved[16];
};

/* --- the switch ---------------------------------------------------------- */

#define MV_PORT_UPLINK		0x1u
#define MV_PORT_SPOOF_CHECK	0x2u
#define MV_PORT_MGMT		0x4u	/* the node's own */

/* MV_PORT_LIST: mv_cursor, mv_list */
struct mv_port {
	struct mv_be32 id;
	struct mv_be32 flags;		/* MV_PORT_* */
	struct mv_be32 vm;		/* id; 0: none */
	struct mv_be16 vlan;
	struct mv_be16 trunk_count;
	uint8_t mac[6];
	struct mv_be16 learned;		/* addresses behind it */
	struct mv_be64 tx_frames;	/* from the guest */
	struct mv_be64 tx_bytes;
	struct mv_be64 rx_frames;	/* to the guest */
	struct mv_be64 rx_bytes;
	struct mv_be64 drops;		/* all its drop_* counters */
	char name[24];
};

/* MV_FDB_LIST: mv_cursor, mv_list */
struct mv_fdb {
	uint8_t mac[6];
	struct mv_be16 vlan;
	struct mv_be32 port;
	struct mv_be32 age_s;		/* 0xffffffff: static */
};

/* MV_COUNTERS: mv_cursor with arg = 0 (the node) or 1 + port id, mv_list */
struct mv_counter {
	char name[32];
	struct mv_be64 value;
};

#define MV_CAPTURE_MAX		4
#define MV_CAPTURE_SNAP_MAX	65535

struct mv_capture_start {		/* reply: mv_capture */
	struct mv_be32 port;
	struct mv_be32 snap;		/* bytes of each frame; 0: 128, what is private */
	struct mv_be32 ring_kib;	/* 0: 256 */
	struct mv_be32 flags;		/* 0 */
};

struct mv_capture_stop {
	struct mv_be32 capture;
	struct mv_be32 reserved;
};

/* MV_CAPTURE_LIST: mv_cursor, mv_list */
struct mv_capture {
	struct mv_be32 capture;
	struct mv_be32 port;
	struct mv_be32 snap;
	struct mv_be32 ring_kib;
	struct mv_be64 frames;
	struct mv_be64 lost;		/* overwritten before a reader had them */
	struct mv_be64 wallclock_ns;	/* Unix time at the node's start; 0: not known */
};

#define MV_CAPTURE_TO_GUEST	0x1u

/* In the stream; followed by `captured` bytes and 0 to 7 of padding. */
struct mv_capture_record {
	struct mv_be32 size;		/* of the record: a multiple of 8 */
	struct mv_be32 flags;		/* MV_CAPTURE_* */
	struct mv_be32 length;		/* of the frame */
	struct mv_be32 captured;
	struct mv_be64 time_ns;		/* since the node's start */
};

#define MV_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
MV_SIZE(mv_header, 16);
MV_SIZE(mv_discover, 72);
MV_SIZE(mv_announce, 120);
MV_SIZE(mv_open, 116);
MV_SIZE(mv_opened, 112);
MV_SIZE(mv_request, 8);
MV_SIZE(mv_reply, 12);
MV_SIZE(mv_cursor, 8);
MV_SIZE(mv_list, 16);
MV_SIZE(mv_node_info, 256);
MV_SIZE(mv_node_power, 8);
MV_SIZE(mv_cpu, 16);
MV_SIZE(mv_vm_ref, 72);
MV_SIZE(mv_vm, 128);
MV_SIZE(mv_vm_info, 264);
MV_SIZE(mv_vcpu, 104);
MV_SIZE(mv_vm_create, 8);
MV_SIZE(mv_vm_rename, 136);
MV_SIZE(mv_vm_memory, 80);
MV_SIZE(mv_vcpu_set, 96);
MV_SIZE(mv_vcpu_online, 80);
MV_SIZE(mv_top, 168);
MV_SIZE(mv_vif, 88);
MV_SIZE(mv_vif_attach, 160);
MV_SIZE(mv_vif_detach, 80);
MV_SIZE(mv_vbd, 112);
MV_SIZE(mv_vbd_attach, 184);
MV_SIZE(mv_vbd_detach, 88);
MV_SIZE(mv_blob_put, 16);
MV_SIZE(mv_blob_state, 8);
MV_SIZE(mv_image_begin, 104);
MV_SIZE(mv_image_data, 16);
MV_SIZE(mv_image_status, 32);
MV_SIZE(mv_image_ack, 64);
MV_SIZE(mv_image_remove, 32);
MV_SIZE(mv_image, 128);
MV_SIZE(mv_stream_read, 16);
MV_SIZE(mv_stream_data, 40);
MV_SIZE(mv_stream_watch, 8);
MV_SIZE(mv_notify, 24);
MV_SIZE(mv_console_write, 80);
MV_SIZE(mv_event, 96);
MV_SIZE(mv_port, 88);
MV_SIZE(mv_fdb, 16);
MV_SIZE(mv_counter, 40);
MV_SIZE(mv_capture_start, 16);
MV_SIZE(mv_capture_stop, 8);
MV_SIZE(mv_capture, 40);
MV_SIZE(mv_capture_record, 24);

#endif
