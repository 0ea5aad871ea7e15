/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio uplink with several CPUs at once, under ThreadSanitizer: its guest and two
 * others on four threads send to each other, and its driver starts anew in the middle.
 */
#include "sim/virtio.h"
#include "tsan/busy_hint.h"
#include "tsan/cpus.h"
#include "unit/frame_make.h"
#include "unit/unit.h"

#include "kern/work.h"

#define FRONTS	2U
#define FRAMES	20000U		/* sent by all together */
#define RESTARTS 400U		/* one in so many turns of the driver */
#define HEADERS	42U		/* Ethernet, IPv4, UDP */
#define UPLINK	9U
#define OUTSIDE	0x50U

static struct vdriver *up;
static struct netfront *front[FRONTS];
static _Atomic unsigned int sent_by_all;

static void check(const uint8_t *data, uint32_t len)
{
	uint8_t want[2000];

	if (len < HEADERS || len != frame_udp(want, data[11], data[5], len - HEADERS) ||
	    memcmp(want, data, len) != 0) {
		host_fatal("a damaged frame of %u bytes", len);
	}
}

static void front_turn(struct netfront *f, unsigned int id, struct unit_random *r)
{
	uint8_t text[2000];

	(void)nf_poll(f);
	while (f->frame_first != f->frame_end) {
		struct nf_frame got = nf_take(f);

		check(got.data, got.len);
		free(got.data);
	}
	for (unsigned int n = unit_random_below(r, 8); n > 0 && nf_tx_room(f, 0) > 4; n--) {
		uint32_t len = frame_udp(text, id, OUTSIDE, 18 + unit_random_below(r, 1400));

		nf_queue_frame(f, text, len, &(struct nf_send){ 0 });
		atomic_fetch_add(&sent_by_all, 1);
	}
	if (nf_push(&f->queue[0].tx->i.req_prod, &f->queue[0].tx->i.req_event,
		    f->queue[0].tx_prod)) {
		nf_notify(f, f->queue[0].tx_port);
	}
	nf_collect(f, 0);
}

static void driver_starts(void)
{
	vd_start(up, VD_ALL);
	vd_post(up, VD_SIZE);
}

static void tx_collect(void)
{
	uint32_t id, len;

	while (vd_used(up, VNET_TX, &id, &len)) {
	}
}

static void up_receive(void)
{
	(void)vd_poll(up);
	while (up->frame_first != up->frame_end) {
		struct vd_frame got = vd_take(up);

		check(got.data, got.len);
		free(got.data);
	}
}

static void up_turn(struct unit_random *r)
{
	struct vd_queue *q = &up->queue[VNET_TX];
	uint8_t text[2000];

	if (unit_random_below(r, RESTARTS) == 0) {
		driver_starts();
	}
	up_receive();
	for (unsigned int n = unit_random_below(r, 8); n > 0; n--) {
		uint32_t len = frame_udp(text, OUTSIDE, 1 + unit_random_below(r, FRONTS),
				    18 + unit_random_below(r, 1400));

		if ((uint16_t)(q->prod - q->cons) < VD_SIZE) {
			vd_queue_frame(up, text, len, &(struct vd_send){ 0 });
			atomic_fetch_add(&sent_by_all, 1);
		}
		tx_collect();
	}
}

static void turn(unsigned int domain, struct unit_random *r)
{
	if (domain == up->d->id) {
		up_turn(r);
	} else {
		front_turn(front[domain - front[0]->d->id], domain - front[0]->d->id + 1, r);
	}
}

static void *cpu_thread(void *arg)
{
	unsigned int id = (unsigned int)(uintptr_t)arg;
	struct unit_random r = { id };

	host_cpu(id);
	while (atomic_load(&sent_by_all) < FRAMES) {
		if (id == 0) {
			host_time_skip(2000);
		}
		host_poll_alarm();
		if (cpu_service()) {
			struct vcpu *v = sched_vcpu(this_cpu()->current);

			(void)host_take_upcall(v);
			turn(v->domain->id, &r);
			if (unit_random_below(&r, 4) == 0) {
				upcall_wait(&v->arch);
			}
		} else if (this_cpu()->current == NULL) {
			struct domain *d = domain_find(up->d->id + unit_random_below(&r, FRONTS + 1));

			work_run_idle();
			arch_vcpu_upcall(&d->vcpus[0]->arch);
		}
	}
	return NULL;
}

static void test_all_at_once(void **state)
{
	struct vm_vif_config config = nf_vif_config(UPLINK);
	struct unit_random r = { 1 };

	host_reset_cpus(CPUS);
	up = vd_create(&config);
	for (unsigned int i = 0; i < FRONTS; i++) {
		front[i] = nf_start(i + 1, &(struct nf_options){ 0 });
	}
	driver_starts();
	host_run();
	up->loaded = true;
	cpus_run(cpu_thread);
	up->loaded = false;
	/* What is still in the rings goes its way, unasked. */
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < FRONTS; i++) {
			host_load(front[i]->v);
			(void)nf_poll(front[i]);
			nf_forget(front[i]);
			nf_collect(front[i], 0);
		}
		up_receive();
		host_advance(100000);
	}
	tx_collect();
	assert_int_equal(up->queue[VNET_TX].prod, up->queue[VNET_TX].cons);
	assert_int_equal(up->d->stats.misuse, 0);
	assert_true(net_count(NET_RX_FRAMES) > 0);
	host_load(front[0]->v);
	front_turn(front[0], 1, &r);
	for (unsigned int i = 0; i < FRONTS; i++) {
		nf_free(front[i]);
	}
	vd_free(up);
	(void)state;
}

UNIT_MAIN(UNIT_TEST(test_all_at_once))
