/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arm64: the SIMD and floating-point registers (entry.S). The hypervisor is
 * compiled without them, so they hold the loaded vCPU's values.
 */
#ifndef ASM_FP_H
#define ASM_FP_H

#include <asm/vcpu.h>

void fp_save(struct vcpu_fp *fp);
void fp_load(const struct vcpu_fp *fp);

#endif
