/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting and waking on several CPUs at once: four threads act as CPUs whose guests
 * pass tokens on by upcalls and wait in between. Meanwhile vCPUs are pinned, capped,
 * paused, turned off and on, and domains come and go. Whenever all is quiet nobody
 * may wait who was told of a token, and no CPU may idle that somebody waits for.
 */
#include "tsan/cpus.h"
#include "unit/unit.h"

#include <time.h>

#include "lib/bits.h"
#include "vm/domain.h"
#include <arch/upcall.h>

#define GUESTS	3U
#define VCPUS	(2 * GUESTS)
#define TOKENS	8U
#define ROUNDS	12U
#define TURNS	1000U

static struct domain *guest[GUESTS];
static _Atomic unsigned int token[VCPUS];
static _Atomic unsigned int moves, parks, offs;
static _Atomic bool changing;
static unsigned int round_now;

static struct vcpu *vcpu_at(unsigned int i)
{
	return guest[i / 2]->vcpus[i % 2];
}

static unsigned int index_of(const struct vcpu *v)
{
	unsigned int i = 0;

	while (vcpu_at(i) != v) {
		i++;
	}
	return i;
}

/* The other threads go on meanwhile, however many CPUs there are. */
static void breathe(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 1 }, NULL);
}

static void pass(struct unit_random *r)
{
	unsigned int to = unit_random_below(r, VCPUS);

	atomic_fetch_add(&token[to], 1);
	arch_vcpu_upcall(&vcpu_at(to)->arch);
}

/* As upcall_wait(), but others have time between the look and the block. */
static void wait_slowly(struct vcpu *v)
{
	uint64_t wake;

	sched_block_prepare(&v->sched);
	if (arch_vcpu_wake_pending(&v->arch, &wake)) {
		return;
	}
	breathe();
	if (wake != UINT64_MAX) {
		timer_set(&v->wake_timer, wake);
	}
	sched_block(&v->sched);
}

/* `alone`: nobody but tokens wakes. */
static void guest_turn(struct vcpu *v, struct unit_random *r, bool alone)
{
	v->arch.guest_timer = UINT64_MAX;
	if (host_take_upcall(v)) {
		for (unsigned int n = atomic_exchange(&token[index_of(v)], 0); n > 0; n--) {
			atomic_fetch_add(&moves, 1);
			pass(r);
		}
	}
	if (!alone && v->id != 0 && unit_random_below(r, 30) == 0) {
		atomic_fetch_add(&offs, 1);
		upcall_vcpu_off(&v->arch);
		return;
	}
	if (!alone && unit_random_below(r, 20) == 0) {
		v->arch.guest_timer = arch_now() + unit_random_below(r, 100000);
	}
	if (unit_random_below(r, 2) == 0) {
		upcall_wait(&v->arch);
	} else {
		wait_slowly(v);
	}
}

/* What an operator, or another vCPU, does to one. */
static void change(struct unit_random *r)
{
	unsigned int i = unit_random_below(r, VCPUS);
	struct domain *d = guest[i / 2];
	int err = 0;

	switch (unit_random_below(r, 9)) {
	case 0:
		err = domain_pause(d);
		break;
	case 1:
	case 2:
	case 3:
		err = domain_unpause(d);
		break;
	case 4:
	case 5:
		err = upcall_vcpu_on(&d->vcpus[0]->arch, 1, GPA(HOST_GUEST_GPA), 0);
		break;
	default:
		assert_int_equal(sched_set(&vcpu_at(i)->sched, 1 + unit_random_below(r, 1000),
					   unit_random_below(r, 8) != 0 ? 0 : 50,
					   1 + unit_random_below(r, (1U << CPUS) - 1)), 0);
		break;
	}
	/* It may be so already, or not off yet. */
	assert_true(err == 0 || err == -EBUSY || err == -EEXIST);
}

