# SPDX-License-Identifier: Apache-2.0
cold-y += hv/dev/fdt_boot.c hv/dev/fdt_device.c hv/dev/fdt_lib.c hv/dev/pci.c
cold-y += hv/dev/pl011.c hv/dev/pl031.c
