/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler. See kern/sched.h.
 *
 * Virtual time: a unit's vtime grows by its run time times 256 / weight. The
 * queue is ordered by vtime and the smallest runs first. What a vtime means
 * is relative to the units it competes with (reference_locked()): one that
 * slept is moved up to them less a small credit, so sleeping saves nothing up.
 * None gets further away from the others than a few slices, which units that
 * never met (pinned to different CPUs) or that deserve more than one CPU would.
 *
 * Locking: `lock` guards everything here, each unit's fields and the
 * slice fields of each CPU. wake_pending is read without it, too.
 * Invariants: a unit is in the queue if and only if its state is QUEUED; at
 * most one CPU has it as current.
 */
#include "kern/sched.h"

#include "kern/cpu.h"
#include "kern/lock.h"
#include "lib/bits.h"

#define WAKE_CREDIT_NS	1000000ULL
#define LAG_SLICES	4U
#define LAG_NS		(LAG_SLICES * SCHED_SLICE_NS)

static struct spinlock lock = SPINLOCK_INIT(LOCK_SCHED);
static struct list queue = LIST_INIT(queue);
static uint64_t idle_mask;		/* CPUs that found nothing to run */

void sched_init(void)
{
	list_init(&queue);
	idle_mask = 0;
}

static unsigned int run_state(const struct sched_unit *u)
{
	static const uint8_t map[] = {
		[SCHED_BLOCKED] = RUN_BLOCKED,
		[SCHED_QUEUED] = RUN_RUNNABLE,
		[SCHED_RUNNING] = RUN_RUNNING,
		[SCHED_THROTTLED] = RUN_RUNNABLE,
		[SCHED_OFF] = RUN_OFFLINE,
		[SCHED_PAUSED] = RUN_OFFLINE,
	};

	return map[u->state];
}

static void set_state_locked(struct sched_unit *u, enum sched_state s, uint64_t now)
{
	u->state_ns[run_state(u)] += now - u->since;
	u->since = now;
	u->state = s;
}

/* Changed under the lock only. */
static void wake_note(struct sched_unit *u, bool woken)
{
	atomic_store_explicit(&u->wake_pending, woken, memory_order_relaxed);
}

static bool wake_noted(const struct sched_unit *u)
{
	return atomic_load_explicit(&u->wake_pending, memory_order_relaxed);
}

static uint64_t weighted(const struct sched_unit *u, uint64_t ns)
{
	if (u->weight == SCHED_WEIGHT_DEFAULT) {
		return ns;
	}
	return ns * SCHED_WEIGHT_DEFAULT / u->weight;
}

static bool capped(const struct sched_unit *u)
{
	return u->cap != 0 &&
	       u->period_ns >= SCHED_CAP_PERIOD_NS / 100 * u->cap;
}

/* Charge the run time up to now; u is RUNNING. */
static void charge_locked(struct sched_unit *u, uint64_t now)
{
	uint64_t ns = now - u->charged;

	u->charged = now;
	u->vtime += weighted(u, ns);
	if (u->cap != 0) {
		if (now - u->period_start >= SCHED_CAP_PERIOD_NS) {
			/* What was overrun is taken from the new period. */
			uint64_t quota = SCHED_CAP_PERIOD_NS / 100 * u->cap;

			u->period_ns = u->period_ns > quota ? u->period_ns - quota : 0;
			u->period_start = now;
		}
		u->period_ns += ns;
	}
}

static void enqueue_locked(struct sched_unit *u, uint64_t now)
{
	struct sched_unit *pos;

	set_state_locked(u, SCHED_QUEUED, now);
	list_for_each(pos, &queue, node) {
		if (pos->vtime > u->vtime) {
			break;
		}
	}
	list_insert_before(&pos->node, &u->node);
}

static bool may_run_on(const struct sched_unit *u, const struct cpu *c)
{
	return bitmap_test(&u->cpu_mask, c->id) && (!u->on_cpu || u->cpu == c);
}

