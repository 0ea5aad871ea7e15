/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypercall hvm_op (xen/hvm/hvm_op.h): where the console and XenStore are.
 */
#include "mem/guest.h"
#include "xen/abi.h"
#include "xen/ops.h"

/* A frame number, or 0 (there is none) if the page does not exist. */
static uint64_t page_param(const void *page, gpa_t at)
{
	return page != NULL ? gpa_to_gfn(at).v : 0;
}

static long get_param(struct vcpu *v, uint64_t arg)
{
	const struct domain *d = v->domain;
	const struct arch_guest_map map = arch_guest_map(&d->arch);
	struct hvm_param op;

	if (guest_copy_from(&v->arch, &op, arg, sizeof(op)) != 0) {
		return -EFAULT;
	}
	if (op.domid != DOMID_SELF && op.domid != d->id) {
		return -EPERM;
	}
	switch (op.index) {
	case HVM_PARAM_STORE_PFN:
		op.value = page_param(d->xenstore_page, map.xenstore_page);
		break;
	case HVM_PARAM_STORE_EVTCHN:
		op.value = d->xenstore_port;
		break;
	case HVM_PARAM_CONSOLE_PFN:
		op.value = page_param(d->console_page, map.console_page);
		break;
	case HVM_PARAM_CONSOLE_EVTCHN:
		op.value = d->console_port;
		break;
	default:
		return -EINVAL;
	}
	return guest_copy_to(&v->arch, arg, &op, sizeof(op));
}

long hvm_op(struct vcpu *v, uint64_t cmd, uint64_t arg)
{
	switch (cmd) {
	case HVMOP_GET_PARAM:
		return get_param(v, arg);
	case HVMOP_SET_PARAM:
		return -EPERM;
	default:
		return -ENOSYS;
	}
}
