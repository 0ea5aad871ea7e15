/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs by the management protocol: images are pushed over a bad wire, VMs are created,
 * changed and destroyed, and nothing stays behind.
 */
#include "unit.h"

#include <stdlib.h>

#include "blk/aoe.h"
#include "blk/dd.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "mem/frame.h"
#include "mem/heap.h"
#include "mgmt/mgmt_port.h"
#include "mgmt_push.h"
#include "net/net.h"
#include "vm/console.h"
#include "vm/store.h"
#include "vm/vm.h"
#include "xenstore/xenstore.h"

#define SECOND	(1000 * MC_MS)

static uint8_t kernel_bytes[300000], ramdisk_bytes[70001];
static struct mp_image kernel, ramdisk;
static struct mc c;

static int setup(void **state)
{
	struct mgmt_config config = mc_config();

	host_reset();
	mc_start(&config);
	kernel = mp_kernel(kernel_bytes, sizeof(kernel_bytes), 1);
	ramdisk = mp_kernel(ramdisk_bytes, sizeof(ramdisk_bytes), 2);
	c = mc_client(1);
	assert_true(mc_open(&c));
	(void)state;
	return 0;
}

static void remove_vm(struct vm *vm, void *ctx)
{
	vm_remove(vm);
	(void)ctx;
}

static int teardown(void **state)
{
	vm_for_each(remove_vm, NULL);
	host_advance(SECOND);
	mc_stop();
	/* Made with the first VM, and stays. */
	(void)!xs_rm(NULL, "/vm");
	host_finish();
	(void)state;
	return 0;
}

static struct mp_vm description(const char *name)
{
	return (struct mp_vm){
		.name = name, .memory_kib = 8192, .vcpus = 2, .kernel = &kernel,
		.ramdisk = &ramdisk, .vifs = 1,
	};
}

static void push_both(void)
{
	mp_push_all(&c, &kernel);
	assert_int_equal(mp_ack(&c)->state, MV_IMAGE_READY);
	mp_push_all(&c, &ramdisk);
	assert_int_equal(mp_ack(&c)->state, MV_IMAGE_READY);
}

static void create(const char *name)
{
	struct mp_vm v = description(name);

	assert_int_equal(mp_create(&c, &v, 0), MV_OK);
	host_run();
	assert_non_null(vm_find_name(name));
	assert_int_equal(vm_find_name(name)->state, VM_RUNNING);
}

static unsigned int vm_count(void)
{
	assert_int_equal(mc_list(&c, MV_VM_LIST, 0, 0), MV_OK);
	return mv_get16(((const struct mv_list *)(const void *)c.body)->count);
}

static void test_push(void **state)
{
	struct store_image *s;

	push_both();
	s = store_find(kernel.sha256);
	assert_non_null(s);
	assert_memory_equal(s->data, kernel_bytes, sizeof(kernel_bytes));
	assert_int_equal(store_used(), ALIGN_UP(sizeof(kernel_bytes), PAGE_SIZE) +
			 ALIGN_UP(sizeof(ramdisk_bytes), PAGE_SIZE));
	/* Again: it is there. */
	assert_int_equal(mp_begin(&c, &kernel), MV_OK);
	assert_int_equal(mp_ack(&c)->state, MV_IMAGE_READY);
	assert_int_equal(mc_list(&c, MV_IMAGE_LIST, 0, 0), MV_OK);
	assert_int_equal(mv_get16(((struct mv_list *)(void *)c.body)->count), 2);
	assert_int_equal(mc_call(&c, MV_IMAGE_REMOVE, kernel.sha256, 32), MV_OK);
	assert_int_equal(mp_status(&c, &kernel), MV_NOT_FOUND);
	(void)state;
}

static void test_push_over_a_bad_wire(void **state)
{
	mc_loss = 20;
	mc_double = 20;
	mc_reorder = 20;
	push_both();
	assert_memory_equal(store_find(kernel.sha256)->data, kernel_bytes, sizeof(kernel_bytes));
	(void)state;
}

/* A push that broke off goes on where it was, by another client. */
static void test_push_resumed(void **state)
{
	struct mc other = mc_client(2);
	uint64_t have;

	assert_true(mp_push(&c, &kernel, 100000));
	have = mv_get64(mp_ack(&c)->have);
	assert_true(have >= 100000 && have < 200000);
	host_advance(30 * SECOND);
	assert_true(mc_open(&other));
	assert_int_equal(mp_begin(&other, &kernel), MV_OK);
	assert_int_equal(mv_get64(mp_ack(&other)->have), have);
	mp_push_all(&other, &kernel);
	assert_int_equal(mp_ack(&other)->state, MV_IMAGE_READY);
	(void)state;
}