/* The unit that runs on CPU `id`, or NULL; its vtime up to now. */
static const struct sched_unit *running_locked(unsigned int id, uint64_t now, uint64_t *vtime)
{
	const struct sched_unit *r = cpus[id].chosen;

	if (r == NULL || r->state != SCHED_RUNNING) {
		return NULL;
	}
	*vtime = r->vtime + weighted(r, now - r->charged);
	return r;
}

/*
 * The vtime to measure `u` against: the least of all others that wait for or
 * run on one of its CPUs; its own if there are none.
 */
static uint64_t reference_locked(const struct sched_unit *u, uint64_t now)
{
	const struct sched_unit *pos;
	uint64_t least = UINT64_MAX;

	list_for_each(pos, &queue, node) {
		if (pos != u && (pos->cpu_mask & u->cpu_mask) != 0) {
			least = pos->vtime;
			break;
		}
	}
	for (unsigned int i = 0; i < cpu_count; i++) {
		uint64_t v;
		const struct sched_unit *r = running_locked(i, now, &v);

		if (r != NULL && r != u && bitmap_test(&u->cpu_mask, i)) {
			least = MIN(least, v);
		}
	}
	return least != UINT64_MAX ? least : u->vtime;
}

/*
 * Keep u's vtime at most `behind` below and LAG_SLICES of its own slices above
 * its competitors'.
 */
static void bound_vtime_locked(struct sched_unit *u, uint64_t now, uint64_t behind)
{
	uint64_t ref = reference_locked(u, now);
	uint64_t ahead = weighted(u, LAG_SLICES * SCHED_SLICE_NS);

	if (u->vtime + behind < ref) {
		u->vtime = ref - behind;
	} else if (u->vtime > ref + ahead) {
		u->vtime = ref + ahead;
	}
}

static struct cpu *idle_cpu_locked(const struct sched_unit *u)
{
	uint64_t idle = idle_mask & u->cpu_mask;

	if (idle == 0) {
		return NULL;
	}
	if (u->cpu != NULL && bitmap_test(&idle, u->cpu->id)) {
		return u->cpu;
	}
	return &cpus[bit_lowest(idle)];
}

/* The CPU whose unit is most ahead of `u`, if that is far enough. */
static struct cpu *preempt_cpu_locked(const struct sched_unit *u, uint64_t now)
{
	uint64_t most = u->vtime + SCHED_WAKE_GRAN_NS;
	struct cpu *c = NULL;

	for (unsigned int i = 0; i < cpu_count; i++) {
		uint64_t v;

		if (bitmap_test(&u->cpu_mask, i) && running_locked(i, now, &v) != NULL && v > most) {
			c = &cpus[i];
			most = v;
		}
	}
	return c;
}

/*
 * A CPU looks at the queue at the end of its slice, if something waits there
 * for it.
 */
static void arm_slice_locked(struct cpu *c, uint64_t now)
{
	if (!timer_is_set(&c->slice_timer)) {
		timer_set(&c->slice_timer, MAX(c->slice_start + SCHED_SLICE_NS, now));
	}
}

/*
 * Whether CPU c, which `u` may preempt, is this one and isn't to change so soon
 * (must_give_way_locked()): it looks again when it may.
 */
static bool preempt_later_locked(struct cpu *c, uint64_t now)
{
	if (c != this_cpu() || now - c->slice_start >= SCHED_RATE_NS) {
		return false;
	}
	timer_set(&c->slice_timer, c->slice_start + SCHED_RATE_NS);
	return true;
}

/*
 * `u` was queued and no CPU has its state: tell one that idles or, if it
 * `woke`, one that it may preempt. Otherwise it waits for the end of a slice.
 */
static void announce_locked(struct sched_unit *u, uint64_t now, bool woke)
{
	struct cpu *c = idle_cpu_locked(u);

	if (c == NULL && woke) {
		c = preempt_cpu_locked(u, now);
		if (c != NULL && preempt_later_locked(c, now)) {
			return;
		}
	}
	if (c != NULL) {
		idle_mask &= ~BIT(c->id);
		cpu_notify(c, CPU_RESCHED);
		return;
	}
	for (unsigned int i = 0; i < cpu_count; i++) {
		if (!bitmap_test(&u->cpu_mask, i) || timer_is_set(&cpus[i].slice_timer)) {
			continue;
		}
		if (&cpus[i] == this_cpu()) {
			arm_slice_locked(&cpus[i], now);
		} else {
			/* A timer of another CPU can only be set there. */
			cpu_notify(&cpus[i], CPU_RESCHED);
		}
	}
}

