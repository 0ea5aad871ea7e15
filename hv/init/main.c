/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which everything starts; the only module that knows all others.
 */
#include "init/init.h"

#include "blk/aoe.h"
#include "blk/blk.h"
#include "dev/fdt_boot.h"
#include "dev/fdt_lib.h"
#include "dev/pl011.h"
#include "kern/cpu.h"
#include "kern/log.h"
#include "kern/random.h"
#include "kern/sched.h"
#include "lib/version.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mgmt/mgmt.h"
#include "mgmt/prompt.h"
#include "net/net.h"
#include "vm/bundle.h"
#include "vm/console.h"
#include "vm/mux.h"
#include "vm/vm.h"
#include "xen/evtchn.h"
#include "xen/grant.h"
#include "xen/shared.h"
#include "xenstore/xenstore.h"
#include <arch/boot.h>
#include <arch/upcall.h>

static const struct uart_ops uart = {
	.putc = pl011_putc, .getc = pl011_getc, .can_put = pl011_can_put,
};

void upcall_device_irq(unsigned int irq)
{
	if (irq == arch_boot_info()->uart_irq) {
		pl011_ack();
		mux_uart_irq();
	}
}

static void cpus_start(const struct boot_info *m)
{
	for (unsigned int i = 1; i < m->cpu_count; i++) {
		cpu_init(i);
		if (arch_cpu_start(i) != 0) {
			log_error("cpu", "CPU %u (MPIDR 0x%llx) did not start", i,
				  (unsigned long long)m->cpu_mpidr[i]);
			break;
		}
		cpu_count = i + 1;
	}
	if (m->cpu_dropped != 0) {
		log_warn("cpu", "%u CPUs are not used (most are %u)", m->cpu_dropped, CPU_MAX);
	}
}

static void diag_line(void *ctx, enum vmdesc_severity severity, const char *text)
{
	(void)ctx;
	log_write(severity == VMDESC_ERROR ? LOG_ERROR : LOG_WARN, "vm", "%s", text);
}

static int module_memory(void *ctx, hpa_t base, uint64_t size, const void **data)
{
	if (!fdt_boot_is_ram(ctx, base, size)) {
		return -EFAULT;
	}
	if (fdt_boot_is_taken(ctx, base, size)) {
		return -EBUSY;
	}
	*data = hpa_to_va(base);
	return 0;
}

static void descriptions_read(struct vmdesc_set *set, struct vmdesc_diag *diag)
{
	const struct boot_info *m = arch_boot_info();
	struct vmdesc_source in_ram = { .memory = module_memory, .ctx = (void *)(uintptr_t)m };
	static struct bundle bundle;
	size_t limit;
	const void *fdt = arch_boot_fdt(&limit);

	vmdesc_add_tree(set, fdt, limit, "device tree", &in_ram, diag);
	if (m->has_initrd) {
		if (bundle_open(&bundle, hpa_to_va(m->initrd_base), m->initrd_size) != 0) {
			log_error("vm", "the boot bundle can't be used: %s", bundle.problem);
		} else {
			vmdesc_add_bundle(set, &bundle, diag);
		}
	}
	vmdesc_check_all(set, diag);
}

#define BOOT_VMS_MAX 128U

static struct mgmt_config management;

static void management_start(void)
{
	int err;

	if (!management.given || management.failed) {
		return;
	}
	err = mgmt_init(&management);
	if (err != 0) {
		log_error("mgmt", "management is off: it could not be set up (error %d)", -err);
	}
}

static void not_started(const struct vm_config *config, int err)
{
	log_error("vm", "%s: not started (error %d)", config->name, -err);
}

static void storage_init(const struct vm_storage_config *storage)
{
	int err = storage->present ? aoe_init(storage) : 0;

	if (err != 0) {
		log_error("blk", "the storage network can't be made (error %d)", -err);
	} else {
		vm_storage_is(storage);
	}
}

void vms_start(void)
{
	struct vmdesc_set set = {
		.capacity = BOOT_VMS_MAX, .other_compatible = "mv,management",
		.other = mgmt_config_read, .other_ctx = &management,
	};
	struct vmdesc_diag diag = { .line = diag_line };
	static struct vm *added[BOOT_VMS_MAX];
	unsigned int started = 0;
	int err;

	set.vms = heap_alloc(BOOT_VMS_MAX * sizeof(*set.vms));
	if (set.vms == NULL) {
		log_error("vm", "no memory to read the descriptions");
		return;
	}
	descriptions_read(&set, &diag);
	storage_init(&set.storage);
	/* Before the VMs, so that none can take its MAC. */
	management_start();
	/* First all, so that RAM of their own is reserved while there is most. */
	for (unsigned int i = 0; i < set.count; i++) {
		added[i] = NULL;
		err = vm_add(&set.vms[i], &added[i]);
		if (err != 0) {
			not_started(&set.vms[i], err);
		}
	}
	for (unsigned int i = 0; i < set.count; i++) {
		err = added[i] != NULL ? vm_start(added[i]) : 0;
		if (err != 0) {
			not_started(&set.vms[i], err);
		} else if (added[i] != NULL) {
			started++;
		}
	}
	heap_free(set.vms);
	log_notice("vm", "%u of %u VMs are being started, %u errors in descriptions", started,
		   set.count, diag.errors);
}

NORETURN void upcall_cpu_main(void)
{
	/* Nothing is loaded yet: the exit path finds the first vCPU. */
	cpu_resume();
	arch_enter();
}

/* RAM that is neither free nor holds what a boot loader put there, in KiB. */
static uint64_t own_memory(const struct boot_info *m)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < m->ram_count; i++) {
		bytes += m->ram[i].size;
	}
	for (unsigned int i = 0; i < m->reserved_count; i++) {
		if (m->reserved[i].kind != BOOT_RESERVE_IMAGE) {
			bytes -= m->reserved[i].range.size;
		}
	}
	return (bytes >> 10) - (frame_free_count() << 2);
}

static void memory_report(const struct boot_info *m)
{
	uint64_t image = 0;

	for (unsigned int i = 0; i < m->reserved_count; i++) {
		if (m->reserved[i].kind == BOOT_RESERVE_IMAGE) {
			image = m->reserved[i].range.size;
		}
	}
	log_notice("boot", "%llu MiB RAM free for VMs, %llu KiB used by the hypervisor (image %llu)",
		   (unsigned long long)(frame_free_count() >> 8),
		   (unsigned long long)own_memory(m), (unsigned long long)(image >> 10));
}

NORETURN void upcall_boot(void)
{
	const struct boot_info *m = arch_boot_info();
	int err;

	sched_init();
	random_init();
	mux_init(&uart);
	log_set_sink(mux_log);
	log_notice("boot", "Microvisor " MV_VERSION " on %s, %u CPUs", m->model, m->cpu_count);
	evtchn_init();
	grant_init();
	console_init();
	xenstore_init();
	devices_init();
	err = net_init();
	if (err != 0) {
		panic("the switch could not be made (error %d)", err);
	}
	err = blk_init();
	if (err != 0) {
		panic("the block switch could not be made (error %d)", err);
	}
	vcpu_switch_hook = runstate_update;
	cpu_idle_hook = frame_scrub;
	prompt_init();
	if (m->has_uart) {
		pl011_enable_rx_irq();
		arch_irq_enable(m->uart_irq);
	}
	cpus_start(m);
	memory_report(m);
	vms_start();
	upcall_cpu_main();
}