static void test_push_is_given_up(void **state)
{
	uint64_t frames = frame_free_count();

	assert_true(mp_push(&c, &kernel, 100000));
	assert_true(frame_free_count() < frames);
	assert_true(store_used() > 0);
	host_advance(601 * SECOND);
	assert_int_equal(store_used(), 0);
	/* The session went, too. */
	assert_true(frame_free_count() >= frames);
	(void)state;
}

static void test_wrong_sum(void **state)
{
	kernel.sha256[31] ^= 1;
	mp_push_all(&c, &kernel);
	assert_int_equal(mp_ack(&c)->state, MV_IMAGE_BAD);
	assert_int_equal(store_used(), 0);
	/* And from the beginning. */
	assert_int_equal(mp_begin(&c, &kernel), MV_OK);
	assert_int_equal(mp_ack(&c)->state, MV_IMAGE_PARTIAL);
	assert_int_equal(mv_get64(mp_ack(&c)->have), 0);
	(void)state;
}

/* 8 MiB are the quota: what isn't used goes first, what is used stays. */
static void test_quota(void **state)
{
	static uint8_t big[3][MIB(3)];
	struct mp_image i[3];
	struct mp_image huge = { .size = MIB(8) + 1, .sha256 = { 7 } };
	struct mp_vm v = description("web");

	for (unsigned int k = 0; k < 3; k++) {
		i[k] = mp_kernel(big[k], MIB(3), 10 + k);
	}
	assert_int_equal(mp_begin(&c, &huge), MV_NO_SPACE);
	mp_push_all(&c, &i[0]);
	mp_push_all(&c, &i[1]);
	v.kernel = &i[0];
	v.ramdisk = NULL;
	assert_int_equal(mp_create(&c, &v, 0), MV_OK);
	host_run();
	mp_push_all(&c, &i[2]);
	assert_int_equal(mp_ack(&c)->state, MV_IMAGE_READY);
	assert_int_equal(mp_status(&c, &i[1]), MV_NOT_FOUND);
	assert_int_equal(mp_status(&c, &i[0]), MV_OK);
	assert_int_equal(mc_call(&c, MV_IMAGE_REMOVE, i[0].sha256, 32), MV_BUSY);
	(void)state;
}

static void test_create(void **state)
{
	const struct mv_vm *e = (const void *)c.body;
	const struct mv_vm_info *info = (const void *)c.body;
	uint8_t in_guest[1024];
	struct vm *vm;

	push_both();
	create("web");
	vm = vm_find_name("web");
	host_read(vm->domain, vm->domain->vcpus[0]->arch.entry.v, in_guest, sizeof(in_guest));
	assert_memory_equal(in_guest, kernel_bytes, sizeof(in_guest));
	assert_int_equal(mc_vm(&c, MV_VM_INFO, "web"), MV_OK);
	assert_int_equal(e->state, MV_VM_RUNNING);
	assert_int_equal(mv_get64(e->memory_kib), 8192);
	assert_int_equal(mv_get64(e->memory_now_kib), 8192);
	assert_int_equal(e->vcpus, 2);
	assert_int_equal(e->vcpus_online, 1);
	assert_memory_equal(info->kernel_sha256, kernel.sha256, 32);
	assert_int_equal(mc_list(&c, MV_VCPU_LIST, 0, vm->id), MV_OK);
	assert_int_equal(mc_list(&c, MV_TOP, 0, 0), MV_OK);
	assert_int_equal(vm_count(), 1);
	(void)state;
}