static void make_runnable_locked(struct sched_unit *u, uint64_t now)
{
	bound_vtime_locked(u, now, WAKE_CREDIT_NS);
	enqueue_locked(u, now);
	if (u->on_cpu) {
		/* Goes on there, or is announced when its state is saved. */
		u->woke = true;
		idle_mask &= ~BIT(u->cpu->id);
		cpu_notify(u->cpu, CPU_RESCHED);
	} else {
		announce_locked(u, now, true);
	}
}

static void period_timer_fn(struct timer *t)
{
	struct sched_unit *u = container_of(t, struct sched_unit, period_timer);
	uint64_t now = arch_now();

	spin_lock(&lock);
	if (u->state == SCHED_THROTTLED) {
		uint64_t quota = SCHED_CAP_PERIOD_NS / 100 * u->cap;

		u->period_ns = u->period_ns > quota ? u->period_ns - quota : 0;
		u->period_start = now;
		if (capped(u)) {
			timer_set(&u->period_timer, now + SCHED_CAP_PERIOD_NS);
		} else {
			make_runnable_locked(u, now);
		}
	} else if (u->state == SCHED_RUNNING && u->cpu != NULL) {
		cpu_notify(u->cpu, CPU_RESCHED);
	}
	spin_unlock(&lock);
}

void sched_unit_init(struct sched_unit *u)
{
	*u = (struct sched_unit){
		.state = SCHED_OFF,
		.since = arch_now(),
		.cpu_mask = UINT64_MAX,
		.weight = SCHED_WEIGHT_DEFAULT,
	};
	wake_note(u, false);
	list_init(&u->node);
	timer_init(&u->period_timer, period_timer_fn);
}

/* `u` is not to run, nor to stay on a CPU where it is parked. */
static void put_off_locked(struct sched_unit *u, enum sched_state s, uint64_t now)
{
	set_state_locked(u, s, now);
	if (u->on_cpu) {
		cpu_notify(u->cpu, CPU_RESCHED);
	}
}

void sched_start(struct sched_unit *u)
{
	uint64_t now = arch_now();

	spin_lock(&lock);
	u->stop = false;
	wake_note(u, false);
	if (u->state == SCHED_OFF && u->paused) {
		set_state_locked(u, SCHED_PAUSED, now);
	} else if (u->state == SCHED_OFF) {
		make_runnable_locked(u, now);
	}
	spin_unlock(&lock);
}

void sched_pause(struct sched_unit *u)
{
	uint64_t now = arch_now();

	spin_lock(&lock);
	u->paused = true;
	switch (u->state) {
	case SCHED_RUNNING:
		cpu_notify(u->cpu, CPU_RESCHED);
		break;
	case SCHED_QUEUED:
		list_remove(&u->node);
		put_off_locked(u, SCHED_PAUSED, now);
		break;
	case SCHED_BLOCKED:
	case SCHED_THROTTLED:
		put_off_locked(u, SCHED_PAUSED, now);
		break;
	case SCHED_OFF:
	case SCHED_PAUSED:
		break;
	}
	spin_unlock(&lock);
}

void sched_unpause(struct sched_unit *u)
{
	spin_lock(&lock);
	u->paused = false;
	if (u->state == SCHED_PAUSED) {
		make_runnable_locked(u, arch_now());
	}
	spin_unlock(&lock);
}

void sched_stop(struct sched_unit *u)
{
	uint64_t now = arch_now();

	spin_lock(&lock);
	switch (u->state) {
	case SCHED_RUNNING:
		u->stop = true;
		cpu_notify(u->cpu, CPU_RESCHED);
		break;
	case SCHED_QUEUED:
		list_remove(&u->node);
		put_off_locked(u, SCHED_OFF, now);
		break;
	case SCHED_BLOCKED:
	case SCHED_THROTTLED:
	case SCHED_PAUSED:
		put_off_locked(u, SCHED_OFF, now);
		break;
	case SCHED_OFF:
		break;
	}
	spin_unlock(&lock);
}

