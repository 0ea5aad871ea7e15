/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of the protocol's structures.
 */
#include "verb/kinds.h"

#include "mv/proto.h"

#define NAMES(array) .extra = sizeof(array) / sizeof((array)[0]), .names = (array)
#define TEXT(type, member, key, head) \
	FIELD(type, member, key, head, FIELD_TEXT, \
	      .extra = sizeof(((struct type *)0)->member))

static const char *const states[] = {
	"off", "building", "running", "ending", "kept", "failed", "paused",
};

static const char *const reasons[] = {
	"poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset",
};

static const char *const actions[] = { "destroy", "restart", "preserve" };

static const char *const vcpu_states[] = {
	"waiting", "ready", "running", "capped", "off", "paused",
};

static const char *const image_states[] = {
	"partial", "checking", "ready", "bad",
};

const char *vm_state_name(unsigned int state)
{
	return state < sizeof(states) / sizeof(states[0]) ? states[state] : "?";
}

const char *end_reason_name(unsigned int reason)
{
	return reason < sizeof(reasons) / sizeof(reasons[0]) ?
		reasons[reason] : "?";
}

#define VM_FIELDS(type, at, name_head) \
	TEXT(type, at name, "name", name_head), \
	FIELD(type, at id, "id", "ID", FIELD_U32), \
	FIELD(type, at memory_now_kib, "memory_kib", "Mem", FIELD_KIB), \
	FIELD(type, at memory_kib, "memory_max_kib", NULL, FIELD_KIB), \
	FIELD(type, at vcpus, "vcpus", "VCPUs", FIELD_U8), \
	FIELD(type, at vcpus_online, "vcpus_online", NULL, FIELD_U8), \
	FIELD(type, at state, "state", "State", FIELD_NAME, NAMES(states)), \
	FIELD(type, at cpu_ns, "cpu_seconds", "Time(s)", FIELD_SECONDS), \
	FIELD(type, at up_ns, "up_seconds", NULL, FIELD_SECONDS), \
	FIELD(type, at restarts, "restarts", NULL, FIELD_U32), \
	FIELD(type, at reason, "last_end", NULL, FIELD_NAME, NAMES(reasons)), \
	FIELD(type, at vifs, "vifs", NULL, FIELD_U32), \
	FIELD(type, at uuid, "uuid", NULL, FIELD_UUID)

static const struct field vm_fields[] = {
	VM_FIELDS(mv_vm, , "Name"),
};

static const struct field vm_info_fields[] = {
	VM_FIELDS(mv_vm_info, vm., NULL),
	FIELD(mv_vm_info, on_poweroff, "on_poweroff", NULL, FIELD_NAME, NAMES(actions)),
	FIELD(mv_vm_info, on_reboot, "on_reboot", NULL, FIELD_NAME, NAMES(actions)),
	FIELD(mv_vm_info, on_crash, "on_crash", NULL, FIELD_NAME, NAMES(actions)),
	FIELD(mv_vm_info, console, "console", NULL, FIELD_BOOL),
	FIELD(mv_vm_info, weight, "weight", NULL, FIELD_U32),
	FIELD(mv_vm_info, cap, "cap", NULL, FIELD_U32),
	FIELD(mv_vm_info, memory_target_kib, "memory_target_kib", NULL, FIELD_KIB),
	FIELD(mv_vm_info, table_pages, "table_pages", NULL, FIELD_U32),
	FIELD(mv_vm_info, hypercalls, "hypercalls", NULL, FIELD_U64),
	FIELD(mv_vm_info, events_sent, "events_sent", NULL, FIELD_U64),
	FIELD(mv_vm_info, upcalls, "upcalls", NULL, FIELD_U64),
	FIELD(mv_vm_info, misuse, "misuse", NULL, FIELD_U64),
	FIELD(mv_vm_info, console_out, "console_out_bytes", NULL, FIELD_U64),
	FIELD(mv_vm_info, console_in, "console_in_bytes", NULL, FIELD_U64),
	FIELD(mv_vm_info, kernel_sha256, "kernel_sha256", NULL, FIELD_HEX, .extra = 32),
	FIELD(mv_vm_info, ramdisk_sha256, "ramdisk_sha256", NULL, FIELD_HEX, .extra = 32),
};

#define EXITS(n, key) \
	FIELD(mv_vcpu, exits[n], "exits_" key, NULL, FIELD_U64)