static void test_create_refused(void **state)
{
	struct mp_vm v = description("web");
	struct mv_vm_create r = { .blob = mv_put32(5) };
	uint8_t large_bytes[64];
	struct mp_image large;

	im_header(large_bytes, 0, MIB(8), 0xa);
	large = mp_image(large_bytes, sizeof(large_bytes));
	assert_int_equal(mp_create(&c, &v, 0), MV_INVALID);
	assert_non_null(strstr((char *)c.body, "there is no image"));
	assert_true(mp_push(&c, &kernel, 5000));
	assert_int_equal(mp_create(&c, &v, 0), MV_INVALID);
	assert_non_null(strstr((char *)c.body, "isn't complete"));
	push_both();
	v.vcpus = 9;
	assert_int_equal(mp_create(&c, &v, 0), MV_INVALID);
	assert_string_equal((char *)c.body, "vm 'web': 9 vCPUs: at most 8 are possible");
	v.vcpus = 1;
	v.name = "-";
	assert_int_equal(mp_create(&c, &v, 0), MV_INVALID);
	v.name = "web";
	v.memory_kib = 1 << 30;
	assert_int_equal(mp_create(&c, &v, 0), MV_INVALID);
	v.memory_kib = 1 << 22;
	assert_int_equal(mp_create(&c, &v, 0), MV_NO_MEMORY);
	v.memory_kib = 8192;
	v.target = "dd:web/vda";
	assert_int_equal(mp_create(&c, &v, 0), MV_INVALID);
	assert_string_equal((char *)c.body, "vm 'web': there is no driver domain 'web' for target "
			    "'dd:web/vda' of disk 'xvda'");
	v.target = NULL;
	mp_push_all(&c, &large);
	v.kernel = &large;
	assert_int_equal(mp_create(&c, &v, 0), MV_INVALID);
	assert_string_equal((char *)c.body, "its memory is too small for its kernel and RAM disk");
	v.kernel = &kernel;
	/* No blob, a part of one, nonsense. */
	assert_int_equal(mc_call(&c, MV_VM_CREATE, &r, sizeof(r)), MV_INCOMPLETE);
	mp_put_blob(&c, 5, "nonsense", 8);
	assert_int_equal(mc_call(&c, MV_VM_CREATE, &r, sizeof(r)), MV_INVALID);
	assert_string_equal((char *)c.body, "description: malformed device tree");
	assert_int_equal(vm_count(), 0);
	host_run();
	assert_int_equal(atomic_load(&store_find(kernel.sha256)->users), 0);
	assert_int_equal(mp_create(&c, &v, 0), MV_OK);
	assert_int_equal(mp_create(&c, &v, 0), MV_EXISTS);
	assert_int_equal(vm_count(), 1);
	(void)state;
}

/* The same request over a bad wire makes one VM. */
static void test_create_once(void **state)
{
	struct mp_vm v = description("web");
	struct mv_vm_create r = { .blob = mv_put32(9) };
	struct mv_vm_ref ref = mc_ref("web");
	uint32_t id = 5000;

	push_both();
	c.next_id = 4000;
	mp_put_blob(&c, 9, fm_buf, mp_describe(&v));
	for (unsigned int i = 0; i < 5; i++) {
		assert_true(mc_call_id(&c, id, MV_VM_CREATE, &r, sizeof(r)));
		assert_int_equal(c.status, MV_OK);
	}
	assert_int_equal(mgmt_counter(MGMT_REPEATED), 4);
	/* Destroyed, it isn't made again by a late copy. */
	assert_true(mc_call_id(&c, 5001, MV_VM_DESTROY, &ref, sizeof(ref)));
	assert_int_equal(c.status, MV_OK);
	host_advance(SECOND);
	assert_true(mc_call_id(&c, id, MV_VM_CREATE, &r, sizeof(r)));
	assert_int_equal(c.status, MV_OK);
	host_run();
	assert_null(vm_find_name("web"));
	/* 32 requests later it is too old. */
	assert_true(mc_call_id(&c, 5040, MV_VM_DESTROY, &ref, sizeof(ref)));
	assert_int_equal(c.status, MV_NOT_FOUND);
	assert_true(mc_call_id(&c, 4990, MV_VM_CREATE, &r, sizeof(r)));
	assert_int_equal(c.status, MV_STALE);
	(void)state;
}

