# SPDX-License-Identifier: Apache-2.0
cold-y += hv/mgmt/prompt.c hv/mgmt/prompt_line.c hv/mgmt/prompt_vm.c hv/mgmt/prompt_net.c
cold-y += hv/mgmt/prompt_sys.c hv/mgmt/prompt_xenstore.c
cold-y += hv/mgmt/prompt_blk.c
cold-y += hv/mgmt/counters.c hv/mgmt/discovery.c hv/mgmt/event.c hv/mgmt/mgmt_config.c
cold-y += hv/mgmt/mgmt_create.c hv/mgmt/mgmt_image.c hv/mgmt/mgmt_life.c hv/mgmt/mgmt_vbd.c hv/mgmt/mgmt_vif.c
cold-y += hv/mgmt/mgmt_net.c hv/mgmt/mgmt_node.c hv/mgmt/mgmt_port.c hv/mgmt/mgmt_vm.c
cold-y += hv/mgmt/opening.c hv/mgmt/packet.c hv/mgmt/server.c hv/mgmt/session.c
cold-y += hv/mgmt/session_key.c hv/mgmt/stream.c
