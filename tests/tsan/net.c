/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch with several CPUs at once, under ThreadSanitizer: guests on four
 * threads send to each other, receive, sleep and wake, all at the same time.
 */
#include "sim/netfront.h"
#include "tsan/busy_hint.h"
#include "tsan/cpus.h"
#include "unit/frame_make.h"
#include "unit/unit.h"

#include "kern/work.h"

#define GUESTS	3U
#define FRAMES	20000U		/* sent by all together */
#define FRAME_MAX 1514U
#define HEADERS	42U		/* Ethernet, IPv4, UDP */

static struct netfront *front[GUESTS];
static _Atomic unsigned int sent_by_all;
static unsigned int sent[GUESTS], got[GUESTS];	/* by the guest's own vCPU */

static void send_some(unsigned int i, struct unit_random *r)
{
	struct netfront *f = front[i];
	struct nf_queue *q = &f->queue[0];
	unsigned int dst = (i + 1 + unit_random_below(r, GUESTS - 1)) % GUESTS;
	uint8_t text[FRAME_MAX];

	for (unsigned int n = unit_random_below(r, 8); n > 0 && nf_tx_room(f, 0) > 4; n--) {
		uint32_t len = frame_udp(text, i + 1, dst + 1, 18 + unit_random_below(r, 1400));

		nf_queue_frame(f, text, len, &(struct nf_send){ 0 });
		sent[i]++;
		atomic_fetch_add(&sent_by_all, 1);
	}
	if (nf_push(&q->tx->i.req_prod, &q->tx->i.req_event, q->tx_prod)) {
		nf_notify(f, q->tx_port);
	}
	nf_collect(f, 0);
}

/* Each frame must be whole: what its sender's address and its length say. */
static void receive(unsigned int i)
{
	struct netfront *f = front[i];
	uint8_t want[FRAME_MAX];

	(void)nf_poll(f);
	while (f->frame_first != f->frame_end) {
		struct nf_frame r = nf_take(f);

		if (r.len < HEADERS || r.len != frame_udp(want, r.data[11], i + 1, r.len - HEADERS) ||
		    memcmp(want, r.data, r.len) != 0) {
			host_fatal("guest %u received a damaged frame", i);
		}
		free(r.data);
		got[i]++;
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
			unsigned int i = v->domain->id - 1;

			(void)host_take_upcall(v);
			receive(i);
			if (unit_random_below(&r, 4) == 0) {
				upcall_wait(&v->arch);
			} else {
				send_some(i, &r);
			}
		} else if (this_cpu()->current == NULL) {
			work_run_idle();
			arch_vcpu_upcall(&front[unit_random_below(&r, GUESTS)]->v->arch);
		}
	}
	return NULL;
}

static void test_all_send_to_all(void **state)
{
	const struct nf_options options = { 0 };
	unsigned int total_sent = 0, total_got = 0;

	host_reset_cpus(CPUS);
	for (unsigned int i = 0; i < GUESTS; i++) {
		front[i] = nf_start(i + 1, &options);
		sent[i] = 0;
		got[i] = 0;
	}
	host_run();
	cpus_run(cpu_thread);
	/* What is still in the rings arrives, too. */
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int i = 0; i < GUESTS; i++) {
			host_load(front[i]->v);
			receive(i);
			nf_collect(front[i], 0);
		}
		host_advance(100000);
	}
	for (unsigned int i = 0; i < GUESTS; i++) {
		total_sent += sent[i];
		total_got += got[i];
		nf_free(front[i]);
	}
	assert_true(total_sent >= FRAMES);
	assert_int_equal(total_got + net_count(NET_DROP_RX_FULL) +
			 net_count(NET_DROP_RX_STALLED), total_sent);
}

UNIT_MAIN(UNIT_TEST(test_all_send_to_all))
