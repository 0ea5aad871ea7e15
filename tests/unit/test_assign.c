/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm/assign: a VM with devices of the machine, from its description over
 * several lives to its end.
 */
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/bits.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "unit/image_make.h"
#include "unit/machine_fdt.h"
#include "vm/vm.h"
#include "xen/abi.h"
#include "xenstore/xenstore.h"

#define SECOND		1000000000ULL
#define MEMORY_KIB	(6U << 10)
#define REGS		(S2_READ | S2_WRITE | S2_DEVICE)
#define MASTER		4U

static uint8_t kernel[10000];
static uint8_t *ecam;
static struct vm_config config;
static struct vm *vm, *other;

static int setup(void **state)
{
	unit_setup(state);
	memset(kernel, 0x5a, sizeof(kernel));
	im_header(kernel, 0, MIB(1), 0xa);
	config = (struct vm_config){
		.name = "driver", .memory_kib = MEMORY_KIB, .vcpu_count = 1, .weight = 256,
		.kernel = { .data = kernel, .size = sizeof(kernel) },
		.on_reboot = VM_ACTION_RESTART,
		.max_grant_frames = 4, .max_evtchn = 64,
		.direct_map = true, .assign = { MF_PCI }, .assign_count = 1,
	};
	ecam = malloc(MF_ECAM_SIZE);
	memset(ecam, 0xff, MF_ECAM_SIZE);
	host_machine_fdt(fm_buf, mf_make(MF_PCI_GOOD));
	host_machine_registers(ecam);
	return 0;
}

static void forget(struct vm **which)
{
	struct vm *v = *which;

	*which = NULL;
	if (v != NULL) {
		(void)!vm_destroy(v);
		host_advance(SECOND);
		assert_null(v->domain);
		timer_cancel(&v->restart_timer);
		assign_release(v);
		heap_free(v);
	}
}

static int teardown(void **state)
{
	forget(&vm);
	forget(&other);
	(void)!xs_rm(NULL, "/vm");
	free(ecam);
	return unit_teardown(state);
}

static void start(void)
{
	assert_int_equal(vm_add(&config, &vm), 0);
	assert_int_equal(vm_start(vm), 0);
	host_run();
	assert_int_equal(vm->state, VM_RUNNING);
}

static void end(enum shutdown_reason reason)
{
	upcall_shutdown(&vm->domain->vcpus[0]->arch, reason);
	host_run();
}

/* A function of the host's that is at work; its command register. */
static uint32_t *busy_function(unsigned int bus, unsigned int dev)
{
	uint32_t *f = (uint32_t *)(void *)(ecam + (bus << 20) + (dev << 15));

	memset(f, 0, 4096);
	f[0] = 0x11e81234;
	f[1] = 7;
	return &f[1];
}

static void maps_to(uint64_t gpa, uint64_t hpa, unsigned int want)
{
	unsigned int attr;
	hpa_t pa;

	assert_int_equal(p2m_lookup(&vm->domain->p2m, gpa_to_gfn(GPA(gpa)), &pa, &attr), 0);
	assert_true(pa.v == hpa);
	assert_int_equal(attr, want);
}

static bool is_mapped(const struct domain *d, uint64_t gpa)
{
	unsigned int attr;
	hpa_t pa;

	return p2m_lookup((struct p2m *)(uintptr_t)&d->p2m, gpa_to_gfn(GPA(gpa)), &pa, &attr) == 0;
}

static void test_registers(void **state)
{
	start();
	maps_to(MF_ECAM, MF_ECAM, REGS);
	maps_to(MF_ECAM + MF_ECAM_SIZE - PAGE_SIZE, MF_ECAM + MF_ECAM_SIZE - PAGE_SIZE, REGS);
	assert_false(is_mapped(vm->domain, MF_ECAM + MF_ECAM_SIZE));
	maps_to(0x10000000, 0x10000000, REGS);
	maps_to(0x3efef000, 0x3efef000, REGS);
	maps_to(0x3eff0000, 0x3eff0000, REGS);		/* the I/O window */
	maps_to(0x3effffff & ~PAGE_MASK, 0x3efff000, REGS);
	assert_false(is_mapped(vm->domain, 0x0ffff000));
	maps_to(0x8000000000, 0x8000000000, REGS);
	maps_to(0x807ffff000, 0x807ffff000, REGS);
	assert_false(is_mapped(vm->domain, 0x8080000000));
	assert_false(is_mapped(vm->domain, 0x9000000));
	/* Large blocks: few tables for much. */
	assert_true(vm->domain->p2m.table_count < 16);
}

