# SPDX-License-Identifier: Apache-2.0
arm64-y += hv/arch/arm64/boot.S hv/arch/arm64/entry.S hv/arch/arm64/mem.S
arm64-y += hv/arch/arm64/boot.c hv/arch/arm64/cpu.c hv/arch/arm64/mmu.c
arm64-y += hv/arch/arm64/time.c hv/arch/arm64/trap.c hv/arch/arm64/sysreg.c
arm64-y += hv/arch/arm64/psci.c hv/arch/arm64/vcpu.c hv/arch/arm64/gic.c
arm64-y += hv/arch/arm64/vgic.c hv/arch/arm64/vgic_mmio.c
arm64-y += hv/arch/arm64/guest_dt.c hv/arch/arm64/guest_map.c hv/arch/arm64/guest_tables.c
arm64-y += hv/arch/arm64/irq_assign.c hv/arch/arm64/string.c