static void test_destroy(void **state)
{
	uint64_t frames;
	size_t objects;

	push_both();
	create("web");
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
	host_advance(SECOND);
	frames = frame_free_count();
	objects = heap_object_count();
	create("web");
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
	host_advance(SECOND);
	assert_int_equal(vm_count(), 0);
	assert_int_equal(frame_free_count(), frames);
	assert_int_equal(heap_object_count(), objects);
	assert_int_equal(atomic_load(&store_find(kernel.sha256)->users), 0);
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_NOT_FOUND);
	/* While it is built. */
	for (unsigned int steps = 0; steps < 12; steps++) {
		struct mp_vm v = description("db");
		struct mv_vm_ref ref = mc_ref("db");

		assert_int_equal(mp_create(&c, &v, 0), MV_OK);
		for (unsigned int i = 0; i < steps; i++) {
			host_exit();
		}
		assert_int_equal(mc_call(&c, MV_VM_DESTROY, &ref, sizeof(ref)), MV_OK);
		host_advance(SECOND);
		assert_int_equal(vm_count(), 0);
		assert_int_equal(frame_free_count(), frames);
	}
	(void)state;
}

/* One that powers itself off leaves the list, too; its policy may restart it. */
static void test_ends_by_itself(void **state)
{
	struct mp_vm v = description("web");
	struct vm *vm;

	push_both();
	create("web");
	upcall_shutdown(&vm_find_name("web")->domain->vcpus[0]->arch, SHUTDOWN_POWEROFF);
	host_advance(SECOND);
	assert_int_equal(vm_count(), 0);
	v.on_poweroff = "restart";
	assert_int_equal(mp_create(&c, &v, 0), MV_OK);
	host_advance(10 * SECOND);
	vm = vm_find_name("web");
	upcall_shutdown(&vm->domain->vcpus[0]->arch, SHUTDOWN_POWEROFF);
	host_advance(SECOND);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->restarts, 1);
	/* Destroyed while it waits to start again. */
	upcall_shutdown(&vm->domain->vcpus[0]->arch, SHUTDOWN_POWEROFF);
	host_advance(MC_MS);
	assert_int_equal(vm->state, VM_OFF);
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
	host_advance(50 * SECOND);
	assert_int_equal(vm_count(), 0);
	(void)state;
}

static void test_pause(void **state)
{
	const struct mv_vm *e = (const void *)c.body;
	struct mp_vm v = description("held");
	struct domain *d;

	push_both();
	create("web");
	d = vm_find_name("web")->domain;
	assert_int_equal(mc_vm(&c, MV_VM_PAUSE, "web"), MV_OK);
	host_run();
	assert_int_equal(d->vcpus[0]->sched.state, SCHED_PAUSED);
	assert_null(this_cpu()->current);
	assert_int_equal(mc_vm(&c, MV_VM_INFO, "web"), MV_OK);
	assert_int_equal(e->state, MV_VM_PAUSED);
	assert_int_equal(mc_vm(&c, MV_VM_PAUSE, "web"), MV_BUSY);
	assert_string_equal((char *)c.body, "web is paused");
	assert_int_equal(mc_vm(&c, MV_VM_SHUTDOWN, "web"), MV_BUSY);
	/* An event doesn't wake it. */
	sched_wake(&d->vcpus[0]->sched);
	host_run();
	assert_int_equal(d->vcpus[0]->sched.state, SCHED_PAUSED);
	assert_int_equal(mc_vm(&c, MV_VM_UNPAUSE, "web"), MV_OK);
	host_run();
	assert_int_equal(d->vcpus[0]->sched.state, SCHED_RUNNING);
	assert_int_equal(mc_vm(&c, MV_VM_UNPAUSE, "web"), MV_BUSY);
	/* One that was created so doesn't run before. */
	assert_int_equal(mp_create(&c, &v, MV_CREATE_PAUSED), MV_OK);
	host_run();
	assert_int_equal(vm_find_name("held")->domain->vcpus[0]->sched.state, SCHED_PAUSED);
	assert_int_equal(mc_vm(&c, MV_VM_UNPAUSE, "held"), MV_OK);
	host_run();
	assert_int_not_equal(vm_find_name("held")->domain->vcpus[0]->sched.state, SCHED_PAUSED);
	/* And a paused one can be destroyed. */
	assert_int_equal(mc_vm(&c, MV_VM_PAUSE, "web"), MV_OK);
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
	host_advance(SECOND);
	assert_int_equal(vm_count(), 1);
	(void)state;
}

static void expect_key(const struct domain *d, const char *key, const char *value)
{
	char path[64], text[64];

	fmt_buf(path, sizeof(path), "/local/domain/%u/%s", d->id, key);
	assert_int_equal(xs_read(NULL, path, text, sizeof(text), NULL), 0);
	assert_string_equal(text, value);
}