static void test_ram_is_the_machines(void **state)
{
	struct host_guest_tables t;
	uint64_t base;

	start();
	assert_int_equal(vm->ram.count, 1);
	assert_int_equal(vm->ram.bank[0].size, MIB(6));
	base = vm->ram.bank[0].base.v;
	for (uint64_t at = 0; at < MIB(6); at += PAGE_SIZE) {
		maps_to(base + at, base + at, S2_READ | S2_WRITE | S2_EXEC | P2M_OWNED);
	}
	assert_int_equal(vm->domain->p2m.page_count, MIB(6) >> PAGE_SHIFT);
	assert_int_equal(vm->domain->memory_pages, MIB(6) >> PAGE_SHIFT);
	assert_int_equal(vm->domain->vcpus[0]->arch.entry.v, base);
	host_read(vm->domain, vm->domain->vcpus[0]->arch.arg, &t, sizeof(t));
	assert_int_equal(t.boot.ram_base[0].v, base);
	assert_int_equal(t.boot.ram_size[0], MIB(6));
	assert_int_equal(t.boot.ram_size[1], 0);
	assert_int_equal(t.boot.device_count, 1);
	assert_true(t.boot.device[0].is_pci);
}

/* The usual places are in the PCI host's window. */
static void test_areas_move(void **state)
{
	struct arch_guest_map map;

	start();
	map = arch_guest_map(&vm->domain->arch);
	assert_true(map.grant_base.v != 0x38000000);
	assert_false(map.grant_base.v < 0x44000000 && map.grant_base.v + MIB(32) > 0x10000000);
	assert_true(is_mapped(vm->domain, map.console_page.v));
	assert_true(is_mapped(vm->domain, map.xenstore_page.v));
}

static void test_interrupts(void **state)
{
	start();
	for (unsigned int i = 0; i < HOST_IRQS; i++) {
		struct arch_domain *want = i >= 35 && i < 39 ? &vm->domain->arch : NULL;

		assert_ptr_equal(host_irq[i].owner, want);
		assert_false(host_irq[i].edge);
	}
	end(SHUTDOWN_POWEROFF);
	host_advance(SECOND);
	assert_null(vm->domain);
	for (unsigned int i = 0; i < HOST_IRQS; i++) {
		assert_null(host_irq[i].owner);
	}
}

static void test_edge(void **state)
{
	strcpy(config.assign[0], "/edge@9040000");
	start();
	assert_ptr_equal(host_irq[40].owner, &vm->domain->arch);
	assert_true(host_irq[40].edge);
	maps_to(0x9041000, 0x9041000, REGS);
	/* Nothing is in their way, so the areas are where they always are. */
	assert_int_equal(arch_guest_map(&vm->domain->arch).grant_base.v, 0x38000000);
}

static void test_direct_map_alone(void **state)
{
	config.assign_count = 0;
	config.memory_kib = 5000;		/* not a multiple of 2 MiB */
	start();
	assert_int_equal(vm->ram.bank[0].size, MIB(6));
	assert_int_equal(vm->domain->vcpus[0]->arch.entry.v, vm->ram.bank[0].base.v);
	end(SHUTDOWN_REBOOT);
	host_advance(5 * SECOND);
	assert_int_equal(vm->state, VM_RUNNING);
}

/* A restart finds the same RAM, zeroed, with nothing else left on the machine. */
static void test_restart_without_memory(void **state)
{
	struct vm_ram before;
	void **taken = calloc(HOST_RAM_SIZE / PAGE_SIZE, sizeof(*taken));
	unsigned int n = 0;
	uint32_t secret = 0x5ec2e7;

	start();
	before = vm->ram;
	host_write(vm->domain, before.bank[0].base.v + MIB(3), &secret, sizeof(secret));
	while (frame_free_count() > 200) {
		taken[n] = frame_alloc(0, 0);
		assert_true(va_to_hpa(taken[n]).v < before.bank[0].base.v ||
			    va_to_hpa(taken[n]).v >= before.bank[0].base.v + MIB(6));
		n++;
	}
	for (unsigned int round = 0; round < 3; round++) {
		uint64_t free;

		end(SHUTDOWN_REBOOT);
		host_advance(10 * SECOND);
		assert_int_equal(vm->state, VM_RUNNING);
		assert_memory_equal(&before, &vm->ram, sizeof(before));
		host_read(vm->domain, before.bank[0].base.v + MIB(3), &secret, sizeof(secret));
		assert_int_equal(secret, 0);
		assert_ptr_equal(host_irq[35].owner, &vm->domain->arch);
		maps_to(MF_ECAM, MF_ECAM, REGS);
		if (round == 0) {
			free = frame_free_count();
		}
		assert_int_equal(frame_free_count(), free);
	}
	while (n > 0) {
		frame_free(taken[--n], 0);
	}
	free(taken);
}

