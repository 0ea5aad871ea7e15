/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watchdogs of a domain. See vm/watchdog.h.
 */
#include "vm/watchdog.h"

#include <arch/cpu.h>

#include "kern/log.h"
#include "vm/domain.h"

#define SECOND	1000000000ULL

static void expired(struct timer *t)
{
	struct watchdog_timer *w = container_of(t, struct watchdog_timer, timer);
	struct domain *d = w->domain;

	if (atomic_load_explicit(&d->state, memory_order_relaxed) == DOMAIN_PAUSED) {
		/* It can't show life. */
		timer_set(t, arch_now() + SECOND);
		return;
	}
	if (w == &d->watchdog.must) {
		log_warn("vm", "%s (d%u): ran no watchdog for %u s", d->name, d->id,
			 d->watchdog.must_s);
	}
	domain_shutdown(d, SHUTDOWN_WATCHDOG);
}

static void timer_prepare(struct watchdog_timer *w, struct domain *d)
{
	timer_init(&w->timer, expired);
	w->domain = d;
}

void watchdog_init(struct domain *d)
{
	for (unsigned int i = 0; i < WATCHDOG_COUNT; i++) {
		timer_prepare(&d->watchdog.own[i], d);
	}
	timer_prepare(&d->watchdog.must, d);
}

void watchdog_start(struct domain *d)
{
	struct watchdog *w = &d->watchdog;

	if (w->must_s != 0) {
		timer_set(&w->must.timer, arch_now() + w->must_s * SECOND);
	}
}

static int set_up(struct watchdog *w, uint32_t seconds)
{
	if (seconds == 0) {
		return -EINVAL;
	}
	for (unsigned int i = 0; i < WATCHDOG_COUNT; i++) {
		if (!w->own[i].used) {
			w->own[i].used = true;
			timer_set(&w->own[i].timer, arch_now() + seconds * SECOND);
			timer_cancel(&w->must.timer);
			return (int)i + 1;
		}
	}
	return -ENOSPC;
}

static bool any_used(const struct watchdog *w)
{
	for (unsigned int i = 0; i < WATCHDOG_COUNT; i++) {
		if (w->own[i].used) {
			return true;
		}
	}
	return false;
}

static int poke(struct domain *d, struct watchdog_timer *own, uint32_t seconds)
{
	if (!own->used) {
		return -EINVAL;
	}
	if (seconds != 0) {
		timer_set(&own->timer, arch_now() + seconds * SECOND);
		return 0;
	}
	own->used = false;
	timer_cancel(&own->timer);
	if (!any_used(&d->watchdog)) {
		watchdog_start(d);
	}
	return 0;
}

int watchdog_op(struct domain *d, uint32_t id, uint32_t seconds)
{
	int ret;

	if (id > WATCHDOG_COUNT) {
		return -EINVAL;
	}
	spin_lock(&d->lock);
	ret = id == 0 ? set_up(&d->watchdog, seconds) :
	      poke(d, &d->watchdog.own[id - 1], seconds);
	spin_unlock(&d->lock);
	return ret;
}

void watchdog_stop(struct domain *d)
{
	for (unsigned int i = 0; i < WATCHDOG_COUNT; i++) {
		timer_cancel(&d->watchdog.own[i].timer);
	}
	timer_cancel(&d->watchdog.must.timer);
}
