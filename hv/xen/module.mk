# SPDX-License-Identifier: Apache-2.0
core-y += hv/xen/evtchn.c hv/xen/grant.c hv/xen/grant_map.c hv/xen/hvm_op.c hv/xen/hypercall.c
core-y += hv/xen/memory_op.c hv/xen/page_count.c hv/xen/pin.c hv/xen/sched_op.c hv/xen/shared.c hv/xen/version.c
