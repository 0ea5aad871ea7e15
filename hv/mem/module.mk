# SPDX-License-Identifier: Apache-2.0
core-y += hv/mem/frame.c hv/mem/heap.c hv/mem/p2m.c hv/mem/guest.c
