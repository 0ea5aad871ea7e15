/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm/vm and vm/build: a VM from its description, and what follows its end.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "mem/frame.h"
#include "mem/heap.h"
#include "unit/image_make.h"
#include "vm/vm.h"
#include "xenstore/xenstore.h"

#define MS		1000000ULL
#define SECOND		(1000 * MS)
#define KERNEL_SIZE	10000U
#define RAMDISK_SIZE	5000U
#define MEMORY_KIB	8192U
#define RAM_BASE	0x40000000ULL

static uint8_t kernel[KERNEL_SIZE];
static uint8_t ramdisk[RAMDISK_SIZE];
static struct vm_config config;
static struct vm *vm;

static int setup(void **state)
{
	unit_setup(state);
	for (size_t i = 0; i < KERNEL_SIZE; i++) {
		kernel[i] = (uint8_t)(i * 13);
	}
	for (size_t i = 0; i < RAMDISK_SIZE; i++) {
		ramdisk[i] = (uint8_t)(i * 7 + 1);
	}
	im_header(kernel, 0, MIB(1), 0xa);
	config = (struct vm_config){
		.name = "web",
		.memory_kib = MEMORY_KIB,
		.vcpu_count = 2,
		.weight = 256,
		.kernel = { .data = kernel, .size = sizeof(kernel) },
		.ramdisk = { .data = ramdisk, .size = sizeof(ramdisk) },
		.bootargs = "console=hvc0",
		.on_poweroff = VM_ACTION_DESTROY,
		.on_reboot = VM_ACTION_RESTART,
		.on_crash = VM_ACTION_PRESERVE,
	};
	return 0;
}

/* The VM's own record stays for ever, its domain doesn't. */
static int teardown(void **state)
{
	if (vm != NULL && host_ended == HOST_RUNNING) {
		(void)!vm_destroy(vm);
		host_advance(SECOND);
		assert_null(vm->domain);
		timer_cancel(&vm->restart_timer);
		heap_free(vm);
		vm = NULL;
		/* Made with the first VM, and stays. */
		(void)!xs_rm(NULL, "/vm");
	}
	return unit_teardown(state);
}

static void add(void)
{
	assert_int_equal(vm_add(&config, &vm), 0);
}

static void start(void)
{
	add();
	assert_int_equal(vm_start(vm), 0);
	host_run();
	assert_int_equal(vm->state, VM_RUNNING);
}

/* The guest's kernel asks for an end. */
static void end(enum shutdown_reason reason)
{
	upcall_shutdown(&vm->domain->vcpus[0]->arch, reason);
	host_run();
}

static void test_start(void **state)
{
	struct host_guest_tables t;
	uint8_t in_guest[KERNEL_SIZE];
	struct vcpu *v;

	start();
	v = vm->domain->vcpus[0];
	assert_int_equal(vm->domain->id, vm->id);
	assert_string_equal(vm->domain->name, "web");
	assert_int_equal(vm->domain->memory_pages, MEMORY_KIB / 4);
	assert_int_equal(vm->domain->p2m.page_count, MEMORY_KIB / 4);
	assert_int_equal(vm->domain->vcpu_count, 2);
	assert_int_equal(v->arch.entry.v, RAM_BASE);
	host_read(vm->domain, v->arch.entry.v, in_guest, KERNEL_SIZE);
	assert_memory_equal(in_guest, kernel, KERNEL_SIZE);

	host_read(vm->domain, v->arch.arg, &t, sizeof(t));
	assert_int_equal(t.magic, HOST_GUEST_TABLES_MAGIC);
	assert_string_equal(t.bootargs, "console=hvc0");
	assert_int_equal(t.boot.vcpu_count, 2);
	assert_int_equal(t.boot.ram_base[0].v, RAM_BASE);
	assert_int_equal(t.boot.ram_size[0], MEMORY_KIB * 1024);
	assert_int_equal(t.boot.ram_size[1], 0);
	assert_int_equal(t.boot.initrd_size, RAMDISK_SIZE);
	host_read(vm->domain, t.boot.initrd_base.v, in_guest, RAMDISK_SIZE);
	assert_memory_equal(in_guest, ramdisk, RAMDISK_SIZE);
}