static void let_time_pass(void)
{
	host_time_skip(1000000);
}

static void test_devices_are_quiet_first(void **state)
{
	uint32_t *command = busy_function(1, 7);
	uint32_t *reset = busy_function(0, 2);

	reset[0] |= 0x100000;			/* it has capabilities: FLR */
	reset[-1 + 0x34 / 4] = 0x40;
	reset[-1 + 0x40 / 4] = 0x10;
	reset[-1 + 0x44 / 4] = 1U << 28;
	host_relax_hook = let_time_pass;
	assert_int_equal(vm_add(&config, &vm), 0);
	host_relax_hook = NULL;
	/* What the firmware left at work is stopped before any guest runs. */
	assert_int_equal(*command & MASTER, 0);
	assert_true((reset[-1 + 0x48 / 4] & 0x8000) != 0);
	reset[-1 + 0x48 / 4] = 0;
	assert_int_equal(vm_start(vm), 0);
	host_run();
	*command |= MASTER;
	*reset |= MASTER;
	end(SHUTDOWN_REBOOT);
	/* It waits for the reset, and no CPU waits with it. */
	assert_int_equal(*command & MASTER, 0);
	assert_int_equal(*reset & MASTER, 0);
	assert_true((reset[-1 + 0x48 / 4] & 0x8000) != 0);
	assert_non_null(vm->domain);
	assert_int_equal(vm->state, VM_ENDING);
	host_advance(SECOND / 20);
	assert_non_null(vm->domain);
	host_advance(SECOND / 5);
	assert_null(vm->domain);
	host_advance(5 * SECOND);
	assert_int_equal(vm->state, VM_RUNNING);
}

static void test_destroyed_while_it_is_built(void **state)
{
	uint32_t *command;

	assert_int_equal(vm_add(&config, &vm), 0);
	assert_int_equal(vm_start(vm), 0);
	command = busy_function(0, 1);
	host_exit();
	assert_int_equal(vm->state, VM_BUILDING);
	assert_int_equal(vm_destroy(vm), 0);
	host_advance(SECOND);
	assert_null(vm->domain);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(*command & MASTER, 0);
	assert_null(host_irq[35].owner);
	assert_int_equal(vm_start(vm), 0);
	host_run();
	assert_int_equal(vm->state, VM_RUNNING);
}

static void refused(const struct vm_config *c, int err, const char *a, const char *b)
{
	size_t before = strlen(host_console());
	uint64_t free = frame_free_count();
	const char *said;
	struct vm *v;

	assert_int_equal(vm_add(c, &v), err);
	said = host_console() + before;
	assert_non_null(strstr(said, c->name));
	if (strstr(said, a) == NULL || strstr(said, b) == NULL) {
		print_message("%s\n", said);
	}
	assert_non_null(strstr(said, a));
	assert_non_null(strstr(said, b));
	assert_int_equal(frame_free_count(), free);
}

static void test_conflicts(void **state)
{
	struct vm_config second = config;

	start();
	strcpy(second.name, "thief");
	refused(&second, -EBUSY, MF_PCI, "driver's");
	strcpy(second.assign[0], "pci0");		/* by another name */
	refused(&second, -EBUSY, "pci0", "driver's");
	strcpy(second.assign[0], "/shares@9110000");	/* an interrupt of it */
	refused(&second, -EBUSY, "/shares@9110000", "driver's");
	strcpy(second.assign[0], "/level@9030000");
	strcpy(second.assign[1], "/edge@9040000");
	second.assign_count = 2;
	assert_int_equal(vm_add(&second, &other), 0);
	assert_int_equal(vm_start(other), 0);
	host_run();
	assert_int_equal(other->state, VM_RUNNING);
	assert_ptr_equal(host_irq[39].owner, &other->domain->arch);
	assert_ptr_equal(host_irq[35].owner, &vm->domain->arch);
	assert_false(is_mapped(other->domain, MF_ECAM));
	assert_false(is_mapped(vm->domain, 0x9030000));
}

static void test_refused(void **state)
{
	strcpy(config.assign[0], "/nothing@0");
	refused(&config, -ENOENT, "/nothing@0", "no such node");
	strcpy(config.assign[0], "/small@a000200");
	refused(&config, -EINVAL, "/small@a000200", "whole pages");
	/* One of two is enough; the good one is free for others. */
	strcpy(config.assign[0], MF_PCI);
	strcpy(config.assign[1], "/smmu@9050000");
	config.assign_count = 2;
	refused(&config, -EINVAL, "/smmu@9050000", "whole machine");
	config.assign_count = 1;
	config.memory_kib = 1U << 20;
	refused(&config, -ENOMEM, "1024 MiB", "contiguous");
	config.memory_kib = MEMORY_KIB;
	start();
}