static const struct field vcpu_fields[] = {
	FIELD(mv_vcpu, id, "vcpu", "VCPU", FIELD_U8),
	FIELD(mv_vcpu, cpu, "cpu", "CPU", FIELD_CPU),
	FIELD(mv_vcpu, state, "state", "State", FIELD_NAME, NAMES(vcpu_states)),
	FIELD(mv_vcpu, online, "online", "Online", FIELD_BOOL),
	FIELD(mv_vcpu, run_ns, "run_seconds", "Time(s)", FIELD_SECONDS),
	FIELD(mv_vcpu, ready_ns, "ready_seconds", "Ready(s)", FIELD_SECONDS),
	FIELD(mv_vcpu, weight, "weight", "Weight", FIELD_U32),
	FIELD(mv_vcpu, cap, "cap", "Cap", FIELD_U32),
	FIELD(mv_vcpu, cpu_mask, "affinity", "Affinity", FIELD_CPUS),
	EXITS(0, "hypercall"), EXITS(1, "irq"), EXITS(2, "wait"),
	EXITS(3, "mmio"), EXITS(4, "sysreg"), EXITS(5, "firmware"),
	EXITS(6, "other"),
};

static const struct field node_fields[] = {
	TEXT(mv_node_info, name, "name", "Name"),
	FIELD(mv_node_info, node_id, "id", "ID", FIELD_HEX, .extra = 16),
	FIELD(mv_node_info, boot_id, "boot_id", NULL, FIELD_HEX, .extra = 8),
	TEXT(mv_node_info, version, "version", "Version"),
	TEXT(mv_node_info, machine, "machine", "Machine"),
	FIELD(mv_node_info, flags, "keyed", NULL, FIELD_FLAG, .extra = MV_NODE_KEYED),
	FIELD(mv_node_info, uptime_ns, "up_seconds", NULL, FIELD_SECONDS),
	FIELD(mv_node_info, wallclock, "wallclock", NULL, FIELD_U64),
	FIELD(mv_node_info, cpus, "cpus", NULL, FIELD_U32),
	FIELD(mv_node_info, memory, "memory_bytes", NULL, FIELD_BYTES),
	FIELD(mv_node_info, memory_free, "memory_free_bytes", NULL, FIELD_BYTES),
	FIELD(mv_node_info, heap, "heap_bytes", NULL, FIELD_BYTES),
	FIELD(mv_node_info, vms, "vms", NULL, FIELD_U32),
	FIELD(mv_node_info, sessions, "sessions", NULL, FIELD_U32),
	FIELD(mv_node_info, image_quota, "image_quota_bytes", NULL, FIELD_BYTES),
	FIELD(mv_node_info, image_used, "image_used_bytes", NULL, FIELD_BYTES),
};

static const struct field cpu_fields[] = {
	FIELD(mv_cpu, id, "cpu", "CPU", FIELD_U32),
	FIELD(mv_cpu, idle_ns, "idle_seconds", "Idle(s)", FIELD_SECONDS),
};

static const struct field vif_fields[] = {
	FIELD(mv_vif, devid, "devid", "Vif", FIELD_U32),
	FIELD(mv_vif, mac, "mac", "MAC", FIELD_MAC),
	FIELD(mv_vif, mtu, "mtu", "MTU", FIELD_U32),
	FIELD(mv_vif, vlan, "vlan", "VLAN", FIELD_U16),
	FIELD(mv_vif, trunk_count, "trunk", NULL, FIELD_VLANS, .extra = MV_TRUNK_MAX),
	FIELD(mv_vif, queues, "queues", "Queues", FIELD_U16),
	FIELD(mv_vif, flags, "connected", "Connected", FIELD_FLAG, .extra = MV_VIF_CONNECTED),
	FIELD(mv_vif, flags, "uplink", "Uplink", FIELD_FLAG, .extra = MV_VIF_UPLINK),
	FIELD(mv_vif, flags, "no_spoof_check", NULL, FIELD_FLAG, .extra = MV_VIF_NO_SPOOF_CHECK),
	TEXT(mv_vif, label, "label", "Label"),
};

static const struct field vbd_fields[] = {
	TEXT(mv_vbd, name, "name", "Disk"),
	TEXT(mv_vbd, target, "target", "Target"),
	FIELD(mv_vbd, sectors, "sectors", "Sectors", FIELD_U64),
	FIELD(mv_vbd, flags, "read_only", "Read-only", FIELD_FLAG, .extra = MV_VBD_READ_ONLY),
	FIELD(mv_vbd, flags, "connected", "Connected", FIELD_FLAG, .extra = MV_VBD_CONNECTED),
	FIELD(mv_vbd, flags, "unplugging", NULL, FIELD_FLAG, .extra = MV_VBD_UNPLUGGING),
	FIELD(mv_vbd, queues, "queues", NULL, FIELD_U32),
	FIELD(mv_vbd, iops, "iops", NULL, FIELD_U32),
	FIELD(mv_vbd, kib_per_s, "kib_per_second", NULL, FIELD_U32),
	FIELD(mv_vbd, outage_s, "outage_seconds", NULL, FIELD_U32),
};