/* A place for registers and an interrupt for each vif that is a virtio device, in each life. */
static void test_virtio(void **state)
{
	struct host_guest_tables t;

	config.vif_count = 3;
	config.vif[0] = (struct vm_vif_config){ .uplink = true, .virtio = true };
	config.vif[1] = (struct vm_vif_config){ .uplink = true };
	config.vif[2] = (struct vm_vif_config){ .uplink = true, .virtio = true };
	for (unsigned int i = 0; i < 3; i++) {
		memcpy(config.vif[i].mac, (const uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)i }, 6);
	}
	start();
	for (unsigned int life = 0; life < 2; life++) {
		const struct domain_mmio *m = &vm->domain->mmio;

		host_read(vm->domain, vm->domain->vcpus[0]->arch.arg, &t, sizeof(t));
		assert_int_equal(t.boot.virtio_count, 2);
		assert_int_equal(m->slot[0].irq, HOST_GUEST_IRQ_FIRST);
		assert_int_equal(m->slot[1].irq, 0);
		assert_int_equal(m->slot[2].irq, HOST_GUEST_IRQ_FIRST + 1);
		assert_int_equal(mmio_base(vm->domain, 2).v, m->base.v + 2 * PAGE_SIZE);
		assert_int_equal(vm_reset(vm), 0);
		host_advance(SECOND);
		host_advance(40 * SECOND);
	}
	(void)state;
}

static void test_ram_is_zeroed(void **state)
{
	enum { BLOCKS = 24 };
	void *dirty[BLOCKS];
	uint64_t words[64];

	for (unsigned int i = 0; i < BLOCKS; i++) {
		dirty[i] = frame_alloc(9, 0);
		memset(dirty[i], 0xee, MIB(2));
	}
	for (unsigned int i = 0; i < BLOCKS; i++) {
		frame_free(dirty[i], 9);
	}
	start();
	for (uint64_t at = MIB(1); at < MIB(7); at += sizeof(words)) {
		host_read(vm->domain, RAM_BASE + at, words, sizeof(words));
		for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
			if (words[i] != 0) {
				fail_msg("old data at 0x%llx", (unsigned long long)at);
			}
		}
	}
}

static void test_find(void **state)
{
	add();
	assert_ptr_equal(vm_find("web"), vm);
	assert_ptr_equal(vm_find("1"), vm);
	assert_ptr_equal(vm_by_id(1), vm);
	assert_null(vm_find("we"));
	assert_null(vm_find("2"));
	assert_null(vm_find(""));
	assert_null(vm_find("256"));
	assert_null(vm_by_id(VM_MAX));
	assert_int_equal(vm_destroy(vm), -ENOENT);
}

static void test_poweroff_destroys(void **state)
{
	uint64_t frames;

	add();
	frames = frame_free_count();
	assert_int_equal(vm_start(vm), 0);
	assert_int_equal(vm_start(vm), -EBUSY);
	host_run();
	assert_int_equal(vm_start(vm), -EBUSY);
	end(SHUTDOWN_POWEROFF);
	assert_int_equal(vm->state, VM_OFF);
	assert_null(vm->domain);
	assert_int_equal(frame_free_count(), frames);
	host_advance(60 * SECOND);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm_start(vm), 0);
	host_run();
	assert_int_equal(vm->state, VM_RUNNING);
}

static void test_reboot_keeps_the_id(void **state)
{
	unsigned int id;

	start();
	id = vm->domain->id;
	host_write(vm->domain, RAM_BASE + 8, "scribble", 8);
	host_advance(10 * SECOND);
	end(SHUTDOWN_REBOOT);
	host_advance(MS);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->domain->id, id);
	assert_int_equal(vm->restarts, 1);
	assert_memory_equal((uint8_t *)host_page(vm->domain, RAM_BASE / PAGE_SIZE) + 8,
			    kernel + 8, 8);
}

/* A VM that dies young waits longer and longer, but not for ever. */
static void test_reboot_loop_is_slowed(void **state)
{
	uint64_t last = 0;

	start();
	for (unsigned int i = 0; i < 12; i++) {
		uint64_t since = arch_now();

		end(SHUTDOWN_REBOOT);
		while (vm->state != VM_RUNNING) {
			host_advance(10 * MS);
			assert_true(arch_now() - since <= VM_RESTART_DELAY_MAX_NS + SECOND);
		}
		assert_true(arch_now() - since + 20 * MS >= last);
		last = arch_now() - since;
	}
	assert_true(last >= VM_RESTART_DELAY_MAX_NS / 2);
	/* A long life is rewarded. */
	host_advance(60 * SECOND);
	end(SHUTDOWN_REBOOT);
	host_advance(10 * MS);
	assert_int_equal(vm->state, VM_RUNNING);
}

