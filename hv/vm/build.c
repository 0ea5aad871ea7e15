/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The domain builder: from a description to a domain that is ready to run, in
 * steps of about 100 microseconds so that others run meanwhile.
 *
 * RAM is zeroed before the guest can reach it, or was in idle time
 * (mem/frame.h), but for what files are copied to. The kernel lies at the start
 * of RAM, the device tree and below it the RAM disk at the end of the first bank.
 */
#include "kern/log.h"
#include "kern/random.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/guest.h"
#include "mem/heap.h"
#include "vm/vm.h"
#include <arch/boot.h>

#define STEP_BYTES	MIB(1)		/* copied or zeroed in one step */
#define LARGE_ORDER	FRAME_UNIT_ORDER	/* 2 MiB */
#define HUGE_ORDER	18U		/* 1 GiB */
#define TABLES_ROOM	KIB(64)
#define RNG_SEED_SIZE	32U
#define KERNEL_ALIGN	MIB(2)
/* Pages for stage-2 tables and the hypervisor's own part of a domain. */
#define OVERHEAD_PAGES	64U
#define RAM_ATTR	(S2_READ | S2_WRITE | S2_EXEC | P2M_OWNED)

enum { STEP_RAM, STEP_DEVICES, STEP_TABLES, STEP_START };

static int refuse(struct vm *vm, int err, const char *why)
{
	log_error("vm", "%s: not started: %s", vm->config.name, why);
	return err;
}

/* Where its RAM is. */
static int banks(struct vm *vm)
{
	const struct arch_guest_ram *usual = arch_guest_ram();
	struct vm_build *b = &vm->build;
	uint64_t size = ALIGN_DOWN(vm->config.memory_kib, 4) << 10;

	for (unsigned int i = 0; i < vm->ram.count; i++) {
		b->ram_base[i] = GPA(vm->ram.bank[i].base.v);
		b->ram[i] = vm->ram.bank[i].size;
	}
	if (vm->ram.count != 0) {
		return 0;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(usual->base); i++) {
		b->ram_base[i] = usual->base[i];
		b->ram[i] = MIN(size, usual->size[i]);
		size -= b->ram[i];
	}
	return size == 0 ? 0 : -EINVAL;
}

/* Where everything goes, or why it does not fit. */
static int layout(struct vm *vm)
{
	struct vm_build *b = &vm->build;
	uint64_t end, kernel_end;
	int err = banks(vm);

	if (err != 0) {
		return refuse(vm, err, "more memory than the guest's address space has");
	}
	end = b->ram_base[0].v + b->ram[0];
	b->kernel = GPA(ALIGN_UP(b->ram_base[0].v, KERNEL_ALIGN) + b->image.text_offset);
	kernel_end = b->kernel.v + b->image.mem_size;
	if (b->ram[0] < TABLES_ROOM || kernel_end + vm->config.ramdisk.size + TABLES_ROOM > end) {
		return refuse(vm, -ENOSPC, "its memory is too small for its kernel and RAM disk");
	}
	b->tables = GPA(ALIGN_DOWN(end - TABLES_ROOM, KIB(64)));
	b->initrd = GPA(ALIGN_DOWN(b->tables.v - vm->config.ramdisk.size, PAGE_SIZE));
	if (b->initrd.v < kernel_end) {
		return refuse(vm, -ENOSPC, "its memory is too small for its kernel and RAM disk");
	}
	return 0;
}

static int set_up(struct vm *vm, struct domain *d)
{
	const struct vm_config *c = &vm->config;

	memcpy(d->uuid, c->uuid, sizeof(d->uuid));
	for (unsigned int i = 0; i < ARCH_GUEST_BANKS; i++) {
		d->memory_pages += vm->build.ram[i] >> PAGE_SHIFT;
	}
	d->max_pages = d->memory_pages;
	if (vm->start_paused && domain_pause(d) != 0) {
		return -EBUSY;
	}
	vm->start_paused = false;
	for (unsigned int i = 0; i < c->vcpu_count; i++) {
		uint64_t mask = c->pin[i] != 0 ? c->pin[i] : UINT64_MAX;

		if (sched_set(&d->vcpus[i]->sched, c->weight, c->cap, mask) != 0) {
			log_warn("vm", "%s: vCPU %u is pinned to CPUs that don't exist; it runs on any",
				 c->name, i);
			int err = sched_set(&d->vcpus[i]->sched, c->weight, c->cap, UINT64_MAX);

			if (err != 0) {
				return err;
			}
		}
	}
	return 0;
}

/* Of devices that the guest finds in its device tree. */
static int registers_place(struct vm *vm, struct domain *d)
{
	const struct vm_config *c = &vm->config;
	int err = 0;

	for (unsigned int i = 0; i < c->vif_count && err == 0; i++) {
		if (c->vif[i].virtio && !c->vif[i].absent) {
			err = mmio_place(d, i);
		}
	}
	return err == 0 ? 0 : refuse(vm, err, "no interrupt is left for its virtio devices");
}