static void *cpu_thread(void *arg)
{
	unsigned int id = (unsigned int)(uintptr_t)arg;
	struct unit_random r = { round_now * CPUS + id + 1 };

	host_cpu(id);
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		bool alone = turn > TURNS / 2;

		if (id == 0) {
			host_time_skip(20000);
		}
		host_poll_alarm();
		if (!alone && unit_random_below(&r, 20) == 0 && !atomic_exchange(&changing, true)) {
			change(&r);
			atomic_store(&changing, false);
		}
		if (cpu_service()) {
			guest_turn(sched_vcpu(this_cpu()->current), &r, alone);
		} else if (this_cpu()->current == NULL) {
			atomic_fetch_add(&parks, this_cpu()->loaded != NULL);
			breathe();
		}
	}
	return NULL;
}

static void check_cpu(const struct cpu *c)
{
	if (c->current != NULL) {
		assert_ptr_equal(c->loaded, c->current);
		return;
	}
	if (c->loaded != NULL) {
		assert_true(c->loaded->on_cpu);
		assert_int_equal(c->loaded->state, SCHED_BLOCKED);
	}
	for (unsigned int i = 0; i < VCPUS; i++) {
		const struct sched_unit *u = &vcpu_at(i)->sched;

		assert_false(u->state == SCHED_QUEUED && bitmap_test(&u->cpu_mask, c->id));
	}
}

static void check_quiet(void)
{
	for (unsigned int i = 0; i < cpu_count; i++) {
		check_cpu(&cpus[i]);
	}
	for (unsigned int i = 0; i < VCPUS; i++) {
		const struct vcpu *v = vcpu_at(i);

		assert_true(v->sched.state != SCHED_BLOCKED || !v->arch.upcall_pending);
		assert_true(token[i] == 0 || v->arch.upcall_pending);
		assert_int_equal(v->sched.on_cpu, v->arch.loaded);
	}
}

static void guest_make(unsigned int i)
{
	guest[i] = host_domain_create(1, 2);
	assert_int_equal(upcall_vcpu_on(&guest[i]->vcpus[0]->arch, 1, GPA(HOST_GUEST_GPA), 0), 0);
}

/* One ends, whatever its vCPUs do, and its tokens go on in a new one. */
static void guest_replace(unsigned int i)
{
	host_domain_destroy(guest[i]);
	guest_make(i);
	for (unsigned int n = 2 * i; n < 2 * i + 2; n++) {
		if (token[n] != 0) {
			arch_vcpu_upcall(&vcpu_at(n)->arch);
		}
	}
	host_run();
}

/* For the next round: everybody may run. */
static void resume_all(void)
{
	for (unsigned int i = 0; i < GUESTS; i++) {
		int err = domain_unpause(guest[i]);

		assert_true(err == 0 || err == -EBUSY);
		err = upcall_vcpu_on(&guest[i]->vcpus[0]->arch, 1, GPA(HOST_GUEST_GPA), 0);
		assert_true(err == 0 || err == -EEXIST);
	}
}

static void test_tokens(void **state)
{
	struct unit_random r = { 1 };

	host_reset_cpus(CPUS);
	for (unsigned int i = 0; i < GUESTS; i++) {
		guest_make(i);
	}
	for (unsigned int i = 0; i < TOKENS; i++) {
		pass(&r);
	}
	for (round_now = 0; round_now < ROUNDS; round_now++) {
		unsigned int total = 0;

		cpus_run(cpu_thread);
		host_run();
		check_quiet();
		for (unsigned int i = 0; i < VCPUS; i++) {
			total += token[i];
		}
		assert_int_equal(total, TOKENS);
		resume_all();
		if (round_now % 3 == 2) {
			guest_replace(unit_random_below(&r, GUESTS));
		}
	}
	/* It did happen. */
	assert_true(moves > 50 * ROUNDS);
	assert_true(parks > 50 * ROUNDS);
	assert_true(offs > ROUNDS / 2);
}

UNIT_MAIN(UNIT_TEST(test_tokens))
