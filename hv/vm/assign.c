/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices of VMs. See assign.h.
 *
 * A domain's end goes: its interrupts are off and nobody's; the devices are
 * made quiet, a bus a step, with pauses in which others run; only then is its
 * memory map taken down and its RAM used for the next domain.
 */
#include "vm/assign.h"

#include "kern/log.h"
#include "lib/bits.h"
#include "mem/heap.h"
#include "vm/vm.h"
#include <arch/boot.h>

#define MAP_BUDGET	256U		/* entries in one step */
#define HUGE_ORDER	18U		/* 1 GiB */
#define LARGE_ORDER	9U		/* 2 MiB */
#define REGS_ATTR	(S2_READ | S2_WRITE | S2_DEVICE)

/* --- claims ---------------------------------------------------------------- */

struct conflict {
	const struct fdt_device *device;
	const struct vm *owner;		/* found */
};

static void conflict_look(struct vm *vm, void *ctx)
{
	struct conflict *c = ctx;

	for (unsigned int i = 0; vm->assign != NULL && i < vm->assign->count; i++) {
		if (fdt_device_overlaps(c->device, &vm->assign->device[i])) {
			c->owner = vm;
		}
	}
}

static int device_claim(struct vm *vm, const char *path, struct fdt_device *out)
{
	struct conflict c = { .device = out };
	const char *why = NULL;
	size_t limit;
	const void *fdt = arch_boot_fdt(&limit);
	int err = fdt_device_read(fdt, arch_boot_info(), path, out, &why);

	if (err != 0) {
		log_error("vm", "%s: device '%s' can't be assigned: %s", vm->config.name, path, why);
		return err;
	}
	vm_for_each(conflict_look, &c);
	if (c.owner != NULL) {
		log_error("vm", "%s: device '%s' can't be assigned: it, or a part of it, is %s's",
			  vm->config.name, path, c.owner->config.name);
		return -EBUSY;
	}
	return 0;
}

/* At boot, so waiting costs nobody anything. */
static void make_quiet_now(struct pci_quiet *q)
{
	uint64_t pause;

	while (pci_quiet_step(q, &pause)) {
		uint64_t end = arch_now() + pause;

		while (arch_now() < end) {
			arch_relax();
		}
	}
}

static void pci_claim(struct vm_assign *a, unsigned int i)
{
	const struct fdt_device *d = &a->device[i];
	struct pci_quiet q;

	if (d->is_pci) {
		a->ecam[i] = arch_map_device(d->region[0].base, d->region[0].size);
		pci_quiet_begin(&q, a->ecam[i], d->bus_first, d->bus_last, false);
		make_quiet_now(&q);
	}
}

static int devices_claim(struct vm *vm)
{
	struct vm_assign *a = vm->assign;

	for (unsigned int i = 0; i < vm->config.assign_count; i++) {
		int err = device_claim(vm, vm->config.assign[i], &a->device[i]);

		if (err != 0) {
			return err;
		}
		a->count++;
	}
	for (unsigned int i = 0; i < a->count; i++) {
		pci_claim(a, i);
		log_notice("vm", "%s: device '%s' is its own: %u address ranges, %u interrupts",
			   vm->config.name, a->device[i].path, a->device[i].region_count,
			   a->device[i].irq_count);
	}
	return 0;
}

int assign_claim(struct vm *vm)
{
	int err;

	if (!vm->config.direct_map) {
		return 0;
	}
	vm->assign = heap_alloc(sizeof(*vm->assign));
	if (vm->assign == NULL) {
		return -ENOMEM;
	}
	err = devices_claim(vm);
	if (err == 0) {
		err = vm_ram_reserve(&vm->ram, vm->config.memory_kib << 10);
		if (err != 0) {
			log_error("vm", "%s: there are no %llu MiB in %u contiguous pieces or less",
				  vm->config.name,
				  (unsigned long long)(vm->config.memory_kib >> 10),
				  ARCH_GUEST_BANKS);
		}
	}
	if (err != 0) {
		assign_release(vm);
	}
	return err;
}

void assign_release(struct vm *vm)
{
	vm_ram_release(&vm->ram);
	heap_free(vm->assign);
	vm->assign = NULL;
}

/* --- a domain's beginning -------------------------------------------------- */