bool sched_is_stopped(struct sched_unit *u)
{
	bool stopped;

	spin_lock(&lock);
	stopped = u->state == SCHED_OFF && !u->on_cpu;
	spin_unlock(&lock);
	return stopped;
}

void sched_wake(struct sched_unit *u)
{
	spin_lock(&lock);
	if (u->state == SCHED_BLOCKED) {
		make_runnable_locked(u, arch_now());
	} else if (u->state == SCHED_RUNNING && u->cpu != this_cpu()) {
		wake_note(u, true);
		arch_cpu_kick(u->cpu->id);
	}
	spin_unlock(&lock);
}

void sched_block_prepare(struct sched_unit *u)
{
	/* One that comes after this look undoes the block. */
	if (unlikely(wake_noted(u))) {
		spin_lock(&lock);
		wake_note(u, false);
		spin_unlock(&lock);
	}
}

void sched_block(struct sched_unit *u)
{
	uint64_t now = arch_now();

	spin_lock(&lock);
	if (u->state == SCHED_RUNNING && !wake_noted(u) && !u->stop) {
		charge_locked(u, now);
		set_state_locked(u, u->paused ? SCHED_PAUSED : SCHED_BLOCKED, now);
		cpu_notify(u->cpu, CPU_RESCHED);
	}
	spin_unlock(&lock);
}

void sched_give_way(struct sched_unit *u)
{
	spin_lock(&lock);
	if (!list_empty(&queue)) {
		this_cpu()->yield = true;
		cpu_notify(this_cpu(), CPU_RESCHED);
	}
	spin_unlock(&lock);
	(void)u;
}

int sched_set(struct sched_unit *u, uint32_t weight, uint32_t cap, uint64_t cpu_mask)
{
	uint64_t all = BIT(cpu_count) - 1;
	uint64_t now;

	if (weight == 0 || weight > SCHED_WEIGHT_MAX || cap > 100 || (cpu_mask & all) == 0) {
		return -EINVAL;
	}
	spin_lock(&lock);
	now = arch_now();
	if (u->state == SCHED_RUNNING) {
		charge_locked(u, now);
		cpu_notify(u->cpu, CPU_RESCHED);
	}
	u->weight = weight;
	u->cap = cap;
	u->cpu_mask = cpu_mask;
	/* Earlier advantages and debts don't count under new rules. */
	bound_vtime_locked(u, now, WAKE_CREDIT_NS);
	if (u->state == SCHED_QUEUED) {
		list_remove(&u->node);
		make_runnable_locked(u, now);
	}
	spin_unlock(&lock);
	return 0;
}

static struct sched_unit *first_for_locked(const struct cpu *c)
{
	struct sched_unit *u;

	list_for_each(u, &queue, node) {
		if (may_run_on(u, c)) {
			return u;
		}
	}
	return NULL;
}

/* What becomes of the CPU's current unit; true if it may go on. */
static bool current_may_go_on_locked(struct cpu *c, struct sched_unit *u, uint64_t now)
{
	if (u->state != SCHED_RUNNING) {
		return false;
	}
	charge_locked(u, now);
	if (u->stop) {
		u->stop = false;
		set_state_locked(u, SCHED_OFF, now);
		return false;
	}
	if (u->paused) {
		set_state_locked(u, SCHED_PAUSED, now);
		return false;
	}
	if (capped(u)) {
		set_state_locked(u, SCHED_THROTTLED, now);
		timer_set(&u->period_timer, MAX(u->period_start + SCHED_CAP_PERIOD_NS, now + 1));
		return false;
	}
	return bitmap_test(&u->cpu_mask, c->id);
}

/* Look again when the running unit `u` has used up its cap. */
static void arm_cap_locked(struct sched_unit *u, uint64_t now)
{
	if (u->cap != 0) {
		uint64_t quota = SCHED_CAP_PERIOD_NS / 100 * u->cap;

		timer_set(&u->period_timer, now + (quota > u->period_ns ? quota - u->period_ns : 0));
	}
}