static const struct field image_fields[] = {
	FIELD(mv_image, sha256, "sha256", "SHA-256", FIELD_HEX, .extra = 32),
	FIELD(mv_image, size, "size_bytes", "Size", FIELD_BYTES),
	FIELD(mv_image, have, "have_bytes", NULL, FIELD_U64),
	FIELD(mv_image, state, "state", "State", FIELD_NAME, NAMES(image_states)),
	FIELD(mv_image, users, "users", "Users", FIELD_U32),
	FIELD(mv_image, used_ns_ago, "unused_seconds", NULL, FIELD_SECONDS),
	TEXT(mv_image, name, "name", "Name"),
};

static const struct field port_fields[] = {
	FIELD(mv_port, id, "port", "Port", FIELD_U32),
	TEXT(mv_port, name, "name", "Name"),
	FIELD(mv_port, vm, "vm", "VM", FIELD_U32),
	FIELD(mv_port, mac, "mac", "MAC", FIELD_MAC),
	FIELD(mv_port, vlan, "vlan", "VLAN", FIELD_U16),
	FIELD(mv_port, flags, "uplink", "Uplink", FIELD_FLAG, .extra = MV_PORT_UPLINK),
	FIELD(mv_port, flags, "spoof_check", NULL, FIELD_FLAG, .extra = MV_PORT_SPOOF_CHECK),
	FIELD(mv_port, flags, "mgmt", NULL, FIELD_FLAG, .extra = MV_PORT_MGMT),
	FIELD(mv_port, trunk_count, "trunk_vlans", NULL, FIELD_U16),
	FIELD(mv_port, learned, "learned", "Learned", FIELD_U16),
	FIELD(mv_port, tx_frames, "from_guest_frames", "From", FIELD_U64),
	FIELD(mv_port, tx_bytes, "from_guest_bytes", NULL, FIELD_U64),
	FIELD(mv_port, rx_frames, "to_guest_frames", "To", FIELD_U64),
	FIELD(mv_port, rx_bytes, "to_guest_bytes", NULL, FIELD_U64),
	FIELD(mv_port, drops, "drops", "Drops", FIELD_U64),
};

static const struct field fdb_fields[] = {
	FIELD(mv_fdb, mac, "mac", "MAC", FIELD_MAC),
	FIELD(mv_fdb, vlan, "vlan", "VLAN", FIELD_U16),
	FIELD(mv_fdb, port, "port", "Port", FIELD_U32),
	FIELD(mv_fdb, age_s, "age_seconds", "Age(s)", FIELD_AGE),
};

static const struct field counter_fields[] = {
	TEXT(mv_counter, name, "name", "Counter"),
	FIELD(mv_counter, value, "value", "Value", FIELD_U64),
};

static const struct field capture_fields[] = {
	FIELD(mv_capture, capture, "capture", "Capture", FIELD_U32),
	FIELD(mv_capture, port, "port", "Port", FIELD_U32),
	FIELD(mv_capture, snap, "snap_bytes", "Snap", FIELD_U32),
	FIELD(mv_capture, ring_kib, "ring_kib", "Ring(KiB)", FIELD_U32),
	FIELD(mv_capture, frames, "frames", "Frames", FIELD_U64),
	FIELD(mv_capture, lost, "lost", "Lost", FIELD_U64),
};

const struct record_kind kind_vm = RECORD_KIND(mv_vm, vm_fields);
const struct record_kind kind_vm_info = RECORD_KIND(mv_vm_info, vm_info_fields);
const struct record_kind kind_vcpu = RECORD_KIND(mv_vcpu, vcpu_fields);
const struct record_kind kind_node = RECORD_KIND(mv_node_info, node_fields);
const struct record_kind kind_cpu = RECORD_KIND(mv_cpu, cpu_fields);
const struct record_kind kind_vif = RECORD_KIND(mv_vif, vif_fields);
const struct record_kind kind_vbd = RECORD_KIND(mv_vbd, vbd_fields);
const struct record_kind kind_image = RECORD_KIND(mv_image, image_fields);
const struct record_kind kind_port = RECORD_KIND(mv_port, port_fields);
const struct record_kind kind_fdb = RECORD_KIND(mv_fdb, fdb_fields);
const struct record_kind kind_counter = RECORD_KIND(mv_counter, counter_fields);
const struct record_kind kind_capture = RECORD_KIND(mv_capture, capture_fields);