int vm_build_begin(struct vm *vm)
{
	const struct vm_config *c = &vm->config;
	struct vm_build *b = &vm->build;
	uint64_t pages = OVERHEAD_PAGES + (c->memory_kib >> 11);
	int err;

	*b = (struct vm_build){ .step = STEP_RAM };
	err = image_check(c->kernel.data, c->kernel.size, &b->image);
	if (err != 0) {
		return refuse(vm, err, b->image.error);
	}
	err = layout(vm);
	if (err != 0) {
		return err;
	}
	if (vm->ram.count == 0) {
		pages += c->memory_kib >> 2;
	}
	if (pages > frame_free_count()) {
		log_error("vm", "%s: not started: it needs %llu MiB, %llu MiB are free", c->name,
			  (unsigned long long)(pages >> 8),
			  (unsigned long long)(frame_free_count() >> 8));
		return -ENOMEM;
	}
	err = domain_create(vm->id, c->name, c->vcpu_count, &vm->domain);
	if (err != 0) {
		return refuse(vm, err, "no room for another domain");
	}
	vm->domain->watchdog.must_s = c->watchdog_s;
	vm->domain->vm = vm;
	err = assign_begin(vm, vm->domain);
	if (err == 0) {
		err = registers_place(vm, vm->domain);
	}
	return err == 0 ? set_up(vm, vm->domain) : err;
}

/* The largest block for the RAM still missing at the builder's place. */
static unsigned int block_order(const struct vm_build *b)
{
	uint64_t rest = b->ram[b->bank] - b->done;
	gpa_t at = GPA(b->ram_base[b->bank].v + b->done);

	if (rest >= GIB(1) && IS_ALIGNED(at.v, GIB(1))) {
		return HUGE_ORDER;
	}
	if (rest >= MIB(2) && IS_ALIGNED(at.v, MIB(2))) {
		return LARGE_ORDER;
	}
	return 0;
}

static int block_get(struct vm *vm)
{
	struct vm_build *b = &vm->build;
	static const unsigned int smaller[] = {
		[HUGE_ORDER] = LARGE_ORDER, [LARGE_ORDER] = 0, [0] = 0,
	};
	unsigned int order = block_order(b);

	b->block_zeroed = false;
	if (vm->ram.count != 0) {
		b->block = hpa_to_va(HPA(b->ram_base[b->bank].v + b->done));
	}
	while (b->block == NULL) {
		if (order == LARGE_ORDER) {
			b->block = frame_alloc_unit();
			b->block_zeroed = b->block != NULL;
		}
		if (b->block == NULL) {
			b->block = frame_alloc(order, 0);
		}
		if (b->block == NULL) {
			if (order == 0) {
				return -ENOMEM;
			}
			order = smaller[order];
		}
	}
	b->block_order = order;
	b->block_done = 0;
	return 0;
}

/* What is to be at `at`: a part of a file, or NULL for zeroes; how many bytes of `n`. */
static uint64_t content(const struct vm *vm, gpa_t at, uint64_t n, const void **data)
{
	const struct {
		gpa_t to;
		const struct vm_module *m;
	} files[] = {
		{ vm->build.kernel, &vm->config.kernel }, { vm->build.initrd, &vm->config.ramdisk },
	};

	*data = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		uint64_t start = files[i].to.v;
		uint64_t end = start + files[i].m->size;

		if (at.v >= start && at.v < end) {
			*data = (const char *)files[i].m->data + (at.v - start);
			return MIN(n, end - at.v);
		}
		if (at.v < start) {
			n = MIN(n, start - at.v);
		}
	}
	return n;
}

/* Fill a piece of the block; returns its size, and takes its work off the budget. */
static uint64_t block_fill(struct vm *vm, uint64_t size, uint64_t *budget)
{
	struct vm_build *b = &vm->build;
	gpa_t at = GPA(b->ram_base[b->bank].v + b->done + b->block_done);
	char *to = (char *)b->block + b->block_done;
	const void *data;
	uint64_t part = content(vm, at, size - b->block_done, &data);

	if (data == NULL && b->block_zeroed) {
		*budget -= MIN(*budget, PAGE_SIZE);
		return part;
	}
	part = MIN(part, *budget);
	if (data != NULL) {
		arch_ram_copy(to, data, part);
	} else {
		arch_ram_zero(to, part);
	}
	*budget -= part;
	return part;
}