/* One that gets as far as its boot and dies then is slowed, too, later. */
static void test_crash_after_boot_is_slowed(void **state)
{
	uint64_t total = 0;

	config.on_crash = VM_ACTION_RESTART;
	start();
	for (unsigned int i = 0; i < 10; i++) {
		uint64_t since;

		host_advance(10 * SECOND);
		end(SHUTDOWN_CRASH);
		since = arch_now();
		while (vm->state != VM_RUNNING) {
			host_advance(10 * MS);
			assert_true(arch_now() - since <= VM_RESTART_DELAY_MAX_NS + SECOND);
		}
		total += arch_now() - since;
		/* Twice at once. */
		assert_true(i >= VM_RESTART_FORGIVEN || total <= (i + 1) * 20 * MS);
	}
	assert_true(total >= 60 * SECOND);
}

static void test_watchdog(void **state)
{
	config.watchdog_s = 5;
	config.on_watchdog = VM_ACTION_RESTART;
	start();
	host_advance(4 * SECOND);
	assert_int_equal(vm->restarts, 0);
	/* It must run one of its own. */
	host_advance(2 * SECOND);
	assert_int_equal(vm->restarts, 1);
	assert_int_equal(vm->reason, SHUTDOWN_WATCHDOG);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(watchdog_op(vm->domain, 0, 100), 1);
	host_advance(99 * SECOND);
	assert_int_equal(vm->restarts, 1);
	assert_int_equal(watchdog_op(vm->domain, 1, 0), 0);
	host_advance(4 * SECOND);
	assert_int_equal(vm->restarts, 1);
	host_advance(2 * SECOND);
	assert_int_equal(vm->restarts, 2);
}

static void test_preserved_after_a_crash(void **state)
{
	start();
	end(SHUTDOWN_CRASH);
	host_advance(SECOND);
	assert_int_equal(vm->state, VM_KEPT);
	/* Its memory is there for a look, but it does not run. */
	assert_non_null(host_page(vm->domain, RAM_BASE / PAGE_SIZE));
	assert_null(this_cpu()->current);
	assert_int_equal(vm_start(vm), -EBUSY);
	assert_int_equal(vm_destroy(vm), 0);
	host_run();
	assert_int_equal(vm->state, VM_OFF);
	assert_null(vm->domain);
}

static void test_operator_ends_it(void **state)
{
	config.on_poweroff = VM_ACTION_RESTART;
	start();
	assert_int_equal(vm_destroy(vm), 0);
	host_advance(60 * SECOND);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(vm->restarts, 0);
}

static void test_operator_resets_it(void **state)
{
	config.on_reboot = VM_ACTION_DESTROY;
	start();
	assert_int_equal(vm_reset(vm), 0);
	host_advance(MS);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->restarts, 1);
}

static void test_operator_stops_a_reboot_loop(void **state)
{
	start();
	end(SHUTDOWN_REBOOT);
	assert_int_equal(vm->state, VM_OFF);	/* waits */
	(void)!vm_destroy(vm);
	host_advance(120 * SECOND);
	assert_int_equal(vm->state, VM_OFF);
}

static void test_destroyed_while_it_is_built(void **state)
{
	add();
	assert_int_equal(vm_start(vm), 0);
	host_exit();
	host_exit();
	assert_int_equal(vm->state, VM_BUILDING);
	assert_int_equal(vm_destroy(vm), 0);
	host_run();
	assert_null(vm->domain);
	assert_int_equal(vm->state, VM_OFF);
}

static void test_built_in_steps(void **state)
{
	unsigned int steps = 0;

	add();
	assert_int_equal(vm_start(vm), 0);
	while (vm->state == VM_BUILDING) {
		host_exit();
		assert_true(++steps < 100);
	}
	/* 8 MiB at 1 MiB a step, then the files. */
	assert_true(steps >= 10);
}