static void test_changes(void **state)
{
	struct mv_vm_rename rename = { .vm = mc_ref("web"), .name = "www" };
	struct mv_vm_memory memory = { .vm = mc_ref("www"), .target_kib = mv_put64(6000) };
	struct mv_vcpu_online online = { .vm = mc_ref("www"), .count = mv_put32(1) };
	struct mv_vcpu_set set = {
		.vm = mc_ref("www"), .vcpu = MV_VCPU_ALL, .set = MV_VCPU_SET_WEIGHT | MV_VCPU_SET_CAP,
		.weight = mv_put32(99), .cap = mv_put32(50),
	};
	struct mv_vm_ref both = mc_ref("www");
	struct domain *d;

	push_both();
	create("web");
	create("db");
	d = vm_find_name("web")->domain;
	assert_int_equal(mc_call(&c, MV_VM_RENAME, &rename, sizeof(rename)), MV_OK);
	assert_string_equal(d->name, "www");
	expect_key(d, "name", "www");
	rename.vm = mc_ref("www");
	strcpy(rename.name, "db");
	assert_int_equal(mc_call(&c, MV_VM_RENAME, &rename, sizeof(rename)), MV_EXISTS);
	strcpy(rename.name, "a b");
	assert_int_equal(mc_call(&c, MV_VM_RENAME, &rename, sizeof(rename)), MV_INVALID);
	assert_int_equal(mc_call(&c, MV_VM_MEMORY, &memory, sizeof(memory)), MV_OK);
	expect_key(d, "memory/target", "6000");
	memory.target_kib = mv_put64(8193);
	assert_int_equal(mc_call(&c, MV_VM_MEMORY, &memory, sizeof(memory)), MV_INVALID);
	assert_int_equal(mc_call(&c, MV_VCPU_ONLINE, &online, sizeof(online)), MV_OK);
	expect_key(d, "cpu/1/availability", "offline");
	online.count = mv_put32(3);
	assert_int_equal(mc_call(&c, MV_VCPU_ONLINE, &online, sizeof(online)), MV_INVALID);
	assert_int_equal(mc_call(&c, MV_VCPU_SET, &set, sizeof(set)), MV_OK);
	assert_int_equal(d->vcpus[1]->sched.weight, 99);
	assert_int_equal(d->vcpus[1]->sched.cap, 50);
	set.set = MV_VCPU_SET_MASK;
	set.cpu_mask = mv_put64(0xf0);
	assert_int_equal(mc_call(&c, MV_VCPU_SET, &set, sizeof(set)), MV_INVALID);
	set.cpu_mask = mv_put64(1);
	set.vcpu = 1;
	assert_int_equal(mc_call(&c, MV_VCPU_SET, &set, sizeof(set)), MV_OK);
	assert_int_equal(d->vcpus[1]->sched.cpu_mask, 1);
	assert_int_equal(d->vcpus[1]->sched.weight, 99);
	assert_int_equal(mc_vm(&c, MV_VM_SHUTDOWN, "www"), MV_OK);
	expect_key(d, "control/shutdown", "poweroff");
	assert_int_equal(mc_vm(&c, MV_VM_REBOOT, "www"), MV_OK);
	expect_key(d, "control/shutdown", "reboot");
	/* An id and a name that don't belong together. */
	both.id = mv_put32(vm_find_name("db")->id);
	assert_int_equal(mc_call(&c, MV_VM_DESTROY, &both, sizeof(both)), MV_NOT_FOUND);
	assert_int_equal(vm_count(), 2);
	(void)state;
}

static void test_restart_and_start(void **state)
{
	struct vm *vm;

	push_both();
	create("web");
	vm = vm_find_name("web");
	assert_int_equal(mc_vm(&c, MV_VM_START, "web"), MV_BUSY);
	assert_int_equal(mc_vm(&c, MV_VM_RESTART, "web"), MV_OK);
	host_advance(SECOND);
	assert_ptr_equal(vm_find_name("web"), vm);
	assert_int_equal(vm->state, VM_RUNNING);
	assert_int_equal(vm->starts, 2);
	(void)state;
}

