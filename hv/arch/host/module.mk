# SPDX-License-Identifier: Apache-2.0
host-y += hv/arch/host/cpu.c hv/arch/host/ram.c hv/arch/host/vcpu.c
host-y += hv/arch/host/harness.c hv/arch/host/guest.c hv/arch/host/machine.c \
	hv/arch/host/boot.c
