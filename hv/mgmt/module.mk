# SPDX-License-Identifier: Apache-2.0
core-y += hv/mgmt/prompt.c hv/mgmt/prompt_line.c hv/mgmt/prompt_vm.c hv/mgmt/prompt_net.c
core-y += hv/mgmt/prompt_sys.c hv/mgmt/prompt_xenstore.c
core-y += hv/mgmt/prompt_blk.c
