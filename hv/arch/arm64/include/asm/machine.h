/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: the machine as the boot found it, between the files of the port.
 */
#ifndef ASM_MACHINE_H
#define ASM_MACHINE_H

#include "dev/fdt_boot.h"

/* Constant after boot. */
extern struct boot_info machine;

/* Tell the timer's frequency; before arch_now(). */
void time_init(void);
/* Each CPU: timer registers. */
void time_cpu_init(void);
uint64_t time_from_ticks(uint64_t ticks);

/* SMC or HVC to the firmware, as the device tree says. */
int64_t firmware_call(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);

/* Each CPU: everything but the tables, which boot.S turned on. */
void cpu_hw_init(void);

/* Remember the registers for the backtrace of a panic. */
void machine_panic_regs(const uint64_t *regs);

#endif
