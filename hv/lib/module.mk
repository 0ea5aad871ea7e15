# SPDX-License-Identifier: Apache-2.0
core-y += hv/lib/fmt.c hv/lib/parse.c
