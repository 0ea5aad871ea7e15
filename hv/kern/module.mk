# SPDX-License-Identifier: Apache-2.0
core-y += hv/kern/cpu.c hv/kern/lock.c hv/kern/log.c hv/kern/timer.c hv/kern/work.c
core-y += hv/kern/quiesce.c hv/kern/sched.c hv/kern/random.c
