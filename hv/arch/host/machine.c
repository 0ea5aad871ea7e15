/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host port: boot of the machine. The only file of the port that knows
 * the core's modules; the order is that of a real boot.
 */
#include "blk/blk.h"
#include "harness.h"
#include "init/init.h"
#include "kern/cpu.h"
#include "kern/random.h"
#include "kern/sched.h"
#include "lib/asan.h"
#include "lib/bits.h"
#include "mem/frame.h"
#include "net/net.h"
#include "port.h"
#include "vm/console.h"
#include "vm/domain.h"
#include "vm/mux.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/shared.h"
#include "xenstore/xenstore.h"

static void boot_frames(void)
{
	hpa_t start = HPA(HOST_RAM_BASE);
	hpa_t end = HPA(HOST_RAM_BASE + HOST_RAM_SIZE);
	uint64_t map_size = frame_bitmap_size(start, end);
	uint64_t used = ALIGN_UP(map_size, PAGE_SIZE);

	asan_unpoison(hpa_to_va(start), used);	/* as the machine before left it */
	if (frame_init(start, end, hpa_to_va(start), map_size) != 0) {
		host_fatal("frame_init failed");
	}
	frame_add(HPA(start.v + used), HOST_RAM_SIZE - used);
}

static int uart_getc(void)
{
	return -1;
}

static bool uart_can_put(void)
{
	return true;
}

static const struct uart_ops uart = {
	.putc = arch_console_putc, .getc = uart_getc, .can_put = uart_can_put,
};

void host_machine_boot(unsigned int cpu_total)
{
	for (unsigned int i = 0; i < CPU_MAX; i++) {
		cpu_init(i);
	}
	cpu_count = cpu_total;
	host_cpu(0);
	boot_frames();
	sched_init();
	random_init();
	mux_init(&uart);
	evtchn_init();
	grant_init();
	console_init();
	xenstore_init();
	devices_init();
	if (net_init() != 0) {
		host_fatal("net_init failed");
	}
	if (blk_init() != 0) {
		host_fatal("blk_init failed");
	}
	vcpu_switch_hook = runstate_update;
}