static void test_interrupt_too_high(void **state)
{
	strcpy(config.assign[0], "/high@9120000");
	assert_int_equal(vm_add(&config, &vm), 0);
	assert_int_equal(vm_start(vm), -EINVAL);
	assert_non_null(strstr(host_console(), "too high"));
	host_advance(SECOND);
	assert_int_equal(vm->state, VM_FAILED);
	assert_null(vm->domain);
}

/* Structure and frame numbers in the first page of its RAM. */
static long reserve(uint64_t cmd, uint64_t gfn)
{
	uint64_t at = vm->ram.bank[0].base.v + MIB(4);
	struct mem_reservation op = { .extents = at + 256, .count = 1, .domid = DOMID_SELF };

	host_write(vm->domain, at, &op, sizeof(op));
	host_write(vm->domain, at + 256, &gfn, sizeof(gfn));
	return host_hypercall(vm->domain->vcpus[0], HC_MEMORY_OP, cmd, at);
}

static void test_pages_come_back(void **state)
{
	uint64_t gpa, gfn, free, value = 1;

	start();
	gpa = vm->ram.bank[0].base.v + MIB(5);
	gfn = gpa >> PAGE_SHIFT;
	host_write(vm->domain, gpa, &value, sizeof(value));
	free = frame_free_count();
	assert_int_equal(reserve(XENMEM_DECREASE_RESERVATION, gfn), 1);
	assert_false(is_mapped(vm->domain, gpa));
	host_run();
	/* A table for the pages that are left; the page itself stays reserved. */
	assert_true(frame_free_count() <= free);
	/* At no other place than its own. */
	assert_int_equal(reserve(XENMEM_POPULATE_PHYSMAP, 0x100000), 0);
	assert_int_equal(reserve(XENMEM_POPULATE_PHYSMAP, gfn), 1);
	maps_to(gpa, gpa, S2_READ | S2_WRITE | S2_EXEC | P2M_OWNED);
	host_read(vm->domain, gpa, &value, sizeof(value));
	assert_int_equal(value, 0);
	/* Registers can be neither given up nor covered. */
	assert_int_equal(reserve(XENMEM_DECREASE_RESERVATION, MF_ECAM >> PAGE_SHIFT), 0);
	assert_int_equal(reserve(XENMEM_POPULATE_PHYSMAP, MF_ECAM >> PAGE_SHIFT), 0);
	maps_to(MF_ECAM, MF_ECAM, REGS);
}

static void test_registers_are_not_covered(void **state)
{
	struct mem_add_to_physmap op = {
		.domid = DOMID_SELF, .space = XENMAPSPACE_GRANT_TABLE, .gfn = MF_ECAM >> PAGE_SHIFT,
	};
	uint64_t at;

	start();
	at = vm->ram.bank[0].base.v + MIB(4);
	host_write(vm->domain, at, &op, sizeof(op));
	assert_int_equal(host_hypercall(vm->domain->vcpus[0], HC_MEMORY_OP, XENMEM_ADD_TO_PHYSMAP,
					at), -EBUSY);
	maps_to(MF_ECAM, MF_ECAM, REGS);
	/* Nor are they memory for the hypervisor to read an argument from. */
	assert_int_equal(host_hypercall(vm->domain->vcpus[0], HC_MEMORY_OP,
					XENMEM_ADD_TO_PHYSMAP, MF_ECAM), -EFAULT);
}

#define ASSIGN_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNIT_MAIN(
	ASSIGN_TEST(test_registers),
	ASSIGN_TEST(test_ram_is_the_machines),
	ASSIGN_TEST(test_areas_move),
	ASSIGN_TEST(test_interrupts),
	ASSIGN_TEST(test_edge),
	ASSIGN_TEST(test_direct_map_alone),
	ASSIGN_TEST(test_restart_without_memory),
	ASSIGN_TEST(test_devices_are_quiet_first),
	ASSIGN_TEST(test_destroyed_while_it_is_built),
	ASSIGN_TEST(test_conflicts),
	ASSIGN_TEST(test_refused),
	ASSIGN_TEST(test_interrupt_too_high),
	ASSIGN_TEST(test_pages_come_back),
	ASSIGN_TEST(test_registers_are_not_covered),
)
