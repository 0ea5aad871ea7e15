# SPDX-License-Identifier: Apache-2.0
core-y += hv/init/devices.c
arm64-y += hv/init/main.c
