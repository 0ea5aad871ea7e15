/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of a node.
 */
#include "verb/metrics.h"

#include <stdio.h>
#include <string.h>

#include "client/call.h"
#include "client/list.h"
#include "verb/kinds.h"

enum metric {
	UP, INFO, UPTIME, CPUS, MEMORY, MEMORY_FREE, HEAP, SESSIONS,
	IMAGE_QUOTA, IMAGE_USED, IDLE, VM_STATE, VM_CPU, VM_MEMORY,
	VM_MEMORY_MAX, VM_VCPUS, VM_RESTARTS, VM_FROM, VM_TO, PORT_FROM,
	PORT_TO, PORT_FROM_BYTES, PORT_TO_BYTES, PORT_DROPS, COUNTER,
	HELD, METRICS,
};

#define PREFIX "microvisor_"

static const struct prom_metric metrics[METRICS] = {
	[UP] = { PREFIX "up", "gauge", "Whether the node answered." },
	[INFO] = { PREFIX "node_info", "gauge", "Version and machine; always 1." },
	[UPTIME] = { PREFIX "uptime_seconds", "gauge", "Time since the node's start." },
	[CPUS] = { PREFIX "cpus", "gauge", "CPUs of the node." },
	[MEMORY] = { PREFIX "memory_bytes", "gauge", "RAM of the node." },
	[MEMORY_FREE] = { PREFIX "memory_free_bytes", "gauge", "RAM that nothing uses." },
	[HEAP] = { PREFIX "heap_bytes", "gauge", "RAM for the hypervisor's objects." },
	[SESSIONS] = { PREFIX "sessions", "gauge", "Management sessions that are open." },
	[IMAGE_QUOTA] = { PREFIX "image_quota_bytes", "gauge", "Limit of all pushed images." },
	[IMAGE_USED] = { PREFIX "image_used_bytes", "gauge", "Size of all pushed images." },
	[IDLE] = { PREFIX "cpu_idle_seconds_total", "counter", "Time in which a CPU did nothing." },
	[VM_STATE] = { PREFIX "vm_state", "gauge", "1 for the state that the VM is in." },
	[VM_CPU] = { PREFIX "vm_cpu_seconds_total", "counter", "CPU time of the VM." },
	[VM_MEMORY] = { PREFIX "vm_memory_bytes", "gauge", "RAM that the VM holds." },
	[VM_MEMORY_MAX] = { PREFIX "vm_memory_max_bytes", "gauge", "RAM that was described." },
	[VM_VCPUS] = { PREFIX "vm_vcpus", "gauge", "vCPUs of the VM." },
	[VM_RESTARTS] = { PREFIX "vm_restarts_total", "counter", "Starts after the first one." },
	[VM_FROM] = { PREFIX "vm_transmit_bytes_total", "counter", "Bytes from the VM." },
	[VM_TO] = { PREFIX "vm_receive_bytes_total", "counter", "Bytes to the VM." },
	[PORT_FROM] = { PREFIX "port_transmit_frames_total", "counter", "Frames from the port's owner." },
	[PORT_TO] = { PREFIX "port_receive_frames_total", "counter", "Frames to the port's owner." },
	[PORT_FROM_BYTES] = { PREFIX "port_transmit_bytes_total", "counter", "Bytes from the port's owner." },
	[PORT_TO_BYTES] = { PREFIX "port_receive_bytes_total", "counter", "Bytes to the port's owner." },
	[PORT_DROPS] = { PREFIX "port_dropped_frames_total", "counter", "Frames dropped at the port." },
	[COUNTER] = { PREFIX "events_total", "counter", "What the node counts, by name." },
	[HELD] = { PREFIX "held", "gauge", "What there is now on the node, by name." },
};

void metrics_begin(struct prom *p)
{
	prom_begin(p, metrics, METRICS);
}

void metrics_up(struct prom *p, const struct node *n, bool up)
{
	prom_add(p, UP, up ? 1 : 0, 0, "node", n->name, NULL);
}

/* A field that may lack its NUL. */
#define TEXT(name, field) \
	char name[sizeof(field) + 1] = ""; \
	memcpy(name, (field), sizeof(field))

static void add_node(struct prom *p, const char *node,
		     const struct mv_node_info *i)
{
	TEXT(version, i->version);
	TEXT(machine, i->machine);

	prom_add(p, INFO, 1, 0, "node", node, "version", version, "machine",
		 machine, NULL);
	prom_add(p, UPTIME, mv_get64(i->uptime_ns), 9, "node", node, NULL);
	prom_add(p, CPUS, mv_get32(i->cpus), 0, "node", node, NULL);
	prom_add(p, MEMORY, mv_get64(i->memory), 0, "node", node, NULL);
	prom_add(p, MEMORY_FREE, mv_get64(i->memory_free), 0, "node", node, NULL);
	prom_add(p, HEAP, mv_get64(i->heap), 0, "node", node, NULL);
	prom_add(p, SESSIONS, mv_get32(i->sessions), 0, "node", node, NULL);
	prom_add(p, IMAGE_QUOTA, mv_get64(i->image_quota), 0, "node", node, NULL);
	prom_add(p, IMAGE_USED, mv_get64(i->image_used), 0, "node", node, NULL);
}