/* RAM with all that is in it from the start but the device tree. */
static int step_ram(struct vm *vm)
{
	struct vm_build *b = &vm->build;
	uint64_t budget = STEP_BYTES;

	while (budget > 0) {
		uint64_t size;
		gpa_t at;
		int err;

		if (b->done == b->ram[b->bank]) {
			b->done = 0;
			b->bank++;
			if (b->bank == ARRAY_SIZE(b->ram) || b->ram[b->bank] == 0) {
				b->step = STEP_DEVICES;
				return 0;
			}
		}
		if (b->block == NULL) {
			err = block_get(vm);
			if (err != 0) {
				return err;
			}
		}
		size = PAGE_SIZE << b->block_order;
		b->block_done += block_fill(vm, size, &budget);
		if (b->block_done < size) {
			continue;
		}
		at = GPA(b->ram_base[b->bank].v + b->done);
		err = p2m_map(&vm->domain->p2m, gpa_to_gfn(at), va_to_hpa(b->block),
			      b->block_order, RAM_ATTR);
		if (err != 0) {
			return err;
		}
		b->block = NULL;
		b->done += size;
	}
	return 0;
}

static int step_devices(struct vm *vm)
{
	int ret = assign_step(vm, vm->domain);

	if (ret > 0) {
		vm->build.step = STEP_TABLES;
		ret = 0;
	}
	return ret;
}

/* Have the guest see what was copied there also with its caches off. */
static int publish(struct domain *d, gpa_t at, uint64_t n)
{
	while (n > 0) {
		uint64_t part = MIN(n, PAGE_SIZE - (at.v & PAGE_MASK));
		unsigned int attr;
		hpa_t pa;
		int err = p2m_lookup(&d->p2m, gpa_to_gfn(at), &pa, &attr);

		if (err != 0) {
			return err;
		}
		arch_ram_clean((char *)hpa_to_va(pa) + (at.v & PAGE_MASK), part);
		at.v += part;
		n -= part;
	}
	return 0;
}

static unsigned int virtio_list(const struct domain *d, struct arch_guest_virtio *list)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < MMIO_SLOTS; i++) {
		if (d->mmio.slot[i].irq != 0) {
			list[count++] = (struct arch_guest_virtio){
				.base = mmio_base(d, i), .irq = d->mmio.slot[i].irq, .vif = i,
			};
		}
	}
	return count;
}

static int step_tables(struct vm *vm)
{
	struct vm_build *b = &vm->build;
	struct arch_guest_virtio virtio[MMIO_SLOTS];
	struct arch_guest_boot boot = {
		.vcpu_count = vm->config.vcpu_count,
		.initrd_base = b->initrd,
		.initrd_size = vm->config.ramdisk.size,
		.bootargs = vm->config.bootargs,
		.has_kaslr_seed = vm->config.kaslr_seed,
		.kaslr_seed = random_u64(),
		.device = vm->assign != NULL ? vm->assign->device : NULL,
		.device_count = vm->assign != NULL ? vm->assign->count : 0,
		.virtio = virtio,
		.virtio_count = virtio_list(vm->domain, virtio),
	};
	uint8_t rng_seed[RNG_SEED_SIZE];
	void *buf = heap_alloc(ARCH_GUEST_TABLES_MAX);
	int err;

	if (buf == NULL) {
		return -ENOMEM;
	}
	memcpy(boot.ram_base, b->ram_base, sizeof(boot.ram_base));
	memcpy(boot.ram_size, b->ram, sizeof(boot.ram_size));
	if (random_bytes(rng_seed, sizeof(rng_seed))) {
		boot.rng_seed = rng_seed;
		boot.rng_seed_size = sizeof(rng_seed);
	}
	err = arch_guest_tables(buf, ARCH_GUEST_TABLES_MAX, &vm->domain->arch, &boot);
	if (err == 0) {
		err = gpa_copy_to(&vm->domain->p2m, b->tables, buf, ARCH_GUEST_TABLES_MAX);
	}
	if (err == 0) {
		err = publish(vm->domain, b->tables, ARCH_GUEST_TABLES_MAX);
	}
	heap_free(buf);
	if (err == 0) {
		b->step = STEP_START;
	}
	return err;
}

static int step_start(struct vm *vm)
{
	int err = vm_devices_hook != NULL ? vm_devices_hook(vm, vm->domain) : 0;

	if (err != 0) {
		return err;
	}
	arch_icache_flush();
	domain_start(vm->domain, vm->build.kernel, vm->build.tables.v);
	return 1;
}

int vm_build_step(struct vm *vm)
{
	switch (vm->build.step) {
	case STEP_RAM:
		return step_ram(vm);
	case STEP_DEVICES:
		return step_devices(vm);
	case STEP_TABLES:
		return step_tables(vm);
	default:
		return step_start(vm);
	}
}

void vm_build_abort(struct vm *vm)
{
	struct vm_build *b = &vm->build;

	if (b->block != NULL && vm->ram.count == 0) {
		frame_free(b->block, b->block_order);
	}
	b->block = NULL;
	domain_shutdown(vm->domain, SHUTDOWN_POWEROFF);
}