static void run_locked(struct cpu *c, struct sched_unit *u, uint64_t now)
{
	list_remove(&u->node);
	set_state_locked(u, SCHED_RUNNING, now);
	u->charged = now;
	u->cpu = c;
	u->on_cpu = true;
	u->woke = false;
	arm_cap_locked(u, now);
	c->slice_start = now;
}

/* Whether `cur`, which could go on, is to be preempted by `next`. */
static bool must_give_way_locked(struct cpu *c, const struct sched_unit *cur,
				 const struct sched_unit *next, uint64_t now)
{
	uint64_t ran = now - c->slice_start;

	if (c->yield || (ran >= SCHED_SLICE_NS && next->vtime <= cur->vtime)) {
		return true;
	}
	if (next->vtime + SCHED_WAKE_GRAN_NS >= cur->vtime) {
		return false;
	}
	if (ran < SCHED_RATE_NS) {
		timer_set(&c->slice_timer, c->slice_start + SCHED_RATE_NS);
		return false;
	}
	return true;
}

/*
 * A CPU that was told of one unit may have taken another, so that the first
 * waits although a CPU idles that may run it: tell that one.
 */
static void spread_locked(void)
{
	struct sched_unit *u;

	if (idle_mask == 0) {
		return;
	}
	list_for_each(u, &queue, node) {
		struct cpu *c = u->on_cpu ? NULL : idle_cpu_locked(u);

		if (c != NULL) {
			idle_mask &= ~BIT(c->id);
			cpu_notify(c, CPU_RESCHED);
		}
	}
}

struct sched_unit *sched_pick(void)
{
	struct cpu *c = this_cpu();
	struct sched_unit *cur = c->current;
	struct sched_unit *next;
	uint64_t now = arch_now();

	spin_lock(&lock);
	idle_mask &= ~BIT(c->id);
	next = first_for_locked(c);
	if (cur != NULL && current_may_go_on_locked(c, cur, now)) {
		bound_vtime_locked(cur, now, LAG_NS);
		if (next != NULL && must_give_way_locked(c, cur, next, now)) {
			if (c->yield && cur->vtime < next->vtime) {
				cur->vtime = next->vtime;
			}
			run_locked(c, next, now);
			enqueue_locked(cur, now);
		} else {
			if (now - c->slice_start >= SCHED_SLICE_NS) {
				c->slice_start = now;
			}
			arm_cap_locked(cur, now);
			next = cur;
		}
	} else {
		if (cur != NULL && cur->state == SCHED_RUNNING) {
			enqueue_locked(cur, now);	/* its mask excludes this CPU */
		}
		if (next != NULL) {
			run_locked(c, next, now);
		} else {
			idle_mask |= BIT(c->id);
		}
	}
	c->yield = false;
	c->chosen = next;
	c->stays = next == NULL && c->loaded != NULL && c->loaded->state == SCHED_BLOCKED;
	if (next != NULL && !list_empty(&queue) && first_for_locked(c) != NULL) {
		arm_slice_locked(c, now);
	}
	spread_locked();
	spin_unlock(&lock);
	return next;
}

void sched_switched(struct sched_unit *prev)
{
	spin_lock(&lock);
	prev->on_cpu = false;
	if (prev->state == SCHED_QUEUED) {
		announce_locked(prev, arch_now(), prev->woke);
	}
	spin_unlock(&lock);
}

bool sched_all_busy(void)
{
	return READ_ONCE(idle_mask) == 0;
}

void sched_times(struct sched_unit *u, uint64_t state_ns[RUN_STATES])
{
	uint64_t now = arch_now();

	spin_lock(&lock);
	for (unsigned int i = 0; i < RUN_STATES; i++) {
		state_ns[i] = u->state_ns[i];
	}
	state_ns[run_state(u)] += now - u->since;
	spin_unlock(&lock);
}

void sched_snapshot(struct sched_unit *u, struct sched_snapshot *out)
{
	spin_lock(&lock);
	out->state = u->state;
	out->since = u->since;
	for (unsigned int i = 0; i < RUN_STATES; i++) {
		out->state_ns[i] = u->state_ns[i];
	}
	spin_unlock(&lock);
}
