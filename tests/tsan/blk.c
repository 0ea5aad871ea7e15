/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blkback, the block switch and the AoE initiator with several CPUs at once, under
 * ThreadSanitizer: guests on three threads use disks, two of them on one target,
 * and a fourth one is the target.
 */
#include "sim/blkfront.h"
#include "sim/aoetarget.h"
#include "tsan/busy_hint.h"
#include "tsan/cpus.h"
#include "unit/unit.h"

#include <pthread.h>

#include "kern/work.h"

#define GUESTS	3U
#define REQUESTS 6000U		/* by all together */
#define DEPTH	8U
#define BLOCKS	32U		/* of a guest, 8 sectors each */
#define QUEUE	256U

static struct blkfront *front[GUESTS];
static _Atomic unsigned int done_by_all;
static pthread_mutex_t wire = PTHREAD_MUTEX_INITIALIZER;
static struct {
	struct at_target *t;
	uint32_t len;
	uint8_t data[9100];
} queue[QUEUE];				/* frames to the target, under `wire` */
static unsigned int queue_first, queue_end;

struct block {
	bool busy, writing;
	unsigned int id, page;
	uint32_t version;
};

static struct block block[GUESTS][BLOCKS];

/* --- the target ------------------------------------------------------------------ */

static enum net_verdict wire_deliver(struct net_port *p, struct net_batch *b, struct net_frame *f,
				     bool may_wait)
{
	(void)b;
	(void)may_wait;
	pthread_mutex_lock(&wire);
	if (queue_end - queue_first < QUEUE) {
		uint32_t len = f->head_len;
		uint8_t *data = queue[queue_end % QUEUE].data;

		memcpy(data, f->head, len);
		for (unsigned int i = 0; i < f->frag_count; i++) {
			memcpy(data + len, f->frag[i].data, f->frag[i].len);
			len += f->frag[i].len;
		}
		queue[queue_end % QUEUE].t = (struct at_target *)p;
		queue[queue_end++ % QUEUE].len = len;
	}
	pthread_mutex_unlock(&wire);
	return NET_SENT;
}

static bool serve_one(void)
{
	static uint8_t data[9100];
	struct at_target *t = NULL;
	uint32_t len = 0;

	pthread_mutex_lock(&wire);
	if (queue_first != queue_end) {
		t = queue[queue_first % QUEUE].t;
		len = queue[queue_first % QUEUE].len;
		memcpy(data, queue[queue_first++ % QUEUE].data, len);
	}
	pthread_mutex_unlock(&wire);
	if (t == NULL) {
		return false;
	}
	at_execute(t, data, len);
	while (t->events > 0) {
		struct at_event e = t->event[--t->events];

		at_send(t, e.data, e.len);
		free(e.data);
	}
	return true;
}

static void plug(unsigned int n)
{
	static const struct net_port_ops ops = { .deliver = wire_deliver, .flush = at_flush };

	at_plug(n);
	at[n].port.ops = &ops;
	/* One frame in 50 is lost. */
	at[n].loss = 20;
}

/* --- the guests -------------------------------------------------------------------- */

static void fill(uint32_t *w, unsigned int i, unsigned int n, uint32_t version)
{
	for (unsigned int k = 0; k < PAGE_SIZE / 4; k++) {
		w[k] = version << 16 | i << 12 | n;
	}
}

static void start_some(unsigned int i, struct unit_random *r)
{
	struct blkfront *f = front[i];
	unsigned int n = unit_random_below(r, BLOCKS);
	struct block *b = &block[i][n];

	if (b->busy || f->queue[0].prod - f->queue[0].cons >= DEPTH) {
		return;
	}
	b->busy = true;
	b->writing = unit_random_below(r, 2) == 0;
	b->page = bf_alloc(f);
	if (b->writing) {
		fill(bf_page(f, b->page), i, n, b->version + 1);
	}
	b->id = bf_request(f, 0, b->writing, (i * BLOCKS + n) * 8,
			   &(struct bf_segment){ .page = b->page, .last = 7 }, 1);
	bf_kick(f, 0);
}

static void finish_some(unsigned int i)
{
	struct blkfront *f = front[i];

	(void)bf_collect(f, 0);
	for (unsigned int n = 0; n < BLOCKS; n++) {
		struct block *b = &block[i][n];
		uint32_t want[PAGE_SIZE / 4];

		if (!b->busy || !f->queue[0].shadow[b->id].answered) {
			continue;
		}
		if (bf_status(f, 0, b->id) != BLKIF_OKAY) {
			host_fatal("a request failed");
		}
		b->busy = false;
		b->version += b->writing;
		fill(want, i, n, b->version);
		if (b->version > 0 && memcmp(bf_page(f, b->page), want, sizeof(want)) != 0) {
			host_fatal("guest %u: block %u is not what was written", i, n);
		}
		atomic_fetch_add(&done_by_all, 1);
	}
}

static void *cpu_thread(void *arg)
{
	unsigned int id = (unsigned int)(uintptr_t)arg;
	struct unit_random r = { id };

	host_cpu(id);
	while (atomic_load(&done_by_all) < REQUESTS) {
		if (id == 0) {
			host_time_skip(2000);
		}
		host_poll_alarm();
		if (cpu_service()) {
			struct vcpu *v = sched_vcpu(this_cpu()->current);
			unsigned int i = v->domain->id - 1;

			(void)host_take_upcall(v);
			finish_some(i);
			if (unit_random_below(&r, 4) == 0) {
				upcall_wait(&v->arch);
			} else {
				start_some(i, &r);
			}
		} else if (this_cpu()->current == NULL) {
			work_run_idle();
			arch_vcpu_upcall(&front[unit_random_below(&r, GUESTS)]->v->arch);
		}
		if (id == CPUS - 1) {
			for (unsigned int n = 0; n < 8 && serve_one(); n++) {
			}
		}
	}
	return NULL;
}

/* --- the test ------------------------------------------------------------------------ */

static void step(uint64_t ns)
{
	while (serve_one()) {
		host_run();
	}
	host_advance(ns);
}

static void test_all_at_once(void **state)
{
	static const char *const targets[GUESTS] = { "aoe:1.0", "aoe:1.0", "aoe:1.1" };

	host_reset_cpus(CPUS);
	at_setup(false, 9000);
	plug(0);
	plug(1);
	for (unsigned int i = 0; i < GUESTS; i++) {
		struct vm_vbd_config c = bf_config(targets[i]);

		front[i] = bf_create(&c, &(struct bf_options){ 0 });
		bf_try_connect(front[i]);
		for (unsigned int n = 0; n < 3000 && bf_read_back(front[i], "state") != 4; n++) {
			step(100000);
		}
		bf_finish_connect(front[i]);
	}
	cpus_run(cpu_thread);
	for (unsigned int round = 0; round < 20000; round++) {
		step(100000);
	}
	for (unsigned int i = 0; i < GUESTS; i++) {
		host_load(front[i]->v);
		finish_some(i);
		assert_int_equal(front[i]->queue[0].prod, front[i]->queue[0].cons);
		assert_int_equal(bf_volume(front[i])->stats.errors, 0);
		host_domain_destroy(front[i]->d);
		bf_free(front[i]);
	}
	host_advance(2 * AOE_STOPPED_NS);
}

UNIT_MAIN(UNIT_TEST(test_all_at_once))
