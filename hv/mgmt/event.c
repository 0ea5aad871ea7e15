/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events. See mgmt/event.h.
 */
#include "mgmt/event.h"

#include "kern/lock.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "mgmt/packet.h"
#include "net/net.h"
#include "vm/store.h"
#include "vm/vm.h"
#include <arch/cpu.h>

#define SIZE	sizeof(struct mv_event)

/* Under `lock`. */
static struct spinlock lock = SPINLOCK_INIT(LOCK_LOG);
static struct mv_event *ring;		/* EVENT_KEPT of them; NULL: none are kept */
static uint64_t count;			/* events ever added */

void event_add(enum mv_event_kind kind, unsigned int arg, uint32_t object, const char *name)
{
	struct mv_event e = {
		.time_ns = mv_put64(arch_now()),
		.kind = mv_put16((uint16_t)kind),
		.arg = mv_put16((uint16_t)arg),
		.object = mv_put32(object),
	};

	mgmt_name_put(e.name, sizeof(e.name), name);
	spin_lock(&lock);
	if (ring != NULL) {
		ring[count++ % EVENT_KEPT] = e;
	}
	spin_unlock(&lock);
}

size_t event_read_at(uint64_t *offset, void *buf, size_t size, uint64_t *oldest, uint64_t *end)
{
	uint64_t first;
	size_t n;

	spin_lock(&lock);
	*end = count * SIZE;
	*oldest = count > EVENT_KEPT ? (count - EVENT_KEPT) * SIZE : 0;
	first = MIN(MAX(*offset, *oldest), *end) / SIZE;
	*offset = first * SIZE;
	n = (size_t)MIN(count - first, (uint64_t)(size / SIZE));
	for (size_t i = 0; i < n; i++) {
		memcpy((uint8_t *)buf + i * SIZE, &ring[(first + i) % EVENT_KEPT], SIZE);
	}
	spin_unlock(&lock);
	return n * SIZE;
}

static void vm_event(const struct vm *vm, enum vm_event event)
{
	static const enum mv_event_kind kinds[] = {
		[VM_EVENT_CREATED] = MV_EVENT_VM_CREATED,
		[VM_EVENT_STARTED] = MV_EVENT_VM_STARTED,
		[VM_EVENT_ENDED] = MV_EVENT_VM_ENDED,
		[VM_EVENT_FAILED] = MV_EVENT_VM_FAILED,
		[VM_EVENT_GONE] = MV_EVENT_VM_GONE,
		[VM_EVENT_PAUSED] = MV_EVENT_VM_PAUSED,
		[VM_EVENT_UNPAUSED] = MV_EVENT_VM_UNPAUSED,
		[VM_EVENT_RENAMED] = MV_EVENT_VM_RENAMED,
	};

	event_add(kinds[event], event == VM_EVENT_ENDED ? (unsigned int)vm->reason : 0, vm->id,
		  vm->config.name);
}

static void image_event(const struct store_image *s, bool ready)
{
	char name[17];

	for (size_t i = 0; i < 8; i++) {
		fmt_buf(name + 2 * i, sizeof(name) - 2 * i, "%02x", s->sha256[i]);
	}
	event_add(ready ? MV_EVENT_IMAGE_READY : MV_EVENT_IMAGE_GONE, 0, 0, name);
}

static void uplink_event(const struct net_port *p, bool up)
{
	event_add(up ? MV_EVENT_UPLINK_UP : MV_EVENT_UPLINK_DOWN, 0, p->id, p->name);
}

int event_init(void)
{
	ring = heap_alloc(EVENT_KEPT * SIZE);
	if (ring == NULL) {
		return -ENOMEM;
	}
	vm_event_hook = vm_event;
	store_event = image_event;
	net_uplink_hook = uplink_event;
	return 0;
}

void event_stop(void)
{
	struct mv_event *old = ring;

	vm_event_hook = NULL;
	store_event = NULL;
	net_uplink_hook = NULL;
	spin_lock(&lock);
	ring = NULL;
	count = 0;
	spin_unlock(&lock);
	heap_free(old);
}