/* Events of it all, in order. */
static void test_events(void **state)
{
	struct mv_stream_read r = { .kind = MV_STREAM_EVENTS, .parts = 1 };
	const struct mv_event *e = (const void *)(c.body + sizeof(struct mv_stream_data));
	static const uint16_t kinds[] = {
		MV_EVENT_IMAGE_READY, MV_EVENT_IMAGE_READY, MV_EVENT_VM_CREATED,
		MV_EVENT_VM_STARTED, MV_EVENT_VM_PAUSED, MV_EVENT_VM_UNPAUSED, MV_EVENT_VM_ENDED,
		MV_EVENT_VM_GONE,
	};

	push_both();
	create("web");
	assert_int_equal(mc_vm(&c, MV_VM_PAUSE, "web"), MV_OK);
	assert_int_equal(mc_vm(&c, MV_VM_UNPAUSE, "web"), MV_OK);
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
	host_advance(SECOND);
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_int_equal(c.size, sizeof(struct mv_stream_data) + ARRAY_SIZE(kinds) * sizeof(*e));
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		assert_int_equal(mv_get16(e[i].kind), kinds[i]);
	}
	assert_string_equal(e[7].name, "web");
	assert_int_equal(mv_get32(e[7].object), 1);
	(void)state;
}

static void test_console(void **state)
{
	struct mv_stream_read r = { .kind = MV_STREAM_CONSOLE, .parts = 16 };
	struct {
		struct mv_console_write w;
		char text[8];
	} write = { .w = { .vm = mc_ref("web"), .size = mv_put32(6) }, .text = "hello\r" };
	const struct mv_stream_data *d = (const void *)c.body;
	struct mc other = mc_client(2);
	const struct mv_stream_data *od = (const void *)other.body;
	struct console_stats stats;
	struct vm *vm;

	push_both();
	create("web");
	vm = vm_find_name("web");
	r.object = mv_put32(vm->id);
	assert_true(mc_open(&other));
	console_guest_raw(vm->domain, "login: ", 7);
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_int_equal(mv_get32(d->size), 7);
	assert_memory_equal(c.body + sizeof(*d), "login: ", 7);
	assert_int_equal(mv_get32(d->epoch), 1);
	assert_int_equal(mc_call(&other, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_int_equal(mv_get32(od->size), 7);
	assert_int_equal(mc_call(&c, MV_CONSOLE_WRITE, &write, sizeof(write)), MV_OK);
	console_get_stats(vm->domain, &stats);
	assert_int_equal(stats.in_bytes, 6);
	write.w.size = mv_put32(9);
	assert_int_equal(mc_call(&c, MV_CONSOLE_WRITE, &write, sizeof(write)), MV_MALFORMED);
	/* After a restart it begins anew. */
	assert_int_equal(mc_vm(&c, MV_VM_RESTART, "web"), MV_OK);
	host_advance(SECOND);
	r.offset = mv_put64(MV_READ_NEWEST);
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_OK);
	assert_int_equal(mv_get32(d->epoch), 2);
	assert_int_equal(mv_get64(d->end), 0);
	r.object = mv_put32(77);
	assert_int_equal(mc_call(&c, MV_STREAM_READ, &r, sizeof(r)), MV_NOT_FOUND);
	(void)state;
}

/* Two operators at once, over a bad wire, with the same names. */
static void test_two_operators(void **state)
{
	struct mc other = mc_client(2);
	struct mp_vm v = description("web");
	unsigned int made = 0;

	push_both();
	assert_true(mc_open(&other));
	mc_loss = 20;
	mc_double = 20;
	mc_reorder = 20;
	for (unsigned int i = 0; i < 20; i++) {
		uint16_t a = mp_create(&c, &v, 0);
		uint16_t b = mp_create(&other, &v, 0);

		assert_true((a == MV_OK && b == MV_EXISTS) || (a == MV_EXISTS && b == MV_OK) ||
			    (a == MV_EXISTS && b == MV_EXISTS));
		made += a == MV_OK || b == MV_OK;
		(void)mc_vm(i % 2 ? &c : &other, MV_VM_DESTROY, "web");
		host_advance(SECOND);
	}
	assert_int_equal(made, 20);
	(void)state;
}

/* A made MAC yields; a given one is refused. */
static void test_macs(void **state)
{
	struct mp_vm v = description("web");

	push_both();
	memcpy(v.mac, "\x02\x00\x00\x00\x07\x07", 6);
	assert_int_equal(mp_create(&c, &v, 0), MV_OK);
	host_run();
	v.name = "db";
	assert_int_equal(mp_create(&c, &v, 0), MV_EXISTS);
	assert_non_null(strstr((char *)c.body, "is that of vif 0 of vm 'web'"));
	(void)state;
}

static void set_state(const struct domain *d, unsigned int devid, const char *state)
{
	char path[64];

	fmt_buf(path, sizeof(path), "/local/domain/%u/device/vif/%u/state", d->id, devid);
	assert_int_equal(xs_printf(NULL, path, "%s", state), 0);
	host_run();
}

static unsigned int vif_count(unsigned int id)
{
	assert_int_equal(mc_list(&c, MV_VIF_LIST, 0, id), MV_OK);
	return mv_get16(((const struct mv_list *)(const void *)c.body)->count);
}

/* An interface more, and less; the guest lets go of it, or doesn't. */
static void test_vifs(void **state)
{
	struct mv_vif_attach a = {
		.vm = mc_ref("web"),
		.vif = { .devid = mv_put32(MV_VIF_ANY), .flags = mv_put32(MV_VIF_HAS_MAC),
			 .mac = { 2, 0, 0, 0, 7, 7 }, .vlan = mv_put16(5), .label = "eth9" },
	};
	struct mv_vif_detach r = { .vm = mc_ref("web"), .devid = mv_put32(1) };
	const struct mv_vif *e = (const void *)c.body;
	unsigned int ports = port_limit();
	struct domain *d;

	push_both();
	create("web");
	d = vm_find_name("web")->domain;
	assert_int_equal(vif_count(d->id), 1);
	assert_int_equal(mc_call(&c, MV_VIF_ATTACH, &a, sizeof(a)), MV_OK);
	assert_int_equal(mv_get32(e->devid), 1);
	assert_string_equal(e->label, "eth9");
	expect_key(d, "device/vif/1/mac", "02:00:00:00:07:07");
	assert_int_equal(vif_count(d->id), 2);
	assert_int_equal(port_limit(), ports + 2);
	/* Its MAC is taken; a MAC that isn't given is made. */
	assert_int_equal(mc_call(&c, MV_VIF_ATTACH, &a, sizeof(a)), MV_EXISTS);
	a.vif.flags = mv_put32(0);
	assert_int_equal(mc_call(&c, MV_VIF_ATTACH, &a, sizeof(a)), MV_OK);
	assert_int_equal(mv_get32(e->devid), 2);
	assert_int_equal(e->mac[1], 0x16);
	a.vif.vlan = mv_put16(4095);
	assert_int_equal(mc_call(&c, MV_VIF_ATTACH, &a, sizeof(a)), MV_INVALID);
	a.vif.vlan = mv_put16(0);
	a.vif.flags = mv_put32(0x100);
	assert_int_equal(mc_call(&c, MV_VIF_ATTACH, &a, sizeof(a)), MV_INVALID);
	/* The guest closes it. */
	assert_int_equal(mc_call(&c, MV_VIF_DETACH, &r, sizeof(r)), MV_OK);
	assert_int_equal(mc_call(&c, MV_VIF_DETACH, &r, sizeof(r)), MV_BUSY);
	host_run();
	assert_true(net_vif_exists(d, 1));
	set_state(d, 1, "6");
	host_advance(100 * MC_MS);
	assert_false(net_vif_exists(d, 1));
	assert_int_equal(mc_call(&c, MV_VIF_DETACH, &r, sizeof(r)), MV_NOT_FOUND);
	assert_int_equal(vif_count(d->id), 2);
	/* Its number is free again; the guest does nothing. */
	a.vif.flags = mv_put32(0);
	assert_int_equal(mc_call(&c, MV_VIF_ATTACH, &a, sizeof(a)), MV_OK);
	assert_int_equal(mv_get32(e->devid), 1);
	assert_int_equal(mc_call(&c, MV_VIF_DETACH, &r, sizeof(r)), MV_OK);
	host_advance(5 * SECOND);
	assert_true(net_vif_exists(d, 1));
	host_advance(6 * SECOND);
	assert_false(net_vif_exists(d, 1));
	/* After a restart there are those that were not detached. */
	assert_int_equal(mc_vm(&c, MV_VM_RESTART, "web"), MV_OK);
	host_advance(SECOND);
	d = vm_find_name("web")->domain;
	assert_true(net_vif_exists(d, 0) && !net_vif_exists(d, 1) && net_vif_exists(d, 2));
	/* The VM ends while one is being unplugged. */
	r.devid = mv_put32(2);
	assert_int_equal(mc_call(&c, MV_VIF_DETACH, &r, sizeof(r)), MV_OK);
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
	host_advance(20 * SECOND);
	assert_int_equal(vm_count(), 0);
	(void)state;
}

/* A disk more, and less; its target is never reached here. */
static void test_vbds(void **state)
{
	const struct vm_storage_config storage = { .present = true, .vlan = 9, .mtu = 1500 };
	struct mv_vbd_attach a = {
		.vm = mc_ref("web"), .vbd = { .name = "xvdb", .target = "aoe:1.2" },
	};
	struct mv_vbd_detach r = { .vm = mc_ref("web"), .name = "xvdb" };
	const struct mv_vbd *e = (const void *)(c.body + sizeof(struct mv_list));
	struct vm *vm;

	push_both();
	create("web");
	create("db");
	vm = vm_find_name("web");
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_EXISTS);
	assert_non_null(strstr((char *)c.body, "needs a storage network"));
	assert_int_equal(aoe_init(&storage), 0);
	vm_storage_is(&storage);
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_OK);
	assert_int_equal(mc_list(&c, MV_VBD_LIST, 0, vm->id), MV_OK);
	assert_string_equal(e->name, "xvdb");
	assert_string_equal(e->target, "aoe:1.2");
	assert_int_equal(mv_get32(e->flags), 0);
	expect_key(vm->domain, "device/vbd/51728/virtual-device", "51728");
	/* The name, and the target, once. */
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_EXISTS);
	a.vm = mc_ref("db");
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_EXISTS);
	assert_non_null(strstr((char *)c.body, "of vm 'web'"));
	strcpy(a.vbd.target, "floppy:0");
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_INVALID);
	strcpy(a.vbd.name, "sda");
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_INVALID);
	assert_int_equal(mc_call(&c, MV_VBD_DETACH, &r, sizeof(r)), MV_OK);
	assert_int_equal(mc_call(&c, MV_VBD_DETACH, &r, sizeof(r)), MV_BUSY);
	assert_int_equal(vm->config.vbd_count, 0);
	/* That name is not free yet. */
	a.vm = mc_ref("web");
	strcpy(a.vbd.name, "xvdb");
	strcpy(a.vbd.target, "aoe:1.2");
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_EXISTS);
	assert_string_equal((char *)c.body, "a disk 'xvdb' is still being unplugged");
	assert_int_equal(dd_init(), 0);
	strcpy(a.vbd.name, "xvdc");
	strcpy(a.vbd.target, "dd:db/vda");
	assert_int_equal(mc_call(&c, MV_VBD_ATTACH, &a, sizeof(a)), MV_NOT_FOUND);
	assert_string_equal((char *)c.body, "there is no driver domain for target 'dd:db/vda'");
	assert_int_equal(vm->config.vbd_count, 0);
	strcpy(r.name, "xvdz");
	assert_int_equal(mc_call(&c, MV_VBD_DETACH, &r, sizeof(r)), MV_NOT_FOUND);
	assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
	host_advance(SECOND);
	assert_int_equal(vm_count(), 1);
	(void)state;
}

