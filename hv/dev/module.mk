# SPDX-License-Identifier: Apache-2.0
core-y += hv/dev/fdt_boot.c hv/dev/fdt_device.c hv/dev/fdt_lib.c hv/dev/pci.c
core-y += hv/dev/pl011.c hv/dev/pl031.c
