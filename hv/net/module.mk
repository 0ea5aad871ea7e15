# SPDX-License-Identifier: Apache-2.0
core-y += hv/net/port.c hv/net/fdb.c hv/net/vlan.c hv/net/switch.c hv/net/csum.c \
	hv/net/offload.c hv/net/netback.c hv/net/netback_queue.c hv/net/netback_tx.c \
	hv/net/netback_rx.c
core-y += hv/net/capture.c hv/net/merge.c
