/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs: what the port asks of the core (arch/upcall.h) and the switch.
 */
#include "kern/cpu.h"
#include "kern/log.h"
#include "vm/domain.h"
#include <arch/upcall.h>

void (*vcpu_switch_hook)(struct vcpu *v);

static void switch_hook(struct vcpu *v)
{
	if (vcpu_switch_hook != NULL) {
		vcpu_switch_hook(v);
	}
}

void vcpu_switch(struct sched_unit *prev, struct sched_unit *next)
{
	struct vcpu *p = prev != NULL ? sched_vcpu(prev) : NULL;
	struct vcpu *n = next != NULL ? sched_vcpu(next) : NULL;

	arch_vcpu_switch(p != NULL ? &p->arch : NULL, n != NULL ? &n->arch : NULL);
	if (p != NULL) {
		switch_hook(p);
	}
	if (n != NULL) {
		switch_hook(n);
	}
}

void vcpu_park(struct sched_unit *u)
{
	struct vcpu *v = sched_vcpu(u);

	arch_vcpu_park(&v->arch);
	switch_hook(v);
}

void vcpu_unpark(struct sched_unit *u)
{
	struct vcpu *v = sched_vcpu(u);

	arch_vcpu_unpark(&v->arch);
	switch_hook(v);
}

void upcall_resume(void)
{
	cpu_resume();
}

void upcall_exit_count(struct arch_vcpu *a, unsigned int kind)
{
	vcpu_of(a)->exits[kind]++;
}

void upcall_wait(struct arch_vcpu *a)
{
	struct vcpu *v = vcpu_of(a);
	uint64_t wake;

	sched_block_prepare(&v->sched);
	if (arch_vcpu_wake_pending(a, &wake)) {
		return;
	}
	if (wake != UINT64_MAX) {
		timer_set(&v->wake_timer, wake);
	}
	sched_block(&v->sched);
}

void upcall_irq(struct arch_vcpu *a)
{
	struct vcpu *v = vcpu_of(a);

	/* Goes on here and is not about to leave: the way back to it will see it. */
	if (this_cpu()->current == &v->sched && v->sched.state == SCHED_RUNNING) {
		return;
	}
	sched_wake(&v->sched);
}

struct arch_vcpu *upcall_vcpu(struct arch_domain *a, unsigned int id)
{
	struct domain *d = container_of(a, struct domain, arch);

	return id < d->vcpu_count && d->vcpus[id] != NULL ? &d->vcpus[id]->arch : NULL;
}

unsigned int upcall_domid(struct arch_domain *a)
{
	return container_of(a, struct domain, arch)->id;
}

int upcall_vcpu_is_on(struct arch_vcpu *a, unsigned int id)
{
	struct domain *d = vcpu_of(a)->domain;

	if (id >= d->vcpu_count) {
		return -EINVAL;
	}
	return atomic_load(&d->vcpus[id]->online) || !sched_is_stopped(&d->vcpus[id]->sched);
}

int upcall_vcpu_on(struct arch_vcpu *a, unsigned int id, gpa_t entry, uint64_t arg)
{
	struct domain *d = vcpu_of(a)->domain;
	struct vcpu *v;
	int err = 0;

	if (id >= d->vcpu_count) {
		return -EINVAL;
	}
	v = d->vcpus[id];
	spin_lock(&d->lock);
	if (d->state != DOMAIN_RUNNING && d->state != DOMAIN_PAUSED) {
		err = -EINVAL;
	} else if (v->online || !sched_is_stopped(&v->sched)) {
		err = -EEXIST;
	} else {
		arch_vcpu_reset(&v->arch, entry, arg);
		atomic_store(&v->online, true);
		sched_start(&v->sched);
	}
	spin_unlock(&d->lock);
	return err;
}

void upcall_vcpu_off(struct arch_vcpu *a)
{
	struct vcpu *v = vcpu_of(a);

	atomic_store(&v->online, false);
	sched_stop(&v->sched);
}

void upcall_shutdown(struct arch_vcpu *a, enum shutdown_reason reason)
{
	domain_shutdown(vcpu_of(a)->domain, reason);
}

void upcall_crash(struct arch_vcpu *a, const char *why)
{
	domain_crash(vcpu_of(a)->domain, why);
}

bool upcall_fault_is_transient(struct arch_vcpu *a, gpa_t gpa, bool write, bool exec)
{
	struct domain *d = vcpu_of(a)->domain;
	unsigned int want = S2_READ | (write ? S2_WRITE : 0) | (exec ? S2_EXEC : 0);
	unsigned int attr;
	hpa_t pa;

	return p2m_lookup(&d->p2m, gpa_to_gfn(gpa), &pa, &attr) == 0 && (attr & want) == want;
}

void upcall_map_settle(struct arch_vcpu *a)
{
	p2m_settle(&vcpu_of(a)->domain->p2m);
}

void upcall_fault(struct arch_vcpu *a, gpa_t gpa, uint64_t pc)
{
	struct vcpu *v = vcpu_of(a);

	atomic_fetch_add_explicit(&v->domain->stats.misuse, 1, memory_order_relaxed);
	log_guest(v->domain->id, "vCPU %u accessed guest address 0x%llx, where nothing is (pc 0x%llx)",
		  v->id, (unsigned long long)gpa.v, (unsigned long long)pc);
}