static void test_does_not_fit(void **state)
{
	size_t objects;

	config.memory_kib = 512;		/* the kernel wants 1 MiB */
	add();
	objects = heap_object_count();
	assert_int_equal(vm_start(vm), -ENOSPC);
	assert_int_equal(vm->state, VM_FAILED);
	vm->config.memory_kib = 1 << 20;	/* more than the machine has */
	assert_int_equal(vm_start(vm), -ENOMEM);
	vm->config.memory_kib = 1ULL << 40;
	assert_int_equal(vm_start(vm), -EINVAL);
	vm->config.memory_kib = MEMORY_KIB;
	vm->config.kernel.size = 32;
	assert_true(vm_start(vm) < 0);
	vm->config.kernel.size = KERNEL_SIZE;
	vm->config.weight = 0;
	assert_true(vm_start(vm) < 0);
	host_run();
	assert_null(vm->domain);
	assert_int_equal(heap_object_count(), objects);
	vm->config.weight = 256;
	assert_int_equal(vm_start(vm), 0);
	host_run();
	assert_int_equal(vm->state, VM_RUNNING);
}

/* The memory that it was promised goes to somebody else on the way. */
static void test_no_memory_on_the_way(void **state)
{
	void **taken = calloc(HOST_RAM_SIZE / PAGE_SIZE, sizeof(*taken));
	size_t n = 0;

	config.on_poweroff = VM_ACTION_RESTART;
	add();
	assert_int_equal(vm_start(vm), 0);
	host_exit();
	host_exit();
	while ((taken[n] = frame_alloc(0, 0)) != NULL) {
		n++;
	}
	host_advance(60 * SECOND);
	assert_null(vm->domain);
	assert_int_equal(vm->state, VM_FAILED);
	while (n > 0) {
		frame_free(taken[--n], 0);
	}
	free(taken);
	assert_int_equal(vm_start(vm), 0);
	host_run();
	assert_int_equal(vm->state, VM_RUNNING);
}

static void hear(const struct vm *v, enum vm_event event)
{
	if (event == VM_EVENT_GONE) {
		assert_ptr_equal(v, vm);
		vm = NULL;
	}
}

/* A VM from boot stays when it ends; removed, it leaves, in any state. */
static void test_remove(void **state)
{
	size_t objects = heap_object_count();

	for (unsigned int steps = 0; steps < 40; steps++) {
		add();
		vm_event_hook = hear;
		if (steps > 0) {
			assert_int_equal(vm_start(vm), 0);
		}
		for (unsigned int i = 1; i < steps; i++) {
			host_exit();
		}
		if (steps == 35) {
			host_run();
			end(SHUTDOWN_POWEROFF);
			assert_int_equal(vm->state, VM_OFF);
		} else if (steps == 36) {
			host_run();
			end(SHUTDOWN_CRASH);
			assert_int_equal(vm->state, VM_KEPT);
		} else if (steps == 37) {
			host_run();
			end(SHUTDOWN_REBOOT);
			assert_int_equal(vm->state, VM_OFF);	/* waits */
		}
		vm_remove(vm);
		host_advance(SECOND);
		assert_null(vm);
		assert_null(vm_by_id(1));
		(void)!xs_rm(NULL, "/vm");
		vm_event_hook = NULL;
		assert_int_equal(heap_object_count(), objects);
	}
	(void)state;
}

static void test_pinning_to_what_is_not_there(void **state)
{
	config.pin[0] = 1ULL << 5;
	config.pin[1] = 1;
	start();
	assert_int_equal(vm->domain->vcpus[0]->sched.cpu_mask, UINT64_MAX);
	assert_int_equal(vm->domain->vcpus[1]->sched.cpu_mask, 1);
	assert_non_null(strstr(host_console(), "pinned"));
}

#define VM_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNIT_MAIN(
	VM_TEST(test_start),
	VM_TEST(test_virtio),
	VM_TEST(test_ram_is_zeroed),
	VM_TEST(test_find),
	VM_TEST(test_poweroff_destroys),
	VM_TEST(test_reboot_keeps_the_id),
	VM_TEST(test_reboot_loop_is_slowed),
	VM_TEST(test_crash_after_boot_is_slowed),
	VM_TEST(test_watchdog),
	VM_TEST(test_preserved_after_a_crash),
	VM_TEST(test_operator_ends_it),
	VM_TEST(test_operator_resets_it),
	VM_TEST(test_operator_stops_a_reboot_loop),
	VM_TEST(test_destroyed_while_it_is_built),
	VM_TEST(test_built_in_steps),
	VM_TEST(test_does_not_fit),
	VM_TEST(test_no_memory_on_the_way),
	VM_TEST(test_remove),
	VM_TEST(test_pinning_to_what_is_not_there),
)