/* Neither the VM's nor anything that its devices could take for RAM. */
static bool area_is_free(void *ctx, gpa_t base, uint64_t size)
{
	const struct vm *vm = ctx;
	const struct boot_info *m = arch_boot_info();

	for (unsigned int i = 0; i < m->ram_count; i++) {
		if (base.v < m->ram[i].base.v + m->ram[i].size && m->ram[i].base.v < base.v + size) {
			return false;
		}
	}
	for (unsigned int i = 0; i < vm->assign->count; i++) {
		const struct fdt_device *d = &vm->assign->device[i];

		for (unsigned int r = 0; r < d->region_count; r++) {
			if (base.v < d->region[r].base.v + d->region[r].size &&
			    d->region[r].base.v < base.v + size) {
				return false;
			}
		}
	}
	return !vm_ram_overlaps(&vm->ram, HPA(base.v), size);
}

int assign_begin(struct vm *vm, struct domain *d)
{
	struct vm_assign *a = vm->assign;
	int err;

	if (a == NULL) {
		return 0;
	}
	d->p2m.kept = true;
	d->ram = &vm->ram;
	a->next = 0;
	a->region = 0;
	a->done = 0;
	a->quieting = false;
	err = arch_guest_place(&d->arch, area_is_free, vm);
	if (err != 0) {
		log_error("vm", "%s: no room for the guest's own areas beside its devices",
			  vm->config.name);
	}
	for (unsigned int i = 0; err == 0 && i < a->count; i++) {
		const struct fdt_device *dev = &a->device[i];

		for (unsigned int n = 0; err == 0 && n < dev->irq_count; n++) {
			err = arch_irq_assign(&d->arch, dev->irq[n].intid, dev->irq[n].edge);
		}
		if (err != 0) {
			log_error("vm", "%s: device '%s': interrupt numbers are too high",
				  vm->config.name, dev->path);
		}
	}
	return err;
}

static unsigned int block_order(uint64_t at, uint64_t rest)
{
	if (rest >= GIB(1) && IS_ALIGNED(at, GIB(1))) {
		return HUGE_ORDER;
	}
	return rest >= MIB(2) && IS_ALIGNED(at, MIB(2)) ? LARGE_ORDER : 0;
}

/* The next place to map; false when there is none. */
static bool region_next(struct vm_assign *a, const struct boot_range **out)
{
	while (a->next < a->count) {
		const struct fdt_device *dev = &a->device[a->next];

		if (a->region == dev->region_count) {
			a->next++;
			a->region = 0;
		} else if (a->done == dev->region[a->region].size) {
			a->region++;
			a->done = 0;
		} else {
			*out = &dev->region[a->region];
			return true;
		}
	}
	return false;
}

int assign_step(struct vm *vm, struct domain *d)
{
	struct vm_assign *a = vm->assign;
	const struct boot_range *r;

	for (unsigned int n = 0; n < MAP_BUDGET; n++) {
		unsigned int order;
		uint64_t at;
		int err;

		if (a == NULL || !region_next(a, &r)) {
			return 1;
		}
		at = r->base.v + a->done;
		order = block_order(at, r->size - a->done);
		err = p2m_map(&d->p2m, gpa_to_gfn(GPA(at)), HPA(at), order, REGS_ATTR);
		if (err != 0) {
			log_error("vm", "%s: device '%s': registers at 0x%llx can't be mapped",
				  vm->config.name, a->device[a->next].path,
				  (unsigned long long)at);
			return err;
		}
		a->done += PAGE_SIZE << order;
	}
	return 0;
}

/* --- a domain's end -------------------------------------------------------- */

static void irqs_revoke(struct vm_assign *a, struct domain *d)
{
	for (unsigned int i = 0; i < a->count; i++) {
		for (unsigned int n = 0; n < a->device[i].irq_count; n++) {
			arch_irq_revoke(&d->arch, a->device[i].irq[n].intid);
		}
	}
}

/* A piece of making device a->next quiet; true if there is more of it. */
static bool device_quiet_step(struct vm_assign *a, struct domain *d)
{
	const struct fdt_device *dev = &a->device[a->next];

	if (!dev->is_pci) {
		return false;
	}
	if (!a->quieting) {
		pci_quiet_begin(&a->quiet, a->ecam[a->next], dev->bus_first, dev->bus_last, true);
		a->quieting = true;
	}
	return pci_quiet_step(&a->quiet, &d->teardown_pause_ns);
}

static bool assign_destroy(struct domain *d)
{
	struct vm_assign *a = d->vm != NULL ? d->vm->assign : NULL;

	if (a == NULL) {
		return false;
	}
	if (!d->devices_ending) {
		d->devices_ending = true;
		irqs_revoke(a, d);
		a->next = 0;
		a->quieting = false;
	}
	if (a->next < a->count && !device_quiet_step(a, d)) {
		a->next++;
		a->quieting = false;
	}
	return a->next < a->count;
}

void assign_init(void)
{
	static const struct domain_ops ops = {
		.name = "assign", .destroy = assign_destroy,
	};

	domain_register_ops(&ops);
}
