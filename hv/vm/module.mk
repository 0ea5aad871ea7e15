# SPDX-License-Identifier: Apache-2.0
core-y += hv/vm/domain.c hv/vm/vcpu.c hv/vm/vm.c hv/vm/build.c hv/vm/store.c hv/vm/ram.c
core-y += hv/vm/mmio.c
cold-y += hv/vm/bundle.c hv/vm/image.c hv/vm/vmdesc.c hv/vm/vmdesc_passthrough.c hv/vm/vmdesc_vbd.c
cold-y += hv/vm/vmset.c hv/vm/vm_change.c hv/vm/assign.c hv/vm/watchdog.c
cold-y += hv/vm/console.c hv/vm/mux.c hv/vm/mux_line.c