static void add_cpu(struct prom *p, const char *node, const void *entry)
{
	const struct mv_cpu *c = entry;
	char cpu[12];

	snprintf(cpu, sizeof(cpu), "%u", mv_get32(c->id));
	prom_add(p, IDLE, mv_get64(c->idle_ns), 9, "node", node, "cpu", cpu,
		 NULL);
}

static void add_vm(struct prom *p, const char *node, const void *entry)
{
	const struct mv_vm *v = entry;
	TEXT(vm, v->name);

	prom_add(p, VM_STATE, 1, 0, "node", node, "vm", vm, "state",
		 vm_state_name(v->state), NULL);
	prom_add(p, VM_CPU, mv_get64(v->cpu_ns), 9, "node", node, "vm", vm, NULL);
	prom_add(p, VM_MEMORY, mv_get64(v->memory_now_kib) << 10, 0, "node",
		 node, "vm", vm, NULL);
	prom_add(p, VM_MEMORY_MAX, mv_get64(v->memory_kib) << 10, 0, "node",
		 node, "vm", vm, NULL);
	prom_add(p, VM_VCPUS, v->vcpus, 0, "node", node, "vm", vm, NULL);
	prom_add(p, VM_RESTARTS, mv_get32(v->restarts), 0, "node", node, "vm",
		 vm, NULL);
}

static void add_top(struct prom *p, const char *node, const void *entry)
{
	const struct mv_top *t = entry;
	TEXT(vm, t->name);

	prom_add(p, VM_FROM, mv_get64(t->tx_bytes), 0, "node", node, "vm", vm,
		 NULL);
	prom_add(p, VM_TO, mv_get64(t->rx_bytes), 0, "node", node, "vm", vm,
		 NULL);
}

static void add_port(struct prom *p, const char *node, const void *entry)
{
	const struct mv_port *o = entry;
	char port[12];
	TEXT(name, o->name);

	snprintf(port, sizeof(port), "%u", mv_get32(o->id));
	prom_add(p, PORT_FROM, mv_get64(o->tx_frames), 0, "node", node, "port",
		 port, "name", name, NULL);
	prom_add(p, PORT_TO, mv_get64(o->rx_frames), 0, "node", node, "port",
		 port, "name", name, NULL);
	prom_add(p, PORT_FROM_BYTES, mv_get64(o->tx_bytes), 0, "node", node,
		 "port", port, "name", name, NULL);
	prom_add(p, PORT_TO_BYTES, mv_get64(o->rx_bytes), 0, "node", node,
		 "port", port, "name", name, NULL);
	prom_add(p, PORT_DROPS, mv_get64(o->drops), 0, "node", node, "port",
		 port, "name", name, NULL);
}

/* Among a node's counters are some that go down, too. */
static bool is_held(const char *name)
{
	static const char *const held[] = {
		"domains", "event_channels", "pinned_pages", "grants_in_use",
		"free_pages", "xenstore_nodes", "xenstore_watches",
	};

	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
		if (strcmp(name, held[i]) == 0) {
			return true;
		}
	}
	return false;
}

static void add_counter(struct prom *p, const char *node, const void *entry)
{
	const struct mv_counter *c = entry;
	TEXT(name, c->name);

	prom_add(p, is_held(name) ? HELD : COUNTER, mv_get64(c->value), 0, "node", node,
		 "name", name, NULL);
}

static const struct {
	uint16_t verb;
	size_t size;
	void (*add)(struct prom *p, const char *node, const void *entry);
} lists[] = {
	{ MV_CPU_LIST, sizeof(struct mv_cpu), add_cpu },
	{ MV_VM_LIST, sizeof(struct mv_vm), add_vm },
	{ MV_TOP, sizeof(struct mv_top), add_top },
	{ MV_PORT_LIST, sizeof(struct mv_port), add_port },
	{ MV_COUNTERS, sizeof(struct mv_counter), add_counter },
};

void metrics_collect(struct prom *p, struct session *s)
{
	struct mv_node_info info;

	if (session_ask(s, MV_NODE_INFO, NULL, 0, &info, sizeof(info)) == 0) {
		add_node(p, s->node.name, &info);
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct list l;

		if (list_fetch(s, lists[i].verb, 0, lists[i].size, &l) != 0) {
			continue;
		}
		for (size_t n = 0; n < l.count; n++) {
			lists[i].add(p, s->node.name,
				     (const char *)l.entry + n * l.size);
		}
		list_free(&l);
	}
}