/* Ten thousand VMs come and go, and leave nothing. */
static void test_many_cycles(void **state)
{
	struct mp_vm v = description("web");
	uint64_t frames = 0;
	size_t objects = 0;

	push_both();
	v.memory_kib = 4096;
	v.ramdisk = NULL;
	for (unsigned int i = 0; i < 10000; i++) {
		assert_int_equal(mp_create(&c, &v, 0), MV_OK);
		if (i % 3 != 0) {
			host_run();
		}
		assert_int_equal(mc_vm(&c, MV_VM_DESTROY, "web"), MV_OK);
		host_advance(10 * MC_MS);
		if (i == 10) {
			frames = frame_free_count();
			objects = heap_object_count();
		}
	}
	assert_int_equal(frame_free_count(), frames);
	assert_int_equal(heap_object_count(), objects);
	(void)state;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_push), T(test_push_over_a_bad_wire), T(test_push_resumed),
		T(test_push_is_given_up), T(test_wrong_sum), T(test_quota), T(test_create),
		T(test_create_refused), T(test_create_once), T(test_destroy),
		T(test_ends_by_itself), T(test_pause), T(test_changes), T(test_restart_and_start),
		T(test_events), T(test_console), T(test_two_operators), T(test_macs), T(test_vifs), T(test_vbds),
		T(test_many_cycles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
